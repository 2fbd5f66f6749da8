//! What is known about a running cluster, as `state.json` in its folder.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::layout::Layout;
use crate::failure::{Context as _, Failure, Result};
use crate::process::Identity;

/// A server that was started.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Server {
    /// Its program, e.g. `kube-apiserver`.
    pub program: String,
    /// Its process.
    pub identity: Identity,
}

/// A cluster's state. It is written after each server's start, so that a half-started cluster can be cleaned
/// up.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct State {
    /// The cluster's name.
    pub name: String,
    /// Whether it came up completely.
    pub ready: bool,
    /// The API server's URL, known once its port is.
    pub server: Option<String>,
    /// The version that the API server reports, known once it answers.
    pub version: Option<String>,
    /// The kubectl that belongs to it.
    pub kubectl: PathBuf,
    /// Who takes it down; none for a cluster that stays until `cluster down`.
    pub owner: Option<Identity>,
    /// The servers, in the order of their start.
    pub processes: Vec<Server>,
}

impl State {
    /// The state of a cluster that is about to start.
    pub fn new(name: &str, kubectl: &Path, owner: Option<Identity>) -> Self {
        Self {
            name: name.to_owned(),
            ready: false,
            server: None,
            version: None,
            kubectl: kubectl.to_path_buf(),
            owner,
            processes: Vec::new(),
        }
    }

    /// Reads the state of the cluster at `layout`; none if there is none.
    pub fn read(layout: &Layout) -> Result<Option<Self>> {
        let path = layout.state();
        let text = match std::fs::read(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error).cannot_at("read", &path),
        };
        serde_json::from_slice(&text).map(Some).map_err(|error| {
            Failure::new(format!("{} can't be understood: {error}", path.display())).hint(format!(
                "stop the servers that still use {} and remove that folder",
                layout.root().display()
            ))
        })
    }

    /// Writes the state, whole or not at all.
    pub fn write(&self, layout: &Layout) -> Result<()> {
        let path = layout.state();
        let new = path.with_extension("json.new");
        let text = serde_json::to_vec_pretty(self).cannot("write the cluster's state")?;
        std::fs::write(&new, text).cannot_at("write", &new)?;
        std::fs::rename(&new, &path).cannot_at("replace", &path)
    }
}
