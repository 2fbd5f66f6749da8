//! `kubectl regcred list`.

mod dangling;
mod filter;
mod table;

use clap::{Args, ValueEnum};
use futures_util::future::try_join;
use regcred_core::metadata::check_name;
use regcred_core::stored::PULL_TYPES;
use serde::Serialize;

use crate::cli::ClusterArgs;
use crate::cluster::consumers::{Consumers, Kind};
use crate::cluster::{self, Connection, Scope};
use crate::environment::Environment;
use crate::failure::Failure;
use crate::output::{self, table::Look};
use crate::report::{API_VERSION, PullSecret, UsedBy};
use filter::Filter;

const EXAMPLES: &str = "\
Examples:
  # The pull secrets of the namespace, and of all namespaces
  kubectl regcred list
  kubectl regcred list -A -o wide

  # Those that nobody uses; those that expire within a week; those that lint has
  # something against
  kubectl regcred list -A --unused
  kubectl regcred list -A --expiring=7d --sort-by=expires
  kubectl regcred list -A --problems

  # Those with a credential for a registry, as names for a script
  kubectl regcred list --registry=ghcr.io -o name

  # What refers to pull secrets that don't exist
  kubectl regcred list -A --dangling

USED-BY has a ? where somebody may hide: what you may not list is not known.
Custom resources can refer to Secrets too, and are not looked at; the pods that
they make are.

Exit codes: 0 done, whatever was found; 2 wrong usage; 6 the cluster refused or
can't be reached.";

/// List pull secrets, with who uses them and what is wrong with them
///
/// A Secret is a pull secret by its type: kubernetes.io/dockerconfigjson or kubernetes.io/dockercfg. Passwords are
/// neither shown nor printed in any format.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of its own")]
pub(crate) struct ListArgs {
    /// Look in all namespaces
    #[arg(short = 'A', long)]
    all_namespaces: bool,
    /// Only the Secrets with these labels
    #[arg(short = 'l', long, value_name = "SELECTOR")]
    selector: Option<String>,
    /// Only the Secrets with these fields, as metadata.name=NAME
    #[arg(long, value_name = "SELECTOR")]
    field_selector: Option<String>,
    /// Only those with a credential for this registry
    #[arg(long, value_name = "HOST")]
    registry: Option<String>,
    /// Only those that nobody uses; those of which that can't be known are counted, not listed
    #[arg(long, conflicts_with = "no_consumers")]
    unused: bool,
    /// Only those that expire within this time, or have expired
    #[arg(long, value_name = "DURATION", value_parser = humantime::parse_duration)]
    expiring: Option<std::time::Duration>,
    /// Only those with a warning or something fatal
    #[arg(long)]
    problems: bool,
    /// List instead what is named as a pull secret and doesn't exist, or has another type
    #[arg(long, conflicts_with_all = ["selector", "field_selector", "registry", "unused", "expiring", "problems", "no_consumers", "sort_by"])]
    dangling: bool,
    /// Don't find out who uses them, which is faster
    #[arg(long)]
    no_consumers: bool,
    /// The order [default: by namespace and name]
    #[arg(long, value_name = "ORDER")]
    sort_by: Option<Order>,
    /// Leave the headings out
    #[arg(long)]
    no_headers: bool,
    /// How to print it [default: a table]
    #[arg(short, long, value_name = "FORMAT")]
    output: Option<Format>,
}

#[derive(Clone, Copy, ValueEnum)]
enum Order {
    /// What expires first
    Expires,
    /// The oldest first
    Age,
    /// By name, whatever the namespace
    Name,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    Json,
    Yaml,
    /// One secret/NAME a line
    Name,
    /// A table with more columns
    Wide,
}

/// What is printed as JSON or YAML.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct List<T> {
    api_version: &'static str,
    kind: &'static str,
    /// The resources that could not be read somewhere.
    #[serde(skip_serializing_if = "Option::is_none")]
    hidden: Option<Vec<&'static str>>,
    items: Vec<T>,
}

