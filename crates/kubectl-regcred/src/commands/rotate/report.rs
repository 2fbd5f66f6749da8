//! What `rotate` says: before it changes anything, and after.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::Secret;
use regcred_core::credential::Credential;
use regcred_core::docker_config::PresentLogin;
use regcred_core::plan::{Chosen, EntryChange, EntryChangeKind, is_noted};
use regcred_core::rotation::Logins;
use regcred_core::server::shown_key;
use serde::{Serialize, Serializer};

use super::candidates::Survey;
use super::groups::{self, GroupReport, WithoutReport, login_name, user_name};
use super::plan::{Action, Planned, Step};
use super::scope::id;
use crate::cluster::Changed;
use crate::cluster::consumers::{Consumers, Kind};
use crate::cluster::pull_secrets::{Edited, Obstacle};
use crate::cluster::replace::{Replaced, Replacement, Users, rolls};
use crate::commands::conclusion::{conclude, numbers, reason};
use crate::commands::flags::DryRun;
use crate::failure::{Failure, exit};
use crate::output::{self, ObjectFormat};
use crate::report::{API_VERSION, UsedBy};

/// How many Secrets of a plan are shown to a person.
const SHOWN: usize = 50;

/// What `rotate` did, as scripts get it.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Report<'a> {
    api_version: &'static str,
    kind: &'static str,
    dry_run: bool,
    interrupted: bool,
    /// The logins that entries for the registries hold, but for the new one.
    groups: Vec<GroupReport>,
    /// The entries that hold none, which are left alone.
    without_login: Vec<WithoutReport>,
    items: &'a [Item],
}

/// What the report says beside what became of each Secret.
pub(super) struct Context<'a> {
    pub(super) survey: &'a Survey,
    /// The logins that are replaced; missing if it is not clear which are meant.
    pub(super) chosen: Option<&'a Logins>,
    pub(super) format: Option<ObjectFormat>,
    pub(super) dry_run: DryRun,
}

/// What became of one Secret, or of a namespace that can't be read.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Item {
    pub(super) namespace: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) secret: Option<String>,
    pub(super) outcome: Outcome,
    #[serde(serialize_with = "entries")]
    pub(super) entries: Vec<EntryChange>,
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "reason")]
    pub(super) reason: Option<Failure>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) used_by: Option<UsedBy>,
    /// The Secret that took the place of an immutable one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) replaced_by: Option<String>,
    /// Who names that one now.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) moved: Vec<String>,
    /// Whether the old one was deleted.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(super) pruned: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Outcome {
    /// The new credential is in it. (With a dry run: would be.)
    Changed,
    /// It was already.
    Unchanged,
    /// Somebody else manages it.
    Skipped,
    Failed,
    /// Interrupted while it was changed.
    Unknown,
    /// Interrupted before.
    NotBegun,
}

impl Item {
    /// A Secret of which nothing is known yet but what should be done.
    pub(super) fn of(secret: &Secret, outcome: Outcome, entries: Vec<EntryChange>) -> Self {
        let (namespace, name) = id(secret);
        Self {
            namespace: namespace.to_owned(),
            secret: Some(name.to_owned()),
            outcome,
            entries,
            reason: None,
            used_by: None,
            replaced_by: None,
            moved: Vec::new(),
            pruned: false,
        }
    }

    /// A Secret that can't be changed so.
    pub(super) fn refused(secret: &Secret, obstacle: &Obstacle) -> Self {
        let (namespace, name) = id(secret);
        let outcome = match obstacle {
            Obstacle::Owner(_) => Outcome::Skipped,
            Obstacle::Refusal(_) => Outcome::Failed,
        };
        let reason = Some(obstacle.failure(namespace, name));
        Self { reason, ..Self::of(secret, outcome, Vec::new()) }
    }

    /// The same after it was edited.
    pub(super) fn edited(self, result: Result<Edited, Failure>) -> Self {
        match result {
            Ok(Edited { changed: Changed::Done, entries, .. }) => {
                Self { outcome: Outcome::Changed, entries, ..self }
            }
            Ok(Edited { changed: Changed::AlreadySo, .. }) => Self { outcome: Outcome::Unchanged, ..self },
            Err(failure) => Self { outcome: Outcome::Failed, reason: Some(failure), ..self },
        }
    }

