//! Docker's own CLI, without a daemon, with our credential helper and a real registry.

#![cfg(test)]

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use regcred_tests::clients::Client::Docker;
use regcred_tests::clients::configuration;
use regcred_tests::helper::{Helper, Keyring};
use regcred_tests::leak::{Folder, assert_no_secret};
use regcred_tests::registry::{Registry, Transport};
use regcred_tests::sandbox::Sandbox;
use serde_json::json;

const USERNAME: &str = "robot";
const PASSWORD: &str = "pa$$<w&rd>, \"quoted\" ü";

fn from_login_to_logout(keyring: Keyring) {
    let mut sandbox = Sandbox::without_cluster();
    let helper = Helper::install(&mut sandbox, keyring);
    let registry = Registry::start(Transport::Tls, USERNAME, PASSWORD);
    let (host, image) = (registry.host(), registry.push("team/app"));
    let file = Docker.configure(&mut sandbox, &[&registry]);

    let (logins, readers) = (registry.logins(), registry.readers("team/app").len());
    let login = Docker.login(&sandbox, &registry, USERNAME, PASSWORD);
    login.success().assert_stdout_contains("Login Succeeded");
    assert_eq!(registry.logins(), logins + 1);
    assert_eq!(helper.take_calls(), ["store"]);
    assert_eq!(configuration(&file), json!({ "auths": { &host: {} }, "credsStore": "regcred" }));
    assert_eq!(helper.list(&sandbox), json!({ &host: USERNAME }));

    let inspect = Docker.pull(&sandbox, &registry, &image);
    inspect.success().assert_stdout_contains("\"schemaVersion\": 2");
    assert_eq!(helper.take_calls(), [format!("get {host}")]);
    let new_readers = registry.readers("team/app").split_off(readers);
    assert!(
        !new_readers.is_empty() && new_readers.iter().all(|reader| reader == USERNAME),
        "{new_readers:?}"
    );

    let logout = Docker.logout(&sandbox, &host);
    logout.success();
    // docker erases every spelling that it ever used.
    let erased = ["", "http://", "https://"].map(|scheme| format!("erase {scheme}{host}"));
    let calls = helper.take_calls();
    assert!(
        erased.iter().all(|call| calls.contains(call)) && calls.iter().all(|call| erased.contains(call)),
        "{calls:?}"
    );
    assert_eq!(helper.list(&sandbox), json!({}));
    assert_eq!(configuration(&file)["auths"], json!({}));
    let refused = Docker.pull(&sandbox, &registry, &image);
    refused.assert_code(1).assert_stderr_contains("no basic auth credentials");
    assert!(helper.take_calls().iter().all(|call| *call == format!("get {host} failed")));
    assert_no_secret(PASSWORD, &[&login, &inspect, &logout, &refused, &Folder::new(sandbox.root())]);
}

#[test]
fn docker_logs_in_inspects_a_private_image_and_logs_out_with_the_secret_service() {
    from_login_to_logout(Keyring::SecretService);
}

#[test]
fn docker_logs_in_inspects_a_private_image_and_logs_out_with_the_kernel_keyring() {
    from_login_to_logout(Keyring::Keyutils);
}

#[test]
fn docker_keeps_two_registries_apart() {
    let mut sandbox = Sandbox::without_cluster();
    let helper = Helper::install(&mut sandbox, Keyring::SecretService);
    let ours = Registry::start(Transport::Tls, USERNAME, PASSWORD);
    let other = Registry::start(Transport::Tls, "other", "another password");
    let (image, other_image) = (ours.push("team/app"), other.push("team/app"));
    Docker.configure(&mut sandbox, &[&ours, &other]);

    Docker.login(&sandbox, &ours, USERNAME, PASSWORD).success();
    Docker.login(&sandbox, &other, "other", "another password").success();
    assert_eq!(helper.list(&sandbox), json!({ ours.host(): USERNAME, other.host(): "other" }));
    helper.take_calls();
    for (image, registry, reader) in [(&image, &ours, USERNAME), (&other_image, &other, "other")] {
        Docker.pull(&sandbox, registry, image).success();
        assert_eq!(helper.take_calls(), [format!("get {}", registry.host())]);
        assert_eq!(registry.readers("team/app").last().unwrap(), reader);
    }
    Docker.logout(&sandbox, &ours.host()).success();
    assert_eq!(helper.list(&sandbox), json!({ other.host(): "other" }));
    Docker.pull(&sandbox, &other, &other_image).success();
    Docker.pull(&sandbox, &ours, &image).assert_code(1);
}

#[test]
fn a_wrong_password_is_refused_and_not_kept() {
    let mut sandbox = Sandbox::without_cluster();
    let helper = Helper::install(&mut sandbox, Keyring::SecretService);
    let registry = Registry::start(Transport::Tls, USERNAME, PASSWORD);
    Docker.configure(&mut sandbox, &[&registry]);
    Docker
        .login(&sandbox, &registry, USERNAME, "wrong")
        .assert_code(1)
        .assert_stderr_contains("401 Unauthorized");
    assert_eq!(registry.refused(), 1);
    assert_eq!(helper.list(&sandbox), json!({}));

    // One that was right once, and is wrong by now, stays until the next login: only docker knows of it.
    let stale = json!({ "ServerURL": registry.host(), "Username": USERNAME, "Secret": "stale" });
    helper.ask(&sandbox, "store", &stale.to_string()).success();
    let image = registry.push("team/app");
    Docker.pull(&sandbox, &registry, &image).assert_code(1);
    assert!(registry.refused() > 1);
    Docker.login(&sandbox, &registry, USERNAME, PASSWORD).success();
    Docker.pull(&sandbox, &registry, &image).success();
}

#[test]
fn docker_auth_config_outranks_the_helper_and_leaves_it_alone() {
    let mut sandbox = Sandbox::without_cluster();
    let helper = Helper::install(&mut sandbox, Keyring::SecretService);
    let registry = Registry::start(Transport::Tls, USERNAME, PASSWORD);
    let image = registry.push("team/app");
    Docker.configure(&mut sandbox, &[&registry]);
    let stale = json!({ "ServerURL": registry.host(), "Username": USERNAME, "Secret": "stale" });
    helper.ask(&sandbox, "store", &stale.to_string()).success();
    let auth = STANDARD.encode(format!("{USERNAME}:{PASSWORD}"));
    let variable = json!({ "auths": { registry.host(): { "auth": auth } } }).to_string();
    sandbox.set("DOCKER_AUTH_CONFIG", variable);
    Docker.pull(&sandbox, &registry, &image).success();
    assert_eq!(helper.take_calls(), Vec::<String>::new());
    assert_eq!(registry.refused(), 0);
}
