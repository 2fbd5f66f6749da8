//! What others can see of a running program in `/proc`: its command line and environment, and its
//! descendants'.
//!
//! A process that starts and ends between two looks, or that leaves the family by a double fork, goes unseen.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

/// How often we look; a program's start alone takes about as long.
const INTERVAL: Duration = Duration::from_micros(500);

/// One look at one process. A process that executes another program is seen as two.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Process {
    /// Its number.
    pub pid: u32,
    /// `/proc/PID/cmdline`: the arguments, each ended by a zero byte.
    pub command_line: Vec<u8>,
    /// `/proc/PID/environ`: the variables it was started with, each ended by a zero byte.
    pub environment: Vec<u8>,
}

/// Watches a process and its descendants from a thread of its own.
#[derive(Debug)]
pub(crate) struct Watch {
    over: Arc<AtomicBool>,
    thread: JoinHandle<HashSet<Process>>,
}

impl Watch {
    /// Starts watching the process `root`.
    pub(crate) fn start(root: u32) -> Self {
        let over = Arc::new(AtomicBool::new(false));
        let seen_over = Arc::clone(&over);
        let thread = thread::spawn(move || {
            let mut seen = HashSet::new();
            while !seen_over.load(Ordering::Relaxed) {
                look(root, &mut seen);
                thread::sleep(INTERVAL);
            }
            seen
        });
        Self { over, thread }
    }

    /// Stops watching; returns what was seen.
    pub(crate) fn stop(self) -> Vec<Process> {
        self.over.store(true, Ordering::Relaxed);
        self.thread.join().expect("the watching thread ends").into_iter().collect()
    }
}

/// Everything that may be gone by the time we read it is simply not seen.
fn look(root: u32, seen: &mut HashSet<Process>) {
    let mut family = vec![root];
    while let Some(pid) = family.pop() {
        let read = |name: &str| std::fs::read(format!("/proc/{pid}/{name}")).unwrap_or_default();
        let process = Process { pid, command_line: read("cmdline"), environment: read("environ") };
        // A zombie has neither.
        if !process.command_line.is_empty() {
            seen.insert(process);
        }
        for thread in std::fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten() {
            let children = std::fs::read_to_string(thread.path().join("children")).unwrap_or_default();
            family.extend(children.split_whitespace().filter_map(|child| child.parse::<u32>().ok()));
        }
    }
}
