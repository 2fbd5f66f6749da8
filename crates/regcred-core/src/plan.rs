//! What has to change in a pull secret so that it becomes what is wanted: decided here, sent by the program.
//!
//! A plan made of an object that is already so is "already so": that is how a program knows that a change whose
//! answer was lost was made, and why the same command can be run again.

use std::collections::BTreeMap;
use std::fmt;

use chrono::{DateTime, SecondsFormat, Utc};
use zeroize::Zeroizing;

use crate::credential::{Credential, Login, expiry};
use crate::docker_config::{DockerConfig, DockerConfigError, PresentLogin};
use crate::kubelet::index::IndexKey;
use crate::lint::holds_data;
use crate::pull_secret::MAX_DATA_BYTES;
use crate::server::{pull_secret_key, same_registry, shown_key};
use crate::stored::{ConfigText, EXPIRES_AT, LAST_APPLIED, NoConfig, ROTATED_AT, Stored};

/// A pull secret as the cluster holds it.
#[derive(Clone, Copy)]
pub struct Observed<'a> {
    /// Its type and docker configs.
    pub stored: Stored<'a>,
    /// How many bytes all its data has together.
    pub data_bytes: usize,
    /// Whether its data is frozen.
    pub immutable: bool,
    /// Its annotations.
    pub annotations: &'a BTreeMap<String, String>,
}

/// What is wanted of its entries.
#[derive(Clone, Copy, Debug)]
pub enum Intent<'a> {
    /// Each of these registries has this credential: under every key for it that is there, and under at least one
    /// that the kubelet surely finds.
    Set(&'a BTreeMap<String, Credential>),
    /// These entries have the new credential for their registry; none is added.
    Rotate {
        /// The entries, and the login that each is to hold no longer.
        entries: &'a [Chosen],
        /// The new credentials by registry key.
        credentials: &'a BTreeMap<String, Credential>,
    },
    /// No key is for this registry.
    Unset(&'a str),
}

/// An entry that gets the new credential, if it still holds what it held.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chosen {
    /// Its key in the docker config.
    pub key: String,
    /// The registry that it is for, as the new credentials spell it.
    pub registry: String,
    /// The login that is to be replaced; the new one, if only leftovers of another are to go.
    pub present: PresentLogin,
}

/// What is wanted beside the entries.
#[derive(Clone, Copy, Debug)]
pub struct Terms {
    /// When the change is made.
    pub now: DateTime<Utc>,
    /// When the new credential expires, if the person says so.
    pub expires_at: Option<DateTime<Utc>>,
    /// Whether data in [`LAST_APPLIED`] is removed.
    pub scrub_last_applied: bool,
}

/// What there is to do.
#[derive(Clone, PartialEq, Eq)]
pub enum Plan {
    /// These changes.
    Change(Change),
    /// Nothing: it is as it is wanted.
    AlreadySo,
}

/// Changes to a pull secret.
#[derive(Clone, PartialEq, Eq)]
pub struct Change {
    /// The key in the Secret's data and its new value, if that changes.
    pub config: Option<(&'static str, Zeroizing<Vec<u8>>)>,
    /// What becomes of the entries, in the order in which they are edited.
    pub entries: Vec<EntryChange>,
    /// The annotations that get a value, or go (`None`).
    pub annotations: BTreeMap<&'static str, Option<String>>,
}

impl fmt::Debug for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { config, entries, annotations } = self;
        f.debug_struct("Change")
            .field("config", &config.as_ref().map(|(key, _)| key))
            .field("entries", entries)
            .field("annotations", &annotations.keys())
            .finish()
    }
}

impl fmt::Debug for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Change(change) => change.fmt(f),
            Self::AlreadySo => f.write_str("AlreadySo"),
        }
    }
}

/// What becomes of one entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EntryChange {
    /// Its registry key.
    pub key: String,
    /// What is done to it.
    pub kind: EntryChangeKind,
}

/// What is done to an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EntryChangeKind {
    /// It is new.
    Added,
    /// It gets another credential.
    Replaced,
    /// It goes.
    Removed,
}

