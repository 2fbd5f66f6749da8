//! `kubectl regcred rotate`.

mod plan;
mod report;
mod scope;
mod verify;

use std::time::Duration;

use clap::Args;
use regcred_core::plan::Intent;

use super::flags::{ChangeArgs, DryRun, ExpiryArgs};
use super::places::PlaceArgs;
use crate::cli::ClusterArgs;
use crate::cluster::consumers::Consumers;
use crate::cluster::pull_secrets::{self, Wish};
use crate::cluster::replace::replace;
use crate::cluster::{self, Connection, bulk};
use crate::environment::Environment;
use crate::failure::Failure;
use crate::output::{self, ObjectFormat};
use crate::prompt;
use crate::report::UsedBy;
use crate::source::{SourceArgs, gather};
use plan::{Planned, Step};
use report::{Item, Outcome, report, show_plan};
use scope::{Scope, id};

const EXAMPLES: &str = "\
Examples:
  # A new password for every entry of a registry, in the whole cluster
  printf %s \"$PASSWORD\" | kubectl regcred rotate --registry=ghcr.io -A --yes \\
    --docker-username=robot --password-stdin

  # First see what that would be
  kubectl regcred rotate --registry=ghcr.io -A --from-docker-config \\
    --dry-run=client

  # One Secret by name, if a program of yours finds the credential good
  kubectl regcred rotate ghcr --from-docker-config --registry=ghcr.io --yes \\
    --verify-command='grep -q Secret'

Without --yes the plan is shown, and you are asked at the terminal, also where
the password comes through a pipe: y or yes and Enter go on. Without a terminal
nothing is changed. Ctrl-C stops cleanly, and the same command again does the
rest.

Exit codes: 0 done, or already so; 1 failed, in different ways; 2 wrong usage,
or --yes is missing; 4 there is no such entry; 5 the credential is not good;
6 the cluster refused or can't be reached; 7 a credential helper failed;
8 somebody else manages a Secret; 130 interrupted.";

/// Put new credentials into the pull secrets that hold the old ones
///
/// Secrets are changed in place: their UID is what nodes trust. Only entries that are there get the new credential, in
/// every spelling of the registry; everything else stays as it is, to the byte.
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
    names: Vec<String>,
    #[command(flatten)]
    scope: PlaceArgs,
    /// Only entries that have this user name now
    #[arg(long, value_name = "USER", help_heading = "Where")]
    username: Option<String>,
    #[command(flatten)]
    source: SourceArgs,
    #[command(flatten)]
    expiry: ExpiryArgs,
    /// Run this shell command with each new credential on its standard input, as
    /// {"ServerURL":…,"Username":…,"Secret":…}; unless it ends with 0, nothing is changed
    #[arg(long, value_name = "COMMAND", help_heading = "Safety")]
    verify_command: Option<String>,
    /// How long --verify-command may take for each
    #[arg(long, value_name = "DURATION", default_value = "1m", value_parser = humantime::parse_duration, help_heading = "Safety")]
    verify_timeout: Duration,
    /// Don't show the plan and don't ask
    #[arg(short, long, help_heading = "Safety")]
    yes: bool,
    /// Take the old passwords out of the annotation that `kubectl apply` keeps [default: true for Secrets that
    /// kubectl-regcred manages]
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true", help_heading = "Safety")]
    scrub_last_applied: Option<bool>,
    /// Change Secrets although somebody else manages them, and may change them back
    #[arg(long, help_heading = "Safety")]
    force: bool,
    /// Delete immutable Secrets that were replaced, once nobody uses them any more
    #[arg(long, help_heading = "Safety")]
    prune: bool,
    #[command(flatten)]
    change: ChangeArgs,
    /// Print a report as an object, without passwords
    #[arg(short, long, value_name = "FORMAT", help_heading = "Output")]
    output: Option<ObjectFormat>,
}

pub(crate) fn run(
    args: &RotateArgs,
    cluster: &ClusterArgs,
    environment: &Environment,
) -> Result<u8, Failure> {
    super::block_on(rotate(args, cluster, environment))
}

async fn rotate(args: &RotateArgs, cluster: &ClusterArgs, environment: &Environment) -> Result<u8, Failure> {
    let name = match args.names.as_slice() {
        [] => None,
        [name] => Some(name.as_str()),
        // Not quoted: what is too much may be a password.
        names => return Err(Failure::usage(format!("at most one NAME is allowed, got {}", names.len()))),
    };
    if name.is_none() && !args.source.names_registry() {
        return Err(Failure::usage("what is to be rotated?")
            .hint("name a Secret, or a registry with --registry, whose entries get the new credential"));
    }
    let scope = Scope::of(&args.scope, name, cluster)?;
    let expires_at = args.expiry.at(environment.now)?;
    let source = args.source.clone().aimed()?;
    // Before anything else can read standard input: an exec plugin of the kubeconfig may.
    let credentials = gather(&source, cluster, environment).await?.content.credentials()?;
    if let Some(command) = &args.verify_command {
        verify::verify(command, args.verify_timeout, &credentials).await?;
    }
    let mut anywhere = cluster.clone();
    if anywhere.namespace.len() > 1 {
        anywhere.namespace.clear();
    }
    let connection = cluster::connect(&anywhere, environment).await?;
    let wish = Wish {
        intent: Intent::Rotate { credentials: &credentials, username: args.username.as_deref() },
        now: environment.now,
        expires_at,
        scrub_last_applied: args.scrub_last_applied,
        force: args.force,
    };
    let planned = Planned::of(&scope, &connection, &wish).await?;
    let (planned, consumers) = with_users(planned, args, &connection).await?;
    let dry_run = args.change.dry_run;
    if planned.steps.is_empty() || dry_run == DryRun::Client {
        return report_plan(planned, args, &consumers);
    }
    if !args.yes && dry_run == DryRun::None {
        confirm(&planned, args, &consumers)?;
    }
    apply(planned, args, &connection, &wish, environment).await
}

