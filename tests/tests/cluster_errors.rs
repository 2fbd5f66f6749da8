//! What can go wrong with the API server, the way to it and our own surroundings: told with the way out, and
//! never with a secret.

#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use regcred_tests::cluster;
use regcred_tests::cluster::Namespace;
use regcred_tests::fault_proxy::{Fault, FaultProxy, Rule};
use regcred_tests::leak::{Folder, assert_no_secret};
use regcred_tests::mounts::{self, WITH_MOUNTS};
use regcred_tests::output::Output;
use regcred_tests::policy::Policy;
use regcred_tests::sandbox::Sandbox;
use regcred_tests::webhook::Webhook;
use serde_json::{Value, json};

const PASSWORD: &str = "hunter2-hunter2";

/// `create NAME` in this namespace, as arguments of the plugin.
fn create_args<'a>(namespace: &'a Namespace<'_>, name: &'a str) -> Vec<&'a str> {
    vec!["create", name, "--docker-username=robot", "--password-stdin", "-n", namespace.name()]
}

fn create(sandbox: &Sandbox, namespace: &Namespace<'_>, more: &[&str]) -> Output {
    let args = [create_args(namespace, "regcred"), more.to_vec()].concat();
    sandbox.run_with_stdin("kubectl-regcred", args, PASSWORD.as_bytes())
}

fn lint(sandbox: &Sandbox, namespace: &Namespace<'_>, more: &[&str]) -> Output {
    sandbox.kubectl_regcred([&["lint", "-n", namespace.name()], more].concat())
}

#[track_caller]
fn assert_harmless(output: &Output) {
    for text in [&output.stdout, &output.stderr] {
        let bad = |c: char| {
            (c.is_control() && c != '\n')
                || matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
        };
        assert!(!text.contains(bad), "{text:?}");
    }
}

#[test]
fn an_expired_client_certificate_is_told_with_its_owner_and_date() {
    let namespace = cluster().namespace();
    let mut sandbox = Sandbox::new(cluster());
    sandbox.use_kubeconfig(&cluster().expired_user("forgetful"));
    let output = create(&sandbox, &namespace, &[]);
    output
        .assert_code(6)
        .assert_stderr_contains("does not accept these credentials: the client certificate")
        .assert_stderr_contains("subject \"CN=forgetful\", issuer \"CN=regcred-test-cluster\"")
        .assert_stderr_contains("expired on 2021-01-01 00:00 UTC")
        .assert_stderr_contains("get a new certificate");
    assert_no_secret(PASSWORD, &[&output]);
}

#[test]
fn a_token_that_nobody_issued_is_refused_and_not_shown() {
    let namespace = cluster().namespace();
    let sandbox = Sandbox::new(cluster());
    let token = "bogus-token-0123456789";
    let output = create(&sandbox, &namespace, &["--token", token]);
    output
        .assert_code(6)
        .assert_stderr_contains("does not accept these credentials")
        .assert_stderr_contains("log in to the cluster again");
    assert!(!output.stderr.contains(token) && !output.stdout.contains(token), "{}", output.stderr);
}