    /// The same after another one took its place.
    pub(super) fn replaced(
        self,
        replacement: &Replacement,
        users: &Users,
        result: Result<Replaced, Failure>,
    ) -> Self {
        let name = self.secret.clone().unwrap_or_default();
        let new = replacement.new.metadata.name.clone();
        let replaced = match result {
            Ok(replaced) => replaced,
            Err(failure) => return Self { outcome: Outcome::Failed, reason: Some(failure), ..self },
        };
        let title = format!("secret/{name} in namespace {:?}", self.namespace);
        if let Some(why) = &replaced.kept {
            output::note(&format!("{title} is kept: {why}"));
        }
        if !users.fixed.is_empty() {
            let users = users.fixed.join(", ");
            output::warning(&format!("{title} is still named by what can't be moved over: {users}"));
        }
        let is_changed = replaced.created || replaced.pruned || !replaced.moved.is_empty();
        let outcome = match replaced.failures.first() {
            Some(_) => Outcome::Failed,
            None if is_changed => Outcome::Changed,
            None => Outcome::Unchanged,
        };
        let reason = replaced.failures.first().map(|first| {
            let new = new.as_deref().unwrap_or_default();
            let all: Vec<_> = replaced.failures.iter().map(|failure| failure.message.as_str()).collect();
            let message = format!("secret/{new} is there, but not everybody names it: {}", all.join("; "));
            Failure { message, ..first.clone() }
        });
        let (moved, pruned, entries) = (replaced.moved, replaced.pruned, replacement.entries.clone());
        Self { outcome, reason, entries, replaced_by: new, moved, pruned, ..self }
    }

    /// The same after it was left alone while it was changed.
    pub(super) fn unknown(self) -> Self {
        let (namespace, name) = (&self.namespace, self.secret.as_deref().unwrap_or_default());
        let message = format!("whether secret/{name} in namespace {namespace:?} was changed is not known");
        let reason = Some(Failure::new(exit::INTERRUPTED, message));
        Self { outcome: Outcome::Unknown, reason, ..self }
    }

    /// Something that could not be done.
    pub(super) fn failed(namespace: &str, secret: Option<&str>, failure: Failure) -> Self {
        Self {
            namespace: namespace.to_owned(),
            secret: secret.map(str::to_owned),
            outcome: Outcome::Failed,
            entries: Vec::new(),
            reason: Some(failure),
            used_by: None,
            replaced_by: None,
            moved: Vec::new(),
            pruned: false,
        }
    }

    /// Whether it is a Secret that was to be changed and is not.
    pub(super) fn is_left(&self) -> bool {
        match self.outcome {
            Outcome::Changed | Outcome::Unchanged => false,
            Outcome::Skipped | Outcome::Failed | Outcome::Unknown | Outcome::NotBegun => true,
        }
    }

    /// The line about it, once it is done; `entries` says what was done to them.
    pub(super) fn line(&self, entries: &str, dry_run: DryRun) -> Option<String> {
        let word = match self.outcome {
            Outcome::Changed => "rotated",
            Outcome::Unchanged => "unchanged",
            _ => return None,
        };
        let (name, namespace) = (self.secret.as_deref().unwrap_or_default(), &self.namespace);
        let suffix = dry_run.suffix();
        if let (Outcome::Changed, Some(new)) = (self.outcome, &self.replaced_by) {
            let moved = if self.moved.is_empty() {
                String::new()
            } else {
                format!("; named by {}", self.moved.join(", "))
            };
            let pruned = if self.pruned { "; the old one is deleted" } else { "" };
            return Some(format!(
                "secret/{name} replaced by secret/{new} in namespace {namespace}{entries}{moved}{pruned}{suffix}"
            ));
        }
        Some(format!("secret/{name} {word} in namespace {namespace}{entries}{suffix}"))
    }
}

/// Whose login is replaced by whose: `: "ghcr.io": bob → robot`.
pub(super) fn whose(step: &Step, credentials: &BTreeMap<String, Credential>) -> String {
    let chosen: BTreeMap<_, _> = step.chosen.iter().map(|chosen| (&chosen.key, chosen)).collect();
    let whose = step.entries().iter().filter_map(|EntryChange { key, .. }| {
        let Chosen { registry, present, .. } = chosen.get(key)?;
        let new = credentials.get(registry)?;
        let shown = shown_key(key);
        if *present == PresentLogin::from(new) {
            return Some(format!("{shown:?}: leftovers of another login go"));
        }
        Some(format!("{shown:?}: {} → {}", login_name(present), user_name(&new.username)))
    });
    let whose = whose.collect::<Vec<_>>().join(", ");
    if whose.is_empty() { whose } else { format!(": {whose}") }
}

