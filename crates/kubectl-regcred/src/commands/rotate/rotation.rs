//! A rotation of which it is clear which logins are replaced: what is shown, asked, done and reported.

use regcred_core::rotation::Logins;

use super::again::Left;
use super::args::RotateArgs;
use super::candidates::Survey;
use super::groups;
use super::like::Choice;
use super::plan::{Action, Planned, Step, Terms};
use super::report::{self, Context, Item, Outcome, show_plan, whose};
use super::scope::id;
use crate::cluster::consumers::Consumers;
use crate::cluster::pull_secrets;
use crate::cluster::replace::replace;
use crate::cluster::{Connection, bulk};
use crate::command_line::CommandLine;
use crate::commands::flags::DryRun;
use crate::commands::set::shown;
use crate::environment::Environment;
use crate::failure::Failure;
use crate::output;
use crate::prompt;
use crate::report::UsedBy;
/// What a rotation knows once it is clear which logins are to be replaced.
pub(super) struct Rotation<'a> {
    pub(super) args: &'a RotateArgs,
    pub(super) environment: &'a Environment,
    pub(super) command_line: &'a CommandLine,
    pub(super) connection: &'a Connection,
    pub(super) choice: &'a Choice,
    /// The namespace in which `--like SECRET` is.
    pub(super) own_namespace: &'a str,
    pub(super) terms: &'a Terms<'a>,
    pub(super) survey: &'a Survey,
    pub(super) chosen: &'a Logins,
}

impl Rotation<'_> {
    /// Shows what would be done and asks, does it, and reports; returns the exit code.
    pub(super) async fn run(&self, planned: Planned, consumers: &Consumers) -> Result<u8, Failure> {
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
            // They are the only ones by which the next run would find what failed.
            let are_needed =
                self.left(items.iter().filter(|item| item.outcome == Outcome::Failed)).depends_on_named();
            if interrupted || (are_needed && dry_run == DryRun::None) {
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

    fn left<'a>(&'a self, items: impl Iterator<Item = &'a Item>) -> Left<'a> {
        Left::new(items, self.choice, self.survey, self.chosen, self.own_namespace)
    }

    fn report(&self, items: &[Item], interrupted: bool) -> Result<u8, Failure> {
        let dry_run = self.args.change.dry_run;
        let context =
            Context { survey: self.survey, chosen: Some(self.chosen), format: self.args.output, dry_run };
        // One of which nothing is known may have been changed, and no longer stands for what is left.
        let is_unknown = |item: &&Item| item.outcome == Outcome::Unknown;
        let left = items.iter().filter(|item| item.is_left() && dry_run == DryRun::None);
        let (unknown, known): (Vec<_>, Vec<_>) = left.partition(is_unknown);
        let left = self.left(known.into_iter().chain(unknown));
        report::report(items, &context, interrupted, left.command(self.command_line).as_deref())
    }
}
