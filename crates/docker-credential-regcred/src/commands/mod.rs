//! The commands for people, a file each. The protocol's verbs are in `protocol`.

mod config;
mod configure;
mod doctor;
mod login;
mod logout;
mod migrate;

use std::ffi::OsString;
use std::path::Path;

use regcred_cli::failure::{Failure, exit};
use regcred_cli::output;
use regcred_cli::program::NotOnPath;
use regcred_cli::shell;
use regcred_core::server::Server;
use regcred_keyring::{Chosen, Login, Settings, Store, StoreError};

use crate::NAME;
use crate::cli::{self, Arguments, Command};
use crate::environment::Environment;

/// Every command.
pub const COMMANDS: [&Command; 6] = [
    &configure::COMMAND,
    &migrate::COMMAND,
    &doctor::COMMAND,
    &login::COMMAND,
    &logout::COMMAND,
    &config::COMMAND,
];

/// The command that these words begin with, and the words behind its name.
pub fn find(words: &[OsString]) -> Option<(&'static Command, &[OsString])> {
    COMMANDS.into_iter().find_map(|command| {
        let name: Vec<_> = command.name.split(' ').collect();
        let matches = words.len() >= name.len() && name.iter().zip(words).all(|(name, word)| word == name);
        matches.then(|| (command, &words[name.len()..]))
    })
}

/// Carries a command out; returns the exit code.
pub fn run(command: &'static Command, words: &[OsString], environment: &Environment) -> Result<u8, Failure> {
    let Some(arguments) = cli::parse(command, words.iter().cloned())? else {
        return output::write_stdout(&command.help()).map(|()| exit::DONE);
    };
    let run: fn(&Arguments, &Environment) -> Result<u8, Failure> = match command.name {
        "configure" => configure::run,
        "migrate" => migrate::run,
        "doctor" => doctor::run,
        "login" => login::run,
        "logout" => logout::run,
        _ => config::run,
    };
    run(&arguments, environment)
}

fn settings(environment: &Environment) -> Result<Settings, Failure> {
    Settings::read(&|name| environment.var(name)).map_err(|error| keyring_failed(&error))
}

fn open(settings: &Settings) -> Result<Chosen, Failure> {
    regcred_keyring::open(settings).map_err(|error| keyring_failed(&error))
}

/// Keeps a login, and sees that the keyring hands it out again.
fn store(store: &dyn Store, keyring: &str, key: &str, login: &Login) -> Result<(), Failure> {
    store.store(key, login).map_err(|error| keyring_failed(&error))?;
    if store.get(key).map_err(|error| keyring_failed(&error))?.as_ref() == Some(login) {
        return Ok(());
    }
    Err(Failure::new(exit::HELPER, format!("the {keyring} does not hand out what was stored there"))
        .hint(format!("see what is wrong with it: {NAME} doctor")))
}

/// Root has a keyring of its own, and what is in there is nothing to the user whose home this is.
fn check_home(environment: &Environment, force: bool) -> Result<(), Failure> {
    let Some(owner) = environment.owner_of_home().filter(|_| !force) else { return Ok(()) };
    Err(Failure::new(
        exit::CONFLICT,
        format!(
            "HOME belongs to the user {owner}, and you are another one, whose keyring that user can't read"
        ),
    )
    .hint("run this as that user, or with a HOME of your own; nothing was changed (--force goes on)"))
}

/// That clients don't find this program, and what to do about it.
fn not_on_path(missing: &NotOnPath, clients: &str, program: Option<&Path>) -> (String, String) {
    let message = match missing {
        NotOnPath::Nowhere => format!("{NAME} is not on PATH, where {clients} look for it"),
        NotOnPath::PassedOver(_) => format!("{NAME} {missing}, by {clients} too"),
    };
    let Some(program) = program else { return (message, "put it into a folder of PATH".to_owned()) };
    let folder = missing.remedy("put its folder on PATH");
    let program = shell::word(&program.display().to_string());
    (message, format!("{folder}, or link it: ln -s {program} /usr/local/bin/"))
}

/// Tells what whoever stores a login in this keyring should know.
fn warn(chosen: &Chosen) {
    if let Some(warning) = &chosen.warning {
        output::warning(&format!("the {} does not last ({}): {warning}", chosen.kind, chosen.reason));
    }
}

fn keyring_failed(error: &StoreError) -> Failure {
    let code = if matches!(error, StoreError::Settings(_)) { exit::USAGE } else { exit::HELPER };
    Failure::new(code, error.to_string())
}

/// A registry that a person names, or a path in one.
fn server(text: &str) -> Result<Server, Failure> {
    Server::parse(text).map_err(|error| {
        // Not quoted: what stands before an `@` may be a password.
        Failure::usage(format!("that is no registry: {error}"))
            .hint("name it as images do, such as ghcr.io, docker.io or registry.example.com:5000")
    })
}

/// A registry that a person names.
fn registry(text: &str) -> Result<Server, Failure> {
    let server = server(text)?;
    // An IPv6 address has its empty parts.
    if !server.host().starts_with('[') && server.host().split('.').any(str::is_empty) {
        return Err(Failure::usage(format!("{text:?} is no registry: a part of its name is empty")));
    }
    if server.is_docker_hub_token() || server.path().is_empty() {
        return Ok(server);
    }
    Err(Failure::usage(format!("{text:?} is a path in a registry")).hint(format!(
        "docker, podman and skopeo ask a helper for the whole of {:?}, never for a path in it",
        server.host()
    )))
}

/// Whether output is to be an object for scripts.
fn wants_json(arguments: &Arguments) -> Result<bool, Failure> {
    match arguments.text("output")?.as_deref() {
        None => Ok(false),
        Some("json") => Ok(true),
        Some(_) => Err(Failure::usage("--output: there is no such format; there is: json")),
    }
}

const OUTPUT: cli::CommandOption = cli::CommandOption {
    long: "output",
    short: Some('o'),
    value: Some("FORMAT"),
    help: "json prints an object for scripts",
};
