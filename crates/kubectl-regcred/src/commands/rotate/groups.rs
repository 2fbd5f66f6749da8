//! The logins that entries hold, as people and scripts see them.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use regcred_core::docker_config::{PresentKind, PresentLogin};
use regcred_core::rotation::Logins;
use regcred_core::server::shown_key;
use serde::Serialize;

use super::candidates::{Group, Holder, Survey, Without};
use crate::output;
use crate::output::table::{self, Cell, Column};
use crate::report::Time;

/// How many groups, or entries without a login, are shown to a person: anybody may make more.
const SHOWN: usize = 20;

/// How many entries without a login are named in a sentence.
const NAMED: usize = 5;

/// A group, as scripts get it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct GroupReport {
    registry: String,
    login: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    username: Option<String>,
    secrets: usize,
    namespaces: usize,
    example: Example,
    /// When the first of its Secrets was made.
    #[serde(skip_serializing_if = "Option::is_none")]
    oldest: Option<Time>,
    /// Whether it is replaced; absent if that is not clear.
    #[serde(skip_serializing_if = "Option::is_none")]
    chosen: Option<bool>,
}

#[derive(Debug, Serialize)]
struct Example {
    namespace: String,
    secret: String,
}

/// An entry without a login, as scripts get it.
#[derive(Debug, Serialize)]
pub(super) struct WithoutReport {
    namespace: String,
    secret: String,
    key: String,
}

/// The groups for a report; `chosen` is missing if it is not clear which are meant.
pub(super) fn groups(survey: &Survey, chosen: Option<&Logins>) -> Vec<GroupReport> {
    let of = |group: &Group| {
        let example = group.example()?;
        Some(GroupReport {
            registry: shown_key(&group.registry).into_owned(),
            login: match group.login.kind() {
                PresentKind::Password => "password",
                PresentKind::IdentityToken => "identityToken",
                PresentKind::RegistryToken => "registryToken",
            },
            username: group.login.username(),
            secrets: group.holders.len(),
            namespaces: group.namespaces(),
            example: Example { namespace: example.namespace.clone(), secret: example.name.clone() },
            oldest: group.oldest().map(Time),
            chosen: chosen.map(|chosen| group.is_in(chosen)),
        })
    };
    survey.groups.iter().filter_map(of).collect()
}

/// The entries without a login for a report.
pub(super) fn without(survey: &Survey) -> Vec<WithoutReport> {
    let of = |without: &Without| WithoutReport {
        namespace: without.namespace.clone(),
        secret: without.name.clone(),
        key: shown_key(&without.key).into_owned(),
    };
    survey.without.iter().map(of).collect()
}

/// A login as a person recognises it: by its user.
pub(super) fn login_name(login: &PresentLogin) -> String {
    match (login.kind(), login.username()) {
        (PresentKind::Password, Some(username)) => user_name(&username),
        (PresentKind::RegistryToken, _) => "<registry token>".to_owned(),
        _ => "<identity token>".to_owned(),
    }
}

/// A user name, in quotes if it could be taken for something else: anybody may have chosen it.
pub(super) fn user_name(name: &str) -> String {
    let is_plain = |c: char| c.is_alphanumeric() || "-_.@+$/\\".contains(c);
    if !name.is_empty() && name.chars().all(is_plain) { name.to_owned() } else { format!("{name:?}") }
}

/// Shows the groups as a table on stderr.
pub(super) fn show(survey: &Survey, chosen: Option<&Logins>, now: DateTime<Utc>) {
    let mut columns = vec![
        Column { title: "REGISTRY", yields: false },
        Column { title: "USER", yields: false },
        Column { title: "SECRETS", yields: false },
        Column { title: "NAMESPACES", yields: false },
        Column { title: "EXAMPLE", yields: false },
        Column { title: "AGE", yields: false },
    ];
    if chosen.is_some() {
        columns.push(Column { title: "CHOSEN", yields: false });
    }
    let row = |group: &Group| {
        let mut row = vec![
            Cell::new(shown_key(&group.registry)),
            Cell::new(login_name(&group.login)),
            Cell::new(group.holders.len().to_string()),
            Cell::new(group.namespaces().to_string()),
            Cell::new(group.example().map(Holder::reference).unwrap_or_default()),
            Cell::new(group.oldest().map(|at| output::age(at, now)).unwrap_or_default()),
        ];
        if let Some(chosen) = chosen {
            row.push(Cell::new(if group.is_in(chosen) { "yes" } else { "no" }));
        }
        row
    };
    let rows: Vec<_> = survey.groups.iter().take(SHOWN).map(row).collect();
    table::tell(&columns, &rows);
    if survey.groups.len() > SHOWN {
        output::tell(&format!("and {} more: -o json shows all", survey.groups.len() - SHOWN));
    }
}

/// Says on stderr which entries have no login, and are left alone.
pub(super) fn note_without(survey: &Survey) {
    let named: BTreeSet<_> =
        survey.without.iter().map(|without| format!("{}/{}", without.namespace, without.name)).collect();
    if named.is_empty() {
        return;
    }
    let count = named.len();
    let (noun, verb) = if count == 1 { ("Secret has", "is") } else { ("Secrets have", "are") };
    let more = if count > NAMED { format!(" and {} more", count - NAMED) } else { String::new() };
    let named = named.into_iter().take(NAMED).collect::<Vec<_>>().join(", ");
    output::note(&format!(
        "{count} {noun} an entry without a login, which {verb} left alone (`kubectl regcred set` fills one): \
         {named}{more}"
    ));
}

/// Says on stderr how many logins were not chosen.
pub(super) fn note_left(survey: &Survey, chosen: &Logins) {
    let left: Vec<_> = survey.groups.iter().filter(|group| !group.is_in(chosen)).collect();
    let Some(first) = left.first().and_then(|group| group.example()) else { return };
    let secrets: usize = left.iter().map(|group| group.holders.len()).sum();
    let logins =
        if left.len() == 1 { "1 other login".to_owned() } else { format!("{} other logins", left.len()) };
    let secrets = if secrets == 1 { "1 Secret".to_owned() } else { format!("{secrets} Secrets") };
    output::note(&format!(
        "{logins} for the registry, in {secrets}, left alone (such as in {}); --dry-run=client shows them",
        first.reference()
    ));
}
