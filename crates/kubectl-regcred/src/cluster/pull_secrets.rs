//! Changing the entries of pull secrets.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chrono::{DateTime, Utc};
use k8s_openapi::api::core::v1::Secret;
use kube::Api;
use regcred_core::metadata::{check_name, check_namespace};
use regcred_core::plan::{Change, EntryChange, Intent, Observed, Plan, Refusal, Terms, plan};
use regcred_core::stored::{MANAGED_BY, MANAGER, PULL_TYPES, Stored};
use serde_json::{Map, Value, json};
use zeroize::Zeroizing;

use super::change::{Changed, Target, change};
use super::create::without_data;
use super::failure::Operation;
use super::list::SECRETS;
use super::pages::{self, ListError, Selection};
use super::{ChangeOptions, Connection, owner};
use crate::failure::{Failure, exit};

/// What is wanted of pull secrets.
#[derive(Clone, Copy)]
pub(crate) struct Wish<'a> {
    pub(crate) intent: Intent<'a>,
    pub(crate) now: DateTime<Utc>,
    /// When the new credential expires, if the person says so.
    pub(crate) expires_at: Option<DateTime<Utc>>,
    /// Whether passwords in the last applied manifest are removed; unless said, from Secrets that we manage.
    pub(crate) scrub_last_applied: Option<bool>,
    /// Whether Secrets that others manage are changed too.
    pub(crate) force: bool,
}

/// What became of a pull secret.
pub(crate) struct Edited {
    pub(crate) changed: Changed,
    /// The Secret as it is now.
    pub(crate) secret: Secret,
    /// What was done to its entries.
    pub(crate) entries: Vec<EntryChange>,
}

/// Why a Secret can't be changed as it is wished.
pub(crate) enum Obstacle {
    /// Somebody else manages it; in words.
    Owner(String),
    /// It can't be edited.
    Refusal(Refusal),
}

/// The Secret, if there is one of this name.
pub(crate) async fn find(
    connection: &Connection,
    namespace: &str,
    name: &str,
) -> Result<Option<Secret>, Failure> {
    // It becomes part of a URL.
    check_name(name).map_err(|error| Failure::usage(error.to_string()))?;
    check_namespace(namespace).map_err(|error| Failure::usage(error.to_string()))?;
    let api: Api<Secret> = Api::namespaced(connection.client.clone(), namespace);
    let operation = Operation {
        verb: "get",
        resource: "secrets",
        kind: "secret",
        namespace: Some(namespace),
        name,
        server: &connection.server,
    };
    api.get_opt(name).await.map_err(|error| operation.failure(&error))
}

/// What `keep` makes of the pull secrets in a namespace, or in all, of this name or any.
///
/// The outer error is for what can't be read at all; what we may not read is told apart.
pub(crate) async fn find_all<R>(
    connection: &Connection,
    namespace: Option<&str>,
    name: Option<&str>,
    keep: impl Fn(Secret) -> Option<R>,
) -> Result<Result<Vec<R>, Forbidden>, Failure> {
    let mut found = Vec::new();
    for kind in PULL_TYPES {
        let of_name = name.map(|name| format!(",metadata.name={name}")).unwrap_or_default();
        let fields = format!("type={kind}{of_name}");
        let selection = Selection { namespace, fields: Some(&fields), ..Selection::default() };
        let take = |kept: &mut Vec<R>, secret: Secret| kept.extend(keep(secret));
        match pages::read(connection, SECRETS, selection, take).await {
            Ok(secrets) => found.extend(secrets),
            Err(ListError::Forbidden(failure)) => return Ok(Err(Forbidden(failure))),
            Err(ListError::Failed(failure)) => return Err(failure),
        }
    }
    Ok(Ok(found))
}

/// We may not read it.
pub(crate) struct Forbidden(pub(crate) Failure);

/// What the rules look at in a Secret.
pub(crate) fn stored(secret: &Secret) -> Stored<'_> {
    Stored::new(secret.type_.as_deref().unwrap_or_default(), |key| {
        secret.data.as_ref().and_then(|data| data.get(key)).map(|value| value.0.as_slice())
    })
}

/// Drops the fields' managers if all that they say is that nobody else manages the data: half of a small Secret.
pub(crate) fn trim(secret: &mut Secret) {
    if owner::of(&secret.metadata, "f:data").is_none() {
        secret.metadata.managed_fields = None;
    }
}