/// Why a Secret can't be changed so. It quotes nothing of its data.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The kubelet does not pull with Secrets of this type, and a type never changes.
    #[error("its type is {0:?}, which the kubelet does not pull with, and a Secret's type can't be changed")]
    NotForPulling(String),
    /// There is nothing under the key where its docker config belongs.
    #[error("it has no docker config under {0:?}")]
    NoDockerConfig(&'static str),
    /// What is there can't be edited.
    #[error("its docker config can't be edited: {0}")]
    Unreadable(#[from] DockerConfigError),
    /// An entry that was chosen for what it held holds something else now.
    #[error("its entry {0:?} no longer holds the login that was to be replaced")]
    OtherLogin(String),
    /// Its data is frozen.
    #[error("it is immutable")]
    Immutable,
    /// It would get larger than a Secret may be.
    #[error("its data would have {0} bytes; a Secret holds at most {MAX_DATA_BYTES}")]
    TooLarge(usize),
}

impl From<NoConfig<'_>> for Refusal {
    fn from(why: NoConfig<'_>) -> Self {
        match why {
            NoConfig::Type(kind) => Self::NotForPulling(kind.to_owned()),
            NoConfig::Empty(key) => Self::NoDockerConfig(key),
        }
    }
}

/// What has to be done to the Secret.
pub fn plan(observed: &Observed<'_>, intent: &Intent<'_>, terms: &Terms) -> Result<Plan, Refusal> {
    let ConfigText { key: data_key, text, form } = observed.stored.docker_config()?;
    let mut config = DockerConfig::parse(text, form)?;
    let entries = edit(&mut config, intent)?;
    let is_edited = !entries.is_empty();
    if is_edited && observed.immutable {
        return Err(Refusal::Immutable);
    }
    let size = observed.data_bytes - text.len() + config.text().len();
    if is_edited && size > MAX_DATA_BYTES {
        return Err(Refusal::TooLarge(size));
    }
    let annotations = annotations(observed, &config, &entries, terms);
    if !is_edited && annotations.is_empty() {
        return Ok(Plan::AlreadySo);
    }
    let config = is_edited.then(|| (data_key, Zeroizing::new(config.text().to_vec())));
    Ok(Plan::Change(Change { config, entries, annotations }))
}

/// When the first of the tokens in a docker config expires: it is as good as no longer.
pub fn first_expiry(config: &DockerConfig) -> Option<DateTime<Utc>> {
    let logins = config.entries().into_iter().filter_map(|entry| entry.login().ok().flatten());
    let passwords = logins.filter_map(|login| match login {
        Login::Password(credential) => Some(credential.password),
        Login::IdentityToken(_) | Login::RegistryToken(_) => None,
    });
    passwords.filter_map(|password| expiry(&password)).min()
}

/// Whether `kubectl apply` has noted the data of the Secret with these annotations.
pub fn is_noted(annotations: &BTreeMap<String, String>) -> bool {
    annotations.get(LAST_APPLIED).is_some_and(|manifest| holds_data(manifest))
}

/// A time as the annotations write it.
pub fn timestamp(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Secs, true)
}

/// Edits the entries and returns what was done.
fn edit(config: &mut DockerConfig, intent: &Intent<'_>) -> Result<Vec<EntryChange>, Refusal> {
    let mut changes = Vec::new();
    match intent {
        Intent::Set(credentials) => {
            for (key, credential) in *credentials {
                let mut keys = keys_for(config, key);
                let wanted = pull_secret_key(key);
                // Spellings that the kubelet does not find (`GHCR.io`, `ghcr.io:443`) don't do for one that it does.
                if !keys.iter().any(|key| is_found_as(key, &wanted)) {
                    keys.push(wanted);
                }
                changes.extend(keys.iter().filter_map(|key| set(config, key, credential)));
            }
        }
        Intent::Rotate { entries, credentials } => {
            let meant = still_meant(config, entries, credentials)?;
            changes.extend(meant.into_iter().filter_map(|(key, credential)| set(config, key, credential)));
        }
        Intent::Unset(registry) => {
            for key in keys_for(config, registry) {
                config.remove_entry(&key);
                changes.push(EntryChange { key, kind: EntryChangeKind::Removed });
            }
        }
    }
    Ok(changes)
}

