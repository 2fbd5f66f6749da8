//! `kubectl regcred rotate`.

#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use regcred_tests::cluster;
use regcred_tests::cluster::Namespace;
use regcred_tests::leak::assert_no_secret;
use regcred_tests::output::Output;
use regcred_tests::sandbox::Sandbox;
use regcred_tests::schema;
use rexpect::session::spawn_command;
use serde_json::{Value, json};

const PASSWORD: &str = "new-hunter2-new";
const OLD: &str = "old-hunter2-old";

fn rotate(sandbox: &Sandbox, args: &[&str]) -> Output {
    let login = ["regcred", "rotate", "--docker-username=robot", "--password-stdin"];
    let output = sandbox.run_with_stdin("kubectl", login.iter().chain(args), PASSWORD.as_bytes());
    assert_no_secret(PASSWORD, &[&output]);
    assert_no_secret(OLD, &[&output]);
    output
}

fn entry(username: &str) -> Value {
    json!({"username": username, "password": OLD, "auth": STANDARD.encode(format!("{username}:{OLD}"))})
}

fn make(namespace: &Namespace<'_>, name: &str, auths: &Value, metadata: &Value) {
    let more = json!({"metadata": metadata.as_object().cloned().unwrap_or_default()});
    namespace.make_secret(name, &json!({ "auths": auths }), &more);
}

fn password(namespace: &Namespace<'_>, name: &str, registry: &str) -> String {
    namespace.docker_config(name)["auths"][registry]["password"].as_str().unwrap().to_owned()
}

/// Namespaces with a label of the test's own, so that other tests are left alone.
fn labelled<'a>(count: usize) -> (Vec<Namespace<'a>>, String) {
    let namespaces: Vec<_> = (0..count).map(|_| cluster().namespace()).collect();
    let label = format!("rotate={}", namespaces[0].name());
    for namespace in &namespaces {
        cluster().kubectl(["label", "namespace", namespace.name(), &label]).success();
    }
    (namespaces, format!("--namespace-selector={label}"))
}

#[test]
fn every_entry_of_a_registry_gets_the_new_credential_and_nothing_else_changes() {
    let (spaces, selector) = labelled(3);
    make(&spaces[0], "a", &json!({"ghcr.io": entry("robot"), "quay.io": entry("robot")}), &Value::Null);
    make(&spaces[1], "b", &json!({"https://GHCR.io/v2/": entry("robot")}), &Value::Null);
    make(&spaces[2], "c", &json!({"quay.io": entry("robot"), "ghcr.io/team": entry("robot")}), &Value::Null);
    let (untouched, uid) =
        (spaces[2].get("secret", "c"), spaces[0].get("secret", "a")["metadata"]["uid"].clone());
    let sandbox = Sandbox::new(cluster());
    let args = ["--registry=ghcr.io", &selector, "--yes"];
    let output = rotate(&sandbox, &args);
    output
        .success()
        .assert_stdout_contains(&format!(
            "secret/a rotated in namespace {}: \"ghcr.io\" replaced\n",
            spaces[0].name()
        ))
        .assert_stdout_contains("secret/b rotated in namespace")
        .assert_stderr_contains("2 changed");
    assert_eq!(password(&spaces[0], "a", "ghcr.io"), PASSWORD);
    assert_eq!(password(&spaces[0], "a", "quay.io"), OLD);
    assert_eq!(password(&spaces[1], "b", "https://GHCR.io/v2/"), PASSWORD);
    assert_eq!(spaces[2].get("secret", "c"), untouched);
    let rotated = spaces[0].get("secret", "a");
    assert_eq!(rotated["metadata"]["uid"], uid);
    assert!(rotated["metadata"]["annotations"]["kubectl-regcred/rotated-at"].is_string());

    // The same again touches nothing.
    rotate(&sandbox, &args).success().assert_stderr_contains("2 already so");
    assert_eq!(spaces[0].get("secret", "a"), rotated);
}

