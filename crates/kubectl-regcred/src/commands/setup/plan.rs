//! What has to be done to each file, from what should be, what is there, and what an earlier run wrote.

use std::path::{Path, PathBuf};

use regcred_cli::setup_record::Record;
use sha2::{Digest as _, Sha256};

use super::contents::{Content, Contents};
use crate::failure::{Failure, exit};

/// What is at a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Found {
    Nothing,
    /// A regular file, by the SHA-256 of its bytes.
    File {
        sha256: String,
        is_executable: bool,
    },
    Link,
    Folder,
    /// A pipe, a socket, a device.
    Special,
}

/// What is to be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Action {
    Create,
    /// Replace what an earlier run wrote.
    Update,
    /// It is as it should be.
    Leave,
    /// Something else is there, which is only replaced if that is asked for.
    Replace,
    /// An earlier run wrote it, and it is not needed any longer.
    Remove,
    /// The same, but it was changed since.
    Keep,
    /// An earlier run wrote it, and it is gone.
    Forget,
}

/// A file, and what is to be done to it.
#[derive(Debug)]
pub(super) struct Step {
    pub(super) path: PathBuf,
    pub(super) found: Found,
    pub(super) action: Action,
    /// What is to be written, and the SHA-256 of it.
    pub(super) wanted: Option<(Content, String)>,
}

/// All that is to be done.
#[derive(Debug)]
pub(super) struct Plan {
    pub(super) steps: Vec<Step>,
}

impl Plan {
    /// Plans so that there is what `contents` says; `look` finds out what is at a path.
    pub(super) fn of(
        contents: Contents,
        recorded: &Record,
        look: fn(&Path) -> Result<Found, Failure>,
    ) -> Result<Self, Failure> {
        let obsolete: Vec<_> =
            recorded.files.keys().filter(|path| contents.is_obsolete(path)).cloned().collect();
        let wanted = contents.files.into_iter().map(|content| {
            let path = content.path.clone();
            let (found, sha256) = (look(&path)?, sha256(&content.bytes));
            let action = action(&path, &found, &content, &sha256, recorded);
            Ok(Step { path, found, action, wanted: Some((content, sha256)) })
        });
        let removed = obsolete.iter().map(|path| removal(path, recorded, look));
        Ok(Self { steps: wanted.chain(removed).collect::<Result<_, Failure>>()? })
    }

    /// Plans so that nothing is left of what an earlier run wrote.
    pub(super) fn of_undo(
        recorded: &Record,
        look: fn(&Path) -> Result<Found, Failure>,
    ) -> Result<Self, Failure> {
        let steps = recorded.files.keys().map(|path| removal(path, recorded, look));
        Ok(Self { steps: steps.collect::<Result<_, Failure>>()? })
    }

    /// Refuses to replace what is not of an earlier run, unless that is asked for.
    pub(super) fn refuse_conflicts(&self, force: bool) -> Result<(), Failure> {
        let conflicts: Vec<_> = self.steps.iter().filter(|step| step.action == Action::Replace).collect();
        let folders = conflicts.iter().any(|step| step.found == Found::Folder);
        if conflicts.is_empty() || (force && !folders) {
            return Ok(());
        }
        let whys: Vec<_> = conflicts.iter().map(|step| step.why()).collect();
        let hint = if folders {
            "nothing was changed; a folder is never replaced: move it away, and try again"
        } else {
            "nothing was changed; move it away, or replace it with --force"
        };
        Err(Failure::new(exit::CONFLICT, whys.join("; ")).hint(hint))
    }
}

impl Step {
    /// Why what is there is not replaced or removed.
    fn why(&self) -> String {
        format!("{:?} {}", self.path, self.found.why())
    }

    /// Whether it writes a file.
    pub(super) fn writes(&self) -> bool {
        matches!(self.action, Action::Create | Action::Update | Action::Replace)
    }
}

impl Found {
    /// What it is, if `setup` didn't write it so.
    pub(super) fn why(&self) -> &'static str {
        match self {
            Self::Nothing => "is not there",
            Self::File { .. } => "is another file than `setup` wrote",
            Self::Link => "is a symbolic link, and `setup` makes none",
            Self::Folder => "is a folder",
            Self::Special => "is not a regular file",
        }
    }
}

