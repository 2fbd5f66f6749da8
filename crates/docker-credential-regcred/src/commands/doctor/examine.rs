//! What can be found out about the keyring, the clients and the surroundings, and what is wrong with it.

use std::path::PathBuf;

use chrono::{DateTime, Utc};
use regcred_core::credential::{EXPIRES_SOON, expiry};
use regcred_core::server::{docker_lookup_key, podman_lookup_key, shown_key};
use regcred_keyring::choice::Wanted;
use regcred_keyring::{Chosen, Entry, Settings, Status, StoreError, StoreKind};

use crate::NAME;
use crate::config_file::ConfigFile;
use crate::environment::Environment;
use crate::survey::{Client, ClientFile, HELPER, Survey, is_path};

/// Something that a person should know.
#[derive(Debug)]
pub(super) struct Finding {
    /// What scripts call it.
    pub(super) code: &'static str,
    /// What it is, without a final stop.
    pub(super) message: String,
    /// What to do about it.
    pub(super) remedy: String,
}

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
    pub(super) program_on_path: Option<PathBuf>,
    pub(super) program: Option<PathBuf>,
    pub(super) survey: Survey,
    pub(super) is_wsl: bool,
    pub(super) is_ssh: bool,
    /// What is wrong.
    pub(super) problems: Vec<Finding>,
    /// What is as it should be and may still surprise.
    pub(super) notes: Vec<Finding>,
}

/// Looks at everything.
pub(super) fn examine(environment: &Environment) -> Examination {
    let mut examination = Examination {
        keyring: None,
        logins: Vec::new(),
        program_on_path: environment.find_program(NAME),
        program: environment.program.clone(),
        survey: Survey::take(environment),
        is_wsl: is_wsl(environment),
        is_ssh: ["SSH_CONNECTION", "SSH_TTY"].iter().any(|name| environment.var(name).is_some()),
        problems: Vec::new(),
        notes: Vec::new(),
    };
    examination.keyring(environment);
    examination.path();
    examination.files(environment);
    examination.clients(environment);
    examination.logins(environment.now);
    examination
}

/// Follows what Microsoft's kernels say of themselves.
fn is_wsl(environment: &Environment) -> bool {
    let release = std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    environment.var("WSL_DISTRO_NAME").is_some() || release.to_ascii_lowercase().contains("microsoft")
}

impl Examination {
    fn problem(&mut self, code: &'static str, message: impl Into<String>, remedy: impl Into<String>) {
        self.problems.push(Finding { code, message: message.into(), remedy: remedy.into() });
    }

    fn note(&mut self, code: &'static str, message: impl Into<String>, remedy: impl Into<String>) {
        self.notes.push(Finding { code, message: message.into(), remedy: remedy.into() });
    }

