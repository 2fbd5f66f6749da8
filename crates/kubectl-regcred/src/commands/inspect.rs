//! `kubectl regcred inspect`.

mod same;
mod text;

use std::path::PathBuf;

use clap::Args;
use regcred_core::docker_config::DockerConfig;
use regcred_core::image::ImageReference;
use regcred_core::kubelet::{Referenced, lookup, reach};
use serde::Serialize;

use crate::cli::ClusterArgs;
use crate::cluster::{
    self,
    consumers::{Consumers, Kind},
};
use crate::environment::Environment;
use crate::failure::{Failure, exit};
use crate::manifest::{self, SecretData};
use crate::output;
use crate::report::{
    self, API_VERSION, Details, FailingPull, Inspection, PullSecret, SameCredential, ShownSecret, UsedBy,
};

const EXAMPLES: &str = "\
Examples:
  # All about pull secrets of the namespace
  kubectl regcred inspect ghcr
  kubectl regcred inspect ghcr hub -o yaml

  # Manifests, or a docker config, without a cluster
  kubectl regcred inspect -f ghcr.yaml
  kubectl regcred inspect -f ~/.docker/config.json

  # The password too, for a person with nobody behind them
  kubectl regcred inspect ghcr --show-secrets

Exit codes: 0 done, whatever was found; 1 a file can't be read; 2 wrong usage;
4 not found; 6 the cluster refused or can't be reached.";

/// Show all about pull secrets: which images they are for, who uses them, which of these fail to pull
///
/// Also: whose credential it is and when it expires, what is wrong with it and what to do, which other Secrets hold
/// the same one, and who manages the Secret. What you may not list is named as unknown. Passwords are shown only
/// with --show-secrets.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct InspectArgs {
    /// The Secrets
    #[arg(value_name = "SECRET", required_unless_present = "filename")]
    names: Vec<String>,
    /// Look at a file instead, or at standard input (-): Secret manifests in YAML or JSON, or a docker config
    /// (repeatable)
    #[arg(short, long, value_name = "FILE", conflicts_with = "names")]
    filename: Vec<PathBuf>,
    /// Show the passwords
    #[arg(long)]
    show_secrets: bool,
    /// Print an object instead of text
    #[arg(short, long, value_name = "FORMAT")]
    output: Option<output::ObjectFormat>,
}

/// What is printed as JSON or YAML.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Report<'a> {
    api_version: &'static str,
    kind: &'static str,
    items: &'a [Inspection],
}

pub(crate) fn run(
    args: &InspectArgs,
    cluster: &ClusterArgs,
    environment: &Environment,
) -> Result<(), Failure> {
    let (items, missing) = if args.filename.is_empty() {
        super::block_on(from_cluster(args, cluster, environment))?
    } else {
        (from_files(args, environment)?, None)
    };
    if args.show_secrets {
        output::warning("passwords are shown");
    }
    match args.output {
        Some(format) => {
            format.print(&Report { api_version: API_VERSION, kind: "InspectReport", items: &items })?;
        }
        None => text::print(&items, environment.now)?,
    }
    missing.map_or(Ok(()), Err)
}

fn from_files(args: &InspectArgs, environment: &Environment) -> Result<Vec<Inspection>, Failure> {
    let mut secrets = Vec::new();
    for path in &args.filename {
        secrets.extend(manifest::read(path)?.into_iter().map(|secret| (path, secret)));
    }
    if secrets.is_empty() {
        return Err(Failure::new(exit::NOT_FOUND, "there is no Secret in what was given"));
    }
    let subjects: Vec<_> = secrets.iter().map(|(_, secret)| same::Subject::of(secret)).collect();
    let mut items = Vec::new();
    for (at, (path, secret)) in secrets.iter().enumerate() {
        let mut item = inspect(secret, args, environment);
        item.file = Some((*path).clone());
        for (other, (path, secret)) in secrets.iter().enumerate().filter(|(other, _)| *other != at) {
            let shared = subjects[at].shared_with(&subjects[other]);
            item.same_credential.extend(shared.into_iter().map(|(entry, key)| SameCredential {
                namespace: secret.namespace.clone(),
                name: secret.name.clone(),
                file: Some((*path).clone()),
                key,
                entry,
            }));
        }
        items.push(item);
    }
    Ok(items)
}

