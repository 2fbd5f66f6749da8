//! Which keyring, and why.

use std::ffi::OsString;
use std::fmt;
use std::path::{Path, PathBuf};

use crate::class_store::ClassStore;
use crate::lock::{self, Lock};
use crate::store::{Store, StoreError, StoreKind};

/// The variable that names the keyring.
pub const VARIABLE: &str = "REGCRED_STORE";

/// The setting and the value that leave the choice to us.
const AUTO: &str = "auto";

/// What was read from the environment and the config file.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The keyring that is asked for.
    pub store: Wanted,
    /// Who asked for it.
    pub origin: Origin,
    /// Where the config file is looked for, if there is a home for it.
    pub config_file: Option<PathBuf>,
    #[cfg(target_os = "linux")]
    bus: Bus,
    lock_folder: PathBuf,
}

/// What a setting asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// Whichever fits, found out by trying.
    Auto,
    /// This one and no other.
    Kind(StoreKind),
}

/// Where a setting comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// Nobody said anything.
    Default,
    /// [`VARIABLE`].
    Variable,
    /// The config file.
    ConfigFile,
}

/// The session bus's address, or why there is none.
#[derive(Clone, Debug)]
#[cfg(target_os = "linux")]
enum Bus {
    At(String),
    None(&'static str),
}

/// A keyring that was opened, and why this one.
pub struct Chosen {
    /// The keyring.
    pub store: Box<dyn Store>,
    /// Which one it is.
    pub kind: StoreKind,
    /// Why, in words for a person.
    pub reason: String,
    /// What whoever stores a credential there should know.
    pub warning: Option<String>,
}

impl fmt::Debug for Chosen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Chosen")
            .field("kind", &self.kind)
            .field("reason", &self.reason)
            .finish_non_exhaustive()
    }
}

impl Settings {
    /// Reads the settings; `var` looks up a variable of the environment. An empty one counts as unset.
    pub fn read(var: &dyn Fn(&str) -> Option<OsString>) -> Result<Self, StoreError> {
        let set = |name: &str| var(name).filter(|value| !value.is_empty());
        let folder = |name: &str| set(name).map(PathBuf::from).filter(|folder| folder.is_absolute());
        let home = folder(if cfg!(windows) { "USERPROFILE" } else { "HOME" });
        let config_home = folder("XDG_CONFIG_HOME").or_else(|| home.map(|home| home.join(".config")));
        let config_file = config_home.map(|home| home.join("regcred").join("config.toml"));

        // Also where the variable outranks it: a file that says something else than its author thinks is told at once.
        let in_file = config_file.as_deref().map(read_config).transpose()?.flatten();
        let (store, origin) = match (set(VARIABLE), in_file) {
            (Some(name), _) => {
                let name = name.to_string_lossy();
                let store = parse(&name).map_err(|why| StoreError::Settings(format!("{VARIABLE}: {why}")))?;
                (store, Origin::Variable)
            }
            (None, Some(store)) => (store, Origin::ConfigFile),
            (None, None) => (Wanted::Auto, Origin::Default),
        };
        Ok(Self {
            store,
            origin,
            config_file,
            #[cfg(target_os = "linux")]
            bus: bus(&set, folder("XDG_RUNTIME_DIR").as_deref()),
            lock_folder: lock::folder(var),
        })
    }
}

impl Settings {
    /// Waits for the lock around edits of the clients' files: one process of ours at a time.
    pub fn lock_files(&self) -> Result<Lock, StoreError> {
        Lock::acquire(&self.lock_folder, lock::FILES)
    }
}

impl fmt::Display for Wanted {
    /// As the setting is written.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Auto => AUTO,
            Self::Kind(kind) => kind.name(),
        })
    }
}

/// Opens the keyring that the settings choose: with `auto`, on Linux the Secret Service if one answers, else the
/// kernel's; elsewhere the system's own. Reads and writes use no other, and none is ever a plain file.
pub fn open(settings: &Settings) -> Result<Chosen, StoreError> {
    let Wanted::Kind(kind) = settings.store else { return automatic(settings) };
    if !kind.is_for_this_system() {
        return Err(StoreError::Settings(format!(
            "the keyring {:?} is not of this system; it has: {}",
            kind.name(),
            names_here().join(", ")
        )));
    }
    let reason = match settings.origin {
        Origin::Variable => format!("{VARIABLE} names it"),
        Origin::ConfigFile | Origin::Default => "the config file names it".to_owned(),
    };
    Ok(chosen(kind, open_kind(kind, settings)?, reason))
}

fn chosen(kind: StoreKind, store: ClassStore, reason: String) -> Chosen {
    #[cfg(target_os = "linux")]
    let warning = (kind == StoreKind::Keyutils).then(crate::keyutils::warning);
    #[cfg(not(target_os = "linux"))]
    let warning = None;
    Chosen { store: Box::new(store), kind, reason, warning }
}