fn action(path: &Path, found: &Found, content: &Content, sha256: &str, recorded: &Record) -> Action {
    match found {
        Found::Nothing => Action::Create,
        Found::File { sha256: there, is_executable }
            if there == sha256 && (*is_executable || !content.is_program) =>
        {
            Action::Leave
        }
        Found::File { sha256: there, .. } if recorded.wrote(path, there) => Action::Update,
        _ => Action::Replace,
    }
}

fn removal(
    path: &Path,
    recorded: &Record,
    look: fn(&Path) -> Result<Found, Failure>,
) -> Result<Step, Failure> {
    let found = look(path)?;
    let action = match &found {
        Found::Nothing => Action::Forget,
        Found::File { sha256, .. } if recorded.wrote(path, sha256) => Action::Remove,
        _ => Action::Keep,
    };
    Ok(Step { path: path.to_owned(), found, action, wanted: None })
}

/// The SHA-256 of bytes, in hexadecimal digits.
pub(super) fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().fold(String::new(), |digits, byte| format!("{digits}{byte:02x}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn content(name: &str, bytes: &str, is_program: bool) -> Content {
        Content { path: Path::new("/h/bin").join(name), bytes: bytes.into(), is_program }
    }

    /// What is at the path that is named after it.
    #[expect(clippy::unnecessary_wraps, reason = "a real look can fail")]
    fn look(path: &Path) -> Result<Found, Failure> {
        let file =
            |bytes: &str, is_executable| Found::File { sha256: sha256(bytes.as_bytes()), is_executable };
        Ok(match path.file_name().unwrap().to_str().unwrap() {
            "old" => file("old", true),
            "new" => file("new", true),
            "foreign" => file("foreign", true),
            "unexecutable" => file("new", false),
            "link" => Found::Link,
            "folder" => Found::Folder,
            _ => Found::Nothing,
        })
    }

    fn recorded(names: &[&str], bytes: &str) -> Record {
        let mut record = Record::new("0.1.0", Path::new("/h/bin"));
        record.files = names
            .iter()
            .map(|name| (Path::new("/h/bin").join(name), vec![sha256(bytes.as_bytes())]))
            .collect();
        record
    }

    fn actions(plan: &Plan) -> Vec<(&str, &Action)> {
        plan.steps
            .iter()
            .map(|step| (step.path.file_name().unwrap().to_str().unwrap(), &step.action))
            .collect()
    }

    #[test]
    fn only_what_an_earlier_run_wrote_is_updated_without_being_asked() {
        let names = ["absent", "old", "new", "foreign", "unexecutable", "link", "folder"];
        let plan_with = |recorded: &Record| {
            let files = names.iter().map(|name| content(name, "new", true)).collect();
            Plan::of(Contents { files, ..Contents::default() }, recorded, look).unwrap()
        };
        let plan = plan_with(&recorded(&["old", "foreign", "link"], "old"));
        assert_eq!(
            actions(&plan),
            [
                ("absent", &Action::Create),
                ("old", &Action::Update),
                ("new", &Action::Leave),
                ("foreign", &Action::Replace),
                ("unexecutable", &Action::Replace),
                ("link", &Action::Replace),
                ("folder", &Action::Replace),
            ]
        );
        let refused = plan.refuse_conflicts(false).unwrap_err();
        assert_eq!(refused.code, exit::CONFLICT);
        assert_eq!(
            refused.message,
            "\"/h/bin/foreign\" is another file than `setup` wrote; \"/h/bin/unexecutable\" is another file than `setup` \
             wrote; \"/h/bin/link\" is a symbolic link, and `setup` makes none; \"/h/bin/folder\" is a folder"
        );
        assert!(plan.refuse_conflicts(true).is_err(), "a folder is never replaced");
    }

    #[test]
    fn what_a_version_no_longer_has_is_removed_and_what_is_not_at_hand_stays() {
        let files = || vec![content("new", "new", true)];
        let helper = super::super::contents::helper();
        let record = recorded(&["old", "foreign", "gone", &helper], "old");
        let contents = Contents { files: files(), missing_helper: Some("/x".into()) };
        let plan = Plan::of(contents, &record, look).unwrap();
        let removed = [
            ("new", &Action::Leave),
            ("foreign", &Action::Keep),
            ("gone", &Action::Forget),
            ("old", &Action::Remove),
        ];
        assert_eq!(actions(&plan), removed);
        let plan = Plan::of_undo(&record, look).unwrap();
        assert_eq!(plan.steps.len(), 4);
    }
}
