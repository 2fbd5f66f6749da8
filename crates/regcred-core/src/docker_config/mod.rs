//! A docker config: docker's `config.json`, podman's `auth.json`, and the two forms that pull secrets hold.
//!
//! It is read as Go's decoder reads it (member names fold case, repeated `auths` objects are merged, of
//! repeated entries the last one counts) and edited in place: what an edit does not name keeps its bytes.

mod edit;
mod last_wins;
mod present;

use std::fmt;

use zeroize::Zeroizing;

use crate::credential::{Credential, Login, SecretString, decode_auth};
use crate::json::{Json, JsonError, Kind, Value, names_field};
pub(crate) use edit::kubectl_text;
pub(crate) use last_wins::LastWins;
pub use present::{PresentKind, PresentLogin};

/// Where in its JSON a docker config keeps the auth entries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// Under `auths`: `config.json`, `auth.json`, and a pull secret's `.dockerconfigjson`.
    Config,
    /// At the top: a pull secret's `.dockercfg`.
    Dockercfg,
}

/// A docker config with its text, which is wiped when dropped.
#[derive(Clone)]
pub struct DockerConfig {
    json: Json,
    form: Form,
}

/// Text that is not a docker config. It quotes nothing that could be a password.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DockerConfigError {
    /// Not JSON at all.
    #[error("not valid JSON: {0}")]
    Json(#[from] JsonError),
    /// JSON in which one value has the wrong type.
    #[error("line {line}, column {column}: `{what}` must be {expected}")]
    Type {
        /// The line of the value, from 1.
        line: usize,
        /// Its column in bytes, from 1.
        column: usize,
        /// Which value: a path in docker's own names.
        what: &'static str,
        /// What it should be.
        expected: &'static str,
    },
}

/// Why one auth entry cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}, column {column}: {problem}")]
pub struct EntryError {
    /// The line of the offending value, from 1.
    pub line: usize,
    /// Its column in bytes, from 1.
    pub column: usize,
    /// What is wrong with it.
    pub problem: EntryProblem,
}

/// What is wrong with an auth entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EntryProblem {
    /// The entry is a number, say.
    #[error("the entry is not an object")]
    NotAnObject,
    /// A field that must be a string is not.
    #[error("`{0}` is not a string")]
    NotAString(&'static str),
    /// `auth` is not standard base64 of `user:password`.
    #[error("`auth` is not standard base64 of `user:password`")]
    AuthUndecodable,
    /// `auth` decodes to something that JSON can't hold, so that it can't be written anew.
    #[error("`auth` holds a user name or password that is not UTF-8")]
    AuthNotText,
}

/// One entry under `auths`.
#[derive(Clone, Debug)]
pub struct AuthEntry<'a> {
    /// The registry key, as it stands in the file.
    pub key: String,
    value: Value<'a>,
}

impl DockerConfig {
    /// Reads a docker config of the given form.
    ///
    /// The outer shape is checked here; each entry is checked when it is [read](AuthEntry::login), because one
    /// that nobody asks for does no harm.
    pub fn parse(text: impl Into<Vec<u8>>, form: Form) -> Result<Self, DockerConfigError> {
        let config = Self { json: Json::parse(text)?, form };
        let root = config.json.root();
        if root.kind() != Kind::Object {
            return Err(type_error(root, "the docker config", "an object"));
        }
        if form == Form::Config {
            config.check_type("auths", Kind::Object, "an object")?;
            config.check_type("credHelpers", Kind::Object, "an object")?;
            config.check_type("credsStore", Kind::String, "a string")?;
            for helpers in config.fields("credHelpers") {
                if let Some((_, helper)) = helpers.members().find(|(_, helper)| helper.kind() != Kind::String)
                {
                    return Err(type_error(helper, "credHelpers", "an object of strings"));
                }
            }
        }
        Ok(config)
    }

    /// The text, with every byte that no edit has touched.
    pub fn text(&self) -> &[u8] {
        self.json.text()
    }

