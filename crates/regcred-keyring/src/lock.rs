//! One writer at a time, among all processes of a user.

use std::ffi::OsString;
use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::store::StoreError;

/// The lock around writes to a keyring.
pub(crate) const KEYRING: &str = "keyring.lock";

/// The lock around edits of the clients' files.
pub(crate) const FILES: &str = "files.lock";

/// The lock around what `kubectl regcred setup` does.
const SETUP: &str = "setup.lock";

/// A store takes milliseconds; two dozen wait for each other in much less.
const PATIENCE: Duration = Duration::from_secs(10);

/// A lock that is held until it is dropped, or its process ends in whatever way.
#[derive(Debug)]
pub struct Lock {
    _file: File,
}

impl Lock {
    /// Waits for the lock around what `kubectl regcred setup` does; `var` looks up a variable of the environment.
    ///
    /// # Errors
    /// Another process holds it for too long, or there is no safe place for it.
    pub fn of_setup(var: &dyn Fn(&str) -> Option<OsString>) -> Result<Self, StoreError> {
        Self::acquire(&folder(var), SETUP)
    }

    /// Waits for the lock of this name in `folder`, which is made if need be and must belong to this user alone.
    pub(crate) fn acquire(folder: &Path, name: &str) -> Result<Self, StoreError> {
        make_private(folder)?;
        let path = folder.join(name);
        let file = File::options()
            .create(true)
            .truncate(false)
            .write(true)
            .open(&path)
            .map_err(|error| cannot("open", &path, &error))?;
        let deadline = Instant::now() + PATIENCE;
        let mut pause = Duration::from_micros(200);
        loop {
            match file.try_lock() {
                Ok(()) => return Ok(Self { _file: file }),
                Err(TryLockError::WouldBlock) if Instant::now() < deadline => {
                    std::thread::sleep(pause);
                    pause = (pause * 2).min(Duration::from_millis(10));
                }
                Err(TryLockError::WouldBlock) => {
                    let seconds = PATIENCE.as_secs();
                    return Err(StoreError::Busy { seconds, path: format!("{path:?}") });
                }
                Err(TryLockError::Error(error)) => return Err(cannot("lock", &path, &error)),
            }
        }
    }
}

/// The folder for the lock: the user's runtime folder, or one of ours among temporary files.
pub(crate) fn folder(var: &dyn Fn(&str) -> Option<OsString>) -> PathBuf {
    let absolute = |name: &str| var(name).map(PathBuf::from).filter(|folder| folder.is_absolute());
    match absolute("XDG_RUNTIME_DIR") {
        Some(runtime) => runtime.join("regcred"),
        None => absolute("TMPDIR").unwrap_or_else(std::env::temp_dir).join(own_name()),
    }
}

#[cfg(unix)]
fn own_name() -> String {
    format!("regcred-{}", rustix::process::getuid().as_raw())
}

#[cfg(not(unix))]
fn own_name() -> String {
    "regcred".to_owned()
}

/// Among temporary files anybody may have made a folder of this name, or a link to another one.
#[cfg(unix)]
fn make_private(folder: &Path) -> Result<(), StoreError> {
    use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _};

    match std::fs::DirBuilder::new().mode(0o700).create(folder) {
        Ok(()) => return Ok(()),
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {}
        Err(error) => return Err(cannot("make", folder, &error)),
    }
    let found = folder.symlink_metadata().map_err(|error| cannot("look at", folder, &error))?;
    let ours = found.is_dir() && found.uid() == rustix::process::getuid().as_raw();
    if ours && found.mode() & 0o022 == 0 {
        return Ok(());
    }
    Err(StoreError::Denied(format!(
        "{folder:?} is not a folder that only you can write to; remove it, and try again"
    )))
}

#[cfg(not(unix))]
fn make_private(folder: &Path) -> Result<(), StoreError> {
    std::fs::create_dir_all(folder).map_err(|error| cannot("make", folder, &error))
}

fn cannot(what: &str, path: &Path, error: &std::io::Error) -> StoreError {
    StoreError::Failed(format!(
        "cannot {what} the lock {path:?} ({error}); point XDG_RUNTIME_DIR to a folder that you can write to"
    ))
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};

    use super::*;

    #[test]
    fn only_one_holds_the_lock() {
        let temporary = tempfile::tempdir().unwrap();
        let folder = folder(&|name| (name == "XDG_RUNTIME_DIR").then(|| temporary.path().into()));
        let first = Lock::acquire(&folder, KEYRING).unwrap();
        let released = AtomicBool::new(false);
        std::thread::scope(|scope| {
            let other = scope.spawn(|| {
                let _second = Lock::acquire(&folder, KEYRING).unwrap();
                released.load(Ordering::SeqCst)
            });
            std::thread::sleep(Duration::from_millis(50));
            released.store(true, Ordering::SeqCst);
            drop(first);
            assert!(other.join().unwrap(), "both held it");
        });
    }

    #[cfg(unix)]
    #[test]
    fn a_folder_that_others_could_have_made_is_refused() {
        let temporary = tempfile::tempdir().unwrap();
        let elsewhere = temporary.path().join("elsewhere");
        std::fs::create_dir(&elsewhere).unwrap();
        std::os::unix::fs::symlink(&elsewhere, temporary.path().join("link")).unwrap();
        let error = Lock::acquire(&temporary.path().join("link"), KEYRING).unwrap_err();
        assert!(matches!(error, StoreError::Denied(_)), "{error}");

        let open = temporary.path().join("open");
        std::fs::create_dir(&open).unwrap();
        std::fs::set_permissions(&open, std::os::unix::fs::PermissionsExt::from_mode(0o777)).unwrap();
        assert!(matches!(Lock::acquire(&open, KEYRING), Err(StoreError::Denied(_))));
    }
}
