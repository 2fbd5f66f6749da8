//! Standard output and standard error: data on the one, everything else on the other.
//!
//! What is printed may hold text that others wrote (names, server messages, helper output), so control and
//! bidirectional characters are taken out of every line for people, and JSON escapes them.

use std::io::{self, BufWriter, Write as _};

use regcred_core::harmless::harmless;
use serde::Serialize;
use serde_json::ser::PrettyFormatter;

use crate::escape_json::EscapeJson;
use crate::failure::{Failure, exit};
use crate::file::reason;

/// Prints one line of data.
pub fn line(text: &str) -> Result<(), Failure> {
    write_stdout(&format!("{}\n", harmless(text)))
}

/// Prints an object as kubectl prints JSON: indented by four spaces. It is written as it is made, for it can be
/// long.
pub fn json(object: &impl Serialize) -> Result<(), Failure> {
    let mut out = EscapeJson(BufWriter::with_capacity(1 << 16, io::stdout().lock()));
    let formatter = PrettyFormatter::with_indent(b"    ");
    let mut writer = serde_json::Serializer::with_formatter(&mut out, formatter);
    let written = object.serialize(&mut writer).map_err(io::Error::from);
    written_stdout(written.and_then(|()| out.write_all(b"\n")).and_then(|()| out.flush()))
}

/// Tells the user something that is no error, on stderr.
pub fn note(text: &str) {
    write_stderr(&format!("note: {}\n", harmless(text)));
}

/// A line of something longer that a person is to read before going on, on stderr.
pub fn tell(text: &str) {
    write_stderr(&format!("{}\n", harmless(text)));
}

/// Warns the user, on stderr.
pub fn warning(text: &str) {
    write_stderr(&format!("warning: {}\n", harmless(text)));
}

/// Puts a question, which the answer follows on the same line, on stderr.
pub fn question(text: &str) {
    write_stderr(&format!("{} [y/N] ", harmless(text)));
}

/// Ends a line that a prompt began, and shows the cursor that it may have hidden.
pub fn end_line() {
    write_stderr("\u{1b}[?25h\n");
}

/// Prints why a command failed.
pub fn failure(failure: &Failure) {
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

/// Writes text to standard output as it is.
pub fn write_stdout(text: &str) -> Result<(), Failure> {
    let mut stdout = io::stdout().lock();
    written_stdout(stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()))
}

/// What came of writing to standard output; a reader who has seen enough is no failure.
pub fn written_stdout(written: io::Result<()>) -> Result<(), Failure> {
    match written {
        // Whoever reads has seen enough.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        Err(error) => {
            Err(Failure::new(exit::FAILED, format!("can't write to standard output: {}", reason(&error))))
        }
        Ok(()) => Ok(()),
    }
}

/// Writes text to standard error as it is.
pub fn write_stderr(text: &str) {
    // There is nowhere left to say that this failed.
    let _ = io::stderr().lock().write_all(text.as_bytes());
}
