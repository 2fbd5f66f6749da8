//! One manual page, laid out as man-pages(7) has it.

use clap::{Arg, Command};
use clap_mangen::Man;
use clap_mangen::roff::{Inline, Roff, bold, italic, roman};

use super::after_help::{AfterHelp, Example};

/// The page of the program itself. It has the flags that all commands share; the others refer to it.
pub(super) const MAIN: &str = "kubectl-regcred";

/// Pages of other programs to look into.
const ELSEWHERE: [&str; 2] = ["docker-credential-regcred", "kubectl"];

/// A command's page is called as git calls its own: `kubectl-regcred-create`.
pub(super) fn name(command: &Command) -> &str {
    command.get_display_name().unwrap_or_else(|| command.get_name())
}

/// The page of `command`, which was built, in roff; `names` are those of all pages.
pub(super) fn render(command: &Command, names: &[&str]) -> String {
    let parts = AfterHelp::parse(&command.get_after_help().map(ToString::to_string).unwrap_or_default());
    let man = Man::new(command.clone().subcommand_help_heading("COMMANDS"))
        // No date, which would change by itself; quoted here, since clap_mangen leaves an empty one out.
        .date("\"\"")
        .source(concat!("kubectl-regcred ", env!("CARGO_PKG_VERSION")))
        .manual("regcred Manual");

    let mut text = without_preamble(|out| man.render_title(out));
    // A name that is broken in two can't be copied.
    text += &lines(Roff::new().control("nh", []).control("ad", ["l"]));
    text += &without_preamble(|out| man.render_name_section(out));
    text += &synopsis(command);
    text += &description(command);
    if command.has_subcommands() {
        text += &code_in_bold(&without_preamble(|out| man.render_subcommands_section(out)));
    }
    text += &arguments(command);
    text += &options(command);
    text += &exit_status(&parts.exit_codes);
    text += &notes(&parts.notes);
    text += &examples(&parts.examples);
    text += &see_also(name(command), names);
    preamble() + &for_every_terminal(&text)
}

fn synopsis(command: &Command) -> String {
    let usage = command.clone().render_usage().to_string();
    let typed = command.get_bin_name().expect("the command was built");
    let rest = usage.strip_prefix("Usage: ").and_then(|usage| usage.strip_prefix(typed)).expect("its usage");
    let parent = typed.strip_suffix(command.get_name()).unwrap_or_default();
    let aliases = command.get_visible_aliases().map(|alias| format!("{parent}{alias}"));

    let mut roff = section("SYNOPSIS");
    for (index, typed) in std::iter::once(typed.to_owned()).chain(aliases).enumerate() {
        if index > 0 {
            roff.control("br", []);
        }
        let mut line = vec![bold(typed)];
        for word in rest.split_whitespace() {
            line.push(roman(" "));
            line.extend(usage_word(word));
        }
        roff.text(line);
    }
    lines(&roff)
}

/// What is to be typed as it stands in bold, what is to be replaced in italics: `[NAME]...`, `<IMAGE>`, `--registry`.
fn usage_word(word: &str) -> [Inline; 3] {
    let is_bracket = |c: char| "[]<>.|".contains(c);
    let core = word.trim_matches(is_bracket);
    let (before, after) = word.split_once(core).expect("a part of the word");
    let bracket = |text: &str| roman(text.replace(['<', '>'], ""));
    let core = if core.starts_with('-') { bold(core) } else { italic(core) };
    [bracket(before), core, bracket(after)]
}

fn description(command: &Command) -> String {
    let about =
        command.get_long_about().or_else(|| command.get_about()).expect("every command says what it does");
    paragraphs("DESCRIPTION", about.to_string().split("\n\n").map(sentence))
}

fn arguments(command: &Command) -> String {
    let items = items(command, Arg::is_positional);
    if items.is_empty() { items } else { lines(&section("ARGUMENTS")) + &items }
}

fn options(command: &Command) -> String {
    let is_main = name(command) == MAIN;
    let shown: Vec<&Arg> = command
        .get_arguments()
        .filter(|arg| !arg.is_positional() && !arg.is_hide_set() && (is_main || !arg.is_global_set()))
        .collect();
    let mut headings: Vec<Option<&str>> = vec![None];
    for heading in shown.iter().map(|arg| arg.get_help_heading()) {
        if !headings.contains(&heading) {
            headings.push(heading);
        }
    }

    let mut text = lines(&section("OPTIONS"));
    for heading in headings {
        if let Some(heading) = heading {
            text += &lines(Roff::new().control("SS", [heading]));
        }
        let ids: Vec<_> =
            shown.iter().filter(|arg| arg.get_help_heading() == heading).map(|arg| arg.get_id()).collect();
        text += &items(command, |arg| ids.contains(&arg.get_id()));
    }
    let shared = command.get_arguments().find(|arg| arg.is_global_set()).and_then(Arg::get_help_heading);
    if let (false, Some(heading)) = (is_main, shared) {
        let mut roff = Roff::new();
        roff.control("SS", [heading]);
        roff.text([
            roman("The options that say which cluster is meant, and as whom, are those of kubectl, such as "),
            bold("--namespace"),
            roman(" and "),
            bold("--context"),
            roman(": see "),
            bold(MAIN),
            roman("(1)."),
        ]);
        text += &lines(&roff);
    }
    text
}

