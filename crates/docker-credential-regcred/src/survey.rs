//! What the files of docker and podman say: which helper is asked for a registry, and which passwords stand in them.

use std::path::{Path, PathBuf};

use regcred_cli::client_files::ClientFiles;
use regcred_cli::failure::Failure;
use regcred_core::credential::Login;
use regcred_core::docker_config::{AuthEntry, EntryError};
use regcred_core::helper_protocol::TOKEN_USERNAME;
use regcred_core::server::{
    Server, check_control_characters, docker_lookup_key, is_path_key, podman_lookup_key,
};

use crate::config_file::ConfigFile;
use crate::environment::Environment;
use crate::registries_conf;

/// The name by which clients know this program: they put `docker-credential-` before it.
pub(crate) const HELPER: &str = "regcred";

/// What reads a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Client {
    /// Docker, and what is built on its library. podman and skopeo read its file too, but not its `credsStore`.
    Docker,
    /// podman, skopeo and buildah.
    Podman,
}

impl Client {
    /// What to call it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Docker => "docker",
            Self::Podman => "podman and skopeo",
        }
    }
}

/// One of the files.
#[derive(Debug)]
pub(crate) struct ClientFile {
    /// Whose it is: docker's, if it is both's.
    pub(crate) client: Client,
    /// Whether it is podman's own, by whatever name.
    pub(crate) is_podmans: bool,
    /// Where it is.
    pub(crate) path: PathBuf,
    /// What is in it, or why that can't be told.
    pub(crate) file: Result<ConfigFile, Failure>,
}

/// All of the files.
#[derive(Debug)]
pub(crate) struct Survey {
    /// Where they are.
    pub(crate) places: ClientFiles,
    /// The files, each once: docker's, then podman's own in the order in which they are read.
    pub(crate) files: Vec<ClientFile>,
    /// The helpers that podman and skopeo ask for every registry, or why that can't be told.
    pub(crate) podman_defaults: Result<Vec<String>, Failure>,
}

impl Survey {
    /// Reads the files; what can't be read is told apart.
    pub(crate) fn take(environment: &Environment) -> Self {
        let places = ClientFiles::find(&|name| environment.var(name));
        let mut files: Vec<ClientFile> = Vec::new();
        let docker = places.docker.iter().map(|path| (Client::Docker, path));
        for (client, path) in docker.chain(places.podman_own().map(|path| (Client::Podman, path))) {
            let is_podmans = client == Client::Podman;
            let same = files.iter_mut().find(|file| is_same(&file.path, path));
            if let Some(same) = same {
                same.is_podmans |= is_podmans;
            } else {
                files.push(ClientFile {
                    client,
                    is_podmans,
                    path: path.clone(),
                    file: ConfigFile::read(path),
                });
            }
        }
        Self { places, files, podman_defaults: registries_conf::helpers(environment) }
    }

    /// The same, for a command that must know all of them.
    pub(crate) fn take_all(environment: &Environment) -> Result<Self, Failure> {
        let survey = Self::take(environment);
        match survey.files.iter().find_map(|file| file.file.as_ref().err()) {
            Some(failure) => Err(failure.clone()),
            None => Ok(survey),
        }
    }

    /// The files that could be read, with what is in them.
    pub(crate) fn readable(&self) -> impl Iterator<Item = (&ClientFile, &ConfigFile)> {
        self.files.iter().filter_map(|file| Some((file, file.file.as_ref().ok()?)))
    }

    fn of(&self, client: Client) -> impl Iterator<Item = &ConfigFile> {
        let is_of = move |file: &ClientFile| match client {
            Client::Docker => file.client == Client::Docker,
            Client::Podman => file.is_podmans,
        };
        self.readable().filter(move |(file, _)| is_of(file)).map(|(_, read)| read)
    }

    /// The helper that docker asks for the login that a file has under `key`. (An empty name in `credHelpers` means none,
    /// and the file itself.)
    pub(crate) fn docker_helper(&self, key: &str) -> Option<String> {
        let asked = docker_lookup_key(key);
        let helper = self
            .of(Client::Docker)
            .find_map(|file| file.cred_helper(&asked).or_else(|| file.config.creds_store()));
        helper.filter(|helper| !helper.is_empty())
    }

    /// The helper that podman and skopeo ask: the one that a file names for the registry, else one of those that they ask
    /// for every registry, in turn: this one if it is among them.
    pub(crate) fn podman_helper(&self, key: &str) -> Option<String> {
        let default = || {
            let helpers = self.podman_defaults.as_ref().ok()?;
            helpers.iter().find(|helper| *helper == HELPER).or(helpers.first()).cloned()
        };
        self.named(Client::Podman, key).or_else(default).filter(|helper| !helper.is_empty())
    }

    /// Whether podman, where it is used, finds a login that stands in docker's file under `key` there and nowhere before,
    /// so that it would be without when that is gone: it knows no `credsStore`.
    pub(crate) fn is_podmans_only(&self, environment: &Environment, key: &str) -> bool {
        let asked = podman_lookup_key(key);
        let has_own =
            |file: &ConfigFile| file.plaintext().iter().any(|own| podman_lookup_key(&own.entry.key) == asked);
        self.has_podman(environment)
            && self.podman_helper(key).as_deref() != Some(HELPER)
            && !self.of(Client::Podman).any(has_own)
    }

    /// The helper that this client's files name for exactly this registry.
    pub(crate) fn cred_helper(&self, client: Client, key: &str) -> Option<String> {
        self.named(client, key).filter(|helper| !helper.is_empty())
    }

