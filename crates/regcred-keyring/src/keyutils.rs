//! The keyring of the Linux kernel: needs no desktop, is never written to a disk, and forgets at a reboot.
//!
//! A store of keyring-core, beside the `keyring` family's own: that one needs a session keyring to be there, can't
//! enumerate, and takes a keyring that dies with the process for one that stays. Ours insists on the user's
//! persistent keyring (persistent-keyring(7)), and reads back what it wrote.
//!
//! A process may read keys only if it possesses them, so each one links the persistent keyring into its own process
//! keyring: that is there for root, for others, after `su`, and where no session keyring is, and nothing stays behind.

use std::any::Any;
use std::collections::HashMap;
use std::sync::Arc;

use keyring_core::api::{CredentialApi, CredentialStoreApi};
use keyring_core::{Credential, CredentialPersistence, Entry, Error, Result};
use linux_keyutils::{Key, KeyError, KeyRing, KeyRingIdentifier, KeySerialId, KeyType};
use zeroize::Zeroizing;

use crate::backend::{SERVER, USERNAME, to_core};
use crate::names::Names;
use crate::store::StoreError;

/// The longest description that linux-keyutils can read back, without the type, ids and permissions before it.
const MAX_DESCRIPTION: usize = 450;
/// The longest payload of a key of type `user`, in bytes (`security/keys/user_defined.c`).
const MAX_PAYLOAD: usize = 32_767;
/// Before the secret in a payload: the version of this layout. The kernel keeps no empty payload.
const VERSION: u8 = 1;
/// `KEY_SPEC_PROCESS_KEYRING` (keyctl(2)).
const PROCESS_KEYRING: i32 = -2;

/// The persistent keyring of this process's user.
#[derive(Clone, Copy, Debug)]
pub struct Keyutils {
    ring: KeyRing,
    /// The same, for reading its links.
    links: Key,
}

impl Keyutils {
    /// Takes possession of the user's persistent keyring; the kernel makes it if need be, and its expiry begins anew.
    pub fn open() -> std::result::Result<Self, StoreError> {
        let ring = KeyRing::get_persistent(KeyRingIdentifier::Process).map_err(no_keyring)?;
        // linux-keyutils tells no keyring's number; the process keyring holds it.
        let process = Key::from_id(KeySerialId::new(PROCESS_KEYRING));
        let links = read_links(process)
            .map_err(no_keyring)?
            .into_iter()
            .find(|key| is_persistent(*key))
            .ok_or_else(|| no_keyring(KeyError::KeyringDoesNotExist))?;
        Ok(Self { ring, links })
    }

    /// The keys of ours with their names.
    fn keys(self) -> std::result::Result<Vec<(Key, Names)>, StoreError> {
        let keys = read_links(self.links).map_err(|error| failed("list the keys", error))?;
        Ok(keys
            .into_iter()
            .filter_map(|key| Some((key, Names::parse(&description(key, KeyType::User)?)?)))
            .collect())
    }

    fn key(self, names: &Names) -> Result<Key> {
        match self.ring.search(&names.join()) {
            Ok(key) => Ok(key),
            Err(KeyError::KeyDoesNotExist) => Err(Error::NoEntry),
            Err(error) => Err(to_core(failed("look for a key", error))),
        }
    }

    fn set(self, names: &Names, secret: &[u8]) -> std::result::Result<(), StoreError> {
        let description = names.join();
        if description.len() > MAX_DESCRIPTION {
            return Err(StoreError::Unfit(format!(
                "server URL and user name are {} bytes long together; the kernel's keyring takes {MAX_DESCRIPTION}",
                description.len()
            )));
        }
        let limit = MAX_PAYLOAD - size_of_val(&VERSION);
        if secret.len() > limit {
            return Err(StoreError::Unfit(format!(
                "the secret is {} bytes long; a key of the kernel's keyring takes {limit}: choose another keyring with \
                 REGCRED_STORE",
                secret.len()
            )));
        }
        let mut payload = Zeroizing::new(Vec::with_capacity(MAX_PAYLOAD));
        payload.push(VERSION);
        payload.extend_from_slice(secret);
        let key = self.ring.add_key(&description, &*payload).map_err(|error| failed("add a key", error))?;
        // A key that landed where it dies with us is found nowhere else.
        let found = self.ring.search(&description).map_err(|error| failed("read back the key", error))?;
        if found != key || *read(found).map_err(|error| failed("read back the key", error))? != *payload {
            return Err(StoreError::Failed(
                "the kernel's keyring does not hold what was just stored in it; try again".to_owned(),
            ));
        }
        Ok(())
    }
}

