//! `migrate`: from plaintext files and other helpers into the keyring.

mod gather;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use regcred_cli::failure::{Failure, exit};
use regcred_cli::output;
use regcred_core::docker_config::DockerConfig;
use regcred_core::helper_protocol::TOKEN_USERNAME;
use regcred_keyring::{Login, Settings, Store};

use self::gather::{Gathered, Item, Place, Search};
use super::{keyring_failed, open, registry, settings};
use crate::cli::{Arguments, Command, CommandOption};
use crate::config_file::{self, ConfigFile};
use crate::environment::Environment;
use crate::survey::{Survey, for_keyring, is_same};

pub(super) static COMMAND: Command = Command {
    name: "migrate",
    arguments: "",
    about: "Move plaintext logins, or those of another helper, into the keyring",
    details: "\
Without --from and --from-helper, the logins in the files of docker and podman. Each is stored, read back and compared
before the file is touched; then its password is blanked there, and everything else in the file stays. Ended at any
moment, it can be run again.

A login stays in its file if somebody would not find it in the keyring: if its clients do not ask this helper for it (see
`configure`), or if it is for a path in a registry (ghcr.io/team), for which podman asks no helper. One that differs
from what the keyring holds already is not moved without --replace. What another helper keeps is copied and stays there.",
    options: &[
        CommandOption {
            long: "from",
            short: None,
            value: Some("FILE"),
            help: "Only the logins in this file, a docker config or auth.json",
        },
        CommandOption {
            long: "from-helper",
            short: None,
            value: Some("NAME"),
            help: "What docker-credential-NAME keeps, instead of files",
        },
        CommandOption {
            long: "registry",
            short: None,
            value: Some("HOST"),
            help: "Only the login for this registry (repeatable)",
        },
        CommandOption { long: "dry-run", short: None, value: None, help: "Print what would be done, and change nothing" },
        CommandOption {
            long: "replace",
            short: None,
            value: None,
            help: "Replace what the keyring holds, where it differs",
        },
        CommandOption { long: "force", short: None, value: None, help: "Move what some client would not find any more, too" },
    ],
    examples: "\
docker-credential-regcred migrate --dry-run
docker-credential-regcred migrate

# From another helper, whose place this one then takes
docker-credential-regcred migrate --from-helper pass
docker-credential-regcred configure --force",
    exit_codes: "0 done, though some may have to stay; 1 some failed; 2 wrong usage; 4 not found; 7 the keyring or the \
other helper failed; 8 some were not moved because of a conflict.",
};

/// Why a login is not moved; the texts end in the way out, if there is one.
enum Stay {
    /// There is no better place for it.
    Must(&'static str),
    /// It should have been moved.
    Failed(Failure),
}

impl Stay {
    fn failed(why: String) -> Self {
        Self::Failed(Failure::new(exit::FAILED, why))
    }

    fn conflict(why: String) -> Self {
        Self::Failed(Failure::new(exit::CONFLICT, why))
    }
}

/// What became of a login.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Outcome {
    /// It is in the keyring now.
    Moved,
    /// It had been there before.
    Kept,
    /// It has to stay where it is.
    Stays,
    /// It was not moved; the exit code.
    Failed(u8),
}

pub(super) fn run(arguments: &Arguments, environment: &Environment) -> Result<u8, Failure> {
    let registries = arguments.texts("registry")?;
    for name in &registries {
        registry(name)?;
    }
    let settings = settings(environment)?;
    super::check_home(environment, arguments.has("force"))?;
    let survey = Survey::take_all(environment)?;
    let gathered = gather(arguments, &registries, &survey, environment)?;
    let chosen = open(&settings)?;
    let migration = Migration {
        store: chosen.store.as_ref(),
        keyring: chosen.kind.to_string(),
        settings: &settings,
        dry_run: arguments.has("dry-run"),
        replace: arguments.has("replace"),
    };
    if !gathered.is_empty() {
        // Before anything goes there: what is in a file outlives a reboot.
        super::warn(&chosen);
    }
    let outcomes = migration.run(gathered)?;
    if !migration.dry_run {
        let _lock = settings.lock_files().map_err(|error| keyring_failed(&error))?;
        for (_, file) in survey.readable() {
            config_file::clean(&file.path)?;
        }
    }
    Ok(conclude(&outcomes, migration.dry_run, &migration.keyring))
}

