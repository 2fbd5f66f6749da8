//! Reading Secrets, in pages.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chrono::{DateTime, Utc};
use futures_util::future::try_join_all;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ManagedFieldsEntry, ObjectMeta, OwnerReference};
use kube::api::GetParams;
use kube::core::Request;
use regcred_core::metadata::{check_name, check_namespace};
use regcred_core::stored::{KEYS, LEGACY_TYPE, OPAQUE, PULL_TYPES, TYPE};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;
use zeroize::Zeroizing;

use super::failure::Operation;
use super::pages::{self, ListError, Resource, Selection};
use super::{Connection, owner};
use crate::failure::Failure;
use crate::manifest::SecretData;

/// A page has more of them than kubectl's 500: pull secrets are small.
pub(super) const SECRETS: Resource =
    Resource { api: "api/v1", plural: "secrets", singular: "secret", page: 1000 };

/// The types of Secret that can hold a docker config. `Opaque` ones do when somebody forgot the type; other types
/// don't, and can be large (Helm's releases) or many (tokens).
pub(crate) const ALL_TYPES: &[&str] = &[TYPE, LEGACY_TYPE, OPAQUE];

/// Which Secrets to read.
#[derive(Clone, Copy)]
pub(crate) struct Scope<'a> {
    /// The namespace, or all of them.
    pub(crate) namespace: Option<&'a str>,
    /// A label selector.
    pub(crate) selector: Option<&'a str>,
    /// A field selector.
    pub(crate) fields: Option<&'a str>,
    /// The types: [`PULL_TYPES`] or [`ALL_TYPES`].
    pub(crate) types: &'static [&'static str],
}

/// Every Secret in scope that holds a docker config or claims to, by namespace and name; `keep` says what is kept of
/// each, because all of all would be too much.
pub(crate) async fn pull_secrets<R>(
    connection: &Connection,
    scope: Scope<'_>,
    keep: impl Fn(SecretData) -> R,
) -> Result<Vec<R>, Failure> {
    read(connection, scope, keep).await.map_err(ListError::failure)
}

/// The same, or `None` if Secrets may not be listed there.
pub(crate) async fn pull_secrets_if_allowed<R>(
    connection: &Connection,
    scope: Scope<'_>,
    keep: impl Fn(SecretData) -> R,
) -> Result<Option<Vec<R>>, Failure> {
    match read(connection, scope, keep).await {
        Ok(kept) => Ok(Some(kept)),
        Err(ListError::Forbidden(_)) => Ok(None),
        Err(ListError::Failed(failure)) => Err(failure),
    }
}

async fn read<R>(
    connection: &Connection,
    scope: Scope<'_>,
    keep: impl Fn(SecretData) -> R,
) -> Result<Vec<R>, ListError> {
    let keep = &keep;
    let lists = scope.types.iter().map(|kind| async move {
        let mut fields = format!("type={kind}");
        if let Some(more) = scope.fields {
            fields = format!("{fields},{more}");
        }
        let selection =
            Selection { namespace: scope.namespace, labels: scope.selector, fields: Some(&fields) };
        let take = |kept: &mut Vec<_>, object: Object| {
            let secret = SecretData::from(object);
            if is_for_pulling(&secret) {
                kept.push(((secret.namespace.clone(), secret.name.clone()), keep(secret)));
            }
        };
        pages::read(connection, SECRETS, selection, take).await
    });
    let mut found: Vec<_> = try_join_all(lists).await?.into_iter().flatten().collect();
    found.sort_by(|(a, _), (b, _)| a.cmp(b));
    Ok(found.into_iter().map(|(_, kept)| kept).collect())
}

/// The namespaces and names of all pull secrets in a namespace, or in all.
pub(crate) async fn pull_secret_names(
    connection: &Connection,
    namespace: Option<&str>,
) -> Result<Vec<(String, String)>, Failure> {
    let lists = PULL_TYPES.iter().map(|kind| async move {
        let fields = format!("type={kind}");
        let selection = Selection { namespace, fields: Some(&fields), ..Selection::default() };
        let take =
            |kept: &mut Vec<_>, Named { metadata }: Named| kept.push((metadata.namespace, metadata.name));
        pages::read(connection, SECRETS, selection, take).await.map_err(ListError::failure)
    });
    Ok(try_join_all(lists).await?.into_iter().flatten().collect())
}

