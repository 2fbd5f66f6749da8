//! What is wrong with the entries of a docker config, each by itself and with the others.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};

use super::{Flaw, Problem};
use crate::credential::{EXPIRES_SOON, expiry};
use crate::json::lossy;
use crate::kubelet::decode::{Decoded, Entry};
use crate::kubelet::index::{IndexKey, Target};
use crate::kubelet::is_hub_fallback;
use crate::server::{Server, shown_key};

/// A repository that every key for all of Docker Hub must match.
const HUB_REPOSITORY: &str = "docker.io/library/any";

/// Reports to `find` what is wrong with the entries that can be decoded.
pub(super) fn lint(decoded: &Decoded, now: DateTime<Utc>, find: &mut impl FnMut(Option<String>, Problem)) {
    for key in &decoded.replaced {
        find(Some(key.clone()), Problem::Replaced);
    }
    let indexed: Vec<_> = decoded.entries.iter().map(|entry| (entry, IndexKey::of(&entry.key))).collect();
    let ties = first_two_under_each(&indexed);
    let all_of_hub = indexed.iter().find(|(_, index_key)| index_key.as_ref().is_some_and(matches_all_of_hub));
    for (at, (entry, index_key)) in indexed.iter().enumerate() {
        let mut find = |problem| find(Some(entry.key.clone()), problem);
        lint_credential(entry, now, &mut find);
        if entry.key.contains('@') {
            find(Problem::UserInfo);
        }
        match index_key {
            None if has_upper_case_scheme(&entry.key) => find(Problem::UpperCaseScheme),
            None => find(Problem::UnparsableKey),
            Some(index_key) => {
                lint_key(&entry.key, index_key, &mut find);
                if let Some((first, Some(second))) = ties.get(index_key) {
                    let (other, _) = &indexed[if *first == at { *second } else { *first }];
                    find(Problem::Tie { other: shown_key(&other.key).into_owned() });
                }
                if is_hub_fallback(index_key)
                    && let Some((by, _)) = all_of_hub
                {
                    find(Problem::Shadowed { by: shown_key(&by.key).into_owned() });
                }
            }
        }
    }
}

/// The places of the first entry and the second under each index key; the others tie with the first.
fn first_two_under_each<'a>(
    indexed: &'a [(&Entry, Option<IndexKey>)],
) -> BTreeMap<&'a IndexKey, (usize, Option<usize>)> {
    let mut places = BTreeMap::new();
    for (at, (_, index_key)) in indexed.iter().enumerate() {
        if let Some(index_key) = index_key {
            let (first, second) = places.entry(index_key).or_insert((at, None));
            if *first != at {
                second.get_or_insert(at);
            }
        }
    }
    places
}

fn lint_credential(entry: &Entry, now: DateTime<Utc>, find: &mut impl FnMut(Problem)) {
    let credential = &entry.credential;
    if credential.password.is_empty() {
        find(Problem::NoCredential { dropped: entry.dropped });
    }
    if entry.contradicts {
        find(Problem::Contradiction);
    }
    if credential.password.expose().ends_with('\n') {
        find(Problem::Newline);
    }
    if let Some(at) = expiry(&credential.password) {
        if at <= now {
            find(Problem::Expired { at });
        } else if at - now < EXPIRES_SOON {
            find(Problem::Expiring { at });
        }
    }
}

fn lint_key(key: &str, index_key: &IndexKey, find: &mut impl FnMut(Problem)) {
    if has_upper_case_scheme(key) {
        find(Problem::UpperCaseScheme);
        return;
    }
    if is_meant_for_hub(key) && !is_hub_fallback(index_key) && !matches_all_of_hub(index_key) {
        find(Problem::HubKey);
        return;
    }
    let index_text = lossy(index_key.bytes());
    let (host, path) = match index_text.find('/') {
        Some(slash) => index_text.split_at(slash),
        None => (index_text.as_str(), ""),
    };
    if host.contains(|c: char| c.is_ascii_uppercase()) {
        find(Problem::UpperCaseHost);
    }
    if host.ends_with(":443") {
        find(Problem::HttpsPort);
    }
    match flaw(host, path) {
        Some(flaw) => find(Problem::NeverMatches(flaw)),
        None if !path.is_empty() && !path.ends_with('/') => find(Problem::Boundary { path: path.to_owned() }),
        None => {}
    }
}

/// What no image name has, and a key that has it matches none.
fn flaw(host: &str, path: &str) -> Option<Flaw> {
    let name = host.split_once(':').map_or(host, |(name, _port)| name);
    if name.is_empty() {
        Some(Flaw::NoHost)
    } else if name.ends_with('.') {
        Some(Flaw::TrailingDot)
    } else if ["/v1", "/v2"].contains(&path) {
        Some(Flaw::ApiVersion)
    } else if path.contains(['*', '[', '\\']) {
        Some(Flaw::PathPattern)
    } else if path.contains(|c: char| c.is_uppercase()) {
        Some(Flaw::UpperCasePath)
    } else {
        None
    }
}

/// Whether a key begins with `http://` or `https://`, but not in the only case that the kubelet knows.
fn has_upper_case_scheme(key: &str) -> bool {
    ["http://", "https://"].iter().any(|scheme| {
        let start = key.get(..scheme.len());
        start.is_some_and(|start| start != *scheme && start.eq_ignore_ascii_case(scheme))
    })
}

/// Whether somebody who wrote this key meant all of Docker Hub.
fn is_meant_for_hub(key: &str) -> bool {
    if let Ok(server) = Server::parse(key) {
        return server.is_docker_hub();
    }
    // A pattern is no server, but this one can only mean that.
    let schemeless = key.strip_prefix("https://").or_else(|| key.strip_prefix("http://")).unwrap_or(key);
    schemeless.trim_end_matches('/').eq_ignore_ascii_case("*.docker.io")
}

/// Whether a key matches every image of Docker Hub by itself.
fn matches_all_of_hub(index_key: &IndexKey) -> bool {
    let path_free = !index_key.bytes().contains(&b'/');
    path_free && index_key.compare(Target::of(HUB_REPOSITORY).as_ref()).is_ok()
}