/// Finds out who uses the Secrets, if the plan is shown or users have to be moved; who has been moved already is done.
async fn with_users(
    planned: Planned,
    args: &RotateArgs,
    connection: &Connection,
) -> Result<(Planned, Consumers), Failure> {
    let is_shown = !args.yes || args.change.dry_run == DryRun::Client;
    let replaces = planned.steps.iter().any(|step| matches!(step, Step::Replace { .. }));
    if planned.steps.is_empty() || !(is_shown || replaces) {
        return Ok((planned, Consumers::default()));
    }
    let mut namespaces: Vec<_> = planned.steps.iter().map(|step| id(step.secret()).0.to_owned()).collect();
    namespaces.dedup();
    // Many small lists take longer than a large one.
    let few = (namespaces.len() <= 8).then_some(namespaces.as_slice());
    let consumers = Consumers::gather(connection, few).await?;
    let planned = planned.with_users(&consumers, connection, args.prune).await?;
    Ok((planned, consumers))
}

/// Reports what there would be to do, or that there is nothing.
fn report_plan(planned: Planned, args: &RotateArgs, consumers: &Consumers) -> Result<u8, Failure> {
    let Planned { steps, others } = planned;
    let steps = steps.iter().map(|step| {
        let (namespace, name) = id(step.secret());
        let used_by = Some(UsedBy::of(&consumers.of(namespace, name)));
        let replaced_by = step.new_name();
        Item { used_by, replaced_by, ..Item::of(step.secret(), Outcome::Changed, step.entries().to_vec()) }
    });
    let mut items: Vec<_> = steps.chain(others).collect();
    items.sort_by(|a, b| (&a.namespace, &a.secret).cmp(&(&b.namespace, &b.secret)));
    if args.output.is_none() {
        for item in &items {
            let users = item.used_by.as_ref().map(|users| format!("; used by {}", users.summary()));
            if let Some(line) = item.line(args.change.dry_run) {
                output::line(&format!("{line}{}", users.unwrap_or_default()))?;
            }
        }
    }
    report(&items, args.output, args.change.dry_run, false)
}

/// Shows the plan, and asks; where nobody can be asked, that is an error.
fn confirm(planned: &Planned, args: &RotateArgs, consumers: &Consumers) -> Result<(), Failure> {
    show_plan(planned, consumers, args.scrub_last_applied);
    let hint = "--yes goes on without asking; --dry-run=client only shows the plan";
    prompt::confirm("Rotate?", "Secrets would change", hint)
}

/// Changes the Secrets, and reports what came of each.
async fn apply(
    planned: Planned,
    args: &RotateArgs,
    connection: &Connection,
    wish: &Wish<'_>,
    environment: &Environment,
) -> Result<u8, Failure> {
    let Planned { steps, others } = planned;
    let (dry_run, options) = (args.change.dry_run, args.change.options());
    let ids: Vec<_> =
        steps.iter().map(|step| Item::of(step.secret(), Outcome::NotBegun, Vec::new())).collect();
    let work = |step: Step| {
        let options = &options;
        let item = Item::of(step.secret(), Outcome::NotBegun, Vec::new());
        async move {
            match step {
                Step::Edit { secret, .. } => {
                    let name = item.secret.clone().unwrap_or_default();
                    let secret = Some(*secret);
                    let edited =
                        pull_secrets::edit(connection, &item.namespace, &name, secret, wish, options).await;
                    item.edited(edited)
                }
                Step::Replace { replacement, users } => {
                    let replaced =
                        replace(connection, &replacement, &users.movable, args.prune, args.force, options);
                    item.replaced(&replacement, &users, replaced.await)
                }
            }
        }
    };
    let mut progress = output::Progress::new(ids.len(), "Secrets", environment.stderr_is_terminal);
    // That a line can't be written must not stop the work, nor the report of it.
    let mut written = Ok(());
    let each = |_: usize, item: &Item| {
        progress.clear();
        if let (None, Some(line)) = (args.output, item.line(dry_run)) {
            let line = output::line(&line);
            written = std::mem::replace(&mut written, Ok(())).and(line);
        }
        progress.step();
    };
    let (outcomes, interrupted) = bulk::run(steps, work, each).await?;
    progress.clear();
    let ended = outcomes.into_iter().zip(ids).map(|(progress, item)| match progress {
        bulk::Progress::Finished(item) => item,
        bulk::Progress::Unknown => item.unknown(),
        bulk::Progress::NotBegun => item,
    });
    let mut items: Vec<_> = ended.chain(others).collect();
    items.sort_by(|a, b| (&a.namespace, &a.secret).cmp(&(&b.namespace, &b.secret)));
    let code = report(&items, args.output, dry_run, interrupted)?;
    written.map(|()| code)
}