/// Those arguments that `keep` says, as `clap_mangen` writes them.
fn items(command: &Command, keep: impl Fn(&Arg) -> bool) -> String {
    let kept = command.clone().mut_args(|arg| {
        let hide = arg.is_hide_set() || !keep(&arg);
        // A heading would be a section of its own.
        values_in_one_line(arg.hide(hide).help_heading(None::<&str>))
    });
    let text = without_preamble(|out| Man::new(kept).render_options_section(out));
    text.split_once(".SH OPTIONS\n").map(|(_, items)| code_in_bold(items)).unwrap_or_default()
}

/// Values that need no words, as `--help` shows them; `clap_mangen` makes a long list of them.
fn values_in_one_line(arg: Arg) -> Arg {
    let values = arg.get_possible_values();
    if values.is_empty() || values.iter().any(|value| value.get_help().is_some()) {
        return arg;
    }
    let names: Vec<&str> = values.iter().map(clap::builder::PossibleValue::get_name).collect();
    let help = arg.get_long_help().or_else(|| arg.get_help()).map(ToString::to_string).unwrap_or_default();
    let help = format!("{help} [possible values: {}]", names.join(", "));
    arg.hide_possible_values(true).long_help(help)
}

fn exit_status(codes: &[(String, String)]) -> String {
    if codes.is_empty() {
        return String::new();
    }
    let mut roff = section("EXIT STATUS");
    for (code, meaning) in codes {
        roff.control("TP", []).text([bold(code)]).text([roman(meaning)]);
    }
    lines(&roff)
}

fn notes(notes: &[String]) -> String {
    if notes.is_empty() {
        return String::new();
    }
    paragraphs("NOTES", notes.iter().cloned())
}

fn examples(examples: &[Example]) -> String {
    if examples.is_empty() {
        return String::new();
    }
    let mut text = lines(&section("EXAMPLES"));
    for (index, example) in examples.iter().enumerate() {
        let mut about = Roff::new();
        if index > 0 {
            about.control("PP", []);
        }
        let end = if example.about.ends_with(char::is_alphanumeric) { ":" } else { "" };
        about.text([roman(format!("{}{end}", example.about))]);
        text += &code_in_bold(&lines(&about));

        // Unfilled, so that a line can be copied; a backquote is the shell's.
        let mut roff = Roff::new();
        roff.control("PP", []).control("RS", ["4"]).control("nf", []);
        for line in &example.lines {
            roff.text([roman(line)]);
        }
        text += &lines(roff.control("fi", []).control("RE", []));
    }
    text
}

fn see_also(this: &str, names: &[&str]) -> String {
    let others = names.iter().filter(|name| **name != this).chain(&ELSEWHERE);
    let mut line = Vec::new();
    for name in others {
        if !line.is_empty() {
            line.push(roman(", "));
        }
        line.extend([bold(*name), roman("(1)")]);
    }
    lines(section("SEE ALSO").text(line))
}

fn section(heading: &str) -> Roff {
    let mut roff = Roff::new();
    roff.control("SH", [heading]);
    roff
}

fn paragraphs(heading: &str, texts: impl Iterator<Item = String>) -> String {
    let mut roff = section(heading);
    for (index, text) in texts.enumerate() {
        if index > 0 {
            roff.control("PP", []);
        }
        roff.text([roman(text)]);
    }
    code_in_bold(&lines(&roff))
}

/// clap takes the full stop away from a summary.
fn sentence(text: &str) -> String {
    format!("{}.", text.trim_end_matches('.'))
}

/// What every document of the roff crate begins with: how an apostrophe is written.
fn preamble() -> String {
    Roff::new().render()
}

fn lines(roff: &Roff) -> String {
    without_preamble(|out| roff.to_writer(out))
}

fn without_preamble(render: impl FnOnce(&mut dyn std::io::Write) -> std::io::Result<()>) -> String {
    let mut out = Vec::new();
    render(&mut out).expect("a vector takes everything");
    let text = String::from_utf8(out).expect("roff writes UTF-8");
    text.strip_prefix(&preamble()).expect("it begins with the preamble").to_owned()
}

/// Markdown's backquotes, in which our help has words of the command line, become bold type.
fn code_in_bold(roff: &str) -> String {
    let mut text = String::new();
    for line in roff.lines() {
        let backquotes = line.matches('`').count();
        // One without a partner stays one.
        let fonts = if backquotes.is_multiple_of(2) { [r"\fB", r"\fR"] } else { ["`"; 2] };
        for (font, part) in std::iter::once("").chain(fonts.into_iter().cycle()).zip(line.split('`')) {
            text += font;
            text += part;
        }
        text.push('\n');
    }
    text
}

/// What troff would set as typographic characters stays what it is, to be copied; what some terminals lack is written
/// with what they have.
fn for_every_terminal(roff: &str) -> String {
    let mut text = String::new();
    for c in roff.chars() {
        match c {
            '~' => text += r"\(ti",
            '^' => text += r"\(ha",
            '`' => text += r"\(ga",
            '…' => text += "...",
            c => {
                assert!(c.is_ascii(), "say here how {c:?} is shown where there is only ASCII");
                text.push(c);
            }
        }
    }
    text
}

#[test]
fn what_is_to_be_typed_is_bold_and_no_character_is_prettified() {
    assert_eq!(code_in_bold("`a` or `b c`\n1 ` alone\n"), "\\fBa\\fR or \\fBb c\\fR\n1 ` alone\n");
    assert_eq!(for_every_terminal("~/x ^ ` a…"), r"\(ti/x \(ha \(ga a...");
}
