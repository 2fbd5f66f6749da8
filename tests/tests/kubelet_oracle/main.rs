//! Our understanding of the kubelet against the kubelet's own code: recorded cases, and random ones.
//!
//! A run makes new random cases each time and prints the seed that makes them again. `cargo xtask test --long`
//! tries a million.

#![cfg(test)]
#![expect(clippy::disallowed_methods, reason = "the environment says how many cases to try, and which")]

mod compare;
mod dice;
mod images;
mod json;
mod keys;
mod secrets;
mod shrink;
mod values;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::Write as _;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use regcred_core::image::ImageReference;
use regcred_tests::oracle::{Answer, Case, Oracle, Secret, Stored};
use serde_json::Value;

use compare::{Traits, VARIANTS, compare};
use dice::Dice;

/// How many cases a run tries that nobody asks for more.
const CASES: u64 = 6_000;
/// How many cases an oracle is asked at a time.
const BATCH: u64 = 500;

#[test]
fn the_oracle_answers_as_the_kubelet_did_when_the_vectors_were_recorded() {
    let vectors = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/vectors/kubelet-lookup.jsonl"));
    let vectors: Vec<Value> = vectors.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let cases: Vec<Case> = vectors.iter().map(recorded).collect();
    let answers = Oracle::start().ask(&cases);
    assert_eq!(answers.len(), 288);
    for ((vector, case), answer) in vectors.iter().zip(&cases).zip(&answers) {
        // Ties were recorded in the order of that day: as sets they are compared with ours.
        compare(case, answer).unwrap_or_else(|difference| panic!("{difference}\n{vector}"));
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        match answer {
            Answer::BadImage(_) => assert_eq!(vector["image_error"], true, "{vector}"),
            Answer::BadSecret(..) => assert_eq!(vector["pull_error"], true, "{vector}"),
            Answer::Lookup { image, tried, .. } => {
                assert!(vector["image_error"].is_null() && vector["pull_error"].is_null(), "{vector}");
                assert_eq!(image.repository, text(&vector["repository"]), "{vector}");
                assert_eq!(image.tag, text(&vector["tag"]), "{vector}");
                assert_eq!(image.digest, text(&vector["digest"]), "{vector}");
                let mut recorded: Vec<_> = vector["credentials"]
                    .as_array()
                    .into_iter()
                    .flatten()
                    .map(|c| ["secret", "username", "password", "email"].map(|field| text(&c[field])))
                    .collect();
                let mut tried: Vec<_> = tried
                    .iter()
                    .map(|c| {
                        let text = |bytes: &[u8]| regcred_core::json::lossy(bytes).to_string();
                        [c.secret.clone(), text(&c.username), text(&c.password), text(&c.email)]
                    })
                    .collect();
                recorded.sort();
                tried.sort();
                assert_eq!(tried, recorded, "{vector}");
            }
        }
    }
}

/// The case of a recorded vector.
fn recorded(vector: &Value) -> Case {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let secret = |secret: &Value| {
        let (kind, data) = (text(&secret["type"]), text(&secret["data"]).into_bytes());
        // Of other types the vector does not say which key it was.
        let under = |not_of: &str| (kind != not_of).then(|| data.clone());
        let stored = Stored {
            docker_config_json: under("kubernetes.io/dockercfg"),
            dockercfg: under("kubernetes.io/dockerconfigjson"),
            kind,
        };
        Secret { name: text(&secret["name"]), stored: Some(stored) }
    };
    let secrets = vector["secrets"].as_array().into_iter().flatten().map(secret).collect();
    Case { secrets, image: text(&vector["image"]) }
}

#[test]
fn random_pull_secrets_are_looked_up_as_the_kubelet_does() {
    let tally = try_random_cases("lookup", |dice| {
        let image = images::image(dice);
        let repository = image
            .parse::<ImageReference>()
            .map_or_else(|_| image.clone(), |image| image.repository().to_owned());
        Case { secrets: secrets::secrets(dice, &repository), image }
    });
    // Or the test could come to compare nothing with nothing.
    for (name, least, most) in [
        ("tried", 42, 70),
        ("anonymous", 15, 40),
        ("fatal", 8, 20),
        ("bad image", 5, 15),
        ("hub fallback", 4, 20),
        ("tie", 8, 40),
        ("several index keys", 12, 40),
        ("one index key of several secrets", 8, 40),
        ("no user", 10, 40),
    ] {
        tally.assert_share(name, least..=most);
    }
    for &name in VARIANTS {
        assert!(tally.traits.contains_key(name), "no case met {name}: {tally}");
    }
}

#[test]
fn random_image_names_are_read_as_the_kubelet_does() {
    let tally =
        try_random_cases("image", |dice| Case { secrets: Vec::new(), image: images::wild_image(dice) });
    tally.assert_share("bad image", 30..=75);
}

