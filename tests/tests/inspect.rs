//! `kubectl regcred inspect`: all about a pull secret but its password.

#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use regcred_tests::cluster;
use regcred_tests::cluster::Namespace;
use regcred_tests::leak::assert_no_secret;
use regcred_tests::output::Output;
use regcred_tests::sandbox::Sandbox;
use regcred_tests::schema;
use serde_json::{Value, json};

const PASSWORD: &str = "hunter2-hunter2";

fn secret(name: &str, auths: &Value) -> Value {
    let config = json!({"auths": auths}).to_string();
    json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}, "type": "kubernetes.io/dockerconfigjson",
           "data": {".dockerconfigjson": STANDARD.encode(config)}})
}

fn login(user: &str) -> Value {
    json!({"username": user, "password": PASSWORD})
}

fn create(namespace: &Namespace<'_>, objects: &[Value]) {
    let list = json!({"apiVersion": "v1", "kind": "List", "items": objects}).to_string();
    let args = ["create", "-n", namespace.name(), "-f", "-"];
    Sandbox::new(cluster()).run_with_stdin("kubectl", args, list.as_bytes()).success();
}

fn inspect(namespace: &Namespace<'_>, more: &[&str]) -> Output {
    Sandbox::new(cluster()).kubectl([&["regcred", "inspect", "-n", namespace.name()], more].concat())
}

fn items(output: &Output) -> Vec<Value> {
    schema::valid(output, "InspectReport")["items"].as_array().unwrap().clone()
}

/// A pod that pulls with `secret`, as it looks while the kubelet can't pull its image.
fn failing_pod(namespace: &Namespace<'_>, name: &str, image: &str, secret: &str) {
    create(
        namespace,
        &[json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}, "spec": {
        "imagePullSecrets": [{"name": secret}], "containers": [{"name": "app", "image": image}]}})],
    );
    // No kubelet runs here; this is what one writes.
    let waiting = json!({"reason": "ImagePullBackOff", "message": "Back-off \u{1b}[2Jpulling image"});
    let status = json!({"status": {"containerStatuses": [{"name": "app", "image": image, "imageID": "", "ready": false,
        "restartCount": 0, "state": {"waiting": waiting}}]}});
    let patch = status.to_string();
    namespace.kubectl(["patch", "pod", name, "--subresource=status", "--type=merge", "-p", &patch]).success();
}

