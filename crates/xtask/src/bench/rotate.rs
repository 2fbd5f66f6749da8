//! `rotate` in many namespaces, beside `kubectl patch` under xargs, and beside curl as the fastest that can be had.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Contest, Contestant, Goals, Verdict, machine, table};
use crate::cluster::pki::Authority;
use crate::cluster::{self, Up};
use crate::environment::Environment;
use crate::failure::{Context as _, Failure, Result};
use crate::{cargo, interrupt, kubernetes, setup};

const REGISTRY: &str = "registry.example.com";
const USERNAME: &str = "robot";
/// How many requests curl has under way, as many as `rotate`.
const CONCURRENCY: usize = 16;
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
    up: &'a Up,
    kubectl: &'a Path,
    plugin: &'a Path,
    folder: tempfile::TempDir,
    namespaces: Vec<String>,
    /// The password that the last run wrote.
    expected: RefCell<String>,
    /// The first thing that was not as it should be.
    trouble: RefCell<Result<()>>,
}

impl<'a> World<'a> {
    fn prepare(up: &'a Up, kubectl: &'a Path, plugin: &'a Path, count: u32) -> Result<Self> {
        let folder = tempfile::tempdir().cannot("make a temporary folder")?;
        let pair = Authority::load(&up.layout)?.sign_client("bench", Some("system:masters"))?;
        let namespaces: Vec<_> = (0..count).map(|number| format!("bench-{number:05}")).collect();
        let (expected, trouble) = (RefCell::new("old".to_owned()), RefCell::new(Ok(())));
        let world = Self { up, kubectl, plugin, folder, namespaces, expected, trouble };
        world.write("cert.pem", &pair.certificate)?;
        world.write("key.pem", &pair.key)?;
        world.write("names", &(world.namespaces.join("\n") + "\n"))?;
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
        self.post("namespaces", bodies)?;
        let secret = json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "pull"},
            "type": "kubernetes.io/dockerconfigjson", "data": {".dockerconfigjson": data("old")}});
        let bodies =
            self.namespaces.iter().map(|name| (format!("/api/v1/namespaces/{name}/secrets"), secret.clone()));
        self.post("secrets", bodies)
    }

    /// Creates objects, by their paths, with curl: kubectl would take minutes.
    fn post(&self, file: &str, bodies: impl Iterator<Item = (String, Value)>) -> Result<()> {
        let mut config = String::new();
        for (path, body) in bodies {
            let body = body.to_string().replace('\\', "\\\\").replace('"', "\\\"");
            let _ = writeln!(
                config,
                "{}data = \"{body}\"\nurl = \"{}{path}\"\noutput = \"/dev/null\"\nnext",
                self.curl_options("POST", "application/json"),
                self.server()
            );
        }
        self.write(file, config.trim_end_matches("next\n"))?;
        let output = self.curl(file).stdin(Stdio::null()).output().cannot("run curl")?;
        if output.status.success() {
            return Ok(());
        }
        interrupt::check()?;
        Err(Failure::new(format!(
            "curl could not create {file}: {}",
            String::from_utf8_lossy(&output.stderr)
        )))
    }

    fn contest<'b>(&'b self, title: &'b str) -> Contest<'b> {
        let contestant = |name, command: Box<dyn Fn(&str) -> Command + 'b>| Contestant {
            input: None,
            name,
            command: Box::new(move |number| {
                self.note(self.read_back());
                let password = format!("{}-{number}", name.split(' ').next().unwrap_or_default());
                let patch = json!({"data": {".dockerconfigjson": data(&password)}}).to_string();
                self.note(self.write("patch.json", &patch));
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
        let mut command = self.command("sh".as_ref());
        command.args([
            "-c",
            "xargs -P 4 -I{} kubectl patch secret pull -n {} --type=merge --patch-file=patch.json <names",
        ]);
        command
    }

    fn ours(&self, password: &str) -> Command {
        let mut command = self.command(self.plugin);
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
        let mut config =
            self.curl_options("PATCH", "application/merge-patch+json") + "data = \"@patch.json\"\n";
        for namespace in &self.namespaces {
            let server = self.server();
            let _ = writeln!(
                config,
                "url = \"{server}/api/v1/namespaces/{namespace}/secrets/pull\"\noutput = \"/dev/null\""
            );
        }
        self.note(self.write("patches", &config));
        self.curl("patches")
    }

    fn list(&self) -> Command {
        let selector = "fieldSelector=type=kubernetes.io/dockerconfigjson";
        let config = format!(
            "{}url = \"{}/api/v1/secrets?{selector}\"\n",
            self.curl_options("GET", "application/json"),
            self.server()
        );
        self.note(self.write("list", &config));
        self.curl("list")
    }

    fn curl_options(&self, method: &str, content: &str) -> String {
        let authority = self.up.layout.authority_certificate();
        format!(
            "request = \"{method}\"\nheader = \"Content-Type: {content}\"\ncacert = \"{}\"\ncert = \"cert.pem\"\nkey = \"key.pem\"\nfail\n",
            authority.display()
        )
    }

    fn curl(&self, config: &str) -> Command {
        let mut command = self.command("curl".as_ref());
        command.args([
            "--silent",
            "--show-error",
            "--parallel",
            "--parallel-max",
            &CONCURRENCY.to_string(),
            "-K",
            config,
        ]);
        command
    }

    fn command(&self, program: &Path) -> Command {
        let mut command = Command::new(program);
        let kubectl = self.kubectl.parent().unwrap_or(self.kubectl);
        let path = [kubectl.to_owned(), PathBuf::from("/usr/bin"), PathBuf::from("/bin")];
        command
            .current_dir(self.folder.path())
            .env_clear()
            .env("HOME", self.folder.path())
            .env("PATH", std::env::join_paths(path).unwrap_or_default())
            .env("KUBECONFIG", self.up.layout.kubeconfig());
        command
    }

    fn server(&self) -> &str {
        self.up.state.server.as_deref().unwrap_or_default()
    }

    fn write(&self, name: &str, text: &str) -> Result<()> {
        let path = self.folder.path().join(name);
        let mut file = std::fs::File::create(&path).cannot_at("create", &path)?;
        file.write_all(text.as_bytes()).cannot_at("write", &path)
    }
}

/// A docker config as a Secret holds it.
fn data(password: &str) -> String {
    let auth = STANDARD.encode(format!("{USERNAME}:{password}"));
    let entry = json!({"username": USERNAME, "password": password, "auth": auth});
    STANDARD.encode(json!({"auths": {REGISTRY: entry}}).to_string())
}
