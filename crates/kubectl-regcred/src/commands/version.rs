//! `kubectl regcred version`.

use clap::Args;
use serde_json::json;

use crate::failure::Failure;
use crate::output;

const EXAMPLES: &str = "\
Examples:
  # For people, and for scripts
  kubectl regcred version
  kubectl regcred version -o json";

/// Print the version of this program
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct VersionArgs {
    /// Print an object instead of a line
    #[arg(short, long, value_name = "FORMAT")]
    output: Option<output::ObjectFormat>,
}

pub(crate) fn run(args: &VersionArgs) -> Result<(), Failure> {
    let version = concat!("v", env!("CARGO_PKG_VERSION"));
    let platform = format!("{}/{}", std::env::consts::OS, std::env::consts::ARCH);
    let object =
        json!({"apiVersion": "regcred/v1", "kind": "Version", "version": version, "platform": platform});
    match args.output {
        None => output::line(&format!("kubectl-regcred {version} ({platform})")),
        Some(format) => format.print(&object),
    }
}
