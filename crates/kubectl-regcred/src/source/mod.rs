//! Where a credential comes from: a file each for the sources, and the choice between them here.

#![expect(clippy::doc_markdown, reason = "the docs of an argument are help for a terminal")]

mod docker_config;
mod flags;
mod from_env;
mod from_file;
mod helper;
mod keyring;
mod secret;
mod select;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;
use regcred_core::credential::{Credential, SecretString};
use regcred_core::server::{Server, ServerError, check_control_characters, shown_key};
use zeroize::Zeroizing;

use crate::cli::ClusterArgs;
use crate::environment::Environment;
use crate::failure::Failure;
use crate::output;

/// The flags that name a source. Exactly one is to be used.
#[derive(Args, Clone)]
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
    #[arg(long, value_name = "PASSWORD", allow_hyphen_values = true, value_parser = secret_value)]
    docker_password: Option<SecretString>,
    /// The e-mail address to record; no registry needs one any more
    #[arg(long, value_name = "ADDRESS", allow_hyphen_values = true)]
    docker_email: Option<String>,
    /// Read user name and password from these environment variables
    #[arg(long, value_name = "USER_VAR,PASS_VAR", conflicts_with_all = ["docker_username", "docker_password", "password_stdin"])]
    from_env: Option<String>,
    /// Put a file into the Secret as it is, under .dockerconfigjson or the key given (repeatable); wins over
    /// the --docker flags, as with kubectl
    #[arg(long, value_name = "[KEY=]PATH", value_delimiter = ',')]
    from_file: Vec<String>,
    /// Take credentials from a docker config, and ask the credential helpers that it names for what it lacks
    /// [default: those of docker and podman: $DOCKER_AUTH_CONFIG, $DOCKER_CONFIG/config.json or
    /// ~/.docker/config.json, then $REGISTRY_AUTH_FILE or $XDG_RUNTIME_DIR/containers/auth.json, and
    /// ~/.config/containers/auth.json]
    #[arg(long, value_name = "PATH", require_equals = true)]
    #[expect(clippy::option_option, reason = "clap's type for a flag whose value may be left out")]
    from_docker_config: Option<Option<PathBuf>>,
    /// Take credentials from the keyring in which docker-credential-regcred keeps them
    #[arg(long)]
    from_keyring: bool,
    /// Take the credentials of another pull secret
    #[arg(long, value_name = "[NAMESPACE/]NAME")]
    from_secret: Option<String>,
    /// With --from-secret, the context of the cluster that has it [default: the one to create in]
    #[arg(long, value_name = "CONTEXT", requires = "from_secret")]
    from_context: Option<String>,
    /// With --from-docker-config, --from-keyring or --from-secret, only the credentials of this registry
    /// (repeatable); `set` and `rotate` take it in place of --docker-server too
    #[arg(long, value_name = "HOST")]
    registry: Vec<String>,
    /// How long a credential helper may take to answer
    #[arg(long, value_name = "DURATION", default_value = "30s", value_parser = humantime::parse_duration)]
    helper_timeout: Duration,
}

/// What a source gave.
pub(crate) struct Sourced {
    /// What goes into the Secret.
    pub(crate) content: Content,
    /// The Secret that it was copied from, as `[context/]namespace/name`.
    pub(crate) copied_from: Option<String>,
}

/// What goes into a Secret.
pub(crate) enum Content {
    /// Credentials by registry key, to be written as kubectl writes them.
    Credentials(BTreeMap<String, Credential>),
    /// Data that goes in as it is.
    Data(BTreeMap<String, Zeroizing<Vec<u8>>>),
}

impl Content {
    /// The credentials, for a command that edits entries.
    pub(crate) fn credentials(self) -> Result<BTreeMap<String, Credential>, Failure> {
        match self {
            Self::Credentials(credentials) => Ok(credentials),
            Self::Data(_) => Err(file_has_no_entries()),
        }
    }
}

fn file_has_no_entries() -> Failure {
    Failure::usage("--from-file puts a file into a new Secret as it is; no entries are read from it")
        .hint("--from-docker-config=PATH takes the entries of a docker config")
}

const SOURCES: &str = "give exactly one source:\n  \
    --docker-username USER --password-stdin [--docker-server SERVER]\n  \
    --from-env USER_VAR,PASS_VAR [--docker-server SERVER]\n  \
    --from-docker-config[=PATH] [--registry HOST]...\n  \
    --from-keyring [--registry HOST]...\n  \
    --from-secret [NAMESPACE/]NAME [--registry HOST]...\n  \
    --from-file [KEY=]PATH";

impl SourceArgs {
    /// Whether one of kubectl's own flags is given.
    fn has_docker_flags(&self) -> bool {
        [&self.docker_server, &self.docker_username, &self.docker_email].into_iter().any(Option::is_some)
            || self.docker_password.is_some()
    }

