//! What a process finds around it, gathered once: tests give their own.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};

/// The environment of a run.
pub struct Environment {
    /// The arguments, without the program's name.
    pub arguments: Vec<OsString>,
    variables: BTreeMap<OsString, OsString>,
}

impl Environment {
    /// The environment of this process.
    #[expect(clippy::disallowed_methods, reason = "the one place that asks")]
    pub fn of_process() -> Self {
        Self { arguments: std::env::args_os().skip(1).collect(), variables: std::env::vars_os().collect() }
    }

    /// A variable's value.
    pub fn var(&self, name: &str) -> Option<OsString> {
        self.variables.get(OsStr::new(name)).cloned()
    }
}
