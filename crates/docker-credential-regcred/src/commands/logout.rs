//! `logout`: for machines without docker or podman.

use regcred_cli::failure::{Failure, exit};
use regcred_cli::output;
use regcred_core::server::same_registry;

use super::{keyring_failed, open, server, settings};
use crate::cli::{Arguments, Command};
use crate::environment::Environment;

pub(super) static COMMAND: Command = Command {
    name: "logout",
    arguments: "REGISTRY...",
    about: "Remove the login for registries from the keyring",
    details: "\
Every spelling of the registry is removed. That there is none is fine, as it is for `docker logout`. A path in a registry
(ghcr.io/team), under which some clients store, has a login of its own.",
    options: &[],
    examples: "docker-credential-regcred logout ghcr.io docker.io",
    exit_codes: "0 done; 1 failed; 2 wrong usage; 7 the keyring failed.",
};

pub(super) fn run(arguments: &Arguments, environment: &Environment) -> Result<u8, Failure> {
    if arguments.names.is_empty() {
        return Err(Failure::usage("no registry is named").hint("docker-credential-regcred list shows them"));
    }
    let servers = arguments.names.iter().map(|name| server(name)).collect::<Result<Vec<_>, _>>()?;
    let chosen = open(&settings(environment)?)?;
    for server in servers {
        let key = server.docker_key();
        let failed = |error| keyring_failed(&error);
        let known =
            chosen.store.list().map_err(failed)?.iter().any(|entry| same_registry(&entry.server, &key));
        // Even if none is listed: what an interrupted `store` left goes too.
        chosen.store.erase(&key).map_err(failed)?;
        let done = if known { "removed the login for" } else { "there was no login for" };
        output::line(&format!("{done} {key} in the {}", chosen.kind))?;
    }
    Ok(exit::DONE)
}