fn gather(
    arguments: &Arguments,
    registries: &[String],
    survey: &Survey,
    environment: &Environment,
) -> Result<Gathered, Failure> {
    let search = Search { registries, survey, environment, force: arguments.has("force") };
    let mut gathered = Gathered::default();
    match (arguments.one("from"), arguments.text("from-helper")?) {
        (Some(_), Some(_)) => {
            return Err(Failure::usage("both --from and --from-helper are given; name one"));
        }
        (None, Some(name)) => search.in_helper(&name, &mut gathered)?,
        (Some(path), None) => {
            let file = ConfigFile::read(Path::new(path))?;
            if !file.exists() {
                return Err(Failure::new(exit::NOT_FOUND, format!("there is no file {path:?}")));
            }
            let client = survey.files.iter().find(|client| is_same(&client.path, Path::new(path)));
            search.in_file(&file, client, &mut gathered);
        }
        (None, None) => {
            if survey.files.is_empty() {
                return Err(Failure::usage("it is not known where the clients' files are: HOME is not set"));
            }
            for (client, file) in survey.readable() {
                search.in_file(file, Some(client), &mut gathered);
            }
        }
    }
    if gathered.is_empty() && !registries.is_empty() {
        let message = format!("there is no login for {} to be moved", registries.join(", "));
        return Err(Failure::new(exit::NOT_FOUND, message));
    }
    Ok(gathered)
}

/// All that is the same for every login.
struct Migration<'a> {
    store: &'a dyn Store,
    keyring: String,
    settings: &'a Settings,
    dry_run: bool,
    replace: bool,
}