#[cfg(target_os = "linux")]
fn automatic(settings: &Settings) -> Result<Chosen, StoreError> {
    match open_kind(StoreKind::SecretService, settings) {
        Ok(store) => Ok(chosen(
            StoreKind::SecretService,
            store,
            "a Secret Service answers on the session bus".to_owned(),
        )),
        Err(StoreError::Absent { why, .. }) => {
            let kind = StoreKind::Keyutils;
            let store = open_kind(kind, settings).map_err(|error| match error {
                StoreError::Absent { why: second, .. } => StoreError::Absent {
                    why: format!("{why}, and {second}"),
                    remedy: "start a Secret Service such as gnome-keyring-daemon; passwords are never kept in a file",
                },
                other => other,
            })?;
            Ok(chosen(kind, store, why))
        }
        Err(error) => Err(error),
    }
}

#[cfg(not(target_os = "linux"))]
fn automatic(settings: &Settings) -> Result<Chosen, StoreError> {
    let kind = if cfg!(windows) { StoreKind::CredentialManager } else { StoreKind::Keychain };
    Ok(chosen(kind, open_kind(kind, settings)?, "it is this system's own".to_owned()))
}

#[cfg(target_os = "linux")]
fn open_kind(kind: StoreKind, settings: &Settings) -> Result<ClassStore, StoreError> {
    use std::sync::Arc;

    use crate::backend::Own;
    use crate::keyutils::Keyutils;
    use crate::secret_service::{SecretService, no_bus};

    let lock = settings.lock_folder.clone();
    if kind == StoreKind::Keyutils {
        let own = Own { store: Arc::new(Keyutils::open()?), is_locked: || Ok(false) };
        return Ok(ClassStore::new(Box::new(own), lock));
    }
    let service = match &settings.bus {
        Bus::At(address) => SecretService::connect(address)?,
        Bus::None(why) => return Err(no_bus(why)),
    };
    let own = Own { store: Arc::new(service.clone()), is_locked: move || service.is_locked() };
    Ok(ClassStore::new(Box::new(own), lock))
}

#[cfg(any(target_os = "macos", target_os = "windows"))]
fn open_kind(_kind: StoreKind, settings: &Settings) -> Result<ClassStore, StoreError> {
    Ok(ClassStore::new(crate::native::open()?, settings.lock_folder.clone()))
}

#[cfg(not(any(target_os = "linux", target_os = "macos", target_os = "windows")))]
fn open_kind(_kind: StoreKind, _settings: &Settings) -> Result<ClassStore, StoreError> {
    Err(StoreError::Absent {
        why: "no keyring is known for this system".to_owned(),
        remedy: "passwords are never kept in a file",
    })
}

/// The variable, or the socket where systemd puts it. libdbus itself would start a bus of its own for a display.
#[cfg(target_os = "linux")]
fn bus(set: &dyn Fn(&str) -> Option<OsString>, runtime: Option<&Path>) -> Bus {
    if let Some(address) = set("DBUS_SESSION_BUS_ADDRESS") {
        return match address.into_string() {
            Ok(address) if names_program(&address) => {
                Bus::None("DBUS_SESSION_BUS_ADDRESS names a program to be started")
            }
            Ok(address) if !address.contains('\0') => Bus::At(address),
            _ => Bus::None("DBUS_SESSION_BUS_ADDRESS is no text"),
        };
    }
    let socket = runtime.map(|runtime| runtime.join("bus")).filter(|socket| socket.exists());
    match socket.as_ref().and_then(|socket| socket.to_str()) {
        Some(socket) => Bus::At(format!("unix:path={}", escape_address(socket))),
        None => Bus::None("DBUS_SESSION_BUS_ADDRESS is not set"),
    }
}

/// Whether libdbus would start a program to talk to a bus, and look for it in the current folder too (D-Bus specification,
/// "Executed Subprocesses on Unix").
fn names_program(address: &str) -> bool {
    address.split(';').any(|address| address.starts_with("unixexec:"))
}

/// Escapes a value in a bus address (D-Bus specification, "Server Addresses").
#[cfg(target_os = "linux")]
fn escape_address(value: &str) -> String {
    use std::fmt::Write as _;

    let mut out = String::new();
    for byte in value.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_/.\\*".contains(&byte) {
            out.push(char::from(byte));
        } else {
            let _ = write!(out, "%{byte:02x}");
        }
    }
    out
}

fn parse(name: &str) -> Result<Wanted, String> {
    if name == AUTO {
        return Ok(Wanted::Auto);
    }
    StoreKind::ALL
        .into_iter()
        .find(|kind| kind.name() == name)
        .map(Wanted::Kind)
        .ok_or_else(|| format!("no keyring is called {name:?}; use auto, {}", names_here().join(" or ")))
}

