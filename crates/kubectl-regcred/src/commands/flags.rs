//! Flags that several commands share.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use clap::{Args, ValueEnum};

use crate::cluster::ChangeOptions;
use crate::failure::Failure;

/// Whether and how a change is only tried.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum DryRun {
    None,
    Client,
    Server,
}

impl DryRun {
    /// What is said after what was only tried.
    pub(super) fn suffix(self) -> &'static str {
        match self {
            Self::None => "",
            Self::Client => " (dry run)",
            Self::Server => " (server dry run)",
        }
    }
}

/// How objects are printed.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    Json,
    Yaml,
    Name,
}

/// How a change is made.
#[derive(Args)]
pub(super) struct ChangeArgs {
    /// Only show what would be done: with `client` nothing is sent, with `server` the server tries it
    #[arg(long, value_name = "MODE", default_value = "none", help_heading = "Output")]
    pub(super) dry_run: DryRun,
    /// Who the change is recorded for
    #[arg(long, value_name = "NAME", default_value = "kubectl-regcred", help_heading = "Output")]
    field_manager: String,
}

impl ChangeArgs {
    pub(super) fn options(&self) -> ChangeOptions {
        ChangeOptions { dry_run: self.dry_run == DryRun::Server, field_manager: self.field_manager.clone() }
    }
}

/// When a credential expires.
#[derive(Args)]
pub(super) struct ExpiryArgs {
    /// When the credential expires, as 2030-01-31T12:00:00Z [default: what its token says, if it is one]
    #[arg(long, value_name = "TIME", conflicts_with = "expires_in", help_heading = "Secret")]
    expires_at: Option<DateTime<Utc>>,
    /// In how long the credential expires, such as 12h or 90d
    #[arg(long, value_name = "DURATION", value_parser = humantime::parse_duration, help_heading = "Secret")]
    expires_in: Option<Duration>,
}

impl ExpiryArgs {
    /// The time, if one is given.
    pub(super) fn at(&self, now: DateTime<Utc>) -> Result<Option<DateTime<Utc>>, Failure> {
        if let Some(past) = self.expires_at.filter(|at| *at <= now) {
            return Err(Failure::usage(format!("--expires-at {past} has passed already")));
        }
        let expires_in = self.expires_in.map(|duration| {
            let until = TimeDelta::from_std(duration).ok().and_then(|delta| now.checked_add_signed(delta));
            until.ok_or_else(|| Failure::usage("--expires-in is further away than any calendar goes"))
        });
        Ok(self.expires_at.or(expires_in.transpose()?))
    }
}

/// The one NAME that a command takes.
pub(super) fn one_name<'a>(command: &str, names: &'a [String]) -> Result<&'a str, Failure> {
    let [name] = names else {
        // Not quoted: what is too much may be a password.
        return Err(Failure::usage(format!("exactly one NAME is required, got {}", names.len()))
            .hint(format!("kubectl regcred {command} NAME …; see `kubectl regcred {command} --help`")));
    };
    Ok(name)
}