    /// The auth entries that count, in the order of the file: of a repeated key only the last.
    pub fn entries(&self) -> Vec<AuthEntry<'_>> {
        let mut entries = LastWins::default();
        for (name, value) in self.entry_maps().into_iter().flat_map(Value::members) {
            let key = string(name);
            entries.insert(key.clone(), AuthEntry { key, value });
        }
        entries.into_values().collect()
    }

    /// The entry under exactly this key, if there is one.
    pub fn entry(&self, key: &str) -> Option<AuthEntry<'_>> {
        let (_, value) = edit::occurrences(self, key).last()?;
        Some(AuthEntry { key: key.to_owned(), value })
    }

    /// The name of the credential helper for every registry (`credsStore`), without its
    /// `docker-credential-` prefix.
    pub fn creds_store(&self) -> Option<String> {
        let store = self.fields("credsStore").last().filter(|store| store.kind() == Kind::String)?;
        Some(string(store)).filter(|store| !store.is_empty())
    }

    /// The credential helpers of single registries (`credHelpers`) as (registry key, helper), in the order of
    /// the file.
    pub fn cred_helpers(&self) -> Vec<(String, String)> {
        let mut helpers = LastWins::default();
        for (name, helper) in since_null(self.fields("credHelpers")).into_iter().flat_map(Value::members) {
            let key = string(name);
            helpers.insert(key.clone(), (key, string(helper)));
        }
        helpers.into_values().collect()
    }

    /// Sets the entry under `key` to a user name and password, as kubectl writes it into a pull secret.
    ///
    /// An entry that was there keeps the members that are no part of a credential; every byte outside it
    /// stays. A new one is put last, indented like its neighbours.
    pub fn set_entry(&mut self, key: &str, credential: &Credential) {
        // Of a repeated entry the last one counts; earlier ones hold nothing but old passwords.
        let occurrences: Vec<_> = edit::occurrences(self, key).collect();
        if let Some((_, earlier @ [_, ..])) = occurrences.split_last() {
            self.replace_text(edit::without(self.text(), earlier));
        }
        self.replace_text(edit::set_entry(self, key, credential));
    }

    /// Whether there is exactly one entry under `key`, and it holds this credential and nothing of another one.
    pub fn holds_only(&self, key: &str, credential: &Credential) -> bool {
        let mut occurrences = edit::occurrences(self, key);
        let (Some((_, value)), None) = (occurrences.next(), occurrences.next()) else { return false };
        let entry = AuthEntry { key: key.to_owned(), value };
        let login = entry.login().ok().flatten();
        // `auth` overrides these, but an old password may be left in them.
        let is_or_none = |field, expected: &str| {
            entry.field(field).is_ok_and(|found| found.is_none_or(|(_, text)| *text == expected))
        };
        login.is_some_and(|login| login == Login::Password(credential.clone()))
            && is_or_none("username", &credential.username)
            && is_or_none("password", credential.password.expose())
    }

    /// Removes the entry under exactly this key, repeated ones too; says whether there was one.
    pub fn remove_entry(&mut self, key: &str) -> bool {
        let occurrences: Vec<_> = edit::occurrences(self, key).collect();
        if occurrences.is_empty() {
            return false;
        }
        self.replace_text(edit::without(self.text(), &occurrences));
        true
    }

    /// Names the credential helper for every registry (`credsStore`), or takes the name out.
    ///
    /// Here and in the edits below, members that are not named keep their bytes.
    pub fn set_creds_store(&mut self, helper: Option<&str>) {
        self.set_member(
            "credsStore",
            helper.map(|helper| serde_json::Value::from(helper).to_string()).as_deref(),
        );
    }

    /// Names the credential helper of one registry (`credHelpers`), or takes the name out.
    pub fn set_cred_helper(&mut self, registry: &str, helper: Option<&str>) {
        self.replace_text(match helper {
            Some(helper) => edit::set_cred_helper(self, registry, helper),
            None => edit::without_cred_helper(self, registry),
        });
    }

    /// Sets a top-level member to a value that is JSON, or takes it out.
    pub fn set_member(&mut self, name: &str, value: Option<&str>) {
        self.replace_text(match value {
            Some(value) => edit::set_member(self, name, value.as_bytes()),
            None => edit::without_member(self, name),
        });
    }

    /// The JSON of a top-level member.
    pub fn member(&self, name: &str) -> Option<&[u8]> {
        Some(self.fields(name).last()?.raw())
    }

    /// Takes out what one can log in with under these keys, as docker does when a credential helper has it: the entries
    /// stay, with their e-mail address and whatever we don't know.
    pub fn blank_entries(&mut self, keys: &[&str]) {
        self.replace_text(edit::without_credentials(self, keys));
    }

    /// Entries that nobody reads, because a later `auths` or entry takes their place. They may hold old passwords.
    pub fn hidden_entries(&self) -> Vec<AuthEntry<'_>> {
        let read: Vec<_> = self.entries().into_iter().map(|entry| entry.value.span()).collect();
        let hidden = edit::every_entry(self).filter(|(_, value)| !read.contains(&value.span()));
        hidden.map(|(key, value)| AuthEntry { key, value }).collect()
    }

    #[expect(
        clippy::expect_used,
        reason = "our own edit of a valid document; a broken one must never be saved"
    )]
    fn replace_text(&mut self, mut text: Zeroizing<Vec<u8>>) {
        self.json = Json::parse(std::mem::take(&mut *text)).expect("an edited docker config is still JSON");
    }

    /// Every object that holds entries, in the order in which Go merges them.
    fn entry_maps(&self) -> Vec<Value<'_>> {
        match self.form {
            Form::Config => since_null(self.fields("auths")),
            Form::Dockercfg => vec![self.json.root()],
        }
    }

    /// The values of the top-level members that Go's decoder takes for `field`.
    fn fields(&self, field: &str) -> impl Iterator<Item = Value<'_>> {
        let field = field.to_ascii_lowercase();
        self.json
            .root()
            .members()
            .filter(move |(name, _)| names_field(&string(*name), &field))
            .map(|(_, value)| value)
    }

    fn check_type(
        &self,
        field: &'static str,
        kind: Kind,
        expected: &'static str,
    ) -> Result<(), DockerConfigError> {
        match self.fields(field).find(|value| ![kind, Kind::Null].contains(&value.kind())) {
            Some(value) => Err(type_error(value, field, expected)),
            None => Ok(()),
        }
    }
}

