//! How every object is changed: as a plan says that was made from what was read, and only if it still is so.
//!
//! A change is a merge patch that carries the `resourceVersion` of the object that it was planned from. If
//! somebody else was faster the server answers 409, and there is a fresh read and a new plan. If the answer is lost
//! the object is read back: a plan that finds nothing left to do says that the change was made. What the server
//! answers is put to the plan again, so that nothing is called done that something on the way undid.

use std::fmt::Debug;
use std::time::Duration;

use k8s_openapi::NamespaceResourceScope;
use kube::api::{Patch, PatchParams};
use kube::{Api, Resource};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::failure::{Operation, tried};
use super::reach::is_lost;
use super::{ChangeOptions, Connection, retry};
use crate::failure::{Failure, exit};

/// How often a change is planned anew when somebody else was faster. In each round one writer is done, so this
/// is how many may be at it at once.
const ATTEMPTS: u32 = 50;

/// The object to be changed.
#[derive(Clone, Copy)]
pub(super) struct Target<'a> {
    /// The resource, as RBAC spells it.
    pub(super) resource: &'static str,
    /// One such object, as kubectl calls it before its name.
    pub(super) kind: &'static str,
    pub(super) namespace: &'a str,
    pub(super) name: &'a str,
}

/// What came of a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Changed {
    /// It was made, and confirmed by the server.
    Done,
    /// It was so already.
    AlreadySo,
}

/// Changes one object: `plan` returns the merge patch for an object, without its `resourceVersion`, or `None` if
/// nothing is to be done. `observed` is the object, if it was read already. Returns the object as it is now.
pub(super) async fn change<K>(
    connection: &Connection,
    target: Target<'_>,
    observed: Option<K>,
    options: &ChangeOptions,
    plan: impl FnMut(&K) -> Result<Option<Value>, Failure>,
) -> Result<(Changed, K), Failure>
where
    K: Resource<DynamicType = (), Scope = NamespaceResourceScope> + Clone + DeserializeOwned + Debug,
{
    let api = Api::namespaced(connection.client.clone(), target.namespace);
    change_by(&api, connection, target, observed, options, plan).await
}

/// The same by an API that is known only now: of all objects, or of those whose kind is a value.
pub(super) async fn change_by<K>(
    api: &Api<K>,
    connection: &Connection,
    target: Target<'_>,
    observed: Option<K>,
    options: &ChangeOptions,
    mut plan: impl FnMut(&K) -> Result<Option<Value>, Failure>,
) -> Result<(Changed, K), Failure>
where
    K: Resource + Clone + DeserializeOwned + Debug,
{
    let Target { resource, kind, namespace, name } = target;
    let server = &connection.server;
    let operation = |verb| Operation { verb, resource, kind, namespace: Some(namespace), name, server };
    let params = PatchParams {
        dry_run: options.dry_run,
        field_manager: Some(options.field_manager.clone()),
        ..PatchParams::default()
    };
    let mut observed = observed;
    let mut outcome = Changed::AlreadySo;
    let mut trouble = None;
    let mut lost = 0;
    for attempt in 0..ATTEMPTS {
        let object = match observed.take() {
            Some(object) => object,
            None => match api.get(name).await {
                Ok(object) => object,
                Err(error) if lost > 0 => return Err(unknown(&operation("get").failure(&error), target)),
                Err(error) => return Err(operation("get").failure(&error)),
            },
        };
        let Some(mut patch) = plan(&object)? else { return Ok((outcome, object)) };
        patch["metadata"]["resourceVersion"] = json!(object.meta().resource_version);
        match api.patch(name, &params, &Patch::Merge(&patch)).await {
            Ok(patched) if plan(&patched)?.is_none() => return Ok((Changed::Done, patched)),
            Ok(_) => {
                let message =
                    format!("{kind}/{name} in namespace {namespace:?} is not as it was set after the change");
                return Err(Failure::new(exit::CLUSTER, message).hint(
                    "something in the cluster (an admission policy, a controller) changes it back; ask who runs it",
                ));
            }
            Err(kube::Error::Api(status)) if status.code == 409 => {
                trouble = Some(operation("patch").failure(&kube::Error::Api(status)));
                wait_for_turn(attempt).await;
            }
            Err(error) if is_lost(&error) => {
                lost += 1;
                let failure = operation("patch").failure(&error);
                if lost >= retry::ATTEMPTS {
                    return Err(unknown(&tried(failure, lost), target));
                }
                trouble = Some(failure);
                // If the next look finds it changed, it was us, or somebody with the same wish.
                outcome = Changed::Done;
                tokio::time::sleep(retry::pause(lost)).await;
            }
            Err(error) => return Err(operation("patch").failure(&error)),
        }
    }
    let trouble = trouble.unwrap_or_else(|| Failure::new(exit::CONFLICT, String::new()));
    let message =
        format!("{kind}/{name} in namespace {namespace:?} keeps changing; gave up after {ATTEMPTS} attempts");
    Err(Failure { message, ..trouble }.hint("run the command again when whoever changes it is done"))
}

/// A change whose answer was lost, and that could not be looked up.
fn unknown(failure: &Failure, target: Target<'_>) -> Failure {
    let Target { kind, namespace, name, .. } = target;
    let message = format!(
        "{}; whether {kind}/{name} in namespace {namespace:?} was changed is not known",
        failure.message
    );
    Failure::new(failure.code, message)
        .hint("run the command again: it finishes what is left, and touches nothing done")
}

/// Spreads those who had to try again, so that they don't all meet once more.
async fn wait_for_turn(attempt: u32) {
    let spread = u64::from(std::process::id() % 16) * 2;
    let wait = u64::from((attempt + 1).min(10)) * (5 + spread);
    tokio::time::sleep(Duration::from_millis(wait)).await;
}
