//! What a docker config holds, and edits that leave every other byte.

#![cfg(test)]

use proptest::collection::{btree_map, vec};
use proptest::prelude::*;
use regcred_core::credential::{Credential, Login, SecretString};
use regcred_core::docker_config::{DockerConfig, Form};
use regcred_core::json::Json;

fn config(text: &str) -> DockerConfig {
    DockerConfig::parse(text, Form::Config).unwrap()
}

fn text(config: &DockerConfig) -> String {
    String::from_utf8(config.text().to_vec()).unwrap()
}

fn credential(username: &str, password: &str) -> Credential {
    Credential { username: username.into(), password: SecretString::new(password.to_owned()), email: None }
}

fn password(config: &DockerConfig, key: &str) -> Option<String> {
    match config.entry(key)?.login() {
        Ok(Some(Login::Password(credential))) => Some(credential.password.expose().to_owned()),
        other => panic!("{other:?}"),
    }
}

fn problem(entry: &str) -> String {
    let config = config(&format!(r#"{{"auths":{{"r":{entry}}}}}"#));
    config.entry("r").unwrap().login().unwrap_err().to_string()
}

#[test]
fn a_plain_config_names_entries_and_helpers() {
    let config = config(
        r#"{"auths":{"ghcr.io":{"auth":"dTpw"},"quay.io":{}},"credsStore":"desktop",
            "credHelpers":{"gcr.io":"gcloud","eu.gcr.io":"gcloud"}}"#,
    );
    let keys: Vec<_> = config.entries().into_iter().map(|entry| entry.key).collect();
    assert_eq!(keys, ["ghcr.io", "quay.io"]);
    assert_eq!(password(&config, "ghcr.io").as_deref(), Some("p"));
    assert_eq!(config.entry("quay.io").unwrap().login(), Ok(None));
    assert_eq!(config.creds_store().as_deref(), Some("desktop"));
    let helpers = [("gcr.io", "gcloud"), ("eu.gcr.io", "gcloud")].map(|(a, b)| (a.to_owned(), b.to_owned()));
    assert_eq!(config.cred_helpers(), helpers);
}

#[test]
fn member_names_fold_and_auths_merge_as_in_go() {
    let config = config(
        r#"{"auths":{"a":{"username":"u","password":"old"},"b":{"Auth":"dTpw"}},
            "AUTHS":{"a":{"USERNAME":"u","passWord":"new"}},"CredsStore":"x"}"#,
    );
    assert_eq!(password(&config, "a").as_deref(), Some("new"));
    assert_eq!(password(&config, "b").as_deref(), Some("p"));
    assert_eq!(config.creds_store().as_deref(), Some("x"));
}

#[test]
fn null_empties_what_was_read_before_it() {
    let config = config(r#"{"auths":{"a":{"auth":"dTpw"}},"auths":null,"auths":{"b":null}}"#);
    let keys: Vec<_> = config.entries().into_iter().map(|entry| entry.key).collect();
    assert_eq!(keys, ["b"]);
    assert_eq!(config.entry("b").unwrap().login(), Ok(None));
}

#[test]
fn tokens_are_told_apart_from_passwords() {
    let config = config(
        r#"{"auths":{"acr":{"auth":"MDAwOg==","identitytoken":"t1"},"reg":{"registrytoken":"t2"},
            "empty":{"auth":"dTpw","identitytoken":""}}}"#,
    );
    let token = |token: &str| SecretString::new(token.to_owned());
    assert_eq!(config.entry("acr").unwrap().login(), Ok(Some(Login::IdentityToken(token("t1")))));
    assert_eq!(config.entry("reg").unwrap().login(), Ok(Some(Login::RegistryToken(token("t2")))));
    assert_eq!(password(&config, "empty").as_deref(), Some("p"));
}

