//! The commands, a file each: its arguments, its help and what it does.

pub(crate) mod attach;
pub(crate) mod completion;
mod conclusion;
pub(crate) mod create;
pub(crate) mod detach;
mod findings;
mod flags;
pub(crate) mod inspect;
pub(crate) mod lint;
pub(crate) mod list;
pub(crate) mod r#match;
mod places;
pub(crate) mod rotate;
pub(crate) mod set;
pub(crate) mod setup;
pub(crate) mod unset;
pub(crate) mod version;

use std::collections::BTreeMap;

use regcred_core::stored::{MANAGED_BY, MANAGER};

use crate::cli::{Cli, Command};
use crate::command_line::CommandLine;
use crate::environment::Environment;
use crate::failure::{Failure, exit};

/// Carries out the command that was parsed; returns the exit code.
pub(crate) fn run(cli: Cli, command_line: &CommandLine, environment: &Environment) -> Result<u8, Failure> {
    match cli.command {
        Command::Attach(args) => attach::run(&args, &cli.cluster, environment),
        Command::Completion(args) => completion::run(&args).map(|()| exit::DONE),
        Command::Create(args) => create::run(&args, &cli.cluster, environment),
        Command::Detach(args) => detach::run(&args, &cli.cluster, environment),
        Command::Inspect(args) => inspect::run(&args, &cli.cluster, environment).map(|()| exit::DONE),
        Command::Lint(args) => lint::run(&args, &cli.cluster, environment),
        Command::List(args) => list::run(&args, &cli.cluster, environment).map(|()| exit::DONE),
        Command::Match(args) => r#match::run(&args, &cli.cluster, environment),
        Command::Rotate(args) => rotate::run(&args, &cli.cluster, command_line, environment),
        Command::Set(args) => set::run(&args, &cli.cluster, environment),
        Command::Setup(args) => setup::run(&args, environment),
        Command::Unset(args) => unset::run(&args, &cli.cluster, environment),
        Command::Version(args) => version::run(&args).map(|()| exit::DONE),
    }
}

/// The labels of what we make.
fn own_labels() -> BTreeMap<String, String> {
    [(MANAGED_BY.to_owned(), MANAGER.to_owned())].into()
}

/// Runs what has to wait for servers and helpers.
fn block_on<T>(future: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.map_err(|error| Failure::new(exit::FAILED, format!("can't start: {error}")))?.block_on(future)
}
