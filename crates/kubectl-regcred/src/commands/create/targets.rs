//! Where `create` works: in which namespaces, and for which service accounts.

use clap::Args;
use regcred_core::metadata::{check_name, check_namespace};
use regcred_core::pattern::{Match, matches};

use crate::cli::ClusterArgs;
use crate::cluster::{self, Connection};
use crate::failure::{Failure, exit};

/// The flags that say where, beside `--namespace`.
#[derive(Args)]
#[command(next_help_heading = "Where")]
pub(super) struct TargetArgs {
    /// Work in these namespaces, as if --namespace were given for each
    #[arg(long, value_name = "NAMESPACE", value_delimiter = ',', conflicts_with = "namespace_selector")]
    namespaces: Vec<String>,
    /// Work in every namespace with these labels
    #[arg(long, value_name = "SELECTOR", conflicts_with = "namespace")]
    namespace_selector: Option<String>,
    /// But not in the namespaces that match this pattern, such as kube-* (repeatable)
    #[arg(long, value_name = "GLOB")]
    exclude_namespace: Vec<String>,
    /// Add the Secret to a service account too: the pods that it starts from now on pull with it (repeatable)
    #[arg(long, value_name = "serviceaccount/NAME")]
    attach: Vec<String>,
}

/// Where to work.
pub(super) struct Targets {
    named: Vec<String>,
    selector: Option<String>,
    excluded: Vec<String>,
    /// Whether several namespaces may be meant, so that messages name them.
    pub(super) is_bulk: bool,
    /// The names of the service accounts.
    pub(super) accounts: Vec<String>,
}

impl Targets {
    /// Checks the flags.
    pub(super) fn of(args: &TargetArgs, cluster: &ClusterArgs, offline: bool) -> Result<Self, Failure> {
        let mut named: Vec<String> = Vec::new();
        for namespace in cluster.namespace.iter().chain(&args.namespaces) {
            check_namespace(namespace).map_err(|error| Failure::usage(error.to_string()))?;
            if !named.contains(namespace) {
                named.push(namespace.clone());
            }
        }
        for pattern in &args.exclude_namespace {
            if matches(pattern.as_bytes(), b"") == Match::Malformed {
                return Err(Failure::usage(format!(
                    "--exclude-namespace {pattern:?} is not a valid pattern"
                )));
            }
        }
        if offline && args.namespace_selector.is_some() {
            return Err(Failure::usage(
                "--namespace-selector has to ask the cluster, and --dry-run=client must not",
            )
            .hint("use --dry-run=server, or name the namespaces with --namespaces"));
        }
        let accounts = args.attach.iter().map(|target| service_account(target)).collect::<Result<_, _>>()?;
        let excluded = args.exclude_namespace.clone();
        let is_bulk = named.len() > 1 || !args.namespaces.is_empty() || args.namespace_selector.is_some();
        let mut targets =
            Self { named, selector: args.namespace_selector.clone(), excluded, is_bulk, accounts };
        if !targets.named.is_empty() {
            targets.named = targets.without_excluded(targets.named.clone())?;
        }
        Ok(targets)
    }

    /// The namespaces that were named, or one that is none.
    pub(super) fn named_or_none(&self) -> Vec<Option<String>> {
        if self.named.is_empty() { vec![None] } else { self.named.iter().cloned().map(Some).collect() }
    }

    /// The namespaces: those named, those with the labels, or that of the context.
    pub(super) async fn resolve(&self, connection: &Connection) -> Result<Vec<String>, Failure> {
        match &self.selector {
            Some(selector) => {
                self.without_excluded(cluster::namespaces_with_labels(connection, selector).await?)
            }
            None if self.named.is_empty() => Ok(vec![connection.namespace.clone()]),
            None => Ok(self.named.clone()),
        }
    }

    fn without_excluded(&self, mut namespaces: Vec<String>) -> Result<Vec<String>, Failure> {
        let is_excluded = |namespace: &String| {
            self.excluded
                .iter()
                .any(|pattern| matches(pattern.as_bytes(), namespace.as_bytes()) == Match::Yes)
        };
        namespaces.retain(|namespace| !is_excluded(namespace));
        if namespaces.is_empty() {
            return Err(Failure::new(exit::NOT_FOUND, "no namespace is left to work in")
                .hint("`kubectl get namespaces --show-labels` shows what there is"));
        }
        Ok(namespaces)
    }
}

/// The name in `serviceaccount/NAME`, as kubectl abbreviates it too.
fn service_account(target: &str) -> Result<String, Failure> {
    let Some(("serviceaccount" | "serviceaccounts" | "sa", name)) = target.split_once('/') else {
        return Err(Failure::usage(format!("--attach {target:?} is not serviceaccount/NAME")));
    };
    check_name(name).map_err(|_| Failure::usage(format!("--attach: {name:?} is not a valid name")))?;
    Ok(name.to_owned())
}
