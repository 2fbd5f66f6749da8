//! What a file said of helpers before `configure`, kept beside it, and what `--undo` puts back.
//!
//! Nothing else of the file is kept: `configure` leaves it there, and a copy of passwords, of proxies' too, would outlive
//! their removal.

use std::path::{Path, PathBuf};

use regcred_cli::failure::{Failure, exit};
use regcred_core::docker_config::DockerConfig;
use serde_json::{Value, json};

use super::plan::{Member, Step};
use crate::config_file::{self, ConfigFile};
use crate::survey::HELPER;

/// The members of a file that `configure` may change.
const CHANGED: [&str; 2] = ["credsStore", "credHelpers"];

/// The member of the backup that says what was changed.
const RECORD: &str = "regcredUndo";

/// Where the backup of a file is kept.
pub(super) fn path_of(file: &Path) -> PathBuf {
    let mut name = file.file_name().unwrap_or_default().to_owned();
    name.push(".regcred-backup");
    file.with_file_name(name)
}

/// Something that was changed.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Change {
    pub(super) member: Member,
    pub(super) before: Option<String>,
    /// Whether `credHelpers` was made for it.
    made_map: bool,
}

/// All that was changed in a file.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Record {
    /// Whether the file was made.
    pub(super) made_file: bool,
    /// In the order in which it was done.
    pub(super) changes: Vec<Change>,
}

/// Keeps a backup of a file that is about to be changed; one that was kept before stays, and learns of the new steps.
pub(super) fn keep(file: &ConfigFile, steps: &[&Step]) -> Result<(), Failure> {
    config_file::edit(&path_of(&file.path), |backup, copy| {
        let mut record = read(backup)?.unwrap_or_default();
        if !backup.exists() {
            for member in CHANGED {
                let value = file.config.member(member).map(String::from_utf8_lossy);
                copy.set_member(member, value.as_deref());
            }
            record.made_file = !file.exists();
        }
        let mut has_map = file.config.member("credHelpers").is_some_and(|map| map.starts_with(b"{"));
        for step in steps {
            let is_helper = matches!(step.member, Member::CredHelper(_));
            let made_map = is_helper && !has_map;
            has_map |= is_helper;
            // What a run that was ended in between has announced.
            record.changes.retain(|change| change.member != step.member);
            let (member, before) = (step.member.clone(), step.before.clone());
            record.changes.push(Change { member, before, made_map });
        }
        copy.set_member(RECORD, Some(&record.to_json().to_string()));
        Ok(())
    })
}

/// What was recorded of a file; `None` if nothing was.
pub(super) fn read(backup: &ConfigFile) -> Result<Option<Record>, Failure> {
    if !backup.exists() {
        return Ok(None);
    }
    let unreadable = || {
        Failure::new(exit::FAILED, format!("{:?} is no backup of ours", backup.path))
            .hint("move it away; what is in the other files can be changed by hand")
    };
    let record = backup.config.member(RECORD).ok_or_else(unreadable)?;
    let record: Value = serde_json::from_slice(record).map_err(|_| unreadable())?;
    Record::from_json(&record).ok_or_else(unreadable).map(Some)
}

impl Record {
    fn to_json(&self) -> Value {
        let changes = self.changes.iter().map(|change| match &change.member {
            Member::CredsStore => json!({ "credsStore": change.before }),
            Member::CredHelper(registry) => {
                json!({ "credHelper": registry, "before": change.before, "madeCredHelpers": change.made_map })
            }
        });
        json!({ "madeFile": self.made_file, "changes": changes.collect::<Vec<_>>() })
    }

    fn from_json(record: &Value) -> Option<Self> {
        let text = |value: &Value| match value {
            Value::Null => Some(None),
            other => other.as_str().map(|text| Some(text.to_owned())),
        };
        let change = |change: &Value| match change.get("credHelper") {
            Some(registry) => Some(Change {
                member: Member::CredHelper(registry.as_str()?.to_owned()),
                before: text(change.get("before")?)?,
                made_map: change.get("madeCredHelpers")?.as_bool()?,
            }),
            None => Some(Change {
                member: Member::CredsStore,
                before: text(change.get("credsStore")?)?,
                made_map: false,
            }),
        };
        Some(Self {
            made_file: record.get("madeFile")?.as_bool()?,
            changes: record.get("changes")?.as_array()?.iter().map(change).collect::<Option<_>>()?,
        })
    }
}

/// Puts back what was changed, but for what somebody else has changed since; returns what was put back, as
/// steps from there, and what was not.
pub(super) fn undo(
    config: &mut DockerConfig,
    record: &Record,
) -> (Vec<(Member, Option<String>)>, Vec<Member>) {
    let (mut back, mut others) = (Vec::new(), Vec::new());
    for Change { member, before, made_map } in record.changes.iter().rev() {
        let now = member.get(config);
        if now == *before {
            continue;
        }
        if now.as_deref() != Some(HELPER) {
            others.push(member.clone());
            continue;
        }
        member.set(config, before.as_deref());
        if *made_map && config.cred_helpers().is_empty() {
            config.set_member("credHelpers", None);
        }
        back.push((member.clone(), before.clone()));
    }
    (back, others)
}
