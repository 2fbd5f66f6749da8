//! Processes: told apart from strangers with the same number, started to outlive us, stopped.

use std::fs::File;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};
use serde::{Deserialize, Serialize};

use crate::failure::{Context as _, Result};

/// How long a process may take to end by itself after SIGTERM.
const GRACE: Duration = Duration::from_secs(5);
/// How often we look.
const POLL: Duration = Duration::from_millis(20);

/// One process and no other: its number, which the kernel uses again, and when it started, which it doesn't.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    /// The process id.
    pub pid: u32,
    /// Clock ticks since boot, field 22 of `/proc/PID/stat` (proc(5)).
    pub start_time: u64,
}

impl Identity {
    /// The process that has `pid` now; none if there is no such process or it is a zombie.
    pub fn of(pid: u32) -> Option<Self> {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        let start_time = running_since(&stat)?;
        Some(Self { pid, start_time })
    }

    /// Whether this very process still runs.
    pub fn is_alive(self) -> bool {
        Self::of(self.pid) == Some(self)
    }

    /// Sends `signal`; nothing happens if the process is gone.
    fn signal(self, signal: Signal) {
        let Some(pid) = i32::try_from(self.pid).ok().and_then(Pid::from_raw) else {
            return;
        };
        // The descriptor pins the process before its identity is checked, so that the number can't change
        // hands between the check and the signal.
        let Ok(descriptor) = pidfd_open(pid, PidfdFlags::empty()) else {
            return;
        };
        if self.is_alive() {
            // The only failure left is that it ended just now, which is what we wanted.
            let _ = pidfd_send_signal(descriptor, signal);
        }
    }
}

/// The start time out of a line of `/proc/PID/stat`; none for a zombie.
fn running_since(stat: &str) -> Option<u64> {
    // The program's name stands in parentheses and may itself hold spaces and parentheses.
    let (_, fields) = stat.rsplit_once(')')?;
    let mut fields = fields.split_whitespace();
    let state = fields.next()?;
    if matches!(state, "Z" | "X") {
        return None;
    }
    // The state is field 3.
    fields.nth(22 - 4)?.parse().ok()
}

/// Stops the processes: SIGTERM to all, and SIGKILL to those that are still there after a few seconds.
pub fn stop(processes: &[Identity]) {
    for (signal, patience) in [(Signal::TERM, GRACE), (Signal::KILL, GRACE)] {
        for process in processes {
            process.signal(signal);
        }
        let deadline = Instant::now() + patience;
        while processes.iter().any(|process| process.is_alive()) && Instant::now() < deadline {
            std::thread::sleep(POLL);
        }
        if !processes.iter().any(|process| process.is_alive()) {
            return;
        }
    }
}

/// Starts a process that survives us: in its own process group, out of reach of the terminal's Ctrl-C, with
/// no stream of ours, in a bare environment, its output in `log`.
pub fn start_detached(program: &Path, arguments: &[String], folder: &Path, log: &Path) -> Result<Child> {
    let output = File::create(log).cannot_at("create", log)?;
    let errors = output.try_clone().cannot_at("write to", log)?;
    Command::new(program)
        .args(arguments)
        .current_dir(folder)
        // Variables such as ETCD_NAME or HTTPS_PROXY would change what the server does.
        .env_clear()
        .env("HOME", folder)
        .env("PATH", "/usr/bin:/bin")
        .stdin(Stdio::null())
        .stdout(output)
        .stderr(errors)
        .process_group(0)
        .spawn()
        .cannot_at("start", program)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_parentheses_does_not_shift_the_fields() {
        let stat = "7 (a) b) (c) S 1 7 7 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 4242 1000 10";
        assert_eq!(running_since(stat), Some(4242));
    }

    #[test]
    fn a_zombie_does_not_run() {
        let stat = "7 (sh) Z 1 7 7 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 4242 1000 10";
        assert_eq!(running_since(stat), None);
    }

    #[test]
    fn a_recycled_number_is_a_stranger() {
        let me = Identity::of(std::process::id()).unwrap();
        assert!(me.is_alive());
        let predecessor = Identity { start_time: me.start_time - 1, ..me };
        assert!(!predecessor.is_alive());
        // If this could hit a stranger, it would end this very test.
        stop(&[predecessor]);
    }

    #[test]
    fn who_ignores_sigterm_is_killed() {
        let mut child = Command::new("sh")
            .args(["-c", "trap '' TERM; echo ready; while :; do sleep 0.1; done"])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = [0; 6];
        std::io::Read::read_exact(child.stdout.as_mut().unwrap(), &mut line).unwrap();
        let identity = Identity::of(child.id()).unwrap();
        stop(&[identity]);
        assert!(!identity.is_alive());
        child.wait().unwrap();
    }
}
