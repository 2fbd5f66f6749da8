//! What the real kubectl offers behind `kubectl regcred`, against the real API server.

#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::net::TcpListener;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::time::{Duration, Instant};

use regcred_tests::cluster;
use regcred_tests::cluster::Namespace;
use regcred_tests::fault_proxy::FaultProxy;
use regcred_tests::leak::assert_no_secret;
use regcred_tests::output::Output;
use regcred_tests::sandbox::Sandbox;
use serde_json::{Value, json};

const PASSWORD: &str = "hunter2-hunter2";

/// A sandbox that is set up as `completion --help` says.
fn sandbox() -> Sandbox {
    let sandbox = Sandbox::new(cluster());
    let script = sandbox.kubectl(["regcred", "completion", "kubectl"]);
    sandbox.script("kubectl_complete-regcred", &script.success().stdout);
    sandbox
}

/// What kubectl offers after `kubectl regcred WORD…`, and how the shell is to go on.
fn complete(sandbox: &Sandbox, words: &[&str]) -> (Vec<String>, String) {
    let output = sandbox.kubectl(["__completeNoDesc", "regcred"].iter().chain(words));
    output.success();
    let mut lines: Vec<_> = output.stdout.lines().map(str::to_owned).collect();
    let directive = lines.pop().unwrap();
    // kubectl's own remarks, which its scripts throw away.
    let remarks = ["[Debug] ", "Completion ended with directive: "];
    let is_ours = |line: &&str| !line.is_empty() && !remarks.iter().any(|remark| line.starts_with(remark));
    assert_eq!(output.stderr.lines().find(is_ours), None);
    assert_no_secret(PASSWORD, &[&output]);
    (lines, directive)
}

fn choices(sandbox: &Sandbox, words: &[&str]) -> Vec<String> {
    let (choices, directive) = complete(sandbox, words);
    assert_eq!(directive, ":4", "{words:?}");
    choices
}

fn pull_secret(namespace: &Namespace<'_>, name: &str) {
    let data =
        [("--docker-username", "robot"), ("--docker-password", PASSWORD), ("--docker-server", "ghcr.io")];
    let data = data.map(|(flag, value)| format!("{flag}={value}"));
    let words = ["create", "secret", "docker-registry", name].map(str::to_owned);
    namespace.kubectl(words.iter().chain(&data)).success();
}

