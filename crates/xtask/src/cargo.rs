//! Running cargo from within a chore.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};

use crate::child;
use crate::environment::{Environment, workspace};
use crate::failure::{Context as _, Failure, Result};

/// Runs cargo in the workspace with these arguments and additional variables.
pub fn run(
    environment: &Environment,
    arguments: &[OsString],
    variables: &[(&str, &OsStr)],
) -> Result<ExitStatus> {
    run_in(&workspace(), environment, arguments, variables)
}

/// The same in the workspace at `folder`.
pub fn run_in(
    folder: &Path,
    environment: &Environment,
    arguments: &[OsString],
    variables: &[(&str, &OsStr)],
) -> Result<ExitStatus> {
    let mut command = command(folder, environment);
    command.args(arguments).envs(variables.iter().copied());
    let mut child = child::start(&mut command).cannot("start cargo")?;
    child::wait(&mut child, || ())
}

/// What cargo prints when it is asked in the workspace at `folder`.
pub fn ask(
    folder: &Path,
    environment: &Environment,
    arguments: &[&str],
    variables: &[(&str, &OsStr)],
) -> Result<String> {
    let output = command(folder, environment)
        .args(arguments)
        .envs(variables.iter().copied())
        .output()
        .cannot("start cargo")?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        return Err(Failure::new(format!("`cargo {}` failed:\n{}", arguments.join(" "), said.trim())));
    }
    String::from_utf8(output.stdout).cannot(format_args!("read what `cargo {}` prints", arguments.join(" ")))
}

fn command(folder: &Path, environment: &Environment) -> Command {
    let mut command = Command::new(&environment.cargo);
    for variable in &environment.own_package {
        command.env_remove(variable);
    }
    command.current_dir(folder).stdin(Stdio::null());
    command
}

/// Builds the workspace's programs, which the tests and the demo run.
pub fn build_programs(environment: &Environment) -> Result<()> {
    let status = run(environment, &["build", "--workspace", "--bins"].map(OsString::from), &[])?;
    crate::interrupt::check()?;
    if status.success() { Ok(()) } else { Err(Failure::new("the programs can't be built")) }
}

/// Builds a package's program as it is released; returns where it lies.
pub fn build_release(environment: &Environment, package: &str) -> Result<PathBuf> {
    let arguments = ["build", "--release", "--locked", "--package", package, "--bins"];
    let status = run(environment, &arguments.map(OsString::from), &[])?;
    crate::interrupt::check()?;
    if !status.success() {
        return Err(Failure::new(format!("the release of {package} can't be built")));
    }
    Ok(environment.target.join("release").join(package))
}
