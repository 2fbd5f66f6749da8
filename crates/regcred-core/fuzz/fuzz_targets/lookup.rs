//! The kubelet's lookup: every entry is tried or missed once, and the linter agrees.

#![no_main]

use std::collections::BTreeMap;

use libfuzzer_sys::fuzz_target;
use regcred_core::credential::Login;
use regcred_core::docker_config::{DockerConfig, Form};
use regcred_core::image::ImageReference;
use regcred_core::kubelet::{Fatal, Lookup, MissReason, Referenced, lookup};
use regcred_core::stored::Stored;
use regcred_core::lint::{Finding, Level, Problem, Subject, lint};
use regcred_core_fuzz::{all_members, counting};

/// A Secret as the input describes it.
#[derive(Clone, Copy)]
struct Given<'a> {
    form: Form,
    text: &'a [u8],
    stored: Option<Stored<'a>>,
}

impl<'a> Given<'a> {
    /// The first byte chooses the type, or that there is no Secret; the rest is the docker config.
    fn of(config: &'a [u8]) -> Self {
        let (kind, text) = config.split_first().map_or((b'C', config), |(&kind, text)| (kind, text));
        let (form, kind) = match kind {
            b'L' => (Form::Dockercfg, Some("kubernetes.io/dockercfg")),
            b'O' => (Form::Config, Some("Opaque")),
            b'M' => (Form::Config, None),
            _ => (Form::Config, Some("kubernetes.io/dockerconfigjson")),
        };
        let under = |wanted: Form| (form == wanted).then_some(text);
        let (docker_config_json, dockercfg) = (under(Form::Config), under(Form::Dockercfg));
        Self { form, text, stored: kind.map(|kind| Stored { kind, docker_config_json, dockercfg }) }
    }

    fn referenced(&self) -> Referenced<'a> {
        Referenced { name: "s", stored: self.stored }
    }

    fn is_looked_into(&self) -> bool {
        !self.text.is_empty() && self.stored.is_some_and(|stored| stored.kind != "Opaque")
    }

    fn findings(&self) -> Vec<Finding> {
        let subject = |stored| Subject { stored, last_applied: None, now: chrono::DateTime::UNIX_EPOCH };
        self.stored.map(|stored| lint(&subject(stored))).unwrap_or_default()
    }
}

// The input: an image, a line break, then Secrets, divided by NUL.
fuzz_target!(|input: &[u8]| {
    let Some(at) = input.iter().position(|&b| b == b'\n') else { return };
    let Some(image) =
        std::str::from_utf8(&input[..at]).ok().and_then(|text| text.parse::<ImageReference>().ok())
    else {
        return;
    };
    let given: Vec<_> = input[at + 1..].split(|&b| b == 0).take(3).map(Given::of).collect();
    let secrets: Vec<_> = given.iter().map(Given::referenced).collect();
    let findings: Vec<_> = given.iter().map(Given::findings).collect();
    let is_fatal = |finding: &Finding| finding.problem.level() == Level::Fatal;
    let first_fatal = findings.iter().position(|findings| findings.iter().any(is_fatal));
    match lookup(&secrets, &image) {
        Err(fatal) => {
            assert_eq!(Some(fatal.secret), first_fatal);
            same_fatal(&fatal, &findings[fatal.secret][0], given[fatal.secret].text);
        }
        Ok(found) => {
            assert_eq!(first_fatal, None);
            every_entry_once(&found, &given);
            in_order(&found);
            for (place, given) in given.iter().enumerate() {
                agrees_with_logins(&found, place, given);
                agrees_with_findings(&found, place, &findings[place]);
                names_the_replaced(&findings[place], given);
                // Whether a key matches does not depend on the other Secrets.
                let alone = lookup(&[given.referenced()], &image).expect("none of them is fatal");
                assert_eq!(matching(&alone, 0), matching(&found, place));
            }
        }
    }
});

/// The first value that fails the pull is the linter's first finding, and stands in the text.
fn same_fatal(fatal: &Fatal, finding: &Finding, text: &[u8]) {
    let Problem::Undecodable { line, column, problem } = finding.problem else { panic!("{finding:?}") };
    assert_eq!((fatal.line, fatal.column, fatal.problem), (line, column, problem));
    assert_eq!(fatal.key, finding.entry);
    let row = text.split(|&b| b == b'\n').nth(line - 1).expect("the line exists");
    assert!((1..=row.len() + 1).contains(&column));
}

