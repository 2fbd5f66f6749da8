//! What `setup` says of each file, and what is left to do.

use std::path::PathBuf;

use serde::{Serialize, Serializer};

use super::plan::{Action, Step};
use crate::failure::Failure;
use crate::output::{self, ObjectFormat};
use crate::report::API_VERSION;

/// What became of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Outcome {
    Created,
    Updated,
    Unchanged,
    Removed,
    /// It should go, but was changed.
    Kept,
    /// It can't be had.
    Missing,
}

/// A file, and what became of it. (With a dry run: what would.)
#[derive(Debug, Serialize)]
pub(super) struct Item {
    #[serde(serialize_with = "shown")]
    pub(super) path: PathBuf,
    pub(super) outcome: Outcome,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) reason: Option<String>,
}

/// Something for the person to do.
#[derive(Debug, Serialize)]
pub(super) struct Advice {
    /// What scripts call it.
    pub(super) code: &'static str,
    pub(super) message: String,
    /// A line for the shell, or words.
    pub(super) remedy: String,
}

/// The whole report.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Report {
    api_version: &'static str,
    kind: &'static str,
    dry_run: bool,
    files: Vec<Item>,
    advice: Vec<Advice>,
}

impl Item {
    /// `None` if there was nothing left to be done.
    pub(super) fn of(step: &Step) -> Option<Self> {
        let outcome = match step.action {
            Action::Forget => return None,
            Action::Create => Outcome::Created,
            Action::Update | Action::Replace => Outcome::Updated,
            Action::Leave => Outcome::Unchanged,
            Action::Remove => Outcome::Removed,
            Action::Keep => Outcome::Kept,
        };
        let reason = (outcome == Outcome::Kept).then(|| format!("it {}", step.found.why()));
        Some(Self { path: step.path.clone(), outcome, reason })
    }

    fn line(&self, dry_run: bool) -> Option<String> {
        let word = match self.outcome {
            Outcome::Created => "created",
            Outcome::Updated => "updated",
            Outcome::Unchanged => "unchanged",
            Outcome::Removed => "removed",
            Outcome::Kept => "kept",
            // The command fails, and says so.
            Outcome::Missing => return None,
        };
        let reason = self.reason.as_ref().map(|reason| format!(": {reason}")).unwrap_or_default();
        let suffix = if dry_run { " (dry run)" } else { "" };
        Some(format!("{} {word}{reason}{suffix}", self.path.display()))
    }
}

impl Report {
    pub(super) fn new(files: Vec<Item>, advice: Vec<Advice>, dry_run: bool) -> Self {
        Self { api_version: API_VERSION, kind: "SetupReport", dry_run, files, advice }
    }

    /// Prints a line for each file and a note for each piece of advice, or the object.
    pub(super) fn print(&self, format: Option<ObjectFormat>) -> Result<(), Failure> {
        if let Some(format) = format {
            return format.print(self);
        }
        for line in self.files.iter().filter_map(|item| item.line(self.dry_run)) {
            output::line(&line)?;
        }
        if self.files.is_empty() {
            output::note("nothing to undo");
        }
        for Advice { message, remedy, .. } in &self.advice {
            output::note(&format!("{message}: {remedy}"));
        }
        Ok(())
    }
}

fn shown<S: Serializer>(path: &std::path::Path, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&path.display())
}
