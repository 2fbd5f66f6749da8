//! Who uses which Secret: service accounts, workloads and pods, with what is part of something else folded into it.
//!
//! What we may not read is unknown, not absent. So whoever asks gets a [`Use`], which says both, and nothing says
//! "nobody" unless everything could be read. Custom resources can refer to Secrets too, in ways that only their
//! controllers know; the pods that they make are seen.

mod fold;
mod kind;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};

use super::Connection;
use super::pages::{self, ListError, Selection};
pub(crate) use super::references::How;
use super::references::{CronJob, Pod, ServiceAccount, Workload};
use crate::failure::Failure;
use fold::{Found, Gathered};
pub(crate) use kind::Kind;

/// How many lists are read at once.
const CONCURRENCY: usize = 8;

/// An object that uses Secrets, within its namespace: the topmost one that we know of. A Deployment stands for its
/// ReplicaSets and pods, a CronJob for its Jobs.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Consumer {
    /// One of the kinds that are looked at, or of a custom resource that has made pods, say.
    pub(crate) kind: ConsumerKind,
    pub(crate) name: String,
}

/// What a [`Consumer`] is.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum ConsumerKind {
    /// One of the kinds that are looked at.
    Known(Kind),
    /// A custom resource's, say, which owns an object that was looked at; its own fields were not.
    Other {
        /// Its kind.
        kind: String,
        /// The API group, without the version.
        group: String,
    },
}

impl fmt::Display for ConsumerKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Known(kind) => f.write_str(kind.name()),
            Self::Other { kind, group } if group.is_empty() => f.write_str(kind),
            Self::Other { kind, group } => write!(f, "{kind}.{group}"),
        }
    }
}

/// How a consumer uses a Secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Usage {
    pub(crate) how: How,
    /// Whether the consumer itself names the Secret, in its own fields or its pod template. If not, only something
    /// that it owns does: a pod that got the name from its service account, or an older revision.
    pub(crate) named_itself: bool,
}

type ByConsumer = BTreeMap<Consumer, BTreeMap<How, bool>>;

/// The index of who uses what.
#[derive(Default)]
pub(crate) struct Consumers {
    /// By namespace, then by the name of the Secret.
    uses: BTreeMap<String, BTreeMap<String, ByConsumer>>,
    /// What could not be read, in a namespace or (`None`) in any.
    hidden: BTreeMap<Option<String>, BTreeSet<Kind>>,
    /// The namespaces that were gathered; `None` if all were.
    namespaces: Option<BTreeSet<String>>,
}

/// Who uses one Secret: those who are known, and where others may hide.
pub(crate) struct Use<'a> {
    known: Option<&'a ByConsumer>,
    hidden: BTreeSet<Kind>,
}

/// Whether a Secret is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Somebody uses it.
    Used,
    /// Nobody uses it: everything that can name a Secret, but for custom resources, was read.
    Unused,
    /// Nobody is known to use it, but not everything could be read.
    Unknown,
}

impl Use<'_> {
    /// Those who are known to use it. That there are none proves nothing: see [`verdict`](Self::verdict).
    pub(crate) fn known(&self) -> impl Iterator<Item = (&Consumer, impl Iterator<Item = Usage>)> {
        self.known.into_iter().flatten().map(|(consumer, uses)| {
            (consumer, uses.iter().map(|(&how, &named_itself)| Usage { how, named_itself }))
        })
    }

    /// The kinds of object that could not be read where the Secret is: others may hide among them.
    pub(crate) fn hidden(&self) -> &BTreeSet<Kind> {
        &self.hidden
    }

    pub(crate) fn verdict(&self) -> Verdict {
        if self.known.is_some_and(|known| !known.is_empty()) {
            Verdict::Used
        } else if self.hidden.is_empty() {
            Verdict::Unused
        } else {
            Verdict::Unknown
        }
    }
}