pub(crate) fn run(args: &ListArgs, cluster: &ClusterArgs, environment: &Environment) -> Result<(), Failure> {
    let filter = Filter::new(args, environment.now)?;
    let (place, listed) = super::block_on(async {
        let connection = cluster::connect(cluster, environment).await?;
        let namespace = (!args.all_namespaces).then_some(connection.namespace.as_str());
        let listed = if args.dangling {
            let (found, consumers) = dangling::find(&connection, namespace).await?;
            Listed::Dangling(found, consumers)
        } else {
            let (secrets, consumers) = gather(args, &connection, namespace, environment).await?;
            Listed::Secrets(secrets, consumers)
        };
        Ok((namespace.map(str::to_owned), listed))
    })?;
    let look = Look::of(environment, !args.no_headers);
    match listed {
        Listed::Dangling(items, consumers) => {
            warn_of_hidden(Some(&consumers));
            match args.output {
                Some(format @ (Format::Json | Format::Yaml)) => {
                    print_object(format, "DanglingReferenceList", Some(&consumers), items)
                }
                Some(Format::Name) => names(items.iter().map(|item| item.secret.as_str())),
                None | Some(Format::Wide) if items.is_empty() => {
                    output::note(&format!("nothing dangles {}", shown(place.as_deref())));
                    Ok(())
                }
                None | Some(Format::Wide) => dangling::print(&items, look),
            }
        }
        Listed::Secrets(secrets, consumers) => {
            warn_of_hidden(consumers.as_ref());
            let total = secrets.len();
            let (mut items, left_out) = filter.apply(secrets);
            if left_out > 0 {
                output::note(&format!(
                    "{left_out} more have no known user, but not everything that could use them may be listed"
                ));
            }
            sort(&mut items, args.sort_by);
            match args.output {
                Some(format @ (Format::Json | Format::Yaml)) => {
                    print_object(format, "PullSecretList", consumers.as_ref(), items)
                }
                Some(Format::Name) => names(items.iter().filter_map(|item| item.name.as_deref())),
                None | Some(Format::Wide) if items.is_empty() => {
                    let which = if total == 0 { "no pull secrets" } else { "no such pull secrets" };
                    output::note(&format!("{which} {}", shown(place.as_deref())));
                    Ok(())
                }
                format => table::print(&items, format == Some(Format::Wide), look, environment.now),
            }
        }
    }
}

enum Listed {
    Secrets(Vec<PullSecret>, Option<Consumers>),
    Dangling(Vec<dangling::Reference>, Consumers),
}

async fn gather(
    args: &ListArgs,
    connection: &Connection,
    namespace: Option<&str>,
    environment: &Environment,
) -> Result<(Vec<PullSecret>, Option<Consumers>), Failure> {
    let scope = Scope {
        namespace,
        selector: args.selector.as_deref(),
        fields: args.field_selector.as_deref(),
        types: PULL_TYPES,
    };
    let secrets = cluster::pull_secrets(connection, scope, |secret| PullSecret::of(&secret, environment.now));
    if args.no_consumers {
        return Ok((secrets.await?, None));
    }
    let consumers = consumers(connection, namespace);
    let (mut secrets, consumers) = try_join(secrets, consumers).await?;
    for secret in &mut secrets {
        if let (Some(namespace), Some(name)) = (&secret.namespace, &secret.name) {
            secret.used_by = Some(UsedBy::of(&consumers.of(namespace, name)));
        }
    }
    Ok((secrets, Some(consumers)))
}

async fn consumers(connection: &Connection, namespace: Option<&str>) -> Result<Consumers, Failure> {
    let namespaces = namespace.map(|namespace| vec![namespace.to_owned()]);
    Consumers::gather(connection, namespaces.as_deref()).await
}

fn warn_of_hidden(consumers: Option<&Consumers>) {
    let hidden: Vec<_> = consumers.map(Consumers::hidden).into_iter().flatten().map(Kind::plural).collect();
    if !hidden.is_empty() {
        output::warning(&format!(
            "not allowed to list {}: who uses what is known in part",
            hidden.join(", ")
        ));
    }
}

fn print_object<T: Serialize>(
    format: Format,
    kind: &'static str,
    consumers: Option<&Consumers>,
    items: Vec<T>,
) -> Result<(), Failure> {
    let hidden = consumers.map(|consumers| consumers.hidden().into_iter().map(Kind::plural).collect());
    let list = List { api_version: API_VERSION, kind, hidden, items };
    if format == Format::Yaml { output::yaml(&list) } else { output::json(&list) }
}

fn names<'a>(names: impl Iterator<Item = &'a str>) -> Result<(), Failure> {
    // A name that is none would not be what it seems in a script; the API server lets none be made.
    for name in names.filter(|name| check_name(name).is_ok()) {
        output::line(&format!("secret/{name}"))?;
    }
    Ok(())
}

fn shown(namespace: Option<&str>) -> String {
    match namespace {
        Some(namespace) => format!("in namespace {namespace:?}"),
        None => "in any namespace".to_owned(),
    }
}

fn sort(items: &mut [PullSecret], order: Option<Order>) {
    match order {
        None => {}
        Some(Order::Name) => items.sort_by(|a, b| a.name.cmp(&b.name)),
        Some(Order::Age) => items.sort_by_key(|item| item.created_at),
        // Those that never expire come last.
        Some(Order::Expires) => items.sort_by_key(|item| (item.expires_at.is_none(), item.expires_at)),
    }
}
