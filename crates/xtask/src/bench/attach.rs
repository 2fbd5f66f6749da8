//! `attach` to many service accounts, beside `kubectl patch` under xargs, and beside curl as the fastest that can be had.

use std::cell::RefCell;
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use super::tools::Tools;
use super::{Contest, Contestant, Goals, Verdict, machine, table};
use crate::cluster::{self, Up};
use crate::environment::Environment;
use crate::failure::{Context as _, Failure, Result};
use crate::{cargo, kubernetes, setup};

const NAMESPACE: &str = "bench";
const LABEL: &str = "bench=yes";
/// `attach` is to be this much faster than xargs.
const TIMES_FASTER: f64 = 15.0;
/// And may take as much longer than curl.
const TIMES_CURL: f64 = 3.0;

/// Measures, and prints the table.
#[expect(clippy::print_stdout, reason = "the table is the result")]
pub(super) fn run(environment: &Environment, runs: u32, accounts: u32) -> Result<Verdict> {
    setup::ensure(environment)?;
    let kubectl = kubernetes::programs(environment)?.kubectl;
    let plugin = cargo::build_release(environment, "kubectl-regcred")?;
    let (outcomes, title) = cluster::with_throwaway(environment, "bench", |up| {
        let world = World::prepare(up, &kubectl, &plugin, accounts)?;
        let title = format!("`attach SECRET serviceaccounts -l {LABEL}`, {accounts} of them");
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
    let (xargs, ours, curl) = (wall(0), wall(1), wall(2));
    let verdict = Verdict::of(TIMES_FASTER * ours, xargs);
    let of_curl = Verdict::of(ours, TIMES_CURL * curl);
    println!("{text}");
    println!(
        "**{:.1}×** faster than xargs (goal {TIMES_FASTER}×: {}); {:.2}× as long as curl (goal {TIMES_CURL}×: {}).",
        xargs / ours,
        verdict.word(),
        ours / curl,
        of_curl.word()
    );
    println!(
        "{runs} runs each, in turn; before each every list is emptied, after each all {accounts} are read back."
    );
    println!("{}.", machine()?);
    Ok(verdict.and(of_curl))
}

/// The accounts, and how each contestant changes them.
struct World<'a> {
    tools: Tools<'a>,
    accounts: Vec<String>,
    /// The names that the last run wrote.
    expected: RefCell<Value>,
    /// The first thing that was not as it should be.
    trouble: RefCell<Result<()>>,
}

impl<'a> World<'a> {
    fn prepare(up: &'a Up, kubectl: &'a Path, plugin: &'a Path, count: u32) -> Result<Self> {
        let accounts: Vec<_> = (0..count).map(|number| format!("a{number:05}")).collect();
        let tools = Tools::new(up, kubectl, plugin)?;
        let world =
            Self { tools, accounts, expected: RefCell::new(Value::Null), trouble: RefCell::new(Ok(())) };
        world.tools.write("names", &(world.accounts.join("\n") + "\n"))?;
        let namespace = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}});
        world.tools.post("namespaces", std::iter::once(("/api/v1/namespaces".to_owned(), namespace)))?;
        let bodies = world.accounts.iter().map(|name| {
            let metadata = json!({"name": name, "labels": {"bench": "yes"}});
            let account = json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": metadata});
            (format!("/api/v1/namespaces/{NAMESPACE}/serviceaccounts"), account)
        });
        world.tools.post("accounts", bodies)?;
        world.read_back()?;
        Ok(world)
    }

    fn contest<'b>(&'b self, title: &'b str) -> Contest<'b> {
        let contestant = |name: &'b str, command: Box<dyn Fn(&str) -> Command + 'b>| Contestant {
            input: None,
            name,
            command: Box::new(move |number| {
                self.note(self.read_back().and_then(|()| self.empty()));
                let secret = format!("{}-{number}", name.split(' ').next().unwrap_or_default());
                let list = json!([{ "name": secret }]);
                self.note(self.tools.write("patch.json", &json!({ "imagePullSecrets": list }).to_string()));
                self.expected.replace(list);
                command(&secret)
            }),
        };
        Contest {
            title,
            peer: contestant("kubectl patch, xargs -P 4", Box::new(|_| self.xargs())),
            ours: contestant("kubectl-regcred", Box::new(|secret| self.ours(secret))),
            others: vec![contestant("curl, 16 at once", Box::new(|_| self.or_true(self.patches())))],
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

    /// The command; what keeps it from being one is noted.
    fn or_true(&self, command: Result<Command>) -> Command {
        command.unwrap_or_else(|failure| {
            self.note(Err(failure));
            self.tools.command("true".as_ref())
        })
    }

    /// Takes every reference out again.
    fn empty(&self) -> Result<()> {
        self.tools.write("patch.json", &json!({ "imagePullSecrets": null }).to_string())?;
        let mut patches = self.patches()?;
        let output = patches.stdin(Stdio::null()).output().cannot("run curl")?;
        self.expected.replace(Value::Null);
        if output.status.success() {
            self.read_back()
        } else {
            Err(Failure::new("curl could not empty the lists"))
        }
    }

    /// Fails unless all accounts have the list of the last run.
    fn read_back(&self) -> Result<()> {
        let path = format!("/api/v1/namespaces/{NAMESPACE}/serviceaccounts?labelSelector={LABEL}");
        let output = self.tools.list(&path)?.stdin(Stdio::null()).output().cannot("run curl")?;
        let list: Value = serde_json::from_slice(&output.stdout).cannot("read the accounts back")?;
        let none = Vec::new();
        let accounts = list["items"].as_array().unwrap_or(&none);
        let expected = self.expected.borrow();
        let right = accounts.iter().filter(|account| account["imagePullSecrets"] == *expected).count();
        if right == self.accounts.len() && accounts.len() == right {
            return Ok(());
        }
        Err(Failure::new(format!("{right} of {} accounts have the list {expected}", self.accounts.len())))
    }

    fn xargs(&self) -> Command {
        let mut command = self.tools.command("sh".as_ref());
        command.args([
            "-c",
            "xargs -P 4 -I{} kubectl patch serviceaccount {} -n bench --type=merge --patch-file=patch.json <names",
        ]);
        command
    }

    fn ours(&self, secret: &str) -> Command {
        let mut command = self.tools.command(self.tools.plugin);
        command.args(["attach", secret, "serviceaccounts", "-l", LABEL, "-n", NAMESPACE, "--allow-missing"]);
        command
    }

    fn patches(&self) -> Result<Command> {
        let path = |name: &String| format!("/api/v1/namespaces/{NAMESPACE}/serviceaccounts/{name}");
        self.tools.patches(self.accounts.iter().map(path))
    }
}
