//! `kubectl regcred create` into several namespaces, from another Secret, and attached to service accounts.

#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::collections::BTreeSet;

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

fn create(sandbox: &Sandbox, args: &[&str]) -> Output {
    let login = [
        "regcred",
        "create",
        "regcred",
        "--docker-server=ghcr.io",
        "--docker-username=u",
        "--password-stdin",
    ];
    let output = sandbox.run_with_stdin("kubectl", login.iter().chain(args), PASSWORD.as_bytes());
    if !args.contains(&"-o") {
        assert_no_secret(PASSWORD, &[&output]);
    }
    output
}

fn password(namespace: &Namespace<'_>, name: &str) -> Option<String> {
    let secret = namespace.find("secret", name)?;
    let data = STANDARD.decode(secret["data"][".dockerconfigjson"].as_str()?).unwrap();
    let config: Value = serde_json::from_slice(&data).unwrap();
    config["auths"]["ghcr.io"]["password"].as_str().map(str::to_owned)
}

fn pull_secrets(namespace: &Namespace<'_>, account: &str) -> Vec<String> {
    let account = namespace.get("serviceaccount", account);
    let list = account["imagePullSecrets"].as_array().cloned().unwrap_or_default();
    list.iter().map(|reference| reference["name"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn one_command_fills_several_namespaces() {
    let (a, b) = (cluster().namespace(), cluster().namespace());
    let sandbox = Sandbox::new(cluster());
    let output = create(&sandbox, &["-n", a.name(), "-n", b.name()]);
    output.success();
    let line =
        |namespace: &Namespace<'_>| format!("secret/regcred created in namespace {}\n", namespace.name());
    assert_eq!(output.stdout, line(&a) + &line(&b));
    for namespace in [&a, &b] {
        assert_eq!(password(namespace, "regcred").as_deref(), Some(PASSWORD));
    }
    let both = format!("{},{}", a.name(), b.name());
    let list = create(&sandbox, &["--namespaces", &both, "--append-hash", "-o", "json"]).success().json();
    assert_eq!(list["kind"], "List");
    let names: Vec<_> =
        list["items"].as_array().unwrap().iter().map(|s| &s["metadata"]["namespace"]).collect();
    assert_eq!(names, [a.name(), b.name()]);
}

#[test]
fn namespaces_are_chosen_by_label_and_excluded_by_pattern() {
    let spaces = [cluster().namespace(), cluster().namespace(), cluster().namespace()];
    let label = format!("pick={}", spaces[0].name());
    for namespace in &spaces[..2] {
        cluster().kubectl(["label", "namespace", namespace.name(), &label]).success();
    }
    let sandbox = Sandbox::new(cluster());
    let (start, end) = spaces[1].name().split_at(spaces[1].name().len() - 2);
    let glob = format!("{start}?{}", &end[1..]);
    let args = ["--namespace-selector", &label, "--exclude-namespace", &glob];
    let output = create(&sandbox, &args);
    output.success();
    // The pattern may fit both: what it fits is left out, and what it doesn't is done.
    assert_eq!(password(&spaces[1], "regcred"), None);
    assert_eq!(password(&spaces[2], "regcred"), None);
    assert_eq!(password(&spaces[0], "regcred").as_deref(), Some(PASSWORD));
    create(&sandbox, &["--namespace-selector", &label, "--exclude-namespace=*"])
        .assert_code(4)
        .assert_stderr_contains("no namespace is left to work in");
    create(&sandbox, &["--namespace-selector", "a b"]).assert_code(6);
}

#[test]
fn one_failure_stops_nobody_else_and_the_rest_can_be_done_again() {
    let (a, b, c) = (cluster().namespace(), cluster().namespace(), cluster().namespace());
    b.kubectl(["create", "secret", "generic", "regcred", "--from-literal=a=b"]).success();
    let sandbox = Sandbox::new(cluster());
    let namespaces = format!("{},{},none-such,{}", a.name(), b.name(), c.name());
    let output = create(&sandbox, &["--namespaces", &namespaces]);
    output
        .assert_code(1)
        .assert_stderr_contains(&format!("secret/regcred exists already in namespace \"{}\"", b.name()))
        .assert_stderr_contains("there is no namespace \"none-such\"")
        .assert_stderr_contains("created in 2 of 4 namespaces");
    for namespace in [&a, &c] {
        assert_eq!(password(namespace, "regcred").as_deref(), Some(PASSWORD));
    }
    // All failures of one kind keep its exit code.
    let namespaces = format!("{},{}", a.name(), b.name());
    create(&sandbox, &["--namespaces", &namespaces]).assert_code(8);
}

#[test]
fn a_client_dry_run_prints_every_namespace() {
    let sandbox = Sandbox::without_cluster();
    let args = ["create", "a", "--docker-username=u", "--password-stdin", "--dry-run=client"];
    let run = |more: &[&str]| sandbox.run_with_stdin("kubectl-regcred", args.iter().chain(more), b"p");
    let list = run(&["-n", "x", "-n", "y", "-n", "x", "-o", "json"]).success().json();
    let names: Vec<_> =
        list["items"].as_array().unwrap().iter().map(|s| &s["metadata"]["namespace"]).collect();
    assert_eq!(names, ["x", "y"]);
    run(&["--namespace-selector=a=b"]).assert_code(2).assert_stderr_contains("has to ask the cluster");
    run(&["--namespaces=x", "--namespace-selector=a=b"]).assert_code(2);
    run(&["--namespaces=x,Not_Valid"]).assert_code(2).assert_stderr_contains("Not_Valid");
    run(&["--namespaces=x", "--exclude-namespace=[", "-o", "name"])
        .assert_code(2)
        .assert_stderr_contains("pattern");
    let output = run(&["-n", "x", "--attach=sa/default"]);
    assert_eq!(
        output.success().stdout,
        "secret/a created (dry run)\nsecret/a attached to serviceaccount/default (dry run)\n"
    );
    for wrong in ["default", "deployment/x", "serviceaccount/", "sa/Not_Valid"] {
        run(&["--attach", wrong]).assert_code(2).assert_stderr_contains("--attach");
    }
    // Other commands work in one namespace.
    sandbox.kubectl_regcred(["lint", "-n", "x", "-n", "y"]).assert_code(2);
}

#[test]
fn a_secret_is_copied_from_another_one() {
    let (a, b) = (cluster().namespace(), cluster().namespace());
    let sandbox = Sandbox::new(cluster());
    create(&sandbox, &["-n", a.name()]).success();
    let copy = |args: &[&str]| sandbox.kubectl(["regcred", "create"].iter().chain(args));
    let from = format!("{}/regcred", a.name());
    let output = copy(&["copy", "-n", b.name(), "--from-secret", &from]);
    output.success();
    assert_no_secret(PASSWORD, &[&output]);
    assert_eq!(password(&b, "copy").as_deref(), Some(PASSWORD));
    let annotations = &b.get("secret", "copy")["metadata"]["annotations"];
    assert_eq!(annotations["kubectl-regcred/copied-from"], from);

    // A name alone is of the same namespace; a legacy Secret is read too, and one registry can be picked.
    let legacy = json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "legacy"},
        "type": "kubernetes.io/dockercfg",
        "stringData": {".dockercfg": json!({"ghcr.io": {"auth": "dTpw"}, "quay.io": {"auth": "dTpx"}}).to_string()}});
    let args = ["create", "-n", b.name(), "-f", "-"];
    sandbox.run_with_stdin("kubectl", args, legacy.to_string().as_bytes()).success();
    copy(&["picked", "-n", b.name(), "--from-secret=legacy", "--registry=ghcr.io"]).success();
    assert_eq!(password(&b, "picked").as_deref(), Some("p"));

    copy(&["x", "-n", b.name(), "--from-secret=none"])
        .assert_code(4)
        .assert_stderr_contains("there is no secret/none");
    b.kubectl(["create", "secret", "generic", "opaque", "--from-literal=a=b"]).success();
    copy(&["x", "-n", b.name(), "--from-secret=opaque"])
        .assert_code(1)
        .assert_stderr_contains("its type is \"Opaque\"");
    copy(&["x", "-n", b.name(), "--from-secret=legacy", "--registry=nope.io"])
        .assert_code(4)
        .assert_stderr_contains("\"ghcr.io\", \"quay.io\"");
    copy(&["x", "--from-secret=a/b/c"]).assert_code(2).assert_stderr_contains("NAMESPACE/NAME");
    copy(&["x", "--from-context=y"]).assert_code(2);
}

