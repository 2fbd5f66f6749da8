//! Whether the plugin on PATH is of this program's version. `kubectl regcred setup` copies the helper that comes with the
//! plugin, and an upgrade of the plugin leaves the copy behind.

use std::io::{self, Read as _};
use std::process::{Command, Stdio};
use std::sync::mpsc::{RecvTimeoutError, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

use regcred_cli::failure::Failure;
use regcred_cli::setup_record::Record;
use serde_json::Value;

use super::findings::Findings;
use crate::NAME;
use crate::environment::Environment;

/// The plugin's program.
const PLUGIN: &str = "kubectl-regcred";

/// What makes the helper's copy one of the plugin's version.
const SETUP: &str = "kubectl regcred setup";

/// This program's version.
const VERSION: &str = env!("CARGO_PKG_VERSION");

/// It answers in milliseconds.
const TIMEOUT: Duration = Duration::from_secs(5);

/// How often it is looked whether it has ended.
const TICK: Duration = Duration::from_millis(2);

/// Longer than the object that says a version.
const MAX_ANSWER_BYTES: u64 = 64 * 1024;

/// Compares the versions, if there is a plugin.
pub(super) fn examine(environment: &Environment, findings: &mut Findings) {
    let path = environment.search_path();
    let (Ok(plugin), Ok(command)) = (path.find(PLUGIN), path.command(PLUGIN)) else { return };
    match version(command) {
        Ok(version) if version == VERSION => {}
        Ok(version) => findings.problem(
            "otherVersion",
            format!("this helper is of version {VERSION}, and the plugin {plugin:?} of version {version}"),
            match is_copy(environment) {
                Ok(true) => SETUP.to_owned(),
                Ok(false) => format!(
                    "install both from the same release; where only the plugin was upgraded, {SETUP} copies its helper"
                ),
                Err(failure) => format!("{}: {}", failure.message, failure.hint.unwrap_or_default()),
            },
        ),
        Err(why) => findings.note(
            "unknownVersion",
            format!("can't find out the version of the plugin {plugin:?}: {why}"),
            format!("see what it says: {PLUGIN} version"),
        ),
    }
}

/// Whether this program is what `setup` wrote.
fn is_copy(environment: &Environment) -> Result<bool, Failure> {
    let record = match Record::path(&|name| environment.var(name)) {
        Some(path) => Record::read(&path)?,
        None => None,
    };
    let Some((record, program)) = record.zip(environment.program.as_deref()) else { return Ok(false) };
    let copy = record.folder.join(format!("{NAME}{}", std::env::consts::EXE_SUFFIX));
    let is_this = copy.canonicalize().ok().zip(program.canonicalize().ok()).is_some_and(|(a, b)| a == b);
    Ok(is_this && record.files.contains_key(&copy))
}

/// What the plugin says its version is, as `0.1.0`.
fn version(mut plugin: Command) -> Result<String, String> {
    plugin.args(["version", "-o", "json"]);
    let answer = ask(plugin).map_err(|error| error.to_string())?;
    let object: Value =
        serde_json::from_slice(&answer).map_err(|_| "its answer is not an object".to_owned())?;
    let version = object["version"].as_str().ok_or("its answer has no version")?;
    Ok(version.trim_start_matches('v').to_owned())
}

/// What a program prints, if it succeeds in time.
fn ask(mut program: Command) -> io::Result<Vec<u8>> {
    let mut child = program.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn()?;
    let stdout = child.stdout.take().ok_or(io::ErrorKind::BrokenPipe)?;
    let (sender, receiver) = sync_channel(1);
    thread::Builder::new().spawn(move || {
        let mut answer = Vec::new();
        let read = stdout.take(MAX_ANSWER_BYTES).read_to_end(&mut answer);
        // Past the time nobody waits for it.
        let _ = sender.send(read.map(|_| answer));
    })?;
    let deadline = Instant::now() + TIMEOUT;
    let answer = match receiver.recv_timeout(TIMEOUT) {
        Ok(answer) => answer,
        Err(RecvTimeoutError::Timeout) => Err(io::ErrorKind::TimedOut.into()),
        Err(RecvTimeoutError::Disconnected) => Err(io::ErrorKind::BrokenPipe.into()),
    };
    // One that closes its output may go on all the same.
    let mut status = child.try_wait()?;
    while status.is_none() && answer.is_ok() && Instant::now() < deadline {
        thread::sleep(TICK);
        status = child.try_wait()?;
    }
    // One that has ended is not touched.
    child.kill().and_then(|()| child.wait())?;
    let answer = answer?;
    match status {
        Some(status) if status.success() => Ok(answer),
        Some(status) => Err(io::Error::other(format!("it failed ({status})"))),
        None => Err(io::ErrorKind::TimedOut.into()),
    }
}
