//! `kubectl regcred match`, on the kubelet's own answers, on files and on a real cluster.

#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use regcred_tests::cluster;
use regcred_tests::leak::assert_no_secret;
use regcred_tests::output::Output;
use regcred_tests::sandbox::Sandbox;
use serde_json::{Value, json};

const SECRET: &str = "hunter2-hunter2";

fn run(sandbox: &Sandbox, args: &[&str], stdin: &str) -> Output {
    sandbox.run_with_stdin("kubectl-regcred", ["match"].iter().chain(args), stdin.as_bytes())
}

fn manifest(name: &str, kind: &str, config: &str) -> Value {
    let key = if kind == "kubernetes.io/dockercfg" { ".dockercfg" } else { ".dockerconfigjson" };
    json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}, "type": kind,
           "data": {key: STANDARD.encode(config)}})
}

fn pull_secret(name: &str, config: &str) -> Value {
    manifest(name, "kubernetes.io/dockerconfigjson", config)
}

/// `secret key` of each entry tried, in order.
fn tried(report: &Value) -> Vec<String> {
    let tried = report["tried"].as_array().unwrap().iter();
    tried.map(|t| format!("{} {}", t["secret"].as_str().unwrap(), t["key"].as_str().unwrap())).collect()
}

#[test]
fn every_recorded_answer_of_the_kubelet_is_given() {
    let vectors = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/vectors/kubelet-lookup.jsonl"));
    let sandbox = Sandbox::without_cluster();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let mut outcomes = [0, 0, 0, 0];
    for line in vectors.lines() {
        let vector: Value = serde_json::from_str(line).unwrap();
        let secrets = vector["secrets"].as_array().unwrap().iter();
        let manifests: Vec<_> = secrets
            .map(|s| manifest(&text(&s["name"]), &text(&s["type"]), &text(&s["data"])).to_string())
            .collect();
        let image = text(&vector["image"]);
        let output = run(&sandbox, &["-f", "-", "-o", "json", "--", &image], &manifests.join("\n---\n"));
        if vector["image_error"] == true {
            output.assert_code(2);
            outcomes[0] += 1;
            continue;
        }
        let report = output.json();
        for field in ["repository", "tag", "digest"] {
            assert_eq!(text(&report[field]), text(&vector[field]), "{field} of {line}");
        }
        if vector["pull_error"] == true {
            output.assert_code(3);
            assert_eq!(report["outcome"], "fatal");
            assert!(
                report["fatal"]["secret"].is_string() && report["fatal"]["reason"].is_string(),
                "{report}"
            );
            outcomes[1] += 1;
            continue;
        }
        output.success();
        // The order within a tie is the kubelet's whim, so only what stands outside one is compared in order.
        let users = |list: &Value, in_order: bool| {
            let list = list.as_array().cloned().unwrap_or_default();
            let ordered = list.iter().filter(|t| t["tie"] != true);
            let mut users: Vec<_> =
                if in_order { ordered.collect() } else { list.iter().collect::<Vec<_>>() }
                    .into_iter()
                    .map(|t| (text(&t["secret"]), text(&t["username"])))
                    .collect();
            if !in_order {
                users.sort();
            }
            users
        };
        assert_eq!(users(&report["tried"], false), users(&vector["credentials"], false), "{line}");
        let has_tie = report["tried"].as_array().unwrap().iter().any(|t| t["tie"] == true);
        if !has_tie {
            assert_eq!(users(&report["tried"], true), users(&vector["credentials"], true), "{line}");
        }
        let is_empty = report["tried"].as_array().unwrap().is_empty();
        assert_eq!(report["outcome"], if is_empty { "none" } else { "credentials" });
        outcomes[if is_empty { 2 } else { 3 }] += 1;
    }
    assert_eq!(outcomes.iter().sum::<i32>(), 288);
    assert!(outcomes.iter().all(|count| *count > 20), "{outcomes:?}");
}

#[test]
fn the_order_of_documents_is_the_order_of_the_secrets() {
    let sandbox = Sandbox::without_cluster();
    let config = "{\"auths\":{\"ghcr.io\":{\"auth\":\"dTpw\"}}}";
    sandbox.write("a.yaml", format!("{}\n---\n{}", pull_secret("a1", config), pull_secret("a2", config)));
    sandbox.write("b.json", pull_secret("b", config).to_string());
    sandbox.write("config.json", config);
    let order = |args: &[&str]| {
        let output = run(&sandbox, &[&["ghcr.io/x", "-o", "json"], args].concat(), "");
        tried(&output.success().json())
    };
    assert_eq!(order(&["-f", "a.yaml", "-f", "b.json"]), ["a1 ghcr.io", "a2 ghcr.io", "b ghcr.io"]);
    assert_eq!(order(&["-f", "b.json", "-f", "a.yaml"]), ["b ghcr.io", "a1 ghcr.io", "a2 ghcr.io"]);
    assert_eq!(order(&["-f", "config.json"]), ["config.json ghcr.io"]);
}

