//! kubectl's own flags: `--docker-server`, `--docker-username` and the password, by flag or standard input.

use std::collections::BTreeMap;
use std::io::Read as _;

use regcred_core::credential::{Credential, SecretString};
use regcred_core::server::{DOCKER_HUB, check_registry_key, pull_secret_key};
use zeroize::Zeroizing;

use super::{SourceArgs, check};
use crate::environment::Environment;
use crate::failure::{Failure, exit};
use crate::output;

/// No password is as long as this; whoever pipes more has piped the wrong thing.
const MAX_PASSWORD_BYTES: u64 = 1024 * 1024;

pub(super) fn gather(
    args: &SourceArgs,
    environment: &Environment,
) -> Result<BTreeMap<String, Credential>, Failure> {
    let server = args.docker_server.as_deref().unwrap_or(DOCKER_HUB);
    check_registry_key(server).map_err(|error| {
        Failure::usage(format!("--docker-server {server:?}: {error}"))
            .hint("name it as images do, such as ghcr.io or registry.example.com:5000")
    })?;
    let username = args
        .docker_username
        .clone()
        .filter(|name| !name.is_empty())
        .ok_or_else(|| Failure::usage("no user name is given").hint("add --docker-username USER"))?;
    let password = match (&args.docker_password, args.password_stdin) {
        (Some(_), true) => {
            return Err(Failure::usage("both --docker-password and --password-stdin are given")
                .hint("keep --password-stdin: it leaves no trace in the shell's history"));
        }
        (Some(password), false) => {
            output::warning(
                "--docker-password shows the password to every user of this machine and to the shell's history; \
                 use --password-stdin",
            );
            password.clone()
        }
        (None, true) => read_password(environment)?,
        (None, false) => {
            return Err(Failure::usage("no password is given").hint(
                "pipe it in with --password-stdin: `printf %s \"$PASSWORD\" | kubectl regcred create …`",
            ));
        }
    };
    let credential = Credential { username, password, email: args.docker_email.clone() };
    check(server, &credential)?;
    Ok([(server_key(server), credential)].into())
}

/// The key for `--docker-server`: as given, as kubectl does, unless the kubelet could never match it.
fn server_key(server: &str) -> String {
    let key = pull_secret_key(server);
    if key != server {
        output::note(&format!(
            "the entry is written under {key:?}, because the kubelet never matches {server:?}"
        ));
    }
    key
}

fn read_password(environment: &Environment) -> Result<SecretString, Failure> {
    if environment.stdin_is_terminal {
        return Err(Failure::usage(
            "--password-stdin, but standard input is a terminal, which would show the password",
        )
        .hint("pipe the password in: `printf %s \"$PASSWORD\" | kubectl regcred create …`"));
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
            .hint("a pull secret is JSON, which can't hold it; convert it first")
    })?;
    Ok(SecretString::new(password.to_owned()))
}