fn every_entry_once(found: &Lookup, given: &[Given<'_>]) {
    let tried =
        found.tried.iter().flat_map(|tier| tier.entries.iter().map(|entry| (tier.secret, &entry.key)));
    let missed = found.missed.iter().map(|miss| (miss.secret, &miss.key));
    let mut seen: Vec<_> = tried.chain(missed).map(|(secret, key)| (secret, key.clone())).collect();
    let mut held = Vec::new();
    for (place, given) in given.iter().enumerate().filter(|(_, given)| given.is_looked_into()) {
        held.extend(counting(given.text, given.form).into_iter().map(|(key, _)| (place, key)));
    }
    seen.sort();
    held.sort();
    assert_eq!(seen, held);
    let ignored = found.ignored.iter().map(|(place, _)| *place);
    assert!(ignored.eq((0..given.len()).filter(|&place| !given[place].is_looked_into())));
}

/// The greatest index key first, and Secrets in their order; Docker Hub's fallback alone.
fn in_order(found: &Lookup) {
    for pair in found.tried.windows(2) {
        let [one, two] = pair else { continue };
        // Bytes that are no text compare otherwise than what stands for them.
        let text = !(one.index_key.clone() + &two.index_key).contains(char::REPLACEMENT_CHARACTER);
        assert!(!text || one.index_key >= two.index_key);
        assert!(!text || one.index_key != two.index_key || one.secret < two.secret);
        assert_eq!(one.hub_fallback, two.hub_fallback);
    }
    assert!(found.tried.iter().all(|tier| !tier.entries.is_empty()));
    assert!(found.tried.iter().all(|tier| !tier.hub_fallback || tier.index_key == "index.docker.io"));
    let shadowed = found.missed.iter().any(|miss| miss.reason == MissReason::Shadowed);
    assert!(!shadowed || found.tried.first().is_some_and(|tier| !tier.hub_fallback));
}

/// What the kubelet tries is what a person would log in with, but for tokens and what is no text.
fn agrees_with_logins(found: &Lookup, place: usize, given: &Given<'_>) {
    let Ok(config) = DockerConfig::parse(given.text, given.form) else { return };
    let entries: BTreeMap<_, _> =
        config.entries().into_iter().map(|entry| (entry.key.clone(), entry)).collect();
    for entry in found.tried.iter().filter(|tier| tier.secret == place).flat_map(|tier| &tier.entries) {
        match entries[&entry.key].login() {
            Ok(Some(Login::Password(credential))) => assert_eq!(entry.credential, credential),
            Ok(None) => {
                assert!(entry.credential.username.is_empty() && entry.credential.password.is_empty());
            }
            Ok(Some(Login::IdentityToken(_) | Login::RegistryToken(_))) | Err(_) => {}
        }
    }
}

/// What the linter says of keys is what happens to them.
fn agrees_with_findings(found: &Lookup, place: usize, findings: &[Finding]) {
    let fate = |key: &str| {
        let tried = found.tried.iter().filter(|tier| tier.secret == place);
        let tier = tried.into_iter().find(|tier| tier.entries.iter().any(|entry| entry.key == key));
        let miss = found.missed.iter().find(|miss| miss.secret == place && miss.key == key);
        (tier.map(|tier| tier.index_key.clone()), miss.map(|miss| miss.reason.clone()))
    };
    for finding in findings {
        let Some(key) = finding.entry.as_deref() else { continue };
        match &finding.problem {
            Problem::Tie { other } => {
                assert_ne!(key, other);
                assert_eq!(fate(key), fate(other));
            }
            Problem::UnparsableKey => assert_eq!(fate(key), (None, Some(MissReason::Unparsable))),
            Problem::UpperCaseScheme => assert!(fate(key).0.is_none(), "{key:?} never matches"),
            _ => {}
        }
    }
}

/// Every entry that does not count has a finding.
fn names_the_replaced(findings: &[Finding], given: &Given<'_>) {
    if !given.is_looked_into() {
        return;
    }
    let replaced = findings.iter().filter(|finding| finding.problem == Problem::Replaced);
    let mut named: Vec<_> = replaced.filter_map(|finding| finding.entry.clone()).collect();
    named.extend(counting(given.text, given.form).into_iter().map(|(key, _)| key));
    let mut all: Vec<_> = all_members(given.text, given.form).into_iter().map(|member| member.key).collect();
    named.sort();
    all.sort();
    assert_eq!(named, all);
}

/// The keys of one Secret that match the image by themselves.
fn matching(found: &Lookup, place: usize) -> Vec<&str> {
    let tiers = found.tried.iter().filter(|tier| tier.secret == place && !tier.hub_fallback);
    tiers.flat_map(|tier| &tier.entries).map(|entry| entry.key.as_str()).collect()
}
