//! `migrate`: from plaintext files and other helpers into the keyring.

mod gather;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use regcred_cli::failure::{Failure, exit};
use regcred_cli::output;
use regcred_core::credential;
use regcred_core::docker_config::DockerConfig;
use regcred_core::helper_protocol::TOKEN_USERNAME;
use regcred_core::server::same_registry;
use regcred_keyring::{Login, Settings, Store};

use self::gather::{Gathered, Item, Place, Wanted};
use super::{keyring_failed, open, registry, settings};
use crate::cli::{Arguments, Command, CommandOption};
use crate::config_file::{self, ConfigFile};
use crate::environment::Environment;
use crate::survey::Survey;

pub(super) static COMMAND: Command = Command {
    name: "migrate",
    arguments: "",
    about: "Move plaintext logins, or those of another helper, into the keyring",
    details: "\
Without --from and --from-helper, the logins in the files of docker and podman. Each is stored, read back and compared
before the file is touched; then its password is blanked there, and everything else in the file stays. Ended at any
moment, it can be run again.

A login stays in its file if nobody would find it in the keyring: if its client does not ask this helper for it (see
`configure`), or if it is for a path in a registry (ghcr.io/team), for which podman asks no helper. One that differs
from what the keyring holds already is not moved without --force. What another helper keeps is copied and stays there.",
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
            long: "force",
            short: None,
            value: None,
            help: "Replace what the keyring holds; move what no client asks for",
        },
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
    Must(String),
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
    let gathered = gather(arguments, &registries, environment)?;
    let chosen = open(&settings)?;
    let migration = Migration {
        store: chosen.store.as_ref(),
        keyring: chosen.kind.to_string(),
        settings: &settings,
        dry_run: arguments.has("dry-run"),
        force: arguments.has("force"),
    };
    let outcomes = migration.run(gathered)?;
    if outcomes.contains(&Outcome::Moved) && !migration.dry_run {
        super::warn(&chosen);
    }
    Ok(conclude(&outcomes, migration.dry_run, &migration.keyring))
}

fn gather(
    arguments: &Arguments,
    registries: &[String],
    environment: &Environment,
) -> Result<Gathered, Failure> {
    let wanted = Wanted(registries);
    let mut gathered = Gathered::default();
    let force = arguments.has("force");
    match (arguments.one("from"), arguments.text("from-helper")?) {
        (Some(_), Some(_)) => {
            return Err(Failure::usage("both --from and --from-helper are given; name one"));
        }
        (None, Some(name)) => gathered.add_helper(&name, &wanted)?,
        (Some(path), None) => {
            let path = Path::new(path);
            let file = ConfigFile::read(path)?;
            if !file.exists() {
                return Err(Failure::new(exit::NOT_FOUND, format!("there is no file {path:?}")));
            }
            let survey = Survey::take_all(environment)?;
            let same = |other: &Path| other.canonicalize().ok() == path.canonicalize().ok();
            let client =
                survey.readable().find(|(client, _)| same(&client.path)).map(|(client, _)| client.client);
            gathered.add_file(&file, client, &survey, &wanted, force);
        }
        (None, None) => {
            let survey = Survey::take_all(environment)?;
            for (client, file) in survey.readable() {
                gathered.add_file(file, Some(client.client), &survey, &wanted, force);
            }
            if !survey.has_podman(environment) {
                gathered.lost_to_podman.clear();
            }
        }
    }
    if gathered.is_empty() && !registries.is_empty() {
        return Err(Failure::new(
            exit::NOT_FOUND,
            format!("there is no login for {} to be moved", registries.join(", ")),
        ));
    }
    Ok(gathered)
}

