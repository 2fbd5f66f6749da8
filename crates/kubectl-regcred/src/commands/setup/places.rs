//! Where `setup` writes to, and whose these places are.

use std::io;
use std::path::{Path, PathBuf};

use regcred_cli::file::reason;
use regcred_cli::setup_record::Record;

use crate::environment::Environment;
use crate::failure::{Failure, exit};

/// The folders for what is set up.
pub(super) struct Places {
    /// On PATH.
    pub(super) programs: PathBuf,
    /// None on Windows, where nothing looks for these.
    pub(super) texts: Option<Texts>,
}

/// The folders for completion scripts and manual pages.
pub(super) struct Texts {
    /// bash-completion's README: `$BASH_COMPLETION_USER_DIR`, else below `$XDG_DATA_HOME`.
    pub(super) bash: PathBuf,
    /// fish's `complete` documentation, "Where to put completions".
    pub(super) fish: PathBuf,
    /// zsh reads only what its `$fpath` names; this is where its own packages put functions, below a prefix.
    pub(super) zsh: PathBuf,
    /// manpath(5): `share/man` beside a `bin` of PATH.
    pub(super) manual: PathBuf,
}

impl Places {
    /// Finds the places; the programs go to `dir`, else to where they were put before, else to the usual folder.
    pub(super) fn find(
        dir: Option<&Path>,
        recorded: Option<&Record>,
        environment: &Environment,
    ) -> Result<Self, Failure> {
        let programs = match (dir, recorded) {
            (Some(dir), _) => absolute(dir)?,
            (None, Some(recorded)) => recorded.folder.clone(),
            (None, None) => usual_programs(environment).ok_or_else(no_home)?,
        };
        refuse_krew(&programs, environment)?;
        Ok(Self { programs, texts: texts(environment)? })
    }
}

/// The folder that `--dir` means.
pub(super) fn absolute(dir: &Path) -> Result<PathBuf, Failure> {
    std::path::absolute(dir)
        .map_err(|error| Failure::usage(format!("--dir {dir:?} can't be a folder: {}", reason(&error))))
}

/// Where the record is kept.
pub(super) fn record(environment: &Environment) -> Result<PathBuf, Failure> {
    Record::path(&|name| environment.var(name).map(ToOwned::to_owned)).ok_or_else(no_home)
}

fn no_home() -> Failure {
    let variable = if cfg!(windows) { "LOCALAPPDATA" } else { "HOME" };
    Failure::usage(format!("there is no place to set up: {variable} is not set to an absolute path"))
}

fn folder(environment: &Environment, variable: &str) -> Option<PathBuf> {
    environment.var(variable).map(PathBuf::from).filter(|folder| folder.is_absolute())
}

fn usual_programs(environment: &Environment) -> Option<PathBuf> {
    if cfg!(windows) {
        return Some(folder(environment, "LOCALAPPDATA")?.join("Programs").join("regcred"));
    }
    Some(folder(environment, "HOME")?.join(".local/bin"))
}

fn texts(environment: &Environment) -> Result<Option<Texts>, Failure> {
    if cfg!(windows) {
        return Ok(None);
    }
    let home = folder(environment, "HOME");
    let in_home = |below: &str| Some(home.as_ref()?.join(below));
    let data =
        folder(environment, "XDG_DATA_HOME").or_else(|| in_home(".local/share")).ok_or_else(no_home)?;
    let config = folder(environment, "XDG_CONFIG_HOME").or_else(|| in_home(".config")).ok_or_else(no_home)?;
    // Newer versions take several, of which the first comes first.
    let bash = environment.var("BASH_COMPLETION_USER_DIR").and_then(|all| std::env::split_paths(all).next());
    let bash = bash.filter(|folder| folder.is_absolute()).unwrap_or_else(|| data.join("bash-completion"));
    Ok(Some(Texts {
        bash: bash.join("completions"),
        fish: config.join("fish/completions"),
        zsh: data.join("zsh/site-functions"),
        manual: data.join("man/man1"),
    }))
}

/// `setup` writes nothing into krew's folders: krew refuses to work if there is a file in its `bin` that it doesn't know,
/// and removes the folders in its store at every upgrade.
fn refuse_krew(programs: &Path, environment: &Environment) -> Result<(), Failure> {
    let (existing, missing) = existing_part(programs)?;
    if missing.components().any(|part| part == std::path::Component::ParentDir) {
        return Err(Failure::usage(format!(
            "{programs:?} goes back with `..` from a folder that is not there"
        )));
    }
    let real = canonical(&existing)?.join(missing);
    for root in krew_roots(environment) {
        if root.canonicalize().is_ok_and(|root| real.starts_with(root)) {
            return Err(Failure::usage(format!(
                "{programs:?} belongs to krew, which keeps nothing there but its own"
            ))
            .hint("name another folder of PATH with --dir, such as ~/.local/bin"));
        }
    }
    Ok(())
}

