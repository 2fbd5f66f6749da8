//! `--password-stdin`.

use std::io::{IsTerminal as _, Read as _};

use regcred_core::credential::SecretString;
use zeroize::Zeroizing;

use crate::failure::{Failure, exit};

/// No password is as long as this; whoever pipes more has piped the wrong thing.
const MAX_PASSWORD_BYTES: u64 = 1024 * 1024;

/// Reads a password from standard input; one newline at its end is dropped. `example` is a command line that pipes one
/// in.
pub fn password(example: &str) -> Result<SecretString, Failure> {
    if std::io::stdin().is_terminal() {
        return Err(Failure::usage(
            "--password-stdin, but standard input is a terminal, which would show the password",
        )
        .hint(format!("pipe the password in: `{example}`")));
    }
    let failed =
        |error| Failure::new(exit::FAILED, format!("can't read the password from standard input: {error}"));
    // Reserved at once: a buffer that grows leaves copies behind.
    let mut bytes = Zeroizing::new(Vec::with_capacity(64 * 1024));
    std::io::stdin().lock().take(MAX_PASSWORD_BYTES + 1).read_to_end(&mut bytes).map_err(failed)?;
    if bytes.len() as u64 > MAX_PASSWORD_BYTES {
        return Err(Failure::usage("standard input holds more than 1 MiB, which is no password"));
    }
    let line = bytes.strip_suffix(b"\n").map_or(&bytes[..], |line| line.strip_suffix(b"\r").unwrap_or(line));
    let password = std::str::from_utf8(line).map_err(|error| {
        Failure::usage(format!("the password is not UTF-8 (byte {})", error.valid_up_to() + 1))
            .hint("docker configs and credential helpers speak JSON, which can't hold it; convert it first")
    })?;
    Ok(SecretString::new(password.to_owned()))
}
