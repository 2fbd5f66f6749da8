//! Running cargo from within a chore.

use std::ffi::{OsStr, OsString};
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::{Command, ExitStatus, Stdio};

use crate::environment::{Environment, workspace};
use crate::failure::{Context as _, Failure, Result};
use crate::process;

/// Runs cargo in the workspace with these arguments and additional variables.
pub fn run(
    environment: &Environment,
    arguments: &[OsString],
    variables: &[(&str, &OsStr)],
) -> Result<ExitStatus> {
    let mut command = Command::new(&environment.cargo);
    for variable in &environment.own_package {
        command.env_remove(variable);
    }
    let mut child = command
        .args(arguments)
        .envs(variables.iter().copied())
        .current_dir(workspace())
        .stdin(Stdio::null())
        // In a group of its own, so that an interrupt reaches cargo and its test programs through us, in order.
        .process_group(0)
        .spawn()
        .cannot("start cargo")?;
    process::wait(&mut child, || ())
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