#[test]
fn auth_overrides_username_and_password() {
    let config = config(r#"{"auths":{"r":{"username":"x","password":"y","auth":"dTpw"}}}"#);
    assert_eq!(password(&config, "r").as_deref(), Some("p"));
}

#[test]
fn an_entry_that_cannot_be_read_says_where() {
    assert_eq!(problem("7"), "line 1, column 15: the entry is not an object");
    assert_eq!(problem(r#"{"username":7}"#), "line 1, column 27: `username` is not a string");
    assert_eq!(
        problem(r#"{"auth":"/zr/"}"#),
        "line 1, column 23: `auth` holds a user name or password that is not UTF-8"
    );
    assert_eq!(
        problem(r#"{"auth":"hunter2-_"}"#),
        "line 1, column 23: `auth` is not standard base64 of `user:password`"
    );
}

#[test]
fn a_wrong_outer_shape_says_where() {
    let error = |text: &str| DockerConfig::parse(text, Form::Config).unwrap_err().to_string();
    assert_eq!(error("[]"), "line 1, column 1: `the docker config` must be an object");
    assert_eq!(error("{\"auths\":\n []}"), "line 2, column 2: `auths` must be an object");
    assert_eq!(
        error(r#"{"credHelpers":{"a":1}}"#),
        "line 1, column 21: `credHelpers` must be an object of strings"
    );
    assert_eq!(error("{"), "not valid JSON: line 1, column 2: the text ends in the middle of a value");
}

#[test]
fn a_dockercfg_is_the_map_itself() {
    let mut config = DockerConfig::parse(r#"{"auths":{"auth":"dTpw"}}"#, Form::Dockercfg).unwrap();
    assert_eq!(password(&config, "auths").as_deref(), Some("p"));
    config.set_entry("r", &credential("u", "q"));
    assert_eq!(
        text(&config),
        r#"{"auths":{"auth":"dTpw"},"r":{"username":"u","password":"q","auth":"dTpx"}}"#
    );
}

#[test]
fn a_new_entry_takes_the_layout_of_its_neighbours() {
    let mut tabs =
        config("{\n\t\"auths\": {\n\t\t\"a\": {\n\t\t\t\"auth\": \"dTpw\"\n\t\t}\n\t},\n\t\"x\": 1\n}\n");
    tabs.set_entry("b", &credential("u", "q"));
    let expected = "{\n\t\"auths\": {\n\t\t\"a\": {\n\t\t\t\"auth\": \"dTpw\"\n\t\t},\n\t\t\"b\": {\n\
                    \t\t\t\"username\": \"u\",\n\t\t\t\"password\": \"q\",\n\t\t\t\"auth\": \"dTpx\"\n\t\t}\n\t},\n\
                    \t\"x\": 1\n}\n";
    assert_eq!(text(&tabs), expected);

    let mut empty = config("{\n  \"credsStore\": \"x\"\n}\n");
    empty.set_entry("b", &credential("u", "q"));
    let expected = "{\n  \"credsStore\": \"x\",\n  \"auths\": {\n    \"b\": {\n      \"username\": \"u\",\n      \
                    \"password\": \"q\",\n      \"auth\": \"dTpx\"\n    }\n  }\n}\n";
    assert_eq!(text(&empty), expected);

    let mut spaced = config(r#"{"auths": {"a": {"auth": "dTpw"}, "c": {}}}"#);
    spaced.set_entry("b", &credential("u", "q"));
    assert_eq!(
        text(&spaced),
        r#"{"auths": {"a": {"auth": "dTpw"}, "c": {}, "b": {"username": "u", "password": "q", "auth": "dTpx"}}}"#
    );
}

#[test]
fn an_entry_that_is_set_keeps_what_is_no_credential() {
    let mut config =
        config(r#"{"auths":{"a":{"Auth":"dTpw","note":[1, 2],"identitytoken":"t"},"b":{}},"x": 1}"#);
    config.set_entry("a", &credential("u", "q"));
    assert_eq!(
        text(&config),
        r#"{"auths":{"a":{"note":[1, 2],"username":"u","password":"q","auth":"dTpx"},"b":{}},"x": 1}"#
    );
}

#[test]
fn a_repeated_entry_leaves_no_old_password_behind() {
    let repeated = r#"{"auths":{"a":{"auth":"b2xkOjE="},"b":{}},"Auths":{"a":{"auth":"b2xkOjI="}}}"#;
    let mut set = config(repeated);
    set.set_entry("a", &credential("u", "q"));
    assert_eq!(
        text(&set),
        r#"{"auths":{"b":{}},"Auths":{"a":{"username":"u","password":"q","auth":"dTpx"}}}"#
    );
    let mut removed = config(repeated);
    assert!(removed.remove_entry("a"));
    assert!(!removed.remove_entry("a"));
    assert_eq!(text(&removed), r#"{"auths":{"b":{}},"Auths":{}}"#);
}

#[test]
fn repeated_entries_go_with_the_commas_between_them() {
    for (before, after) in [
        (r#"{ "a": 1, "a": 2, "b": 3, "a": 4, "a": 5, "c": 6, "a": 7 }"#, r#"{ "b": 3, "c": 6 }"#),
        (r#"{ "b": 1, "a": 2, "a": 3 }"#, r#"{ "b": 1 }"#),
        (r#"{ "a": 1, "a": 2, "b": 3 }"#, r#"{ "b": 3 }"#),
        (r#"{ "a": 1, "a": 2 }"#, "{}"),
    ] {
        let mut config = DockerConfig::parse(before, Form::Dockercfg).unwrap();
        assert!(config.remove_entry("a"));
        assert_eq!(text(&config), after);
    }
}

#[test]
fn an_entry_can_be_set_where_there_is_no_auths_yet() {
    let entry = r#"{"a":{"username":"u","password":"q","auth":"dTpx"}}"#;
    for (before, after) in [
        ("{}", format!(r#"{{"auths":{entry}}}"#)),
        (r#"{"auths":null}"#, format!(r#"{{"auths":{entry}}}"#)),
        (r#"{"auths":{}}"#, format!(r#"{{"auths":{entry}}}"#)),
        (r#"{"auths":null,"auths":null}"#, format!(r#"{{"auths":null,"auths":{entry}}}"#)),
        // What `null` has emptied stays empty.
        (
            r#"{"auths":{"b":1},"auths":null}"#,
            format!(r#"{{"auths":{{"b":1}},"auths":null,"auths":{entry}}}"#),
        ),
    ] {
        let mut config = config(before);
        config.set_entry("a", &credential("u", "q"));
        assert_eq!(text(&config), after);
        assert_eq!(password(&config, "a").as_deref(), Some("q"));
        assert_eq!(config.entries().len(), 1);
    }
}

#[test]
fn helpers_are_named_in_the_layout_that_is_there() {
    let mut fresh = config("{}");
    fresh.set_creds_store(Some("regcred"));
    assert_eq!(text(&fresh), "{\n\t\"credsStore\": \"regcred\"\n}");
    fresh.set_cred_helper("ghcr.io", Some("pass"));
    fresh.set_cred_helper("quay.io", Some("regcred"));
    let both = "{\n\t\"credsStore\": \"regcred\",\n\t\"credHelpers\": {\n\t\t\"ghcr.io\": \"pass\",\n\t\t\"quay.io\": \"regcred\"\n\t}\n}";
    assert_eq!(text(&fresh), both);
    assert_eq!(fresh.creds_store().as_deref(), Some("regcred"));

    for (before, after) in [
        (r#"{"auths":{"a":{}}}"#, r#"{"auths":{"a":{}},"credsStore":"r","credHelpers":{"h":"r"}}"#),
        (
            r#"{"credHelpers": {"h": "old", "i": "x"}, "credsStore": "old"}"#,
            r#"{"credHelpers": {"h": "r", "i": "x"}, "credsStore": "r"}"#,
        ),
        (
            r#"{"CREDSSTORE":"a","credsStore":null,"credhelpers":null}"#,
            r#"{"CREDSSTORE":"a","credsStore":"r","credhelpers":{"h":"r"}}"#,
        ),
        (
            r#"{"credsStore":"","credHelpers":{"h":"1"},"credHelpers":{"h":"2"}}"#,
            r#"{"credsStore":"r","credHelpers":{"h":"1"},"credHelpers":{"h":"r"}}"#,
        ),
    ] {
        let mut config = config(before);
        config.set_creds_store(Some("r"));
        config.set_cred_helper("h", Some("r"));
        assert_eq!(text(&config), after);
        assert!(config.cred_helpers().contains(&("h".to_owned(), "r".to_owned())));
    }
}

#[test]
fn helpers_are_taken_out_wherever_they_are_named() {
    let mut config = config(
        r#"{"credsStore":"a","CredsStore":"b","credHelpers":{"h":"1","i":"2"},"credHelpers":{"h":"3"},"x":1}"#,
    );
    config.set_creds_store(None);
    config.set_cred_helper("h", None);
    assert_eq!(text(&config), r#"{"credHelpers":{"i":"2"},"credHelpers":{},"x":1}"#);
    config.set_member("credHelpers", None);
    assert_eq!(text(&config), r#"{"x":1}"#);
    config.set_member("x", None);
    config.set_creds_store(None);
    assert_eq!(text(&config), "{}");
}

#[test]
fn a_member_of_ones_own_can_be_kept_and_read() {
    let mut config = config("{\n  \"auths\": {}\n}");
    config.set_member("regcred", Some(r#"{"v":[1]}"#));
    assert_eq!(text(&config), "{\n  \"auths\": {},\n  \"regcred\": {\"v\":[1]}\n}");
    assert_eq!(config.member("regcred"), Some(&br#"{"v":[1]}"#[..]));
    assert_eq!(config.member("other"), None);
}

#[test]
fn a_blanked_entry_keeps_what_is_no_login() {
    let mut config = config(
        "{\n\t\"auths\": {\n\t\t\"a\": {\n\t\t\t\"auth\": \"dTpw\"\n\t\t},\n\t\t\"b\": {\n\t\t\t\"Password\": \"p\",\n\
         \t\t\t\"email\": \"e\",\n\t\t\t\"identitytoken\": \"t\"\n\t\t}\n\t}\n}\n",
    );
    config.blank_entries(&["a", "b", "missing"]);
    assert_eq!(
        text(&config),
        "{\n\t\"auths\": {\n\t\t\"a\": {},\n\t\t\"b\": {\n\t\t\t\"email\": \"e\"\n\t\t}\n\t}\n}\n"
    );
}

#[test]
fn a_blanked_entry_leaves_no_login_where_something_later_replaces_it() {
    let repeated = r#"{"auths":{"a":{"auth":"b2xkOjE="}},"auths":null,"Auths":{"a":{"auth":"b2xkOjI="},"a":{"auth":"dTpw"}}}"#;
    let mut config = config(repeated);
    assert_eq!(config.hidden_entries().len(), 2);
    config.blank_entries(&["a"]);
    assert_eq!(text(&config), r#"{"auths":{"a":{}},"auths":null,"Auths":{"a":{},"a":{}}}"#);
}

#[test]
fn every_secret_of_an_entry_is_known() {
    let secrets = |entry: &str| {
        let config = config(&format!(r#"{{"auths":{{"r":{entry}}}}}"#));
        let secrets = config.entry("r").unwrap().secrets();
        secrets.map(|secrets| secrets.iter().map(|secret| secret.expose().to_owned()).collect::<Vec<_>>())
    };
    assert_eq!(secrets(r#"{"auth":"dTpw","username":"u","password":"p"}"#).unwrap(), ["p"]);
    assert_eq!(secrets(r#"{"auth":"dTpw","password":"old"}"#).unwrap(), ["old", "p"]);
    assert_eq!(secrets(r#"{"auth":"dTo=","identitytoken":"t"}"#).unwrap(), ["t"]);
    assert_eq!(secrets(r#"{"identitytoken":"t","registrytoken":"r"}"#).unwrap(), ["t", "r"]);
    assert_eq!(secrets("{}").unwrap(), [""; 0]);
    assert!(secrets(r#"{"auth":"!"}"#).is_err());
}

#[test]
fn debug_shows_keys_and_no_passwords() {
    let config = config(r#"{"auths":{"ghcr.io":{"username":"u","password":"hunter2"}}}"#);
    let shown = format!("{config:?} {:?}", config.entries());
    assert!(!shown.contains("hunter2") && shown.contains("ghcr.io"), "{shown}");
}

/// White space that JSON allows.
fn space() -> impl Strategy<Value = String> {
    prop_oneof![Just(""), Just(" "), Just("\n\t"), Just("\r\n  ")].prop_map(str::to_owned)
}

/// Some value of a member that is no business of ours.
fn other_value() -> impl Strategy<Value = String> {
    prop_oneof![
        Just("null".to_owned()),
        Just("[1, {\"auths\": 2}]".to_owned()),
        Just("-1.5e3".to_owned()),
        any::<String>().prop_map(|text| serde_json::to_string(&text).unwrap()),
        Just("{ }".to_owned()),
    ]
}

/// A config as text, with the keys that it has entries for.
fn some_config() -> impl Strategy<Value = (String, Vec<String>)> {
    let entries = btree_map("[a-z]{1,3}(/\\PC)?", (other_value(), space(), space()), 0..5);
    let others = vec(("[xyz]{1,4}", other_value()), 0..3);
    (entries, others, space(), space(), any::<bool>()).prop_map(|(entries, others, before, after, first)| {
        let keys = entries.keys().cloned().collect();
        let entries: Vec<_> = entries
            .into_iter()
            .map(|(key, (value, a, b))| {
                format!("{a}{}{b}:{b}{value}{a}", serde_json::to_string(&key).unwrap())
            })
            .collect();
        let auths = format!("\"auths\"{before}:{after}{{{}{after}}}", entries.join(","));
        let mut members: Vec<_> =
            others.into_iter().map(|(name, value)| format!("{before}\"{name}\":{value}")).collect();
        members.insert(if first { 0 } else { members.len() }, auths);
        (format!("{before}{{{}{after}}}{after}", members.join(",")), keys)
    })
}

proptest! {
    #[test]
    fn no_input_panics(text: Vec<u8>) {
        let _ = Json::parse(text.clone());
        let _ = DockerConfig::parse(text, Form::Config);
    }

    #[test]
    fn no_json_like_input_panics(text in "[\\[\\]{}\",:\\\\unull0-9e.\\-]{0,40}") {
        let _ = Json::parse(text.clone());
        for form in [Form::Config, Form::Dockercfg] {
            if let Ok(mut config) = DockerConfig::parse(text.clone(), form) {
                for entry in config.entries() {
                    let _ = entry.login();
                }
                config.set_entry("r", &credential("u", "p"));
                prop_assert!(config.remove_entry("r"));
            }
        }
    }

    #[test]
    fn json_that_serde_reads_is_read_alike(text in "[\\[\\]{}\",:ab0-9e. ]{0,16}") {
        let theirs = serde_json::from_str::<serde_json::Value>(&text).is_ok();
        prop_assert_eq!(Json::parse(text).is_ok(), theirs);
    }

    #[test]
    fn a_new_entry_can_be_set_and_removed_without_a_trace(
        (before, keys) in some_config(), name in "[A-Z]{1,3}", word in any::<String>(),
    ) {
        let mut config = config(&before);
        config.set_entry(&name, &credential("u", &word));
        prop_assert_eq!(password(&config, &name), Some(word));
        prop_assert!(config.remove_entry(&name));
        if keys.is_empty() {
            // The white space inside `{ }` is gone, and nothing else.
            let bare = |text: &str| text.replace([' ', '\t', '\r', '\n'], "");
            prop_assert_eq!(bare(&text(&config)), bare(&before));
        } else {
            prop_assert_eq!(text(&config), before);
        }
    }

    #[test]
    fn helpers_can_be_named_and_taken_out_without_a_trace((text, _) in some_config(), registry in "[a-z.]{1,8}") {
        let mut config = config(&text);
        prop_assume!(config.cred_helpers().iter().all(|(key, _)| *key != registry));
        let (store, helpers) = (config.creds_store().is_some(), config.member("credHelpers").is_some());
        let others = config.cred_helpers();
        if !store {
            config.set_creds_store(Some("regcred"));
        }
        config.set_cred_helper(&registry, Some("regcred"));
        prop_assert!(config.cred_helpers().contains(&(registry.clone(), "regcred".to_owned())));
        config.set_cred_helper(&registry, None);
        prop_assert_eq!(config.cred_helpers(), others);
        if !helpers {
            config.set_member("credHelpers", None);
        }
        if !store {
            config.set_creds_store(None);
        }
        prop_assert_eq!(std::str::from_utf8(config.text()).unwrap(), text);
    }

    #[test]
    fn setting_an_entry_leaves_every_other_byte(
        (before, keys) in some_config(), pick: prop::sample::Index, word in any::<String>(),
    ) {
        prop_assume!(!keys.is_empty());
        let key = pick.get(&keys);
        let mut config = config(&before);
        let span = entry_span(config.text(), key);
        config.set_entry(key, &credential("u", &word));
        let after = text(&config);
        prop_assert!(after.starts_with(&before[..span.start]));
        prop_assert!(after.ends_with(&before[span.end..]));
        prop_assert_eq!(password(&config, key), Some(word));
    }

    #[test]
    fn removing_an_entry_keeps_the_others(
        (before, keys) in some_config(), pick: prop::sample::Index,
    ) {
        prop_assume!(!keys.is_empty());
        let key = pick.get(&keys);
        let mut config = config(&before);
        prop_assert!(config.remove_entry(key));
        let values = |text: &[u8]| {
            let json = Json::parse(text).unwrap();
            let auths = json.root().members().find(|(name, _)| **name.as_string().unwrap() == *"auths").unwrap().1;
            auths.members()
                .filter(|(name, _)| **name.as_string().unwrap() != **key)
                .map(|(name, value)| (name.raw().to_vec(), value.raw().to_vec()))
                .collect::<Vec<_>>()
        };
        prop_assert_eq!(values(config.text()), values(before.as_bytes()));
    }
}

fn entry_span(text: &[u8], key: &str) -> std::ops::Range<usize> {
    let json = Json::parse(text).unwrap();
    let named = |name: &regcred_core::json::Value<'_>, wanted: &str| **name.as_string().unwrap() == *wanted;
    let (_, auths) = json.root().members().find(|(name, _)| named(name, "auths")).unwrap();
    let (_, entry) = auths.members().find(|(name, _)| named(name, key)).unwrap();
    entry.span()
}

#[test]
fn an_entry_says_which_field_its_password_is_from() {
    let config = r#"{"auths": {"a": {"auth": "dTpw", "password": "x"}, "b": {"username": "u", "password": "p"},
        "c": {"auth": "dTpw", "identitytoken": "t"}, "d": {"auth": "", "registrytoken": "t"}, "e": {}, "f": null}}"#;
    let config = DockerConfig::parse(config, Form::Config).unwrap();
    let fields: Vec<_> = config.entries().iter().map(|entry| entry.secret_field().unwrap()).collect();
    let expected = [Some("auth"), Some("password"), Some("identitytoken"), Some("registrytoken"), None, None];
    assert_eq!(fields, expected);
    let wrong = DockerConfig::parse(r#"{"auths": {"a": {"auth": 1}}}"#, Form::Config).unwrap();
    assert!(wrong.entries()[0].secret_field().is_err());
}
