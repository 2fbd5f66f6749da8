//! `kubectl regcred rotate`.

mod report;
mod scope;
mod verify;

use std::time::Duration;

use clap::Args;
use k8s_openapi::api::core::v1::Secret;
use regcred_core::plan::{EntryChange, Intent, Plan, Refusal};

use super::flags::{ChangeArgs, DryRun, ExpiryArgs};
use crate::cli::ClusterArgs;
use crate::cluster::consumers::Consumers;
use crate::cluster::pull_secrets::{self, Obstacle, Wish};
use crate::cluster::{self, Changed, Connection, bulk};
use crate::environment::Environment;
use crate::failure::{Failure, exit};
use crate::output::{self, ObjectFormat};
use crate::prompt;
use crate::source::{SourceArgs, gather};
use report::{Item, Outcome, report, show_plan};
use scope::{Scope, ScopeArgs, id};

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

Without --yes the plan is shown, and you are asked; where nobody can be asked,
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
#[derive(Args)]
#[command(after_help = EXAMPLES, override_usage = "kubectl regcred rotate [SECRET] [--registry HOST] [OPTIONS]")]
pub(crate) struct RotateArgs {
    /// Only Secrets of this name
    #[arg(value_name = "SECRET")]
    names: Vec<String>,
    #[command(flatten)]
    scope: ScopeArgs,
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
    #[command(flatten)]
    change: ChangeArgs,
    /// Print a report as an object, without passwords
    #[arg(short, long, value_name = "FORMAT", help_heading = "Output")]
    output: Option<ObjectFormat>,
}

/// What there is to do.
struct Planned {
    /// The Secrets to be changed, and what of their entries.
    changes: Vec<(Secret, Vec<EntryChange>)>,
    /// What is not to be changed, and why.
    others: Vec<Item>,
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
    let planned = plan(&scope, &connection, &wish).await?;
    let dry_run = args.change.dry_run;
    if planned.changes.is_empty() || dry_run == DryRun::Client {
        return report_plan(planned, args, &connection).await;
    }
    if !args.yes && dry_run == DryRun::None {
        confirm(&planned, args, &connection, environment).await?;
    }
    apply(planned, args, &connection, &wish, environment).await
}

/// Finds the Secrets that are meant, and what there is to do with each.
async fn plan(scope: &Scope, connection: &Connection, wish: &Wish<'_>) -> Result<Planned, Failure> {
    let is_named = scope.name.is_some();
    let found = scope.find(connection, |secret| {
        // Of others most have no such entry, and need not be kept.
        is_named || !matches!(pull_secrets::plan_for(secret, wish), Ok(Plan::NotMeant))
    });
    let found = found.await?;
    let mut planned = Planned { changes: Vec::new(), others: Vec::new() };
    for (namespace, failure) in found.unreadable {
        planned.others.push(Item::failed(&namespace, scope.name.as_deref(), failure));
    }
    let mut unmeant = 0;
    for secret in found.secrets {
        let (namespace, name) = id(&secret);
        match pull_secrets::plan_for(&secret, wish) {
            Ok(Plan::Change(change)) => planned.changes.push((secret, change.entries)),
            Ok(Plan::AlreadySo) => planned.others.push(Item::of(&secret, Outcome::Unchanged, Vec::new())),
            Ok(Plan::NotMeant) => unmeant += 1,
            // Whether it is meant can't be known, and no pod can pull with it.
            Err(obstacle @ Obstacle::Refusal(Refusal::Unreadable(_) | Refusal::NoDockerConfig(_)))
                if !is_named =>
            {
                output::warning(&format!("passed over: {}", obstacle.failure(namespace, name).message));
            }
            Err(obstacle) => {
                let outcome = match obstacle {
                    Obstacle::Owner(_) => Outcome::Skipped,
                    Obstacle::Refusal(_) => Outcome::Failed,
                };
                let failure = obstacle.failure(namespace, name);
                planned.others.push(Item { outcome, ..Item::failed(namespace, Some(name), failure) });
            }
        }
    }
    if planned.changes.is_empty() && planned.others.is_empty() {
        let message =
            if unmeant > 0 { "no entry of the Secret is meant" } else { "no Secret has such an entry" };
        return Err(Failure::new(exit::NOT_FOUND, message).hint(
            "`kubectl regcred list -A` shows which registries there are; `kubectl regcred set` adds an entry",
        ));
    }
    Ok(planned)
}

