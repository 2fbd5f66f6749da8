//! Picking credentials out of docker configs: by registry, or all of them.

use std::collections::BTreeMap;
use std::time::Duration;

use regcred_core::credential::{Credential, Login};
use regcred_core::docker_config::DockerConfig;
use regcred_core::server::{Server, pull_secret_key, same_registry};

use super::check;
use super::helper::Helper;
use crate::failure::{Failure, exit};
use crate::output;

/// A docker config, wherever it was found.
pub(super) struct Holder {
    /// What to call it in messages.
    pub(super) title: String,
    pub(super) config: DockerConfig,
    /// How long its credential helpers may take; `None` if they are not to be asked.
    pub(super) helper_timeout: Option<Duration>,
}

/// A login, and who gave it.
pub(super) struct Found {
    pub(super) login: Login,
    pub(super) holder: String,
}

/// The credentials of these registries, or of all that the holders name if there are none, by the key that the
/// kubelet finds them under. Of several holders the first that has a registry counts.
pub(super) async fn select(
    holders: &[Holder],
    registries: &[String],
) -> Result<BTreeMap<String, Credential>, Failure> {
    let all = registries.is_empty();
    let wanted = if all { every_registry(holders) } else { registries.to_vec() };
    let mut credentials = BTreeMap::new();
    for registry in wanted {
        match find(&registry, holders).await? {
            Some((key, found)) => {
                let credential = usable(&registry, found)?;
                credentials.entry(pull_secret_key(&key)).or_insert(credential);
            }
            None if all => output::warning(&format!(
                "left out {registry:?}: neither the docker config nor a credential helper holds its password"
            )),
            None => return Err(not_found(&registry, holders).await),
        }
    }
    if credentials.is_empty() {
        return Err(nothing_found(holders).await);
    }
    Ok(credentials)
}

/// Every registry that a file has an entry or a helper for, in the files' order, each but once.
///
/// What a `credsStore` lists beyond that is left out: nobody should find the whole keyring in a cluster.
pub(super) fn every_registry(holders: &[Holder]) -> Vec<String> {
    let mut registries: Vec<String> = Vec::new();
    for holder in holders {
        for key in holder.keys() {
            let is_token = Server::parse(&key).is_ok_and(|server| server.is_docker_hub_token());
            if !is_token && !registries.iter().any(|known| same_registry(known, &key)) {
                registries.push(key);
            }
        }
    }
    registries
}

/// The login for a registry, and the key that it was found under: the first file that has one counts.
async fn find(registry: &str, holders: &[Holder]) -> Result<Option<(String, Found)>, Failure> {
    for holder in holders {
        if let Some(found) = holder.find(registry).await? {
            return Ok(Some(found));
        }
    }
    Ok(None)
}

impl Holder {
    /// The registry keys that the file names, with or without a login.
    fn keys(&self) -> Vec<String> {
        let entries = self.config.entries().into_iter().map(|entry| entry.key);
        entries.chain(self.config.cred_helpers().into_iter().map(|(key, _)| key)).collect()
    }

    /// The file's own entry if it holds a login, else what the helper for this registry answers.
    async fn find(&self, registry: &str) -> Result<Option<(String, Found)>, Failure> {
        let mut entries = self.config.entries();
        entries.retain(|entry| same_registry(&entry.key, registry));
        // Of several spellings the one that was asked for goes first.
        entries.sort_by_key(|entry| entry.key != registry);
        for entry in &entries {
            let login = entry.login().map_err(|error| {
                Failure::new(exit::FAILED, format!("{}: the entry {:?}: {error}", self.title, entry.key))
                    .hint("log in again to have it written anew")
            })?;
            if let Some(login) = login {
                return Ok(Some((entry.key.clone(), Found { login, holder: self.title.clone() })));
            }
        }
        let special = self.config.cred_helpers().into_iter().find(|(key, _)| same_registry(key, registry));
        let key = match (entries.first(), &special) {
            (Some(entry), _) => entry.key.clone(),
            (None, Some((key, _))) => key.clone(),
            (None, None) => docker_key(registry),
        };
        let name = special.map(|(_, helper)| helper).or_else(|| self.config.creds_store());
        let (Some(name), Some(timeout)) = (name, self.helper_timeout) else { return Ok(None) };
        let helper = Helper::new(&name, timeout)?;
        let login = helper.get(&key).await?;
        Ok(login.map(|login| (key, Found { login, holder: helper.program().to_owned() })))
    }
}

/// The key under which docker would have logged in.
fn docker_key(registry: &str) -> String {
    Server::parse(registry).map_or_else(|_| registry.to_owned(), |server| server.docker_key())
}

/// The credential, if it is one that the kubelet can use.
pub(super) fn usable(registry: &str, found: Found) -> Result<Credential, Failure> {
    let token = match found.login {
        Login::Password(credential) => {
            check(registry, &credential)?;
            return Ok(credential);
        }
        Login::IdentityToken(_) => "an identity token",
        Login::RegistryToken(_) => "a registry token",
    };
    Err(Failure::new(exit::FAILED, format!("{} holds {token} for {registry:?}, not a password", found.holder))
        .hint(
            "docker exchanges such a token for access, but the kubelet drops it and would pull anonymously; make a \
             password for pulling (an access token, a robot account, a service principal) and give it with \
             --docker-username and --password-stdin",
        ))
}

async fn not_found(registry: &str, holders: &[Holder]) -> Failure {
    let message = format!("there is no credential for {registry:?} in {}", titles(holders));
    Failure::new(exit::NOT_FOUND, message).hint(known_registries(holders).await)
}

async fn nothing_found(holders: &[Holder]) -> Failure {
    Failure::new(exit::NOT_FOUND, format!("there are no credentials in {}", titles(holders)))
        .hint(known_registries(holders).await)
}

fn titles(holders: &[Holder]) -> String {
    holders.iter().map(|holder| holder.title.as_str()).collect::<Vec<_>>().join(" and ")
}

/// What there is to choose from, the contents of each `credsStore` included.
async fn known_registries(holders: &[Holder]) -> String {
    let mut known: Vec<String> = Vec::new();
    let mut unknown = String::new();
    for holder in holders {
        known.extend(holder.keys());
        let (Some(store), Some(timeout)) = (holder.config.creds_store(), holder.helper_timeout) else {
            continue;
        };
        let listed = match Helper::new(&store, timeout) {
            Ok(helper) => helper.list().await,
            Err(failure) => Err(failure),
        };
        match listed {
            Ok(servers) => known.extend(servers),
            Err(failure) => unknown = format!(" (can't tell what else: {})", failure.message),
        }
    }
    known.sort();
    known.dedup();
    if known.is_empty() {
        return format!("log in to the registry with docker or podman first{unknown}");
    }
    let known: Vec<_> = known.iter().map(|key| format!("{key:?}")).collect();
    format!("name one of these with --registry: {}{unknown}", known.join(", "))
}
