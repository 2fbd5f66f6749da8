//! How far long work has come, for a person who waits.

/// A counter on stderr, shown on a terminal only, and only for more than one step.
pub(crate) struct Progress {
    done: usize,
    total: usize,
    is_shown: bool,
}

impl Progress {
    /// Begins to count to `total`.
    pub(crate) fn new(total: usize, stderr_is_terminal: bool) -> Self {
        let progress = Self { done: 0, total, is_shown: stderr_is_terminal && total > 1 };
        progress.show();
        progress
    }

    /// Counts one more.
    pub(crate) fn step(&mut self) {
        self.done += 1;
        self.show();
    }

    fn show(&self) {
        if self.is_shown {
            super::write_stderr(&format!("\r{}/{} namespaces", self.done, self.total));
        }
    }

    /// Takes the counter off the terminal.
    pub(crate) fn clear(&self) {
        if self.is_shown {
            super::write_stderr("\r\u{1b}[K");
        }
    }
}
