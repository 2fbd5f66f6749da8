//! Adding a pull secret to a service account, so that the pods that it is for from now on pull with it.

use k8s_openapi::api::core::v1::{LocalObjectReference, ServiceAccount};
use kube::Api;
use kube::api::{Patch, PatchParams};
use serde_json::json;

use super::failure::Operation;
use super::reach::is_lost;
use super::{ChangeOptions, Connection, owner};
use crate::failure::{Failure, exit};

/// How often a change is planned anew when somebody else was faster. In each round one writer is done, so this
/// is how many may be at it at once.
const ATTEMPTS: u32 = 50;

/// What came of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Attached {
    /// The account refers to the Secret now.
    Added,
    /// It did already.
    Already,
}

/// Adds `secret` at the end of the account's `imagePullSecrets`, unless it is there.
///
/// The list is atomic: whoever patches it replaces all of it. So the change carries the version that it was made
/// from, and one that is out of date is made anew (Kubernetes answers 409 to it).
pub(crate) async fn service_account(
    connection: &Connection,
    namespace: &str,
    name: &str,
    secret: &str,
    options: &ChangeOptions,
    force: bool,
) -> Result<Attached, Failure> {
    let api: Api<ServiceAccount> = Api::namespaced(connection.client.clone(), namespace);
    let operation = |verb| Operation {
        verb,
        resource: "serviceaccounts",
        kind: "serviceaccount",
        namespace: Some(namespace),
        name,
        server: &connection.server,
    };
    let params = PatchParams {
        dry_run: options.dry_run,
        field_manager: Some(options.field_manager.clone()),
        ..PatchParams::default()
    };
    let mut conflict = None;
    for attempt in 0..ATTEMPTS {
        wait_for_turn(attempt).await;
        let account = api.get(name).await.map_err(|error| operation("get").failure(&error))?;
        let mut list = account.image_pull_secrets.unwrap_or_default();
        if refers_to(Some(&list), secret) {
            return Ok(Attached::Already);
        }
        if let Some(owner) = owner::of(&account.metadata, "f:imagePullSecrets").filter(|_| !force) {
            let message = format!("serviceaccount/{name} in namespace {namespace:?} is managed by {owner}");
            return Err(Failure::new(exit::CONFLICT, message).hint(
                "add the Secret to `imagePullSecrets` in its source, or it will be taken out again; --force goes on",
            ));
        }
        list.push(LocalObjectReference { name: secret.to_owned() });
        let patch = json!({
            "metadata": {"resourceVersion": account.metadata.resource_version},
            "imagePullSecrets": list,
        });
        match api.patch(name, &params, &Patch::Merge(&patch)).await {
            Ok(patched) if refers_to(patched.image_pull_secrets.as_deref(), secret) => {
                return Ok(Attached::Added);
            }
            Ok(_) => {
                let message = format!("serviceaccount/{name} does not refer to the Secret after the change");
                return Err(Failure::new(exit::CLUSTER, message).hint(
                    "something in the cluster (an admission policy, a controller) takes it out again",
                ));
            }
            Err(error @ kube::Error::Api(_)) => {
                let failure = operation("patch").failure(&error);
                if failure.code != exit::CONFLICT {
                    return Err(failure);
                }
                conflict = Some(failure);
            }
            // The answer is lost, but the next look tells whether the change was made.
            Err(error) if is_lost(&error) => conflict = Some(operation("patch").failure(&error)),
            Err(error) => return Err(operation("patch").failure(&error)),
        }
    }
    Err(conflict
        .unwrap_or_else(|| Failure::new(exit::CONFLICT, format!("serviceaccount/{name} keeps changing"))))
}

/// Spreads those who had to try again, so that they don't all meet once more.
async fn wait_for_turn(attempt: u32) {
    let spread = u64::from(std::process::id() % 16) * 2;
    let wait = u64::from(attempt.min(10)) * (5 + spread);
    if wait > 0 {
        tokio::time::sleep(std::time::Duration::from_millis(wait)).await;
    }
}

fn refers_to(list: Option<&[LocalObjectReference]>, secret: &str) -> bool {
    list.into_iter().flatten().any(|reference| reference.name == secret)
}
