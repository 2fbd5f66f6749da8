//! How far long work has come, for a person who waits.

/// How many characters the bar has.
const WIDTH: usize = 24;

/// A bar on stderr, shown on a terminal only, and only for more than one step.
pub(crate) struct Progress {
    done: usize,
    total: usize,
    what: &'static str,
    is_shown: bool,
}

impl Progress {
    /// Begins to count to `total`; `what` is counted, in the plural.
    pub(crate) fn new(total: usize, what: &'static str, stderr_is_terminal: bool) -> Self {
        let progress = Self { done: 0, total, what, is_shown: stderr_is_terminal && total > 1 };
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
            let full = WIDTH * self.done / self.total;
            let bar = "#".repeat(full) + &".".repeat(WIDTH - full);
            super::write_stderr(&format!("\r[{bar}] {}/{} {}", self.done, self.total, self.what));
        }
    }

    /// Takes the bar off the terminal, until the next step.
    pub(crate) fn clear(&self) {
        if self.is_shown {
            super::write_stderr("\r\u{1b}[K");
        }
    }
}
