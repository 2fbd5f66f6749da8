//! The references to pull secrets in service accounts and pod templates: reading them, adding one, taking one out.
//!
//! The list of a service account is atomic, and a merge patch replaces any list whole. So it matters that [`change`]
//! sends it only while it is as it was read: order and neighbours stay.

use std::fmt::Debug;

use k8s_openapi::NamespaceResourceScope;
use k8s_openapi::api::apps::v1::{DaemonSet, Deployment, ReplicaSet, StatefulSet};
use k8s_openapi::api::batch::v1::{CronJob, Job};
use k8s_openapi::api::core::v1::{LocalObjectReference, Pod, PodSpec, ServiceAccount};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::Api;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::change::{Changed, Target, change};
use super::consumers::Kind;
use super::failure::Operation;
use super::pages::{self, ListError, Selection};
use super::{ChangeOptions, Connection, owner};
use crate::failure::{Failure, exit};

/// What is wanted of a reference.
#[derive(Clone, Copy)]
pub(crate) struct Wish<'a> {
    /// The name of the Secret.
    pub(crate) secret: &'a str,
    /// Whether it is to be there, or not to be there.
    pub(crate) attached: bool,
    /// Go on although somebody else manages the object.
    pub(crate) force: bool,
}

/// An object that can refer to pull secrets, as it was read.
#[derive(Clone, Debug)]
pub(crate) enum Object {
    ServiceAccount(Box<ServiceAccount>),
    Deployment(Box<Deployment>),
    StatefulSet(Box<StatefulSet>),
    DaemonSet(Box<DaemonSet>),
    ReplicaSet(Box<ReplicaSet>),
    CronJob(Box<CronJob>),
    Job(Box<Job>),
    Pod(Box<Pod>),
}

/// Carries out `$body` with the object of whatever kind.
macro_rules! with {
    ($object:expr, $inner:ident => $body:expr) => {
        match $object {
            Object::ServiceAccount($inner) => $body,
            Object::Deployment($inner) => $body,
            Object::StatefulSet($inner) => $body,
            Object::DaemonSet($inner) => $body,
            Object::ReplicaSet($inner) => $body,
            Object::CronJob($inner) => $body,
            Object::Job($inner) => $body,
            Object::Pod($inner) => $body,
        }
    };
}

/// A kind whose objects can refer to pull secrets.
trait Attachable:
    kube::Resource<DynamicType = (), Scope = NamespaceResourceScope> + Clone + DeserializeOwned + Debug
{
    const KIND: Kind;
    /// Where the list is.
    const PATH: &'static [&'static str];

    /// The pods that it makes, or is.
    fn pod_spec(&self) -> Option<&PodSpec>;

    fn list(&self) -> &[LocalObjectReference] {
        self.pod_spec().and_then(|spec| spec.image_pull_secrets.as_deref()).unwrap_or_default()
    }

    fn wrap(self) -> Object;
}

const TEMPLATE: &[&str] = &["spec", "template", "spec", "imagePullSecrets"];

macro_rules! attachable {
    ($kind:ident, $path:expr, $this:ident => $pod_spec:expr) => {
        impl Attachable for $kind {
            const KIND: Kind = Kind::$kind;
            const PATH: &'static [&'static str] = $path;

            fn pod_spec(&self) -> Option<&PodSpec> {
                let $this = self;
                $pod_spec
            }

            fn wrap(self) -> Object {
                Object::$kind(Box::new(self))
            }
        }
    };
}

attachable!(Deployment, TEMPLATE, this => this.spec.as_ref()?.template.spec.as_ref());
attachable!(StatefulSet, TEMPLATE, this => this.spec.as_ref()?.template.spec.as_ref());
attachable!(DaemonSet, TEMPLATE, this => this.spec.as_ref()?.template.spec.as_ref());
attachable!(ReplicaSet, TEMPLATE, this => this.spec.as_ref()?.template.as_ref()?.spec.as_ref());
attachable!(Job, TEMPLATE, this => this.spec.as_ref()?.template.spec.as_ref());
attachable!(Pod, &["spec", "imagePullSecrets"], this => this.spec.as_ref());
attachable!(CronJob, &["spec", "jobTemplate", "spec", "template", "spec", "imagePullSecrets"],
    this => this.spec.job_template.spec.as_ref()?.template.spec.as_ref());

