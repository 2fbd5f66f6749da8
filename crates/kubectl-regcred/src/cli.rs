//! The command line: the commands, and the flags that all of them share.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

use crate::commands::{create, lint, r#match, version};
use crate::failure::Failure;

/// Create, inspect, check and rotate the pull secrets of a cluster.
#[derive(Parser)]
#[command(
    name = "kubectl-regcred",
    bin_name = "kubectl regcred",
    disable_help_subcommand = true,
    max_term_width = 110
)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
    #[command(flatten)]
    pub(crate) cluster: ClusterArgs,
}

#[derive(Subcommand)]
pub(crate) enum Command {
    Create(Box<create::CreateArgs>),
    Lint(lint::LintArgs),
    Match(r#match::MatchArgs),
    Version(version::VersionArgs),
}

/// The flags of kubectl that say which cluster is meant, and as whom.
#[derive(Args, Clone)]
#[command(next_help_heading = "Cluster")]
pub(crate) struct ClusterArgs {
    /// The namespace to work in [default: that of the context]; `create` takes several
    #[arg(short, long, global = true, value_name = "NAMESPACE")]
    pub(crate) namespace: Vec<String>,
    /// Path of the kubeconfig file [default: $KUBECONFIG, else ~/.kube/config]
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) kubeconfig: Option<PathBuf>,
    /// The context of the kubeconfig to use
    #[arg(long, global = true, value_name = "NAME")]
    pub(crate) context: Option<String>,
    /// The cluster of the kubeconfig to use
    #[arg(long, global = true, value_name = "NAME")]
    pub(crate) cluster: Option<String>,
    /// The user of the kubeconfig to use
    #[arg(long, global = true, value_name = "NAME")]
    pub(crate) user: Option<String>,
}

impl ClusterArgs {
    /// The namespace, for a command that works in one.
    pub(crate) fn one_namespace(&self) -> Result<Option<&str>, Failure> {
        match self.namespace.as_slice() {
            [] => Ok(None),
            [namespace] => Ok(Some(namespace)),
            _ => Err(Failure::usage(
                "this command works in one namespace; --namespace is given more than once",
            )),
        }
    }
}

/// Parses the arguments; an error is help that was asked for, or wrong usage.
pub(crate) fn parse(args: impl IntoIterator<Item = OsString>) -> Result<Cli, clap::Error> {
    Cli::try_parse_from(args)
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }
}
