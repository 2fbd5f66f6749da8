//! Who uses which Secret: service accounts, workloads and pods, with what is part of something else folded into it.
//!
//! What we may not read is unknown, not absent. So whoever asks gets a [`Use`], which says both, and nothing says
//! "nobody" unless everything could be read. Custom resources can refer to Secrets too, in ways that only their
//! controllers know; the pods that they make are seen.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};

use super::Connection;
use super::pages::{self, ListError, Resource, Selection};
pub(crate) use super::references::How;
use super::references::{CronJob, OwnerReference, Pod, References, ServiceAccount, Workload};
use crate::failure::Failure;

/// How many lists are read at once.
const CONCURRENCY: usize = 8;

/// The kinds of object that are looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Kind {
    ServiceAccount,
    Deployment,
    StatefulSet,
    DaemonSet,
    ReplicaSet,
    Job,
    CronJob,
    Pod,
}

impl Kind {
    pub(crate) const ALL: [Self; 8] = [
        Self::ServiceAccount,
        Self::Deployment,
        Self::StatefulSet,
        Self::DaemonSet,
        Self::ReplicaSet,
        Self::Job,
        Self::CronJob,
        Self::Pod,
    ];

    /// As manifests write it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::ServiceAccount => "ServiceAccount",
            Self::Deployment => "Deployment",
            Self::StatefulSet => "StatefulSet",
            Self::DaemonSet => "DaemonSet",
            Self::ReplicaSet => "ReplicaSet",
            Self::Job => "Job",
            Self::CronJob => "CronJob",
            Self::Pod => "Pod",
        }
    }

    /// As URLs and RBAC write it.
    pub(crate) fn plural(self) -> &'static str {
        self.resource().plural
    }

    /// As [`pages`] reads it.
    /// As kubectl calls one before its name.
    pub(crate) fn singular(self) -> &'static str {
        self.resource().singular
    }

    pub(super) fn resource(self) -> Resource {
        let (api, plural, singular) = match self {
            Self::ServiceAccount => ("api/v1", "serviceaccounts", "serviceaccount"),
            Self::Deployment => ("apis/apps/v1", "deployments", "deployment"),
            Self::StatefulSet => ("apis/apps/v1", "statefulsets", "statefulset"),
            Self::DaemonSet => ("apis/apps/v1", "daemonsets", "daemonset"),
            Self::ReplicaSet => ("apis/apps/v1", "replicasets", "replicaset"),
            Self::Job => ("apis/batch/v1", "jobs", "job"),
            Self::CronJob => ("apis/batch/v1", "cronjobs", "cronjob"),
            Self::Pod => ("api/v1", "pods", "pod"),
        };
        Resource { api, plural, singular, page: pages::PAGE }
    }

    /// The kind that an owner reference means, if it is one of ours.
    fn of_owner(owner: &OwnerReference) -> Option<Self> {
        let (group, _) = owner.api_version.split_once('/').unwrap_or(("", &owner.api_version));
        Self::ALL.into_iter().find(|kind| {
            let (_, api) = kind.resource().api.split_once('/').unwrap_or_default();
            let own_group = api.split_once('/').map_or("", |(group, _)| group);
            kind.name() == owner.kind && own_group == group
        })
    }
}

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

/// What is kept of an object.
struct Found {
    namespace: String,
    name: String,
    references: References,
    controller: Option<OwnerReference>,
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

impl Found {
    /// Keeps an object that names Secrets, or that may be the link between one that does and its owner.
    fn of(references: References, mut metadata: super::references::Metadata) -> Option<Self> {
        let (namespace, name) = (std::mem::take(&mut metadata.namespace), std::mem::take(&mut metadata.name));
        let controller = metadata.controller();
        let matters = !references.is_empty() || controller.is_some();
        matters.then_some(Self { namespace, name, references, controller })
    }
}

/// An object of a kind that is looked at: namespace, kind, name.
type Id = (String, Kind, String);

#[derive(Default)]
struct Gathered {
    /// The objects that name Secrets.
    referring: Vec<(Id, References)>,
    /// What owns an object.
    controllers: BTreeMap<Id, OwnerReference>,
    hidden: BTreeMap<Option<String>, BTreeSet<Kind>>,
}

impl Gathered {
    fn add(&mut self, kind: Kind, found: Vec<Found>) {
        for Found { namespace, name, references, controller } in found {
            let id = (namespace, kind, name);
            match (controller, references.is_empty()) {
                // Nothing is owned by a pod.
                (Some(_), true) if kind == Kind::Pod => {}
                (Some(controller), true) => {
                    self.controllers.insert(id, controller);
                }
                (Some(controller), false) => {
                    self.controllers.insert(id.clone(), controller);
                    self.referring.push((id, references));
                }
                (None, _) => self.referring.push((id, references)),
            }
        }
    }

