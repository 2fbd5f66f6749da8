//! What went wrong in a chore, and what to do next.

use std::fmt;
use std::path::Path;

/// A chore's result.
pub type Result<T> = std::result::Result<T, Failure>;

/// An error in the words of the person who reads it, with a way out where we know one.
#[derive(Debug)]
pub struct Failure {
    what: String,
    hint: Option<String>,
}

impl Failure {
    /// A failure described by `what`.
    pub fn new(what: impl Into<String>) -> Self {
        Self { what: what.into(), hint: None }
    }

    /// The same failure with what to do next.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.what)?;
        if let Some(hint) = &self.hint {
            write!(f, "\nHint: {hint}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Failure {}

/// Turns a library's error into a [`Failure`] that says what was being done.
pub trait Context<T> {
    /// `what` completes the sentence "cannot …".
    fn cannot(self, what: impl fmt::Display) -> Result<T>;

    /// As [`Context::cannot`], for a file or folder.
    fn cannot_at(self, what: &str, path: &Path) -> Result<T>;
}

impl<T, E: fmt::Display> Context<T> for std::result::Result<T, E> {
    fn cannot(self, what: impl fmt::Display) -> Result<T> {
        self.map_err(|error| Failure::new(format!("cannot {what}: {error}")))
    }

    fn cannot_at(self, what: &str, path: &Path) -> Result<T> {
        self.cannot(format_args!("{what} {}", path.display()))
    }
}