#[test]
fn a_report_has_what_scripts_look_at_and_no_password() {
    let sandbox = Sandbox::without_cluster();
    let config = json!({"auths": {
        "https://index.docker.io/v1/": {"username": "hub", "password": SECRET},
        "ghcr.io:443": {"auth": STANDARD.encode(format!("u:{SECRET}"))},
    }});
    let manifests =
        [pull_secret("hub", &config.to_string()).to_string(), manifest("opaque", "Opaque", "{}").to_string()];
    let output = run(&sandbox, &["nginx:1", "-f", "-", "-o", "json"], &manifests.join("\n---\n"));
    let expected = json!({
        "apiVersion": "regcred/v1", "kind": "Match", "image": "nginx:1",
        "repository": "docker.io/library/nginx", "tag": "1", "outcome": "credentials",
        "tried": [{"secret": "hub", "key": "https://index.docker.io/v1/", "indexKey": "index.docker.io",
                   "username": "hub", "tie": false, "hubFallback": true}],
        "missed": [
            {"secret": "hub", "key": "ghcr.io:443", "reason": "port",
             "detail": "the port is \"443\", and the image's is \"\""},
            {"secret": "opaque", "reason": "secret-type", "detail": "its type is \"Opaque\""},
        ],
    });
    assert_eq!(output.success().json(), expected);
    let text = run(&sandbox, &["nginx:1", "-f", "-"], &manifests.join("\n---\n"));
    text.success()
        .assert_stdout_contains("image: docker.io/library/nginx:1\n")
        .assert_stdout_contains(
            "  1. hub \"https://index.docker.io/v1/\", user \"hub\"; because no key matches",
        )
        .assert_stdout_contains("  hub \"ghcr.io:443\": the port is \"443\"")
        .assert_stdout_contains("  opaque: its type is \"Opaque\"");
    assert_no_secret(SECRET, &[&output, &text]);
}

#[test]
fn a_fatal_entry_is_named_and_is_exit_3() {
    let sandbox = Sandbox::without_cluster();
    let config = format!("{{\"auths\":{{\"ghcr.io\":{{\"auth\":\"{SECRET}\"}}}}}}");
    let output = run(&sandbox, &["ghcr.io/x", "-f", "-", "-o", "json"], &config);
    let fatal = output.assert_code(3).json()["fatal"].clone();
    assert_eq!((&fatal["secret"], &fatal["key"]), (&json!("-"), &json!("ghcr.io")));
    assert!(
        fatal["reason"].as_str().unwrap().starts_with("line 1, column 29: `auth` is not standard base64")
    );
    let text = run(&sandbox, &["ghcr.io/x", "-f", "-"], &config);
    text.assert_code(3).assert_stdout_contains("the pull fails: - \"ghcr.io\": line 1, column 29");
    assert_no_secret(SECRET, &[&output, &text]);
}

#[test]
fn wrong_usage_is_exit_2() {
    let sandbox = Sandbox::without_cluster();
    run(&sandbox, &["Not An Image", "-f", "-"], "{}")
        .assert_code(2)
        .assert_stderr_contains("is not an image name");
    run(&sandbox, &["nginx"], "").assert_code(2).assert_stderr_contains("--filename");
    run(&sandbox, &["nginx", "-f", "-", "--secret", "a"], "{}").assert_code(2);
    run(&sandbox, &["nginx", "-f", "none"], "").assert_code(4);
    run(&sandbox, &["nginx", "-f", "-"], "{}").success().assert_stdout_contains("the pull is anonymous");
}

#[test]
fn secrets_of_the_cluster_are_looked_up_in_the_order_given() {
    let namespace = cluster().namespace();
    let sandbox = Sandbox::new(cluster());
    let config = format!("{{\"auths\":{{\"ghcr.io\":{{\"username\":\"u\",\"password\":\"{SECRET}\"}}}}}}");
    for name in ["one", "two"] {
        let text = pull_secret(name, &config).to_string();
        sandbox
            .run_with_stdin("kubectl", ["create", "-n", namespace.name(), "-f", "-"], text.as_bytes())
            .success();
    }
    let args = ["regcred", "match", "ghcr.io/x", "-n", namespace.name(), "-o", "json"];
    let secrets = ["--secret=two", "--secret=none", "--secret=one"];
    let output = sandbox.kubectl(args.iter().chain(&secrets));
    let report = output.success().json();
    assert_eq!(tried(&report), ["two ghcr.io", "one ghcr.io"]);
    assert_eq!(report["missed"][0]["reason"], "secret-missing");
    assert_no_secret(SECRET, &[&output]);
}
