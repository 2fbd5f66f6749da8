//! Asking a credential helper (`docker-credential-NAME`), with a deadline.

use std::io;
use std::pin::pin;
use std::process::Stdio;
use std::time::Duration;

use futures_util::future::{Either, select};
use regcred_core::credential::Login;
use regcred_core::helper_protocol::{self, ProtocolError};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _};
use tokio::process::Command;
use zeroize::Zeroizing;

use crate::failure::{Failure, exit};

/// No credential is as long as this; a helper that prints more prints nonsense.
const MAX_ANSWER_BYTES: u64 = 1024 * 1024;

/// How long an answer may still take to arrive after the helper has ended.
const GRACE: Duration = Duration::from_millis(500);

/// A credential helper, by the name that a docker config gives it.
pub(super) struct Helper {
    program: String,
    timeout: Duration,
}

impl Helper {
    pub(super) fn new(name: &str, timeout: Duration) -> Result<Self, Failure> {
        let program = helper_protocol::program(name).ok_or_else(|| {
            Failure::new(exit::HELPER, format!("{name:?} can't be the name of a credential helper"))
                .hint("`credsStore` and `credHelpers` hold the NAME of a docker-credential-NAME on PATH")
        })?;
        Ok(Self { program, timeout })
    }

    pub(super) fn program(&self) -> &str {
        &self.program
    }

    /// What the helper holds for a server; `None` if it surely holds nothing.
    pub(super) async fn get(&self, server: &str) -> Result<Option<Login>, Failure> {
        let (succeeded, answer) = self.ask("get", server).await?;
        helper_protocol::read_get(succeeded, &answer).map_err(|error| self.failed(server, &error))
    }

    /// The servers that the helper holds something for.
    pub(super) async fn list(&self) -> Result<Vec<String>, Failure> {
        let (succeeded, answer) = self.ask("list", "").await?;
        helper_protocol::read_list(succeeded, &answer)
            .map_err(|error| Failure::new(exit::HELPER, format!("{} list: {error}", self.program)))
    }

    async fn ask(&self, verb: &str, input: &str) -> Result<(bool, Zeroizing<Vec<u8>>), Failure> {
        let mut child = Command::new(&self.program)
            .arg(verb)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            // A helper in trouble may print a secret there (think of `set -x`), so it is never shown.
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .map_err(|error| self.not_started(&error))?;
        let (stdin, stdout) = (child.stdin.take(), child.stdout.take());
        // Reserved at once: a buffer that grows leaves copies behind.
        let mut answer = Zeroizing::new(Vec::with_capacity(64 * 1024));
        let conversation = async {
            if let Some(mut stdin) = stdin {
                // A helper may answer without reading all of its input.
                let _ = stdin.write_all(input.as_bytes()).await;
            }
            let reading = pin!(read_answer(stdout, &mut answer));
            let status = match select(reading, pin!(child.wait())).await {
                Either::Left((read, waiting)) => read.and(waiting.await),
                Either::Right((status, reading)) => {
                    // What it started may hold the pipe open for as long as it likes; the answer is there.
                    let rest = tokio::time::timeout(GRACE, reading).await.unwrap_or(Ok(()));
                    rest.and(status)
                }
            };
            Ok::<_, io::Error>(status?.success())
        };
        let outcome = tokio::time::timeout(self.timeout, conversation).await;
        match outcome {
            Ok(Ok(_)) if answer.len() as u64 > MAX_ANSWER_BYTES => {
                Err(self.failed(input, &ProtocolError::Nonsense("more than 1 MiB")))
            }
            Ok(Ok(succeeded)) => Ok((succeeded, answer)),
            Ok(Err(error)) => {
                Err(Failure::new(exit::HELPER, format!("can't talk to {}: {error}", self.program)))
            }
            Err(_) => {
                child.kill().await.map_err(|error| {
                    Failure::new(
                        exit::HELPER,
                        format!("{} hangs and can't be stopped: {error}", self.program),
                    )
                })?;
                let waited = humantime::format_duration(self.timeout);
                let message = format!("{} did not answer within {waited} and was stopped", self.program);
                Err(Failure::new(exit::HELPER, message).hint(format!(
                    "it may wait for something (a locked keyring, a login): {}; or give it longer with \
                     --helper-timeout",
                    self.by_hand()
                )))
            }
        }
    }

    fn not_started(&self, error: &io::Error) -> Failure {
        if error.kind() == io::ErrorKind::NotFound {
            return Failure::new(
                exit::HELPER,
                format!("the credential helper {} is not on PATH", self.program),
            )
            .hint("install it, or take it out of `credsStore` or `credHelpers` and log in again");
        }
        Failure::new(exit::HELPER, format!("can't start {}: {error}", self.program))
    }

    fn failed(&self, server: &str, error: &ProtocolError) -> Failure {
        Failure::new(exit::HELPER, format!("{} get, asked for {server:?}: {error}", self.program))
            .hint(format!("see what it says: {}", self.by_hand()))
    }

    /// A command that shows what the helper says on stderr, and no secret.
    fn by_hand(&self) -> String {
        format!("`echo REGISTRY | {} get >/dev/null`", self.program)
    }
}

async fn read_answer(stdout: Option<impl AsyncRead + Unpin>, answer: &mut Vec<u8>) -> io::Result<()> {
    if let Some(stdout) = stdout {
        stdout.take(MAX_ANSWER_BYTES + 1).read_to_end(answer).await?;
    }
    Ok(())
}
