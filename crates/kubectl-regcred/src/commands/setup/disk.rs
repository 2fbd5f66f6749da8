//! Looks at files and changes them as planned. The record is written before anything that it tells of, so that a run that is
//! killed at any moment can be repeated, and undone.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use regcred_cli::file::{self, reason};
use regcred_cli::setup_record::Record;
use regcred_keyring::Lock;

use super::VERSION;
use super::plan::{Action, Found, Plan, Step, sha256};
use crate::environment::Environment;
use crate::failure::{Failure, exit};

const PROGRAM_MODE: u32 = 0o755;
const TEXT_MODE: u32 = 0o644;

/// Waits until no other `setup` of this user is at work.
pub(super) fn lock(environment: &Environment) -> Result<Lock, Failure> {
    Lock::of_setup(&|name| environment.var(name).map(ToOwned::to_owned))
        .map_err(|error| Failure::new(exit::FAILED, error.to_string()))
}

/// What is at a path.
pub(super) fn look(path: &Path) -> Result<Found, Failure> {
    let failed = |error: io::Error| {
        Failure::new(exit::FAILED, format!("can't look at {path:?}: {}", reason(&error)))
            .hint("nothing was changed")
    };
    let metadata = match path.symlink_metadata() {
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
            return Ok(Found::Nothing);
        }
        other => other.map_err(failed)?,
    };
    let kind = metadata.file_type();
    Ok(if kind.is_symlink() {
        Found::Link
    } else if kind.is_dir() {
        Found::Folder
    } else if kind.is_file() {
        let bytes = fs::read(path).map_err(failed)?;
        Found::File { sha256: sha256(&bytes), is_executable: is_executable(&metadata) }
    } else {
        Found::Special
    })
}

#[cfg(unix)]
fn is_executable(metadata: &fs::Metadata) -> bool {
    std::os::unix::fs::PermissionsExt::mode(&metadata.permissions()) & 0o111 != 0
}

#[cfg(not(unix))]
fn is_executable(_metadata: &fs::Metadata) -> bool {
    true
}

/// Does what is planned, `recorded` being what earlier runs wrote.
pub(super) fn apply(
    plan: &Plan,
    recorded: Record,
    programs: &Path,
    record_path: &Path,
) -> Result<(), Failure> {
    let before = recorded.clone();
    let mut record = recorded;
    VERSION.clone_into(&mut record.version);
    programs.clone_into(&mut record.folder);

    let written: Vec<_> = plan.steps.iter().filter(|step| step.writes()).collect();
    for step in &written {
        if let Some((_, sha256)) = &step.wanted
            && !record.wrote(&step.path, sha256)
        {
            record.files.entry(step.path.clone()).or_default().push(sha256.clone());
        }
    }
    if !written.is_empty() {
        let folders = written.iter().filter_map(|step| step.path.parent()).chain(record_path.parent());
        for folder in folders.flat_map(missing_folders) {
            if !record.made_folders.contains(&folder) {
                record.made_folders.push(folder);
            }
        }
        make_private_folder(record_path.parent())?;
        record.write(record_path)?;
    }
    for step in &written {
        write(step)?;
    }
    remove(plan)?;
    for step in &plan.steps {
        match (&step.wanted, record.files.get_mut(&step.path)) {
            (Some((_, sha256)), Some(known)) => *known = vec![sha256.clone()],
            (None, Some(_)) => drop(record.files.remove(&step.path)),
            // It was there before, as it should be, and is not the work of `setup`.
            (_, None) => {}
        }
    }
    // A run that changes nothing writes nothing, and makes no claim to what it found.
    if record == before || record.files.is_empty() && before.files.is_empty() {
        return Ok(());
    }
    record.write(record_path)
}

fn write(step: &Step) -> Result<(), Failure> {
    let Some((content, _)) = &step.wanted else { return Ok(()) };
    if let Some(folder) = step.path.parent() {
        fs::create_dir_all(folder).map_err(|error| cannot("make the folder", folder, &error))?;
    }
    refuse_changed(step)?;
    let mode = if content.is_program { PROGRAM_MODE } else { TEXT_MODE };
    file::replace(&step.path, &content.bytes, mode).map_err(repeatable)
}

/// Removes the files that are to be removed, and copies that a killed run left.
pub(super) fn remove(plan: &Plan) -> Result<(), Failure> {
    for step in plan.steps.iter().filter(|step| step.wanted.is_none()) {
        if step.action == Action::Remove {
            refuse_changed(step)?;
            file::remove(&step.path).map_err(|error| cannot("remove", &step.path, &error))?;
        }
        file::remove_leftover(&step.path).map_err(|error| cannot("clean up beside", &step.path, &error))?;
    }
    Ok(())
}

/// A plan holds for what was there when it was made.
fn refuse_changed(step: &Step) -> Result<(), Failure> {
    if look(&step.path)? == step.found {
        return Ok(());
    }
    Err(repeatable(Failure::new(
        exit::CONFLICT,
        format!("{:?} is being changed by another program", step.path),
    )))
}

/// Some of the files may be done.
fn repeatable(failure: Failure) -> Failure {
    failure.hint("the same command again does the rest")
}

/// The folders that have to be made for a folder to be there, an outer one first.
fn missing_folders(folder: &Path) -> Vec<PathBuf> {
    let mut missing: Vec<_> = folder
        .ancestors()
        .take_while(|folder| !folder.as_os_str().is_empty() && folder.symlink_metadata().is_err())
        .map(Path::to_owned)
        .collect();
    missing.reverse();
    missing
}

/// Removes the folders that were made, if they are empty.
pub(super) fn remove_folders(folders: &[PathBuf]) -> Result<(), Failure> {
    for folder in folders.iter().rev() {
        match fs::remove_dir(folder) {
            Err(error)
                if !matches!(
                    error.kind(),
                    io::ErrorKind::NotFound
                        | io::ErrorKind::DirectoryNotEmpty
                        // A link that took its place since.
                        | io::ErrorKind::NotADirectory
                ) =>
            {
                return Err(cannot("remove the folder", folder, &error));
            }
            _ => {}
        }
    }
    Ok(())
}

/// Makes a folder that only its owner sees, as the XDG Base Directory Specification wants it.
fn make_private_folder(folder: Option<&Path>) -> Result<(), Failure> {
    let Some(folder) = folder else { return Ok(()) };
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder).map_err(|error| cannot("make the folder", folder, &error))
}

pub(super) fn cannot(what: &str, path: &Path, error: &io::Error) -> Failure {
    repeatable(Failure::new(exit::FAILED, format!("can't {what} {path:?}: {}", reason(error))))
}
