//! The command line of `kubectl regcred rotate`.

use std::time::Duration;

use clap::Args;

use super::like::LikeArgs;
use crate::commands::flags::{ChangeArgs, ExpiryArgs};
use crate::commands::places::PlaceArgs;
use crate::output::ObjectFormat;
use crate::source::SourceArgs;

const EXAMPLES: &str = "\
Examples:
  # A new password for every entry that holds the same login as shared/regcred
  printf %s \"$PASSWORD\" | kubectl regcred rotate --registry=ghcr.io -A --yes \\
    --docker-username=robot --password-stdin --like=shared/regcred

  # First see which logins there are, and what would be done
  kubectl regcred rotate --registry=ghcr.io -A --from-docker-config \\
    --dry-run=client

  # One Secret by name, if a program of yours finds the credential good
  kubectl regcred rotate ghcr --from-docker-config --registry=ghcr.io --yes \\
    --verify-command='grep -q Secret'

Anybody who may write Secrets in one namespace can make an entry for your
registry. So entries are grouped by the login that they hold now, and if there
are several logins, or only one is left beside entries that are up to date in
several namespaces, nothing is changed: exit code 2, a table of the logins, and
the line that chooses one with --like. Unattended runs need --like from the
start: without it, the entry of a stranger who is alone is one login, too.

Without --yes the plan is shown, and you are asked at the terminal, also where
the password comes through a pipe: y or yes and Enter go on. Without a terminal
nothing is changed. Ctrl-C stops cleanly. The Secrets that --like names are
changed last, so the same command again does the rest; a run that leaves some
behind prints the line that finishes it.

Exit codes: 0 what was chosen is done, or was already; 1 failed, in different
ways; 2 wrong usage, --yes is missing, or it is not clear which login is meant;
4 there is no such entry; 5 the credential is not good; 6 the cluster refused
or can't be reached; 7 a credential helper failed; 8 a Secret is managed by
something else, or an entry changed after the plan; 130 interrupted.";

/// Put new credentials into the pull secrets that hold the old ones
///
/// Secrets are changed in place: their UID is what nodes trust. Only entries that hold the credential to be replaced get
/// the new one, in every spelling of the registry; everything else stays as it is, to the byte. An entry without a login
/// is never filled (`set` does that).
/// A namespace on a registry, such as ghcr.io/team, is another registry.
///
/// An immutable Secret can't be changed: another one with a hash in its name takes its place, and the service accounts and
/// workloads that name the old one are moved over, which replaces the pods of most workloads.
/// The old one is kept, unless --prune is given and nobody uses it any more.
#[derive(Args)]
#[command(after_help = EXAMPLES, override_usage = "kubectl regcred rotate [SECRET] [--registry HOST] [OPTIONS]")]
pub(crate) struct RotateArgs {
    /// Only Secrets of this name
    #[arg(value_name = "SECRET")]
    pub(super) names: Vec<String>,
    #[command(flatten)]
    pub(super) scope: PlaceArgs,
    /// Only entries that have this user name now
    #[arg(long, value_name = "USER", help_heading = "Where")]
    pub(super) username: Option<String>,
    #[command(flatten)]
    pub(super) like: LikeArgs,
    #[command(flatten)]
    pub(super) source: SourceArgs,
    #[command(flatten)]
    pub(super) expiry: ExpiryArgs,
    /// Run this shell command with each new credential on its standard input, as
    /// {"ServerURL":…,"Username":…,"Secret":…}; unless it ends with 0, nothing is changed
    #[arg(long, value_name = "COMMAND", help_heading = "Safety")]
    pub(super) verify_command: Option<String>,
    /// How long --verify-command may take for each
    #[arg(long, value_name = "DURATION", default_value = "1m", value_parser = humantime::parse_duration, help_heading = "Safety")]
    pub(super) verify_timeout: Duration,
    /// Don't show the plan and don't ask
    #[arg(short, long, help_heading = "Safety")]
    pub(super) yes: bool,
    /// Take the old passwords out of the annotation that `kubectl apply` keeps [default: true for Secrets that
    /// kubectl-regcred manages]
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true", help_heading = "Safety")]
    pub(super) scrub_last_applied: Option<bool>,
    /// Change Secrets although somebody else manages them, and may change them back
    #[arg(long, help_heading = "Safety")]
    pub(super) force: bool,
    /// Delete immutable Secrets that were replaced, once nobody uses them any more
    #[arg(long, help_heading = "Safety")]
    pub(super) prune: bool,
    #[command(flatten)]
    pub(super) change: ChangeArgs,
    /// Print a report as an object, without passwords
    #[arg(short, long, value_name = "FORMAT", help_heading = "Output")]
    pub(super) output: Option<ObjectFormat>,
}
