//! `kubectl regcred create` against a real API server, driven by real kubectl.

#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use regcred_tests::cluster;
use regcred_tests::cluster::Namespace;
use regcred_tests::fault_proxy::{Fault, FaultProxy, Rule};
use regcred_tests::leak::{Folder, assert_no_secret};
use regcred_tests::output::Output;
use regcred_tests::sandbox::Sandbox;
use serde_json::{Value, json};

const PASSWORD: &str = "hunter2-<&>-$HOME-\"quoted\"";

const FLAGS: [&str; 4] = ["--docker-server=ghcr.io", "--docker-username=robot", "--password-stdin", "create"];

/// Runs `kubectl regcred create NAME …` with the password on stdin.
fn create(sandbox: &Sandbox, namespace: &Namespace<'_>, name: &str, more: &[&str]) -> Output {
    let [server, username, stdin, verb] = FLAGS;
    let args = ["regcred", verb, name, server, username, stdin, "-n", namespace.name()];
    sandbox.run_with_stdin("kubectl", args.iter().chain(more), PASSWORD.as_bytes())
}

/// The docker config that a Secret holds.
fn docker_config(secret: &Value) -> Value {
    let data = secret["data"][".dockerconfigjson"].as_str().unwrap();
    serde_json::from_slice(&STANDARD.decode(data).unwrap()).unwrap()
}

#[test]
fn a_password_on_stdin_becomes_a_secret_that_the_cluster_holds() {
    let namespace = cluster().namespace();
    let sandbox = Sandbox::new(cluster());
    let output = create(&sandbox, &namespace, "regcred", &[]);
    output.success();
    assert_eq!((output.stdout.as_str(), output.stderr.as_str()), ("secret/regcred created\n", ""));
    assert_no_secret(PASSWORD, &[&output, &Folder::new(sandbox.root())]);

    let secret = namespace.get("secret", "regcred");
    assert_eq!(secret["type"], "kubernetes.io/dockerconfigjson");
    assert_eq!(secret["metadata"]["labels"], json!({"app.kubernetes.io/managed-by": "kubectl-regcred"}));
    assert_eq!(secret["metadata"]["annotations"], Value::Null);
    let auth = STANDARD.encode(format!("robot:{PASSWORD}"));
    let expected = json!({"auths": {"ghcr.io": {"username": "robot", "password": PASSWORD, "auth": auth}}});
    assert_eq!(docker_config(&secret), expected);
}

#[test]
fn a_password_survives_to_the_byte() {
    let namespace = cluster().namespace();
    let sandbox = Sandbox::new(cluster());
    let long = "aZ9+/=._-".repeat(340);
    let passwords = [
        ("p", "p"),
        (" p ", " p "),
        ("p\n", "p"),
        ("p\r\n", "p"),
        ("p\n\n", "p\n"),
        ("two\nlines", "two\nlines"),
        ("$HOME `id` $(id) \\n", "$HOME `id` $(id) \\n"),
        ("'single' \"double\" <&>", "'single' \"double\" <&>"),
        ("pä$$wörd 密码 😀 \u{2028}", "pä$$wörd 密码 😀 \u{2028}"),
        ("colon:colon", "colon:colon"),
        (long.as_str(), long.as_str()),
    ];
    for (index, (piped, expected)) in passwords.into_iter().enumerate() {
        let name = format!("regcred-{index}");
        let args =
            ["regcred", "create", &name, "--docker-username=u", "--password-stdin", "-n", namespace.name()];
        sandbox.run_with_stdin("kubectl", args, piped.as_bytes()).success();
        let config = docker_config(&namespace.get("secret", &name));
        let entry = &config["auths"]["https://index.docker.io/v1/"];
        assert_eq!(entry["password"], expected, "{piped:?}");
        assert_eq!(entry["auth"], STANDARD.encode(format!("u:{expected}")), "{piped:?}");
    }
}

#[test]
fn an_existing_secret_is_left_alone() {
    let namespace = cluster().namespace();
    let sandbox = Sandbox::new(cluster());
    namespace.kubectl(["create", "secret", "generic", "regcred", "--from-literal=a=b"]).success();
    let before = namespace.get("secret", "regcred");
    let output = create(&sandbox, &namespace, "regcred", &[]);
    output
        .assert_code(8)
        .assert_stderr_contains("secret/regcred exists already")
        .assert_stderr_contains("hint: nothing was changed");
    assert_eq!(output.stdout, "");
    assert_no_secret(PASSWORD, &[&output]);
    assert_eq!(namespace.get("secret", "regcred"), before);
}

