//! `kubectl-regcred`, the kubectl plugin for pull secrets.
//!
//! A command gathers what is (`source`, `cluster`), asks `regcred-core` what it means and what should be, acts
//! (`cluster`), and reports (`output`). What goes wrong on the way is a `Failure`.

mod cli;
mod cluster;
mod command_line;
mod commands;
mod completion;
pub mod environment;
mod interrupt;
mod manifest;
#[cfg(test)]
mod manual;
mod output;
mod report;
mod source;

use std::ffi::OsString;
use std::process::ExitCode;

use command_line::CommandLine;
use environment::Environment;
use regcred_cli::{failure, file, prompt};

/// Runs the program: parses the arguments, carries out the command, prints what is to be printed.
pub fn run(args: impl IntoIterator<Item = OsString>, environment: &Environment) -> ExitCode {
    let args: Vec<_> = args.into_iter().collect();
    if let Some(words) = completion::words(&args) {
        return completion::run(&words, environment);
    }
    let command_line = CommandLine::of(&args);
    let outcome = match cli::parse(args) {
        Ok(cli) => commands::run(cli, &command_line, environment),
        Err(usage) => return output::usage(usage),
    };
    match outcome {
        Ok(code) => ExitCode::from(code),
        Err(failure) => {
            output::failure(&failure);
            ExitCode::from(failure.code)
        }
    }
}
