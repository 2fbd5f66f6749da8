//! The tests' own support, put to the test: the shared cluster, users, the sandbox, the fault proxy, skips.

use std::path::Path;

use regcred_tests::cluster;
use regcred_tests::fault_proxy::{Fault, FaultProxy, Rule};
use regcred_tests::sandbox::Sandbox;

#[test]
fn the_files_of_a_cluster_are_private() {
    use std::os::unix::fs::PermissionsExt as _;
    let mode = |path: &Path| path.metadata().unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(cluster().kubeconfig().parent().unwrap()), 0o700);
    assert_eq!(mode(&cluster().kubeconfig()), 0o600);
}

#[test]
fn the_server_reports_the_pinned_version() {
    let module = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/cluster/go.mod")).unwrap();
    let pinned = module.lines().find_map(|line| line.trim().strip_prefix("k8s.io/kubernetes v")).unwrap();
    let pinned = format!("v{}", pinned.split(' ').next().unwrap());
    let output = cluster().kubectl(["version", "--output=json"]);
    let version = output.success().json();
    assert_eq!(version["serverVersion"]["gitVersion"], pinned);
    assert_eq!(version["clientVersion"]["gitVersion"], pinned);
    assert_eq!(version["serverVersion"]["minor"], pinned.split('.').nth(1).unwrap());
}

#[test]
fn a_namespace_has_its_default_service_account_and_goes_away() {
    let name = {
        let namespace = cluster().namespace();
        assert!(namespace.name().starts_with("a-namespace-has-its-default-service-account"));
        assert_eq!(namespace.get("serviceaccount", "default")["metadata"]["name"], "default");
        namespace.name().to_owned()
    };
    cluster().kubectl(["wait", "--for=delete", &format!("namespace/{name}"), "--timeout=60s"]).success();
}

#[test]
fn a_pod_is_admitted_without_a_node() {
    let namespace = cluster().namespace();
    namespace.kubectl(["run", "web", "--image=registry.example/web:1"]).success();
    assert_eq!(namespace.get("pod", "web")["spec"]["serviceAccountName"], "default");
}

#[test]
fn who_has_no_rights_is_refused() {
    let namespace = cluster().namespace();
    let mut sandbox = Sandbox::new(cluster());
    sandbox.use_kubeconfig(&cluster().user("nobody-special", None));
    let get = ["get", "secrets", "--namespace", namespace.name()];
    sandbox
        .kubectl(get)
        .assert_code(1)
        .assert_stderr_contains("User \"nobody-special\" cannot list resource");

    namespace.kubectl(["create", "role", "reader", "--verb=list", "--resource=secrets"]).success();
    namespace
        .kubectl(["create", "rolebinding", "reader", "--role=reader", "--user=nobody-special"])
        .success();
    sandbox.kubectl(get).success();
}

#[test]
fn a_group_gives_its_rights() {
    let namespace = cluster().namespace();
    namespace.kubectl(["create", "role", "reader", "--verb=list", "--resource=secrets"]).success();
    namespace.kubectl(["create", "rolebinding", "reader", "--role=reader", "--group=auditors"]).success();
    let mut sandbox = Sandbox::new(cluster());
    sandbox.use_kubeconfig(&cluster().user("carla", Some("auditors")));
    namespace.wait_until_allowed("carla", Some("auditors"), "list", "secrets");
    sandbox.kubectl(["get", "secrets", "--namespace", namespace.name()]).success();
}

#[test]
fn the_plugin_is_found_by_kubectl() {
    let output = Sandbox::new(cluster()).kubectl(["plugin", "list", "--name-only"]);
    output.success().assert_stdout_contains("kubectl-regcred");
}

#[test]
fn a_lost_answer_leaves_the_object_behind() {
    let namespace = cluster().namespace();
    let proxy = FaultProxy::start(&cluster().kubeconfig());
    let mut sandbox = Sandbox::new(cluster());
    sandbox.use_kubeconfig(&proxy.kubeconfig());
    let path = format!("/api/v1/namespaces/{}/configmaps", namespace.name());
    proxy.inject(Rule { fault: Fault::LoseAnswer, method: "POST", path_contains: path.clone(), times: 1 });

    let create = |name: &str| sandbox.kubectl(["create", "configmap", name, "--namespace", namespace.name()]);
    create("lost").assert_code(1).assert_stderr_contains("EOF");
    assert_eq!(namespace.get("configmap", "lost")["metadata"]["name"], "lost");

    // The rule is used up.
    create("kept").success();
    let posts: Vec<_> = proxy.seen().into_iter().filter(|seen| seen.path.starts_with(&path)).collect();
    assert_eq!(posts.iter().map(|seen| seen.fault).collect::<Vec<_>>(), [Some(Fault::LoseAnswer), None]);
}

#[test]
fn a_refused_request_changes_nothing() {
    let namespace = cluster().namespace();
    let proxy = FaultProxy::start(&cluster().kubeconfig());
    let mut sandbox = Sandbox::new(cluster());
    sandbox.use_kubeconfig(&proxy.kubeconfig());
    proxy.inject(Rule {
        fault: Fault::Refuse,
        method: "POST",
        path_contains: "/configmaps".to_owned(),
        times: 1,
    });
    sandbox.kubectl(["create", "configmap", "never", "--namespace", namespace.name()]).assert_code(1);
    assert_eq!(namespace.find("configmap", "never"), None);
}

#[test]
fn nothing_of_the_surroundings_gets_into_a_sandbox() {
    let output = Sandbox::without_cluster().run("env", [""; 0]);
    let names: Vec<&str> =
        output.success().stdout.lines().filter_map(|line| line.split('=').next()).collect();
    assert_eq!(names, ["HOME", "LANG", "PATH", "TMPDIR", "XDG_RUNTIME_DIR"]);
}

#[test]
fn a_skip_is_said_aloud_and_reported() {
    let mut sandbox = Sandbox::without_cluster();
    let report = sandbox.home().join("skips");
    sandbox.set(xtask::skips::REPORT, &report);
    let tests = std::env::current_exe().unwrap();
    let output = sandbox.run(tests.to_str().unwrap(), ["--ignored", "--exact", "skips_itself"]);
    output.success().assert_stderr_contains("skipped skips_itself: a reason to skip");
    assert_eq!(std::fs::read_to_string(&report).unwrap(), "skips_itself: a reason to skip\n");
}

#[test]
#[ignore = "run by a_skip_is_said_aloud_and_reported"]
fn skips_itself() {
    regcred_tests::skip("a reason to skip");
}
