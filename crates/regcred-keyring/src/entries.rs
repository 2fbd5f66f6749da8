//! What is asked of a keyring, and what it answers: both are checked here, for every backend.
//!
//! A keyring is another program, or filled by others. What it takes for a match is not believed, and an entry in it can have
//! any name.

use keyring_core::Entry;
use regcred_core::server::check_control_characters;

use crate::backend::{Backend, Found};
use crate::names::Names;
use crate::store::StoreError;

/// The URL of a server that a keyring can be asked for: it has no control character.
#[derive(Clone, Copy)]
pub(crate) struct ServerUrl<'a>(&'a str);

impl<'a> ServerUrl<'a> {
    pub(crate) fn new(url: &'a str) -> Result<Self, StoreError> {
        check_control_characters(url)
            .map_err(|error| StoreError::Unfit(format!("{error}; name the server without it")))?;
        Ok(Self(url))
    }

    pub(crate) fn as_str(self) -> &'a str {
        self.0
    }
}

/// Our entries in a keyring.
pub(crate) struct Entries {
    backend: Box<dyn Backend>,
}

impl Entries {
    pub(crate) fn new(backend: Box<dyn Backend>) -> Self {
        Self { backend }
    }

    /// Our entries, or only those of exactly this server URL, whatever the backend matches. Entries of a server that
    /// can't be asked for are left out. Those without names, in a locked keyring, are what the backend found.
    pub(crate) fn find(&self, server: Option<ServerUrl<'_>>) -> Result<Vec<Found>, StoreError> {
        let mut found = self.backend.find(server.map(ServerUrl::as_str))?;
        found.retain(|found| {
            found.names.as_ref().is_none_or(|(url, _)| {
                ServerUrl::new(url).is_ok() && server.is_none_or(|server| server.as_str() == url)
            })
        });
        Ok(found)
    }

    /// How many entries [`find`](Self::find) leaves out because of their server's name.
    pub(crate) fn unusable(&self) -> Result<usize, StoreError> {
        let found = self.backend.find(None)?;
        Ok(found
            .iter()
            .filter(|found| found.names.as_ref().is_some_and(|(url, _)| ServerUrl::new(url).is_err()))
            .count())
    }

    /// The entry for a server and a user name, for writing.
    pub(crate) fn entry(&self, server: ServerUrl<'_>, username: &str) -> Result<Entry, StoreError> {
        self.backend.entry(server.as_str(), username)
    }

    pub(crate) fn is_locked(&self) -> Result<bool, StoreError> {
        self.backend.is_locked()
    }

    pub(crate) fn part_limit(&self) -> Option<usize> {
        self.backend.part_limit()
    }

    pub(crate) fn parts(&self) -> Result<Vec<(Entry, Names)>, StoreError> {
        self.backend.parts()
    }

    /// The entry for a part of a secret, by a name that no server has.
    pub(crate) fn part(&self, name: &str, username: &str) -> Result<Entry, StoreError> {
        self.backend.entry(name, username)
    }
}
