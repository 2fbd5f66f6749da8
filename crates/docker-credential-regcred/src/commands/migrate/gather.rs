//! The logins that are to be moved, and those that stay where they are.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::time::Duration;

use regcred_cli::credential_helper::CredentialHelper;
use regcred_cli::failure::Failure;
use regcred_core::credential;
use regcred_core::helper_protocol::TOKEN_USERNAME;
use regcred_core::server::{Server, docker_lookup_key, podman_lookup_key, same_registry};
use regcred_keyring::Login;

use super::{Outcome, Stay};
use crate::NAME;
use crate::config_file::ConfigFile;
use crate::survey::{Client, HELPER, Plaintext, Survey, is_path};

/// How long another helper may take for each answer: it may ask a person.
const PATIENCE: Duration = Duration::from_mins(1);

/// A login, and all the places where it is now.
pub(super) struct Item {
    /// Where it is kept in the keyring: under docker's name for the registry.
    pub(super) key: String,
    pub(super) login: Login,
    pub(super) places: Vec<Place>,
}

/// Where a login is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Place {
    /// The file with it; `None` if another helper keeps it.
    pub(super) file: Option<PathBuf>,
    /// The key that it has there.
    pub(super) key: String,
    /// The file or helper in words.
    pub(super) holder: String,
}

/// What was found.
#[derive(Default)]
pub(super) struct Gathered {
    found: Vec<(Place, String, Login)>,
    /// What stays, where it is.
    pub(super) staying: Vec<(Place, Stay)>,
    /// Registries whose login podman would not find any more, though it can today.
    pub(super) lost_to_podman: BTreeSet<String>,
}

/// The registries that are wanted; none means all.
pub(super) struct Wanted<'a>(pub(super) &'a [String]);

impl Wanted<'_> {
    fn has(&self, key: &str) -> bool {
        self.0.is_empty() || self.0.iter().any(|registry| same_registry(registry, key))
    }
}

impl Gathered {
    /// The logins in a file, which is a client's or, if `client` is none, anybody's. With `force`, also those that nobody
    /// would ask us for afterwards.
    pub(super) fn add_file(
        &mut self,
        file: &ConfigFile,
        client: Option<Client>,
        survey: &Survey,
        wanted: &Wanted<'_>,
        force: bool,
    ) {
        for Plaintext { entry, login } in file.plaintext() {
            let key = entry.key;
            if !wanted.has(&key) {
                continue;
            }
            let place = Place {
                file: Some(file.path.clone()),
                key: key.clone(),
                holder: file.path.display().to_string(),
            };
            let login =
                login.map_err(|problem| Stay::failed(format!("{problem}; log in again, or remove it")));
            let movable = login.and_then(|login| movable(&key, login));
            match movable {
                Ok(_) if !force && !is_asked(file, client, survey, &key) => {
                    self.staying.push((place, nobody_asks(client, &key)));
                }
                Ok((server, login)) => {
                    if client == Some(Client::Docker) && survey.podman_helper(&key).as_deref() != Some(HELPER)
                    {
                        self.lost_to_podman.insert(podman_lookup_key(&key));
                    }
                    self.found.push((place, server, login));
                }
                Err(stay) => self.staying.push((place, stay)),
            }
        }
    }

    /// What another helper lists and gets.
    pub(super) fn add_helper(&mut self, name: &str, wanted: &Wanted<'_>) -> Result<(), Failure> {
        if name == HELPER {
            return Err(Failure::usage("--from-helper names this very helper"));
        }
        let helper = CredentialHelper::new(name, PATIENCE)?
            .if_missing("install it, or give the NAME of a docker-credential-NAME on PATH");
        for key in helper.list()? {
            if !wanted.has(&key) {
                continue;
            }
            let place = Place { file: None, key: key.clone(), holder: helper.program().to_owned() };
            let login = match helper.get(&key) {
                Ok(login) => {
                    login.ok_or_else(|| Stay::failed("it is listed there, but not to be had".to_owned()))
                }
                Err(failure) => Err(Stay::Failed(failure)),
            };
            match login.and_then(|login| movable(&key, login)) {
                Ok((server, login)) => self.found.push((place, server, login)),
                Err(stay) => self.staying.push((place, stay)),
            }
        }
        Ok(())
    }

