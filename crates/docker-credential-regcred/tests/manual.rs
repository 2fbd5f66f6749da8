//! The manual page `packaging/man/docker-credential-regcred.1`: made from what `--help` says, and compared with it.

#![cfg(test)]

use std::path::Path;

use docker_credential_regcred::cli::{Command, CommandOption};
use docker_credential_regcred::commands::COMMANDS;
use docker_credential_regcred::{ABOUT, ENVIRONMENT, EXIT_CODES, NAME, VERBS};
use roff::{Inline, Roff, bold, italic, roman};

/// Makes the test write the page in place of comparing it.
const WRITE: &str = "REGCRED_WRITE_MANUAL";

#[test]
fn the_manual_page_is_what_the_help_says() {
    #[expect(clippy::disallowed_methods, reason = "it says whether to write the page")]
    let write = std::env::var_os(WRITE).is_some();
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../packaging/man").join(format!("{NAME}.1"));
    let page = page();
    if write {
        std::fs::write(&path, &page).unwrap();
    }
    let committed = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        committed == page,
        "{path:?} is not what --help says; write it anew: {WRITE}=1 cargo test -p {NAME} --test manual"
    );
}

fn page() -> String {
    let mut roff = Roff::new();
    let version = concat!("docker-credential-regcred ", env!("CARGO_PKG_VERSION"));
    // No date, which would change by itself.
    roff.control("TH", [NAME, "1", "\"\"", version, "regcred Manual"]);
    // A name that is broken in two can't be copied.
    roff.control("nh", []).control("ad", ["l"]);
    section(&mut roff, "NAME");
    roff.text([roman(format!("{NAME} - {}", lower(ABOUT)))]);
    section(&mut roff, "SYNOPSIS");
    for command in COMMANDS {
        synopsis(&mut roff, command);
    }
    roff.text([bold(NAME), roman(" "), roman(VERBS.map(|(verb, _)| verb).join("|"))]);
    section(&mut roff, "DESCRIPTION");
    paragraphs(&mut roff, &format!("{ABOUT}.\n\nA password is never written to a file."));
    section(&mut roff, "COMMANDS");
    for command in COMMANDS {
        roff.control("SS", [command.name]);
        paragraphs(&mut roff, &format!("{}.\n\n{}", command.about, command.details));
        for option in command.options() {
            item(&mut roff, option_name(option), option.help);
        }
        roff.control("PP", []).text([bold("Exit status: "), roman(one_line(command.exit_codes))]);
    }
    section(&mut roff, "VERBS");
    paragraphs(
        &mut roff,
        "For the clients, which start this program and speak with it through standard input and output.",
    );
    for (verb, about) in VERBS {
        item(&mut roff, vec![bold(verb)], about);
    }
    section(&mut roff, "ENVIRONMENT");
    for (variable, about) in ENVIRONMENT {
        item(&mut roff, vec![bold(variable)], about);
    }
    section(&mut roff, "EXIT STATUS");
    paragraphs(&mut roff, EXIT_CODES);
    section(&mut roff, "EXAMPLES");
    for command in COMMANDS {
        verbatim(&mut roff, command.examples);
    }
    section(&mut roff, "SEE ALSO");
    roff.text([
        bold("kubectl-regcred"),
        roman("(1), "),
        bold("docker"),
        roman("(1), "),
        bold("containers-auth.json"),
        roman("(5)"),
    ]);
    for_every_terminal(&roff.render())
}

fn section(roff: &mut Roff, heading: &str) {
    roff.control("SH", [heading]);
}

fn synopsis(roff: &mut Roff, command: &Command) {
    let arguments =
        command.usage().split_once("[OPTIONS]").map(|(_, rest)| rest.to_owned()).unwrap_or_default();
    roff.text([
        bold(format!("{NAME} {}", command.name)),
        roman(" ["),
        italic("OPTIONS"),
        roman("]"),
        italic(arguments),
    ]);
    roff.control("br", []);
}

fn option_name(option: &CommandOption) -> Vec<Inline> {
    let mut name = Vec::new();
    if let Some(letter) = option.short {
        name.extend([bold(format!("-{letter}")), roman(", ")]);
    }
    name.push(bold(format!("--{}", option.long)));
    name.extend(option.value.map(|value| italic(format!(" {value}"))));
    name
}

fn item(roff: &mut Roff, name: Vec<Inline>, about: &str) {
    roff.control("TP", []).text(name).text(in_bold(about));
}

fn paragraphs(roff: &mut Roff, text: &str) {
    for (number, paragraph) in text.split("\n\n").enumerate() {
        if paragraph.starts_with(' ') {
            verbatim(roff, paragraph);
            continue;
        }
        if number > 0 {
            roff.control("PP", []);
        }
        roff.text(in_bold(&one_line(paragraph)));
    }
}

/// Lines that can be copied.
fn verbatim(roff: &mut Roff, text: &str) {
    roff.control("PP", []).control("RS", ["4"]).control("nf", []);
    for line in text.lines() {
        roff.text([roman(line.trim_start())]);
    }
    roff.control("fi", []).control("RE", []);
}

/// Backquotes, in which our help has words of the command line, become bold type.
fn in_bold(text: &str) -> Vec<Inline> {
    let is_odd = |(number, part): (usize, &str)| if number % 2 == 1 { bold(part) } else { roman(part) };
    text.split('`').enumerate().map(is_odd).collect()
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn lower(text: &str) -> String {
    let mut characters = text.chars();
    characters.next().map(|first| first.to_lowercase().chain(characters).collect()).unwrap_or_default()
}

/// What troff would set as typographic characters stays what it is, to be copied.
fn for_every_terminal(roff: &str) -> String {
    assert!(roff.is_ascii(), "some terminals have only ASCII");
    roff.replace('~', r"\(ti").replace('^', r"\(ha")
}
