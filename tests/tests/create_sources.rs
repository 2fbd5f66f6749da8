//! Where `kubectl regcred create` takes credentials from. No cluster is needed: `--dry-run=client` prints.

#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use regcred_tests::leak::{Folder, assert_no_secret};
use regcred_tests::output::Output;
use regcred_tests::sandbox::Sandbox;
use serde_json::{Value, json};
use xtask::pass_store::{HELPER, PassStore};

const SECRET: &str = "s3cret-<only>-the-helper-knows";
const HUB: &str = "https://index.docker.io/v1/";

fn create(sandbox: &Sandbox, more: &[&str]) -> Output {
    sandbox.kubectl_regcred(["create", "regcred", "--dry-run=client", "-o", "json"].iter().chain(more))
}

/// The `auths` of the Secret that was printed, by registry: (user, password).
fn logins(output: &Output) -> Vec<(String, String, String)> {
    let data = output.success().json()["data"][".dockerconfigjson"].as_str().unwrap().to_owned();
    let config: Value = serde_json::from_slice(&STANDARD.decode(data).unwrap()).unwrap();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let auths = config["auths"].as_object().unwrap();
    auths
        .iter()
        .map(|(key, entry)| (key.clone(), text(&entry["username"]), text(&entry["password"])))
        .collect()
}

fn login(key: &str, username: &str, password: &str) -> (String, String, String) {
    (key.to_owned(), username.to_owned(), password.to_owned())
}

fn auth(username: &str, password: &str) -> Value {
    json!({"auth": STANDARD.encode(format!("{username}:{password}"))})
}

/// A home whose docker config leaves all passwords to a real credential helper.
fn docker_home(config: &Value) -> (Sandbox, PassStore) {
    let sandbox = Sandbox::without_cluster();
    let store = PassStore::create(&sandbox.home()).unwrap();
    sandbox.write(".docker/config.json", config.to_string());
    (sandbox, store)
}

#[test]
fn a_password_that_only_a_helper_knows_is_asked_for() {
    let (sandbox, store) = docker_home(&json!({"auths": {"ghcr.io": {}}, "credsStore": HELPER}));
    store.store("ghcr.io", "me", SECRET).unwrap();
    assert_eq!(logins(&create(&sandbox, &["--from-docker-config"])), [login("ghcr.io", "me", SECRET)]);

    let name = ["create", "regcred", "--dry-run=client", "--from-docker-config", "--registry=ghcr.io"];
    let output = sandbox.kubectl_regcred(name);
    output.success();
    assert_eq!((output.stdout.as_str(), output.stderr.as_str()), ("secret/regcred created (dry run)\n", ""));
    assert_no_secret(SECRET, &[&output, &Folder::new(sandbox.root())]);
}

#[test]
fn a_helper_for_one_registry_goes_before_the_store_for_all() {
    let config = json!({
        "auths": {"ghcr.io": {}, "quay.io": {}},
        "credsStore": "nowhere",
        "credHelpers": {"ghcr.io": HELPER, "registry.example:5000": HELPER},
    });
    let (sandbox, store) = docker_home(&config);
    store.store("ghcr.io", "me", SECRET).unwrap();
    store.store("registry.example:5000", "you", "other").unwrap();
    let output =
        create(&sandbox, &["--from-docker-config", "--registry=ghcr.io", "--registry=registry.example:5000"]);
    assert_eq!(
        logins(&output),
        [login("ghcr.io", "me", SECRET), login("registry.example:5000", "you", "other")]
    );
    let output = create(&sandbox, &["--from-docker-config", "--registry=quay.io"]);
    output.assert_code(7).assert_stderr_contains("docker-credential-nowhere is not on PATH");
}

#[test]
fn docker_hub_is_written_under_the_key_that_works() {
    let (sandbox, store) = docker_home(&json!({"auths": {HUB: {}}, "credsStore": HELPER}));
    store.store(HUB, "me", SECRET).unwrap();
    for name in ["docker.io", "index.docker.io", "https://index.docker.io/v1", "registry-1.docker.io", HUB] {
        let output = create(&sandbox, &["--from-docker-config", "--registry", name]);
        assert_eq!(logins(&output), [login(HUB, "me", SECRET)], "{name}");
    }
    sandbox
        .write(".docker/config.json", json!({"auths": {"registry-1.docker.io": auth("u", "p")}}).to_string());
    assert_eq!(logins(&create(&sandbox, &["--from-docker-config"])), [login(HUB, "u", "p")]);
}

