//! The operating system's keyring as a place for registry credentials.
//!
//! [`Store`] is what the credential helper and the plugin see: five verbs about servers, whatever keeps the
//! secrets. [`open`] chooses the keyring ([`choice`]). The rules that hold for every keyring, such as one item per
//! class of server, are in [`class_store`]; below it are stores in the sense of keyring-core, those of the `keyring`
//! family where they do what we need, and our own where they don't: [`secret_service`] and [`keyutils`].
//!
//! Nothing here ever writes a secret to a file.

mod backend;
mod by_name;
pub mod choice;
pub mod class_store;
mod entries;
#[cfg(target_os = "linux")]
pub mod keyutils;
mod lock;
pub mod memory;
mod names;
#[cfg(any(target_os = "macos", target_os = "windows"))]
mod native;
mod parts;
#[cfg(target_os = "linux")]
pub mod secret_service;
mod store;

pub use choice::{Chosen, Settings, open};
pub use lock::Lock;
pub use store::{Entry, Login, Status, Store, StoreError, StoreKind, UNLOCK};