#[test]
fn targets_are_chosen_by_name_user_and_namespace() {
    let (spaces, selector) = labelled(2);
    for namespace in &spaces {
        make(namespace, "one", &json!({"ghcr.io": entry("robot")}), &Value::Null);
        make(namespace, "two", &json!({"ghcr.io": entry("human")}), &Value::Null);
    }
    let sandbox = Sandbox::new(cluster());
    let state = || {
        let of = |namespace: &Namespace<'_>| {
            ["one", "two"].map(|name| password(namespace, name, "ghcr.io") == PASSWORD)
        };
        [of(&spaces[0]), of(&spaces[1])]
    };
    let first = format!("-n={}", spaces[0].name());
    rotate(&sandbox, &["one", "--registry=ghcr.io", &first, "--yes"]).success();
    assert_eq!(state(), [[true, false], [false, false]]);
    let exclude = format!("--exclude-namespace={}*", &spaces[0].name());
    rotate(&sandbox, &["--registry=ghcr.io", "--username=human", &selector, &exclude, "--yes"]).success();
    assert_eq!(state(), [[true, false], [false, true]]);
    let second = format!("-n={}", spaces[1].name());
    let like = format!("--like={}/one", spaces[1].name());
    rotate(&sandbox, &["one", "--registry=ghcr.io", &second, &first, "--yes", &like]).success();
    assert_eq!(state(), [[true, false], [true, true]]);

    let none = ["--registry=ghcr.io", "--username=nobody", &selector, "--yes"];
    rotate(&sandbox, &none).assert_code(4).assert_stderr_contains("no Secret has such an entry");
    let missing = ["none", "--registry=ghcr.io", &first, "--yes"];
    rotate(&sandbox, &missing).assert_code(4).assert_stderr_contains("there is no secret/none");
    rotate(&sandbox, &["one", "--registry=quay.io", &first, "--yes"]).assert_code(4);
    rotate(&sandbox, &["--yes"]).assert_code(2).assert_stderr_contains("what is to be rotated?");
    rotate(&sandbox, &["a", "b", "--registry=x.io"]).assert_code(2);
    rotate(&sandbox, &["--registry=x.io", "--exclude-namespace=["]).assert_code(2);
}

#[test]
fn a_name_is_found_in_all_namespaces() {
    let spaces = [cluster().namespace(), cluster().namespace(), cluster().namespace()];
    // Nobody else has it.
    let name = spaces[0].name();
    make(&spaces[0], name, &json!({"ghcr.io": entry("robot")}), &Value::Null);
    make(&spaces[1], name, &json!({"ghcr.io": entry("robot")}), &Value::Null);
    make(&spaces[2], "other", &json!({"ghcr.io": entry("robot")}), &Value::Null);
    let sandbox = Sandbox::new(cluster());
    rotate(&sandbox, &[name, "--registry=ghcr.io", "-A", "--yes"])
        .success()
        .assert_stderr_contains("2 changed");
    assert_eq!(password(&spaces[0], name, "ghcr.io"), PASSWORD);
    assert_eq!(password(&spaces[1], name, "ghcr.io"), PASSWORD);
    assert_eq!(password(&spaces[2], "other", "ghcr.io"), OLD);
}

#[test]
fn without_a_yes_and_without_a_terminal_the_plan_is_shown_and_nothing_changed() {
    let namespace = cluster().namespace();
    make(&namespace, "pull", &json!({"ghcr.io": entry("robot")}), &Value::Null);
    let patch = r#"{"imagePullSecrets":[{"name":"pull"}]}"#;
    namespace.kubectl(["patch", "serviceaccount", "default", "-p", patch]).success();
    let before = namespace.get("secret", "pull");
    let sandbox = Sandbox::new(cluster());
    let args = ["--registry=ghcr.io", "-n", namespace.name()];
    rotate(&sandbox, &args)
        .assert_code(2)
        .assert_stderr_contains(&format!(
            "{}/pull: \"ghcr.io\": robot → robot; used by serviceaccount/default",
            namespace.name()
        ))
        .assert_stderr_contains("nothing was changed");
    for mode in ["--dry-run=client", "--dry-run=server"] {
        rotate(&sandbox, &[&args[..], &[mode]].concat())
            .success()
            .assert_stdout_contains("secret/pull rotated");
    }
    let client = [&args[..], &["--dry-run=client", "-o", "json"]].concat();
    let report = schema::valid(rotate(&sandbox, &client).success(), "RotateReport");
    assert_eq!(report["items"][0]["usedBy"]["known"][0]["name"], "default");
    assert_eq!(report["items"][0]["entries"], json!([{"key": "ghcr.io", "change": "replaced"}]));
    assert_eq!(namespace.get("secret", "pull"), before);
    let report = rotate(&sandbox, &[&args[..], &["--yes", "-o", "json"]].concat()).success().json();
    assert_eq!(
        (&report["kind"], &report["items"][0]["outcome"]),
        (&json!("RotateReport"), &json!("changed"))
    );
    rotate(&sandbox, &[&args[..], &["--yes", "-o", "yaml"]].concat())
        .success()
        .assert_stdout_contains("outcome: unchanged");
}

