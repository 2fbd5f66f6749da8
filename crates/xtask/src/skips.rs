//! Tests that were skipped: told aloud, and in CI only with a reason on record.
//!
//! A test reports a skip as one line `test name: reason` in the file that the variable [`REPORT`] names.

use std::path::{Path, PathBuf};

use crate::environment::workspace;
use crate::failure::{Context as _, Failure, Result};

/// The environment variable through which tests learn where to report a skip.
pub const REPORT: &str = "REGCRED_TEST_SKIPS";

/// The list of skips that CI accepts, in the same format as the report.
fn allowed_file() -> PathBuf {
    workspace().join("tests/skips-allowed.txt")
}

/// Prints the skips in `report`; in CI it fails for those that aren't allowed.
pub fn check(report: &Path, ci: bool) -> Result<()> {
    let report = match std::fs::read_to_string(report) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
        other => other.cannot_at("read", report)?,
    };
    let skipped = lines(&report);
    if skipped.is_empty() {
        return Ok(());
    }
    eprintln!("Skipped tests:");
    for line in &skipped {
        eprintln!("  {line}");
    }
    let path = allowed_file();
    let allowed = std::fs::read_to_string(&path).cannot_at("read", &path)?;
    let surprising = not_allowed(&skipped, &lines(&allowed));
    if !ci || surprising.is_empty() {
        return Ok(());
    }
    Err(Failure::new(format!("CI does not expect these tests to be skipped:\n{}", surprising.join("\n")))
        .hint("provide what they need, or list them with their reason in tests/skips-allowed.txt"))
}

/// The entries of a report or of the list, sorted, each once; `#` starts a comment line.
fn lines(text: &str) -> Vec<&str> {
    let mut lines: Vec<&str> =
        text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')).collect();
    lines.sort_unstable();
    lines.dedup();
    lines
}

fn not_allowed<'a>(skipped: &[&'a str], allowed: &[&str]) -> Vec<&'a str> {
    skipped.iter().copied().filter(|line| !allowed.contains(line)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_very_skip_on_record_is_allowed() {
        let allowed = lines("# why: no docker in CI\npulls: docker is missing\n\n");
        let skipped = lines("pulls: docker is missing\npulls: no network\nother: docker is missing\n");
        assert_eq!(not_allowed(&skipped, &allowed), ["other: docker is missing", "pulls: no network"]);
    }
}
