//! `xtask::registry`, for tests.

use std::ops::Deref;

use xtask::failure::Result;
pub use xtask::registry::Transport;

/// A running registry; what goes wrong with it fails the test.
#[derive(Debug)]
pub struct Registry(xtask::registry::Registry);

impl Registry {
    /// Starts an empty registry that only this user may use.
    pub fn start(transport: Transport, username: &str, password: &str) -> Self {
        Self(sure(xtask::registry::Registry::start(transport, username, password)))
    }

    /// Starts an empty registry that anybody may use, without a login.
    pub fn start_public(transport: Transport) -> Self {
        Self(sure(xtask::registry::Registry::start_public(transport)))
    }

    /// Pushes an image with nothing in it as `repository:latest`; returns its whole name.
    pub fn push(&self, repository: &str) -> String {
        sure(self.0.push(repository))
    }
}

impl Deref for Registry {
    type Target = xtask::registry::Registry;

    fn deref(&self) -> &Self::Target {
        &self.0
    }
}

fn sure<T>(outcome: Result<T>) -> T {
    outcome.unwrap_or_else(|failure| panic!("{failure}"))
}
