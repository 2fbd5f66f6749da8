//! `create --from-keyring`: from the store of docker-credential-regcred, in process.

#![cfg(test)]

use regcred_tests::kernel_keyring::KernelKeyring;
use regcred_tests::leak::assert_no_secret;
use regcred_tests::output::Output;
use regcred_tests::sandbox::Sandbox;
use regcred_tests::secret_service;
use serde_json::{Value, json};

const PASSWORD: &str = "hunter2-and-a-bit-more";

fn store(sandbox: &Sandbox, server: &str, username: &str, secret: &str) {
    let request = json!({ "ServerURL": server, "Username": username, "Secret": secret }).to_string();
    sandbox.run_with_stdin("docker-credential-regcred", ["store"], request.as_bytes()).success();
}

fn create(sandbox: &Sandbox, more: &[&str]) -> Output {
    let line = [&["create", "regcred", "--dry-run=client", "-o", "json", "--from-keyring"], more].concat();
    sandbox.kubectl_regcred(line)
}

fn auths(output: &Output) -> Value {
    let data = output.json()["data"][".dockerconfigjson"].as_str().expect("a docker config").to_owned();
    let config = base64::Engine::decode(&base64::engine::general_purpose::STANDARD, data).expect("base64");
    serde_json::from_slice::<Value>(&config).expect("JSON")["auths"].take()
}

#[test]
fn the_named_registries_come_out_of_the_secret_service() {
    let mut sandbox = Sandbox::without_cluster();
    let _service = secret_service::start(&mut sandbox);
    store(&sandbox, "https://ghcr.io", "me", PASSWORD);
    store(&sandbox, "https://index.docker.io/v1/", "you", "hub-password");
    store(&sandbox, "https://index.docker.io/v1/refresh-token", "<token>", "refresh");
    store(&sandbox, "quay.io:443", "robot", "quay-password");

    let created = create(&sandbox, &["--registry=ghcr.io", "--registry=docker.io", "--registry=quay.io"]);
    created.success();
    let auths = auths(&created);
    let users: Vec<_> =
        auths.as_object().unwrap().iter().map(|(key, entry)| (key.as_str(), &entry["username"])).collect();
    assert_eq!(
        users,
        [
            ("ghcr.io", &json!("me")),
            ("https://index.docker.io/v1/", &json!("you")),
            ("quay.io", &json!("robot"))
        ]
    );
    assert_eq!(auths["ghcr.io"]["password"], PASSWORD);

    // Nobody should find the whole keyring in a cluster.
    let several = create(&sandbox, &[]);
    several.assert_code(2).assert_stderr_contains("holds credentials of several registries");
    several.assert_stderr_contains(
        "--registry: \"https://ghcr.io\", \"https://index.docker.io/v1/\", \"quay.io:443\"",
    );
    let missing = create(&sandbox, &["--registry=nowhere.example"]);
    missing
        .assert_code(4)
        .assert_stderr_contains("no credential for \"nowhere.example\" in the Secret Service");
    assert_no_secret(PASSWORD, &[&several, &missing]);
}

#[test]
fn a_lone_credential_needs_no_name_and_an_identity_token_is_refused() {
    let mut sandbox = Sandbox::without_cluster();
    let _service = secret_service::start(&mut sandbox);
    create(&sandbox, &[])
        .assert_code(4)
        .assert_stderr_contains("there are no credentials in the Secret Service");
    store(&sandbox, "https://GHCR.io:443", "me", PASSWORD);
    let created = create(&sandbox, &[]);
    created.success();
    assert_eq!(auths(&created)["ghcr.io"]["username"], "me");

    store(&sandbox, "ghcr.io", "<token>", PASSWORD);
    let token = create(&sandbox, &[]);
    token.assert_code(1).assert_stderr_contains("holds an identity token for \"ghcr.io\", not a password");
    assert_no_secret(PASSWORD, &[&token]);
}

#[test]
fn a_locked_keyring_is_said_to_be_locked() {
    let mut sandbox = Sandbox::without_cluster();
    let service = secret_service::start(&mut sandbox);
    store(&sandbox, "ghcr.io", "me", PASSWORD);
    service.lock().unwrap();
    let locked = create(&sandbox, &["--registry=ghcr.io"]);
    locked.assert_code(7).assert_stderr_contains("the keyring is locked; unlock it by logging in");
    assert_eq!(locked.stdout, "");

    sandbox.set("REGCRED_STORE", "nonsense");
    create(&sandbox, &[])
        .assert_code(2)
        .assert_stderr_contains("REGCRED_STORE: no keyring is called \"nonsense\"");
}

#[test]
fn the_kernels_keyring_serves_where_there_is_no_desktop() {
    let sandbox = Sandbox::without_cluster();
    let kernel = KernelKeyring::of_root();
    let request = json!({ "ServerURL": "ghcr.io", "Username": "me", "Secret": PASSWORD }).to_string();
    kernel.run(&sandbox, "docker-credential-regcred", ["store"], request.as_bytes()).success();
    let line =
        ["create", "regcred", "--dry-run=client", "-o", "json", "--from-keyring", "--registry=ghcr.io"];
    let created = kernel.run(&sandbox, "kubectl-regcred", line, b"");
    created.success();
    assert_eq!(auths(&created)["ghcr.io"]["password"], PASSWORD);
}