/// What becomes of a credential in this keyring, in words for whoever stores one.
pub fn warning() -> String {
    let seconds = std::fs::read_to_string("/proc/sys/kernel/keys/persistent_keyring_expiry");
    let seconds = seconds.ok().and_then(|text| text.trim().parse::<u64>().ok());
    // Three days, unless the administrator says otherwise.
    let expiry = match seconds {
        Some(seconds) if seconds >= 86_400 => format!(", or after {} days without use", seconds / 86_400),
        Some(seconds) => format!(", or after {seconds} seconds without use"),
        None => String::new(),
    };
    format!("it is gone after a reboot{expiry}")
}

/// The keys that a keyring links to.
fn read_links(keyring: Key) -> std::result::Result<Vec<Key>, KeyError> {
    let bytes = read(keyring)?;
    let ids =
        bytes.chunks_exact(size_of::<i32>()).filter_map(|id| Some(i32::from_ne_bytes(id.try_into().ok()?)));
    Ok(ids.map(|id| Key::from_id(KeySerialId::new(id))).collect())
}

/// A key's payload, whatever its length. (`Key::read_to_vec` believes a length that its buffer doesn't have.)
fn read(key: Key) -> std::result::Result<Zeroizing<Vec<u8>>, KeyError> {
    let mut buffer = Zeroizing::new(vec![0; MAX_PAYLOAD + 1]);
    loop {
        let length = key.read(&mut *buffer)?;
        if length <= buffer.len() {
            buffer.truncate(length);
            return Ok(buffer);
        }
        buffer = Zeroizing::new(vec![0; length]);
    }
}

/// The description of a key of this type; `None` for others, and for keys that are gone or not for us.
fn description(key: Key, kind: KeyType) -> Option<String> {
    // Somebody else's description of more than 500 bytes is a panic in linux-keyutils.
    let metadata = std::panic::catch_unwind(move || key.metadata()).ok()?.ok()?;
    (metadata.get_type() == kind).then(|| metadata.get_description().to_owned())
}

fn is_persistent(key: Key) -> bool {
    description(key, KeyType::KeyRing).is_some_and(|name| name.starts_with("_persistent."))
}

fn no_keyring(error: KeyError) -> StoreError {
    let remedy = "choose another keyring with REGCRED_STORE";
    let why = match error {
        KeyError::OperationNotSupported => {
            "this kernel has no persistent keyrings (CONFIG_PERSISTENT_KEYRINGS)".to_owned()
        }
        KeyError::AccessDenied | KeyError::PermissionDenied => {
            "the kernel's keyring is closed to this process (containers often forbid keyctl)".to_owned()
        }
        KeyError::Unknown(38) => "this kernel has no keyrings (CONFIG_KEYS)".to_owned(),
        other => format!("the kernel's persistent keyring can't be had ({other})"),
    };
    StoreError::Absent { why, remedy }
}

fn failed(what: &str, error: KeyError) -> StoreError {
    match error {
        KeyError::QuotaExceeded => StoreError::Full(format!(
            "the kernel's keyring has no room for this user's next key ({}); erase others, or let an administrator \
             raise kernel.keys.maxkeys and maxbytes",
            quota()
        )),
        KeyError::KeyExpired | KeyError::KeyRevoked => {
            StoreError::Failed("the kernel's keyring has expired; log in to the registries again".to_owned())
        }
        KeyError::AccessDenied | KeyError::PermissionDenied => StoreError::Denied(format!(
            "the kernel does not let this process {what}; run it as the user who stored the credential"
        )),
        other => StoreError::Failed(format!("the kernel's keyring failed to {what} ({other}); try again")),
    }
}

