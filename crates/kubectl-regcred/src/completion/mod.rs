//! What can come next on a command line, for a shell to offer.
//!
//! It is asked for by `kubectl-regcred __complete WORD…` with the words after the command, the last one being typed
//! just now (or empty), and by kubectl itself, which runs `kubectl_complete-regcred WORD…`. Both get the choices, a
//! line each, perhaps with a description after a tab, and at last a line `:N` that says what else the shell should do
//! (k8s.io/kubectl `pkg/cmd/plugin/plugin_completion.go`; the numbers are cobra's `ShellCompDirective`).
//!
//! Commands, flags and listed values are those of clap's own [`Command`](clap::Command), so that a new one is
//! offered as it is; [`kind`] says how the help's names for values tell what else there is to choose from.

mod choices;
mod kind;
mod line;

use std::ffi::{OsStr, OsString};
use std::path::Path;
use std::process::ExitCode;

use clap::{ArgAction, CommandFactory as _};

use crate::cli::Cli;
use crate::environment::Environment;
use crate::output;
use kind::Kind;
use line::{Line, Place};

/// The first argument that asks for choices.
const COMMAND: &str = "__complete";
/// The program that kubectl runs to ask for choices.
const PROGRAM: &str = "kubectl_complete-regcred";

/// Something that can come next.
#[derive(Debug, PartialEq, Eq)]
struct Choice {
    value: String,
    about: String,
}

impl Choice {
    fn plain(value: impl Into<String>) -> Self {
        Self { value: value.into(), about: String::new() }
    }
}

/// What else the shell should do, as a sum of cobra's numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Directive {
    /// Offer files, if there are no choices.
    Files = 0,
    /// Offer the choices and nothing else.
    Choices = 4,
    /// The same, and put no space after a choice: more follows.
    Unfinished = 6,
}

/// The words to complete, if these arguments of the process ask for choices.
pub(crate) fn words(args: &[OsString]) -> Option<Vec<String>> {
    let (program, rest) = args.split_first()?;
    let rest = match rest.split_first() {
        Some((first, words)) if first == OsStr::new(COMMAND) => words,
        _ if Path::new(program).file_stem() == Some(OsStr::new(PROGRAM)) => rest,
        _ => return None,
    };
    Some(rest.iter().map(|word| word.to_string_lossy().into_owned()).collect())
}