/// Shows on stderr what would be done.
pub(super) fn show_plan(
    planned: &Planned,
    consumers: &Consumers,
    scrub: Option<bool>,
    credentials: &BTreeMap<String, Credential>,
) {
    let Planned { steps, others } = planned;
    output::tell(&format!("New credentials for {}:", counted(steps.len(), "Secret")));
    for step in steps.iter().take(SHOWN) {
        let (namespace, name) = id(step.secret());
        let users = UsedBy::of(&consumers.of(namespace, name)).summary();
        output::tell(&format!("  {namespace}/{name}{}; used by {users}", whose(step, credentials)));
        if let Action::Replace { users, .. } = &step.action {
            show_replacement(&step.new_name().unwrap_or_default(), users);
        }
    }
    if steps.len() > SHOWN {
        output::tell(&format!("  and {} more: --dry-run=client shows all", steps.len() - SHOWN));
    }
    let count = |outcome| others.iter().filter(|item| item.outcome == outcome).count();
    match count(Outcome::Unchanged) {
        0 => {}
        unchanged => output::tell(&format!("{} already so.", counted(unchanged, "Secret"))),
    }
    for item in others {
        if let Some(failure) = &item.reason {
            output::tell(&format!("Not changed: {}", failure.message));
        }
    }
    let noted = steps.iter().filter(|step| step.secret().metadata.annotations.as_ref().is_some_and(is_noted));
    match noted.count() {
        0 => {}
        noted if scrub == Some(true) => output::tell(&format!(
            "In {} `kubectl apply` noted the old password; it is removed there, too.",
            counted(noted, "Secret")
        )),
        noted => output::tell(&format!(
            "In {} `kubectl apply` noted the old password; --scrub-last-applied removes it there, too (unasked only \
             where kubectl-regcred manages the Secret).",
            counted(noted, "Secret")
        )),
    }
    let hidden = consumers.hidden();
    if !hidden.is_empty() {
        let hidden: Vec<_> = hidden.into_iter().map(Kind::plural).collect();
        output::tell(&format!("A ? among the users: you may not list {} everywhere.", hidden.join(", ")));
    }
}

/// Shows what takes the place of an immutable Secret, and what that does to those who use it.
fn show_replacement(new: &str, users: &Users) {
    output::tell(&format!("    it is immutable, so secret/{new} takes its place; the old one is kept"));
    let named = |movable: &[&(Kind, String)]| {
        movable
            .iter()
            .map(|(kind, name)| format!("{}/{name}", kind.singular()))
            .collect::<Vec<_>>()
            .join(", ")
    };
    let (rolling, quiet): (Vec<_>, Vec<_>) = users.movable.iter().partition(|(kind, _)| rolls(*kind));
    if !quiet.is_empty() {
        output::tell(&format!("    moved over: {}", named(&quiet)));
    }
    if !rolling.is_empty() {
        output::tell(&format!("    moved over, which REPLACES THEIR PODS: {}", named(&rolling)));
    }
    if !users.fixed.is_empty() {
        output::tell(&format!("    can't be moved over: {}", users.fixed.join(", ")));
    }
}

/// Prints the report as an object, if that is asked for.
pub(super) fn print(items: &[Item], context: &Context<'_>, interrupted: bool) -> Result<(), Failure> {
    let Some(format) = context.format else { return Ok(()) };
    format.print(&Report {
        api_version: API_VERSION,
        kind: "RotateReport",
        dry_run: context.dry_run != DryRun::None,
        interrupted,
        groups: groups::groups(context.survey, context.chosen),
        without_login: groups::without(context.survey),
        items,
    })
}

/// Prints what came of it all, and returns the exit code. The lines of what was done were printed as it went. `rest` is
/// the command that does what is left.
pub(super) fn report(
    items: &[Item],
    context: &Context<'_>,
    interrupted: bool,
    rest: Option<&str>,
) -> Result<u8, Failure> {
    print(items, context, interrupted)?;
    let failures: Vec<_> = items.iter().filter_map(|item| item.reason.as_ref()).collect();
    let words = [
        (Outcome::Changed, "changed"),
        (Outcome::Unchanged, "already so"),
        (Outcome::Skipped, "managed by others"),
        (Outcome::Failed, "failed"),
        (Outcome::Unknown, "interrupted"),
        (Outcome::NotBegun, "not begun"),
    ];
    let outcomes: Vec<_> = items.iter().map(|item| item.outcome).collect();
    let numbers = (items.len() > 1 || interrupted).then(|| numbers(&outcomes, &words, context.dry_run));
    conclude(&failures, numbers, interrupted, rest)
}

fn counted(count: usize, what: &str) -> String {
    if count == 1 { format!("1 {what}") } else { format!("{count} {what}s") }
}

fn entries<S: Serializer>(entries: &[EntryChange], serializer: S) -> Result<S::Ok, S::Error> {
    #[derive(Serialize)]
    struct Entry<'a> {
        key: &'a str,
        change: &'static str,
    }
    serializer.collect_seq(entries.iter().map(|EntryChange { key, kind }| {
        let change = match kind {
            EntryChangeKind::Added => "added",
            EntryChangeKind::Replaced => "replaced",
            EntryChangeKind::Removed => "removed",
        };
        Entry { key, change }
    }))
}
