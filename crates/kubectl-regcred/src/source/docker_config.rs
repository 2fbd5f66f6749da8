//! `--from-docker-config`: credentials of docker and podman, and of the credential helpers that they use.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use regcred_core::credential::{Credential, Login};
use regcred_core::docker_config::{DockerConfig, Form};
use regcred_core::server::{Server, pull_secret_key};

use super::helper::Helper;
use super::{SourceArgs, check};
use crate::environment::Environment;
use crate::failure::{Failure, exit};
use crate::file;
use crate::output;

/// A docker config and where it was read.
struct ConfigFile {
    path: PathBuf,
    config: DockerConfig,
    helper_timeout: Duration,
}

/// A login, and who gave it.
struct Found {
    login: Login,
    holder: String,
}

/// Gathers the credentials of the registries asked for, or of all that the config files name.
pub(super) async fn gather(
    path: Option<&Path>,
    args: &SourceArgs,
    environment: &Environment,
) -> Result<BTreeMap<String, Credential>, Failure> {
    for registry in &args.registry {
        Server::parse(registry)
            .map_err(|error| Failure::usage(format!("--registry {registry:?}: {error}")))?;
    }
    let files = read_files(path, args, environment)?;
    let all = args.registry.is_empty();
    let wanted = if all { every_registry(&files) } else { args.registry.clone() };
    let mut credentials = BTreeMap::new();
    for registry in wanted {
        match find(&registry, &files).await? {
            Some((key, found)) => {
                let credential = usable(&registry, found)?;
                credentials.entry(pull_secret_key(&key)).or_insert(credential);
            }
            None if all => output::warning(&format!(
                "left out {registry:?}: neither the docker config nor a credential helper holds its password"
            )),
            None => return Err(not_found(&registry, &files).await),
        }
    }
    if credentials.is_empty() {
        return Err(nothing_found(&files).await);
    }
    Ok(credentials)
}

fn read_files(
    path: Option<&Path>,
    args: &SourceArgs,
    environment: &Environment,
) -> Result<Vec<ConfigFile>, Failure> {
    let open = |path: PathBuf| {
        let text = file::read(&path)?;
        let config = DockerConfig::parse(text.to_vec(), Form::Config).map_err(|error| {
            Failure::new(exit::FAILED, format!("{path:?} is not a docker config: {error}"))
        })?;
        Ok(ConfigFile { path, config, helper_timeout: args.helper_timeout })
    };
    if let Some(path) = path {
        return Ok(vec![open(path.to_owned())?]);
    }
    let usual = usual_paths(environment);
    let files: Vec<_> =
        usual.iter().filter(|path| path.exists()).cloned().map(open).collect::<Result<_, _>>()?;
    if files.is_empty() {
        let looked: Vec<_> = usual.iter().map(|path| format!("{path:?}")).collect();
        return Err(Failure::new(
            exit::NOT_FOUND,
            format!("there is no docker config: looked for {}", looked.join(", ")),
        )
        .hint("log in with docker or podman first, or name the file: --from-docker-config=PATH"));
    }
    Ok(files)
}

/// Where docker and podman keep their credentials.
///
/// Follows docker's `cli/config/config.go` and containers-auth.json(5).
fn usual_paths(environment: &Environment) -> Vec<PathBuf> {
    let variable = |name: &str| environment.var(name).map(OsStr::to_owned).map(PathBuf::from);
    let docker = variable("DOCKER_CONFIG")
        .or_else(|| Some(environment.home()?.join(".docker")))
        .map(|folder| folder.join("config.json"));
    let podman = variable("REGISTRY_AUTH_FILE")
        .or_else(|| Some(variable("XDG_RUNTIME_DIR")?.join("containers").join("auth.json")));
    docker.into_iter().chain(podman).collect()
}

/// Every registry that a file has an entry or a helper for, in the files' order, each but once.
///
/// What a `credsStore` lists beyond that is left out: nobody should find the whole keyring in a cluster.
fn every_registry(files: &[ConfigFile]) -> Vec<String> {
    let mut registries: Vec<String> = Vec::new();
    for file in files {
        for key in file.keys() {
            let is_token = Server::parse(&key).is_ok_and(|server| server.is_docker_hub_token());
            if !is_token && !registries.iter().any(|known| same_registry(known, &key)) {
                registries.push(key);
            }
        }
    }
    registries
}

/// Whether two keys name one registry; what is no server URL (a pattern, say) is compared as it is.
fn same_registry(a: &str, b: &str) -> bool {
    match (Server::parse(a), Server::parse(b)) {
        (Ok(a), Ok(b)) => a == b,
        _ => a == b,
    }
}

/// The login for a registry, and the key that it was found under: the first file that has one counts.
async fn find(registry: &str, files: &[ConfigFile]) -> Result<Option<(String, Found)>, Failure> {
    for file in files {
        if let Some(found) = file.find(registry).await? {
            return Ok(Some(found));
        }
    }
    Ok(None)
}

impl ConfigFile {
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
                Failure::new(exit::FAILED, format!("{:?}: the entry {:?}: {error}", self.path, entry.key))
                    .hint("log in again to have it written anew")
            })?;
            if let Some(login) = login {
                return Ok(Some((entry.key.clone(), Found { login, holder: format!("{:?}", self.path) })));
            }
        }
        let special = self.config.cred_helpers().into_iter().find(|(key, _)| same_registry(key, registry));
        let key = match (entries.first(), &special) {
            (Some(entry), _) => entry.key.clone(),
            (None, Some((key, _))) => key.clone(),
            (None, None) => docker_key(registry),
        };
        let Some(name) = special.map(|(_, helper)| helper).or_else(|| self.config.creds_store()) else {
            return Ok(None);
        };
        let helper = Helper::new(&name, self.helper_timeout)?;
        let login = helper.get(&key).await?;
        Ok(login.map(|login| (key, Found { login, holder: helper.program().to_owned() })))
    }
}

/// The key under which docker would have logged in.
fn docker_key(registry: &str) -> String {
    Server::parse(registry).map_or_else(|_| registry.to_owned(), |server| server.docker_key())
}

/// The credential, if it is one that the kubelet can use.
fn usable(registry: &str, found: Found) -> Result<Credential, Failure> {
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

async fn not_found(registry: &str, files: &[ConfigFile]) -> Failure {
    let message = format!("there is no credential for {registry:?} in {}", paths(files));
    Failure::new(exit::NOT_FOUND, message).hint(known_registries(files).await)
}

async fn nothing_found(files: &[ConfigFile]) -> Failure {
    Failure::new(exit::NOT_FOUND, format!("there are no credentials in {}", paths(files)))
        .hint(known_registries(files).await)
}

fn paths(files: &[ConfigFile]) -> String {
    files.iter().map(|file| format!("{:?}", file.path)).collect::<Vec<_>>().join(" and ")
}

/// What there is to choose from, the contents of each `credsStore` included.
async fn known_registries(files: &[ConfigFile]) -> String {
    let mut known: Vec<String> = Vec::new();
    let mut unknown = String::new();
    for file in files {
        known.extend(file.keys());
        let Some(store) = file.config.creds_store() else {
            continue;
        };
        let listed = match Helper::new(&store, file.helper_timeout) {
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