/// Every key of the config for this registry, in all its spellings.
fn keys_for(config: &DockerConfig, registry: &str) -> Vec<String> {
    let keys = config.entries().into_iter().map(|entry| entry.key);
    keys.filter(|key| same_registry(key, registry)).collect()
}

/// Whether the kubelet finds `key` for the images for which it finds `wanted`.
fn is_found_as(key: &str, wanted: &str) -> bool {
    let index = |key: &str| IndexKey::of(key).map(|index| index.bytes().to_vec());
    let (key, wanted) = (index(key), index(wanted));
    let is_docker_hub = |index: &Option<Vec<u8>>| {
        index.as_ref().is_some_and(|index| index == b"docker.io" || index == b"index.docker.io")
    };
    key == wanted || (is_docker_hub(&key) && is_docker_hub(&wanted))
}

/// The keys that a rotation is about, each with its new credential, if each still holds what it was chosen for, or the
/// new login already.
fn still_meant<'a>(
    config: &DockerConfig,
    entries: &'a [Chosen],
    credentials: &'a BTreeMap<String, Credential>,
) -> Result<Vec<(&'a str, &'a Credential)>, Refusal> {
    let held: BTreeMap<_, _> = config
        .entries()
        .into_iter()
        .map(|entry| {
            let login = entry.present_login().ok().flatten();
            (entry.key, login)
        })
        .collect();
    let meant = entries.iter().map(|Chosen { key, registry, present }| {
        let new = credentials.get(registry);
        let (Some(new), Some(Some(login))) = (new, held.get(key)) else {
            return Err(Refusal::OtherLogin(shown_key(key).into_owned()));
        };
        if login == present || *login == PresentLogin::from(new) {
            Ok((key.as_str(), new))
        } else {
            Err(Refusal::OtherLogin(shown_key(key).into_owned()))
        }
    });
    meant.collect()
}

/// Sets one entry, unless it is so already.
fn set(config: &mut DockerConfig, key: &str, credential: &Credential) -> Option<EntryChange> {
    let found = config.entry(key);
    let kind = if found.is_some() { EntryChangeKind::Replaced } else { EntryChangeKind::Added };
    let mut credential = credential.clone();
    if credential.email.is_none()
        && let Some(Login::Password(before)) = found.and_then(|entry| entry.login().ok().flatten())
    {
        // Who says nothing of it does not want it gone.
        credential.email = before.email;
    }
    if config.holds_only(key, &credential) {
        return None;
    }
    config.set_entry(key, &credential);
    Some(EntryChange { key: key.to_owned(), kind })
}

fn annotations(
    observed: &Observed<'_>,
    config: &DockerConfig,
    entries: &[EntryChange],
    terms: &Terms,
) -> BTreeMap<&'static str, Option<String>> {
    let mut changes = BTreeMap::new();
    let is = |name: &str| observed.annotations.get(name).map(String::as_str);
    if terms.scrub_last_applied && is_noted(observed.annotations) {
        changes.insert(LAST_APPLIED, None);
    }
    if !entries.is_empty() {
        if entries.iter().any(|entry| entry.kind == EntryChangeKind::Replaced) {
            changes.insert(ROTATED_AT, Some(timestamp(terms.now)));
        }
        // What it said may have been about an entry that stays.
        let stays =
            config.entries().iter().any(|entry| !entries.iter().any(|change| change.key == entry.key));
        let expires_at = terms.expires_at.or_else(|| first_expiry(config)).map(timestamp);
        if expires_at.is_some() || !stays {
            changes.insert(EXPIRES_AT, expires_at);
        }
    } else if let Some(at) = terms.expires_at {
        changes.insert(EXPIRES_AT, Some(timestamp(at)));
    }
    changes.retain(|name, value| is(name) != value.as_deref());
    changes
}
