//! What `list` and `inspect` say about a pull secret, as one object: scripts get it as JSON and YAML
//! (`schema/regcred-v1.schema.json`), people get parts of it.
//!
//! No password is in it.

mod inspection;
mod used_by;

use std::collections::BTreeMap;

use chrono::{DateTime, SecondsFormat, Utc};
use regcred_core::credential::{Login, SecretString, expiry};
use regcred_core::docker_config::{DockerConfig, Form};
use regcred_core::lint::{self, Level, Subject};
use regcred_core::server::shown_key;
use regcred_core::stored::{EXPIRES_AT, MANAGED_BY, NoConfig, ROTATED_AT};
use serde::{Serialize, Serializer};

use crate::manifest::SecretData;
pub(crate) use inspection::{Details, FailingPull, Inspection, SameCredential, ShownSecret};
pub(crate) use used_by::UsedBy;

/// The version of every object that commands print.
pub(crate) const API_VERSION: &str = "regcred/v1";

/// A pull secret.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct PullSecret {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) namespace: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) name: Option<String>,
    #[serde(rename = "type")]
    pub(crate) kind: String,
    pub(crate) immutable: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) created_at: Option<Time>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) rotated_at: Option<Time>,
    /// The first of its credentials to expire, and what the annotation says.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) expires_at: Option<Time>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) managed_by: Option<String>,
    pub(crate) registries: Vec<Registry>,
    pub(crate) findings: Vec<Finding>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) used_by: Option<UsedBy>,
}

/// One entry of a pull secret.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Registry {
    /// Its registry key, as it is written, but for a login in it.
    pub(crate) key: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) username: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) expires_at: Option<Time>,
    /// What only `inspect` says.
    #[serde(flatten)]
    pub(crate) details: Option<Details>,
}

/// Something that is wrong.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Finding {
    #[serde(serialize_with = "as_text")]
    pub(crate) level: Level,
    pub(crate) code: &'static str,
    /// The registry key of the entry that it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) entry: Option<String>,
    pub(crate) reason: String,
    pub(crate) remedy: String,
}

/// A time, which is printed as RFC 3339 in UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Time(pub(crate) DateTime<Utc>);

impl std::fmt::Display for Time {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0.to_rfc3339_opts(SecondsFormat::Secs, true))
    }
}

impl Serialize for Time {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

fn as_text<S: Serializer>(value: &impl std::fmt::Display, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(value)
}

impl PullSecret {
    /// What can be said of a Secret by itself.
    pub(crate) fn of(secret: &SecretData, now: DateTime<Utc>) -> Self {
        let registries = registries(secret);
        let tokens = registries.iter().filter_map(|registry| registry.expires_at);
        let said = time(&secret.annotations, EXPIRES_AT);
        let subject = Subject { stored: secret.stored(), last_applied: secret.last_applied(), now };
        Self {
            namespace: secret.namespace.clone(),
            name: secret.name.clone(),
            kind: secret.kind.clone(),
            immutable: secret.immutable,
            created_at: secret.created.map(Time),
            rotated_at: time(&secret.annotations, ROTATED_AT),
            expires_at: tokens.chain(said).min(),
            managed_by: secret.managed_by.clone().or_else(|| secret.labels.get(MANAGED_BY).cloned()),
            findings: lint::lint(&subject).into_iter().map(Finding::from).collect(),
            registries,
            used_by: None,
        }
    }

    /// How bad the worst finding is.
    pub(crate) fn worst(&self) -> Option<Level> {
        self.findings.iter().map(|finding| finding.level).max()
    }
}

impl From<lint::Finding> for Finding {
    fn from(finding: lint::Finding) -> Self {
        let lint::Finding { entry, problem } = finding;
        Self {
            level: problem.level(),
            code: problem.code(),
            entry,
            reason: problem.to_string(),
            remedy: problem.remedy(),
        }
    }
}

/// The docker config in a Secret, if it has one that can be read; a finding says why not.
pub(crate) fn docker_config(secret: &SecretData) -> Option<DockerConfig> {
    let stored = secret.stored();
    let (text, form) = match stored.docker_config() {
        Ok(config) => (config.text, config.form),
        // Somebody forgot the type.
        Err(NoConfig::Type(_)) => (stored.docker_config_json?, Form::Config),
        Err(NoConfig::Empty(_)) => return None,
    };
    DockerConfig::parse(text, form).ok()
}

/// What the entries of a Secret let one log in with, by their keys as they can be shown. One that holds nothing, or can't be read, has none.
pub(crate) fn logins(secret: &SecretData) -> Vec<(String, Option<Login>)> {
    let Some(config) = docker_config(secret) else { return Vec::new() };
    let entries = config.entries();
    entries
        .into_iter()
        .map(|entry| {
            // What can't be read is a finding.
            let login = entry.login().ok().flatten();
            (shown_key(&entry.key).into_owned(), login)
        })
        .collect()
}

/// The password or token of a login.
pub(crate) fn secret_of(login: &Login) -> &SecretString {
    match login {
        Login::Password(credential) => &credential.password,
        Login::IdentityToken(token) | Login::RegistryToken(token) => token,
    }
}

fn registries(secret: &SecretData) -> Vec<Registry> {
    let registries = logins(secret).into_iter().map(|(key, login)| {
        let expires_at = login.as_ref().and_then(|login| expiry(secret_of(login))).map(Time);
        let username = match login {
            Some(Login::Password(credential)) => Some(credential.username),
            _ => None,
        };
        Registry { key, username, expires_at, details: None }
    });
    registries.collect()
}

/// The time in an annotation. One that is none says nothing.
fn time(annotations: &BTreeMap<String, String>, name: &str) -> Option<Time> {
    let time = DateTime::parse_from_rfc3339(annotations.get(name)?.trim()).ok()?;
    Some(Time(time.with_timezone(&Utc)))
}
