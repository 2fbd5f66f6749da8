//! What can be found out about the keyring, the clients and the surroundings, and what is wrong with it.

use std::path::{Path, PathBuf};

use chrono::{DateTime, Utc};
use regcred_cli::program::{NotOnPath, SearchPath};
use regcred_cli::shell;
use regcred_core::credential::expiry;
use regcred_core::server::{Server, shown_key};
use regcred_keyring::choice::Wanted;
use regcred_keyring::{Chosen, Entry, Settings, Status, StoreError, StoreKind, UNLOCK};

use super::super::not_on_path;
use super::files::Files;
use super::findings::Findings;
use super::plugin;
use crate::NAME;
use crate::environment::Environment;
use crate::survey::Survey;

/// A login in the keyring.
#[derive(Debug)]
pub(super) struct KeptLogin {
    pub(super) server: String,
    pub(super) username: String,
    /// When its token says that it ends.
    pub(super) expires_at: Option<DateTime<Utc>>,
}

/// The keyring that answers.
#[derive(Debug)]
pub(super) struct Keyring {
    pub(super) kind: StoreKind,
    pub(super) reason: String,
    pub(super) status: Status,
}

/// All that was found out.
#[derive(Debug)]
pub(super) struct Examination {
    pub(super) keyring: Option<Keyring>,
    pub(super) logins: Vec<KeptLogin>,
    pub(super) program_on_path: Result<PathBuf, NotOnPath>,
    pub(super) program: Option<PathBuf>,
    pub(super) survey: Survey,
    pub(super) is_wsl: bool,
    pub(super) is_ssh: bool,
    pub(super) findings: Findings,
}

/// Looks at everything.
pub(super) fn examine(environment: &Environment) -> Examination {
    let mut examination = Examination {
        keyring: None,
        logins: Vec::new(),
        program_on_path: environment.search_path().find(NAME),
        program: environment.program.clone(),
        survey: Survey::take(environment),
        is_wsl: is_wsl(environment),
        is_ssh: ["SSH_CONNECTION", "SSH_TTY"].iter().any(|name| environment.var(name).is_some()),
        findings: Findings::default(),
    };
    examination.keyring(environment);
    examination.path(&environment.search_path());
    plugin::examine(environment, &mut examination.findings);
    examination.files(environment);
    examination.expiry(environment.now);
    examination
}

/// Follows what Microsoft's kernels say of themselves.
fn is_wsl(environment: &Environment) -> bool {
    let release = std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    environment.var("WSL_DISTRO_NAME").is_some() || release.to_ascii_lowercase().contains("microsoft")
}

impl Examination {
    fn keyring(&mut self, environment: &Environment) {
        let settings = match Settings::read(&|name| environment.var(name)) {
            Ok(settings) => settings,
            Err(error) => {
                let remedy = format!("correct it; what can be said there: {NAME} config show --help");
                return self.findings.problem("settings", error.to_string(), remedy);
            }
        };
        let opened = regcred_keyring::open(&settings).and_then(|chosen| {
            let status = chosen.store.status()?;
            Ok((chosen, status))
        });
        let (chosen, status) = match opened {
            Ok(opened) => opened,
            Err(error) => return self.keyring_failed(&error),
        };
        self.about_choice(&settings, &chosen, environment);
        if status.locked {
            self.keyring_failed(&StoreError::Locked);
        } else {
            match self.read_logins(&chosen).and_then(|()| chosen.store.unusable()) {
                Ok(count) => self.unusable(count, chosen.kind),
                Err(error) => self.keyring_failed(&error),
            }
        }
        self.keyring = Some(Keyring { kind: chosen.kind, reason: chosen.reason, status });
    }

    fn keyring_failed(&mut self, error: &StoreError) {
        let (code, message, mut remedy) = match error {
            StoreError::Absent { why, remedy } => ("keyringAbsent", why.clone(), (*remedy).to_owned()),
            StoreError::Locked => ("keyringLocked", "the keyring is locked".to_owned(), UNLOCK.to_owned()),
            other => (
                "keyringFailed",
                other.to_string(),
                "if that does not help, choose another keyring with REGCRED_STORE".to_owned(),
            ),
        };
        if self.is_ssh && code == "keyringLocked" {
            remedy.push_str("; a login over SSH unlocks no keyring of a desktop");
        }
        self.findings.problem(code, message, remedy);
    }

