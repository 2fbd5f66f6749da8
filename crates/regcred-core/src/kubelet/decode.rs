//! The auth entries of a pull secret as the kubelet decodes them, or why it fails the pod's pull.
//!
//! [`docker_config`](crate::docker_config) reads the same text for people who want to use a credential, entry by
//! entry. The kubelet decodes all of it at once, and one bad value spoils the whole: that is what counts here.

use zeroize::Zeroizing;

use super::{Fatal, FatalProblem};
use crate::credential::{Credential, SecretString, decode_auth};
use crate::docker_config::Form;
use crate::json::{Json, Kind, Value, lossy, names_field};

/// An entry that the kubelet has decoded.
pub(super) struct Entry {
    pub(super) key: String,
    pub(super) credential: Credential,
}

/// Decodes the data of the pull secret with this index.
///
/// Follows `pkg/credentialprovider/secrets/secrets.go` and `config.go`, which leave it to Go's
/// `encoding/json`: into `DockerConfigJSON` for `.dockerconfigjson`, into a map for `.dockercfg`.
pub(super) fn decode(secret: usize, text: &[u8], form: Form) -> Result<Vec<Entry>, Fatal> {
    let json = Json::parse(text).map_err(|error| Fatal {
        secret,
        key: None,
        line: error.line,
        column: error.column,
        problem: FatalProblem::Json(error.problem),
    })?;
    let fatal = |key: Option<String>, (value, problem): (Value<'_>, FatalProblem)| {
        let (line, column) = value.position();
        Fatal { secret, key, line, column, problem }
    };
    let mut entries = Vec::new();
    match (json.root().kind(), form) {
        (Kind::Object, Form::Dockercfg) => decode_map(json.root(), &mut entries, &fatal)?,
        (Kind::Object, Form::Config) => {
            for (name, value) in json.root().members() {
                let name = text_of(name);
                if names_field(&name, "auths") {
                    match value.kind() {
                        Kind::Object => decode_map(value, &mut entries, &fatal)?,
                        Kind::Null => entries.clear(),
                        _ => return Err(fatal(None, (value, FatalProblem::AuthsNotAnObject))),
                    }
                } else if names_field(&name, "httpheaders") {
                    check_headers(value).map_err(|problem| fatal(None, problem))?;
                }
            }
        }
        // `null` decodes into anything, and changes nothing.
        (Kind::Null, _) => {}
        _ => return Err(fatal(None, (json.root(), FatalProblem::NotAnObject))),
    }
    Ok(entries)
}

/// Decodes every entry of a map, repeated ones too: the last one counts, but each can be fatal.
fn decode_map(
    map: Value<'_>,
    entries: &mut Vec<Entry>,
    fatal: &impl Fn(Option<String>, (Value<'_>, FatalProblem)) -> Fatal,
) -> Result<(), Fatal> {
    for (name, value) in map.members() {
        let key = text_of(name);
        let credential = decode_entry(value).map_err(|problem| fatal(Some(key.clone()), problem))?;
        entries.retain(|entry| entry.key != key);
        entries.push(Entry { key, credential });
    }
    Ok(())
}

fn decode_entry(entry: Value<'_>) -> Result<Credential, (Value<'_>, FatalProblem)> {
    if !matches!(entry.kind(), Kind::Object | Kind::Null) {
        return Err((entry, FatalProblem::EntryNotAnObject));
    }
    let mut fields = [("username", None), ("password", None), ("email", None), ("auth", None)];
    for (name, value) in entry.members() {
        let name = text_of(name);
        for (field, text) in fields.iter_mut().filter(|(field, _)| names_field(&name, field)) {
            match value.as_string() {
                Some(found) => *text = Some((value, found)),
                // Go leaves what was there before.
                None if value.kind() == Kind::Null => {}
                None => return Err((value, FatalProblem::FieldNotAString(field))),
            }
        }
    }
    let [username, password, email, auth] = fields.map(|(_, text)| text.filter(|(_, text)| !text.is_empty()));
    let mut credential = Credential {
        username: username.map(|(_, name)| name.to_string()).unwrap_or_default(),
        password: SecretString::new(password.map(|(_, password)| password).unwrap_or_default()),
        email: email.map(|(_, email)| email.to_string()),
    };
    if let Some((value, auth)) = auth {
        let (user, pass) = decode_auth(&auth).ok_or((value, FatalProblem::AuthUndecodable))?;
        credential.username = lossy(&user).to_string();
        credential.password = SecretString::new(lossy(&pass));
    }
    Ok(credential)
}

/// The kubelet never uses `HttpHeaders`, but its decoder insists on a map of strings.
fn check_headers(headers: Value<'_>) -> Result<(), (Value<'_>, FatalProblem)> {
    let problem = match headers.kind() {
        Kind::Null => None,
        Kind::Object => headers
            .members()
            .map(|(_, value)| value)
            .find(|value| !matches!(value.kind(), Kind::String | Kind::Null)),
        _ => Some(headers),
    };
    problem.map_or(Ok(()), |value| Err((value, FatalProblem::HttpHeaders)))
}

fn text_of(name: Value<'_>) -> String {
    name.as_string().unwrap_or_else(|| Zeroizing::new(String::new())).to_string()
}
