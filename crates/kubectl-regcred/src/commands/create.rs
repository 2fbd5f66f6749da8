//! `kubectl regcred create`.

use std::collections::BTreeMap;
use std::time::Duration;

use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use clap::{Args, ValueEnum};
use k8s_openapi::api::core::v1::Secret;
use regcred_core::credential::{Login, expiry};
use regcred_core::docker_config::{DockerConfig, Form};
use regcred_core::kubelet::Stored;
use regcred_core::lint::{Finding, Level, Subject, lint};
use regcred_core::metadata::{check_annotation_key, check_label, check_name, check_namespace};
use regcred_core::pull_secret::{PullSecret, TYPE};

use crate::cli::ClusterArgs;
use crate::cluster;
use crate::cluster::create::{CreateOptions, to_kubernetes, to_object};
use crate::environment::Environment;
use crate::failure::{Failure, exit};
use crate::output;
use crate::source::{SourceArgs, Sourced, gather};

/// When the credential expires, RFC 3339 in UTC (design: only annotations of a domain that is ours).
const EXPIRES_AT: &str = "kubectl-regcred/expires-at";

const EXAMPLES: &str = "\
Examples:
  # From the password of a robot account, which no shell history sees
  printf %s \"$PASSWORD\" |
    kubectl regcred create regcred --docker-server=ghcr.io --docker-username=robot --password-stdin

  # From what docker or podman is logged in to, the passwords of credential helpers included
  kubectl regcred create regcred --from-docker-config --registry=ghcr.io --registry=docker.io

  # As a manifest, without a cluster
  kubectl regcred create regcred --from-docker-config --dry-run=client -o yaml

Exit codes: 0 done; 1 failed; 2 wrong usage; 3 the Secret would fail every pull; 4 not found;
6 the cluster refused or can't be reached; 7 a credential helper failed; 8 the Secret exists already.";

/// Create a pull secret (a Secret of type kubernetes.io/dockerconfigjson)
#[derive(Args)]
#[command(after_help = EXAMPLES, override_usage = "kubectl regcred create NAME [OPTIONS]")]
pub(crate) struct CreateArgs {
    /// The name of the Secret
    #[arg(value_name = "NAME")]
    names: Vec<String>,
    #[command(flatten)]
    source: SourceArgs,
    /// Append a hash of the Secret's content to its name, as kubectl does
    #[arg(long, help_heading = "Secret")]
    append_hash: bool,
    /// Freeze the Secret: its data can't be changed any more
    #[arg(long, help_heading = "Secret")]
    immutable: bool,
    /// A label for the Secret (repeatable)
    #[arg(long, value_name = "KEY=VALUE", help_heading = "Secret")]
    label: Vec<String>,
    /// An annotation for the Secret (repeatable)
    #[arg(long, value_name = "KEY=VALUE", help_heading = "Secret")]
    annotation: Vec<String>,
    /// When the credential expires, as 2030-01-31T12:00:00Z [default: what its token says, if it is one]
    #[arg(long, value_name = "TIME", conflicts_with = "expires_in", help_heading = "Secret")]
    expires_at: Option<DateTime<Utc>>,
    /// In how long the credential expires, such as 12h or 90d
    #[arg(long, value_name = "DURATION", value_parser = humantime::parse_duration, help_heading = "Secret")]
    expires_in: Option<Duration>,
    /// Create the Secret although it would fail every pull of the pods that name it
    #[arg(long, help_heading = "Secret")]
    force: bool,
    /// Only show what would be created: with `client` nothing is sent, with `server` the server tries it
    #[arg(
        long,
        value_name = "MODE",
        default_value = "none",
        hide_possible_values = false,
        help_heading = "Output"
    )]
    dry_run: DryRun,
    /// Print the Secret, its data included, or its name
    #[arg(short, long, value_name = "FORMAT", help_heading = "Output")]
    output: Option<Format>,
    /// Who the change is recorded for
    #[arg(long, value_name = "NAME", default_value = "kubectl-regcred", help_heading = "Output")]
    field_manager: String,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum DryRun {
    None,
    Client,
    Server,
}

#[derive(Clone, Copy, ValueEnum)]
enum Format {
    Json,
    Yaml,
    Name,
}

pub(crate) fn run(args: CreateArgs, cluster: &ClusterArgs, environment: &Environment) -> Result<(), Failure> {
    super::block_on(create(args, cluster, environment))
}

async fn create(args: CreateArgs, cluster: &ClusterArgs, environment: &Environment) -> Result<(), Failure> {
    let plan = Plan::of(&args, cluster, environment)?;
    // Before anything else can read standard input: an exec plugin of the kubeconfig may.
    let secret = plan.secret(gather(&args.source, environment).await?)?;
    warn_of_findings(&secret, environment.now, args.force)?;
    let secret = to_kubernetes(&secret);
    let created = if args.dry_run == DryRun::Client {
        secret
    } else {
        let connection = cluster::connect(cluster, environment).await?;
        let dry_run = args.dry_run == DryRun::Server;
        let options = CreateOptions { dry_run, field_manager: args.field_manager.clone() };
        cluster::create::create(&connection, &secret, &options).await?
    };
    report(&created, args.dry_run, args.output)
}

fn report(secret: &Secret, dry_run: DryRun, format: Option<Format>) -> Result<(), Failure> {
    let name = secret.metadata.name.as_deref().unwrap_or_default();
    let suffix = match dry_run {
        DryRun::None => "",
        DryRun::Client => " (dry run)",
        DryRun::Server => " (server dry run)",
    };
    match format {
        None => output::line(&format!("secret/{name} created{suffix}")),
        Some(Format::Name) => output::line(&format!("secret/{name}")),
        Some(Format::Json) => output::json(&to_object(secret)?),
        Some(Format::Yaml) => output::yaml(&to_object(secret)?),
    }
}

