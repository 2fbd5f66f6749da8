//! `kubectl regcred rotate`.

mod again;
mod candidates;
mod groups;
mod like;
mod plan;
mod report;
mod scope;
mod verify;

use std::collections::BTreeSet;
use std::time::Duration;

use clap::Args;
use regcred_core::plan::Intent;
use regcred_core::rotation::{self, Logins, Wanted};

use super::flags::{ChangeArgs, DryRun, ExpiryArgs};
use super::places::PlaceArgs;
use super::set::shown;
use crate::cli::ClusterArgs;
use crate::cluster::consumers::Consumers;
use crate::cluster::pull_secrets::{self, Wish};
use crate::cluster::replace::replace;
use crate::cluster::{self, Connection, bulk};
use crate::command_line::CommandLine;
use crate::environment::Environment;
use crate::failure::Failure;
use crate::output::{self, ObjectFormat};
use crate::prompt;
use crate::report::UsedBy;
use crate::source::{SourceArgs, gather};
use candidates::{Candidate, Survey};
use like::{Choice, LikeArgs};
use plan::{Action, Planned, Step, Terms};
use report::{Context, Item, Outcome, show_plan, whose};
use scope::{Found, Scope, id};

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
    names: Vec<String>,
    #[command(flatten)]
    scope: PlaceArgs,
    /// Only entries that have this user name now
    #[arg(long, value_name = "USER", help_heading = "Where")]
    username: Option<String>,
    #[command(flatten)]
    like: LikeArgs,
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
    command_line: &CommandLine,
    environment: &Environment,
) -> Result<u8, Failure> {
    super::block_on(rotate(args, cluster, command_line, environment))
}

/// What a rotation knows once it is clear which logins are to be replaced.
struct Rotation<'a> {
    args: &'a RotateArgs,
    environment: &'a Environment,
    command_line: &'a CommandLine,
    connection: &'a Connection,
    choice: &'a Choice,
    /// The namespace in which `--like SECRET` is.
    own_namespace: &'a str,
    terms: &'a Terms<'a>,
    survey: &'a Survey,
    chosen: &'a Logins,
}

async fn rotate(
    args: &RotateArgs,
    cluster: &ClusterArgs,
    command_line: &CommandLine,
    environment: &Environment,
) -> Result<u8, Failure> {
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
    let choice = Choice::of(&args.like, scope.in_several_namespaces())?;
    let expires_at = args.expiry.at(environment.now)?;
    let source = args.source.clone().aimed()?;
    // Before anything else can read standard input: an exec plugin of the kubeconfig may.
    let credentials = gather(&source, cluster, environment).await?.content.credentials()?;
    if let Some(command) = &args.verify_command {
        verify::verify(command, &environment.search_path(), args.verify_timeout, &credentials).await?;
    }
    let mut anywhere = cluster.clone();
    if anywhere.namespace.len() > 1 {
        anywhere.namespace.clear();
    }
    let connection = cluster::connect(&anywhere, environment).await?;
    let own_namespace = scope.only_namespace().unwrap_or(&connection.namespace);
    let username = args.username.as_deref();
    let found = scope.find(&connection, |secret| {
        let candidate = Candidate::of(secret, &credentials, username);
        let (namespace, name) = id(&candidate.secret);
        // Of others most have no such entry, and need not be kept.
        let is_kept = scope.name.is_some()
            || choice.names(own_namespace, namespace, name)
            || candidate.entries.as_ref().is_ok_and(|entries| !entries.is_empty())
            || candidate.entries.is_err();
        is_kept.then_some(candidate)
    });
    let Found { kept: mut candidates, unreadable } = found.await?;
    candidates.sort_by(|a, b| id(&a.secret).cmp(&id(&b.secret)));
    let survey = Survey::of(&candidates);
    let wanted = choice.wanted(&scope, &candidates, &connection, &credentials, username).await?;
    let entries: Vec<_> = candidates.iter().flat_map(Candidate::entries).collect();
    let chosen = match rotation::choose(entries.iter().copied(), &wanted) {
        Ok(chosen) => chosen,
        Err(unclear) => return Err(ask_which(args, command_line, environment, &survey, &unclear)?),
    };
    let terms = Terms {
        credentials: &credentials,
        wish: Wish {
            intent: Intent::Rotate { entries: &[], credentials: &credentials },
            now: environment.now,
            expires_at,
            scrub_last_applied: args.scrub_last_applied,
            force: args.force,
        },
    };
    // What is named with --like is changed last.
    let is_done = matches!(&wanted, Wanted::These { logins, .. } if logins.values().all(BTreeSet::is_empty));
    let planned = Planned::of(&scope, candidates, unreadable, &chosen, &terms, is_done)
        .inspect_err(|_| groups::note_without(&survey))?;
    let (planned, consumers) = with_users(planned, args, &connection).await?;
    let rotation = Rotation {
        args,
        environment,
        command_line,
        connection: &connection,
        choice: &choice,
        own_namespace,
        terms: &terms,
        survey: &survey,
        chosen: &chosen,
    };
    rotation.run(planned, &consumers).await
}