impl Consumers {
    /// Reads who uses what in one namespace, in several, or (`None`) in all.
    ///
    /// What may not be read makes no error: it is [hidden](Use::hidden). Everything else that goes wrong does.
    pub(crate) async fn gather(
        connection: &Connection,
        namespaces: Option<&[String]>,
    ) -> Result<Self, Failure> {
        let places: Vec<Option<&str>> = match namespaces {
            None => vec![None],
            Some(names) => names.iter().map(|name| Some(name.as_str())).collect(),
        };
        let lists = places.into_iter().flat_map(|place| Kind::ALL.map(|kind| (place, kind)));
        let lists = stream::iter(lists)
            .map(|(place, kind)| async move { Ok((place, kind, list(connection, kind, place).await)) });
        let gathered = lists.buffer_unordered(CONCURRENCY);
        let gathered =
            gathered.try_fold(Gathered::default(), |mut gathered, (place, kind, list)| async move {
                match list {
                    Ok(found) => gathered.add(kind, found),
                    Err(ListError::Forbidden(_)) => {
                        gathered.hidden.entry(place.map(str::to_owned)).or_default().insert(kind);
                    }
                    Err(ListError::Failed(failure)) => return Err(failure),
                }
                Ok(gathered)
            });
        let namespaces = namespaces.map(|names| names.iter().cloned().collect());
        Ok(Self { namespaces, ..gathered.await?.fold() })
    }

    /// Who uses this Secret. In a namespace that was not [gathered](Self::gather), everything is hidden.
    pub(crate) fn of(&self, namespace: &str, secret: &str) -> Use<'_> {
        let known = self.uses.get(namespace).and_then(|secrets| secrets.get(secret));
        if self.namespaces.as_ref().is_some_and(|gathered| !gathered.contains(namespace)) {
            return Use { known, hidden: Kind::ALL.into() };
        }
        let places = [None, Some(namespace.to_owned())];
        let hidden = places.iter().filter_map(|place| self.hidden.get(place));
        Use { known, hidden: hidden.flatten().copied().collect() }
    }

    /// Every Secret that somebody is known to use, as (namespace, name, who and how), whether it exists or not.
    pub(crate) fn all(&self) -> impl Iterator<Item = (&str, &str, Use<'_>)> {
        self.uses.iter().flat_map(move |(namespace, secrets)| {
            secrets
                .keys()
                .map(move |secret| (namespace.as_str(), secret.as_str(), self.of(namespace, secret)))
        })
    }

    /// The kinds that could not be read somewhere.
    pub(crate) fn hidden(&self) -> BTreeSet<Kind> {
        self.hidden.values().flatten().copied().collect()
    }
}

async fn list(connection: &Connection, kind: Kind, namespace: Option<&str>) -> Result<Vec<Found>, ListError> {
    let resource = kind.resource();
    let selection = Selection { namespace, ..Selection::default() };
    match kind {
        Kind::ServiceAccount => {
            pages::read(connection, resource, selection, |found: &mut Vec<Found>, account: ServiceAccount| {
                found.extend(Found::of(account.references(), account.metadata));
            })
            .await
        }
        Kind::Deployment | Kind::StatefulSet | Kind::DaemonSet | Kind::ReplicaSet | Kind::Job => {
            pages::read(connection, resource, selection, |found: &mut Vec<Found>, workload: Workload| {
                found.extend(Found::of(workload.spec.template.spec.references(), workload.metadata));
            })
            .await
        }
        Kind::CronJob => {
            pages::read(connection, resource, selection, |found: &mut Vec<Found>, cron_job: CronJob| {
                let template = &cron_job.spec.job_template.spec.template;
                found.extend(Found::of(template.spec.references(), cron_job.metadata));
            })
            .await
        }
        Kind::Pod => {
            pages::read(connection, resource, selection, |found: &mut Vec<Found>, pod: Pod| {
                found.extend(Found::of(pod.spec.references(), pod.metadata));
            })
            .await
        }
    }
}
