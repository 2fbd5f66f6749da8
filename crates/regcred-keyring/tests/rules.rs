//! The rules that hold for every keyring, on one in memory.

#![cfg(test)]

use std::sync::Arc;

use keyring_core::CredentialStore;
use regcred_core::credential::SecretString;
use regcred_keyring::memory::Memory;
use regcred_keyring::{Entry, Login, Status, Store, StoreError};
use tempfile::TempDir;

/// Of each kind: of C, the ends of C0, DEL, and of C1.
const CONTROL_CHARACTERS: [char; 10] =
    ['\0', '\u{1}', '\t', '\n', '\r', '\u{1b}', '\u{1f}', '\u{7f}', '\u{85}', '\u{9b}'];

/// Longer than the limit of the tests with parts.
const OLD: &str = "an old secret of thirty bytes.";
const NEW: &str = "a new secret that is of more than forty bytes";

struct Keyring {
    memory: Memory,
    folder: TempDir,
    /// Entries hold at most so many bytes, and are known by one name.
    limit: Option<usize>,
}

impl Keyring {
    fn new() -> Self {
        Self { memory: Memory::default(), folder: tempfile::tempdir().unwrap(), limit: None }
    }

    fn with_limit(limit: Option<usize>) -> Self {
        Self { limit, ..Self::new() }
    }

    fn store(&self) -> impl Store {
        let lock = self.folder.path().join("lock");
        match self.limit {
            Some(limit) => self.memory.store_by_name(limit, lock),
            None => self.memory.store(lock),
        }
    }

    fn put(&self, server: &str, username: &str, secret: &str) {
        self.store().store(server, &login(username, secret)).unwrap();
    }

    /// Keeps an entry past all rules.
    fn put_by_others(&self, server: &str, secret: &str) {
        let theirs: Arc<CredentialStore> = Arc::new(self.memory.clone());
        theirs.build(server, "somebody", None).unwrap().set_secret(secret.as_bytes()).unwrap();
    }

    /// User and secret, as `get` finds them.
    fn get(&self, server: &str) -> Option<(String, String)> {
        let login = self.store().get(server).unwrap()?;
        Some((login.username, login.secret.expose().to_owned()))
    }

    fn list(&self) -> Vec<(String, String)> {
        let entries = self.store().list().unwrap();
        entries.into_iter().map(|Entry { server, username }| (server, username)).collect()
    }
}

fn login(username: &str, secret: &str) -> Login {
    Login { username: username.to_owned(), secret: SecretString::new(secret.to_owned()) }
}

fn pair(a: &str, b: &str) -> (String, String) {
    (a.to_owned(), b.to_owned())
}

#[test]
fn every_spelling_of_a_server_finds_its_login() {
    let keyring = Keyring::new();
    keyring.put("https://index.docker.io/v1/", "me", "hub");
    keyring.put("localhost:5000", "me", "local");
    for spelling in ["docker.io", "index.docker.io", "https://registry-1.docker.io/v2/", "HTTPS://Docker.IO"]
    {
        assert_eq!(keyring.get(spelling), Some(pair("me", "hub")), "{spelling}");
    }
    for spelling in ["http://localhost:5000", "https://LOCALHOST:5000/", "localhost:5000/v2/"] {
        assert_eq!(keyring.get(spelling), Some(pair("me", "local")), "{spelling}");
    }
    for other in ["localhost", "localhost:5001", "https://index.docker.io/v1/access-token", "ghcr.io"] {
        assert_eq!(keyring.get(other), None, "{other}");
    }
}

#[test]
fn a_namespace_goes_before_its_host_and_falls_back_to_it() {
    let keyring = Keyring::new();
    keyring.put("quay.io", "me", "host");
    keyring.put("quay.io/team", "team", "namespace");
    assert_eq!(keyring.get("quay.io/team"), Some(pair("team", "namespace")));
    assert_eq!(keyring.get("https://quay.io/team/"), Some(pair("team", "namespace")));
    assert_eq!(keyring.get("quay.io/other/app"), Some(pair("me", "host")));
    assert_eq!(keyring.get("quay.io"), Some(pair("me", "host")));
    keyring.store().erase("quay.io/team").unwrap();
    assert_eq!(keyring.list(), [pair("quay.io", "me")]);
}

