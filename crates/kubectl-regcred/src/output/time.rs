//! Times as kubectl's tables show them.

use chrono::{DateTime, TimeDelta, Utc};

/// How long ago something was made: `5d`, `3m20s`.
pub(crate) fn age(since: DateTime<Utc>, now: DateTime<Utc>) -> String {
    human(now - since)
}

/// When something ends, seen from now: `in 5d`, or `5d ago` if it has.
pub(crate) fn expires(at: DateTime<Utc>, now: DateTime<Utc>) -> String {
    if at > now { format!("in {}", human(at - now)) } else { format!("{} ago", human(now - at)) }
}

/// A duration in two units at most, as kubectl rounds it (apimachinery `duration.HumanDuration`).
fn human(duration: TimeDelta) -> String {
    let seconds = duration.num_seconds().max(0);
    let (minutes, hours) = (seconds / 60, seconds / 3600);
    let (days, years) = (hours / 24, hours / 24 / 365);
    let two = |first: i64, unit: &str, second: i64, lesser: &str| match second {
        0 => format!("{first}{unit}"),
        _ => format!("{first}{unit}{second}{lesser}"),
    };
    match () {
        () if seconds < 60 * 2 => format!("{seconds}s"),
        () if minutes < 10 => two(minutes, "m", seconds % 60, "s"),
        () if minutes < 60 * 3 => format!("{minutes}m"),
        () if hours < 8 => two(hours, "h", minutes % 60, "m"),
        () if hours < 48 => format!("{hours}h"),
        () if days < 8 => two(days, "d", hours % 24, "h"),
        () if days < 365 * 2 => format!("{days}d"),
        () if years < 8 => two(years, "y", days % 365, "d"),
        () => format!("{years}y"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_rounded_as_kubectl_does() {
        for (seconds, shown) in [
            (0, "0s"),
            (119, "119s"),
            (120, "2m"),
            (200, "3m20s"),
            (600, "10m"),
            (10_799, "179m"),
            (10_800, "3h"),
            (11_000, "3h3m"),
            (28_800, "8h"),
            (172_799, "47h"),
            (176_400, "2d1h"),
            (691_200, "8d"),
            (63_072_000, "2y"),
            (63_158_400, "2y1d"),
            (252_288_000, "8y"),
        ] {
            assert_eq!(human(TimeDelta::seconds(seconds)), shown);
        }
    }

    #[test]
    fn an_end_is_ahead_or_past() {
        let at = |seconds| DateTime::UNIX_EPOCH + TimeDelta::seconds(seconds);
        assert_eq!(expires(at(86_400 * 9), at(0)), "in 9d");
        assert_eq!(expires(at(0), at(7200 * 24)), "2d ago");
    }
}
