//! The namespaces that a command is to work in.

use k8s_openapi::api::core::v1::Namespace;
use kube::Api;
use kube::api::ListParams;

use super::Connection;
use super::failure::Operation;
use crate::failure::Failure;

/// How many namespaces a page has, as kubectl's.
const PAGE: u32 = 500;

/// The namespaces with these labels, by name. Those that are being deleted take nothing new and are left out.
pub(crate) async fn with_labels(connection: &Connection, selector: &str) -> Result<Vec<String>, Failure> {
    let api: Api<Namespace> = Api::all(connection.client.clone());
    let operation = Operation {
        verb: "list",
        resource: "namespaces",
        kind: "namespace",
        namespace: None,
        name: "",
        server: &connection.server,
    };
    let mut params = ListParams::default().labels(selector).limit(PAGE);
    let mut names = Vec::new();
    loop {
        let page = api.list(&params).await.map_err(|error| operation.failure(&error))?;
        let living = page.items.into_iter().filter(|found| found.metadata.deletion_timestamp.is_none());
        names.extend(living.filter_map(|found| found.metadata.name));
        params.continue_token = page.metadata.continue_.filter(|token| !token.is_empty());
        if params.continue_token.is_none() {
            break;
        }
    }
    names.sort();
    Ok(names)
}