#[test]
fn everything_about_a_secret_is_told_but_its_password() {
    let namespace = cluster().namespace();
    let other = cluster().namespace();
    let auth = STANDARD.encode(format!("robot:{PASSWORD}"));
    let auths = json!({"ghcr.io/team": {"auth": auth}, "hub.docker.com": login("hub"), "quay.io": {}});
    let mut main = secret("main", &auths);
    main["metadata"]["annotations"] =
        json!({"meta.helm.sh/release-name": "shop", "kubectl-regcred/expires-at": "2099-01-01T00:00:00Z"});
    create(
        &namespace,
        &[
            main,
            secret("twin", &json!({"other.example": login("robot")})),
            secret("stranger", &json!({"ghcr.io": login("somebody-else"), "quay.io": {}})),
            json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "puller"},
               "imagePullSecrets": [{"name": "main"}]}),
        ],
    );
    create(&other, &[secret("copy", &json!({"ghcr.io/team": login("robot")}))]);
    failing_pod(&namespace, "broken", "ghcr.io/team/app:1", "main");
    failing_pod(&namespace, "elsewhere", "gcr.io/x", "main");
    failing_pod(&namespace, "not-ours", "ghcr.io/team/app:1", "twin");

    let output = inspect(&namespace, &["main", "-o", "json"]);
    output.success();
    let item = &items(&output)[0];
    assert_eq!(item["managedBy"], "Helm (\"shop\")");
    assert_eq!(item["expiresAt"], "2099-01-01T00:00:00Z");
    assert_eq!(
        item["registries"],
        json!([
            {"key": "ghcr.io/team", "username": "robot", "matches": "images whose name begins with \"ghcr.io/team\"",
             "passwordField": "auth"},
            {"key": "hub.docker.com", "username": "hub", "matches": "all images on \"hub.docker.com\"",
             "passwordField": "password"},
            {"key": "quay.io", "matches": "all images on \"quay.io\""},
        ])
    );
    let mut codes: Vec<_> = item["findings"]
        .as_array()
        .unwrap()
        .iter()
        .map(|finding| finding["code"].as_str().unwrap())
        .collect();
    codes.sort_unstable();
    assert_eq!(codes, ["empty-entry", "hub-key", "path-boundary"]);
    let same = item["sameCredential"].as_array().unwrap();
    let ours = |namespace: &str| {
        same.iter().filter(|same| same["namespace"] == namespace).cloned().collect::<Vec<_>>()
    };
    assert_eq!(
        ours(namespace.name()),
        [
            json!({"namespace": namespace.name(), "name": "twin", "key": "other.example", "entry": "ghcr.io/team"})
        ]
    );
    assert_eq!(ours(other.name())[0]["name"], "copy");
    let known: Vec<_> =
        item["usedBy"]["known"].as_array().unwrap().iter().map(|user| &user["name"]).collect();
    assert_eq!(known, ["puller", "broken", "elsewhere"]);
    let failing: Vec<_> = item["failingPulls"]
        .as_array()
        .unwrap()
        .iter()
        .map(|pull| format!("{} {} {} {}", pull["pod"], pull["image"], pull["reason"], pull["tried"]))
        .collect();
    assert_eq!(
        failing,
        [
            r#""broken" "ghcr.io/team/app:1" "ImagePullBackOff" true"#,
            r#""elsewhere" "gcr.io/x" "ImagePullBackOff" false"#
        ]
    );
    assert_eq!(item["unknown"], json!([]));

    let text = inspect(&namespace, &["main"]);
    text.success()
        .assert_stdout_contains("Managed by:  Helm (\"shop\")\n")
        .assert_stdout_contains("Expires:     2099-01-01T00:00:00Z (in ")
        .assert_stdout_contains("    Matches:   images whose name begins with \"ghcr.io/team\"\n")
        .assert_stdout_contains("    Password:  in `auth`\n")
        .assert_stdout_contains(
            "    warning: the key never matches an image of Docker Hub\n      remedy: write the key as",
        )
        .assert_stdout_contains("/twin, for \"other.example\" (here \"ghcr.io/team\")\n")
        .assert_stdout_contains("  serviceaccount/puller: pulls with it\n")
        .assert_stdout_contains("gcr.io/x: ImagePullBackOff (no entry of this Secret is for this image)\n")
        .assert_stdout_contains("Back-off \\u{1b}[2Jpulling image\n");
    let yaml = inspect(&namespace, &["main", "twin", "-o", "yaml"]);
    yaml.success();
    assert_eq!(items(&yaml).len(), 2);
    assert_no_secret(PASSWORD, &[&output, &text, &yaml]);
}

#[test]
fn passwords_are_shown_when_asked_for_and_said_so() {
    let namespace = cluster().namespace();
    let auths = json!({"ghcr.io": login("robot"), "quay.io": {"identitytoken": "tokentoken-1234"}});
    create(&namespace, &[secret("main", &auths)]);
    let json = inspect(&namespace, &["main", "--show-secrets", "-o", "json"]);
    json.success().assert_stderr_contains("warning: passwords are shown");
    let passwords: Vec<_> = items(&json)[0]["registries"]
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| entry["password"].clone())
        .collect();
    assert_eq!(passwords, [PASSWORD, "tokentoken-1234"]);
    let text = inspect(&namespace, &["main", "--show-secrets"]);
    text.success()
        .assert_stdout_contains("Password:  \"hunter2-hunter2\", in `password`\n")
        .assert_stderr_contains("warning: passwords are shown");
}

#[test]
fn one_that_is_missing_does_not_hide_the_others() {
    let namespace = cluster().namespace();
    create(&namespace, &[secret("there", &json!({"ghcr.io": login("robot")}))]);
    inspect(&namespace, &["gone", "there"])
        .assert_code(4)
        .assert_stdout_contains("Name:        there\n")
        .assert_stderr_contains("there is no secret/gone in namespace");
    let none = inspect(&namespace, &["gone"]);
    none.assert_code(4);
    assert_eq!(none.stdout, "");
    inspect(&namespace, &[]).assert_code(2);
    inspect(&namespace, &["Bad_Name"]).assert_code(2);
}

