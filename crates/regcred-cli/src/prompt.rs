//! Asking the person at the terminal for what the flags don't say. The prompts are on stderr.
//!
//! While a password is typed the terminal does not show it. Whoever ended the program then would be left with a
//! terminal that shows nothing any more; hence Ctrl-C is seen to as soon as something is asked.

use std::io::ErrorKind;
use std::sync::atomic::{AtomicBool, Ordering};

use dialoguer::{Confirm, Input, Password};
use regcred_core::credential::SecretString;

use crate::failure::{Failure, exit};
use crate::output;

/// Whether the program itself sees to Ctrl-C by now.
static IS_ANSWERED_ELSEWHERE: AtomicBool = AtomicBool::new(false);

/// Leaves Ctrl-C to the program, which has nothing more to ask.
pub fn leave_interrupts() {
    IS_ANSWERED_ELSEWHERE.store(true, Ordering::SeqCst);
}

/// Asks for the registry; an empty answer means `default`.
pub fn server(default: &str) -> Result<String, Failure> {
    ask(|| Input::new().with_prompt("Registry").default(default.to_owned()).interact_text())
}

/// Asks for the user name.
pub fn username(server: &str) -> Result<String, Failure> {
    ask(|| Input::new().with_prompt(format!("User name at {server:?}")).interact_text())
}

/// Asks for the password, without showing what is typed.
pub fn password(server: &str, username: &str) -> Result<SecretString, Failure> {
    let prompt = format!("Password of {username:?} at {server:?}");
    ask(|| Password::new().with_prompt(prompt).interact()).map(SecretString::new)
}

/// Asks whether to go on; an empty answer means no.
pub fn confirm(question: &str) -> Result<bool, Failure> {
    ask(|| Confirm::new().with_prompt(question).default(false).interact())
}

fn ask<T>(question: impl FnOnce() -> dialoguer::Result<T>) -> Result<T, Failure> {
    keep_terminal_sane()?;
    question().map_err(|dialoguer::Error::IO(error)| {
        if error.kind() == ErrorKind::Interrupted {
            // Ctrl-C was a key to the prompt; whether it or the signal is noticed first is chance.
            output::end_line();
            return Failure::new(exit::INTERRUPTED, "interrupted; nothing was written");
        }
        Failure::new(exit::FAILED, format!("can't ask at the terminal: {error}"))
            .hint("give everything by flags, and the password with --password-stdin")
    })
}

/// From now on, Ctrl-C restores the terminal and ends the program with exit code 130.
#[cfg(unix)]
fn keep_terminal_sane() -> Result<(), Failure> {
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
        if signals.forever().any(|_| !IS_ANSWERED_ELSEWHERE.load(Ordering::SeqCst)) {
            // Nothing more can be done about a terminal that is gone.
            let _ = tcsetattr(std::io::stdin(), OptionalActions::Now, &before);
            output::end_line();
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
fn keep_terminal_sane() -> Result<(), Failure> {
    Ok(())
}
