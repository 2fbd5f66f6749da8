//! How entries of ours are found in a store of keyring-core.

use std::collections::HashMap;
use std::sync::Arc;

use keyring_core::CredentialStore;

use crate::names::Names;
use crate::store::StoreError;

/// The attribute, and the key of a search, that holds the server URL.
pub(crate) const SERVER: &str = "server";
/// The attribute that holds the user name.
pub(crate) const USERNAME: &str = "username";
/// The attribute that says when a secret was written, where a store knows: a decimal number that grows with time.
pub(crate) const MODIFIED: &str = "modified";

/// A store of keyring-core, and what tells our entries in it from others. [`Entries`](crate::entries::Entries) asks it.
pub(crate) trait Backend: Send + Sync {
    /// Our entries, or at least those of exactly this server URL. A locked keyring is no error here.
    fn find(&self, server: Option<&str>) -> Result<Vec<Found>, StoreError>;

    /// The entry for a server URL and a user name, whether it is there or not.
    fn entry(&self, server: &str, username: &str) -> Result<keyring_core::Entry, StoreError>;

    /// Whether secrets can't be read now.
    fn is_locked(&self) -> Result<bool, StoreError>;

    /// The longest secret that fits into one entry, in bytes, where longer ones are split.
    fn part_limit(&self) -> Option<usize> {
        None
    }

    /// The entries that hold parts of such secrets.
    fn parts(&self) -> Result<Vec<(keyring_core::Entry, Names)>, StoreError> {
        Ok(Vec::new())
    }
}

/// An entry that was found.
#[derive(Debug)]
pub(crate) struct Found {
    /// For reading its secret and for removing it.
    pub(crate) entry: keyring_core::Entry,
    /// The server URL and the user name; `None` if the keyring doesn't tell them while it is locked. An item of
    /// another program may lack the user name, which is then empty.
    pub(crate) names: Option<(String, String)>,
    /// When it was written; only to be compared, and 0 where the store doesn't know.
    pub(crate) modified: u64,
}

/// A store of our own, which keeps nothing but our entries and tells their attributes.
pub(crate) struct Own<L> {
    pub(crate) store: Arc<CredentialStore>,
    /// Asks whether the store is locked.
    pub(crate) is_locked: L,
}

impl<L: Fn() -> Result<bool, StoreError> + Send + Sync> Backend for Own<L> {
    fn find(&self, server: Option<&str>) -> Result<Vec<Found>, StoreError> {
        let spec: HashMap<&str, &str> = server.map(|server| (SERVER, server)).into_iter().collect();
        let entries = self.store.search(&spec).map_err(from_core)?;
        entries
            .into_iter()
            .filter_map(|entry| match entry.get_attributes() {
                // It went between the search and now.
                Err(keyring_core::Error::NoEntry) => None,
                Err(error) => Some(Err(from_core(error))),
                Ok(mut attributes) => {
                    let modified = attributes.get(MODIFIED).and_then(|time| time.parse().ok()).unwrap_or(0);
                    let username = attributes.remove(USERNAME).unwrap_or_default();
                    let names = attributes.remove(SERVER).map(|server| (server, username));
                    Some(Ok(Found { entry, names, modified }))
                }
            })
            .collect()
    }

    fn entry(&self, server: &str, username: &str) -> Result<keyring_core::Entry, StoreError> {
        self.store.build(server, username, None).map_err(from_core)
    }

    fn is_locked(&self) -> Result<bool, StoreError> {
        (self.is_locked)()
    }
}

/// An error of keyring-core as ours. Those that our own stores raise are ours already, boxed.
pub(crate) fn from_core(error: keyring_core::Error) -> StoreError {
    use keyring_core::Error;

    match error {
        Error::PlatformFailure(inner) | Error::NoStorageAccess(inner) => match inner.downcast::<StoreError>()
        {
            Ok(ours) => *ours,
            Err(other) => StoreError::Failed(regcred_core::harmless::harmless(&other.to_string())),
        },
        Error::TooLong(what, limit) => StoreError::Unfit(format!(
            "the {what} is longer than {limit} bytes, the most that this keyring keeps"
        )),
        Error::NoEntry => StoreError::Failed("the keyring's entry went away meanwhile; try again".to_owned()),
        // Their texts could quote what they hold.
        Error::BadEncoding(_) | Error::BadDataFormat(..) => {
            StoreError::Unreadable("the keyring holds something that is no credential of ours".to_owned())
        }
        other => StoreError::Failed(regcred_core::harmless::harmless(&other.to_string())),
    }
}

/// An error of ours on its way through keyring-core.
pub(crate) fn to_core(error: StoreError) -> keyring_core::Error {
    match error {
        error @ (StoreError::Locked | StoreError::Denied(_)) => {
            keyring_core::Error::NoStorageAccess(Box::new(error))
        }
        error => keyring_core::Error::PlatformFailure(Box::new(error)),
    }
}