#[test]
fn a_secret_is_copied_from_another_context() {
    let (a, b) = (cluster().namespace(), cluster().namespace());
    let mut sandbox = Sandbox::new(cluster());
    create(&sandbox, &["-n", a.name()]).success();
    let view = sandbox.kubectl(["config", "view", "--flatten", "-o", "json"]);
    let mut kubeconfig = view.success().json();
    let real = kubeconfig["contexts"][0]["context"].clone();
    kubeconfig["contexts"].as_array_mut().unwrap().push(json!({"name": "other", "context": {
        "cluster": real["cluster"], "user": real["user"], "namespace": a.name(),
    }}));
    let path = sandbox.write("kubeconfig", kubeconfig.to_string());
    sandbox.use_kubeconfig(&path);
    let args = ["regcred", "create", "copy", "-n", b.name(), "--from-secret=regcred", "--from-context=other"];
    sandbox.kubectl(args).success();
    assert_eq!(password(&b, "copy").as_deref(), Some(PASSWORD));
    let annotations = &b.get("secret", "copy")["metadata"]["annotations"];
    assert_eq!(annotations["kubectl-regcred/copied-from"], format!("other/{}/regcred", a.name()));
}

#[test]
fn an_attached_secret_reaches_new_pods_and_nothing_else_is_lost() {
    let namespace = cluster().namespace();
    let sandbox = Sandbox::new(cluster());
    let patch = r#"{"imagePullSecrets":[{"name":"first"},{"name":"second"}]}"#;
    namespace.kubectl(["patch", "serviceaccount", "default", "-p", patch]).success();
    namespace.kubectl(["create", "serviceaccount", "build"]).success();
    let args = ["-n", namespace.name(), "--attach=serviceaccount/default", "--attach=sa/build"];
    let output = create(&sandbox, &args);
    assert_eq!(
        output.success().stdout,
        "secret/regcred created\nsecret/regcred attached to serviceaccount/default\n\
         secret/regcred attached to serviceaccount/build\n"
    );
    assert_eq!(pull_secrets(&namespace, "default"), ["first", "second", "regcred"]);
    assert_eq!(pull_secrets(&namespace, "build"), ["regcred"]);
    namespace.kubectl(["run", "web", "--image=ghcr.io/x"]).success();
    let pod = namespace.get("pod", "web");
    assert_eq!(
        pod["spec"]["imagePullSecrets"],
        json!([{"name": "first"}, {"name": "second"}, {"name": "regcred"}])
    );

    namespace.kubectl(["delete", "secret", "regcred"]).success();
    let output = create(&sandbox, &args);
    output.success().assert_stdout_contains("secret/regcred was attached already to serviceaccount/default");
    assert_eq!(pull_secrets(&namespace, "default"), ["first", "second", "regcred"]);
}

