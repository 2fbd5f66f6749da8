//! Our credential helper beside docker-credential-secretservice, in Debian's version and a new one, on one keyring: people
//! move over and back without migrating. And driven by docker-credential-helpers' own client.

#![cfg(test)]

use std::path::PathBuf;

use regcred_tests::clients;
use regcred_tests::helper::{HELPER, Helper, Keyring};
use regcred_tests::leak::{Folder, assert_no_secret};
use regcred_tests::output::Output;
use regcred_tests::sandbox::Sandbox;
use serde_json::{Value, json};
use xtask::clients::{HELPER_CLIENT, SECRETSERVICE};

const USERNAME: &str = "robot";
const PASSWORD: &str = "pa$$<w&rd>, \"quoted\" ü";
const HUB: &str = "https://index.docker.io/v1/";

/// A session with our helper and one version of the peer.
struct Session {
    sandbox: Sandbox,
    helper: Helper,
    peer: PathBuf,
}

impl Session {
    /// One for each version of the peer.
    fn all() -> Vec<Self> {
        let of = |peer: PathBuf| {
            let mut sandbox = Sandbox::without_cluster();
            let helper = Helper::install(&mut sandbox, Keyring::SecretService);
            Self { sandbox, helper, peer }
        };
        let debian = PathBuf::from("/usr/bin").join(SECRETSERVICE);
        vec![of(debian), of(clients::find(SECRETSERVICE))]
    }

    fn peer(&self, verb: &str, stdin: &str) -> Output {
        let program = self.peer.to_str().unwrap();
        self.sandbox.run_with_stdin(program, [verb], stdin.as_bytes())
    }

    fn ours(&self, verb: &str, stdin: &str) -> Output {
        self.helper.ask(&self.sandbox, verb, stdin)
    }

    /// What the keyring itself says of the items of a server, without their secrets and times.
    fn items(&self, server: &str) -> Vec<String> {
        let output = self.sandbox.run("secret-tool", ["search", "--all", "server", server]);
        // It tells the attributes on stderr.
        let text = format!("{}{}", output.success().stdout, output.stderr);
        let mut lines: Vec<String> = text
            .lines()
            .filter(|line| ["label", "attribute.", "schema"].iter().any(|start| line.starts_with(start)))
            .map(str::to_owned)
            .collect();
        lines.sort_unstable();
        lines
    }
}

fn login(server: &str, username: &str, password: &str) -> String {
    json!({ "ServerURL": server, "Username": username, "Secret": password }).to_string()
}

fn assert_login(output: &Output, server: &str, username: &str, password: &str) {
    let expected = json!({ "ServerURL": server, "Username": username, "Secret": password });
    assert_eq!(output.success().json(), expected);
}

fn assert_not_found(output: &Output) {
    output.assert_code(1).assert_stdout_contains("credentials not found in native keychain");
}

#[test]
fn what_we_store_the_peer_reads_lists_and_erases() {
    for session in Session::all() {
        for server in ["registry.example:5000", HUB] {
            session.ours("store", &login(server, USERNAME, PASSWORD)).success();
            assert_login(&session.peer("get", server), server, USERNAME, PASSWORD);
        }
        let list = session.peer("list", "");
        assert_eq!(list.success().json(), json!({ "registry.example:5000": USERNAME, HUB: USERNAME }));
        session.peer("erase", "registry.example:5000").success();
        assert_not_found(&session.ours("get", "registry.example:5000"));
        assert_not_found(&session.peer("get", "registry.example:5000"));
        assert_eq!(session.helper.list(&session.sandbox), json!({ HUB: USERNAME }));
        assert_no_secret(PASSWORD, &[&list, &Folder::new(session.sandbox.root())]);
    }
}

#[test]
fn what_the_peer_stores_we_read_list_and_erase() {
    for session in Session::all() {
        for server in ["registry.example:5000", HUB] {
            session.peer("store", &login(server, USERNAME, PASSWORD)).success();
            assert_login(&session.ours("get", server), server, USERNAME, PASSWORD);
        }
        // A new peer's own `list` shows the items' labels: "Registry credentials for …".
        let expected = json!({ "registry.example:5000": USERNAME, HUB: USERNAME });
        assert_eq!(session.helper.list(&session.sandbox), expected);
        session.ours("erase", "registry.example:5000").success();
        assert_not_found(&session.peer("get", "registry.example:5000"));
        assert_not_found(&session.ours("get", "registry.example:5000"));
        assert_login(&session.peer("get", HUB), HUB, USERNAME, PASSWORD);
    }
}

#[test]
fn our_items_are_those_of_the_peer() {
    let [debian, new] = <[Session; 2]>::try_from(Session::all()).ok().unwrap();
    debian.ours("store", &login("registry.example", USERNAME, PASSWORD)).success();
    new.peer("store", &login("registry.example", USERNAME, PASSWORD)).success();
    let (ours, mut theirs) = (debian.items("registry.example"), new.items("registry.example"));
    // The one difference: with its own label, the list of a new peer names no URL.
    for line in &mut theirs {
        *line = line.replace("label = Registry credentials for registry.example", "label = registry.example");
    }
    assert_eq!(ours, theirs);
    assert!(ours.contains(&"attribute.docker_cli = 1".to_owned()), "{ours:?}");
    assert!(ours.contains(&"schema = io.docker.Credentials".to_owned()), "{ours:?}");
}

