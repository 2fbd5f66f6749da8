//! Picking credentials out of docker configs: by registry, or all of them.

use std::collections::{BTreeMap, HashMap, HashSet};

use regcred_cli::credential_helper::CredentialHelper;
use regcred_core::credential::{Credential, Login};
use regcred_core::docker_config::{AuthEntry, DockerConfig};
use regcred_core::server::{Server, pull_secret_key, same_registry, shown_key};

use super::helper::Helpers;
use super::{check, helper};
use crate::failure::{Failure, exit};
use crate::output;

/// A docker config, wherever it was found.
pub(super) struct Holder {
    /// What to call it in messages.
    pub(super) title: String,
    pub(super) config: DockerConfig,
    /// How its credential helpers are asked; `None` if they are not to be.
    pub(super) helpers: Option<Helpers>,
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
    let indexed: Vec<_> = holders.iter().map(Indexed::new).collect();
    let mut credentials = BTreeMap::new();
    for registry in wanted {
        let found = async {
            let Some((key, found)) = find(&registry, &indexed).await? else { return Ok(None) };
            Ok(Some((key, usable(&registry, found)?)))
        };
        match found.await {
            Ok(Some((key, credential))) => {
                let asked = (!all).then_some(registry.as_str());
                credentials.entry(written_key(asked, &key)).or_insert(credential);
            }
            Ok(None) if all => output::warning(&format!(
                "left out {:?}: neither the docker config nor a credential helper holds its password",
                shown_key(&registry)
            )),
            Ok(None) => return Err(not_found(&registry, holders).await),
            Err(failure) if all => return Err(or_leave_it_out(failure)),
            Err(failure) => return Err(failure),
        }
    }
    if credentials.is_empty() {
        return Err(nothing_found(holders).await);
    }
    Ok(credentials)
}

/// One entry that is of no use stands in the way of all, unless the others are named.
fn or_leave_it_out(failure: Failure) -> Failure {
    let choice = "to leave it out, name the registries that you want with --registry";
    let hint = failure.hint.as_ref().map_or_else(|| choice.to_owned(), |hint| format!("{hint}; {choice}"));
    failure.hint(hint)
}

/// Every registry that a file has an entry or a helper for, in the files' order, each but once.
///
/// What a `credsStore` lists beyond that is left out: nobody should find the whole keyring in a cluster.
pub(super) fn every_registry(holders: &[Holder]) -> Vec<String> {
    let mut known = HashSet::new();
    let mut registries = Vec::new();
    for key in holders.iter().flat_map(Holder::keys) {
        let registry = Registry::of(&key);
        let is_token = matches!(&registry, Registry::Server(server) if server.is_docker_hub_token());
        if !is_token && known.insert(registry) {
            registries.push(key);
        }
    }
    registries
}

/// What a key names; what is no server URL (a pattern, say) is equal to itself alone.
#[derive(PartialEq, Eq, Hash)]
enum Registry {
    Server(Server),
    Other(String),
}

impl Registry {
    fn of(key: &str) -> Self {
        Server::parse(key).map_or_else(|_| Self::Other(key.to_owned()), Self::Server)
    }
}

/// The key that goes into the Secret, for an entry found under `found`.
///
/// nerdctl writes `ghcr.io:443`, which to docker is `ghcr.io`; the kubelet finds it for images that name the port, and
/// for no others. So the port stays only if it was `asked` for.
fn written_key(asked: Option<&str>, found: &str) -> String {
    let names_443 = |key: &str| {
        let authority = key.split_once("://").map_or(key, |(_, rest)| rest).split('/').next();
        authority.is_some_and(|authority| authority.ends_with(":443"))
    };
    if names_443(found) && !asked.is_some_and(names_443) {
        return pull_secret_key(&docker_key(found));
    }
    pull_secret_key(found)
}

/// The login for a registry, and the key that it was found under: the first file that has one counts.
async fn find(registry: &str, holders: &[Indexed<'_>]) -> Result<Option<(String, Found)>, Failure> {
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
}

/// A holder in which registries are looked up; a config can have thousands.
struct Indexed<'a> {
    holder: &'a Holder,
    entries: HashMap<Registry, Vec<AuthEntry<'a>>>,
    /// Key and helper of the first of `credHelpers` for a registry.
    helpers: HashMap<Registry, (String, String)>,
}

impl<'a> Indexed<'a> {
    fn new(holder: &'a Holder) -> Self {
        let mut entries: HashMap<_, Vec<_>> = HashMap::new();
        for entry in holder.config.entries() {
            entries.entry(Registry::of(&entry.key)).or_default().push(entry);
        }
        let mut helpers = HashMap::new();
        for (key, helper) in holder.config.cred_helpers() {
            helpers.entry(Registry::of(&key)).or_insert((key, helper));
        }
        Self { holder, entries, helpers }
    }

    /// The file's own entry if it holds a login, else what the helper for this registry answers.
    async fn find(&self, registry: &str) -> Result<Option<(String, Found)>, Failure> {
        let title = &self.holder.title;
        let class = Registry::of(registry);
        let mut entries: Vec<_> = self.entries.get(&class).into_iter().flatten().collect();
        // Of several spellings the one that was asked for goes first.
        entries.sort_by_key(|entry| entry.key != registry);
        for entry in &entries {
            let login = entry.login().map_err(|error| {
                let message = format!("{title}: the entry {:?}: {error}", shown_key(&entry.key));
                Failure::new(exit::FAILED, message).hint("log in again to have it written anew")
            })?;
            if let Some(login) = login {
                return Ok(Some((entry.key.clone(), Found { login, holder: title.clone() })));
            }
        }
        let special = self.helpers.get(&class);
        let key = match (entries.first(), special) {
            (Some(entry), _) => entry.key.clone(),
            (None, Some((key, _))) => key.clone(),
            (None, None) => docker_key(registry),
        };
        let name = special.map(|(_, helper)| helper.clone()).or_else(|| self.holder.config.creds_store());
        let (Some(name), Some(helpers)) = (name, &self.holder.helpers) else { return Ok(None) };
        let helper = helpers.named(&name)?;
        let server = key.clone();
        let login = helper::ask(&helper, move |helper| helper.get(&server)).await?;
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
            // What was found is at fault here, not how we were called.
            check(registry, &credential).map_err(|failure| Failure { code: exit::FAILED, ..failure })?;
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
    let is_named = |holder: &Holder| holder.keys().into_iter().any(|key| same_registry(&key, registry));
    if holders.iter().any(is_named) {
        // The file says that a helper has it, as `docker login` left it.
        let hint = format!("its credential helper has none by now; log in again: docker login {registry}");
        return Failure::new(exit::NOT_FOUND, message).hint(hint);
    }
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
        let (Some(store), Some(helpers)) = (holder.config.creds_store(), &holder.helpers) else {
            continue;
        };
        let listed = match helpers.named(&store) {
            Ok(helper) => helper::ask(&helper, CredentialHelper::list).await,
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
    let known: Vec<_> = known.iter().map(|key| format!("{:?}", shown_key(key))).collect();
    format!("name one of these with --registry: {}{unknown}", known.join(", "))
}
