//! Asking the person at the terminal for what the flags don't say. The prompts are on stderr.

use std::io::ErrorKind;

use dialoguer::{Confirm, Input, Password};
use regcred_core::credential::SecretString;

use crate::failure::{Failure, exit};
use crate::{interrupt, output};

/// Asks for the registry; an empty answer means `default`.
pub(crate) fn server(default: &str) -> Result<String, Failure> {
    ask(|| Input::new().with_prompt("Registry").default(default.to_owned()).interact_text())
}

/// Asks for the user name.
pub(crate) fn username(server: &str) -> Result<String, Failure> {
    ask(|| Input::new().with_prompt(format!("User name at {server:?}")).interact_text())
}

/// Asks for the password, without showing what is typed.
pub(crate) fn password(server: &str, username: &str) -> Result<SecretString, Failure> {
    let prompt = format!("Password of {username:?} at {server:?}");
    ask(|| Password::new().with_prompt(prompt).interact()).map(SecretString::new)
}

/// Asks whether to go on; an empty answer means no.
pub(crate) fn confirm(question: &str) -> Result<bool, Failure> {
    ask(|| Confirm::new().with_prompt(question).default(false).interact())
}

fn ask<T>(question: impl FnOnce() -> dialoguer::Result<T>) -> Result<T, Failure> {
    interrupt::keep_terminal_sane()?;
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
