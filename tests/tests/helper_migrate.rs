//! `docker-credential-regcred migrate`: from plaintext files and other helpers into the keyring, with nothing lost.

#![cfg(test)]

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use regcred_tests::leak::{Folder, assert_no_secret};
use regcred_tests::output::Output;
use regcred_tests::sandbox::Sandbox;
use regcred_tests::{secret_service, skip};
use serde_json::{Value, json};
use xtask::pass_store::PassStore;
use xtask::secret_service::SecretService;

const HELPER: &str = "docker-credential-regcred";
const PASSWORD: &str = "pa$$<w&rd>, \"quoted\" ü";
const NOT_FOUND: &str = "credentials not found in native keychain\n";

/// A home with an empty Secret Service, whose podman file is `auth.json` in it.
fn home() -> (Sandbox, SecretService) {
    let mut sandbox = Sandbox::without_cluster();
    let service = secret_service::start(&mut sandbox);
    let auth_file = auth_file(&sandbox);
    sandbox.set("REGISTRY_AUTH_FILE", auth_file);
    (sandbox, service)
}

fn auth_file(sandbox: &Sandbox) -> PathBuf {
    sandbox.home().join("auth.json")
}

/// podman, which reads docker's passwords too, asks us for these registries.
fn podman_asks(sandbox: &Sandbox, registries: &[&str]) {
    let helpers: serde_json::Map<_, _> =
        registries.iter().map(|registry| ((*registry).to_owned(), Value::from("regcred"))).collect();
    fs::write(auth_file(sandbox), json!({ "credHelpers": helpers }).to_string()).unwrap();
}

fn run(sandbox: &Sandbox, command: &str, arguments: &[&str]) -> Output {
    sandbox.run(HELPER, [&[command], arguments].concat())
}

fn entry(username: &str, password: &str) -> Value {
    json!({ "auth": STANDARD.encode(format!("{username}:{password}")) })
}

fn store(sandbox: &Sandbox, server: &str, username: &str, secret: &str) {
    let request = json!({ "ServerURL": server, "Username": username, "Secret": secret }).to_string();
    sandbox.run_with_stdin(HELPER, ["store"], request.as_bytes()).success();
}

fn list(sandbox: &Sandbox) -> Value {
    sandbox.run(HELPER, ["list"]).success().json()
}

/// User and secret.
fn get(sandbox: &Sandbox, server: &str) -> (String, String) {
    let answer = sandbox.run_with_stdin(HELPER, ["get"], server.as_bytes()).success().json();
    let text = |field: &str| answer[field].as_str().unwrap().to_owned();
    (text("Username"), text("Secret"))
}

fn pair(username: &str, secret: &str) -> (String, String) {
    (username.to_owned(), secret.to_owned())
}

fn value(file: &Path) -> Value {
    serde_json::from_str(&fs::read_to_string(file).unwrap()).unwrap()
}

#[test]
fn passwords_move_and_everything_else_stays() {
    let (sandbox, _service) = home();
    let auth = STANDARD.encode(format!("me:{PASSWORD}"));
    let text = |auth: &str| {
        format!(
            "{{\n\t\"auths\": {{\n\t\t\"https://GHCR.io/v2/\": {{{auth}}},\n\t\t\"quay.io\": {{}}\n\t}},\n\t\"credsStore\": \"regcred\",\n\t\
             \"x\": [1,  2]\n}}\n"
        )
    };
    let before = text(&format!("\n\t\t\t\"auth\": \"{auth}\"\n\t\t"));
    let file = sandbox.write(".docker/config.json", &before);
    podman_asks(&sandbox, &["GHCR.io"]);

    let dry = run(&sandbox, "migrate", &["--dry-run"]);
    dry.success()
        .assert_stdout_contains("\"https://GHCR.io/v2/\" (user \"me\") would be moved to the keyring");
    dry.assert_stderr_contains(
        "1 would be moved to the Secret Service, 0 there already, 0 stay, 0 not moved",
    );
    assert_eq!((fs::read_to_string(&file).unwrap(), list(&sandbox)), (before, json!({})));

    let done = run(&sandbox, "migrate", &[]);
    done.success().assert_stdout_contains("moved to the keyring; blanked in ");
    assert_eq!(fs::read_to_string(&file).unwrap(), text(""));
    assert_eq!(list(&sandbox), json!({ "ghcr.io": "me" }));
    assert_eq!(get(&sandbox, "ghcr.io"), pair("me", PASSWORD));
    assert_eq!(file.metadata().unwrap().mode() & 0o7777, 0o600);

    let inode = file.metadata().unwrap().ino();
    let again = run(&sandbox, "migrate", &[]);
    again.success().assert_stderr_contains("there is no login to be moved");
    assert_eq!(file.metadata().unwrap().ino(), inode);
    assert_no_secret(PASSWORD, &[&dry, &done, &again, &Folder::new(sandbox.root())]);
}

