//! A keyring in memory, for tests: it behaves as the real ones do, and can be given their limits.

use std::any::Any;
use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use keyring_core::api::{CredentialApi, CredentialStoreApi};
use keyring_core::{Credential, Entry, Error, Result};
use zeroize::Zeroizing;

use crate::backend::{MODIFIED, Own, SERVER, USERNAME, to_core};
use crate::by_name::ByName;
use crate::class_store::ClassStore;
use crate::store::StoreError;

/// What the keyring holds, shared by all that use it. A copy is the same keyring.
#[derive(Clone, Default)]
pub struct Memory {
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    items: BTreeMap<(String, String), Item>,
    clock: u64,
    locked: bool,
    matches_all: bool,
    limit: Option<usize>,
    writes_left: Option<usize>,
}

struct Item {
    secret: Zeroizing<Vec<u8>>,
    modified: u64,
}

impl Memory {
    /// A [`Store`](crate::Store) on this keyring; `lock_folder` is where its writers lock each other out.
    pub fn store(&self, lock_folder: PathBuf) -> ClassStore {
        let this = self.clone();
        let own = Own { store: Arc::new(self.clone()), is_locked: move || Ok(this.state().locked) };
        ClassStore::new(Box::new(own), lock_folder)
    }

    /// The same, with entries that are known by one name each and hold at most `limit` bytes, as on Windows.
    pub fn store_by_name(&self, limit: usize, lock_folder: PathBuf) -> ClassStore {
        self.state().limit = Some(limit);
        let by_name = ByName {
            store: Arc::new(self.clone()),
            name: |entry| entry.get_specifiers().map(|(name, _)| name),
            modifiers: |_| HashMap::new(),
            limit: Some(limit),
        };
        ClassStore::new(Box::new(by_name), lock_folder)
    }

    /// Locks the keyring, or unlocks it.
    pub fn lock(&self, locked: bool) {
        self.state().locked = locked;
    }

    /// Makes every search find every entry, as a keyring may whose idea of a match is not ours.
    pub fn match_all(&self) {
        self.state().matches_all = true;
    }

    /// After this many changes every further one fails, as if the process had been killed there.
    pub fn fail_after(&self, changes: Option<usize>) {
        self.state().writes_left = changes;
    }

    /// How many entries there are, parts of others among them.
    pub fn len(&self) -> usize {
        self.state().items.len()
    }

    /// Whether nothing at all is left.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn change(&mut self) -> Result<()> {
        if self.locked {
            return Err(to_core(StoreError::Locked));
        }
        match &mut self.writes_left {
            Some(0) => Err(to_core(StoreError::Failed("it was interrupted".to_owned()))),
            Some(left) => {
                *left -= 1;
                Ok(())
            }
            None => Ok(()),
        }
    }
}

impl CredentialStoreApi for Memory {
    fn vendor(&self) -> String {
        "regcred, in memory".to_owned()
    }

    fn id(&self) -> String {
        env!("CARGO_PKG_VERSION").to_owned()
    }

    fn build(&self, service: &str, user: &str, _: Option<&HashMap<&str, &str>>) -> Result<Entry> {
        let names = (service.to_owned(), user.to_owned());
        Ok(Entry::new_with_credential(Arc::new(InMemory { memory: self.clone(), names })))
    }

    fn search(&self, spec: &HashMap<&str, &str>) -> Result<Vec<Entry>> {
        let state = self.state();
        let is_match = |names: &&(String, String)| {
            state.matches_all || spec.get(SERVER).is_none_or(|server| names.0 == *server)
        };
        let names = state.items.keys().filter(is_match);
        let found = names.map(|names| InMemory { memory: self.clone(), names: names.clone() });
        Ok(found.map(|found| Entry::new_with_credential(Arc::new(found))).collect())
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

struct InMemory {
    memory: Memory,
    names: (String, String),
}

impl CredentialApi for InMemory {
    fn set_secret(&self, secret: &[u8]) -> Result<()> {
        let mut state = self.memory.state();
        if let Some(limit) = state.limit.filter(|&limit| secret.len() > limit) {
            return Err(Error::TooLong("secret".to_owned(), u32::try_from(limit).unwrap_or(u32::MAX)));
        }
        state.change()?;
        state.clock += 1;
        let item = Item { secret: Zeroizing::new(secret.to_vec()), modified: state.clock };
        state.items.insert(self.names.clone(), item);
        Ok(())
    }

    fn get_secret(&self) -> Result<Vec<u8>> {
        let state = self.memory.state();
        let item = state.items.get(&self.names).ok_or(Error::NoEntry)?;
        if state.locked { Err(to_core(StoreError::Locked)) } else { Ok(item.secret.to_vec()) }
    }

    fn get_attributes(&self) -> Result<HashMap<String, String>> {
        let state = self.memory.state();
        let item = state.items.get(&self.names).ok_or(Error::NoEntry)?;
        let modified = (MODIFIED.to_owned(), item.modified.to_string());
        // As gnome-keyring does it before it was ever unlocked.
        let names = if state.locked { None } else { Some(self.names.clone()) };
        let names = names
            .into_iter()
            .flat_map(|(server, username)| [(SERVER.to_owned(), server), (USERNAME.to_owned(), username)]);
        Ok(names.chain([modified]).collect())
    }

    fn delete_credential(&self) -> Result<()> {
        let mut state = self.memory.state();
        if !state.items.contains_key(&self.names) {
            return Err(Error::NoEntry);
        }
        state.change()?;
        state.items.remove(&self.names);
        Ok(())
    }

    fn get_credential(&self) -> Result<Option<Arc<Credential>>> {
        Ok(None)
    }

    fn get_specifiers(&self) -> Option<(String, String)> {
        Some(self.names.clone())
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}