fn kubeconfig(path: &Path) -> Value {
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

#[test]
fn commands_flags_and_values_are_offered_by_kubectl() {
    let sandbox = sandbox();
    let output = sandbox.kubectl(["__complete", "regcred", "ver"]);
    assert_eq!(output.success().stdout, "version\tPrint the version of this program\n:4\n");
    assert_eq!(choices(&sandbox, &["create", "regcred", "--password-"]), ["--password-stdin"]);
    assert_eq!(choices(&sandbox, &["create", "--dry-run", ""]), ["none", "client", "server"]);
    assert_eq!(choices(&sandbox, &["create", "--dry-run=s"]), ["server"]);
    assert_eq!(choices(&sandbox, &["completion", "b"]), ["bash"]);
    assert_eq!(complete(&sandbox, &["lint", "-f", ""]), (Vec::new(), ":0".to_owned()));
}

#[test]
fn a_link_to_the_program_completes_too() {
    let sandbox = Sandbox::new(cluster());
    assert_eq!(complete(&sandbox, &["ver"]).0, [""; 0]);
    symlink(sandbox.find("kubectl-regcred"), sandbox.bin().join("kubectl_complete-regcred")).unwrap();
    assert_eq!(choices(&sandbox, &["ver"]), ["version"]);
}

#[test]
fn pull_secrets_and_service_accounts_are_those_of_the_namespace_on_the_line() {
    let (sandbox, namespace, other) = (sandbox(), cluster().namespace(), cluster().namespace());
    pull_secret(&namespace, "ghcr");
    pull_secret(&namespace, "quay");
    pull_secret(&other, "elsewhere");
    let old = ["create", "secret", "generic", "old", "--type=kubernetes.io/dockercfg"];
    namespace.kubectl(old.iter().chain(&["--from-literal=.dockercfg={}"])).success();
    namespace.kubectl(["create", "secret", "generic", "no-pull-secret", "--from-literal=a=b"]).success();
    namespace.kubectl(["create", "serviceaccount", "builder"]).success();
    let name = namespace.name();

    assert_eq!(choices(&sandbox, &["lint", "-n", name, ""]), ["ghcr", "old", "quay"]);
    assert_eq!(choices(&sandbox, &["lint", "--namespace", name, "ghcr", "q"]), ["quay"]);
    assert_eq!(choices(&sandbox, &["match", "nginx", &format!("-n{name}"), "--secret=g"]), ["ghcr"]);
    assert_eq!(choices(&sandbox, &["lint", "-n", other.name(), ""]), ["elsewhere"]);
    let accounts = ["serviceaccount/builder", "serviceaccount/default"];
    assert_eq!(choices(&sandbox, &["create", "x", "-n", name, "--attach", ""]), accounts);
    assert_eq!(choices(&sandbox, &["create", "x", "-n", name, "--attach=sa/b"]), ["sa/builder"]);
    assert_eq!(choices(&sandbox, &["attach", "-n", name, ""]), ["ghcr", "old", "quay"]);
    assert_eq!(choices(&sandbox, &["attach", "ghcr", "-n", name, ""]), accounts);
    assert_eq!(choices(&sandbox, &["detach", "ghcr", "sa/default", "-n", name, "sa/b"]), ["sa/builder"]);

    let elsewhere = format!("{}/", other.name());
    let (found, directive) = complete(&sandbox, &["create", "x", "-n", name, "--from-secret", ""]);
    assert!(["ghcr", "old", "quay", &elsewhere].iter().all(|expected| found.iter().any(|f| f == expected)));
    assert_eq!(directive, ":6", "more follows after a namespace");
    let found = choices(&sandbox, &["create", "x", "-n", name, "--from-secret", &elsewhere]);
    assert_eq!(found, [format!("{elsewhere}elsewhere")]);
    assert_eq!(choices(&sandbox, &["create", "x", "-n", name, "--from-secret", "gh"]), ["ghcr"]);
}

#[test]
fn namespaces_are_those_of_the_cluster_and_go_on_in_a_list() {
    let (sandbox, namespace) = (sandbox(), cluster().namespace());
    let (name, start) = (namespace.name(), namespace.name().rsplit_once('-').unwrap().0);
    assert!(choices(&sandbox, &["lint", "-n", ""]).contains(&"kube-system".to_owned()));
    assert_eq!(choices(&sandbox, &["lint", "-n", name]), [name]);
    let list = format!("default,{start}");
    let found = choices(&sandbox, &["create", "x", "--namespaces", &list]);
    assert!(found.contains(&format!("default,{name}")), "{found:?}");
}

#[test]
fn the_kubeconfig_and_the_context_on_the_line_count() {
    let mut sandbox = sandbox();
    let namespace = cluster().namespace();
    pull_secret(&namespace, "ghcr");
    let mut config = kubeconfig(&cluster().kubeconfig());
    let context = |name: &str, namespace: &str| json!({"name": name, "context": {"cluster": "test", "user": "test", "namespace": namespace}});
    config["contexts"] = json!([
        context("arn:aws:eks:eu:1:cluster/a", "default"),
        context("team", namespace.name()),
        context("$(reboot)", "default"),
    ]);
    config["current-context"] = json!("arn:aws:eks:eu:1:cluster/a");
    let path = sandbox.write("other config", config.to_string());
    let path = path.to_str().unwrap();
    sandbox.set("KUBECONFIG", "/nonexistent");

    let contexts = ["arn:aws:eks:eu:1:cluster/a", "team"];
    assert_eq!(choices(&sandbox, &["lint", "--kubeconfig", path, "--context", ""]), contexts);
    assert_eq!(choices(&sandbox, &["--kubeconfig", path, "create", "x", "--from-context", "te"]), ["team"]);
    assert_eq!(choices(&sandbox, &["lint", "--kubeconfig", path, "--cluster", ""]), ["test"]);
    assert_eq!(choices(&sandbox, &["lint", "--kubeconfig", path, "--user="]), ["test"]);
    assert_eq!(choices(&sandbox, &["lint", "--kubeconfig", path, "--context", "team", ""]), ["ghcr"]);
    assert_eq!(choices(&sandbox, &["lint", "--kubeconfig", path, ""]), [""; 0]);
    let from =
        ["create", "x", "--kubeconfig", path, "-n", "default", "--from-context=team", "--from-secret", "g"];
    assert_eq!(choices(&sandbox, &from), ["ghcr"]);
    assert_eq!(choices(&sandbox, &["lint", "--context", ""]), [""; 0]);
}

#[test]
fn registries_are_those_of_the_docker_config() {
    let sandbox = sandbox();
    let config = |registry: &str| {
        json!({
            "auths": {registry: {"auth": "dTpodW50ZXIyLWh1bnRlcjI="}, "https://index.docker.io/v1/": {}},
            "credsStore": "that-must-not-be-asked",
            "credHelpers": {"registry.example.com:5000": "nor-this"},
        })
    };
    sandbox.write(".docker/config.json", config("ghcr.io").to_string());
    sandbox.write("other.json", config("quay.io").to_string());
    let words = ["create", "x", "--from-docker-config", "--registry", ""];
    assert_eq!(choices(&sandbox, &words), ["ghcr.io", "docker.io", "registry.example.com:5000"]);
    assert_eq!(
        choices(&sandbox, &["create", "x", "--from-docker-config=other.json", "--registry=q"]),
        ["quay.io"]
    );
}

#[test]
fn of_secrets_only_the_metadata_leaves_the_server() {
    let mut sandbox = sandbox();
    let namespace = cluster().namespace();
    pull_secret(&namespace, "ghcr");
    let proxy = FaultProxy::start(&cluster().kubeconfig());
    sandbox.use_kubeconfig(&proxy.kubeconfig());
    assert_eq!(choices(&sandbox, &["lint", "-n", namespace.name(), ""]), ["ghcr"]);
    let seen = proxy.seen();
    assert_eq!(seen.len(), 2, "one request for each type of pull secret: {seen:?}");
    for request in seen {
        assert!(
            request.path.contains("/secrets?") && request.path.contains("fieldSelector=type"),
            "{request:?}"
        );
        assert!(request.accept.starts_with("application/json;as=PartialObjectMetadataList;"), "{request:?}");
        assert!(!request.accept.contains(','), "it may answer in another form: {request:?}");
    }
}

#[test]
fn who_may_not_list_is_offered_nothing_and_told_nothing() {
    let mut sandbox = sandbox();
    let namespace = cluster().namespace();
    sandbox.use_kubeconfig(&cluster().user("nobody-completes", None));
    assert_eq!(choices(&sandbox, &["lint", "-n", namespace.name(), ""]), [""; 0]);
    assert_eq!(choices(&sandbox, &["lint", "-n", ""]), [""; 0]);
    namespace.allow("nobody-completes", "list", "secrets");
    pull_secret(&namespace, "ghcr");
    assert_eq!(choices(&sandbox, &["create", "x", "-n", namespace.name(), "--from-secret", ""]), ["ghcr"]);
}

#[test]
fn a_server_that_does_not_answer_is_not_waited_for() {
    let mut sandbox = sandbox();
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut config = kubeconfig(&cluster().kubeconfig());
    config["clusters"][0]["cluster"]["server"] = json!(format!("https://{}", silent.local_addr().unwrap()));
    let path = sandbox.write("kubeconfig", config.to_string());
    sandbox.use_kubeconfig(&path);
    let start = Instant::now();
    assert_eq!(choices(&sandbox, &["lint", ""]), [""; 0]);
    assert!(start.elapsed() > Duration::from_secs(2), "it did not even try");
    assert!(start.elapsed() < Duration::from_secs(5), "{:?}", start.elapsed());
}

/// A kubeconfig whose user logs in with this script.
fn with_exec_plugin(sandbox: &mut Sandbox, script: &str, mode: &str) {
    let plugin = sandbox.script("login", script);
    let mut config = kubeconfig(&cluster().kubeconfig());
    config["users"][0]["user"] = json!({"exec": {
        "apiVersion": "client.authentication.k8s.io/v1", "command": plugin, "interactiveMode": mode,
    }});
    let path = sandbox.write("kubeconfig", config.to_string());
    sandbox.use_kubeconfig(&path);
}

/// Runs a completion with something on standard input that a program could read.
fn complete_with_stdin(sandbox: &Sandbox, words: &[&str]) -> Output {
    sandbox.run_with_stdin("kubectl_complete-regcred", words, b"something typed\n")
}

#[test]
fn a_program_for_logging_in_can_neither_ask_nor_complain() {
    let mut sandbox = sandbox();
    let namespace = cluster().namespace();
    pull_secret(&namespace, "ghcr");
    let role = ["create", "rolebinding", "view", "--clusterrole=admin"];
    namespace
        .kubectl(role.iter().copied().chain([&*format!("--serviceaccount={}:default", namespace.name())]))
        .success();
    namespace.wait_until_allowed(
        &format!("system:serviceaccount:{}:default", namespace.name()),
        None,
        "list",
        "secrets",
    );
    let token = namespace.kubectl(["create", "token", "default"]).success().stdout.trim().to_owned();
    let answer = json!({
        "apiVersion": "client.authentication.k8s.io/v1", "kind": "ExecCredential", "status": {"token": token},
    });
    let script = format!("#!/bin/sh\necho Log in: >&2\ncat > ~/read\necho '{answer}'\n");
    with_exec_plugin(&mut sandbox, &script, "IfAvailable");
    let output = complete_with_stdin(&sandbox, &["lint", "-n", namespace.name(), ""]);
    assert_eq!((output.success().stdout.as_str(), output.stderr.as_str()), ("ghcr\n:4\n", ""));
    assert_eq!(std::fs::read(sandbox.home().join("read")).unwrap(), b"", "it read what was typed");
    assert_no_secret(PASSWORD, &[&output]);

    with_exec_plugin(&mut sandbox, "#!/bin/sh\necho why >&2\nexit 1\n", "Never");
    let output = complete_with_stdin(&sandbox, &["lint", "-n", namespace.name(), ""]);
    assert_eq!((output.success().stdout.as_str(), output.stderr.as_str()), (":4\n", ""));
    with_exec_plugin(&mut sandbox, "#!/bin/sh\nsleep 60\n", "Never");
    let start = Instant::now();
    complete_with_stdin(&sandbox, &["lint", ""]).success();
    assert!(start.elapsed() < Duration::from_secs(5), "{:?}", start.elapsed());
}