#[test]
fn what_no_client_would_find_in_the_keyring_stays() {
    let (sandbox, _service) = home();
    let config = json!({ "auths": { "ghcr.io": entry("me", PASSWORD) } });
    let file = sandbox.write(".docker/config.json", config.to_string());
    let podman =
        json!({ "auths": { "quay.io": entry("me", PASSWORD) }, "credHelpers": { "quay.io": "other" } });
    fs::write(auth_file(&sandbox), podman.to_string()).unwrap();
    let refused = run(&sandbox, "migrate", &[]);
    refused.assert_code(8).assert_stderr_contains("docker does not ask this helper for it");
    refused.assert_stderr_contains("podman and skopeo do not ask this helper for it");
    refused.assert_stderr_contains("docker-credential-regcred configure --docker, with --registry ghcr.io");
    assert_eq!((value(&file), value(&auth_file(&sandbox)), list(&sandbox)), (config, podman, json!({})));

    // docker's part of it. podman reads docker's file too, but knows no credsStore.
    run(&sandbox, "configure", &["--docker"]).success();
    let rest = run(&sandbox, "migrate", &[]);
    rest.assert_code(8)
        .assert_stderr_contains("0 moved to the Secret Service, 0 there already, 0 stay, 2 not moved");
    rest.assert_stderr_contains("configure --podman, with --registry ghcr.io for this one alone");
    run(&sandbox, "configure", &["--podman", "--registry=ghcr.io"]).success();
    let rest = run(&sandbox, "migrate", &[]);
    rest.assert_code(8)
        .assert_stderr_contains("1 moved to the Secret Service, 0 there already, 0 stay, 1 not moved");
    assert_eq!(list(&sandbox), json!({ "ghcr.io": "me" }));
    run(&sandbox, "migrate", &["--force"]).success();
    assert_eq!(list(&sandbox), json!({ "ghcr.io": "me", "quay.io": "me" }));
    assert_no_secret(PASSWORD, &[&refused, &rest, &Folder::new(sandbox.root())]);
}

#[test]
fn what_helpers_are_never_asked_for_stays_and_is_told() {
    let (sandbox, _service) = home();
    let before = json!({
        "auths": {
            "ghcr.io/team": entry("team", PASSWORD),
            "registry.example": { "registrytoken": PASSWORD },
            "*.example": entry("any", PASSWORD),
            "quay.io": entry("me", PASSWORD),
        },
        "credHelpers": { "quay.io": "regcred" },
    });
    fs::write(auth_file(&sandbox), before.to_string()).unwrap();
    let done = run(&sandbox, "migrate", &[]);
    done.success().assert_stdout_contains("\"ghcr.io/team\" stays in ");
    done.assert_stdout_contains("podman asks no helper for a path in a registry");
    done.assert_stdout_contains("helpers keep no registry tokens");
    done.assert_stdout_contains("\"*.example\" stays in ");
    done.assert_stderr_contains("1 moved to the Secret Service, 0 there already, 3 stay, 0 not moved");
    let mut expected = before;
    expected["auths"]["quay.io"] = json!({});
    assert_eq!(value(&auth_file(&sandbox)), expected);
    assert_no_secret(PASSWORD, &[&done]);
}

