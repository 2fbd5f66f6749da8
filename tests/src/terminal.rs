//! A person at a terminal: a shell in a pseudo-terminal, which is the terminal that its processes belong to.

use std::fs::File;
use std::thread::sleep;
use std::time::{Duration, Instant};

use rexpect::session::{PtySession, spawn_command};

use rustix::termios::{LocalModes, tcgetattr};

use crate::sandbox::Sandbox;

/// After so long without what is expected, a test fails.
const PATIENCE: Duration = Duration::from_mins(1);

/// A terminal at which a script runs.
pub struct Terminal {
    session: PtySession,
    device: File,
}

impl Terminal {
    /// Runs `script` with bash in the sandbox; then the terminal shows the exit code, as `code=0`, and its settings.
    pub fn run(sandbox: &Sandbox, script: &str) -> Self {
        let script = format!("stty echo; {script}; echo \"code=$?\"; stty -a; echo done");
        let command = sandbox.command("bash", ["-c", &script]);
        let patience = PATIENCE.as_millis().try_into().ok();
        let session = spawn_command(command, patience).expect("a pseudo-terminal");
        let device = session.process().get_file_handle().expect("a pseudo-terminal has a file");
        Self { session, device }
    }

    /// The same, but `typed` was typed before `script` begins.
    pub fn run_after_typing(sandbox: &Sandbox, typed: &str, script: &str) -> Self {
        let waiting = "echo ready; until [ -e typed ]; do sleep 0.01; done";
        let mut terminal = Self::run(sandbox, &format!("{waiting}; {script}"));
        terminal.expect("ready");
        terminal.press(typed);
        sandbox.write("typed", "");
        terminal
    }

    /// Waits until the terminal shows `text`; returns what it showed before.
    #[track_caller]
    pub fn expect(&mut self, text: &str) -> String {
        // `rexpect` makes a character of each byte.
        let bytes: String = text.bytes().map(char::from).collect();
        match self.session.exp_string(&bytes) {
            Ok(before) => {
                let bytes = before.chars().filter_map(|c| u8::try_from(c).ok()).collect();
                String::from_utf8(bytes).expect("the terminal shows UTF-8")
            }
            Err(error) => panic!("{text:?} is not shown: {error}"),
        }
    }

    /// Types `line` and Enter.
    pub fn type_line(&mut self, line: &str) {
        self.press(&format!("{line}\n"));
    }

    /// Types `line` and Enter once the terminal does not show what is typed; what came before is dropped then.
    pub fn type_hidden(&mut self, line: &str) {
        let deadline = Instant::now() + PATIENCE;
        while tcgetattr(&self.device).expect("its settings").local_modes.contains(LocalModes::ECHO) {
            assert!(Instant::now() < deadline, "the terminal shows what is typed");
            sleep(Duration::from_millis(1));
        }
        self.type_line(line);
    }

    /// Presses these keys; `"\u{3}"` is Ctrl-C.
    pub fn press(&mut self, keys: &str) {
        let sent = self.session.send(keys).and_then(|_| self.session.flush());
        sent.expect("the terminal takes what is typed");
    }

    /// Waits for the end of the script; returns what the terminal showed from the last [`Terminal::expect`] on.
    #[track_caller]
    pub fn end(mut self) -> String {
        self.expect("done")
    }
}

/// Whether the settings that a terminal showed at its end are those that a shell expects.
pub fn is_sane(shown: &str) -> bool {
    let settings: Vec<_> = shown.split([' ', ';', '\r', '\n']).collect();
    ["echo", "icanon", "isig"].iter().all(|setting| settings.contains(setting))
}
