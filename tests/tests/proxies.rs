//! A proxy between us and the API server, named in the kubeconfig or in the environment. What the exceptions in
//! `NO_PROXY` mean is tested in `cluster::proxy`; here, that it is obeyed.

#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use regcred_tests::cluster;
use regcred_tests::cluster::Namespace;
use regcred_tests::forward_proxy::{ForwardProxy, SocksProxy};
use regcred_tests::leak::{Folder, assert_no_secret};
use regcred_tests::mounts::{self, WITH_MOUNTS};
use regcred_tests::output::Output;
use regcred_tests::sandbox::Sandbox;
use regcred_tests::tls::TlsFront;
use serde_json::{Value, json};

const PASSWORD: &str = "hunter2-hunter2";
/// Nobody listens there.
const NOBODY: &str = "http://127.0.0.1:1";

/// `create NAME` in this namespace, as arguments.
fn create_args<'a>(namespace: &'a Namespace<'_>, name: &'a str) -> Vec<&'a str> {
    vec!["kubectl-regcred", "create", name, "--docker-username=u", "--password-stdin", "-n", namespace.name()]
}

fn create(sandbox: &Sandbox, namespace: &Namespace<'_>, name: &str, more: &[&str]) -> Output {
    let args = [create_args(namespace, name), more.to_vec()].concat();
    sandbox.run_with_stdin(args[0], &args[1..], PASSWORD.as_bytes())
}

/// Uses the administrator's kubeconfig with this `proxy-url`, and with this server instead of the real one.
fn use_kubeconfig(sandbox: &mut Sandbox, proxy_url: Option<&str>, server: Option<&str>) {
    let mut kubeconfig: Value =
        serde_json::from_slice(&std::fs::read(cluster().kubeconfig()).unwrap()).unwrap();
    let cluster = &mut kubeconfig["clusters"][0]["cluster"];
    if let Some(url) = proxy_url {
        cluster["proxy-url"] = json!(url);
    }
    if let Some(server) = server {
        cluster["server"] = json!(server);
    }
    let path = sandbox.write("kubeconfig", kubeconfig.to_string());
    sandbox.use_kubeconfig(&path);
}

fn address() -> &'static str {
    cluster().server().strip_prefix("https://").unwrap()
}

#[test]
fn the_kubeconfigs_proxy_is_used_whatever_the_environment_says() {
    let namespace = cluster().namespace();
    let mut sandbox = Sandbox::new(cluster());
    let proxy = ForwardProxy::start(&sandbox, None, None);
    use_kubeconfig(&mut sandbox, Some(&format!("http://{}", proxy.address())), None);
    create(&sandbox, &namespace, "a", &[]).success();
    assert_eq!(proxy.tunnels_to(address()), 1);

    sandbox.set("HTTPS_PROXY", NOBODY);
    sandbox.set("NO_PROXY", "*");
    create(&sandbox, &namespace, "b", &[]).success();
    assert_eq!(proxy.tunnels_to(address()), 2);
    namespace.get("secret", "b");
    // The password went through the tunnel, not to the proxy.
    assert_no_secret(PASSWORD, &[&Folder::new(sandbox.root())]);
}

#[test]
fn a_proxy_that_wants_a_password_gets_it_and_nobody_else() {
    let namespace = cluster().namespace();
    let mut sandbox = Sandbox::new(cluster());
    let secret = "proxy-pass-123";
    let proxy = ForwardProxy::start(&sandbox, Some(("user", secret)), None);
    let at = proxy.address();
    use_kubeconfig(&mut sandbox, Some(&format!("http://user:{secret}@{at}")), None);
    create(&sandbox, &namespace, "a", &[]).success();
    assert_eq!(proxy.tunnels_to(address()), 1);

    let wrong = "proxy-pass-456";
    use_kubeconfig(&mut sandbox, Some(&format!("http://user:{wrong}@{at}")), None);
    let output = create(&sandbox, &namespace, "b", &[]);
    output.assert_code(6).assert_stderr_contains(&format!("through the proxy http://{at}: "));
    assert_no_secret(wrong, &[&output]);
    assert_no_secret(PASSWORD, &[&output]);
}