#[test]
fn identity_tokens_and_docker_hubs_tokens_keep_their_meaning() {
    let (sandbox, _service) = home();
    let file = sandbox.write(
        ".docker/config.json",
        json!({
            "auths": {
                "registry.example": { "auth": STANDARD.encode("me:"), "identitytoken": "an-identity-token" },
                "https://index.docker.io/v1/": entry("hub", PASSWORD),
                "https://index.docker.io/v1/refresh-token": entry("hub", "a-refresh-token"),
            },
            "credsStore": "regcred",
        })
        .to_string(),
    );
    run(&sandbox, "configure", &["--podman", "--registry=docker.io", "--registry=registry.example"])
        .success();
    let done = run(&sandbox, "migrate", &[]);
    done.success().assert_stdout_contains("\"registry.example\" (an identity token) moved");
    assert_eq!(get(&sandbox, "registry.example"), pair("<token>", "an-identity-token"));
    assert_eq!(get(&sandbox, "docker.io"), pair("hub", PASSWORD));
    assert_eq!(get(&sandbox, "https://index.docker.io/v1/refresh-token"), pair("hub", "a-refresh-token"));
    let blank = json!({ "registry.example": {}, "https://index.docker.io/v1/": {}, "https://index.docker.io/v1/refresh-token": {} });
    assert_eq!(value(&file)["auths"], blank);
    for secret in ["an-identity-token", "a-refresh-token", PASSWORD] {
        assert_no_secret(secret, &[&done, &Folder::new(sandbox.root())]);
    }
}

#[test]
fn what_the_keyring_holds_is_not_replaced_unless_told_to() {
    let (sandbox, _service) = home();
    let config = json!({ "auths": { "ghcr.io": entry("me", PASSWORD), "quay.io": entry("me", PASSWORD), "same.example": entry("me", PASSWORD) }, "credsStore": "regcred" });
    let file = sandbox.write(".docker/config.json", config.to_string());
    podman_asks(&sandbox, &["ghcr.io", "quay.io", "same.example"]);
    store(&sandbox, "https://ghcr.io", "me", "newer");
    store(&sandbox, "quay.io", "other", "newer");
    store(&sandbox, "same.example", "me", PASSWORD);
    let refused = run(&sandbox, "migrate", &[]);
    refused.assert_code(8).assert_stderr_contains(
        "the keyring holds another password, which is what its clients use; take this one instead with --replace",
    );
    refused.assert_stderr_contains("the keyring holds a login of another user, \"other\"");
    refused.assert_stdout_contains("\"same.example\" (user \"me\") is in the keyring already; blanked in ");
    assert_eq!(get(&sandbox, "ghcr.io"), pair("me", "newer"));
    let mut expected = config;
    expected["auths"]["same.example"] = json!({});
    assert_eq!(value(&file), expected);
    let forced = run(&sandbox, "migrate", &["--replace", "--registry=ghcr.io"]);
    forced.success();
    assert_eq!(get(&sandbox, "ghcr.io"), pair("me", PASSWORD));
    assert_eq!(list(&sandbox), json!({ "ghcr.io": "me", "quay.io": "other", "same.example": "me" }));
    assert_no_secret(PASSWORD, &[&refused, &forced]);
}