/// The type of a Secret, if it exists. Who may list Secrets may ask.
pub(crate) async fn secret_type(
    connection: &Connection,
    namespace: &str,
    name: &str,
) -> Result<Option<String>, Failure> {
    // Names that no Secret can have are not refused in references, and would be no field selector.
    if check_name(name).is_err() {
        return Ok(None);
    }
    let fields = format!("metadata.name={name}");
    let selection = Selection { namespace: Some(namespace), fields: Some(&fields), ..Selection::default() };
    let take = |kept: &mut Option<_>, Typed { kind }: Typed| *kept = Some(kind);
    pages::read(connection, SECRETS, selection, take).await.map_err(ListError::failure)
}

/// The Secret of this name, whatever its type.
pub(crate) async fn secret(
    connection: &Connection,
    namespace: &str,
    name: &str,
) -> Result<SecretData, Failure> {
    // It becomes part of a URL.
    check_name(name).map_err(|error| Failure::usage(error.to_string()))?;
    check_namespace(namespace).map_err(|error| Failure::usage(error.to_string()))?;
    let operation = Operation {
        verb: "get",
        resource: SECRETS.plural,
        kind: SECRETS.singular,
        namespace: Some(namespace),
        name,
        server: &connection.server,
    };
    let request = Request::new(format!("/{}/namespaces/{namespace}/{}", SECRETS.api, SECRETS.plural));
    let answer = match request.get(name, &GetParams::default()) {
        Ok(request) => connection.client.request::<Object>(request).await,
        Err(error) => Err(kube::Error::BuildRequest(error)),
    };
    answer.map(SecretData::from).map_err(|error| operation.failure(&error))
}

fn is_for_pulling(secret: &SecretData) -> bool {
    secret.kind != OPAQUE || KEYS.iter().any(|key| secret.data.contains_key(*key))
}

/// All that is read of a Secret whose type is known.
#[derive(Deserialize)]
struct Named {
    metadata: Name,
}

#[derive(Deserialize)]
struct Name {
    namespace: String,
    name: String,
}

/// All that is read of a Secret whose name is known.
#[derive(Deserialize)]
struct Typed {
    #[serde(rename = "type")]
    kind: String,
}

/// What is read of a Secret.
#[derive(Deserialize)]
struct Object {
    metadata: Metadata,
    #[serde(rename = "type", default)]
    kind: String,
    #[serde(default)]
    immutable: Option<bool>,
    #[serde(default)]
    data: Option<BTreeMap<String, Data>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Metadata {
    namespace: Option<String>,
    name: Option<String>,
    creation_timestamp: Option<String>,
    #[serde(default)]
    labels: BTreeMap<String, String>,
    #[serde(default)]
    annotations: BTreeMap<String, String>,
    #[serde(default)]
    owner_references: Vec<OwnerReference>,
    /// Most of a small Secret's text, and rarely of interest.
    #[serde(default)]
    managed_fields: Vec<Box<RawValue>>,
}

/// A value of a Secret, decoded.
struct Data(Zeroizing<Vec<u8>>);

impl<'de> Deserialize<'de> for Data {
    fn deserialize<D: Deserializer<'de>>(source: D) -> Result<Self, D::Error> {
        let encoded = Zeroizing::new(String::deserialize(source)?);
        STANDARD
            .decode(encoded.as_bytes())
            .map(|data| Self(Zeroizing::new(data)))
            .map_err(|_| serde::de::Error::custom("not base64"))
    }
}

impl From<Object> for SecretData {
    fn from(object: Object) -> Self {
        let Object { metadata, kind, immutable, data } = object;
        let applied = metadata.managed_fields.iter().filter(|entry| entry.get().contains("\"Apply\""));
        let applied =
            applied.filter_map(|entry| serde_json::from_str::<ManagedFieldsEntry>(entry.get()).ok());
        let meta = ObjectMeta {
            labels: Some(metadata.labels),
            annotations: Some(metadata.annotations),
            owner_references: Some(metadata.owner_references),
            managed_fields: Some(applied.collect()),
            ..ObjectMeta::default()
        };
        let created = metadata.creation_timestamp.as_deref().map(DateTime::parse_from_rfc3339);
        Self {
            namespace: metadata.namespace,
            name: metadata.name,
            kind,
            data: data.into_iter().flatten().map(|(key, Data(value))| (key, value)).collect(),
            managed_by: owner::of(&meta, "f:data"),
            annotations: meta.annotations.unwrap_or_default(),
            labels: meta.labels.unwrap_or_default(),
            immutable: immutable == Some(true),
            created: created.and_then(Result::ok).map(|time| time.with_timezone(&Utc)),
        }
    }
}
