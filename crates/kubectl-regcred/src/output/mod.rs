//! The only writer of stdout and stderr: data on stdout, everything else on stderr.
//!
//! What is printed may hold text that others wrote (names, server messages, helper output), so control and
//! bidirectional characters are taken out of every line for people, and JSON and YAML escape them.

mod escape_json;
mod progress;
pub(crate) mod table;
mod time;
mod yaml;

use std::io::{self, BufWriter, Write as _};
use std::process::ExitCode;

use clap::ValueEnum;
use clap::error::{ContextKind, ErrorKind};
use serde::Serialize;
use serde_json::ser::PrettyFormatter;

pub(crate) use progress::Progress;
pub(crate) use regcred_core::harmless::harmless;
use regcred_core::harmless::is_harmless;
pub(crate) use time::{age, expires};

use crate::failure::{Failure, exit};
use crate::file::reason;
use escape_json::EscapeJson;

/// Prints one line of data.
pub(crate) fn line(text: &str) -> Result<(), Failure> {
    write_stdout(&format!("{}\n", harmless(text)))
}

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

/// Prints an object as kubectl prints JSON: indented by four spaces. It is written as it is made, for it can be
/// long.
pub(crate) fn json(object: &impl Serialize) -> Result<(), Failure> {
    let mut out = EscapeJson(BufWriter::with_capacity(1 << 16, io::stdout().lock()));
    let formatter = PrettyFormatter::with_indent(b"    ");
    let mut writer = serde_json::Serializer::with_formatter(&mut out, formatter);
    let written = object.serialize(&mut writer).map_err(io::Error::from);
    written_stdout(written.and_then(|()| out.write_all(b"\n")).and_then(|()| out.flush()))
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

/// Prints text of our own, of several lines.
pub(crate) fn text(text: &str) -> Result<(), Failure> {
    write_stdout(text)
}

/// Tells the user something that is no error, on stderr.
pub(crate) fn note(text: &str) {
    write_stderr(&format!("note: {}\n", harmless(text)));
}

/// A line of something longer that a person is to read before going on, on stderr.
pub(crate) fn tell(text: &str) {
    write_stderr(&format!("{}\n", harmless(text)));
}

/// Warns the user, on stderr.
pub(crate) fn warning(text: &str) {
    write_stderr(&format!("warning: {}\n", harmless(text)));
}

/// Ends a line that a prompt began, and shows the cursor that it may have hidden.
pub(crate) fn end_line() {
    write_stderr("\u{1b}[?25h\n");
}

/// Prints why a command failed.
pub(crate) fn failure(failure: &Failure) {
    let mut text = format!("error: {}\n", harmless(&failure.message));
    if let Some(hint) = &failure.hint {
        text.push_str("hint: ");
        // Hints are our own words, of several lines at times; what they quote is escaped.
        for line in hint.lines() {
            text.push_str(&harmless(line));
            text.push('\n');
        }
    }
    write_stderr(&text);
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

fn write_stdout(text: &str) -> Result<(), Failure> {
    let mut stdout = io::stdout().lock();
    written_stdout(stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()))
}

fn written_stdout(written: io::Result<()>) -> Result<(), Failure> {
    match written {
        // Whoever reads has seen enough.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        Err(error) => {
            Err(Failure::new(exit::FAILED, format!("can't write to standard output: {}", reason(&error))))
        }
        Ok(()) => Ok(()),
    }
}

fn write_stderr(text: &str) {
    // There is nowhere left to say that this failed.
    let _ = io::stderr().lock().write_all(text.as_bytes());
}
