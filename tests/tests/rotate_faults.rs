//! `kubectl regcred rotate` on a network with faults, and when it is interrupted. Everything is read back.

#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::io::{BufRead as _, BufReader, Read as _};
use std::process::{Child, Stdio};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use regcred_tests::cluster;
use regcred_tests::cluster::Namespace;
use regcred_tests::fault_proxy::{Fault, FaultProxy, Rule};
use regcred_tests::output::Output;
use regcred_tests::sandbox::Sandbox;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

const PASSWORD: &str = "new-hunter2-new";

/// A sandbox that has the new credential in a docker config.
fn sandbox() -> Sandbox {
    let sandbox = Sandbox::new(cluster());
    let auth = STANDARD.encode(format!("robot:{PASSWORD}"));
    sandbox.write(".docker/config.json", json!({"auths": {"ghcr.io": {"auth": auth}}}).to_string());
    sandbox
}

fn arguments<'a>(namespace: &'a Namespace<'_>) -> Vec<&'a str> {
    vec!["rotate", "--registry=ghcr.io", "--from-docker-config", "--yes", "-n", namespace.name()]
}

fn rotate(sandbox: &Sandbox, namespace: &Namespace<'_>, more: &[&str]) -> Output {
    sandbox.run("kubectl-regcred", arguments(namespace).iter().chain(more))
}

