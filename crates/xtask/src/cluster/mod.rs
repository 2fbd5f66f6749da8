//! A real Kubernetes control plane on loopback ports: etcd, kube-apiserver with RBAC,
//! kube-controller-manager.
//!
//! Each cluster has a name and a folder `target/cluster/<name>/` ([`layout`]) with everything that it made.
//! Its processes outlive the command that started them; [`down`] stops exactly those and removes the folder.
//! Nodes are not part of it: pods are admitted but never run.

mod kubeconfig;
pub mod layout;
pub mod pki;
mod servers;
pub mod state;
mod throwaway;

use std::fs::{File, Metadata};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};

pub use kubeconfig::Kubeconfig;
pub use throwaway::{keep_logs, with_throwaway};

use crate::environment::Environment;
use crate::failure::{Context as _, Failure, Result};
use crate::process;
use layout::Layout;
use state::State;

/// What [`up`] found or made.
#[derive(Debug)]
pub struct Up {
    /// Where the cluster keeps its files.
    pub layout: Layout,
    /// What runs.
    pub state: State,
    /// Whether it ran already.
    pub was_running: bool,
}

/// Brings the cluster `name` up, unless it is up already; what is left of a half-started one is removed
/// first.
///
/// `owner` is a process that the cluster belongs to, so that [`remove_orphans`] may take it down after that
/// process has died.
pub fn up(environment: &Environment, name: &str, owner: Option<process::Identity>) -> Result<Up> {
    check_name(name)?;
    let programs = {
        crate::setup::ensure(environment)?;
        crate::kubernetes::programs(environment)?
    };
    let _lock = Lock::take(environment, name)?;
    let layout = Layout::at(environment.clusters().join(name));
    if let Some(state) = State::read(&layout)? {
        if state.ready && state.processes.iter().all(|server| server.identity.is_alive()) {
            return Ok(Up { layout, state, was_running: true });
        }
        eprintln!("Removing what is left of cluster `{name}` …");
    }
    remove(&layout)?;
    std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(layout.root())
        .cannot_at("create", layout.root())?;
    let state = State::new(name, &programs.kubectl, owner);
    state.write(&layout)?;
    match servers::start(&layout, &programs, state) {
        Ok(state) => Ok(Up { layout, state, was_running: false }),
        Err(failure) => {
            // The logs stay for the reader of the message; the next `up` or a `down` removes them.
            stop(&layout)?;
            Err(failure)
        }
    }
}

/// Stops what [`up`] started for `name`, and nothing else, and removes its folder. Returns whether there was
/// any.
pub fn down(environment: &Environment, name: &str) -> Result<bool> {
    check_name(name)?;
    let _lock = Lock::take(environment, name)?;
    let layout = Layout::at(environment.clusters().join(name));
    let existed = layout.root().exists();
    remove(&layout)?;
    Ok(existed)
}

/// One line of `cargo xtask cluster status`.
#[derive(Debug)]
pub struct Status {
    /// The cluster's name.
    pub name: String,
    /// What it said about itself; none if it didn't come so far as to write it.
    pub state: Option<State>,
}

impl Status {
    /// Whether the cluster can be used: it came up, and all its servers still run.
    pub fn is_running(&self) -> bool {
        self.state.as_ref().is_some_and(|state| {
            state.ready && state.processes.iter().all(|server| server.identity.is_alive())
        })
    }
}

/// All clusters of this workspace, by name.
pub fn list(environment: &Environment) -> Result<Vec<Status>> {
    let folder = environment.clusters();
    if !folder.exists() {
        return Ok(Vec::new());
    }
    let mut clusters = Vec::new();
    for entry in std::fs::read_dir(&folder).cannot_at("list", &folder)? {
        let entry = entry.cannot_at("list", &folder)?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if entry.path().is_dir() && check_name(&name).is_ok() {
            let state = State::read(&Layout::at(entry.path()))?;
            clusters.push(Status { name, state });
        }
    }
    clusters.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(clusters)
}

/// Takes down the clusters whose owner was killed before it could do so.
pub fn remove_orphans(environment: &Environment) -> Result<()> {
    for cluster in list(environment)? {
        let owner = cluster.state.and_then(|state| state.owner);
        if owner.is_some_and(|owner| !owner.is_alive()) {
            eprintln!("Removing cluster `{}`, whose owner has ended …", cluster.name);
            down(environment, &cluster.name)?;
        }
    }
    Ok(())
}

fn remove(layout: &Layout) -> Result<()> {
    stop(layout)?;
    match std::fs::remove_dir_all(layout.root()) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(error).cannot_at("remove", layout.root())
        }
        _ => Ok(()),
    }
}

fn stop(layout: &Layout) -> Result<()> {
    if let Some(state) = State::read(layout)? {
        let processes: Vec<_> = state.processes.iter().map(|server| server.identity).collect();
        process::stop(&processes);
    }
    Ok(())
}

/// Holds off every other start or stop of the same cluster, until it is dropped.
struct Lock {
    file: File,
    path: PathBuf,
}

impl Lock {
    fn take(environment: &Environment, name: &str) -> Result<Self> {
        let folder = environment.clusters();
        std::fs::create_dir_all(&folder).cannot_at("create", &folder)?;
        let path = folder.join(format!(".{name}.lock"));
        loop {
            let file = File::create(&path).cannot_at("create", &path)?;
            if file.try_lock().is_err() {
                eprintln!("Waiting for cluster `{name}`, which is just being started or stopped …");
                file.lock().cannot_at("lock", &path)?;
            }
            // Who had the lock before us removed the file, so that locks don't pile up; then ours is worth
            // nothing.
            if is_same_file(&file, &path) {
                return Ok(Self { file, path });
            }
        }
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        // Only a leftover file if it fails.
        let _ = std::fs::remove_file(&self.path);
        let _ = self.file.unlock();
    }
}

fn is_same_file(file: &File, path: &Path) -> bool {
    let identity = |meta: Metadata| (meta.dev(), meta.ino());
    let opened = file.metadata().map(identity).ok();
    opened.is_some() && opened == path.metadata().map(identity).ok()
}

/// A name becomes a folder and part of messages.
fn check_name(name: &str) -> Result<()> {
    let fits = (1..=40).contains(&name.len())
        && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
        && !name.starts_with('-');
    if fits {
        Ok(())
    } else {
        Err(Failure::new(format!("`{name}` can't name a cluster"))
            .hint("use up to 40 lower-case letters, digits and hyphens"))
    }
}
