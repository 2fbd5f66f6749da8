//! What a process finds around it, gathered once: tests give their own.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::io::{self, IsTerminal as _};
use std::path::PathBuf;

use chrono::{DateTime, Utc};
use regcred_cli::program::SearchPath;
use terminal_size::{Width, terminal_size_of};

/// The environment of a run.
#[derive(Clone)]
pub struct Environment {
    variables: BTreeMap<OsString, OsString>,
    /// The file of this program, if the system tells.
    pub program: Option<PathBuf>,
    /// The time at which the run began.
    pub now: DateTime<Utc>,
    /// Whether standard input is a terminal.
    pub stdin_is_terminal: bool,
    /// Whether standard error is a terminal.
    pub stderr_is_terminal: bool,
    /// How many columns standard output has, if it is a terminal.
    pub stdout_width: Option<usize>,
}

impl Environment {
    /// The environment of this process.
    #[expect(clippy::disallowed_methods, reason = "the one place that asks")]
    pub fn of_process() -> Self {
        Self {
            variables: std::env::vars_os().collect(),
            program: std::env::current_exe().ok(),
            now: Utc::now(),
            stdin_is_terminal: io::stdin().is_terminal(),
            stderr_is_terminal: io::stderr().is_terminal(),
            stdout_width: terminal_size_of(io::stdout()).map(|(Width(width), _)| width.into()),
        }
    }

    /// An environment with these variables, and no terminal, for a test.
    #[cfg(test)]
    pub(crate) fn of<'a>(variables: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        Self {
            variables: variables.into_iter().map(|(name, value)| (name.into(), value.into())).collect(),
            program: None,
            now: DateTime::UNIX_EPOCH,
            stdin_is_terminal: false,
            stderr_is_terminal: false,
            stdout_width: None,
        }
    }

    /// A variable's value, if it is set and not empty.
    pub fn var(&self, name: &str) -> Option<&OsStr> {
        self.variables.get(OsStr::new(name)).map(OsString::as_os_str).filter(|value| !value.is_empty())
    }

    /// Where programs are looked for.
    pub fn search_path(&self) -> SearchPath {
        SearchPath::new(self.var("PATH"))
    }

    /// Whether a person can be asked for what is missing: questions are put on standard error.
    pub fn is_interactive(&self) -> bool {
        self.stdin_is_terminal && self.stderr_is_terminal
    }

    /// Whether colour may go to standard output (<https://no-color.org>).
    pub fn stdout_has_colour(&self) -> bool {
        self.stdout_width.is_some()
            && self.var("NO_COLOR").is_none()
            && self.var("TERM").is_none_or(|terminal| terminal != "dumb")
    }

    /// Cuts this process off from the person at the terminal: from here on, neither it nor a program that it starts can
    /// read from standard input or write to standard error. Returns the environment as it is then.
    ///
    /// # Errors
    /// There is no null device to take their place.
    pub(crate) fn silenced(&self) -> io::Result<Self> {
        #[cfg(unix)]
        {
            let null = std::fs::File::options().read(true).write(true).open("/dev/null")?;
            rustix::stdio::dup2_stdin(&null)?;
            rustix::stdio::dup2_stderr(&null)?;
        }
        // Elsewhere the shell's script sees to that, and kubectl completes no plugins.
        Ok(Self { stdin_is_terminal: false, stderr_is_terminal: false, ..self.clone() })
    }

    /// The user's home directory.
    pub fn home(&self) -> Option<PathBuf> {
        let variable = if cfg!(windows) { "USERPROFILE" } else { "HOME" };
        self.var(variable).map(PathBuf::from)
    }
}
