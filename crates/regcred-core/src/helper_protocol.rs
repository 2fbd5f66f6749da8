//! The messages between a client such as docker and a credential helper (`docker-credential-NAME`).
//!
//! Here is the client's side, which reads answers; [`request`] is the helper's.
//!
//! Follows docker-credential-helpers `client/client.go` and `credentials/credentials.go`. A message is never
//! quoted in an error when it could hold the secret.

pub mod request;

use zeroize::Zeroizing;

use crate::credential::{Credential, Login, SecretString};
use crate::json::{Json, Kind, Value};

/// What a helper prints when it has no credential for a server.
pub const NOT_FOUND: &str = "credentials not found in native keychain";

/// The user name that marks the secret as an identity token.
pub const TOKEN_USERNAME: &str = "<token>";

/// Why a helper's answer is of no use.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProtocolError {
    /// The helper said that it failed; its own words, which are untrusted text.
    #[error("it failed: {0:?}")]
    Failed(String),
    /// The helper failed and printed nothing that can be shown.
    #[error("it failed and gave no reason")]
    FailedSilently,
    /// The helper claimed success, but did not print what the protocol asks for.
    #[error("its answer is not what a credential helper prints ({0})")]
    Nonsense(&'static str),
}

/// The program behind a `credsStore` or `credHelpers` name, or `None` if the name holds anything but letters,
/// digits, `-`, `_` and `.`: a path separator would leave the PATH.
pub fn program(name: &str) -> Option<String> {
    let plain = name.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b));
    (plain && !name.is_empty()).then(|| format!("docker-credential-{name}"))
}

/// Reads a helper's answer to `get`: `None` if it surely has no credential for the server.
pub fn read_get(succeeded: bool, stdout: &[u8]) -> Result<Option<Login>, ProtocolError> {
    if !succeeded {
        return match failure(stdout) {
            ProtocolError::Failed(message) if message == NOT_FOUND => Ok(None),
            error => Err(error),
        };
    }
    let json = object(stdout)?;
    let username =
        field(json.root(), "username")?.ok_or(ProtocolError::Nonsense("no `Username`"))?.to_string();
    let secret = field(json.root(), "secret")?.ok_or(ProtocolError::Nonsense("no `Secret`"))?;
    let secret = SecretString::new(secret);
    // docker-credential-pass before 0.9 says so that it has nothing.
    if username.is_empty() && secret.is_empty() {
        return Ok(None);
    }
    Ok(Some(if username == TOKEN_USERNAME {
        Login::IdentityToken(secret)
    } else {
        Login::Password(Credential { username, password: secret, email: None })
    }))
}

/// Reads a helper's answer to `list`: the server URLs that it holds, in its order.
pub fn read_list(succeeded: bool, stdout: &[u8]) -> Result<Vec<String>, ProtocolError> {
    if !succeeded {
        return Err(failure(stdout));
    }
    let json = object(stdout)?;
    Ok(json.root().members().filter_map(|(name, _)| Some(name.as_string()?.to_string())).collect())
}

/// What a failing helper said, if that is a message and not an answer.
fn failure(stdout: &[u8]) -> ProtocolError {
    let message = String::from_utf8_lossy(stdout);
    let message = message.trim();
    // A helper that prints its answer and then fails has put the secret there.
    if message.is_empty() || message.contains(['{', '"']) || message.len() > 1000 {
        return ProtocolError::FailedSilently;
    }
    ProtocolError::Failed(message.to_owned())
}

fn object(stdout: &[u8]) -> Result<Json, ProtocolError> {
    if stdout.trim_ascii().is_empty() {
        return Err(ProtocolError::Nonsense("nothing"));
    }
    let json = Json::parse(stdout).map_err(|_| ProtocolError::Nonsense("no JSON"))?;
    if json.root().kind() == Kind::Object { Ok(json) } else { Err(ProtocolError::Nonsense("no JSON object")) }
}

fn field(object: Value<'_>, name: &'static str) -> Result<Option<Zeroizing<String>>, ProtocolError> {
    match object.string_field(name) {
        Ok(found) => Ok(found.map(|(_, text)| text)),
        Err(_) => Err(ProtocolError::Nonsense("a field that is no string")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_helpers_answer_is_a_login() {
        let login = read_get(true, br#"{"ServerURL":"ghcr.io","Username":"me","Secret":"hunter2"}"#).unwrap();
        let Some(Login::Password(credential)) = login else { panic!("{login:?}") };
        assert_eq!((credential.username.as_str(), credential.password.expose()), ("me", "hunter2"));
        let token = read_get(true, br#"{"Username":"<token>","Secret":"t"}"#).unwrap();
        assert_eq!(token, Some(Login::IdentityToken(SecretString::new("t".to_owned()))));
    }

    #[test]
    fn only_the_exact_message_or_an_empty_login_means_not_found() {
        assert_eq!(read_get(false, b"credentials not found in native keychain\n"), Ok(None));
        let locked = read_get(false, b"the keychain is locked");
        assert_eq!(locked, Err(ProtocolError::Failed("the keychain is locked".into())));
        assert_eq!(read_get(false, b""), Err(ProtocolError::FailedSilently));
        assert_eq!(read_get(true, br#"{"ServerURL":"x","Username":"","Secret":""}"#), Ok(None));
    }

    #[test]
    fn nonsense_is_refused_and_never_quoted() {
        let nonsense: [&[u8]; 6] = [
            b"",
            b"hunter2",
            b"[\"hunter2\"]",
            br#"{"Username":"me","Secret":["hunter2"]}"#,
            br#"{"Secret":"hunter2"}"#,
            br#"{"Username":"me","Secret":"hunter2"} x"#,
        ];
        for answer in nonsense {
            let error = read_get(true, answer).unwrap_err();
            assert!(matches!(error, ProtocolError::Nonsense(_)), "{error}");
            assert!(!error.to_string().contains("hunter2"), "{error}");
        }
        let printed_then_failed = read_get(false, br#"{"Username":"me","Secret":"hunter2"}"#);
        assert_eq!(printed_then_failed, Err(ProtocolError::FailedSilently));
    }

    #[test]
    fn a_list_names_the_servers() {
        let servers = read_list(true, br#"{"https://index.docker.io/v1/":"me","ghcr.io":"you"}"#);
        assert_eq!(servers, Ok(vec!["https://index.docker.io/v1/".to_owned(), "ghcr.io".to_owned()]));
    }

    #[test]
    fn a_helpers_name_cannot_leave_the_path() {
        assert_eq!(program("ecr-login").as_deref(), Some("docker-credential-ecr-login"));
        for name in ["", "../x", "a/b", "a\\b", "a\0", "$(x)", "a b"] {
            assert_eq!(program(name), None, "{name:?}");
        }
    }
}
