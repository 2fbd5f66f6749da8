//! `rotate` in many namespaces, beside `kubectl patch` under xargs, and beside curl as the fastest that can be had.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::io::BufReader;
use std::path::Path;
use std::process::{Command, Stdio};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde_json::{Value, json};

use super::tools::Tools;
use super::{Contest, Contestant, Goals, Verdict, machine, table};
use crate::cluster::{self, Up};
use crate::environment::Environment;
use crate::failure::{Context as _, Failure, Result};
use crate::{cargo, kubernetes, setup};

const REGISTRY: &str = "registry.example.com";
const USERNAME: &str = "robot";
/// `rotate` is to be this much faster than xargs.
const TIMES_FASTER: f64 = 15.0;
/// And may take as much longer than curl, besides reading the list.
const TIMES_CURL: f64 = 3.0;

/// Measures, and prints the table.
#[expect(clippy::print_stdout, reason = "the table is the result")]
pub(super) fn run(environment: &Environment, runs: u32, namespaces: u32) -> Result<Verdict> {
    setup::ensure(environment)?;
    let kubectl = kubernetes::programs(environment)?.kubectl;
    let plugin = cargo::build_release(environment, "kubectl-regcred")?;
    let (outcomes, title) = cluster::with_throwaway(environment, "bench", |up| {
        let world = World::prepare(up, &kubectl, &plugin, namespaces)?;
        let title = format!("`rotate --registry R -A --yes` over {namespaces} namespaces");
        let contest = world.contest(&title);
        let outcomes = contest.run(runs)?;
        drop(contest);
        world.read_back()?;
        world.trouble.into_inner()?;
        Ok((outcomes, title))
    })?;
    // The goals are not shares of one peer's time, so they are told below the table.
    let (text, _) = table(&title, &outcomes, Goals::default());
    let wall = |number: usize| outcomes.get(number).map_or(f64::NAN, |outcome| outcome.wall.median);
    let (xargs, ours, curl, list) = (wall(0), wall(1), wall(2), wall(3));
    let verdict = Verdict::of(TIMES_FASTER * ours, xargs);
    let limit = TIMES_CURL * curl + list;
    let of_curl = Verdict::of(ours, limit);
    println!("{text}");
    println!(
        "**{:.1}×** faster than xargs (goal {TIMES_FASTER}×: {}); {:.2} s, and {TIMES_CURL}× curl plus the list is {limit:.2} s ({}).",
        xargs / ours,
        verdict.word(),
        ours,
        of_curl.word()
    );
    println!(
        "{runs} runs each, in turn, each with a password of its own; all {namespaces} Secrets read back after every run."
    );
    println!("{}.", machine()?);
    Ok(verdict.and(of_curl))
}

/// What is read back of the Secrets.
#[derive(Default, Deserialize)]
struct List {
    items: Vec<Secret>,
}

#[derive(Deserialize)]
struct Secret {
    data: BTreeMap<String, String>,
}

/// The Secrets, and how each contestant changes them.
struct World<'a> {
    tools: Tools<'a>,
    namespaces: Vec<String>,
    /// The password that the last run wrote.
    expected: RefCell<String>,
    /// The first thing that was not as it should be.
    trouble: RefCell<Result<()>>,
}

impl<'a> World<'a> {
    fn prepare(up: &'a Up, kubectl: &'a Path, plugin: &'a Path, count: u32) -> Result<Self> {
        let tools = Tools::new(up, kubectl, plugin)?;
        let namespaces: Vec<_> = (0..count).map(|number| format!("bench-{number:05}")).collect();
        let (expected, trouble) = (RefCell::new("old".to_owned()), RefCell::new(Ok(())));
        let world = Self { tools, namespaces, expected, trouble };
        world.tools.write("names", &(world.namespaces.join("\n") + "\n"))?;
        world.fill()?;
        world.read_back()?;
        Ok(world)
    }

