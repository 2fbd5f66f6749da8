//! Commands that do the same, run in turn and measured.

use std::fs::File;
use std::io::{Read as _, Seek as _};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use wait4::Wait4 as _;

use crate::failure::{Context as _, Failure, Result};
use crate::interrupt;

/// A command that is measured.
pub struct Contestant<'a> {
    /// What the table calls it.
    pub name: &'a str,
    /// The command for each run: run 0 warms up and is not counted, so that `n` runs need the names of `n + 1`.
    pub command: Box<dyn Fn(u32) -> Command + 'a>,
    /// The file that it reads as its stdin; nothing if there is none.
    pub input: Option<&'a Path>,
}

/// The most that we allow ourselves, as a share of what the peer takes.
#[derive(Debug, Clone, Copy, Default)]
pub struct Goals {
    /// Of wall time.
    pub wall: Option<f64>,
    /// Of peak memory.
    pub memory: Option<f64>,
}

/// Tells from what each command wrote to stdout in run 0, in the order of [`Contest::contestants`], whether all did
/// what they should.
///
/// It gets files, and should not take more memory than it must: what this program took at most counts as taken by
/// each command too (see [`Contest::run`]).
pub type Check<'a> = Box<dyn Fn(&[File]) -> Result<()> + 'a>;

/// Commands that do the same.
pub struct Contest<'a> {
    /// What they do.
    pub title: &'a str,
    /// What the others are compared with.
    pub peer: Contestant<'a>,
    /// Our command, which the goals are for.
    pub ours: Contestant<'a>,
    /// More to be shown beside it.
    pub others: Vec<Contestant<'a>>,
    /// What our command should reach.
    pub goals: Goals,
    /// Whether it is worth while to measure.
    pub check: Check<'a>,
}

/// The middle of many measurements, and where the middle half of them lies.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Spread {
    /// Half of them are below, half above.
    pub median: f64,
    /// A quarter of them is below.
    pub low: f64,
    /// A quarter of them is above.
    pub high: f64,
}

/// What came of a contestant.
#[derive(Debug)]
pub struct Outcome {
    /// The contestant's name.
    pub name: String,
    /// From start to end, in seconds.
    pub wall: Spread,
    /// The greatest resident set (`ru_maxrss`) of the process or a child that it waited for, in bytes.
    pub memory: Spread,
    /// Whether it was no more than this program's own, which counts as the command's: then it is only known that
    /// it was not more.
    pub memory_is_bound: bool,
}

/// One run of one command.
struct Run {
    wall: Duration,
    memory: u64,
    stdout: File,
}

impl Contest<'_> {
    /// The peer, our command, the others.
    pub fn contestants(&self) -> Vec<&Contestant<'_>> {
        [&self.peer, &self.ours].into_iter().chain(&self.others).collect()
    }

    /// Runs every command once, checks what they did, and then each `runs` times in turn. A command that fails is
    /// an error: it would be fast for nothing. Returns the outcomes, in the same order.
    pub fn run(&self, runs: u32) -> Result<Vec<Outcome>> {
        let contestants = self.contestants();
        let mut written = Vec::new();
        for contestant in &contestants {
            let mut run = measure(contestant, 0)?;
            run.stdout.rewind().cannot("read output back")?;
            written.push(run.stdout);
        }
        (self.check)(&written)?;
        // Linux counts the memory of the parent up to the moment when the new program replaces it.
        let floor = measure(
            &Contestant { name: "true", command: Box::new(|_| Command::new("true")), input: None },
            0,
        )?
        .memory;

        let mut samples = vec![Vec::new(); contestants.len()];
        for number in 1..=runs {
            for (contestant, samples) in contestants.iter().zip(&mut samples) {
                interrupt::check()?;
                let run = measure(contestant, number)?;
                samples.push((run.wall, run.memory));
            }
        }
        let outcomes = contestants.iter().zip(samples).map(|(contestant, samples)| Outcome {
            name: contestant.name.to_owned(),
            memory_is_bound: samples.iter().any(|(_, memory)| *memory <= floor),
            wall: spread(samples.iter().map(|(wall, _)| wall.as_secs_f64())),
            #[expect(clippy::cast_precision_loss, reason = "gigabytes fit exactly")]
            memory: spread(samples.iter().map(|(_, memory)| *memory as f64)),
        });
        Ok(outcomes.collect())
    }
}

