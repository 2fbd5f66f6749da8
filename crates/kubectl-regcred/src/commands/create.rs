//! `kubectl regcred create`.

mod plan;
mod targets;

use clap::Args;
use k8s_openapi::api::core::v1::Secret;
use serde_json::{Value, json};

use super::flags::{ChangeArgs, DryRun, ExpiryArgs, Format};
use crate::cli::ClusterArgs;
use crate::cluster::attach::{self, Wish};
use crate::cluster::consumers::Kind;
use crate::cluster::create::{to_kubernetes, to_object};
use crate::cluster::{self, ChangeOptions, Changed, Connection, bulk};
use crate::environment::Environment;
use crate::failure::{Failure, exit};
use crate::output;
use crate::source::{SourceArgs, gather};
use plan::{Plan, warn_of_findings};
use targets::{TargetArgs, Targets};

const EXAMPLES: &str = "\
Examples:
  # From the password of a robot account, which no shell history sees
  printf %s \"$PASSWORD\" | kubectl regcred create regcred --password-stdin \\
    --docker-server=ghcr.io --docker-username=robot

  # From what docker or podman is logged in to, credential helpers included
  kubectl regcred create regcred --from-docker-config \\
    --registry=ghcr.io --registry=docker.io

  # For the pods that are to come of a service account
  kubectl regcred create regcred --from-docker-config \\
    --attach=serviceaccount/default

  # The same Secret into every namespace of a team
  kubectl regcred create regcred --from-secret=shared/regcred \\
    --namespace-selector=team=a --exclude-namespace='*-test'

  # As a manifest, without a cluster
  kubectl regcred create regcred --from-docker-config --dry-run=client -o yaml

Exit codes: 0 done; 1 failed; 2 wrong usage; 3 the Secret would fail every pull;
4 not found; 6 the cluster refused or can't be reached; 7 a credential helper
failed; 8 the Secret exists already.";

/// Create a pull secret (a Secret of type kubernetes.io/dockerconfigjson)
#[derive(Args)]
#[command(after_help = EXAMPLES, override_usage = "kubectl regcred create NAME [OPTIONS]")]
pub(crate) struct CreateArgs {
    /// The name of the Secret
    #[arg(value_name = "NAME")]
    names: Vec<String>,
    #[command(flatten)]
    source: SourceArgs,
    #[command(flatten)]
    targets: TargetArgs,
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
    #[command(flatten)]
    expiry: ExpiryArgs,
    /// Create the Secret although it would fail every pull of the pods that name it, and attach it to a service
    /// account that somebody else manages
    #[arg(long, help_heading = "Secret")]
    force: bool,
    #[command(flatten)]
    change: ChangeArgs,
    /// Print the Secret, its data included, or its name
    #[arg(short, long, value_name = "FORMAT", help_heading = "Output")]
    output: Option<Format>,
}

/// What came of one namespace.
struct Outcome {
    /// The namespace, if one was named.
    namespace: Option<String>,
    result: Result<Done, Failure>,
}

/// The Secret as it is now, and what became of the service accounts.
struct Done {
    secret: Secret,
    attached: Vec<(String, Result<Changed, Failure>)>,
}

pub(crate) fn run(
    args: &CreateArgs,
    cluster: &ClusterArgs,
    environment: &Environment,
) -> Result<u8, Failure> {
    super::block_on(create(args, cluster, environment))
}

async fn create(args: &CreateArgs, cluster: &ClusterArgs, environment: &Environment) -> Result<u8, Failure> {
    let plan = Plan::of(args, environment)?;
    let targets = Targets::of(&args.targets, cluster, args.change.dry_run == DryRun::Client)?;
    // Before anything else can read standard input: an exec plugin of the kubeconfig may.
    let secret = plan.secret(gather(&args.source, cluster, environment).await?)?;
    warn_of_findings(&secret, environment.now, args.force)?;
    let secret = to_kubernetes(&secret);

    if args.change.dry_run == DryRun::Client {
        let attached: Vec<_> =
            targets.accounts.iter().map(|account| (account.clone(), Ok(Changed::Done))).collect();
        let outcomes = targets.named_or_none().into_iter().map(|namespace| {
            let done =
                Done { secret: in_namespace(&secret, namespace.as_deref()), attached: attached.clone() };
            Outcome { namespace, result: Ok(done) }
        });
        return report(&outcomes.collect::<Vec<_>>(), args, &targets);
    }

    let mut single = cluster.clone();
    single.namespace.clear();
    let connection = cluster::connect(&single, environment).await?;
    let namespaces = targets.resolve(&connection).await?;
    let options = args.change.options();
    let mut progress = output::Progress::new(namespaces.len(), "namespaces", environment.stderr_is_terminal);
    let total = namespaces.len();
    let work = |namespace: String| {
        let secret = in_namespace(&secret, Some(&namespace));
        let (connection, options, targets) = (&connection, &options, &targets);
        async move {
            let result = create_in(connection, &namespace, &secret, targets, options, args.force).await;
            Outcome { namespace: Some(namespace), result }
        }
    };
    let count = |_, _: &_| progress.step();
    let (ended, interrupted) = bulk::run(namespaces.clone(), work, count).await?;
    progress.clear();
    let outcomes = ended.into_iter().zip(namespaces).filter_map(|(ended, namespace)| match ended {
        bulk::Progress::Finished(outcome) => Some(outcome),
        bulk::Progress::Unknown => {
            let message = format!(
                "interrupted; whether the Secret was created in namespace {namespace:?} is not known"
            );
            let result = Err(Failure::new(exit::INTERRUPTED, message));
            Some(Outcome { namespace: Some(namespace), result })
        }
        bulk::Progress::NotBegun => None,
    });
    let outcomes: Vec<_> = outcomes.collect();
    let code = report(&outcomes, args, &targets)?;
    if interrupted {
        let message = format!("interrupted; {} of {total} namespaces were not begun", total - outcomes.len());
        return Err(Failure::new(exit::INTERRUPTED, message).hint("the same command again does the rest"));
    }
    Ok(code)
}

