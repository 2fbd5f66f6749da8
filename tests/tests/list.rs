//! `kubectl regcred list`: what is there, who uses it, and what it says of what it may not see.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a panic is how a test fails")]

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use regcred_tests::cluster;
use regcred_tests::cluster::Namespace;
use regcred_tests::leak::assert_no_secret;
use regcred_tests::output::Output;
use regcred_tests::sandbox::Sandbox;
use regcred_tests::schema;
use rexpect::session::{Options, spawn_with_options};
use serde_json::{Value, json};

const PASSWORD: &str = "hunter2-hunter2";

fn apply(namespace: &Namespace<'_>, objects: &[Value]) {
    let list = json!({"apiVersion": "v1", "kind": "List", "items": objects}).to_string();
    let args = ["create", "-n", namespace.name(), "-f", "-"];
    Sandbox::new(cluster()).run_with_stdin("kubectl", args, list.as_bytes()).success();
}

fn secret(name: &str, registries: &[&str]) -> Value {
    let auths: Value = registries
        .iter()
        .map(|key| ((*key).to_owned(), json!({"username": "robot", "password": PASSWORD})))
        .collect::<serde_json::Map<_, _>>()
        .into();
    let config = json!({"auths": auths}).to_string();
    json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}, "type": "kubernetes.io/dockerconfigjson",
           "data": {".dockerconfigjson": STANDARD.encode(config)}})
}

fn pod_spec(more: &Value) -> Value {
    let mut spec = json!({"containers": [{"name": "c", "image": "registry.example/x"}]});
    spec.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    spec
}

fn deployment(name: &str, spec: &Value) -> Value {
    json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name}, "spec": {
        "replicas": 1, "selector": {"matchLabels": {"app": name}},
        "template": {"metadata": {"labels": {"app": name}}, "spec": pod_spec(spec)}}})
}

fn pulls_with(secret: &str) -> Value {
    json!({"imagePullSecrets": [{"name": secret}]})
}

fn list(namespace: &Namespace<'_>, more: &[&str]) -> Output {
    Sandbox::new(cluster()).kubectl([&["regcred", "list", "-n", namespace.name()], more].concat())
}

fn items(output: &Output) -> Vec<Value> {
    output.success();
    schema::valid(output, "PullSecretList")["items"].as_array().unwrap().clone()
}

fn names(items: &[Value]) -> Vec<&str> {
    items.iter().map(|item| item["name"].as_str().unwrap()).collect()
}

/// `kind/name` of those who use the Secret `name`.
fn users(items: &[Value], name: &str) -> Vec<String> {
    let item = items.iter().find(|item| item["name"] == name).unwrap();
    let known = item["usedBy"]["known"].as_array().unwrap().iter();
    known
        .map(|user| format!("{}/{}", user["kind"].as_str().unwrap(), user["name"].as_str().unwrap()))
        .collect()
}