    /// Makes the namespaces, and a Secret in each.
    fn fill(&self) -> Result<()> {
        let bodies = self.namespaces.iter().map(|name| {
            let namespace = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}});
            ("/api/v1/namespaces".to_owned(), namespace)
        });
        self.tools.post("namespaces", bodies)?;
        let secret = json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "pull"},
            "type": "kubernetes.io/dockerconfigjson", "data": {".dockerconfigjson": data("old")}});
        let bodies =
            self.namespaces.iter().map(|name| (format!("/api/v1/namespaces/{name}/secrets"), secret.clone()));
        self.tools.post("secrets", bodies)
    }

    fn contest<'b>(&'b self, title: &'b str) -> Contest<'b> {
        let contestant = |name, command: Box<dyn Fn(&str) -> Command + 'b>| Contestant {
            input: None,
            name,
            command: Box::new(move |number| {
                self.note(self.read_back());
                let password = format!("{}-{number}", name.split(' ').next().unwrap_or_default());
                let patch = json!({"data": {".dockerconfigjson": data(&password)}}).to_string();
                self.note(self.tools.write("patch.json", &patch));
                self.expected.replace(password.clone());
                command(&password)
            }),
        };
        Contest {
            title,
            peer: contestant("kubectl patch, xargs -P 4", Box::new(|_| self.xargs())),
            ours: contestant("kubectl-regcred", Box::new(|password| self.ours(password))),
            others: vec![
                contestant("curl, 16 at once", Box::new(|_| self.patches())),
                Contestant {
                    input: None,
                    name: "the list alone, by curl",
                    command: Box::new(|_| {
                        self.note(self.read_back());
                        self.list()
                    }),
                },
            ],
            goals: Goals::default(),
            check: Box::new(|_| self.trouble.replace(Ok(()))),
        }
    }

    fn note(&self, result: Result<()>) {
        let mut trouble = self.trouble.borrow_mut();
        if trouble.is_ok() {
            *trouble = result;
        }
    }

    /// Fails unless all Secrets have the password of the last run.
    fn read_back(&self) -> Result<()> {
        let password = self.expected.borrow().clone();
        let mut curl = self.list();
        let mut child = curl
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .cannot("run curl")?;
        // Read as it comes, and little of it: what this program holds is counted for the programs that it measures.
        let stdout = child.stdout.take().map(BufReader::new);
        let list: List = stdout
            .map_or_else(|| Ok(List::default()), serde_json::from_reader)
            .cannot("read the Secrets back")?;
        child.wait().cannot("wait for curl")?;
        let secrets = list.items;
        let right = secrets.iter().filter(|secret| {
            let encoded = secret.data.get(".dockerconfigjson").map(String::as_str).unwrap_or_default();
            let config: Value = STANDARD
                .decode(encoded)
                .ok()
                .and_then(|text| serde_json::from_slice(&text).ok())
                .unwrap_or_default();
            config["auths"][REGISTRY]["password"] == password.as_str()
        });
        let (right, all) = (right.count(), self.namespaces.len());
        if right == all && secrets.len() == all {
            return Ok(());
        }
        Err(Failure::new(format!("{right} of {all} Secrets have the password {password:?} of the last run")))
    }

    fn xargs(&self) -> Command {
        let mut command = self.tools.command("sh".as_ref());
        command.args([
            "-c",
            "xargs -P 4 -I{} kubectl patch secret pull -n {} --type=merge --patch-file=patch.json <names",
        ]);
        command
    }

    fn ours(&self, password: &str) -> Command {
        let mut command = self.tools.command(self.tools.plugin);
        command.args([
            "rotate",
            "--registry",
            REGISTRY,
            "-A",
            "--yes",
            "--from-env=BENCH_USER,BENCH_PASSWORD",
        ]);
        command.env("BENCH_USER", USERNAME).env("BENCH_PASSWORD", password);
        command
    }

    fn patches(&self) -> Command {
        let paths =
            self.namespaces.iter().map(|namespace| format!("/api/v1/namespaces/{namespace}/secrets/pull"));
        let command = self.tools.patches(paths);
        command.unwrap_or_else(|failure| {
            self.note(Err(failure));
            self.tools.command("true".as_ref())
        })
    }

    fn list(&self) -> Command {
        let list = self.tools.list("/api/v1/secrets?fieldSelector=type=kubernetes.io/dockerconfigjson");
        list.unwrap_or_else(|failure| {
            self.note(Err(failure));
            self.tools.command("true".as_ref())
        })
    }
}

/// A docker config as a Secret holds it.
fn data(password: &str) -> String {
    let auth = STANDARD.encode(format!("{USERNAME}:{password}"));
    let entry = json!({"username": USERNAME, "password": password, "auth": auth});
    STANDARD.encode(json!({"auths": {REGISTRY: entry}}).to_string())
}
