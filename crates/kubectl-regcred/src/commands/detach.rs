//! `kubectl regcred detach`.

use clap::Args;

use super::attach::{CommonArgs, Job, carry_out};
use crate::cli::ClusterArgs;
use crate::environment::Environment;
use crate::failure::Failure;

const EXAMPLES: &str = "\
Examples:
  # From a service account: it counts for pods created from now on
  kubectl regcred detach ghcr serviceaccount/default

  # From everything that refers to it, before the Secret is deleted
  kubectl regcred detach ghcr --everywhere --yes

  # Which would that be?
  kubectl regcred detach ghcr --everywhere -A --dry-run=client

Exit codes: 0 done, or not there; 1 failed, in different ways; 2 wrong usage,
or --yes is missing; 4 there is no such target; 6 the cluster refused or can't
be reached; 8 somebody else manages it; 130 interrupted.";

/// Take a pull secret out of service accounts and workloads
///
/// Only this reference goes; the others stay, in their order, whoever writes at the same time. The Secret stays, too.
#[derive(Args)]
#[command(after_help = EXAMPLES, override_usage = "kubectl regcred detach SECRET TARGET... [OPTIONS]")]
pub(crate) struct DetachArgs {
    /// The name of the Secret
    #[arg(value_name = "SECRET")]
    secret: String,
    #[command(flatten)]
    common: CommonArgs,
    /// Every service account and workload that refers to it
    #[arg(long, help_heading = "What")]
    everywhere: bool,
}

pub(crate) fn run(
    args: &DetachArgs,
    cluster: &ClusterArgs,
    environment: &Environment,
) -> Result<u8, Failure> {
    let job = Job::detach(&args.secret, &args.common, args.everywhere)?;
    super::block_on(carry_out(&job, cluster, environment))
}
