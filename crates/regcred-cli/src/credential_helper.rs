//! Asking another credential helper (`docker-credential-NAME`), with a deadline.
//!
//! Follows docker-credential-helpers `client/client.go`. A helper is anybody's program: it may hang, print without end,
//! not read what it is asked, or leave something behind that holds its pipes.

use std::ffi::OsStr;
use std::io::{self, Read as _, Write as _};
use std::process::{Child, ChildStdin, ChildStdout, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

use regcred_core::credential::Login;
use regcred_core::helper_protocol::{self, ProtocolError};
use regcred_core::server::{check_control_characters, shown_key};
use zeroize::Zeroizing;

use crate::failure::{Failure, exit};
use crate::file::reason;
use crate::program::{NotOnPath, SearchPath};

/// No credential is as long as this; a helper that prints more prints nonsense.
const MAX_ANSWER_BYTES: usize = 1024 * 1024;

/// How much of an answer is read at once.
const CHUNK_BYTES: usize = 8 * 1024;

/// How long an answer may still take to arrive after the helper has ended.
const GRACE: Duration = Duration::from_millis(500);

/// How long it may take to be noticed that the helper has ended.
const TICK: Duration = Duration::from_millis(2);

/// A credential helper, by the name that a docker config gives it.
#[derive(Clone, Debug)]
pub struct CredentialHelper {
    program: String,
    path: SearchPath,
    timeout: Duration,
    if_missing: &'static str,
    if_slow: Option<&'static str>,
}

/// What a helper printed, and whether it succeeded.
struct Answer {
    succeeded: bool,
    stdout: Zeroizing<Vec<u8>>,
}

impl CredentialHelper {
    /// The helper `docker-credential-NAME` on `path`, which may take this long to answer a question.
    ///
    /// # Errors
    /// No program can have this name; nothing is looked up before something is asked.
    pub fn new(name: &str, path: SearchPath, timeout: Duration) -> Result<Self, Failure> {
        let program = helper_protocol::program(name).ok_or_else(|| {
            Failure::new(exit::HELPER, format!("{name:?} can't be the name of a credential helper"))
                .hint("give the NAME of a docker-credential-NAME on PATH")
        })?;
        Ok(Self { program, path, timeout, if_missing: "install it", if_slow: None })
    }

    /// The hint for a helper that is not on PATH, which depends on who named it.
    #[must_use]
    pub fn if_missing(self, hint: &'static str) -> Self {
        Self { if_missing: hint, ..self }
    }

    /// How the helper is given more time, to end a hint: "give it longer with --helper-timeout".
    #[must_use]
    pub fn if_slow(self, hint: &'static str) -> Self {
        Self { if_slow: Some(hint), ..self }
    }

    /// The program's name.
    pub fn program(&self) -> &str {
        &self.program
    }

    /// What the helper holds for a server; `None` if it surely holds nothing.
    ///
    /// # Errors
    /// It is not there, fails, answers nonsense, or takes too long; or the server's name has a control character, and is
    /// asked of no helper: many join the lines of their input, and would answer for another server.
    pub fn get(&self, server: &str) -> Result<Option<Login>, Failure> {
        check_control_characters(server).map_err(|error| {
            let message = format!("{} is not asked for {:?}: {error}", self.program, shown_key(server));
            Failure::new(exit::FAILED, message).hint("correct the name where it is written")
        })?;
        self.ask("get", server)?.read(helper_protocol::read_get).map_err(|error| {
            let server = shown_key(server);
            Failure::new(exit::HELPER, format!("{} get, asked for {server:?}: {error}", self.program))
                .hint(format!("see what it says: {}", self.by_hand()))
        })
    }

    /// The servers that the helper holds something for.
    ///
    /// # Errors
    /// As those of [`Self::get`].
    pub fn list(&self) -> Result<Vec<String>, Failure> {
        self.ask("list", "")?
            .read(helper_protocol::read_list)
            .map_err(|error| Failure::new(exit::HELPER, format!("{} list: {error}", self.program)))
    }

    fn ask(&self, verb: &str, input: &str) -> Result<Answer, Failure> {
        let mut command = self.path.command(&self.program).map_err(|missing| self.missing(&missing))?;
        let mut child = command
            .arg(verb)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            // A helper in trouble may print a secret there (think of `set -x`), so it is never shown.
            .stderr(Stdio::null())
            .spawn()
            .map_err(|error| not_started(command.get_program(), &error))?;
        let outcome = converse(&mut child, input, self.timeout);
        // One that has ended is not touched.
        child.kill().and_then(|()| child.wait()).map_err(|error| {
            Failure::new(exit::HELPER, format!("{} hangs and can't be stopped: {error}", self.program))
        })?;
        outcome
            .map_err(|error| Failure::new(exit::HELPER, format!("can't talk to {}: {error}", self.program)))?
            .ok_or_else(|| self.too_slow())
    }

    fn missing(&self, missing: &NotOnPath) -> Failure {
        let message = format!("the credential helper {} {missing}", self.program);
        Failure::new(exit::HELPER, message).hint(missing.remedy(self.if_missing))
    }

    fn too_slow(&self) -> Failure {
        let message = format!("{} did not answer within {:?} and was stopped", self.program, self.timeout);
        let otherwise = self.if_slow.map(|hint| format!("; or {hint}")).unwrap_or_default();
        Failure::new(exit::HELPER, message).hint(format!(
            "it may wait for something (a locked keyring, a login): {}{otherwise}",
            self.by_hand()
        ))
    }

    /// A command that shows what the helper says on stderr, and no secret.
    fn by_hand(&self) -> String {
        format!("`echo REGISTRY | {} get >/dev/null`", self.program)
    }
}

fn not_started(file: &OsStr, error: &io::Error) -> Failure {
    let message = format!("can't start the credential helper {file:?}: {}", reason(error));
    let hint =
        "see that it is a program for this system and, if it is a script, that its interpreter is there";
    Failure::new(exit::HELPER, message).hint(hint)
}

impl Answer {
    /// What the answer means, by the protocol.
    fn read<T>(&self, read: fn(bool, &[u8]) -> Result<T, ProtocolError>) -> Result<T, ProtocolError> {
        if self.stdout.len() > MAX_ANSWER_BYTES {
            return Err(ProtocolError::Nonsense("more than 1 MiB"));
        }
        read(self.succeeded, &self.stdout)
    }
}

/// Tells the helper what is asked, and takes its answer; `None` if that takes too long.
fn converse(child: &mut Child, input: &str, timeout: Duration) -> io::Result<Option<Answer>> {
    let begun = Instant::now();
    let (Some(stdin), Some(stdout)) = (child.stdin.take(), child.stdout.take()) else {
        return Err(io::ErrorKind::BrokenPipe.into());
    };
    write(stdin, input)?;
    let chunks = read(stdout)?;
    // Nearly all answers fit; to reserve for the longest would mean to wipe a megabyte after each.
    let mut answer = Zeroizing::new(Vec::with_capacity(CHUNK_BYTES));
    let mut complete = false;
    let mut ended = None;
    loop {
        if complete {
            thread::sleep(TICK);
        } else {
            match chunks.recv_timeout(TICK) {
                Ok(chunk) => append(&mut answer, &chunk?),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => complete = true,
            }
        }
        if ended.is_none() {
            ended = child.try_wait()?.map(|status| (status, Instant::now()));
        }
        match ended {
            // What it started may hold the pipe open for as long as it likes; the answer is there.
            Some((status, at)) if complete || at.elapsed() >= GRACE => {
                return Ok(Some(Answer { succeeded: status.success(), stdout: answer }));
            }
            _ if begun.elapsed() >= timeout => return Ok(None),
            _ => {}
        }
    }
}

/// Adds to a buffer, which leaves no copy behind when it grows.
fn append(buffer: &mut Zeroizing<Vec<u8>>, bytes: &[u8]) {
    let length = buffer.len() + bytes.len();
    if length > buffer.capacity() {
        let mut larger = Zeroizing::new(Vec::with_capacity(2 * length));
        larger.extend_from_slice(buffer);
        *buffer = larger;
    }
    buffer.extend_from_slice(bytes);
}

/// Writes what is asked, without waiting for the helper to read it.
fn write(mut stdin: ChildStdin, input: &str) -> io::Result<()> {
    // The key of a docker config can hold a password.
    let input = Zeroizing::new(input.to_owned());
    thread::Builder::new().spawn(move || {
        // A helper may answer without reading all of its input.
        let _ = stdin.write_all(input.as_bytes());
    })?;
    Ok(())
}

/// Reads the answer piece by piece, up to the first byte that is too much.
///
/// The thread may stay behind, waiting for somebody who holds the pipe open; it has no secret then.
fn read(stdout: ChildStdout) -> io::Result<Receiver<io::Result<Zeroizing<Vec<u8>>>>> {
    let (sender, receiver) = sync_channel(1);
    let mut stdout = stdout.take(MAX_ANSWER_BYTES as u64 + 1);
    thread::Builder::new().spawn(move || {
        loop {
            let mut chunk = Zeroizing::new(vec![0; CHUNK_BYTES]);
            let piece = match stdout.read(&mut chunk) {
                Ok(0) => break,
                Ok(length) => {
                    chunk.truncate(length);
                    Ok(chunk)
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => Err(error),
            };
            if sender.send(piece).is_err() {
                // Nobody waits for it any more.
                break;
            }
        }
    })?;
    Ok(receiver)
}

#[cfg(unix)]
#[cfg(test)]
mod tests;
