//! The only writer of stdout and stderr, on top of `regcred_cli::output`: objects, tables, usage.
//!
//! JSON and YAML escape control and bidirectional characters, which are taken out of lines for people.

mod progress;
pub(crate) mod table;
mod time;
mod yaml;

use std::process::ExitCode;

use clap::ValueEnum;
use clap::error::{ContextKind, ErrorKind};
use serde::Serialize;

pub(crate) use progress::Progress;
pub(crate) use regcred_cli::output::{failure, json, line, note, tell, warning, write_stdout};
use regcred_cli::output::{write_stderr, written_stdout};
pub(crate) use regcred_core::harmless::harmless;
use regcred_core::harmless::is_harmless;
pub(crate) use time::{age, expires};

use crate::failure::{Failure, exit};

/// How a command prints an object instead of lines.
#[derive(Clone, Copy, ValueEnum)]
pub(crate) enum ObjectFormat {
    Json,
    Yaml,
}

impl ObjectFormat {
    /// Prints an object.
    pub(crate) fn print(self, object: &impl Serialize) -> Result<(), Failure> {
        match self {
            Self::Json => json(object),
            Self::Yaml => yaml(object),
        }
    }
}

/// Prints an object as kubectl prints YAML: with sorted keys.
pub(crate) fn yaml(object: &impl Serialize) -> Result<(), Failure> {
    let object = serde_json::to_value(object)
        .map_err(|error| Failure::new(exit::FAILED, format!("can't write YAML: {error}")))?;
    let yaml = yaml::to_yaml(&object)?;
    // JSON is YAML too, and the writer of JSON can be made to escape these.
    if is_harmless(&yaml) { write_stdout(&yaml) } else { json(&object) }
}

/// Prints what can come next on a command line, as `completion` says: each choice with what it is about.
pub(crate) fn choices<'a>(
    choices: impl Iterator<Item = (&'a str, &'a str)>,
    directive: u8,
) -> Result<(), Failure> {
    let mut text = String::new();
    for (value, about) in choices {
        text.push_str(&harmless(value));
        if !about.is_empty() {
            text.push('\t');
            text.push_str(&harmless(about));
        }
        text.push('\n');
    }
    write_stdout(&format!("{text}:{directive}\n"))
}

/// Prints help that was asked for on stdout, or what is wrong with the command line on stderr.
pub(crate) fn usage(mut error: clap::Error) -> ExitCode {
    if error.kind() == ErrorKind::TooManyValues {
        // The value that is too much may be a password, as in `--password-stdin=…`.
        error.remove(ContextKind::InvalidValue);
    }
    let plain = error.to_string();
    if error.use_stderr() && !is_harmless(&plain) {
        // It quotes the command line, and somebody else may have written that.
        write_stderr(&plain.split('\n').map(harmless).collect::<Vec<_>>().join("\n"));
        return ExitCode::from(exit::USAGE);
    }
    // clap knows about colour, pipes and NO_COLOR.
    let printed = error.print();
    if error.use_stderr() {
        return ExitCode::from(exit::USAGE);
    }
    match written_stdout(printed) {
        Ok(()) => ExitCode::from(exit::DONE),
        Err(unwritten) => {
            failure(&unwritten);
            ExitCode::from(unwritten.code)
        }
    }
}