#[test]
fn a_server_behind_a_proxy_that_is_not_trusted_is_named() {
    let namespace = cluster().namespace();
    let mut sandbox = Sandbox::new(cluster());
    let proxy = ForwardProxy::start(&sandbox, None, None);
    use_kubeconfig(&mut sandbox, Some(&format!("http://{}", proxy.address())), None);
    create(&sandbox, &namespace, "a", &["--tls-server-name=other.example.com"])
        .assert_code(6)
        .assert_stderr_contains("subject \"CN=kube-apiserver\", issuer \"CN=regcred-test-cluster\"");
    // Once to talk to it, once to see its certificate.
    assert_eq!(proxy.tunnels_to(address()), 2);
}

#[test]
fn a_proxy_that_is_not_there_is_told_and_a_bad_url_is_not_quoted() {
    let namespace = cluster().namespace();
    let mut sandbox = Sandbox::new(cluster());
    use_kubeconfig(&mut sandbox, Some(NOBODY), None);
    create(&sandbox, &namespace, "a", &[])
        .assert_code(6)
        .assert_stderr_contains(&format!("can't reach the API server {}", cluster().server()))
        .assert_stderr_contains(&format!("through the proxy {NOBODY}: "))
        .assert_stderr_contains("onnection refused");
    use_kubeconfig(&mut sandbox, Some("gopher://user:gopher-pass@proxy"), None);
    let output = create(&sandbox, &namespace, "a", &[]);
    output
        .assert_code(6)
        .assert_stderr_contains("the `proxy-url` in the kubeconfig is not the URL of a proxy");
    assert_no_secret("gopher-pass", &[&output]);
}

#[test]
fn this_machine_is_never_reached_through_the_environments_proxy() {
    let namespace = cluster().namespace();
    let mut sandbox = Sandbox::new(cluster());
    for name in ["HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "ALL_PROXY"] {
        sandbox.set(name, NOBODY);
    }
    create(&sandbox, &namespace, "a", &[]).success();
    // Even one that is no URL: nobody asks it for anything.
    sandbox.set("HTTPS_PROXY", "no url at all");
    create(&sandbox, &namespace, "b", &[]).success();
}

/// The environment's proxy is never used for loopback, where the test's server is. So it gets a name, one of
/// those in its certificate, which only a program with its own `/etc/hosts` knows.
#[test]
fn the_environments_proxy_is_used_but_for_the_exceptions() {
    let namespace = cluster().namespace();
    let mut sandbox = Sandbox::new(cluster());
    let hosts = sandbox.write("hosts", "127.0.0.1 kubernetes.default.svc localhost\n");
    if !mounts::prepare(&sandbox, &format!("mount --bind {} /etc/hosts", hosts.display())) {
        regcred_tests::skip("no mount namespace of one's own here");
        return;
    }
    let port = address().split_once(':').unwrap().1;
    let named = format!("kubernetes.default.svc:{port}");
    use_kubeconfig(&mut sandbox, None, Some(&format!("https://{named}")));
    let proxy = ForwardProxy::start(&sandbox, None, Some(WITH_MOUNTS));
    let create = |sandbox: &Sandbox, name: &str| {
        sandbox.run_with_stdin(WITH_MOUNTS, create_args(&namespace, name), PASSWORD.as_bytes())
    };

    sandbox.set("HTTPS_PROXY", format!("http://{}", proxy.address()));
    create(&sandbox, "upper").success();
    assert_eq!(proxy.tunnels_to(&named), 1);

    sandbox.set("HTTPS_PROXY", "");
    sandbox.set("https_proxy", proxy.address().to_string());
    create(&sandbox, "lower").success();
    assert_eq!(proxy.tunnels_to(&named), 2);

    sandbox.set("https_proxy", NOBODY);
    create(&sandbox, "none").assert_code(6).assert_stderr_contains(&format!("through the proxy {NOBODY}: "));
    let exceptions = [
        "kubernetes.default.svc".to_owned(),
        named.clone(),
        "other.example,.default.svc".to_owned(),
        "svc".to_owned(),
        "*".to_owned(),
    ];
    for (index, exception) in exceptions.iter().enumerate() {
        sandbox.set("NO_PROXY", exception);
        create(&sandbox, &format!("direct-{index}")).success();
    }
    for exception in ["default.svc:1", ".kubernetes.default.svc", "127.0.0.0/8"] {
        sandbox.set("NO_PROXY", exception);
        create(&sandbox, "none").assert_code(6).assert_stderr_contains("through the proxy");
    }
    assert_eq!(proxy.tunnels_to(&named), 2);
}

