//! What `attach` and `detach` work on: the words of the command line, and the objects that they mean.

use regcred_core::metadata::check_name;

use crate::cluster::attach::{self, Object};
use crate::cluster::consumers::Kind;
use crate::cluster::{self, Connection};
use crate::commands::places::{Place, Places};
use crate::failure::{Failure, exit};

/// kubectl's words for a kind: its name, the plural, and the short one.
const WORDS: [(Kind, [&str; 3]); 8] = [
    (Kind::ServiceAccount, ["serviceaccount", "serviceaccounts", "sa"]),
    (Kind::Deployment, ["deployment", "deployments", "deploy"]),
    (Kind::StatefulSet, ["statefulset", "statefulsets", "sts"]),
    (Kind::DaemonSet, ["daemonset", "daemonsets", "ds"]),
    (Kind::ReplicaSet, ["replicaset", "replicasets", "rs"]),
    (Kind::CronJob, ["cronjob", "cronjobs", "cj"]),
    (Kind::Job, ["job", "jobs", "job"]),
    (Kind::Pod, ["pod", "pods", "po"]),
];

/// A target as it is named: a kind, and one object of it or all that labels choose.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::commands) struct Target {
    pub(super) kind: Kind,
    pub(super) name: Option<String>,
}

impl Target {
    /// Reads `TYPE/NAME` or `TYPE`, with the words and the API groups that kubectl takes.
    pub(super) fn parse(text: &str) -> Result<Self, Failure> {
        let (kind, name) = text.split_once('/').map_or((text, None), |(kind, name)| (kind, Some(name)));
        let word = kind.strip_suffix(".apps").or_else(|| kind.strip_suffix(".batch")).unwrap_or(kind);
        let known = WORDS.iter().find(|(_, words)| words.contains(&word.to_ascii_lowercase().as_str()));
        let Some((kind, _)) = known else {
            let kinds: Vec<_> = WORDS.iter().map(|(_, [name, ..])| *name).collect();
            return Err(Failure::usage(format!("{kind:?} is not handled: its pod template may be anywhere")).hint(
                format!(
                    "handled are {}; of a custom resource, attach to the service account of its pods, or change its \
                     template with kubectl",
                    kinds.join(", ")
                ),
            ));
        };
        if let Some(name) = name {
            check_name(name)
                .map_err(|_| Failure::usage(format!("{text:?}: that is no name of an object")))?;
        }
        Ok(Self { kind: *kind, name: name.map(str::to_owned) })
    }
}

/// What was found.
#[derive(Default)]
pub(super) struct Found {
    pub(super) objects: Vec<Object>,
    /// What was named and can't be had: `namespace`, what, and why.
    pub(super) missing: Vec<(String, String, Failure)>,
}

/// The objects that the targets mean in these places. One that is named for a single namespace has to be there; in
/// several, those that have it are meant.
pub(super) async fn find(
    connection: &Connection,
    targets: &[Target],
    labels: Option<&str>,
    places: &Places,
    keep: impl Fn(&Object) -> bool,
) -> Result<Found, Failure> {
    let mut found = Found::default();
    let mut kinds: Vec<_> = targets.iter().map(|target| target.kind).collect();
    kinds.sort();
    kinds.dedup();
    let is_meant = |object: &Object| {
        !places.excludes(object.namespace())
            && targets.iter().any(|target| {
                target.kind == object.kind()
                    && target.name.as_deref().is_none_or(|name| name == object.name())
            })
            && keep(object)
    };
    let namespaces = match &places.place {
        Place::All => None,
        Place::Labelled(selector) => {
            let namespaces = cluster::namespaces_with_labels(connection, selector).await?;
            if namespaces.is_empty() {
                let message = format!("no namespace has the labels {selector:?}");
                return Err(Failure::new(exit::NOT_FOUND, message)
                    .hint("`kubectl get namespaces --show-labels` shows what there is"));
            }
            Some(namespaces)
        }
        Place::Named(named) if named.is_empty() => Some(vec![connection.namespace.clone()]),
        Place::Named(named) => Some(named.clone()),
    };
    for kind in kinds {
        let Some(namespaces) = &namespaces else {
            match attach::find(connection, kind, None, labels, &is_meant).await? {
                Ok(objects) => found.objects.extend(objects),
                // Who may not read all at once may read some.
                Err(forbidden) => {
                    let namespaces = cluster::namespaces_with_labels(connection, "").await;
                    for namespace in namespaces.map_err(|_| forbidden)? {
                        let namespace = (namespace.as_str(), false);
                        find_in(connection, kind, namespace, targets, labels, &is_meant, &mut found).await?;
                    }
                }
            }
            continue;
        };
        for namespace in namespaces.iter().filter(|namespace| !places.excludes(namespace)) {
            let namespace = (namespace.as_str(), namespaces.len() == 1);
            find_in(connection, kind, namespace, targets, labels, &is_meant, &mut found).await?;
        }
    }
    found
        .objects
        .sort_by(|a, b| (a.namespace(), a.kind(), a.name()).cmp(&(b.namespace(), b.kind(), b.name())));
    Ok(found)
}

/// The same in one namespace; `has_to_be` says whether what is named must be there.
async fn find_in(
    connection: &Connection,
    kind: Kind,
    (namespace, has_to_be): (&str, bool),
    targets: &[Target],
    labels: Option<&str>,
    is_meant: &impl Fn(&Object) -> bool,
    found: &mut Found,
) -> Result<(), Failure> {
    let of_kind = targets.iter().filter(|target| target.kind == kind);
    let names: Option<Vec<&str>> = of_kind.map(|target| target.name.as_deref()).collect();
    let Some(names) = names else {
        match attach::find(connection, kind, Some(namespace), labels, is_meant).await? {
            Ok(objects) => found.objects.extend(objects),
            Err(forbidden) => found.missing.push((namespace.to_owned(), kind.plural().to_owned(), forbidden)),
        }
        return Ok(());
    };
    for name in names {
        match attach::get(connection, kind, namespace, name).await {
            Ok(object) if is_meant(&object) => found.objects.push(object),
            Ok(_) => {}
            Err(failure) if failure.code == exit::NOT_FOUND && !has_to_be => {}
            Err(failure) => {
                let what = format!("{}/{name}", kind.name().to_lowercase());
                found.missing.push((namespace.to_owned(), what, failure));
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_is_read_as_kubectl_reads_it() {
        for (text, kind, name) in [
            ("sa/default", Kind::ServiceAccount, Some("default")),
            ("deployment.apps/web", Kind::Deployment, Some("web")),
            ("Deploy/web", Kind::Deployment, Some("web")),
            ("sts/db", Kind::StatefulSet, Some("db")),
            ("cronjobs.batch/report", Kind::CronJob, Some("report")),
            ("po/x-1", Kind::Pod, Some("x-1")),
            ("daemonsets", Kind::DaemonSet, None),
        ] {
            assert_eq!(Target::parse(text), Ok(Target { kind, name: name.map(str::to_owned) }), "{text}");
        }
    }

    #[test]
    fn a_custom_resource_is_named_as_not_handled() {
        let failure = Target::parse("rollout/web").unwrap_err();
        assert_eq!(failure.code, exit::USAGE);
        assert!(failure.message.starts_with("\"rollout\" is not handled"), "{}", failure.message);
        assert!(Target::parse("deployment/We b").is_err());
        assert!(Target::parse("deployment/").is_err());
    }
}
