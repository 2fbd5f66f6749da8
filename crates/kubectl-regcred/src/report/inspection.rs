//! What only `inspect` says about a pull secret.

use std::fmt;
use std::path::PathBuf;

use regcred_core::credential::SecretString;
use serde::{Serialize, Serializer};

use super::PullSecret;

/// A pull secret, and what is around it.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Inspection {
    /// The file that it is from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) file: Option<PathBuf>,
    #[serde(flatten)]
    pub(crate) secret: PullSecret,
    /// The other Secrets that hold one of its credentials, of those that were looked at.
    pub(crate) same_credential: Vec<SameCredential>,
    /// The pods that name it and can't pull just now.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) failing_pulls: Option<Vec<FailingPull>>,
    /// What could not be looked at, in words.
    pub(crate) unknown: Vec<String>,
}

/// What only `inspect` says about an entry.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Details {
    /// Which images it is for, in words.
    pub(crate) matches: String,
    /// The field that the password is from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) password_field: Option<&'static str>,
    /// The password, if it was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) password: Option<ShownSecret>,
}

/// A password that somebody asked to see, with `--show-secrets`: the only one that is ever printed.
#[derive(Clone)]
pub(crate) struct ShownSecret(SecretString);

impl ShownSecret {
    /// Lets a password be printed.
    pub(crate) fn new(secret: SecretString) -> Self {
        Self(secret)
    }

    pub(crate) fn expose(&self) -> &str {
        self.0.expose()
    }
}

impl fmt::Debug for ShownSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Serialize for ShownSecret {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.0.expose())
    }
}

/// Another Secret that holds a credential of this one.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub(crate) struct SameCredential {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) namespace: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) file: Option<PathBuf>,
    /// The registry key that it is under there.
    pub(crate) key: String,
    /// The registry key that it is under here.
    pub(crate) entry: String,
}

/// A container that waits for its image.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct FailingPull {
    pub(crate) pod: String,
    pub(crate) container: String,
    pub(crate) image: String,
    pub(crate) reason: String,
    pub(crate) message: String,
    /// Whether an entry of the Secret is tried for the image; absent if the image's name can't be read, or the Secret
    /// fails every pull.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) tried: Option<bool>,
}
