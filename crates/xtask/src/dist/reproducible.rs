//! The proof that a program's bytes do not depend on who builds it where.

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};

use super::build::Place;
use super::contents::{HELPER, PLUGIN};
use super::platform::{self, Build, Recipe};
use super::sha256;
use crate::environment::{Environment, workspace};
use crate::failure::{Context as _, Failure, Result};
use crate::interrupt;

/// Builds the helper (and the plugin, if `is_plugin_too`) for this machine a second time, from a copy of the source in
/// another folder and with another `CARGO_HOME`, and compares it with what `dist` builds here.
pub fn run(environment: &Environment, is_plugin_too: bool) -> Result<ExitCode> {
    interrupt::catch()?;
    let folder = tempfile::tempdir().cannot("make a temporary folder")?;
    let here = Place { source: workspace(), target: environment.target.join("dist/build"), cargo_home: None };
    let elsewhere = Place {
        source: folder.path().join("somewhere/else"),
        target: folder.path().join("made"),
        cargo_home: Some(folder.path().join("another-home")),
    };
    let recipe = own_recipe()?;
    // The crates have to be here before their archives can be shared.
    here.metadata(environment, recipe.plugin.triple)?;
    copy_source(&elsewhere.source)?;
    share_downloads(environment, elsewhere.cargo_home.as_deref().unwrap_or(folder.path()))?;
    compare(environment, &here, &elsewhere, HELPER, recipe.helper)?;
    if is_plugin_too {
        compare(environment, &here, &elsewhere, PLUGIN, recipe.plugin)?;
    }
    Ok(ExitCode::SUCCESS)
}

fn own_recipe() -> Result<Recipe> {
    let choice = platform::choose(&[], &platform::available()?)?;
    let own = choice.chosen.into_iter().find(|(_, recipe)| recipe.plugin.runs_here());
    own.map(|(_, recipe)| recipe).ok_or_else(|| Failure::new("there is no archive for this machine"))
}

fn compare(
    environment: &Environment,
    here: &Place,
    elsewhere: &Place,
    package: &str,
    build: Build,
) -> Result<()> {
    let one = sha256(&here.compile(environment, package, build)?)?;
    let other = sha256(&elsewhere.compile(environment, package, build)?)?;
    if one != other {
        return Err(Failure::new(format!(
            "{package} is another program elsewhere: {one} here, {other} there"
        )));
    }
    eprintln!("{package} is the same in two folders with two cargo homes: SHA-256 {one}");
    Ok(())
}

/// Copies what git knows of the workspace, as it is now.
fn copy_source(target: &Path) -> Result<()> {
    let output = Command::new("git")
        .args(["ls-files", "-z"])
        .current_dir(workspace())
        .stdin(Stdio::null())
        .output()
        .cannot("run git")?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        return Err(Failure::new(format!("git does not say which files are ours: {}", said.trim())));
    }
    let names = String::from_utf8(output.stdout).cannot("read what git prints")?;
    for name in names.split_terminator('\0') {
        let (from, to) = (workspace().join(name), target.join(name));
        let folder = to.parent().unwrap_or(target);
        std::fs::create_dir_all(folder).cannot_at("create", folder)?;
        if from.is_symlink() {
            let target = std::fs::read_link(&from).cannot_at("read", &from)?;
            std::os::unix::fs::symlink(target, &to).cannot_at("link", &to)?;
        } else {
            std::fs::copy(&from, &to).cannot_at("copy", &from)?;
        }
    }
    Ok(())
}

/// Links what cargo has downloaded into another home of cargo's; the sources are unpacked there again.
fn share_downloads(environment: &Environment, home: &Path) -> Result<()> {
    let registry = home.join("registry");
    std::fs::create_dir_all(&registry).cannot_at("create", &registry)?;
    for name in ["cache", "index"] {
        let from = environment.cargo_home.join("registry").join(name);
        let to = registry.join(name);
        std::os::unix::fs::symlink(&from, &to).cannot_at("link", &from)?;
    }
    let config: PathBuf = environment.cargo_home.join("config.toml");
    if config.exists() {
        std::fs::copy(&config, home.join("config.toml")).cannot_at("copy", &config)?;
    }
    Ok(())
}
