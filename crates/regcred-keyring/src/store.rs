//! What the programs see of a keyring.

use std::fmt;

use regcred_core::credential::SecretString;

/// A keyring that holds logins to registries.
///
/// Servers are given and returned as URLs in any spelling; what is one server is for
/// [`Server`](regcred_core::server::Server) to say. A control character in a server's name is an error
/// ([`StoreError::Unfit`]): no server has one, and a keyring might cut the name there. No method waits for a person: a keyring that would have to ask
/// is an error.
pub trait Store {
    /// The login for a server, or `None` if there surely is none.
    ///
    /// Under that very URL if there is one, else under another spelling of the same server, else, for
    /// `host/path`, the one for `host`.
    fn get(&self, server: &str) -> Result<Option<Login>, StoreError>;

    /// Keeps a login in place of whatever was there for the same server.
    ///
    /// Ended at any moment, there is the old login, the new one, or both; then [`get`](Self::get) always finds the
    /// same one of them, the newer one where the keyring tells which that is, and the next `store` removes the other.
    fn store(&self, server: &str, login: &Login) -> Result<(), StoreError>;

    /// Removes every login for a server, in all its spellings; fine if there is none.
    fn erase(&self, server: &str) -> Result<(), StoreError>;

    /// The entries, in the byte order of their URLs; no secret is fetched.
    fn list(&self) -> Result<Vec<Entry>, StoreError>;

    /// What there is to say of the keyring itself.
    fn status(&self) -> Result<Status, StoreError>;

    /// How many entries of other programs can't be asked for, because their server's name has a control character. No method
    /// lists, finds or removes them.
    fn unusable(&self) -> Result<usize, StoreError> {
        Ok(0)
    }
}

/// A user name and its secret, as credential helpers hand them around.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Login {
    /// The user name; `<token>` means that the secret is an identity token.
    pub username: String,
    /// The password or token.
    pub secret: SecretString,
}

/// What a list tells of a login.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Entry {
    /// The server URL, exactly as it was stored.
    pub server: String,
    /// The user name.
    pub username: String,
}

/// The condition of a keyring that answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Status {
    /// Whether it is locked, so that no secret can be read.
    pub locked: bool,
    /// How many entries of ours it holds; `None` if that can't be told while it is locked.
    pub entries: Option<usize>,
}

/// The keyrings that can be chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StoreKind {
    /// The freedesktop.org Secret Service of a desktop session: gnome-keyring, `KWallet`, `KeePassXC`.
    SecretService,
    /// The keyring of the Linux kernel, which needs no desktop and forgets at a reboot.
    Keyutils,
    /// The Keychain of macOS.
    Keychain,
    /// The Credential Manager of Windows.
    CredentialManager,
}

impl StoreKind {
    /// All of them, wherever we run.
    pub const ALL: [Self; 4] = [Self::SecretService, Self::Keyutils, Self::Keychain, Self::CredentialManager];

    /// The name in `REGCRED_STORE` and in the config file.
    pub fn name(self) -> &'static str {
        match self {
            Self::SecretService => "secret-service",
            Self::Keyutils => "keyutils",
            Self::Keychain => "keychain",
            Self::CredentialManager => "credential-manager",
        }
    }

    /// Whether this system has it.
    pub fn is_for_this_system(self) -> bool {
        match self {
            Self::SecretService | Self::Keyutils => cfg!(target_os = "linux"),
            Self::Keychain => cfg!(target_os = "macos"),
            Self::CredentialManager => cfg!(target_os = "windows"),
        }
    }
}

impl fmt::Display for StoreKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::SecretService => "Secret Service",
            Self::Keyutils => "kernel keyring",
            Self::Keychain => "Keychain",
            Self::CredentialManager => "Credential Manager",
        })
    }
}

/// What to do about a keyring that is locked.
pub const UNLOCK: &str = "unlock it by logging in to the desktop or with `gnome-keyring-daemon --replace --unlock`, which reads \
                          its password from standard input, or choose the kernel's with REGCRED_STORE=keyutils";

/// Why a keyring did not do what it was asked. The text is one line and ends in the remedy: docker and podman show
/// their users nothing else. No secret is in it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// There is no such keyring here, or nothing that answers for it.
    #[error("{why}; {remedy}")]
    Absent {
        /// What is not there.
        why: String,
        /// What to do.
        remedy: &'static str,
    },
    /// It is locked, and would have to ask for its password.
    #[error("the keyring is locked; {}", UNLOCK)]
    Locked,
    /// It refuses this user or process.
    #[error("{0}")]
    Denied(String),
    /// It did not answer in time.
    #[error(
        "the {store} did not answer for {seconds} s; see whether it waits for a password or hangs, and try again"
    )]
    TimedOut {
        /// Which keyring.
        store: StoreKind,
        /// How long it was waited for.
        seconds: u64,
    },
    /// It has no room.
    #[error("{0}")]
    Full(String),
    /// A secret or name that it can't hold as it is; nothing is ever cut.
    #[error("{0}")]
    Unfit(String),
    /// What it holds is not what we or our peers store.
    #[error("{0}")]
    Unreadable(String),
    /// Another process holds the lock around writes.
    #[error(
        "another process of regcred has been writing for {seconds} s; when it has ended, try again ({path})"
    )]
    Busy {
        /// How long it was waited for.
        seconds: u64,
        /// The lock file, quoted.
        path: String,
    },
    /// The settings that choose the keyring are wrong.
    #[error("{0}")]
    Settings(String),
    /// Anything else, in the keyring's own words made harmless.
    #[error("{0}")]
    Failed(String),
}
