//! The names of what is in the cluster, and nothing else of it: for completion.

use std::fmt::Debug;

use futures_util::future::try_join;
use k8s_openapi::api::core::v1::{Namespace, Secret, ServiceAccount};
use kube::Api;
use kube::api::ListParams;
use regcred_core::metadata::check_namespace;
use regcred_core::stored::{LEGACY_TYPE, TYPE};

use super::Connection;
use super::failure::Operation;
use crate::failure::Failure;

/// How many objects a page has, as kubectl's.
const PAGE: u32 = 500;

/// The namespaces.
pub(crate) async fn namespaces(connection: &Connection) -> Result<Vec<String>, Failure> {
    let api: Api<Namespace> = Api::all(connection.client.clone());
    names(connection, &api, ("namespaces", "namespace"), None, None).await
}

/// The pull secrets of a namespace, of both types.
pub(crate) async fn pull_secrets(connection: &Connection, namespace: &str) -> Result<Vec<String>, Failure> {
    // It becomes part of a URL.
    check_namespace(namespace).map_err(|error| Failure::usage(error.to_string()))?;
    let api: Api<Secret> = Api::namespaced(connection.client.clone(), namespace);
    let of = |kind| names(connection, &api, ("secrets", "secret"), Some(namespace), Some(kind));
    let types = [TYPE, LEGACY_TYPE].map(|kind| format!("type={kind}"));
    let (mut found, older) = try_join(of(&types[0]), of(&types[1])).await?;
    found.extend(older);
    found.sort();
    Ok(found)
}

/// The service accounts of a namespace.
pub(crate) async fn service_accounts(
    connection: &Connection,
    namespace: &str,
) -> Result<Vec<String>, Failure> {
    let api: Api<ServiceAccount> = Api::namespaced(connection.client.clone(), namespace);
    names(connection, &api, ("serviceaccounts", "serviceaccount"), Some(namespace), None).await
}

async fn names<K>(
    connection: &Connection,
    api: &Api<K>,
    (resource, kind): (&'static str, &'static str),
    namespace: Option<&str>,
    fields: Option<&str>,
) -> Result<Vec<String>, Failure>
where
    K: Clone + serde::de::DeserializeOwned + Debug,
{
    let operation =
        Operation { verb: "list", resource, kind, namespace, name: "", server: &connection.server };
    let mut params = ListParams::default().limit(PAGE);
    params.field_selector = fields.map(str::to_owned);
    let mut found = Vec::new();
    loop {
        // Of a Secret, only the metadata travels.
        let page = api.list_metadata(&params).await.map_err(|error| operation.failure(&error))?;
        found.extend(page.items.into_iter().filter_map(|object| object.metadata.name));
        params.continue_token = page.metadata.continue_.filter(|token| !token.is_empty());
        if params.continue_token.is_none() {
            return Ok(found);
        }
    }
}