    /// Whether a registry is named.
    pub(crate) fn names_registry(&self) -> bool {
        !self.registry.is_empty() || self.docker_server.is_some()
    }

    /// Whether the source holds the credentials of several registries.
    fn is_held(&self) -> bool {
        self.from_docker_config.is_some() || self.from_secret.is_some() || self.from_keyring
    }

    /// For a command whose --registry says which entries are meant: it goes with a user name and a password, too.
    pub(crate) fn aimed(mut self) -> Result<Self, Failure> {
        if !self.from_file.is_empty() {
            return Err(file_has_no_entries());
        }
        if self.is_held() || self.registry.is_empty() {
            return Ok(self);
        }
        if self.registry.len() > 1 {
            return Err(Failure::usage(
                "one user name and password are for one registry, and --registry is given twice",
            ));
        }
        if self.docker_server.is_some() {
            return Err(Failure::usage("both --registry and --docker-server are given")
                .hint("they mean the same here; keep --registry"));
        }
        self.docker_server = self.registry.pop();
        Ok(self)
    }

    /// Finds the one source, or says what is wrong with the choice.
    fn check_choice(&self, environment: &Environment) -> Result<(), Failure> {
        let direct = self.password_stdin || self.from_env.is_some();
        let files = !self.from_file.is_empty();
        let held = usize::from(self.from_docker_config.is_some())
            + usize::from(self.from_keyring)
            + usize::from(self.from_secret.is_some());
        // kubectl lets --from-file win over its other flags.
        let flags = !files && self.has_docker_flags();
        let sources = held + usize::from(files) + usize::from(direct || flags);
        if !self.registry.is_empty() && !self.is_held() {
            return Err(Failure::usage(
                "--registry goes with --from-docker-config, --from-keyring or --from-secret",
            )
            .hint("with --docker-username, name the registry with --docker-server"));
        }
        let can_ask = environment.is_interactive();
        match sources {
            0 if !can_ask => Err(Failure::usage("no source of credentials is given").hint(SOURCES)),
            0 | 1 => Ok(()),
            _ => Err(Failure::usage("several sources are given").hint(SOURCES)),
        }
    }
}

/// The registries that a docker config has an entry or a helper for: the one that is named, or those that docker and
/// podman use here. No helper is asked.
pub(crate) fn registries(path: Option<&Path>, environment: &Environment) -> Result<Vec<String>, Failure> {
    let holders = docker_config::holders(path, Duration::ZERO, environment)?;
    let servers = select::every_registry(&holders);
    let servers = servers.iter().filter_map(|key| Server::parse(key).ok());
    Ok(servers
        .map(|server| if server.is_docker_hub() { "docker.io".to_owned() } else { server.to_string() })
        .collect())
}

/// Gathers the credentials from the source that the flags name, or from the person at the terminal.
pub(crate) async fn gather(
    args: &SourceArgs,
    cluster: &ClusterArgs,
    environment: &Environment,
) -> Result<Sourced, Failure> {
    args.check_choice(environment)?;
    for registry in &args.registry {
        Server::parse(registry).map_err(|error| match error {
            // Not quoted: what stands before the `@` may be a password.
            ServerError::UserInfo => Failure::usage(format!("--registry: {error}")),
            _ => Failure::usage(format!("--registry {registry:?}: {error}")),
        })?;
    }
    let mut copied_from = None;
    let content = if let Some(path) = &args.from_docker_config {
        let holders = docker_config::holders(path.as_deref(), args.helper_timeout, environment)?;
        Content::Credentials(select::select(&holders, &args.registry).await?)
    } else if args.from_keyring {
        Content::Credentials(keyring::gather(&args.registry, environment).await?)
    } else if let Some(reference) = &args.from_secret {
        let context = args.from_context.as_deref();
        let (holder, origin) = secret::holder(reference, context, cluster, environment).await?;
        copied_from = Some(origin);
        Content::Credentials(select::select(&[holder], &args.registry).await?)
    } else if args.from_file.is_empty() {
        Content::Credentials(flags::gather(args, environment)?)
    } else {
        if args.has_docker_flags() {
            output::warning("the --docker flags are ignored: --from-file wins over them");
        }
        Content::Data(from_file::gather(&args.from_file)?)
    };
    Ok(Sourced { content, copied_from })
}

#[expect(clippy::unnecessary_wraps, reason = "clap's value parsers return a Result")]
fn secret_value(value: &str) -> Result<SecretString, std::convert::Infallible> {
    Ok(SecretString::new(value.to_owned()))
}

/// Checks a registry's name, and the user name and password that are to be written into a pull secret for it.
fn check(registry: &str, credential: &Credential) -> Result<(), Failure> {
    check_control_characters(registry).map_err(|error| {
        Failure::usage(format!("{:?} is not the name of a registry: {error}", shown_key(registry)))
            .hint("correct the name where it is written")
    })?;
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
