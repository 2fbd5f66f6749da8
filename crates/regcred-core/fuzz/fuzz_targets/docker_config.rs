//! Docker configs: an edit does what it says and leaves every other byte.

#![no_main]

use std::collections::BTreeSet;

use libfuzzer_sys::fuzz_target;
use regcred_core::credential::{Credential, Login, SecretString};
use regcred_core::docker_config::{DockerConfig, Form};
use regcred_core::json::{Json, names_field};
use regcred_core::server::{Server, pull_secret_key};
use regcred_core_fuzz::{Member, besides, counting, members, string};

fuzz_target!(|text: &[u8]| {
    for form in [Form::Config, Form::Dockercfg] {
        let Ok(config) = DockerConfig::parse(text, form) else { continue };
        assert_eq!(config.text(), text);
        let keys: Vec<_> = config.entries().into_iter().map(|entry| entry.key).collect();
        assert!(keys.iter().eq(counting(text, form).iter().map(|(key, _)| key)));
        let helpers: BTreeSet<_> = config.cred_helpers().into_iter().map(|(key, _)| key).collect();
        assert_eq!(helpers.len(), config.cred_helpers().len(), "a helper for each key");
        let _ = config.creds_store();
        let lines = text.split(|&b| b == b'\n').count();
        for entry in config.entries() {
            if let Err(error) = entry.login() {
                assert!((1..=lines).contains(&error.line) && (1..=text.len()).contains(&error.column));
            }
            spellings(&entry.key);
        }
        let some = [keys.first(), keys.last(), keys.get(text.len() % keys.len().max(1))];
        let mut edited: BTreeSet<&str> = some.into_iter().flatten().map(String::as_str).collect();
        edited.insert("edited.example");
        let credential = credential(text);
        for key in edited {
            Edit { config: &config, form, key }.check(&credential);
        }
    }
});

/// A credential that has whatever the text has, but no `:` in its user name.
fn credential(text: &[u8]) -> Credential {
    let text = String::from_utf8_lossy(text);
    Credential {
        username: text.chars().filter(|&c| c != ':').take(16).collect(),
        email: text.chars().next_back().map(String::from),
        password: SecretString::new(text.into_owned()),
    }
}

/// What is said of keys as servers holds for any key.
fn spellings(key: &str) {
    let written = pull_secret_key(key);
    assert_eq!(pull_secret_key(&written), written, "a key that the kubelet finds stays as it is");
    if let Ok(server) = Server::parse(key) {
        assert_eq!(Server::parse(&server.to_string()), Ok(server));
    }
}

struct Edit<'a> {
    config: &'a DockerConfig,
    form: Form,
    key: &'a str,
}

impl Edit<'_> {
    fn check(&self, credential: &Credential) {
        let before = self.config.text();
        let here: Vec<_> =
            members(before, self.form).into_iter().filter(|member| member.key == self.key).collect();

        let mut config = self.config.clone();
        config.set_entry(self.key, credential);
        self.leaves_the_rest(&config);
        let after = config.text();
        let now: Vec<_> =
            members(after, self.form).into_iter().filter(|member| member.key == self.key).collect();
        let [now] = &now[..] else { panic!("there is one entry under the key") };
        let found = config.entry(self.key).expect("the entry is set").login();
        assert_eq!(found, Ok(Some(Login::Password(credential.clone()))));
        match &here[..] {
            [] => self.is_added(after),
            [Member { value, .. }] => {
                assert!(after.starts_with(&before[..value.start]) && after.ends_with(&before[value.end..]));
            }
            _ => {}
        }
        if let Some(last) = here.last() {
            assert_eq!(
                not_of_credential(&before[last.value.clone()]),
                not_of_credential(&after[now.value.clone()])
            );
        }

        assert!(config.remove_entry(self.key));
        self.is_gone(&config);
        if here.is_empty()
            && members(before, self.form).last().is_some_and(|last| now.map.start == last.map.start)
        {
            assert_eq!(config.text(), before, "an entry among others goes without a trace");
        }

        let mut config = self.config.clone();
        assert_eq!(config.remove_entry(self.key), !here.is_empty());
        self.is_gone(&config);
    }

    fn is_gone(&self, config: &DockerConfig) {
        assert!(config.entry(self.key).is_none());
        assert!(members(config.text(), self.form).iter().all(|member| member.key != self.key));
        assert!(!config.clone().remove_entry(self.key));
        self.leaves_the_rest(config);
    }

    /// Every other entry, and all that is no entry, has its text.
    fn leaves_the_rest(&self, after: &DockerConfig) {
        let others = |config: &DockerConfig| {
            let mut entries = counting(config.text(), self.form);
            entries.retain(|(key, _)| key != self.key);
            entries
        };
        assert_eq!(others(after), others(self.config));
        assert_eq!(besides(after.text(), self.form), besides(self.config.text(), self.form));
    }

    /// Nothing but white space in an empty object, or a `null`, makes room for a new entry.
    fn is_added(&self, after: &[u8]) {
        let before = self.config.text();
        let start = before.iter().zip(after).take_while(|(a, b)| a == b).count();
        let rest = before.iter().rev().zip(after.iter().rev()).take_while(|(a, b)| a == b).count();
        let lost = before.get(start..before.len() - rest).unwrap_or_default();
        assert!(matches!(lost.trim_ascii(), b"" | b"null"), "{:?} is lost", String::from_utf8_lossy(lost));
    }
}

/// The members of an entry that are no part of its credential.
fn not_of_credential(entry: &[u8]) -> Vec<Vec<u8>> {
    const CREDENTIAL: [&str; 6] = ["username", "password", "email", "auth", "identitytoken", "registrytoken"];
    let json = Json::parse(entry).expect("an entry is JSON");
    let kept = json
        .root()
        .members()
        .filter(|(name, _)| !CREDENTIAL.iter().any(|field| names_field(&string(*name), field)))
        .map(|(name, value)| entry[name.span().start..value.span().end].to_vec());
    kept.collect()
}
