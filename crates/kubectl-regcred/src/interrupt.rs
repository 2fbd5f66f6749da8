//! Ctrl-C: while a question is asked, and while many objects are changed.
//!
//! While a password is typed the terminal does not show it. Whoever ended the program then would be left with a
//! terminal that shows nothing any more. And whoever ended it amid many changes would not know what was done.

use std::sync::atomic::{AtomicBool, Ordering};

use crate::failure::{Failure, exit};

/// Whether work goes on that sees to Ctrl-C itself.
static IS_WORKING: AtomicBool = AtomicBool::new(false);

/// Requests to stop, from now on: Ctrl-C, and where there are signals, the one to terminate.
pub(crate) struct Signals {
    #[cfg(unix)]
    interrupt: tokio::signal::unix::Signal,
    #[cfg(unix)]
    terminate: tokio::signal::unix::Signal,
}

impl Signals {
    #[cfg(unix)]
    pub(crate) fn listen() -> Result<Self, Failure> {
        use tokio::signal::unix::{SignalKind, signal};

        let failed = |error| Failure::new(exit::FAILED, format!("can't listen for Ctrl-C: {error}"));
        let signals = Self {
            interrupt: signal(SignalKind::interrupt()).map_err(failed)?,
            terminate: signal(SignalKind::terminate()).map_err(failed)?,
        };
        IS_WORKING.store(true, Ordering::SeqCst);
        Ok(signals)
    }

    #[cfg(not(unix))]
    #[expect(clippy::unnecessary_wraps, reason = "it can fail elsewhere")]
    pub(crate) fn listen() -> Result<Self, Failure> {
        IS_WORKING.store(true, Ordering::SeqCst);
        Ok(Self {})
    }

    /// Waits for the next one.
    #[cfg(unix)]
    pub(crate) async fn next(&mut self) {
        use std::pin::pin;

        let (interrupt, terminate) = (pin!(self.interrupt.recv()), pin!(self.terminate.recv()));
        futures_util::future::select(interrupt, terminate).await;
    }

    /// Waits for the next one.
    #[cfg(not(unix))]
    pub(crate) async fn next(&mut self) {
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

/// From now on, Ctrl-C restores the terminal and ends the program with exit code 130.
#[cfg(unix)]
pub(crate) fn keep_terminal_sane() -> Result<(), Failure> {
    use std::sync::OnceLock;

    static INSTALLED: OnceLock<Result<(), Failure>> = OnceLock::new();
    INSTALLED.get_or_init(install).clone()
}

#[cfg(unix)]
fn install() -> Result<(), Failure> {
    use rustix::termios::{OptionalActions, tcgetattr, tcsetattr};
    use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
    use signal_hook::iterator::Signals;

    let failed = |error: &dyn std::fmt::Display| {
        Failure::new(exit::FAILED, format!("can't ask at the terminal: {error}"))
    };
    let before = tcgetattr(std::io::stdin()).map_err(|error| failed(&error))?;
    let mut signals = Signals::new([SIGINT, SIGTERM, SIGHUP]).map_err(|error| failed(&error))?;
    std::thread::spawn(move || {
        if signals.forever().any(|_| !IS_WORKING.load(Ordering::SeqCst)) {
            // Nothing more can be done about a terminal that is gone.
            let _ = tcsetattr(std::io::stdin(), OptionalActions::Now, &before);
            crate::output::end_line();
            #[expect(
                clippy::disallowed_methods,
                reason = "the main thread waits for the terminal and can't return"
            )]
            std::process::exit(i32::from(exit::INTERRUPTED));
        }
    });
    Ok(())
}

/// The console restores itself on Windows.
#[cfg(not(unix))]
#[expect(clippy::unnecessary_wraps, reason = "it can fail elsewhere")]
pub(crate) fn keep_terminal_sane() -> Result<(), Failure> {
    Ok(())
}
