//! What `attach` and `detach` say: of each object, and of them all.

use serde::Serialize;

use crate::cluster::attach::Object;
use crate::cluster::consumers::Kind;
use crate::commands::conclusion::{conclude, numbers, reason};
use crate::commands::flags::{DryRun, Format};
use crate::failure::Failure;
use crate::output;
use crate::report::API_VERSION;

/// What became of one object, or of something that was named and can't be had.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Item {
    pub(super) namespace: String,
    /// `deployment/web`, or only `deployments` if they can't be listed.
    pub(super) target: String,
    pub(super) outcome: Outcome,
    /// What comes of a change.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) effect: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "reason")]
    pub(super) reason: Option<Failure>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Outcome {
    /// The list is as was asked for. (With a dry run: would be.)
    Changed,
    /// It was already.
    Unchanged,
    Failed,
    /// Interrupted while it was changed.
    Unknown,
    /// Interrupted before.
    NotBegun,
}

/// The whole report, as scripts get it.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Report<'a> {
    api_version: &'static str,
    kind: &'static str,
    secret: &'a str,
    dry_run: bool,
    interrupted: bool,
    items: &'a [Item],
}

impl Item {
    pub(super) fn of(object: &Object, outcome: Outcome) -> Self {
        let changed = outcome == Outcome::Changed;
        Self {
            namespace: object.namespace().to_owned(),
            target: target(object),
            outcome,
            effect: changed.then(|| effect(object.kind())),
            reason: None,
        }
    }

    pub(super) fn failed(namespace: &str, target: &str, failure: Failure) -> Self {
        let (namespace, target) = (namespace.to_owned(), target.to_owned());
        Self { namespace, target, outcome: Outcome::Failed, effect: None, reason: Some(failure) }
    }

    /// The line about it.
    pub(super) fn line(&self, secret: &str, attached: bool, dry_run: DryRun) -> Option<String> {
        let word = match (self.outcome, attached) {
            (Outcome::Changed, true) => "attached to",
            (Outcome::Changed, false) => "detached from",
            (Outcome::Unchanged, true) => "is attached already to",
            (Outcome::Unchanged, false) => "is not attached to",
            _ => return None,
        };
        let (target, namespace, suffix) = (&self.target, &self.namespace, dry_run.suffix());
        let effect = self.effect.map(|effect| format!(": {effect}")).unwrap_or_default();
        Some(format!("secret/{secret} {word} {target} in namespace {namespace}{effect}{suffix}"))
    }
}

/// `deployment/web`
pub(super) fn target(object: &Object) -> String {
    format!("{}/{}", object.kind().name().to_lowercase(), object.name())
}

/// What happens when the list of such an object changes.
pub(super) fn effect(kind: Kind) -> &'static str {
    match kind {
        Kind::ServiceAccount => "this counts for pods created from now on",
        Kind::Deployment | Kind::StatefulSet | Kind::DaemonSet => "a rollout starts",
        Kind::ReplicaSet => "this counts for its next pods",
        Kind::CronJob => "this counts from the next run on",
        Kind::Job | Kind::Pod => "it can't change",
    }
}

/// Prints what came of it all, and returns the exit code. The lines of what was done were printed as it went.
pub(super) fn report(
    items: &[Item],
    (secret, kind): (&str, &'static str),
    format: Option<Format>,
    dry_run: DryRun,
    interrupted: bool,
) -> Result<u8, Failure> {
    let report = Report {
        api_version: API_VERSION,
        kind,
        secret,
        dry_run: dry_run != DryRun::None,
        interrupted,
        items,
    };
    match format {
        None => {}
        Some(Format::Json) => output::json(&report)?,
        Some(Format::Yaml) => output::yaml(&report)?,
        Some(Format::Name) => {
            let done = [Outcome::Changed, Outcome::Unchanged];
            items
                .iter()
                .filter(|item| done.contains(&item.outcome))
                .try_for_each(|item| output::line(&item.target))?;
        }
    }
    let failures: Vec<_> = items.iter().filter_map(|item| item.reason.as_ref()).collect();
    let words = [
        (Outcome::Changed, "changed"),
        (Outcome::Unchanged, "already so"),
        (Outcome::Failed, "not changed"),
        (Outcome::Unknown, "interrupted"),
        (Outcome::NotBegun, "not begun"),
    ];
    let outcomes: Vec<_> = items.iter().map(|item| item.outcome).collect();
    let numbers = (items.len() > 1 || interrupted).then(|| numbers(&outcomes, &words, dry_run));
    conclude(&failures, numbers, interrupted, None)
}