#[test]
fn tokens_of_docker_hub_are_nobody_elses() {
    let keyring = Keyring::new();
    keyring.put("https://index.docker.io/v1/", "me", "password");
    keyring.put("https://index.docker.io/v1/refresh-token", "<token>", "refresh");
    assert_eq!(keyring.get("https://index.docker.io/v1/refresh-token"), Some(pair("<token>", "refresh")));
    assert_eq!(keyring.get("https://index.docker.io/v1/access-token"), None);
    keyring.store().erase("docker.io").unwrap();
    assert_eq!(keyring.list(), [pair("https://index.docker.io/v1/refresh-token", "<token>")]);
}

#[test]
fn a_server_has_one_login_whatever_was_stored_before() {
    let keyring = Keyring::new();
    keyring.put("ghcr.io", "me", "1");
    keyring.put("https://ghcr.io", "me", "2");
    keyring.put("GHCR.io:443", "you", "3");
    assert_eq!(keyring.list(), [pair("GHCR.io:443", "you")]);
    assert_eq!(keyring.get("ghcr.io"), Some(pair("you", "3")));
    keyring.put("GHCR.io:443", "me", "4");
    assert_eq!(keyring.list(), [pair("GHCR.io:443", "me")]);
    assert_eq!(keyring.memory.len(), 1);
}

#[test]
fn after_erase_nothing_is_found() {
    let keyring = Keyring::new();
    keyring.put("ghcr.io", "me", "1");
    keyring.put("ghcr.io:5000", "me", "other");
    keyring.store().erase("https://GHCR.IO/v2/").unwrap();
    assert_eq!(keyring.get("ghcr.io"), None);
    assert_eq!(keyring.get("ghcr.io:5000"), Some(pair("me", "other")));
    // Once more, and what never was.
    keyring.store().erase("ghcr.io").unwrap();
    keyring.store().erase("nowhere.example").unwrap();
}

#[test]
fn what_is_no_server_url_is_equal_to_itself_alone() {
    let keyring = Keyring::new();
    keyring.put("me@host", "me", "1");
    keyring.put("oci://host", "me", "2");
    assert_eq!(keyring.get("me@host"), Some(pair("me", "1")));
    assert_eq!(keyring.get("host"), None);
    keyring.store().erase("me@host").unwrap();
    assert_eq!(keyring.list(), [pair("oci://host", "me")]);
}

#[test]
fn an_empty_secret_is_as_good_as_none() {
    let keyring = Keyring::new();
    keyring.put("ghcr.io", "me", "");
    assert_eq!(keyring.get("ghcr.io"), None);
    assert_eq!(keyring.list(), [pair("ghcr.io", "me")]);
}

#[test]
fn secrets_come_back_to_the_byte() {
    let keyring = Keyring::new();
    let long = "ä\n\0".repeat(20_000);
    for secret in ["p\n\r\t\0q", "ünïcödé 😀", " spaces ", &long] {
        keyring.put("ghcr.io", "<token>", secret);
        assert_eq!(keyring.get("ghcr.io"), Some(pair("<token>", secret)));
    }
}

#[test]
fn a_name_with_a_nul_is_refused() {
    let keyring = Keyring::new();
    for (server, username) in [("a\0b", "me"), ("ghcr.io", "m\0e")] {
        let error = keyring.store().store(server, &login(username, "hunter2")).unwrap_err();
        assert!(matches!(error, StoreError::Unfit(_)), "{error}");
        assert!(!format!("{error} {error:?}").contains("hunter2"));
    }
    assert!(keyring.memory.is_empty());
}