/// Waits until the Deployment has a pod, so that there is something to fold.
fn wait_for_pod(namespace: &Namespace<'_>, deployment: &str) {
    let selector = format!("--selector=app={deployment}");
    for _ in 0..200 {
        let output = namespace.kubectl(["get", "pods", &selector, "-o", "name"]);
        if !output.success().stdout.is_empty() {
            return;
        }
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    panic!("Deployment {deployment} got no pod");
}

#[test]
fn every_kind_of_consumer_is_found_and_owners_stand_for_what_they_own() {
    let namespace = cluster().namespace();
    let selected = |kind: &str, name: &str| {
        json!({"apiVersion": "apps/v1", "kind": kind, "metadata": {"name": name}, "spec": {
            "selector": {"matchLabels": {"app": name}}, "serviceName": "x",
            "template": {"metadata": {"labels": {"app": name}}, "spec": pod_spec(&pulls_with("workloads"))}}})
    };
    let mut objects: Vec<_> =
        ["workloads", "account", "mounted", "env", "nobody"].map(|name| secret(name, &["ghcr.io"])).into();
    let mut set = selected("StatefulSet", "set");
    let mut daemons = selected("DaemonSet", "daemons");
    let mut replicas = selected("ReplicaSet", "replicas");
    daemons["spec"].as_object_mut().unwrap().remove("serviceName");
    replicas["spec"].as_object_mut().unwrap().remove("serviceName");
    set["spec"]["replicas"] = json!(1);
    let mut job_spec = pod_spec(&pulls_with("workloads"));
    job_spec["restartPolicy"] = json!("Never");
    let job = json!({"template": {"spec": job_spec}});
    objects.extend([
        deployment("web", &pulls_with("workloads")),
        set,
        daemons,
        replicas,
        json!({"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "once"}, "spec": job}),
        json!({"apiVersion": "batch/v1", "kind": "CronJob", "metadata": {"name": "night"},
               "spec": {"schedule": "0 3 1 1 *", "jobTemplate": {"spec": job}}}),
        json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "bare"}, "spec": pod_spec(&pulls_with("workloads"))}),
        json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "puller"},
               "imagePullSecrets": [{"name": "account"}], "secrets": [{"name": "mounted"}]}),
        deployment("mounts", &json!({"volumes": [
            {"name": "v", "secret": {"secretName": "mounted"}},
            {"name": "p", "projected": {"sources": [{"secret": {"name": "mounted"}}]}}]})),
        deployment("env", &json!({"initContainers": [{"name": "i", "image": "x",
            "envFrom": [{"secretRef": {"name": "env"}}]}]})),
        deployment("by-account", &json!({"serviceAccountName": "puller"})),
    ]);
    apply(&namespace, &objects);
    for name in ["web", "by-account"] {
        wait_for_pod(&namespace, name);
    }
    let output = list(&namespace, &["-o", "json"]);
    let items = items(&output);
    assert_eq!(names(&items), ["account", "env", "mounted", "nobody", "workloads"]);
    assert_eq!(
        users(&items, "workloads"),
        [
            "Deployment/web",
            "StatefulSet/set",
            "DaemonSet/daemons",
            "ReplicaSet/replicas",
            "Job/once",
            "CronJob/night",
            "Pod/bare"
        ]
    );
    assert_eq!(users(&items, "account"), ["ServiceAccount/puller", "Deployment/by-account"]);
    let by_account = &items[0]["usedBy"]["known"][1]["uses"];
    assert_eq!(by_account, &json!([{"how": "pull", "namedItself": false}]), "only its pods name it");
    assert_eq!(users(&items, "mounted"), ["ServiceAccount/puller", "Deployment/mounts"]);
    assert_eq!(users(&items, "env"), ["Deployment/env"]);
    assert_eq!(items[3]["usedBy"], json!({"verdict": "unused", "known": [], "hidden": []}));

    let unused = list(&namespace, &["--unused", "-o", "name"]);
    assert_eq!(unused.success().stdout, "secret/nobody\n");
    assert_no_secret(PASSWORD, &[&output, &unused]);
}