    /// Whether nothing was found at all.
    pub(super) fn is_empty(&self) -> bool {
        self.found.is_empty() && self.staying.is_empty()
    }

    /// Each registry's login with its places. Of a registry with different logins none is moved.
    pub(super) fn items(&mut self) -> Vec<Item> {
        let mut by_key: BTreeMap<String, Vec<(Place, Login)>> = BTreeMap::new();
        for (place, key, login) in std::mem::take(&mut self.found) {
            by_key.entry(key).or_default().push((place, login));
        }
        let mut items = Vec::new();
        for (key, found) in by_key {
            let Some((_, login)) = found.first().cloned() else { continue };
            if found.iter().all(|(_, other)| *other == login) {
                items.push(Item { key, login, places: found.into_iter().map(|(place, _)| place).collect() });
                continue;
            }
            let holders: BTreeSet<_> = found.iter().map(|(place, _)| place.holder.clone()).collect();
            let choice = if holders.len() > 1 { "name one of the files with --from" } else { "remove one" };
            for (place, _) in found {
                let why = format!(
                    "there are different logins for this registry, and the keyring keeps one; {choice}"
                );
                self.staying.push((place, Stay::conflict(why)));
            }
        }
        items
    }
}

/// The key and login for the keyring, or why it can't go there.
fn movable(key: &str, login: credential::Login) -> Result<(String, Login), Stay> {
    if is_path(key) {
        // podman would not find it any more.
        return Err(Stay::Must("it is for a path in a registry, for which podman asks no helper".to_owned()));
    }
    let server = Server::parse(key)
        .map_err(|error| Stay::Must(format!("it is for no registry that a helper is asked for: {error}")))?;
    let (username, secret) = match login {
        credential::Login::Password(credential) => (credential.username, credential.password),
        credential::Login::IdentityToken(token) => (TOKEN_USERNAME.to_owned(), token),
        credential::Login::RegistryToken(_) => {
            return Err(Stay::Must("it is a registry token, which helpers don't keep".to_owned()));
        }
    };
    if username.is_empty() || secret.is_empty() {
        return Err(Stay::failed("user name or password is empty; log in again, or remove it".to_owned()));
    }
    Ok((server.docker_key(), Login { username, secret }))
}

/// Whether the clients that find a login in a file today would ask us for it.
fn is_asked(file: &ConfigFile, client: Option<Client>, survey: &Survey, key: &str) -> bool {
    let is_us = |helper: Option<String>| helper.as_deref() == Some(HELPER);
    match client {
        Some(client) => is_us(survey.helper(client, key)),
        None => {
            is_us(survey.docker_helper(key))
                || is_us(survey.podman_helper(key))
                || is_us(file.cred_helper(&docker_lookup_key(key)).or_else(|| file.config.creds_store()))
        }
    }
}

fn nobody_asks(client: Option<Client>, key: &str) -> Stay {
    let (who, flag) = match client {
        Some(Client::Docker) => (Client::Docker.name(), " --docker"),
        Some(Client::Podman) => (Client::Podman.name(), " --podman"),
        None => ("the clients", ""),
    };
    let verb = if client == Some(Client::Docker) { "does" } else { "do" };
    let host = podman_lookup_key(key);
    Stay::conflict(format!(
        "{who} {verb} not ask this helper for it, and would be left without; first run: {NAME} configure{flag}, with \
         --registry {host} for this one alone"
    ))
}

impl From<&Stay> for Outcome {
    fn from(stay: &Stay) -> Self {
        match stay {
            Stay::Must(_) => Self::Stays,
            Stay::Failed(failure) => Self::Failed(failure.code),
        }
    }
}