#[test]
fn a_control_character_in_a_server_is_refused_by_every_verb() {
    for limit in [None, Some(20)] {
        let keyring = Keyring::with_limit(limit);
        keyring.put("ghcr.io", "me", "1");
        for character in CONTROL_CHARACTERS {
            for server in [
                format!("ghcr.io{character}"),
                format!("{character}ghcr.io"),
                format!("ghcr.io{character}.evil.example"),
                format!("https://ghcr.io/{character}"),
                format!("ghcr.io/team{character}/app"),
                character.to_string(),
            ] {
                let store = keyring.store();
                let errors = [
                    store.get(&server).map(drop),
                    store.store(&server, &login("you", "hunter2")),
                    store.erase(&server),
                ];
                for error in errors.map(Result::unwrap_err) {
                    assert!(matches!(error, StoreError::Unfit(_)), "{server:?}: {error}");
                    let said = format!("a server has no {character:?}, but there is one at byte ");
                    assert!(error.to_string().starts_with(&said), "{error}");
                    assert!(!format!("{error} {error:?}").contains("hunter2"));
                }
            }
        }
        assert_eq!(keyring.get("ghcr.io"), Some(pair("me", "1")));
        assert_eq!(keyring.memory.len(), 1);
    }
}

#[test]
fn what_others_keep_under_a_name_with_a_control_character_is_never_found() {
    let keyring = Keyring::new();
    keyring.put("ghcr.io", "me", "1");
    for character in CONTROL_CHARACTERS {
        keyring.put_by_others(&format!("ghcr.io{character}"), "theirs");
        keyring.put_by_others(&format!("quay.io{character}.example"), "theirs");
    }
    let count = 2 * CONTROL_CHARACTERS.len();
    for matches_all in [false, true] {
        if matches_all {
            keyring.memory.match_all();
        }
        assert_eq!(keyring.list(), [pair("ghcr.io", "me")]);
        assert_eq!(keyring.store().status().unwrap(), Status { locked: false, entries: Some(1) });
        assert_eq!(keyring.store().unusable().unwrap(), count);
        assert_eq!(keyring.get("ghcr.io"), Some(pair("me", "1")));
        assert_eq!(keyring.get("quay.io"), None);
        keyring.store().erase("quay.io").unwrap();
        keyring.put("https://ghcr.io", "me", "2");
        keyring.put("ghcr.io", "me", "1");
        assert_eq!(keyring.memory.len(), count + 1);
    }
    keyring.store().erase("ghcr.io").unwrap();
    assert_eq!((keyring.list(), keyring.memory.len()), (Vec::new(), count));
}

#[test]
fn what_a_keyring_takes_for_a_match_is_not_handed_out_and_not_removed() {
    let keyring = Keyring::new();
    keyring.put("ghcr.io", "me", "1");
    keyring.put("ghcr.io.evil.example", "you", "2");
    keyring.put("me@host", "them", "3");
    keyring.memory.match_all();
    for unknown in ["quay.io", "evil.example", "ghcr.io:5000", "me@other", "quay.io/team", "GHCR.io.evil"] {
        assert_eq!(keyring.get(unknown), None, "{unknown}");
        keyring.store().erase(unknown).unwrap();
    }
    for (server, expected) in [
        ("ghcr.io", pair("me", "1")),
        ("https://GHCR.io/v2/", pair("me", "1")),
        ("ghcr.io/team", pair("me", "1")),
        ("ghcr.io.evil.example", pair("you", "2")),
        ("me@host", pair("them", "3")),
    ] {
        assert_eq!(keyring.get(server), Some(expected), "{server}");
    }
    keyring.put("quay.io", "me", "4");
    keyring.store().erase("ghcr.io").unwrap();
    let left = [pair("ghcr.io.evil.example", "you"), pair("me@host", "them"), pair("quay.io", "me")];
    assert_eq!(keyring.list(), left);
    // What hides its names can't be compared, and so it is not touched.
    keyring.memory.lock(true);
    assert!(matches!(keyring.store().get("ghcr.io"), Err(StoreError::Locked)));
    assert!(matches!(keyring.store().erase("ghcr.io"), Err(StoreError::Locked)));
    keyring.memory.lock(false);
    assert_eq!(keyring.list(), left);
}