/// Prints what can come next. What goes wrong on the way is kept from the person who is just typing: they are
/// offered less.
pub(crate) fn run(words: &[String], environment: &Environment) -> ExitCode {
    let (choices, directive) = complete(words, environment);
    let choices = choices.iter().map(|choice| (choice.value.as_str(), choice.about.as_str()));
    match output::choices(choices, directive as u8) {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}

fn complete(words: &[String], environment: &Environment) -> (Vec<Choice>, Directive) {
    let mut root = Cli::command();
    // Hands the flags that all commands share down to them.
    root.build();
    let line = Line::read(&root, words);
    let (mut choices, directive) = match line.place {
        Place::Flag => (flags(&line), Directive::Choices),
        Place::Command => (commands(&line), Directive::Choices),
        Place::Value(arg) => values(arg, &line, environment),
        Place::Nothing => (Vec::new(), Directive::Choices),
    };
    choices.retain(|choice| choice.value.starts_with(line.typed) && is_safe(&choice.value));
    (choices, directive)
}

fn commands(line: &Line) -> Vec<Choice> {
    let commands = line.command.get_subcommands().filter(|command| !command.is_hide_set());
    commands.map(|command| choice(command.get_name(), command.get_about())).collect()
}

/// The flags of the command, but for those that are given and can't be given again.
fn flags(line: &Line) -> Vec<Choice> {
    let offered = line.command.get_arguments().filter(|arg| {
        let is_repeatable = matches!(arg.get_action(), ArgAction::Append | ArgAction::Count);
        !arg.is_hide_set() && (is_repeatable || !line.has(arg.get_id().as_str()))
    });
    offered.filter_map(|arg| Some(choice(&format!("--{}", arg.get_long()?), arg.get_help()))).collect()
}

fn choice(value: &str, about: Option<&clap::builder::StyledStr>) -> Choice {
    let about = about.map(ToString::to_string).unwrap_or_default();
    Choice { value: value.to_owned(), about: about.lines().next().unwrap_or_default().to_owned() }
}

fn values(arg: &clap::Arg, line: &Line, environment: &Environment) -> (Vec<Choice>, Directive) {
    let listed = arg.get_possible_values();
    if !listed.is_empty() {
        let shown = listed.iter().filter(|value| !value.is_hide_set());
        return (shown.map(|value| choice(value.get_name(), value.get_help())).collect(), Directive::Choices);
    }
    match Kind::of(arg) {
        None => (Vec::new(), Directive::Choices),
        Some(Kind::File) => (Vec::new(), Directive::Files),
        Some(kind) => choices::gather(kind, arg, line, environment),
    }
}

/// Whether a shell that puts the text on a command line as it is makes one plain word of it. Names of contexts may
/// come from a kubeconfig that somebody else wrote.
fn is_safe(value: &str) -> bool {
    value.chars().all(|c| c.is_ascii_alphanumeric() || "-_.,:/@%+=".contains(c))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values_of(words: &[&str]) -> (Vec<String>, Directive) {
        let words: Vec<_> = words.iter().map(|word| (*word).to_owned()).collect();
        let (choices, directive) = complete(&words, &Environment::of([]));
        (choices.into_iter().map(|choice| choice.value).collect(), directive)
    }

    #[test]
    fn both_ways_of_asking_are_told_from_a_command() {
        let words = |args: &[&str]| words(&args.iter().map(OsString::from).collect::<Vec<_>>());
        assert_eq!(words(&["/bin/kubectl-regcred", "__complete", "create", ""]).unwrap(), ["create", ""]);
        assert_eq!(words(&["/bin/kubectl_complete-regcred", "create", ""]).unwrap(), ["create", ""]);
        assert_eq!(words(&["kubectl_complete-regcred.exe"]).unwrap(), [""; 0]);
        assert_eq!(words(&["kubectl-regcred", "create", "__complete"]), None);
        assert_eq!(words(&[]), None);
    }

    #[test]
    fn commands_and_flags_are_those_of_the_command_line() {
        let (commands, directive) = values_of(&[""]);
        assert!(["create", "lint", "match", "version"].iter().all(|name| commands.iter().any(|c| c == name)));
        assert_eq!(directive, Directive::Choices);
        assert_eq!(values_of(&["ver"]).0, ["version"]);
        let (flags, _) = values_of(&["create", "--docker-"]);
        assert_eq!(flags, ["--docker-server", "--docker-username", "--docker-password", "--docker-email"]);
        assert!(values_of(&["lint", "--"]).0.contains(&"--kubeconfig".to_owned()));
    }

    #[test]
    fn a_flag_that_is_given_is_offered_again_only_if_it_may_be() {
        let has = |words: &[&str], flag: &str| values_of(words).0.iter().any(|value| value == flag);
        assert!(has(&["create", "--"], "--immutable"));
        assert!(!has(&["create", "--immutable", "--"], "--immutable"));
        assert!(has(&["create", "--label=a=b", "--"], "--label"));
    }

    #[test]
    fn listed_values_are_offered_in_both_spellings_of_a_flag() {
        assert_eq!(values_of(&["create", "--dry-run="]).0, ["none", "client", "server"]);
        assert_eq!(values_of(&["create", "--dry-run", "c"]).0, ["client"]);
        assert_eq!(values_of(&["version", "-o", ""]).0, ["json", "yaml"]);
        assert_eq!(values_of(&["lint", "--insecure-skip-tls-verify="]).0, ["true", "false"]);
    }

    #[test]
    fn files_are_left_to_the_shell() {
        for words in [&["lint", "-f", ""], &["lint", "--kubeconfig", "a"], &["create", "--from-file", ""]] {
            assert_eq!(values_of(words), (Vec::new(), Directive::Files), "{words:?}");
        }
        assert_eq!(values_of(&["create", ""]), (Vec::new(), Directive::Choices));
    }

    #[test]
    fn what_a_shell_would_run_is_not_offered() {
        for safe in ["kind-a", "arn:aws:eks:eu:1:cluster/x", "admin@prod", "team-a/regcred", "a,b"] {
            assert!(is_safe(safe), "{safe}");
        }
        for unsafe_ in
            ["a b", "$(id)", "`id`", "a;b", "a|b", "a&b", "a>b", "'", "\"", "\\", "*", "\u{202e}", "a\n"]
        {
            assert!(!is_safe(unsafe_), "{unsafe_:?}");
        }
    }
}
