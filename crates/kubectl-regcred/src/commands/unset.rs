//! `kubectl regcred unset`.

use clap::Args;
use regcred_core::metadata::check_name;
use regcred_core::plan::Intent;
use regcred_core::server::check_registry_key;

use super::flags::one_name;
use super::set::{EditArgs, Outcome, edit, report};
use crate::cli::ClusterArgs;
use crate::cluster::{self, pull_secrets};
use crate::environment::Environment;
use crate::failure::{Failure, exit};

const EXAMPLES: &str = "\
Examples:
  # Pods that name this pull secret log in to the registry with it no more
  kubectl regcred unset pull --registry=ghcr.io

  # See what would be left
  kubectl regcred unset pull --registry=ghcr.io --dry-run=client -o yaml

Exit codes: 0 done, or already so; 1 failed; 2 wrong usage; 4 there is no such
Secret; 6 the cluster refused or can't be reached; 8 somebody else manages the
Secret.";

/// Remove a registry's entries from a pull secret
///
/// All keys that mean the registry go, with https:// or without: ghcr.io, GHCR.IO:443 and ghcr.io/v2/ are one. A namespace on it, such
/// as ghcr.io/team, is another one and stays.
#[derive(Args)]
#[command(after_help = EXAMPLES, override_usage = "kubectl regcred unset SECRET --registry HOST [OPTIONS]")]
pub(crate) struct UnsetArgs {
    /// The name of the Secret
    #[arg(value_name = "SECRET")]
    names: Vec<String>,
    /// The registry whose entries go, in any spelling
    #[arg(long, value_name = "HOST")]
    registry: String,
    #[command(flatten)]
    edit: EditArgs,
}

pub(crate) fn run(args: &UnsetArgs, cluster: &ClusterArgs, environment: &Environment) -> Result<u8, Failure> {
    super::block_on(unset(args, cluster, environment))
}

async fn unset(args: &UnsetArgs, cluster: &ClusterArgs, environment: &Environment) -> Result<u8, Failure> {
    let name = one_name("unset", &args.names)?;
    check_name(name).map_err(|error| Failure::usage(error.to_string()))?;
    let registry = args.registry.as_str();
    check_registry_key(registry).map_err(|error| Failure::usage(format!("--registry: {error}")))?;
    let connection = cluster::connect(cluster, environment).await?;
    let namespace = &connection.namespace;
    let Some(found) = pull_secrets::find(&connection, namespace, name).await? else {
        return Err(Failure::new(
            exit::NOT_FOUND,
            format!("there is no secret/{name} in namespace {namespace:?}"),
        ));
    };
    let wish = args.edit.wish(Intent::Unset(registry), environment);
    let edited = edit(&connection, name, Some(found), &wish, &args.edit).await?;
    report(&Outcome::Edited(edited), &args.edit, environment)
}
