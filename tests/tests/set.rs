//! `kubectl regcred set` and `unset`.

#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use regcred_tests::cluster;
use regcred_tests::cluster::Namespace;
use regcred_tests::fault_proxy::{Fault, FaultProxy, Rule};
use regcred_tests::leak::assert_no_secret;
use regcred_tests::output::Output;
use regcred_tests::sandbox::Sandbox;
use serde_json::{Value, json};

const PASSWORD: &str = "hunter2-hunter2";

fn set(sandbox: &Sandbox, namespace: &Namespace<'_>, args: &[&str]) -> Output {
    let login = ["regcred", "set", "pull", "--docker-username=u", "--password-stdin", "-n", namespace.name()];
    let output = sandbox.run_with_stdin("kubectl", login.iter().chain(args), PASSWORD.as_bytes());
    if !args.contains(&"-o") {
        assert_no_secret(PASSWORD, &[&output]);
    }
    output
}

fn unset(sandbox: &Sandbox, namespace: &Namespace<'_>, args: &[&str]) -> Output {
    let output = sandbox.kubectl(["regcred", "unset", "pull", "-n", namespace.name()].iter().chain(args));
    if !args.contains(&"-o") {
        assert_no_secret(PASSWORD, &[&output]);
    }
    output
}

/// Makes the Secret with kubectl.
fn make(namespace: &Namespace<'_>, kind: &str, key: &str, config: &str, more: &Value) {
    let mut secret = json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "pull", "namespace": namespace.name()},
        "type": kind, "data": {key: STANDARD.encode(config)}});
    for (name, value) in more.as_object().into_iter().flatten() {
        secret[name] = value.clone();
    }
    let sandbox = Sandbox::new(cluster());
    sandbox.run_with_stdin("kubectl", ["create", "-f", "-"], secret.to_string().as_bytes()).success();
}

fn make_config(namespace: &Namespace<'_>, config: &str) {
    make(namespace, "kubernetes.io/dockerconfigjson", ".dockerconfigjson", config, &Value::Null);
}

fn text(namespace: &Namespace<'_>, key: &str) -> String {
    let secret = namespace.get("secret", "pull");
    String::from_utf8(STANDARD.decode(secret["data"][key].as_str().unwrap()).unwrap()).unwrap()
}

fn config(namespace: &Namespace<'_>) -> Value {
    serde_json::from_str(&text(namespace, ".dockerconfigjson")).unwrap()
}

#[test]
fn a_secret_that_is_missing_is_created_and_the_same_again_changes_nothing() {
    let namespace = cluster().namespace();
    let sandbox = Sandbox::new(cluster());
    assert_eq!(set(&sandbox, &namespace, &["--registry=ghcr.io"]).success().stdout, "secret/pull created\n");
    let made = namespace.get("secret", "pull");
    assert_eq!(made["metadata"]["labels"]["app.kubernetes.io/managed-by"], "kubectl-regcred");
    assert_eq!(config(&namespace)["auths"]["ghcr.io"]["password"], PASSWORD);
    assert_eq!(
        set(&sandbox, &namespace, &["--registry=ghcr.io"]).success().stdout,
        "secret/pull unchanged\n"
    );
    let again = namespace.get("secret", "pull");
    assert_eq!(made["metadata"]["resourceVersion"], again["metadata"]["resourceVersion"]);
}

