//! `docker-credential-regcred`: keeps registry passwords in the operating system's keyring.
//!
//! Docker, podman, skopeo and others start it for every pull, so it is small: no runtime, no TLS, a parser of command
//! lines of its own. [`protocol`] is what they speak with it; [`commands`] are for people.

pub mod cli;
pub mod commands;
mod config_file;
pub mod environment;
pub mod protocol;
mod registries_conf;
mod survey;

use std::fmt::Write as _;
use std::io::{Read, Write};
use std::process::ExitCode;

use commands::COMMANDS;
use environment::Environment;
use protocol::{ProtocolFailure, Verb, handle};
use regcred_core::harmless::harmless;
use regcred_keyring::{Chosen, Settings};

/// The program's name, as messages begin with it.
pub const NAME: &str = "docker-credential-regcred";

/// The verbs of the protocol, as help tells them.
pub const VERBS: [(&str, &str); 5] = [
    ("store", "keep the login on standard input, {\"ServerURL\":...,\"Username\":...,\"Secret\":...}"),
    ("get", "print the login for the server on standard input"),
    ("erase", "forget the login for the server on standard input"),
    ("list", "print the servers and user names"),
    ("version", "print the version; also -V, --version"),
];

/// What this program is, in one line.
pub const ABOUT: &str =
    "Keep registry passwords in the operating system's keyring, for docker, podman and skopeo";

/// The variables that it heeds.
pub const ENVIRONMENT: [(&str, &str); 4] = [
    (
        "REGCRED_STORE",
        "the keyring: auto (the default), secret-service or keyutils on Linux, keychain on macOS, credential-manager on Windows; see `config show --help`",
    ),
    ("DOCKER_CONFIG", "the folder of docker's config.json"),
    ("REGISTRY_AUTH_FILE", "podman's and skopeo's auth.json"),
    ("XDG_CONFIG_HOME", "the folder of regcred/config.toml and of containers/auth.json"),
];

/// What every exit code means.
pub const EXIT_CODES: &str = "the verbs end with 0 or 1, the reason on standard output, where clients look for it. The \
commands: 0 done; 1 failed; 2 wrong usage; 3 `doctor` found problems; 4 not found; 7 the keyring or another helper \
failed; 8 refused, or a conflict.";

/// The program's help.
pub fn help() -> String {
    let mut help = format!("{ABOUT}.\n\nUsage: {NAME} <COMMAND>\n       {NAME} <VERB>\n");
    let commands: Vec<_> = COMMANDS.iter().map(|command| (command.name, command.about)).collect();
    for (title, rows) in [
        ("Commands, each with a --help of its own", &commands[..]),
        ("Verbs, for the clients", &VERBS),
        ("Environment", &ENVIRONMENT),
    ] {
        let _ = writeln!(help, "\n{title}:");
        help.push_str(&cli::columns(rows));
    }
    let _ = write!(
        help,
        "\nFrom plaintext to the keyring:\n  {NAME} configure\n  {NAME} migrate\n\n\
         A password is never written to a file.\n\n"
    );
    help.push_str(&cli::wrapped(&format!("Exit codes: {EXIT_CODES}"), cli::WIDTH).join("\n"));
    help.push('\n');
    help
}

/// Runs the program: the command or the verb that the arguments name.
pub fn run(environment: &Environment) -> ExitCode {
    if let Some((command, words)) = commands::find(&environment.arguments) {
        let outcome = commands::run(command, words, environment);
        return ExitCode::from(outcome.unwrap_or_else(|failure| {
            regcred_cli::output::failure(&failure);
            failure.code
        }));
    }
    let mut stdin = std::io::stdin().lock();
    let mut stdout = std::io::stdout().lock();
    let mut stderr = std::io::stderr().lock();
    answer(environment, &mut stdin, &mut stdout, &mut stderr)
}

/// Does what a client asks for: the verb that the arguments name.
fn answer(
    environment: &Environment,
    stdin: &mut dyn Read,
    stdout: &mut dyn Write,
    stderr: &mut dyn Write,
) -> ExitCode {
    let arguments: Vec<_> = environment.arguments.iter().map(|argument| argument.to_string_lossy()).collect();
    let arguments: Vec<&str> = arguments.iter().map(|argument| &**argument).collect();
    let outcome = match arguments[..] {
        ["version" | "--version" | "-V" | "-v"] => print(stdout, &version()),
        ["help" | "--help" | "-h"] => print(stdout, &help()),
        ["config", ..] => return refuse(stdout, &format!("{NAME}: config: there is `{NAME} config show`")),
        [verb] => match Verb::parse(verb) {
            Some(verb) => {
                let mut warning = None;
                let open = || {
                    let settings = Settings::read(&|name| environment.var(name))?;
                    let Chosen { store, kind, reason, warning: found } = regcred_keyring::open(&settings)?;
                    warning = found.map(|warning| format!("stored in the {kind} ({reason}): {warning}"));
                    Ok(store)
                };
                let outcome = handle(verb, open, stdin, stdout);
                if let (Verb::Store, Ok(()), Some(warning)) = (verb, &outcome, warning) {
                    // A note only: whether anybody reads it does not matter to what is stored.
                    let _ = writeln!(stderr, "{NAME}: {warning}");
                }
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
        [] => return refuse(stdout, &format!("{NAME}: name one action\n\n{}", help())),
        ["help", ..] => match commands::find(&environment.arguments[1..]) {
            Some((command, _)) => print(stdout, &command.help()),
            None => return refuse(stdout, &format!("{NAME}: there is no such command; see {NAME} --help")),
        },
        // What follows may be a password that somebody typed.
        [first, ..] if Verb::parse(first).is_some() => {
            return refuse(
                stdout,
                &format!("{NAME}: {first:?} takes no arguments: its input is standard input"),
            );
        }
        [first, ..] => {
            let first = harmless(first);
            return refuse(stdout, &format!("{NAME}: unknown action: {first}; see {NAME} --help"));
        }
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        // Nobody reads what we would say.
        Err(ProtocolFailure::Output(_)) => ExitCode::FAILURE,
        Err(failure) => refuse(stdout, &failure.to_string()),
    }
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
