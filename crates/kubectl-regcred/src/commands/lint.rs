//! `kubectl regcred lint`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use regcred_core::lint::{Finding, Level, Subject, lint};
use serde_json::{Value, json};

use crate::cli::ClusterArgs;
use crate::cluster::{self, Scope};
use crate::environment::Environment;
use crate::failure::{Failure, exit};
use crate::manifest::{self, SecretData};
use crate::output;

const EXAMPLES: &str = "\
Examples:
  # The pull secrets of the namespace, of all namespaces, or some
  kubectl regcred lint
  kubectl regcred lint -A
  kubectl regcred lint ghcr hub

  # Manifests before they are applied, or a docker config before it is copied
  kubectl kustomize deploy | kubectl regcred lint -f - --fail-on=warning
  kubectl regcred lint -f ~/.docker/config.json

Exit codes: 0 no findings that count; 1 a file can't be read; 2 wrong usage;
3 findings from --fail-on up; 4 not found; 6 the cluster refused or can't be
reached.";

/// Find what is wrong with pull secrets, in the cluster or in files
///
/// A fatal finding fails every pull of every pod that names the Secret. A warning means that some pulls will not
/// get the credential that was meant. A note is worth knowing.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct LintArgs {
    /// The Secrets to look at [default: all pull secrets]
    #[arg(value_name = "SECRET")]
    names: Vec<String>,
    /// Look at a file instead, or at standard input (-): Secret manifests in YAML or JSON, or a docker config
    /// (repeatable)
    #[arg(short, long, value_name = "FILE", conflicts_with_all = ["names", "all_namespaces", "selector"])]
    filename: Vec<PathBuf>,
    /// Look in all namespaces
    #[arg(short = 'A', long, conflicts_with = "names")]
    all_namespaces: bool,
    /// Only the Secrets with these labels
    #[arg(short = 'l', long, value_name = "SELECTOR", conflicts_with = "names")]
    selector: Option<String>,
    /// The level from which findings make the exit code 3
    #[arg(long, value_name = "LEVEL", default_value = "fatal")]
    fail_on: FailOn,
    /// Print an object instead of lines
    #[arg(short, long, value_name = "FORMAT")]
    output: Option<output::ObjectFormat>,
}

#[derive(Clone, Copy, ValueEnum)]
enum FailOn {
    Fatal,
    Warning,
}

/// What was looked at, and what is wrong with it.
struct Linted {
    file: Option<PathBuf>,
    namespace: Option<String>,
    name: Option<String>,
    findings: Vec<Finding>,
}

pub(crate) fn run(args: &LintArgs, cluster: &ClusterArgs, environment: &Environment) -> Result<u8, Failure> {
    let mut linted = Vec::new();
    if args.filename.is_empty() {
        linted = super::block_on(from_cluster(args, cluster, environment))?;
    }
    for path in &args.filename {
        let secrets = manifest::read(path)?;
        linted.extend(secrets.into_iter().map(|secret| look_at(Some(path.clone()), secret, environment)));
    }
    match args.output {
        None => print(&linted)?,
        Some(format) => format.print(&report(&linted))?,
    }
    let limit = match args.fail_on {
        FailOn::Fatal => Level::Fatal,
        FailOn::Warning => Level::Warning,
    };
    let fails =
        linted.iter().flat_map(|secret| &secret.findings).any(|finding| finding.problem.level() >= limit);
    Ok(if fails { exit::PROBLEMS } else { exit::DONE })
}

async fn from_cluster(
    args: &LintArgs,
    cluster: &ClusterArgs,
    environment: &Environment,
) -> Result<Vec<Linted>, Failure> {
    let connection = cluster::connect(cluster, environment).await?;
    let look_at = |secret| look_at(None, secret, environment);
    if args.names.is_empty() {
        let scope = Scope {
            namespace: (!args.all_namespaces).then_some(connection.namespace.as_str()),
            selector: args.selector.as_deref(),
            fields: None,
            types: cluster::ALL_TYPES,
        };
        return cluster::pull_secrets(&connection, scope, look_at).await;
    }
    let mut linted = Vec::new();
    for name in &args.names {
        linted.push(look_at(cluster::secret(&connection, &connection.namespace, name).await?));
    }
    Ok(linted)
}

fn look_at(file: Option<PathBuf>, secret: SecretData, environment: &Environment) -> Linted {
    let subject =
        Subject { stored: secret.stored(), last_applied: secret.last_applied(), now: environment.now };
    let findings = lint(&subject);
    Linted { file, findings, namespace: secret.namespace, name: secret.name }
}

impl Linted {
    /// What to call it in a line: `namespace/name`, or the file.
    fn title(&self) -> String {
        match (&self.namespace, &self.name, &self.file) {
            (Some(namespace), Some(name), _) => format!("{namespace}/{name}"),
            (None, Some(name), _) => name.clone(),
            (_, None, Some(file)) => file.display().to_string(),
            (_, None, None) => "a Secret without a name".to_owned(),
        }
    }
}

fn print(linted: &[Linted]) -> Result<(), Failure> {
    for secret in linted {
        for Finding { entry, problem } in &secret.findings {
            let entry = entry.as_ref().map(|entry| format!("{entry:?}: ")).unwrap_or_default();
            output::line(&format!("{}: {}: {entry}{problem}", secret.title(), problem.level()))?;
            output::line(&format!("    remedy: {}", problem.remedy()))?;
        }
    }
    let levels = || linted.iter().flat_map(|secret| &secret.findings).map(|finding| finding.problem.level());
    let count = |level| levels().filter(|found| *found == level).count();
    output::note(&format!(
        "looked at {}: {}, {}, {}",
        plural(linted.len(), "pull secret"),
        format_args!("{} fatal", count(Level::Fatal)),
        plural(count(Level::Warning), "warning"),
        plural(count(Level::Note), "note"),
    ));
    Ok(())
}

fn plural(count: usize, noun: &str) -> String {
    if count == 1 { format!("1 {noun}") } else { format!("{count} {noun}s") }
}

fn report(linted: &[Linted]) -> Value {
    let findings =
        linted.iter().flat_map(|secret| secret.findings.iter().map(move |finding| (secret, finding)));
    let findings: Vec<_> = findings
        .map(|(secret, Finding { entry, problem })| {
            json!({
                "level": problem.level().to_string(),
                "code": problem.code(),
                "file": secret.file.as_ref().map(|file| file.display().to_string()),
                "namespace": secret.namespace,
                "secret": secret.name,
                "entry": entry,
                "reason": problem.to_string(),
                "remedy": problem.remedy(),
            })
        })
        .collect();
    json!({"apiVersion": "regcred/v1", "kind": "LintReport", "secrets": linted.len(), "findings": findings})
}
