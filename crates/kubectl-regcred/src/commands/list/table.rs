//! Pull secrets as a table.

use chrono::{DateTime, TimeDelta, Utc};
use regcred_core::lint::Level;

use crate::failure::Failure;
use crate::output::table::{Cell, Column, Look, Mood};
use crate::output::{self, table};
use crate::report::{PullSecret, Time, UsedBy};

/// What has less than this left is shown in colour.
const SOON: TimeDelta = TimeDelta::days(7);

const fn column(title: &'static str, yields: bool) -> Column {
    Column { title, yields }
}

const NARROW: [Column; 7] = [
    column("NAMESPACE", false),
    column("NAME", false),
    column("REGISTRIES", true),
    column("USED-BY", true),
    column("EXPIRES", false),
    column("AGE", false),
    column("FINDINGS", false),
];

const WIDE: [Column; 5] = [
    column("USERS", true),
    column("TYPE", true),
    column("IMMUTABLE", false),
    column("ROTATED", false),
    column("MANAGED-BY", true),
];

pub(super) fn print(
    secrets: &[PullSecret],
    is_wide: bool,
    look: Look,
    now: DateTime<Utc>,
) -> Result<(), Failure> {
    let mut columns = NARROW.to_vec();
    columns.extend(WIDE.into_iter().filter(|_| is_wide));
    let rows: Vec<_> = secrets.iter().map(|secret| row(secret, is_wide, now)).collect();
    table::print(&columns, &rows, look)
}

fn row(secret: &PullSecret, is_wide: bool, now: DateTime<Utc>) -> Vec<Cell> {
    let text = |text: Option<&str>| Cell::new(text.unwrap_or_default());
    let since =
        |time: Option<Time>| Cell::new(time.map_or(String::new(), |Time(time)| output::age(time, now)));
    let keys: Vec<_> = secret.registries.iter().map(|registry| registry.key.as_str()).collect();
    let mut row = vec![
        text(secret.namespace.as_deref()),
        text(secret.name.as_deref()),
        Cell::new(listed(&keys)),
        // With --no-consumers nobody asked.
        Cell::new(secret.used_by.as_ref().map_or("-".to_owned(), UsedBy::summary)),
        expiry(secret, now),
        since(secret.created_at),
        findings(secret),
    ];
    if is_wide {
        let users: Vec<_> =
            secret.registries.iter().filter_map(|registry| registry.username.as_deref()).collect();
        row.extend([
            Cell::new(listed(&users)),
            Cell::new(&secret.kind),
            Cell::new(if secret.immutable { "true" } else { "false" }),
            since(secret.rotated_at),
            text(secret.managed_by.as_deref()),
        ]);
    }
    row
}

/// Words with commas between them. One that could be taken for several is quoted.
fn listed(words: &[&str]) -> String {
    let quoted = words.iter().map(|word| {
        if word.is_empty() || word.contains([',', '"', ' ']) {
            format!("{word:?}")
        } else {
            (*word).to_owned()
        }
    });
    quoted.collect::<Vec<_>>().join(", ")
}

fn expiry(secret: &PullSecret, now: DateTime<Utc>) -> Cell {
    let Some(Time(at)) = secret.expires_at else { return Cell::new("") };
    let mood = if at <= now {
        Mood::Bad
    } else if at - now < SOON {
        Mood::Warning
    } else {
        Mood::Plain
    };
    Cell::with_mood(output::expires(at, now), mood)
}

/// How many findings there are of the worst level.
fn findings(secret: &PullSecret) -> Cell {
    let Some(worst) = secret.worst() else { return Cell::new("") };
    let count = secret.findings.iter().filter(|finding| finding.level == worst).count();
    let (noun, mood) = match worst {
        Level::Fatal => ("fatal", Mood::Bad),
        Level::Warning if count == 1 => ("warning", Mood::Warning),
        Level::Warning => ("warnings", Mood::Warning),
        Level::Note if count == 1 => ("note", Mood::Plain),
        Level::Note => ("notes", Mood::Plain),
    };
    Cell::with_mood(format!("{count} {noun}"), mood)
}
