//! `kubectl regcred attach`, and what `detach` shares with it.

mod checks;
mod manifest;
mod pods;
mod report;
mod targets;

use clap::Args;

use super::flags::{ChangeArgs, DryRun, Format};
use super::places::{PlaceArgs, Places};
use crate::cli::ClusterArgs;
use crate::cluster::attach::{Object, Wish, apply, would_change};
use crate::cluster::consumers::Kind;
use crate::cluster::{self, Changed, Connection, bulk};
use crate::environment::Environment;
use crate::failure::{Failure, exit};
use crate::{output, prompt};
use checks::Secrets;
use regcred_core::metadata::check_name;
use report::{Item, Outcome, effect, report, target};
use targets::Target;

/// How many objects of a plan are shown to a person.
const SHOWN: usize = 50;

const EXAMPLES: &str = "\
Examples:
  # For the pods that are to come of a service account
  kubectl regcred attach ghcr serviceaccount/default

  # Into a Deployment's pod template, whose rollout starts
  kubectl regcred attach ghcr deployment/web --yes

  # The default service account of every namespace but the system's
  kubectl regcred attach ghcr sa/default -A --allow-missing \\
    --exclude-namespace='kube-*'

  # Every workload with a label, first only to see
  kubectl regcred attach ghcr deployments statefulsets -l app=web \\
    --dry-run=client

What changes for whom: a service account's list counts for pods created from
now on, and only for those that name no pull secrets themselves. A change to
the template of a Deployment, StatefulSet or DaemonSet starts a rollout. The
lists of Jobs and pods are fixed.

Exit codes: 0 done, or already so; 1 failed, in different ways; 2 wrong usage,
or --yes is missing; 4 there is no such Secret or target; 6 the cluster refused
or can't be reached; 8 somebody else manages it; 130 interrupted.";

/// Add a pull secret to service accounts and workloads
///
/// The reference is added at the end of the list, and nothing else of it changes, whoever writes at the same time.
#[derive(Args)]
#[command(after_help = EXAMPLES, override_usage = "kubectl regcred attach SECRET TARGET... [OPTIONS]")]
pub(crate) struct AttachArgs {
    /// The name of the Secret
    #[arg(value_name = "SECRET")]
    secret: String,
    #[command(flatten)]
    common: CommonArgs,
    /// Attach it although there is no such Secret (yet)
    #[arg(long, help_heading = "Safety")]
    allow_missing: bool,
    /// After a service account: restart the workloads whose pods run on without the reference
    #[arg(long, help_heading = "What")]
    restart: bool,
}

/// What `attach` and `detach` both take.
#[derive(Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of its own")]
pub(super) struct CommonArgs {
    /// TYPE/NAME, such as deployment/web, or TYPE with --selector; types are serviceaccount (sa), deployment, statefulset,
    /// daemonset, replicaset, cronjob, job and pod, and kubectl's short names for them
    #[arg(value_name = "TARGET")]
    targets: Vec<String>,
    /// Every service account there is
    #[arg(long, help_heading = "What")]
    all_service_accounts: bool,
    /// Only objects with these labels
    #[arg(short = 'l', long, value_name = "SELECTOR", help_heading = "What")]
    selector: Option<String>,
    /// Of a pod or ReplicaSet that something else makes, take what makes it, up to the topmost
    #[arg(long, help_heading = "What")]
    owner: bool,
    #[command(flatten)]
    places: PlaceArgs,
    /// Don't ask before a rollout starts; without a terminal to ask at, this is required
    #[arg(short, long, help_heading = "Safety")]
    yes: bool,
    /// Change objects although somebody else manages them, and may change them back
    #[arg(long, help_heading = "Safety")]
    force: bool,
    #[command(flatten)]
    change: ChangeArgs,
    /// Print a report as an object, or the names of the targets; for a job or a pod, `yaml` is a manifest for a new one
    #[arg(short, long, value_name = "FORMAT", help_heading = "Output")]
    output: Option<Format>,
}

/// What is to be done.
#[expect(clippy::struct_excessive_bools, reason = "each comes from a flag or command of its own")]
pub(super) struct Job<'a> {
    secret: &'a str,
    attached: bool,
    common: &'a CommonArgs,
    targets: Vec<Target>,
    /// Only objects that have the reference are meant.
    only_users: bool,
    /// With `attach`: whether the Secret may be missing, and whether workloads are restarted.
    allow_missing: bool,
    restart: bool,
}

pub(crate) fn run(
    args: &AttachArgs,
    cluster: &ClusterArgs,
    environment: &Environment,
) -> Result<u8, Failure> {
    let common = &args.common;
    let job = Job {
        secret: &args.secret,
        attached: true,
        common,
        targets: common.targets()?,
        only_users: false,
        allow_missing: args.allow_missing,
        restart: args.restart,
    };
    super::block_on(carry_out(&job, cluster, environment))
}

