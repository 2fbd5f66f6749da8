//! Putting a new pull secret in the place of an immutable one: it is created under another name, those who name the
//! old one are moved over, and the old one stays, unless it is to be pruned and nobody uses it any more.

use k8s_openapi::NamespaceResourceScope;
use k8s_openapi::api::apps::v1::{DaemonSet, Deployment, ReplicaSet, StatefulSet};
use k8s_openapi::api::batch::v1::CronJob;
use k8s_openapi::api::core::v1::{LocalObjectReference, PodTemplateSpec, Secret, ServiceAccount};
use kube::api::{DeleteParams, Preconditions};
use kube::{Api, Resource};
use regcred_core::metadata::check_name;
use regcred_core::plan::{EntryChange, LAST_APPLIED, Plan, Refusal};
use regcred_core::pull_secret::{PullSecret, TYPE, without_hash_suffix};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use zeroize::Zeroizing;

use super::change::{Changed, Target, change};
use super::consumers::{Consumer, ConsumerKind, Consumers, How, Kind, Use, Verdict};
use super::create::create;
use super::failure::Operation;
use super::pull_secrets::{self, Obstacle, Wish};
use super::reach::is_lost;
use super::{ChangeOptions, Connection, owner};
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

/// The Secret that takes the place of an immutable one; `None` if the wish is fulfilled or does not mean it.
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
    match pull_secrets::find(connection, &namespace, &to).await? {
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
        let target = Target { resource: kind.plural(), kind: kind.singular(), namespace: &namespace, name };
        match move_over(connection, *kind, target, &from, &to, force, options).await {
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

async fn move_over(
    connection: &Connection,
    kind: Kind,
    target: Target<'_>,
    from: &str,
    to: &str,
    force: bool,
    options: &ChangeOptions,
) -> Result<Changed, Failure> {
    let mover = Mover { connection, target, from, to, force, options };
    let in_template = |list: Value| json!({"spec": {"template": {"spec": {"imagePullSecrets": list}}}});
    match kind {
        Kind::ServiceAccount => {
            let list = |account: &ServiceAccount| account.image_pull_secrets.clone();
            mover.run(list, |list| json!({ "imagePullSecrets": list }), "f:imagePullSecrets").await
        }
        Kind::Deployment => {
            let list = |it: &Deployment| of_template(&it.spec.as_ref()?.template);
            mover.run(list, in_template, "f:spec").await
        }
        Kind::StatefulSet => {
            let list = |it: &StatefulSet| of_template(&it.spec.as_ref()?.template);
            mover.run(list, in_template, "f:spec").await
        }
        Kind::DaemonSet => {
            let list = |it: &DaemonSet| of_template(&it.spec.as_ref()?.template);
            mover.run(list, in_template, "f:spec").await
        }
        Kind::ReplicaSet => {
            let list = |it: &ReplicaSet| of_template(it.spec.as_ref()?.template.as_ref()?);
            mover.run(list, in_template, "f:spec").await
        }
        Kind::CronJob => {
            let list = |it: &CronJob| of_template(&it.spec.job_template.spec.as_ref()?.template);
            let patch = |list| json!({"spec": {"jobTemplate": in_template(list)}});
            mover.run(list, patch, "f:spec").await
        }
        Kind::Job | Kind::Pod => Ok(Changed::AlreadySo),
    }
}

fn of_template(template: &PodTemplateSpec) -> Option<Vec<LocalObjectReference>> {
    template.spec.as_ref()?.image_pull_secrets.clone()
}

struct Mover<'a> {
    connection: &'a Connection,
    target: Target<'a>,
    from: &'a str,
    to: &'a str,
    force: bool,
    options: &'a ChangeOptions,
}

impl Mover<'_> {
    /// Puts the new name in the place of the old one in the list that `list` finds and `patch` writes.
    async fn run<K>(
        &self,
        list: impl Fn(&K) -> Option<Vec<LocalObjectReference>>,
        patch: impl Fn(Value) -> Value,
        field: &str,
    ) -> Result<Changed, Failure>
    where
        K: Resource<DynamicType = (), Scope = NamespaceResourceScope>
            + Clone
            + DeserializeOwned
            + std::fmt::Debug,
    {
        let Self { connection, target, from, to, force, options } = self;
        let plan = |object: &K| {
            let before = list(object).unwrap_or_default();
            if !before.iter().any(|reference| reference.name == *from) {
                return Ok(None);
            }
            if let Some(owner) = owner::of(object.meta(), field).filter(|_| !force) {
                let Target { kind, namespace, name, .. } = target;
                let message = format!(
                    "{kind}/{name} in namespace {namespace:?} is managed by {owner}, and still names secret/{from}"
                );
                return Err(Failure::new(exit::CONFLICT, message)
                    .hint(format!("name secret/{to} in its source instead; --force goes on")));
            }
            let mut after: Vec<LocalObjectReference> = Vec::new();
            for reference in before {
                let name = if reference.name == *from { (*to).to_owned() } else { reference.name };
                if !after.iter().any(|known| known.name == name) {
                    after.push(LocalObjectReference { name });
                }
            }
            Ok(Some(patch(json!(after))))
        };
        // On the heap: there are seven kinds of it, and each is large.
        let (changed, _) = Box::pin(change(connection, *target, None, options, plan)).await?;
        Ok(changed)
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
