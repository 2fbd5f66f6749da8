//! Who uses a Secret, as commands print it.

use serde::Serialize;

use crate::cluster::consumers::{Consumer, ConsumerKind, How, Kind, Use, Verdict};

/// Who uses a Secret.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct UsedBy {
    /// `used`, `unused`, or `unknown` if nobody is known but not everything could be read.
    pub(crate) verdict: &'static str,
    pub(crate) known: Vec<User>,
    /// The resources that could not be read, among which others may hide.
    pub(crate) hidden: Vec<&'static str>,
}

/// One who uses it.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct User {
    pub(crate) kind: String,
    /// The API group of a kind that is not one of Kubernetes' own.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(crate) group: String,
    pub(crate) name: String,
    pub(crate) uses: Vec<Usage>,
}

/// One way in which it does.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Usage {
    pub(crate) how: &'static str,
    /// Whether it names the Secret itself, and not only something that it owns.
    pub(crate) named_itself: bool,
}

impl UsedBy {
    pub(crate) fn of(known_use: &Use<'_>) -> Self {
        let known = known_use.known().map(|(Consumer { kind, name }, uses)| {
            let (kind, group) = match kind {
                ConsumerKind::Known(kind) => (kind.name().to_owned(), String::new()),
                ConsumerKind::Other { kind, group } => (kind.clone(), group.clone()),
            };
            let uses = uses.map(|usage| Usage { how: how(usage.how), named_itself: usage.named_itself });
            User { kind, group, name: name.clone(), uses: uses.collect() }
        });
        Self {
            verdict: match known_use.verdict() {
                Verdict::Used => "used",
                Verdict::Unused => "unused",
                Verdict::Unknown => "unknown",
            },
            known: known.collect(),
            hidden: known_use.hidden().iter().copied().map(Kind::plural).collect(),
        }
    }

    /// In a few words for a table: `serviceaccount/default, deployment/web`; `?` for those who may hide.
    pub(crate) fn summary(&self) -> String {
        let known = self.known.iter().map(User::title);
        let words: Vec<_> = known.chain((!self.hidden.is_empty()).then(|| "?".to_owned())).collect();
        if words.is_empty() { "<none>".to_owned() } else { words.join(", ") }
    }
}

impl User {
    /// As kubectl names an object: `deployment/web`, `rollout.argoproj.io/web`.
    pub(crate) fn title(&self) -> String {
        let group = if self.group.is_empty() { String::new() } else { format!(".{}", self.group) };
        format!("{}{group}/{}", self.kind.to_lowercase(), self.name)
    }
}

fn how(how: How) -> &'static str {
    match how {
        How::Pull => "pull",
        How::Volume => "volume",
        How::Env => "env",
        How::Mountable => "mountable",
    }
}
