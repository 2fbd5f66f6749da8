//! The command line beyond the protocol's verbs: what there is, its help, and how it is read.
//!
//! A command is described once, as data: its help, its manual page and its parser are made from that. clap would be half
//! of the program.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fmt::Write as _;

use lexopt::Arg;
use regcred_cli::failure::Failure;
use regcred_core::harmless::harmless;

use crate::NAME;

/// A command as its user sees it.
#[derive(Debug)]
pub struct Command {
    /// Its name, one or two words.
    pub name: &'static str,
    /// What stands behind the name, as `REGISTRY...`; empty if nothing may.
    pub arguments: &'static str,
    /// What it does, in one line without a final stop.
    pub about: &'static str,
    /// More about it, in paragraphs.
    pub details: &'static str,
    /// Its options.
    pub options: &'static [CommandOption],
    /// Examples: comments and command lines.
    pub examples: &'static str,
    /// What its exit codes mean.
    pub exit_codes: &'static str,
}

/// An option of a command.
#[derive(Debug)]
pub struct CommandOption {
    /// Its name, without the two hyphens.
    pub long: &'static str,
    /// Its letter, if it has one.
    pub short: Option<char>,
    /// What its value is called, if it takes one.
    pub value: Option<&'static str>,
    /// What it does.
    pub help: &'static str,
}

/// The options of every command.
const HELP: CommandOption =
    CommandOption { long: "help", short: Some('h'), value: None, help: "Print this help" };

/// What stands on a command line.
#[derive(Debug, Default)]
pub struct Arguments {
    flags: Vec<&'static str>,
    values: BTreeMap<&'static str, Vec<OsString>>,
    /// What is no option.
    pub names: Vec<String>,
}

impl Arguments {
    /// Whether a flag is given.
    pub fn has(&self, flag: &str) -> bool {
        self.flags.contains(&flag)
    }

    /// Every value of an option.
    pub fn all(&self, option: &str) -> &[OsString] {
        self.values.get(option).map_or(&[], Vec::as_slice)
    }

    /// An option's value; of several, the last one counts.
    pub fn one(&self, option: &str) -> Option<&OsString> {
        self.all(option).last()
    }

    /// The same as text.
    pub fn text(&self, option: &str) -> Result<Option<String>, Failure> {
        self.one(option).map(|value| to_text(option, value)).transpose()
    }

    /// Every value as text.
    pub fn texts(&self, option: &str) -> Result<Vec<String>, Failure> {
        self.all(option).iter().map(|value| to_text(option, value)).collect()
    }
}

fn to_text(option: &str, value: &OsString) -> Result<String, Failure> {
    value
        .to_str()
        .map(str::to_owned)
        .ok_or_else(|| Failure::usage(format!("the value of --{option} is not UTF-8")))
}

/// Reads a command's arguments; `None` if help is asked for.
///
/// No message quotes what stands where a password could.
pub fn parse(
    command: &'static Command,
    arguments: impl IntoIterator<Item = OsString>,
) -> Result<Option<Arguments>, Failure> {
    let mut parser = lexopt::Parser::from_args(arguments);
    let mut found = Arguments::default();
    loop {
        let argument = match parser.next() {
            Ok(Some(argument)) => argument,
            Ok(None) => return Ok(Some(found)),
            // What follows the `=` may be a password.
            Err(_) => return Err(wrong(command, "an option that takes no value is given one")),
        };
        let option = match argument {
            Arg::Value(name) if !command.arguments.is_empty() => {
                let name = name.into_string().map_err(|_| wrong(command, "an argument is not UTF-8"))?;
                found.names.push(name);
                continue;
            }
            Arg::Value(_) => return Err(wrong(command, "it takes no arguments")),
            Arg::Long(name) => command.options().find(|option| option.long == name),
            Arg::Short(letter) => command.options().find(|option| option.short == Some(letter)),
        };
        let Some(option) = option else {
            let shown = match argument {
                Arg::Long(name) => format!("--{}", harmless(name)),
                Arg::Short(letter) => format!("-{}", harmless(&letter.to_string())),
                Arg::Value(_) => String::new(),
            };
            let failure = wrong(command, &format!("there is no option {shown}"));
            let takes_password = command.options().any(|option| option.long == "password-stdin");
            return Err(if takes_password && ["--password", "-p"].contains(&shown.as_str()) {
                failure.hint(
                    "a password on the command line is seen by others; pipe it in with --password-stdin",
                )
            } else {
                failure
            });
        };
        if option.long == HELP.long {
            return Ok(None);
        }
        if option.value.is_none() {
            found.flags.push(option.long);
            continue;
        }
        let value = match parser.optional_value() {
            Some(value) => Some(value),
            // A value that looks like an option is one: somebody forgot the value.
            None => parser.value().ok().filter(|value| !command.has_option(value)),
        };
        let value = value.ok_or_else(|| wrong(command, &format!("--{} lacks its value", option.long)))?;
        found.values.entry(option.long).or_default().push(value);
    }
}

fn wrong(command: &Command, problem: &str) -> Failure {
    Failure::usage(format!("{}: {problem}", command.name))
        .hint(format!("see: {NAME} {} --help", command.name))
}

