//! What has to change in a pull secret.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a panic is how a test fails")]

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use chrono::{DateTime, Utc};
use regcred_core::credential::{Credential, SecretString};
use regcred_core::plan::{Change, Chosen, EntryChangeKind, Intent, Observed, Plan, Refusal, Terms, plan};
use regcred_core::pull_secret::MAX_DATA_BYTES;
use regcred_core::rotation::{chosen, find, logins};
use regcred_core::stored::{EXPIRES_AT, LAST_APPLIED, ROTATED_AT, Stored};

const NOW: DateTime<Utc> = DateTime::from_timestamp(1_900_000_000, 0).unwrap();
const NOW_TEXT: &str = "2030-03-17T17:46:40Z";
const TERMS: Terms = Terms { now: NOW, expires_at: None, scrub_last_applied: false };

fn login(username: &str, password: &str) -> Credential {
    Credential {
        username: username.to_owned(),
        password: SecretString::new(password.to_owned()),
        email: None,
    }
}

fn credentials(entries: &[(&str, &str, &str)]) -> BTreeMap<String, Credential> {
    entries.iter().map(|(key, user, password)| ((*key).to_owned(), login(user, password))).collect()
}

struct World {
    kind: &'static str,
    text: String,
    immutable: bool,
    more_bytes: usize,
    annotations: BTreeMap<String, String>,
}

impl World {
    fn new(text: &str) -> Self {
        let kind = "kubernetes.io/dockerconfigjson";
        Self { kind, text: text.to_owned(), immutable: false, more_bytes: 0, annotations: BTreeMap::new() }
    }

    fn annotated(text: &str, annotations: &[(&str, &str)]) -> Self {
        let annotations = annotations.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        Self { annotations: annotations.collect(), ..Self::new(text) }
    }

    fn plan(&self, intent: &Intent<'_>, terms: &Terms) -> Result<Plan, Refusal> {
        let legacy = self.kind == "kubernetes.io/dockercfg";
        let text = Some(self.text.as_bytes());
        let stored = Stored {
            kind: self.kind,
            docker_config_json: text.filter(|_| !legacy),
            dockercfg: text.filter(|_| legacy),
        };
        let data_bytes = self.text.len() + self.more_bytes;
        let annotations = &self.annotations;
        plan(&Observed { stored, data_bytes, immutable: self.immutable, annotations }, intent, terms)
    }

    #[track_caller]
    fn change(&self, intent: &Intent<'_>) -> Change {
        match self.plan(intent, &TERMS).unwrap() {
            Plan::Change(change) => change,
            other @ Plan::AlreadySo => panic!("{other:?}"),
        }
    }

    /// The Secret after the change, which must leave nothing more to do.
    #[track_caller]
    fn changed(&self, intent: &Intent<'_>) -> String {
        let change = self.change(intent);
        let text = String::from_utf8(change.config.unwrap().1.to_vec()).unwrap();
        let mut after = Self { kind: self.kind, annotations: self.annotations.clone(), ..Self::new(&text) };
        for (name, value) in change.annotations {
            match value {
                Some(value) => after.annotations.insert(name.to_owned(), value),
                None => after.annotations.remove(name),
            };
        }
        assert_eq!(after.plan(intent, &TERMS).unwrap(), Plan::AlreadySo);
        text
    }
}