async fn create_in(
    connection: &Connection,
    namespace: &str,
    secret: &Secret,
    targets: &Targets,
    options: &ChangeOptions,
    force: bool,
) -> Result<Done, Failure> {
    let created = cluster::create::create(connection, namespace, secret, options).await?;
    let name = created.metadata.name.as_deref().unwrap_or_default();
    let mut attached = Vec::new();
    for account in &targets.accounts {
        let wish = Wish { secret: name, attached: true, force };
        let attach = async {
            let found = attach::get(connection, Kind::ServiceAccount, namespace, account).await?;
            attach::apply(connection, found, wish, options).await
        };
        attached.push((account.clone(), attach.await));
    }
    Ok(Done { secret: created, attached })
}

fn in_namespace(secret: &Secret, namespace: Option<&str>) -> Secret {
    let mut secret = secret.clone();
    secret.metadata.namespace = namespace.map(str::to_owned);
    secret
}

/// Prints what came of each namespace, and returns the exit code.
fn report(outcomes: &[Outcome], args: &CreateArgs, targets: &Targets) -> Result<u8, Failure> {
    let done: Vec<_> =
        outcomes.iter().filter_map(|outcome| Some((outcome, outcome.result.as_ref().ok()?))).collect();
    print_all(&done, args, targets).map_err(|failure| match done.len() {
        0 => failure,
        _ if args.change.dry_run != DryRun::None => failure,
        1 => Failure { message: format!("the Secret is created, but {}", failure.message), ..failure },
        count => {
            Failure { message: format!("{count} Secrets are created, but {}", failure.message), ..failure }
        }
    })?;
    let failures = failures(outcomes);
    let Some((first, rest)) = failures.split_first() else { return Ok(exit::DONE) };
    if !targets.is_bulk && rest.is_empty() {
        return Err(first.clone());
    }
    for failure in &failures {
        output::failure(failure);
    }
    if targets.is_bulk {
        output::note(&format!(
            "created in {} of {} namespaces; the same command again does the rest",
            done.len(),
            outcomes.len()
        ));
    }
    Ok(if rest.iter().all(|failure| failure.code == first.code) { first.code } else { exit::FAILED })
}

fn print_all(done: &[(&Outcome, &Done)], args: &CreateArgs, targets: &Targets) -> Result<(), Failure> {
    match args.output {
        None => done
            .iter()
            .try_for_each(|(outcome, done)| print(outcome, done, args.change.dry_run, targets.is_bulk)),
        Some(Format::Name) => {
            done.iter().try_for_each(|(_, done)| output::line(&format!("secret/{}", name(&done.secret))))
        }
        Some(Format::Json | Format::Yaml) if done.is_empty() => Ok(()),
        Some(Format::Json) => output::json(&objects(done, targets.is_bulk)?),
        Some(Format::Yaml) => output::yaml(&objects(done, targets.is_bulk)?),
    }
}

/// Everything that failed, each with its namespace.
fn failures(outcomes: &[Outcome]) -> Vec<Failure> {
    let mut failures = Vec::new();
    for outcome in outcomes {
        match &outcome.result {
            Err(failure) => failures.push(failure.clone()),
            Ok(done) => failures.extend(done.attached.iter().filter_map(|(_, result)| {
                let failure = result.as_ref().err()?;
                let message = format!(
                    "secret/{} is created, but not attached: {}",
                    name(&done.secret),
                    failure.message
                );
                Some(Failure { message, ..failure.clone() })
            })),
        }
    }
    failures
}

fn print(outcome: &Outcome, done: &Done, dry_run: DryRun, is_bulk: bool) -> Result<(), Failure> {
    let suffix = dry_run.suffix();
    let place = match &outcome.namespace {
        Some(namespace) if is_bulk => format!(" in namespace {namespace}"),
        _ => String::new(),
    };
    let secret = name(&done.secret);
    output::line(&format!("secret/{secret} created{place}{suffix}"))?;
    for (account, result) in &done.attached {
        let change = match result {
            Ok(Changed::Done) => "attached",
            Ok(Changed::AlreadySo) => "was attached already",
            Err(_) => continue,
        };
        output::line(&format!("secret/{secret} {change} to serviceaccount/{account}{place}{suffix}"))?;
    }
    Ok(())
}

/// The Secret, or a List of them.
fn objects(done: &[(&Outcome, &Done)], is_bulk: bool) -> Result<Value, Failure> {
    let mut objects = done.iter().map(|(_, done)| to_object(&done.secret)).collect::<Result<Vec<_>, _>>()?;
    if is_bulk {
        return Ok(json!({"kind": "List", "apiVersion": "v1", "metadata": {}, "items": objects}));
    }
    Ok(objects.pop().unwrap_or_default())
}

fn name(secret: &Secret) -> &str {
    secret.metadata.name.as_deref().unwrap_or_default()
}
