//! `login`: for machines without docker or podman.

use regcred_cli::failure::{Failure, exit};
use regcred_cli::{output, prompt, stdin};
use regcred_core::server::{DOCKER_HUB, podman_lookup_key};
use regcred_keyring::{Login, StoreError};

use super::{keyring_failed, open, registry, settings};
use crate::NAME;
use crate::cli::{Arguments, Command, CommandOption};
use crate::environment::Environment;
use crate::survey::{Client, HELPER, Survey};

const PIPED: &str =
    "printf %s \"$TOKEN\" | docker-credential-regcred login ghcr.io --username robot --password-stdin";

pub(super) static COMMAND: Command = Command {
    name: "login",
    arguments: "REGISTRY",
    about: "Keep the login for a registry in the keyring",
    details: "\
For machines without docker and podman, whose own `login` does the same once `configure` has run. What is not given
is asked for at the terminal. The login is kept under the name that docker would use, in place of any other for the
same registry. It is not tried at the registry: the helper never talks to the network.",
    options: &[
        CommandOption { long: "username", short: Some('u'), value: Some("USER"), help: "The user name" },
        CommandOption {
            long: "password-stdin",
            short: None,
            value: None,
            help: "Read the password from standard input; one newline at its end is dropped",
        },
    ],
    examples: "\
# A robot account's token, from wherever you keep it
printf %s \"$PASSWORD\" | docker-credential-regcred login ghcr.io -u robot --password-stdin",
    exit_codes: "0 done; 1 failed; 2 wrong usage; 7 the keyring failed.",
};

pub(super) fn run(arguments: &Arguments, environment: &Environment) -> Result<u8, Failure> {
    let [name] = arguments.names.as_slice() else {
        let problem = if arguments.names.is_empty() { "no registry is named" } else { "name one registry" };
        return Err(Failure::usage(problem)
            .hint("docker-credential-regcred login ghcr.io; Docker Hub is docker.io; a password goes to standard input"));
    };
    let server = registry(name)?;
    let username = match arguments.text("username")? {
        Some(username) => username,
        None if environment.is_interactive() => prompt::username(name)?,
        None => return Err(Failure::usage("no user name is given").hint("add --username USER")),
    };
    // RFC 7617, section 2.
    if username.is_empty() || username.contains(':') || username.contains(char::is_control) {
        return Err(Failure::usage(
            "a user name is not empty and has no colon and no control character, where it is sent with a password",
        ));
    }
    let is_asked = !arguments.has("password-stdin");
    if is_asked && !environment.is_interactive() {
        return Err(Failure::usage("no password is given").hint(format!("pipe it in: `{PIPED}`")));
    }
    let chosen = open(&settings(environment)?)?;
    let secret = if is_asked {
        // Nobody should type a password in vain.
        if chosen.store.status().map_err(|error| keyring_failed(&error))?.locked {
            return Err(keyring_failed(&StoreError::Locked));
        }
        prompt::password(name, &username)?
    } else {
        stdin::password(PIPED)?
    };
    if secret.is_empty() {
        return Err(Failure::usage("the password is empty; nothing was stored"));
    }
    let key = server.docker_key();
    let login = Login { username, secret };
    super::store(chosen.store.as_ref(), &chosen.kind.to_string(), &key, &login)?;
    super::warn(&chosen);
    let survey = Survey::take(environment);
    for (client, is_used, flag) in [
        (Client::Docker, survey.has_docker(environment), "--docker"),
        (Client::Podman, survey.has_podman(environment), "--podman"),
    ] {
        if is_used && survey.helper(client, &key).as_deref() != Some(HELPER) {
            let host = podman_lookup_key(&key);
            output::note(&format!(
                "this helper is not asked for {host} by {}; to change that: {NAME} configure {flag} --registry {host}",
                client.name()
            ));
        }
    }
    let shown = if key == DOCKER_HUB { "Docker Hub" } else { &key };
    output::line(&format!("stored the login of {:?} for {shown} in the {}", login.username, chosen.kind))?;
    Ok(exit::DONE)
}