fn measure(contestant: &Contestant, number: u32) -> Result<Run> {
    let name = contestant.name;
    let stdout = tempfile::tempfile().cannot("make a temporary file")?;
    let mut stderr = tempfile::tempfile().cannot("make a temporary file")?;
    let copy = |file: &File| file.try_clone().cannot("use a temporary file");
    let mut command = (contestant.command)(number);
    let stdin = match contestant.input {
        Some(path) => File::open(path).cannot_at("open", path)?.into(),
        None => Stdio::null(),
    };
    command.stdin(stdin).stdout(copy(&stdout)?).stderr(copy(&stderr)?);
    let start = Instant::now();
    let child = command.spawn().cannot(format_args!("start `{name}`"))?;
    let used = child.wait4().cannot(format_args!("wait for `{name}`"))?;
    let wall = start.elapsed();
    if !used.status.success() {
        interrupt::check()?;
        let mut text = String::new();
        stderr.rewind().and_then(|()| stderr.read_to_string(&mut text)).cannot("read messages back")?;
        return Err(Failure::new(format!(
            "`{name}` failed in run {number} ({}): {}",
            used.status,
            text.trim()
        )));
    }
    Ok(Run { wall, memory: used.rusage.maxrss, stdout })
}

/// The quartiles of at least one number.
fn spread(numbers: impl Iterator<Item = f64>) -> Spread {
    let mut numbers: Vec<_> = numbers.collect();
    numbers.sort_by(f64::total_cmp);
    // Between two numbers, their mean.
    let at = |quarter: usize| {
        let quarters = (numbers.len() - 1) * quarter;
        f64::midpoint(numbers[quarters / 4], numbers[quarters.div_ceil(4)])
    };
    Spread { median: at(2), low: at(1), high: at(3) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell<'a>(name: &'a str, script: &'a str, folder: &'a Path) -> Contestant<'a> {
        let command = move |number: u32| {
            let mut command = Command::new("sh");
            command.args(["-c", script]).current_dir(folder).env("N", number.to_string());
            command
        };
        Contestant { name, command: Box::new(command), input: None }
    }

    fn contest<'a>(peer: Contestant<'a>, ours: Contestant<'a>) -> Contest<'a> {
        let check = Box::new(|_: &[File]| Ok(()));
        Contest { title: "", peer, ours, others: Vec::new(), goals: Goals::default(), check }
    }

    /// A shell that takes more memory than the test program, so that it can be measured.
    const GROW: &str = "x=$(head -c 40000000 /dev/zero | tr '\\0' x); ";

    #[test]
    fn the_commands_take_turns() {
        let folder = tempfile::tempdir().unwrap();
        let (one, two) = (format!("{GROW} echo a$N >> log"), format!("{GROW} echo b$N >> log"));
        let contest = contest(shell("one", &one, folder.path()), shell("two", &two, folder.path()));
        let outcomes = contest.run(2).unwrap();
        let log = std::fs::read_to_string(folder.path().join("log")).unwrap();
        assert_eq!(log.split_whitespace().collect::<Vec<_>>(), ["a0", "b0", "a1", "b1", "a2", "b2"]);
        assert_eq!(outcomes.iter().map(|outcome| outcome.name.as_str()).collect::<Vec<_>>(), ["one", "two"]);
        assert!(outcomes.iter().all(|outcome| outcome.memory.median > 40e6), "{outcomes:?}");
        assert!(outcomes.iter().all(|outcome| outcome.wall.median > 0.0), "{outcomes:?}");
    }

    #[test]
    fn a_command_that_fails_is_an_error_with_its_own_words() {
        let folder = tempfile::tempdir().unwrap();
        let fails = shell("fails", "echo why >&2; [ $N = 0 ]", folder.path());
        let failure = contest(shell("fine", GROW, folder.path()), fails).run(1).unwrap_err().to_string();
        assert!(failure.contains("`fails` failed in run 1 (exit status: 1): why"), "{failure}");
    }

    #[test]
    fn what_is_not_right_is_not_measured() {
        let folder = tempfile::tempdir().unwrap();
        let mut contest =
            contest(shell("one", "echo 1; : > one$N", folder.path()), shell("two", "echo 2", folder.path()));
        contest.check = Box::new(|written| {
            let text = |mut file: &File| {
                let mut text = String::new();
                file.read_to_string(&mut text).unwrap();
                text
            };
            assert_eq!(written.iter().map(text).collect::<Vec<_>>(), ["1\n", "2\n"]);
            Err(Failure::new("they differ"))
        });
        assert_eq!(contest.run(1).unwrap_err().to_string(), "they differ");
        assert!(!folder.path().join("one1").exists());
    }

    #[test]
    fn quartiles_lie_between_the_numbers() {
        let of = |numbers: &[f64]| spread(numbers.iter().copied());
        assert_eq!(of(&[3.0]), Spread { median: 3.0, low: 3.0, high: 3.0 });
        assert_eq!(of(&[4.0, 1.0]), Spread { median: 2.5, low: 2.5, high: 2.5 });
        assert_eq!(of(&[5.0, 1.0, 3.0, 2.0, 4.0]), Spread { median: 3.0, low: 2.0, high: 4.0 });
    }
}
