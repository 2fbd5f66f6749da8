//! `registries.conf`: the helpers that podman and skopeo ask for every registry.
//!
//! Follows containers-registries.conf(5) and containers-registries.conf.d(5): the user's file or the system's, then the
//! files beside it, each of which can say it anew.

use std::path::{Path, PathBuf};

use regcred_cli::failure::{Failure, exit};
use regcred_cli::file;
use toml::de::DeTable;

use crate::environment::Environment;

/// Where the system's files are.
const SYSTEM: &str = "/etc/containers";

/// The helpers, in the order in which they are asked; none if nobody says so.
pub(crate) fn helpers(environment: &Environment) -> Result<Vec<String>, Failure> {
    let mut helpers = Vec::new();
    for path in files(environment) {
        if let Some(named) = read(&path)? {
            helpers = named;
        }
    }
    // The name stands for the files.
    helpers.retain(|helper| helper != "containers-auth.json");
    Ok(helpers)
}

/// The files that there are, the one that has the last word at the end.
fn files(environment: &Environment) -> Vec<PathBuf> {
    let set = |name: &str| environment.var(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    // Not XDG_CONFIG_HOME: they don't look there either.
    let of_user = set("HOME").map(|home| home.join(".config/containers"));
    let folders: Vec<_> = [Some(PathBuf::from(SYSTEM)), of_user].into_iter().flatten().collect();
    let main = folders.iter().rev().map(|folder| folder.join("registries.conf")).find(|file| file.exists());
    let mut files: Vec<_> = set("CONTAINERS_REGISTRIES_CONF").or(main).into_iter().collect();
    for folder in folders {
        let entries = std::fs::read_dir(folder.join("registries.conf.d")).into_iter().flatten().flatten();
        let mut beside: Vec<_> = entries.map(|entry| entry.path()).collect();
        beside.retain(|path| path.extension().is_some_and(|extension| extension == "conf"));
        beside.sort();
        files.extend(beside);
    }
    files
}

/// What a file says of helpers; `None` if it says nothing.
fn read(path: &Path) -> Result<Option<Vec<String>>, Failure> {
    let failed = |problem: &str| Failure::new(exit::FAILED, format!("can't read {path:?}: {problem}"));
    let bytes = file::read(path)?;
    let text = std::str::from_utf8(&bytes).map_err(|_| failed("it is not UTF-8"))?;
    let table = DeTable::parse(text).map_err(|error| failed(error.message()))?;
    let Some(named) = table.get_ref().get("credential-helpers") else { return Ok(None) };
    let named = named.get_ref().as_array().map(|array| array.iter().map(|name| name.get_ref().as_str()));
    let named: Option<Vec<_>> = named.and_then(|names| names.map(|name| name.map(str::to_owned)).collect());
    let named = named.ok_or_else(|| failed("`credential-helpers` must be a list of texts"))?;
    Ok(Some(named).filter(|named| !named.is_empty()))
}
