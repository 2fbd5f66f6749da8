//! Reading Secrets, in pages.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::Secret;
use kube::Api;
use kube::api::ListParams;
use regcred_core::metadata::{check_name, check_namespace};
use zeroize::Zeroizing;

use super::Connection;
use super::failure::Operation;
use crate::failure::Failure;
use crate::manifest::SecretData;

/// How many Secrets a page has, as kubectl's.
const PAGE: u32 = 500;

/// The types of Secret that can hold a docker config. `Opaque` ones do when somebody forgot the type; other types
/// don't, and can be large (Helm's releases) or many (tokens).
const TYPES: [&str; 3] = ["kubernetes.io/dockerconfigjson", "kubernetes.io/dockercfg", "Opaque"];

/// Where to look for Secrets.
#[derive(Clone, Copy)]
pub(crate) struct Scope<'a> {
    /// The namespace, or all of them.
    pub(crate) namespace: Option<&'a str>,
    /// A label selector.
    pub(crate) selector: Option<&'a str>,
}

/// Every Secret in scope that holds a docker config or claims to, by namespace and name.
pub(crate) async fn pull_secrets(
    connection: &Connection,
    scope: Scope<'_>,
) -> Result<Vec<SecretData>, Failure> {
    let api: Api<Secret> = match scope.namespace {
        Some(namespace) => Api::namespaced(connection.client.clone(), namespace),
        None => Api::all(connection.client.clone()),
    };
    let operation = Operation {
        verb: "list",
        resource: "secrets",
        kind: "secret",
        namespace: scope.namespace,
        name: "",
        server: &connection.server,
    };
    let mut found = Vec::new();
    for kind in TYPES {
        let mut params = ListParams::default().fields(&format!("type={kind}")).limit(PAGE);
        if let Some(selector) = scope.selector {
            params = params.labels(selector);
        }
        loop {
            let page = api.list(&params).await.map_err(|error| operation.failure(&error))?;
            found.extend(page.items.into_iter().map(data_of).filter(is_for_pulling));
            params.continue_token = page.metadata.continue_.filter(|token| !token.is_empty());
            if params.continue_token.is_none() {
                break;
            }
        }
    }
    found.sort_by(|a, b| (&a.namespace, &a.name).cmp(&(&b.namespace, &b.name)));
    Ok(found)
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
    let api: Api<Secret> = Api::namespaced(connection.client.clone(), namespace);
    let operation = Operation {
        verb: "get",
        resource: "secrets",
        kind: "secret",
        namespace: Some(namespace),
        name,
        server: &connection.server,
    };
    api.get(name).await.map(data_of).map_err(|error| operation.failure(&error))
}

fn is_for_pulling(secret: &SecretData) -> bool {
    secret.kind != "Opaque"
        || [".dockerconfigjson", ".dockercfg"].iter().any(|key| secret.data.contains_key(*key))
}

fn data_of(secret: Secret) -> SecretData {
    let data = secret.data.unwrap_or_default();
    SecretData {
        namespace: secret.metadata.namespace,
        name: secret.metadata.name,
        kind: secret.type_.unwrap_or_default(),
        data: data.into_iter().map(|(key, value)| (key, Zeroizing::new(value.0))).collect::<BTreeMap<_, _>>(),
        annotations: secret.metadata.annotations.unwrap_or_default(),
    }
}