/// How many cases had which traits.
#[derive(Default)]
struct Tally {
    cases: u64,
    traits: BTreeMap<&'static str, u64>,
}

impl Tally {
    fn add(&mut self, traits: Traits) {
        self.cases += 1;
        for name in traits {
            *self.traits.entry(name).or_default() += 1;
        }
    }

    fn merge(&mut self, other: Self) {
        self.cases += other.cases;
        for (name, count) in other.traits {
            *self.traits.entry(name).or_default() += count;
        }
    }

    fn assert_share(&self, name: &str, percent: std::ops::RangeInclusive<u64>) {
        let share = self.traits.get(name).copied().unwrap_or_default() * 100 / self.cases;
        assert!(percent.contains(&share), "{share} % of the cases have the trait `{name}`: {self}");
    }
}

impl std::fmt::Display for Tally {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} cases", self.cases)?;
        self.traits.iter().try_for_each(|(name, count)| write!(f, ", {name} {count}"))
    }
}

/// Compares as many random cases as wanted; fails with a small one if one differs.
///
/// Each case has a seed of its own, which follows from the first's: whatever seed a failure names makes that
/// case the first one.
fn try_random_cases(what: &str, make: impl Fn(&mut Dice) -> Case + Sync) -> Tally {
    let first = number(xtask::test::SEED).unwrap_or_else(|| fastrand::u64(..1 << 48));
    let wanted = number(xtask::test::CASES).unwrap_or(CASES);
    // Past the test harness, which would swallow what `eprintln!` writes in a test that passes.
    let _ = writeln!(std::io::stderr(), "{what}: {wanted} random cases, {}={first}", xtask::test::SEED);
    let make = |seed: u64| make(&mut Dice::new(seed));

    let next = AtomicU64::new(0);
    let different: Mutex<Option<(u64, Case)>> = Mutex::new(None);
    let work = || {
        let mut oracle = Oracle::start();
        let mut tally = Tally::default();
        while different.lock().unwrap().is_none() {
            let batch = next.fetch_add(BATCH, Ordering::Relaxed);
            let seeds: Vec<u64> =
                (batch..wanted.min(batch + BATCH)).map(|place| first.wrapping_add(place)).collect();
            if seeds.is_empty() {
                break;
            }
            let cases: Vec<Case> = seeds.iter().map(|&seed| make(seed)).collect();
            let answers = oracle.ask(&cases);
            for ((seed, case), answer) in seeds.into_iter().zip(cases).zip(&answers) {
                let Ok(traits) = compare(&case, answer) else {
                    different.lock().unwrap().get_or_insert((seed, case));
                    return tally;
                };
                tally.add(traits);
            }
        }
        tally
    };
    let workers = thread::available_parallelism().map_or(1, usize::from);
    let mut tally = Tally::default();
    thread::scope(|scope| {
        let workers: Vec<_> = (0..workers).map(|_| scope.spawn(work)).collect();
        for worker in workers {
            tally.merge(worker.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)));
        }
    });
    if let Some((seed, case)) = different.into_inner().unwrap() {
        panic!("{}", explain(seed, case));
    }
    if wanted > CASES {
        let _ = writeln!(std::io::stderr(), "{what}: {tally}");
    }
    tally
}

fn number(variable: &str) -> Option<u64> {
    let value = std::env::var(variable).ok()?;
    Some(value.parse().unwrap_or_else(|_| panic!("{variable} is {value:?}, which is no number")))
}

/// What differs, in the smallest case that still differs.
fn explain(seed: u64, case: Case) -> String {
    let mut oracle = Oracle::start();
    let mut difference = |case: &Case| {
        let answer = oracle.ask(std::slice::from_ref(case)).remove(0);
        compare(case, &answer).err()
    };
    let case = shrink::shrink(case, |case| difference(case).is_some());
    let mut text = format!(
        "{}\n{}={seed} makes this the first case; made smaller, it is\nimage {:?}\n",
        difference(&case).unwrap_or_else(|| "it doesn't differ again".to_owned()),
        xtask::test::SEED,
        case.image
    );
    for Secret { name, stored } in &case.secrets {
        let Some(stored) = stored else {
            let _ = writeln!(text, "secret {name}: missing");
            continue;
        };
        let _ = writeln!(text, "secret {name} of type {:?}", stored.kind);
        for (key, data) in
            [(".dockerconfigjson", &stored.docker_config_json), (".dockercfg", &stored.dockercfg)]
        {
            if let Some(data) = data {
                let (shown, rest) = data.split_at(data.len().min(4_000));
                let more = if rest.is_empty() { "" } else { " … (cut off)" };
                let _ = writeln!(text, "  {key}: {}{more}", shown.escape_ascii());
            }
        }
    }
    text
}
