//! The helper's side of the protocol: what a client asks for, and how it is answered.
//!
//! Follows docker-credential-helpers `credentials/credentials.go`, whose messages clients compare byte for byte.

use zeroize::Zeroizing;

use crate::credential::SecretString;
use crate::json::{Json, Kind, write_string};
use crate::server::{ServerError, check_control_characters};

/// The longest input that is read, in bytes: far beyond any credential, and soon read.
pub const MAX_INPUT: usize = 1024 * 1024;

/// What `store` asks to keep.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoreRequest {
    /// The server URL, as the client spells it.
    pub server: String,
    /// The user name; [`TOKEN_USERNAME`](super::TOKEN_USERNAME) marks an identity token.
    pub username: String,
    /// The password or token; it may be empty, and is then as good as absent.
    pub secret: SecretString,
}

/// Why a request can't be carried out. The text is what the client is told.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RequestError {
    /// `get` and `erase` name no server, or `store` none.
    #[error("no credentials server URL")]
    NoServer,
    /// `store` names no user.
    #[error("no credentials username")]
    NoUsername,
    /// `store` was given nothing at all: the words of Go's decoder.
    #[error("EOF")]
    Empty,
    /// More than [`MAX_INPUT`] bytes.
    #[error("the input is longer than 1 MiB: that is no credential")]
    TooLong,
    /// Bytes that are no UTF-8; taken as text, the password would become another one.
    #[error("the input is not UTF-8: a credential that is can be stored")]
    NotUtf8,
    /// The input of `store` is no JSON object. Nothing of it is quoted: it may hold the password.
    #[error("the input is not the JSON object that `store` takes (line {line}, column {column})")]
    NotJson {
        /// Counted from 1.
        line: usize,
        /// In bytes, counted from 1.
        column: usize,
    },
    /// A field of `store` is no string.
    #[error("`{0}` is not a string")]
    NotAString(&'static str),
    /// A control character is in the server URL: nothing is ever kept under such a name.
    #[error("{0}; name the server without it")]
    ControlCharacter(#[from] ServerError),
}

/// Reads the input of `get` and `erase`: a server URL, with white space around it.
pub fn read_server(input: &[u8]) -> Result<String, RequestError> {
    let text = text(input)?.trim();
    if text.is_empty() {
        return Err(RequestError::NoServer);
    }
    check_control_characters(text)?;
    Ok(text.to_owned())
}

/// Reads the input of `store`. Names of fields fold their case as Go's decoder does, unknown fields are ignored,
/// `null` counts as absent.
pub fn read_store(input: &[u8]) -> Result<StoreRequest, RequestError> {
    if text(input)?.trim().is_empty() {
        return Err(RequestError::Empty);
    }
    let not_json = |(line, column)| RequestError::NotJson { line, column };
    let json = Json::parse(input).map_err(|error| not_json((error.line, error.column)))?;
    if json.root().kind() != Kind::Object {
        return Err(not_json(json.root().position()));
    }
    let field = |name: &str, shown| match json.root().string_field(name) {
        Ok(found) => Ok(found.map(|(_, text)| text).unwrap_or_default()),
        Err(_) => Err(RequestError::NotAString(shown)),
    };
    let server = field("serverurl", "ServerURL")?.to_string();
    let username = field("username", "Username")?.to_string();
    let secret = SecretString::new(field("secret", "Secret")?);
    if server.is_empty() {
        return Err(RequestError::NoServer);
    }
    if username.is_empty() {
        return Err(RequestError::NoUsername);
    }
    check_control_characters(&server)?;
    Ok(StoreRequest { server, username, secret })
}

/// The answer to `get`, a line of JSON. `server` is what was asked for, not under what it was found.
pub fn write_get(server: &str, username: &str, secret: &SecretString) -> Zeroizing<String> {
    // Each byte becomes at most `\u` and four digits: the text never grows, and no unwiped copy is left behind.
    let length = (server.len() + username.len() + secret.expose().len()) * 6;
    let mut answer = Zeroizing::new(String::with_capacity(length + 64));
    for (separator, name, value) in
        [("{", "ServerURL", server), (",", "Username", username), (",", "Secret", secret.expose())]
    {
        answer.push_str(separator);
        write_string(&mut answer, name);
        answer.push(':');
        write_string(&mut answer, value);
    }
    answer.push_str("}\n");
    answer
}

/// The answer to `list`, a line of JSON: server URLs as they were stored, each with its user name, in byte order.
pub fn write_list<'a>(entries: impl IntoIterator<Item = (&'a str, &'a str)>) -> String {
    let sorted: std::collections::BTreeMap<&str, &str> = entries.into_iter().collect();
    let mut answer = String::from("{");
    for (server, username) in sorted {
        if answer.len() > 1 {
            answer.push(',');
        }
        write_string(&mut answer, server);
        answer.push(':');
        write_string(&mut answer, username);
    }
    answer.push_str("}\n");
    answer
}

