//! A client's file, replaced as a whole or not at all.
//!
//! docker and podman write such a file anew as a whole, take no lock, and rename it into place; so do we. Where the
//! system can exchange two files, theirs is never lost: what was there is looked at again after the exchange.

use std::fs::{self, File, Metadata};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use regcred_cli::failure::{Failure, exit};
pub(crate) use regcred_cli::file::remove;
use regcred_cli::file::{Temporary, reason, sync_folder};
use regcred_core::docker_config::{DockerConfig, Form};
use zeroize::Zeroizing;

/// How often a file is read anew because somebody else has written it meanwhile.
const TRIES: usize = 20;

/// A docker config as it was found.
#[derive(Debug)]
pub(crate) struct ConfigFile {
    /// Where it is looked for.
    pub(crate) path: PathBuf,
    /// What it holds; nothing if there is no such file.
    pub(crate) config: DockerConfig,
    /// The file itself, behind links.
    target: PathBuf,
    found: Option<Found>,
}

/// The file as it was read.
#[derive(Debug)]
struct Found {
    bytes: Zeroizing<Vec<u8>>,
    metadata: Metadata,
}

impl ConfigFile {
    /// Reads a file that may be missing.
    pub(crate) fn read(path: &Path) -> Result<Self, Failure> {
        let target = behind_links(path)?;
        let found = read(&target).map_err(|error| cannot("read", path, &error))?;
        let text = found.as_ref().map_or(&[][..], |found| &found.bytes);
        // docker takes an empty file for none.
        let text = if text.trim_ascii().is_empty() { b"{}" } else { text };
        let config = DockerConfig::parse(text, Form::Config).map_err(|error| {
            Failure::new(exit::FAILED, format!("{path:?} is not a docker config: {error}"))
                .hint("mend it there; nothing was changed")
        })?;
        Ok(Self { path: path.to_owned(), config, target, found })
    }

    /// Whether there is such a file.
    pub(crate) fn exists(&self) -> bool {
        self.found.is_some()
    }

    /// The file's mode, as 0o600.
    #[cfg(unix)]
    pub(crate) fn mode(&self) -> Option<u32> {
        use std::os::unix::fs::MetadataExt as _;

        Some(self.found.as_ref()?.metadata.mode() & 0o7777)
    }

    /// Windows has no modes.
    #[cfg(not(unix))]
    pub(crate) fn mode(&self) -> Option<u32> {
        None
    }

    /// A copy that a change left when it was killed; the next change removes it.
    pub(crate) fn left_behind(&self) -> Option<PathBuf> {
        Some(self.copy()).filter(|copy| copy.symlink_metadata().is_ok())
    }

    /// Where a new text is written before it takes the file's place.
    fn copy(&self) -> PathBuf {
        let name = self.target.file_name().unwrap_or_default().to_string_lossy();
        self.target.with_file_name(format!(".{name}.regcred-new"))
    }

    /// Puts a new text in the file's place; `false` if somebody else has changed it since it was read.
    fn replace(&self, config: &DockerConfig) -> Result<bool, Failure> {
        let failed = |what: &'static str| move |error: io::Error| self.cannot(what, &error);
        let folder = self.target.parent().unwrap_or(Path::new("."));
        make_folder(folder).map_err(failed("make the folder of"))?;
        // Always the same name: what a killed process left is removed here. The lock keeps others of ours out.
        let temporary = Temporary { path: self.copy() };
        remove(&temporary.path).map_err(failed("remove an old copy of"))?;
        self.write_copy(&temporary.path, config.text()).map_err(failed("write a new copy of"))?;
        if !self.is_unchanged(&self.target).map_err(failed("read"))? {
            return Ok(false);
        }
        if !self.exchange(&temporary.path).map_err(failed("replace"))? {
            fs::rename(&temporary.path, &self.target).map_err(failed("replace"))?;
        } else if !self.is_unchanged(&temporary.path).map_err(failed("read"))? {
            // A client was faster: what we have in hand is its new file.
            fs::rename(&temporary.path, &self.target).map_err(failed("put back what a client wrote into"))?;
            return Ok(false);
        }
        sync_folder(folder).map_err(failed("make sure of"))?;
        Ok(true)
    }