#[test]
fn a_quota_that_is_used_up_is_told() {
    let namespace = cluster().namespace();
    namespace.kubectl(["create", "quota", "few", "--hard=count/secrets=0"]).success();
    let sandbox = Sandbox::new(cluster());
    for _ in 0..100 {
        // Until the quota is counted, the server refuses with other words.
        let status = namespace.get("resourcequota", "few")["status"]["used"].clone();
        if status["count/secrets"] == "0" {
            break;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    let output = create(&sandbox, &namespace, &[]);
    output
        .assert_code(6)
        .assert_stderr_contains("the quota does not allow another one in namespace")
        .assert_stderr_contains("exceeded quota: few")
        .assert_stderr_contains(&format!("kubectl describe resourcequota -n {}", namespace.name()));
    assert_no_secret(PASSWORD, &[&output]);
}

#[test]
fn a_rule_of_the_cluster_refuses_and_its_words_cant_touch_the_terminal() {
    let namespace = cluster().namespace();
    // Clears the screen, turns text around, hides a character.
    let _policy = Policy::refuse(&namespace, r#""no \u001b[2J\u009b31mwriting\u202e here\u200b""#);
    let sandbox = Sandbox::new(cluster());
    let output = create(&sandbox, &namespace, &[]);
    output
        .assert_code(6)
        .assert_stderr_contains("a rule of the cluster refuses secret/regcred: ")
        .assert_stderr_contains("ValidatingAdmissionPolicy")
        .assert_stderr_contains(r"no \u{1b}[2J\u{9b}31mwriting\u{202e} here\u{200b}")
        .assert_stderr_contains("hint: change what it asks for");
    assert_harmless(&output);
    assert_no_secret(PASSWORD, &[&output]);
}

#[test]
fn a_webhook_refuses_and_its_words_cant_touch_the_terminal() {
    let namespace = cluster().namespace();
    let _webhook = Webhook::deny(&namespace, "ask \u{1b}[2Jthe\u{202e} security team");
    let sandbox = Sandbox::new(cluster());
    let output = create(&sandbox, &namespace, &[]);
    output
        .assert_code(6)
        .assert_stderr_contains("a rule of the cluster refuses secret/regcred: ")
        .assert_stderr_contains("admission webhook \"keys.example.com\" denied the request")
        .assert_stderr_contains(r"ask \u{1b}[2Jthe\u{202e} security team");
    assert_harmless(&output);
    assert_no_secret(PASSWORD, &[&output]);
    assert_eq!(namespace.find("secret", "regcred"), None);
}

#[test]
fn a_rule_that_quotes_the_secret_is_not_quoted() {
    let namespace = cluster().namespace();
    let _policy = Policy::refuse(&namespace, "'bad: ' + string(object.data['.dockerconfigjson'])");
    let sandbox = Sandbox::new(cluster());
    let output = create(&sandbox, &namespace, &[]);
    output.assert_code(6).assert_stderr_contains("in words that quote its data and so are not shown");
    assert_no_secret(PASSWORD, &[&output]);
}

#[test]
fn what_the_cluster_adds_to_an_object_is_printed_harmlessly() {
    let namespace = cluster().namespace();
    let _policy = Policy::annotate(&namespace, r#""a\u001b[2J\u202eb""#);
    let sandbox = Sandbox::new(cluster());
    for (name, format) in [("j", "json"), ("y", "yaml")] {
        let args = [create_args(&namespace, name), vec!["-o", format]].concat();
        let output = sandbox.run_with_stdin("kubectl-regcred", args, PASSWORD.as_bytes());
        output.success();
        assert_harmless(&output);
        // Escaped, not lost: it still means what the server said.
        let back = sandbox.run_with_stdin(
            "kubectl",
            ["create", "--dry-run=client", "-f", "-", "-o", "json"],
            output.stdout.as_bytes(),
        );
        assert_eq!(
            back.success().json()["metadata"]["annotations"]["policy"],
            "a\u{1b}[2J\u{202e}b",
            "{format}"
        );
    }
}

fn with_server(sandbox: &Sandbox, change: impl FnOnce(&mut Value)) -> std::path::PathBuf {
    let mut kubeconfig: Value =
        serde_json::from_slice(&std::fs::read(cluster().kubeconfig()).unwrap()).unwrap();
    change(&mut kubeconfig);
    sandbox.write("changed.kubeconfig", kubeconfig.to_string())
}

#[test]
fn an_api_that_is_not_there_is_told() {
    let namespace = cluster().namespace();
    let mut sandbox = Sandbox::new(cluster());
    // The real server has nothing below this path; an old server answers the same for an API that it lacks.
    let path = with_server(&sandbox, |kubeconfig| {
        kubeconfig["clusters"][0]["cluster"]["server"] = json!(format!("{}/elsewhere", cluster().server()));
    });
    sandbox.use_kubeconfig(&path);
    let output = create(&sandbox, &namespace, &[]);
    output
        .assert_code(6)
        .assert_stderr_contains("/elsewhere does not know `secrets`: ")
        .assert_stderr_contains("not too old");
}

#[test]
fn an_untrusted_server_is_named_with_who_vouches_for_it() {
    let namespace = cluster().namespace();
    let mut sandbox = Sandbox::new(cluster());
    let path = with_server(&sandbox, |kubeconfig| {
        kubeconfig["clusters"][0]["cluster"].as_object_mut().unwrap().remove("certificate-authority-data");
    });
    sandbox.use_kubeconfig(&path);
    let output = create(&sandbox, &namespace, &[]);
    output
        .assert_code(6)
        .assert_stderr_contains(&format!("the API server {} can't be trusted", cluster().server()))
        .assert_stderr_contains("subject \"CN=kube-apiserver\", issuer \"CN=regcred-test-cluster\"")
        .assert_stderr_contains("is from an authority that is not trusted")
        .assert_stderr_contains("--certificate-authority");
    assert_no_secret(PASSWORD, &[&output]);
}

fn faulty(
    namespace: &Namespace<'_>,
    method: &'static str,
    fault: Fault,
    times: u32,
) -> (FaultProxy, Sandbox) {
    let proxy = FaultProxy::start(&cluster().kubeconfig());
    let path_contains = format!("/namespaces/{}/secrets", namespace.name());
    proxy.inject(Rule { fault, method, path_contains, times });
    let mut sandbox = Sandbox::new(cluster());
    sandbox.use_kubeconfig(&proxy.kubeconfig());
    (proxy, sandbox)
}

fn methods(proxy: &FaultProxy) -> Vec<String> {
    proxy.seen().into_iter().map(|seen| seen.method).collect()
}

#[test]
fn a_create_that_is_turned_away_waits_as_long_as_asked_and_is_sent_again() {
    let namespace = cluster().namespace();
    let fault = Fault::Busy { status: 429, retry_after: Some(1) };
    let (proxy, sandbox) = faulty(&namespace, "POST", fault, 2);
    let begin = Instant::now();
    let output = create(&sandbox, &namespace, &[]);
    output.success();
    assert_eq!(output.stderr, "");
    assert!(begin.elapsed() >= Duration::from_secs(2), "{:?}", begin.elapsed());
    // Nothing was done, so there is nothing to look for in between.
    assert_eq!(methods(&proxy), ["POST", "POST", "POST"]);
    namespace.get("secret", "regcred");
}

#[test]
fn a_server_that_stays_too_busy_is_told_with_how_often_it_was_tried() {
    let namespace = cluster().namespace();
    let (proxy, sandbox) = faulty(&namespace, "POST", Fault::Busy { status: 429, retry_after: None }, 100);
    let output = create(&sandbox, &namespace, &[]);
    output
        .assert_code(6)
        .assert_stderr_contains("too busy to create secret/regcred: Too many requests")
        .assert_stderr_contains("(tried 4 times)");
    assert_eq!(methods(&proxy), ["POST"; 4]);
    assert_eq!(namespace.find("secret", "regcred"), None);
    assert_no_secret(PASSWORD, &[&output]);
}

#[test]
fn a_server_that_wants_to_be_left_alone_for_long_is_left_alone() {
    let namespace = cluster().namespace();
    let fault = Fault::Busy { status: 429, retry_after: Some(600) };
    let (proxy, sandbox) = faulty(&namespace, "POST", fault, 100);
    create(&sandbox, &namespace, &[]).assert_code(6).assert_stderr_contains("too busy");
    assert_eq!(methods(&proxy), ["POST"]);
}

#[test]
fn a_create_that_fails_in_the_server_is_looked_for_and_sent_again() {
    let namespace = cluster().namespace();
    let (proxy, sandbox) = faulty(&namespace, "POST", Fault::Busy { status: 503, retry_after: None }, 1);
    create(&sandbox, &namespace, &[]).success();
    assert_eq!(methods(&proxy), ["POST", "GET", "POST"]);

    let (proxy, sandbox) = faulty(&namespace, "POST", Fault::Busy { status: 500, retry_after: None }, 100);
    let args = create_args(&namespace, "other");
    let output = sandbox.run_with_stdin("kubectl-regcred", args, PASSWORD.as_bytes());
    output
        .assert_code(6)
        .assert_stderr_contains("could not create secret/other: Too many requests")
        .assert_stderr_contains("(500) (tried 3 times)");
    assert_eq!(methods(&proxy), ["POST", "GET", "POST", "GET", "POST", "GET"]);
    assert_eq!(namespace.find("secret", "other"), None);
}

#[test]
fn reads_are_repeated_and_then_told() {
    let namespace = cluster().namespace();
    create(&Sandbox::new(cluster()), &namespace, &[]).success();
    for fault in [
        Fault::Busy { status: 503, retry_after: Some(1) },
        Fault::Busy { status: 500, retry_after: None },
        Fault::Refuse,
        Fault::LoseAnswer,
    ] {
        let (proxy, sandbox) = faulty(&namespace, "GET", fault, 2);
        lint(&sandbox, &namespace, &[]).success();
        assert!(methods(&proxy).len() > 2, "{fault:?}");
    }
    let (proxy, sandbox) = faulty(&namespace, "GET", Fault::Refuse, 100);
    lint(&sandbox, &namespace, &[])
        .assert_code(6)
        .assert_stderr_contains("no answer from the API server")
        .assert_stderr_contains("(tried 4 times)");
    // One list for each of the types that can hold a docker config. The first that gives up ends the others, which
    // may have a try left.
    let mut tries = BTreeMap::new();
    for seen in proxy.seen() {
        *tries.entry(seen.path).or_insert(0) += 1;
    }
    assert_eq!(tries.len(), 3, "{tries:?}");
    assert_eq!(tries.values().max(), Some(&4), "{tries:?}");
}

#[test]
fn a_server_that_does_not_answer_is_left_after_the_time_given() {
    let namespace = cluster().namespace();
    for timeout in ["--request-timeout=1", "--request-timeout=1s", "--request-timeout=1000ms"] {
        let (proxy, sandbox) = faulty(&namespace, "GET", Fault::Stall, 100);
        let begin = Instant::now();
        lint(&sandbox, &namespace, &[timeout])
            .assert_code(6)
            .assert_stderr_contains(" within 1s")
            .assert_stderr_contains("--request-timeout allows it more time");
        assert!(begin.elapsed() < Duration::from_secs(10), "{:?}", begin.elapsed());
        // Who waited as long as he would does not wait three times more: one list for each type.
        assert_eq!(methods(&proxy).len(), 3);
    }
    let sandbox = Sandbox::new(cluster());
    lint(&sandbox, &namespace, &["--request-timeout=0"]).success();
    lint(&sandbox, &namespace, &["--request-timeout=soon"]).assert_code(2);
}

#[test]
fn a_create_without_an_answer_in_time_is_read_back() {
    let namespace = cluster().namespace();
    let (proxy, sandbox) = faulty(&namespace, "POST", Fault::Stall, 1);
    create(&sandbox, &namespace, &["--request-timeout=2s"]).success();
    assert_eq!(methods(&proxy), ["POST", "GET"]);
}

#[test]
fn output_that_cant_be_written_is_an_error() {
    let namespace = cluster().namespace();
    let sandbox = Sandbox::new(cluster());
    sandbox.script("to-full-disk", "#!/bin/sh\nexec \"$@\" >/dev/full\n");
    let args = [vec!["kubectl-regcred"], create_args(&namespace, "regcred"), vec!["-o", "yaml"]].concat();
    let output = sandbox.run_with_stdin("to-full-disk", args, PASSWORD.as_bytes());
    output
        .assert_code(1)
        .assert_stderr_contains("the Secret is created, but can't write to standard output")
        .assert_stderr_contains("No space left on device");
    assert_no_secret(PASSWORD, &[&output]);
    sandbox.kubectl(["get", "secret", "regcred", "-n", namespace.name()]).success();
    sandbox.run("to-full-disk", ["kubectl-regcred", "create", "--help"]).assert_code(1);
    let args = vec![
        "kubectl-regcred",
        "create",
        "a",
        "--docker-username=u",
        "--password-stdin",
        "--dry-run=client",
        "-o",
        "json",
    ];
    sandbox.run_with_stdin("to-full-disk", args, b"p").assert_code(1);
}

#[test]
fn a_home_that_cant_be_written_changes_nothing() {
    let namespace = cluster().namespace();
    let sandbox = Sandbox::new(cluster());
    let home = sandbox.home();
    let home = home.display();
    let script =
        format!("mount --bind {home} {home}; mount -o remount,ro,bind {home}; ! touch {home}/x 2>/dev/null");
    if !mounts::prepare(&sandbox, &script) {
        regcred_tests::skip("no mount namespace of one's own here");
        return;
    }
    let args = [vec!["kubectl-regcred"], create_args(&namespace, "regcred")].concat();
    let output = sandbox.run_with_stdin(WITH_MOUNTS, args, PASSWORD.as_bytes());
    output.success();
    assert_eq!((output.stdout.as_str(), output.stderr.as_str()), ("secret/regcred created\n", ""));
    namespace.get("secret", "regcred");
    assert_no_secret(PASSWORD, &[&output, &Folder::new(sandbox.root())]);
}

#[test]
fn who_may_not_act_as_another_is_told() {
    let namespace = cluster().namespace();
    let mut sandbox = Sandbox::new(cluster());
    sandbox.use_kubeconfig(&cluster().user("eve", None));
    create(&sandbox, &namespace, &["--as=root"])
        .assert_code(6)
        .assert_stderr_contains("not allowed to act as somebody else: ")
        .assert_stderr_contains("the verb `impersonate`");
}