#[test]
fn one_entry_changes_and_the_others_stay_to_the_byte() {
    let namespace = cluster().namespace();
    let sandbox = Sandbox::new(cluster());
    let neighbours = r#""quay.io" :{"auth" : "***", "x":[1,2.50]}, "n": null"#;
    make_config(
        &namespace,
        &format!(r#"{{"proxies":{{}}, "auths": {{{neighbours}, "https://GHCR.io":{{"auth":"dTpv"}}}}}}"#),
    );
    let output = set(&sandbox, &namespace, &["--registry=ghcr.io", "--expires-in=90d"]);
    output.success();
    assert!(
        output.stdout.starts_with("secret/pull changed: \"https://GHCR.io\" replaced, \"ghcr.io\" added\n"),
        "{}",
        output.stdout
    );
    // The neighbour that fails every pull is named.
    output.assert_stderr_contains("quay.io");
    let after = text(&namespace, ".dockerconfigjson");
    assert!(after.starts_with(&format!(r#"{{"proxies":{{}}, "auths": {{{neighbours}, "#)), "{after}");
    assert!(!after.contains("dTpv"), "{after}");
    let annotations = &namespace.get("secret", "pull")["metadata"]["annotations"];
    assert!(annotations["kubectl-regcred/rotated-at"].is_string(), "{annotations}");
    assert!(annotations["kubectl-regcred/expires-at"].is_string(), "{annotations}");

    unset(&sandbox, &namespace, &["--registry=ghcr.io"])
        .success()
        .assert_stdout_contains("secret/pull changed: \"https://GHCR.io\" removed, \"ghcr.io\" removed\n");
    assert_eq!(
        text(&namespace, ".dockerconfigjson"),
        format!(r#"{{"proxies":{{}}, "auths": {{{neighbours}}}}}"#)
    );
    unset(&sandbox, &namespace, &["--registry=ghcr.io"])
        .success()
        .assert_stdout_contains("secret/pull unchanged\n");
}

#[test]
fn the_legacy_type_is_changed_in_its_own_form() {
    let namespace = cluster().namespace();
    let sandbox = Sandbox::new(cluster());
    make(&namespace, "kubernetes.io/dockercfg", ".dockercfg", r#"{"quay.io":{"auth":"dTpv"}}"#, &Value::Null);
    set(&sandbox, &namespace, &["--registry=ghcr.io"]).success();
    let after: Value = serde_json::from_str(&text(&namespace, ".dockercfg")).unwrap();
    assert_eq!(after["quay.io"], json!({"auth": "dTpv"}));
    assert_eq!(after["ghcr.io"]["password"], PASSWORD);
}

#[test]
fn all_entries_of_a_docker_config_or_another_secret_are_set() {
    let (namespace, other) = (cluster().namespace(), cluster().namespace());
    let sandbox = Sandbox::new(cluster());
    make_config(&namespace, r#"{"auths":{"keep.io":{"auth":"dTpw"},"a.io":{"auth":"dTpv"}}}"#);
    make_config(&other, r#"{"auths":{"a.io":{"auth":"dTpw"},"b.io":{"auth":"dTpw"}}}"#);
    let from = format!("--from-secret={}/pull", other.name());
    let args = ["regcred", "set", "pull", "-n", namespace.name(), &from];
    sandbox.kubectl(args).success().assert_stdout_contains("\"a.io\" replaced, \"b.io\" added");
    let auths = &config(&namespace)["auths"];
    assert_eq!(auths["keep.io"], json!({"auth": "dTpw"}));
    assert_eq!((&auths["a.io"]["password"], &auths["b.io"]["password"]), (&json!("p"), &json!("p")));

    sandbox.write(".docker/config.json", r#"{"auths":{"c.io":{"auth":"dTpw"}}}"#);
    sandbox.kubectl(["regcred", "set", "pull", "-n", namespace.name(), "--from-docker-config"]).success();
    assert_eq!(config(&namespace)["auths"]["c.io"]["password"], "p");
}

#[test]
fn a_dry_run_changes_nothing() {
    let namespace = cluster().namespace();
    let sandbox = Sandbox::new(cluster());
    set(&sandbox, &namespace, &["--registry=a.io", "--dry-run=client"])
        .success()
        .assert_stdout_contains("created (dry run)");
    assert!(namespace.find("secret", "pull").is_none());
    make_config(&namespace, r#"{"auths":{"a.io":{"auth":"dTpv"}}}"#);
    let before = namespace.get("secret", "pull");
    for mode in ["--dry-run=client", "--dry-run=server"] {
        let shown = set(&sandbox, &namespace, &["--registry=a.io", mode, "-o", "json"]).success().json();
        let data = STANDARD.decode(shown["data"][".dockerconfigjson"].as_str().unwrap()).unwrap();
        let data: Value = serde_json::from_slice(&data).unwrap();
        assert_eq!(data["auths"]["a.io"]["password"], PASSWORD, "{mode}");
        set(&sandbox, &namespace, &["--registry=a.io", mode])
            .success()
            .assert_stdout_contains("changed: \"a.io\" replaced (");
        unset(&sandbox, &namespace, &["--registry=a.io", mode])
            .success()
            .assert_stdout_contains("\"a.io\" removed");
    }
    let yaml = set(&sandbox, &namespace, &["--registry=a.io", "--dry-run=client", "-o", "yaml"]);
    yaml.success().assert_stdout_contains("kind: Secret");
    let name = set(&sandbox, &namespace, &["--registry=a.io", "--dry-run=client", "-o", "name"]);
    assert_eq!(name.success().stdout, "secret/pull\n");
    assert_eq!(namespace.get("secret", "pull"), before);
}

#[test]
fn what_cannot_be_edited_is_refused_with_the_reason() {
    let namespace = cluster().namespace();
    let sandbox = Sandbox::new(cluster());
    let run = || set(&sandbox, &namespace, &["--registry=a.io"]);
    let again = || namespace.kubectl(["delete", "secret", "pull"]).success().clone();
    make(&namespace, "Opaque", ".dockerconfigjson", "{}", &Value::Null);
    run().assert_code(1).assert_stderr_contains("its type is \"Opaque\"");
    let _ = again();
    make_config(&namespace, r#"{"auths":[]}"#);
    run().assert_code(1).assert_stderr_contains("`auths` must be an object");
    let _ = again();
    make(
        &namespace,
        "kubernetes.io/dockerconfigjson",
        ".dockerconfigjson",
        "{}",
        &json!({"immutable": true}),
    );
    run().assert_code(1).assert_stderr_contains("it is immutable");
    let _ = again();
    let padding = "x".repeat(1024 * 1024 - 60);
    make_config(&namespace, &format!(r#"{{"auths":{{}},"x":"{padding}"}}"#));
    run().assert_code(1).assert_stderr_contains("a Secret holds at most 1048576");
    assert_eq!(config(&namespace)["auths"], json!({}));
    unset(&sandbox, &namespace, &["--registry=a b"]).assert_code(2);
    let output = sandbox.kubectl(["regcred", "unset", "none", "-n", namespace.name(), "--registry=a.io"]);
    output.assert_code(4).assert_stderr_contains("there is no secret/none");
    set(&sandbox, &namespace, &["--registry=a.io", "--registry=b.io"]).assert_code(2);
    set(&sandbox, &namespace, &["--registry=a.io", "--docker-server=a.io"]).assert_code(2);
    sandbox.kubectl(["regcred", "set", "pull", "--from-file=x"]).assert_code(2);
}

#[test]
fn three_hundred_registries_in_nearly_a_mebibyte_are_edited() {
    let namespace = cluster().namespace();
    let sandbox = Sandbox::new(cluster());
    let note = "n".repeat(3000);
    let entries: Vec<_> =
        (0..300).map(|n| format!(r#""r{n}.io" : {{"auth":"dTpv", "note": "{note}"}}"#)).collect();
    let before = format!(r#"{{ "auths": {{ {} }} }}"#, entries.join(" ,"));
    make_config(&namespace, &before);
    set(&sandbox, &namespace, &["--registry=r150.io"]).success();
    let after = text(&namespace, ".dockerconfigjson");
    for (number, entry) in entries.iter().enumerate() {
        assert_eq!(after.contains(entry), number != 150, "{number}");
    }
    assert_eq!(config(&namespace)["auths"]["r150.io"]["password"], PASSWORD);
    assert_eq!(config(&namespace)["auths"]["r150.io"]["note"], note);
}

#[test]
fn a_secret_that_somebody_else_manages_is_left_to_them() {
    let namespace = cluster().namespace();
    let sandbox = Sandbox::new(cluster());
    let helm = json!({"metadata": {"name": "pull", "namespace": namespace.name(), "annotations": {"meta.helm.sh/release-name": "web"}}});
    make(&namespace, "kubernetes.io/dockerconfigjson", ".dockerconfigjson", "{}", &helm);
    set(&sandbox, &namespace, &["--registry=a.io"])
        .assert_code(8)
        .assert_stderr_contains("is managed by Helm (\"web\")")
        .assert_stderr_contains("--force goes on");
    assert_eq!(text(&namespace, ".dockerconfigjson"), "{}");
    set(&sandbox, &namespace, &["--registry=a.io", "--force"]).success();
    assert_eq!(config(&namespace)["auths"]["a.io"]["password"], PASSWORD);
    // What is so already is nobody's loss.
    set(&sandbox, &namespace, &["--registry=a.io"]).success().assert_stdout_contains("unchanged");
}

#[test]
fn the_password_that_kubectl_apply_noted_goes_too() {
    let namespace = cluster().namespace();
    let sandbox = Sandbox::new(cluster());
    let old = STANDARD.encode(r#"{"auths":{"a.io":{"auth":"dTpv"}}}"#);
    let manifest = json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "pull", "namespace": namespace.name()},
        "type": "kubernetes.io/dockerconfigjson", "data": {".dockerconfigjson": old}});
    sandbox.run_with_stdin("kubectl", ["apply", "-f", "-"], manifest.to_string().as_bytes()).success();
    let noted = || {
        let secret = namespace.get("secret", "pull");
        secret["metadata"]["annotations"]["kubectl.kubernetes.io/last-applied-configuration"].clone()
    };
    set(&sandbox, &namespace, &["--registry=a.io"]).success();
    assert!(noted().as_str().unwrap().contains(&old));
    set(&sandbox, &namespace, &["--registry=a.io", "--scrub-last-applied"]).success();
    assert_eq!(noted(), Value::Null);

    // Those that we manage are scrubbed unasked.
    namespace.kubectl(["label", "secret", "pull", "app.kubernetes.io/managed-by=kubectl-regcred"]).success();
    sandbox.run_with_stdin("kubectl", ["apply", "-f", "-"], manifest.to_string().as_bytes()).success();
    set(&sandbox, &namespace, &["--registry=a.io", "--scrub-last-applied=false"]).success();
    assert!(noted().is_string());
    set(&sandbox, &namespace, &["--registry=a.io"]).success();
    assert_eq!(noted(), Value::Null);
}

#[test]
fn twenty_writers_at_once_lose_nothing() {
    let namespace = cluster().namespace();
    let sandbox = Sandbox::new(cluster());
    std::thread::scope(|scope| {
        for number in 0..20 {
            let (sandbox, namespace) = (&sandbox, &namespace);
            scope.spawn(move || {
                set(sandbox, namespace, &[&format!("--registry=r{number}.io")]).success();
            });
        }
        for number in 0..10 {
            let namespace = &namespace;
            scope.spawn(move || {
                // kubectl patches blindly what is there by then.
                namespace.kubectl(["annotate", "secret", "pull", &format!("other/n{number}=x")])
            });
        }
    });
    let auths = config(&namespace)["auths"].as_object().unwrap().clone();
    assert_eq!(auths.len(), 20);
    assert!(auths.values().all(|entry| entry["password"] == PASSWORD));
}

#[test]
fn lost_answers_are_looked_up() {
    let namespace = cluster().namespace();
    make_config(&namespace, r#"{"auths":{"a.io":{"auth":"dTpv"}}}"#);
    let proxy = FaultProxy::start(&cluster().kubeconfig());
    let path_contains = format!("/namespaces/{}/secrets/pull", namespace.name());
    for (fault, times) in [
        (Fault::LoseAnswer, 1),
        (Fault::Refuse, 2),
        (Fault::Busy { status: 429, retry_after: None }, 1),
        (Fault::Busy { status: 503, retry_after: None }, 1),
    ] {
        proxy.inject(Rule { fault, method: "PATCH", path_contains: path_contains.clone(), times });
    }
    let mut sandbox = Sandbox::new(cluster());
    sandbox.use_kubeconfig(&proxy.kubeconfig());
    set(&sandbox, &namespace, &["--registry=a.io"]).success().assert_stdout_contains("\"a.io\" replaced");
    assert_eq!(config(&namespace)["auths"]["a.io"]["password"], PASSWORD);
    set(&sandbox, &namespace, &["--registry=b.io"]).success();
    assert_eq!(config(&namespace)["auths"]["b.io"]["password"], PASSWORD);
}

#[test]
fn a_change_that_nobody_can_confirm_is_not_called_done() {
    let namespace = cluster().namespace();
    make_config(&namespace, r#"{"auths":{"a.io":{"auth":"dTpv"}}}"#);
    let proxy = FaultProxy::start(&cluster().kubeconfig());
    let path_contains = format!("/namespaces/{}/secrets/pull", namespace.name());
    let rule = |method, fault, times| Rule { fault, method, path_contains: path_contains.clone(), times };
    proxy.inject(rule("PATCH", Fault::Refuse, 100));
    let mut sandbox = Sandbox::new(cluster());
    sandbox.use_kubeconfig(&proxy.kubeconfig());
    set(&sandbox, &namespace, &["--registry=a.io"])
        .assert_code(6)
        .assert_stderr_contains("whether secret/pull in namespace")
        .assert_stderr_contains("is not known");
    assert!(text(&namespace, ".dockerconfigjson").contains("dTpv"));
}
