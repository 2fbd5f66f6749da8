//! A cluster for one run of a chore.

use std::path::Path;

use super::layout::Layout;
use super::{Up, down, remove_orphans, up};
use crate::environment::Environment;
use crate::failure::{Context as _, Result};
use crate::process::Identity;

/// Does `work` with a fresh cluster that is named after its `purpose`, and takes it down again whatever happens.
/// The servers' logs are kept if the work fails.
pub fn with_throwaway<T>(
    environment: &Environment,
    purpose: &str,
    work: impl FnOnce(&Up) -> Result<T>,
) -> Result<T> {
    remove_orphans(environment)?;
    let name = format!("{purpose}-{}", std::process::id());
    // An earlier run with our process id may have left a cluster behind: ours is to be fresh.
    down(environment, &name)?;
    let outcome = up(environment, &name, Identity::of(std::process::id())).and_then(|up| work(&up));
    if outcome.is_err() {
        keep_logs(environment, &Layout::at(environment.clusters().join(&name)))?;
    }
    down(environment, &name)?;
    // A test that was interrupted could not take its own clusters down.
    remove_orphans(environment)?;
    outcome
}

/// Saves the logs of a cluster that is about to be taken down.
pub fn keep_logs(environment: &Environment, layout: &Layout) -> Result<()> {
    let logs = layout.logs();
    if !logs.exists() {
        return Ok(());
    }
    let name = layout.root().file_name().unwrap_or_default();
    let kept = environment.target.join("test-logs").join(name);
    copy_files(&logs, &kept)?;
    eprintln!("The logs of the cluster's servers are kept in {}", kept.display());
    Ok(())
}

fn copy_files(from: &Path, to: &Path) -> Result<()> {
    std::fs::create_dir_all(to).cannot_at("create", to)?;
    for entry in std::fs::read_dir(from).cannot_at("list", from)? {
        let entry = entry.cannot_at("list", from)?;
        std::fs::copy(entry.path(), to.join(entry.file_name())).cannot_at("copy", &entry.path())?;
    }
    Ok(())
}