#[test]
fn a_server_dry_run_leaves_nothing_behind() {
    let namespace = cluster().namespace();
    let sandbox = Sandbox::new(cluster());
    let output = create(&sandbox, &namespace, "regcred", &["--dry-run=server"]);
    output.success();
    assert_eq!(output.stdout, "secret/regcred created (server dry run)\n");
    let object =
        create(&sandbox, &namespace, "regcred", &["--dry-run=server", "-o", "json"]).success().json();
    assert!(object["metadata"]["uid"].is_string(), "the server has seen it: {object}");
    assert_eq!(namespace.find("secret", "regcred"), None);
}

#[test]
fn every_flag_reaches_the_secret() {
    let namespace = cluster().namespace();
    let sandbox = Sandbox::new(cluster());
    let flags = [
        "--label=team=a",
        "--label=example.com/tier=1",
        "--annotation=note=two words, \"quoted\"",
        "--immutable",
        "--expires-at=2030-01-31T13:00:00+01:00",
        "--field-manager=my-pipeline",
        "--docker-email=robot@example.com",
        "-o",
        "name",
    ];
    let output = create(&sandbox, &namespace, "regcred", &flags);
    output.success();
    assert_eq!((output.stdout.as_str(), output.stderr.as_str()), ("secret/regcred\n", ""));
    let name = namespace.name();
    let shown = ["get", "secret", "regcred", "-n", name, "-o", "json", "--show-managed-fields"];
    let secret = sandbox.kubectl(shown).success().json();
    assert_eq!(
        secret["metadata"]["labels"],
        json!({"app.kubernetes.io/managed-by": "kubectl-regcred", "team": "a", "example.com/tier": "1"})
    );
    assert_eq!(
        secret["metadata"]["annotations"],
        json!({"note": "two words, \"quoted\"", "kubectl-regcred/expires-at": "2030-01-31T12:00:00Z"})
    );
    assert_eq!(secret["immutable"], true);
    assert_eq!(secret["metadata"]["managedFields"][0]["manager"], "my-pipeline");
    assert_eq!(docker_config(&secret)["auths"]["ghcr.io"]["email"], "robot@example.com");
}

#[test]
fn the_manifest_is_the_one_that_kubectl_prints() {
    let sandbox = Sandbox::new(cluster());
    let label = "    app.kubernetes.io/managed-by: kubectl-regcred\n";
    for format in ["yaml", "json", "name"] {
        let flags =
            ["--docker-server=ghcr.io", "--docker-username=u", "--docker-password=p<&>", "--append-hash"];
        let more = ["--dry-run=client", "-o", format, "-n", "team-a"];
        let theirs = sandbox
            .kubectl(["create", "secret", "docker-registry", "regcred"].iter().chain(&flags).chain(&more));
        let ours = sandbox.kubectl(["regcred", "create", "regcred"].iter().chain(&flags).chain(&more));
        theirs.success();
        ours.success();
        let ours = match format {
            "yaml" => ours.stdout.replace(&format!("  labels:\n{label}"), ""),
            "json" => {
                let labels = ",\n        \"labels\": {\n            \
                              \"app.kubernetes.io/managed-by\": \"kubectl-regcred\"\n        }";
                ours.stdout.replace(labels, "")
            }
            _ => ours.stdout,
        };
        assert_eq!(ours, theirs.stdout, "-o {format}");
    }
}

#[test]
fn a_printed_manifest_can_be_applied() {
    let namespace = cluster().namespace();
    let sandbox = Sandbox::new(cluster());
    let odd = "--annotation=odd=: - {yes} 'x' \"y\"\n\ttab: 1\n# no comment ";
    for (name, format) in [("from-yaml", "yaml"), ("from-json", "json")] {
        let manifest = create(
            &sandbox,
            &namespace,
            name,
            &["--dry-run=client", "-o", format, odd, "--label=n=123", "--label=y=yes"],
        );
        let text = manifest.success().stdout.clone();
        sandbox.run_with_stdin("kubectl", ["create", "-f", "-"], text.as_bytes()).success();
        let secret = namespace.get("secret", name);
        assert_eq!(docker_config(&secret)["auths"]["ghcr.io"]["password"], PASSWORD);
        assert_eq!(secret["metadata"]["annotations"]["odd"], odd.trim_start_matches("--annotation=odd="));
        assert_eq!(secret["metadata"]["labels"]["n"], "123");
        assert_eq!(secret["metadata"]["labels"]["y"], "yes");
    }
}

