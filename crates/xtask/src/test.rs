//! The whole test suite against a throwaway cluster.

use std::ffi::OsString;
use std::process::{ExitCode, ExitStatus};

use crate::cluster::{self, layout::Layout};
use crate::environment::Environment;
use crate::failure::{Failure, Result};
use crate::{cargo, interrupt, skips};

/// The environment variable through which tests learn where their cluster is: its folder.
pub const CLUSTER: &str = "REGCRED_TEST_CLUSTER";

/// Runs `cargo test` with `arguments`; returns its exit code.
pub fn run(environment: &Environment, arguments: &[OsString]) -> Result<ExitCode> {
    interrupt::catch()?;
    crate::setup::ensure(environment)?;
    crate::kubernetes::programs(environment)?;
    // The end-to-end tests run the programs, and `cargo test -p regcred-tests` alone would not build them.
    cargo::build_programs(environment)?;
    let status = cluster::with_throwaway(environment, "test", |up| {
        let status = run_against(environment, &up.layout, arguments)?;
        if !status.success() {
            cluster::keep_logs(environment, &up.layout)?;
        }
        Ok(status)
    })?;
    interrupt::check()?;
    Ok(exit_code(status))
}

fn run_against(environment: &Environment, layout: &Layout, arguments: &[OsString]) -> Result<ExitStatus> {
    let report = layout.root().join("skips");
    let mut line: Vec<OsString> = vec!["test".into()];
    if !selects_packages(arguments) {
        line.push("--workspace".into());
    }
    line.extend(arguments.iter().cloned());
    let status = cargo::run(
        environment,
        &line,
        &[(CLUSTER, layout.root().as_os_str()), (skips::REPORT, report.as_os_str())],
    )?;
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
