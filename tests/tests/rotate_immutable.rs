//! `kubectl regcred rotate` of Secrets that can't be changed.

#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use regcred_tests::cluster;
use regcred_tests::cluster::Namespace;
use regcred_tests::fault_proxy::{Fault, FaultProxy, Rule};
use regcred_tests::leak::assert_no_secret;
use regcred_tests::output::Output;
use regcred_tests::sandbox::Sandbox;
use regcred_tests::schema;
use serde_json::{Value, json};

const PASSWORD: &str = "new-hunter2-new";
const OLD: &str = "old-hunter2-old";

fn rotate(sandbox: &Sandbox, namespace: &Namespace<'_>, more: &[&str]) -> Output {
    let args =
        ["rotate", "--registry=ghcr.io", "--docker-username=u", "--password-stdin", "-n", namespace.name()];
    let output = sandbox.run_with_stdin("kubectl-regcred", args.iter().chain(more), PASSWORD.as_bytes());
    assert_no_secret(PASSWORD, &[&output]);
    assert_no_secret(OLD, &[&output]);
    output
}

/// Makes an immutable Secret with a hash in its name, and returns the name.
fn make(namespace: &Namespace<'_>) -> String {
    let sandbox = Sandbox::new(cluster());
    let args = [
        "create",
        "pull",
        "--docker-server=ghcr.io",
        "--docker-username=u",
        "--password-stdin",
        "--immutable",
        "--append-hash",
        "-o",
        "name",
        "-n",
        namespace.name(),
    ];
    let output = sandbox.run_with_stdin("kubectl-regcred", args, OLD.as_bytes());
    output.success().stdout.trim().trim_start_matches("secret/").to_owned()
}

fn create(namespace: &Namespace<'_>, object: &Value) {
    let args = ["create", "-n", namespace.name(), "-f", "-"];
    Sandbox::new(cluster()).run_with_stdin("kubectl", args, object.to_string().as_bytes()).success();
}

fn pod_spec(secret: &str) -> Value {
    json!({"containers": [{"name": "c", "image": "ghcr.io/x"}], "imagePullSecrets": [{"name": "other"}, {"name": secret}]})
}

fn workload(kind: &str, secret: &str) -> Value {
    let labels = json!({"app": kind.to_lowercase()});
    json!({"apiVersion": "apps/v1", "kind": kind, "metadata": {"name": "web"}, "spec": {
        "selector": {"matchLabels": labels},
        "template": {"metadata": {"labels": labels}, "spec": pod_spec(secret)}}})
}

/// Everything that can name a pull secret.
fn use_it(namespace: &Namespace<'_>, secret: &str) {
    let patch = json!({"imagePullSecrets": [{"name": secret}, {"name": "other"}]}).to_string();
    namespace.kubectl(["patch", "serviceaccount", "default", "-p", &patch]).success();
    for kind in ["Deployment", "StatefulSet", "DaemonSet"] {
        create(namespace, &workload(kind, secret));
    }
    create(
        namespace,
        &json!({"apiVersion": "batch/v1", "kind": "CronJob", "metadata": {"name": "web"}, "spec": {
            "schedule": "0 0 1 1 *", "suspend": true,
            "jobTemplate": {"spec": {"template": {"spec": {
                "restartPolicy": "Never", "containers": [{"name": "c", "image": "ghcr.io/x"}],
                "imagePullSecrets": [{"name": "other"}, {"name": secret}]}}}}}}),
    );
}

fn named(namespace: &Namespace<'_>) -> Vec<Value> {
    let account = namespace.get("serviceaccount", "default")["imagePullSecrets"].clone();
    let templates = ["deployment", "statefulset", "daemonset"]
        .map(|kind| namespace.get(kind, "web")["spec"]["template"]["spec"]["imagePullSecrets"].clone());
    let cron_job = &namespace.get("cronjob", "web")["spec"]["jobTemplate"]["spec"]["template"]["spec"];
    [vec![account], templates.to_vec(), vec![cron_job["imagePullSecrets"].clone()]].concat()
}

fn names(first: &str, second: &str) -> Value {
    json!([{"name": first}, {"name": second}])
}

fn password(secret: &Value) -> String {
    let data = STANDARD.decode(secret["data"][".dockerconfigjson"].as_str().unwrap()).unwrap();
    let config: Value = serde_json::from_slice(&data).unwrap();
    config["auths"]["ghcr.io"]["password"].as_str().unwrap().to_owned()
}