#[test]
fn context_cluster_and_user_choose_from_the_kubeconfig() {
    let namespace = cluster().namespace();
    let sandbox = Sandbox::new(cluster());
    let config = |args: &[&str]| sandbox.kubectl(["config"].iter().chain(args)).success().stdout.clone();
    let copy = config(&["view", "--flatten", "-o", "json"]);
    let mut kubeconfig: Value = serde_json::from_str(&copy).unwrap();
    let real = kubeconfig["contexts"][0]["context"].clone();
    let nowhere = json!({"name": "nowhere", "cluster": {"server": "https://127.0.0.1:1"}});
    kubeconfig["clusters"].as_array_mut().unwrap().push(nowhere);
    kubeconfig["users"].as_array_mut().unwrap().push(json!({"name": "nobody", "user": {}}));
    kubeconfig["contexts"] = json!([
        {"name": "broken", "context": {"cluster": "nowhere", "user": "nobody"}},
        {"name": "good", "context": {"cluster": real["cluster"], "user": real["user"], "namespace": namespace.name()}},
    ]);
    kubeconfig["current-context"] = json!("broken");
    let path = sandbox.write("kubeconfig.json", kubeconfig.to_string());
    let path = path.to_str().unwrap();
    let create = |name: &str, more: &[&str]| {
        let args =
            ["regcred", "create", name, "--docker-username=u", "--password-stdin", "--kubeconfig", path];
        sandbox.run_with_stdin("kubectl", args.iter().chain(more), b"p")
    };
    create("a", &[]).assert_code(6).assert_stderr_contains("can't reach the API server https://127.0.0.1:1");
    // The namespace of the context counts where -n does not.
    create("b", &["--context=good"]).success();
    namespace.get("secret", "b");
    let (cluster, user) = (real["cluster"].as_str().unwrap(), real["user"].as_str().unwrap());
    create("c", &["--cluster", cluster, "--user", user, "-n", namespace.name()]).success();
    namespace.get("secret", "c");
    for (flag, what) in [("--context", "context"), ("--cluster", "cluster"), ("--user", "user")] {
        create("d", &[flag, "none-such"])
            .assert_code(4)
            .assert_stderr_contains(&format!("the kubeconfig has no {what} \"none-such\""))
            .assert_stderr_contains("hint: it has: ");
    }
}

#[test]
fn a_missing_namespace_is_named() {
    let sandbox = Sandbox::new(cluster());
    let args = ["regcred", "create", "a", "--docker-username=u", "--password-stdin", "-n", "none-such"];
    let output = sandbox.run_with_stdin("kubectl", args, PASSWORD.as_bytes());
    output
        .assert_code(4)
        .assert_stderr_contains("there is no namespace \"none-such\"")
        .assert_stderr_contains("kubectl create namespace");
    assert_no_secret(PASSWORD, &[&output]);
}

#[test]
fn who_may_not_create_is_told_verb_resource_and_namespace() {
    let namespace = cluster().namespace();
    let mut sandbox = Sandbox::new(cluster());
    sandbox.use_kubeconfig(&cluster().user("mallory", None));
    let output = create(&sandbox, &namespace, "regcred", &[]);
    let name = namespace.name();
    output
        .assert_code(6)
        .assert_stderr_contains(&format!("not allowed to create secrets in namespace \"{name}\""))
        .assert_stderr_contains("User \"mallory\"")
        .assert_stderr_contains(&format!("kubectl auth can-i create secrets -n {name}"));
    assert_no_secret(PASSWORD, &[&output]);
}

#[test]
fn a_server_that_is_not_there_is_named() {
    let mut sandbox = Sandbox::new(cluster());
    let kubeconfig = json!({
        "apiVersion": "v1", "kind": "Config", "current-context": "a",
        "clusters": [{"name": "a", "cluster": {"server": "https://127.0.0.1:1"}}],
        "contexts": [{"name": "a", "context": {"cluster": "a", "user": "a"}}],
        "users": [{"name": "a", "user": {}}],
    });
    let path = sandbox.write("kubeconfig", kubeconfig.to_string());
    sandbox.use_kubeconfig(&path);
    let args = ["regcred", "create", "a", "--docker-username=u", "--password-stdin"];
    let output = sandbox.run_with_stdin("kubectl", args, PASSWORD.as_bytes());
    output
        .assert_code(6)
        .assert_stderr_contains("can't reach the API server https://127.0.0.1:1")
        .assert_stderr_contains("onnection refused")
        .assert_stderr_contains("kubectl cluster-info");
    assert_no_secret(PASSWORD, &[&output]);
}

