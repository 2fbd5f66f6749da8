//! Whether two Secrets hold the same credential: compared in memory, and nothing of it is kept or printed.

use regcred_core::credential::Login;
use regcred_core::stored::PULL_TYPES;

use crate::cluster::{self, Connection, Scope};
use crate::failure::Failure;
use crate::manifest::SecretData;
use crate::report::{SameCredential, logins, secret_of};

/// The credentials of a Secret, by registry key.
pub(super) struct Subject(Vec<(String, Login)>);

impl Subject {
    pub(super) fn of(secret: &SecretData) -> Self {
        let logins = logins(secret).into_iter().filter_map(|(key, login)| Some((key, login?)));
        // No password is nobody's in particular.
        Self(logins.filter(|(_, login)| !secret_of(login).is_empty()).collect())
    }

    /// What is in both, as (key here, key there).
    pub(super) fn shared_with(&self, other: &Self) -> Vec<(String, String)> {
        let pairs = self.0.iter().flat_map(|here| other.0.iter().map(move |there| (here, there)));
        pairs
            .filter(|((_, here), (_, there))| is_same(here, there))
            .map(|((here, _), (there, _))| (here.clone(), there.clone()))
            .collect()
    }
}

/// Whether it is the same password of the same user; an e-mail address makes no difference.
fn is_same(a: &Login, b: &Login) -> bool {
    match (a, b) {
        (Login::Password(a), Login::Password(b)) => a.username == b.username && a.password == b.password,
        (a, b) => a == b,
    }
}

/// For each of these Secrets of the cluster, the others with a credential of it; and what could not be searched.
pub(super) async fn search(
    connection: &Connection,
    secrets: &[SecretData],
) -> Result<(Vec<Vec<SameCredential>>, Option<String>), Failure> {
    let subjects: Vec<_> = secrets.iter().map(Subject::of).collect();
    // Only what is shared is kept, not the passwords of a whole cluster.
    let compare = |other: SecretData| {
        let theirs = Subject::of(&other);
        let is_itself =
            |secret: &SecretData| secret.namespace == other.namespace && secret.name == other.name;
        let shared = secrets.iter().zip(&subjects).map(|(secret, subject)| {
            if is_itself(secret) { Vec::new() } else { subject.shared_with(&theirs) }
        });
        let shared: Vec<_> = shared.collect();
        shared.iter().any(|shared| !shared.is_empty()).then_some((other.namespace, other.name, shared))
    };
    let mut found = None;
    let mut unknown = None;
    for (namespace, rest) in
        [(None, "in other namespaces"), (Some(connection.namespace.as_str()), "anywhere")]
    {
        let scope = Scope { namespace, selector: None, fields: None, types: PULL_TYPES };
        found = cluster::pull_secrets_if_allowed(connection, scope, compare).await?;
        if found.is_some() {
            break;
        }
        unknown = Some(format!("which other Secrets hold the same: not allowed to list secrets {rest}"));
    }
    let mut same = vec![Vec::new(); secrets.len()];
    for (namespace, name, shared) in found.into_iter().flatten().flatten() {
        for (same, shared) in same.iter_mut().zip(shared) {
            same.extend(shared.into_iter().map(|(entry, key)| SameCredential {
                namespace: namespace.clone(),
                name: name.clone(),
                file: None,
                key,
                entry,
            }));
        }
    }
    Ok((same, unknown))
}
