//! When a request is worth sending again, and after how long.
//!
//! Decided in one place for all commands, because a repeated request is only harmless if what happened to the first
//! one is known. Reads can always be repeated. Of changes, only those that the server turned away (429); one whose
//! answer was lost may have been made, and whoever made it has to look (`create::create`).

use std::time::Duration;

use http::{HeaderMap, Method, StatusCode, header};

/// How often a request is sent at most.
pub(super) const ATTEMPTS: u32 = 4;
/// The pause after the first attempt; each is twice the one before. Without jitter: one command is no herd.
const FIRST_PAUSE: Duration = Duration::from_millis(200);
/// A server that wants us to stay away longer than this gets no other try: a person waits for the answer.
const PATIENCE: Duration = Duration::from_secs(10);

/// What came of an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// The server answered, and asked to stay away for so long, if it did.
    Answered(StatusCode, Option<Duration>),
    /// The connection broke after it was made; the server may or may not have done its work.
    Broken,
    /// Trying again does not help: no connection could be made, or the time is up.
    Hopeless,
}

/// How long to wait before `attempt` (counted from 1) is repeated; `None` if it must not be.
pub(super) fn pause_before_next(method: &Method, outcome: Outcome, attempt: u32) -> Option<Duration> {
    if attempt >= ATTEMPTS || !is_passing(outcome) {
        return None;
    }
    let turned_away = matches!(outcome, Outcome::Answered(StatusCode::TOO_MANY_REQUESTS, _));
    if !turned_away && method != Method::GET {
        return None;
    }
    match outcome {
        Outcome::Answered(_, Some(asked)) => (asked <= PATIENCE).then_some(asked),
        _ => Some(pause(attempt)),
    }
}

/// The pause after `attempt`, counted from 1.
pub(super) fn pause(attempt: u32) -> Duration {
    FIRST_PAUSE * 2_u32.saturating_pow(attempt.saturating_sub(1))
}

/// Whether it is a trouble that passes.
pub(super) fn is_passing(outcome: Outcome) -> bool {
    match outcome {
        Outcome::Answered(status, _) => matches!(
            status,
            StatusCode::TOO_MANY_REQUESTS
                | StatusCode::INTERNAL_SERVER_ERROR
                | StatusCode::BAD_GATEWAY
                | StatusCode::SERVICE_UNAVAILABLE
                | StatusCode::GATEWAY_TIMEOUT
        ),
        Outcome::Broken => true,
        Outcome::Hopeless => false,
    }
}

/// How long the server asks to stay away. Kubernetes sends seconds, never a date.
pub(super) fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    headers.get(header::RETRY_AFTER)?.to_str().ok()?.trim().parse().ok().map(Duration::from_secs)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answered(status: u16, asked: Option<u64>) -> Outcome {
        Outcome::Answered(StatusCode::from_u16(status).unwrap(), asked.map(Duration::from_secs))
    }

    fn millis(method: &Method, outcome: Outcome, attempt: u32) -> Option<u128> {
        pause_before_next(method, outcome, attempt).map(|pause| pause.as_millis())
    }

    #[test]
    fn reads_are_repeated_a_few_times_with_growing_pauses() {
        for outcome in [answered(500, None), answered(503, None), answered(429, None), Outcome::Broken] {
            let pauses: Vec<_> = (1..=4).map(|attempt| millis(&Method::GET, outcome, attempt)).collect();
            assert_eq!(pauses, [Some(200), Some(400), Some(800), None], "{outcome:?}");
        }
    }

    #[test]
    fn a_change_is_repeated_only_if_it_was_turned_away() {
        for method in [Method::POST, Method::PATCH, Method::DELETE] {
            assert_eq!(millis(&method, answered(429, None), 1), Some(200));
            for outcome in [answered(500, None), answered(503, Some(1)), answered(504, None), Outcome::Broken]
            {
                assert_eq!(millis(&method, outcome, 1), None, "{method} {outcome:?}");
            }
        }
    }

    #[test]
    fn what_does_not_pass_is_final() {
        for outcome in [answered(200, None), answered(404, None), answered(409, None), Outcome::Hopeless] {
            assert_eq!(millis(&Method::GET, outcome, 1), None, "{outcome:?}");
        }
    }

    #[test]
    fn the_server_says_how_long_within_reason() {
        assert_eq!(millis(&Method::POST, answered(429, Some(1)), 1), Some(1000));
        assert_eq!(millis(&Method::GET, answered(503, Some(10)), 3), Some(10_000));
        assert_eq!(millis(&Method::GET, answered(503, Some(11)), 1), None);
    }
}
