//! The whole test suite against a throwaway cluster.

use std::ffi::{OsStr, OsString};
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Command, ExitCode, ExitStatus, Stdio};

use crate::cluster::{self, layout::Layout};
use crate::environment::{Environment, workspace};
use crate::failure::{Context as _, Failure, Result};
use crate::process::Identity;
use crate::{interrupt, process, skips};

/// The environment variable through which tests learn where their cluster is: its folder.
pub const CLUSTER: &str = "REGCRED_TEST_CLUSTER";

/// Runs `cargo test` with `arguments`; returns its exit code.
pub fn run(environment: &Environment, arguments: &[OsString]) -> Result<ExitCode> {
    interrupt::catch()?;
    crate::setup::ensure(environment)?;
    crate::kubernetes::programs(environment)?;
    // The end-to-end tests run the programs, and `cargo test -p regcred-tests` alone would not build them.
    let status = cargo(environment, &["build", "--workspace", "--bins"].map(OsString::from), &[])?;
    if !status.success() {
        return Ok(exit_code(status));
    }

    cluster::remove_orphans(environment)?;
    let name = format!("test-{}", std::process::id());
    // An earlier run with our process id may have left a cluster behind: ours is to be fresh.
    cluster::down(environment, &name)?;
    let outcome = cluster::up(environment, &name, Identity::of(std::process::id()))
        .and_then(|up| run_against(environment, &up.layout, arguments));
    if !matches!(outcome, Ok(status) if status.success()) {
        keep_logs(environment, &name)?;
    }
    cluster::down(environment, &name)?;
    let status = outcome?;
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
    let status = cargo(
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

fn cargo(
    environment: &Environment,
    arguments: &[OsString],
    variables: &[(&str, &OsStr)],
) -> Result<ExitStatus> {
    let mut child = Command::new(&environment.cargo)
        .args(arguments)
        .envs(variables.iter().copied())
        .current_dir(workspace())
        // What `cargo run` set for us would make cargo rebuild crates that look at it.
        .env_remove("CARGO_MANIFEST_DIR")
        .stdin(Stdio::null())
        // In a group of its own, so that an interrupt reaches cargo and its test programs through us, in
        // order.
        .process_group(0)
        .spawn()
        .cannot("start cargo")?;
    process::wait(&mut child, || ())
}

/// Saves the logs of a cluster that is about to be taken down.
fn keep_logs(environment: &Environment, name: &str) -> Result<()> {
    let logs = Layout::at(environment.clusters().join(name)).logs();
    if !logs.exists() {
        return Ok(());
    }
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