#[test]
fn a_failing_exec_plugin_is_named_and_its_output_is_not_shown() {
    let mut sandbox = Sandbox::new(cluster());
    let plugin = sandbox.script("login-plugin", &format!("#!/bin/sh\necho '{PASSWORD}'\nexit 3\n"));
    let kubeconfig = json!({
        "apiVersion": "v1", "kind": "Config", "current-context": "a",
        "clusters": [{"name": "a", "cluster": {"server": "https://127.0.0.1:1"}}],
        "contexts": [{"name": "a", "context": {"cluster": "a", "user": "a"}}],
        "users": [{"name": "a", "user": {"exec": {
            "apiVersion": "client.authentication.k8s.io/v1", "command": plugin, "interactiveMode": "Never",
        }}}],
    });
    let path = sandbox.write("kubeconfig", kubeconfig.to_string());
    sandbox.use_kubeconfig(&path);
    let args = ["create", "a", "--docker-username=u", "--password-stdin"];
    let output = sandbox.run_with_stdin("kubectl-regcred", args, b"p");
    output.assert_code(6).assert_stderr_contains("can't log in to").assert_stderr_contains("login-plugin");
    assert_no_secret(PASSWORD, &[&output]);
}

fn lossy(times: u32, fault: Fault, namespace: &Namespace<'_>) -> (FaultProxy, Sandbox) {
    let proxy = FaultProxy::start(&cluster().kubeconfig());
    let path_contains = format!("/namespaces/{}/secrets", namespace.name());
    proxy.inject(Rule { fault, method: "POST", path_contains, times });
    let mut sandbox = Sandbox::new(cluster());
    sandbox.use_kubeconfig(&proxy.kubeconfig());
    (proxy, sandbox)
}

fn methods(proxy: &FaultProxy) -> Vec<String> {
    proxy.seen().into_iter().map(|seen| seen.method).collect()
}

#[test]
fn a_lost_answer_is_read_back_and_done() {
    let namespace = cluster().namespace();
    let (proxy, sandbox) = lossy(1, Fault::LoseAnswer, &namespace);
    let output = create(&sandbox, &namespace, "regcred", &["--label=a=b", "--expires-in=12h"]);
    output.success();
    assert_eq!((output.stdout.as_str(), output.stderr.as_str()), ("secret/regcred created\n", ""));
    assert_eq!(methods(&proxy), ["POST", "GET"]);
    assert_eq!(docker_config(&namespace.get("secret", "regcred"))["auths"]["ghcr.io"]["password"], PASSWORD);
}

#[test]
fn a_lost_request_is_sent_again() {
    let namespace = cluster().namespace();
    let (proxy, sandbox) = lossy(1, Fault::Refuse, &namespace);
    create(&sandbox, &namespace, "regcred", &[]).success();
    assert_eq!(methods(&proxy), ["POST", "GET", "POST"]);
    namespace.get("secret", "regcred");
}

#[test]
fn a_lost_answer_about_somebody_elses_secret_is_a_conflict() {
    let namespace = cluster().namespace();
    namespace.kubectl(["create", "secret", "generic", "regcred", "--from-literal=a=b"]).success();
    let (_proxy, sandbox) = lossy(1, Fault::LoseAnswer, &namespace);
    let output = create(&sandbox, &namespace, "regcred", &[]);
    output.assert_code(8).assert_stderr_contains("exists already");
}

#[test]
fn a_network_that_stays_broken_is_told_and_nothing_is_claimed() {
    let namespace = cluster().namespace();
    let (proxy, sandbox) = lossy(100, Fault::Refuse, &namespace);
    let output = create(&sandbox, &namespace, "regcred", &[]);
    output.assert_code(6).assert_stderr_contains("no answer from the API server");
    assert_eq!(output.stdout, "");
    assert_eq!(methods(&proxy).iter().filter(|method| *method == "POST").count(), 3);
    assert_eq!(namespace.find("secret", "regcred"), None);
    assert_no_secret(PASSWORD, &[&output]);

    let path_contains = "/secrets/regcred".to_owned();
    proxy.inject(Rule { fault: Fault::Refuse, method: "GET", path_contains, times: 100 });
    let output = create(&sandbox, &namespace, "regcred", &[]);
    output.assert_code(6).assert_stderr_contains("whether secret/regcred was created is not known");
}

#[test]
fn a_warning_names_the_better_flag_once() {
    let namespace = cluster().namespace();
    let sandbox = Sandbox::new(cluster());
    let args =
        ["regcred", "create", "a", "--docker-username=u", "--docker-password=-p", "-n", namespace.name()];
    let output = sandbox.kubectl(args);
    output.success();
    assert_eq!(output.stderr.matches("warning: ").count(), 1, "{}", output.stderr);
    output.assert_stderr_contains("--password-stdin");
    assert_eq!(
        docker_config(&namespace.get("secret", "a"))["auths"]["https://index.docker.io/v1/"]["password"],
        "-p"
    );
}
