//! Skipping a test, aloud.

#![expect(
    clippy::disallowed_methods,
    reason = "`cargo xtask test` says in the environment where to report skips"
)]

use std::fs::OpenOptions;
use std::io::Write as _;
use std::panic::Location;
use std::thread;

/// Reports that the calling test can't do its work here, because `reason` ("docker is missing"); the test
/// then returns by itself.
///
/// `cargo xtask test` lists all skips at its end, and in CI accepts only those in `tests/skips-allowed.txt`.
#[track_caller]
pub fn skip(reason: &str) {
    let line = format!("{}: {reason}\n", test_name(Location::caller()));
    // Past the test harness, which would swallow what `eprintln!` writes in a test that passes.
    let _ = std::io::stderr().write_all(format!("skipped {line}").as_bytes());
    if let Some(report) = std::env::var_os(xtask::skips::REPORT) {
        let mut file =
            OpenOptions::new().append(true).create(true).open(&report).expect("the skip report opens");
        // One write, so that lines of tests side by side don't mix.
        file.write_all(line.as_bytes()).expect("the skip report can be written");
    }
}

/// The harness names a test's thread after the test, unless it runs them one by one on the main thread.
fn test_name(caller: &Location<'_>) -> String {
    match thread::current().name() {
        Some(name) if name != "main" => name.to_owned(),
        _ => format!("{}:{}", caller.file(), caller.line()),
    }
}
