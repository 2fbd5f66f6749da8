//! What must hold for a program before it is packed.

use std::path::{Path, PathBuf};

use memchr::memmem;

use super::elf::Needs;
use super::platform::Build;
use crate::failure::{Context as _, Failure, Result};

/// Fails if a program holds the path of a `folder` of this machine: it would be another program elsewhere, and tell who
/// built it.
pub fn no_path_inside(program: &Path, folders: &[PathBuf]) -> Result<()> {
    let bytes = std::fs::read(program).cannot_at("read", program)?;
    let inside = folders.iter().find(|folder| {
        let path = folder.as_os_str().as_encoded_bytes();
        memmem::find(&bytes, path).is_some()
    });
    inside.map_or(Ok(()), |folder| {
        Err(Failure::new(format!("{} holds a path of this machine: {}", program.display(), folder.display()))
            .hint("a compiler wrote it; `Place::folders` in crates/xtask/src/dist/build.rs says what is replaced"))
    })
}

/// Fails if a program for Linux is linked otherwise than it should be.
pub fn linking(program: &Path, build: Build, needs: &Needs) -> Result<()> {
    if build.is_static && !needs.libraries.is_empty() {
        let libraries = needs.libraries.join(", ");
        return Err(Failure::new(format!("{} should be static, but needs {libraries}", program.display())));
    }
    if !needs.is_position_independent {
        return Err(Failure::new(format!("{} can only run at a fixed address", program.display())));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_inside_a_program_is_found() {
        let folder = tempfile::tempdir().unwrap();
        let program = folder.path().join("program");
        std::fs::write(&program, b"\0\x7f/home/me/.cargo/registry/src/x/lib.rs\0").unwrap();
        let error = no_path_inside(&program, &["/home/you".into(), "/home/me/.cargo".into()]).unwrap_err();
        assert!(error.to_string().contains("/home/me/.cargo"), "{error}");
        no_path_inside(&program, &["/home/you".into()]).unwrap();
    }

    #[test]
    fn a_dynamic_program_is_no_static_one() {
        let build = Build { triple: "x86_64-unknown-linux-gnu", is_static: true };
        let needs = Needs {
            libraries: vec!["libc.so.6".into()],
            glibc: Some((2, 34)),
            is_position_independent: true,
        };
        let error = linking(Path::new("helper"), build, &needs).unwrap_err().to_string();
        assert!(error.contains("should be static, but needs libc.so.6"), "{error}");
        linking(Path::new("plugin"), Build { is_static: false, ..build }, &needs).unwrap();
    }
}
