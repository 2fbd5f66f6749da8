//! A control character in the name of a server is refused by every command. (The helper's verbs: `helper_stores`.)

#![cfg(test)]

use regcred_tests::doctor::{DOCKER_CONFIG, entry};
use regcred_tests::helper::HELPER;
use regcred_tests::leak::assert_no_secret;
use regcred_tests::output::Output;
use regcred_tests::sandbox::Sandbox;
use regcred_tests::secret_service;
use serde_json::{Value, json};

const PASSWORD: &str = "hunter2-of-no-server";

/// Those that an argument can hold.
const CONTROL_CHARACTERS: [char; 7] = ['\u{1}', '\t', '\n', '\u{1b}', '\u{7f}', '\u{85}', '\u{9b}'];

/// Names with each of these characters, and with one of them in each part that a name has.
fn names(characters: impl IntoIterator<Item = char>) -> impl Iterator<Item = String> {
    let names = ["ghcr.io@", "@ghcr.io", "ghcr.io@.evil.example", "https://ghcr.io/@v2/"];
    characters
        .into_iter()
        .zip(names.into_iter().cycle())
        .map(|(character, name)| name.replace('@', &character.to_string()))
}

#[test]
fn every_command_of_the_helper_refuses_it_and_stores_nothing() {
    let mut sandbox = Sandbox::without_cluster();
    let _service = secret_service::start(&mut sandbox);
    let login = |name: &str| {
        sandbox.run_with_stdin(HELPER, ["login", name, "-u", "me", "--password-stdin"], PASSWORD.as_bytes())
    };
    login("ghcr.io").success();
    sandbox.write(DOCKER_CONFIG, json!({ "auths": { "quay.io": entry(PASSWORD) } }).to_string());
    for name in names(CONTROL_CHARACTERS) {
        let refused = [
            login(&name),
            sandbox.run(HELPER, ["logout", "ghcr.io", &name]),
            sandbox.run(HELPER, ["configure", "--docker", "--registry", &name]),
            sandbox.run(HELPER, ["configure", "--podman", "--registry", &name]),
            sandbox.run(HELPER, ["migrate", "--registry", &name]),
        ];
        for output in refused {
            output.assert_code(2).assert_stderr_contains("a server has no ");
            assert_no_secret(PASSWORD, &[&output]);
        }
    }
    assert_eq!(sandbox.run(HELPER, ["list"]).success().json(), json!({ "ghcr.io": "me" }));
    assert!(!sandbox.home().join(".config/containers/auth.json").exists());
}

#[test]
fn every_command_of_the_plugin_refuses_it_before_it_looks_for_a_cluster() {
    let sandbox = Sandbox::without_cluster();
    sandbox.write(DOCKER_CONFIG, json!({ "auths": { "ghcr.io": entry(PASSWORD) } }).to_string());
    let run = |line: &[&str]| sandbox.run_with_stdin("kubectl-regcred", line, PASSWORD.as_bytes());
    let flags = ["--docker-username=u", "--password-stdin"];
    for name in names(CONTROL_CHARACTERS) {
        let server = format!("--docker-server={name}");
        let registry = format!("--registry={name}");
        for line in [
            &["create", "a", "--dry-run=client", &server, flags[0], flags[1]][..],
            &["create", "a", "--dry-run=client", &registry, "--from-docker-config"],
            &["create", "a", "--dry-run=client", &registry, "--from-keyring"],
            &["create", "a", "--dry-run=client", &registry, "--from-secret=b"],
            &["set", "a", &registry, flags[0], flags[1]],
            &["set", "a", &registry, "--from-docker-config"],
            &["set", "a", &registry, "--from-keyring"],
            &["unset", "a", &registry],
            &["rotate", "a", &registry, "--yes", flags[0], flags[1]],
            &["rotate", "a", &registry, "--yes", "--from-docker-config"],
            &["rotate", "a", &registry, "--yes", "--from-keyring"],
            &["list", &registry],
        ] {
            let output = run(line);
            output.assert_code(2).assert_stderr_contains("a server has no ");
            assert_no_secret(PASSWORD, &[&output]);
        }
    }
}

/// Keys of a file, which can hold a NUL too.
fn keys() -> impl Iterator<Item = String> {
    names(CONTROL_CHARACTERS.into_iter().chain(['\0']))
}

#[test]
fn an_entry_of_a_file_with_such_a_key_is_not_moved_and_not_written_into_a_secret() {
    let mut sandbox = Sandbox::without_cluster();
    let _service = secret_service::start(&mut sandbox);
    for key in keys() {
        let config = json!({ "auths": { &key: entry(PASSWORD) }, "credsStore": "regcred" });
        let file = sandbox.write(DOCKER_CONFIG, config.to_string());
        for line in [&["migrate"][..], &["migrate", "--force"], &["migrate", "--registry=ghcr.io", "--force"]]
        {
            let output = sandbox.run(HELPER, line);
            assert_ne!(output.code, Some(0), "{key:?}: {}", output.stdout);
            assert_no_secret(PASSWORD, &[&output]);
        }
        let left: Value = serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap();
        assert_eq!(left, config);
        assert_eq!(sandbox.run(HELPER, ["list"]).success().json(), json!({}));

        let output = create(&sandbox);
        output.assert_code(1).assert_stderr_contains("a server has no ").assert_stderr_contains("--registry");
        assert_eq!(output.stdout, "");
        assert_no_secret(PASSWORD, &[&output]);
    }
}

fn create(sandbox: &Sandbox) -> Output {
    sandbox.kubectl_regcred(["create", "a", "--from-docker-config", "--dry-run=client", "-o", "json"])
}

#[test]
fn no_other_helper_is_asked_for_such_a_name() {
    let mut sandbox = Sandbox::without_cluster();
    let _service = secret_service::start(&mut sandbox);
    for key in keys() {
        // It says that it has a login for that name, and for whatever it is asked for.
        let list = json!({ &key: "me" }).to_string();
        let answer = json!({ "ServerURL": "ghcr.io", "Username": "me", "Secret": PASSWORD }).to_string();
        sandbox.write("list", list);
        sandbox.write("answer", answer);
        let script = "#!/bin/sh\necho \"$1\" >> \"$HOME/asked\"\n\
                      case $1 in list) cat \"$HOME/list\" ;; *) cat \"$HOME/answer\" ;; esac\n";
        sandbox.script("docker-credential-other", script);
        let output = sandbox.run(HELPER, ["migrate", "--from-helper=other"]);
        output.assert_code(1).assert_stderr_contains("docker-credential-other is not asked for ");
        sandbox.write(DOCKER_CONFIG, json!({ "auths": { &key: {} }, "credsStore": "other" }).to_string());
        create(&sandbox).assert_code(1).assert_stderr_contains("docker-credential-other is not asked for ");
        sandbox.write(DOCKER_CONFIG, json!({ "credHelpers": { &key: "other" } }).to_string());
        create(&sandbox).assert_code(1).assert_stderr_contains("docker-credential-other is not asked for ");
        let asked = std::fs::read_to_string(sandbox.home().join("asked")).unwrap();
        assert_eq!(asked, "list\n", "{key:?}");
        std::fs::remove_file(sandbox.home().join("asked")).unwrap();
        assert_eq!(sandbox.run(HELPER, ["list"]).success().json(), json!({}));
    }
}
