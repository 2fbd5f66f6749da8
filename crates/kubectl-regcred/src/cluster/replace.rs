//! Putting a new pull secret in the place of an immutable one: it is created under another name, those who name the
//! old one are moved over, and the old one stays, unless it is to be pruned and nobody uses it any more.

use k8s_openapi::api::core::v1::Secret;
use kube::Api;
use kube::api::{DeleteParams, Preconditions};
use regcred_core::metadata::check_name;
use regcred_core::plan::{EntryChange, Plan, Refusal};
use regcred_core::pull_secret::{PullSecret, without_hash_suffix};
use regcred_core::stored::{LAST_APPLIED, TYPE};
use zeroize::Zeroizing;

use super::attach::{self, Rename};
use super::change::Changed;
use super::consumers::{Consumer, ConsumerKind, Consumers, How, Kind, Use, Verdict};
use super::create::create;
use super::failure::Operation;
use super::pull_secrets::{self, Obstacle, Wish};
use super::reach::is_lost;
use super::{ChangeOptions, Connection};
use crate::failure::{Failure, exit};

/// An immutable Secret, and the one that takes its place.
pub(crate) struct Replacement {
    pub(crate) old: Secret,
    pub(crate) new: Secret,
    /// What is different in it.
    pub(crate) entries: Vec<EntryChange>,
}

/// Those who use a Secret, by what can be done with them.
#[derive(Default)]
pub(crate) struct Users {
    /// They name another one from now on.
    pub(crate) movable: Vec<(Kind, String)>,
    /// They can't be changed, or use it otherwise than to pull: in words.
    pub(crate) fixed: Vec<String>,
}

/// What became of a replacement.
#[derive(Clone, Debug, Default)]
pub(crate) struct Replaced {
    pub(crate) created: bool,
    /// Who was moved over, as `deployment/web`.
    pub(crate) moved: Vec<String>,
    /// Whether the old Secret was deleted.
    pub(crate) pruned: bool,
    /// Why it was not, although it should have been.
    pub(crate) kept: Option<String>,
    /// Who could not be moved over.
    pub(crate) failures: Vec<Failure>,
}

/// The Secret that takes the place of an immutable one; `None` if the wish is fulfilled.
pub(crate) fn plan_for(old: &Secret, wish: &Wish<'_>) -> Result<Option<Replacement>, Obstacle> {
    let mut new = old.clone();
    new.immutable = None;
    let Plan::Change(change) = pull_secrets::plan_for(&new, wish)? else { return Ok(None) };
    let entries = change.entries.clone();
    let changed = pull_secrets::changed(new, &change);
    // kubectl's hash is for the usual type only.
    if changed.type_.as_deref() != Some(TYPE) {
        return Err(Obstacle::Refusal(Refusal::Immutable));
    }
    let data = changed.data.iter().flatten();
    let data = data.map(|(key, value)| (key.clone(), Zeroizing::new(value.0.clone()))).collect();
    let base = without_hash_suffix(old.metadata.name.as_deref().unwrap_or_default());
    let Ok(mut hashed) = PullSecret::from_data(base, data) else {
        return Err(Obstacle::Refusal(Refusal::Immutable));
    };
    hashed.immutable = Some(true);
    let name = format!("{base}-{}", hashed.hash_suffix());
    if check_name(&name).is_err() {
        return Err(Obstacle::Refusal(Refusal::Immutable));
    }
    let mut new =
        Secret { immutable: Some(true), data: changed.data, type_: changed.type_, ..Secret::default() };
    new.metadata.name = Some(name);
    new.metadata.namespace.clone_from(&old.metadata.namespace);
    new.metadata.labels.clone_from(&old.metadata.labels);
    new.metadata.annotations = changed.metadata.annotations;
    // It was noted of the old one, and holds its password.
    new.metadata.annotations.iter_mut().for_each(|annotations| {
        annotations.remove(LAST_APPLIED);
    });
    Ok(Some(Replacement { old: old.clone(), new, entries }))
}

/// Sorts those who use a Secret.
pub(crate) fn users(of: &Use<'_>) -> Users {
    let mut sorted = Users::default();
    for (Consumer { kind, name }, uses) in of.known() {
        let uses: Vec<_> = uses.collect();
        let title = format!("{kind}/{name}").to_lowercase();
        let pulls = uses.iter().any(|usage| usage.how == How::Pull && usage.named_itself);
        match kind {
            ConsumerKind::Known(kind) if pulls && !matches!(kind, Kind::Job | Kind::Pod) => {
                sorted.movable.push((*kind, name.clone()));
            }
            _ if pulls => sorted.fixed.push(title.clone()),
            _ => {}
        }
        // What it owns follows it, or goes in time.
        if uses.iter().any(|usage| usage.how != How::Pull && usage.named_itself) {
            sorted.fixed.push(format!("{title} (not only to pull)"));
        }
    }
    sorted
}