    fn keyring(&mut self, environment: &Environment) {
        let settings = match Settings::read(&|name| environment.var(name)) {
            Ok(settings) => settings,
            Err(error) => {
                return self.problem("settings", error.to_string(), "correct it; see `config show --help`");
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
        } else if let Err(error) = self.read_logins(&chosen) {
            self.keyring_failed(&error);
        }
        self.keyring = Some(Keyring { kind: chosen.kind, reason: chosen.reason, status });
    }

    fn keyring_failed(&mut self, error: &StoreError) {
        let (code, message, mut remedy) = match error {
            StoreError::Absent { why, remedy } => ("keyringAbsent", why.clone(), (*remedy).to_owned()),
            StoreError::Locked => (
                "keyringLocked",
                "the keyring is locked".to_owned(),
                "unlock it by logging in to the desktop or with `gnome-keyring-daemon --unlock`, or choose the kernel's \
                 with REGCRED_STORE=keyutils"
                    .to_owned(),
            ),
            other => ("keyringFailed", other.to_string(), "see there; REGCRED_STORE chooses another keyring".to_owned()),
        };
        if self.is_ssh && code == "keyringLocked" {
            remedy.push_str("; a login over SSH unlocks no keyring of a desktop");
        }
        self.problem(code, message, remedy);
    }

    fn about_choice(&mut self, settings: &Settings, chosen: &Chosen, environment: &Environment) {
        if let Some(warning) = &chosen.warning {
            self.note(
                "fleeting",
                format!("what is in the {}: {warning}", chosen.kind),
                "have a Secret Service, such as gnome-keyring-daemon, keep them",
            );
        }
        let fell_back = settings.store == Wanted::Auto && chosen.kind == StoreKind::Keyutils;
        if fell_back && (self.is_ssh || environment.var("DBUS_SESSION_BUS_ADDRESS").is_some()) {
            self.note(
                "otherKeyring",
                format!("{}; what a desktop session keeps in its own is not seen from here", chosen.reason),
                "set `store` in the config file if both are to use one keyring; see `config show --help`",
            );
        }
    }

    fn read_logins(&mut self, chosen: &Chosen) -> Result<(), StoreError> {
        for Entry { server, username } in chosen.store.list()? {
            // It may have gone since.
            let Some(login) = chosen.store.get(&server)? else { continue };
            self.logins.push(KeptLogin { expires_at: expiry(&login.secret), server, username });
        }
        Ok(())
    }

    fn path(&mut self) {
        match (&self.program_on_path, &self.program) {
            (None, program) => {
                let remedy = program.as_ref().map_or_else(
                    || "put it into a folder of PATH".to_owned(),
                    |program| {
                        format!("put its folder on PATH, or link it: ln -s {program:?} /usr/local/bin/")
                    },
                );
                self.problem(
                    "notOnPath",
                    format!("{NAME} is not on PATH, where clients look for it"),
                    remedy,
                );
            }
            (Some(found), Some(program)) if found.canonicalize().ok() != program.canonicalize().ok() => {
                let message = format!("clients start {found:?}, which is not this program ({program:?})");
                self.problem("otherOnPath", message, "remove one of the two, or change their order on PATH");
            }
            (Some(_), _) => {}
        }
    }

    fn files(&mut self, environment: &Environment) {
        let mut found: Vec<(&'static str, String, String)> = Vec::new();
        for ClientFile { client, path, file } in &self.survey.files {
            match file {
                Err(failure) => {
                    let remedy = "mend it; its clients can't read it either".to_owned();
                    found.push(("unreadableFile", failure.message.clone(), remedy));
                }
                Ok(file) => {
                    found.extend(self.plaintext_in(*client, path, file));
                    found.extend(missing_helpers(path, file, environment, self.is_wsl));
                }
            }
        }
        for (code, message, remedy) in found {
            self.problem(code, message, remedy);
        }
        if environment.var("DOCKER_AUTH_CONFIG").is_some() {
            self.note(
                "variableOutranks",
                "DOCKER_AUTH_CONFIG is set: docker looks for passwords there before it asks a helper",
                "unset it where the keyring is to be used",
            );
        }
    }

    fn plaintext_in(
        &self,
        client: Client,
        path: &PathBuf,
        file: &ConfigFile,
    ) -> Vec<(&'static str, String, String)> {
        let mut found = Vec::new();
        let plaintext = file.plaintext();
        if let (false, Some(mode)) = (plaintext.is_empty(), file.mode())
            && mode & 0o077 != 0
        {
            let message = format!("{path:?} holds passwords, and its mode {mode:04o} lets others at them");
            found.push(("readableByOthers", message, format!("chmod 600 {path:?}")));
        }
        let (mut asked, mut unasked) = (Vec::new(), Vec::new());
        for plain in &plaintext {
            let key = &plain.entry.key;
            if let Err(problem) = &plain.login {
                let message = format!("the entry {:?} in {path:?} can't be read: {problem}", shown_key(key));
                found.push(("brokenEntry", message, "log in again, or remove it".to_owned()));
            } else if is_path(key) {
                if self.survey.podman_helper(key).as_deref() == Some(HELPER) {
                    let message = format!(
                        "the login for {key:?} in {path:?} is never used by podman and skopeo: they ask {HELPER} for all of \
                         {}",
                        podman_lookup_key(key)
                    );
                    let remedy = format!("{NAME} configure --undo, or a login for the whole registry");
                    found.push(("shadowed", message, remedy));
                }
            } else if self.survey.helper(client, key).as_deref() == Some(HELPER) {
                asked.push(shown_key(key).into_owned());
            } else {
                unasked.push(shown_key(key).into_owned());
            }
        }
        for (keys, remedy) in
            [(asked, format!("{NAME} migrate")), (unasked, format!("{NAME} configure, then {NAME} migrate"))]
        {
            if !keys.is_empty() {
                let message = format!("passwords stand in {path:?}, for {}", keys.join(", "));
                found.push(("plaintext", message, remedy));
            }
        }
        found
    }

    /// Whether those who could ask us do.
    fn clients(&mut self, environment: &Environment) {
        let asks = |(_, file): (&ClientFile, &ConfigFile)| {
            file.config.creds_store().as_deref() == Some(HELPER)
                || file.config.cred_helpers().iter().any(|(_, helper)| helper == HELPER)
        };
        if !self.survey.readable().any(asks) {
            let message = "no file of docker or podman names this helper, so nobody asks it";
            return self.problem("notConfigured", message, format!("{NAME} configure"));
        }
        for (client, is_used, flag) in [
            (Client::Docker, self.survey.has_docker(environment), "--docker"),
            (Client::Podman, self.survey.has_podman(environment), "--podman"),
        ] {
            let servers = self.unasked(client);
            if is_used && !servers.is_empty() {
                let verb = if client == Client::Docker { "does" } else { "do" };
                let message =
                    format!("{} {verb} not ask this helper for {}", client.name(), servers.join(", "));
                self.problem("notAsked", message, format!("{NAME} configure {flag}"));
            }
        }
    }

    /// The registries with a login in the keyring that a client would not look for there.
    fn unasked(&self, client: Client) -> Vec<String> {
        let servers = self.logins.iter().map(|login| docker_lookup_key(&login.server));
        let mut servers: Vec<_> =
            servers.filter(|server| self.survey.helper(client, server).as_deref() != Some(HELPER)).collect();
        servers.dedup();
        servers
    }

    fn logins(&mut self, now: DateTime<Utc>) {
        let mut problems = Vec::new();
        for login in &self.logins {
            let Some(at) = login.expires_at else { continue };
            let (server, user) = (shown_key(&login.server), &login.username);
            let again = format!("log in again: {NAME} login {server}");
            if at <= now {
                problems.push((true, format!("the token of {user:?} for {server} expired at {at:?}"), again));
            } else if at - now <= EXPIRES_SOON {
                problems.push((
                    false,
                    format!("the token of {user:?} for {server} expires at {at:?}"),
                    again,
                ));
            }
        }
        for (is_over, message, remedy) in problems {
            if is_over {
                self.problem("expired", message, remedy);
            } else {
                self.note("expiring", message, remedy);
            }
        }
    }
}

/// The helpers that a file names and that no client could start.
fn missing_helpers(
    path: &PathBuf,
    file: &ConfigFile,
    environment: &Environment,
    is_wsl: bool,
) -> Vec<(&'static str, String, String)> {
    let mut named: Vec<String> = file.config.creds_store().into_iter().collect();
    named.extend(
        file.config.cred_helpers().into_iter().map(|(_, helper)| helper).filter(|helper| !helper.is_empty()),
    );
    named.sort();
    named.dedup();
    let missing = named.into_iter().filter(|helper| {
        helper != HELPER && environment.find_program(&format!("docker-credential-{helper}")).is_none()
    });
    let found = missing.map(|helper| {
        let remedy = if is_wsl && ["desktop", "desktop.exe", "wincred.exe"].contains(&helper.as_str()) {
            format!("it is a program of Windows, which WSL finds only with its PATH; or take its place: {NAME} configure --force")
        } else {
            format!("install it, or take its place: {NAME} configure --force")
        };
        ("helperMissing", format!("{path:?} names docker-credential-{helper}, which is not on PATH"), remedy)
    });
    found.collect()
}