    fn about_choice(&mut self, settings: &Settings, chosen: &Chosen, environment: &Environment) {
        if let Some(warning) = &chosen.warning {
            let with_wsl = if self.is_wsl {
                "; and when WSL shuts down, which it does by itself when it is idle"
            } else {
                ""
            };
            self.findings.note(
                "fleeting",
                format!("the {} does not last: {warning}{with_wsl}", chosen.kind),
                "log in again after that; only a Secret Service, such as a desktop session has, keeps them",
            );
        }
        let fell_back = settings.store == Wanted::Auto && chosen.kind == StoreKind::Keyutils;
        if fell_back && (self.is_ssh || environment.var("DBUS_SESSION_BUS_ADDRESS").is_some()) {
            self.findings.note(
                "otherKeyring",
                format!(
                    "the {} is used because {}; what a desktop session keeps in its own is not seen from here",
                    chosen.kind, chosen.reason
                ),
                format!("if both are to use one keyring, name it in the config file: {NAME} config show --help"),
            );
        }
    }

    fn read_logins(&mut self, chosen: &Chosen) -> Result<(), StoreError> {
        for Entry { server, username } in chosen.store.list()? {
            let login = match chosen.store.get(&server) {
                Ok(Some(login)) => login,
                // It may have gone since.
                Ok(None) => continue,
                Err(StoreError::Unreadable(why)) => {
                    self.findings.problem("unreadableLogin", why, command("logout", &server));
                    continue;
                }
                Err(error) => return Err(error),
            };
            self.logins.push(KeptLogin { expires_at: expiry(&login.secret), server, username });
        }
        Ok(())
    }

    fn unusable(&mut self, count: usize, keyring: StoreKind) {
        let (entries, them) = match count {
            0 => return,
            1 => ("1 entry".to_owned(), "it"),
            many => (format!("{many} entries"), "them"),
        };
        self.findings.note(
            "unusableName",
            format!(
                "the {keyring} holds {entries} for a server whose name has a control character, and no client is given {them}"
            ),
            format!("remove {them} with the program that stored {them}, or with the keyring's own"),
        );
    }

    fn path(&mut self, path: &SearchPath) {
        match (&self.program_on_path, &self.program) {
            (Err(missing), program) => {
                let (message, remedy) = not_on_path(missing, "clients", program.as_deref());
                self.findings.problem("notOnPath", message, remedy);
            }
            (Ok(found), Some(program)) if found.canonicalize().ok() != program.canonicalize().ok() => {
                let message =
                    format!("clients start {found:?}, the first on PATH, and not this program, {program:?}");
                self.findings.problem(
                    "otherOnPath",
                    message,
                    "remove one of the two, or change their order on PATH",
                );
            }
            (Ok(_), _) => {}
        }
        let elements: Vec<_> = path.passed_over().iter().map(|element| shown_element(element)).collect();
        if !elements.is_empty() {
            self.findings.note(
                "passedOverOnPath",
                format!(
                    "PATH has elements that are not absolute folders, and no program is started from there: {}",
                    elements.join(", ")
                ),
                "take them out of PATH, or write absolute folders in their place; docker and podman fail where they find a \
                 program there first",
            );
        }
    }

    fn files(&mut self, environment: &Environment) {
        let servers = self.logins.iter().map(|login| login.server.as_str()).collect();
        let knows_servers = self.keyring.as_ref().is_some_and(|keyring| !keyring.status.locked);
        let files = Files { survey: &self.survey, environment, servers, knows_servers, is_wsl: self.is_wsl };
        files.examine(&mut self.findings);
    }

    fn expiry(&mut self, now: DateTime<Utc>) {
        for KeptLogin { server, username, expires_at } in &self.logins {
            let Some(at) = *expires_at else { continue };
            let token = format!("the token of {username:?} for {}", shown_key(server));
            self.findings.expiry(now, at, &token, command("login", server));
        }
    }
}

fn shown_element(element: &Path) -> String {
    if element.as_os_str().is_empty() {
        return "an empty one (the current folder)".to_owned();
    }
    format!("{element:?}")
}

/// The command of ours for a server in the keyring; words if it has a name that only the client that stored it knows.
fn command(name: &str, server: &str) -> String {
    if Server::parse(server).is_err() {
        return format!("remove it with the client that stored it, or put its name into: {NAME} erase");
    }
    format!("{NAME} {name} {}", shell::word(server))
}
