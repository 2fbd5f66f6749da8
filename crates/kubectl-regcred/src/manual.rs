//! The manual pages in `packaging/man`: made from what `--help` says, and compared with it.
//!
//! A module of the tests: they are made in the repository, and the program need not carry what makes them.

mod after_help;
mod page;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use clap::{Command, CommandFactory as _};

use crate::cli::Cli;

/// Makes the test write the pages in place of comparing them.
const WRITE: &str = "REGCRED_WRITE_MANUAL";

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../packaging/man")
}

/// The pages by their file's name.
fn pages() -> BTreeMap<String, String> {
    let mut main = Cli::command();
    main.build();
    let mut commands = Vec::new();
    collect(&main, &mut commands);
    let names: Vec<&str> = commands.iter().map(|command| page::name(command)).collect();
    commands
        .iter()
        .map(|command| (format!("{}.1", page::name(command)), page::render(command, &names)))
        .collect()
}

/// A command and all below it, as far as `--help` shows them.
fn collect<'a>(command: &'a Command, all: &mut Vec<&'a Command>) {
    all.push(command);
    command.get_subcommands().filter(|below| !below.is_hide_set()).for_each(|below| collect(below, all));
}

/// The pages of ours that are in the folder, by their file's name; it holds those of other programs, too.
fn committed(folder: &Path) -> BTreeMap<String, String> {
    let files = std::fs::read_dir(folder).unwrap().map(|file| file.unwrap().path());
    let named = files.map(|file| (file.file_name().unwrap().to_str().unwrap().to_owned(), file));
    let ours = named.filter(|(name, _)| name.starts_with(page::MAIN));
    ours.map(|(name, file)| (name, std::fs::read_to_string(file).unwrap())).collect()
}

/// What is the matter with each page that is not as it should be.
fn differences(made: &BTreeMap<String, String>, committed: &BTreeMap<String, String>) -> Vec<String> {
    let wrong = made.iter().filter_map(|(name, page)| match committed.get(name) {
        None => Some(format!("{name} is missing")),
        Some(old) if old == page => None,
        Some(old) => {
            let same = old.lines().zip(page.lines()).take_while(|(old, new)| old == new).count();
            let line = |text: &str| text.lines().nth(same).unwrap_or("the end").to_owned();
            Some(format!("{name}:{}: {:?} has to be {:?}", same + 1, line(old), line(page)))
        }
    });
    let left = committed.keys().filter(|name| !made.contains_key(*name));
    wrong.chain(left.map(|name| format!("{name} is of no command"))).collect()
}

#[test]
fn the_manual_pages_are_what_the_help_says() {
    #[expect(clippy::disallowed_methods, reason = "it says whether to write the pages")]
    let write = std::env::var_os(WRITE).is_some();
    let (made, folder) = (pages(), folder());
    if write {
        for old in committed(&folder).keys() {
            std::fs::remove_file(folder.join(old)).unwrap();
        }
        for (name, page) in &made {
            std::fs::write(folder.join(name), page).unwrap();
        }
    }
    let differences = differences(&made, &committed(&folder));
    assert!(
        differences.is_empty(),
        "packaging/man is not what --help says:\n  {}\nwrite it anew: {WRITE}=1 cargo test -p kubectl-regcred manual",
        differences.join("\n  ")
    );
}

#[test]
fn a_page_that_is_missing_or_left_over_or_old_is_found() {
    let folder_of = |pages: &[(&str, &str)]| {
        pages.iter().map(|(name, page)| ((*name).to_owned(), (*page).to_owned())).collect::<BTreeMap<_, _>>()
    };
    let made = folder_of(&[("a.1", "x\ny\n"), ("b.1", "x\n"), ("c.1", "x\n")]);
    assert_eq!(differences(&made, &made), [""; 0]);
    let committed = folder_of(&[("a.1", "x\nz\n"), ("b.1", "x\n"), ("d.1", "x\n")]);
    assert_eq!(
        differences(&made, &committed),
        [r#"a.1:2: "z" has to be "y""#, "c.1 is missing", "d.1 is of no command"]
    );
}
