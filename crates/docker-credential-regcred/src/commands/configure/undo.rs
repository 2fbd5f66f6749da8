//! `configure --undo`.

use std::collections::BTreeSet;
use std::path::Path;

use regcred_cli::failure::{Failure, exit};
use regcred_cli::output;
use regcred_core::server::{podman_lookup_key, shown_key};
use regcred_keyring::Settings;

use super::super::keyring_failed;
use super::{backup, cannot, diff};
use crate::cli::Arguments;
use crate::config_file::{self, ConfigFile};
use crate::environment::Environment;
use crate::survey::{Client, HELPER, Survey};

pub(super) fn run(
    arguments: &Arguments,
    environment: &Environment,
    settings: &Settings,
) -> Result<u8, Failure> {
    let survey = Survey::take_all(environment)?;
    let both = arguments.has("docker") == arguments.has("podman");
    let dry_run = arguments.has("dry-run");
    let _lock = settings.lock_files().map_err(|error| keyring_failed(&error))?;
    let mut found = false;
    for (client, file) in survey.readable() {
        if !both && arguments.has("docker") != (client.client == Client::Docker) {
            continue;
        }
        if undo_file(&client.path, dry_run)? {
            found = true;
        } else if names_us(file) {
            output::note(&format!(
                "{:?} names this helper, and there is no backup of what it said before; change it by hand",
                client.path
            ));
        }
    }
    if !found {
        output::line("nothing to undo: there is no backup of `configure` beside any file")?;
    } else if dry_run {
        output::note("nothing was changed (dry run)");
    } else {
        warn_of_unasked(environment, settings);
    }
    Ok(exit::DONE)
}

fn names_us(file: &ConfigFile) -> bool {
    file.config.creds_store().as_deref() == Some(HELPER)
        || file.config.cred_helpers().iter().any(|(_, helper)| helper == HELPER)
}

/// Says which logins clients don't find any more.
fn warn_of_unasked(environment: &Environment, settings: &Settings) {
    let survey = Survey::take(environment);
    let asked = |server: &str| {
        [Client::Docker, Client::Podman]
            .iter()
            .all(|client| survey.helper(*client, server).as_deref() != Some(HELPER))
    };
    let servers = match regcred_keyring::open(settings).and_then(|chosen| chosen.store.list()) {
        Ok(entries) => entries.into_iter().map(|entry| entry.server).filter(|server| asked(server)),
        Err(error) => {
            return output::warning(&format!("can't tell which logins are in the keyring: {error}"));
        }
    };
    let servers: BTreeSet<_> =
        servers.map(|server| shown_key(&podman_lookup_key(&server)).into_owned()).collect();
    if !servers.is_empty() {
        output::warning(&format!(
            "the logins for {} stay in the keyring, where docker and podman don't look any more; log in there again",
            servers.into_iter().collect::<Vec<_>>().join(", ")
        ));
    }
}

/// Whether there was something to put back.
fn undo_file(path: &Path, dry_run: bool) -> Result<bool, Failure> {
    let backup_path = backup::path_of(path);
    let Some(record) = backup::read(&ConfigFile::read(&backup_path)?)? else { return Ok(false) };
    output::line(&format!("{}:", path.display()))?;
    let (back, others, is_bare) = config_file::edit(path, |file, config| {
        if !file.exists() {
            return Ok((Vec::new(), Vec::new(), false));
        }
        let (back, others) = backup::undo(config, &record);
        let is_bare = config.text().iter().filter(|byte| !byte.is_ascii_whitespace()).eq(b"{}");
        if dry_run {
            *config = file.config.clone();
        }
        Ok((back, others, is_bare))
    })?;
    for (member, before) in &back {
        diff(member, Some(HELPER), before.as_deref())?;
    }
    for member in others {
        output::note(&format!("{path:?}: {member} was changed by somebody else since, and stays"));
    }
    if !dry_run {
        if record.made_file && is_bare {
            config_file::remove(path).map_err(|error| cannot("remove", path, &error))?;
        }
        config_file::remove(&backup_path).map_err(|error| cannot("remove", &backup_path, &error))?;
    }
    Ok(true)
}