/// Where krew keeps its plugins: `KREW_ROOT`, its default, and the folder that this program is in if krew installed it.
fn krew_roots(environment: &Environment) -> Vec<PathBuf> {
    let usual = environment.home().map(|home| home.join(".krew"));
    let named = environment.var("KREW_ROOT").map(PathBuf::from);
    // ROOT/store/regcred/VERSION/kubectl-regcred
    let program = environment.program.as_deref().and_then(|program| program.canonicalize().ok());
    let store = program.as_deref().and_then(|program| program.ancestors().nth(3));
    let own = store.filter(|store| store.ends_with("store")).and_then(Path::parent).map(Path::to_owned);
    [usual, named, own].into_iter().flatten().collect()
}

/// Refuses a file whose folder belongs to another user than this one or root, or that every user can write to; the
/// same for the home folder that it is in. Root, with the HOME of a user, would write files that this user can't change,
/// and a user who can write to a folder can replace the program that is asked for passwords there.
pub(super) fn check(file: &Path, environment: &Environment) -> Result<(), Failure> {
    let (folder, _) = existing_part(file.parent().unwrap_or(file))?;
    let home = environment.home().filter(|home| file.starts_with(home) && home.exists());
    home.iter().chain([&folder]).try_for_each(|folder| check_owner(folder))
}

#[cfg(unix)]
fn check_owner(folder: &Path) -> Result<(), Failure> {
    use std::os::unix::fs::MetadataExt as _;

    const OTHERS_WRITE: u32 = 0o002;
    // In a folder such as /tmp, users can't replace each other's files.
    const STICKY: u32 = 0o1000;

    let found = folder.metadata().map_err(|error| cannot_look(folder, &error))?;
    let me = rustix::process::geteuid().as_raw();
    if found.uid() != me && found.uid() != 0 {
        let message = format!("{folder:?} belongs to the user {}, and you are the user {me}", found.uid());
        return Err(Failure::new(exit::CONFLICT, message)
            .hint("nothing was changed; run this as that user, or with a HOME of your own"));
    }
    if found.mode() & OTHERS_WRITE != 0 && found.mode() & STICKY == 0 {
        let message = format!("every user can write to {folder:?}, and so could replace what is put there");
        return Err(Failure::new(exit::CONFLICT, message).hint(
            "nothing was changed; take that right away (chmod o-w), or name another folder with --dir",
        ));
    }
    Ok(())
}

#[cfg(not(unix))]
#[expect(clippy::unnecessary_wraps, reason = "it can fail elsewhere")]
fn check_owner(_folder: &Path) -> Result<(), Failure> {
    Ok(())
}

/// The part of a path that exists, which has to be a folder, and the rest.
fn existing_part(folder: &Path) -> Result<(PathBuf, PathBuf), Failure> {
    for existing in folder.ancestors() {
        match existing.metadata() {
            Ok(found) if found.is_dir() => {
                let rest = folder.strip_prefix(existing).unwrap_or(Path::new(""));
                return Ok((existing.to_owned(), rest.to_owned()));
            }
            Ok(_) => return Err(not_a_folder(existing, "is not a folder")),
            Err(error) if is_missing(&error) => {
                if existing.symlink_metadata().is_ok() {
                    return Err(not_a_folder(existing, "is a link to a folder that is not there"));
                }
            }
            Err(error) => return Err(cannot_look(existing, &error)),
        }
    }
    Err(not_a_folder(folder, "is in no folder that there is"))
}

/// A path below a file is missing, too.
fn is_missing(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}

fn not_a_folder(path: &Path, why: &str) -> Failure {
    Failure::new(exit::FAILED, format!("{path:?} {why}"))
        .hint("nothing was changed; move it away, and try again")
}

fn canonical(folder: &Path) -> Result<PathBuf, Failure> {
    folder.canonicalize().map_err(|error| cannot_look(folder, &error))
}

fn cannot_look(path: &Path, error: &io::Error) -> Failure {
    Failure::new(exit::FAILED, format!("can't look at {path:?}: {}", reason(error)))
        .hint("nothing was changed")
}
