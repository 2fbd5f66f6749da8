//! Ctrl-C while a question is asked: the terminal gets back what it was before.
//!
//! While a password is typed the terminal does not show it. Whoever ended the program then would be left with a
//! terminal that shows nothing any more.

use crate::failure::Failure;

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

    use crate::failure::exit;

    let failed = |error: &dyn std::fmt::Display| {
        Failure::new(exit::FAILED, format!("can't ask at the terminal: {error}"))
    };
    let before = tcgetattr(std::io::stdin()).map_err(|error| failed(&error))?;
    let mut signals = Signals::new([SIGINT, SIGTERM, SIGHUP]).map_err(|error| failed(&error))?;
    std::thread::spawn(move || {
        if signals.forever().next().is_some() {
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
