//! `--verify-command`: a program of the user's that says whether a new credential is good.

use std::collections::BTreeMap;
use std::process::Stdio;
use std::time::Duration;

use regcred_cli::program::SearchPath;
use regcred_core::credential::Credential;
use regcred_core::helper_protocol::request::write_get;
use tokio::io::AsyncWriteExt as _;
use tokio::process::Command;

use crate::failure::{Failure, exit};
use crate::file::reason;

/// Runs the command once for each credential, which it gets on its standard input, as a credential helper would print
/// it. Fails unless all of them are good.
pub(super) async fn verify(
    command: &str,
    path: &SearchPath,
    timeout: Duration,
    credentials: &BTreeMap<String, Credential>,
) -> Result<(), Failure> {
    for (registry, credential) in credentials {
        let wait = tokio::time::timeout(timeout, run(command, path, registry, credential)).await;
        let status = wait.map_err(|_| {
            let limit = humantime::format_duration(timeout);
            failure(registry, &format!("took longer than {limit} and was stopped"))
        })??;
        if !status.success() {
            return Err(failure(registry, &format!("says no ({status})")));
        }
    }
    Ok(())
}

async fn run(
    command: &str,
    path: &SearchPath,
    registry: &str,
    credential: &Credential,
) -> Result<std::process::ExitStatus, Failure> {
    let (shell, flag) = if cfg!(windows) { ("cmd", "/C") } else { ("sh", "-c") };
    let broken = |why: String| {
        Failure::new(exit::FAILED, format!("can't run the --verify-command: {why}; nothing was changed"))
    };
    let command_of_shell = path.command(shell).map_err(|missing| {
        let hint = missing.remedy("put the folder of the system's shell on PATH");
        broken(format!("{shell} {missing}")).hint(hint)
    })?;
    let failed = |error: std::io::Error| broken(reason(&error));
    let mut child = Command::from(command_of_shell)
        .args([flag, command])
        .stdin(Stdio::piped())
        // Ours is for data, and a program may print what it was given.
        .stdout(Stdio::null())
        .stderr(Stdio::inherit())
        .kill_on_drop(true)
        .spawn()
        .map_err(failed)?;
    if let Some(mut stdin) = child.stdin.take() {
        let message = write_get(registry, &credential.username, &credential.password);
        // It may know without reading.
        let _ = stdin.write_all(message.as_bytes()).await;
    }
    child.wait().await.map_err(failed)
}

fn failure(registry: &str, what: &str) -> Failure {
    Failure::new(
        exit::REFUSED,
        format!("the --verify-command {what} to the new credential for {registry:?}; nothing was changed"),
    )
    .hint("check the credential; the command gets it on standard input as {\"ServerURL\":…,\"Username\":…,\"Secret\":…}")
}