impl CommonArgs {
    /// The targets that are named.
    fn targets(&self) -> Result<Vec<Target>, Failure> {
        let mut targets =
            self.targets.iter().map(|text| Target::parse(text)).collect::<Result<Vec<_>, _>>()?;
        if let Some(all) = targets.iter().find(|target| target.name.is_none())
            && self.selector.is_none()
        {
            let kind = all.kind.name().to_lowercase();
            return Err(Failure::usage(format!("{kind}: which one?"))
                .hint(format!("name it, as {kind}/NAME, or choose by labels with --selector")));
        }
        if self.all_service_accounts {
            targets.push(Target { kind: Kind::ServiceAccount, name: None });
        }
        if targets.is_empty() {
            return Err(Failure::usage("no target is given").hint(
                "name some, such as serviceaccount/default or deployment/web, or --all-service-accounts",
            ));
        }
        Ok(targets)
    }
}

impl<'a> Job<'a> {
    /// A detachment from all that is named, or (`everywhere`) from all that has the reference.
    pub(super) fn detach(secret: &'a str, common: &'a CommonArgs, everywhere: bool) -> Result<Self, Failure> {
        let targets = if everywhere && common.targets.is_empty() {
            let fixed = [Kind::Job, Kind::Pod];
            let kinds = Kind::ALL.into_iter().filter(|kind| !fixed.contains(kind));
            kinds.map(|kind| Target { kind, name: None }).collect()
        } else {
            common.targets()?
        };
        Ok(Self {
            secret,
            attached: false,
            common,
            targets,
            only_users: everywhere,
            allow_missing: true,
            restart: false,
        })
    }

    fn wish(&self) -> Wish<'_> {
        Wish { secret: self.secret, attached: self.attached, force: self.common.force }
    }

    fn report_kind(&self) -> &'static str {
        if self.attached { "AttachReport" } else { "DetachReport" }
    }
}

/// Finds the objects, says what will happen, asks if pods will restart, changes them, and reports.
pub(super) async fn carry_out(
    job: &Job<'_>,
    cluster: &ClusterArgs,
    environment: &Environment,
) -> Result<u8, Failure> {
    check_name(job.secret).map_err(|error| Failure::usage(error.to_string()))?;
    let common = job.common;
    let places = Places::of(&common.places, cluster)?;
    let mut anywhere = cluster.clone();
    if anywhere.namespace.len() > 1 {
        anywhere.namespace.clear();
    }
    let connection = cluster::connect(&anywhere, environment).await?;
    let keep = |object: &Object| {
        // What a controller makes is changed through it, and would only be in the way.
        !job.only_users || (object.references().contains(&job.secret) && object.controller().is_none())
    };
    let found = targets::find(&connection, &job.targets, common.selector.as_deref(), &places, keep).await?;
    let mut items: Vec<_> = found
        .missing
        .into_iter()
        .map(|(namespace, what, failure)| Item::failed(&namespace, &what, failure))
        .collect();
    let mut objects = Vec::new();
    for object in found.objects {
        if !common.owner {
            objects.push(object);
            continue;
        }
        let (namespace, what) = (object.namespace().to_owned(), target(&object));
        match pods::topmost(&connection, object).await {
            Ok(owner) if objects.iter().any(|known| is_same(known, &owner)) => {}
            Ok(owner) => objects.push(owner),
            Err(failure) => items.push(Item::failed(&namespace, &what, failure)),
        }
    }
    if objects.is_empty() && items.is_empty() {
        if job.only_users {
            output::note(&format!("nothing there refers to secret/{}", job.secret));
            return Ok(exit::DONE);
        }
        return Err(Failure::new(exit::NOT_FOUND, "there is no such target")
            .hint("`kubectl regcred list -A` shows who uses which pull secret"));
    }
    if let (Some(Format::Yaml), [only]) = (common.output, objects.as_slice())
        && let Some(manifest) = manifest::anew(only, job.secret, job.attached)
    {
        output::yaml(&manifest)?;
        return Ok(exit::DONE);
    }
    let mut secrets = Secrets::new(job.secret, job.allow_missing);
    let mut changes = Vec::new();
    for object in objects {
        match would_change(&object, job.wish()) {
            Ok(false) => items.push(Item::of(&object, Outcome::Unchanged)),
            Ok(true) => {
                let checked = if job.attached {
                    secrets.check(&connection, &object, environment).await
                } else {
                    Ok(())
                };
                match checked {
                    Ok(()) => changes.push(object),
                    Err(failure) => items.push(Item::failed(object.namespace(), &target(&object), failure)),
                }
            }
            Err(failure) => {
                let failure = manifest::explain(&object, job.secret, failure);
                items.push(Item::failed(object.namespace(), &target(&object), failure));
            }
        }
    }
    let dry_run = common.change.dry_run;
    let ends = (job.secret, job.report_kind());
    if changes.is_empty() || dry_run == DryRun::Client {
        items.extend(changes.iter().map(|object| Item::of(object, Outcome::Changed)));
        sort(&mut items);
        print_lines(&items, job)?;
        return report(&items, ends, common.output, dry_run, false);
    }
    if !common.yes && dry_run == DryRun::None {
        confirm(&changes, job)?;
    }
    print_lines(&items, job)?;
    let accounts: Vec<_> =
        changes.iter().filter(|object| object.kind() == Kind::ServiceAccount).cloned().collect();
    let (ended, interrupted, written) = change(changes, job, &connection, environment).await?;
    items.extend(ended);
    sort(&mut items);
    let code = report(&items, ends, common.output, dry_run, interrupted)?;
    // Of many accounts nobody wants to read about all their pods.
    if job.attached && dry_run == DryRun::None && accounts.len() <= 8 {
        let options = common.change.options();
        let now = regcred_core::plan::timestamp(environment.now);
        for account in &accounts {
            let is_done = |item: &Item| item.outcome == Outcome::Changed && item.target == target(account);
            if items.iter().any(|item| item.namespace == account.namespace() && is_done(item)) {
                let restart = job.restart.then_some(&options);
                Box::pin(pods::tell(&connection, account, job.secret, restart, &now)).await?;
            }
        }
    }
    written.map(|()| code)
}