#[test]
fn on_a_terminal_the_plan_is_confirmed() {
    let namespace = cluster().namespace();
    make(&namespace, "pull", &json!({"ghcr.io": entry("robot")}), &Value::Null);
    let mut sandbox = Sandbox::new(cluster());
    sandbox.write(
        ".docker/config.json",
        json!({"auths": {"ghcr.io": {"auth": STANDARD.encode(format!("robot:{PASSWORD}"))}}}).to_string(),
    );
    sandbox.set("NS", namespace.name());
    make(&namespace, "second", &json!({"ghcr.io": entry("robot")}), &Value::Null);
    let run = |answer: &str| {
        let script =
            "kubectl-regcred rotate -n $NS --registry=ghcr.io --from-docker-config; echo code=$?; echo done";
        let mut session = spawn_command(sandbox.command("bash", ["-c", script]), Some(20_000)).unwrap();
        let plan = session.exp_string("Rotate?").unwrap();
        // The arrow's bytes are read as letters of their own.
        assert!(plan.contains("\"ghcr.io\": robot ") && plan.contains(" robot; used by <none>"), "{plan}");
        session.send(answer).unwrap();
        session.flush().unwrap();
        session.exp_string("done").unwrap()
    };
    let shown = run("n\n");
    assert!(shown.contains("not confirmed; nothing was changed") && shown.contains("code=1"), "{shown}");
    assert_eq!(password(&namespace, "pull", "ghcr.io"), OLD);
    let shown = run("\u{3}");
    assert!(shown.contains("code=130") && shown.contains("\u{1b}[?25h"), "{shown}");
    assert_eq!(password(&namespace, "pull", "ghcr.io"), OLD);
    let shown = run("y\n");
    assert!(shown.contains("secret/pull rotated") && shown.contains("code=0"), "{shown}");
    assert!(shown.contains("########] 2/2 Secrets"), "{shown}");
    assert!(!shown.contains(PASSWORD));
    assert_eq!(password(&namespace, "pull", "ghcr.io"), PASSWORD);
}

#[test]
fn a_credential_that_the_verify_command_rejects_changes_nothing() {
    let namespace = cluster().namespace();
    make(&namespace, "pull", &json!({"ghcr.io": entry("robot")}), &Value::Null);
    let sandbox = Sandbox::new(cluster());
    let run = |command: &str| {
        rotate(
            &sandbox,
            &["pull", "--registry=ghcr.io", "-n", namespace.name(), "--yes", "--verify-command", command],
        )
    };
    run("exit 3")
        .assert_code(5)
        .assert_stderr_contains("says no")
        .assert_stderr_contains("nothing was changed");
    let slow =
        ["pull", "--registry=ghcr.io", "--yes", "--verify-command=exec sleep 60", "--verify-timeout=100ms"];
    rotate(&sandbox, &slow).assert_code(5).assert_stderr_contains("took longer than 100ms");
    assert_eq!(password(&namespace, "pull", "ghcr.io"), OLD);
    // What it prints is not ours to show, and what it gets is what helpers say.
    run("tee got").success();
    let got: Value = serde_json::from_slice(&std::fs::read(sandbox.home().join("got")).unwrap()).unwrap();
    assert_eq!(got, json!({"ServerURL": "ghcr.io", "Username": "robot", "Secret": PASSWORD}));
    assert_eq!(password(&namespace, "pull", "ghcr.io"), PASSWORD);
}

#[test]
fn what_others_manage_is_skipped_with_the_source_to_change() {
    let (spaces, selector) = labelled(2);
    make(&spaces[0], "pull", &json!({"ghcr.io": entry("robot")}), &Value::Null);
    let helm = json!({"annotations": {"meta.helm.sh/release-name": "web"}});
    make(&spaces[1], "pull", &json!({"ghcr.io": entry("robot")}), &helm);
    let sandbox = Sandbox::new(cluster());
    let args = ["--registry=ghcr.io", &selector, "--yes"];
    let output = rotate(&sandbox, &args);
    output
        .assert_code(8)
        .assert_stderr_contains("is managed by Helm (\"web\")")
        .assert_stderr_contains("1 changed, 1 managed by others");
    assert_eq!(password(&spaces[0], "pull", "ghcr.io"), PASSWORD);
    assert_eq!(password(&spaces[1], "pull", "ghcr.io"), OLD);
    // The line for the rest is printed, and --force makes it so.
    let like = format!("--like={}/pull", spaces[1].name());
    output.assert_stderr_contains("this finishes the rest").assert_stderr_contains(&like);
    rotate(&sandbox, &[&args[..], &["--force", &like]].concat()).success();
    assert_eq!(password(&spaces[1], "pull", "ghcr.io"), PASSWORD);
}

