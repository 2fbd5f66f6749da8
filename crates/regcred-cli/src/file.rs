//! Files that may hold passwords, and files that are replaced as a whole.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use crate::failure::{Failure, exit};

/// Reads a whole file.
pub fn read(path: &Path) -> Result<Zeroizing<Vec<u8>>, Failure> {
    fs::read(path).map(Zeroizing::new).map_err(|error| {
        let code = if error.kind() == io::ErrorKind::NotFound { exit::NOT_FOUND } else { exit::FAILED };
        cannot("read", path, &error, code)
    })
}

/// Puts a file at `path`, whole or not at all: what is there is replaced, a symbolic link itself and not the file that it
/// leads to. `mode` is the new file's on Unix, whatever the umask. The folder must exist.
///
/// The new text is written beside it first, always under the same name, so that the next call removes what a killed
/// process left. The caller keeps other processes from doing the same at once.
///
/// # Errors
/// It can't be written, and what was there is as it was; or the system doesn't confirm that it will last.
pub fn replace(path: &Path, bytes: &[u8], mode: u32) -> Result<(), Failure> {
    let copy = Temporary { path: beside(path) };
    let written = remove(&copy.path)
        .and_then(|()| write_new(&copy.path, bytes, mode))
        .and_then(|()| fs::rename(&copy.path, path))
        .and_then(|()| sync_folder(path.parent().unwrap_or(Path::new("."))));
    written.map_err(|error| cannot("write", path, &error, exit::FAILED))
}

/// Removes what a killed [`replace`] left beside a file.
///
/// # Errors
/// It is there and can't be removed.
pub fn remove_leftover(path: &Path) -> io::Result<()> {
    remove(&beside(path))
}

/// Removes a file; a file that is not there is no error.
///
/// # Errors
/// It is there and can't be removed.
pub fn remove(path: &Path) -> io::Result<()> {
    // A file system that can't be written to would complain even of a file that is not there.
    if path.symlink_metadata().is_err_and(|error| error.kind() == io::ErrorKind::NotFound) {
        return Ok(());
    }
    match fs::remove_file(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}

/// Where the new text of a file is written before it is put in its place.
fn beside(path: &Path) -> PathBuf {
    let mut name = std::ffi::OsString::from(".");
    name.push(path.file_name().unwrap_or_default());
    name.push(".regcred-new");
    path.with_file_name(name)
}

/// A file that is gone when this is.
#[derive(Debug)]
pub struct Temporary {
    /// Where it is.
    pub path: PathBuf,
}

impl Drop for Temporary {
    fn drop(&mut self) {
        // It is no longer there once it has been renamed.
        let _ = fs::remove_file(&self.path);
    }
}

fn write_new(path: &Path, bytes: &[u8], mode: u32) -> io::Result<()> {
    let mut file = File::options().write(true).create_new(true).open(path)?;
    set_mode(&file, mode)?;
    file.write_all(bytes)?;
    file.sync_all()
}

#[cfg(unix)]
fn set_mode(file: &File, mode: u32) -> io::Result<()> {
    file.set_permissions(std::os::unix::fs::PermissionsExt::from_mode(mode))
}

#[cfg(not(unix))]
#[expect(clippy::unnecessary_wraps, reason = "it can fail elsewhere")]
fn set_mode(_file: &File, _mode: u32) -> io::Result<()> {
    Ok(())
}

/// Sees to it that the names in a folder last, also if the machine fails now.
///
/// # Errors
/// The system doesn't confirm it.
#[cfg(unix)]
pub fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

/// Windows does that by itself.
///
/// # Errors
/// None.
#[cfg(not(unix))]
pub fn sync_folder(_folder: &Path) -> io::Result<()> {
    Ok(())
}

fn cannot(what: &str, path: &Path, error: &io::Error, code: u8) -> Failure {
    Failure::new(code, format!("can't {what} {path:?}: {}", reason(error)))
}

/// An I/O error in words, without the `(os error N)` that means nothing to a reader.
pub fn reason(error: &io::Error) -> String {
    let text = error.to_string();
    text.split(" (os error").next().unwrap_or(&text).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_replaced_with_its_mode_and_what_a_killed_process_left_is_gone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("program");
        fs::write(folder.path().join(".program.regcred-new"), "half").unwrap();
        replace(&path, b"one", 0o755).unwrap();
        replace(&path, b"two", 0o755).unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"two");
        assert_eq!(folder.path().read_dir().unwrap().count(), 1);
        #[cfg(unix)]
        assert_eq!(
            std::os::unix::fs::PermissionsExt::mode(&path.metadata().unwrap().permissions()) & 0o7777,
            0o755
        );
    }

    #[cfg(unix)]
    #[test]
    fn a_link_is_replaced_and_the_file_behind_it_stays() {
        let folder = tempfile::tempdir().unwrap();
        let (link, behind) = (folder.path().join("link"), folder.path().join("behind"));
        fs::write(&behind, "theirs").unwrap();
        std::os::unix::fs::symlink(&behind, &link).unwrap();
        replace(&link, b"ours", 0o644).unwrap();
        assert_eq!(fs::read(&link).unwrap(), b"ours");
        assert!(link.symlink_metadata().unwrap().is_file());
        assert_eq!(fs::read(&behind).unwrap(), b"theirs");
    }

    #[test]
    fn a_file_that_can_t_be_written_stays_as_it_was() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("program");
        fs::write(&path, "old").unwrap();
        // A folder is where the new text would be.
        fs::create_dir(folder.path().join(".program.regcred-new")).unwrap();
        let failure = replace(&path, b"new", 0o644).unwrap_err();
        assert!(failure.message.starts_with("can't write "), "{failure:?}");
        assert_eq!(fs::read(&path).unwrap(), b"old");
    }
}