#[test]
fn of_different_logins_for_one_registry_none_is_moved() {
    let (sandbox, _service) = home();
    let config = json!({ "auths": { "ghcr.io": entry("me", PASSWORD), "https://ghcr.io/v1/": entry("me", "old") }, "credsStore": "regcred" });
    let file = sandbox.write(".docker/config.json", config.to_string());
    let podman = json!({ "auths": { "quay.io": entry("robot", PASSWORD) }, "credHelpers": { "quay.io": "regcred", "ghcr.io": "regcred" } });
    fs::write(auth_file(&sandbox), podman.to_string()).unwrap();
    let refused = run(&sandbox, "migrate", &[]);
    refused.assert_code(8).assert_stderr_contains(
        "there are different logins for this registry, and the keyring keeps one; remove one",
    );
    assert_eq!((value(&file), list(&sandbox)), (config, json!({ "quay.io": "robot" })));

    // The same login twice is one.
    let twice = json!({ "auths": { "ghcr.io": entry("me", PASSWORD), "https://ghcr.io/v1/": entry("me", PASSWORD) }, "credsStore": "regcred" });
    fs::write(&file, twice.to_string()).unwrap();
    run(&sandbox, "migrate", &[]).success();
    assert_eq!(value(&file)["auths"], json!({ "ghcr.io": {}, "https://ghcr.io/v1/": {} }));

    // Each file has another one: --from chooses.
    fs::write(
        &file,
        json!({ "auths": { "a.example": entry("me", "one") }, "credsStore": "regcred" }).to_string(),
    )
    .unwrap();
    fs::write(
        auth_file(&sandbox),
        json!({ "auths": { "a.example": entry("me", "two") }, "credHelpers": { "a.example": "regcred" } })
            .to_string(),
    )
    .unwrap();
    run(&sandbox, "migrate", &[]).assert_code(8).assert_stderr_contains("name one of the files with --from");
    run(&sandbox, "migrate", &["--from", auth_file(&sandbox).to_str().unwrap()]).success();
    assert_eq!(get(&sandbox, "a.example"), pair("me", "two"));
    assert_no_secret(PASSWORD, &[&refused]);
}

#[test]
fn a_file_of_nobodys_is_taken_in_where_a_client_asks() {
    let (sandbox, _service) = home();
    let file =
        sandbox.write("old.json", json!({ "auths": { "ghcr.io": entry("me", PASSWORD) } }).to_string());
    run(&sandbox, "migrate", &["--from=old.json"])
        .assert_code(8)
        .assert_stderr_contains("the clients do not ask this helper for it");
    sandbox.write(".docker/config.json", json!({ "credsStore": "regcred" }).to_string());
    run(&sandbox, "migrate", &["--from=old.json"]).success();
    assert_eq!(value(&file), json!({ "auths": { "ghcr.io": {} } }));
    assert_eq!(get(&sandbox, "ghcr.io"), pair("me", PASSWORD));
    run(&sandbox, "migrate", &["--from=missing.json"])
        .assert_code(4)
        .assert_stderr_contains("there is no file \"missing.json\"");
    run(&sandbox, "migrate", &["--from=."]).assert_code(1).assert_stderr_contains("it is not a regular file");
    run(&sandbox, "migrate", &["--registry=nowhere.example"]).assert_code(4);
    run(&sandbox, "migrate", &["--from=old.json", "--from-helper=pass"]).assert_code(2);
}

