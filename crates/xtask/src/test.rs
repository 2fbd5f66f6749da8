//! The whole test suite against a throwaway cluster.

use std::ffi::{OsStr, OsString};
use std::process::{ExitCode, ExitStatus};

use crate::cluster::{self, layout::Layout};
use crate::dist::{self, Dist};
use crate::environment::Environment;
use crate::failure::{Failure, Result};
use crate::{cargo, interrupt, package, skips};

/// The environment variable through which tests learn where their cluster is: its folder.
pub const CLUSTER: &str = "REGCRED_TEST_CLUSTER";
/// The environment variable through which tests learn where the kubelet oracle is.
pub const ORACLE: &str = "REGCRED_TEST_ORACLE";
/// The environment variable through which tests learn where the credential helper's clients and peers are: the
/// folder of [`crate::clients::programs`].
pub const CLIENTS: &str = "REGCRED_TEST_CLIENTS";
/// The environment variable that says how many random cases to try where another program judges them.
pub const CASES: &str = "REGCRED_TEST_CASES";
/// The environment variable through which the tests of `--platforms` learn where a release lies.
pub const RELEASE: &str = "REGCRED_TEST_RELEASE";
/// The environment variable that makes random cases the same again: the number that a run prints.
pub const SEED: &str = "REGCRED_TEST_SEED";

/// As many cases as fit into a few minutes.
const CASES_OF_A_LONG_RUN: &str = "1000000";

/// Runs `cargo test` with `arguments`; returns its exit code. A long run tries a million random cases where
/// others try thousands.
pub fn run(environment: &Environment, arguments: &[OsString], long: bool) -> Result<ExitCode> {
    interrupt::catch()?;
    crate::setup::ensure(environment)?;
    crate::kubernetes::programs(environment)?;
    let oracle = crate::kubernetes::oracle(environment)?;
    let clients = crate::clients::programs(environment)?;
    crate::packagers::krew(environment)?;
    crate::packagers::nfpm(environment)?;
    crate::actionlint::program(environment)?;
    // The end-to-end tests run the programs, and `cargo test -p regcred-tests` alone would not build them.
    cargo::build_programs(environment)?;
    let status = cluster::with_throwaway(environment, "test", |up| {
        let mut variables = vec![(ORACLE, oracle.as_os_str()), (CLIENTS, clients.as_os_str())];
        variables.extend(long.then_some((CASES, OsStr::new(CASES_OF_A_LONG_RUN))));
        let status = run_against(environment, &up.layout, arguments, &variables)?;
        if !status.success() {
            cluster::keep_logs(environment, &up.layout)?;
        }
        Ok(status)
    })?;
    interrupt::check()?;
    Ok(exit_code(status))
}

/// Runs what takes too long for every day: makes a release, and installs, checks and builds it again as its users might.
pub fn run_platforms(environment: &Environment) -> Result<ExitCode> {
    interrupt::catch()?;
    crate::setup::ensure(environment)?;
    crate::setup::ensure_for_platforms(environment)?;
    let out = environment.target.join("dist/out");
    dist::run(environment, &Dist::for_this_toolchain(&out))?;
    let line =
        ["test", "-p", "regcred-tests", "--features=platforms", "--test=platforms"].map(OsString::from);
    let status = cargo::run(environment, &line, &[(RELEASE, out.as_os_str())])?;
    interrupt::check()?;
    if !status.success() {
        return Ok(exit_code(status));
    }
    package::run(environment)?;
    dist::reproducible::run(environment, true)
}

fn run_against(
    environment: &Environment,
    layout: &Layout,
    arguments: &[OsString],
    variables: &[(&str, &OsStr)],
) -> Result<ExitStatus> {
    let report = layout.root().join("skips");
    let mut line: Vec<OsString> = vec!["test".into()];
    if !selects_packages(arguments) {
        line.push("--workspace".into());
    }
    line.extend(arguments.iter().cloned());
    let own = [(CLUSTER, layout.root().as_os_str()), (skips::REPORT, report.as_os_str())];
    let status = cargo::run(environment, &line, &[variables, &own].concat())?;
    let skips = skips::check(&report, environment.ci);
    // A failed test is the better reason to fail than a skipped one.
    if status.success() {
        skips?;
    }
    Ok(status)
}

fn selects_packages(arguments: &[OsString]) -> bool {
    arguments.iter().take_while(|argument| *argument != "--").any(|argument| {
        let argument = argument.to_string_lossy();
        argument.starts_with("-p") || argument.starts_with("--package") || argument == "--workspace"
    })
}

fn exit_code(status: ExitStatus) -> ExitCode {
    let code = status.code().and_then(|code| u8::try_from(code).ok());
    code.map_or_else(
        || {
            eprintln!("{}", Failure::new(format!("cargo ended without an exit code ({status})")));
            ExitCode::FAILURE
        },
        ExitCode::from,
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filter_for_the_test_programs_selects_no_package() {
        assert!(!selects_packages(&["--".into(), "-p".into()]));
        assert!(selects_packages(&["-p".into(), "xtask".into()]));
        assert!(selects_packages(&["--package=xtask".into()]));
        assert!(!selects_packages(&[]));
    }
}
