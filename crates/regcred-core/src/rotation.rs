//! Which entries a rotation is about: those that hold the credential that is to be replaced, and no others.
//!
//! A registry's name says nothing about who wrote an entry for it, and neither does a user name: anybody who may
//! write Secrets in one namespace can make an entry that looks like the organisation's. Only the password or token
//! that is in it tells them apart, so entries are grouped by that, and where it is not clear which group is meant,
//! none is changed.

use std::collections::{BTreeMap, BTreeSet};

use crate::credential::Credential;
use crate::docker_config::{DockerConfig, PresentLogin};
use crate::plan::{Chosen, Refusal};
use crate::server::same_registry;
use crate::stored::{ConfigText, Stored};

/// An entry for one of the registries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// Its key in the docker config.
    pub key: String,
    /// The registry that it is for, as the new credentials spell it.
    pub registry: String,
    /// What it holds now.
    pub held: Held,
    /// Whether it is one of those that are looked for. If not, it only shows that a rotation was done before.
    pub is_meant: bool,
}

/// What an entry holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Held {
    /// The new login.
    New,
    /// Another login.
    Other(PresentLogin),
    /// No password and no token, or nothing that can be decoded.
    Nothing,
}

/// The entries of a Secret for the registries of the new credentials, by key.
///
/// With a user name, only entries with a login of this user are meant, and others left out. Those that hold the new
/// login are not meant then, but still found: that a rotation was done before has to be seen, whatever the new user is
/// called.
///
/// # Errors
/// The Secret holds no docker config that can be edited.
pub fn find(
    stored: &Stored<'_>,
    credentials: &BTreeMap<String, Credential>,
    username: Option<&str>,
) -> Result<Vec<Found>, Refusal> {
    let ConfigText { text, form, .. } = stored.docker_config()?;
    let config = DockerConfig::parse(text, form)?;
    let mut found = Vec::new();
    for entry in config.entries() {
        let Some((registry, new)) = credentials.iter().find(|(key, _)| same_registry(key, &entry.key)) else {
            continue;
        };
        // What the kubelet can't decode, nobody can log in with.
        let held = match entry.present_login().ok().flatten() {
            Some(login) if login == PresentLogin::from(new) => Held::New,
            Some(login) => Held::Other(login),
            None => Held::Nothing,
        };
        let is_meant = username.is_none_or(|username| match &held {
            Held::New => new.username == username,
            Held::Other(login) => login.username().as_deref() == Some(username),
            Held::Nothing => false,
        });
        if is_meant || held == Held::New {
            found.push(Found { key: entry.key, registry: registry.clone(), held, is_meant });
        }
    }
    found.sort_by(|a, b| a.key.cmp(&b.key));
    Ok(found)
}

/// Logins by registry.
pub type Logins = BTreeMap<String, BTreeSet<PresentLogin>>;

/// The different logins that these entries hold, beside the new one, by registry. A registry without one is
/// left out.
pub fn logins<'a>(found: impl IntoIterator<Item = &'a Found>) -> Logins {
    let mut logins = Logins::new();
    for Found { registry, held, .. } in found {
        if let Held::Other(login) = held {
            logins.entry(registry.clone()).or_default().insert(login.clone());
        }
    }
    logins
}

/// What a person says of which logins are to be replaced.
#[derive(Clone, Debug)]
pub enum Wanted {
    /// Nothing: where there is only one login for a registry, it is that one.
    TheOnly {
        /// Whether several namespaces are meant. If so, and some entries hold the new login, a login that is left may
        /// be a stranger's, who came after a rotation that is complete.
        in_several_namespaces: bool,
    },
    /// For these registries these logins, which may be none; for others as with [`Self::TheOnly`].
    These {
        /// The logins, by registry.
        logins: Logins,
        /// As above.
        in_several_namespaces: bool,
    },
    /// Whatever they are.
    All,
}

/// The logins that are to be replaced.
///
/// # Errors
/// The registries for which that is not clear.
pub fn choose<'a>(
    found: impl IntoIterator<Item = &'a Found> + Clone,
    wanted: &Wanted,
) -> Result<Logins, BTreeSet<String>> {
    let present = logins(found.clone());
    let (named, in_several_namespaces) = match wanted {
        Wanted::All => return Ok(present),
        Wanted::TheOnly { in_several_namespaces } => (None, *in_several_namespaces),
        Wanted::These { logins, in_several_namespaces } => (Some(logins), *in_several_namespaces),
    };
    let begun: BTreeSet<_> = found
        .into_iter()
        .filter(|found| found.held == Held::New)
        .map(|found| found.registry.as_str())
        .collect();
    let mut chosen = Logins::new();
    let mut unclear = BTreeSet::new();
    for (registry, present) in present {
        if let Some(named) = named.and_then(|named| named.get(&registry)) {
            chosen.insert(registry, named.clone());
        } else if present.len() == 1 && !(in_several_namespaces && begun.contains(registry.as_str())) {
            chosen.insert(registry, present);
        } else {
            unclear.insert(registry);
        }
    }
    if unclear.is_empty() { Ok(chosen) } else { Err(unclear) }
}

/// The entries of a Secret that get the new credential: those that hold a chosen login, and those that hold the new one
/// already, from which leftovers of another may have to go.
pub fn chosen(found: &[Found], logins: &Logins, credentials: &BTreeMap<String, Credential>) -> Vec<Chosen> {
    let meant = found.iter().filter(|found| found.is_meant);
    let chosen = meant.filter_map(|Found { key, registry, held, .. }| {
        let present = match held {
            Held::New => credentials.get(registry)?.into(),
            Held::Other(login) if logins.get(registry).is_some_and(|logins| logins.contains(login)) => {
                login.clone()
            }
            Held::Other(_) | Held::Nothing => return None,
        };
        Some(Chosen { key: key.clone(), registry: registry.clone(), present })
    });
    chosen.collect()
}