#[test]
fn another_secret_takes_its_place_and_everybody_who_names_it_is_moved() {
    let namespace = cluster().namespace();
    let old = make(&namespace);
    use_it(&namespace, &old);
    create(
        &namespace,
        &json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "bare"}, "spec": pod_spec(&old)}),
    );
    let before = namespace.get("secret", &old);
    let sandbox = Sandbox::new(cluster());
    let plan = rotate(&sandbox, &namespace, &[]);
    plan.assert_code(2)
        .assert_stderr_contains("it is immutable, so secret/pull-")
        .assert_stderr_contains(
            "moved over, which REPLACES THEIR PODS: deployment/web, statefulset/web, daemonset/web",
        )
        .assert_stderr_contains("can't be moved over: pod/bare");
    assert_eq!(named(&namespace)[0], names(&old, "other"));

    let output = rotate(&sandbox, &namespace, &["--yes", "--prune", "-o", "json"]);
    let item = schema::valid(output.success(), "RotateReport")["items"][0].clone();
    let new = item["replacedBy"].as_str().unwrap().to_owned();
    assert!(new.starts_with("pull-") && new.len() == old.len() && new != old, "{new}");
    assert_eq!(item["moved"].as_array().unwrap().len(), 5, "{item}");
    let made = namespace.get("secret", &new);
    assert_eq!((&made["immutable"], password(&made).as_str()), (&json!(true), PASSWORD));
    let moved = named(&namespace);
    assert_eq!(moved[0], names(&new, "other"));
    assert!(moved[1..].iter().all(|list| *list == names("other", &new)), "{moved:?}");
    // The pod still names the old one, so it is kept.
    output.assert_stderr_contains("is kept: still used by").assert_stderr_contains("pod/bare");
    assert_eq!(namespace.get("secret", &old), before);

    rotate(&sandbox, &namespace, &["--yes"]).success().assert_stderr_contains("2 already so");
}

#[test]
fn the_old_one_goes_when_nobody_uses_it_and_that_is_known() {
    let namespace = cluster().namespace();
    let old = make(&namespace);
    let patch = json!({"imagePullSecrets": [{"name": old}]}).to_string();
    namespace.kubectl(["patch", "serviceaccount", "default", "-p", &patch]).success();
    // Who may not list pods can't know.
    let user = format!("pruner-{}", namespace.name());
    for (verbs, resource) in [
        ("get,list,create,delete", "secrets"),
        ("get,list,patch", "serviceaccounts"),
        (
            "list",
            "deployments.apps,statefulsets.apps,daemonsets.apps,replicasets.apps,jobs.batch,cronjobs.batch",
        ),
    ] {
        let role = format!("r-{}", resource.len());
        namespace.kubectl(["create", "role", &role, "--verb", verbs, "--resource", resource]).success();
        namespace.kubectl(["create", "rolebinding", &role, "--role", &role, "--user", &user]).success();
        namespace.wait_until_allowed(&user, None, "list", resource.split(',').next().unwrap());
    }
    let mut limited = Sandbox::new(cluster());
    limited.use_kubeconfig(&cluster().user(&user, None));
    rotate(&limited, &namespace, &["--yes", "--prune"])
        .success()
        .assert_stderr_contains("is kept: whether it is used is not known: you may not list pods");
    assert!(namespace.find("secret", &old).is_some());
    rotate(&Sandbox::new(cluster()), &namespace, &["--yes", "--prune"])
        .success()
        .assert_stdout_contains("the old one is deleted");
    assert!(namespace.find("secret", &old).is_none());
    assert_ne!(named_by_default(&namespace), old);
}

fn named_by_default(namespace: &Namespace<'_>) -> String {
    let account = namespace.get("serviceaccount", "default");
    account["imagePullSecrets"][0]["name"].as_str().unwrap().to_owned()
}

#[test]
fn a_dry_run_replaces_nothing() {
    let namespace = cluster().namespace();
    let old = make(&namespace);
    let patch = json!({"imagePullSecrets": [{"name": old}]}).to_string();
    namespace.kubectl(["patch", "serviceaccount", "default", "-p", &patch]).success();
    for mode in ["--dry-run=client", "--dry-run=server"] {
        rotate(&Sandbox::new(cluster()), &namespace, &[mode, "--prune"])
            .success()
            .assert_stdout_contains(&format!("secret/{old} replaced by secret/pull-"));
        assert_eq!(named_by_default(&namespace), old);
        let list = namespace.kubectl(["get", "secrets", "-o", "name"]);
        assert_eq!(list.success().stdout.lines().count(), 1);
    }
}

#[test]
fn lost_answers_and_a_managed_workload_leave_a_true_report_and_a_second_run_finishes() {
    let namespace = cluster().namespace();
    let old = make(&namespace);
    use_it(&namespace, &old);
    namespace.kubectl(["annotate", "deployment", "web", "meta.helm.sh/release-name=web"]).success();
    let proxy = FaultProxy::start(&cluster().kubeconfig());
    for (method, path) in [("POST", "/secrets"), ("PATCH", "/serviceaccounts/"), ("PATCH", "/statefulsets/")]
    {
        proxy.inject(Rule { fault: Fault::LoseAnswer, method, path_contains: path.to_owned(), times: 1 });
    }
    let mut sandbox = Sandbox::new(cluster());
    sandbox.use_kubeconfig(&proxy.kubeconfig());
    rotate(&sandbox, &namespace, &["--yes"])
        .assert_code(8)
        .assert_stderr_contains("not everybody names it: deployment/web")
        .assert_stderr_contains("is managed by Helm (\"web\")");
    let lists = named(&namespace);
    assert_eq!(lists.iter().filter(|list| **list == names("other", &old)).count(), 1, "{lists:?}");
    rotate(&sandbox, &namespace, &["--yes", "--force"])
        .success()
        .assert_stdout_contains("named by deployment/web");
    assert!(!named(&namespace).iter().any(|list| list.to_string().contains(&old)));
}
