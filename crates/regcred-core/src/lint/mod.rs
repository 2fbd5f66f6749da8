//! What is wrong with a pull secret, as findings that say what to do.
//!
//! A finding is about what the kubelet will make of the Secret ([`kubelet`](crate::kubelet)), or about what
//! somebody surely did not mean. Nothing in a finding is a secret.

mod entries;
mod problem;

use chrono::{DateTime, Utc};

use crate::docker_config::Form;
use crate::json::{Json, Kind};
use crate::kubelet::decode::decode_all;
use crate::server::shown_key;
use crate::stored::{ConfigText, KEY, KEYS, LEGACY_KEY, NoConfig, Stored};
pub use problem::{Flaw, Level, Problem};

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The registry key of the entry as it can be shown ([`shown_key`]), if it is about one.
    pub entry: Option<String>,
    /// What is wrong; it knows its level, its reason and its remedy.
    pub problem: Problem,
}

/// What is looked at: a Secret as it is stored, or as it would be.
#[derive(Clone, Copy)]
pub struct Subject<'a> {
    /// Its type and data.
    pub stored: Stored<'a>,
    /// The value of its annotation [`LAST_APPLIED`](crate::stored::LAST_APPLIED), if it has one.
    pub last_applied: Option<&'a str>,
    /// The time, for tokens that expire.
    pub now: DateTime<Utc>,
}

/// Everything that is wrong with a Secret, the worst first. A Secret that is none for pulling has no findings.
pub fn lint(subject: &Subject<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut find = |entry: Option<String>, problem| {
        let entry = entry.map(|key| shown_key(&key).into_owned());
        findings.push(Finding { entry, problem });
    };
    match docker_config(&subject.stored) {
        Looked::NoPullSecret => return findings,
        Looked::Ignored(problem) => find(None, problem),
        Looked::Config(text, form) => {
            let decoded = decode_all(0, text, form);
            for fatal in &decoded.fatal {
                let (line, column, problem) = (fatal.line, fatal.column, fatal.problem);
                find(fatal.key.clone(), Problem::Undecodable { line, column, problem });
            }
            if decoded.fatal.is_empty() && decoded.entries.is_empty() {
                find(None, Problem::NoEntries { helper: names_helper(text) });
            }
            entries::lint(&decoded, subject.now, &mut find);
        }
    }
    if subject.last_applied.is_some_and(holds_data) {
        find(None, Problem::LastApplied);
    }
    findings.sort_by_key(|finding| std::cmp::Reverse(finding.problem.level()));
    findings
}

enum Looked<'a> {
    Config(&'a [u8], Form),
    Ignored(Problem),
    NoPullSecret,
}

/// The docker config that the kubelet would read, or why it reads none.
fn docker_config<'a>(stored: &Stored<'a>) -> Looked<'a> {
    let in_the_way = [(KEY, stored.docker_config_json), (LEGACY_KEY, stored.dockercfg)];
    let holds = |(key, data): (&'static str, Option<&[u8]>)| data.map(|_| key);
    let wrong_type = |key| Looked::Ignored(Problem::WrongType { key, kind: stored.kind.to_owned() });
    match stored.docker_config() {
        Ok(ConfigText { text, form, .. }) => Looked::Config(text, form),
        Err(NoConfig::Type(_)) => {
            in_the_way.into_iter().find_map(holds).map_or(Looked::NoPullSecret, wrong_type)
        }
        Err(NoConfig::Empty(key)) => {
            let other = in_the_way.into_iter().filter(|(other, _)| *other != key).find_map(holds);
            other.map_or(Looked::Ignored(Problem::NoData { key }), wrong_type)
        }
    }
}

/// Whether a docker config names a credential helper, which the kubelet does not ask.
fn names_helper(text: &[u8]) -> bool {
    crate::docker_config::DockerConfig::parse(text, Form::Config)
        .is_ok_and(|config| config.creds_store().is_some() || !config.cred_helpers().is_empty())
}

/// Whether an applied manifest holds the data of a pull secret.
pub(crate) fn holds_data(manifest: &str) -> bool {
    let Ok(json) = Json::parse(manifest) else { return false };
    let named = |names: &'static [&'static str]| {
        move |name: crate::json::Value<'_>| {
            name.as_string().is_some_and(|name| names.contains(&name.as_str()))
        }
    };
    let is_data = named(&["data", "stringData"]);
    let is_docker_config = named(&KEYS);
    json.root()
        .members()
        .filter(|(name, value)| is_data(*name) && value.kind() == Kind::Object)
        .flat_map(|(_, data)| data.members().collect::<Vec<_>>())
        .any(|(name, value)| is_docker_config(name) && value.as_string().is_some_and(|text| !text.is_empty()))
}
