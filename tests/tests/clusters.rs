//! `cargo xtask cluster`, through the real program: clusters of their own, which the tests may break.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a panic is how a test fails")]

use std::net::TcpListener;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::Duration;

use regcred_tests::cluster::Cluster;
use regcred_tests::sandbox::Sandbox;
use xtask::environment::Environment;
use xtask::process::Identity;

/// The real chores program, with the environment of the test: the caches that it uses are the user's.
fn xtask(arguments: &[&str]) -> Output {
    xtask_with(arguments, &[])
}

#[expect(clippy::disallowed_methods, reason = "the program is named by its file")]
fn xtask_with(arguments: &[&str], variables: &[(&str, &Path)]) -> Output {
    let sandbox = Sandbox::without_cluster();
    Command::new(sandbox.find("xtask"))
        .args(arguments)
        .envs(variables.iter().copied())
        .output()
        .expect("xtask starts")
}

/// A cluster that doesn't outlive this process for long.
fn up(name: &str, variables: &[(&str, &Path)]) -> Output {
    let owner = std::process::id().to_string();
    xtask_with(&["cluster", "up", "--name", name, "--owner", &owner], variables)
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// A cluster of its own for a test that may break it; taken down at the end, whatever happens.
struct OwnCluster {
    name: String,
    root: PathBuf,
}

impl OwnCluster {
    fn up(purpose: &str) -> Self {
        let name = format!("{purpose}-{}", std::process::id());
        let output = up(&name, &[]);
        Self::from(name, &output)
    }

    /// What `cluster up --name NAME` said.
    fn from(name: String, output: &Output) -> Self {
        let stdout = text(&output.stdout);
        let root = stdout
            .lines()
            .find_map(|line| line.strip_prefix("export REGCRED_TEST_CLUSTER="))
            .map(PathBuf::from);
        let cluster = Self { name, root: root.unwrap_or_default() };
        assert!(output.status.success(), "{stdout}{}", text(&output.stderr));
        cluster
    }

    fn processes(&self) -> Vec<Identity> {
        let layout = xtask::cluster::layout::Layout::at(&self.root);
        let state = xtask::cluster::state::State::read(&layout).unwrap().unwrap();
        state.processes.iter().map(|server| server.identity).collect()
    }
}

impl Drop for OwnCluster {
    fn drop(&mut self) {
        xtask(&["cluster", "down", "--name", &self.name]);
    }
}

/// The numbers of all processes that mention `path` on their command line.
fn processes_that_mention(path: &Path) -> Vec<String> {
    let path = path.to_str().unwrap();
    let mut found = Vec::new();
    for entry in std::fs::read_dir("/proc").unwrap().flatten() {
        let command_line = std::fs::read(entry.path().join("cmdline")).unwrap_or_default();
        if text(&command_line).contains(path) {
            found.push(entry.file_name().to_string_lossy().into_owned());
        }
    }
    found
}

#[test]
fn two_clusters_live_side_by_side_and_one_goes_alone() {
    let first = OwnCluster::up("support-a");
    let second = OwnCluster::up("support-b");
    assert_eq!(first.processes().len(), 3);
    assert!(first.processes().iter().all(|process| process.is_alive()));

    // They are two: what is in one isn't in the other.
    let (a, b) = (Cluster::at(&first.root), Cluster::at(&second.root));
    a.kubectl(["create", "namespace", "only-in-a"]).success();
    b.kubectl(["get", "namespace", "only-in-a"]).assert_code(1).assert_stderr_contains("NotFound");

    // Up again is up already.
    let servers = first.processes();
    let again = up(&first.name, &[]);
    assert!(
        again.status.success() && text(&again.stderr).contains("is up already"),
        "{}",
        text(&again.stderr)
    );
    assert_eq!(first.processes(), servers);

    let down = xtask(&["cluster", "down", "--name", &first.name]);
    assert!(down.status.success(), "{}", text(&down.stderr));
    assert!(servers.iter().all(|process| !process.is_alive()));
    assert_eq!(processes_that_mention(&first.root), Vec::<String>::new());
    assert!(!first.root.exists());
    assert!(second.processes().iter().all(|process| process.is_alive()));
    b.kubectl(["get", "namespace", "default"]).success();
}

#[test]
fn a_cluster_that_lost_a_server_is_told_and_made_anew() {
    let cluster = OwnCluster::up("support-c");
    let before = cluster.processes();
    xtask::process::stop(&before[1..2]);
    let status = xtask(&["cluster", "status"]);
    assert_eq!(status.status.code(), Some(1));
    assert!(text(&status.stdout).contains(&format!("{}: broken, lost a server", cluster.name)));

    let again = up(&cluster.name, &[]);
    assert!(again.status.success(), "{}", text(&again.stderr));
    assert!(before.iter().all(|process| !process.is_alive()));
    Cluster::at(&cluster.root).kubectl(["get", "serviceaccount", "default"]).success();
}

/// A folder for `KUBEBUILDER_ASSETS` in which `script` stands in for kube-apiserver; `$REAL` is the real one.
fn assets_with_api_server(sandbox: &Sandbox, script: &str) -> PathBuf {
    let programs = xtask::kubernetes::programs(&Environment::read().unwrap()).unwrap();
    let assets = sandbox.bin();
    symlink(&programs.etcd, assets.join("etcd")).unwrap();
    symlink(&programs.kubectl, assets.join("kubectl")).unwrap();
    symlink(&programs.controller_manager, assets.join("kube-controller-manager")).unwrap();
    let head =
        format!("#!/bin/sh\nREAL={}\nSHARED={}\n", programs.api_server.display(), sandbox.home().display());
    sandbox.script("kube-apiserver", &(head + script));
    assets
}

#[test]
fn a_port_that_somebody_takes_in_between_is_given_up_for_another() {
    let sandbox = Sandbox::without_cluster();
    // The first time, the server waits until its port is taken.
    let script = r#"if mkdir "$SHARED/first"; then
    echo "$*" > "$SHARED/arguments.new" && mv "$SHARED/arguments.new" "$SHARED/arguments"
    while [ ! -e "$SHARED/taken" ]; do sleep 0.05; done
fi
exec "$REAL" "$@"
"#;
    let assets = assets_with_api_server(&sandbox, script);
    let home = sandbox.home();
    let thief = std::thread::spawn(move || {
        loop {
            if let Ok(arguments) = std::fs::read_to_string(home.join("arguments")) {
                let port = arguments.split(' ').find_map(|word| word.strip_prefix("--secure-port=")).unwrap();
                let listener = TcpListener::bind(("127.0.0.1", port.parse::<u16>().unwrap())).unwrap();
                std::fs::write(home.join("taken"), "").unwrap();
                return listener;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    });

    let name = format!("support-d-{}", std::process::id());
    let up = up(&name, &[("KUBEBUILDER_ASSETS", &assets)]);
    let cluster = OwnCluster::from(name, &up);
    assert!(text(&up.stderr).contains("Somebody else took the port"), "{}", text(&up.stderr));
    let stolen = thief.join().unwrap().local_addr().unwrap();
    let output = Cluster::at(&cluster.root).kubectl(["cluster-info"]);
    assert!(!output.success().stdout.contains(&stolen.to_string()));
}

#[test]
fn a_server_that_fails_is_named_with_its_last_words_and_nothing_keeps_running() {
    let sandbox = Sandbox::without_cluster();
    let assets = assets_with_api_server(&sandbox, "echo these are its last words; exit 3\n");
    let name = format!("support-e-{}", std::process::id());
    let up = up(&name, &[("KUBEBUILDER_ASSETS", &assets)]);
    let stderr = text(&up.stderr);
    assert_eq!(up.status.code(), Some(1));
    for expected in
        ["kube-apiserver ended (exit status: 3)", "these are its last words", "logs/kube-apiserver.log"]
    {
        assert!(stderr.contains(expected), "`{expected}` is missing in {stderr}");
    }
    let root = Environment::read().unwrap().clusters().join(&name);
    assert_eq!(processes_that_mention(&root), Vec::<String>::new());
    let down = xtask(&["cluster", "down", "--name", &name]);
    assert!(down.status.success() && !root.exists());
}

#[test]
fn incomplete_assets_are_refused_by_name() {
    let sandbox = Sandbox::without_cluster();
    let assets = sandbox.bin();
    symlink("/bin/true", assets.join("kubectl")).unwrap();
    let up = up("never", &[("KUBEBUILDER_ASSETS", &assets)]);
    assert_eq!(up.status.code(), Some(1));
    assert!(text(&up.stderr).contains("but kube-apiserver, etcd is missing there"), "{}", text(&up.stderr));
}
