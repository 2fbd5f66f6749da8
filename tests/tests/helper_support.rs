//! The support of the credential helper's tests, put to the test with the peer, docker-credential-secretservice.

#![cfg(test)]

use regcred_tests::sandbox::Sandbox;
use regcred_tests::secret_service;

const PEER: &str = "docker-credential-secretservice";

fn store(sandbox: &Sandbox, server: &str) {
    let login = serde_json::json!({ "ServerURL": server, "Username": "robot", "Secret": "pa$$w0rd" });
    sandbox.run_with_stdin(PEER, ["store"], login.to_string().as_bytes()).success();
}

#[test]
fn what_is_stored_is_found_again_also_by_the_next_daemon() {
    let mut sandbox = Sandbox::without_cluster();
    let mut keyring = secret_service::start(&mut sandbox);
    store(&sandbox, "registry.example");
    keyring.start_keyring(true).unwrap();
    let get = sandbox.run_with_stdin(PEER, ["get"], b"registry.example");
    assert_eq!(get.success().json()["Secret"], "pa$$w0rd");
}

#[test]
fn keyrings_side_by_side_know_nothing_of_each_other() {
    let mut sandboxes = [Sandbox::without_cluster(), Sandbox::without_cluster()];
    let _keyrings = sandboxes.each_mut().map(secret_service::start);
    store(&sandboxes[0], "registry.example");
    let list = sandboxes[1].run(PEER, ["list"]);
    assert_eq!(list.success().json(), serde_json::json!({}));
}

#[test]
fn a_locked_keyring_gives_nothing() {
    let mut sandbox = Sandbox::without_cluster();
    let mut keyring = secret_service::start(&mut sandbox);
    store(&sandbox, "registry.example");
    let search = || sandbox.run("secret-tool", ["search", "--all", "server", "registry.example"]);
    search().success().assert_stdout_contains("secret = pa$$w0rd");
    keyring.lock().unwrap();
    assert!(!search().success().stdout.contains("secret = "));
    keyring.start_keyring(true).unwrap();
    search().success().assert_stdout_contains("secret = pa$$w0rd");
    keyring.start_keyring(false).unwrap();
    assert!(!search().success().stdout.contains("secret = "));
}

#[test]
fn who_calls_a_frozen_keyring_waits_for_it() {
    let mut sandbox = Sandbox::without_cluster();
    let keyring = secret_service::start(&mut sandbox);
    store(&sandbox, "registry.example");
    keyring.freeze().unwrap();
    sandbox.run("timeout", ["0.5", PEER, "list"]).assert_code(124);
    keyring.thaw().unwrap();
    sandbox.run(PEER, ["list"]).success();
}

#[test]
fn without_a_keyring_or_a_bus_the_peer_fails() {
    let mut sandbox = Sandbox::without_cluster();
    sandbox.run(PEER, ["list"]).assert_code(1);
    let mut keyring = secret_service::start(&mut sandbox);
    sandbox.run(PEER, ["list"]).success();
    keyring.kill_keyring();
    sandbox.run(PEER, ["list"]).assert_code(1);
}
