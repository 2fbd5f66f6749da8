//! kubectl's own flags: `--docker-server`, `--docker-username` and the password, by flag or standard input.

use std::collections::BTreeMap;

use regcred_cli::stdin;
use regcred_core::credential::{Credential, SecretString};
use regcred_core::server::{DOCKER_HUB, check_registry_key, pull_secret_key};

use super::{SourceArgs, check, from_env};
use crate::environment::Environment;
use crate::failure::Failure;
use crate::{output, prompt};

const PIPED: &str = "printf %s \"$PASSWORD\" | kubectl regcred create …";

pub(super) fn gather(
    args: &SourceArgs,
    environment: &Environment,
) -> Result<BTreeMap<String, Credential>, Failure> {
    let can_ask = environment.is_interactive();
    let server = match &args.docker_server {
        Some(server) => server.clone(),
        None if can_ask && args.docker_username.is_none() && args.from_env.is_none() => {
            prompt::server(DOCKER_HUB)?
        }
        None => DOCKER_HUB.to_owned(),
    };
    let server = server.as_str();
    // Not quoted: what stands before the `@` may be a password.
    let authority = server.split_once("://").map_or(server, |(_, rest)| rest).split('/').next();
    if authority.is_some_and(|authority| authority.contains('@')) {
        return Err(Failure::usage("--docker-server holds a user name or a password")
            .hint("give them with --docker-username and --password-stdin"));
    }
    check_registry_key(server).map_err(|error| {
        Failure::usage(format!("--docker-server {server:?}: {error}"))
            .hint("name it as images do, such as ghcr.io or registry.example.com:5000")
    })?;
    let (username, password) = if let Some(names) = &args.from_env {
        from_env::gather(names, environment)?
    } else {
        let username = username(args, server, can_ask)?;
        let password = password(args, server, &username, environment)?;
        (username, password)
    };
    let credential = Credential { username, password, email: args.docker_email.clone() };
    check(server, &credential)?;
    Ok([(server_key(server), credential)].into())
}

fn username(args: &SourceArgs, server: &str, can_ask: bool) -> Result<String, Failure> {
    match args.docker_username.as_deref() {
        Some(name) if !name.is_empty() => Ok(name.to_owned()),
        None if can_ask => prompt::username(server),
        _ => Err(Failure::usage("no user name is given").hint("add --docker-username USER")),
    }
}

fn password(
    args: &SourceArgs,
    server: &str,
    username: &str,
    environment: &Environment,
) -> Result<SecretString, Failure> {
    match (&args.docker_password, args.password_stdin) {
        (Some(_), true) => Err(Failure::usage("both --docker-password and --password-stdin are given")
            .hint("keep --password-stdin: it leaves no trace in the shell's history")),
        (Some(password), false) => {
            output::warning(
                "--docker-password shows the password to every user of this machine and to the shell's history; \
                 use --password-stdin",
            );
            Ok(password.clone())
        }
        (None, true) => stdin::password(PIPED),
        (None, false) if environment.is_interactive() => prompt::password(server, username),
        (None, false) => Err(Failure::usage("no password is given")
            .hint(format!("pipe it in with --password-stdin: `{PIPED}`"))),
    }
}

/// The key for `--docker-server`: as given, as kubectl does, unless another one for the same registry is surer
/// to match (every spelling of Docker Hub, a scheme in upper case, `/v1` without a slash).
fn server_key(server: &str) -> String {
    let key = pull_secret_key(server);
    if key != server {
        output::note(&format!(
            "the entry is written under {key:?}, a key for {server:?} that the kubelet surely matches"
        ));
    }
    key
}
