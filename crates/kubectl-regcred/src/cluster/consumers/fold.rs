//! Letting the topmost owner stand for what it owns.

use std::collections::{BTreeMap, BTreeSet};

use super::{Consumer, ConsumerKind, Consumers, Kind};
use crate::cluster::references::{Metadata, OwnerReference, References};

/// What is kept of an object.
pub(super) struct Found {
    namespace: String,
    name: String,
    references: References,
    controller: Option<OwnerReference>,
}

impl Found {
    /// Keeps an object that names Secrets, or that may be the link between one that does and its owner.
    pub(super) fn of(references: References, mut metadata: Metadata) -> Option<Self> {
        let (namespace, name) = (std::mem::take(&mut metadata.namespace), std::mem::take(&mut metadata.name));
        let controller = metadata.controller();
        let matters = !references.is_empty() || controller.is_some();
        matters.then_some(Self { namespace, name, references, controller })
    }
}

/// An object of a kind that is looked at: namespace, kind, name.
type Id = (String, Kind, String);

#[derive(Default)]
pub(super) struct Gathered {
    /// The objects that name Secrets.
    referring: Vec<(Id, References)>,
    /// What owns an object.
    controllers: BTreeMap<Id, OwnerReference>,
    /// What could not be read, in a namespace or in any.
    pub(super) hidden: BTreeMap<Option<String>, BTreeSet<Kind>>,
}

impl Gathered {
    /// Adds all objects of a kind.
    pub(super) fn add(&mut self, kind: Kind, found: Vec<Found>) {
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
    pub(super) fn fold(self) -> Consumers {
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

    use super::super::{How, Verdict};
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
