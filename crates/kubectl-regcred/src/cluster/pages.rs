//! Reading lists of any length: in pages, of each object only what is asked for.
//!
//! A list is whole or an error. A page that breaks off is repeated by [`transport`](super::transport), an answer
//! that is no list is refused, and when the server forgets where we are (410) the list is read from its start
//! again, forgetting what was read of it.

use std::fmt;

use http::StatusCode;
use http_body_util::BodyExt as _;
use kube::api::ListParams;
use kube::client::Body;
use kube::core::Request;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer};

use super::Connection;
use super::failure::Operation;
use super::transport::status_of;
use crate::failure::{Failure, exit};

/// How many objects a page has, as kubectl's; for [`Resource::page`].
pub(super) const PAGE: u32 = 500;

/// How often a list is begun. The server keeps the state of a list for minutes, and reading one takes seconds.
const ATTEMPTS: u32 = 4;

/// A kind of object, as the API names it.
#[derive(Clone, Copy)]
pub(super) struct Resource {
    /// The part of the URL that says which API: `api/v1`, `apis/apps/v1`.
    pub(super) api: &'static str,
    /// Its name in URLs and RBAC: `serviceaccounts`.
    pub(super) plural: &'static str,
    /// One of it, as kubectl calls it before its name: `serviceaccount`.
    pub(super) singular: &'static str,
    /// How many of it a page has at most.
    pub(super) page: u32,
}

/// Which objects of a resource are meant.
#[derive(Clone, Copy, Default)]
pub(super) struct Selection<'a> {
    /// The namespace, or all of them.
    pub(super) namespace: Option<&'a str>,
    pub(super) labels: Option<&'a str>,
    pub(super) fields: Option<&'a str>,
}

/// Why a list can't be had.
pub(super) enum ListError {
    /// Who we are may not read it.
    Forbidden(Failure),
    /// Anything else.
    Failed(Failure),
}

impl ListError {
    /// The same as a failure of the whole command.
    pub(super) fn failure(self) -> Failure {
        let (Self::Forbidden(failure) | Self::Failed(failure)) = self;
        failure
    }
}

/// A page as it comes from the server.
#[derive(Deserialize)]
#[serde(bound(deserialize = "T: DeserializeOwned"))]
struct Page<T> {
    kind: ListKind,
    metadata: PageMetadata,
    // Go writes `null` for none; but if nothing is said at all, this is no list.
    #[serde(deserialize_with = "or_null")]
    items: Option<Vec<T>>,
}

#[derive(Deserialize)]
struct PageMetadata {
    #[serde(rename = "continue", default)]
    next: String,
}

/// The kind of a list, which ends in `List`.
#[derive(Deserialize)]
#[serde(try_from = "String")]
struct ListKind;

impl TryFrom<String> for ListKind {
    type Error = NoList;

    fn try_from(kind: String) -> Result<Self, NoList> {
        if kind.ends_with("List") { Ok(Self) } else { Err(NoList) }
    }
}

struct NoList;

impl fmt::Display for NoList {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not a list")
    }
}

/// With a function of its own, serde insists on a field that it would take for absent.
fn or_null<'de, D: Deserializer<'de>, T: Deserialize<'de>>(source: D) -> Result<Option<T>, D::Error> {
    Option::deserialize(source)
}

/// Reads all objects of a selection, a page at a time: `take` keeps of each what is needed.
///
/// What it keeps starts as `S::default()`, and again so if the list has to be begun anew: nothing is in it twice.
pub(super) async fn read<T, S>(
    connection: &Connection,
    resource: Resource,
    selection: Selection<'_>,
    mut take: impl FnMut(&mut S, T),
) -> Result<S, ListError>
where
    T: DeserializeOwned,
    S: Default,
{
    let operation = Operation {
        verb: "list",
        resource: resource.plural,
        kind: resource.singular,
        namespace: selection.namespace,
        name: "",
        server: &connection.server,
    };
    for _ in 0..ATTEMPTS {
        let mut params = ListParams { limit: Some(resource.page), ..ListParams::default() };
        params.label_selector = selection.labels.map(str::to_owned);
        params.field_selector = selection.fields.map(str::to_owned);
        let mut kept = S::default();
        loop {
            match page::<T>(connection, resource, selection.namespace, &params).await {
                Ok(Page { kind: ListKind, metadata, items }) => {
                    items.into_iter().flatten().for_each(|object| take(&mut kept, object));
                    if metadata.next.is_empty() {
                        return Ok(kept);
                    }
                    params.continue_token = Some(metadata.next);
                }
                Err(kube::Error::Api(status)) if status.code == 410 && params.continue_token.is_some() => {
                    break;
                }
                Err(error) => {
                    let failure = operation.failure(&error);
                    let is_forbidden = matches!(&error, kube::Error::Api(status) if status.code == 403);
                    return Err(if is_forbidden {
                        ListError::Forbidden(failure)
                    } else {
                        ListError::Failed(failure)
                    });
                }
            }
        }
    }
    let message = format!(
        "the list of {} changes faster than it can be read: its pages expired {ATTEMPTS} times",
        resource.plural
    );
    Err(ListError::Failed(
        Failure::new(exit::CLUSTER, message).hint("run the command again, or on one namespace at a time"),
    ))
}

async fn page<T: DeserializeOwned>(
    connection: &Connection,
    resource: Resource,
    namespace: Option<&str>,
    params: &ListParams,
) -> Result<Page<T>, kube::Error> {
    let Resource { api, plural, .. } = resource;
    let path = match namespace {
        Some(namespace) => format!("/{api}/namespaces/{namespace}/{plural}"),
        None => format!("/{api}/{plural}"),
    };
    let request = Request::new(path).list(params).map_err(kube::Error::BuildRequest)?;
    let (head, body) = connection.client.send(request.map(Body::from)).await?.into_parts();
    let body = body.collect().await?.to_bytes();
    if head.status != StatusCode::OK {
        return Err(kube::Error::Api(status_of(head.status, &body)));
    }
    serde_json::from_slice(&body).map_err(kube::Error::SerdeError)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Option<(String, usize)> {
        let page: Page<serde_json::Value> = serde_json::from_str(text).ok()?;
        Some((page.metadata.next, page.items.map_or(0, |items| items.len())))
    }

    #[test]
    fn only_a_list_is_taken_for_one() {
        let whole = r#"{"kind":"PodList","apiVersion":"v1","metadata":{"continue":"x"},"items":[{},{}]}"#;
        assert_eq!(parse(whole), Some(("x".to_owned(), 2)));
        let none = r#"{"kind":"PodList","metadata":{},"items":null}"#;
        assert_eq!(parse(none), Some((String::new(), 0)));
        for wrong in [
            "{}",
            r#"{"kind":"PodList","metadata":{}}"#,
            r#"{"kind":"PodList","items":[]}"#,
            r#"{"kind":"Pod","metadata":{},"items":[]}"#,
            r#"{"kind":"PodList","metadata":{},"items":[{}"#,
        ] {
            assert_eq!(parse(wrong), None, "{wrong}");
        }
    }
}