#[test]
fn every_registry_of_the_config_is_taken_unless_some_are_named() {
    let sandbox = Sandbox::without_cluster();
    let config = json!({"auths": {
        "quay.io": auth("q", "1"), "ghcr.io": {"username": "g", "password": "2"}, HUB: auth("h", "3"),
        "https://index.docker.io/v1/access-token": auth("t", "not this"),
        "https://index.docker.io/v1/refresh-token": auth("t", "nor this"),
    }});
    sandbox.write(".docker/config.json", config.to_string());
    let all = [login("ghcr.io", "g", "2"), login(HUB, "h", "3"), login("quay.io", "q", "1")];
    assert_eq!(logins(&create(&sandbox, &["--from-docker-config"])), all);
    let one = create(&sandbox, &["--from-docker-config", "--registry=https://QUAY.io:443/"]);
    assert_eq!(logins(&one), [login("quay.io", "q", "1")]);
}

#[test]
fn the_files_of_docker_and_podman_are_read_in_order() {
    let mut sandbox = Sandbox::without_cluster();
    let write = |sandbox: &Sandbox, path: &str, who: &str| {
        sandbox.write(path, json!({"auths": {"ghcr.io": auth(who, "p"), who: auth(who, "p")}}).to_string())
    };
    let who = |sandbox: &Sandbox| {
        logins(&create(sandbox, &["--from-docker-config", "--registry=ghcr.io"])).remove(0).1
    };
    let run = sandbox.home().join("runtime");
    sandbox.set("XDG_RUNTIME_DIR", &run);
    write(&sandbox, "runtime/containers/auth.json", "runtime");
    assert_eq!(who(&sandbox), "runtime");
    let auth_file = write(&sandbox, "auth.json", "authfile");
    sandbox.set("REGISTRY_AUTH_FILE", &auth_file);
    assert_eq!(who(&sandbox), "authfile");
    write(&sandbox, ".docker/config.json", "home");
    assert_eq!(who(&sandbox), "home");
    write(&sandbox, "elsewhere/config.json", "dockerconfig");
    sandbox.set("DOCKER_CONFIG", sandbox.home().join("elsewhere"));
    assert_eq!(who(&sandbox), "dockerconfig");

    // What docker's file lacks is looked for in podman's.
    let podman = create(&sandbox, &["--from-docker-config", "--registry=authfile"]);
    assert_eq!(logins(&podman), [login("authfile", "authfile", "p")]);
    // A file that is named is the only one.
    let named = format!("--from-docker-config={}", auth_file.display());
    assert_eq!(logins(&create(&sandbox, &[&named, "--registry=ghcr.io"]))[0].1, "authfile");
    create(&sandbox, &[&named, "--registry=home"]).assert_code(4);
}

#[test]
fn no_docker_config_at_all_says_where_it_looked() {
    let sandbox = Sandbox::without_cluster();
    create(&sandbox, &["--from-docker-config"])
        .assert_code(4)
        .assert_stderr_contains(".docker/config.json")
        .assert_stderr_contains("containers/auth.json")
        .assert_stderr_contains("hint: log in with docker or podman first");
}

#[test]
fn a_registry_without_an_entry_lists_those_there_are() {
    let config = json!({"auths": {"quay.io": {}}, "credsStore": HELPER, "credHelpers": {"gcr.io": HELPER}});
    let (sandbox, store) = docker_home(&config);
    store.store("ghcr.io", "me", SECRET).unwrap();
    let output = create(&sandbox, &["--from-docker-config", "--registry=nope.example"]);
    output
        .assert_code(4)
        .assert_stderr_contains("there is no credential for \"nope.example\"")
        .assert_stderr_contains("\"gcr.io\", \"ghcr.io\", \"quay.io\"");
    assert_no_secret(SECRET, &[&output]);
    // An entry that neither the file nor the helper has a password for.
    create(&sandbox, &["--from-docker-config", "--registry=quay.io"]).assert_code(4);
    create(&sandbox, &["--from-docker-config"])
        .assert_code(4)
        .assert_stderr_contains("warning: left out \"quay.io\"")
        .assert_stderr_contains("there are no credentials in");
}

