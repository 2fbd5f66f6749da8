//! `rotate` and `set` beside other writers, all of them processes of their own: no update is lost.

#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use regcred_tests::cluster;
use regcred_tests::cluster::Namespace;
use regcred_tests::output::Output;
use regcred_tests::sandbox::Sandbox;
use serde_json::{Value, json};

const COUNT: usize = 30;

fn rotate(sandbox: &Sandbox, namespace: &Namespace<'_>, registry: &str, password: &str) -> Output {
    let registry = format!("--registry={registry}");
    let args =
        ["rotate", &registry, "--docker-username=u", "--password-stdin", "--yes", "-n", namespace.name()];
    sandbox.run_with_stdin("kubectl-regcred", args, password.as_bytes())
}

fn fill(namespace: &Namespace<'_>) {
    let config = STANDARD.encode(r#"{"auths":{"a.io":{"auth":"dTpvbGQ="},"b.io":{"auth":"dTpvbGQ="}}}"#);
    let secrets: Vec<_> = (0..COUNT)
        .map(|number| {
            json!({"apiVersion": "v1", "kind": "Secret", "type": "kubernetes.io/dockerconfigjson",
                "metadata": {"name": format!("s{number}"), "namespace": namespace.name()},
                "data": {".dockerconfigjson": config}})
        })
        .collect();
    let list = json!({"apiVersion": "v1", "kind": "List", "items": secrets}).to_string();
    Sandbox::new(cluster()).run_with_stdin("kubectl", ["create", "-f", "-"], list.as_bytes()).success();
}

fn secrets(namespace: &Namespace<'_>) -> Vec<Value> {
    let list = namespace.kubectl(["get", "secrets", "-o", "json"]).success().json();
    list["items"].as_array().unwrap().clone()
}

fn entry(secret: &Value, registry: &str) -> Value {
    let data = STANDARD.decode(secret["data"][".dockerconfigjson"].as_str().unwrap()).unwrap();
    serde_json::from_slice::<Value>(&data).unwrap()["auths"][registry].clone()
}

fn is_login(entry: &Value, password: &str) -> bool {
    let auth = STANDARD.encode(format!("u:{password}"));
    *entry == json!({"username": "u", "password": password, "auth": auth})
}

#[test]
fn rotations_of_two_registries_and_kubectl_on_the_same_secrets_lose_nothing() {
    let namespace = cluster().namespace();
    fill(&namespace);
    let sandbox = Sandbox::new(cluster());
    std::thread::scope(|scope| {
        for (registry, password) in [("a.io", "new-a"), ("b.io", "new-b")] {
            let (sandbox, namespace) = (&sandbox, &namespace);
            scope.spawn(move || {
                let output = rotate(sandbox, namespace, registry, password);
                output.success().assert_stderr_contains("30 changed");
            });
        }
        for number in 0..COUNT {
            let (sandbox, namespace) = (&sandbox, &namespace);
            scope.spawn(move || {
                let name = format!("s{number}");
                let patch = r#"{"data":{"theirs":"eA=="},"metadata":{"annotations":{"patched":"yes"}}}"#;
                namespace.kubectl(["patch", "secret", &name, "-p", patch]).success();
                let applied = json!({"apiVersion": "v1", "kind": "Secret", "type": "kubernetes.io/dockerconfigjson",
                    "metadata": {"name": name, "namespace": namespace.name(), "labels": {"applied": "yes"}}});
                let apply = ["apply", "--server-side", "--field-manager=theirs", "-f", "-"];
                sandbox.run_with_stdin("kubectl", apply, applied.to_string().as_bytes()).success();
                let applied = json!({"apiVersion": "v1", "kind": "Secret", "type": "kubernetes.io/dockerconfigjson",
                    "metadata": {"name": name, "namespace": namespace.name(), "labels": {"also-applied": "yes"}}});
                let apply = ["apply", "-f", "-"];
                sandbox.run_with_stdin("kubectl", apply, applied.to_string().as_bytes()).success();
            });
        }
    });
    for secret in secrets(&namespace) {
        assert!(is_login(&entry(&secret, "a.io"), "new-a"), "{secret}");
        assert!(is_login(&entry(&secret, "b.io"), "new-b"), "{secret}");
        assert_eq!(secret["data"]["theirs"], "eA==");
        assert_eq!(secret["metadata"]["annotations"]["patched"], "yes");
        assert_eq!(secret["metadata"]["labels"]["applied"], "yes");
        assert_eq!(secret["metadata"]["labels"]["also-applied"], "yes");
    }
}

#[test]
fn two_rotations_to_different_passwords_leave_each_secret_whole() {
    let namespace = cluster().namespace();
    fill(&namespace);
    let sandbox = Sandbox::new(cluster());
    std::thread::scope(|scope| {
        for password in ["one", "two"] {
            let (sandbox, namespace) = (&sandbox, &namespace);
            scope.spawn(move || {
                let output = rotate(sandbox, namespace, "a.io", password);
                // Which logins were there, and which of them the other one had replaced, is chance.
                assert!(matches!(output.code, Some(0 | 2 | 8)), "{output:?}");
            });
        }
    });
    for secret in secrets(&namespace) {
        let found = entry(&secret, "a.io");
        assert!(is_login(&found, "one") || is_login(&found, "two"), "{found}");
        assert_eq!(entry(&secret, "b.io"), json!({"auth": "dTpvbGQ="}));
    }
}

#[test]
fn two_rotations_to_the_same_password_are_both_done() {
    let namespace = cluster().namespace();
    fill(&namespace);
    let sandbox = Sandbox::new(cluster());
    std::thread::scope(|scope| {
        for _ in 0..3 {
            let (sandbox, namespace) = (&sandbox, &namespace);
            scope.spawn(move || rotate(sandbox, namespace, "a.io", "same").success().code);
        }
    });
    assert!(secrets(&namespace).iter().all(|secret| is_login(&entry(secret, "a.io"), "same")));
    rotate(&sandbox, &namespace, "a.io", "same").success().assert_stderr_contains("30 already so");
}

#[test]
fn set_beside_a_rotation_adds_its_entry_to_every_secret() {
    let namespace = cluster().namespace();
    fill(&namespace);
    let sandbox = Sandbox::new(cluster());
    std::thread::scope(|scope| {
        scope.spawn(|| rotate(&sandbox, &namespace, "a.io", "rotated").success().code);
        for number in 0..COUNT {
            let (sandbox, namespace) = (&sandbox, &namespace);
            scope.spawn(move || {
                let name = format!("s{number}");
                let args = [
                    "set",
                    &name,
                    "--registry=c.io",
                    "--docker-username=u",
                    "--password-stdin",
                    "-n",
                    namespace.name(),
                ];
                sandbox.run_with_stdin("kubectl-regcred", args, b"set").success();
            });
        }
    });
    for secret in secrets(&namespace) {
        assert!(is_login(&entry(&secret, "a.io"), "rotated"), "{secret}");
        assert!(is_login(&entry(&secret, "c.io"), "set"), "{secret}");
    }
}