#[test]
fn a_dry_run_attaches_nothing() {
    let namespace = cluster().namespace();
    let sandbox = Sandbox::new(cluster());
    let output = create(&sandbox, &["-n", namespace.name(), "--attach=sa/default", "--dry-run=server"]);
    output.success().assert_stdout_contains("attached to serviceaccount/default (server dry run)");
    assert_eq!(pull_secrets(&namespace, "default"), Vec::<String>::new());
}

#[test]
fn twenty_writers_at_once_lose_nothing() {
    let namespace = cluster().namespace();
    let sandbox = Sandbox::new(cluster());
    let names: Vec<String> = (0..20).map(|n| format!("s{n}")).collect();
    std::thread::scope(|scope| {
        for name in &names {
            let (sandbox, namespace) = (&sandbox, namespace.name());
            scope.spawn(move || {
                let args = [
                    "create",
                    name,
                    "--docker-username=u",
                    "--password-stdin",
                    "-n",
                    namespace,
                    "--attach=sa/default",
                ];
                sandbox.run_with_stdin("kubectl-regcred", args, b"p").success();
            });
        }
    });
    let found: BTreeSet<_> = pull_secrets(&namespace, "default").into_iter().collect();
    assert_eq!(found, names.into_iter().collect());
}

#[test]
fn an_account_that_is_missing_or_managed_is_told_and_the_secret_stays() {
    let namespace = cluster().namespace();
    let sandbox = Sandbox::new(cluster());
    let output = create(&sandbox, &["-n", namespace.name(), "--attach=sa/none"]);
    output.assert_code(4).assert_stdout_contains("secret/regcred created\n").assert_stderr_contains(
        "secret/regcred is created, but not attached: there is no serviceaccount/none",
    );
    namespace.kubectl(["delete", "secret", "regcred"]).success();

    namespace.kubectl(["annotate", "sa", "default", "meta.helm.sh/release-name=web"]).success();
    let managed = ["-n", namespace.name(), "--attach=sa/default"];
    create(&sandbox, &managed)
        .assert_code(8)
        .assert_stderr_contains("is managed by Helm (\"web\")")
        .assert_stderr_contains("--force goes on");
    assert_eq!(pull_secrets(&namespace, "default"), Vec::<String>::new());
    namespace.kubectl(["delete", "secret", "regcred"]).success();
    create(&sandbox, &[&managed[..], &["--force"]].concat()).success();
    assert_eq!(pull_secrets(&namespace, "default"), ["regcred"]);
}

#[test]
fn an_account_that_somebody_applied_is_left_to_them() {
    let namespace = cluster().namespace();
    let sandbox = Sandbox::new(cluster());
    let account = json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "web"},
                         "imagePullSecrets": [{"name": "theirs"}]});
    let apply = ["apply", "--server-side", "--field-manager=gitops", "-n", namespace.name(), "-f", "-"];
    sandbox.run_with_stdin("kubectl", apply, account.to_string().as_bytes()).success();
    create(&sandbox, &["-n", namespace.name(), "--attach=sa/web"])
        .assert_code(8)
        .assert_stderr_contains("is managed by \"gitops\", who applied it");
    assert_eq!(pull_secrets(&namespace, "web"), ["theirs"]);
}

#[test]
fn a_lost_answer_to_the_attachment_is_looked_up() {
    let namespace = cluster().namespace();
    let proxy = FaultProxy::start(&cluster().kubeconfig());
    let path_contains = "/serviceaccounts/default".to_owned();
    proxy.inject(Rule { fault: Fault::LoseAnswer, method: "PATCH", path_contains, times: 1 });
    let mut sandbox = Sandbox::new(cluster());
    sandbox.use_kubeconfig(&proxy.kubeconfig());
    create(&sandbox, &["-n", namespace.name(), "--attach=sa/default"]).success();
    assert_eq!(pull_secrets(&namespace, "default"), ["regcred"]);
}