fn names_here() -> Vec<&'static str> {
    StoreKind::ALL.into_iter().filter(|kind| kind.is_for_this_system()).map(StoreKind::name).collect()
}

/// What the config file says: `None` if there is no such file, or if it says nothing of the keyring.
fn read_config(path: &Path) -> Result<Option<Wanted>, StoreError> {
    // Reading a pipe might never end, and every pull would wait for it.
    let is_other = path.metadata().is_ok_and(|found| !found.is_file());
    let read = if is_other {
        Err(std::io::Error::other("it is no regular file"))
    } else {
        std::fs::read_to_string(path)
    };
    let text = match read {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => {
            return Err(StoreError::Settings(format!(
                "cannot read {path:?} ({error}); see its mode and owner"
            )));
        }
    };
    parse_config(&text).map_err(|problem| StoreError::Settings(format!("{path:?}, {problem}")))
}

/// The same of the file's text. Settings that we don't know are errors: a misspelled one would be without effect.
fn parse_config(text: &str) -> Result<Option<Wanted>, String> {
    let at = |offset: usize, problem: &str| {
        let before = text.get(..offset).unwrap_or(text);
        let line = before.matches('\n').count() + 1;
        let column = before.len() - before.rfind('\n').map_or(0, |newline| newline + 1) + 1;
        format!("line {line}, column {column}: {problem}")
    };
    let table = toml::de::DeTable::parse(text)
        .map_err(|error| at(error.span().map_or(0, |span| span.start), error.message()))?;
    let mut store = None;
    for (key, value) in table.get_ref() {
        let (name, place) = (key.get_ref(), key.span().start);
        if name != "store" {
            return Err(at(place, &format!("there is no setting {name:?}; there is: store")));
        }
        let Some(text) = value.get_ref().as_str() else {
            return Err(at(value.span().start, "`store` is a text in quotes, such as \"keyutils\""));
        };
        store = Some(parse(text).map_err(|why| at(value.span().start, &why))?);
    }
    Ok(store)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn settings(variables: &[(&str, &str)]) -> Result<Settings, StoreError> {
        let variables: BTreeMap<&str, &str> = variables.iter().copied().collect();
        Settings::read(&|name| variables.get(name).map(OsString::from))
    }

    #[test]
    fn the_variable_goes_before_the_file_and_the_file_before_our_choice() {
        let home = tempfile::tempdir().unwrap();
        let home_text = home.path().to_str().unwrap();
        let read = |more: &[(&str, &str)]| {
            let settings = settings(&[&[("HOME", home_text)], more].concat()).unwrap();
            (settings.store, settings.origin)
        };
        assert_eq!(read(&[]), (Wanted::Auto, Origin::Default));
        let file = home.path().join(".config/regcred/config.toml");
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(&file, "# mine\nstore = 'keyutils'\n").unwrap();
        assert_eq!(read(&[]), (Wanted::Kind(StoreKind::Keyutils), Origin::ConfigFile));
        assert_eq!(
            read(&[(VARIABLE, "secret-service")]),
            (Wanted::Kind(StoreKind::SecretService), Origin::Variable)
        );
        assert_eq!(read(&[(VARIABLE, "auto")]), (Wanted::Auto, Origin::Variable));
        assert_eq!(read(&[("XDG_CONFIG_HOME", "/nonexistent")]), (Wanted::Auto, Origin::Default));
    }

    #[test]
    fn a_wrong_setting_says_where_it_is_and_what_there_is() {
        assert_eq!(parse_config(""), Ok(None));
        assert_eq!(parse_config("store = \"auto\""), Ok(Some(Wanted::Auto)));
        let problem = |text: &str| parse_config(text).unwrap_err();
        assert_eq!(
            problem("\nstroe = 'x'"),
            "line 2, column 1: there is no setting \"stroe\"; there is: store"
        );
        assert!(
            problem("store = 7").starts_with("line 1, column 9: `store` is a text"),
            "{}",
            problem("store = 7")
        );
        let unknown = problem("store = 'file'");
        assert!(
            unknown.starts_with("line 1, column 9: no keyring is called \"file\"; use auto, "),
            "{unknown}"
        );
        assert!(problem("store = ").starts_with("line 1, column "), "{}", problem("store = "));
        let error = settings(&[(VARIABLE, "plaintext")]).unwrap_err().to_string();
        assert!(
            error.starts_with("REGCRED_STORE: no keyring is called \"plaintext\"; use auto, "),
            "{error}"
        );
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_keyring_of_another_system_is_refused() {
        let error = open(&settings(&[(VARIABLE, "keychain")]).unwrap()).unwrap_err().to_string();
        assert_eq!(error, "the keyring \"keychain\" is not of this system; it has: secret-service, keyutils");
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn an_address_is_escaped() {
        assert_eq!(escape_address("/run/user/0/a b,c"), "/run/user/0/a%20b%2cc");
    }
}
