//! Which entries a rotation is about.

#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::collections::{BTreeMap, BTreeSet};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use regcred_core::credential::{Credential, SecretString};
use regcred_core::docker_config::PresentKind;
use regcred_core::rotation::{Found, Held, Logins, Wanted, choose, chosen, find, logins};
use regcred_core::stored::Stored;

const ALONE: Wanted = Wanted::TheOnly { in_several_namespaces: false };
const EVERYWHERE: Wanted = Wanted::TheOnly { in_several_namespaces: true };

fn new() -> BTreeMap<String, Credential> {
    let login = |username: &str| Credential {
        username: username.to_owned(),
        password: SecretString::new("new".to_owned()),
        email: None,
    };
    [("ghcr.io".to_owned(), login("robot")), ("quay.io".to_owned(), login("other"))].into()
}

fn found_of(auths: &str, username: Option<&str>) -> Vec<Found> {
    let text = format!(r#"{{"auths":{auths}}}"#);
    let kind = "kubernetes.io/dockerconfigjson";
    let stored = Stored { kind, docker_config_json: Some(text.as_bytes()), dockercfg: None };
    find(&stored, &new(), username).unwrap()
}

fn found(auths: &str) -> Vec<Found> {
    found_of(auths, None)
}

fn auth(pair: &[u8]) -> String {
    format!(r#"{{"auth":"{}"}}"#, STANDARD.encode(pair))
}

#[test]
fn every_spelling_of_the_registries_is_found_and_no_other_registry() {
    let found = found(
        r#"{"GHCR.io":{},"https://ghcr.io:443/v2/":{},"ghcr.io/team":{},"docker.io":{},"xghcr.io":{},"quay.io":{}}"#,
    );
    let found: Vec<_> = found.iter().map(|found| (found.key.as_str(), found.registry.as_str())).collect();
    assert_eq!(
        found,
        [("GHCR.io", "ghcr.io"), ("https://ghcr.io:443/v2/", "ghcr.io"), ("quay.io", "quay.io")]
    );
}

#[test]
fn a_login_is_what_the_kubelet_reads_however_it_is_written() {
    let same = [
        r#"{"auth":"dTpw"}"#,
        r#"{"username":"u","password":"p"}"#,
        r#"{"USERNAME":"u","Password":"p","email":"e@x"}"#,
        r#"{"username":"x","password":"y","auth":"dTpw"}"#,
        r#"{"auth":"dTpw\n","identitytoken":"t","note":3}"#,
        r#"{"username":"u","password":"p","identitytoken":7}"#,
    ];
    let all: Vec<_> = same.iter().flat_map(|entry| found(&format!(r#"{{"ghcr.io":{entry}}}"#))).collect();
    assert_eq!(all.len(), same.len());
    assert_eq!(logins(&all)["ghcr.io"].len(), 1, "{all:?}");

    // Bytes that are no text are compared as they are.
    let bytes = [auth(b"u:\xff"), auth(b"u:\xfe"), auth(b"\xff:p"), auth(b"u:p:"), auth(b"u:p")];
    let all: Vec<_> = bytes.iter().flat_map(|entry| found(&format!(r#"{{"ghcr.io":{entry}}}"#))).collect();
    assert_eq!(logins(&all)["ghcr.io"].len(), bytes.len());

    // A token is a login too, and not the same as a password.
    let tokens = [
        r#"{"identitytoken":"p"}"#,
        r#"{"identitytoken":"p","username":"me"}"#,
        r#"{"registrytoken":"p"}"#,
        r#"{"auth":"OnA="}"#,
    ];
    let all: Vec<_> = tokens.iter().flat_map(|entry| found(&format!(r#"{{"ghcr.io":{entry}}}"#))).collect();
    let logins = &logins(&all)["ghcr.io"];
    let kinds: Vec<_> = logins.iter().map(|login| (login.kind(), login.username())).collect();
    assert_eq!(
        kinds,
        [
            (PresentKind::Password, Some(String::new())),
            (PresentKind::IdentityToken, None),
            (PresentKind::RegistryToken, None)
        ]
    );
}

#[test]
fn an_entry_without_a_login_is_told_apart_and_never_chosen() {
    for nothing in [
        "{}",
        "null",
        "7",
        r#"{"username":"robot"}"#,
        r#"{"username":"robot","password":""}"#,
        r#"{"auth":""}"#,
        r#"{"auth":"not base64"}"#,
        r#"{"auth":"cm9ib3Q="}"#,
        r#"{"auth":"cm9ib3Q6"}"#,
        r#"{"password":["new"]}"#,
        r#"{"username":1,"password":"p"}"#,
        r#"{"email":1,"password":"p"}"#,
        r#"{"identitytoken":""}"#,
        r#"{"username":"u","password":"old","auth":"?"}"#,
    ] {
        let found = found(&format!(r#"{{"ghcr.io":{nothing}}}"#));
        assert_eq!(found[0].held, Held::Nothing, "{nothing}");
        for wanted in [ALONE, EVERYWHERE, Wanted::All] {
            let logins = choose(&found, &wanted).unwrap();
            assert!(chosen(&found, &logins, &new()).is_empty(), "{nothing}");
        }
        assert!(found_of(&format!(r#"{{"ghcr.io":{nothing}}}"#), Some("robot")).is_empty());
    }
}

#[test]
fn a_user_name_narrows_what_may_change_but_what_is_done_is_seen() {
    let auths = format!(
        r#"{{"ghcr.io":{},"GHCR.io":{},"https://ghcr.io":{},"http://ghcr.io":{{"identitytoken":"t"}}}}"#,
        auth(b"robot:new"),
        auth(b"bob:old"),
        auth(b"robot:old")
    );
    let keys = |username| {
        let found = found_of(&auths, Some(username));
        assert!(found.iter().any(|found| found.key == "ghcr.io"));
        let meant = found.into_iter().filter(|found| found.is_meant);
        meant.map(|found| found.key).collect::<Vec<_>>()
    };
    assert_eq!(keys("bob"), ["GHCR.io"]);
    assert_eq!(keys("robot"), ["ghcr.io", "https://ghcr.io"]);
    assert!(keys("nobody").is_empty());
    // A stranger's `bob` after bob's entries got the robot's login.
    assert!(choose(&found_of(&auths, Some("bob")), &EVERYWHERE).is_err());
}

#[test]
fn one_login_is_meant_unless_a_rotation_of_several_namespaces_has_begun() {
    let (old, other, fresh) = (auth(b"robot:old"), auth(b"robot:guess"), auth(b"robot:new"));
    let of = |entries: &[&str]| {
        let keys = ["ghcr.io", "GHCR.io", "https://ghcr.io"];
        let entries = keys.iter().zip(entries).map(|(key, entry)| format!(r#""{key}":{entry}"#));
        found(&format!("{{{}}}", entries.collect::<Vec<_>>().join(",")))
    };
    let count = |entries: &[&str], wanted: &Wanted| {
        choose(&of(entries), wanted).map(|logins| logins.values().map(BTreeSet::len).sum::<usize>())
    };
    let unclear = Err(BTreeSet::from(["ghcr.io".to_owned()]));
    for (entries, alone, everywhere) in [
        (&[][..], Ok(0), Ok(0)),
        (&[&*fresh], Ok(0), Ok(0)),
        (&[&*old], Ok(1), Ok(1)),
        (&[&*old, &*old], Ok(1), Ok(1)),
        (&[&*old, "{}"], Ok(1), Ok(1)),
        (&[&*old, &*fresh], Ok(1), unclear.clone()),
        (&[&*other, &*fresh, "{}"], Ok(1), unclear.clone()),
        (&[&*old, &*other], unclear.clone(), unclear.clone()),
        (&[&*old, &*other, &*fresh], unclear.clone(), unclear.clone()),
    ] {
        assert_eq!(count(entries, &ALONE), alone, "{entries:?}");
        assert_eq!(count(entries, &EVERYWHERE), everywhere, "{entries:?}");
    }
    assert_eq!(count(&[&old, &other, &fresh], &Wanted::All), Ok(2));
}

#[test]
fn each_registry_is_judged_by_itself() {
    let auths = |quay: &str| {
        found(&format!(r#"{{"ghcr.io":{},"GHCR.io":{},"quay.io":{quay}}}"#, auth(b"a:old"), auth(b"b:old")))
    };
    let entries = auths(&auth(b"q:old"));
    assert_eq!(choose(&entries, &ALONE), Err(BTreeSet::from(["ghcr.io".to_owned()])));
    let ghcr = |text: &str| {
        logins(&found(&format!(r#"{{"ghcr.io":{text}}}"#))).into_values().next().unwrap_or_default()
    };
    let like = |text: &str| Wanted::These {
        logins: [("ghcr.io".to_owned(), ghcr(text))].into(),
        in_several_namespaces: true,
    };
    // Of the other registry the only login is meant, as without a choice.
    let both = choose(&entries, &like(&auth(b"a:old"))).unwrap();
    let keys: Vec<_> = chosen(&entries, &both, &new()).into_iter().map(|chosen| chosen.key).collect();
    assert_eq!(keys, ["ghcr.io", "quay.io"]);
    // A Secret that has the new login already: nothing is left of its group.
    let none = choose(&entries, &like(&auth(b"robot:new"))).unwrap();
    let keys: Vec<_> = chosen(&entries, &none, &new()).into_iter().map(|chosen| chosen.key).collect();
    assert_eq!(keys, ["quay.io"]);
    let begun = auths(&auth(b"other:new"));
    assert_eq!(choose(&begun, &like(&auth(b"b:old"))).unwrap().len(), 1);
}

#[test]
fn what_is_found_shows_no_password() {
    let found =
        found(&format!(r#"{{"ghcr.io":{},"GHCR.io":{{"identitytoken":"hunter2"}}}}"#, auth(b"me:hunter2")));
    let logins: Logins = choose(&found, &Wanted::All).unwrap();
    let shown = format!("{found:?} {logins:?} {:?}", chosen(&found, &logins, &new()));
    for secret in ["hunter2", &STANDARD.encode("hunter2"), "104, 117"] {
        assert!(!shown.contains(secret), "{shown}");
    }
}