fn is_same(a: &Object, b: &Object) -> bool {
    (a.kind(), a.namespace(), a.name()) == (b.kind(), b.namespace(), b.name())
}

fn sort(items: &mut [Item]) {
    items.sort_by(|a, b| (&a.namespace, &a.target).cmp(&(&b.namespace, &b.target)));
}

fn print_lines(items: &[Item], job: &Job<'_>) -> Result<(), Failure> {
    if job.common.output.is_some() {
        return Ok(());
    }
    let lines =
        items.iter().filter_map(|item| item.line(job.secret, job.attached, job.common.change.dry_run));
    lines.into_iter().try_for_each(|line| output::line(&line))
}

/// Asks before anything restarts; where nobody can be asked, that is an error.
fn confirm(changes: &[Object], job: &Job<'_>) -> Result<(), Failure> {
    let rolls =
        |object: &&Object| matches!(object.kind(), Kind::Deployment | Kind::StatefulSet | Kind::DaemonSet);
    let rolling: Vec<_> = changes.iter().filter(rolls).collect();
    if rolling.is_empty() {
        return Ok(());
    }
    let (verb, preposition) = if job.attached { ("Attach", "to") } else { ("Detach", "from") };
    output::tell(&format!("{verb} secret/{} {preposition}:", job.secret));
    for object in changes.iter().take(SHOWN) {
        output::tell(&format!(
            "  {} in namespace {}: {}",
            target(object),
            object.namespace(),
            effect(object.kind())
        ));
    }
    if changes.len() > SHOWN {
        output::tell(&format!("  and {} more: --dry-run=client shows all", changes.len() - SHOWN));
    }
    let hint = "--yes goes on without asking; --dry-run=client only shows what would happen";
    prompt::confirm(&format!("{verb}?"), "pods would restart", hint)
}

/// Changes the objects; returns what came of each, whether it was interrupted, and whether all lines could be written.
async fn change(
    changes: Vec<Object>,
    job: &Job<'_>,
    connection: &Connection,
    environment: &Environment,
) -> Result<(Vec<Item>, bool, Result<(), Failure>), Failure> {
    let (dry_run, options) = (job.common.change.dry_run, job.common.change.options());
    let ids: Vec<_> = changes.iter().map(|object| Item::of(object, Outcome::Changed)).collect();
    let work = |object: Object| apply(connection, object, job.wish(), &options);
    let mut progress = output::Progress::new(ids.len(), "objects", environment.stderr_is_terminal);
    // That a line can't be written must not stop the work, nor the report of it.
    let mut written = Ok(());
    let each = |number: usize, result: &Result<Changed, Failure>| {
        progress.clear();
        let line = ended(ids[number].clone(), result).line(job.secret, job.attached, dry_run);
        if let (None, Some(line)) = (job.common.output, line) {
            written = std::mem::replace(&mut written, Ok(())).and(output::line(&line));
        }
        progress.step();
    };
    let (outcomes, interrupted) = bulk::run(changes, work, each).await?;
    progress.clear();
    let items = outcomes.into_iter().zip(ids).map(|(outcome, item)| match outcome {
        bulk::Progress::Finished(result) => ended(item, &result),
        bulk::Progress::Unknown => {
            let message =
                format!("whether {} in namespace {:?} was changed is not known", item.target, item.namespace);
            let reason = Some(Failure::new(exit::INTERRUPTED, message));
            Item { outcome: Outcome::Unknown, effect: None, reason, ..item }
        }
        bulk::Progress::NotBegun => Item { outcome: Outcome::NotBegun, effect: None, ..item },
    });
    Ok((items.collect(), interrupted, written))
}

fn ended(item: Item, result: &Result<Changed, Failure>) -> Item {
    match result {
        Ok(Changed::Done) => item,
        Ok(Changed::AlreadySo) => Item { outcome: Outcome::Unchanged, effect: None, ..item },
        Err(failure) => {
            Item { outcome: Outcome::Failed, effect: None, reason: Some(failure.clone()), ..item }
        }
    }
}