    /// Lets the topmost owner stand for each object.
    fn fold(self) -> Consumers {
        let Self { referring, controllers, hidden } = self;
        let mut consumers = Consumers { hidden, ..Consumers::default() };
        for (id, references) in referring {
            let (consumer, named_itself) = top(&controllers, &id);
            let secrets = consumers.uses.entry(id.0).or_default();
            for (secret, how) in references {
                let uses = secrets.entry(secret).or_default().entry(consumer.clone()).or_default();
                *uses.entry(how).or_default() |= named_itself;
            }
        }
        consumers
    }
}

/// The topmost owner of an object that we know of, and whether that is the object itself.
fn top(controllers: &BTreeMap<Id, OwnerReference>, id: &Id) -> (Consumer, bool) {
    let mut id = id.clone();
    let mut is_itself = true;
    // Owners that go in circles are nonsense, but must not keep us.
    for _ in 0..8 {
        let Some(owner) = controllers.get(&id) else { break };
        match Kind::of_owner(owner) {
            Some(kind) => id = (id.0, kind, owner.name.clone()),
            // The kubelet's own pods, from files on the node.
            None if owner.kind == "Node" => break,
            None => {
                let group = owner.api_version.split_once('/').map_or("", |(group, _)| group);
                let kind = ConsumerKind::Other { kind: owner.kind.clone(), group: group.to_owned() };
                return (Consumer { kind, name: owner.name.clone() }, false);
            }
        }
        is_itself = false;
    }
    let (_, kind, name) = id;
    (Consumer { kind: ConsumerKind::Known(kind), name }, is_itself)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn found(name: &str, secrets: &[&str], owner: Option<(&str, &str, &str)>) -> Found {
        let owners: Vec<_> = owner
            .into_iter()
            .map(|(api, kind, name)| json!({"apiVersion": api, "kind": kind, "name": name, "controller": true}))
            .collect();
        let metadata = json!({"namespace": "n", "name": name, "ownerReferences": owners});
        let references = secrets.iter().map(|secret| ((*secret).to_owned(), How::Pull)).collect();
        Found::of(references, serde_json::from_value(metadata).unwrap()).unwrap()
    }

    fn known(consumers: &Consumers, secret: &str) -> Vec<String> {
        let of = consumers.of("n", secret);
        let shown = of.known().map(|(consumer, uses)| {
            let itself =
                uses.map(|usage| if usage.named_itself { "" } else { " (owned)" }).collect::<String>();
            format!("{}/{}{itself}", consumer.kind, consumer.name)
        });
        shown.collect()
    }

    #[test]
    fn the_topmost_owner_stands_for_what_it_owns() {
        let mut gathered = Gathered::default();
        gathered.add(Kind::Deployment, vec![found("web", &["own"], None)]);
        gathered.add(
            Kind::Pod,
            vec![
                found("web-1-a", &["own", "account"], Some(("apps/v1", "ReplicaSet", "web-1"))),
                found("web-1-b", &["own", "account"], Some(("apps/v1", "ReplicaSet", "web-1"))),
                found("run", &["account"], Some(("example.com/v1", "Workflow", "flow"))),
                found("static", &["account"], Some(("v1", "Node", "node-1"))),
                found("bare", &["account"], None),
                found("night-1-x", &["account"], Some(("batch/v1", "Job", "night-1"))),
            ],
        );
        gathered.add(
            Kind::ReplicaSet,
            vec![
                found("web-1", &["own"], Some(("apps/v1", "Deployment", "web"))),
                found("web-0", &["older"], Some(("apps/v1", "Deployment", "web"))),
                found("lone", &["own"], None),
            ],
        );
        gathered.add(Kind::Job, vec![found("night-1", &[], Some(("batch/v1", "CronJob", "night")))]);
        let consumers = gathered.fold();
        assert_eq!(known(&consumers, "own"), ["Deployment/web", "ReplicaSet/lone"]);
        assert_eq!(known(&consumers, "older"), ["Deployment/web (owned)"]);
        assert_eq!(
            known(&consumers, "account"),
            [
                "Deployment/web (owned)",
                "CronJob/night (owned)",
                "Pod/bare",
                "Pod/static",
                "Workflow.example.com/flow (owned)"
            ]
        );
    }

    #[test]
    fn owners_that_go_in_circles_end() {
        let mut gathered = Gathered::default();
        gathered.add(
            Kind::Job,
            vec![
                found("a", &["s"], Some(("batch/v1", "Job", "b"))),
                found("b", &[], Some(("batch/v1", "Job", "a"))),
            ],
        );
        assert_eq!(known(&gathered.fold(), "s").len(), 1);
    }

    #[test]
    fn nobody_is_said_only_where_everything_was_read() {
        let mut gathered = Gathered::default();
        gathered.add(Kind::Pod, vec![found("p", &["used"], None)]);
        gathered.hidden.entry(Some("n".to_owned())).or_default().insert(Kind::Job);
        let mut consumers = gathered.fold();
        assert_eq!(consumers.of("n", "used").verdict(), Verdict::Used);
        assert_eq!(consumers.of("n", "other").verdict(), Verdict::Unknown);
        assert_eq!(consumers.of("n", "other").hidden(), &[Kind::Job].into());
        assert_eq!(consumers.of("m", "other").verdict(), Verdict::Unused);
        consumers.namespaces = Some([String::from("n")].into());
        assert_eq!(consumers.of("m", "other").verdict(), Verdict::Unknown);
        consumers.namespaces = None;
        consumers.hidden.entry(None).or_default().insert(Kind::Pod);
        assert_eq!(consumers.of("m", "other").verdict(), Verdict::Unknown);
        assert_eq!(consumers.hidden(), [Kind::Job, Kind::Pod].into());
    }

    #[test]
    fn an_owner_of_another_group_is_not_taken_for_ours() {
        let owner = |api: &str, kind: &str| {
            let owner = json!({"apiVersion": api, "kind": kind, "name": "x", "controller": true});
            Kind::of_owner(&serde_json::from_value(owner).unwrap())
        };
        assert_eq!(owner("apps/v1", "Deployment"), Some(Kind::Deployment));
        assert_eq!(owner("apps/v1beta2", "Deployment"), Some(Kind::Deployment));
        assert_eq!(owner("v1", "Pod"), Some(Kind::Pod));
        assert_eq!(owner("batch/v1", "CronJob"), Some(Kind::CronJob));
        assert_eq!(owner("example.com/v1", "Deployment"), None);
        assert_eq!(owner("v1", "Deployment"), None);
    }
}