impl Attachable for ServiceAccount {
    const KIND: Kind = Kind::ServiceAccount;
    const PATH: &'static [&'static str] = &["imagePullSecrets"];

    fn pod_spec(&self) -> Option<&PodSpec> {
        None
    }

    fn list(&self) -> &[LocalObjectReference] {
        self.image_pull_secrets.as_deref().unwrap_or_default()
    }

    fn wrap(self) -> Object {
        Object::ServiceAccount(Box::new(self))
    }
}

impl Object {
    pub(crate) fn kind(&self) -> Kind {
        fn kind<K: Attachable>(_: &K) -> Kind {
            K::KIND
        }
        with!(self, inner => kind(&**inner))
    }

    pub(crate) fn metadata(&self) -> &ObjectMeta {
        with!(self, inner => &inner.metadata)
    }

    pub(crate) fn namespace(&self) -> &str {
        self.metadata().namespace.as_deref().unwrap_or_default()
    }

    pub(crate) fn name(&self) -> &str {
        self.metadata().name.as_deref().unwrap_or_default()
    }

    /// The names in its list, in order.
    pub(crate) fn references(&self) -> Vec<&str> {
        with!(self, inner => inner.list()).iter().map(|reference| reference.name.as_str()).collect()
    }

    /// The pods that it makes, or is; none for a service account.
    pub(crate) fn pod_spec(&self) -> Option<&PodSpec> {
        with!(self, inner => inner.pod_spec())
    }

    /// What controls it, as kind and name.
    pub(crate) fn controller(&self) -> Option<(&str, &str)> {
        let owners = self.metadata().owner_references.iter().flatten();
        let controller = owners.into_iter().find(|owner| owner.controller == Some(true))?;
        Some((&controller.kind, &controller.name))
    }
}

/// An object by its name.
pub(crate) async fn get(
    connection: &Connection,
    kind: Kind,
    namespace: &str,
    name: &str,
) -> Result<Object, Failure> {
    async fn typed<K: Attachable>(
        connection: &Connection,
        namespace: &str,
        name: &str,
    ) -> Result<Object, Failure> {
        let resource = K::KIND.resource();
        let operation = Operation {
            verb: "get",
            resource: resource.plural,
            kind: resource.singular,
            namespace: Some(namespace),
            name,
            server: &connection.server,
        };
        let api: Api<K> = Api::namespaced(connection.client.clone(), namespace);
        api.get(name).await.map(K::wrap).map_err(|error| operation.failure(&error))
    }
    match kind {
        Kind::ServiceAccount => typed::<ServiceAccount>(connection, namespace, name).await,
        Kind::Deployment => typed::<Deployment>(connection, namespace, name).await,
        Kind::StatefulSet => typed::<StatefulSet>(connection, namespace, name).await,
        Kind::DaemonSet => typed::<DaemonSet>(connection, namespace, name).await,
        Kind::ReplicaSet => typed::<ReplicaSet>(connection, namespace, name).await,
        Kind::CronJob => typed::<CronJob>(connection, namespace, name).await,
        Kind::Job => typed::<Job>(connection, namespace, name).await,
        Kind::Pod => typed::<Pod>(connection, namespace, name).await,
    }
}