/// All that is the same for every login.
struct Migration<'a> {
    store: &'a dyn Store,
    keyring: String,
    settings: &'a Settings,
    dry_run: bool,
    force: bool,
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
            match self.blank(path, of_file) {
                Ok(changed) => {
                    for (place, item, outcome) in of_file {
                        if changed.contains(&place.key) {
                            let why = "it was changed meanwhile; run this again".to_owned();
                            gathered.staying.push(((*place).clone(), Stay::conflict(why)));
                        } else {
                            outcomes.push(self.tell(place, item, *outcome)?);
                        }
                    }
                }
                Err(failure) => {
                    let stays = |place: &Place| (place.clone(), Stay::Failed(failure.clone()));
                    gathered.staying.extend(of_file.iter().map(|(place, ..)| stays(place)));
                }
            }
        }
        for (place, stay) in &gathered.staying {
            match stay {
                Stay::Must(why) => {
                    output::line(&format!("{:?} stays in {}: {why}", place.key, place.holder))?;
                }
                Stay::Failed(failure) => {
                    let message = format!("{:?} in {}: {}", place.key, place.holder, failure.message);
                    output::failure(&Failure { message, ..failure.clone() });
                }
            }
            outcomes.push(stay.into());
        }
        let moved: Vec<_> =
            items.iter().filter(|item| item.places.iter().any(|place| place.file.is_some())).collect();
        let lost = gathered
            .lost_to_podman
            .iter()
            .filter(|host| moved.iter().any(|item| same_registry(&item.key, host)));
        let lost: Vec<_> = lost.map(String::as_str).collect();
        if !lost.is_empty() {
            output::warning(&format!(
                "podman and skopeo read docker's passwords too, but not from a credsStore; for {}, run: {} configure --podman",
                lost.join(", "),
                crate::NAME
            ));
        }
        Ok(outcomes)
    }

    /// Sees to it that the keyring has the login.
    fn keep(&self, Item { key, login, .. }: &Item) -> Result<Outcome, Failure> {
        let failed = |error| keyring_failed(&error);
        match self.store.get(key).map_err(failed)? {
            Some(held) if held == *login => return Ok(Outcome::Kept),
            Some(held) if !self.force => {
                let difference = if held.username == login.username {
                    "another password".to_owned()
                } else {
                    format!("a login of another user, {:?}", held.username)
                };
                return Err(Failure::new(
                    exit::CONFLICT,
                    format!("the keyring holds {difference}; replace it with --force, or remove this entry"),
                ));
            }
            _ if self.dry_run => return Ok(Outcome::Moved),
            _ => {}
        }
        self.store.store(key, login).map_err(failed)?;
        if self.store.get(key).map_err(failed)?.as_ref() == Some(login) {
            return Ok(Outcome::Moved);
        }
        Err(Failure::new(exit::HELPER, format!("the {} does not hand out what was stored", self.keyring)))
    }

    /// Takes what the keyring has out of a file; returns the keys of entries that are not what they were.
    fn blank(&self, path: &Path, of_file: &[(&Place, &Item, Outcome)]) -> Result<Vec<String>, Failure> {
        if self.dry_run {
            return Ok(Vec::new());
        }
        let _lock = self.settings.lock_files().map_err(|error| keyring_failed(&error))?;
        config_file::edit(path, |_, config| {
            let (same, changed): (Vec<&(&Place, &Item, Outcome)>, Vec<_>) =
                of_file.iter().partition(|(place, item, _)| holds(config, &place.key, &item.login));
            for (place, ..) in same {
                config.blank_entry(&place.key);
            }
            Ok(changed.iter().map(|(place, ..)| place.key.clone()).collect())
        })
    }

    fn tell(&self, place: &Place, item: &Item, outcome: Outcome) -> Result<Outcome, Failure> {
        let Place { file, key, holder } = place;
        let did = match (outcome, file, self.dry_run) {
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
        output::line(&format!("{key:?} ({user}) {did} in {holder}"))?;
        Ok(outcome)
    }
}

/// Whether an entry still holds this login.
fn holds(config: &DockerConfig, key: &str, login: &Login) -> bool {
    let found = config.entry(key).and_then(|entry| entry.login().ok().flatten());
    found.is_some_and(|found| match found {
        credential::Login::Password(found) => {
            found.username == login.username && found.password == login.secret
        }
        credential::Login::IdentityToken(token) => login.username == TOKEN_USERNAME && token == login.secret,
        credential::Login::RegistryToken(_) => false,
    })
}

/// Says how it went in all, and which exit code that is.
fn conclude(outcomes: &[Outcome], dry_run: bool, keyring: &str) -> u8 {
    let count = |wanted: &dyn Fn(&Outcome) -> bool| outcomes.iter().filter(|outcome| wanted(outcome)).count();
    let moved = count(&|outcome| *outcome == Outcome::Moved);
    let kept = count(&|outcome| *outcome == Outcome::Kept);
    let stay = count(&|outcome| *outcome == Outcome::Stays);
    let failed: Vec<u8> = outcomes
        .iter()
        .filter_map(|outcome| if let Outcome::Failed(code) = outcome { Some(*code) } else { None })
        .collect();
    let would = if dry_run { "would be " } else { "" };
    if outcomes.is_empty() {
        output::note("there is no login to be moved");
    } else {
        output::note(&format!(
            "{moved} {would}moved to the {keyring}, {kept} there already, {stay} stay, {} not moved",
            failed.len()
        ));
    }
    match failed.first() {
        None => exit::DONE,
        Some(code) if failed.iter().all(|other| other == code) => *code,
        Some(_) => exit::FAILED,
    }
}
