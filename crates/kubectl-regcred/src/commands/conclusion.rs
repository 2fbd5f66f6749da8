//! How a command ends that worked on many objects: what failed, the numbers, and the exit code.

use serde::Serializer;

use super::flags::DryRun;
use crate::failure::{Failure, exit};
use crate::output;

/// Tells of the failures, each hint once, and prints the numbers if there were several objects; returns the exit code:
/// that of the failures if they agree. `rest` is the command that does what is left to do, if it is another one than
/// this.
pub(super) fn conclude(
    failures: &[&Failure],
    numbers: Option<String>,
    interrupted: bool,
    rest: Option<&str>,
) -> Result<u8, Failure> {
    let mut hints = Vec::new();
    for failure in failures {
        let hint = failure.hint.clone().filter(|hint| !hints.contains(hint));
        hints.extend(hint.clone());
        output::failure(&Failure { hint, ..(*failure).clone() });
    }
    if let Some(numbers) = numbers {
        output::note(&numbers);
    }
    if interrupted {
        let hint = match rest {
            Some(command) => format!("this finishes the rest, and touches nothing done: {command}"),
            None => "the same command again finishes the rest, and touches nothing done".to_owned(),
        };
        return Err(Failure::new(
            exit::INTERRUPTED,
            "interrupted; what is said above was done, and nothing else",
        )
        .hint(hint));
    }
    if let Some(command) = rest {
        output::note(&format!("this finishes the rest, and touches nothing done: {command}"));
    }
    let Some((first, rest)) = failures.split_first() else { return Ok(exit::DONE) };
    Ok(if rest.iter().all(|failure| failure.code == first.code) { first.code } else { exit::FAILED })
}

/// The numbers of each outcome that there was, in the order of `words`: `3 changed, 1 failed`.
pub(super) fn numbers<O: PartialEq>(outcomes: &[O], words: &[(O, &str)], dry_run: DryRun) -> String {
    let counts = words.iter().filter_map(|(outcome, word)| {
        let count = outcomes.iter().filter(|known| *known == outcome).count();
        (count > 0).then(|| format!("{count} {word}"))
    });
    format!("{}{}", counts.collect::<Vec<_>>().join(", "), dry_run.suffix())
}

/// Writes the reason of a failure as its message alone.
#[expect(clippy::ref_option, reason = "serde hands it over so")]
pub(super) fn reason<S: Serializer>(failure: &Option<Failure>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_some(&failure.as_ref().map(|failure| &failure.message))
}
