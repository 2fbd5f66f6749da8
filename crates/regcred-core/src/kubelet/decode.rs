//! The auth entries of a pull secret as the kubelet decodes them, or why it fails the pod's pull.
//!
//! [`docker_config`](crate::docker_config) reads the same text for people who want to use a credential, entry by
//! entry. The kubelet decodes all of it at once, and one bad value spoils the whole: that is what counts here.

use zeroize::Zeroizing;

use super::{Fatal, FatalProblem};
use crate::credential::{Credential, SecretString, decode_auth};
use crate::docker_config::{Form, LastWins};
use crate::json::{Json, JsonError, Kind, Value, lossy, names_field};

/// A string of a docker config, and where it stands.
type Text<'a> = (Value<'a>, Zeroizing<String>);

/// What the kubelet decodes of a docker config, and what it stumbles over.
#[derive(Default)]
pub(crate) struct Decoded {
    /// The entries, in the order of the text; of a repeated key only the last.
    pub(crate) entries: LastWins<Entry>,
    /// The keys of the entries that a later one with the same key replaces.
    pub(crate) replaced: Vec<String>,
    /// Every value that can't be decoded. The kubelet stops at the first.
    pub(crate) fatal: Vec<Fatal>,
}

/// An entry that the kubelet has decoded.
pub(crate) struct Entry {
    /// Its registry key.
    pub(crate) key: String,
    /// The credential that it tries.
    pub(crate) credential: Credential,
    /// Whether `username` or `password` says other than `auth`, which overrides them.
    pub(crate) contradicts: bool,
    /// The field with a token that it drops, if there is one.
    pub(crate) dropped: Option<&'static str>,
}

/// Decodes the data of the pull secret with this index, or says what of it makes the pull fail.
pub(super) fn decode(secret: usize, text: &[u8], form: Form) -> Result<Vec<Entry>, Fatal> {
    let decoded = decode_all(secret, text, form);
    decoded.fatal.into_iter().next().map_or_else(|| Ok(decoded.entries.into_values().collect()), Err)
}

/// Decodes the data of the pull secret with this index, and goes on where the kubelet would give up.
///
/// Follows `pkg/credentialprovider/secrets/secrets.go` and `config.go`, which leave it to Go's
/// `encoding/json`: into `DockerConfigJSON` for `.dockerconfigjson`, into a map for `.dockercfg`.
pub(crate) fn decode_all(secret: usize, text: &[u8], form: Form) -> Decoded {
    let mut decoded = Decoded::default();
    let json = match Json::parse(text) {
        Ok(json) => json,
        Err(JsonError { line, column, problem }) => {
            let problem = FatalProblem::Json(problem);
            decoded.fatal.push(Fatal { secret, key: None, line, column, problem });
            return decoded;
        }
    };
    let root = json.root();
    match (root.kind(), form) {
        (Kind::Object, Form::Dockercfg) => decoded.map(secret, root),
        (Kind::Object, Form::Config) => {
            for (name, value) in root.members() {
                let name = text_of(name);
                if names_field(&name, "auths") {
                    decoded.auths(secret, value);
                } else if names_field(&name, "httpheaders")
                    && let Some(value) = wrong_header(value)
                {
                    decoded.stumble(secret, None, value, FatalProblem::HttpHeaders);
                }
            }
        }
        // `null` decodes into anything, and changes nothing.
        (Kind::Null, _) => {}
        _ => decoded.stumble(secret, None, root, FatalProblem::NotAnObject),
    }
    decoded
}

impl Decoded {
    fn stumble(&mut self, secret: usize, key: Option<String>, value: Value<'_>, problem: FatalProblem) {
        let (line, column) = value.position();
        self.fatal.push(Fatal { secret, key, line, column, problem });
    }

    fn auths(&mut self, secret: usize, auths: Value<'_>) {
        match auths.kind() {
            Kind::Object => self.map(secret, auths),
            Kind::Null => {
                let entries = std::mem::take(&mut self.entries);
                self.replaced.extend(entries.into_values().map(|entry| entry.key));
            }
            _ => self.stumble(secret, None, auths, FatalProblem::AuthsNotAnObject),
        }
    }

    /// Decodes every entry of a map, repeated ones too: the last one counts, but each can be fatal.
    fn map(&mut self, secret: usize, map: Value<'_>) {
        for (name, value) in map.members() {
            let key = text_of(name);
            self.replaced.extend(self.entries.remove(&key).map(|entry| entry.key));
            match decode_entry(&key, value) {
                Ok(entry) => {
                    self.entries.insert(key, entry);
                }
                Err((value, problem)) => self.stumble(secret, Some(key), value, problem),
            }
        }
    }
}

fn decode_entry<'a>(key: &str, entry: Value<'a>) -> Result<Entry, (Value<'a>, FatalProblem)> {
    if !matches!(entry.kind(), Kind::Object | Kind::Null) {
        return Err((entry, FatalProblem::EntryNotAnObject));
    }
    let username = field(entry, "username")?.map(|(_, text)| text);
    let password = field(entry, "password")?.map(|(_, text)| text);
    let email = field(entry, "email")?.map(|(_, text)| text.to_string());
    let auth = field(entry, "auth")?;
    // The kubelet does not look at these, so nothing in them is wrong.
    let dropped = ["identitytoken", "registrytoken"]
        .into_iter()
        .find(|token| field(entry, token).is_ok_and(|token| token.is_some()));

    let mut contradicts = false;
    let (username, password) = match auth {
        None => (username.unwrap_or_default(), password.unwrap_or_default()),
        Some((value, auth)) => {
            let (user, pass) = decode_auth(&auth).ok_or((value, FatalProblem::AuthUndecodable))?;
            let (user, pass) = (lossy(&user), lossy(&pass));
            contradicts = username.is_some_and(|name| name != user) || password.is_some_and(|p| p != pass);
            (user, pass)
        }
    };
    let credential =
        Credential { username: username.to_string(), password: SecretString::new(password), email };
    Ok(Entry { key: key.to_owned(), credential, contradicts, dropped })
}

/// The string that a field of an entry holds, and where; an empty one counts as none.
fn field<'a>(entry: Value<'a>, field: &'static str) -> Result<Option<Text<'a>>, (Value<'a>, FatalProblem)> {
    let found = entry.string_field(field).map_err(|value| (value, FatalProblem::FieldNotAString(field)))?;
    Ok(found.filter(|(_, text)| !text.is_empty()))
}

/// The value that keeps `HttpHeaders` from being a map of strings, which the kubelet's decoder insists on
/// although it never uses it.
fn wrong_header(headers: Value<'_>) -> Option<Value<'_>> {
    match headers.kind() {
        Kind::Null => None,
        Kind::Object => headers
            .members()
            .map(|(_, value)| value)
            .find(|value| !matches!(value.kind(), Kind::String | Kind::Null)),
        _ => Some(headers),
    }
}

fn text_of(name: Value<'_>) -> String {
    name.as_string().unwrap_or_else(|| Zeroizing::new(String::new())).to_string()
}
