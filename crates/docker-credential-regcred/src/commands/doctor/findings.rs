//! What a person should know, and what to do about it.

use std::path::Path;

use chrono::{DateTime, Utc};
use regcred_core::credential::EXPIRES_SOON;
use regcred_core::server::{podman_lookup_key, shown_key};

use crate::NAME;

/// Something that a person should know.
#[derive(Debug)]
pub(super) struct Finding {
    /// What scripts call it.
    pub(super) code: &'static str,
    /// What it is, without a final stop.
    pub(super) message: String,
    /// What to do about it: a command, or words.
    pub(super) remedy: String,
}

/// All of it.
#[derive(Debug, Default)]
pub(super) struct Findings {
    /// What is wrong.
    pub(super) problems: Vec<Finding>,
    /// What is as it should be and may still surprise.
    pub(super) notes: Vec<Finding>,
}

impl Findings {
    pub(super) fn problem(
        &mut self,
        code: &'static str,
        message: impl Into<String>,
        remedy: impl Into<String>,
    ) {
        self.problems.push(Finding { code, message: message.into(), remedy: remedy.into() });
    }

    pub(super) fn note(&mut self, code: &'static str, message: impl Into<String>, remedy: impl Into<String>) {
        self.notes.push(Finding { code, message: message.into(), remedy: remedy.into() });
    }

    /// That podman does not get at a login for a path in a registry.
    pub(super) fn shadowed(&mut self, path: &Path, key: &str) {
        let host = podman_lookup_key(key);
        self.problem(
            "shadowed",
            format!(
                "the login for {:?} in {path:?} is never used by podman and skopeo: they ask this helper for all of {host}",
                shown_key(key)
            ),
            format!("log in to {host} itself and remove the entry, or let them use it again: {NAME} configure --undo"),
        );
    }

    /// That a token's time is over, or soon will be.
    pub(super) fn expiry(&mut self, now: DateTime<Utc>, at: DateTime<Utc>, token: &str, remedy: String) {
        if at <= now {
            self.problem("expired", format!("{token} expired at {at:?}"), remedy);
        } else if at - now <= EXPIRES_SOON {
            self.note("expiring", format!("{token} expires at {at:?}"), remedy);
        }
    }
}