/// What the flags say of the Secret, checked before any password is asked for.
struct Plan<'a> {
    name: &'a str,
    namespace: Option<String>,
    append_hash: bool,
    immutable: bool,
    labels: BTreeMap<String, String>,
    annotations: BTreeMap<String, String>,
    expires_at: Option<DateTime<Utc>>,
}

impl<'a> Plan<'a> {
    fn of(args: &'a CreateArgs, cluster: &ClusterArgs, environment: &Environment) -> Result<Self, Failure> {
        let [name] = args.names.as_slice() else {
            // Not quoted: what is too much may be a password.
            return Err(Failure::usage(format!("exactly one NAME is required, got {}", args.names.len()))
                .hint("kubectl regcred create NAME …; see `kubectl regcred create --help`"));
        };
        check_name(name).map_err(|error| Failure::usage(error.to_string()))?;
        if let Some(namespace) = &cluster.namespace {
            check_namespace(namespace).map_err(|error| Failure::usage(error.to_string()))?;
        }
        let mut labels: BTreeMap<_, _> =
            [("app.kubernetes.io/managed-by".to_owned(), "kubectl-regcred".to_owned())].into();
        for label in &args.label {
            let (key, value) = key_value("--label", label)?;
            check_label(key, value).map_err(|error| Failure::usage(format!("--label: {error}")))?;
            labels.insert(key.to_owned(), value.to_owned());
        }
        let mut annotations = BTreeMap::new();
        for annotation in &args.annotation {
            let (key, value) = key_value("--annotation", annotation)?;
            check_annotation_key(key).map_err(|error| Failure::usage(format!("--annotation: {error}")))?;
            annotations.insert(key.to_owned(), value.to_owned());
        }
        let now = environment.now;
        let expires_in = args.expires_in.map(|duration| {
            let until = TimeDelta::from_std(duration).ok().and_then(|delta| now.checked_add_signed(delta));
            until.ok_or_else(|| Failure::usage("--expires-in is further away than any calendar goes"))
        });
        if let Some(past) = args.expires_at.filter(|at| *at <= now) {
            return Err(Failure::usage(format!("--expires-at {past} has passed already")));
        }
        let expires_at = args.expires_at.or(expires_in.transpose()?);
        Ok(Self {
            name,
            namespace: cluster.namespace.clone(),
            append_hash: args.append_hash,
            immutable: args.immutable,
            labels,
            annotations,
            expires_at,
        })
    }

    /// The Secret to create.
    fn secret(self, sourced: Sourced) -> Result<PullSecret, Failure> {
        let secret = match sourced {
            Sourced::Data(data) => PullSecret::from_data(self.name, data),
            Sourced::Credentials(credentials) => PullSecret::from_credentials(self.name, &credentials),
        };
        let mut secret = secret.map_err(|error| Failure::new(exit::FAILED, error.to_string()))?;
        secret.namespace = self.namespace;
        secret.immutable = self.immutable.then_some(true);
        secret.labels = self.labels;
        secret.annotations = self.annotations;
        if let Some(at) = self.expires_at.or_else(|| first_expiry(&secret)) {
            secret.annotations.insert(EXPIRES_AT.to_owned(), at.to_rfc3339_opts(SecondsFormat::Secs, true));
        }
        if self.append_hash {
            secret.name = format!("{}-{}", secret.name, secret.hash_suffix());
            check_name(&secret.name).map_err(|error| {
                Failure::usage(format!("with the hash appended, {error}")).hint("choose a shorter name")
            })?;
        }
        Ok(secret)
    }
}

/// Shows what is wrong with the Secret; what is fatal stops here, unless `force` says otherwise.
fn warn_of_findings(secret: &PullSecret, now: DateTime<Utc>, force: bool) -> Result<(), Failure> {
    let text = secret.docker_config_text();
    let stored = Stored { kind: TYPE, docker_config_json: Some(text), dockercfg: None };
    let findings = lint(&Subject { stored, last_applied: None, now });
    for Finding { entry, problem } in &findings {
        let entry = entry.as_ref().map(|entry| format!("{entry:?}: ")).unwrap_or_default();
        let text = format!("{entry}{problem}; {}", problem.remedy());
        if problem.level() == Level::Note { output::note(&text) } else { output::warning(&text) }
    }
    if !force && findings.iter().any(|finding| finding.problem.level() == Level::Fatal) {
        return Err(Failure::new(
            exit::PROBLEMS,
            "this Secret would fail every pull of the pods that name it",
        )
        .hint("mend what the warnings name; --force creates it all the same"));
    }
    Ok(())
}

/// When the first of the Secret's tokens expires: it is as good as no longer.
fn first_expiry(secret: &PullSecret) -> Option<DateTime<Utc>> {
    let config = DockerConfig::parse(secret.docker_config_text(), Form::Config).ok()?;
    let logins = config.entries().into_iter().filter_map(|entry| entry.login().ok().flatten());
    let passwords = logins.filter_map(|login| match login {
        Login::Password(credential) => Some(credential.password),
        Login::IdentityToken(_) | Login::RegistryToken(_) => None,
    });
    passwords.filter_map(|password| expiry(&password)).min()
}

fn key_value<'a>(flag: &str, text: &'a str) -> Result<(&'a str, &'a str), Failure> {
    text.split_once('=').ok_or_else(|| Failure::usage(format!("{flag} {text:?} is not KEY=VALUE")))
}
