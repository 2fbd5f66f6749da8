//! What `setup` writes: the helper that lies beside this program, completion, and the manual pages.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use regcred_cli::file::reason;

use super::manual::PAGES;
use super::places::Places;
use crate::commands::completion::{Completer, script};
use crate::environment::Environment;
use crate::failure::{Failure, exit};

/// A file as it should be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Content {
    pub(super) path: PathBuf,
    pub(super) bytes: Vec<u8>,
    pub(super) is_program: bool,
}

/// All of them.
#[derive(Debug, Default)]
pub(super) struct Contents {
    pub(super) files: Vec<Content>,
    /// Where the helper should lie and doesn't.
    pub(super) missing_helper: Option<PathBuf>,
}

/// The helper's file name.
pub(super) fn helper() -> String {
    format!("docker-credential-regcred{}", std::env::consts::EXE_SUFFIX)
}

impl Contents {
    /// Reads what there is.
    pub(super) fn gather(places: &Places, environment: &Environment) -> Result<Self, Failure> {
        let program = environment.program.as_deref().and_then(|program| program.canonicalize().ok());
        // krew's link leads to its store, and the helper lies there.
        let beside = program.as_deref().and_then(Path::parent).ok_or_else(|| {
            Failure::new(exit::FAILED, "this system doesn't say where this program lies")
                .hint("if it was just replaced, run it again")
        })?;
        let mut contents = Self::default();
        contents.helper(&beside.join(helper()), &places.programs)?;
        if let Some(texts) = &places.texts {
            let completion = [
                (Completer::Kubectl, &places.programs, "kubectl_complete-regcred"),
                (Completer::Bash, &texts.bash, "kubectl-regcred"),
                (Completer::Zsh, &texts.zsh, "_kubectl-regcred"),
                (Completer::Fish, &texts.fish, "kubectl-regcred.fish"),
            ];
            contents.files.extend(completion.into_iter().map(|(completer, folder, name)| Content {
                path: folder.join(name),
                bytes: script(completer).into(),
                is_program: completer == Completer::Kubectl,
            }));
            contents.files.extend(PAGES.iter().map(|(name, page)| Content {
                path: texts.manual.join(name),
                bytes: (*page).into(),
                is_program: false,
            }));
        }
        Ok(contents)
    }

    fn helper(&mut self, source: &Path, folder: &Path) -> Result<(), Failure> {
        match read(source) {
            Ok(bytes) => {
                self.files.push(Content { path: folder.join(helper()), bytes, is_program: true });
                Ok(())
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                self.missing_helper = Some(source.to_owned());
                Ok(())
            }
            Err(error) => Err(unread(source, &error)),
        }
    }

    /// Whether a file that an earlier run wrote has no place in this version. A helper stays where there is no other.
    pub(super) fn is_obsolete(&self, path: &Path) -> bool {
        let is_helper = path.ends_with(helper());
        !(is_helper && self.missing_helper.is_some()) && self.files.iter().all(|file| file.path != path)
    }
}

/// Reads a regular file; a pipe or a device might never end.
fn read(path: &Path) -> io::Result<Vec<u8>> {
    if !path.metadata()?.is_file() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "it is not a regular file"));
    }
    fs::read(path)
}

fn unread(path: &Path, error: &io::Error) -> Failure {
    Failure::new(exit::FAILED, format!("can't read {path:?}: {}", reason(error))).hint("nothing was changed")
}
