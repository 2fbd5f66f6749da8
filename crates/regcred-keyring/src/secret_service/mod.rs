//! The freedesktop.org Secret Service, with items equal to those of docker-credential-secretservice.
//!
//! A store of keyring-core, beside the `keyring` family's own: that one adds attributes in a second step, marks its
//! items in its own way, and unlocks when it searches, which prompts. Follows the Secret Service specification 0.2,
//! and docker-credential-helpers `secretservice/secretservice.c` for the attributes.

mod bus;
mod session;

use std::any::Any;
use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use dbus::Path;
use dbus::arg::{PropMap, RefArg as _, Variant, prop_cast};
use keyring_core::api::{CredentialApi, CredentialStoreApi};
use keyring_core::{Credential, Entry, Error, Result};
use zeroize::Zeroizing;

use crate::backend::{MODIFIED, SERVER, USERNAME, to_core};
use crate::store::StoreError;
pub(crate) use bus::no_bus;
use bus::{Bus, Call, CallError};
use session::{Cipher, KeyPair};

const SERVICE_PATH: &str = "/org/freedesktop/secrets";
const DEFAULT_COLLECTION: &str = "/org/freedesktop/secrets/aliases/default";
const SERVICE: &str = "org.freedesktop.Secret.Service";
const COLLECTION: &str = "org.freedesktop.Secret.Collection";
const ITEM: &str = "org.freedesktop.Secret.Item";
const PROMPT: &str = "org.freedesktop.Secret.Prompt";
const PROPERTIES: &str = "org.freedesktop.DBus.Properties";

/// The attributes that all items of docker's helper have, and no others.
const MARKS: [(&str, &str); 2] = [("label", "Docker Credentials"), ("docker_cli", "1")];

/// What they have besides. It is not looked for: gnome-keyring doesn't find it before it was ever unlocked.
const SCHEMA: (&str, &str) = ("xdg:schema", "io.docker.Credentials");

/// How many calls are under way at once. A bus without Debian's settings allows 128 (dbus-daemon(1),
/// `max_replies_per_connection`).
const AT_ONCE: usize = 100;

