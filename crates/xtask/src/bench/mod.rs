//! How fast our programs are and how much memory they take, beside the programs that people would use instead.
//!
//! A bench is a [`Contest`] or several: commands that do the same, run in turn, so that whatever else the machine
//! does hits all of them alike. It is run by hand (`cargo xtask bench …`) and never by a test: what a busy machine
//! measures is worth nothing.

mod attach;
mod contest;
mod create;
mod helper;
mod list;
mod machine;
mod programs;
mod rotate;
mod seed;
mod table;
mod tools;

use std::process::ExitCode;

use clap::{Args, Subcommand};

pub use contest::{Check, Contest, Contestant, Goals, Outcome, Spread};
pub use machine::machine;
pub use table::{Verdict, table};

use crate::environment::Environment;
use crate::failure::Result;

/// What can be measured.
#[derive(Debug, Subcommand)]
pub enum Bench {
    /// `attach` to many service accounts, beside `kubectl patch` under xargs, and curl.
    Attach {
        /// How often each command runs; the medians are shown.
        #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..))]
        runs: u32,
        /// To how many.
        #[arg(long, value_name = "N", default_value_t = 1000, value_parser = clap::value_parser!(u32).range(1..))]
        accounts: u32,
    },
    /// `create`, with and without the API server, beside kubectl's `create secret docker-registry`.
    Create(Runs),
    /// The credential helper, on the Secret Service beside docker-credential-secretservice and -pass, and on the
    /// kernel's keyring beside an empty process.
    ///
    /// For the latter it stores a login in your own kernel keyring, and erases it again.
    Helper(Runs),
    /// `list`, with 100, 1,000 and 10,000 pull secrets, beside kubectl's `get secrets` and curl.
    List(Runs),
    /// `rotate` in many namespaces, beside `kubectl patch` under xargs, and curl.
    Rotate {
        /// How often each command runs; the medians are shown.
        #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..))]
        runs: u32,
        /// In how many namespaces.
        #[arg(long, value_name = "N", default_value_t = 1000, value_parser = clap::value_parser!(u32).range(1..))]
        namespaces: u32,
    },
}

/// How often to measure.
#[derive(Debug, Args)]
pub struct Runs {
    /// How often each command runs; the medians are shown.
    #[arg(long, value_name = "N", default_value_t = 30, value_parser = clap::value_parser!(u32).range(1..))]
    pub runs: u32,
}

/// Measures and prints a table; fails if a goal is missed.
pub fn run(environment: &Environment, bench: &Bench) -> Result<ExitCode> {
    crate::interrupt::catch()?;
    let verdict = match bench {
        &Bench::Attach { runs, accounts } => attach::run(environment, runs, accounts)?,
        Bench::Create(runs) => create::run(environment, runs.runs)?,
        Bench::Helper(runs) => helper::run(environment, runs.runs)?,
        Bench::List(runs) => list::run(environment, runs.runs)?,
        &Bench::Rotate { runs, namespaces } => rotate::run(environment, runs, namespaces)?,
    };
    Ok(match verdict {
        Verdict::Met => ExitCode::SUCCESS,
        Verdict::Missed => ExitCode::FAILURE,
    })
}