fn entry(username: &str, password: &str) -> String {
    let auth = STANDARD.encode(format!("{username}:{password}"));
    format!(r#"{{"username":"{username}","password":"{password}","auth":"{auth}"}}"#)
}

#[test]
fn set_adds_an_entry_and_leaves_the_others_to_the_byte() {
    let neighbours = r#""quay.io" : { "auth":"not base64", "x-unknown": [1, 2.50] }, "bad": 7"#;
    let world = World::new(&format!(r#"{{ "auths": {{ {neighbours} }}, "proxies": {{}} }}"#));
    let wanted = credentials(&[("ghcr.io", "u", "p")]);
    let text = world.changed(&Intent::Set(&wanted));
    assert!(text.contains(neighbours), "{text}");
    assert!(text.contains(r#""proxies": {}"#), "{text}");
    assert!(text.contains(r#""ghcr.io""#), "{text}");
    let change = world.change(&Intent::Set(&wanted));
    assert_eq!(change.entries[0].kind, EntryChangeKind::Added);
    assert!(!change.annotations.contains_key(ROTATED_AT));
}

#[test]
fn set_replaces_every_spelling_of_a_registry_and_adds_one_that_is_found() {
    let all = format!(
        r#"{{"auths":{{"https://GHCR.io/v2/":{},"ghcr.io":{}}}}}"#,
        entry("u", "old"),
        entry("u", "p")
    );
    let wanted = credentials(&[("ghcr.io", "u", "p")]);
    let text = World::new(&all).changed(&Intent::Set(&wanted));
    assert!(!text.contains("old"), "{text}");
    assert_eq!(World::new(&all).change(&Intent::Set(&wanted)).entries.len(), 1);

    // The kubelet takes the host's case and its port literally.
    for unfound in ["GHCR.io", "ghcr.io:443"] {
        let text = format!(r#"{{"auths":{{"{unfound}":{}}}}}"#, entry("u", "p"));
        let change = World::new(&text).change(&Intent::Set(&wanted));
        assert_eq!(change.entries.iter().map(|entry| entry.key.as_str()).collect::<Vec<_>>(), ["ghcr.io"]);
    }
    for found in ["http://ghcr.io/v1/", "ghcr.io/"] {
        let text = format!(r#"{{"auths":{{"{found}":{}}}}}"#, entry("u", "p"));
        assert_eq!(World::new(&text).plan(&Intent::Set(&wanted), &TERMS).unwrap(), Plan::AlreadySo);
    }

    // A key for Docker Hub that never matches is kept right, but does not do.
    let hub = format!(r#"{{"auths":{{"https://index.docker.io/v1":{}}}}}"#, entry("u", "old"));
    let wanted = credentials(&[("https://index.docker.io/v1/", "u", "p")]);
    let change = World::new(&hub).change(&Intent::Set(&wanted));
    let done: Vec<_> = change.entries.iter().map(|entry| (entry.key.as_str(), entry.kind)).collect();
    assert_eq!(
        done,
        [
            ("https://index.docker.io/v1", EntryChangeKind::Replaced),
            ("https://index.docker.io/v1/", EntryChangeKind::Added)
        ]
    );
    World::new(&hub).changed(&Intent::Set(&wanted));
}

#[test]
fn what_is_so_already_is_not_written_again() {
    let wanted = credentials(&[("ghcr.io", "u", "p")]);
    let so = |text: &str| World::new(text).plan(&Intent::Set(&wanted), &TERMS).unwrap();
    // However it is written: `dTpw` is `u:p`.
    for same in [
        r#"{"auths":{"ghcr.io":{"auth":"dTpw"}}}"#,
        r#"{"auths":{"ghcr.io":{"username":"u", "password":"p"}}}"#,
        r#"{"auths":{"ghcr.io":{"email":"e@x","username":"u","password":"p","auth":"dTpw","more":1}}}"#,
    ] {
        assert_eq!(so(same), Plan::AlreadySo, "{same}");
    }
    for other in [
        // The old password is still to be read.
        r#"{"auths":{"ghcr.io":{"username":"u","password":"old","auth":"dTpw"}}}"#,
        r#"{"auths":{"ghcr.io":{"auth":"dTpv"},"ghcr.io":{"auth":"dTpw"}}}"#,
        r#"{"auths":{"ghcr.io":{"auth":"dTpw","identitytoken":"t"}}}"#,
        r#"{"auths":{}}"#,
        "{}",
    ] {
        assert!(matches!(so(other), Plan::Change(_)), "{other}");
    }
}

/// What `rotate` plans for all entries of these registries, whatever they hold.
fn all(world: &World, credentials: &BTreeMap<String, Credential>) -> Vec<Chosen> {
    let text = Some(world.text.as_bytes());
    let stored = Stored { kind: world.kind, docker_config_json: text, dockercfg: None };
    let found = find(&stored, credentials, None).unwrap();
    chosen(&found, &logins(&found), credentials)
}

#[test]
fn a_rotation_touches_only_the_chosen_entries() {
    let text = format!(
        r#"{{"auths":{{"ghcr.io":{},"https://ghcr.io":{},"ghcr.io/team":{},"broken.io":{{"auth":"?"}}}}}}"#,
        entry("robot", "old"),
        entry("other", "theirs"),
        entry("robot", "team")
    );
    let world = World::new(&text);
    let new =
        credentials(&[("ghcr.io", "robot", "new"), ("quay.io", "robot", "new"), ("broken.io", "b", "new")]);
    let entries = all(&world, &new);
    let keys: Vec<_> = entries.iter().map(|chosen| chosen.key.as_str()).collect();
    assert_eq!(keys, ["ghcr.io", "https://ghcr.io"]);
    let text_after = world.changed(&Intent::Rotate { entries: &entries[..1], credentials: &new });
    for untouched in [entry("other", "theirs"), entry("robot", "team"), r#"{"auth":"?"}"#.to_owned()] {
        assert!(text_after.contains(&untouched), "{text_after}");
    }
    assert!(!text_after.contains("quay.io"), "{text_after}");
    let text_after = world.changed(&Intent::Rotate { entries: &entries, credentials: &new });
    assert!(!text_after.contains(&entry("other", "theirs")), "{text_after}");
}

#[test]
fn an_entry_that_no_longer_holds_what_it_was_chosen_for_is_refused_and_the_secret_left() {
    let new = credentials(&[("ghcr.io", "robot", "new")]);
    let config = |first: &str, second: &str| {
        World::new(&format!(r#"{{"auths":{{"ghcr.io":{first},"https://ghcr.io":{second}}}}}"#))
    };
    let (old, fresh) = (entry("robot", "old"), entry("robot", "new"));
    let entries = all(&config(&old, &old), &new);
    let intent = Intent::Rotate { entries: &entries, credentials: &new };
    for other in [
        entry("robot", "another"),
        entry("bob", "old"),
        "{}".to_owned(),
        r#"{"auth":"?"}"#.to_owned(),
        r#"{"identitytoken":"old"}"#.to_owned(),
    ] {
        let refusal = config(&old, &other).plan(&intent, &TERMS).unwrap_err();
        assert_eq!(refusal, Refusal::OtherLogin("https://ghcr.io".to_owned()), "{other}");
        assert!(!refusal.to_string().contains("another"));
    }
    let gone = World::new(&format!(r#"{{"auths":{{"ghcr.io":{old}}}}}"#));
    assert!(matches!(gone.plan(&intent, &TERMS), Err(Refusal::OtherLogin(_))));
    // One that holds the new login was changed by the same rotation.
    assert_eq!(config(&fresh, &old).change(&intent).entries.len(), 1);
    assert_eq!(config(&fresh, &fresh).plan(&intent, &TERMS).unwrap(), Plan::AlreadySo);
}

#[test]
fn leftovers_of_another_login_go_from_an_entry_that_holds_the_new_one() {
    let new = credentials(&[("ghcr.io", "u", "p")]);
    let world = World::new(r#"{"auths":{"ghcr.io":{"username":"u","password":"old","auth":"dTpw"}}}"#);
    let entries = all(&world, &new);
    let text = world.changed(&Intent::Rotate { entries: &entries, credentials: &new });
    assert!(!text.contains("old"), "{text}");
}

#[test]
fn a_rotation_keeps_the_email_address_that_it_does_not_name() {
    let world = World::new(r#"{"auths":{"ghcr.io":{"auth":"dTpv","email":"e@x","note":"keep"}}}"#);
    let new = credentials(&[("ghcr.io", "u", "p")]);
    let entries = all(&world, &new);
    let text = world.changed(&Intent::Rotate { entries: &entries, credentials: &new });
    assert_eq!(
        text,
        r#"{"auths":{"ghcr.io":{"note":"keep","username":"u","password":"p","email":"e@x","auth":"dTpw"}}}"#
    );
}

#[test]
fn the_legacy_type_is_edited_in_its_own_form() {
    let mut world = World::new(r#"{"ghcr.io":{"auth":"dTpv"},"x":3}"#);
    world.kind = "kubernetes.io/dockercfg";
    let wanted = credentials(&[("ghcr.io", "u", "p")]);
    assert_eq!(world.change(&Intent::Set(&wanted)).config.unwrap().0, ".dockercfg");
    assert_eq!(world.changed(&Intent::Set(&wanted)), format!(r#"{{"ghcr.io":{},"x":3}}"#, entry("u", "p")));
    assert_eq!(world.changed(&Intent::Unset("ghcr.io")), r#"{"x":3}"#);
}

#[test]
fn unset_removes_every_spelling_and_nothing_else() {
    let world = World::new(r#"{"auths":{"https://ghcr.io":{},"ghcr.io":3,"ghcr.io/team":{},"*.io":{}}}"#);
    assert_eq!(world.changed(&Intent::Unset("GHCR.IO:443")), r#"{"auths":{"ghcr.io/team":{},"*.io":{}}}"#);
    assert!(world.changed(&Intent::Unset("*.io")).contains("ghcr.io/team"));
    assert_eq!(world.plan(&Intent::Unset("quay.io"), &TERMS).unwrap(), Plan::AlreadySo);
    let change = world.change(&Intent::Unset("ghcr.io"));
    assert!(change.entries.iter().all(|entry| entry.kind == EntryChangeKind::Removed));
}

#[test]
fn what_cannot_be_edited_is_refused_with_the_reason() {
    let wanted = credentials(&[("ghcr.io", "u", "p")]);
    let intent = Intent::Set(&wanted);
    let refusal = |world: &World| world.plan(&intent, &TERMS).unwrap_err();
    assert!(matches!(refusal(&World::new("hello s3cret")), Refusal::Unreadable(_)));
    assert!(!refusal(&World::new("hello s3cret")).to_string().contains("s3cret"));
    assert!(matches!(refusal(&World::new(r#"{"auths":[]}"#)), Refusal::Unreadable(_)));
    assert_eq!(refusal(&World::new("")), Refusal::NoDockerConfig(".dockerconfigjson"));
    let opaque = World { kind: "Opaque", ..World::new("{}") };
    assert_eq!(refusal(&opaque), Refusal::NotForPulling("Opaque".to_owned()));
    assert_eq!(refusal(&World { immutable: true, ..World::new("{}") }), Refusal::Immutable);
    // What is so already needs no change, even if none could be made.
    let so = World { immutable: true, ..World::new(r#"{"auths":{"ghcr.io":{"auth":"dTpw"}}}"#) };
    assert_eq!(so.plan(&intent, &TERMS).unwrap(), Plan::AlreadySo);
    let full = World { more_bytes: MAX_DATA_BYTES - 60, ..World::new("{}") };
    assert!(matches!(refusal(&full), Refusal::TooLarge(size) if size > MAX_DATA_BYTES));
    let fits = World { more_bytes: MAX_DATA_BYTES - 200, ..World::new("{}") };
    assert!(matches!(fits.plan(&intent, &TERMS).unwrap(), Plan::Change(_)));
}

#[test]
fn annotations_say_when_and_until_when() {
    let encode = |text: &str| URL_SAFE_NO_PAD.encode(text);
    let token =
        format!("{}.{}.{}", encode(r#"{"alg":"none"}"#), encode(r#"{"exp":1900000100}"#), encode("s"));
    let new = credentials(&[("ghcr.io", "u", &token)]);
    let text = format!(r#"{{"auths":{{"ghcr.io":{}}}}}"#, entry("u", "old"));
    let world = World::annotated(&text, &[(EXPIRES_AT, "2020-01-01T00:00:00Z")]);
    let change = world.change(&Intent::Set(&new));
    assert_eq!(change.annotations[ROTATED_AT].as_deref(), Some(NOW_TEXT));
    assert_eq!(change.annotations[EXPIRES_AT].as_deref(), Some("2030-03-17T17:48:20Z"));
    world.changed(&Intent::Set(&new));

    // A password says nothing; what was noted was about the old one.
    let plain = credentials(&[("ghcr.io", "u", "p")]);
    assert_eq!(world.change(&Intent::Set(&plain)).annotations[EXPIRES_AT], None);
    // Unless it may be about an entry that stays.
    let other = credentials(&[("quay.io", "u", "p")]);
    assert!(!world.change(&Intent::Set(&other)).annotations.contains_key(EXPIRES_AT));

    let terms = Terms { expires_at: Some(NOW), ..TERMS };
    let Plan::Change(change) = world.plan(&Intent::Set(&plain), &terms).unwrap() else { panic!() };
    assert_eq!(change.annotations[EXPIRES_AT].as_deref(), Some(NOW_TEXT));
}

#[test]
fn the_old_password_goes_from_the_last_applied_manifest_when_wanted() {
    let applied = r#"{"kind":"Secret","stringData":{".dockerconfigjson":"{}"}}"#;
    let world = World::annotated(r#"{"auths":{"ghcr.io":{"auth":"dTpw"}}}"#, &[(LAST_APPLIED, applied)]);
    let same = credentials(&[("ghcr.io", "u", "p")]);
    let scrub = Terms { scrub_last_applied: true, ..TERMS };
    assert_eq!(world.plan(&Intent::Set(&same), &TERMS).unwrap(), Plan::AlreadySo);
    let Plan::Change(change) = world.plan(&Intent::Set(&same), &scrub).unwrap() else { panic!() };
    assert_eq!((change.config, change.annotations.get(LAST_APPLIED)), (None, Some(&None)));
    let harmless = World::annotated(&world.text, &[(LAST_APPLIED, r#"{"kind":"Secret"}"#)]);
    assert_eq!(harmless.plan(&Intent::Set(&same), &scrub).unwrap(), Plan::AlreadySo);
}

#[test]
fn a_plan_shows_no_password() {
    let wanted = credentials(&[("ghcr.io", "u", "hunter2")]);
    let shown = format!("{:?}", World::new("{}").plan(&Intent::Set(&wanted), &TERMS).unwrap());
    assert!(!shown.contains("hunter2") && shown.contains("ghcr.io"), "{shown}");
}
