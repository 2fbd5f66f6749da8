//! `--from-keyring`: credentials that docker-credential-regcred keeps, without a helper in between.

use std::collections::BTreeMap;
use std::ffi::OsStr;

use regcred_core::credential::{Credential, Login};
use regcred_core::helper_protocol::TOKEN_USERNAME;
use regcred_core::server::{Server, pull_secret_key};
use regcred_keyring::{Settings, Store, StoreError};

use super::select::{Found, usable};
use crate::environment::Environment;
use crate::failure::{Failure, exit};

/// The credentials of these registries by the key that the kubelet finds them under. If none is named there must be
/// no choice: nobody should find the whole keyring in a cluster.
pub(super) async fn gather(
    registries: &[String],
    environment: &Environment,
) -> Result<BTreeMap<String, Credential>, Failure> {
    let (registries, environment) = (registries.to_vec(), environment.clone());
    // A keyring answers when it likes, and its bus library blocks.
    let reading = tokio::task::spawn_blocking(move || read(&registries, &environment));
    reading.await.map_err(|_| Failure::new(exit::HELPER, "reading the keyring failed unexpectedly"))?
}

fn read(registries: &[String], environment: &Environment) -> Result<BTreeMap<String, Credential>, Failure> {
    let settings = Settings::read(&|name| environment.var(name).map(OsStr::to_owned)).map_err(failed)?;
    let chosen = regcred_keyring::open(&settings).map_err(failed)?;
    let title = format!("the {}", chosen.kind);
    let store = chosen.store.as_ref();
    let wanted = if registries.is_empty() { vec![the_only_one(store, &title)?] } else { registries.to_vec() };
    let mut credentials = BTreeMap::new();
    for registry in wanted {
        let login = store.get(&registry).map_err(failed)?.ok_or_else(|| missing(store, &registry, &title))?;
        let login = if login.username == TOKEN_USERNAME {
            Login::IdentityToken(login.secret)
        } else {
            Login::Password(Credential { username: login.username, password: login.secret, email: None })
        };
        let credential = usable(&registry, Found { login, holder: title.clone() })?;
        credentials.insert(key(&registry), credential);
    }
    Ok(credentials)
}

/// The key for a registry, however it is spelled in the keyring.
fn key(registry: &str) -> String {
    Server::parse(registry)
        .map_or_else(|_| pull_secret_key(registry), |server| pull_secret_key(&server.docker_key()))
}

fn the_only_one(store: &dyn Store, title: &str) -> Result<String, Failure> {
    let mut servers = servers(store).map_err(failed)?;
    match servers.len() {
        0 => Err(Failure::new(exit::NOT_FOUND, format!("there are no credentials in {title}"))
            .hint("log in with docker, podman or docker-credential-regcred first")),
        1 => Ok(servers.remove(0)),
        _ => Err(Failure::usage(format!("{title} holds credentials of several registries"))
            .hint(format!("name those that the cluster shall have with --registry: {}", quoted(&servers)))),
    }
}

fn missing(store: &dyn Store, registry: &str, title: &str) -> Failure {
    let failure =
        Failure::new(exit::NOT_FOUND, format!("there is no credential for {registry:?} in {title}"));
    failure.hint(match servers(store) {
        Ok(servers) if servers.is_empty() => format!("it is empty; log in first: docker login {registry}"),
        Ok(servers) => format!("it holds {}", quoted(&servers)),
        Err(error) => format!("can't tell what it holds: {error}"),
    })
}

/// The servers that it holds something for, without Docker Hub's tokens, which are no passwords.
fn servers(store: &dyn Store) -> Result<Vec<String>, StoreError> {
    let mut servers: Vec<String> = store.list()?.into_iter().map(|entry| entry.server).collect();
    servers.retain(|server| !Server::parse(server).is_ok_and(|server| server.is_docker_hub_token()));
    Ok(servers)
}

fn quoted(servers: &[String]) -> String {
    servers.iter().map(|server| format!("{server:?}")).collect::<Vec<_>>().join(", ")
}

fn failed(error: StoreError) -> Failure {
    match error {
        StoreError::Settings(_) => Failure::usage(error.to_string()),
        other => Failure::new(exit::HELPER, other.to_string()),
    }
}