fn text(input: &[u8]) -> Result<&str, RequestError> {
    if input.len() > MAX_INPUT {
        return Err(RequestError::TooLong);
    }
    std::str::from_utf8(input).map_err(|_| RequestError::NotUtf8)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_stands_alone_whatever_white_space_is_around_it() {
        assert_eq!(read_server(b"ghcr.io\r\n"), Ok("ghcr.io".into()));
        assert_eq!(read_server(b"  ghcr.io  "), Ok("ghcr.io".into()));
        for blank in [&b""[..], b"\n", b" \t\r\n"] {
            assert_eq!(read_server(blank), Err(RequestError::NoServer));
        }
        assert_eq!(read_server(b"ghcr.io\xff"), Err(RequestError::NotUtf8));
        assert_eq!(read_server(&vec![b'a'; MAX_INPUT + 1]), Err(RequestError::TooLong));
    }

    #[test]
    fn what_to_store_is_read_as_go_reads_it() {
        let request = |server: &str, username: &str, secret: &str| StoreRequest {
            server: server.into(),
            username: username.into(),
            secret: SecretString::new(secret.to_owned()),
        };
        let exact = br#"{"ServerURL":"ghcr.io","Username":"me","Secret":"hunter2"}"#;
        assert_eq!(read_store(exact), Ok(request("ghcr.io", "me", "hunter2")));
        let folded = b"{\n \"SERVERURL\": \"ghcr.io\",\r\n \"username\":\"me\", \"sEcRet\":\"a\\nb\\u0000\",\n \"x\":[1]}\n";
        assert_eq!(read_store(folded), Ok(request("ghcr.io", "me", "a\nb\0")));
        let without_secret = br#"{"ServerURL":"ghcr.io","Username":"me","Secret":null}"#;
        assert_eq!(read_store(without_secret), Ok(request("ghcr.io", "me", "")));
    }

    #[test]
    fn what_is_missing_is_said_in_the_words_that_clients_know() {
        let told = |input: &[u8]| read_store(input).unwrap_err().to_string();
        assert_eq!(told(b""), "EOF");
        assert_eq!(told(b" \n"), "EOF");
        assert_eq!(told(b"{}"), "no credentials server URL");
        assert_eq!(told(br#"{"Username":"me","Secret":"s"}"#), "no credentials server URL");
        assert_eq!(told(br#"{"ServerURL":"ghcr.io","Secret":"s"}"#), "no credentials username");
    }

    #[test]
    fn a_control_character_in_a_server_is_refused() {
        for character in ['\0', '\n', '\t', '\u{1b}', '\u{7f}', '\u{80}', '\u{9b}'] {
            let said = format!(
                "a server has no {character:?}, but there is one at byte 7; name the server without it"
            );
            let server = format!("ghcr.io{character}.evil.example");
            assert_eq!(read_server(server.as_bytes()).unwrap_err().to_string(), said);
            let login = serde_json::json!({ "ServerURL": server, "Username": "me", "Secret": "hunter2" });
            assert_eq!(read_store(login.to_string().as_bytes()).unwrap_err().to_string(), said);
        }
        // What stands around a server is taken off, but not in `store`.
        assert_eq!(read_server(b"\t\x0bghcr.io\x0c\r\n"), Ok("ghcr.io".into()));
        assert!(read_store(b"{\"ServerURL\":\"ghcr.io\\n\",\"Username\":\"me\",\"Secret\":\"s\"}").is_err());
    }

    #[test]
    fn no_input_is_ever_quoted() {
        let deep = vec![b'['; 20_000];
        let inputs: [&[u8]; 7] = [
            b"hunter2",
            b"[\"hunter2\"]",
            b"\xef\xbb\xbf{\"Secret\":\"hunter2\"}",
            br#"{"ServerURL":"x","Username":"me","Secret":"hunter2"} x"#,
            br#"{"ServerURL":["hunter2"]}"#,
            b"{\"Secret\":\"hunter2\xff\"}",
            &deep,
        ];
        for input in inputs {
            let error = read_store(input).unwrap_err();
            assert!(!format!("{error} {error:?}").contains("hunter2"), "{error}");
        }
    }

    #[test]
    fn answers_are_the_lines_that_go_writes() {
        let secret = SecretString::new("<a&\"b\"\n\0>".to_owned());
        assert_eq!(
            write_get("ghcr.io", "me", &secret).as_str(),
            "{\"ServerURL\":\"ghcr.io\",\"Username\":\"me\",\"Secret\":\"\\u003ca\\u0026\\\"b\\\"\\n\\u0000\\u003e\"}\n"
        );
        assert_eq!(write_list([]), "{}\n");
        let two = [("quay.io", "you"), ("https://index.docker.io/v1/", "me")];
        assert_eq!(write_list(two), "{\"https://index.docker.io/v1/\":\"me\",\"quay.io\":\"you\"}\n");
    }

    #[test]
    fn an_answer_is_what_a_client_reads() {
        let secret = SecretString::new("p\u{2028}ä\\".to_owned());
        let answer = write_get("ghcr.io", "me", &secret);
        let Ok(Some(crate::credential::Login::Password(credential))) =
            crate::helper_protocol::read_get(true, answer.as_bytes())
        else {
            panic!("no login")
        };
        assert_eq!((credential.username.as_str(), credential.password), ("me", secret));
    }
}