/// The objects of a kind in a namespace, or in all, for which `keep` says so; `Ok(Err(…))` if we may not list them.
pub(crate) async fn find(
    connection: &Connection,
    kind: Kind,
    namespace: Option<&str>,
    labels: Option<&str>,
    keep: impl Fn(&Object) -> bool,
) -> Result<Result<Vec<Object>, Failure>, Failure> {
    async fn typed<K: Attachable>(
        connection: &Connection,
        selection: Selection<'_>,
        keep: impl Fn(&Object) -> bool,
    ) -> Result<Vec<Object>, ListError> {
        let take = |kept: &mut Vec<Object>, object: K| {
            let object = object.wrap();
            if keep(&object) {
                kept.push(object);
            }
        };
        pages::read(connection, K::KIND.resource(), selection, take).await
    }
    let selection = Selection { namespace, labels, fields: None };
    let found = match kind {
        Kind::ServiceAccount => typed::<ServiceAccount>(connection, selection, keep).await,
        Kind::Deployment => typed::<Deployment>(connection, selection, keep).await,
        Kind::StatefulSet => typed::<StatefulSet>(connection, selection, keep).await,
        Kind::DaemonSet => typed::<DaemonSet>(connection, selection, keep).await,
        Kind::ReplicaSet => typed::<ReplicaSet>(connection, selection, keep).await,
        Kind::CronJob => typed::<CronJob>(connection, selection, keep).await,
        Kind::Job => typed::<Job>(connection, selection, keep).await,
        Kind::Pod => typed::<Pod>(connection, selection, keep).await,
    };
    match found {
        Ok(objects) => Ok(Ok(objects)),
        Err(ListError::Forbidden(failure)) => Ok(Err(failure)),
        Err(ListError::Failed(failure)) => Err(failure),
    }
}

/// Adds the reference at the end of the list, or takes it out, and leaves the rest as it is.
pub(crate) async fn apply(
    connection: &Connection,
    object: Object,
    wish: Wish<'_>,
    options: &ChangeOptions,
) -> Result<Changed, Failure> {
    let (namespace, name) = (object.namespace().to_owned(), object.name().to_owned());
    with!(object, inner => {
        let plan = |object: &_| plan(object, wish);
        let target = target(&*inner, &namespace, &name);
        let change = Box::pin(change(connection, target, Some(*inner), options, plan));
        change.await.map(|(changed, _)| changed)
    })
}

fn target<'a, K: Attachable>(_: &K, namespace: &'a str, name: &'a str) -> Target<'a> {
    let resource = K::KIND.resource();
    Target { resource: resource.plural, kind: resource.singular, namespace, name }
}

/// What [`apply`] would do with an object: `Ok(false)` if nothing.
pub(crate) fn would_change(object: &Object, wish: Wish<'_>) -> Result<bool, Failure> {
    with!(object, inner => plan(&**inner, wish)).map(|patch| patch.is_some())
}

fn plan<K: Attachable>(object: &K, wish: Wish<'_>) -> Result<Option<Value>, Failure> {
    let Wish { secret, attached, force } = wish;
    let list = object.list();
    if list.iter().any(|reference| reference.name == secret) == attached {
        return Ok(None);
    }
    let (metadata, kind) = (object.meta(), K::KIND.resource().singular);
    let (name, namespace) =
        (metadata.name.as_deref().unwrap_or_default(), metadata.namespace.as_deref().unwrap_or_default());
    let place = format!("{kind}/{name} in namespace {namespace:?}");
    let owners = metadata.owner_references.iter().flatten();
    if let Some(owner) = owners.into_iter().find(|owner| owner.controller == Some(true)) {
        // Not even with --force: its controller makes another one.
        let message = format!("{place} belongs to {} {:?}, which makes it", owner.kind, owner.name);
        return Err(Failure::new(exit::CONFLICT, message).hint(format!(
            "name that one, {}/{}, or let --owner find the topmost",
            owner.kind.to_lowercase(),
            owner.name
        )));
    }
    if matches!(K::KIND, Kind::Job | Kind::Pod) {
        return Err(Failure::new(
            exit::CONFLICT,
            format!("{place} can't change its `imagePullSecrets` any more"),
        ));
    }
    let field = K::PATH.iter().map(|part| format!("f:{part}")).collect::<Vec<_>>().join("/");
    if let Some(owner) = owner::of(metadata, &field).filter(|_| !force) {
        let verb = if attached { "add the Secret to" } else { "take the Secret out of" };
        return Err(Failure::new(exit::CONFLICT, format!("{place} is managed by {owner}")).hint(format!(
            "{verb} `imagePullSecrets` in its source, or it will be changed back; --force goes on"
        )));
    }
    let mut list: Vec<_> = list.iter().filter(|reference| reference.name != secret).cloned().collect();
    if attached {
        list.push(LocalObjectReference { name: secret.to_owned() });
    }
    let patch = K::PATH.iter().rev().fold(json!(list), |inner, part| json!({ *part: inner }));
    Ok(Some(patch))
}

