//! An error as a person and a script see it: what was wrong, what to do next, and the exit code.

/// Why a command did not do what it was asked. None of its texts holds a secret; `output`
/// makes them harmless before a terminal sees them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// The exit code, from [`exit`].
    pub code: u8,
    /// What was wrong, and where; one sentence without a final stop.
    pub message: String,
    /// What to do next.
    pub hint: Option<String>,
}

/// The exit codes that scripts rely on.
pub mod exit {
    /// Done.
    pub const DONE: u8 = 0;
    /// The operation failed, wholly or for some targets.
    pub const FAILED: u8 = 1;
    /// Wrong usage: nothing was tried.
    pub const USAGE: u8 = 2;
    /// A check found problems.
    pub const PROBLEMS: u8 = 3;
    /// Something that was named does not exist.
    pub const NOT_FOUND: u8 = 4;
    /// The registry refused the credential.
    pub const REFUSED: u8 = 5;
    /// The cluster refused, or can't be reached.
    pub const CLUSTER: u8 = 6;
    /// The keyring or a credential helper failed.
    pub const HELPER: u8 = 7;
    /// It exists already, was changed meanwhile, or is managed by someone else.
    pub const CONFLICT: u8 = 8;
    /// Interrupted, with Ctrl-C for example.
    pub const INTERRUPTED: u8 = 130;
}

impl Failure {
    /// A failure with this exit code and message.
    pub fn new(code: u8, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), hint: None }
    }

    /// Wrong usage.
    pub fn usage(message: impl Into<String>) -> Self {
        Self::new(exit::USAGE, message)
    }

    /// Says what to do next.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}
