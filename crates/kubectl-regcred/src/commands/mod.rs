//! The commands, a file each: its arguments, its help and what it does.

pub(crate) mod create;
pub(crate) mod version;

use crate::cli::{Cli, Command};
use crate::environment::Environment;
use crate::failure::Failure;

/// Carries out the command that was parsed.
pub(crate) fn run(cli: Cli, environment: &Environment) -> Result<(), Failure> {
    match cli.command {
        Command::Create(args) => create::run(*args, &cli.cluster, environment),
        Command::Version(args) => version::run(&args),
    }
}