#[test]
fn the_table_has_a_row_for_each_and_the_alias_too() {
    let namespace = cluster().namespace();
    apply(
        &namespace,
        &[
            secret("a", &["ghcr.io", "quay.io"]),
            secret("b", &["registry-1.docker.io"]),
            deployment("web", &pulls_with("a")),
        ],
    );
    let sandbox = Sandbox::new(cluster());
    let output = sandbox.kubectl(["regcred", "ls", "-n", namespace.name()]);
    let lines: Vec<_> = output.success().stdout.lines().collect();
    let words = |line: &str| {
        line.split("   ").map(str::trim).filter(|w| !w.is_empty()).map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(words(lines[0]), ["NAMESPACE", "NAME", "REGISTRIES", "USED-BY", "EXPIRES", "AGE", "FINDINGS"]);
    let first = words(lines[1]);
    assert_eq!(first[..5], [namespace.name(), "a", "ghcr.io, quay.io", "deployment/web", "<none>"]);
    assert_eq!(words(lines[2])[6], "1 warning");
    assert_eq!(lines.len(), 3);

    let wide = list(&namespace, &["-o", "wide", "--no-headers"]);
    let row = words(wide.success().stdout.lines().next().unwrap());
    assert_eq!(row[7..], ["robot, robot", "kubernetes.io/dockerconfigjson", "false", "<none>", "<none>"]);
    let quick = list(&namespace, &["--no-consumers", "--no-headers"]);
    assert_eq!(words(quick.success().stdout.lines().next().unwrap())[3], "-");
    let yaml = list(&namespace, &["-o", "yaml"]);
    assert_eq!(names(&items(&yaml)), ["a", "b"]);
    assert_no_secret(PASSWORD, &[&output, &wide, &quick, &yaml]);
}

#[test]
fn filters_choose_and_orders_order() {
    let namespace = cluster().namespace();
    let with = |mut secret: Value, pointer: &str, value: Value| {
        secret["metadata"][pointer] = value;
        secret
    };
    let expires = |at: &str| json!({"kubectl-regcred/expires-at": at});
    let mut legacy = secret("legacy", &[]);
    legacy["type"] = json!("kubernetes.io/dockercfg");
    legacy["data"] = json!({".dockercfg": STANDARD.encode("{\"quay.io\":{\"username\":\"u\",\"password\":\"hunter2-hunter2\"}}")});
    apply(
        &namespace,
        &[
            with(secret("later", &["ghcr.io"]), "annotations", expires("2099-01-01T00:00:00Z")),
            with(secret("sooner", &["*.io"]), "annotations", expires("2001-01-01T00:00:00+02:00")),
            with(secret("hub", &["registry-1.docker.io"]), "labels", json!({"team": "a"})),
            legacy,
            json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "other"}, "stringData": {".dockerconfigjson": "{}"}}),
        ],
    );
    let listed = |more: &[&str]| {
        let output = list(&namespace, &[more, &["-o", "name"]].concat());
        output.success();
        output.stdout.lines().map(|line| line.trim_start_matches("secret/").to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(listed(&[]), ["hub", "later", "legacy", "sooner"]);
    assert_eq!(listed(&["--registry=ghcr.io"]), ["later", "sooner"]);
    assert_eq!(listed(&["--registry=docker.io"]), ["hub", "sooner"]);
    assert_eq!(listed(&["--registry", "quay.io"]), ["legacy", "sooner"]);
    assert_eq!(listed(&["-l", "team=a"]), ["hub"]);
    assert_eq!(listed(&["--field-selector=metadata.name=legacy"]), ["legacy"]);
    assert_eq!(listed(&["--expiring=7d"]), ["sooner"]);
    assert_eq!(listed(&["--problems"]), ["hub"]);
    assert_eq!(listed(&["--sort-by=expires"]), ["sooner", "later", "hub", "legacy"]);
    assert_eq!(listed(&["--sort-by=name"]), ["hub", "later", "legacy", "sooner"]);
    let json = list(&namespace, &["-o", "json"]);
    let found = items(&json);
    assert_eq!(found[3]["expiresAt"], "2000-12-31T22:00:00Z");
    assert_eq!(found[2]["registries"], json!([{"key": "quay.io", "username": "u"}]));
    assert_eq!(found[0]["findings"][0]["code"], "hub-key");
    let none = list(&namespace, &["--registry=example.com"]);
    none.success().assert_stderr_contains("no such pull secrets in namespace");
    assert_eq!(none.stdout, "");
    list(&namespace, &["--registry=not a host"])
        .assert_code(2)
        .assert_stderr_contains("--registry: a server");
    list(&namespace, &["--unused", "--no-consumers"]).assert_code(2);
    list(&namespace, &["-l", "a b"]).assert_code(6);
}

#[test]
fn a_reference_that_leads_nowhere_dangles() {
    let namespace = cluster().namespace();
    apply(
        &namespace,
        &[
            secret("there", &["ghcr.io"]),
            json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "opaque"}, "stringData": {"x": "y"}}),
            deployment(
                "web",
                &json!({"imagePullSecrets": [{"name": "there"}, {"name": "gone"}, {"name": "opaque"}]}),
            ),
            json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "builder"}, "imagePullSecrets": [{"name": "gone"}]}),
            // No pull secret is meant.
            deployment("mounts", &json!({"volumes": [{"name": "v", "secret": {"secretName": "elsewhere"}}]})),
        ],
    );
    let output = list(&namespace, &["--dangling", "-o", "json"]);
    let items = schema::valid(output.success(), "DanglingReferenceList")["items"].clone();
    let shown: Vec<_> = items
        .as_array()
        .unwrap()
        .iter()
        .map(|item| format!("{} {} {}", item["secret"], item["problem"], item["type"]))
        .collect();
    assert_eq!(shown, ["\"gone\" \"missing\" null", "\"opaque\" \"wrong-type\" \"Opaque\""]);
    assert_eq!(items[0]["usedBy"]["known"][0]["name"], "builder");
    let table = list(&namespace, &["--dangling"]);
    table.success().assert_stdout_contains("its type is Opaque");
    table.assert_stdout_contains("serviceaccount/builder, deployment/web");
    assert_eq!(
        list(&namespace, &["--dangling", "-o", "name"]).success().stdout,
        "secret/gone\nsecret/opaque\n"
    );
    namespace
        .kubectl(["delete", "deployment,serviceaccount", "web", "builder", "--ignore-not-found"])
        .success();
}

