//! What `inspect` prints for people.

use chrono::{DateTime, Utc};

use crate::failure::Failure;
use crate::output;
use crate::report::{FailingPull, Finding, Inspection, Registry, SameCredential, Time};

pub(super) fn print(items: &[Inspection], now: DateTime<Utc>) -> Result<(), Failure> {
    for (at, item) in items.iter().enumerate() {
        if at > 0 {
            output::line("")?;
        }
        one(item, now)?;
    }
    Ok(())
}

fn one(item: &Inspection, now: DateTime<Utc>) -> Result<(), Failure> {
    let secret = &item.secret;
    let ago = |Time(time): Time| format!("{} ({} ago)", Time(time), output::age(time, now));
    let facts = [
        ("File", item.file.as_ref().map(|file| file.display().to_string())),
        ("Name", secret.name.clone()),
        ("Namespace", secret.namespace.clone()),
        ("Type", Some(secret.kind.clone())),
        ("Immutable", secret.immutable.then(|| "yes".to_owned())),
        ("Created", secret.created_at.map(ago)),
        ("Rotated", secret.rotated_at.map(ago)),
        ("Expires", secret.expires_at.map(|time| expires(time, now))),
        ("Managed by", secret.managed_by.clone()),
    ];
    for (name, value) in facts.into_iter().filter_map(|(name, value)| Some((name, value?))) {
        output::line(&format!("{:<13}{value}", format!("{name}:")))?;
    }
    if !secret.registries.is_empty() {
        output::line("Registries:")?;
    }
    for entry in &secret.registries {
        let findings = secret.findings.iter();
        let findings = findings.filter(|finding| finding.entry.as_deref() == Some(entry.key.as_str()));
        registry(entry, findings, now)?;
    }
    // Those of the whole Secret, and of entries that are read by nobody.
    let is_shown = |finding: &&Finding| {
        secret.registries.iter().any(|entry| finding.entry.as_deref() == Some(entry.key.as_str()))
    };
    let others: Vec<_> = secret.findings.iter().filter(|finding| !is_shown(finding)).collect();
    if !others.is_empty() {
        output::line("Findings:")?;
    }
    for finding in others {
        self::finding(finding, finding.entry.as_deref())?;
    }
    section("Same credential in:", &item.same_credential, |same| {
        output::line(&format!("  {}", shown(same)))
    })?;
    if let Some(used_by) = &secret.used_by {
        let verdict = match used_by.verdict {
            "unused" => "Used by:     nobody, as far as Kubernetes' own kinds go",
            "unknown" => "Used by:     nobody who is known",
            _ => "Used by:",
        };
        output::line(verdict)?;
        for user in &used_by.known {
            let ways = user.uses.iter().map(|usage| match (usage.how, usage.named_itself) {
                ("pull", true) => "pulls with it",
                ("pull", false) => "its pods pull with it",
                ("volume", _) => "mounts it",
                ("env", _) => "has it in its environment",
                _ => "its pods may mount it",
            });
            output::line(&format!("  {}: {}", user.title(), ways.collect::<Vec<_>>().join(", ")))?;
        }
    }
    section("Failing pulls:", item.failing_pulls.as_deref().unwrap_or_default(), failing)?;
    section("Not known:", &item.unknown, |unknown| output::line(&format!("  {unknown}")))
}

fn section<T>(title: &str, items: &[T], print: impl Fn(&T) -> Result<(), Failure>) -> Result<(), Failure> {
    if !items.is_empty() {
        output::line(title)?;
    }
    items.iter().try_for_each(print)
}

fn registry<'a>(
    entry: &Registry,
    findings: impl Iterator<Item = &'a Finding>,
    now: DateTime<Utc>,
) -> Result<(), Failure> {
    output::line(&format!("  {:?}", entry.key))?;
    let password = entry.details.as_ref().and_then(|details| {
        let field = details.password_field?;
        Some(match &details.password {
            Some(password) => format!("{:?}, in `{field}`", password.expose()),
            None => format!("in `{field}`"),
        })
    });
    let facts = [
        ("Matches", entry.details.as_ref().map(|details| details.matches.clone())),
        ("User", entry.username.as_ref().map(|user| format!("{user:?}"))),
        ("Password", Some(password.unwrap_or_else(|| "none".to_owned()))),
        ("Expires", entry.expires_at.map(|time| expires(time, now))),
    ];
    for (name, value) in facts.into_iter().filter_map(|(name, value)| Some((name, value?))) {
        output::line(&format!("    {:<11}{value}", format!("{name}:")))?;
    }
    findings.into_iter().try_for_each(|found| finding(found, None))
}

fn finding(finding: &Finding, entry: Option<&str>) -> Result<(), Failure> {
    let entry = entry.map(|entry| format!("{entry:?}: ")).unwrap_or_default();
    output::line(&format!("    {}: {entry}{}", finding.level, finding.reason))?;
    output::line(&format!("      remedy: {}", finding.remedy))
}

fn shown(same: &SameCredential) -> String {
    let place = match (&same.namespace, &same.name, &same.file) {
        (Some(namespace), Some(name), _) => format!("{namespace}/{name}"),
        (None, Some(name), _) => name.clone(),
        (_, None, Some(file)) => file.display().to_string(),
        (_, None, None) => "a Secret without a name".to_owned(),
    };
    if same.key == same.entry {
        format!("{place}, for {:?}", same.key)
    } else {
        format!("{place}, for {:?} (here {:?})", same.key, same.entry)
    }
}

fn failing(pull: &FailingPull) -> Result<(), Failure> {
    let FailingPull { pod, container, image, reason, message, tried } = pull;
    let remark = match tried {
        Some(false) => " (no entry of this Secret is for this image)",
        _ => "",
    };
    output::line(&format!("  pod/{pod}, container {container}: {image}: {reason}{remark}"))?;
    if message.is_empty() { Ok(()) } else { output::line(&format!("    {message}")) }
}

fn expires(time: Time, now: DateTime<Utc>) -> String {
    format!("{time} ({})", output::expires(time.0, now))
}
