//! What the files of docker and podman say: which helper is asked for a registry, and which passwords stand in them.

use std::path::PathBuf;

use regcred_cli::client_files::ClientFiles;
use regcred_cli::failure::Failure;
use regcred_core::credential::Login;
use regcred_core::docker_config::{AuthEntry, EntryError};
use regcred_core::server::{Server, docker_lookup_key, podman_lookup_key};

use crate::config_file::ConfigFile;
use crate::environment::Environment;

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
    /// Whose it is.
    pub(crate) client: Client,
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
    /// The files: docker's, then podman's own in the order in which they are read.
    pub(crate) files: Vec<ClientFile>,
}

impl Survey {
    /// Reads the files; what can't be read is told apart.
    pub(crate) fn take(environment: &Environment) -> Self {
        let places = ClientFiles::find(&|name| environment.var(name));
        let of =
            |client, path: &PathBuf| ClientFile { client, path: path.clone(), file: ConfigFile::read(path) };
        let docker = places.docker.iter().map(|path| of(Client::Docker, path));
        let is_docker = |path: &&PathBuf| places.docker.as_ref() == Some(*path);
        let podman = places.podman_own().filter(|path| !is_docker(path)).map(|path| of(Client::Podman, path));
        let files = docker.chain(podman).collect();
        Self { places, files }
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
        self.readable().filter(move |(file, _)| file.client == client).map(|(_, read)| read)
    }

    /// The helper that docker asks for the login that a file has under `key`.
    pub(crate) fn docker_helper(&self, key: &str) -> Option<String> {
        self.of(Client::Docker)
            .find_map(|file| file.cred_helper(&docker_lookup_key(key)).or_else(|| file.config.creds_store()))
    }

    /// The helper that podman and skopeo ask; the first file that names one counts. (A `registries.conf` could name one
    /// for all registries; it is not looked at.)
    pub(crate) fn podman_helper(&self, key: &str) -> Option<String> {
        let asked = podman_lookup_key(key);
        self.of(Client::Podman).chain(self.of(Client::Docker)).find_map(|file| file.cred_helper(&asked))
    }

    /// The helper that this client's files name for exactly this registry.
    pub(crate) fn cred_helper(&self, client: Client, key: &str) -> Option<String> {
        match client {
            Client::Docker => {
                self.of(Client::Docker).find_map(|file| file.cred_helper(&docker_lookup_key(key)))
            }
            Client::Podman => self.podman_helper(key),
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
        ["podman", "skopeo", "buildah"].iter().any(|program| environment.find_program(program).is_some())
            || self.of(Client::Podman).any(ConfigFile::exists)
    }

    /// Whether docker is used here, as far as can be seen.
    pub(crate) fn has_docker(&self, environment: &Environment) -> bool {
        environment.find_program("docker").is_some() || self.of(Client::Docker).any(ConfigFile::exists)
    }

    /// Keys for a path in a registry, in any of the files, for which podman asks no helper.
    pub(crate) fn paths_in(&self, registry: &str) -> Vec<(PathBuf, String)> {
        let asked = podman_lookup_key(registry);
        let in_file = |file: &ConfigFile| {
            let keys = file.config.entries().into_iter().map(|entry| entry.key);
            let below: Vec<_> = keys.filter(|key| is_path(key) && podman_lookup_key(key) == asked).collect();
            below.into_iter().map(|key| (file.path.clone(), key)).collect::<Vec<_>>()
        };
        self.readable().flat_map(|(_, file)| in_file(file)).collect()
    }
}

impl ConfigFile {
    /// The helper that this file names for exactly this registry.
    pub(crate) fn cred_helper(&self, registry: &str) -> Option<String> {
        let helpers = self.config.cred_helpers().into_iter();
        helpers.filter(|(key, _)| key == registry).map(|(_, helper)| helper).find(|helper| !helper.is_empty())
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

/// Whether a key is for a path in a registry, such as `ghcr.io/team`.
pub(crate) fn is_path(key: &str) -> bool {
    Server::parse(key).is_ok_and(|server| !server.path().is_empty() && !server.is_docker_hub_token())
}
