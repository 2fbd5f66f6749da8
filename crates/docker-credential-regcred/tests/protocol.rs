//! The protocol on a keyring in memory: every row of docker-credential-helpers' own behaviour, and what goes wrong.

#![cfg(test)]

use std::io::{self, Read, Write};

use docker_credential_regcred::protocol::{ProtocolFailure, Verb, handle};
use regcred_keyring::memory::Memory;
use regcred_keyring::{Entry, Login, Status, Store, StoreError};
use tempfile::TempDir;

struct Helper {
    memory: Memory,
    folder: TempDir,
}

impl Helper {
    fn new() -> Self {
        Self { memory: Memory::default(), folder: tempfile::tempdir().unwrap() }
    }

    /// What is printed on success, or the message of the failure.
    fn ask(&self, verb: &str, input: impl AsRef<[u8]>) -> Result<String, String> {
        let open = || Ok(Box::new(self.memory.store(self.folder.path().join("lock"))) as Box<dyn Store>);
        let mut output = Vec::new();
        let outcome = handle(Verb::parse(verb).unwrap(), open, &mut input.as_ref(), &mut output);
        let output = String::from_utf8(output).unwrap();
        match outcome {
            Ok(()) => Ok(output),
            Err(failure) => {
                assert_eq!(output, "", "nothing is printed before a failure");
                Err(failure.to_string())
            }
        }
    }

    fn store(&self, server: &str, username: &str, secret: &str) {
        let request = serde_json::json!({ "ServerURL": server, "Username": username, "Secret": secret });
        assert_eq!(self.ask("store", request.to_string()), Ok(String::new()));
    }
}

fn refused(text: &str) -> Result<String, String> {
    Err(text.to_owned())
}

#[test]
fn get_answers_as_docker_credential_helpers_do() {
    let helper = Helper::new();
    helper.store("ghcr.io", "me", "hunter2");
    helper.store("empty.example", "me", "");
    for blank in ["", " \n", "\r\n\t"] {
        assert_eq!(helper.ask("get", blank), refused("no credentials server URL"));
    }
    let answer = Ok("{\"ServerURL\":\"ghcr.io\",\"Username\":\"me\",\"Secret\":\"hunter2\"}\n".to_owned());
    for input in ["ghcr.io", "ghcr.io\r\n", "  ghcr.io  "] {
        assert_eq!(helper.ask("get", input), answer, "{input:?}");
    }
    // What was asked for is echoed, not under what it was found.
    let by_alias = helper.ask("get", "https://GHCR.io/v2/").unwrap();
    assert!(by_alias.starts_with("{\"ServerURL\":\"https://GHCR.io/v2/\","), "{by_alias}");
    for unknown in ["quay.io", "empty.example"] {
        assert_eq!(helper.ask("get", unknown), refused("credentials not found in native keychain"));
    }
}