/// There is no server at an address of a network that is not loopback, so the test looks at which way was tried.
#[test]
fn a_network_can_be_excepted() {
    let namespace = cluster().namespace();
    let mut sandbox = Sandbox::new(cluster());
    use_kubeconfig(&mut sandbox, None, Some("https://192.0.2.7:6443"));
    sandbox.set("HTTPS_PROXY", NOBODY);
    let create = |sandbox: &Sandbox| create(sandbox, &namespace, "a", &["--request-timeout=1s"]);
    create(&sandbox).assert_code(6).assert_stderr_contains("through the proxy");
    sandbox.set("NO_PROXY", "10.0.0.0/8");
    create(&sandbox).assert_code(6).assert_stderr_contains("through the proxy");
    sandbox.set("NO_PROXY", "10.0.0.0/8, 192.0.2.0/24");
    let direct = create(&sandbox);
    direct.assert_code(6).assert_stderr_contains("192.0.2.7");
    assert!(!direct.stderr.contains("proxy"), "{}", direct.stderr);
}

#[test]
fn a_socks_proxy_is_used_by_kubeconfig_or_environment() {
    let namespace = cluster().namespace();
    for scheme in ["socks5", "socks5h"] {
        let mut sandbox = Sandbox::new(cluster());
        let proxy = SocksProxy::start(&sandbox);
        use_kubeconfig(&mut sandbox, Some(&format!("{scheme}://{}", proxy.address())), None);
        create(&sandbox, &namespace, scheme, &[]).success();
        assert_eq!(proxy.connections_to(address()), 1, "{scheme}");
        assert_no_secret(PASSWORD, &[&Folder::new(sandbox.root())]);
    }
}

#[test]
fn a_proxy_behind_tls_is_trusted_as_the_cluster_is() {
    let namespace = cluster().namespace();
    let mut sandbox = Sandbox::new(cluster());
    let proxy = ForwardProxy::start(&sandbox, None, None);
    let front = TlsFront::start(proxy.address());
    use_kubeconfig(&mut sandbox, Some(&format!("https://{}", front.address())), None);
    // kubectl's transport, too, checks the proxy against the cluster's authority.
    create(&sandbox, &namespace, "a", &[]).assert_code(6);
    assert_eq!(proxy.tunnels_to(address()), 0);

    let path = sandbox.home().join("kubeconfig");
    let mut kubeconfig: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
    let authority = &mut kubeconfig["clusters"][0]["cluster"];
    let own = STANDARD.decode(authority["certificate-authority-data"].as_str().unwrap()).unwrap();
    let both = [own.as_slice(), b"\n", front.certificate().as_bytes()].concat();
    authority["certificate-authority-data"] = json!(STANDARD.encode(both));
    std::fs::write(&path, kubeconfig.to_string()).unwrap();
    create(&sandbox, &namespace, "a", &[]).success();
    assert_eq!(proxy.tunnels_to(address()), 1);
    namespace.get("secret", "a");
}
