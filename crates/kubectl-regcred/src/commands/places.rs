//! In which namespaces a command works that may work in many.

use clap::Args;
use regcred_core::metadata::check_namespace;
use regcred_core::pattern::{Match, matches};

use crate::cli::ClusterArgs;
use crate::failure::Failure;

#[derive(Args)]
#[command(next_help_heading = "Where")]
pub(super) struct PlaceArgs {
    /// Look in all namespaces
    #[arg(short = 'A', long, conflicts_with = "namespace_selector")]
    all_namespaces: bool,
    /// Look in every namespace with these labels
    #[arg(long, value_name = "SELECTOR", conflicts_with = "namespace")]
    namespace_selector: Option<String>,
    /// But not in the namespaces that match this pattern, such as kube-* (repeatable)
    #[arg(long, value_name = "GLOB")]
    exclude_namespace: Vec<String>,
}

/// The namespaces that are meant.
pub(super) struct Places {
    pub(super) place: Place,
    excluded: Vec<String>,
}

pub(super) enum Place {
    All,
    Labelled(String),
    /// None means that of the context.
    Named(Vec<String>),
}

impl Places {
    /// Checks the flags.
    pub(super) fn of(args: &PlaceArgs, cluster: &ClusterArgs) -> Result<Self, Failure> {
        for pattern in &args.exclude_namespace {
            if matches(pattern.as_bytes(), b"") == Match::Malformed {
                let message = format!("--exclude-namespace {pattern:?} is not a valid pattern");
                return Err(Failure::usage(message));
            }
        }
        let place = match &args.namespace_selector {
            _ if args.all_namespaces => Place::All,
            Some(selector) => Place::Labelled(selector.clone()),
            None => {
                let mut named: Vec<_> =
                    cluster.namespace.iter().filter(|namespace| !namespace.is_empty()).cloned().collect();
                named.sort();
                named.dedup();
                for namespace in &named {
                    check_namespace(namespace).map_err(|error| Failure::usage(error.to_string()))?;
                }
                Place::Named(named)
            }
        };
        Ok(Self { place, excluded: args.exclude_namespace.clone() })
    }

    /// Whether a namespace is left out.
    pub(super) fn excludes(&self, namespace: &str) -> bool {
        self.excluded.iter().any(|pattern| matches(pattern.as_bytes(), namespace.as_bytes()) == Match::Yes)
    }
}
