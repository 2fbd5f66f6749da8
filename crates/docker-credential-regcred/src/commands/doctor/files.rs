//! What is wrong with the files of docker and podman: passwords in plaintext, helpers that are not there, and logins in
//! the keyring that nobody asks for.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use regcred_cli::program::NotOnPath;
use regcred_cli::shell;
use regcred_core::credential::{Login, expiry};
use regcred_core::docker_config::AuthEntry;
use regcred_core::helper_protocol;
use regcred_core::server::{
    Server, docker_lookup_key, is_path_key, podman_lookup_key, same_registry, shown_key,
};

use super::findings::Findings;
use crate::NAME;
use crate::config_file::ConfigFile;
use crate::environment::Environment;
use crate::survey::{Client, ClientFile, HELPER, Survey, Unkeepable};

/// What the files are judged by.
pub(super) struct Files<'a> {
    pub(super) survey: &'a Survey,
    pub(super) environment: &'a Environment,
    /// The servers that the keyring has a login for.
    pub(super) servers: Vec<&'a str>,
    /// Whether these are all.
    pub(super) knows_servers: bool,
    pub(super) is_wsl: bool,
}

impl Files<'_> {
    /// Looks at all of them.
    pub(super) fn examine(&self, findings: &mut Findings) {
        for ClientFile { client, path, file, .. } in &self.survey.files {
            match file {
                Err(failure) => {
                    let remedy = "mend it, or move it away; its clients can't read it either";
                    findings.problem("unreadableFile", &failure.message, remedy);
                }
                Ok(file) => {
                    modes(path, file, findings);
                    self.plaintext(*client, path, file, findings);
                    self.missing_helpers(*client, path, file, findings);
                    self.missing_logins(*client, path, file, findings);
                }
            }
        }
        if let Err(failure) = &self.survey.podman_defaults {
            findings.problem(
                "unreadableFile",
                &failure.message,
                "mend it; podman and skopeo can't read it either",
            );
        }
        if self.environment.var("DOCKER_AUTH_CONFIG").is_some() {
            findings.note(
                "variableOutranks",
                "DOCKER_AUTH_CONFIG is set: docker looks for passwords there before it asks a helper",
                "unset DOCKER_AUTH_CONFIG",
            );
        }
        self.different_logins(findings);
        self.clients(findings);
    }

    /// What was in the keyring once, as the emptied entry shows, and is not any more: after a reboot, for example.
    fn missing_logins(&self, client: Client, path: &Path, file: &ConfigFile, findings: &mut Findings) {
        let is_emptied = |entry: &AuthEntry<'_>| entry.login().is_ok_and(|login| login.is_none());
        for entry in file.config.entries().into_iter().filter(is_emptied) {
            let asked = docker_lookup_key(&entry.key);
            let is_kept = self.servers.iter().any(|server| same_registry(server, &asked));
            let is_asked = self.survey.helper(client, &entry.key).as_deref() == Some(HELPER);
            if self.knows_servers && is_asked && !is_kept && Server::parse(&asked).is_ok() {
                let host = shown_key(&asked).into_owned();
                findings.problem(
                    "noLogin",
                    format!(
                        "{path:?} says that this helper has a login for {host}, and the keyring has none"
                    ),
                    format!("log in again: {NAME} login {}", shell::word(&host)),
                );
            }
        }
    }

    /// The keyring keeps one login for a registry.
    fn different_logins(&self, findings: &mut Findings) {
        let mut logins: BTreeMap<String, Vec<(String, regcred_keyring::Login)>> = BTreeMap::new();
        for (_, file) in self.survey.readable() {
            for plain in file.plaintext() {
                let Ok((key, login)) = plain.for_keyring() else { continue };
                let place = format!("{:?} in {:?}", shown_key(&plain.entry.key), file.path);
                logins.entry(key).or_default().push((place, login));
            }
        }
        for (key, found) in logins {
            if found.windows(2).all(|pair| pair[0].1 == pair[1].1) {
                continue;
            }
            let places: Vec<_> = found.into_iter().map(|(place, _)| place).collect();
            let message =
                format!("there are different logins for {}: {}", shown_key(&key), places.join(" and "));
            let remedy = "the keyring keeps one of them: remove the others from their files, or log in with one everywhere";
            findings.problem("differentLogins", message, remedy);
        }
    }

    fn plaintext(&self, client: Client, path: &Path, file: &ConfigFile, findings: &mut Findings) {
        let (mut asked, mut unasked) = (Vec::new(), BTreeMap::<Option<String>, Vec<String>>::new());
        let mut staying = BTreeMap::<&str, Vec<String>>::new();
        for plain in file.plaintext() {
            let key = plain.entry.key.clone();
            if let Ok(login) = &plain.login {
                self.expiry(client, path, &key, login, findings);
            }
            if is_path_key(&key) && self.survey.cred_helper(Client::Podman, &key).as_deref() == Some(HELPER) {
                findings.shadowed(path, &key);
                continue;
            }
            let why = match plain.for_keyring() {
                Err(Unkeepable::Broken(problem)) => {
                    let message =
                        format!("the entry {:?} in {path:?} can't be moved: {problem}", shown_key(&key));
                    findings.problem("brokenEntry", message, "log in there again, or remove the entry");
                    continue;
                }
                Err(Unkeepable::Unasked(why)) => Some(why),
                Ok(_) if client == Client::Podman && self.is_beside_paths(&key) => {
                    Some("with a helper for the registry, podman would not use the logins for paths in it")
                }
                Ok(_) => None,
            };
            match (why, self.survey.helper(client, &key)) {
                (Some(why), _) => staying.entry(why).or_default().push(key),
                (None, Some(helper)) if helper == HELPER => asked.push(key),
                (None, other) => unasked.entry(other).or_default().push(key),
            }
        }
        for hidden in file.config.hidden_entries() {
            if hidden.secrets().is_ok_and(|secrets| !secrets.is_empty()) {
                let key = shown_key(&hidden.key);
                let message = format!("a password for {key:?} stands in {path:?} where nobody reads it");
                findings.problem(
                    "hiddenEntry",
                    message,
                    "remove it: something later in the file takes its place",
                );
            }
        }
        let of_podman =
            |key: &String| client == Client::Docker && self.survey.is_podmans_only(self.environment, key);
        let (lacking, asked): (Vec<String>, Vec<String>) = asked.into_iter().partition(of_podman);
        if !lacking.is_empty() {
            let message = format!(
                "passwords stand in {path:?}, for {}, where podman and skopeo look for them too: they know no credsStore",
                shown(&lacking)
            );
            findings.problem("plaintext", message, format!("{NAME} configure --podman && {NAME} migrate"));
        }
        if !asked.is_empty() {
            let message = format!("passwords stand in {path:?}, for {}", shown(&asked));
            findings.problem("plaintext", message, format!("{NAME} migrate"));
        }
        for (other, keys) in unasked {
            let though = other
                .map(|other| format!("; {} asks {other:?} for them, not this file", client.name()))
                .unwrap_or_default();
            let message = format!("passwords stand in {path:?}, for {}{though}", shown(&keys));
            let mut configure = self.configure(client, &keys);
            if keys.iter().any(of_podman) {
                configure = format!("{configure} && {NAME} configure --podman");
            }
            findings.problem("plaintext", message, format!("{configure} && {NAME} migrate"));
        }
        for (why, keys) in staying {
            let message = format!("passwords stand in {path:?}, for {}, and stay there: {why}", shown(&keys));
            findings.note("plaintextStays", message, "let them be tokens that may only pull, and that end");
        }
    }

    fn is_beside_paths(&self, key: &str) -> bool {
        self.survey.podman_helper(key).as_deref() != Some(HELPER) && !self.survey.paths_in(key).is_empty()
    }

    fn expiry(&self, client: Client, path: &Path, key: &str, login: &Login, findings: &mut Findings) {
        let secret = match login {
            Login::Password(credential) => &credential.password,
            Login::IdentityToken(token) | Login::RegistryToken(token) => token,
        };
        let Some(at) = expiry(secret) else { return };
        let program = if client == Client::Docker { "docker" } else { "podman" };
        let token = format!("the token for {} in {path:?}", shown_key(key));
        let again = format!("{program} login {}", shell::word(&shown_key(key)));
        findings.expiry(self.environment.now, at, &token, again);
    }

    /// The helpers that a file names and that no client could start.
    fn missing_helpers(&self, client: Client, path: &Path, file: &ConfigFile, findings: &mut Findings) {
        // podman and skopeo don't look at a credsStore.
        let store = file.config.creds_store().filter(|_| client == Client::Docker);
        let mut named: BTreeMap<String, (bool, Vec<String>)> = BTreeMap::new();
        if let Some(helper) = store {
            named.entry(helper).or_default().0 = true;
        }
        for (key, helper) in file.config.cred_helpers() {
            named.entry(helper).or_default().1.push(key);
        }
        for (helper, (is_store, keys)) in named {
            // Without our own, there is another problem.
            if helper.is_empty() || helper == HELPER {
                continue;
            }
            let Err(missing) = self.find_helper(&helper) else { continue };
            // Others are never looked up, and `configure` would name the one that is.
            let keys: Vec<_> = keys.into_iter().filter(|key| is_looked_up(client, key)).collect();
            let mut commands = Vec::new();
            if is_store {
                commands.push(format!("{NAME} configure {} --force", flag(client)));
            }
            if !keys.is_empty() {
                commands.push(self.configure(client, &keys));
            }
            let instead = if commands.is_empty() {
                "or remove what names it there".to_owned()
            } else {
                format!("or take its place: {}", commands.join(" && "))
            };
            let is_of_windows = ["desktop", "desktop.exe", "wincred.exe"].contains(&helper.as_str());
            let remedy = if self.is_wsl && is_of_windows {
                format!(
                    "it is a program of Windows, which WSL finds only if Windows' PATH is on its own; mend that, {instead}"
                )
            } else {
                format!("{}, {instead}", missing.remedy("install it"))
            };
            let message = format!("{path:?} names docker-credential-{helper}, which {missing}");
            findings.problem("helperMissing", message, remedy);
        }
    }

    /// Where a helper is, by the name that a file gives it.
    fn find_helper(&self, name: &str) -> Result<PathBuf, NotOnPath> {
        // A separator in it would make it a path.
        let program = helper_protocol::program(name).ok_or(NotOnPath::Nowhere)?;
        self.environment.search_path().find(&program)
    }

    /// Whether those who could ask us do.
    fn clients(&self, findings: &mut Findings) {
        let is_default = |helpers: &Vec<String>| helpers.iter().any(|helper| helper == HELPER);
        let asks = |(_, file): (&ClientFile, &ConfigFile)| {
            file.config.creds_store().as_deref() == Some(HELPER)
                || file.config.cred_helpers().iter().any(|(_, helper)| helper == HELPER)
        };
        if !self.survey.readable().any(asks) && !self.survey.podman_defaults.as_ref().is_ok_and(is_default) {
            let message = "no file of docker or podman names this helper, so nobody asks it";
            return findings.problem("notConfigured", message, self.first_configuration());
        }
        for (client, is_used, verb) in [
            (Client::Docker, self.survey.has_docker(self.environment), "does"),
            (Client::Podman, self.survey.has_podman(self.environment), "do"),
        ] {
            let unasked = self.unasked(client);
            if is_used && !unasked.is_empty() {
                let message = format!(
                    "{} {verb} not ask this helper for {}, though the keyring has a login",
                    client.name(),
                    shown(&unasked)
                );
                findings.problem("notAsked", message, self.configure(client, &unasked));
            }
        }
    }

    fn first_configuration(&self) -> String {
        if let Some(other) = self.survey.docker_creds_store() {
            let copy = if self.find_helper(&other).is_ok() {
                format!("{NAME} migrate --from-helper {} && ", shell::word(&other))
            } else {
                String::new()
            };
            return format!("{copy}{NAME} configure --force");
        }
        let knows_a_registry = !self.servers.is_empty()
            || self.survey.readable().any(|(_, file)| !file.config.entries().is_empty());
        if knows_a_registry || self.survey.has_docker(self.environment) {
            return format!("{NAME} configure");
        }
        if self.survey.has_podman(self.environment) {
            return format!("name the registries, as in: {NAME} configure --podman --registry ghcr.io");
        }
        format!("{NAME} configure")
    }

    /// The registries with a login in the keyring that a client would not look for there.
    fn unasked(&self, client: Client) -> Vec<String> {
        let is_asked = |server: &str| self.survey.helper(client, server).as_deref() == Some(HELPER);
        let servers = self.servers.iter().filter(|server| Server::parse(server).is_ok());
        let mut unasked: Vec<_> = servers.map(|server| docker_lookup_key(server)).collect();
        unasked.retain(|server| {
            !is_asked(server) && (client == Client::Docker || !self.is_beside_paths(server))
        });
        unasked.sort();
        unasked.dedup();
        unasked
    }

    /// The command that makes a client ask this helper for these keys.
    fn configure(&self, client: Client, keys: &[String]) -> String {
        let mut command = format!("{NAME} configure {}", flag(client));
        let others: Vec<_> = keys.iter().filter(|key| self.survey.helper(client, key).is_some()).collect();
        for key in &others {
            command.push_str(" --registry ");
            command.push_str(&shell::word(&docker_lookup_key(key)));
        }
        if others.iter().any(|key| self.survey.cred_helper(client, key).is_some()) {
            command.push_str(" --force");
        }
        command
    }
}

