//! The command line: the commands, and the flags that all of them share.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};
use regcred_core::credential::SecretString;
use regcred_core::metadata::check_namespace;

use crate::commands::{
    attach, completion, create, detach, inspect, lint, list, r#match, rotate, set, setup, unset, version,
};
use crate::failure::Failure;

/// Create, inspect, check and rotate the pull secrets of a cluster.
#[derive(Parser)]
#[command(
    name = "kubectl-regcred",
    bin_name = "kubectl regcred",
    disable_help_subcommand = true,
    // As with kubectl: of a flag that is given twice, the last one counts.
    args_override_self = true,
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
    Attach(attach::AttachArgs),
    Completion(completion::CompletionArgs),
    Create(Box<create::CreateArgs>),
    Detach(detach::DetachArgs),
    Inspect(inspect::InspectArgs),
    Lint(lint::LintArgs),
    #[command(visible_alias = "ls")]
    List(list::ListArgs),
    Match(r#match::MatchArgs),
    Rotate(Box<rotate::RotateArgs>),
    Set(Box<set::SetArgs>),
    Setup(setup::SetupArgs),
    Unset(unset::UnsetArgs),
    Version(version::VersionArgs),
}

/// The flags of kubectl that say which cluster is meant, and as whom.
#[derive(Args, Clone, Default)]
#[command(next_help_heading = "Cluster")]
pub(crate) struct ClusterArgs {
    /// The namespace to work in [default: that of the context]; `create` takes several
    #[arg(short, long, global = true, value_name = "NAMESPACE")]
    pub(crate) namespace: Vec<String>,
    /// Path of the kubeconfig file [default: $KUBECONFIG, else ~/.kube/config]
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) kubeconfig: Option<PathBuf>,
    /// The context of the kubeconfig to use
    #[arg(long, global = true, value_name = "CONTEXT")]
    pub(crate) context: Option<String>,
    /// The cluster of the kubeconfig to use
    #[arg(long, global = true, value_name = "CLUSTER")]
    pub(crate) cluster: Option<String>,
    /// The user of the kubeconfig to use
    #[arg(long, global = true, value_name = "KUBECONFIG_USER")]
    pub(crate) user: Option<String>,
    /// The API server's URL, in place of the kubeconfig's
    #[arg(short, long, global = true, value_name = "URL")]
    pub(crate) server: Option<String>,
    /// Log in with this bearer token, in place of the kubeconfig's user; other users of this machine can see it
    #[arg(long, global = true, value_name = "TOKEN", value_parser = secret_value)]
    pub(crate) token: Option<SecretString>,
    /// Log in with this certificate, in place of the kubeconfig's user
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) client_certificate: Option<PathBuf>,
    /// The key of --client-certificate
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) client_key: Option<PathBuf>,
    /// Act as this user; a service account is system:serviceaccount:NAMESPACE:NAME
    #[arg(long = "as", global = true, value_name = "USER")]
    pub(crate) impersonate: Option<String>,
    /// Act as a member of this group (repeatable)
    #[arg(long = "as-group", global = true, value_name = "GROUP")]
    pub(crate) impersonate_group: Vec<String>,
    /// Act with this user id
    #[arg(long = "as-uid", global = true, value_name = "UID")]
    pub(crate) impersonate_uid: Option<String>,
    /// Act with this extra information (repeatable)
    #[arg(long = "as-user-extra", global = true, value_name = "KEY=VALUE", value_parser = key_and_value)]
    pub(crate) impersonate_extra: Vec<(String, String)>,
    /// Trust the certificate authorities in this file, and no others, to vouch for the API server
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) certificate_authority: Option<PathBuf>,
    /// The name that the API server's certificate has to be for [default: the host of its URL]
    #[arg(long, global = true, value_name = "NAME")]
    pub(crate) tls_server_name: Option<String>,
    /// Don't check whose certificate the API server has: whoever is in between can read and change everything
    #[arg(long, global = true, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub(crate) insecure_skip_tls_verify: Option<bool>,
    /// How long to wait for the answer to one request, as 30s or 2m; 0 waits forever
    #[arg(long, global = true, value_name = "DURATION", default_value = "90s", value_parser = timeout)]
    pub(crate) request_timeout: Duration,
    /// Accepted for kubectl's sake and ignored: nothing is compressed
    #[arg(long, global = true, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    disable_compression: Option<bool>,
    /// Accepted for kubectl's sake and ignored: nothing is cached
    #[arg(long, global = true, value_name = "DIR")]
    cache_dir: Option<PathBuf>,
    /// Accepted for kubectl's sake and ignored: there is no log
    #[arg(short, long, global = true, value_name = "LEVEL")]
    v: Option<String>,
}

impl ClusterArgs {
    /// The namespace, for a command that works in one.
    pub(crate) fn one_namespace(&self) -> Result<Option<&str>, Failure> {
        match self.namespace.as_slice() {
            [] => Ok(None),
            // `-n "$UNSET"` means what no flag means, as it does to kubectl.
            [namespace] if namespace.is_empty() => Ok(None),
            [namespace] => {
                check_namespace(namespace).map_err(|error| Failure::usage(error.to_string()))?;
                Ok(Some(namespace))
            }
            _ => Err(Failure::usage(
                "this command works in one namespace; --namespace is given more than once",
            )),
        }
    }

    /// The same for another context of the same kubeconfig: whatever names a cluster, a namespace or a login
    /// was meant for this one, and must not reach the other.
    pub(crate) fn for_context(&self, context: &str) -> Self {
        Self {
            kubeconfig: self.kubeconfig.clone(),
            context: Some(context.to_owned()),
            request_timeout: self.request_timeout,
            ..Self::default()
        }
    }
}

#[expect(clippy::unnecessary_wraps, reason = "clap's value parsers return a Result")]
fn secret_value(value: &str) -> Result<SecretString, std::convert::Infallible> {
    Ok(SecretString::new(value.to_owned()))
}

fn key_and_value(text: &str) -> Result<(String, String), &'static str> {
    let (key, value) = text.split_once('=').filter(|(key, _)| !key.is_empty()).ok_or("expected KEY=VALUE")?;
    Ok((key.to_owned(), value.to_owned()))
}

/// A duration as kubectl takes it: with units, or a number of seconds.
fn timeout(text: &str) -> Result<Duration, humantime::DurationError> {
    text.parse().map(Duration::from_secs).or_else(|_| humantime::parse_duration(text))
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

    /// clap would break a longer line, and then the example does not run as printed (test `help_examples`).
    #[test]
    fn every_command_has_examples_that_fit_into_80_columns() {
        fn check(command: &clap::Command) {
            let mut below = command.get_subcommands().filter(|below| !below.is_hide_set()).peekable();
            if below.peek().is_none() {
                let text = command.get_after_help().map(ToString::to_string).unwrap_or_default();
                assert!(text.starts_with("Examples:\n"), "{} has no examples", command.get_name());
                let long = text.lines().find(|line| line.len() > 80);
                assert_eq!(long, None, "in the help of {}", command.get_name());
            }
            below.for_each(check);
        }
        check(&Cli::command());
    }
}
