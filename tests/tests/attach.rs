//! `attach` and `detach` through the real kubectl, against the real API server.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a panic is how a test fails")]

use std::io::{BufRead as _, BufReader, Read as _};
use std::process::Stdio;
use std::time::Duration;

use regcred_tests::cluster;
use regcred_tests::cluster::Namespace;
use regcred_tests::fault_proxy::{Fault, FaultProxy, Rule};
use regcred_tests::output::Output;
use regcred_tests::sandbox::Sandbox;
use regcred_tests::schema;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

fn regcred(namespace: &Namespace<'_>, arguments: &[&str]) -> Output {
    let sandbox = Sandbox::new(cluster());
    sandbox.kubectl([&["regcred"], arguments, &["-n", namespace.name()]].concat())
}

fn create(namespace: &Namespace<'_>, object: &Value) {
    let sandbox = Sandbox::new(cluster());
    let arguments = ["create", "-n", namespace.name(), "-f", "-"];
    sandbox.run_with_stdin("kubectl", arguments, object.to_string().as_bytes()).success();
}

fn pull_secret(namespace: &Namespace<'_>, name: &str, registry: &str) {
    let config = json!({ "auths": { registry: { "auth": "dTpw" } } }).to_string();
    let secret = json!({
        "apiVersion": "v1", "kind": "Secret", "type": "kubernetes.io/dockerconfigjson",
        "metadata": { "name": name }, "stringData": { ".dockerconfigjson": config },
    });
    create(namespace, &secret);
}

fn template(references: &[&str]) -> Value {
    let list: Vec<_> = references.iter().map(|name| json!({ "name": name })).collect();
    json!({
        "metadata": { "labels": { "app": "web" } },
        "spec": {
            "containers": [{ "name": "main", "image": "registry.example/team/app:1" }],
            "imagePullSecrets": list, "restartPolicy": "Always",
        },
    })
}

fn workload(kind: &str, name: &str, references: &[&str]) -> Value {
    // Labels of its own: a Deployment takes in any ReplicaSet with its own.
    let mut template = template(references);
    template["metadata"]["labels"]["app"] = json!(name);
    json!({
        "apiVersion": "apps/v1", "kind": kind, "metadata": { "name": name, "labels": { "app": name } },
        "spec": {
            "replicas": 1, "selector": { "matchLabels": { "app": name } }, "template": template,
        },
    })
}

fn without_replicas(mut workload: Value) -> Value {
    workload["spec"].as_object_mut().unwrap().remove("replicas");
    workload
}

fn cron_job(name: &str) -> Value {
    let mut template = template(&["first"]);
    template["spec"]["restartPolicy"] = json!("Never");
    json!({
        "apiVersion": "batch/v1", "kind": "CronJob", "metadata": { "name": name },
        "spec": { "schedule": "0 0 1 1 *", "jobTemplate": { "spec": { "template": template } } },
    })
}

fn pod(name: &str, references: &[&str]) -> Value {
    let mut spec = template(references)["spec"].take();
    if references.is_empty() {
        spec.as_object_mut().unwrap().remove("imagePullSecrets");
    }
    json!({ "apiVersion": "v1", "kind": "Pod", "metadata": { "name": name }, "spec": spec })
}

/// The names in the list at `path`, in order.
fn references(namespace: &Namespace<'_>, kind: &str, name: &str, path: &str) -> Vec<String> {
    let object = namespace.get(kind, name);
    let list = object.pointer(&format!("{path}/imagePullSecrets")).cloned().unwrap_or(json!([]));
    list.as_array().unwrap().iter().map(|entry| entry["name"].as_str().unwrap().to_owned()).collect()
}

const TEMPLATE: &str = "/spec/template/spec";

