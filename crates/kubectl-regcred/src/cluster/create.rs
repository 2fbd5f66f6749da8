//! Creating a pull secret, and showing it as Kubernetes' own type.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::Secret;
use kube::Api;
use kube::api::{ObjectMeta, PostParams};
use regcred_core::credential::{Login, encode_auth};
use regcred_core::docker_config::{DockerConfig, Form};
use regcred_core::pull_secret::PullSecret;
use regcred_core::stored::TYPE;
use serde_json::{Map, Value};
use zeroize::Zeroizing;

use super::failure::{Operation, tried};
use super::reach::is_lost;
use super::retry;
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

/// Creates the Secret and returns it as the server holds it. What the server says against it is told, unless it
/// quotes the Secret's data.
///
/// If the answer is lost, the Secret is read back: one that is what we sent counts as created, and one that is
/// not there is sent again.
pub(crate) async fn create(
    connection: &Connection,
    namespace: &str,
    secret: &Secret,
    options: &ChangeOptions,
) -> Result<Secret, Failure> {
    let created = create_and_read_back(connection, namespace, secret, options).await;
    let name = secret.metadata.name.as_deref().unwrap_or_default();
    let sent = secret.data.iter().flatten().map(|(_, value)| value.0.as_slice());
    created.map_err(|failure| without_data(failure, name, sent))
}

/// An admission rule or a gateway may put what was sent into its message.
pub(super) fn without_data<'a>(
    failure: Failure,
    name: &str,
    sent: impl IntoIterator<Item = &'a [u8]>,
) -> Failure {
    let quotes = sent.into_iter().any(|value| {
        let text = Zeroizing::new(String::from_utf8_lossy(value).into_owned());
        let config = DockerConfig::parse(value, Form::Config).ok();
        let logins =
            config.iter().flat_map(DockerConfig::entries).filter_map(|entry| entry.login().ok().flatten());
        let passwords = logins.filter_map(|login| match login {
            Login::Password(login) => {
                Some([login.password.expose().to_owned(), encode_auth(&login).to_string()])
            }
            Login::IdentityToken(_) | Login::RegistryToken(_) => None,
        });
        // The server may cut its message short, so the beginning is enough.
        let begins = |text: &str| text.chars().take(24).collect::<String>();
        let mut secrets: Vec<_> = passwords.flatten().collect();
        secrets.extend([begins(&text), begins(&STANDARD.encode(value))]);
        // Shorter ones are found in any sentence.
        secrets.iter().any(|secret| secret.len() >= 8 && failure.message.contains(secret.as_str()))
    });
    if !quotes {
        return failure;
    }
    let message =
        format!("the cluster refused secret/{name}, in words that quote its data and so are not shown");
    Failure { message, ..failure }
}

async fn create_and_read_back(
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
    for attempt in 1..=ATTEMPTS {
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
            Ok(None) => lost = Some(tried(operation.failure(&error), attempt)),
            Err(_) => {
                return Err(unknown_outcome(operation.failure(&error), name, namespace));
            }
        }
        if attempt < ATTEMPTS {
            tokio::time::sleep(retry::pause(attempt)).await;
        }
    }
    Err(lost.unwrap_or_else(|| operation.exists()))
}

fn unknown_outcome(failure: Failure, name: &str, namespace: &str) -> Failure {
    let message = format!("{}; whether secret/{name} was created is not known", failure.message);
    Failure { message, ..failure }
        .hint(format!("run the command again, or look with `kubectl get secret {name} -n {namespace}`"))
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
