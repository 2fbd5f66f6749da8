//! Asking another credential helper (`docker-credential-NAME`), with a deadline.
//!
//! Follows docker-credential-helpers `client/client.go`. A helper is anybody's program: it may hang, print without end,
//! not read what it is asked, or leave something behind that holds its pipes.

use std::io::{self, Read as _, Write as _};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

use regcred_core::credential::Login;
use regcred_core::helper_protocol::{self, ProtocolError};
use regcred_core::server::shown_key;
use zeroize::Zeroizing;

use crate::failure::{Failure, exit};

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
    /// The helper `docker-credential-NAME`, which may take this long to answer a question.
    ///
    /// # Errors
    /// No program can have this name; nothing is looked up before something is asked.
    pub fn new(name: &str, timeout: Duration) -> Result<Self, Failure> {
        let program = helper_protocol::program(name).ok_or_else(|| {
            Failure::new(exit::HELPER, format!("{name:?} can't be the name of a credential helper"))
                .hint("give the NAME of a docker-credential-NAME on PATH")
        })?;
        Ok(Self { program, timeout, if_missing: "install it", if_slow: None })
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
    /// It is not there, fails, answers nonsense, or takes too long.
    pub fn get(&self, server: &str) -> Result<Option<Login>, Failure> {
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
        let mut child = Command::new(&self.program)
            .arg(verb)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            // A helper in trouble may print a secret there (think of `set -x`), so it is never shown.
            .stderr(Stdio::null())
            .spawn()
            .map_err(|error| self.not_started(&error))?;
        let outcome = converse(&mut child, input, self.timeout);
        // One that has ended is not touched.
        child.kill().and_then(|()| child.wait()).map_err(|error| {
            Failure::new(exit::HELPER, format!("{} hangs and can't be stopped: {error}", self.program))
        })?;
        outcome
            .map_err(|error| Failure::new(exit::HELPER, format!("can't talk to {}: {error}", self.program)))?
            .ok_or_else(|| self.too_slow())
    }

    fn not_started(&self, error: &io::Error) -> Failure {
        if error.kind() == io::ErrorKind::NotFound {
            let message = format!("the credential helper {} is not on PATH", self.program);
            return Failure::new(exit::HELPER, message).hint(self.if_missing);
        }
        Failure::new(exit::HELPER, format!("can't start {}: {error}", self.program))
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

// The helpers are shell scripts.
#[cfg(unix)]
#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use regcred_core::credential::{Credential, SecretString};
    use tempfile::TempDir;

    use super::*;

    const ANSWER: &str = r#"echo '{"ServerURL":"ghcr.io","Username":"me","Secret":"hunter2"}'"#;

    /// More than a pipe takes before somebody reads.
    const LONG_SERVER_BYTES: usize = 1024 * 1024;

    /// Longer than any test should take, and shorter than what its helper sleeps.
    const PATIENCE: Duration = Duration::from_secs(30);

    struct Script {
        folder: TempDir,
        helper: CredentialHelper,
    }

    impl Script {
        /// A helper that is a shell script.
        fn new(script: &str, timeout: Duration) -> Self {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("docker-credential-script");
            // Another process writes it: one of ours, just being started by another test, could still have it open for
            // writing, and then it can't be run.
            let mut install = Command::new("sh");
            let mut install = install
                .args(["-c", r#"cat >"$0" && chmod +x "$0""#])
                .arg(&path)
                .stdin(Stdio::piped())
                .spawn()
                .unwrap();
            let text = format!("#!/bin/sh\n{script}\n");
            install.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
            assert!(install.wait().unwrap().success());
            let program = path.to_str().unwrap().to_owned();
            let helper = CredentialHelper { program, ..CredentialHelper::new("script", timeout).unwrap() };
            Self { folder, helper }
        }

        /// Where a script is to leave the id of a process: `"$0.pid"`.
        fn pid(&self) -> String {
            let path: PathBuf = self.folder.path().join("docker-credential-script.pid");
            std::fs::read_to_string(path).unwrap().trim().to_owned()
        }
    }

    fn signal(signal: &str, pid: &str) -> bool {
        let mut kill = Command::new("sh");
        kill.args(["-c", r#"kill "$0" "$1""#, signal, pid]).stderr(Stdio::null()).status().unwrap().success()
    }

    fn me() -> Login {
        let password = SecretString::new("hunter2".to_owned());
        Login::Password(Credential { username: "me".to_owned(), password, email: None })
    }

    #[test]
    fn an_answer_is_a_login_and_the_question_names_the_server() {
        let script = format!(r#"test "$1 $(cat)" = "get ghcr.io" && {ANSWER}"#);
        let script = Script::new(&script, PATIENCE);
        assert_eq!(script.helper.get("ghcr.io"), Ok(Some(me())));
        assert!(script.helper.get("quay.io").is_err());
    }

    #[test]
    fn an_answer_may_come_in_pieces() {
        let script = r#"printf '{"Username":"me",'; sleep 0.2; printf '"Secret":"hunter2"}'; sleep 0.2"#;
        assert_eq!(Script::new(script, PATIENCE).helper.get("ghcr.io"), Ok(Some(me())));
    }

    #[test]
    fn a_long_answer_arrives_whole() {
        let script = r#"printf '{"Username":"<token>","Secret":"'; printf '%0500000d' 7; echo '"}'"#;
        let secret = SecretString::new(format!("{}7", "0".repeat(499_999)));
        assert_eq!(
            Script::new(script, PATIENCE).helper.get("ghcr.io"),
            Ok(Some(Login::IdentityToken(secret)))
        );
    }

    #[test]
    fn a_list_names_the_servers() {
        let script = r#"test "$1" = list && echo '{"ghcr.io":"me","quay.io":"you"}'"#;
        let listed = Script::new(script, PATIENCE).helper.list();
        assert_eq!(listed, Ok(vec!["ghcr.io".to_owned(), "quay.io".to_owned()]));
    }

    #[test]
    fn only_the_protocols_message_means_not_found() {
        let missing = format!("echo '{}'; exit 1", helper_protocol::NOT_FOUND);
        assert_eq!(Script::new(&missing, PATIENCE).helper.get("ghcr.io"), Ok(None));
        let locked = Script::new("echo 'the keychain is locked'; exit 1", PATIENCE).helper.get("ghcr.io");
        let failure = locked.unwrap_err();
        assert_eq!(failure.code, exit::HELPER);
        let said = "get, asked for \"ghcr.io\": it failed: \"the keychain is locked\"";
        assert!(failure.message.ends_with(said), "{failure:?}");
    }

    #[test]
    fn a_secret_on_stderr_or_in_the_key_is_not_shown() {
        let script = Script::new("echo 'secret=hunter2' >&2; exit 1", PATIENCE);
        let failure = script.helper.get("https://me:hunter2@ghcr.io").unwrap_err();
        let said = "asked for \"https://[redacted]@ghcr.io\": it failed and gave no reason";
        assert!(failure.message.ends_with(said), "{failure:?}");
        assert!(!format!("{failure:?}").contains("hunter2"), "{failure:?}");
    }

    #[test]
    fn a_helper_that_hangs_is_stopped_and_reaped() {
        let timeout = Duration::from_secs(2);
        // With its output open, and closed.
        for script in [r#"echo $$ >"$0.pid"; exec sleep 60"#, r#"echo $$ >"$0.pid"; exec >&-; exec sleep 60"#]
        {
            let script = Script::new(script, timeout);
            let begun = Instant::now();
            let failure = script.helper.get("ghcr.io").unwrap_err();
            assert!((timeout..PATIENCE).contains(&begun.elapsed()), "{:?}", begun.elapsed());
            assert_eq!(failure.code, exit::HELPER);
            assert!(failure.message.ends_with("did not answer within 2s and was stopped"), "{failure:?}");
            // One that is not reaped can still be found.
            assert!(!signal("-0", &script.pid()), "it is still there");
        }
    }

    #[test]
    fn the_hint_names_the_flag_of_a_program_that_has_one() {
        let script = Script::new("exec sleep 60", Duration::from_millis(1));
        let hint = script.helper.list().unwrap_err().hint.unwrap();
        assert!(hint.ends_with(" get >/dev/null`"), "{hint}");
        let helper = script.helper.if_slow("give it longer with --helper-timeout");
        let hint = helper.list().unwrap_err().hint.unwrap();
        assert!(hint.ends_with(" get >/dev/null`; or give it longer with --helper-timeout"), "{hint}");
    }

    #[test]
    fn what_a_helper_leaves_running_is_not_waited_for() {
        let script = format!(r#"sleep 60 & echo $! >"$0.pid"; {ANSWER}"#);
        let script = Script::new(&script, PATIENCE);
        let begun = Instant::now();
        assert_eq!(script.helper.get("ghcr.io"), Ok(Some(me())));
        assert!((GRACE..PATIENCE).contains(&begun.elapsed()), "{:?}", begun.elapsed());
        assert!(signal("-KILL", &script.pid()), "it held the pipe all the time");
    }

    #[test]
    fn what_is_left_running_may_still_answer_for_a_moment() {
        let script = Script::new(&format!("(sleep 0.05; {ANSWER}) &"), PATIENCE);
        assert_eq!(script.helper.get("ghcr.io"), Ok(Some(me())));
    }

    #[test]
    fn an_answer_without_end_is_cut_off() {
        let endless = Script::new("exec yes", PATIENCE);
        let said = "its answer is not what a credential helper prints (more than 1 MiB)";
        for failure in [endless.helper.get("ghcr.io").unwrap_err(), endless.helper.list().unwrap_err()] {
            assert!(failure.message.ends_with(said), "{failure:?}");
        }
    }

    #[test]
    fn a_helper_need_not_read_what_it_is_asked() {
        let server = "a".repeat(LONG_SERVER_BYTES);
        assert_eq!(Script::new(ANSWER, PATIENCE).helper.get(&server), Ok(Some(me())));
        let begun = Instant::now();
        Script::new("exec sleep 60", Duration::from_millis(100)).helper.get(&server).unwrap_err();
        assert!(begun.elapsed() < PATIENCE, "{:?}", begun.elapsed());
    }

    #[test]
    fn a_helper_that_is_not_on_path_is_told_with_what_to_do() {
        let helper = CredentialHelper::new("that-nobody-has", PATIENCE).unwrap();
        assert_eq!(helper.program(), "docker-credential-that-nobody-has");
        let failure = helper.get("ghcr.io").unwrap_err();
        let said = "the credential helper docker-credential-that-nobody-has is not on PATH";
        assert_eq!(failure, Failure::new(exit::HELPER, said).hint("install it"));
        let failure = helper.if_missing("name another").list().unwrap_err();
        assert_eq!(failure.hint.as_deref(), Some("name another"));
    }

    #[test]
    fn a_name_cannot_leave_the_path() {
        let failure = CredentialHelper::new("../../tmp/evil", PATIENCE).unwrap_err();
        assert_eq!(failure.code, exit::HELPER);
        assert_eq!(failure.message, "\"../../tmp/evil\" can't be the name of a credential helper");
    }
}
