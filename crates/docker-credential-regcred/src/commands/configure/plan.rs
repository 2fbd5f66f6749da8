//! What has to change in the clients' files so that they ask this helper, and what speaks against it.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::{Path, PathBuf};

use regcred_core::credential::Login;
use regcred_core::docker_config::DockerConfig;
use regcred_core::server::{docker_lookup_key, is_path_key, podman_lookup_key, same_registry, shown_key};

use crate::config_file::ConfigFile;
use crate::survey::{Client, HELPER, Survey};

/// A member of a docker config that names a helper.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Member {
    /// `credsStore`.
    CredsStore,
    /// The registry's member of `credHelpers`.
    CredHelper(String),
}

impl Member {
    /// The helper that it names.
    pub(super) fn get(&self, config: &DockerConfig) -> Option<String> {
        match self {
            Self::CredsStore => config.creds_store(),
            Self::CredHelper(registry) => {
                config.cred_helpers().into_iter().find(|(key, _)| key == registry).map(|(_, helper)| helper)
            }
        }
    }

    /// Makes it name a helper, or takes it out.
    pub(super) fn set(&self, config: &mut DockerConfig, helper: Option<&str>) {
        match self {
            Self::CredsStore => config.set_creds_store(helper),
            Self::CredHelper(registry) => config.set_cred_helper(registry, helper),
        }
    }
}

impl fmt::Display for Member {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::CredsStore => f.write_str("\"credsStore\""),
            Self::CredHelper(registry) => write!(f, "\"credHelpers\" {registry:?}"),
        }
    }
}

/// A member of a file that has to name this helper.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Step {
    pub(super) path: PathBuf,
    pub(super) member: Member,
    /// The helper that it names by now.
    pub(super) before: Option<String>,
}

/// Why something is better left as it is; the texts are whole sentences without a final stop.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Refusal {
    pub(super) why: String,
    pub(super) choice: String,
}

/// All that has to be done.
#[derive(Debug, Default)]
pub(super) struct Plan {
    pub(super) steps: Vec<Step>,
    pub(super) refusals: Vec<Refusal>,
}

impl Plan {
    /// Makes docker ask us: for these registries, or for all.
    pub(super) fn docker(&mut self, survey: &Survey, registries: &[String]) {
        let files = survey.readable().filter(|(file, _)| file.client == Client::Docker);
        for (_, file) in files {
            self.refuse_to_hide(file, registries);
            if registries.is_empty() {
                self.step(file, Member::CredsStore);
            }
            for registry in registries {
                let registry = docker_lookup_key(registry);
                self.refuse_to_shadow(survey, file, &registry);
                self.step(file, Member::CredHelper(registry));
            }
        }
    }

    /// Makes podman and skopeo ask us for these registries.
    pub(super) fn podman(&mut self, survey: &Survey, registries: &BTreeSet<String>) {
        let own =
            survey.readable().filter(|(file, _)| file.is_podmans && !is_of_no_session(survey, &file.path));
        for (_, file) in own {
            for registry in registries {
                let registry = podman_lookup_key(registry);
                self.refuse_to_shadow(survey, file, &registry);
                self.step(file, Member::CredHelper(registry));
            }
        }
    }

    fn step(&mut self, file: &ConfigFile, member: Member) {
        let before = member.get(&file.config);
        if before.as_deref() == Some(HELPER) {
            return;
        }
        let step = Step { path: file.path.clone(), member, before };
        if let Some(refusal) = step.replaces_another() {
            self.refuse(refusal);
        }
        if !self.steps.contains(&step) {
            self.steps.push(step);
        }
    }

    /// podman never asks a helper for a path in a registry, and once there is a helper for the registry, it does not look
    /// at the file's entries for paths in it either.
    fn refuse_to_shadow(&mut self, survey: &Survey, file: &ConfigFile, registry: &str) {
        if file.cred_helper(registry).as_deref() == Some(HELPER) {
            return;
        }
        for (path, key) in survey.paths_in(registry) {
            self.refuse(Refusal {
                why: format!(
                    "{path:?} has a login for {:?}, a part of {registry}; with a helper for {registry}, podman and \
                     skopeo would never use it again",
                    shown_key(&key)
                ),
                choice: format!("name the other registries with --registry, and leave {registry} as it is"),
            });
        }
    }

