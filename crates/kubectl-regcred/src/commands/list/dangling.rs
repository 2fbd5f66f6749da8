//! What is named as a pull secret and is none. The kubelet goes on without it, with an event that few people see.

use std::collections::BTreeSet;

use futures_util::future::try_join;
use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};
use regcred_core::stored::PULL_TYPES;
use serde::Serialize;

use crate::cluster::consumers::{Consumers, How};
use crate::cluster::{self, Connection};
use crate::failure::Failure;
use crate::output::table::{self, Cell, Column, Look, Mood};
use crate::report::UsedBy;

/// How many Secrets are looked for at once.
const CONCURRENCY: usize = 8;

/// A reference that leads nowhere.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Reference {
    pub(super) namespace: String,
    /// The name of the Secret.
    pub(super) secret: String,
    /// `missing`, or `wrong-type`.
    problem: &'static str,
    /// The type that it has, if there is one of the name.
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    kind: Option<String>,
    used_by: UsedBy,
}

/// What dangles, by namespace and name.
pub(super) async fn find(
    connection: &Connection,
    namespace: Option<&str>,
) -> Result<(Vec<Reference>, Consumers), Failure> {
    let (names, consumers) =
        try_join(cluster::pull_secret_names(connection, namespace), super::consumers(connection, namespace))
            .await?;
    let names: BTreeSet<_> =
        names.iter().map(|(namespace, name)| (namespace.as_str(), name.as_str())).collect();
    let pulls = consumers
        .all()
        .filter(|(_, _, used)| used.known().any(|(_, mut uses)| uses.any(|usage| usage.how == How::Pull)));
    let suspects = pulls.filter(|(namespace, secret, _)| !names.contains(&(*namespace, *secret)));
    let suspects: Vec<_> = suspects.collect();
    let looked = stream::iter(&suspects).map(|(namespace, secret, used)| async move {
        let kind = cluster::secret_type(connection, namespace, secret).await?;
        let problem = match &kind {
            None => "missing",
            // It was made while we looked.
            Some(kind) if PULL_TYPES.contains(&kind.as_str()) => return Ok(None),
            Some(_) => "wrong-type",
        };
        let (namespace, secret) = ((*namespace).to_owned(), (*secret).to_owned());
        Ok(Some(Reference { namespace, secret, problem, kind, used_by: UsedBy::of(used) }))
    });
    let found: Vec<_> = looked.buffered(CONCURRENCY).try_collect().await?;
    let found = found.into_iter().flatten().collect();
    Ok((found, consumers))
}

pub(super) fn print(references: &[Reference], look: Look) -> Result<(), Failure> {
    let columns = [("NAMESPACE", false), ("SECRET", false), ("PROBLEM", false), ("USED-BY", true)];
    let columns = columns.map(|(title, yields)| Column { title, yields });
    let rows = references.iter().map(|reference| {
        let problem = match &reference.kind {
            None => reference.problem.to_owned(),
            Some(kind) => format!("its type is {kind}"),
        };
        vec![
            Cell::new(&reference.namespace),
            Cell::new(&reference.secret),
            Cell::with_mood(problem, Mood::Bad),
            Cell::new(reference.used_by.summary()),
        ]
    });
    table::print(&columns, &rows.collect::<Vec<_>>(), look)
}
