//! From the flags and the kubeconfig to a client.

use std::path::PathBuf;

use kube::config::{KubeConfigOptions, Kubeconfig, KubeconfigError};
use kube::{Client, Config};

use super::failure::client_failure;
use crate::cli::ClusterArgs;
use crate::environment::Environment;
use crate::failure::{Failure, exit};

/// A cluster that can be talked to, and the namespace to work in.
pub(crate) struct Connection {
    pub(crate) client: Client,
    pub(crate) namespace: String,
    /// Where the API server is, for messages.
    pub(crate) server: String,
}

/// Makes a client as kubectl would: from `--kubeconfig`, `KUBECONFIG`, `~/.kube/config`, or inside a pod from
/// its service account. Nothing is sent yet.
pub(crate) async fn connect(args: &ClusterArgs, environment: &Environment) -> Result<Connection, Failure> {
    let named = args.one_namespace()?;
    let mut config = match kubeconfig(args, environment)? {
        Some(kubeconfig) => from_kubeconfig(kubeconfig, args).await?,
        None => Config::incluster_env().map_err(|error| {
            Failure::new(exit::CLUSTER, format!("can't use the service account of this pod: {error}"))
        })?,
    };
    // It repeats POST too, and up to 15 times. Who retries should know what was sent.
    config.default_retry = false;
    let namespace = named.map_or_else(|| config.default_namespace.clone(), str::to_owned);
    let server = config.cluster_url.to_string();
    let client = Client::try_from(config).map_err(|error| client_failure(&error, &server))?;
    Ok(Connection { client, namespace, server })
}

/// The merged kubeconfig; `None` if there is none and the environment is that of a pod.
fn kubeconfig(args: &ClusterArgs, environment: &Environment) -> Result<Option<Kubeconfig>, Failure> {
    if let Some(path) = &args.kubeconfig {
        return if path.exists() {
            read(path).map(Some)
        } else {
            Err(Failure::new(exit::NOT_FOUND, format!("there is no kubeconfig {path:?}")))
        };
    }
    let listed: Vec<PathBuf> = match environment.var("KUBECONFIG") {
        Some(list) => std::env::split_paths(list).filter(|path| !path.as_os_str().is_empty()).collect(),
        None => environment.home().map(|home| home.join(".kube").join("config")).into_iter().collect(),
    };
    // Like client-go, skip those that aren't there.
    let mut merged: Option<Kubeconfig> = None;
    for path in listed.iter().filter(|path| path.exists()) {
        let next = read(path)?;
        merged = Some(match merged {
            None => next,
            Some(first) => first.merge(next).map_err(|error| kubeconfig_failure(&error))?,
        });
    }
    if merged.is_none() && environment.var("KUBERNETES_SERVICE_HOST").is_none() {
        let looked: Vec<_> = listed.iter().map(|path| format!("{path:?}")).collect();
        return Err(Failure::new(exit::CLUSTER, format!("there is no kubeconfig: looked for {}", looked.join(", ")))
            .hint(
                "name one with --kubeconfig or KUBECONFIG; without a cluster, --dry-run=client -o yaml prints the \
                 Secret",
            ));
    }
    Ok(merged)
}

fn read(path: &PathBuf) -> Result<Kubeconfig, Failure> {
    Kubeconfig::read_from(path).map_err(|error| {
        let failure = kubeconfig_failure(&error);
        Failure { message: format!("{path:?}: {}", failure.message), ..failure }
    })
}

async fn from_kubeconfig(kubeconfig: Kubeconfig, args: &ClusterArgs) -> Result<Config, Failure> {
    let contexts: Vec<_> = kubeconfig.contexts.iter().map(|context| context.name.as_str()).collect();
    let clusters: Vec<_> = kubeconfig.clusters.iter().map(|cluster| cluster.name.as_str()).collect();
    let users: Vec<_> = kubeconfig.auth_infos.iter().map(|user| user.name.as_str()).collect();
    check_listed("context", args.context.as_deref(), &contexts)?;
    check_listed("cluster", args.cluster.as_deref(), &clusters)?;
    check_listed("user", args.user.as_deref(), &users)?;
    let current = kubeconfig.current_context.as_deref().filter(|current| !current.is_empty());
    if args.context.is_none() {
        match current {
            Some(current) => check_listed("current context", Some(current), &contexts)?,
            None => {
                return Err(Failure::new(exit::CLUSTER, "the kubeconfig has no current context")
                    .hint(format!("choose one with --context: {}", quoted(&contexts))));
            }
        }
    }
    let options = KubeConfigOptions {
        context: args.context.clone(),
        cluster: args.cluster.clone(),
        user: args.user.clone(),
    };
    Config::from_custom_kubeconfig(kubeconfig, &options).await.map_err(|error| kubeconfig_failure(&error))
}

fn check_listed(what: &str, name: Option<&str>, listed: &[&str]) -> Result<(), Failure> {
    match name {
        Some(name) if !listed.contains(&name) => {
            Err(Failure::new(exit::NOT_FOUND, format!("the kubeconfig has no {what} {name:?}"))
                .hint(format!("it has: {}", quoted(listed))))
        }
        _ => Ok(()),
    }
}

fn quoted(names: &[&str]) -> String {
    if names.is_empty() {
        return "none at all".to_owned();
    }
    names.iter().map(|name| format!("{name:?}")).collect::<Vec<_>>().join(", ")
}

fn kubeconfig_failure(error: &KubeconfigError) -> Failure {
    let message = match error {
        // The parser quotes the lines around a mistake, and they may hold a token.
        KubeconfigError::Parse(error) => match error.location() {
            Some(at) => format!("the kubeconfig is not valid (line {}, column {})", at.line(), at.column()),
            None => "the kubeconfig is not valid".to_owned(),
        },
        other => other.to_string(),
    };
    Failure::new(exit::CLUSTER, message).hint("`kubectl config view` shows what kubectl makes of it")
}
