//! Says that long work is still going on.

use std::io::IsTerminal as _;
use std::time::{Duration, Instant};

/// How often a log (not a terminal) gets a line.
const LOG_INTERVAL: Duration = Duration::from_secs(15);

/// A piece of work that may take minutes.
#[derive(Debug)]
pub struct Progress {
    label: String,
    started: Instant,
    told: Instant,
    terminal: bool,
}

impl Progress {
    /// Announces `label` on stderr.
    pub fn start(label: impl Into<String>) -> Self {
        let label = label.into();
        eprintln!("{label} …");
        let now = Instant::now();
        Self { label, started: now, told: now, terminal: std::io::stderr().is_terminal() }
    }

    /// To be called often; now and then it says how long the work has taken so far.
    pub fn tick(&mut self) {
        let interval = if self.terminal { Duration::from_secs(1) } else { LOG_INTERVAL };
        if self.told.elapsed() < interval {
            return;
        }
        self.told = Instant::now();
        let seconds = self.started.elapsed().as_secs();
        if self.terminal {
            eprint!("\r{} … {seconds} s", self.label);
        } else {
            eprintln!("{} … {seconds} s", self.label);
        }
    }

    /// Says that the work is done, and how long it took.
    pub fn done(self) {
        let start = if self.terminal { "\r" } else { "" };
        eprintln!("{start}{}: done in {:.1} s", self.label, self.started.elapsed().as_secs_f64());
    }
}