/// What would be done to the Secret.
pub(crate) fn plan_for(secret: &Secret, wish: &Wish<'_>) -> Result<Plan, Obstacle> {
    let none = BTreeMap::new();
    let observed = Observed {
        stored: stored(secret),
        data_bytes: secret.data.iter().flatten().map(|(_, value)| value.0.len()).sum(),
        immutable: secret.immutable.unwrap_or_default(),
        annotations: secret.metadata.annotations.as_ref().unwrap_or(&none),
    };
    let terms = Terms {
        now: wish.now,
        expires_at: wish.expires_at,
        scrub_last_applied: wish.scrub_last_applied.unwrap_or_else(|| is_ours(secret)),
    };
    let plan = plan(&observed, &wish.intent, &terms).map_err(Obstacle::Refusal)?;
    match owner::of(&secret.metadata, "f:data") {
        Some(owner) if !wish.force && matches!(plan, Plan::Change(_)) => Err(Obstacle::Owner(owner)),
        _ => Ok(plan),
    }
}

/// Changes the Secret, which was read as `observed`, if at all.
pub(crate) async fn edit(
    connection: &Connection,
    namespace: &str,
    name: &str,
    observed: Option<Secret>,
    wish: &Wish<'_>,
    options: &ChangeOptions,
) -> Result<Edited, Failure> {
    let target = Target { resource: "secrets", kind: "secret", namespace, name };
    let mut entries = Vec::new();
    let mut sent = Zeroizing::new(Vec::new());
    let result = change(connection, target, observed, options, |secret: &Secret| {
        let plan = plan_for(secret, wish).map_err(|obstacle| obstacle.failure(namespace, name))?;
        let Plan::Change(change) = plan else { return Ok(None) };
        let patch = patch(&change);
        entries = change.entries;
        sent = change.config.map(|(_, text)| text).unwrap_or_default();
        Ok(Some(patch))
    });
    let (changed, secret) = result.await.map_err(|failure| without_data(failure, name, [&**sent]))?;
    Ok(Edited { changed, secret, entries })
}

/// The Secret as the change makes it, for a dry run that sends nothing.
pub(crate) fn changed(mut secret: Secret, change: &Change) -> Secret {
    if let Some((key, text)) = &change.config {
        let value = k8s_openapi::ByteString(text.to_vec());
        secret.data.get_or_insert_default().insert((*key).to_owned(), value);
    }
    let annotations = secret.metadata.annotations.get_or_insert_default();
    for (name, value) in &change.annotations {
        match value {
            Some(value) => annotations.insert((*name).to_owned(), value.clone()),
            None => annotations.remove(*name),
        };
    }
    secret
}

impl Obstacle {
    /// The same as a failure.
    pub(crate) fn failure(&self, namespace: &str, name: &str) -> Failure {
        let title = format!("secret/{name} in namespace {namespace:?}");
        match self {
            Self::Owner(owner) => Failure::new(
                exit::CONFLICT,
                format!("{title} is managed by {owner}; nothing was changed in it"),
            )
            .hint("change the credential in its source, or the change will be undone; --force goes on"),
            Self::Refusal(refusal @ Refusal::OtherLogin(_)) => {
                Failure::new(exit::CONFLICT, format!("{title} was left alone: {refusal}"))
                    .hint("something else changed it at the same time; look at it, and rotate again")
            }
            Self::Refusal(refusal) => {
                let failure = Failure::new(exit::FAILED, format!("{title} can't be changed: {refusal}"));
                match refusal {
                    Refusal::NotForPulling(_) | Refusal::NoDockerConfig(_) | Refusal::Unreadable(_) => {
                        failure.hint(
                            "`kubectl regcred lint` says what is wrong with it; delete it and create it anew",
                        )
                    }
                    Refusal::OtherLogin(_) => failure,
                    Refusal::Immutable => failure.hint("create another one, and attach that"),
                    Refusal::TooLarge(_) => failure.hint("put the entry into a Secret of its own"),
                }
            }
        }
    }
}

fn is_ours(secret: &Secret) -> bool {
    let labels = secret.metadata.labels.as_ref();
    labels.and_then(|labels| labels.get(MANAGED_BY)).is_some_and(|by| by == MANAGER)
}

/// The merge patch that makes the change.
fn patch(change: &Change) -> Value {
    let mut patch = json!({ "metadata": {} });
    if !change.annotations.is_empty() {
        patch["metadata"]["annotations"] = json!(change.annotations);
    }
    if let Some((key, text)) = &change.config {
        patch["data"] = Map::from_iter([((*key).to_owned(), STANDARD.encode(&text[..]).into())]).into();
    }
    patch
}