#[test]
fn who_stores_last_is_who_both_find() {
    for session in Session::all() {
        let server = "registry.example";
        session.peer("store", &login(server, "old", "old password")).success();
        session.ours("store", &login(server, USERNAME, PASSWORD)).success();
        // The peer keeps an item for each user name, and which of them it finds is chance; we leave one.
        assert_login(&session.peer("get", server), server, USERNAME, PASSWORD);
        let labels = session.items(server).iter().filter(|line| line.starts_with("label =")).count();
        assert_eq!(labels, 1, "{:?}", session.items(server));
        session.peer("store", &login(server, USERNAME, "new password")).success();
        assert_login(&session.ours("get", server), server, USERNAME, "new password");
        assert_login(&session.peer("get", server), server, USERNAME, "new password");
    }
}

#[test]
fn a_login_of_the_peer_under_another_spelling_is_replaced_too() {
    for session in Session::all() {
        session.peer("store", &login("https://registry.example", "old", "old password")).success();
        session.ours("store", &login("registry.example", USERNAME, PASSWORD)).success();
        assert_eq!(session.helper.list(&session.sandbox), json!({ "registry.example": USERNAME }));
        assert_not_found(&session.peer("get", "https://registry.example"));
        assert_login(
            &session.ours("get", "https://registry.example"),
            "https://registry.example",
            USERNAME,
            PASSWORD,
        );
    }
}

/// Our helper and docker-credential-helpers' client.
fn drive(sandbox: &Sandbox, verb: &str, stdin: &str) -> Value {
    let client = clients::find(HELPER_CLIENT);
    let output = sandbox.run_with_stdin(client.to_str().unwrap(), [HELPER, verb], stdin.as_bytes());
    output.success().json()
}

fn the_client_understands_every_answer(keyring: Keyring) {
    let mut sandbox = Sandbox::without_cluster();
    let helper = Helper::install(&mut sandbox, keyring);
    let drive = |verb: &str, stdin: &str| drive(&sandbox, verb, stdin);
    let fine = json!({ "not_found": false });

    let not_found = drive("get", "registry.example");
    assert_eq!(not_found["not_found"], true, "{not_found}");
    assert_eq!(drive("list", ""), fine);
    assert_eq!(drive("store", &login("registry.example", USERNAME, PASSWORD)), fine);
    assert_eq!(drive("store", &login(HUB, "<token>", "an identity token")), fine);
    let got = drive("get", "registry.example")["credentials"].clone();
    assert_eq!(got, json!({ "ServerURL": "registry.example", "Username": USERNAME, "Secret": PASSWORD }));
    // The client keeps the server that it asked for: the answer names no other.
    assert_eq!(
        drive("get", "https://registry.example/")["credentials"]["ServerURL"],
        "https://registry.example/"
    );
    assert_eq!(drive("list", "")["list"], json!({ "registry.example": USERNAME, HUB: "<token>" }));
    assert_eq!(drive("erase", "registry.example"), fine);
    assert_eq!(drive("erase", "registry.example"), fine);
    assert_eq!(drive("get", "registry.example")["not_found"], true);

    for (verb, stdin, reason) in [
        ("get", " ", "no credentials server URL"),
        ("erase", "", "no credentials server URL"),
        ("store", &login("", USERNAME, PASSWORD), "no credentials server URL"),
        ("store", &login("registry.example", "", PASSWORD), "no credentials username"),
    ] {
        let answer = drive(verb, stdin);
        // It puts the error that it knows in front of the text only if it has recognised the text.
        let known = format!("err: {reason}, out: `{reason}`");
        assert!(answer["error"].as_str().is_some_and(|error| error.contains(&known)), "{verb}: {answer}");
    }
    assert_eq!(helper.list(&sandbox), json!({ HUB: "<token>" }));
}

#[test]
fn the_client_of_docker_credential_helpers_understands_every_answer_from_the_secret_service() {
    the_client_understands_every_answer(Keyring::SecretService);
}

#[test]
fn the_client_of_docker_credential_helpers_understands_every_answer_from_the_kernel_keyring() {
    the_client_understands_every_answer(Keyring::Keyutils);
}

#[test]
fn the_client_takes_a_locked_keyring_for_a_failure_and_not_for_an_empty_one() {
    let mut sandbox = Sandbox::without_cluster();
    let mut helper = Helper::install(&mut sandbox, Keyring::SecretService);
    assert_eq!(
        drive(&sandbox, "store", &login("registry.example", USERNAME, PASSWORD))["error"],
        Value::Null
    );
    helper.secret_service().lock().unwrap();
    for (verb, stdin) in [
        ("get", "registry.example"),
        ("store", &*login("registry.example", USERNAME, "new")),
        ("erase", "registry.example"),
    ] {
        let answer = drive(&sandbox, verb, stdin);
        assert_eq!(answer["not_found"], false, "{verb}: {answer}");
        assert!(
            answer["error"].as_str().is_some_and(|error| error.contains("the keyring is locked")),
            "{answer}"
        );
    }
}
