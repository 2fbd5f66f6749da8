//! The references to pull secrets in service accounts and pod templates: reading them, adding one, taking one out.
//!
//! The list of a service account is atomic, and a merge patch replaces any list whole. So it matters that [`change`]
//! sends it only while it is as it was read: order and neighbours stay.

use kube::Api;
use kube::core::{ApiResource, DynamicObject, GroupVersionKind, ObjectMeta};
use serde_json::{Value, json};

use super::change::{Changed, Target, change_by};
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
///
/// It is kept as JSON: the types of eight kinds with all that a pod can have would be a fifth of the program.
#[derive(Clone, Debug)]
pub(crate) struct Object {
    kind: Kind,
    inner: DynamicObject,
}

impl Object {
    pub(crate) fn kind(&self) -> Kind {
        self.kind
    }

    pub(crate) fn metadata(&self) -> &ObjectMeta {
        &self.inner.metadata
    }

    pub(crate) fn namespace(&self) -> &str {
        self.metadata().namespace.as_deref().unwrap_or_default()
    }

    pub(crate) fn name(&self) -> &str {
        self.metadata().name.as_deref().unwrap_or_default()
    }

    /// The names in its list, in order.
    pub(crate) fn references(&self) -> Vec<&str> {
        list(&self.inner, self.kind).iter().filter_map(|reference| reference["name"].as_str()).collect()
    }

    /// The pods that it makes, or is; none for a service account.
    pub(crate) fn pod_spec(&self) -> Option<&Value> {
        let (_list, spec) = path(self.kind).split_last()?;
        (!spec.is_empty()).then(|| at(&self.inner.data, spec))
    }

    /// How far a pod is in its life.
    pub(crate) fn phase(&self) -> Option<&str> {
        self.inner.data["status"]["phase"].as_str()
    }

    /// What controls it, as kind and name.
    pub(crate) fn controller(&self) -> Option<(&str, &str)> {
        let owners = self.metadata().owner_references.iter().flatten();
        let controller = owners.into_iter().find(|owner| owner.controller == Some(true))?;
        Some((&controller.kind, &controller.name))
    }

    /// All of it, as a manifest writes it.
    pub(crate) fn to_manifest(&self) -> Value {
        let api = api_resource(self.kind);
        let mut manifest = self.inner.data.clone();
        manifest["apiVersion"] = json!(api.api_version);
        manifest["kind"] = json!(api.kind);
        manifest["metadata"] = serde_json::to_value(self.metadata()).unwrap_or_default();
        manifest
    }
}

/// Where the list is.
fn path(kind: Kind) -> &'static [&'static str] {
    match kind {
        Kind::ServiceAccount => &["imagePullSecrets"],
        Kind::Pod => &["spec", "imagePullSecrets"],
        Kind::CronJob => &["spec", "jobTemplate", "spec", "template", "spec", "imagePullSecrets"],
        Kind::Deployment | Kind::StatefulSet | Kind::DaemonSet | Kind::ReplicaSet | Kind::Job => {
            &["spec", "template", "spec", "imagePullSecrets"]
        }
    }
}

fn at<'a>(value: &'a Value, path: &[&str]) -> &'a Value {
    path.iter().fold(value, |value, part| &value[*part])
}

fn list(object: &DynamicObject, kind: Kind) -> &[Value] {
    at(&object.data, path(kind)).as_array().map_or(&[], Vec::as_slice)
}

/// The kind as kube names it.
fn api_resource(kind: Kind) -> ApiResource {
    let resource = kind.resource();
    let api = resource.api.trim_start_matches("apis/").trim_start_matches("api/");
    let (group, version) = api.split_once('/').unwrap_or(("", api));
    ApiResource::from_gvk_with_plural(&GroupVersionKind::gvk(group, version, kind.name()), resource.plural)
}

fn api(connection: &Connection, kind: Kind, namespace: &str) -> Api<DynamicObject> {
    Api::namespaced_with(connection.client.clone(), namespace, &api_resource(kind))
}

/// An object by its name.
pub(crate) async fn get(
    connection: &Connection,
    kind: Kind,
    namespace: &str,
    name: &str,
) -> Result<Object, Failure> {
    let resource = kind.resource();
    let operation = Operation {
        verb: "get",
        resource: resource.plural,
        kind: resource.singular,
        namespace: Some(namespace),
        name,
        server: &connection.server,
    };
    let found = api(connection, kind, namespace).get(name).await;
    found.map(|inner| Object { kind, inner }).map_err(|error| operation.failure(&error))
}