/// Reports what there would be to do, or that there is nothing.
async fn report_plan(planned: Planned, args: &RotateArgs, connection: &Connection) -> Result<u8, Failure> {
    let Planned { changes, others } = planned;
    let consumers = consumers(&changes, connection).await?;
    let changes = changes.into_iter().map(|(secret, entries)| {
        let (namespace, name) = id(&secret);
        let used_by = crate::report::UsedBy::of(&consumers.of(namespace, name));
        Item { used_by: Some(used_by), ..Item::of(&secret, Outcome::Changed, entries) }
    });
    let mut items: Vec<_> = changes.chain(others).collect();
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

/// Who uses the Secrets that are to be changed.
async fn consumers(
    changes: &[(Secret, Vec<EntryChange>)],
    connection: &Connection,
) -> Result<Consumers, Failure> {
    let mut namespaces: Vec<_> = changes.iter().map(|(secret, _)| id(secret).0.to_owned()).collect();
    namespaces.dedup();
    // Many small lists take longer than a large one.
    let few = (namespaces.len() <= 8).then_some(namespaces.as_slice());
    Consumers::gather(connection, few).await
}

/// Shows the plan, and asks; where nobody can be asked, that is an error.
async fn confirm(
    planned: &Planned,
    args: &RotateArgs,
    connection: &Connection,
    environment: &Environment,
) -> Result<(), Failure> {
    let consumers = consumers(&planned.changes, connection).await?;
    show_plan(&planned.changes, &planned.others, &consumers, args.scrub_last_applied);
    if !environment.is_interactive() {
        return Err(Failure::usage("nothing was changed: this is no terminal, so nobody can confirm")
            .hint("--yes goes on without asking; --dry-run=client only shows the plan"));
    }
    if prompt::confirm("Rotate?")? {
        return Ok(());
    }
    Err(Failure::new(exit::FAILED, "not confirmed; nothing was changed"))
}

/// Changes the Secrets, and reports what came of each.
async fn apply(
    planned: Planned,
    args: &RotateArgs,
    connection: &Connection,
    wish: &Wish<'_>,
    environment: &Environment,
) -> Result<u8, Failure> {
    let Planned { changes, others } = planned;
    let (dry_run, options) = (args.change.dry_run, args.change.options());
    let ids: Vec<_> =
        changes.iter().map(|(secret, _)| Item::of(secret, Outcome::NotBegun, Vec::new())).collect();
    let work = |secret: Secret| {
        let options = &options;
        async move {
            let (namespace, name) = id(&secret);
            let (namespace, name) = (namespace.to_owned(), name.to_owned());
            let edited = pull_secrets::edit(connection, &namespace, &name, Some(secret), wish, options).await;
            edited.map(|edited| (edited.changed, edited.entries))
        }
    };
    let mut progress = output::Progress::new(ids.len(), "Secrets", environment.stderr_is_terminal);
    // That a line can't be written must not stop the work, nor the report of it.
    let mut written = Ok(());
    let each = |number: usize, result: &Result<(Changed, Vec<EntryChange>), Failure>| {
        progress.clear();
        if let (None, Some(line)) = (args.output, ended(ids[number].clone(), result).line(dry_run)) {
            let line = output::line(&line);
            written = std::mem::replace(&mut written, Ok(())).and(line);
        }
        progress.step();
    };
    let secrets = changes.into_iter().map(|(secret, _)| secret).collect();
    let (outcomes, interrupted) = bulk::run(secrets, work, each).await?;
    progress.clear();
    let mut items: Vec<_> = outcomes
        .into_iter()
        .zip(&ids)
        .map(|(progress, item)| match progress {
            bulk::Progress::Finished(result) => ended(item.clone(), &result),
            bulk::Progress::Unknown => {
                let (namespace, name) = (&item.namespace, item.secret.as_deref().unwrap_or_default());
                let message =
                    format!("whether secret/{name} in namespace {namespace:?} was changed is not known");
                let reason = Some(Failure::new(exit::INTERRUPTED, message));
                Item { outcome: Outcome::Unknown, reason, ..item.clone() }
            }
            bulk::Progress::NotBegun => item.clone(),
        })
        .chain(others)
        .collect();
    items.sort_by(|a, b| (&a.namespace, &a.secret).cmp(&(&b.namespace, &b.secret)));
    let code = report(&items, args.output, dry_run, interrupted)?;
    written.map(|()| code)
}

fn ended(item: Item, result: &Result<(Changed, Vec<EntryChange>), Failure>) -> Item {
    match result {
        Ok((Changed::Done, entries)) => Item { outcome: Outcome::Changed, entries: entries.clone(), ..item },
        Ok((Changed::AlreadySo, _)) => Item { outcome: Outcome::Unchanged, ..item },
        Err(failure) => Item { outcome: Outcome::Failed, reason: Some(failure.clone()), ..item },
    }
}