    /// The same, which may be empty.
    fn named(&self, client: Client, key: &str) -> Option<String> {
        match client {
            Client::Docker => {
                let asked = docker_lookup_key(key);
                self.of(Client::Docker).find_map(|file| file.cred_helper(&asked))
            }
            // The first file that names one counts.
            Client::Podman => {
                let asked = podman_lookup_key(key);
                self.of(Client::Podman)
                    .chain(self.of(Client::Docker))
                    .find_map(|file| file.cred_helper(&asked))
            }
        }
    }

    /// The helper that docker asks for every other registry.
    pub(crate) fn docker_creds_store(&self) -> Option<String> {
        self.of(Client::Docker).find_map(|file| file.config.creds_store()).filter(|store| !store.is_empty())
    }

    /// The helper that this client asks.
    pub(crate) fn helper(&self, client: Client, key: &str) -> Option<String> {
        match client {
            Client::Docker => self.docker_helper(key),
            Client::Podman => self.podman_helper(key),
        }
    }

    /// Whether podman, skopeo or buildah are used here, as far as can be seen.
    pub(crate) fn has_podman(&self, environment: &Environment) -> bool {
        ["podman", "skopeo", "buildah"].iter().any(|program| environment.search_path().find(program).is_ok())
            || self.of(Client::Podman).any(ConfigFile::exists)
    }

    /// Whether docker is used here, as far as can be seen.
    pub(crate) fn has_docker(&self, environment: &Environment) -> bool {
        environment.search_path().find("docker").is_ok() || self.of(Client::Docker).any(ConfigFile::exists)
    }

    /// Keys for a path in a registry, in any of the files, for which podman asks no helper.
    pub(crate) fn paths_in(&self, registry: &str) -> Vec<(PathBuf, String)> {
        let asked = podman_lookup_key(registry);
        let in_file = |file: &ConfigFile| {
            let keys = file.config.entries().into_iter().map(|entry| entry.key);
            let below: Vec<_> =
                keys.filter(|key| is_path_key(key) && podman_lookup_key(key) == asked).collect();
            below.into_iter().map(|key| (file.path.clone(), key)).collect::<Vec<_>>()
        };
        self.readable().flat_map(|(_, file)| in_file(file)).collect()
    }
}

impl ConfigFile {
    /// The helper that this file names for exactly this registry; the name may be empty.
    pub(crate) fn cred_helper(&self, registry: &str) -> Option<String> {
        let helpers = self.config.cred_helpers();
        helpers.into_iter().find(|(key, _)| key == registry).map(|(_, helper)| helper)
    }

    /// The entries that hold a password or token, and those that can't be read and might.
    pub(crate) fn plaintext(&self) -> Vec<Plaintext<'_>> {
        let entries = self.config.entries().into_iter();
        entries
            .filter_map(|entry| {
                let login = entry.login().transpose()?;
                Some(Plaintext { entry, login })
            })
            .collect()
    }
}

/// An entry that holds a login.
#[derive(Debug)]
pub(crate) struct Plaintext<'a> {
    /// The entry.
    pub(crate) entry: AuthEntry<'a>,
    /// What one can log in with, or why that can't be told.
    pub(crate) login: Result<Login, EntryError>,
}

/// Whether two paths lead to the same file, or would if there were one.
pub(crate) fn is_same(a: &Path, b: &Path) -> bool {
    a == b || a.canonicalize().is_ok_and(|a| b.canonicalize().is_ok_and(|b| a == b))
}

/// Why a login can't be in a keyring; the texts end without a final stop.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Unkeepable {
    /// No client would ask a helper for it.
    Unasked(&'static str),
    /// There is something wrong with it.
    Broken(String),
}

/// Where and as what the keyring would keep a login that stands under `key`: under docker's name for the registry.
pub(crate) fn for_keyring(key: &str, login: Login) -> Result<(String, regcred_keyring::Login), Unkeepable> {
    if let Err(error) = check_control_characters(key) {
        return Err(Unkeepable::Broken(error.to_string()));
    }
    if is_path_key(key) {
        return Err(Unkeepable::Unasked("podman asks no helper for a path in a registry"));
    }
    let server = Server::parse(&docker_lookup_key(key));
    let server = server.map_err(|_| Unkeepable::Unasked("no client asks a helper for such a name"))?;
    let (username, secret) = match login {
        Login::Password(credential) => (credential.username, credential.password),
        Login::IdentityToken(token) => (TOKEN_USERNAME.to_owned(), token),
        Login::RegistryToken(_) => return Err(Unkeepable::Unasked("helpers keep no registry tokens")),
    };
    if username.is_empty() || secret.is_empty() {
        return Err(Unkeepable::Broken("user name or password is empty".to_owned()));
    }
    Ok((server.docker_key(), regcred_keyring::Login { username, secret }))
}

impl Plaintext<'_> {
    /// Where and as what the keyring would keep it.
    pub(crate) fn for_keyring(&self) -> Result<(String, regcred_keyring::Login), Unkeepable> {
        let broken = |error: &EntryError| Unkeepable::Broken(error.to_string());
        let login = self.login.as_ref().map_err(broken)?;
        let kept = for_keyring(&self.entry.key, login.clone())?;
        if self.entry.secrets().map_err(|error| broken(&error))?.len() > 1 {
            return Err(Unkeepable::Broken(
                "it holds several passwords or tokens, and the keyring keeps one".to_owned(),
            ));
        }
        Ok(kept)
    }
}