/// The objects of a kind in a namespace, or in all, for which `keep` says so; `Ok(Err(…))` if we may not list them.
pub(crate) async fn find(
    connection: &Connection,
    kind: Kind,
    namespace: Option<&str>,
    labels: Option<&str>,
    keep: impl Fn(&Object) -> bool,
) -> Result<Result<Vec<Object>, Failure>, Failure> {
    let selection = Selection { namespace, labels, fields: None };
    let take = |kept: &mut Vec<Object>, inner: DynamicObject| {
        let object = Object { kind, inner };
        if keep(&object) {
            kept.push(object);
        }
    };
    match pages::read(connection, kind.resource(), selection, take).await {
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
    let kind = object.kind;
    change(connection, object, options, |object| plan(object, kind, wish)).await
}

/// Changes an object, beginning with it as it was read.
async fn change(
    connection: &Connection,
    object: Object,
    options: &ChangeOptions,
    plan: impl FnMut(&DynamicObject) -> Result<Option<Value>, Failure>,
) -> Result<Changed, Failure> {
    let (namespace, name) = (object.namespace().to_owned(), object.name().to_owned());
    let resource = object.kind.resource();
    let target =
        Target { resource: resource.plural, kind: resource.singular, namespace: &namespace, name: &name };
    let api = api(connection, object.kind, &namespace);
    let (changed, _) = change_by(&api, connection, target, Some(object.inner), options, plan).await?;
    Ok(changed)
}

/// What [`apply`] would do with an object: `Ok(false)` if nothing.
pub(crate) fn would_change(object: &Object, wish: Wish<'_>) -> Result<bool, Failure> {
    plan(&object.inner, object.kind, wish).map(|patch| patch.is_some())
}

fn plan(object: &DynamicObject, kind: Kind, wish: Wish<'_>) -> Result<Option<Value>, Failure> {
    let Wish { secret, attached, force } = wish;
    let is_meant = |reference: &Value| reference["name"] == secret;
    let list = list(object, kind);
    if list.iter().any(is_meant) == attached {
        return Ok(None);
    }
    let (metadata, word) = (&object.metadata, kind.resource().singular);
    let (name, namespace) =
        (metadata.name.as_deref().unwrap_or_default(), metadata.namespace.as_deref().unwrap_or_default());
    let place = format!("{word}/{name} in namespace {namespace:?}");
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
    if matches!(kind, Kind::Job | Kind::Pod) {
        let message = format!("{place} can't change its `imagePullSecrets` any more");
        return Err(Failure::new(exit::CONFLICT, message));
    }
    if let Some(owner) = owner::of(metadata, &field(kind)).filter(|_| !force) {
        let verb = if attached { "add the Secret to" } else { "take the Secret out of" };
        return Err(Failure::new(exit::CONFLICT, format!("{place} is managed by {owner}")).hint(format!(
            "{verb} `imagePullSecrets` in its source, or it will be changed back; --force goes on"
        )));
    }
    let mut list: Vec<_> = list.iter().filter(|reference| !is_meant(reference)).cloned().collect();
    if attached {
        list.push(json!({ "name": secret }));
    }
    Ok(Some(patch(kind, list)))
}

/// A reference that is to name another Secret.
#[derive(Clone, Copy)]
pub(crate) struct Rename<'a> {
    pub(crate) from: &'a str,
    pub(crate) to: &'a str,
    /// Go on although somebody else manages the object.
    pub(crate) force: bool,
}

/// Puts the new name in the place of the old one. What can't change, jobs and pods, is as it should be already.
pub(crate) async fn rename(
    connection: &Connection,
    kind: Kind,
    namespace: &str,
    name: &str,
    wish: Rename<'_>,
    options: &ChangeOptions,
) -> Result<Changed, Failure> {
    if matches!(kind, Kind::Job | Kind::Pod) {
        return Ok(Changed::AlreadySo);
    }
    let object = get(connection, kind, namespace, name).await?;
    change(connection, object, options, |object| plan_rename(object, kind, wish)).await
}

