//! A pull secret as it is stored, wherever it was read: its types, the keys of its data, the names of its annotations.

use crate::docker_config::Form;

/// The type of a Secret that holds a docker config under [`KEY`].
pub const TYPE: &str = "kubernetes.io/dockerconfigjson";
/// The older type, of a Secret that holds one under [`LEGACY_KEY`].
pub const LEGACY_TYPE: &str = "kubernetes.io/dockercfg";
/// The types that the kubelet pulls with.
pub const PULL_TYPES: &[&str] = &[TYPE, LEGACY_TYPE];
/// The type of a Secret for which none was given.
pub const OPAQUE: &str = "Opaque";

/// The key of the data of a Secret of type [`TYPE`].
pub const KEY: &str = ".dockerconfigjson";
/// The key of the data of a Secret of type [`LEGACY_TYPE`].
pub const LEGACY_KEY: &str = ".dockercfg";
/// Both keys.
pub const KEYS: [&str; 2] = [KEY, LEGACY_KEY];

/// The annotation that says when the credential expires, RFC 3339 in UTC.
pub const EXPIRES_AT: &str = "kubectl-regcred/expires-at";
/// The annotation that says when credentials were last changed, RFC 3339 in UTC.
pub const ROTATED_AT: &str = "kubectl-regcred/rotated-at";
/// The annotation that names the Secret that one was copied from, as `[context/]namespace/name`.
pub const COPIED_FROM: &str = "kubectl-regcred/copied-from";
/// The annotation in which `kubectl apply` keeps what was applied, passwords included.
pub const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";
/// The label that names the tool that made an object, as Kubernetes recommends.
pub const MANAGED_BY: &str = "app.kubernetes.io/managed-by";
/// Its value on what this tool makes.
pub const MANAGER: &str = "kubectl-regcred";

/// The parts of a Secret that the kubelet looks at.
#[derive(Clone, Copy)]
pub struct Stored<'a> {
    /// Its `type`.
    pub kind: &'a str,
    /// Its data under [`KEY`].
    pub docker_config_json: Option<&'a [u8]>,
    /// Its data under [`LEGACY_KEY`].
    pub dockercfg: Option<&'a [u8]>,
}

/// A docker config as it lies in a Secret.
#[derive(Clone, Copy)]
pub struct ConfigText<'a> {
    /// The key of the Secret's data.
    pub key: &'static str,
    /// The text under it, which need not be JSON.
    pub text: &'a [u8],
    /// The form that the kubelet reads it in.
    pub form: Form,
}

/// Why the kubelet finds no docker config in a Secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoConfig<'a> {
    /// It is of a type that holds none.
    #[error("its type is {0:?}")]
    Type(&'a str),
    /// There is nothing under the key that belongs to its type.
    #[error("it holds nothing under `{0}`")]
    Empty(&'static str),
}

impl<'a> Stored<'a> {
    /// A Secret of this type, with the data that `data` returns for a key.
    pub fn new(kind: &'a str, data: impl Fn(&str) -> Option<&'a [u8]>) -> Self {
        Self { kind, docker_config_json: data(KEY), dockercfg: data(LEGACY_KEY) }
    }

    /// The docker config that the kubelet reads.
    ///
    /// Follows Kubernetes `pkg/credentialprovider/secrets/secrets.go`.
    pub fn docker_config(&self) -> Result<ConfigText<'a>, NoConfig<'a>> {
        let (key, text, form) = match self.kind {
            TYPE => (KEY, self.docker_config_json, Form::Config),
            LEGACY_TYPE => (LEGACY_KEY, self.dockercfg, Form::Dockercfg),
            other => return Err(NoConfig::Type(other)),
        };
        match text.filter(|text| !text.is_empty()) {
            Some(text) => Ok(ConfigText { key, text, form }),
            None => Err(NoConfig::Empty(key)),
        }
    }
}
