//! The examples in every command's `--help`, run exactly as printed, by a shell with the real kubectl.
//!
//! Each runs in a home and a cluster as its reader may have them: copies of the files in `home/` beside this
//! file, the namespaces and objects in `cluster/`, and the [`FOLDERS`] and [`VARIABLES`]. A command whose examples
//! need more adds it there. Examples may change and delete all they like: the next one starts afresh.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a panic is how a test fails")]

mod text;

use std::path::{Path, PathBuf};

use regcred_tests::cluster::Cluster;
use regcred_tests::output::Output;
use regcred_tests::sandbox::Sandbox;
use xtask::cluster::with_throwaway;
use xtask::environment::Environment;
use xtask::failure::Failure;

/// Variables that examples use.
const VARIABLES: &[(&str, &str)] = &[("PASSWORD", "s3cret-of-the-robot")];

/// Folders of the home that hold nothing yet; git would not keep them in `home/`.
const FOLDERS: &[&str] =
    &[".local/bin", ".local/share/bash-completion/completions", ".zfunc", ".config/fish/completions"];

/// What examples may leave behind in the cluster.
const KINDS: &str = "secrets,deployments,statefulsets,daemonsets,replicasets,cronjobs,jobs,pods";

#[test]
fn every_example_of_every_command_runs_as_printed() {
    let examples: Vec<_> = commands().into_iter().map(|command| (examples_of(&command), command)).collect();
    // `lint -A` and others look at the whole cluster, so other tests must not be in it.
    let outcome = with_throwaway(&Environment::read().unwrap(), "examples", |up| {
        let world = World::new(Cluster::at(up.layout.root()));
        let mut failed = Vec::new();
        for (examples, command) in &examples {
            if examples.is_empty() {
                failed.push(format!("`{}` has no examples", command.join(" ")));
            }
            for example in examples {
                let output = world.run(example);
                if output.code != Some(0) {
                    failed.push(format!("an example of `{}`:\n{}", command.join(" "), shown(&output)));
                }
            }
        }
        if failed.is_empty() { Ok(()) } else { Err(Failure::new(failed.join("\n\n"))) }
    });
    outcome.unwrap_or_else(|failure| panic!("{failure}"));
}

#[test]
fn an_example_fails_when_any_part_of_it_fails() {
    let run = |example: &str| run(&Sandbox::without_cluster(), example);
    run("exit 3 | cat").assert_code(3);
    run("cat missing.yaml").assert_code(1);
    run("kubectl-regcred lint -f missing.yaml | cat").assert_code(4);
    run("kubectl-regcred version |\n  cat").success().assert_stdout_contains("kubectl-regcred v");
}

/// Every command that the help names, as words: `["create"]`, `["completion", "bash"]`.
fn commands() -> Vec<Vec<String>> {
    let mut found = Vec::new();
    let mut open = vec![Vec::new()];
    while let Some(command) = open.pop() {
        let below = text::subcommands(&help(&command, 200));
        if below.is_empty() {
            found.push(command.clone());
        }
        open.extend(below.into_iter().map(|name| [&command[..], &[name]].concat()));
    }
    found.sort();
    for known in ["create", "lint", "match", "version"] {
        assert!(found.contains(&vec![known.to_owned()]), "`{known}` is not among {found:?}");
    }
    found
}

/// The examples in a command's help, as a terminal of the usual width shows them.
fn examples_of(command: &[String]) -> Vec<String> {
    let examples = text::examples(&help(command, 80));
    let wide = text::examples(&help(command, 200));
    assert_eq!(examples, wide, "80 columns are too few for the examples of `{}`", command.join(" "));
    examples
}

fn help(command: &[String], columns: u32) -> String {
    let mut sandbox = Sandbox::without_cluster();
    sandbox.set("COLUMNS", columns.to_string());
    let arguments = command.iter().map(String::as_str).chain(["--help"]);
    let output = sandbox.kubectl_regcred(arguments);
    output.success();
    output.stdout
}

/// Where examples run: a cluster that is put in order before each.
struct World {
    cluster: Cluster,
    namespaces: Vec<String>,
}

impl World {
    fn new(cluster: Cluster) -> Self {
        cluster.kubectl(["create", "-f", &file("cluster/namespaces.yaml")]).success();
        let listed = cluster.kubectl(["get", "-f", &file("cluster/namespaces.yaml"), "-o", "name"]);
        listed.success();
        let named = listed.stdout.lines().map(|line| line.trim_start_matches("namespace/").to_owned());
        let namespaces: Vec<_> = named.chain(["default".to_owned()]).collect();
        for namespace in &namespaces {
            let wait = ["wait", "--for=create", "serviceaccount/default", "--timeout=60s", "-n", namespace];
            cluster.kubectl(wait).success();
        }
        Self { cluster, namespaces }
    }

    fn run(&self, example: &str) -> Output {
        self.put_in_order();
        let mut sandbox = Sandbox::new(&self.cluster);
        copy(Path::new(&file("home")), &sandbox, Path::new(""));
        for folder in FOLDERS {
            std::fs::create_dir_all(sandbox.home().join(folder)).unwrap();
        }
        for (name, value) in VARIABLES {
            sandbox.set(name, value);
        }
        run(&sandbox, example)
    }

    fn put_in_order(&self) {
        let objects = file("cluster/objects.yaml");
        self.cluster.kubectl(["delete", KINDS, "--all", "-A"]).success();
        self.cluster.kubectl(["delete", "--ignore-not-found", "-f", &objects]).success();
        self.cluster.kubectl(["create", "-f", &objects]).success();
        for namespace in &self.namespaces {
            let patch = ["--type=merge", "--patch", "{\"imagePullSecrets\":null}", "-n", namespace];
            self.cluster.kubectl(["patch", "serviceaccount", "default"].iter().chain(&patch)).success();
        }
    }
}

fn run(sandbox: &Sandbox, example: &str) -> Output {
    // Where a pipeline's first program fails, the example does.
    sandbox.run("bash", ["-o", "pipefail", "-c", example])
}

/// A file or folder beside this one.
fn file(name: &str) -> String {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/help_examples");
    folder.join(name).to_str().expect("the workspace's path is UTF-8").to_owned()
}

/// Copies the files below `from` into the sandbox's home.
fn copy(from: &Path, sandbox: &Sandbox, to: &Path) {
    for entry in from.read_dir().unwrap() {
        let entry = entry.unwrap();
        let (path, to) = (entry.path(), to.join(entry.file_name()));
        if path.is_dir() {
            copy(&path, sandbox, &to);
        } else {
            sandbox.write(&to, std::fs::read(&path).unwrap());
        }
    }
}

fn shown(output: &Output) -> String {
    format!("{}\nexit code {:?}\n{}{}", output.command, output.code, output.stdout, output.stderr)
}
