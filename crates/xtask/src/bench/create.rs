//! `create` beside kubectl's `create secret docker-registry`.

use serde_json::Value;

use super::programs::Programs;
use super::{Contest, Contestant, Goals, Verdict, machine, table};
use crate::cluster::{self, Up};
use crate::environment::Environment;
use crate::failure::{Context as _, Failure, Result};

/// The flags that both understand. The password is in argv, because kubectl has no other way.
const LOGIN: [&str; 3] =
    ["--docker-server=ghcr.io", "--docker-username=robot", "--docker-password=s3cret-of-the-robot"];
const DRY_RUN: [&str; 3] = ["--dry-run=client", "-o", "yaml"];

/// The most that the plugin may weigh, in bytes.
const SIZE: u64 = 10 * 1024 * 1024;

/// Measures, and prints the tables.
#[expect(clippy::print_stdout, reason = "the tables are the result")]
pub(super) fn run(environment: &Environment, runs: u32) -> Result<Verdict> {
    let programs = Programs::new(environment)?;

    let dry = programs.dry_run();
    let (dry_table, dry_verdict) = table(dry.title, &dry.run(runs)?, dry.goals);
    let (api_table, api_verdict) = cluster::with_throwaway(environment, "bench", |up| {
        let api = programs.against(up);
        Ok(table(api.title, &api.run(runs)?, api.goals))
    })?;
    let size = programs.plugin.metadata().cannot_at("look at", &programs.plugin)?.len();
    let size_verdict = if size <= SIZE { Verdict::Met } else { Verdict::Missed };

    println!("{dry_table}\n{api_table}");
    #[expect(clippy::cast_precision_loss, reason = "megabytes fit exactly")]
    let mebibytes = size as f64 / 1_048_576.0;
    println!("Size of the plugin: **{mebibytes:.1} MiB** (goal 10 MiB: {})\n", size_verdict.word());
    println!("{runs} runs each, in turn. {}.", machine()?);
    println!("{}.", programs.versions()?);
    Ok(dry_verdict.and(api_verdict).and(size_verdict))
}

impl Programs {
    fn dry_run(&self) -> Contest<'_> {
        let contestant = |name, program, words: &'static [&str]| Contestant {
            input: None,
            name,
            command: Box::new(move |_| self.command(program, &[words, &LOGIN, &DRY_RUN].concat(), None)),
        };
        Contest {
            title: "`create --dry-run=client -o yaml`",
            ours: contestant("kubectl-regcred", &self.plugin, &["create", "regcred"]),
            peer: contestant("kubectl", &self.kubectl, &["create", "secret", "docker-registry", "regcred"]),
            others: vec![contestant("kubectl regcred", &self.kubectl, &["regcred", "create", "regcred"])],
            goals: Goals { wall: Some(0.15), memory: Some(0.25) },
            check: Box::new(|written| {
                let text = |file| std::io::read_to_string(file).cannot("read output back");
                let yaml = written.iter().map(text).collect::<Result<Vec<_>>>()?;
                if yaml.iter().any(|yaml| !yaml.contains(".dockerconfigjson: ")) {
                    return Err(Failure::new(format!("that is no pull secret:\n{}", yaml.join("---\n"))));
                }
                let same = yaml.iter().all(|other| lines(other) == lines(&yaml[0]));
                if same { Ok(()) } else { Err(differ(&yaml.join("---\n"))) }
            }),
        }
    }

    fn against<'a>(&'a self, up: &'a Up) -> Contest<'a> {
        let contestant = |name, program, words: &'static [&str], prefix: &'static str| Contestant {
            input: None,
            name,
            command: Box::new(move |number| {
                let secret = format!("{prefix}-{number}");
                let arguments = [words, &[&secret], &LOGIN].concat();
                self.command(program, &arguments, Some(&up.layout.kubeconfig()))
            }),
        };
        Contest {
            title: "`create` in a cluster",
            ours: contestant("kubectl-regcred", &self.plugin, &["create"], "ours"),
            peer: contestant("kubectl", &self.kubectl, &["create", "secret", "docker-registry"], "theirs"),
            others: vec![contestant(
                "kubectl regcred",
                &self.kubectl,
                &["regcred", "create"],
                "through-kubectl",
            )],
            goals: Goals { wall: Some(0.4), memory: None },
            check: Box::new(|_| {
                let theirs = self.secret(up, "theirs-0")?;
                for name in ["ours-0", "through-kubectl-0"] {
                    let secret = self.secret(up, name)?;
                    if ["type", "data"].iter().any(|field| secret[field] != theirs[field]) {
                        return Err(differ("in the cluster"));
                    }
                }
                Ok(())
            }),
        }
    }

    fn secret(&self, up: &Up, name: &str) -> Result<Value> {
        let arguments = ["get", "secret", name, "-o", "json"];
        let text = Self::text(&mut self.command(&self.kubectl, &arguments, Some(&up.layout.kubeconfig())))?;
        serde_json::from_str(&text).cannot("read the Secret that was created")
    }
}

/// What the YAML says, in any order, without the label that only we set.
fn lines(yaml: &str) -> Vec<&str> {
    let own = ["labels:", "app.kubernetes.io/managed-by: kubectl-regcred"];
    let mut lines: Vec<_> = yaml.lines().map(str::trim).filter(|line| !own.contains(line)).collect();
    lines.sort_unstable();
    lines
}

fn differ(what: &str) -> Failure {
    Failure::new(format!("the programs made different Secrets, so their times can't be compared: {what}"))
}
