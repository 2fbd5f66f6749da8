//! The crates as they are published, and both programs installed from them.
//!
//! What lies outside a crate's folder is not in the published crate, so that one can compile here and not from there.

use std::path::Path;
use std::process::{Command, Stdio};

use flate2::read::GzDecoder;
use serde_json::Value;

use crate::dist::VERSION;
use crate::dist::contents::{HELPER, PLUGIN};
use crate::environment::{Environment, workspace};
use crate::failure::{Context as _, Failure, Result};
use crate::{cargo, interrupt};

/// Packages every crate that is to be published, and installs both programs from that into a temporary folder, where they
/// have to run.
pub fn run(environment: &Environment) -> Result<()> {
    interrupt::catch()?;
    let scratch = tempfile::tempdir().cannot("make a temporary folder")?;
    let crates = scratch.path().join("crates");
    let packages = published(&metadata(environment)?);
    let target = scratch.path().join("target");
    pack(environment, &packages, &target)?;
    for package in &packages {
        unpack(&target.join(format!("package/{package}-{VERSION}.crate")), &crates)?;
    }
    make_workspace(environment, &packages, &crates)?;
    let root = scratch.path().join("root");
    for program in [HELPER, PLUGIN] {
        install(environment, &crates.join(format!("{program}-{VERSION}")), &root)?;
    }
    let bin = root.join("bin");
    let helper = ask(&bin.join(HELPER), &["version"], scratch.path())?;
    let plugin = ask(&bin.join(PLUGIN), &["version"], scratch.path())?;
    if helper.trim() != format!("{HELPER} {VERSION}") || !plugin.starts_with(&format!("{PLUGIN} v{VERSION} "))
    {
        return Err(Failure::new(format!(
            "the installed programs say {:?} and {:?}",
            helper.trim(),
            plugin.trim()
        )));
    }
    // It copies the helper beside it and the manual pages in it.
    let setup = ask(&bin.join(PLUGIN), &["setup"], scratch.path())?;
    eprintln!(
        "Installed {} and {}; `setup` wrote {} files",
        helper.trim(),
        plugin.trim(),
        setup.lines().count()
    );
    Ok(())
}

fn metadata(environment: &Environment) -> Result<Value> {
    let arguments = ["metadata", "--format-version=1", "--no-deps", "--locked"];
    let text = cargo::ask(&workspace(), environment, &arguments, &[])?;
    serde_json::from_str(&text).cannot("read what `cargo metadata` prints")
}

/// The names of the packages that may be published.
fn published(metadata: &Value) -> Vec<String> {
    let packages = metadata["packages"].as_array().map(Vec::as_slice).unwrap_or_default();
    let may_be = packages.iter().filter(|package| package["publish"].is_null());
    may_be.filter_map(|package| package["name"].as_str().map(str::to_owned)).collect()
}

/// Makes the files that would be published, in this folder. That they compile is seen when they are installed.
fn pack(environment: &Environment, packages: &[String], target: &Path) -> Result<()> {
    let target = target.to_string_lossy();
    let mut line =
        vec!["package", "--quiet", "--locked", "--no-verify", "--allow-dirty", "--target-dir", &target];
    // All at once: those that others need are not on crates.io yet.
    line.extend(packages.iter().flat_map(|package| ["--package", package]));
    cargo::ask(&workspace(), environment, &line, &[]).map(drop)
}

fn unpack(file: &Path, folder: &Path) -> Result<()> {
    let packed = std::fs::File::open(file).cannot_at("read", file)?;
    tar::Archive::new(GzDecoder::new(packed)).unpack(folder).cannot_at("unpack", file)
}

/// Makes a workspace of the unpacked crates, in which they find each other as if they were published, and everything else in
/// the version of our own Cargo.lock.
fn make_workspace(environment: &Environment, packages: &[String], crates: &Path) -> Result<()> {
    let found = packages
        .iter()
        .fold(String::new(), |found, package| format!("{found}{package}.path = \"{package}-{VERSION}\"\n"));
    let manifest = format!("[workspace]\nresolver = \"3\"\nmembers = [\"*\"]\n\n[patch.crates-io]\n{found}");
    let path = crates.join("Cargo.toml");
    std::fs::write(&path, manifest).cannot_at("write", &path)?;
    let lock = workspace().join("Cargo.lock");
    std::fs::copy(&lock, crates.join("Cargo.lock")).cannot_at("copy", &lock)?;
    // Takes out of the copy what only our tests and chores need.
    cargo::ask(crates, environment, &["metadata", "--format-version=1"], &[]).map(drop)
}

fn install(environment: &Environment, package: &Path, root: &Path) -> Result<()> {
    // Not optimised: it is to compile and to run, and the release is built elsewhere.
    let line = ["install", "--locked", "--debug", "--no-track", "--path"].map(Into::into);
    let line = [&line[..], &[package.into(), "--root".into(), root.into()]].concat();
    let target = environment.target.join("package");
    let variables =
        [("CARGO_TARGET_DIR", target.as_os_str()), ("CARGO_PROFILE_DEV_DEBUG", "line-tables-only".as_ref())];
    let status = cargo::run_in(package, environment, &line, &variables)?;
    interrupt::check()?;
    if status.success() {
        return Ok(());
    }
    Err(Failure::new(format!("{} can't be installed as it would be published", package.display())))
}

/// What a program prints in a home folder of its own.
fn ask(program: &Path, arguments: &[&str], home: &Path) -> Result<String> {
    let output = Command::new(program)
        .args(arguments)
        .env_clear()
        .env("HOME", home)
        .env("PATH", program.parent().unwrap_or(home))
        .stdin(Stdio::null())
        .output()
        .cannot_at("run", program)?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    Err(Failure::new(format!("{} {} failed:\n{}", program.display(), arguments.join(" "), said.trim())))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// crates.io's rules: <https://doc.rust-lang.org/cargo/reference/manifest.html>.
    #[test]
    fn every_published_crate_says_what_crates_io_asks_for() {
        let metadata = metadata(&Environment::read().unwrap()).unwrap();
        let names = published(&metadata);
        let expected = [
            "docker-credential-regcred",
            "kubectl-regcred",
            "regcred-cli",
            "regcred-core",
            "regcred-keyring",
        ];
        assert_eq!(
            {
                let mut names = names.clone();
                names.sort();
                names
            },
            expected
        );
        for package in metadata["packages"].as_array().unwrap() {
            let name = package["name"].as_str().unwrap();
            if !names.iter().any(|published| published == name) {
                continue;
            }
            let folder = Path::new(package["manifest_path"].as_str().unwrap()).parent().unwrap();
            for member in ["description", "license", "repository", "readme", "rust_version"] {
                assert!(package[member].is_string(), "{name} has no {member}");
            }
            for file in ["README.md", "LICENSE"] {
                assert!(folder.join(file).is_file(), "{name} has no {file}");
            }
            for list in ["keywords", "categories"] {
                let words = package[list].as_array().unwrap();
                let is_word =
                    |word: &Value| word.as_str().is_some_and(|word| word.len() <= 20 || list == "categories");
                assert!((1..=5).contains(&words.len()) && words.iter().all(is_word), "{name}: {list}");
            }
            let own = package["dependencies"]
                .as_array()
                .unwrap()
                .iter()
                .filter(|needed| needed["path"].is_string());
            for needed in own {
                assert_eq!(needed["req"], format!("={VERSION}"), "{name} needs {}", needed["name"]);
            }
        }
    }
}