/// A secret as it travels: session, initialisation vector, encrypted bytes, content type.
type Envelope = (Path<'static>, Vec<u8>, Vec<u8>, String);

/// A Secret Service on a session bus.
#[derive(Clone)]
pub struct SecretService {
    connection: Arc<Mutex<Connection>>,
}

struct Connection {
    bus: Bus,
    session: Option<Session>,
}

enum Session {
    /// Asked for, not yet answered.
    Opening(KeyPair, Call),
    Open(Path<'static>, Arc<Cipher>),
}

impl SecretService {
    /// Connects to the bus at `address` and asks whether a Secret Service answers.
    ///
    /// [`StoreError::Absent`] if there is no bus, or no service on it.
    pub fn connect(address: &str) -> std::result::Result<Self, StoreError> {
        let mut bus = Bus::connect(address)?;
        // Nothing is looked for under this name, so the answer is empty, and soon here.
        let call = bus.call(SERVICE_PATH, SERVICE, "ReadAlias", ("default",))?;
        let _: (Path<'static>,) = bus.reply(call).map_err(gone)?;
        Ok(Self { connection: Arc::new(Mutex::new(Connection { bus, session: None })) })
    }

    /// Whether the keyring that new items go to is locked.
    pub fn is_locked(&self) -> std::result::Result<bool, StoreError> {
        let mut connection = self.connection();
        let call = connection.bus.call(DEFAULT_COLLECTION, PROPERTIES, "Get", (COLLECTION, "Locked"))?;
        let locked: (Variant<bool>,) = connection.bus.reply(call).map_err(no_collection)?;
        Ok(locked.0.0)
    }

    fn connection(&self) -> MutexGuard<'_, Connection> {
        let mut connection = self.connection.lock().unwrap_or_else(PoisonError::into_inner);
        connection.bus.begin();
        connection
    }
}

impl Connection {
    /// Asks for a session, so that its key is worked out there while we go on.
    fn begin_session(&mut self) -> std::result::Result<(), StoreError> {
        if self.session.is_none() {
            let pair = KeyPair::generate()?;
            let arguments = (session::ALGORITHM, Variant(pair.public()));
            let call = self.bus.call(SERVICE_PATH, SERVICE, "OpenSession", arguments)?;
            self.session = Some(Session::Opening(pair, call));
        }
        Ok(())
    }

    fn session(&mut self) -> std::result::Result<(Path<'static>, Arc<Cipher>), StoreError> {
        self.begin_session()?;
        if let Some(Session::Opening(..)) = self.session
            && let Some(Session::Opening(pair, call)) = self.session.take()
        {
            let (theirs, path): (Variant<Vec<u8>>, Path<'static>) = self.bus.reply(call).map_err(gone)?;
            let cipher = pair.agree(&theirs.0).ok_or_else(|| {
                StoreError::Failed("the Secret Service offers an unsafe key; restart it".to_owned())
            })?;
            self.session = Some(Session::Open(path, Arc::new(cipher)));
        }
        match &self.session {
            Some(Session::Open(path, cipher)) => Ok((path.clone(), Arc::clone(cipher))),
            _ => Err(StoreError::Failed("the Secret Service opens no session".to_owned())),
        }
    }

    /// The items that have all our marks and these attributes; locked ones too, and without a prompt.
    fn search(
        &mut self,
        server: Option<&str>,
        username: Option<&str>,
    ) -> std::result::Result<Call, StoreError> {
        self.bus.call(SERVICE_PATH, SERVICE, "SearchItems", (attributes(server, username)?,))
    }

    fn found(&mut self, call: Call) -> std::result::Result<Vec<Path<'static>>, StoreError> {
        let (mut unlocked, locked): (Vec<Path<'static>>, Vec<Path<'static>>) =
            self.bus.reply(call).map_err(gone)?;
        unlocked.extend(locked);
        Ok(unlocked)
    }

    /// Asks for the attributes of items, of all at once; those that went away meanwhile are left out.
    fn describe(&mut self, paths: &[Path<'static>]) -> std::result::Result<Vec<Item>, StoreError> {
        let mut items = Vec::with_capacity(paths.len());
        for paths in paths.chunks(AT_ONCE) {
            let mut calls = Vec::with_capacity(paths.len());
            for path in paths {
                calls.push((path, self.bus.call(path, PROPERTIES, "GetAll", (ITEM,))?));
            }
            for (path, call) in calls {
                match self.bus.reply(call) {
                    Ok((properties,)) => items.push(Item::read(path.clone(), &properties)),
                    Err(CallError::NoObject) => {}
                    Err(CallError::Other(error)) => return Err(error),
                }
            }
        }
        Ok(items)
    }

    fn set(&mut self, server: &str, username: &str, secret: &[u8]) -> std::result::Result<(), StoreError> {
        let attributes: HashMap<String, String> = attributes(Some(server), Some(username))?
            .into_iter()
            .chain([SCHEMA])
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect();
        let (session, cipher) = self.session()?;
        let (vector, encrypted) = cipher.encrypt(secret)?;
        let mut properties = PropMap::new();
        properties.insert(format!("{ITEM}.Label"), Variant(Box::new(server.to_owned())));
        properties.insert(format!("{ITEM}.Attributes"), Variant(Box::new(attributes)));
        let envelope: Envelope = (session, vector, encrypted, "text/plain".to_owned());
        let replace = true;
        let call =
            self.bus.call(DEFAULT_COLLECTION, COLLECTION, "CreateItem", (properties, envelope, replace))?;
        let (_item, prompt): (Path<'static>, Path<'static>) = self.bus.reply(call).map_err(no_collection)?;
        self.refuse_prompt(&prompt)
    }

    fn get(&mut self, item: &Path<'static>) -> Result<Zeroizing<Vec<u8>>> {
        let (session, cipher) = self.session().map_err(to_core)?;
        let call = self.bus.call(item, ITEM, "GetSecret", (session,)).map_err(to_core)?;
        let (envelope,): (Envelope,) = match self.bus.reply(call) {
            Ok(reply) => reply,
            Err(CallError::NoObject) => return Err(Error::NoEntry),
            Err(CallError::Other(error)) => return Err(to_core(error)),
        };
        let (_session, vector, encrypted, _content_type) = envelope;
        cipher.decrypt(&vector, &encrypted).ok_or_else(|| {
            to_core(StoreError::Failed(
                "the Secret Service's answer can't be decrypted; try again".to_owned(),
            ))
        })
    }

    fn delete(&mut self, item: &Path<'static>) -> Result<()> {
        let call = self.bus.call(item, ITEM, "Delete", ()).map_err(to_core)?;
        match self.bus.reply(call) {
            Ok((prompt,)) => self.refuse_prompt(&prompt).map_err(to_core),
            Err(CallError::NoObject) => Err(Error::NoEntry),
            Err(CallError::Other(error)) => Err(to_core(error)),
        }
    }

    /// Whoever answers with a prompt has not done it, and would have to ask for a password.
    fn refuse_prompt(&mut self, prompt: &Path<'static>) -> std::result::Result<(), StoreError> {
        if &**prompt == "/" {
            return Ok(());
        }
        let call = self.bus.call(prompt, PROMPT, "Dismiss", ())?;
        match self.bus.reply::<()>(call) {
            Ok(()) | Err(CallError::NoObject) => Err(StoreError::Locked),
            Err(CallError::Other(error)) => Err(error),
        }
    }
}

/// What our items are looked for by and made with. The dbus crate would cut a text at a NUL, and so name another item.
fn attributes<'a>(
    server: Option<&'a str>,
    username: Option<&'a str>,
) -> std::result::Result<HashMap<&'static str, &'a str>, StoreError> {
    let names = [(SERVER, server), (USERNAME, username)];
    let names = names.into_iter().filter_map(|(name, value)| Some((name, value?)));
    let attributes: HashMap<_, _> = MARKS.into_iter().chain(names).collect();
    match attributes.iter().find(|(_, value)| value.contains('\0')) {
        Some((name, _)) => Err(StoreError::Unfit(format!(
            "the {name} has a NUL character, which the Secret Service can't be told; leave it out"
        ))),
        None => Ok(attributes),
    }
}

/// What the service tells of an item.
struct Item {
    path: Path<'static>,
    attributes: HashMap<String, String>,
    /// When it was written: seconds since 1970, and below them the item's number, for items of one second.
    modified: u64,
}

impl Item {
    fn read(path: Path<'static>, properties: &PropMap) -> Self {
        let mut attributes = HashMap::new();
        // Keys and values in turn.
        let mut words =
            properties.get("Attributes").and_then(|dictionary| dictionary.0.as_iter()).into_iter().flatten();
        while let (Some(name), Some(value)) = (words.next(), words.next()) {
            if let (Some(name), Some(value)) = (name.as_str(), value.as_str()) {
                attributes.insert(name.to_owned(), value.to_owned());
            }
        }
        let seconds = prop_cast::<u64>(properties, "Modified").copied().unwrap_or(0);
        let number = path.rsplit('/').next().and_then(|last| last.parse::<u64>().ok()).unwrap_or(0);
        let modified = seconds.saturating_mul(1 << 24).saturating_add(number % (1 << 24));
        Self { path, attributes, modified }
    }
}

fn gone(error: CallError) -> StoreError {
    match error {
        CallError::Other(error) => error,
        CallError::NoObject => StoreError::Failed(
            "what answers on the session bus as Secret Service is none; restart gnome-keyring-daemon"
                .to_owned(),
        ),
    }
}

fn no_collection(error: CallError) -> StoreError {
    match error {
        CallError::Other(error) => error,
        CallError::NoObject => StoreError::Absent {
            why: "the Secret Service has no default keyring to store in".to_owned(),
            remedy: "make one with the desktop's password manager or with `gnome-keyring-daemon --replace --unlock`, or choose \
                     the kernel's with REGCRED_STORE=keyutils",
        },
    }
}

impl CredentialStoreApi for SecretService {
    fn vendor(&self) -> String {
        "regcred, Secret Service".to_owned()
    }

    fn id(&self) -> String {
        env!("CARGO_PKG_VERSION").to_owned()
    }

    fn build(&self, service: &str, user: &str, _: Option<&HashMap<&str, &str>>) -> Result<Entry> {
        let names = Some((service.to_owned(), user.to_owned()));
        Ok(Entry::new_with_credential(Arc::new(Secret { store: self.clone(), names, item: None })))
    }

    /// Items of a `server`, or all; never prompts.
    fn search(&self, spec: &HashMap<&str, &str>) -> Result<Vec<Entry>> {
        let mut connection = self.connection();
        let server = spec.get(SERVER).copied();
        let call = connection.search(server, spec.get(USERNAME).copied()).map_err(to_core)?;
        let paths = connection.found(call).map_err(to_core)?;
        if server.is_some() && !paths.is_empty() {
            // Whoever looks for one server is after its secret. A session costs the service more than all the rest,
            // so there is none for what isn't there: that answer is the one that public pulls wait for.
            connection.begin_session().map_err(to_core)?;
        }
        let items = connection.describe(&paths).map_err(to_core)?;
        Ok(items
            .into_iter()
            .map(|item| {
                let names = item.attributes.get(SERVER).cloned().zip(item.attributes.get(USERNAME).cloned());
                let secret = Secret { store: self.clone(), names, item: Some(item) };
                Entry::new_with_credential(Arc::new(secret))
            })
            .collect())
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

impl fmt::Debug for SecretService {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretService")
    }
}

/// An item that was found, or its server and user for one that is to be written.
struct Secret {
    store: SecretService,
    names: Option<(String, String)>,
    item: Option<Item>,
}

impl Secret {
    /// The path of an item that was found. By its names alone none is read or removed: the service would choose it.
    fn path(&self) -> Result<&Path<'static>> {
        let unsupported =
            || Error::NotSupportedByStore("only items that were found have a secret".to_owned());
        self.item.as_ref().map(|item| &item.path).ok_or_else(unsupported)
    }
}

impl CredentialApi for Secret {
    fn set_secret(&self, secret: &[u8]) -> Result<()> {
        let (server, username) = self.names.as_ref().ok_or(Error::NoEntry)?;
        self.store.connection().set(server, username, secret).map_err(to_core)
    }

    fn get_secret(&self) -> Result<Vec<u8>> {
        Ok(std::mem::take(&mut *self.store.connection().get(self.path()?)?))
    }

    fn get_attributes(&self) -> Result<HashMap<String, String>> {
        let item = self.item.as_ref().ok_or(Error::NoEntry)?;
        let mut attributes = item.attributes.clone();
        attributes.insert(MODIFIED.to_owned(), item.modified.to_string());
        Ok(attributes)
    }

    fn delete_credential(&self) -> Result<()> {
        self.store.connection().delete(self.path()?)
    }

    fn get_credential(&self) -> Result<Option<Arc<Credential>>> {
        Ok(None)
    }

    fn get_specifiers(&self) -> Option<(String, String)> {
        self.names.clone()
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}
