//! Asking the person at the terminal for what the flags don't say, and whether to go on. The questions are on stderr.
//!
//! While a password is typed the terminal does not show it, and would not do so either once the program was ended;
//! hence Ctrl-C is seen to as soon as something is asked.
//!
//! What was typed before a question may answer it, as lines that are pasted do, unless it confirms something (it might be a
//! plan that nobody has seen) or is a password (it was shown while it was typed).

use std::io::ErrorKind;
#[cfg(unix)]
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::atomic::{AtomicBool, Ordering};

use dialoguer::{Input, Password};
use regcred_core::credential::SecretString;

use crate::failure::{Failure, exit};
use crate::output;
use crate::terminal::Terminal;

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

/// Asks whether to go on with what standard error has shown. Only `y` or `yes` and Enter confirm, in upper or lower case
/// as for kubectl's own questions; what was typed before does not count.
///
/// `effect` is a clause that says what would happen; `hint` says what to do if nobody can be asked.
///
/// # Errors
/// Nobody can be asked, which is wrong usage, or the answer is another one. Nothing has been changed then.
pub fn confirm(question: &str, effect: &str, hint: &str) -> Result<(), Failure> {
    let terminal = Terminal::of_reader().map_err(|why| {
        Failure::usage(format!("nothing was changed: {effect}, which nobody can confirm: {why}")).hint(hint)
    })?;
    keep_terminal_sane(&terminal)?;
    let failed = |error| cant_ask(&error).hint(hint);
    // Before the question, so that no answer to it is lost.
    terminal.discard_input().map_err(failed)?;
    output::question(question);
    let answer = terminal.read_line().map_err(failed)?;
    if !answer.ends_with(b"\n") {
        output::end_line();
    }
    if is_yes(&answer) {
        return Ok(());
    }
    Err(Failure::new(exit::FAILED, "not confirmed; nothing was changed"))
}

/// Whether a line means yes. Without its end it was not sent off with Enter.
fn is_yes(line: &[u8]) -> bool {
    let answer = line.strip_suffix(b"\n").unwrap_or_default().trim_ascii();
    answer.eq_ignore_ascii_case(b"y") || answer.eq_ignore_ascii_case(b"yes")
}

fn ask<T>(question: impl FnOnce() -> dialoguer::Result<T>) -> Result<T, Failure> {
    keep_terminal_sane(std::io::stdin())?;
    question().map_err(|dialoguer::Error::IO(error)| {
        if error.kind() == ErrorKind::Interrupted {
            // Ctrl-C was a key to the prompt; whether it or the signal is noticed first is chance.
            output::end_line();
            return Failure::new(exit::INTERRUPTED, "interrupted; nothing was written");
        }
        cant_ask(&error).hint("give everything by flags, and the password with --password-stdin")
    })
}

fn cant_ask(error: &dyn std::fmt::Display) -> Failure {
    Failure::new(exit::FAILED, format!("can't ask at the terminal: {error}"))
}

/// From now on, Ctrl-C restores the terminal and ends the program with exit code 130.
#[cfg(unix)]
fn keep_terminal_sane(terminal: impl AsFd) -> Result<(), Failure> {
    use std::sync::OnceLock;

    static INSTALLED: OnceLock<Result<(), Failure>> = OnceLock::new();
    INSTALLED.get_or_init(|| install(terminal.as_fd()).map_err(|error| cant_ask(&error))).clone()
}

#[cfg(unix)]
fn install(terminal: BorrowedFd<'_>) -> std::io::Result<()> {
    use rustix::termios::{OptionalActions, tcgetattr, tcsetattr};
    use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
    use signal_hook::iterator::Signals;

    let terminal = terminal.try_clone_to_owned()?;
    let before = tcgetattr(&terminal)?;
    let mut signals = Signals::new([SIGINT, SIGTERM, SIGHUP])?;
    std::thread::spawn(move || {
        if signals.forever().any(|_| !IS_ANSWERED_ELSEWHERE.load(Ordering::SeqCst)) {
            // Nothing more can be done about a terminal that is gone.
            let _ = tcsetattr(&terminal, OptionalActions::Now, &before);
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
fn keep_terminal_sane<T>(_: T) -> Result<(), Failure> {
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::is_yes;

    #[test]
    fn only_y_or_yes_and_enter_mean_yes() {
        for line in ["y\n", "yes\n", "Y\n", "YES\n", " yes \r\n"] {
            assert!(is_yes(line.as_bytes()), "{line:?}");
        }
        for line in
            ["", "\n", "y", "yes", "n\n", "maybe\n", "yesterday\n", "y y\n", "ye\n", "\u{1b}[Ay\n", "ｙ\n"]
        {
            assert!(!is_yes(line.as_bytes()), "{line:?}");
        }
        assert!(!is_yes(b"\xff\n"));
    }
}
