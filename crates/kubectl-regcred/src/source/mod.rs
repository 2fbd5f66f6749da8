//! Where a credential comes from: a file each for the sources, and the choice between them here.

#![expect(clippy::doc_markdown, reason = "the docs of an argument are help for a terminal")]

mod docker_config;
mod flags;
mod from_file;
mod helper;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use regcred_core::credential::{Credential, SecretString};
use zeroize::Zeroizing;

use crate::environment::Environment;
use crate::failure::Failure;
use crate::output;

/// The flags that name a source. Exactly one is to be used.
#[derive(Args)]
#[command(next_help_heading = "Source of the credentials (exactly one)")]
pub(crate) struct SourceArgs {
    /// The registry to log in to [default: Docker Hub]
    #[arg(long, value_name = "SERVER", allow_hyphen_values = true)]
    docker_server: Option<String>,
    /// The user name at the registry
    #[arg(long, value_name = "USER", allow_hyphen_values = true)]
    docker_username: Option<String>,
    /// Read the password from standard input; one newline at its end is dropped
    #[arg(long)]
    password_stdin: bool,
    /// The password, visible to every user of this machine and kept in the shell's history; prefer
    /// --password-stdin
    #[arg(long, value_name = "PASSWORD", allow_hyphen_values = true, value_parser = secret)]
    docker_password: Option<SecretString>,
    /// The e-mail address to record; no registry needs one any more
    #[arg(long, value_name = "ADDRESS", allow_hyphen_values = true)]
    docker_email: Option<String>,
    /// Put a file into the Secret as it is, under .dockerconfigjson or the key given (repeatable); wins over
    /// the --docker flags, as with kubectl
    #[arg(long, value_name = "[KEY=]PATH", value_delimiter = ',')]
    from_file: Vec<String>,
    /// Take credentials from a docker config, and ask the credential helpers that it names for what it lacks
    /// [default: those of docker and podman: $DOCKER_CONFIG/config.json or ~/.docker/config.json, then
    /// $REGISTRY_AUTH_FILE or $XDG_RUNTIME_DIR/containers/auth.json]
    #[arg(long, value_name = "PATH", require_equals = true)]
    #[expect(clippy::option_option, reason = "clap's type for a flag whose value may be left out")]
    from_docker_config: Option<Option<PathBuf>>,
    /// With --from-docker-config, only the credentials of this registry (repeatable)
    #[arg(long, value_name = "HOST")]
    registry: Vec<String>,
    /// How long a credential helper may take to answer
    #[arg(long, value_name = "DURATION", default_value = "30s", value_parser = humantime::parse_duration)]
    helper_timeout: Duration,
}

/// What a source gave.
pub(crate) enum Sourced {
    /// Credentials by registry key, to be written as kubectl writes them.
    Credentials(BTreeMap<String, Credential>),
    /// Data that goes into the Secret as it is.
    Data(BTreeMap<String, Zeroizing<Vec<u8>>>),
}

const SOURCES: &str = "give exactly one source:\n  \
    --docker-username USER --password-stdin [--docker-server SERVER]\n  \
    --from-docker-config[=PATH] [--registry HOST]...\n  \
    --from-file [KEY=]PATH";

/// Gathers the credentials from the source that the flags name.
pub(crate) async fn gather(args: &SourceArgs, environment: &Environment) -> Result<Sourced, Failure> {
    let flags = args.docker_server.is_some()
        || args.docker_username.is_some()
        || args.docker_password.is_some()
        || args.docker_email.is_some();
    let direct = flags || args.password_stdin;
    let files = !args.from_file.is_empty();
    if !args.registry.is_empty() && args.from_docker_config.is_none() {
        return Err(Failure::usage("--registry goes with --from-docker-config")
            .hint("with --docker-username, name the registry with --docker-server"));
    }
    match &args.from_docker_config {
        Some(_) if direct || files => Err(Failure::usage("several sources are given").hint(SOURCES)),
        None if files && args.password_stdin => {
            Err(Failure::usage("several sources are given").hint(SOURCES))
        }
        None if !files && !direct => Err(Failure::usage("no source of credentials is given").hint(SOURCES)),
        Some(path) => {
            docker_config::gather(path.as_deref(), args, environment).await.map(Sourced::Credentials)
        }
        None if files => {
            if flags {
                output::warning("the --docker flags are ignored: --from-file wins over them");
            }
            from_file::gather(&args.from_file).map(Sourced::Data)
        }
        None => flags::gather(args, environment).map(Sourced::Credentials),
    }
}

#[expect(clippy::unnecessary_wraps, reason = "clap's value parsers return a Result")]
fn secret(value: &str) -> Result<SecretString, std::convert::Infallible> {
    Ok(SecretString::new(value.to_owned()))
}

/// Checks a user name and a password that are to be written into a pull secret for `registry`.
fn check(registry: &str, credential: &Credential) -> Result<(), Failure> {
    if credential.username.is_empty() {
        return Err(Failure::usage(format!("the user name for {registry:?} is empty")));
    }
    if credential.username.contains(':') {
        let message = format!("the user name {:?} for {registry:?} contains a `:`", credential.username);
        return Err(Failure::usage(message).hint(
            "a pull secret joins user and password with `:`, so the kubelet would split them wrongly",
        ));
    }
    if credential.password.is_empty() {
        return Err(Failure::usage(format!("the password for {registry:?} is empty"))
            .hint("check the program or variable that should give it"));
    }
    Ok(())
}