#[test]
fn an_entry_that_cant_be_read_is_told_and_left() {
    let (sandbox, _service) = home();
    let text = r#"{"auths":{"a.example":{"auth":"hunter2!"},"b.example":{"auth":"bWU6"},"c.example":"hunter2","d.example":{"auth":"bWU6cHc="}},"credsStore":"regcred"}"#;
    let file = sandbox.write(".docker/config.json", text);
    podman_asks(&sandbox, &["a.example", "b.example", "c.example", "d.example"]);
    let done = run(&sandbox, "migrate", &[]);
    done.assert_code(1)
        .assert_stderr_contains("line 1, column 31: `auth` is not standard base64 of `user:password`");
    done.assert_stderr_contains("user name or password is empty")
        .assert_stderr_contains("the entry is not an object");
    assert_eq!(fs::read_to_string(&file).unwrap(), text.replace(r#"{"auth":"bWU6cHc="}"#, "{}"));
    assert!(!format!("{}{}", done.stdout, done.stderr).contains("hunter2"));
}

#[test]
fn another_helpers_logins_are_copied_and_stay_there() {
    let (sandbox, _service) = home();
    let pass = PassStore::create(&sandbox.home()).unwrap();
    pass.store("https://ghcr.io", "me", PASSWORD).unwrap();
    pass.store("quay.io", "you", "another").unwrap();
    sandbox.write(".docker/config.json", json!({ "credsStore": "pass" }).to_string());
    run(&sandbox, "migrate", &["--from-helper=pass", "--dry-run"]).success();
    assert_eq!(list(&sandbox), json!({}));
    let one = run(&sandbox, "migrate", &["--from-helper=pass", "--registry=ghcr.io"]);
    one.success().assert_stdout_contains(
        "\"https://ghcr.io\" (user \"me\") copied to the keyring; it stays in docker-credential-pass",
    );
    assert_eq!(list(&sandbox), json!({ "ghcr.io": "me" }));
    let rest = run(&sandbox, "migrate", &["--from-helper=pass"]);
    rest.success().assert_stdout_contains("is in the keyring already; it stays in docker-credential-pass");
    assert_eq!(get(&sandbox, "ghcr.io"), pair("me", PASSWORD));
    assert_eq!(get(&sandbox, "quay.io"), pair("you", "another"));
    let theirs = sandbox.run("docker-credential-pass", ["list"]).success().json();
    assert_eq!(theirs, json!({ "https://ghcr.io": "me", "quay.io": "you" }));
    run(&sandbox, "configure", &["--docker", "--force"]).success();
    assert_no_secret(PASSWORD, &[&one, &rest, &Folder::new(sandbox.root())]);
}

#[test]
fn a_helper_that_misbehaves_is_told_and_nothing_is_stored() {
    let (sandbox, _service) = home();
    for (script, code, problem) in [
        ("exit 1", 7, "docker-credential-odd list:"),
        ("echo '[]'", 7, "docker-credential-odd list:"),
        (
            r#"case $1 in list) echo '{"a.example":"me"}';; *) echo 'credentials not found in native keychain'; exit 1;; esac"#,
            1,
            "it is listed there, but not to be had",
        ),
        (
            r#"case $1 in list) echo '{"a.example":"me"}';; *) echo 'hunter2 is locked' >&2; exit 1;; esac"#,
            7,
            "\"a.example\" in docker-credential-odd: ",
        ),
    ] {
        sandbox.script("docker-credential-odd", &format!("#!/bin/sh\n{script}\n"));
        let refused = run(&sandbox, "migrate", &["--from-helper=odd"]);
        refused.assert_code(code).assert_stderr_contains(problem);
        assert!(!refused.stderr.contains("hunter2"));
        assert_eq!(list(&sandbox), json!({}));
    }
    run(&sandbox, "migrate", &["--from-helper=missing"])
        .assert_code(7)
        .assert_stderr_contains("docker-credential-missing is not on PATH");
    run(&sandbox, "migrate", &["--from-helper=regcred"])
        .assert_code(2)
        .assert_stderr_contains("this very helper");
    run(&sandbox, "migrate", &["--from-helper=../odd"]).assert_code(7);
}

#[test]
fn a_keyring_that_does_not_take_it_leaves_the_plaintext() {
    let (mut sandbox, service) = home();
    let config =
        json!({ "auths": { "ghcr.io": entry("me", PASSWORD) }, "credsStore": "regcred" }).to_string();
    let file = sandbox.write(".docker/config.json", &config);
    podman_asks(&sandbox, &["ghcr.io"]);
    service.lock().unwrap();
    let locked = run(&sandbox, "migrate", &[]);
    locked.assert_code(7).assert_stderr_contains("the keyring is locked; unlock it");
    assert_eq!(fs::read_to_string(&file).unwrap(), config);
    drop(service);
    sandbox.set("REGCRED_STORE", "secret-service");
    let gone = run(&sandbox, "migrate", &[]);
    gone.assert_code(7);
    assert_eq!(fs::read_to_string(&file).unwrap(), config);
    assert_no_secret(PASSWORD, &[&locked, &gone]);
}

#[test]
fn killed_at_any_moment_no_password_is_lost_and_the_next_run_finishes() {
    let (sandbox, _service) = home();
    let registries: Vec<String> = (0..20).map(|number| format!("r{number}.example")).collect();
    let auths: serde_json::Map<_, _> = registries
        .iter()
        .map(|registry| (registry.clone(), entry("me", &format!("{PASSWORD} {registry}"))))
        .collect();
    let config = json!({ "auths": auths, "credsStore": "regcred" }).to_string();
    let file = sandbox.write(".docker/config.json", &config);
    podman_asks(&sandbox, &registries.iter().map(String::as_str).collect::<Vec<_>>());
    let is_blank = |registry: &str| value(&file)["auths"][registry] == json!({});
    let (mut cut_short, mut round) = (0, 0);
    // Each round is given a little longer, until one gets through.
    while registries.iter().any(|registry| !is_blank(registry)) {
        let mut command = sandbox.command(HELPER, ["migrate"]);
        let mut child =
            command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        std::thread::sleep(Duration::from_millis(round * 10));
        child.kill().unwrap();
        cut_short += u32::from(!child.wait().unwrap().success());
        let kept = list(&sandbox);
        for registry in &registries {
            let text = fs::read_to_string(&file).unwrap();
            assert!(serde_json::from_str::<Value>(&text).is_ok(), "{text}");
            assert!(!is_blank(registry) || kept.get(registry).is_some(), "{registry} is lost");
        }
        round += 1;
        assert!(round < 200);
    }
    assert!(cut_short > 3, "{cut_short} of {round} runs were cut short");
    for registry in &registries {
        assert_eq!(get(&sandbox, registry), pair("me", &format!("{PASSWORD} {registry}")));
    }
    run(&sandbox, "migrate", &[]).success();
    assert_no_secret(PASSWORD, &[&Folder::new(sandbox.root())]);
}

#[test]
fn what_was_logged_in_meanwhile_is_not_blanked() {
    let (sandbox, _service) = home();
    let config = |password: &str| json!({ "auths": { "ghcr.io": entry("me", password) }, "credsStore": "pass", "credHelpers": { "ghcr.io": "regcred" } });
    let file = sandbox.write(".docker/config.json", config(PASSWORD).to_string());
    // Another process of ours holds the files while it has stored the old password.
    let lock = sandbox.root().join("run/regcred/files.lock");
    fs::create_dir_all(lock.parent().unwrap()).unwrap();
    let lock = fs::File::create(lock).unwrap();
    lock.lock().unwrap();
    let mut command = sandbox.command(HELPER, ["migrate"]);
    let child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let deadline = Instant::now() + Duration::from_secs(30);
    while list(&sandbox) == json!({}) {
        assert!(Instant::now() < deadline, "it does not store");
        std::thread::sleep(Duration::from_millis(10));
    }
    fs::write(&file, config("new").to_string()).unwrap();
    lock.unlock().unwrap();
    let output = child.wait_with_output().unwrap();
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(8), "{stderr}");
    assert!(stderr.contains("it was changed meanwhile; run this again"), "{stderr}");
    assert_eq!(value(&file), config("new"));
    let gone = sandbox.run_with_stdin(HELPER, ["get"], b"unknown.example");
    assert_eq!(gone.stdout, NOT_FOUND);
}

#[test]
fn an_entry_with_several_secrets_loses_none() {
    let (sandbox, _service) = home();
    let text = json!({
        "auths": {
            "a.example": { "auth": STANDARD.encode("me:one"), "password": "two" },
            "b.example": { "auth": STANDARD.encode("me:one"), "identitytoken": "token" },
        },
        "credsStore": "regcred",
    });
    let file = sandbox.write(".docker/config.json", text.to_string());
    podman_asks(&sandbox, &["a.example", "b.example"]);
    let refused = run(&sandbox, "migrate", &[]);
    refused
        .assert_code(1)
        .assert_stderr_contains("it holds several passwords or tokens, and the keyring keeps one");
    assert_eq!((value(&file), list(&sandbox)), (text, json!({})));
}

#[test]
fn a_password_that_nobody_reads_is_told() {
    let (sandbox, _service) = home();
    let auth = STANDARD.encode(format!("me:{PASSWORD}"));
    let text =
        format!(r#"{{"auths":{{"ghcr.io":{{"auth":"{auth}"}}}},"auths":null,"credsStore":"regcred"}}"#);
    sandbox.write(".docker/config.json", text);
    let told = run(&sandbox, "migrate", &[]);
    told.assert_code(1)
        .assert_stderr_contains("nobody reads it, because something later in the file takes its place");
    let doctor = run(&sandbox, "doctor", &[]);
    doctor.assert_code(3).assert_stdout_contains("a password for \"ghcr.io\" stands in ");
    assert_no_secret(PASSWORD, &[&told, &doctor]);
}

#[test]
fn what_docker_reads_from_its_file_by_name_stays() {
    let (sandbox, _service) = home();
    let config = json!({ "auths": { "ghcr.io": entry("me", PASSWORD) }, "credsStore": "regcred", "credHelpers": { "ghcr.io": "" } });
    let file = sandbox.write(".docker/config.json", config.to_string());
    podman_asks(&sandbox, &["ghcr.io"]);
    run(&sandbox, "migrate", &[])
        .assert_code(8)
        .assert_stderr_contains("docker does not ask this helper for it");
    assert_eq!(value(&file), config);
    run(&sandbox, "configure", &["--docker", "--registry=ghcr.io"]).success();
    run(&sandbox, "migrate", &[]).success();
    assert_eq!(get(&sandbox, "ghcr.io"), pair("me", PASSWORD));
}

#[test]
fn the_copy_that_a_killed_run_left_goes() {
    let (sandbox, _service) = home();
    let file = sandbox.write(".docker/config.json", json!({ "credsStore": "regcred" }).to_string());
    let left = sandbox.write(
        ".docker/.config.json.regcred-new",
        json!({ "auths": { "ghcr.io": entry("me", PASSWORD) } }).to_string(),
    );
    run(&sandbox, "doctor", &[])
        .assert_code(3)
        .assert_stdout_contains(".config.json.regcred-new\" may hold passwords");
    run(&sandbox, "migrate", &["--dry-run"]).success();
    assert!(left.exists());
    run(&sandbox, "migrate", &[]).success();
    assert!(!left.exists() && file.exists());
}

#[test]
fn two_at_once_are_fine() {
    let (sandbox, _service) = home();
    let registries: Vec<String> = (0..10).map(|number| format!("r{number}.example")).collect();
    let auths: serde_json::Map<_, _> =
        registries.iter().map(|registry| (registry.clone(), entry("me", PASSWORD))).collect();
    sandbox.write(".docker/config.json", json!({ "auths": auths, "credsStore": "regcred" }).to_string());
    podman_asks(&sandbox, &registries.iter().map(String::as_str).collect::<Vec<_>>());
    let children: Vec<_> = (0..4)
        .map(|_| {
            let mut command = sandbox.command(HELPER, ["migrate"]);
            command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap()
        })
        .collect();
    for child in children {
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
    assert_eq!(list(&sandbox).as_object().unwrap().len(), registries.len());
    assert_no_secret(PASSWORD, &[&Folder::new(sandbox.root())]);
}

#[test]
fn root_does_not_take_a_users_logins_into_its_own_keyring() {
    if !rustix::process::geteuid().is_root() {
        return skip("only root can be somebody else than the home's owner");
    }
    let (sandbox, _service) = home();
    let config = json!({ "auths": { "ghcr.io": entry("me", PASSWORD) }, "credsStore": "regcred" });
    let file = sandbox.write(".docker/config.json", config.to_string());
    podman_asks(&sandbox, &["ghcr.io"]);
    std::os::unix::fs::chown(sandbox.home(), Some(65_534), Some(65_534)).unwrap();
    for command in ["configure", "migrate"] {
        let refused = run(&sandbox, command, &[]);
        refused
            .assert_code(8)
            .assert_stderr_contains("HOME belongs to the user 65534, and you are another one");
    }
    assert_eq!((value(&file), list(&sandbox)), (config, json!({})));
    run(&sandbox, "migrate", &["--force"]).success();
}