/// Shows which logins there are, and says how one is chosen.
fn ask_which(
    args: &RotateArgs,
    command_line: &CommandLine,
    environment: &Environment,
    survey: &Survey,
    unclear: &BTreeSet<String>,
) -> Result<Failure, Failure> {
    let context = Context { survey, chosen: None, format: args.output, dry_run: args.change.dry_run };
    report::print(&[], &context, false)?;
    groups::show(survey, None, environment.now);
    groups::note_without(survey);
    let registries: Vec<_> = unclear.iter().map(|registry| format!("{registry:?}")).collect();
    let message = format!(
        "nothing was changed: which login for {} is to be replaced is not clear",
        registries.join(", ")
    );
    let hint = match survey.likes_for_first(unclear) {
        Some(likes) => format!(
            "name a Secret that holds the credential to be replaced, so that a stranger's entry does not get the new one; \
             for the oldest:\n{}",
            again::like(command_line, &likes)
        ),
        None => "the Secrets hold several logins each; name one that holds only the credential to be replaced with --like, \
                 or take them all with --any-credential"
            .to_owned(),
    };
    Ok(Failure::usage(message).hint(hint))
}

/// Finds out who uses the Secrets, if the plan is shown or users have to be moved; who has been moved already is done.
async fn with_users(
    planned: Planned,
    args: &RotateArgs,
    connection: &Connection,
) -> Result<(Planned, Consumers), Failure> {
    let is_shown = !args.yes || args.change.dry_run == DryRun::Client;
    let replaces = planned.steps.iter().any(|step| matches!(step.action, Action::Replace { .. }));
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

impl Rotation<'_> {
    async fn run(&self, planned: Planned, consumers: &Consumers) -> Result<u8, Failure> {
        let dry_run = self.args.change.dry_run;
        if dry_run == DryRun::None {
            groups::note_left(self.survey, self.chosen);
        } else {
            groups::show(self.survey, Some(self.chosen), self.environment.now);
        }
        groups::note_without(self.survey);
        if planned.steps.is_empty() || dry_run == DryRun::Client {
            return self.report_plan(planned, consumers);
        }
        if !self.args.yes && dry_run == DryRun::None {
            self.confirm(&planned, consumers)?;
        }
        self.apply(planned).await
    }

    /// Reports what there would be to do, or that there is nothing.
    fn report_plan(&self, planned: Planned, consumers: &Consumers) -> Result<u8, Failure> {
        let Planned { steps, others } = planned;
        let mut lines = Vec::new();
        let steps = steps.iter().map(|step| {
            let (namespace, name) = id(step.secret());
            let used_by = Some(UsedBy::of(&consumers.of(namespace, name)));
            let replaced_by = step.new_name();
            let entries = step.entries().to_vec();
            let item = Item { used_by, replaced_by, ..Item::of(step.secret(), Outcome::Changed, entries) };
            (item, whose(step, self.terms.credentials))
        });
        let others = others.into_iter().map(|item| (item, String::new()));
        let mut all: Vec<_> = steps.chain(others).collect();
        all.sort_by(|(a, _), (b, _)| (&a.namespace, &a.secret).cmp(&(&b.namespace, &b.secret)));
        for (item, whose) in &all {
            let users = item.used_by.as_ref().map(|users| format!("; used by {}", users.summary()));
            if let Some(line) = item.line(whose, self.args.change.dry_run) {
                lines.push(format!("{line}{}", users.unwrap_or_default()));
            }
        }
        if self.args.output.is_none() {
            lines.iter().try_for_each(|line| output::line(line))?;
        }
        let items: Vec<_> = all.into_iter().map(|(item, _)| item).collect();
        if items.is_empty() {
            output::note("nothing is left to do: the Secret that --like names holds the new login already");
        }
        self.report(&items, false)
    }

    /// Shows the plan, and asks; where nobody can be asked, that is an error.
    fn confirm(&self, planned: &Planned, consumers: &Consumers) -> Result<(), Failure> {
        show_plan(planned, consumers, self.args.scrub_last_applied, self.terms.credentials);
        let hint = "--yes goes on without asking; --dry-run=client only shows the plan";
        prompt::confirm("Rotate?", "Secrets would change", hint)
    }

    /// Changes the Secrets, and reports what came of each.
    async fn apply(&self, planned: Planned) -> Result<u8, Failure> {
        let Planned { steps, others } = planned;
        let dry_run = self.args.change.dry_run;
        let is_named = |step: &Step| {
            let (namespace, name) = id(step.secret());
            self.choice.names(self.own_namespace, namespace, name)
        };
        // By those that are named the same command finds the others again, so they are the last to change.
        let (last, first): (Vec<_>, Vec<_>) = steps.into_iter().partition(is_named);
        let stderr_is_terminal = self.environment.stderr_is_terminal;
        let mut progress = output::Progress::new(first.len() + last.len(), "Secrets", stderr_is_terminal);
        // That a line can't be written must not stop the work, nor the report of it.
        let mut written = Ok(());
        let mut each = |_: usize, item: &Item| {
            progress.clear();
            if let (None, Some(line)) = (self.args.output, item.line(&shown(&item.entries), dry_run)) {
                let line = output::line(&line);
                written = std::mem::replace(&mut written, Ok(())).and(line);
            }
            progress.step();
        };
        let (mut items, mut interrupted) = (others, false);
        for steps in [first, last] {
            let begun = steps.iter().map(|step| Item::of(step.secret(), Outcome::NotBegun, Vec::new()));
            let begun: Vec<_> = begun.collect();
            if interrupted {
                items.extend(begun);
                continue;
            }
            let outcomes;
            (outcomes, interrupted) = bulk::run(steps, |step| self.change(step), &mut each).await?;
            items.extend(outcomes.into_iter().zip(begun).map(|(outcome, item)| match outcome {
                bulk::Progress::Finished(item) => item,
                bulk::Progress::Unknown => item.unknown(),
                bulk::Progress::NotBegun => item,
            }));
        }
        progress.clear();
        items.sort_by(|a, b| (&a.namespace, &a.secret).cmp(&(&b.namespace, &b.secret)));
        let code = self.report(&items, interrupted)?;
        written.map(|()| code)
    }

    /// Changes one Secret.
    async fn change(&self, step: Step) -> Item {
        let options = self.args.change.options();
        let item = Item::of(step.secret(), Outcome::NotBegun, Vec::new());
        match step.action {
            Action::Edit { secret, .. } => {
                let name = item.secret.clone().unwrap_or_default();
                let wish = self.terms.wish(&step.chosen);
                let edited = pull_secrets::edit(
                    self.connection,
                    &item.namespace,
                    &name,
                    Some(*secret),
                    &wish,
                    &options,
                );
                let edited = edited.await;
                item.edited(edited)
            }
            Action::Replace { replacement, users } => {
                let (prune, force) = (self.args.prune, self.args.force);
                let replaced =
                    replace(self.connection, &replacement, &users.movable, prune, force, &options).await;
                item.replaced(&replacement, &users, replaced)
            }
        }
    }

    fn report(&self, items: &[Item], interrupted: bool) -> Result<u8, Failure> {
        let dry_run = self.args.change.dry_run;
        let context =
            Context { survey: self.survey, chosen: Some(self.chosen), format: self.args.output, dry_run };
        // One of which nothing is known may have been changed, and no longer stands for what is left.
        let is_unknown = |item: &&Item| item.outcome == Outcome::Unknown;
        let left = items.iter().filter(|item| item.is_left());
        let (unknown, known): (Vec<_>, Vec<_>) = left.partition(is_unknown);
        let left = known
            .into_iter()
            .chain(unknown)
            .filter_map(|item| Some((item.namespace.clone(), item.secret.clone()?)));
        let left: Vec<_> = left.filter(|_| dry_run == DryRun::None).collect();
        let rest =
            again::rest(self.command_line, self.choice, self.survey, self.chosen, self.own_namespace, &left);
        report::report(items, &context, interrupted, rest.as_deref())
    }
}
