//! A helper's answers: what one writes is read, and what could be a secret is not quoted.

#![no_main]

use libfuzzer_sys::fuzz_target;
use regcred_core::credential::Login;
use regcred_core::helper_protocol::{NOT_FOUND, ProtocolError, TOKEN_USERNAME, program, read_get, read_list};
use regcred_core_fuzz::is_harmless;
use serde_json::{Map, Value, json};

fuzz_target!(|input: (bool, &[u8])| {
    let (succeeded, answer) = input;
    let get = read_get(succeeded, answer);
    assert!(succeeded || matches!(get, Ok(None) | Err(_)), "a helper that fails gives no credential");
    for error in [get.err(), read_list(succeeded, answer).err()].into_iter().flatten() {
        assert!(is_harmless(&error.to_string()), "{error}");
        match error {
            // A message of the helper's own; only a failure has one, and it never looks like an answer.
            ProtocolError::Failed(message) => {
                assert!(!succeeded && !message.contains(['{', '"']) && (1..=1000).contains(&message.len()));
            }
            ProtocolError::FailedSilently => assert!(!succeeded),
            ProtocolError::Nonsense(what) => {
                assert!(succeeded);
                let all = ["nothing", "no JSON", "no JSON object", "no `Username`", "no `Secret`"];
                assert!(
                    all.contains(&what) || what == "a field that is no string",
                    "{what} is from the answer"
                );
            }
        }
    }
    let words: Vec<_> = answer.split(|&b| b == 0).map(String::from_utf8_lossy).collect();
    written_and_read(words.first().map_or("", |word| word), words.get(1).map_or("", |word| word));
    listed_and_read(words.iter().map(|word| word.to_string()));
    if let Some(program) = program(&String::from_utf8_lossy(answer)) {
        assert!(!program.contains(['/', '\\', '\0', ' ', '$']));
    }
});

/// An answer that another JSON library writes is read as it was meant.
fn written_and_read(username: &str, secret: &str) {
    let answer = json!({"ServerURL": "https://ghcr.io", "Username": username, "Secret": secret}).to_string();
    let found = read_get(true, answer.as_bytes()).expect("it is an answer");
    match found {
        None => assert!(username.is_empty() && secret.is_empty()),
        Some(Login::IdentityToken(token)) => {
            assert_eq!((username, secret), (TOKEN_USERNAME, token.expose()));
        }
        Some(Login::Password(found)) => {
            assert_eq!((username, secret), (found.username.as_str(), found.password.expose()));
            assert!(username != TOKEN_USERNAME && found.email.is_none());
        }
        Some(Login::RegistryToken(_)) => panic!("the protocol has no registry tokens"),
    }
    assert_eq!(read_get(false, answer.as_bytes()), Err(ProtocolError::FailedSilently));
    assert_eq!(read_get(false, NOT_FOUND.as_bytes()), Ok(None));
}

fn listed_and_read(servers: impl Iterator<Item = String>) {
    let list: Map<_, _> = servers.map(|server| (server, Value::from("me"))).collect();
    let expected: Vec<_> = list.keys().cloned().collect();
    assert_eq!(read_list(true, Value::Object(list).to_string().as_bytes()), Ok(expected));
}