fn plan_rename(object: &DynamicObject, kind: Kind, wish: Rename<'_>) -> Result<Option<Value>, Failure> {
    let Rename { from, to, force } = wish;
    let before = list(object, kind);
    if !before.iter().any(|reference| reference["name"] == from) {
        return Ok(None);
    }
    let metadata = &object.metadata;
    if let Some(owner) = owner::of(metadata, &field(kind)).filter(|_| !force) {
        let (word, name) = (kind.resource().singular, metadata.name.as_deref().unwrap_or_default());
        let namespace = metadata.namespace.as_deref().unwrap_or_default();
        let message = format!(
            "{word}/{name} in namespace {namespace:?} is managed by {owner}, and still names secret/{from}"
        );
        return Err(Failure::new(exit::CONFLICT, message)
            .hint(format!("name secret/{to} in its source instead; --force goes on")));
    }
    let mut after: Vec<Value> = Vec::new();
    for reference in before {
        let reference = if reference["name"] == from { json!({ "name": to }) } else { reference.clone() };
        if !after.contains(&reference) {
            after.push(reference);
        }
    }
    Ok(Some(patch(kind, after)))
}

/// The patch that makes `list` the list of an object.
fn patch(kind: Kind, list: Vec<Value>) -> Value {
    path(kind).iter().rev().fold(Value::Array(list), |inner, part| json!({ *part: inner }))
}

/// The list as `managedFields` names it.
fn field(kind: Kind) -> String {
    path(kind).iter().map(|part| format!("f:{part}")).collect::<Vec<_>>().join("/")
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
    let patch = json!({ "spec": { "template": { "metadata": { "annotations": { RESTARTED_AT: now } } } } });
    let is_marked = ["spec", "template", "metadata", "annotations", RESTARTED_AT];
    let plan = |object: &DynamicObject| Ok((at(&object.data, &is_marked) != now).then(|| patch.clone()));
    change(connection, object, options, plan).await.map(|_| ())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wish(attached: bool) -> Wish<'static> {
        Wish { secret: "b", attached, force: false }
    }

    fn object(value: Value) -> DynamicObject {
        serde_json::from_value(value).unwrap()
    }

    fn account(references: &[&str]) -> DynamicObject {
        let list: Vec<_> = references.iter().map(|name| json!({ "name": name })).collect();
        object(json!({ "metadata": { "name": "default" }, "imagePullSecrets": list }))
    }

    #[test]
    fn a_reference_comes_last_and_goes_without_disturbing_the_others() {
        let names = |names: &[&str]| {
            let list: Vec<_> = names.iter().map(|name| json!({ "name": name })).collect();
            Some(json!({ "imagePullSecrets": list }))
        };
        let plan = |account: &DynamicObject, wish| plan(account, Kind::ServiceAccount, wish).unwrap();
        assert_eq!(plan(&account(&["a", "c"]), wish(true)), names(&["a", "c", "b"]));
        assert_eq!(plan(&account(&["a", "b", "c", "b"]), wish(false)), names(&["a", "c"]));
        assert_eq!(plan(&account(&["b"]), wish(true)), None);
        assert_eq!(plan(&account(&["a"]), wish(false)), None);
    }

    #[test]
    fn in_a_template_the_reference_is_where_pods_take_it_from() {
        let deployment = object(json!({
            "metadata": { "name": "web" },
            "spec": { "template": { "spec": { "containers": [], "imagePullSecrets": [{ "name": "a" }] } } },
        }));
        let list = json!([{ "name": "a" }, { "name": "b" }]);
        let patch = json!({ "spec": { "template": { "spec": { "imagePullSecrets": list } } } });
        assert_eq!(plan(&deployment, Kind::Deployment, wish(true)).unwrap(), Some(patch));
    }

    #[test]
    fn what_a_controller_makes_is_left_to_it_even_with_force() {
        let owner = json!({ "apiVersion": "apps/v1", "kind": "Deployment", "name": "web", "uid": "1", "controller": true });
        let set = object(json!({
            "metadata": { "name": "web-1", "namespace": "a", "ownerReferences": [owner] },
            "spec": { "template": { "spec": { "containers": [] } } },
        }));
        let failure = plan(&set, Kind::ReplicaSet, Wish { force: true, ..wish(true) }).unwrap_err();
        assert_eq!(failure.code, exit::CONFLICT);
        assert!(failure.hint.unwrap().starts_with("name that one, deployment/web"));
    }
}