#[test]
fn only_a_server_that_is_surely_absent_is_not_found_while_locked() {
    let keyring = Keyring::new();
    keyring.put("https://ghcr.io", "me", "1");
    keyring.memory.lock(true);
    for known in ["https://ghcr.io", "ghcr.io", "ghcr.io:443/team"] {
        assert!(matches!(keyring.store().get(known), Err(StoreError::Locked)), "{known}");
    }
    assert_eq!(keyring.get("quay.io"), None);
    assert!(matches!(keyring.store().erase("ghcr.io"), Err(StoreError::Locked)));
    keyring.store().erase("quay.io").unwrap();
    assert!(matches!(keyring.store().list(), Err(StoreError::Locked)));
    assert!(matches!(keyring.store().store("quay.io", &login("me", "2")), Err(StoreError::Locked)));
    assert_eq!(keyring.store().status().unwrap(), Status { locked: true, entries: None });
    keyring.memory.lock(false);
    assert_eq!(keyring.store().status().unwrap(), Status { locked: false, entries: Some(1) });
}

#[test]
fn an_interrupted_store_leaves_the_old_login_or_the_new_and_the_next_one_heals() {
    for limit in [None, Some(20)] {
        // In parts, a store takes at most as many changes.
        for changes in 0..16 {
            let keyring = Keyring::with_limit(limit);
            keyring.put("ghcr.io", "old", OLD);
            keyring.memory.fail_after(Some(changes));
            let stored = keyring.store().store("https://ghcr.io", &login("new", NEW));
            keyring.memory.fail_after(None);

            let found = keyring.get("ghcr.io").unwrap();
            let expected = [pair("old", OLD), pair("new", NEW)];
            assert!(expected.contains(&found), "after {changes} changes: {found:?}");
            assert!(stored.is_err() || found == expected[1]);
            assert_eq!(keyring.get("ghcr.io"), Some(found), "after {changes} changes");

            keyring.put("ghcr.io", "last", "last secret");
            assert_eq!(keyring.get("https://ghcr.io"), Some(pair("last", "last secret")));
            assert_eq!(keyring.list(), [pair("ghcr.io", "last")], "after {changes} changes");
            keyring.store().erase("ghcr.io").unwrap();
            assert!(keyring.memory.is_empty(), "after {changes} changes");
        }
    }
}

#[test]
fn a_secret_that_does_not_fit_is_kept_in_parts() {
    let keyring = Keyring::with_limit(Some(20));
    let long = "ü".repeat(150);
    for secret in
        ["short", "a secret of twenty b", "a secret of more than twenty bytes", &long, "\0regcred parts a 7"]
    {
        keyring.put("ghcr.io", "me", secret);
        assert_eq!(keyring.get("ghcr.io"), Some(pair("me", secret)));
        assert_eq!(keyring.list(), [pair("ghcr.io", "me")]);
    }
    keyring.put("ghcr.io", "me", "short");
    assert_eq!(keyring.memory.len(), 1);
    keyring.put("ghcr.io", "me", &long);
    keyring.store().erase("ghcr.io").unwrap();
    assert!(keyring.memory.is_empty());
}

#[test]
fn two_dozen_writers_at_once_leave_one_login_a_server() {
    for (servers, limit) in [(1, None), (24, None), (1, Some(9)), (24, Some(9))] {
        let keyring = Keyring::with_limit(limit);
        std::thread::scope(|scope| {
            for number in 0..24 {
                let keyring = &keyring;
                scope.spawn(move || {
                    keyring.put(&format!("h{}.example", number % servers), &format!("u{number}"), "s");
                });
            }
        });
        assert_eq!(keyring.list().len(), servers);
        assert_eq!(keyring.memory.len(), servers);
    }
}

#[test]
fn what_others_keep_in_the_same_keyring_is_not_ours() {
    let keyring = Keyring::with_limit(Some(100));
    keyring.put_by_others("ghcr.io", "theirs");
    assert_eq!(keyring.get("ghcr.io"), None);
    assert!(keyring.list().is_empty());
    keyring.put("ghcr.io", "me", "ours");
    assert_eq!(keyring.list(), [pair("ghcr.io", "me")]);
    keyring.store().erase("ghcr.io").unwrap();
    assert_eq!(keyring.memory.len(), 1);
}
