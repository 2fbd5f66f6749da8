//! The keyrings of macOS and Windows, as the `keyring` crate opens them.
//!
//! Both know an entry by one name: the service of a generic password, the target of a credential. It holds the
//! server URL and the user name ([`Names`]), since neither would tell us apart `a.b` of `c` and `a` of `b.c`.

use std::collections::HashMap;
use std::sync::Arc;

use keyring_core::{CredentialStore, Entry};

use crate::backend::{Backend, Found, from_core};
use crate::names::Names;
use crate::parts;
use crate::store::StoreError;

/// What Windows keeps in one credential (`CRED_MAX_CREDENTIAL_BLOB_SIZE`), in bytes.
const WINDOWS_LIMIT: usize = 2560;

/// Opens the system's own keyring.
pub(crate) fn open() -> Result<Box<dyn Backend>, StoreError> {
    if let Err(error) = keyring::v1::Entry::store_status() {
        return Err(absent(&error.to_string()));
    }
    let store = keyring_core::get_default_store().ok_or_else(|| absent("it gives no reason"))?;
    Ok(Box::new(Native { store }))
}

fn absent(reason: &str) -> StoreError {
    StoreError::Absent {
        why: format!("this system's keyring can't be opened ({})", regcred_core::harmless::harmless(reason)),
        remedy: "log in to the desktop, and try again; passwords are never kept in a file",
    }
}

struct Native {
    store: Arc<CredentialStore>,
}

impl Backend for Native {
    fn find(&self, server: Option<&str>) -> Result<Vec<Found>, StoreError> {
        let mut found = Vec::new();
        for entry in self.store.search(&HashMap::new()).map_err(from_core)? {
            let Some(names) = joined_names(&entry).and_then(|joined| Names::parse(&joined)) else { continue };
            if parts::is_part(&names.server) || server.is_some_and(|server| names.server != server) {
                continue;
            }
            found.push(Found { entry, names: Some((names.server, names.username)), modified: 0 });
        }
        Ok(found)
    }

    fn entry(&self, server: &str, username: &str) -> Result<Entry, StoreError> {
        let joined = Names { server: server.to_owned(), username: username.to_owned() }.join();
        // A credential that roams with the user's profile would leave this machine.
        let windows = HashMap::from([("target", joined.as_str()), ("persistence", "Local")]);
        let modifiers = cfg!(windows).then_some(&windows);
        self.store.build(&joined, username, modifiers).map_err(from_core)
    }

    /// A locked Keychain asks by itself, and Windows has no locked state while somebody is logged in.
    fn is_locked(&self) -> Result<bool, StoreError> {
        Ok(false)
    }

    fn part_limit(&self) -> Option<usize> {
        cfg!(windows).then_some(WINDOWS_LIMIT)
    }
}

fn joined_names(entry: &Entry) -> Option<String> {
    if cfg!(windows) {
        return entry.get_attributes().ok()?.remove("target_name");
    }
    entry.get_specifiers().map(|(service, _account)| service)
}