impl Migration<'_> {
    fn run(&self, mut gathered: Gathered) -> Result<Vec<Outcome>, Failure> {
        let items = gathered.items();
        let mut outcomes = Vec::new();
        let mut blank: BTreeMap<PathBuf, Vec<(&Place, &Item, Outcome)>> = BTreeMap::new();
        for item in &items {
            match self.keep(item) {
                Ok(outcome) => {
                    for place in &item.places {
                        match &place.file {
                            Some(file) => blank.entry(file.clone()).or_default().push((place, item, outcome)),
                            None => outcomes.push(self.tell(place, item, outcome)?),
                        }
                    }
                }
                Err(failure) => {
                    let failed =
                        item.places.iter().map(|place| (place.clone(), Stay::Failed(failure.clone())));
                    gathered.staying.extend(failed);
                }
            }
        }
        for (path, of_file) in &blank {
            let changed = self.blank(path, of_file);
            for (place, item, outcome) in of_file {
                let stay = match &changed {
                    Ok(changed) if !changed.contains(&place.key) => {
                        outcomes.push(self.tell(place, item, *outcome)?);
                        continue;
                    }
                    Ok(_) => Stay::conflict("it was changed meanwhile; run this again".to_owned()),
                    Err(failure) => {
                        let message =
                            format!("it is in the keyring, but stands there too: {}", failure.message);
                        Stay::Failed(Failure { message, ..failure.clone() })
                    }
                };
                gathered.staying.push(((*place).clone(), stay));
            }
        }
        for (place, stay) in &gathered.staying {
            match stay {
                Stay::Must(why) => {
                    output::line(&format!("{} stays in {}: {why}", place.title(), place.holder))?;
                    outcomes.push(Outcome::Stays);
                }
                Stay::Failed(failure) => {
                    let message = format!("{} in {}: {}", place.title(), place.holder, failure.message);
                    output::failure(&Failure { message, ..failure.clone() });
                    outcomes.push(Outcome::Failed(failure.code));
                }
            }
        }
        Ok(outcomes)
    }

    /// Sees to it that the keyring has the login.
    fn keep(&self, Item { key, login, .. }: &Item) -> Result<Outcome, Failure> {
        let failed = |error| keyring_failed(&error);
        match self.store.get(key).map_err(failed)? {
            Some(held) if held == *login => return Ok(Outcome::Kept),
            Some(held) if !self.replace => {
                let difference = if held.username == login.username {
                    "another password".to_owned()
                } else {
                    format!("a login of another user, {:?}", held.username)
                };
                return Err(Failure::new(
                    exit::CONFLICT,
                    format!(
                        "the keyring holds {difference}, which is what its clients use; take this one instead with --replace, \
                         or remove this entry from the file (a logout would remove both)"
                    ),
                ));
            }
            _ if self.dry_run => return Ok(Outcome::Moved),
            _ => {}
        }
        super::store(self.store, &self.keyring, key, login)?;
        Ok(Outcome::Moved)
    }

    /// Takes what the keyring has out of a file; returns the keys of entries that are not what they were.
    fn blank(&self, path: &Path, of_file: &[(&Place, &Item, Outcome)]) -> Result<Vec<String>, Failure> {
        if self.dry_run {
            return Ok(Vec::new());
        }
        let _lock = self.settings.lock_files().map_err(|error| keyring_failed(&error))?;
        config_file::edit(path, |file, config| {
            let is_same = |(place, item, _): &&(&Place, &Item, Outcome)| {
                holds_no_other(config, &place.key, &item.login)
            };
            let (same, changed): (Vec<&(&Place, &Item, Outcome)>, Vec<_>) = of_file.iter().partition(is_same);
            let keys: Vec<_> = same.iter().map(|(place, ..)| place.key.as_str()).collect();
            config.blank_entries(&keys);
            if file.has_other_names() {
                output::warning(&format!(
                    "{path:?} has other names (hard links), and what they name keeps the passwords"
                ));
            }
            Ok(changed.iter().map(|(place, ..)| place.key.clone()).collect())
        })
    }

    fn tell(&self, place: &Place, item: &Item, outcome: Outcome) -> Result<Outcome, Failure> {
        let did = match (outcome, &place.file, self.dry_run) {
            (Outcome::Kept, None, _) => "is in the keyring already; it stays",
            (_, None, false) => "copied to the keyring; it stays",
            (_, None, true) => "would be copied to the keyring, and stay",
            (Outcome::Kept, Some(_), false) => "is in the keyring already; blanked",
            (_, Some(_), false) => "moved to the keyring; blanked",
            (_, Some(_), true) => "would be moved to the keyring, and blanked",
        };
        let user = if item.login.username == TOKEN_USERNAME {
            "an identity token".to_owned()
        } else {
            format!("user {:?}", item.login.username)
        };
        output::line(&format!("{} ({user}) {did} in {}", place.title(), place.holder))?;
        Ok(outcome)
    }
}

/// Whether an entry holds this login, or none any more.
fn holds_no_other(config: &DockerConfig, key: &str, login: &Login) -> bool {
    let Some(entry) = config.entry(key) else { return true };
    match entry.login() {
        Ok(None) => true,
        Ok(Some(found)) => for_keyring(key, found).is_ok_and(|(_, found)| found == *login),
        Err(_) => false,
    }
}

/// Says how it went in all, and which exit code that is.
fn conclude(outcomes: &[Outcome], dry_run: bool, keyring: &str) -> u8 {
    let count = |wanted: Outcome| outcomes.iter().filter(|outcome| **outcome == wanted).count();
    let codes =
        outcomes.iter().map(|outcome| if let Outcome::Failed(code) = outcome { *code } else { exit::DONE });
    let failed: Vec<u8> = codes.filter(|code| *code != exit::DONE).collect();
    let would = if dry_run { "would be " } else { "" };
    if outcomes.is_empty() {
        output::note("there is no login to be moved");
    } else {
        output::note(&format!(
            "{} {would}moved to the {keyring}, {} there already, {} stay, {} not moved",
            count(Outcome::Moved),
            count(Outcome::Kept),
            count(Outcome::Stays),
            failed.len()
        ));
    }
    match failed.first() {
        None => exit::DONE,
        Some(code) if failed.iter().all(|other| other == code) => *code,
        Some(_) => exit::FAILED,
    }
}
