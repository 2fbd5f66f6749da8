//! `cargo xtask`: the project's chores. See the library beside it.

use std::process::ExitCode;

use clap::Parser as _;
use xtask::cli::Cli;

fn main() -> ExitCode {
    xtask::cli::run(&Cli::parse())
}
