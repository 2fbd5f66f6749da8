//! `list` beside kubectl's `get secrets`, in clusters of three sizes.

use std::fs::File;
use std::io::BufReader;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde::Deserialize;
use serde::de::IgnoredAny;

use super::programs::Programs;
use super::seed::{self, seed};
use super::{Contest, Contestant, Goals, Outcome, Verdict, machine, table};
use crate::cluster::pki::Authority;
use crate::cluster::{self, Up};
use crate::environment::Environment;
use crate::failure::{Context as _, Failure, Result};

/// In how many namespaces, one after the other.
const SIZES: [usize; 3] = [10, 100, 1000];
/// The most memory that `list` may take in the largest cluster, in bytes.
const MEMORY: f64 = 48.0 * 1_048_576.0;

const PULL_SECRETS: &str = "type=kubernetes.io/dockerconfigjson";

/// Measures, and prints the tables.
#[expect(clippy::print_stdout, reason = "the tables are the result")]
pub(super) fn run(environment: &Environment, runs: u32) -> Result<Verdict> {
    let programs = Programs::new(environment)?;
    let mut tables = Vec::new();
    let mut verdict = Verdict::Met;
    cluster::with_throwaway(environment, "bench", |up| {
        let curl = Curl::new(up, &programs)?;
        let mut seeded = 0;
        for namespaces in SIZES {
            seed(&programs, up, seeded..namespaces)?;
            seeded = namespaces;
            let is_large = namespaces == SIZES[SIZES.len() - 1];
            for contest in contests(&programs, up, &curl, namespaces) {
                let goals = if is_large { contest.goals } else { Goals::default() };
                let outcomes = contest.run(runs)?;
                let (text, met) = table(contest.title, &outcomes, goals);
                verdict = verdict.and(met);
                tables.push(format!("{} pull secrets\n\n{text}", namespaces * seed::SECRETS));
                if is_large {
                    let (text, met) = memory(&outcomes[1]);
                    verdict = verdict.and(met);
                    tables.push(text);
                }
            }
        }
        Ok(())
    })?;
    println!("{}", tables.join("\n"));
    println!("{runs} runs each, in turn. {}.", machine()?);
    println!("{}.", programs.versions()?);
    Ok(verdict)
}

fn memory(outcome: &Outcome) -> (String, Verdict) {
    let verdict = Verdict::of(outcome.memory.median, MEMORY);
    let mebibytes = |bytes: f64| bytes / 1_048_576.0;
    let (taken, goal) = (mebibytes(outcome.memory.median), mebibytes(MEMORY));
    (
        format!(
            "Peak memory of {}: **{taken:.1} MiB** (goal {goal} MiB: {})\n",
            outcome.name,
            verdict.word()
        ),
        verdict,
    )
}

fn contests<'a>(programs: &'a Programs, up: &'a Up, curl: &'a Curl, namespaces: usize) -> [Contest<'a>; 2] {
    let command = move |program: &'a Path, arguments: &'static [&'static str]| {
        Box::new(move |_| programs.command(program, arguments, Some(&up.layout.kubeconfig())))
    };
    let peer = || Contestant {
        input: None,
        name: "kubectl get secrets",
        command: command(
            &programs.kubectl,
            &["get", "secrets", "-A", "--field-selector", PULL_SECRETS, "-o", "json"],
        ),
    };
    let quick = Contest {
        title: "`list -A -o json --no-consumers`",
        peer: peer(),
        ours: Contestant {
            input: None,
            name: "kubectl-regcred list --no-consumers",
            command: command(&programs.plugin, &["list", "-A", "-o", "json", "--no-consumers"]),
        },
        others: vec![Contestant { name: "curl", command: Box::new(move |_| curl.command()), input: None }],
        goals: Goals { wall: Some(0.15), memory: None },
        check: Box::new(move |written| check(written, namespaces, false)),
    };
    let full = Contest {
        title: "`list -A -o json`",
        peer: peer(),
        ours: Contestant {
            input: None,
            name: "kubectl-regcred list",
            command: command(&programs.plugin, &["list", "-A", "-o", "json"]),
        },
        others: Vec::new(),
        goals: Goals { wall: Some(0.35), memory: None },
        check: Box::new(move |written| check(written, namespaces, true)),
    };
    [quick, full]
}

/// What of a list is counted; of kubectl's, only the items.
#[derive(Deserialize)]
struct Listed {
    items: Vec<Item>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Item {
    #[serde(default)]
    findings: Vec<IgnoredAny>,
    #[serde(default)]
    used_by: Option<UsedBy>,
}

#[derive(Deserialize)]
struct UsedBy {
    verdict: String,
    known: Vec<IgnoredAny>,
}

/// Whether every program told of every Secret, and ours of every user and finding.
fn check(written: &[File], namespaces: usize, has_users: bool) -> Result<()> {
    let expect = |what: &str, count: usize, each: usize| {
        let expected = namespaces * each;
        if count == expected { Ok(()) } else { Err(Failure::new(format!("{count} {what}, not {expected}"))) }
    };
    for (number, file) in written.iter().enumerate() {
        let Listed { items } =
            serde_json::from_reader(BufReader::new(file)).cannot("read what was listed")?;
        expect("Secrets", items.len(), seed::SECRETS)?;
        // Ours is the second.
        if number != 1 {
            continue;
        }
        expect("findings", items.iter().map(|item| item.findings.len()).sum(), seed::FINDINGS)?;
        if has_users {
            let used: Vec<_> = items.iter().filter_map(|item| item.used_by.as_ref()).collect();
            let count = used.iter().filter(|used_by| used_by.verdict == "used").count();
            expect("Secrets in use", count, seed::USED)?;
            expect("users", used.iter().map(|used_by| used_by.known.len()).sum(), seed::USED)?;
        }
    }
    Ok(())
}

/// The least that a list can take: one request, and nothing done with the answer.
struct Curl {
    folder: tempfile::TempDir,
    authority: PathBuf,
    url: String,
}

impl Curl {
    fn new(up: &Up, programs: &Programs) -> Result<Self> {
        let folder = tempfile::tempdir().cannot("make a temporary folder")?;
        let pair = Authority::load(&up.layout)?.sign_client("curl", Some("system:masters"))?;
        for (name, text) in [("client.crt", &pair.certificate), ("client.key", &pair.key)] {
            let path = folder.path().join(name);
            let mut file = File::options()
                .write(true)
                .create_new(true)
                .mode(0o600)
                .open(&path)
                .cannot_at("create", &path)?;
            std::io::Write::write_all(&mut file, text.as_bytes()).cannot_at("write", &path)?;
        }
        let view = ["config", "view", "-o", "jsonpath={.clusters[0].cluster.server}"];
        let server =
            Programs::text(&mut programs.command(&programs.kubectl, &view, Some(&up.layout.kubeconfig())))?;
        let url = format!(
            "{server}/api/v1/secrets?fieldSelector={}",
            PULL_SECRETS.replace('=', "%3D").replace('/', "%2F")
        );
        Ok(Self { folder, authority: up.layout.authority_certificate(), url })
    }

    fn command(&self) -> Command {
        let mut command = Command::new("curl");
        command.args(["--silent", "--show-error", "--fail", "--cacert"]).arg(&self.authority);
        command.arg("--cert").arg(self.folder.path().join("client.crt"));
        command.arg("--key").arg(self.folder.path().join("client.key")).arg(&self.url);
        command
    }
}
