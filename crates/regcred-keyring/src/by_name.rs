//! Our entries in a keyring that knows each by one name: the service of a generic password on macOS, the target of a
//! credential on Windows.
//!
//! That name holds the server URL and the user name ([`Names`]); `service.user` of the `keyring` crate could not tell
//! `a.b` of `c` from `a` of `b.c`.

use std::collections::HashMap;
use std::sync::Arc;

use keyring_core::{CredentialStore, Entry};

use crate::backend::{Backend, Found, from_core};
use crate::names::Names;
use crate::parts;
use crate::store::StoreError;

/// A store of keyring-core in which others keep theirs too.
pub(crate) struct ByName {
    pub(crate) store: Arc<CredentialStore>,
    /// The name of an entry that was found.
    pub(crate) name: fn(&Entry) -> Option<String>,
    /// What an entry is made with, by its name.
    pub(crate) modifiers: fn(&str) -> HashMap<&str, &str>,
    /// The longest secret of an entry, in bytes.
    pub(crate) limit: Option<usize>,
}

impl ByName {
    /// The entries of ours, parts of secrets among them.
    fn all(&self) -> Result<Vec<(Entry, Names)>, StoreError> {
        let entries = self.store.search(&HashMap::new()).map_err(from_core)?;
        Ok(entries
            .into_iter()
            .filter_map(|entry| Names::parse(&(self.name)(&entry)?).map(|names| (entry, names)))
            .collect())
    }
}

impl Backend for ByName {
    /// All of them: such a store can't be searched for a part of a name.
    fn find(&self, _server: Option<&str>) -> Result<Vec<Found>, StoreError> {
        let mut all = self.all()?;
        all.retain(|(_, names)| !parts::is_part(&names.server));
        let found = |(entry, names): (Entry, Names)| Found {
            entry,
            names: Some((names.server, names.username)),
            modified: 0,
        };
        Ok(all.into_iter().map(found).collect())
    }

    fn parts(&self) -> Result<Vec<(Entry, Names)>, StoreError> {
        let mut all = self.all()?;
        all.retain(|(_, names)| parts::is_part(&names.server));
        Ok(all)
    }

    fn entry(&self, server: &str, username: &str) -> Result<Entry, StoreError> {
        let name = Names { server: server.to_owned(), username: username.to_owned() }.join();
        let modifiers = (self.modifiers)(&name);
        self.store.build(&name, username, Some(&modifiers)).map_err(from_core)
    }

    /// A locked Keychain asks by itself, and Windows has no locked state while somebody is logged in.
    fn is_locked(&self) -> Result<bool, StoreError> {
        Ok(false)
    }

    fn part_limit(&self) -> Option<usize> {
        self.limit
    }
}