/// Makes the Secrets s0, s1, …
fn fill(namespace: &Namespace<'_>, count: usize) {
    let config = STANDARD.encode(r#"{"auths":{"ghcr.io":{"auth":"dTpvbGQ="},"quay.io":{"auth":"dTpw"}}}"#);
    let secrets: Vec<_> = (0..count)
        .map(|number| {
            json!({"apiVersion": "v1", "kind": "Secret", "type": "kubernetes.io/dockerconfigjson",
                "metadata": {"name": format!("s{number}"), "namespace": namespace.name()},
                "data": {".dockerconfigjson": config}})
        })
        .collect();
    let list = json!({"apiVersion": "v1", "kind": "List", "items": secrets}).to_string();
    Sandbox::new(cluster()).run_with_stdin("kubectl", ["create", "-f", "-"], list.as_bytes()).success();
}

/// The names of the Secrets that have the new password. All of them must be whole, with the neighbour untouched.
fn rotated(namespace: &Namespace<'_>) -> Vec<String> {
    let list = namespace.kubectl(["get", "secrets", "-o", "json"]).success().json();
    let mut rotated = Vec::new();
    for secret in list["items"].as_array().unwrap() {
        let data = STANDARD.decode(secret["data"][".dockerconfigjson"].as_str().unwrap()).unwrap();
        let config: Value = serde_json::from_slice(&data).unwrap();
        assert_eq!(config["auths"]["quay.io"], json!({"auth": "dTpw"}));
        let entry = &config["auths"]["ghcr.io"];
        if entry["password"] == PASSWORD {
            rotated.push(secret["metadata"]["name"].as_str().unwrap().to_owned());
        } else {
            assert_eq!(*entry, json!({"auth": "dTpvbGQ="}));
        }
    }
    rotated.sort();
    rotated
}

/// The names of the Secrets that were called done.
fn called_done(stdout: &str) -> Vec<String> {
    let lines = stdout.lines().filter(|line| line.contains(" rotated in namespace "));
    let names = lines.map(|line| line.split(' ').next().unwrap().trim_start_matches("secret/").to_owned());
    let mut names: Vec<_> = names.collect();
    names.sort();
    names
}

fn rule(fault: Fault, method: &'static str, path_contains: &str, times: u32) -> Rule {
    Rule { fault, method, path_contains: path_contains.to_owned(), times }
}

#[test]
fn a_network_with_faults_loses_and_doubles_nothing() {
    let namespace = cluster().namespace();
    fill(&namespace, 60);
    let proxy = FaultProxy::start(&cluster().kubeconfig());
    for (fault, times) in [
        (Fault::LoseAnswer, 12),
        (Fault::Refuse, 12),
        (Fault::Busy { status: 429, retry_after: None }, 6),
        (Fault::Busy { status: 503, retry_after: None }, 6),
        (Fault::Busy { status: 500, retry_after: None }, 6),
    ] {
        proxy.inject(rule(fault, "PATCH", "/secrets/", times));
    }
    proxy.inject(rule(Fault::LoseAnswer, "GET", "/secrets?", 1));
    proxy.inject(rule(Fault::Refuse, "GET", "/secrets/", 3));
    let mut sandbox = sandbox();
    sandbox.use_kubeconfig(&proxy.kubeconfig());
    let output = rotate(&sandbox, &namespace, &[]);
    output.success().assert_stderr_contains("60 changed");
    assert_eq!(rotated(&namespace).len(), 60);
    assert_eq!(called_done(&output.stdout), rotated(&namespace));
    rotate(&sandbox, &namespace, &[]).success().assert_stderr_contains("60 already so");
}

#[test]
fn what_fails_stops_nobody_else_and_the_same_command_finishes_the_rest() {
    let namespace = cluster().namespace();
    fill(&namespace, 20);
    let proxy = FaultProxy::start(&cluster().kubeconfig());
    proxy.inject(rule(Fault::Refuse, "PATCH", "/secrets/s7", 4));
    proxy.inject(rule(Fault::Busy { status: 429, retry_after: Some(600) }, "PATCH", "/secrets/s11", 1));
    let mut sandbox = sandbox();
    sandbox.use_kubeconfig(&proxy.kubeconfig());
    let output = rotate(&sandbox, &namespace, &[]);
    output
        .assert_code(6)
        .assert_stderr_contains("whether secret/s7 in namespace")
        .assert_stderr_contains("too busy to patch secret/s11")
        .assert_stderr_contains("18 changed, 2 failed");
    assert_eq!(called_done(&output.stdout), rotated(&namespace));
    assert_eq!(rotated(&namespace).len(), 18);

    let before: Vec<_> = proxy.seen();
    rotate(&sandbox, &namespace, &[]).success().assert_stderr_contains("2 changed, 18 already so");
    let sent = proxy.seen()[before.len()..].iter().filter(|seen| seen.method == "PATCH").count();
    assert_eq!(sent, 2, "what was done is not touched again");
    assert_eq!(rotated(&namespace).len(), 20);
}

#[test]
fn a_secret_that_goes_away_meanwhile_is_told() {
    let namespace = cluster().namespace();
    fill(&namespace, 3);
    let proxy = FaultProxy::start(&cluster().kubeconfig());
    // While the change is on its way, the Secret goes.
    proxy.inject(rule(Fault::Hold, "PATCH", "/secrets/s1", 1));
    let mut sandbox = sandbox();
    sandbox.use_kubeconfig(&proxy.kubeconfig());
    let output = std::thread::scope(|scope| {
        let running = scope.spawn(|| rotate(&sandbox, &namespace, &[]));
        proxy.wait_for_faults(1);
        namespace.kubectl(["delete", "secret", "s1"]).success();
        proxy.release();
        running.join().unwrap()
    });
    output
        .assert_code(4)
        .assert_stderr_contains("there is no secret/s1")
        .assert_stderr_contains("2 changed, 1 failed");
    assert_eq!(rotated(&namespace), ["s0", "s2"]);
}

fn start(sandbox: &Sandbox, namespace: &Namespace<'_>) -> Child {
    let mut command = sandbox.command("kubectl-regcred", arguments(namespace));
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

fn interrupt(child: &Child) {
    let pid = Pid::from_raw(i32::try_from(child.id()).unwrap()).unwrap();
    kill_process(pid, Signal::INT).unwrap();
}

#[test]
fn an_interruption_stops_cleanly_with_a_true_report_and_a_second_run_finishes() {
    let namespace = cluster().namespace();
    fill(&namespace, 400);
    // Through the proxy it takes long enough to be interrupted.
    let proxy = FaultProxy::start(&cluster().kubeconfig());
    let mut sandbox = sandbox();
    sandbox.use_kubeconfig(&proxy.kubeconfig());
    let mut child = start(&sandbox, &namespace);
    let mut stdout = BufReader::new(child.stdout.take().unwrap());
    let mut text = String::new();
    for _ in 0..20 {
        stdout.read_line(&mut text).unwrap();
    }
    interrupt(&child);
    stdout.read_to_string(&mut text).unwrap();
    let mut stderr = String::new();
    child.stderr.take().unwrap().read_to_string(&mut stderr).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(130), "{stderr}");
    let done = called_done(&text);
    assert!((20..400).contains(&done.len()), "{} were done", done.len());
    assert_eq!(done, rotated(&namespace));
    assert!(stderr.contains(&format!("{} changed, {} not begun", done.len(), 400 - done.len())), "{stderr}");
    assert!(!stderr.contains(PASSWORD) && !text.contains(PASSWORD));

    let output = rotate(&sandbox, &namespace, &[]);
    output.success().assert_stderr_contains(&format!(
        "{} changed, {} already so",
        400 - done.len(),
        done.len()
    ));
    assert_eq!(rotated(&namespace).len(), 400);
}

#[test]
fn a_second_interruption_leaves_alone_what_does_not_end_and_says_so() {
    let namespace = cluster().namespace();
    fill(&namespace, 5);
    let proxy = FaultProxy::start(&cluster().kubeconfig());
    proxy.inject(rule(Fault::Stall, "PATCH", "/secrets/s3", 1));
    let mut sandbox = sandbox();
    sandbox.use_kubeconfig(&proxy.kubeconfig());
    let mut child = start(&sandbox, &namespace);
    let mut stdout = BufReader::new(child.stdout.take().unwrap());
    let mut stderr = BufReader::new(child.stderr.take().unwrap());
    let mut text = String::new();
    for _ in 0..4 {
        stdout.read_line(&mut text).unwrap();
    }
    interrupt(&child);
    let mut said = String::new();
    stderr.read_line(&mut said).unwrap();
    assert!(said.contains("waiting for what has begun"), "{said}");
    interrupt(&child);
    stderr.read_to_string(&mut said).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(130));
    assert!(said.contains("whether secret/s3 in namespace") && said.contains("is not known"), "{said}");
    assert_eq!(called_done(&text), ["s0", "s1", "s2", "s4"]);
    rotate(&sandbox, &namespace, &[]).success();
    assert_eq!(rotated(&namespace).len(), 5);
}
