//! Compiles a program for release, so that the same source gives the same bytes wherever it lies.
//!
//! rustc and the C compilers write the paths of source files into programs. They are replaced by names that are the same
//! everywhere; such flags change all that cargo keeps, so that these builds have a target folder of their own.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::platform::Build;
use crate::cargo;
use crate::environment::Environment;
use crate::failure::{Context as _, Failure, Result};
use crate::interrupt;

/// The oldest glibc that a plugin needs which cargo-zigbuild links: RHEL 8's, and older than Debian 10's successors and
/// Ubuntu 20.04's.
const OLDEST_GLIBC: &str = "2.28";

/// What rustc takes between two flags in `CARGO_ENCODED_RUSTFLAGS`: paths may have spaces.
const BETWEEN_FLAGS: &str = "\x1f";

/// Where a program is compiled.
#[derive(Debug, Clone)]
pub struct Place {
    /// The workspace.
    pub source: PathBuf,
    /// Where cargo puts what it makes.
    pub target: PathBuf,
    /// Where cargo keeps crates, if not where it always does.
    pub cargo_home: Option<PathBuf>,
}

impl Place {
    fn variables(&self) -> Vec<(&str, &OsStr)> {
        let own = self.cargo_home.iter().map(|folder| ("CARGO_HOME", folder.as_os_str()));
        own.chain([("CARGO_TARGET_DIR", self.target.as_os_str())]).collect()
    }

    /// What cargo knows of the workspace and of all crates that a target may need (`cargo metadata`). Downloads them if
    /// need be.
    pub fn metadata(&self, environment: &Environment, triple: &str) -> Result<Value> {
        let arguments = ["metadata", "--format-version=1", "--locked", "--filter-platform", triple];
        let text = cargo::ask(&self.source, environment, &arguments, &self.variables())?;
        serde_json::from_str(&text).cannot("read what `cargo metadata` prints")
    }

    /// What `cargo tree` prints.
    pub fn tree(&self, environment: &Environment, arguments: &[&str]) -> Result<String> {
        let line = [&["tree", "--locked"], arguments].concat();
        cargo::ask(&self.source, environment, &line, &self.variables())
    }

    /// Folders of this machine whose paths compilers see, and what programs call them.
    pub fn folders(&self, metadata: &Value) -> Result<Vec<(PathBuf, &'static str)>> {
        let packages = metadata["packages"].as_array().map(Vec::as_slice).unwrap_or_default();
        let mut crates: Vec<PathBuf> = packages
            .iter()
            .filter(|package| !package["source"].is_null())
            .filter_map(|package| {
                Some(Path::new(package["manifest_path"].as_str()?).ancestors().nth(2)?.into())
            })
            .collect();
        crates.sort_unstable();
        crates.dedup();
        let source = self.source.canonicalize().cannot_at("look at", &self.source)?;
        // The last that fits counts for rustc and gcc: the target folder may lie in the workspace.
        let own = [(source, "/regcred"), (self.target.clone(), "/target")];
        Ok(crates.into_iter().map(|folder| (folder, "/crates")).chain(own).collect())
    }

    /// Compiles the program of a package; returns where it lies.
    pub fn compile(&self, environment: &Environment, package: &str, build: Build) -> Result<PathBuf> {
        let folders = self.folders(&self.metadata(environment, build.triple)?)?;
        let mut flags: Vec<String> = Vec::new();
        for (folder, name) in &folders {
            flags.push(format!("--remap-path-prefix={}={name}", printable(folder)?));
        }
        if build.is_static {
            flags.push("-Ctarget-feature=+crt-static".to_owned());
        }
        let rust_flags = OsString::from(flags.join(BETWEEN_FLAGS));
        let c_flags = OsString::from(c_flags(&folders)?);
        let mut variables = self.variables();
        variables.push(("CARGO_ENCODED_RUSTFLAGS", &rust_flags));
        if !build.triple.ends_with("-msvc") {
            variables.extend([("CC_SHELL_ESCAPED_FLAGS", OsStr::new("1")), ("CFLAGS", &c_flags)]);
        }
        let with_zig = build.is_glibc() && !build.is_static && environment.find("cargo-zigbuild").is_some();
        let (command, target) = if with_zig {
            ("zigbuild", format!("{}.{OLDEST_GLIBC}", build.triple))
        } else {
            ("build", build.triple.to_owned())
        };
        let line = [command, "--release", "--locked", "--bins", "--package", package, "--target", &target];
        let status = cargo::run_in(&self.source, environment, &line.map(OsString::from), &variables)?;
        interrupt::check()?;
        if !status.success() {
            return Err(Failure::new(format!("{package} can't be built for {}", build.triple)));
        }
        let exe = if build.triple.contains("windows") { ".exe" } else { "" };
        Ok(self.target.join(build.triple).join("release").join(format!("{package}{exe}")))
    }
}

/// gcc's and clang's flags for the same, as a shell would quote them.
fn c_flags(folders: &[(PathBuf, &str)]) -> Result<String> {
    let flags: Result<Vec<_>> = folders
        .iter()
        .map(|(folder, name)| {
            let folder = printable(folder)?.replace('\'', r"'\''");
            Ok(format!("'-ffile-prefix-map={folder}={name}'"))
        })
        .collect();
    Ok(flags?.join(" "))
}

fn printable(folder: &Path) -> Result<&str> {
    folder.to_str().ok_or_else(|| {
        Failure::new(format!("{} is not UTF-8, so that it can't stand in a flag", folder.display()))
    })
}