#[test]
fn who_may_change_only_some_namespaces_gets_those_done_and_a_list_of_the_rest() {
    let (spaces, selector) = labelled(3);
    for namespace in &spaces {
        make(namespace, "pull", &json!({"ghcr.io": entry("robot")}), &Value::Null);
    }
    let user = format!("partial-{}", spaces[0].name());
    let mut sandbox = Sandbox::new(cluster());
    sandbox.use_kubeconfig(&cluster().user(&user, None));
    let cluster_role = ["create", "clusterrole", &user, "--verb=list", "--resource=namespaces"];
    cluster().kubectl(cluster_role).success();
    let flags = [format!("--clusterrole={user}"), format!("--user={user}")];
    cluster().kubectl(["create", "clusterrolebinding", &user, &flags[0], &flags[1]]).success();
    // All in the first, only reading in the second, nothing in the third.
    spaces[0].allow(&user, "list", "secrets");
    spaces[0].allow(&user, "patch", "secrets");
    spaces[1].allow(&user, "list", "secrets");
    let check = |output: &Output| {
        output
            .assert_code(6)
            .assert_stderr_contains(&format!(
                "not allowed to patch secrets in namespace \"{}\"",
                spaces[1].name()
            ))
            .assert_stderr_contains(&format!(
                "not allowed to list secrets in namespace \"{}\"",
                spaces[2].name()
            ));
    };
    let output = rotate(&sandbox, &["--registry=ghcr.io", &selector, "--yes"]);
    check(&output);
    output.assert_stderr_contains("1 changed, 2 failed");
    assert_eq!(password(&spaces[0], "pull", "ghcr.io"), PASSWORD);
    assert_eq!(password(&spaces[1], "pull", "ghcr.io"), OLD);
    assert_eq!(password(&spaces[2], "pull", "ghcr.io"), OLD);
    // Who may not list all namespaces at once gets the same, one by one.
    let like = format!("--like={}/pull", spaces[1].name());
    check(&rotate(&sandbox, &["pull", "--registry=ghcr.io", "-A", "--yes", &like]));
    cluster().kubectl(["delete", "clusterrole,clusterrolebinding", &user]).success();
}

#[test]
fn a_secret_that_nobody_can_read_is_passed_over_and_told() {
    let (spaces, selector) = labelled(2);
    make(&spaces[0], "pull", &json!({"ghcr.io": entry("robot"), "broken.io": {"auth": "***"}}), &Value::Null);
    let garbage = json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "garbage", "namespace": spaces[1].name()},
        "type": "kubernetes.io/dockerconfigjson", "stringData": {".dockerconfigjson": "{\"auths\": 7}"}});
    let sandbox = Sandbox::new(cluster());
    sandbox.run_with_stdin("kubectl", ["create", "-f", "-"], garbage.to_string().as_bytes()).success();
    rotate(&sandbox, &["--registry=ghcr.io", &selector, "--yes"])
        .success()
        .assert_stderr_contains("passed over: secret/garbage")
        .assert_stderr_contains("`auths` must be an object");
    assert_eq!(password(&spaces[0], "pull", "ghcr.io"), PASSWORD);
}

#[test]
fn the_password_that_kubectl_apply_noted_is_offered_for_removal() {
    let namespace = cluster().namespace();
    let sandbox = Sandbox::new(cluster());
    let config = json!({"auths": {"ghcr.io": entry("robot")}}).to_string();
    let manifest = json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "pull", "namespace": namespace.name()},
        "type": "kubernetes.io/dockerconfigjson", "stringData": {".dockerconfigjson": config}});
    sandbox.run_with_stdin("kubectl", ["apply", "-f", "-"], manifest.to_string().as_bytes()).success();
    let args = ["pull", "--registry=ghcr.io", "-n", namespace.name()];
    rotate(&sandbox, &args).assert_code(2).assert_stderr_contains("--scrub-last-applied removes it");
    rotate(&sandbox, &[&args[..], &["--yes", "--scrub-last-applied"]].concat()).success();
    let secret = namespace.get("secret", "pull");
    assert_no_secret(OLD, &[&secret.to_string().as_str()]);
    assert_eq!(password(&namespace, "pull", "ghcr.io"), PASSWORD);
}
