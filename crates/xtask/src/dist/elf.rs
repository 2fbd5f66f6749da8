//! What a program for Linux needs of the system that runs it, as binutils' `readelf` shows it.

use std::path::Path;
use std::process::{Command, Stdio};

use serde::Serialize;

use crate::failure::{Context as _, Failure, Result};

/// The needs of one program.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Needs {
    /// The shared libraries that it is linked to, such as `libc.so.6`; none if it is static.
    pub libraries: Vec<String>,
    /// The oldest glibc that has all it is linked to: major and minor version.
    pub glibc: Option<(u32, u32)>,
    /// Whether the kernel may load it at any address.
    pub is_position_independent: bool,
}

impl Needs {
    /// Looks at a program.
    pub fn of(program: &Path) -> Result<Self> {
        let output = Command::new("readelf")
            .args(["--wide", "--file-header", "--dynamic", "--version-info"])
            .arg(program)
            .env("LC_ALL", "C")
            .stdin(Stdio::null())
            .output()
            .cannot("run readelf (Debian: binutils)")?;
        if !output.status.success() {
            let said = String::from_utf8_lossy(&output.stderr);
            return Err(Failure::new(format!("readelf can't read {}: {}", program.display(), said.trim())));
        }
        Ok(Self::read(&String::from_utf8_lossy(&output.stdout)))
    }

    fn read(text: &str) -> Self {
        let mut needs = Self::default();
        for line in text.lines() {
            if let Some((_, library)) = line.split_once("(NEEDED)") {
                let name = library.split_once('[').and_then(|(_, rest)| rest.split_once(']'));
                needs.libraries.extend(name.map(|(name, _)| name.to_owned()));
            } else if let Some((_, version)) = line.split_once("Name: GLIBC_") {
                let version = version.split_whitespace().next().and_then(version_of);
                needs.glibc = needs.glibc.max(version);
            } else if let Some(kind) = line.trim().strip_prefix("Type:") {
                needs.is_position_independent = kind.trim().starts_with("DYN");
            }
        }
        needs
    }

    /// The same in a few words.
    pub fn words(&self) -> String {
        let address =
            if self.is_position_independent { "position-independent" } else { "at a fixed address" };
        match self.glibc {
            _ if self.libraries.is_empty() => format!("static, {address}"),
            Some((major, minor)) => format!("needs glibc {major}.{minor}, {address}"),
            None => format!("needs {}, {address}", self.libraries.join(", ")),
        }
    }
}

/// The major and minor number of `2.34` or `2.3.4`.
fn version_of(text: &str) -> Option<(u32, u32)> {
    let mut numbers = text.split('.').map(str::parse);
    Some((numbers.next()?.ok()?, numbers.next()?.ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_readelf_shows_is_understood() {
        let needs = Needs::read(
            "  Type:                              DYN (Position-Independent Executable file)\n\
             \x20 0x0000000000000001 (NEEDED)             Shared library: [libgcc_s.so.1]\n\
             \x20 0x0000000000000001 (NEEDED)             Shared library: [libc.so.6]\n\
             \x20 0x0010:   Name: GLIBC_2.9  Flags: none  Version: 14\n\
             \x20 0x0020:   Name: GLIBC_2.34  Flags: none  Version: 3\n\
             \x20 0x0030:   Name: GLIBC_2.3.4  Flags: none  Version: 4\n\
             \x20 0x0040:   Name: GCC_4.2.0  Flags: none  Version: 2\n",
        );
        assert_eq!(needs.libraries, ["libgcc_s.so.1", "libc.so.6"]);
        assert_eq!(needs.glibc, Some((2, 34)));
        assert_eq!(needs.words(), "needs glibc 2.34, position-independent");
    }

    #[test]
    fn a_program_without_shared_libraries_is_static() {
        assert_eq!(Needs::read("  Type:   EXEC (Executable file)\n").words(), "static, at a fixed address");
    }

    #[test]
    fn this_very_program_needs_a_c_library() {
        let needs = Needs::of(&std::env::current_exe().unwrap()).unwrap();
        assert!(needs.libraries.iter().any(|library| library.starts_with("libc.")), "{needs:?}");
    }
}
