//! What a process finds around it, gathered once: tests give their own.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::io::IsTerminal as _;
use std::path::PathBuf;

use chrono::{DateTime, Utc};
use regcred_cli::program::SearchPath;

/// The environment of a run.
pub struct Environment {
    /// The arguments, without the program's name.
    pub arguments: Vec<OsString>,
    /// The time at which the run began.
    pub now: DateTime<Utc>,
    /// Whether standard input is a terminal.
    pub stdin_is_terminal: bool,
    /// Whether standard error is a terminal.
    pub stderr_is_terminal: bool,
    /// The file of this program, if the system tells.
    pub program: Option<PathBuf>,
    variables: BTreeMap<OsString, OsString>,
}

impl Environment {
    /// The environment of this process.
    #[expect(clippy::disallowed_methods, reason = "the one place that asks")]
    pub fn of_process() -> Self {
        Self {
            arguments: std::env::args_os().skip(1).collect(),
            now: Utc::now(),
            stdin_is_terminal: std::io::stdin().is_terminal(),
            stderr_is_terminal: std::io::stderr().is_terminal(),
            program: std::env::current_exe().ok(),
            variables: std::env::vars_os().collect(),
        }
    }

    /// A variable's value.
    pub fn var(&self, name: &str) -> Option<OsString> {
        self.variables.get(OsStr::new(name)).cloned()
    }

    /// Whether a person can be asked for what is missing: questions are put on standard error.
    pub fn is_interactive(&self) -> bool {
        self.stdin_is_terminal && self.stderr_is_terminal
    }

    /// The owner of the home folder, if it is somebody else.
    #[cfg(unix)]
    pub fn owner_of_home(&self) -> Option<u32> {
        use std::os::unix::fs::MetadataExt as _;

        let home = PathBuf::from(self.var("HOME").filter(|home| !home.is_empty())?);
        let owner = home.metadata().ok()?.uid();
        (owner != rustix::process::geteuid().as_raw()).then_some(owner)
    }

    /// Windows has a home for each user.
    #[cfg(not(unix))]
    pub fn owner_of_home(&self) -> Option<u32> {
        None
    }

    /// Where programs are looked for.
    pub fn search_path(&self) -> SearchPath {
        SearchPath::new(self.var("PATH").as_deref())
    }
}
