//! The login that an auth entry holds, to tell whether two entries hold the same one.

use std::cmp::Ordering;
use std::fmt;

use zeroize::Zeroizing;

use super::{AuthEntry, EntryError, EntryProblem, entry_error};
use crate::credential::{Credential, decode_auth};
use crate::json::{Kind, lossy};

/// What an entry lets the kubelet log in with, in bytes, for comparing. It is wiped when dropped, and prints nothing
/// of its secret.
#[derive(Clone, PartialEq, Eq)]
pub struct PresentLogin {
    kind: PresentKind,
    /// Empty for tokens, which need none.
    username: Vec<u8>,
    secret: Zeroizing<Vec<u8>>,
}

/// What kind of login it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum PresentKind {
    /// A user name and a password.
    Password,
    /// An OAuth refresh token, which the kubelet drops.
    IdentityToken,
    /// A bearer token, which the kubelet drops.
    RegistryToken,
}

impl Ord for PresentLogin {
    fn cmp(&self, other: &Self) -> Ordering {
        let Self { kind, username, secret } = self;
        kind.cmp(&other.kind)
            .then_with(|| username.cmp(&other.username))
            .then_with(|| secret[..].cmp(&other.secret[..]))
    }
}

impl PartialOrd for PresentLogin {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PresentLogin {
    /// What kind of login it is.
    pub fn kind(&self) -> PresentKind {
        self.kind
    }

    /// The user name; `None` for a token.
    pub fn username(&self) -> Option<String> {
        (self.kind == PresentKind::Password).then(|| lossy(&self.username).to_string())
    }
}

impl From<&Credential> for PresentLogin {
    fn from(credential: &Credential) -> Self {
        Self {
            kind: PresentKind::Password,
            username: credential.username.as_bytes().to_vec(),
            secret: Zeroizing::new(credential.password.expose().as_bytes().to_vec()),
        }
    }
}

impl fmt::Debug for PresentLogin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PresentLogin").field("kind", &self.kind).finish_non_exhaustive()
    }
}

impl AuthEntry<'_> {
    /// The login in this entry as the kubelet reads it, or else a token, which the kubelet drops; `None` if there is
    /// no password and no token.
    ///
    /// Unlike [`login`](Self::login) it prefers a password to a token, and knows passwords that are not UTF-8.
    /// Follows Kubernetes `pkg/credentialprovider/config.go`.
    ///
    /// # Errors
    /// The kubelet can't decode the entry.
    pub fn present_login(&self) -> Result<Option<PresentLogin>, EntryError> {
        match self.value.kind() {
            Kind::Null => return Ok(None),
            Kind::Object => {}
            _ => return Err(entry_error(self.value, EntryProblem::NotAnObject)),
        }
        self.field("email")?;
        let text = |field| {
            let found = self.field(field)?;
            Ok::<_, EntryError>(Zeroizing::new(
                found.map(|(_, text)| text.as_bytes().to_vec()).unwrap_or_default(),
            ))
        };
        let (mut username, mut password) = (text("username")?.to_vec(), text("password")?);
        if let Some((value, auth)) = self.field("auth")? {
            (username, password) =
                decode_auth(&auth).ok_or_else(|| entry_error(value, EntryProblem::AuthUndecodable))?;
        }
        if !password.is_empty() {
            return Ok(Some(PresentLogin { kind: PresentKind::Password, username, secret: password }));
        }
        let tokens =
            [("identitytoken", PresentKind::IdentityToken), ("registrytoken", PresentKind::RegistryToken)];
        // The kubelet does not look at these, so one that is no string is no error.
        Ok(tokens.into_iter().find_map(|(field, kind)| {
            let (_, token) = self.field(field).ok().flatten()?;
            let secret = Zeroizing::new(token.as_bytes().to_vec());
            Some(PresentLogin { kind, username: Vec::new(), secret })
        }))
    }
}