/// Passwords that others can get at, and what an interrupted change may have left.
fn modes(path: &Path, file: &ConfigFile, findings: &mut Findings) {
    if let (false, Some(mode)) = (file.plaintext().is_empty(), file.mode())
        && mode & 0o077 != 0
    {
        let message = format!("{path:?} holds passwords, and its mode {mode:04o} lets others at them");
        findings.problem(
            "readableByOthers",
            message,
            format!("chmod 600 {}", shell::word(&path.display().to_string())),
        );
    }
    if let Some(left) = file.left_behind() {
        let message = format!("{left:?} may hold passwords: a change that was interrupted has left it");
        findings.problem(
            "leftBehind",
            message,
            format!("rm -f {}", shell::word(&left.display().to_string())),
        );
    }
}

/// Whether a client looks for a helper under exactly this key.
fn is_looked_up(client: Client, key: &str) -> bool {
    let asked = match client {
        Client::Docker => docker_lookup_key(key),
        Client::Podman => podman_lookup_key(key),
    };
    Server::parse(key).is_ok() && asked == key
}

fn flag(client: Client) -> &'static str {
    match client {
        Client::Docker => "--docker",
        Client::Podman => "--podman",
    }
}

fn shown(keys: &[String]) -> String {
    keys.iter().map(|key| shown_key(key)).collect::<Vec<_>>().join(", ")
}
