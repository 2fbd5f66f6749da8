//! Where on the command line the cursor is, and what is typed before it.

use clap::{Arg, ArgAction, Command};

/// A command line up to the cursor.
pub(super) struct Line<'a> {
    /// The command that is meant so far.
    pub(super) command: &'a Command,
    /// What is being typed.
    pub(super) place: Place<'a>,
    /// How it begins: of a flag's value, without the flag.
    pub(super) typed: &'a str,
    given: Vec<(&'a Arg, Option<&'a str>)>,
}

/// What is being typed.
#[derive(Clone, Copy)]
pub(super) enum Place<'a> {
    /// The name of a command.
    Command,
    /// The name of a flag.
    Flag,
    /// The value of a flag, or an argument.
    Value(&'a Arg),
    /// Something that the command does not take.
    Nothing,
}

impl<'a> Line<'a> {
    /// Understands the words as clap would; what it would refuse is passed over.
    pub(super) fn read(root: &'a Command, words: &'a [String]) -> Self {
        let (typed, before) =
            words.split_last().map_or(("", words), |(last, before)| (last.as_str(), before));
        let mut line = Self { command: root, place: Place::Nothing, typed, given: Vec::new() };
        let mut awaited: Option<&Arg> = None;
        let mut is_flag_allowed = true;
        let mut arguments = 0;
        for word in before {
            if let Some(arg) = awaited.take() {
                line.given.push((arg, Some(word)));
            } else if is_flag_allowed && word == "--" {
                is_flag_allowed = false;
            } else if is_flag_allowed && word.len() > 1 && word.starts_with('-') {
                awaited = line.read_flag(word);
            } else if let Some(command) = line.command.find_subcommand(word) {
                line.command = command;
                arguments = 0;
            } else if let Some(arg) = line.argument(arguments) {
                line.given.push((arg, Some(word)));
                arguments += 1;
            }
        }
        line.place = if let Some(arg) = awaited {
            Place::Value(arg)
        } else if is_flag_allowed && typed.starts_with('-') {
            match typed.split_once('=') {
                Some((name, value)) if name.starts_with("--") => {
                    line.typed = value;
                    line.long(&name[2..]).map_or(Place::Nothing, Place::Value)
                }
                _ => Place::Flag,
            }
        } else if line.command.has_subcommands() {
            Place::Command
        } else {
            line.argument(arguments).map_or(Place::Nothing, Place::Value)
        };
        line
    }

    /// Whether a flag or argument is given, by its id.
    pub(super) fn has(&self, id: &str) -> bool {
        self.given.iter().any(|(arg, _)| arg.get_id() == id)
    }

    /// The last value that a flag or argument is given, by its id.
    pub(super) fn value(&self, id: &str) -> Option<&'a str> {
        self.given.iter().rev().find(|(arg, _)| arg.get_id() == id)?.1
    }

    /// Every flag and argument that is given, with its value.
    pub(super) fn given(&self) -> &[(&'a Arg, Option<&'a str>)] {
        &self.given
    }

    /// Takes a flag down, or several short ones in a word; returns the one whose value is the next word.
    fn read_flag(&mut self, word: &'a str) -> Option<&'a Arg> {
        if let Some(long) = word.strip_prefix("--") {
            let (name, value) =
                long.split_once('=').map_or((long, None), |(name, value)| (name, Some(value)));
            let arg = self.long(name)?;
            if value.is_none() && waits_for_value(arg) {
                return Some(arg);
            }
            self.given.push((arg, value));
            return None;
        }
        let mut rest = word[1..].chars();
        while let Some(letter) = rest.next() {
            let arg = self.command.get_arguments().find(|arg| arg.get_short() == Some(letter))?;
            let after = rest.as_str();
            if !arg.get_action().takes_values() {
                self.given.push((arg, None));
            } else if after.is_empty() {
                return Some(arg);
            } else {
                self.given.push((arg, Some(after.strip_prefix('=').unwrap_or(after))));
                return None;
            }
        }
        None
    }

    fn long(&self, name: &str) -> Option<&'a Arg> {
        self.command.get_arguments().find(|arg| {
            arg.get_long() == Some(name)
                || arg.get_all_aliases().is_some_and(|aliases| aliases.contains(&name))
        })
    }

    /// The argument that the word after so many others is.
    fn argument(&self, before: usize) -> Option<&'a Arg> {
        let all: Vec<_> = self.command.get_positionals().collect();
        let takes_many = |arg: &&Arg| matches!(arg.get_action(), ArgAction::Append);
        all.get(before).copied().or_else(|| all.last().copied().filter(takes_many))
    }
}

/// Whether the flag's value may be the next word; some take one only behind `=`.
fn waits_for_value(arg: &Arg) -> bool {
    arg.get_action().takes_values() && !arg.is_require_equals_set()
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;
    use crate::cli::Cli;

    /// The command, the id of what is typed (or what it is), how it begins, and the namespace given.
    fn read(words: &[&str]) -> (String, String, String, Option<String>) {
        let mut root = Cli::command();
        root.build();
        let words: Vec<_> = words.iter().map(|word| (*word).to_owned()).collect();
        let line = Line::read(&root, &words);
        let place = match line.place {
            Place::Command => "a command",
            Place::Flag => "a flag",
            Place::Value(arg) => arg.get_id().as_str(),
            Place::Nothing => "nothing",
        };
        let namespace = line.value("namespace").map(str::to_owned);
        (line.command.get_name().to_owned(), place.to_owned(), line.typed.to_owned(), namespace)
    }

    #[track_caller]
    fn check(words: &[&str], command: &str, place: &str, typed: &str, namespace: Option<&str>) {
        let expected = (command.to_owned(), place.to_owned(), typed.to_owned(), namespace.map(str::to_owned));
        assert_eq!(read(words), expected, "{words:?}");
    }

    #[test]
    fn the_cursor_is_found() {
        check(&[], "kubectl-regcred", "a command", "", None);
        check(&["cr"], "kubectl-regcred", "a command", "cr", None);
        check(&["-n", "a", ""], "kubectl-regcred", "a command", "", Some("a"));
        check(&["lint", ""], "lint", "names", "", None);
        check(&["lint", "one", "tw"], "lint", "names", "tw", None);
        check(&["match", "nginx", "x"], "match", "nothing", "x", None);
        check(&["lint", "-"], "lint", "a flag", "-", None);
        check(&["lint", "--sel"], "lint", "a flag", "--sel", None);
        check(&["lint", "--selector=a"], "lint", "selector", "a", None);
        check(&["lint", "--selector", "a"], "lint", "selector", "a", None);
        check(&["lint", "-l", ""], "lint", "selector", "", None);
        check(&["lint", "-Al", ""], "lint", "selector", "", None);
        check(&["lint", "--", "-x"], "lint", "names", "-x", None);
        check(&["lint", "--unknown", "x", ""], "lint", "names", "", None);
    }

    #[test]
    fn flags_before_the_cursor_are_understood_in_every_spelling() {
        for words in [
            &["lint", "-n", "a", ""][..],
            &["lint", "-na", ""],
            &["lint", "-n=a", ""],
            &["lint", "-An", "a", ""],
            &["lint", "--namespace", "a", ""],
            &["lint", "--namespace=a", ""],
            &["--namespace=a", "lint", ""],
            &["lint", "-n", "b", "-n", "a", ""],
        ] {
            check(words, "lint", "names", "", Some("a"));
        }
        check(&["create", "--from-docker-config", "re"], "create", "names", "re", None);
        check(&["create", "--from-docker-config=a"], "create", "from_docker_config", "a", None);
    }
}
