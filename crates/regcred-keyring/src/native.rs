//! The keyrings of macOS and Windows, as the `keyring` crate opens them.

use std::collections::HashMap;

use crate::backend::Backend;
use crate::by_name::ByName;
use crate::store::StoreError;

/// What Windows keeps in one credential (`CRED_MAX_CREDENTIAL_BLOB_SIZE`), in bytes.
const WINDOWS_LIMIT: usize = 2560;

/// Opens the system's own keyring.
pub(crate) fn open() -> Result<Box<dyn Backend>, StoreError> {
    if let Err(error) = keyring::v1::Entry::store_status() {
        return Err(absent(&error.to_string()));
    }
    let store = keyring_core::get_default_store().ok_or_else(|| absent("it gives no reason"))?;
    Ok(Box::new(if cfg!(windows) {
        ByName {
            store,
            name: |entry| entry.get_attributes().ok()?.remove("target_name"),
            // A credential that roams with the user's profile would leave this machine.
            modifiers: |name| HashMap::from([("target", name), ("persistence", "Local")]),
            limit: Some(WINDOWS_LIMIT),
        }
    } else {
        ByName {
            store,
            name: |entry| entry.get_specifiers().map(|(service, _account)| service),
            modifiers: |_| HashMap::new(),
            limit: None,
        }
    }))
}

fn absent(reason: &str) -> StoreError {
    StoreError::Absent {
        why: format!("this system's keyring can't be opened ({})", regcred_core::harmless::harmless(reason)),
        remedy: "log in to the desktop, and try again; passwords are never kept in a file",
    }
}