    /// Whether a file holds what was read; if nothing was there to read, whether there still is nothing.
    fn is_unchanged(&self, path: &Path) -> io::Result<bool> {
        Ok(match (&self.found, &read(path)?) {
            (None, None) => true,
            (Some(before), Some(now)) => before.bytes == now.bytes,
            _ => false,
        })
    }

    /// Puts the copy in the file's place and the file in the copy's, at once; `false` if this system or file system
    /// can't, or if there is no file yet.
    #[cfg(target_os = "linux")]
    fn exchange(&self, copy: &Path) -> io::Result<bool> {
        use rustix::fs::{CWD, RenameFlags, renameat_with};
        use rustix::io::Errno;

        if self.found.is_none() {
            return Ok(false);
        }
        match renameat_with(CWD, copy, CWD, &self.target, RenameFlags::EXCHANGE) {
            Ok(()) => Ok(true),
            Err(Errno::INVAL | Errno::NOSYS | Errno::OPNOTSUPP) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    #[cfg(not(target_os = "linux"))]
    #[expect(clippy::unnecessary_wraps, reason = "it can fail elsewhere")]
    fn exchange(&self, _copy: &Path) -> io::Result<bool> {
        Ok(false)
    }

    fn cannot(&self, what: &str, error: &io::Error) -> Failure {
        let failure = cannot(what, &self.path, error);
        failure.hint(match error.kind() {
            io::ErrorKind::ResourceBusy => {
                "it is as it was; it is mounted by itself, so it can only be changed where it is mounted from"
            }
            io::ErrorKind::PermissionDenied => "it is as it was; do this as the user whom it belongs to",
            _ => "it is as it was",
        })
    }

    /// A file of the same mode and owner, on the disk for sure.
    fn write_copy(&self, path: &Path, text: &[u8]) -> io::Result<()> {
        let mut options = File::options();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let mut file = options.open(path)?;
        #[cfg(unix)]
        self.give_to_owner(&file, path)?;
        if let Some(found) = &self.found {
            file.set_permissions(found.metadata.permissions())?;
        }
        file.write_all(text)?;
        file.sync_all()
    }

    /// A new file belongs to whom its folder does: root may do this for somebody else.
    #[cfg(unix)]
    fn give_to_owner(&self, file: &File, path: &Path) -> io::Result<()> {
        use std::os::unix::fs::{MetadataExt as _, fchown};

        let ours = file.metadata()?;
        let owner = match (&self.found, path.parent()) {
            (Some(found), _) => (found.metadata.uid(), found.metadata.gid()),
            (None, Some(folder)) => {
                let folder = folder.metadata()?;
                if folder.uid() == ours.uid() || ours.uid() != 0 {
                    return Ok(());
                }
                (folder.uid(), folder.gid())
            }
            (None, None) => return Ok(()),
        };
        if owner == (ours.uid(), ours.gid()) {
            return Ok(());
        }
        fchown(file, Some(owner.0), Some(owner.1))
    }

    /// Whether the file has other names (hard links), which keep what it was.
    #[cfg(unix)]
    pub(crate) fn has_other_names(&self) -> bool {
        use std::os::unix::fs::MetadataExt as _;

        self.found.as_ref().is_some_and(|found| found.metadata.nlink() > 1)
    }

    /// Windows does not tell.
    #[cfg(not(unix))]
    pub(crate) fn has_other_names(&self) -> bool {
        false
    }
}

/// Changes a file: `change` edits what is in it now, as often as somebody else writes it meanwhile, and returns what is
/// to be returned. A file that it leaves as it is is not written. The caller holds the lock.
pub(crate) fn edit<T>(
    path: &Path,
    mut change: impl FnMut(&ConfigFile, &mut DockerConfig) -> Result<T, Failure>,
) -> Result<T, Failure> {
    for _ in 0..TRIES {
        let file = ConfigFile::read(path)?;
        let mut config = file.config.clone();
        let outcome = change(&file, &mut config)?;
        if config.text() == file.config.text() || file.replace(&config)? {
            return Ok(outcome);
        }
    }
    Err(Failure::new(exit::CONFLICT, format!("{path:?} is written by somebody else all the time"))
        .hint("nothing was changed; see who writes it, and try again"))
}

/// Removes what a killed process left beside a file. The caller holds the lock.
pub(crate) fn clean(path: &Path) -> Result<(), Failure> {
    match ConfigFile::read(path)?.left_behind() {
        Some(copy) => remove(&copy).map_err(|error| cannot("remove", &copy, &error)),
        None => Ok(()),
    }
}

/// The file that a path leads to; the path itself if there is none.
fn behind_links(path: &Path) -> Result<PathBuf, Failure> {
    match fs::canonicalize(path) {
        Ok(target) => Ok(target),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            if path.symlink_metadata().is_ok_and(|found| found.is_symlink()) {
                return Err(Failure::new(
                    exit::FAILED,
                    format!("{path:?} is a link to a file that is not there"),
                )
                .hint("make the file, or remove the link; nothing was changed"));
            }
            Ok(path.to_owned())
        }
        Err(error) => Err(cannot("read", path, &error)),
    }
}

fn read(path: &Path) -> io::Result<Option<Found>> {
    let metadata = match fs::metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        other => other?,
    };
    // Reading a pipe or a device might never end.
    if !metadata.is_file() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "it is not a regular file"));
    }
    Ok(Some(Found { bytes: Zeroizing::new(fs::read(path)?), metadata }))
}

