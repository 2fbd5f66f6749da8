//! The logins that are to be moved, and those that stay where they are.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::time::Duration;

use regcred_cli::credential_helper::CredentialHelper;
use regcred_cli::failure::Failure;
use regcred_core::server::{docker_lookup_key, podman_lookup_key, same_registry, shown_key};
use regcred_keyring::Login;

use super::Stay;
use crate::NAME;
use crate::config_file::ConfigFile;
use crate::environment::Environment;
use crate::survey::{Client, ClientFile, HELPER, Survey, Unkeepable, for_keyring};

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

impl Place {
    /// The key as it can be shown.
    pub(super) fn title(&self) -> String {
        format!("{:?}", shown_key(&self.key))
    }
}

/// What was found.
#[derive(Default)]
pub(super) struct Gathered {
    found: Vec<(Place, String, Login)>,
    /// What stays, where it is.
    pub(super) staying: Vec<(Place, Stay)>,
}

/// What is looked for, and by whom.
pub(super) struct Search<'a> {
    /// The registries that are wanted; none means all.
    pub(super) registries: &'a [String],
    pub(super) survey: &'a Survey,
    pub(super) environment: &'a Environment,
    /// Whether to take also what no client would find in the keyring.
    pub(super) force: bool,
}

impl Search<'_> {
    fn wants(&self, key: &str) -> bool {
        let is_wanted = |registry: &String| same_registry(registry, &docker_lookup_key(key));
        self.registries.is_empty() || self.registries.iter().any(is_wanted)
    }

    /// The logins in a file: a client's, or if it is `None`, anybody's.
    pub(super) fn in_file(&self, file: &ConfigFile, client: Option<&ClientFile>, gathered: &mut Gathered) {
        let place = |key: &str| Place {
            file: Some(file.path.clone()),
            key: key.to_owned(),
            holder: file.path.display().to_string(),
        };
        for plain in file.plaintext() {
            let key = &plain.entry.key;
            if !self.wants(key) {
                continue;
            }
            let movable = plain.for_keyring().map_err(Stay::from);
            match movable.and_then(|kept| self.check_asked(file, client, key).map(|()| kept)) {
                Ok((server, login)) => gathered.found.push((place(key), server, login)),
                Err(stay) => gathered.staying.push((place(key), stay)),
            }
        }
        for hidden in file.config.hidden_entries() {
            if self.wants(&hidden.key) && hidden.secrets().is_ok_and(|secrets| !secrets.is_empty()) {
                let why =
                    "nobody reads it, because something later in the file takes its place; remove it there";
                gathered.staying.push((place(&hidden.key), Stay::failed(why.to_owned())));
            }
        }
    }

    /// What another helper lists and gets.
    pub(super) fn in_helper(&self, name: &str, gathered: &mut Gathered) -> Result<(), Failure> {
        if name == HELPER {
            return Err(Failure::usage("--from-helper names this very helper"));
        }
        let helper = CredentialHelper::new(name, self.environment.search_path(), PATIENCE)?
            .if_missing("install it, or give the NAME of a docker-credential-NAME on PATH");
        for key in helper.list()? {
            if !self.wants(&key) {
                continue;
            }
            let place = Place { file: None, key: key.clone(), holder: helper.program().to_owned() };
            let login = match helper.get(&key) {
                Ok(Some(login)) => for_keyring(&key, login).map_err(Stay::from),
                Ok(None) => Err(Stay::failed("it is listed there, but not to be had".to_owned())),
                Err(failure) => Err(Stay::Failed(failure)),
            };
            match login {
                Ok((server, login)) => gathered.found.push((place, server, login)),
                Err(stay) => gathered.staying.push((place, stay)),
            }
        }
        Ok(())
    }

    /// Whether everybody who finds a login in a file today would ask us for it.
    fn check_asked(&self, file: &ConfigFile, client: Option<&ClientFile>, key: &str) -> Result<(), Stay> {
        let is_us = |helper: Option<String>| helper.as_deref() == Some(HELPER);
        let survey = self.survey;
        let unasked = match client {
            _ if self.force => return Ok(()),
            Some(client) => {
                let of_docker = client.client == Client::Docker;
                if of_docker && !is_us(survey.docker_helper(key)) {
                    Some(Client::Docker)
                } else if (client.is_podmans && !is_us(survey.podman_helper(key)))
                    || (of_docker && survey.is_podmans_only(self.environment, key))
                {
                    Some(Client::Podman)
                } else {
                    return Ok(());
                }
            }
            None => {
                let by_file = file.cred_helper(&docker_lookup_key(key)).or_else(|| file.config.creds_store());
                if is_us(survey.docker_helper(key)) || is_us(survey.podman_helper(key)) || is_us(by_file) {
                    return Ok(());
                }
                None
            }
        };
        Err(nobody_asks(unasked, key))
    }
}

impl Gathered {
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

fn nobody_asks(client: Option<Client>, key: &str) -> Stay {
    let (who, flag) = match client {
        Some(Client::Docker) => ("docker does", " --docker"),
        Some(Client::Podman) => ("podman and skopeo do", " --podman"),
        None => ("the clients do", ""),
    };
    let host = podman_lookup_key(key);
    Stay::conflict(format!(
        "{who} not ask this helper for it, and would be left without; first run: {NAME} configure{flag}, with \
         --registry {host} for this one alone; or move it all the same with --force"
    ))
}

impl From<Unkeepable> for Stay {
    fn from(why: Unkeepable) -> Self {
        match why {
            Unkeepable::Unasked(why) => Self::Must(why),
            Unkeepable::Broken(why) => {
                Self::failed(format!("{why}; log in there again, or remove the entry"))
            }
        }
    }
}
