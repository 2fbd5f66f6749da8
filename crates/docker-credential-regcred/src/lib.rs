//! `docker-credential-regcred`: keeps registry passwords in the operating system's keyring.
//!
//! Docker, podman, skopeo and others start it for every pull, so it is small: no runtime, no TLS, no parser of command
//! lines. [`protocol`] is what they speak with it.

pub mod environment;
pub mod protocol;

use std::io::{Read, Write};
use std::process::ExitCode;

use environment::Environment;
use protocol::{ProtocolFailure, Verb, handle};
use regcred_core::harmless::harmless;
use regcred_keyring::{Settings, Store, StoreError};

/// The program's name, as messages begin with it.
pub const NAME: &str = "docker-credential-regcred";

const HELP: &str = "\
Keep registry passwords in the operating system's keyring, for docker, podman, skopeo and others.

Usage: docker-credential-regcred <store|get|erase|list|version>

The clients start it when their configuration names it:
  docker           ~/.docker/config.json: { \"credsStore\": \"regcred\" }
  podman, skopeo   their auth.json: { \"credHelpers\": { \"HOST\": \"regcred\" } }

Verbs, as clients use them:
  store     keep the login that stands on standard input, as {\"ServerURL\":...,\"Username\":...,\"Secret\":...}
  get       print the login for the server that stands on standard input
  erase     forget the login for the server that stands on standard input
  list      print the servers and user names
  version   print the version; also -V, --version

Example: see what is stored
  docker-credential-regcred list

Environment:
  REGCRED_STORE   the keyring: auto (the default), secret-service or keyutils on Linux, keychain on macOS,
                  credential-manager on Windows. auto on Linux is the Secret Service if one answers, else the kernel's
                  keyring. The setting `store` in ${XDG_CONFIG_HOME:-~/.config}/regcred/config.toml says the same.

A password is never written to a file. Exit codes: 0 done, 1 failed; the reason is on standard output, where clients
look for it.
";

/// Runs the program: the verb that the arguments name.
pub fn run(
    environment: &Environment,
    stdin: &mut dyn Read,
    stdout: &mut dyn Write,
    stderr: &mut dyn Write,
) -> ExitCode {
    let arguments: Vec<_> = environment.arguments.iter().map(|argument| argument.to_string_lossy()).collect();
    let arguments: Vec<&str> = arguments.iter().map(|argument| &**argument).collect();
    let outcome = match arguments[..] {
        ["version" | "--version" | "-V" | "-v"] => print(stdout, &version()),
        ["help" | "--help" | "-h"] => print(stdout, HELP),
        [verb] => match Verb::parse(verb) {
            Some(verb) => {
                let outcome = handle(verb, || open(environment, verb, stderr), stdin, stdout);
                if let (Verb::Get | Verb::Erase, Err(failure @ ProtocolFailure::Store(_))) = (verb, &outcome)
                {
                    // Docker passes over a failure of these two: it goes on without a login, or says that it removed
                    // one. What stands on standard error gets through to its user.
                    let _ = writeln!(stderr, "{failure}");
                }
                outcome
            }
            None => return refuse(stdout, &format!("{NAME}: unknown action: {}", harmless(verb))),
        },
        [] => return refuse(stdout, &format!("{NAME}: name one action\n\n{HELP}")),
        [first, ..] => {
            // What follows may be a password that somebody typed.
            let first = harmless(first);
            return refuse(
                stdout,
                &format!("{NAME}: {first:?} takes no arguments: its input is standard input"),
            );
        }
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        // Nobody reads what we would say.
        Err(ProtocolFailure::Output(_)) => ExitCode::FAILURE,
        Err(failure) => refuse(stdout, &failure.to_string()),
    }
}

fn open(environment: &Environment, verb: Verb, stderr: &mut dyn Write) -> Result<Box<dyn Store>, StoreError> {
    let settings = Settings::read(&|name| environment.var(name))?;
    let chosen = regcred_keyring::open(&settings)?;
    if verb == Verb::Store
        && let Some(warning) = &chosen.warning
    {
        // A note only: whether anybody reads it does not matter to what is stored.
        let _ = writeln!(stderr, "{NAME}: stored in the {} ({}): {warning}", chosen.kind, chosen.reason);
    }
    Ok(chosen.store)
}

fn version() -> String {
    format!("{NAME} {}\n", env!("CARGO_PKG_VERSION"))
}

fn print(stdout: &mut dyn Write, text: &str) -> Result<(), ProtocolFailure> {
    stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()).map_err(ProtocolFailure::Output)
}

/// Clients look for the reason on standard output, and most tell it to their users.
fn refuse(stdout: &mut dyn Write, message: &str) -> ExitCode {
    let _ = writeln!(stdout, "{}", message.trim_end()).and_then(|()| stdout.flush());
    ExitCode::FAILURE
}
