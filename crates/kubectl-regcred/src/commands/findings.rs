//! Telling on stderr what is wrong with a pull secret that is written.

use chrono::{DateTime, Utc};
use regcred_core::lint::{Finding, Level, Subject, lint};
use regcred_core::stored::Stored;

use crate::output;

/// Shows what is wrong with it; returns whether it would fail every pull.
pub(super) fn warn(stored: Stored<'_>, now: DateTime<Utc>) -> bool {
    let findings = lint(&Subject { stored, last_applied: None, now });
    for Finding { entry, problem } in &findings {
        let entry = entry.as_ref().map(|entry| format!("{entry:?}: ")).unwrap_or_default();
        let text = format!("{entry}{problem}; {}", problem.remedy());
        if problem.level() == Level::Note { output::note(&text) } else { output::warning(&text) }
    }
    findings.iter().any(|finding| finding.problem.level() == Level::Fatal)
}