#[test]
fn an_identity_token_is_explained() {
    let (sandbox, store) = docker_home(&json!({"auths": {"acr.example": {}}, "credsStore": HELPER}));
    store.store("acr.example", "<token>", SECRET).unwrap();
    let output = create(&sandbox, &["--from-docker-config"]);
    output
        .assert_code(1)
        .assert_stderr_contains("docker-credential-pass holds an identity token for \"acr.example\"")
        .assert_stderr_contains("the kubelet drops it");
    assert_no_secret(SECRET, &[&output]);

    let file = json!({"auths": {"acr.example": {"auth": "MDAwOg==", "identitytoken": SECRET}}});
    let path = sandbox.write("config.json", file.to_string());
    let output = create(&sandbox, &[&format!("--from-docker-config={}", path.display())]);
    output.assert_code(1).assert_stderr_contains("config.json\" holds an identity token");
    assert_no_secret(SECRET, &[&output]);
}

/// A config whose only registry is left to a helper that misbehaves.
fn misbehaving(script: &str) -> Sandbox {
    let sandbox = Sandbox::without_cluster();
    sandbox.script("docker-credential-bad", &format!("#!/bin/sh\n{script}\n"));
    sandbox.write(".docker/config.json", r#"{"auths":{"ghcr.io":{}},"credsStore":"bad"}"#);
    sandbox
}

#[test]
fn a_helper_that_fails_is_quoted() {
    let sandbox = misbehaving("echo \"the keychain is locked\"; echo \"$(cat) trace\" >&2; exit 1");
    create(&sandbox, &["--from-docker-config"]).assert_code(7).assert_stderr_contains(
        "docker-credential-bad get, asked for \"ghcr.io\": it failed: \"the keychain is locked\"",
    );
}

#[test]
fn a_helper_that_prints_the_secret_and_fails_is_not_quoted() {
    for script in [
        format!("echo '{{\"Username\":\"me\",\"Secret\":\"{SECRET}\"}}'; exit 1"),
        format!("echo '+ secret={SECRET}' >&2; exit 1"),
        format!("echo '{SECRET}'"),
        format!("echo '{{\"Username\":\"me\",\"Secret\":[\"{SECRET}\"]}}'"),
        format!("echo '{{\"Secret\":\"{SECRET}\"}}'"),
    ] {
        let sandbox = misbehaving(&script);
        let output = create(&sandbox, &["--from-docker-config"]);
        output.assert_code(7).assert_stderr_contains("docker-credential-bad get, asked for \"ghcr.io\": it");
        assert_eq!(output.stdout, "");
        // The script's own text is the only place that may hold it.
        let streams: [&String; 2] = [&output.stdout, &output.stderr];
        assert_no_secret(SECRET, &[streams[0], streams[1]]);
    }
}

#[test]
fn a_helper_that_answers_nonsense_is_refused() {
    for (script, said) in [
        ("true", "(nothing)"),
        ("echo hello", "(no JSON)"),
        ("echo '[]'", "(no JSON object)"),
        ("echo '{}'", "(no `Username`)"),
        ("echo '{\"Username\":\"u\"}'", "(no `Secret`)"),
        ("echo '{\"Username\":1,\"Secret\":\"p\"}'", "(a field that is no string)"),
        ("head -c 2000000 /dev/zero", "(more than 1 MiB)"),
    ] {
        create(&misbehaving(script), &["--from-docker-config"]).assert_code(7).assert_stderr_contains(said);
    }
    // Well-formed, but of no use in a pull secret.
    create(&misbehaving("echo '{\"Username\":\"u\",\"Secret\":\"\"}'"), &["--from-docker-config"])
        .assert_code(1)
        .assert_stderr_contains("the password for \"ghcr.io\" is empty");
    create(&misbehaving("echo '{\"Username\":\"a:b\",\"Secret\":\"p\"}'"), &["--from-docker-config"])
        .assert_code(1)
        .assert_stderr_contains("contains a `:`");
}

#[test]
fn a_helper_that_hangs_is_stopped() {
    let sandbox = misbehaving("exec sleep 600");
    let begun = Instant::now();
    let output = create(&sandbox, &["--from-docker-config", "--helper-timeout=300ms"]);
    output
        .assert_code(7)
        .assert_stderr_contains("docker-credential-bad did not answer within 300ms and was stopped")
        .assert_stderr_contains("--helper-timeout");
    assert!(begun.elapsed() < Duration::from_secs(30), "{:?}", begun.elapsed());
    let left = output
        .processes
        .iter()
        .filter(|process| process.command_line.starts_with(b"sleep"))
        .filter(|process| std::path::Path::new(&format!("/proc/{}/cmdline", process.pid)).exists());
    assert_eq!(left.count(), 0, "the helper goes with us");
}

#[test]
fn a_helper_that_leaves_something_running_is_not_waited_for() {
    let sandbox = misbehaving("sleep 20 & echo '{\"Username\":\"u\",\"Secret\":\"p\"}'");
    let begun = Instant::now();
    // What is left running would hold the test's own pipes too, so they are put aside.
    let line = "kubectl-regcred create a --from-docker-config --dry-run=client -o json >out 2>err";
    sandbox.run("bash", ["-c", line]).success();
    assert!(begun.elapsed() < Duration::from_secs(15), "{:?}", begun.elapsed());
    assert!(std::fs::read_to_string(sandbox.home().join("out")).unwrap().contains("\"Secret\""));
}

#[test]
fn a_helper_name_cannot_leave_the_path() {
    let sandbox = Sandbox::without_cluster();
    sandbox.write(".docker/config.json", r#"{"auths":{"ghcr.io":{}},"credsStore":"../../tmp/evil"}"#);
    create(&sandbox, &["--from-docker-config"])
        .assert_code(7)
        .assert_stderr_contains("\"../../tmp/evil\" can't be the name of a credential helper");
}

#[test]
fn a_malformed_config_is_told_with_its_position() {
    let sandbox = Sandbox::without_cluster();
    for (text, said) in [
        (format!("{{\n  \"auths\": {{\"a\": \"{SECRET}\"\n"), "not valid JSON: line 3, column 1"),
        ("[]".to_owned(), "line 1, column 1: `the docker config` must be an object"),
        ("{\"auths\": 7}".to_owned(), "line 1, column 11: `auths` must be an object"),
        (
            format!("{{\"auths\":{{\"a\":{{\"auth\":\"{SECRET}\"}}}}}}"),
            "line 1, column 23: `auth` is not standard base64",
        ),
        (format!("{{\"auths\":{{\"a\":[\"{SECRET}\"]}}}}"), "line 1, column 15: the entry is not an object"),
    ] {
        let path = sandbox.write("config.json", text);
        let output = create(&sandbox, &[&format!("--from-docker-config={}", path.display())]);
        output.assert_code(1).assert_stderr_contains(said).assert_stderr_contains("config.json");
        assert_no_secret(SECRET, &[&output]);
    }
}

#[test]
fn an_entry_that_nobody_asks_for_does_no_harm() {
    let sandbox = Sandbox::without_cluster();
    let config = json!({"auths": {"bad.example": {"auth": "*"}, "ghcr.io": auth("u", "p")}});
    sandbox.write(".docker/config.json", config.to_string());
    let output = create(&sandbox, &["--from-docker-config", "--registry=ghcr.io"]);
    assert_eq!(logins(&output), [login("ghcr.io", "u", "p")]);
}

#[test]
fn a_token_says_when_the_secret_expires() {
    let encode = |text: &str| base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(text);
    let jwt = |exp: u64| {
        format!("{}.{}.c2ln", encode("{\"alg\":\"RS256\"}"), encode(&format!("{{\"exp\":{exp}}}")))
    };
    let ecr = STANDARD
        .encode(r#"{"payload":"x","datakey":"x","version":"2","type":"DATA_KEY","expiration":1893456000}"#);
    let annotation = |args: &[&str], stdin: &str| {
        let sandbox = Sandbox::without_cluster();
        let args =
            ["create", "a", "--docker-username=u", "--password-stdin", "--dry-run=client", "-o", "json"]
                .iter()
                .chain(args);
        let output = sandbox.run_with_stdin("kubectl-regcred", args, stdin.as_bytes());
        output.success();
        (output.json()["metadata"]["annotations"]["kubectl-regcred/expires-at"].clone(), output.stderr)
    };
    assert_eq!(annotation(&[], &jwt(1_893_456_000)).0, "2030-01-01T00:00:00Z");
    assert_eq!(annotation(&[], &ecr).0, "2030-01-01T00:00:00Z");
    assert_eq!(annotation(&[], "opaque").0, Value::Null);
    assert_eq!(annotation(&["--expires-at=2031-01-01T00:00:00Z"], &ecr).0, "2031-01-01T00:00:00Z");
    let (at, stderr) = annotation(&[], &jwt(1_700_000_000));
    assert_eq!(at, "2023-11-14T22:13:20Z");
    assert!(stderr.contains("the token has expired, at 2023-11-14T22:13:20Z"), "{stderr}");

    // Of a file that is copied as it is, too.
    let sandbox = Sandbox::without_cluster();
    sandbox.write("config.json", json!({"auths": {"r": auth("u", &jwt(1_893_456_000))}}).to_string());
    let object = create(&sandbox, &["--from-file=config.json"]).success().json();
    assert_eq!(object["metadata"]["annotations"]["kubectl-regcred/expires-at"], "2030-01-01T00:00:00Z");
}

#[test]
fn findings_on_what_is_written_are_shown_as_warnings() {
    let sandbox = Sandbox::without_cluster();
    sandbox.write("config.json", r#"{"auths":{"ghcr.io":{}},"credsStore":"desktop"}"#);
    let output = create(&sandbox, &["--from-file=config.json"]);
    output.success();
    output
        .assert_stderr_contains("warning: \"ghcr.io\": it has no password")
        .assert_stderr_contains("--from-docker-config");
    sandbox.write("config.json", r#"{"auths":{"reg.io/tea":{"auth":"dTpw"}}}"#);
    create(&sandbox, &["--from-file=config.json"])
        .success()
        .assert_stderr_contains("note: \"reg.io/tea\": the path \"/tea\" has no boundary");
}

#[test]
fn a_fatal_finding_needs_force() {
    let sandbox = Sandbox::without_cluster();
    sandbox.write("config.json", format!("{{\"auths\":{{\"ghcr.io\":{{\"auth\":\"{SECRET}\"}}}}}}"));
    let output = create(&sandbox, &["--from-file=config.json"]);
    output
        .assert_code(3)
        .assert_stderr_contains("warning: \"ghcr.io\": the kubelet can't decode it: line 1, column 29")
        .assert_stderr_contains("hint: mend what the warnings name; --force");
    assert_eq!(output.stdout, "");
    assert_no_secret(SECRET, &[&output]);
    create(&sandbox, &["--from-file=config.json", "--force"]).success();
}

#[test]
fn a_config_in_a_variable_outranks_the_files() {
    let mut sandbox = Sandbox::without_cluster();
    sandbox.write(
        ".docker/config.json",
        json!({"auths": {"ghcr.io": auth("file", "p"), "quay.io": auth("q", "p")}}).to_string(),
    );
    sandbox.set("DOCKER_AUTH_CONFIG", json!({"auths": {"ghcr.io": auth("variable", "p")}}).to_string());
    let output = create(&sandbox, &["--from-docker-config"]);
    assert_eq!(logins(&output), [login("ghcr.io", "variable", "p"), login("quay.io", "q", "p")]);
    sandbox.set("DOCKER_AUTH_CONFIG", format!("{{\"auths\":\"{SECRET}\"}}"));
    let output = create(&sandbox, &["--from-docker-config"]);
    output
        .assert_code(1)
        .assert_stderr_contains("$DOCKER_AUTH_CONFIG is not a docker config: line 1, column 10");
    let streams: [&String; 2] = [&output.stdout, &output.stderr];
    assert_no_secret(SECRET, &[streams[0], streams[1]]);
}

#[test]
fn user_and_password_can_come_from_variables() {
    let mut sandbox = Sandbox::without_cluster();
    sandbox.set("CI_USER", "robot");
    sandbox.set("CI_PASS", SECRET);
    let output = create(&sandbox, &["--from-env=CI_USER,CI_PASS", "--docker-server=ghcr.io"]);
    assert_eq!(logins(&output), [login("ghcr.io", "robot", SECRET)]);
    for (names, code, said) in [
        ("CI_USER,NOPE", 4, "the environment variable NOPE is not set"),
        ("CI_USER", 2, "takes the names of two variables"),
        ("a,b,c", 2, "takes the names of two variables"),
        ("robot:x,s3cret-s3cret", 2, "not their values"),
    ] {
        let output = create(&sandbox, &["--from-env", names]);
        output.assert_code(code).assert_stderr_contains(said);
        assert!(!output.stderr.contains("s3cret-s3cret"), "{}", output.stderr);
    }
    create(&sandbox, &["--from-env=CI_USER,CI_PASS", "--docker-username=u"]).assert_code(2);
    create(&sandbox, &["--from-env=CI_USER,CI_PASS", "--from-docker-config"]).assert_code(2);
}

#[test]
fn the_port_443_of_nerdctl_is_left_out_unless_it_is_asked_for() {
    for (auths, registry, expected) in [
        (json!({ "ghcr.io:443": auth("me", "1") }), None, "ghcr.io"),
        (json!({ "ghcr.io:443": auth("me", "1") }), Some("ghcr.io"), "ghcr.io"),
        (json!({ "ghcr.io:443": auth("me", "1") }), Some("ghcr.io:443"), "ghcr.io:443"),
        (json!({ "ghcr.io": auth("me", "1"), "ghcr.io:443": auth("you", "2") }), None, "ghcr.io"),
        (json!({ "ghcr.io:443": auth("you", "2"), "ghcr.io": auth("me", "1") }), Some("ghcr.io"), "ghcr.io"),
    ] {
        let (sandbox, _store) = docker_home(&json!({ "auths": auths }));
        let registry = registry.map(|registry| format!("--registry={registry}"));
        let created = create(&sandbox, &[&["--from-docker-config"], registry.as_deref().as_slice()].concat());
        created.success();
        let keys: Vec<_> = logins(&created).into_iter().map(|(key, ..)| key).collect();
        assert_eq!(keys, [expected], "{auths} {registry:?}");
    }
}

#[test]
fn what_is_of_no_use_names_the_way_around_it() {
    let (sandbox, _store) = docker_home(&json!({ "auths": {
        "ghcr.io": auth("me", "hunter2-and-more"), "empty.example": { "username": "me", "password": "", "auth": "bWU6" }
    } }));
    let refused = create(&sandbox, &["--from-docker-config"]);
    refused.assert_code(1).assert_stderr_contains("name the registries that you want with --registry");
    assert_no_secret("hunter2-and-more", &[&refused]);
    create(&sandbox, &["--from-docker-config", "--registry=ghcr.io"]).success();
}

#[test]
fn a_login_in_a_key_is_shown_nowhere() {
    let key = "https://me:hunter2-and-more@ghcr.io";
    let (sandbox, _store) = docker_home(&json!({ "auths": { key: {}, "quay.io": auth("you", "2") } }));
    let outputs = [
        create(&sandbox, &["--from-docker-config"]),
        create(&sandbox, &["--from-docker-config", "--registry=nowhere.example"]),
        sandbox.kubectl_regcred(["lint", "-f", ".docker/config.json"]),
        sandbox.kubectl_regcred(["lint", "-f", ".docker/config.json", "-o", "json"]),
    ];
    outputs[1].assert_stderr_contains("[redacted]@ghcr.io");
    outputs[2].assert_stdout_contains("[redacted]@ghcr.io");
    for output in &outputs {
        assert_no_secret("hunter2-and-more", &[output]);
    }
}

/// As many as a large company has; a minute would show that every one is compared with every other.
#[test]
fn thousands_of_entries_are_no_burden() {
    let auths: serde_json::Map<_, _> =
        (0..5000).map(|number| (format!("r{number}.example"), auth("me", "1"))).collect();
    let (sandbox, _store) = docker_home(&json!({ "auths": auths }));
    let created = create(&sandbox, &["--from-docker-config"]);
    created.success();
    assert_eq!(logins(&created).len(), 5000);
}