#[test]
fn what_may_not_be_seen_is_named() {
    let namespace = cluster().namespace();
    create(
        &namespace,
        &[
            secret("main", &json!({"ghcr.io": login("robot")})),
            secret("twin", &json!({"ghcr.io": login("robot")})),
        ],
    );
    let user = "inspects-little";
    namespace.allow(user, "get", "secrets");
    let mut sandbox = Sandbox::new(cluster());
    sandbox.use_kubeconfig(&cluster().user(user, None));
    let run = || sandbox.kubectl(["regcred", "inspect", "main", "-n", namespace.name(), "-o", "json"]);
    let output = run();
    output.success();
    let item = &items(&output)[0];
    assert_eq!(item["usedBy"]["verdict"], "unknown");
    assert_eq!(item.get("failingPulls"), None);
    assert_eq!(item["sameCredential"], json!([]));
    let unknown: Vec<_> =
        item["unknown"].as_array().unwrap().iter().map(|text| text.as_str().unwrap()).collect();
    assert_eq!(unknown[0], "which other Secrets hold the same: not allowed to list secrets anywhere");
    assert!(
        unknown[1].starts_with("who else uses it: not allowed to list serviceaccounts, deployments"),
        "{unknown:?}"
    );
    assert_eq!(unknown[2], "which pods fail to pull: not allowed to list pods");

    namespace.allow(user, "list", "secrets");
    let more = run();
    let item = &items(&more)[0];
    assert_eq!(item["sameCredential"][0]["name"], "twin");
    assert!(
        item["unknown"][0].as_str().unwrap().ends_with("not allowed to list secrets in other namespaces")
    );
    assert_no_secret(PASSWORD, &[&output, &more]);
}

#[test]
fn files_are_inspected_without_a_cluster() {
    let sandbox = Sandbox::without_cluster();
    let auth = STANDARD.encode(format!("robot:{PASSWORD}"));
    sandbox.write("config.json", json!({"auths": {"ghcr.io": {"auth": auth}}}).to_string());
    let mut manifest = secret("main", &json!({"*.example.com": login("robot"), "bad": {"auth": "!"}}));
    manifest["metadata"]["namespace"] = json!("team-a");
    sandbox.write("secret.yaml", manifest.to_string());
    let run = |more: &[&str]| {
        sandbox
            .run("kubectl-regcred", [&["inspect", "-f", "config.json", "-f", "secret.yaml"], more].concat())
    };
    let output = run(&["-o", "json"]);
    output.success();
    let found = items(&output);
    assert_eq!(found[0]["file"], "config.json");
    assert_eq!(found[0]["registries"][0]["matches"], "all images on \"ghcr.io\"");
    assert_eq!(
        found[0]["sameCredential"],
        json!([{"namespace": "team-a", "name": "main", "file": "secret.yaml", "key": "*.example.com", "entry": "ghcr.io"}])
    );
    assert_eq!(found[1]["findings"][0]["level"], "fatal");
    assert_eq!(found[1].get("usedBy"), None);
    let text = run(&[]);
    text.success().assert_stdout_contains("File:        config.json\n");
    let config = std::fs::read(sandbox.home().join("config.json")).unwrap();
    let stdin = sandbox.run_with_stdin("kubectl-regcred", ["inspect", "-f", "-"], &config);
    stdin.success().assert_stdout_contains("\"ghcr.io\"");
    assert_no_secret(PASSWORD, &[&output, &text, &stdin]);
    sandbox.run("kubectl-regcred", ["inspect", "-f", "none.json"]).assert_code(4);
    sandbox.run_with_stdin("kubectl-regcred", ["inspect", "-f", "-"], b"kind: Pod\n").assert_code(4);
}

#[test]
fn texts_of_others_cannot_touch_the_terminal() {
    let sandbox = Sandbox::without_cluster();
    let evil = "x\u{1b}[2J\u{202e}\nName: fake";
    let mut manifest = secret("main", &json!({evil: {"username": evil, "password": PASSWORD}}));
    manifest["metadata"]["namespace"] = json!(evil);
    manifest["metadata"]["labels"] = json!({"app.kubernetes.io/managed-by": evil});
    for format in [None, Some("json"), Some("yaml")] {
        let args = ["inspect", "-f", "-"].into_iter().chain(format.iter().flat_map(|format| ["-o", format]));
        let output = sandbox.run_with_stdin("kubectl-regcred", args, manifest.to_string().as_bytes());
        output.success();
        assert!(
            !output.stdout.contains(|c: char| (c.is_control() && c != '\n') || c == '\u{202e}'),
            "{}",
            output.stdout
        );
        assert_eq!(
            output.stdout.lines().filter(|line| line.starts_with("Name:")).count(),
            usize::from(format.is_none())
        );
        assert_no_secret(PASSWORD, &[&output]);
    }
}