/// The limits as the administrator set them (keyrings(7)).
fn quota() -> String {
    let limit = |name: &str| {
        let root = if rustix::process::geteuid().is_root() { "root_" } else { "" };
        let text = std::fs::read_to_string(format!("/proc/sys/kernel/keys/{root}{name}"));
        text.map_or_else(|_| "unknown".to_owned(), |text| text.trim().to_owned())
    };
    format!("at most {} keys, {} bytes", limit("maxkeys"), limit("maxbytes"))
}

impl CredentialStoreApi for Keyutils {
    fn vendor(&self) -> String {
        "regcred, kernel keyutils".to_owned()
    }

    fn id(&self) -> String {
        env!("CARGO_PKG_VERSION").to_owned()
    }

    fn build(&self, service: &str, user: &str, _: Option<&HashMap<&str, &str>>) -> Result<Entry> {
        let names = Names { server: service.to_owned(), username: user.to_owned() };
        Ok(Entry::new_with_credential(Arc::new(KernelKey { store: *self, names, key: None })))
    }

    fn search(&self, spec: &HashMap<&str, &str>) -> Result<Vec<Entry>> {
        let mut keys = self.keys().map_err(to_core)?;
        keys.retain(|(_, names)| spec.get(SERVER).is_none_or(|server| names.server == *server));
        let entry = |(key, names)| {
            Entry::new_with_credential(Arc::new(KernelKey { store: *self, names, key: Some(key) }))
        };
        Ok(keys.into_iter().map(entry).collect())
    }

    fn persistence(&self) -> CredentialPersistence {
        CredentialPersistence::UntilReboot
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

/// A key by its names, or one that was found.
struct KernelKey {
    store: Keyutils,
    names: Names,
    key: Option<Key>,
}

impl KernelKey {
    fn key(&self) -> Result<Key> {
        self.key.map_or_else(|| self.store.key(&self.names), Ok)
    }
}

impl CredentialApi for KernelKey {
    fn set_secret(&self, secret: &[u8]) -> Result<()> {
        self.store.set(&self.names, secret).map_err(to_core)
    }

    fn get_secret(&self) -> Result<Vec<u8>> {
        match read(self.key()?) {
            Ok(payload) => match payload.split_first() {
                Some((&VERSION, secret)) => Ok(secret.to_vec()),
                _ => Err(to_core(StoreError::Unreadable(
                    "a key in the kernel's keyring has our name but not our layout; remove it with keyctl"
                        .to_owned(),
                ))),
            },
            Err(KeyError::KeyDoesNotExist | KeyError::KeyRevoked | KeyError::KeyExpired) => {
                Err(Error::NoEntry)
            }
            Err(error) => Err(to_core(failed("read a key", error))),
        }
    }

    fn get_attributes(&self) -> Result<HashMap<String, String>> {
        let names = [(SERVER, &self.names.server), (USERNAME, &self.names.username)];
        Ok(names.into_iter().map(|(name, value)| (name.to_owned(), value.clone())).collect())
    }

    fn delete_credential(&self) -> Result<()> {
        match self.store.ring.unlink_key(self.key()?) {
            Ok(()) => Ok(()),
            Err(KeyError::KeyDoesNotExist) => Err(Error::NoEntry),
            Err(error) => Err(to_core(failed("remove a key", error))),
        }
    }

    fn get_credential(&self) -> Result<Option<Arc<Credential>>> {
        Ok(None)
    }

    fn get_specifiers(&self) -> Option<(String, String)> {
        Some((self.names.server.clone(), self.names.username.clone()))
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}
