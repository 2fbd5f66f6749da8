//! The choices that have to be looked up: in the kubeconfig, the docker config, the cluster. Only names are asked
//! for, never what a Secret holds.

use std::path::Path;
use std::time::Duration;

use clap::{Arg, Parser};

use super::kind::Kind;
use super::line::Line;
use super::{Choice, Directive};
use crate::cli::ClusterArgs;
use crate::cluster::{self, names};
use crate::environment::Environment;
use crate::failure::{Failure, exit};
use crate::source;

/// How long a person who pressed Tab waits, at most.
const PATIENCE: Duration = Duration::from_secs(2);

/// The flags that say which cluster is meant, alone.
#[derive(Parser)]
struct Flags {
    #[command(flatten)]
    cluster: ClusterArgs,
}

/// Looks up what there is to choose from; nothing, if that can't be found out in time.
pub(super) fn gather(
    kind: Kind,
    arg: &Arg,
    line: &Line,
    environment: &Environment,
) -> (Vec<Choice>, Directive) {
    // Of a list, the last one is being typed.
    let (before, typed) = arg
        .get_value_delimiter()
        .and_then(|delimiter| {
            line.typed.rsplit_once(delimiter).map(|(before, typed)| (before, delimiter, typed))
        })
        .map_or((String::new(), line.typed), |(before, delimiter, typed)| {
            (format!("{before}{delimiter}"), typed)
        });
    let found = look_up(kind, typed, line, environment).unwrap_or_default();
    let is_unfinished = |value: &String| value.ends_with('/') && kind == Kind::SecretAnywhere;
    let directive = if found.iter().any(|value| is_unfinished(value) && value.starts_with(typed)) {
        Directive::Unfinished
    } else {
        Directive::Choices
    };
    (found.into_iter().map(|value| Choice::plain(format!("{before}{value}"))).collect(), directive)
}

fn look_up(kind: Kind, typed: &str, line: &Line, environment: &Environment) -> Result<Vec<String>, Failure> {
    // A program for logging in to the cluster could ask, or complain, in the middle of a command line.
    let environment = &environment.silenced().map_err(|error| failed(&error))?;
    let cluster = cluster_args(line)?;
    Ok(match kind {
        Kind::File => Vec::new(),
        Kind::Context => cluster::listed(&cluster, environment)?.contexts,
        Kind::Cluster => cluster::listed(&cluster, environment)?.clusters,
        Kind::User => cluster::listed(&cluster, environment)?.users,
        Kind::Registry => source::registries(line.value("from_docker_config").map(Path::new), environment)?,
        Kind::Namespace | Kind::Secret | Kind::SecretAnywhere | Kind::ServiceAccount => {
            in_time(in_cluster(kind, typed, &cluster, environment))?
        }
    })
}

async fn in_cluster(
    kind: Kind,
    typed: &str,
    cluster: &ClusterArgs,
    environment: &Environment,
) -> Result<Vec<String>, Failure> {
    let connection = cluster::connect(cluster, environment).await?;
    let namespace = connection.namespace.as_str();
    match (kind, typed.split_once('/')) {
        (Kind::Namespace, _) => names::namespaces(&connection).await,
        (Kind::ServiceAccount, typed) => {
            let kind = typed.map_or("serviceaccount", |(kind, _)| kind);
            let accounts = names::service_accounts(&connection, namespace).await?;
            Ok(accounts.iter().map(|name| format!("{kind}/{name}")).collect())
        }
        (Kind::SecretAnywhere, Some((namespace, _))) => {
            let secrets = names::pull_secrets(&connection, namespace).await?;
            Ok(secrets.iter().map(|name| format!("{namespace}/{name}")).collect())
        }
        (Kind::SecretAnywhere, None) => {
            let mut choices = names::pull_secrets(&connection, namespace).await?;
            // Who may not list them can still type one.
            let namespaces = names::namespaces(&connection).await.unwrap_or_default();
            choices.extend(namespaces.iter().map(|namespace| format!("{namespace}/")));
            Ok(choices)
        }
        _ => names::pull_secrets(&connection, namespace).await,
    }
}

/// What the line says about the cluster.
fn cluster_args(line: &Line) -> Result<ClusterArgs, Failure> {
    let mut words = vec!["kubectl-regcred".to_owned()];
    let flags = <Flags as clap::CommandFactory>::command();
    for (arg, value) in line.given() {
        let is_cluster_flag = flags.get_arguments().any(|flag| flag.get_id() == arg.get_id());
        if let (true, Some(long)) = (is_cluster_flag, arg.get_long()) {
            words.push(value.map_or_else(|| format!("--{long}"), |value| format!("--{long}={value}")));
        }
    }
    let parsed = Flags::try_parse_from(words);
    let mut cluster = parsed.map_err(|_| Failure::usage("the flags can't be understood"))?.cluster;
    // Where several are meant, what one of them has is as good as any.
    cluster.namespace = cluster.namespace.pop().into_iter().collect();
    Ok(line.value("from_context").map_or_else(|| cluster.clone(), |context| cluster.for_context(context)))
}

/// Does the work unless it takes too long.
fn in_time<T>(work: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| failed(&error))?;
    let outcome = runtime.block_on(async { tokio::time::timeout(PATIENCE, work).await });
    // A name server that doesn't answer must not keep us.
    runtime.shutdown_background();
    outcome.map_err(|error| failed(&error))?
}

fn failed(error: &dyn std::error::Error) -> Failure {
    Failure::new(exit::FAILED, format!("can't look it up: {error}"))
}