async fn from_cluster(
    args: &InspectArgs,
    cluster: &ClusterArgs,
    environment: &Environment,
) -> Result<(Vec<Inspection>, Option<Failure>), Failure> {
    let connection = cluster::connect(cluster, environment).await?;
    let namespace = connection.namespace.as_str();
    let (mut secrets, mut missing) = (Vec::new(), None);
    for name in &args.names {
        match cluster::secret(&connection, namespace, name).await {
            Ok(secret) => secrets.push(secret),
            // The others are shown all the same, as kubectl does.
            Err(failure) if failure.code == exit::NOT_FOUND => missing = Some(failure),
            Err(failure) => return Err(failure),
        }
    }
    if let (true, Some(failure)) = (secrets.is_empty(), &missing) {
        return Err(failure.clone());
    }
    let namespaces = [namespace.to_owned()];
    let (consumers, failing, (same, same_unknown)) = futures_util::future::try_join3(
        Consumers::gather(&connection, Some(&namespaces)),
        cluster::failing_pulls(&connection, namespace),
        same::search(&connection, &secrets),
    )
    .await?;
    let hidden: Vec<_> = consumers.hidden().into_iter().map(Kind::plural).collect();
    let mut items = Vec::new();
    for (secret, same) in secrets.iter().zip(same) {
        let mut item = inspect(secret, args, environment);
        let name = secret.name.as_deref().unwrap_or_default();
        item.secret.used_by = Some(UsedBy::of(&consumers.of(namespace, name)));
        item.same_credential = same;
        item.failing_pulls = failing.as_ref().map(|failing| {
            let of_this = failing.iter().filter(|pull| pull.secrets.iter().any(|secret| secret == name));
            of_this.map(|pull| failing_pull(pull, secret)).collect()
        });
        item.unknown.extend(same_unknown.clone());
        if !hidden.is_empty() {
            item.unknown.push(format!("who else uses it: not allowed to list {}", hidden.join(", ")));
        }
        if failing.is_none() {
            item.unknown.push("which pods fail to pull: not allowed to list pods".to_owned());
        }
        items.push(item);
    }
    Ok((items, missing))
}

/// What can be said of a Secret by itself.
fn inspect(secret: &SecretData, args: &InspectArgs, environment: &Environment) -> Inspection {
    let mut report = PullSecret::of(secret, environment.now);
    let config = report::docker_config(secret);
    let entries = config.iter().flat_map(DockerConfig::entries);
    for (registry, entry) in report.registries.iter_mut().zip(entries) {
        let login = entry.login().ok().flatten().filter(|_| args.show_secrets);
        registry.details = Some(Details {
            matches: reach(&registry.key),
            // What can't be read is a finding.
            password_field: entry.secret_field().ok().flatten(),
            password: login.map(|login| ShownSecret::new(report::secret_of(&login).clone())),
        });
    }
    Inspection {
        file: None,
        secret: report,
        same_credential: Vec::new(),
        failing_pulls: None,
        unknown: Vec::new(),
    }
}

fn failing_pull(pull: &cluster::FailingPull, secret: &SecretData) -> FailingPull {
    let name = secret.name.as_deref().unwrap_or_default();
    let image: Option<ImageReference> = pull.image.parse().ok();
    let tried =
        image.and_then(|image| lookup(&[Referenced { name, stored: Some(secret.stored()) }], &image).ok());
    FailingPull {
        pod: pull.pod.clone(),
        container: pull.container.clone(),
        image: pull.image.clone(),
        reason: pull.reason.clone(),
        message: pull.message.clone(),
        tried: tried.map(|lookup| !lookup.tried.is_empty()),
    }
}
