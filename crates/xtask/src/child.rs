//! Programs that we start and wait for, also while we are asked to stop.

use std::process::{Child, Command, ExitStatus};
use std::time::{Duration, Instant};

use crate::failure::{Context as _, Result};
use crate::interrupt;

/// How long a program may take to end by itself after an interrupt.
const GRACE: Duration = Duration::from_secs(5);
/// How often we look.
const POLL: Duration = Duration::from_millis(20);

/// Starts a program in a group of its own, so that a terminal's Ctrl-C reaches it and what it starts through us, in order.
pub fn start(command: &mut Command) -> std::io::Result<Child> {
    #[cfg(unix)]
    std::os::unix::process::CommandExt::process_group(command, 0);
    command.spawn()
}

/// Waits for a program that was started so, calling `tick` now and then. When we are interrupted, it and its whole group get
/// the signal too, and we wait for it as long as it is polite.
pub fn wait(child: &mut Child, mut tick: impl FnMut()) -> Result<ExitStatus> {
    let mut told = None;
    loop {
        if let Some(status) = child.try_wait().cannot("wait for a child process")? {
            return Ok(status);
        }
        if interrupt::requested() {
            let since = *told.get_or_insert_with(|| {
                interrupt(child);
                Instant::now()
            });
            if since.elapsed() > GRACE {
                kill(child);
            }
        }
        tick();
        std::thread::sleep(POLL);
    }
}

#[cfg(unix)]
fn interrupt(leader: &mut Child) {
    signal_group(leader, rustix::process::Signal::INT);
}

#[cfg(unix)]
fn kill(leader: &mut Child) {
    signal_group(leader, rustix::process::Signal::KILL);
}

#[cfg(unix)]
fn signal_group(leader: &Child, signal: rustix::process::Signal) {
    // The leader is our child and not yet waited for: its number is still its own, and so is the group's.
    if let Some(group) = i32::try_from(leader.id()).ok().and_then(rustix::process::Pid::from_raw) {
        let _ = rustix::process::kill_process_group(group, signal);
    }
}

/// Windows sends Ctrl-C to all programs of a console by itself.
#[cfg(not(unix))]
fn interrupt(_child: &mut Child) {}

#[cfg(not(unix))]
fn kill(child: &mut Child) {
    // The only failure is that it has ended.
    let _ = child.kill();
}
