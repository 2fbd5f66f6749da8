//! Adding a pull secret to a service account, so that the pods that it is for from now on pull with it.

use k8s_openapi::api::core::v1::{LocalObjectReference, ServiceAccount};
use serde_json::json;

use super::change::{Changed, Target, change};
use super::{ChangeOptions, Connection, owner};
use crate::failure::{Failure, exit};

/// Adds `secret` at the end of the account's `imagePullSecrets`, unless it is there.
///
/// The list is atomic: whoever patches it replaces all of it. So it matters that [`change`] sends it only while it is
/// as it was read.
pub(crate) async fn service_account(
    connection: &Connection,
    namespace: &str,
    name: &str,
    secret: &str,
    options: &ChangeOptions,
    force: bool,
) -> Result<Changed, Failure> {
    let target = Target { resource: "serviceaccounts", kind: "serviceaccount", namespace, name };
    let plan = |account: &ServiceAccount| {
        let mut list = account.image_pull_secrets.clone().unwrap_or_default();
        if list.iter().any(|reference| reference.name == secret) {
            return Ok(None);
        }
        if let Some(owner) = owner::of(&account.metadata, "f:imagePullSecrets").filter(|_| !force) {
            let message = format!("serviceaccount/{name} in namespace {namespace:?} is managed by {owner}");
            return Err(Failure::new(exit::CONFLICT, message).hint(
                "add the Secret to `imagePullSecrets` in its source, or it will be taken out again; --force goes on",
            ));
        }
        list.push(LocalObjectReference { name: secret.to_owned() });
        Ok(Some(json!({ "imagePullSecrets": list })))
    };
    let (changed, _) = change(connection, target, None, options, plan).await?;
    Ok(changed)
}