/// Makes a folder that only its owner sees, as docker and podman do.
fn make_folder(folder: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder)
}

fn cannot(what: &str, path: &Path, error: &io::Error) -> Failure {
    Failure::new(exit::FAILED, format!("can't {what} {path:?}: {}", reason(error)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_client_writes_meanwhile_is_not_lost() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("config.json");
        fs::write(&path, "{}").unwrap();
        let mut seen = Vec::new();
        edit(&path, |file, config| {
            seen.push(String::from_utf8(file.config.text().to_vec()).unwrap());
            if seen.len() == 1 {
                // As docker does it: a new file in the place of the old one.
                fs::write(folder.path().join("theirs"), r#"{"auths":{"a":{}}}"#).unwrap();
                fs::rename(folder.path().join("theirs"), &path).unwrap();
            }
            config.set_creds_store(Some("regcred"));
            Ok(())
        })
        .unwrap();
        assert_eq!(seen, ["{}", r#"{"auths":{"a":{}}}"#]);
        assert_eq!(fs::read_to_string(&path).unwrap(), r#"{"auths":{"a":{}},"credsStore":"regcred"}"#);
        assert_eq!(folder.path().read_dir().unwrap().count(), 1);
    }

    #[test]
    fn one_who_writes_all_the_time_is_told_and_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("config.json");
        let mut count = 0;
        let failure = edit(&path, |_, config| {
            count += 1;
            fs::write(&path, format!("{{\"count\":{count}}}")).unwrap();
            config.set_creds_store(Some("regcred"));
            Ok(())
        })
        .unwrap_err();
        assert_eq!(failure.code, exit::CONFLICT);
        assert_eq!(fs::read_to_string(&path).unwrap(), format!("{{\"count\":{TRIES}}}"));
    }

    #[test]
    fn a_file_that_can_t_be_written_stays_as_it_was() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("config.json");
        fs::write(&path, "{}").unwrap();
        // A folder stands where the new copy would.
        fs::create_dir(folder.path().join(".config.json.regcred-new")).unwrap();
        let set = |_: &ConfigFile, config: &mut DockerConfig| {
            config.set_creds_store(Some("regcred"));
            Ok(())
        };
        let failure = edit(&path, set).unwrap_err();
        assert_eq!(failure.hint.as_deref(), Some("it is as it was"));
        assert_eq!(fs::read_to_string(&path).unwrap(), "{}");
    }
}
