//! Lints and unit tests of the programs, for the system that this runs on: what can be told without servers.

use std::ffi::OsString;
use std::process::ExitCode;

use crate::environment::Environment;
use crate::failure::{Failure, Result};
use crate::{cargo, interrupt};

/// What is in the programs, and what makes a release of them.
const PACKAGES: [&str; 6] = [
    "docker-credential-regcred",
    "kubectl-regcred",
    "regcred-cli",
    "regcred-core",
    "regcred-keyring",
    "xtask",
];

/// Runs clippy, which takes no warning, and the tests beside the sources.
pub fn run(environment: &Environment) -> Result<ExitCode> {
    interrupt::catch()?;
    let packages = PACKAGES.iter().flat_map(|package| ["--package", package]);
    for (command, rest) in
        [("clippy", &["--all-targets", "--", "-D", "warnings"][..]), ("test", &["--lib", "--bins"])]
    {
        let line: Vec<OsString> = [command, "--locked"]
            .into_iter()
            .chain(packages.clone())
            .chain(rest.iter().copied())
            .map(Into::into)
            .collect();
        let status = cargo::run(environment, &line, &[])?;
        interrupt::check()?;
        if !status.success() {
            return Err(Failure::new(format!("cargo {command} finds something wrong")));
        }
    }
    Ok(ExitCode::SUCCESS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_looks_at_all_crates_but_the_tests_of_whole_programs() {
        let folder = crate::environment::workspace().join("crates");
        let mut names: Vec<_> = folder.read_dir().unwrap().map(|found| found.unwrap().file_name()).collect();
        names.sort();
        assert_eq!(names, PACKAGES);
    }
}
