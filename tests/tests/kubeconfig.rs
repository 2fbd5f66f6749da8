//! kubectl's own flags and files: which cluster, and as whom. Against the real API server, which tells who it
//! takes us for.

#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use regcred_tests::cluster;
use regcred_tests::cluster::Namespace;
use regcred_tests::leak::{Folder, assert_no_secret};
use regcred_tests::mounts::{self, WITH_MOUNTS};
use regcred_tests::output::Output;
use regcred_tests::policy::Policy;
use regcred_tests::sandbox::Sandbox;
use serde_json::{Value, json};

const PASSWORD: &str = "hunter2-hunter2";

/// `create regcred` in this namespace.
fn create(sandbox: &Sandbox, namespace: &Namespace<'_>, more: &[&str]) -> Output {
    let args = ["create", "regcred", "--docker-username=robot", "--password-stdin", "-n", namespace.name()];
    sandbox.run_with_stdin("kubectl-regcred", args.iter().chain(more), PASSWORD.as_bytes())
}

fn read_json(path: &Path) -> Value {
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

/// The kubeconfig at `path` with the server and its authority, but this user.
fn with_user(user: &Value) -> Value {
    let mut kubeconfig = read_json(&cluster().kubeconfig());
    kubeconfig["users"][0]["user"] = user.clone();
    kubeconfig
}

/// A sandbox that uses this kubeconfig.
fn sandbox_with(kubeconfig: &Value) -> Sandbox {
    let mut sandbox = Sandbox::new(cluster());
    let path = sandbox.write("kubeconfig", kubeconfig.to_string());
    sandbox.use_kubeconfig(&path);
    sandbox
}

/// The certificate and key of a user without rights, as files of the sandbox.
fn certificate_files(sandbox: &Sandbox, kubeconfig: &Path) -> (PathBuf, PathBuf) {
    let user = read_json(kubeconfig)["users"][0]["user"].clone();
    let file =
        |name: &str, key: &str| sandbox.write(name, STANDARD.decode(user[key].as_str().unwrap()).unwrap());
    (file("pki/client.crt", "client-certificate-data"), file("pki/client.key", "client-key-data"))
}

/// A token of the namespace's default service account, which may do nothing.
fn token(namespace: &Namespace<'_>) -> String {
    namespace.kubectl(["create", "token", "default"]).success().stdout.trim().to_owned()
}

fn service_account(namespace: &Namespace<'_>) -> String {
    format!("User \"system:serviceaccount:{}:default\"", namespace.name())
}

#[test]
fn a_client_certificate_comes_from_files_or_flags() {
    let namespace = cluster().namespace();
    let sandbox = sandbox_with(&with_user(&json!({})));
    let (certificate, key) = certificate_files(&sandbox, &cluster().user("zoe", None));
    let flags = [
        format!("--client-certificate={}", certificate.display()),
        format!("--client-key={}", key.display()),
    ];
    create(&sandbox, &namespace, &[&flags[0], &flags[1]])
        .assert_code(6)
        .assert_stderr_contains("User \"zoe\"");
    for flag in &flags {
        create(&sandbox, &namespace, &[flag]).assert_code(2).assert_stderr_contains("go together");
    }
    // In a kubeconfig, a path is relative to the file.
    let relative =
        with_user(&json!({"client-certificate": "pki/client.crt", "client-key": "pki/client.key"}));
    sandbox.write("kubeconfig", relative.to_string());
    create(&sandbox, &namespace, &[]).assert_code(6).assert_stderr_contains("User \"zoe\"");
    // A flag's login is used alone: the administrator's certificate would win.
    let admin = Sandbox::new(cluster());
    create(&admin, &namespace, &[&flags[0], &flags[1]]).assert_code(6).assert_stderr_contains("User \"zoe\"");
    create(&admin, &namespace, &["--client-certificate=/none", "--client-key=/none"])
        .assert_code(6)
        .assert_stderr_contains("can't read the client certificate \"/none\"");
}

#[test]
fn a_token_comes_from_a_flag_the_kubeconfig_or_a_file() {
    let namespace = cluster().namespace();
    let token = token(&namespace);
    let who = service_account(&namespace);
    let admin = Sandbox::new(cluster());
    create(&admin, &namespace, &["--token", &token]).assert_code(6).assert_stderr_contains(&who);

    let sandbox = sandbox_with(&with_user(&json!({"token": token})));
    let output = create(&sandbox, &namespace, &[]);
    output.assert_code(6).assert_stderr_contains(&who);
    assert_no_secret(&token, &[&output]);

    // A newline at its end is no part of it; an empty `token` is none.
    sandbox.write("token", format!("{token}\n"));
    sandbox.write("kubeconfig", with_user(&json!({"token": "", "tokenFile": "token"})).to_string());
    create(&sandbox, &namespace, &[]).assert_code(6).assert_stderr_contains(&who);
    std::fs::remove_file(sandbox.home().join("token")).unwrap();
    create(&sandbox, &namespace, &[]).assert_code(6).assert_stderr_contains("token file");
}

/// A user of the kubeconfig that logs in with `script`, a program of the sandbox.
fn exec(script: &Path, mode: &str) -> Value {
    with_user(&json!({"exec": {
        "apiVersion": "client.authentication.k8s.io/v1", "command": script, "interactiveMode": mode,
        "args": ["get", "token"], "env": [{"name": "STAGE", "value": "test"}], "provideClusterInfo": true,
    }}))
}

fn credential(status: &Value) -> String {
    json!({"apiVersion": "client.authentication.k8s.io/v1", "kind": "ExecCredential", "status": status})
        .to_string()
}

/// A sandbox whose kubeconfig logs in with a program that notes that it ran and how, and then runs `script`.
fn sandbox_with_plugin(mode: &str, script: &str) -> Sandbox {
    let sandbox = sandbox_with(&json!({}));
    let head = "#!/bin/sh\necho \"$# $2 $STAGE\" >> \"$HOME/runs\"\nprintf %s \"$KUBERNETES_EXEC_INFO\" > \"$HOME/info\"\n";
    let plugin = sandbox.script("login", &format!("{head}{script}\n"));
    sandbox.write("kubeconfig", exec(&plugin, mode).to_string());
    sandbox
}

fn runs(sandbox: &Sandbox) -> Vec<String> {
    let runs = std::fs::read_to_string(sandbox.home().join("runs")).unwrap_or_default();
    runs.lines().map(str::to_owned).collect()
}

#[test]
fn an_exec_plugin_runs_once_and_its_token_counts() {
    let namespace = cluster().namespace();
    let token = token(&namespace);
    let status = json!({"token": token, "expirationTimestamp": "2020-01-01T00:00:00Z"});
    let sandbox = sandbox_with_plugin("IfAvailable", &format!("echo '{}'", credential(&status)));
    namespace.allow(&format!("system:serviceaccount:{}:default", namespace.name()), "create", "secrets");
    let output = create(&sandbox, &namespace, &[]);
    output.success();
    assert_eq!(runs(&sandbox), ["2 token test"]);
    let info = read_json(&sandbox.home().join("info"));
    assert_eq!(info["apiVersion"], "client.authentication.k8s.io/v1");
    assert_eq!(info["spec"]["interactive"], false, "standard input is a pipe");
    assert_eq!(info["spec"]["cluster"]["server"], cluster().server());
    assert_no_secret(&token, &[&output, &Folder::new(sandbox.root()).except("bin")]);
}

#[test]
fn an_exec_plugin_that_reads_standard_input_does_not_get_the_password() {
    let namespace = cluster().namespace();
    let status = json!({"token": token(&namespace)});
    let script = format!("cat > \"$HOME/eaten\"\necho '{}'", credential(&status));
    namespace.allow(&format!("system:serviceaccount:{}:default", namespace.name()), "create", "secrets");
    for mode in ["IfAvailable", "Never"] {
        let sandbox = sandbox_with_plugin(mode, &script);
        let name = mode.to_lowercase();
        let args = ["create", &name, "--docker-username=u", "--password-stdin", "-n", namespace.name()];
        sandbox.run_with_stdin("kubectl-regcred", args, PASSWORD.as_bytes()).success();
        assert_eq!(std::fs::read(sandbox.home().join("eaten")).unwrap(), b"");
        let data = namespace.get("secret", &name)["data"][".dockerconfigjson"].as_str().unwrap().to_owned();
        assert!(String::from_utf8(STANDARD.decode(data).unwrap()).unwrap().contains(PASSWORD));
    }
    // What has to ask a person fails when there is none.
    let sandbox = sandbox_with_plugin("Always", &script);
    create(&sandbox, &namespace, &[])
        .assert_code(6)
        .assert_stderr_contains("wants to ask, but standard input is no terminal");
    assert_eq!(runs(&sandbox).len(), 0);
}

#[test]
fn an_exec_plugin_may_ask_a_person_once() {
    let namespace = cluster().namespace();
    let status = json!({"token": token(&namespace)});
    let script =
        format!("printf 'PIN? ' >&2\nread pin\n[ \"$pin\" = 4711 ] && echo '{}'", credential(&status));
    for mode in ["IfAvailable", "Always"] {
        let sandbox = sandbox_with_plugin(mode, &script);
        let command = sandbox.command("kubectl-regcred", ["lint", "-n", namespace.name()]);
        let mut session = rexpect::session::spawn_command(command, Some(20_000)).unwrap();
        session.exp_string("PIN? ").unwrap();
        session.send_line("4711").unwrap();
        let shown = session.exp_eof().unwrap();
        assert!(shown.contains(&service_account(&namespace)), "{shown}");
        assert_eq!(runs(&sandbox).len(), 1);
        assert_eq!(read_json(&sandbox.home().join("info"))["spec"]["interactive"], true);
    }
}

#[test]
fn an_exec_plugin_may_give_a_certificate() {
    let namespace = cluster().namespace();
    let sandbox = sandbox_with_plugin("Never", "cat \"$HOME/credential\"");
    let user = read_json(&cluster().user("carol", None))["users"][0]["user"].clone();
    let pem = |key: &str| String::from_utf8(STANDARD.decode(user[key].as_str().unwrap()).unwrap()).unwrap();
    let status = json!({
        "clientCertificateData": pem("client-certificate-data"), "clientKeyData": pem("client-key-data"),
    });
    sandbox.write("credential", credential(&status));
    create(&sandbox, &namespace, &[]).assert_code(6).assert_stderr_contains("User \"carol\"");
    assert_eq!(runs(&sandbox).len(), 1);
}

#[test]
fn an_exec_plugin_is_asked_again_when_its_token_is_not_accepted() {
    let namespace = cluster().namespace();
    let (stale, fresh) = (json!({"token": "stale"}), json!({"token": token(&namespace)}));
    let script = format!(
        "if [ $(wc -l < \"$HOME/runs\") = 1 ]; then echo '{}'; else echo '{}'; fi",
        credential(&stale),
        credential(&fresh)
    );
    let sandbox = sandbox_with_plugin("Never", &script);
    create(&sandbox, &namespace, &[]).assert_code(6).assert_stderr_contains(&service_account(&namespace));
    assert_eq!(runs(&sandbox).len(), 2);
    // But not for ever.
    let sandbox = sandbox_with_plugin("Never", &format!("echo '{}'", credential(&stale)));
    create(&sandbox, &namespace, &[])
        .assert_code(6)
        .assert_stderr_contains("does not accept these credentials");
    assert_eq!(runs(&sandbox).len(), 2);
}

#[test]
fn an_exec_plugin_that_fails_is_named_without_its_output() {
    let namespace = cluster().namespace();
    let secret = "token-0123456789";
    let other_version = credential(&json!({"token": secret})).replace("k8s.io/v1", "k8s.io/v1beta1");
    for (script, expected) in [
        (format!("echo {secret}; exit 3"), "exit status: 3"),
        (format!("echo '{{\"status\": {{\"token\": \"{secret}\", }}}}}}'"), "is not understood"),
        (format!("echo '{other_version}'"), "answered in version"),
        (format!("echo '{}'", credential(&json!({}))), "neither a token nor a certificate"),
        ("echo '{}'".to_owned(), "gave no credential"),
    ] {
        let sandbox = sandbox_with_plugin("Never", &script);
        let output = create(&sandbox, &namespace, &[]);
        output.assert_code(6).assert_stderr_contains("can't log in to").assert_stderr_contains(expected);
        assert!(!output.stderr.contains(secret), "{}", output.stderr);
        assert_no_secret(PASSWORD, &[&output]);
    }
    let mut missing = exec(Path::new("no-such-program"), "Never");
    missing["users"][0]["user"]["exec"]["installHint"] = json!("get it from example.com");
    create(&sandbox_with(&missing), &namespace, &[])
        .assert_code(6)
        .assert_stderr_contains("can't run \"no-such-program\"")
        .assert_stderr_contains("hint: get it from example.com");
}

#[test]
fn a_pod_uses_its_service_account() {
    let namespace = cluster().namespace();
    let mut sandbox = Sandbox::new(cluster());
    let address = cluster().server().strip_prefix("https://").unwrap();
    let (host, port) = address.split_once(':').unwrap();
    sandbox.set("KUBECONFIG", "");
    sandbox.set("KUBERNETES_SERVICE_HOST", host);
    sandbox.set("KUBERNETES_SERVICE_PORT", port);
    let home = sandbox.home();
    let script = format!(
        "folder=/var/run/secrets/kubernetes.io/serviceaccount\n\
         mkdir -p /var/run; mount -t tmpfs none /var/run; mkdir -p $folder; cp {}/pod/* $folder",
        home.display()
    );
    if !mounts::prepare(&sandbox, &script) {
        regcred_tests::skip("no mount namespace of one's own here");
        return;
    }
    sandbox.write("pod/ca.crt", std::fs::read(cluster().authority_certificate()).unwrap());
    sandbox.write("pod/token", token(&namespace));
    sandbox.write("pod/namespace", namespace.name());
    let account = format!("system:serviceaccount:{}:default", namespace.name());
    let args = |name| ["kubectl-regcred", "create", name, "--docker-username=u", "--password-stdin"];
    sandbox
        .run_with_stdin(WITH_MOUNTS, args("refused"), PASSWORD.as_bytes())
        .assert_code(6)
        .assert_stderr_contains(&format!("User \"{account}\""));
    namespace.allow(&account, "create", "secrets");
    sandbox.run_with_stdin(WITH_MOUNTS, args("regcred"), PASSWORD.as_bytes()).success();
    // Without -n, in the pod's own namespace.
    namespace.get("secret", "regcred");
    // A kubeconfig wins.
    sandbox.use_kubeconfig(&cluster().user("pat", None));
    let more = [&args("other")[..], &["-n", namespace.name()]].concat();
    sandbox.run_with_stdin(WITH_MOUNTS, more, b"p").assert_code(6).assert_stderr_contains("User \"pat\"");
    // And what is missing is named.
    sandbox.set("KUBECONFIG", "");
    std::fs::remove_file(home.join("pod/token")).unwrap();
    sandbox
        .run_with_stdin(WITH_MOUNTS, args("x"), b"p")
        .assert_code(6)
        .assert_stderr_contains("/var/run/secrets/kubernetes.io/serviceaccount/token");
}

#[test]
fn impersonation_reaches_the_server_in_all_its_parts() {
    let namespace = cluster().namespace();
    // The server itself says whom it takes us for.
    let _policy = Policy::refuse(
        &namespace,
        r#""I am " + request.userInfo.username + " " + (has(request.userInfo.uid) ? request.userInfo.uid : "") + " " + request.userInfo.groups.join("+") + " " + (has(request.userInfo.extra) ? request.userInfo.extra.map(k, k + "=" + request.userInfo.extra[k].join("+")).join(",") : "")"#,
    );
    namespace.allow("dave", "create", "secrets");
    let admin = Sandbox::new(cluster());
    create(&admin, &namespace, &["--as=dave"])
        .assert_code(6)
        .assert_stderr_contains("I am dave  system:authenticated");
    let all = [
        "--as=dave",
        "--as-group=one",
        "--as-group=two",
        "--as-uid=42",
        "--as-user-extra=example.com/reason=night",
        "--as-user-extra=example.com/reason=shift",
    ];
    create(&admin, &namespace, &all)
        .assert_code(6)
        .assert_stderr_contains("I am dave 42 one+two+system:authenticated example.com/reason=night+shift");

    let mut kubeconfig = read_json(&cluster().kubeconfig());
    let user = kubeconfig["users"][0]["user"].as_object_mut().unwrap();
    user.insert("as".to_owned(), json!("dave"));
    user.insert("as-uid".to_owned(), json!("7"));
    user.insert("as-groups".to_owned(), json!(["file"]));
    user.insert("as-user-extra".to_owned(), json!({"from": ["file"]}));
    let sandbox = sandbox_with(&kubeconfig);
    create(&sandbox, &namespace, &[])
        .assert_code(6)
        .assert_stderr_contains("I am dave 7 file+system:authenticated from=file");
    create(&sandbox, &namespace, &["--as-uid=8", "--as-group=flag"])
        .assert_code(6)
        .assert_stderr_contains("I am dave 8 flag+system:authenticated from=file");

    for alone in ["--as-group=g", "--as-uid=1", "--as-user-extra=a=b"] {
        create(&admin, &namespace, &[alone]).assert_code(2).assert_stderr_contains("go with --as");
    }
    create(&admin, &namespace, &["--as=dave", "--as-user-extra=novalue"]).assert_code(2);
}

#[test]
fn the_servers_certificate_is_checked_for_the_name_that_is_asked_for() {
    let namespace = cluster().namespace();
    let sandbox = Sandbox::new(cluster());
    let dry = "--dry-run=server";
    create(&sandbox, &namespace, &[dry, "--tls-server-name=kubernetes.default.svc"]).success();
    create(&sandbox, &namespace, &[dry, "--tls-server-name=other.example.com"])
        .assert_code(6)
        .assert_stderr_contains("can't be trusted: its certificate (subject \"CN=kube-apiserver\"")
        .assert_stderr_contains("is for other names")
        .assert_stderr_contains("--tls-server-name");
    let mut kubeconfig = read_json(&cluster().kubeconfig());
    kubeconfig["clusters"][0]["cluster"]["tls-server-name"] = json!("other.example.com");
    let sandbox = sandbox_with(&kubeconfig);
    create(&sandbox, &namespace, &[dry]).assert_code(6).assert_stderr_contains("is for other names");
    // The name was that of the kubeconfig's server; another one has its own.
    create(&sandbox, &namespace, &[dry, "--server", cluster().server()]).success();
}

#[test]
fn whom_to_trust_is_a_matter_of_flags_and_kubeconfig() {
    let namespace = cluster().namespace();
    let mut kubeconfig = read_json(&cluster().kubeconfig());
    kubeconfig["clusters"][0]["cluster"].as_object_mut().unwrap().remove("certificate-authority-data");
    let sandbox = sandbox_with(&kubeconfig);
    let dry = "--dry-run=server";
    let untrusted = "is from an authority that is not trusted";
    create(&sandbox, &namespace, &[dry]).assert_code(6).assert_stderr_contains(untrusted);
    let authority = format!("--certificate-authority={}", cluster().authority_certificate().display());
    create(&sandbox, &namespace, &[dry, &authority]).success();
    create(&sandbox, &namespace, &[dry, "--insecure-skip-tls-verify"]).success();
    create(&sandbox, &namespace, &[dry, "--insecure-skip-tls-verify=false"]).assert_code(6);
    create(&sandbox, &namespace, &[dry, "--insecure-skip-tls-verify", &authority])
        .assert_code(2)
        .assert_stderr_contains("exclude each other");
    create(&sandbox, &namespace, &[dry, "--certificate-authority=/none"])
        .assert_code(6)
        .assert_stderr_contains("/none");
    let empty = sandbox.write("empty.crt", "no certificate");
    create(&sandbox, &namespace, &[dry, &format!("--certificate-authority={}", empty.display())])
        .assert_code(6)
        .assert_stderr_contains("has no certificate in PEM");

    // The flags replace what the kubeconfig trusts.
    let trusting = Sandbox::new(cluster());
    create(&trusting, &namespace, &[dry, "--insecure-skip-tls-verify"]).success();
    let (stranger, _) = certificate_files(&sandbox, &cluster().user("not-an-authority", None));
    create(&trusting, &namespace, &[dry, &format!("--certificate-authority={}", stranger.display())])
        .assert_code(6)
        .assert_stderr_contains("can't be trusted");
    kubeconfig["clusters"][0]["cluster"]["insecure-skip-tls-verify"] = json!(true);
    let reckless = sandbox_with(&kubeconfig);
    create(&reckless, &namespace, &[dry]).success();
    create(&reckless, &namespace, &[dry, &authority]).success();
}

#[test]
fn a_kubeconfig_that_is_missing_from_the_list_is_skipped() {
    let namespace = cluster().namespace();
    let mut sandbox = Sandbox::new(cluster());
    let second = json!({
        "apiVersion": "v1", "kind": "Config", "current-context": "other",
        "contexts": [{"name": "test", "context": {"cluster": "none", "user": "none"}}],
    });
    let second = sandbox.write("second", second.to_string());
    let list = |paths: &[&Path]| std::env::join_paths(paths).unwrap();
    let missing = sandbox.home().join("missing");
    let real = cluster().kubeconfig();
    sandbox.set("KUBECONFIG", list(&[&missing, &real, Path::new(""), &second]));
    create(&sandbox, &namespace, &["--dry-run=server"]).success();
    sandbox.set("KUBECONFIG", list(&[&missing, &missing]));
    create(&sandbox, &namespace, &[])
        .assert_code(6)
        .assert_stderr_contains("there is no kubeconfig: looked for");
    create(&sandbox, &namespace, &["--context=a"]).assert_code(4);
    create(&sandbox, &namespace, &["--kubeconfig=missing"])
        .assert_code(4)
        .assert_stderr_contains("\"missing\"");
    sandbox.write("broken", "users: [{name: a, user: {token: hunter2-hunter2");
    let output = create(&sandbox, &namespace, &["--kubeconfig=broken"]);
    output.assert_code(6).assert_stderr_contains("is not valid");
    assert!(!output.stderr.contains("hunter2"), "{}", output.stderr);
}

#[test]
fn flags_alone_are_enough() {
    let namespace = cluster().namespace();
    let mut sandbox = Sandbox::new(cluster());
    sandbox.set("KUBECONFIG", "");
    let token = token(&namespace);
    let authority = format!("--certificate-authority={}", cluster().authority_certificate().display());
    let output = create(&sandbox, &namespace, &["-s", cluster().server(), "--token", &token, &authority]);
    output.assert_code(6).assert_stderr_contains(&service_account(&namespace));
    assert!(!output.stderr.contains(&token));
}

#[test]
fn a_context_whose_parts_are_missing_is_told() {
    let namespace = cluster().namespace();
    for (part, what) in [("cluster", "cluster"), ("user", "user")] {
        let mut kubeconfig = read_json(&cluster().kubeconfig());
        kubeconfig["contexts"][0]["context"][part] = json!("gone");
        create(&sandbox_with(&kubeconfig), &namespace, &[])
            .assert_code(4)
            .assert_stderr_contains(&format!("the kubeconfig has no {what} \"gone\""));
    }
    let mut kubeconfig = read_json(&cluster().kubeconfig());
    kubeconfig["clusters"][0]["cluster"].as_object_mut().unwrap().remove("server");
    create(&sandbox_with(&kubeconfig), &namespace, &[])
        .assert_code(6)
        .assert_stderr_contains("does not say where");
}

#[test]
fn an_auth_provider_is_used_while_its_token_is_valid_and_no_longer() {
    let namespace = cluster().namespace();
    let try_with = |provider: Value| {
        let mut kubeconfig = read_json(&cluster().kubeconfig());
        kubeconfig["users"][0]["user"] = json!({ "auth-provider": provider });
        create(&sandbox_with(&kubeconfig), &namespace, &[])
    };
    let oidc = |token: &str| try_with(json!({ "name": "oidc", "config": { "id-token": token } }));
    // The API server takes a service account's token for what it is, whoever hands it over.
    let valid = token(&namespace);
    oidc(&valid).assert_code(6).assert_stderr_contains(&service_account(&namespace));
    let claims = base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(r#"{"exp":1700000000}"#);
    let expired = oidc(&format!("e30.{claims}.c2ln"));
    expired.assert_code(6).assert_stderr_contains("expired on 2023-11-14 22:13 UTC");
    expired.assert_stderr_contains("any kubectl command renews it");
    assert_no_secret(&claims, &[&expired]);
    oidc("").assert_code(6).assert_stderr_contains("has no `id-token`");
    let gone = try_with(json!({ "name": "gcp", "config": { "access-token": PASSWORD } }));
    gone.assert_code(6).assert_stderr_contains("names the auth-provider \"gcp\", which is gone");
    assert_no_secret(PASSWORD, &[&gone]);
}

#[test]
fn a_context_with_a_namespace_that_cant_be_is_told() {
    let mut kubeconfig = read_json(&cluster().kubeconfig());
    kubeconfig["contexts"][0]["context"]["namespace"] = json!("bad/../name");
    let output = sandbox_with(&kubeconfig).kubectl_regcred(["lint"]);
    output.assert_code(6).assert_stderr_contains("\"bad/../name\" is not a valid namespace");
    // As with kubectl, an empty one is none.
    kubeconfig["contexts"][0]["context"]["namespace"] = json!("");
    sandbox_with(&kubeconfig).kubectl_regcred(["lint"]).success();
}

#[test]
fn nothing_goes_to_a_server_without_tls_elsewhere() {
    let namespace = cluster().namespace();
    let sandbox = Sandbox::new(cluster());
    create(&sandbox, &namespace, &["--server=http://k8s.example.com:8080"])
        .assert_code(6)
        .assert_stderr_contains("http://k8s.example.com:8080 is not encrypted");
    create(&sandbox, &namespace, &["--server=http://127.0.0.1:1", "--token=t"])
        .assert_code(2)
        .assert_stderr_contains("no login is sent there");
}

#[test]
fn flags_that_are_ignored_say_so_and_are_accepted() {
    let namespace = cluster().namespace();
    let sandbox = Sandbox::new(cluster());
    let ignored = ["--disable-compression", "--cache-dir=/nowhere", "-v6", "--dry-run=server"];
    create(&sandbox, &namespace, &ignored).success();
    create(&sandbox, &namespace, &["-v=6", "--disable-compression=true", "--dry-run=server"]).success();
    create(&sandbox, &namespace, &["--v=8", "--dry-run=server"]).success();
    let help = sandbox.kubectl_regcred(["create", "--help"]);
    assert_eq!(help.success().stdout.matches("Accepted for kubectl's sake and ignored").count(), 3);
    for flag in [
        "--kubeconfig",
        "--context",
        "--cluster",
        "--user",
        "-n, --namespace",
        "-s, --server",
        "--token",
        "--as",
        "--as-group",
        "--as-uid",
        "--as-user-extra",
        "--certificate-authority",
        "--client-certificate",
        "--client-key",
        "--tls-server-name",
        "--insecure-skip-tls-verify",
        "--request-timeout",
        "--disable-compression",
        "--cache-dir",
        "-v, --v",
    ] {
        help.assert_stdout_contains(flag);
    }
}
