//! What a person still has to set, so that what was put into its place is found.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use regcred_cli::shell::word;

use super::contents::helper;
use super::places::{Places, Texts};
use super::report::Advice;
use crate::environment::Environment;

/// What is left to do, from the variables of this process.
pub(super) fn of(places: &Places, environment: &Environment) -> Vec<Advice> {
    let path = folders(environment, "PATH");
    let mut advice = Vec::new();
    advice.extend(programs(&places.programs, &path, environment));
    if let Some(texts) = &places.texts {
        advice.extend(zsh(texts, &path, environment));
        advice.extend(manual(texts, &path, environment));
    }
    advice
}

/// The absolute folders of a variable such as PATH.
fn folders(environment: &Environment, variable: &str) -> Vec<PathBuf> {
    let folders = environment.var(variable).map(|value| std::env::split_paths(value).collect::<Vec<_>>());
    folders.unwrap_or_default().into_iter().filter(|folder| folder.is_absolute()).collect()
}

fn programs(folder: &Path, path: &[PathBuf], environment: &Environment) -> Option<Advice> {
    let Some(at) = path.iter().position(|on_path| same(on_path, folder)) else {
        let shown = word(&folder.to_string_lossy());
        let remedy = if cfg!(windows) {
            format!("add {shown} to Path, in the environment variables of your account")
        } else if shell(environment) == Some(OsStr::new("fish")) {
            format!("fish_add_path {shown}")
        } else {
            format!("export PATH={shown}:\"$PATH\"")
        };
        return Some(Advice {
            code: "notOnPath",
            message: format!(
                "{folder:?} is not on PATH, where docker, podman and kubectl look for these programs; in the file that \
                 your shell reads at login, set"
            ),
            remedy,
        });
    };
    let first = path[..at].iter().map(|folder| folder.join(helper())).find(|file| file.is_file())?;
    // A link to the copy is the copy.
    if same(&first, &folder.join(helper())) {
        return None;
    }
    Some(Advice {
        code: "otherOnPath",
        message: format!("docker and podman start {first:?}, which comes first on PATH"),
        remedy: "remove it, or change the order of PATH".to_owned(),
    })
}

/// zsh has no folder of a user's own in its `$fpath`, and does not tell other programs what it has.
fn zsh(texts: &Texts, path: &[PathBuf], environment: &Environment) -> Option<Advice> {
    let is_used = shell(environment) == Some(OsStr::new("zsh"))
        || path.iter().any(|folder| folder.join("zsh").is_file());
    let is_found = folders(environment, "FPATH").iter().any(|folder| same(folder, &texts.zsh));
    (is_used && !is_found).then(|| Advice {
        code: "zshFunctions",
        message: "zsh completes kubectl-regcred once this is in ~/.zshrc, before compinit".to_owned(),
        remedy: format!("fpath=({} $fpath)", word(&texts.zsh.to_string_lossy())),
    })
}

/// man looks into `share/man` and `man` beside each `bin` of PATH (manpath(5)), or where MANPATH says.
fn manual(texts: &Texts, path: &[PathBuf], environment: &Environment) -> Option<Advice> {
    let pages = texts.manual.parent()?;
    let beside = |folder: &PathBuf| {
        folder
            .parent()
            .is_some_and(|prefix| ["share/man", "man"].iter().any(|man| same(&prefix.join(man), pages)))
    };
    let manpath = environment.var("MANPATH");
    // An empty part stands for what man finds by itself.
    let has_default =
        manpath.is_none_or(|value| std::env::split_paths(value).any(|part| part.as_os_str().is_empty()));
    let is_found = folders(environment, "MANPATH").iter().any(|folder| same(folder, pages))
        || (has_default && path.iter().any(beside));
    (!is_found).then(|| Advice {
        code: "manPath",
        message: "man finds the manual pages with".to_owned(),
        remedy: format!("export MANPATH={}:\"$MANPATH\"", word(&pages.to_string_lossy())),
    })
}

/// The name of the person's shell.
fn shell(environment: &Environment) -> Option<&OsStr> {
    Path::new(environment.var("SHELL")?).file_name()
}

/// Whether two paths lead to the same place; by their text, if one is not there.
fn same(one: &Path, other: &Path) -> bool {
    one == other || matches!((one.canonicalize(), other.canonicalize()), (Ok(one), Ok(other)) if one == other)
}
