//! The rules that hold for every keyring: one login for each class of server, found under all its spellings.

use std::cmp::Reverse;
use std::path::PathBuf;

use regcred_core::credential::SecretString;
use regcred_core::server::Server;
use zeroize::Zeroizing;

use crate::backend::{Backend, Found};
use crate::entries::{Entries, ServerUrl};
use crate::lock::{self, Lock};
use crate::parts;
use crate::store::{Entry, Login, Status, Store, StoreError};

/// A [`Store`] on top of a store of keyring-core.
pub struct ClassStore {
    entries: Entries,
    /// Where the lock around writes lies.
    lock_folder: PathBuf,
}

impl ClassStore {
    pub(crate) fn new(backend: Box<dyn Backend>, lock_folder: PathBuf) -> Self {
        Self { entries: Entries::new(backend), lock_folder }
    }

    /// The entries for any spelling of `server`, the newest first.
    fn of_class(&self, server: ServerUrl<'_>) -> Result<Vec<Found>, StoreError> {
        let Ok(class) = Server::parse(server.as_str()) else {
            // No URL that we understand: it is equal to itself alone.
            return self.of_url(server);
        };
        let mut found = self.entries.find(None)?;
        let hidden = found.iter().any(|found| found.names.is_none());
        found.retain(|found| found.names.as_ref().is_some_and(|(url, _)| is_of(&class, url)));
        if hidden {
            // A locked keyring can hide what it holds, but finds exact URLs still.
            for spelling in class.spellings() {
                let exact = self.entries.find(Some(ServerUrl::new(&spelling)?))?;
                found.extend(exact.into_iter().filter(|found| found.names.is_none()));
            }
        }
        Ok(newest_first(found))
    }

    fn of_url(&self, server: ServerUrl<'_>) -> Result<Vec<Found>, StoreError> {
        self.entries.find(Some(server)).map(newest_first)
    }

    /// The login of the first entry that is still there, unless it is empty: peers take that for none.
    fn first_login(&self, found: &[Found]) -> Result<Option<Login>, StoreError> {
        for found in found {
            let Some(secret) = parts::read(&self.entries, found)? else { continue };
            let Some((server, username)) = found.names.as_ref().filter(|(_, username)| !username.is_empty())
            else {
                return Err(StoreError::Unreadable(
                    "the keyring hands out a secret without saying whose it is; log in again".to_owned(),
                ));
            };
            if secret.is_empty() {
                return Ok(None);
            }
            let secret = text(secret).ok_or_else(|| {
                StoreError::Unreadable(format!(
                    "the secret for {server:?} is no text, so it can't be handed to a client; log in again"
                ))
            })?;
            return Ok(Some(Login { username: username.clone(), secret }));
        }
        Ok(None)
    }
}

impl Store for ClassStore {
    fn get(&self, server: &str) -> Result<Option<Login>, StoreError> {
        let server = ServerUrl::new(server)?;
        // What was stored under this very URL needs no look at all the others.
        let exact = self.of_url(server)?;
        if !exact.is_empty() {
            return self.first_login(&exact);
        }
        let of_class = self.of_class(server)?;
        if !of_class.is_empty() {
            return self.first_login(&of_class);
        }
        match Server::parse(server.as_str()).ok().and_then(|server| server.without_path()) {
            Some(host) => self.first_login(&self.of_class(ServerUrl::new(&host.docker_key())?)?),
            None => Ok(None),
        }
    }

    fn store(&self, server: &str, login: &Login) -> Result<(), StoreError> {
        let server = ServerUrl::new(server)?;
        if login.username.contains('\0') {
            return Err(StoreError::Unfit(
                "the user name has a NUL character, which no keyring keeps; log in with another".to_owned(),
            ));
        }
        let _lock = Lock::acquire(&self.lock_folder, lock::KEYRING)?;
        parts::write(&self.entries, server, &login.username, login.secret.expose().as_bytes())?;
        let mut kept = false;
        for found in self.of_class(server)? {
            let Some(names) = &found.names else { continue };
            let is_new = names.0 == server.as_str() && names.1 == login.username;
            if is_new && !kept {
                kept = true;
            } else {
                parts::remove(&found.entry)?;
            }
        }
        parts::remove_orphans(&self.entries)
    }

    /// A control character is an error here too, although podman ends at a failing `erase`: nothing was ever stored under such
    /// a name, and success would be claimed for what another program may have stored under it.
    fn erase(&self, server: &str) -> Result<(), StoreError> {
        let server = ServerUrl::new(server)?;
        let _lock = Lock::acquire(&self.lock_folder, lock::KEYRING)?;
        for found in self.of_class(server)? {
            // Without names there is nothing to compare with what was asked for.
            if found.names.is_none() {
                return Err(StoreError::Locked);
            }
            parts::remove(&found.entry)?;
        }
        parts::remove_orphans(&self.entries)
    }

    fn list(&self) -> Result<Vec<Entry>, StoreError> {
        let mut entries: Vec<Entry> = Vec::new();
        for found in newest_first(self.entries.find(None)?) {
            let (server, username) = found.names.ok_or(StoreError::Locked)?;
            // Another user of the same URL is what an interrupted `store` left.
            if !entries.iter().any(|entry| entry.server == server) {
                entries.push(Entry { server, username });
            }
        }
        entries.sort();
        Ok(entries)
    }

    fn status(&self) -> Result<Status, StoreError> {
        let locked = self.entries.is_locked()?;
        let entries = match self.list() {
            Ok(entries) => Some(entries.len()),
            Err(StoreError::Locked) if locked => None,
            Err(error) => return Err(error),
        };
        Ok(Status { locked, entries })
    }

    fn unusable(&self) -> Result<usize, StoreError> {
        self.entries.unusable()
    }
}

/// Of two written in the same instant, always the same one comes first.
fn newest_first(mut found: Vec<Found>) -> Vec<Found> {
    found.sort_by(|a, b| (Reverse(a.modified), &a.names).cmp(&(Reverse(b.modified), &b.names)));
    found
}

fn is_of(class: &Server, url: &str) -> bool {
    Server::parse(url).is_ok_and(|server| server == *class)
}

fn text(mut bytes: Zeroizing<Vec<u8>>) -> Option<SecretString> {
    // `from_utf8` would hand the bytes back in an error, unwiped.
    std::str::from_utf8(&bytes).ok()?;
    let text = String::from_utf8(std::mem::take(&mut bytes)).ok()?;
    Some(SecretString::new(text))
}
