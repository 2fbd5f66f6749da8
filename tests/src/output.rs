//! What a program wrote and how it ended.

use std::process::ExitStatus;

use serde_json::Value;

use crate::processes::Process;

/// The result of a run. A test has to look at its exit code, at least.
#[must_use = "assert the exit code with `success()` or `assert_code(n)`"]
#[derive(Debug, Clone)]
pub struct Output {
    /// The command line, for messages.
    pub command: String,
    /// Standard output; bytes that aren't UTF-8 are replaced (see `raw_stdout`).
    pub stdout: String,
    /// Standard error; bytes that aren't UTF-8 are replaced (see `raw_stderr`).
    pub stderr: String,
    /// Standard output as it was written.
    pub raw_stdout: Vec<u8>,
    /// Standard error as it was written.
    pub raw_stderr: Vec<u8>,
    /// The exit code; none if a signal ended the program.
    pub code: Option<i32>,
    /// The program and its descendants, as `/proc` showed them to any other program of the same user.
    pub processes: Vec<Process>,
}

impl Output {
    /// Puts the parts of a finished run together.
    pub(crate) fn new(
        command: String,
        status: ExitStatus,
        raw_stdout: Vec<u8>,
        raw_stderr: Vec<u8>,
        processes: Vec<Process>,
    ) -> Self {
        Self {
            command,
            stdout: String::from_utf8_lossy(&raw_stdout).into_owned(),
            stderr: String::from_utf8_lossy(&raw_stderr).into_owned(),
            raw_stdout,
            raw_stderr,
            code: status.code(),
            processes,
        }
    }

    /// Fails the test unless the program ended with `code`.
    #[track_caller]
    pub fn assert_code(&self, code: i32) -> &Self {
        self.check(self.code == Some(code), &format!("exit code {code}"))
    }

    /// Fails the test unless the program ended with 0.
    #[track_caller]
    pub fn success(&self) -> &Self {
        self.assert_code(0)
    }

    /// Fails the test unless stdout contains `text`.
    #[track_caller]
    pub fn assert_stdout_contains(&self, text: &str) -> &Self {
        self.check(self.stdout.contains(text), &format!("`{text}` on stdout"))
    }

    /// Fails the test unless stderr contains `text`.
    #[track_caller]
    pub fn assert_stderr_contains(&self, text: &str) -> &Self {
        self.check(self.stderr.contains(text), &format!("`{text}` on stderr"))
    }

    /// stdout as JSON.
    #[track_caller]
    pub fn json(&self) -> Value {
        match serde_json::from_str(&self.stdout) {
            Ok(value) => value,
            Err(error) => {
                self.check(false, &format!("JSON on stdout ({error})"));
                Value::Null
            }
        }
    }

    #[track_caller]
    fn check(&self, fulfilled: bool, expected: &str) -> &Self {
        assert!(
            fulfilled,
            "expected {expected}\n$ {}\n--- exit code: {}\n--- stdout:\n{}\n--- stderr:\n{}\n---",
            self.command,
            self.code.map_or("none, ended by a signal".to_owned(), |code| code.to_string()),
            self.stdout,
            self.stderr,
        );
        self
    }
}