#[test]
fn an_accounts_new_pods_have_the_reference_and_the_order_stays() {
    let namespace = cluster().namespace();
    pull_secret(&namespace, "regcred", "registry.example");
    namespace
        .kubectl(["patch", "sa", "default", "-p", r#"{"imagePullSecrets":[{"name":"b"},{"name":"a"}]}"#])
        .success();
    let attached = regcred(&namespace, &["attach", "regcred", "sa/default"]);
    attached
        .success()
        .assert_stdout_contains("secret/regcred attached to serviceaccount/default in namespace");
    attached.assert_stdout_contains("this counts for pods created from now on");
    assert_eq!(references(&namespace, "sa", "default", ""), ["b", "a", "regcred"]);
    create(&namespace, &pod("new", &[]));
    assert_eq!(references(&namespace, "pod", "new", "/spec"), ["b", "a", "regcred"]);

    // Again: nothing changes, and nothing is sent.
    let version =
        |namespace: &Namespace<'_>| namespace.get("sa", "default")["metadata"]["resourceVersion"].clone();
    let before = version(&namespace);
    regcred(&namespace, &["attach", "regcred", "serviceaccount/default"])
        .success()
        .assert_stdout_contains("is attached already to serviceaccount/default");
    assert_eq!(version(&namespace), before);

    regcred(&namespace, &["detach", "regcred", "sa/default"])
        .success()
        .assert_stdout_contains("detached from");
    assert_eq!(references(&namespace, "sa", "default", ""), ["b", "a"]);
    regcred(&namespace, &["detach", "regcred", "sa/default"])
        .success()
        .assert_stdout_contains("is not attached to");
}

#[test]
fn every_kind_of_template_gets_the_reference_and_says_what_happens() {
    let namespace = cluster().namespace();
    pull_secret(&namespace, "regcred", "registry.example");
    for (object, target, path, effect) in [
        (workload("Deployment", "web", &["first"]), "deploy/web", TEMPLATE, "a rollout starts"),
        (workload("StatefulSet", "db", &["first"]), "sts/db", TEMPLATE, "a rollout starts"),
        (
            without_replicas(workload("DaemonSet", "agent", &["first"])),
            "ds/agent",
            TEMPLATE,
            "a rollout starts",
        ),
        (workload("ReplicaSet", "bare", &["first"]), "rs/bare", TEMPLATE, "this counts for its next pods"),
        (
            cron_job("report"),
            "cj/report",
            "/spec/jobTemplate/spec/template/spec",
            "this counts from the next run on",
        ),
    ] {
        create(&namespace, &object);
        let (kind, name) = target.split_once('/').unwrap();
        let attached = regcred(&namespace, &["attach", "regcred", target, "--yes"]);
        attached.success().assert_stdout_contains(effect);
        assert_eq!(references(&namespace, kind, name, path), ["first", "regcred"], "{target}");
        regcred(&namespace, &["detach", "regcred", target, "--yes"]).success();
        assert_eq!(references(&namespace, kind, name, path), ["first"], "{target}");
    }
}

#[test]
fn a_rollout_starts_only_after_a_yes() {
    let namespace = cluster().namespace();
    pull_secret(&namespace, "regcred", "registry.example");
    create(&namespace, &workload("Deployment", "web", &[]));
    let generation = || namespace.get("deployment", "web")["metadata"]["generation"].clone();
    let before = generation();
    let unasked = regcred(&namespace, &["attach", "regcred", "deployment/web", "sa/default"]);
    unasked.assert_code(2).assert_stderr_contains("nothing was changed: pods would restart");
    unasked.assert_stderr_contains("deployment/web in namespace");
    for mode in ["client", "server"] {
        let dry_run = format!("--dry-run={mode}");
        let line = ["attach", "regcred", "deployment/web", "sa/default", &dry_run, "-o", "json"];
        let report = schema::valid(regcred(&namespace, &line).success(), "AttachReport");
        assert_eq!(report["dryRun"], true);
        assert_eq!(report["items"][0]["outcome"], "changed", "{report}");
    }
    assert_eq!(generation(), before);
    assert!(references(&namespace, "sa", "default", "").is_empty());

    let named =
        regcred(&namespace, &["attach", "regcred", "deployment/web", "sa/default", "-y", "-o", "name"]);
    assert_eq!(named.success().stdout, "deployment/web\nserviceaccount/default\n");
    assert_ne!(generation(), before);
}

#[test]
fn a_secret_that_is_missing_odd_or_for_other_images_is_told() {
    let namespace = cluster().namespace();
    create(&namespace, &workload("Deployment", "web", &[]));
    let missing = regcred(&namespace, &["attach", "nosuch", "sa/default"]);
    missing.assert_code(4).assert_stderr_contains("there is no secret/nosuch");
    missing.assert_stderr_contains("--allow-missing");
    assert!(references(&namespace, "sa", "default", "").is_empty());
    regcred(&namespace, &["attach", "nosuch", "sa/default", "--allow-missing"])
        .success()
        .assert_stderr_contains("warning: there is no secret/nosuch");

    namespace.kubectl(["create", "secret", "generic", "opaque", "--from-literal=a=b"]).success();
    regcred(&namespace, &["attach", "opaque", "sa/default"])
        .success()
        .assert_stderr_contains("has the type \"Opaque\", which the kubelet ignores");
    pull_secret(&namespace, "other", "elsewhere.example");
    regcred(&namespace, &["attach", "other", "deployment/web", "--yes"]).success().assert_stderr_contains(
        "has no credential for an image of deployment/web: registry.example/team/app:1",
    );
    let broken = json!({
        "apiVersion": "v1", "kind": "Secret", "type": "kubernetes.io/dockerconfigjson", "metadata": { "name": "broken" },
        "stringData": { ".dockerconfigjson": r#"{"auths":{"a.io":{"auth":"%"}}}"# },
    });
    create(&namespace, &broken);
    regcred(&namespace, &["attach", "broken", "sa/default"])
        .success()
        .assert_stderr_contains("fails every pull");
}

#[test]
fn what_is_made_by_something_else_names_its_owner_and_owner_goes_there() {
    let namespace = cluster().namespace();
    pull_secret(&namespace, "regcred", "registry.example");
    create(&namespace, &workload("Deployment", "web", &[]));
    let pod = wait_for_pod(&namespace);
    let target = format!("pod/{pod}");
    let refused = regcred(&namespace, &["attach", "regcred", &target]);
    refused.assert_code(8).assert_stderr_contains("belongs to ReplicaSet").assert_stderr_contains("--owner");
    let attached = regcred(&namespace, &["attach", "regcred", &target, "--owner", "--yes"]);
    attached.success().assert_stdout_contains("attached to deployment/web");
    assert_eq!(references(&namespace, "deployment", "web", TEMPLATE), ["regcred"]);
}

/// The name of a pod, once the controllers have made one.
fn wait_for_pod(namespace: &Namespace<'_>) -> String {
    for _ in 0..200 {
        let pods = namespace.kubectl(["get", "pods", "-o", "name"]);
        if let Some(name) = pods.stdout.lines().next().and_then(|line| line.strip_prefix("pod/")) {
            return name.to_owned();
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    panic!("no pod was made in 10 s");
}

#[test]
fn a_bare_pod_and_a_job_are_explained_and_can_be_made_anew() {
    let namespace = cluster().namespace();
    pull_secret(&namespace, "regcred", "registry.example");
    create(&namespace, &pod("bare", &["old"]));
    let refused = regcred(&namespace, &["attach", "regcred", "pod/bare"]);
    refused.assert_code(8).assert_stderr_contains("can't change its `imagePullSecrets` any more");
    refused
        .assert_stderr_contains("a name that it refers to already (old)")
        .assert_stderr_contains("-o yaml");
    let mut job = cron_job("once");
    job = json!({
        "apiVersion": "batch/v1", "kind": "Job", "metadata": { "name": "once" },
        "spec": job["spec"]["jobTemplate"]["spec"],
    });
    create(&namespace, &job);
    for (target, path, expected) in
        [("pod/bare", "/spec", ["old", "regcred"]), ("job/once", TEMPLATE, ["first", "regcred"])]
    {
        let manifest = regcred(&namespace, &["attach", "regcred", target, "-o", "yaml"]);
        manifest.success();
        let (kind, name) = target.split_once('/').unwrap();
        namespace.kubectl(["delete", kind, name, "--wait=true", "--grace-period=0", "--force"]).success();
        let sandbox = Sandbox::new(cluster());
        sandbox.run_with_stdin("kubectl", ["create", "-f", "-"], manifest.stdout.as_bytes()).success();
        assert_eq!(references(&namespace, kind, name, path), expected, "{target}");
    }
}

#[test]
fn custom_resources_and_other_nonsense_are_named() {
    let namespace = cluster().namespace();
    for (line, code, said) in [
        (&["attach", "regcred", "rollout/web"][..], 2, "\"rollout\" is not handled"),
        (&["attach", "regcred", "deployments"], 2, "deployment: which one?"),
        (&["attach", "regcred"], 2, "no target is given"),
        (&["attach", "Bad_Name", "sa/default"], 2, "is not a valid Secret name"),
        (&["detach", "regcred", "deployment/nosuch", "--yes"], 4, "there is no deployment/nosuch"),
    ] {
        regcred(&namespace, line).assert_code(code).assert_stderr_contains(said);
    }
}

#[test]
fn an_account_that_enforces_its_list_is_respected() {
    let namespace = cluster().namespace();
    pull_secret(&namespace, "regcred", "registry.example");
    namespace
        .kubectl(["annotate", "sa", "default", "kubernetes.io/enforce-mountable-secrets=true"])
        .success();
    create(&namespace, &workload("Deployment", "web", &[]));
    let refused = regcred(&namespace, &["attach", "regcred", "deployment/web", "--yes"]);
    refused.assert_code(8).assert_stderr_contains("pods of deployment/web would be refused");
    regcred(&namespace, &["attach", "regcred", "sa/default"]).success();
    regcred(&namespace, &["attach", "regcred", "deployment/web", "--yes"]).success();
}

#[test]
fn pods_that_run_on_without_it_are_named_with_the_way_to_restart_them() {
    let namespace = cluster().namespace();
    pull_secret(&namespace, "regcred", "registry.example");
    create(&namespace, &workload("Deployment", "web", &[]));
    let pod = wait_for_pod(&namespace);
    let attached = regcred(&namespace, &["attach", "regcred", "sa/default"]);
    attached.success().assert_stderr_contains(&format!("run on without it: {pod}"));
    attached
        .assert_stderr_contains(&format!("kubectl rollout restart deployment/web -n {}", namespace.name()));

    regcred(&namespace, &["detach", "regcred", "sa/default"]).success();
    regcred(&namespace, &["attach", "regcred", "sa/default", "--restart"])
        .success()
        .assert_stdout_contains("deployment/web restarted");
    let deployment = namespace.get("deployment", "web");
    let marks = &deployment["spec"]["template"]["metadata"]["annotations"];
    assert!(marks["kubectl.kubernetes.io/restartedAt"].is_string(), "{deployment}");
}

#[test]
fn what_somebody_else_manages_is_left_unless_forced() {
    let namespace = cluster().namespace();
    pull_secret(&namespace, "regcred", "registry.example");
    let sandbox = Sandbox::new(cluster());
    let apply = ["apply", "--server-side", "--field-manager=gitops", "-n", namespace.name(), "-f", "-"];
    let applied = workload("Deployment", "web", &["theirs"]).to_string();
    sandbox.run_with_stdin("kubectl", apply, applied.as_bytes()).success();
    let refused = regcred(&namespace, &["attach", "regcred", "deployment/web", "--yes"]);
    refused.assert_code(8).assert_stderr_contains("is managed by \"gitops\", who applied it");
    regcred(&namespace, &["attach", "regcred", "deployment/web", "--yes", "--force"]).success();
    assert_eq!(references(&namespace, "deployment", "web", TEMPLATE), ["theirs", "regcred"]);
}

#[test]
fn everywhere_means_every_account_and_workload_that_refers_to_it() {
    let namespace = cluster().namespace();
    pull_secret(&namespace, "regcred", "registry.example");
    create(&namespace, &workload("Deployment", "web", &["regcred", "other"]));
    create(&namespace, &workload("StatefulSet", "db", &["other"]));
    create(&namespace, &cron_job("report"));
    regcred(&namespace, &["attach", "regcred", "sa/default", "cj/report"]).success();
    wait_for_pod(&namespace);
    let planned =
        regcred(&namespace, &["detach", "regcred", "--everywhere", "--dry-run=client", "-o", "yaml"]);
    assert_eq!(schema::valid(planned.success(), "DetachReport")["items"].as_array().unwrap().len(), 3);
    let detached = regcred(&namespace, &["detach", "regcred", "--everywhere", "--yes"]);
    detached.success().assert_stderr_contains("3 changed");
    assert_eq!(references(&namespace, "deployment", "web", TEMPLATE), ["other"]);
    assert_eq!(references(&namespace, "statefulset", "db", TEMPLATE), ["other"]);
    assert!(references(&namespace, "sa", "default", "").is_empty());
    regcred(&namespace, &["detach", "regcred", "--everywhere", "--yes"])
        .success()
        .assert_stderr_contains("nothing there refers to secret/regcred");
}

#[test]
fn who_may_change_some_namespaces_changes_those_and_hears_of_the_rest() {
    let (mine, other) = (cluster().namespace(), cluster().namespace());
    let user = format!("attacher-{}", mine.name());
    let kubeconfig = cluster().user(&user, None);
    for namespace in [&mine, &other] {
        pull_secret(namespace, "regcred", "registry.example");
        namespace.allow(&user, "get", "secrets");
        namespace.allow(&user, "get", "serviceaccounts");
    }
    mine.allow(&user, "patch", "serviceaccounts");
    mine.allow(&user, "list", "pods");
    let mut sandbox = Sandbox::new(cluster());
    sandbox.use_kubeconfig(&kubeconfig);
    let line = ["regcred", "attach", "regcred", "sa/default", "-n", mine.name(), "-n", other.name()];
    let partly = sandbox.kubectl(line);
    partly.assert_code(6).assert_stderr_contains("1 changed, 1 not changed");
    partly.assert_stderr_contains(&format!(
        "not allowed to patch serviceaccounts in namespace {:?}",
        other.name()
    ));
    assert_eq!(references(&mine, "sa", "default", ""), ["regcred"]);
    assert!(references(&other, "sa", "default", "").is_empty());
}

#[test]
fn twenty_writers_at_once_lose_nothing() {
    let namespace = cluster().namespace();
    std::thread::scope(|scope| {
        for number in 0..10 {
            let namespace = &namespace;
            scope.spawn(move || {
                let secret = format!("ours-{number}");
                regcred(namespace, &["attach", &secret, "sa/default", "--allow-missing"]).success();
            });
            scope.spawn(move || {
                // kubectl's users do it so: an atomic list needs the version that it was read at.
                let sandbox = Sandbox::new(cluster());
                for _ in 0..100 {
                    let mut account = namespace.get("sa", "default");
                    account["metadata"]["labels"][format!("theirs-{number}")] = json!("yes");
                    let line = ["replace", "-n", namespace.name(), "-f", "-"];
                    if sandbox.run_with_stdin("kubectl", line, account.to_string().as_bytes()).code == Some(0)
                    {
                        return;
                    }
                }
                panic!("theirs-{number} was never written");
            });
        }
    });
    let mut names = references(&namespace, "sa", "default", "");
    names.sort();
    let expected: Vec<_> = (0..10).map(|number| format!("ours-{number}")).collect();
    assert_eq!(names, expected);
    assert_eq!(namespace.get("sa", "default")["metadata"]["labels"].as_object().unwrap().len(), 10);
}

#[test]
fn a_lost_answer_is_looked_up_and_an_interruption_is_told() {
    let namespace = cluster().namespace();
    pull_secret(&namespace, "regcred", "registry.example");
    for fault in [Fault::LoseAnswer, Fault::Refuse, Fault::Busy { status: 429, retry_after: Some(1) }] {
        let proxy = FaultProxy::start(&cluster().kubeconfig());
        proxy.inject(Rule { fault, method: "PATCH", path_contains: "serviceaccounts".to_owned(), times: 1 });
        let mut sandbox = Sandbox::new(cluster());
        sandbox.use_kubeconfig(&proxy.kubeconfig());
        let line = ["regcred", "attach", "regcred", "sa/default", "-n", namespace.name()];
        sandbox.kubectl(line).success().assert_stdout_contains("attached to serviceaccount/default");
        assert_eq!(references(&namespace, "sa", "default", ""), ["regcred"], "{fault:?}");
        regcred(&namespace, &["detach", "regcred", "sa/default"]).success();
    }
}

#[test]
fn an_interruption_stops_cleanly_with_a_true_report_and_a_second_run_finishes() {
    const COUNT: usize = 300;
    let namespace = cluster().namespace();
    pull_secret(&namespace, "regcred", "registry.example");
    let accounts: Vec<_> = (0..COUNT)
        .map(|number| json!({ "apiVersion": "v1", "kind": "ServiceAccount", "metadata": { "name": format!("a{number}") } }))
        .collect();
    create(&namespace, &json!({ "apiVersion": "v1", "kind": "List", "items": accounts }));
    let attached = || {
        let list = namespace.kubectl(["get", "sa", "-o", "json"]).success().json();
        let items = list["items"].as_array().unwrap().clone();
        items.iter().filter(|account| account["imagePullSecrets"] == json!([{ "name": "regcred" }])).count()
    };
    // Through the proxy it takes long enough to be interrupted.
    let proxy = FaultProxy::start(&cluster().kubeconfig());
    let mut sandbox = Sandbox::new(cluster());
    sandbox.use_kubeconfig(&proxy.kubeconfig());
    let line = ["attach", "regcred", "--all-service-accounts", "-n", namespace.name()];
    let mut command = sandbox.command("kubectl-regcred", line);
    let mut child =
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut stdout = BufReader::new(child.stdout.take().unwrap());
    let mut text = String::new();
    for _ in 0..20 {
        stdout.read_line(&mut text).unwrap();
    }
    kill_process(Pid::from_raw(i32::try_from(child.id()).unwrap()).unwrap(), Signal::INT).unwrap();
    stdout.read_to_string(&mut text).unwrap();
    let mut stderr = String::new();
    child.stderr.take().unwrap().read_to_string(&mut stderr).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(130), "{stderr}");
    let done = text.lines().count();
    // The namespace has its default account, too.
    assert!((20..=COUNT).contains(&done), "{done} were done");
    assert_eq!(done, attached());
    assert!(stderr.contains(&format!("{done} changed, {} not begun", COUNT + 1 - done)), "{stderr}");

    let rest = sandbox.kubectl_regcred(line);
    rest.success().assert_stderr_contains(&format!("{} changed, {done} already so", COUNT + 1 - done));
    assert_eq!(attached(), COUNT + 1);
}

#[test]
fn a_list_of_ones_own_shadows_the_accounts_and_is_named() {
    let namespace = cluster().namespace();
    pull_secret(&namespace, "regcred", "registry.example");
    create(&namespace, &workload("Deployment", "web", &["own"]));
    wait_for_pod(&namespace);
    regcred(&namespace, &["attach", "regcred", "sa/default"])
        .success()
        .assert_stderr_contains("deployment/web has a list of its own, so the account's is not used");
}

#[test]
fn namespaces_are_chosen_by_label_and_left_out_by_pattern() {
    let (one, two, three) = (cluster().namespace(), cluster().namespace(), cluster().namespace());
    let label = format!("attach={}", one.name());
    for namespace in [&one, &two, &three] {
        cluster().kubectl(["label", "namespace", namespace.name(), &label]).success();
        pull_secret(namespace, "regcred", "registry.example");
    }
    let sandbox = Sandbox::new(cluster());
    let (selector, excluded) =
        (format!("--namespace-selector={label}"), format!("--exclude-namespace={}", three.name()));
    let line = ["regcred", "attach", "regcred", "sa/default", "deployment/nowhere", &selector, &excluded];
    // What only some namespaces could have is not missed in the others.
    sandbox.kubectl(line).success().assert_stderr_contains("2 changed");
    for (namespace, expected) in [(&one, &["regcred"][..]), (&two, &["regcred"]), (&three, &[])] {
        assert_eq!(references(namespace, "sa", "default", ""), expected);
    }
}