/// Has a workload make its pods anew, as `kubectl rollout restart` does.
pub(crate) async fn restart(
    connection: &Connection,
    kind: Kind,
    namespace: &str,
    name: &str,
    now: &str,
    options: &ChangeOptions,
) -> Result<(), Failure> {
    const RESTARTED_AT: &str = "kubectl.kubernetes.io/restartedAt";
    let object = get(connection, kind, namespace, name).await?;
    let marks = json!({ "metadata": { "annotations": { RESTARTED_AT: now } } });
    let patch = json!({ "spec": { "template": marks } });
    let is_marked = |value: Value| value["spec"]["template"]["metadata"]["annotations"][RESTARTED_AT] == now;
    with!(object, inner => {
        let plan = |object: &_| {
            let value = serde_json::to_value(object).unwrap_or_default();
            Ok((!is_marked(value)).then(|| patch.clone()))
        };
        let target = target(&*inner, namespace, name);
        Box::pin(change(connection, target, Some(*inner), options, plan)).await.map(|_| ())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wish(attached: bool) -> Wish<'static> {
        Wish { secret: "b", attached, force: false }
    }

    fn account(references: &[&str]) -> ServiceAccount {
        let list: Vec<_> = references.iter().map(|name| json!({ "name": name })).collect();
        serde_json::from_value(json!({ "metadata": { "name": "default" }, "imagePullSecrets": list }))
            .unwrap()
    }

    #[test]
    fn a_reference_comes_last_and_goes_without_disturbing_the_others() {
        let names = |names: &[&str]| {
            let list: Vec<_> = names.iter().map(|name| json!({ "name": name })).collect();
            Some(json!({ "imagePullSecrets": list }))
        };
        assert_eq!(plan(&account(&["a", "c"]), wish(true)).unwrap(), names(&["a", "c", "b"]));
        assert_eq!(plan(&account(&["a", "b", "c", "b"]), wish(false)).unwrap(), names(&["a", "c"]));
        assert_eq!(plan(&account(&["b"]), wish(true)).unwrap(), None);
        assert_eq!(plan(&account(&["a"]), wish(false)).unwrap(), None);
    }

    #[test]
    fn in_a_template_the_reference_is_where_pods_take_it_from() {
        let deployment: Deployment = serde_json::from_value(json!({
            "metadata": { "name": "web" },
            "spec": { "selector": {}, "template": { "spec": { "containers": [], "imagePullSecrets": [{ "name": "a" }] } } },
        }))
        .unwrap();
        let list = json!([{ "name": "a" }, { "name": "b" }]);
        let patch = json!({ "spec": { "template": { "spec": { "imagePullSecrets": list } } } });
        assert_eq!(plan(&deployment, wish(true)).unwrap(), Some(patch));
    }

    #[test]
    fn what_a_controller_makes_is_left_to_it_even_with_force() {
        let owner = json!({ "apiVersion": "apps/v1", "kind": "Deployment", "name": "web", "uid": "1", "controller": true });
        let set: ReplicaSet = serde_json::from_value(json!({
            "metadata": { "name": "web-1", "namespace": "a", "ownerReferences": [owner] },
            "spec": { "selector": {}, "template": { "spec": { "containers": [] } } },
        }))
        .unwrap();
        let failure = plan(&set, Wish { force: true, ..wish(true) }).unwrap_err();
        assert_eq!(failure.code, exit::CONFLICT);
        assert!(failure.hint.unwrap().starts_with("name that one, deployment/web"));
    }
}