impl fmt::Debug for DockerConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let keys: Vec<_> = self.entries().into_iter().map(|entry| entry.key).collect();
        f.debug_struct("DockerConfig").field("form", &self.form).field("keys", &keys).finish_non_exhaustive()
    }
}

impl AuthEntry<'_> {
    /// What the entry lets one log in with; `None` if it holds nothing, as docker writes it when a credential
    /// helper has the password.
    ///
    /// A non-empty `auth` overrides `username` and `password`, as it does for docker and the kubelet.
    pub fn login(&self) -> Result<Option<Login>, EntryError> {
        match self.value.kind() {
            Kind::Null => return Ok(None),
            Kind::Object => {}
            _ => return Err(entry_error(self.value, EntryProblem::NotAnObject)),
        }
        let identity_token = self.field("identitytoken")?;
        let registry_token = self.field("registrytoken")?;
        if let Some((_, token)) = identity_token {
            return Ok(Some(Login::IdentityToken(SecretString::new(token))));
        }
        if let Some((_, token)) = registry_token {
            return Ok(Some(Login::RegistryToken(SecretString::new(token))));
        }
        let mut username = self.field("username")?.map(|(_, name)| name.to_string());
        let mut password = self.field("password")?.map(|(_, password)| SecretString::new(password));
        let email = self.field("email")?.map(|(_, email)| email.to_string());
        if let Some((value, auth)) = self.field("auth")? {
            let (user, pass) =
                decode_auth(&auth).ok_or_else(|| entry_error(value, EntryProblem::AuthUndecodable))?;
            let not_text = |_| entry_error(value, EntryProblem::AuthNotText);
            username = Some(std::str::from_utf8(&user).map_err(not_text)?.to_owned());
            let pass = std::str::from_utf8(&pass).map_err(not_text)?;
            password = Some(SecretString::new(pass.to_owned()));
        }
        if username.is_none() && password.is_none() {
            return Ok(None);
        }
        Ok(Some(Login::Password(Credential {
            username: username.unwrap_or_default(),
            password: password.unwrap_or_else(|| SecretString::new(String::new())),
            email,
        })))
    }

    /// The field that [`login`](Self::login) takes the password or token from.
    pub fn secret_field(&self) -> Result<Option<&'static str>, EntryError> {
        if self.value.kind() != Kind::Object {
            return Ok(None);
        }
        for field in ["identitytoken", "registrytoken", "auth", "password"] {
            if self.field(field)?.is_some() {
                return Ok(Some(field));
            }
        }
        Ok(None)
    }

    /// Every different password or token in the entry, whichever of them [`login`](Self::login) takes.
    pub fn secrets(&self) -> Result<Vec<SecretString>, EntryError> {
        let mut secrets: Vec<SecretString> = Vec::new();
        if self.value.kind() != Kind::Object {
            return Ok(secrets);
        }
        let mut add = |secret: SecretString| {
            if !secret.is_empty() && !secrets.contains(&secret) {
                secrets.push(secret);
            }
        };
        for field in ["password", "identitytoken", "registrytoken"] {
            if let Some((_, text)) = self.field(field)? {
                add(SecretString::new(text));
            }
        }
        if let Some((value, auth)) = self.field("auth")? {
            let (_, password) =
                decode_auth(&auth).ok_or_else(|| entry_error(value, EntryProblem::AuthUndecodable))?;
            let not_text = |_| entry_error(value, EntryProblem::AuthNotText);
            add(SecretString::new(std::str::from_utf8(&password).map_err(not_text)?.to_owned()));
        }
        Ok(secrets)
    }

    /// A field's value and where it stands; an empty string counts as absent, as it does in Go.
    fn field(&self, field: &'static str) -> Result<Option<(Value<'_>, Zeroizing<String>)>, EntryError> {
        let found = self.value.string_field(field);
        let found = found.map_err(|value| entry_error(value, EntryProblem::NotAString(field)))?;
        Ok(found.filter(|(_, text)| !text.is_empty()))
    }
}

/// The maps that count: in Go, `null` empties what was read before it.
fn since_null<'a>(maps: impl Iterator<Item = Value<'a>>) -> Vec<Value<'a>> {
    let mut kept = Vec::new();
    for map in maps {
        if map.kind() == Kind::Null {
            kept.clear();
        } else {
            kept.push(map);
        }
    }
    kept
}

/// A string that is no secret: a member name, a helper's name.
fn string(value: Value<'_>) -> String {
    value.as_string().map(|text| text.to_string()).unwrap_or_default()
}

fn type_error(value: Value<'_>, what: &'static str, expected: &'static str) -> DockerConfigError {
    let (line, column) = value.position();
    DockerConfigError::Type { line, column, what, expected }
}

fn entry_error(value: Value<'_>, problem: EntryProblem) -> EntryError {
    let (line, column) = value.position();
    EntryError { line, column, problem }
}
