//! Outcomes as a table in Markdown, with the goals beside them.

use super::contest::{Goals, Outcome, Spread};

/// Whether all goals are reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub enum Verdict {
    /// All of them.
    Met,
    /// All but one or more.
    Missed,
}

impl Verdict {
    /// Whether a measured value stays within its goal.
    pub fn of(value: f64, goal: f64) -> Self {
        if value <= goal { Self::Met } else { Self::Missed }
    }

    /// This and another goal.
    pub fn and(self, other: Self) -> Self {
        if self == Self::Met { other } else { self }
    }

    /// The word for it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Met => "met",
            Self::Missed => "missed",
        }
    }
}

/// The table of a contest, and whether our command reached its goals. The outcomes are those of [`Contest::run`].
///
/// [`Contest::run`]: super::Contest::run
pub fn table(title: &str, outcomes: &[Outcome], goals: Goals) -> (String, Verdict) {
    let mut lines = vec![
        format!("| {title} | wall: median (middle half) | | peak memory: median (middle half) | |"),
        "|---|---|---|---|---|".to_owned(),
    ];
    let mut verdict = Verdict::Met;
    for (number, Outcome { name, wall, memory, memory_is_bound }) in outcomes.iter().enumerate() {
        let peer = &outcomes[0];
        let goals = if number == 1 { goals } else { Goals::default() };
        let mut share = |value: Spread, peer: Spread, goal: Option<f64>| {
            let share = value.median / peer.median;
            let Some(goal) = goal else { return format!("{share:.2}×") };
            let reached = Verdict::of(share, goal);
            verdict = verdict.and(reached);
            format!("**{share:.2}×** (goal {goal}×: {})", reached.word())
        };
        let shares = (share(*wall, peer.wall, goals.wall), share(*memory, peer.memory, goals.memory));
        let (wall, memory) = (shown(*wall, 1e3, "ms"), shown(*memory, 1.0 / 1_048_576.0, "MiB"));
        let bound = if *memory_is_bound { "at most " } else { "" };
        lines.push(format!("| {name} | {wall} | {} | {bound}{memory} | {bound}{} |", shares.0, shares.1));
    }
    lines.push(String::new());
    (lines.join("\n"), verdict)
}

fn shown(Spread { median, low, high }: Spread, factor: f64, unit: &str) -> String {
    format!("{:.1} {unit} ({:.1}–{:.1})", median * factor, low * factor, high * factor)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcome(name: &str, wall: f64, memory: f64) -> Outcome {
        let even = |median| Spread { median, low: median, high: median };
        Outcome {
            name: name.to_owned(),
            wall: even(wall),
            memory: even(memory * 1_048_576.0),
            memory_is_bound: memory < 1.0,
        }
    }

    #[test]
    fn goals_are_for_the_second_and_compare_it_with_the_first() {
        let outcomes = [outcome("peer", 0.1, 10.0), outcome("ours", 0.01, 5.0), outcome("other", 0.2, 0.5)];
        let goals = Goals { wall: Some(0.15), memory: Some(0.25) };
        let (text, verdict) = table("work", &outcomes, goals);
        assert_eq!(
            text,
            "| work | wall: median (middle half) | | peak memory: median (middle half) | |\n\
             |---|---|---|---|---|\n\
             | peer | 100.0 ms (100.0–100.0) | 1.00× | 10.0 MiB (10.0–10.0) | 1.00× |\n\
             | ours | 10.0 ms (10.0–10.0) | **0.10×** (goal 0.15×: met) | 5.0 MiB (5.0–5.0) | \
             **0.50×** (goal 0.25×: missed) |\n\
             | other | 200.0 ms (200.0–200.0) | 2.00× | at most 0.5 MiB (0.5–0.5) | at most 0.05× |\n"
        );
        assert_eq!(verdict, Verdict::Missed);
        assert_eq!(table("work", &outcomes, Goals { memory: None, ..goals }).1, Verdict::Met);
    }
}