#[test]
fn what_may_not_be_listed_is_unknown_and_not_absent() {
    let namespace = cluster().namespace();
    apply(
        &namespace,
        &[
            secret("used", &["ghcr.io"]),
            secret("other", &["ghcr.io"]),
            deployment("web", &pulls_with("used")),
        ],
    );
    let user = "sees-some";
    for resource in [
        "secrets",
        "serviceaccounts",
        "deployments.apps",
        "statefulsets.apps",
        "daemonsets.apps",
        "replicasets.apps",
        "cronjobs.batch",
    ] {
        namespace.allow(user, "list", resource);
    }
    let mut sandbox = Sandbox::new(cluster());
    sandbox.use_kubeconfig(&cluster().user(user, None));
    let run = |more: &[&str]| sandbox.kubectl([&["regcred", "list", "-n", namespace.name()], more].concat());
    let output = run(&["-o", "json"]);
    output.assert_stderr_contains("warning: not allowed to list jobs, pods: who uses what is known in part");
    let found = items(&output);
    assert_eq!(found[0]["usedBy"], json!({"verdict": "unknown", "known": [], "hidden": ["jobs", "pods"]}));
    assert_eq!(found[1]["usedBy"]["verdict"], "used");
    assert_eq!(output.json()["hidden"], json!(["jobs", "pods"]));
    let table = run(&["--no-headers"]);
    let rows: Vec<_> = table.success().stdout.lines().collect();
    assert!(rows[0].contains(" ? ") && rows[1].contains(" deployment/web, ? "), "{}", table.stdout);
    let unused = run(&["--unused", "-o", "name"]);
    unused.success().assert_stderr_contains("1 more have no known user");
    assert_eq!(unused.stdout, "");
    // What is asked for itself is an error.
    run(&["-A"]).assert_code(6).assert_stderr_contains("not allowed to list secrets in all namespaces");
    assert_no_secret(PASSWORD, &[&output, &table, &unused]);
}

#[test]
fn names_of_others_cannot_touch_the_terminal_or_the_table() {
    let namespace = cluster().namespace();
    let mut hostile =
        secret("hostile", &["ghcr.io\u{1b}[2J\u{202e}", "quay.io   deployment/fake   in 9d", "a,b"]);
    hostile["metadata"]["annotations"] =
        json!({"meta.helm.sh/release-name": "x\u{1b}]0;pwned\u{7}\u{200b}\n\n  y"});
    apply(&namespace, &[hostile]);
    for format in ["wide", "json", "yaml"] {
        let output = list(&namespace, &["-o", format]);
        output.success();
        let bad = |c: char| {
            (c.is_control() && c != '\n') || matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}')
        };
        assert!(!output.stdout.contains(bad), "{:?}", output.stdout);
        if format == "wide" {
            assert_eq!(output.stdout.lines().count(), 2, "{}", output.stdout);
            assert!(!output.stdout.contains("quay.io   deployment"), "{}", output.stdout);
            assert!(output.stdout.contains("\"a,b\""), "{}", output.stdout);
        } else {
            // Escaped, not lost.
            assert_eq!(items(&output)[0]["registries"][0]["key"], "ghcr.io\u{1b}[2J\u{202e}");
        }
    }
}

#[test]
fn on_a_terminal_the_table_fits_and_has_colour_unless_told_not_to() {
    let namespace = cluster().namespace();
    let registries: Vec<_> = (0..8).map(|at| format!("registry-{at}.example.com")).collect();
    let registries: Vec<_> = registries.iter().map(String::as_str).chain(["hub.docker.com"]).collect();
    apply(&namespace, &[secret("many", &registries)]);
    for (colour, variables) in
        [(true, vec![]), (false, vec![("NO_COLOR", "1")]), (false, vec![("TERM", "dumb")])]
    {
        let mut sandbox = Sandbox::new(cluster());
        for (name, value) in variables {
            sandbox.set(name, value);
        }
        let args = ["-c", "stty rows 30 cols 90; kubectl regcred list -n \"$0\"", namespace.name()];
        let mut session =
            spawn_with_options(sandbox.command("sh", args), Options::new().timeout_ms(Some(20_000))).unwrap();
        // rexpect takes each byte for a character.
        let bytes = session.exp_eof().unwrap().chars().map(|c| u8::try_from(c).unwrap()).collect();
        let shown = String::from_utf8(bytes).unwrap();
        let plain = shown.replace("\u{1b}[33m", "").replace("\u{1b}[0m", "");
        assert_eq!(shown != plain, colour, "{shown:?}");
        assert!(plain.contains('…') && !plain.contains("hub.docker.com"), "{plain}");
        assert!(plain.lines().all(|line| line.chars().count() <= 90), "{plain}");
        assert_no_secret(PASSWORD, &[&shown]);
    }
    // In a pipe nothing is cut.
    list(&namespace, &[]).success().assert_stdout_contains("hub.docker.com");
}