impl Command {
    /// All its options, `--help` among them.
    pub fn options(&self) -> impl Iterator<Item = &CommandOption> {
        self.options.iter().chain([&HELP])
    }

    /// Whether a word is an option, or looks like one.
    fn has_option(&self, word: &OsStr) -> bool {
        let is_short =
            |option: &CommandOption| option.short.is_some_and(|letter| *word == *format!("-{letter}"));
        word.as_encoded_bytes().starts_with(b"--") || self.options().any(is_short)
    }

    /// The line that says how it is used.
    pub fn usage(&self) -> String {
        let words = [NAME, self.name, "[OPTIONS]", self.arguments];
        words.into_iter().filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ")
    }

    /// Its help, for a terminal of 100 columns or less.
    pub fn help(&self) -> String {
        let mut help = format!(
            "{}.\n\nUsage: {}\n\n{}\n\nOptions:\n",
            self.about,
            self.usage(),
            paragraphs(self.details)
        );
        let names: Vec<_> = self.options().map(CommandOption::name).collect();
        let rows: Vec<_> =
            names.iter().map(String::as_str).zip(self.options().map(|option| option.help)).collect();
        help.push_str(&columns(&rows));
        let _ = writeln!(help, "\nExamples:");
        for line in self.examples.lines() {
            let _ = writeln!(help, "  {line}");
        }
        let _ =
            writeln!(help, "\n{}", wrapped(&format!("Exit codes: {}", self.exit_codes), WIDTH).join("\n"));
        help
    }
}

impl CommandOption {
    /// Its names and value, as help shows them.
    pub fn name(&self) -> String {
        let short = self.short.map_or_else(|| "    ".to_owned(), |letter| format!("-{letter}, "));
        let value = self.value.map(|value| format!(" {value}")).unwrap_or_default();
        format!("{short}--{}{value}", self.long)
    }
}

/// Paragraphs filled anew; one that is indented stays as it is.
fn paragraphs(text: &str) -> String {
    let filled =
        |text: &str| if text.starts_with(' ') { text.to_owned() } else { wrapped(text, WIDTH).join("\n") };
    text.split("\n\n").map(filled).collect::<Vec<_>>().join("\n\n")
}

/// How wide help is.
pub(crate) const WIDTH: usize = 96;

/// Names, and what is to be said of each.
pub(crate) fn columns(rows: &[(&str, &str)]) -> String {
    let width = rows.iter().map(|(name, _)| name.len()).max().unwrap_or_default();
    let mut text = String::new();
    for (name, about) in rows {
        for (number, line) in wrapped(about, WIDTH - width - 4).iter().enumerate() {
            let _ = writeln!(text, "  {:width$}  {line}", if number == 0 { name } else { "" });
        }
    }
    text
}

/// Text in lines of at most `width` bytes, if no word is longer.
pub(crate) fn wrapped(text: &str, width: usize) -> Vec<String> {
    let mut lines: Vec<String> = vec![String::new()];
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line) if line.is_empty() => line.push_str(word),
            Some(line) if line.len() + 1 + word.len() <= width => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::COMMANDS;

    static COMMAND: Command = Command {
        name: "try",
        arguments: "NAME...",
        about: "Try",
        details: "More.",
        options: &[
            CommandOption { long: "user", short: Some('u'), value: Some("USER"), help: "Who" },
            CommandOption { long: "quiet", short: None, value: None, help: "Hush" },
        ],
        examples: "try this",
        exit_codes: "0 done",
    };

    fn arguments(line: &[&str]) -> Result<Option<Arguments>, Failure> {
        parse(&COMMAND, line.iter().map(OsString::from))
    }

    #[test]
    fn options_and_names_are_read_in_any_order() {
        let read = arguments(&["a", "-u", "me", "--quiet", "b", "--user=you"]).unwrap().unwrap();
        assert_eq!(read.names, ["a", "b"]);
        assert!(read.has("quiet") && !read.has("user"));
        assert_eq!(read.text("user").unwrap().as_deref(), Some("you"));
        assert_eq!(read.texts("user").unwrap(), ["me", "you"]);
        assert!(arguments(&["a", "--help"]).unwrap().is_none());
    }

    #[test]
    fn a_wrong_line_is_told_without_what_may_be_a_password() {
        for line in [
            &["--quiet=hunter2"][..],
            &["--password", "hunter2"],
            &["-phunter2"],
            &["--user"],
            &["--user", "--quiet"],
        ] {
            let failure = arguments(line).unwrap_err();
            assert_eq!(failure.code, 2);
            assert!(!format!("{failure:?}").contains("hunter2"), "{failure:?}");
            assert_eq!(failure.hint.as_deref(), Some("see: docker-credential-regcred try --help"));
        }
    }

    #[test]
    fn every_help_fits_a_terminal_and_ends_with_examples_and_exit_codes() {
        for command in COMMANDS {
            let help = command.help();
            assert!(help.lines().all(|line| line.chars().count() <= 100), "{help}");
            assert!(help.contains("\nExamples:\n  ") && help.contains("\nExit codes: 0 "), "{help}");
        }
    }
}
