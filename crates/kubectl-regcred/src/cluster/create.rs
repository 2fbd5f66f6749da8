//! Creating a pull secret, and showing it as Kubernetes' own type.

use std::collections::BTreeMap;

use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::Secret;
use kube::Api;
use kube::api::{ObjectMeta, PostParams};
use regcred_core::pull_secret::{PullSecret, TYPE};
use serde_json::{Map, Value};

use super::failure::{Operation, is_connect};
use super::{ChangeOptions, Connection};
use crate::failure::{Failure, exit};

/// How often a create is sent at most, when its answers are lost.
const ATTEMPTS: u32 = 3;

/// The pull secret as the API server takes it.
pub(crate) fn to_kubernetes(secret: &PullSecret) -> Secret {
    let some = |map: &BTreeMap<String, String>| (!map.is_empty()).then(|| map.clone());
    Secret {
        metadata: ObjectMeta {
            name: Some(secret.name.clone()),
            namespace: secret.namespace.clone(),
            labels: some(&secret.labels),
            annotations: some(&secret.annotations),
            ..ObjectMeta::default()
        },
        immutable: secret.immutable,
        data: Some(
            secret.data().iter().map(|(key, value)| (key.clone(), ByteString(value.to_vec()))).collect(),
        ),
        type_: Some(TYPE.to_owned()),
        ..Secret::default()
    }
}

/// The Secret as kubectl prints it: its fields in kubectl's order, without `managedFields`.
pub(crate) fn to_object(secret: &Secret) -> Result<Value, Failure> {
    let mut shown = secret.clone();
    shown.metadata.managed_fields = None;
    let object = serde_json::to_value(&shown)
        .map_err(|error| Failure::new(exit::FAILED, format!("can't write the Secret as JSON: {error}")))?;
    Ok(in_order(&object, &["kind", "apiVersion", "metadata", "immutable", "data", "type"], |name, value| {
        let metadata =
            ["name", "namespace", "uid", "resourceVersion", "creationTimestamp", "labels", "annotations"];
        if name == "metadata" { in_order(value, &metadata, |_, value| value.clone()) } else { value.clone() }
    }))
}

/// An object with these members first, if it has them, each put through `map`.
fn in_order(object: &Value, first: &[&str], map: impl Fn(&str, &Value) -> Value) -> Value {
    let Value::Object(members) = object else {
        return object.clone();
    };
    let (known, rest): (Vec<_>, Vec<_>) =
        members.iter().partition(|(name, _)| first.contains(&name.as_str()));
    let mut known = known;
    known.sort_by_key(|(name, _)| first.iter().position(|listed| listed == name));
    known
        .into_iter()
        .chain(rest)
        .map(|(name, value)| (name.clone(), map(name, value)))
        .collect::<Map<_, _>>()
        .into()
}

/// Creates the Secret and returns it as the server holds it.
///
/// If the answer is lost, the Secret is read back: one that is what we sent counts as created, and one that is
/// not there is sent again.
pub(crate) async fn create(
    connection: &Connection,
    namespace: &str,
    secret: &Secret,
    options: &ChangeOptions,
) -> Result<Secret, Failure> {
    let api: Api<Secret> = Api::namespaced(connection.client.clone(), namespace);
    let name = secret.metadata.name.as_deref().unwrap_or_default();
    let operation = Operation {
        verb: "create",
        resource: "secrets",
        kind: "secret",
        namespace: Some(namespace),
        name,
        server: &connection.server,
    };
    let params = PostParams { dry_run: options.dry_run, field_manager: Some(options.field_manager.clone()) };
    let mut lost = None;
    for _ in 0..ATTEMPTS {
        let error = match api.create(&params, secret).await {
            Ok(created) => return Ok(created),
            Err(error) => error,
        };
        let exists = matches!(&error, kube::Error::Api(status) if status.reason == "AlreadyExists");
        if options.dry_run || !(is_lost(&error) || (exists && lost.is_some())) {
            return Err(operation.failure(&error));
        }
        match api.get_opt(name).await {
            Ok(Some(found)) if is_ours(secret, &found) => return Ok(found),
            Ok(Some(_)) => return Err(operation.exists()),
            Ok(None) => lost = Some(operation.failure(&error)),
            Err(_) => {
                return Err(unknown_outcome(operation.failure(&error), name, namespace));
            }
        }
    }
    Err(lost.unwrap_or_else(|| operation.exists()))
}

fn unknown_outcome(failure: Failure, name: &str, namespace: &str) -> Failure {
    let message = format!("{}; whether secret/{name} was created is not known", failure.message);
    Failure { message, ..failure }
        .hint(format!("run the command again, or look with `kubectl get secret {name} -n {namespace}`"))
}

/// Whether the write may have taken effect although no answer said so.
fn is_lost(error: &kube::Error) -> bool {
    match error {
        kube::Error::Api(status) => status.code >= 500,
        kube::Error::HyperError(_) | kube::Error::SerdeError(_) | kube::Error::Service(_) => {
            !is_connect(error)
        }
        _ => false,
    }
}

/// Whether the Secret that was found is the one that was sent: all that we set is as we set it.
fn is_ours(sent: &Secret, found: &Secret) -> bool {
    let holds = |found: &Option<BTreeMap<String, String>>, sent: &Option<BTreeMap<String, String>>| {
        let found = found.as_ref();
        sent.iter().flatten().all(|(key, value)| found.and_then(|map| map.get(key)) == Some(value))
    };
    sent.data == found.data
        && sent.type_ == found.type_
        && sent.immutable == found.immutable
        && holds(&found.metadata.labels, &sent.metadata.labels)
        && holds(&found.metadata.annotations, &sent.metadata.annotations)
}