#[test]
fn store_answers_as_docker_credential_helpers_do() {
    let helper = Helper::new();
    assert_eq!(helper.ask("store", ""), refused("EOF"));
    assert_eq!(helper.ask("store", "{}"), refused("no credentials server URL"));
    assert_eq!(helper.ask("store", r#"{"ServerURL":"ghcr.io"}"#), refused("no credentials username"));
    assert!(helper.memory.is_empty());
    let folded =
        "{\n\"serverurl\": \"ghcr.io\",\n\"USERNAME\": \"me\",\n\"other\": 1,\n\"secret\": \"s\"\n}\n";
    assert_eq!(helper.ask("store", folded), Ok(String::new()));
    assert_eq!(helper.ask("list", ""), Ok("{\"ghcr.io\":\"me\"}\n".to_owned()));
}

#[test]
fn erase_and_list_answer_as_docker_credential_helpers_do() {
    let helper = Helper::new();
    assert_eq!(helper.ask("list", ""), Ok("{}\n".to_owned()));
    helper.store("https://index.docker.io/v1/", "me", "1");
    helper.store("quay.io", "you", "2");
    // Whatever is on standard input is of no account.
    let both = "{\"https://index.docker.io/v1/\":\"me\",\"quay.io\":\"you\"}\n";
    assert_eq!(helper.ask("list", "anything"), Ok(both.to_owned()));
    assert_eq!(helper.ask("erase", ""), refused("no credentials server URL"));
    assert_eq!(helper.ask("erase", "unknown.example"), Ok(String::new()));
    assert_eq!(helper.ask("erase", "docker.io\n"), Ok(String::new()));
    assert_eq!(
        helper.ask("get", "https://index.docker.io/v1/"),
        refused("credentials not found in native keychain")
    );
    assert_eq!(helper.ask("list", ""), Ok("{\"quay.io\":\"you\"}\n".to_owned()));
}

#[test]
fn bad_input_is_refused_without_being_quoted_and_nothing_is_stored() {
    let helper = Helper::new();
    let long = format!(r#"{{"ServerURL":"x","Username":"me","Secret":"hunter2{}"}}"#, "a".repeat(1 << 20));
    let inputs: [&[u8]; 6] = [
        long.as_bytes(),
        b"{\"ServerURL\":\"x\",\"Username\":\"me\",\"Secret\":\"hunter2\xff\"}",
        b"\xef\xbb\xbf{\"ServerURL\":\"x\",\"Username\":\"me\",\"Secret\":\"hunter2\"}",
        &[b"[".repeat(100_000), b"hunter2".to_vec()].concat(),
        br#"{"ServerURL":"x","Username":"me","Secret":"hunter2"} trailing"#,
        br#"{"ServerURL":"x","Username":["me"],"Secret":"hunter2"}"#,
    ];
    for input in inputs {
        let message = helper.ask("store", input).unwrap_err();
        assert!(!message.contains("hunter2") && message.len() < 200, "{message}");
    }
    assert!(helper.memory.is_empty());
    assert_eq!(
        helper.ask("get", b"ghcr.io\xff"),
        refused("the input is not UTF-8: a credential that is can be stored")
    );
    assert!(helper.ask("get", "a".repeat((1 << 20) + 1)).unwrap_err().contains("1 MiB"));
}

#[test]
fn a_locked_keyring_is_never_an_empty_one() {
    let helper = Helper::new();
    helper.store("ghcr.io", "me", "hunter2");
    helper.memory.lock(true);
    for (verb, input) in [
        ("get", "ghcr.io"),
        ("erase", "ghcr.io"),
        ("list", ""),
        ("store", r#"{"ServerURL":"x","Username":"me","Secret":"hunter2"}"#),
    ] {
        let message = helper.ask(verb, input).unwrap_err();
        assert!(
            message.starts_with("docker-credential-regcred: the keyring is locked; unlock it"),
            "{message}"
        );
        assert!(!message.contains('\n') && !message.contains("hunter2"), "{message}");
    }
    assert_eq!(helper.ask("get", "quay.io"), refused("credentials not found in native keychain"));
}

/// A keyring that can't be opened must not be asked for before the request makes sense.
#[test]
fn a_senseless_request_opens_no_keyring() {
    let never = || -> Result<Box<dyn Store>, StoreError> { panic!("it was opened") };
    for (verb, input) in [(Verb::Get, &b" "[..]), (Verb::Erase, b""), (Verb::Store, b"{}")] {
        assert!(handle(verb, never, &mut &input[..], &mut Vec::new()).is_err());
    }
}

struct Broken;

impl Read for Broken {
    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        Err(io::Error::from_raw_os_error(9))
    }
}

impl Write for Broken {
    fn write(&mut self, _: &[u8]) -> io::Result<usize> {
        Err(io::ErrorKind::BrokenPipe.into())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// One login, whoever asks.
struct Always;

impl Store for Always {
    fn get(&self, _: &str) -> Result<Option<Login>, StoreError> {
        let secret = regcred_core::credential::SecretString::new("hunter2".to_owned());
        Ok(Some(Login { username: "me".to_owned(), secret }))
    }

    fn store(&self, _: &str, _: &Login) -> Result<(), StoreError> {
        Ok(())
    }

    fn erase(&self, _: &str) -> Result<(), StoreError> {
        Ok(())
    }

    fn list(&self) -> Result<Vec<Entry>, StoreError> {
        Ok(vec![Entry { server: "ghcr.io".to_owned(), username: "me".to_owned() }])
    }

    fn status(&self) -> Result<Status, StoreError> {
        Ok(Status { locked: false, entries: Some(1) })
    }
}

#[test]
fn broken_streams_are_failures_without_a_secret() {
    let open = || Ok(Box::new(Always) as Box<dyn Store>);
    for verb in [Verb::Get, Verb::Store, Verb::Erase] {
        let failure = handle(verb, open, &mut Broken, &mut Vec::new()).unwrap_err();
        assert!(matches!(failure, ProtocolFailure::Input(_)), "{failure}");
    }
    for verb in [Verb::Get, Verb::List] {
        let failure = handle(verb, open, &mut &b"ghcr.io"[..], &mut Broken).unwrap_err();
        assert!(matches!(failure, ProtocolFailure::Output(_)), "{failure}");
        assert!(!format!("{failure} {failure:?}").contains("hunter2"));
    }
}