/// Whether its pods are replaced when its template changes.
pub(crate) fn rolls(kind: Kind) -> bool {
    matches!(kind, Kind::Deployment | Kind::StatefulSet | Kind::DaemonSet)
}

/// Creates the new Secret, and moves over those who name the old one.
pub(crate) async fn replace(
    connection: &Connection,
    replacement: &Replacement,
    movable: &[(Kind, String)],
    prune: bool,
    force: bool,
    options: &ChangeOptions,
) -> Result<Replaced, Failure> {
    let Replacement { old, new, .. } = replacement;
    let name = |secret: &Secret| secret.metadata.name.clone().unwrap_or_default();
    let namespace = old.metadata.namespace.clone().unwrap_or_default();
    let (from, to) = (name(old), name(new));
    let mut replaced = Replaced::default();
    let successor = pull_secrets::find(connection, &namespace, &to).await?;
    if successor.is_none() {
        is_still_there(connection, &namespace, old).await?;
    }
    match successor {
        Some(found) if found.data == new.data && found.type_ == new.type_ => {}
        // The name has the hash of our data, so somebody chose it on purpose.
        Some(_) => {
            let message = format!("secret/{to} in namespace {namespace:?} exists already, with other data");
            return Err(Failure::new(exit::CONFLICT, message).hint("delete it, if nobody uses it"));
        }
        None => {
            create(connection, &namespace, new, options).await?;
            replaced.created = true;
        }
    }
    for (kind, name) in movable {
        let rename = Rename { from: &from, to: &to, force };
        match attach::rename(connection, *kind, &namespace, name, rename, options).await {
            Ok(Changed::Done) => replaced.moved.push(format!("{}/{name}", kind.singular())),
            Ok(Changed::AlreadySo) => {}
            Err(failure) => replaced.failures.push(failure),
        }
    }
    if prune && replaced.failures.is_empty() && !options.dry_run {
        match prune_old(connection, &namespace, old).await? {
            None => replaced.pruned = true,
            Some(reason) => replaced.kept = Some(reason),
        }
    }
    Ok(replaced)
}

/// Fails unless the Secret that is to be replaced is the one that the plan was made from: another one of its name may
/// hold a login that nobody chose.
async fn is_still_there(connection: &Connection, namespace: &str, old: &Secret) -> Result<(), Failure> {
    let name = old.metadata.name.as_deref().unwrap_or_default();
    let title = format!("secret/{name} in namespace {namespace:?}");
    match pull_secrets::find(connection, namespace, name).await? {
        Some(found) if found.metadata.uid == old.metadata.uid && found.data == old.data => Ok(()),
        Some(_) => {
            Err(Failure::new(exit::CONFLICT, format!("{title} is another one now; it was left alone"))
                .hint("something else changed it at the same time; look at it, and rotate again"))
        }
        None => Err(Failure::new(exit::NOT_FOUND, format!("{title} is gone, and was not replaced"))),
    }
}

/// Deletes the old Secret if nobody uses it; otherwise says why it is kept.
async fn prune_old(
    connection: &Connection,
    namespace: &str,
    old: &Secret,
) -> Result<Option<String>, Failure> {
    let name = old.metadata.name.as_deref().unwrap_or_default();
    let consumers = Consumers::gather(connection, Some(&[namespace.to_owned()])).await?;
    let used = consumers.of(namespace, name);
    match used.verdict() {
        Verdict::Unused => {}
        Verdict::Used => {
            let users: Vec<_> = used
                .known()
                .map(|(Consumer { kind, name }, _)| format!("{kind}/{name}").to_lowercase())
                .collect();
            return Ok(Some(format!("still used by {}", users.join(", "))));
        }
        Verdict::Unknown => {
            let hidden: Vec<_> = used.hidden().iter().map(|kind| kind.plural()).collect();
            return Ok(Some(format!(
                "whether it is used is not known: you may not list {}",
                hidden.join(", ")
            )));
        }
    }
    let api: Api<Secret> = Api::namespaced(connection.client.clone(), namespace);
    let operation = Operation {
        verb: "delete",
        resource: "secrets",
        kind: "secret",
        namespace: Some(namespace),
        name,
        server: &connection.server,
    };
    let preconditions = Preconditions {
        uid: old.metadata.uid.clone(),
        resource_version: old.metadata.resource_version.clone(),
    };
    let params = DeleteParams::default().preconditions(preconditions);
    match api.delete(name, &params).await {
        Ok(_) => Ok(None),
        Err(kube::Error::Api(status)) if status.code == 404 => Ok(None),
        Err(error) if is_lost(&error) => match api.get_opt(name).await {
            Ok(None) => Ok(None),
            _ => Err(operation.failure(&error)),
        },
        Err(error) => Err(operation.failure(&error)),
    }
}