    /// docker takes a login for a path in a registry for one for all of it, and uses registry tokens. Neither can be in the
    /// keyring, and where there is a helper docker does not look at the file.
    fn refuse_to_hide(&mut self, file: &ConfigFile, registries: &[String]) {
        let plaintext = file.plaintext();
        for plain in &plaintext {
            let asked = docker_lookup_key(&plain.entry.key);
            let is_meant =
                registries.is_empty() || registries.iter().any(|registry| same_registry(registry, &asked));
            let is_read = file
                .cred_helper(&asked)
                .or_else(|| file.config.creds_store())
                .is_none_or(|helper| helper.is_empty());
            // Somebody wants it read from the file for good.
            let is_exempt = registries.is_empty() && file.cred_helper(&asked).is_some();
            if !is_meant || !is_read || is_exempt {
                continue;
            }
            let is_whole = |key: &str| !is_path_key(key) && docker_lookup_key(key) == asked;
            let (what, choice) = if is_path_key(&plain.entry.key) {
                if plaintext.iter().any(|other| is_whole(&other.entry.key)) {
                    continue;
                }
                (
                    "login",
                    format!(
                        "log in to {asked} itself first (docker login {asked}), or name the other registries with --registry"
                    ),
                )
            } else if matches!(plain.login, Ok(Login::RegistryToken(_))) {
                ("registry token", "name the other registries with --registry".to_owned())
            } else {
                continue;
            };
            self.refuse(Refusal {
                why: format!(
                    "docker uses the {what} for {:?} in {:?}, which the keyring can't have; with a helper for {asked}, it \
                     would not look at it any more",
                    shown_key(&plain.entry.key),
                    file.path
                ),
                choice,
            });
        }
    }

    /// Different logins for one registry, in files that are each read by somebody, can't all be in one keyring.
    pub(super) fn refuse_to_unite(&mut self, survey: &Survey, registries: &[String]) {
        let changed: BTreeSet<_> = self.steps.iter().map(|step| step.path.clone()).collect();
        let mut logins: BTreeMap<String, Vec<(String, regcred_keyring::Login)>> = BTreeMap::new();
        for (_, file) in survey.readable().filter(|(file, _)| changed.contains(&file.path)) {
            for plain in file.plaintext() {
                let Ok((key, login)) = plain.for_keyring() else { continue };
                if registries.is_empty() || registries.iter().any(|registry| same_registry(registry, &key)) {
                    let place = format!("{:?} in {:?}", shown_key(&plain.entry.key), file.path);
                    logins.entry(key).or_default().push((place, login));
                }
            }
        }
        for (key, found) in logins {
            if found.windows(2).all(|pair| pair[0].1 == pair[1].1) {
                continue;
            }
            let places: Vec<_> = found.into_iter().map(|(place, _)| place).collect();
            self.refuse(Refusal {
                why: format!(
                    "there are different logins for {key}, and the keyring keeps one: {}",
                    places.join(" and ")
                ),
                choice: "remove all but one of them from their files first".to_owned(),
            });
        }
    }

    fn refuse(&mut self, refusal: Refusal) {
        if !self.refusals.contains(&refusal) {
            self.refusals.push(refusal);
        }
    }
}

/// Whether a file is in the folder of a session that is not there: podman itself could not write it.
fn is_of_no_session(survey: &Survey, path: &Path) -> bool {
    let places = &survey.places;
    let is_fleeting = places.podman_login_is_fleeting && places.podman_login.as_deref() == Some(path);
    // XDG_RUNTIME_DIR/containers/auth.json, or below /run.
    is_fleeting && !path.ancestors().skip(2).take(2).any(Path::is_dir)
}

impl Step {
    fn replaces_another(&self) -> Option<Refusal> {
        let other = self.before.as_deref().filter(|other| !other.is_empty())?;
        let why = format!(
            "{:?} names the helper {other:?} in {}; what it keeps would not be found any more",
            self.path, self.member
        );
        let choice = match &self.member {
            Member::CredsStore => {
                "name single registries with --registry, and leave the others to it".to_owned()
            }
            Member::CredHelper(registry) => format!("leave {registry} to it"),
        };
        Some(Refusal { why, choice })
    }
}
