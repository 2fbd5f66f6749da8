//! podman and skopeo with our credential helper and a real registry. They share their library, and so what they ask.

#![cfg(test)]

use regcred_tests::clients::{Client, configuration, verify};
use regcred_tests::helper::{Helper, Keyring};
use regcred_tests::leak::{Folder, assert_no_secret};
use regcred_tests::registry::{Registry, Transport};
use regcred_tests::sandbox::Sandbox;
use serde_json::json;

const USERNAME: &str = "robot";
const PASSWORD: &str = "pa$$<w&rd>, \"quoted\" ü";

fn assert_pulled_as_the_user(registry: &Registry, before: usize) {
    let readers = registry.readers("team/app").split_off(before);
    assert!(!readers.is_empty() && readers.iter().all(|reader| reader == USERNAME), "{readers:?}");
}

fn from_login_to_logout(client: Client, keyring: Keyring, transport: Transport) {
    let mut sandbox = Sandbox::without_cluster();
    let helper = Helper::install(&mut sandbox, keyring);
    let registry = Registry::start(transport, USERNAME, PASSWORD);
    let (host, image) = (registry.host(), registry.push("team/app"));
    let auth_file = client.configure(&mut sandbox, &[&registry]);
    let (logins, readers) = (registry.logins(), registry.readers("team/app").len());

    let login = client.login(&sandbox, &registry, USERNAME, PASSWORD);
    login.success().assert_stdout_contains("Login Succeeded!");
    assert_eq!(helper.take_calls(), [format!("get {host} failed"), "store".to_owned()]);
    assert!(registry.logins() > logins);
    assert_eq!(helper.list(&sandbox), json!({ &host: USERNAME }));

    let pull = client.pull(&sandbox, &registry, &image);
    pull.success();
    assert_eq!(helper.take_calls(), [format!("get {host}")]);
    assert_pulled_as_the_user(&registry, readers);

    let inspect =
        Client::Skopeo.run(&sandbox, ["inspect", verify(&registry), &format!("docker://{image}")], "");
    assert_eq!(inspect.success().json()["Name"], format!("{host}/team/app"));
    assert!(helper.take_calls().iter().all(|call| *call == format!("get {host}")));

    let logout = client.logout(&sandbox, &host);
    logout.success();
    assert_eq!(helper.take_calls(), [format!("erase {host}")]);
    assert_eq!(helper.list(&sandbox), json!({}));
    let refused = client.pull(&sandbox, &registry, &image);
    assert_ne!(refused.code, Some(0));
    refused.assert_stderr_contains("unauthorized: authentication required");
    assert_eq!(helper.take_calls(), [format!("get {host} failed")]);
    assert_eq!(configuration(&auth_file)["credHelpers"], json!({ &host: "regcred" }));
    assert_no_secret(PASSWORD, &[&login, &pull, &inspect, &logout, &refused, &Folder::new(sandbox.root())]);
}

#[test]
fn podman_logs_in_pulls_and_logs_out_with_the_secret_service() {
    from_login_to_logout(Client::Podman, Keyring::SecretService, Transport::Tls);
}

#[test]
fn podman_logs_in_pulls_and_logs_out_with_the_kernel_keyring() {
    from_login_to_logout(Client::Podman, Keyring::Keyutils, Transport::Http);
}

#[test]
fn skopeo_logs_in_copies_and_logs_out_with_the_secret_service() {
    from_login_to_logout(Client::Skopeo, Keyring::SecretService, Transport::Http);
}

#[test]
fn skopeo_logs_in_copies_and_logs_out_with_the_kernel_keyring() {
    from_login_to_logout(Client::Skopeo, Keyring::Keyutils, Transport::Tls);
}

fn logout_of_all(client: Client, keyring: Keyring) {
    let mut sandbox = Sandbox::without_cluster();
    let helper = Helper::install(&mut sandbox, keyring);
    let registries =
        [Transport::Tls, Transport::Http].map(|transport| Registry::start(transport, USERNAME, PASSWORD));
    let image = registries[0].push("team/app");
    client.configure(&mut sandbox, &registries.each_ref());
    for registry in &registries {
        client.login(&sandbox, registry, USERNAME, PASSWORD).success();
    }
    let hosts = registries.each_ref().map(|registry| registry.host());
    assert_eq!(helper.list(&sandbox), json!({ &hosts[0]: USERNAME, &hosts[1]: USERNAME }));
    client.pull(&sandbox, &registries[0], &image).success();
    helper.take_calls();

    let logout = client.logout(&sandbox, "--all");
    logout.success();
    let mut calls = helper.take_calls();
    calls.sort_unstable();
    let mut erased = hosts.map(|host| format!("erase {host}"));
    erased.sort_unstable();
    assert_eq!(calls, erased);
    assert_eq!(helper.list(&sandbox), json!({}));
    assert_ne!(client.pull(&sandbox, &registries[0], &image).code, Some(0));
}

/// Where a helper is for all registries, `logout --all` erases what the helper's `list` names.
fn logout_of_all_that_is_listed(client: Client, keyring: Keyring) {
    let mut sandbox = Sandbox::without_cluster();
    let helper = Helper::install(&mut sandbox, keyring);
    let registry = Registry::start(Transport::Http, USERNAME, PASSWORD);
    let image = registry.push("team/app");
    client.configure(&mut sandbox, &[]);
    let registries = sandbox.write("registries.conf", "credential-helpers = [\"regcred\"]\n");
    sandbox.set("CONTAINERS_REGISTRIES_CONF", registries);
    client.login(&sandbox, &registry, USERNAME, PASSWORD).success();
    let elsewhere =
        json!({ "ServerURL": "https://Registry.example/v1/", "Username": "me", "Secret": PASSWORD });
    helper.ask(&sandbox, "store", &elsewhere.to_string()).success();
    client.pull(&sandbox, &registry, &image).success();
    helper.take_calls();

    client.logout(&sandbox, "--all").success();
    let calls = helper.take_calls();
    assert_eq!(calls[0], "list");
    let erased = |server: &str| calls.contains(&format!("erase {server}"));
    assert!(erased(&registry.host()) && erased("https://Registry.example/v1/"), "{calls:?}");
    assert_eq!(helper.list(&sandbox), json!({}));
}

#[test]
fn podman_logout_all_erases_what_is_listed_from_the_secret_service() {
    logout_of_all_that_is_listed(Client::Podman, Keyring::SecretService);
}

#[test]
fn podman_logout_all_erases_what_is_listed_from_the_kernel_keyring() {
    logout_of_all_that_is_listed(Client::Podman, Keyring::Keyutils);
}

#[test]
fn podman_logout_all_really_erases_from_the_secret_service() {
    logout_of_all(Client::Podman, Keyring::SecretService);
}

#[test]
fn podman_logout_all_really_erases_from_the_kernel_keyring() {
    logout_of_all(Client::Podman, Keyring::Keyutils);
}

#[test]
fn skopeo_logout_all_really_erases() {
    logout_of_all(Client::Skopeo, Keyring::SecretService);
}
