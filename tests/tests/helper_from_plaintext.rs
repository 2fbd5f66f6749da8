//! A new user's way: passwords that docker and podman left in their files, two commands, and no plaintext any more, while
//! docker, podman and skopeo go on pulling.

#![cfg(test)]

use std::fs;
use std::path::PathBuf;

use regcred_tests::clients::{Client, configuration, link, verify};
use regcred_tests::helper::{HELPER, Helper, Keyring};
use regcred_tests::leak::{Folder, assert_no_secret, find};
use regcred_tests::registry::{Registry, Transport};
use regcred_tests::sandbox::Sandbox;
use serde_json::json;
use xtask::clients::DOCKER;

const DOCKERS: &str = "dockers pa$$<w&rd>, \"quoted\" ü";
const PODMANS: &str = "podmans pa$$<w&rd>, \"quoted\" ü";

struct World {
    sandbox: Sandbox,
    helper: Helper,
    /// One that docker, and one that podman is logged in to.
    registries: [Registry; 2],
    images: [String; 2],
    docker_file: PathBuf,
    podman_file: PathBuf,
}

impl World {
    /// A home after `docker login` and `podman login`, without any helper configured.
    fn with_plaintext(keyring: Keyring) -> Self {
        let mut sandbox = Sandbox::without_cluster();
        let helper = Helper::install(&mut sandbox, keyring);
        let registries = [("docker", DOCKERS), ("podman", PODMANS)]
            .map(|(user, password)| Registry::start(Transport::Tls, user, password));
        let images = registries.each_ref().map(|registry| registry.push("team/app"));
        let certificates =
            registries.each_ref().map(|registry| fs::read_to_string(registry.certificate()).unwrap());
        let certificates = sandbox.write("certificates.pem", certificates.concat());
        sandbox.set("SSL_CERT_FILE", certificates);
        link(&sandbox, DOCKER);
        sandbox.set("DOCKER_HOST", "unix:///nonexistent.sock");
        // In a config that has a login already, docker chooses no helper by itself.
        let auths = json!({ "auths": { "old.example": { "auth": "b2xkOm9sZA==" } } });
        let docker_file = sandbox.write(".docker/config.json", auths.to_string());
        let podman_file = sandbox.root().join("run/containers/auth.json");
        Client::Docker.login(&sandbox, &registries[0], "docker", DOCKERS).success();
        Client::Podman.login(&sandbox, &registries[1], "podman", PODMANS).success();
        assert!(!find(DOCKERS.as_bytes(), &[&fs::read_to_string(&docker_file).unwrap()]).is_empty());
        assert!(!find(PODMANS.as_bytes(), &[&fs::read_to_string(&podman_file).unwrap()]).is_empty());
        Self { sandbox, helper, registries, images, docker_file, podman_file }
    }

    /// Pulls by every client, as the user that the registry knows.
    fn everybody_pulls(&self) {
        for (registry, image) in self.registries.iter().zip(&self.images) {
            let is_dockers = registry.host() == self.registries[0].host();
            let clients = [Some(Client::Podman), Some(Client::Skopeo), is_dockers.then_some(Client::Docker)];
            for client in clients.into_iter().flatten() {
                let before = registry.readers("team/app").len();
                client.pull(&self.sandbox, registry, image).success();
                let readers = registry.readers("team/app").split_off(before);
                let user = if is_dockers { "docker" } else { "podman" };
                assert!(
                    !readers.is_empty() && readers.iter().all(|reader| reader == user),
                    "{client:?}: {readers:?}"
                );
            }
        }
    }
}

fn from_plaintext_to_none(keyring: Keyring) {
    let world = World::with_plaintext(keyring);
    let World { sandbox, helper, registries, .. } = &world;
    world.everybody_pulls();
    assert!(helper.take_calls().is_empty());

    let configure = sandbox.run(HELPER, ["configure"]);
    configure.success();
    let migrate = sandbox.run(HELPER, ["migrate"]);
    migrate.success().assert_stderr_contains("3 moved to the ");
    helper.take_calls();

    // In no file, backup or temporary file, and in nothing that was printed.
    for password in [DOCKERS, PODMANS] {
        assert_no_secret(password, &[&configure, &migrate, &Folder::new(sandbox.root())]);
    }
    let hosts = registries.each_ref().map(|registry| registry.host());
    let docker = configuration(&world.docker_file);
    assert_eq!(docker["credsStore"], "regcred");
    assert_eq!(docker["auths"], json!({ "old.example": {}, &hosts[0]: {} }));
    let helpers = json!({ "old.example": "regcred", &hosts[0]: "regcred", &hosts[1]: "regcred" });
    assert_eq!(configuration(&world.podman_file)["credHelpers"], helpers);
    assert_eq!(
        helper.list(sandbox),
        json!({ "old.example": "old", &hosts[0]: "docker", &hosts[1]: "podman" })
    );

    world.everybody_pulls();
    let calls = helper.take_calls();
    for host in &hosts {
        assert!(calls.contains(&format!("get {host}")), "{calls:?}");
    }

    // docker has never heard of podman's registry, but the keyring is one.
    Client::Docker.pull(sandbox, &registries[1], &world.images[1]).success();
    // A new login goes to the keyring by itself, from docker as from podman.
    Client::Docker.login(sandbox, &registries[0], "docker", DOCKERS).success();
    Client::Podman.login(sandbox, &registries[1], "podman", PODMANS).success();
    for password in [DOCKERS, PODMANS] {
        assert_no_secret(password, &[&Folder::new(sandbox.root())]);
    }

    sandbox.run(HELPER, ["configure", "--undo"]).success();
    let (host, image) = (&hosts[1], &world.images[1]);
    let inspect = ["inspect", verify(&registries[1]), &format!("docker://{image}")].map(str::to_owned);
    let refused = Client::Skopeo.run(sandbox, inspect, "");
    assert_ne!(refused.code, Some(0), "{host}");
}

#[test]
fn from_plaintext_to_none_in_a_desktop_session() {
    from_plaintext_to_none(Keyring::SecretService);
}

#[test]
fn from_plaintext_to_none_on_a_server_without_a_desktop() {
    from_plaintext_to_none(Keyring::Keyutils);
}

#[test]
fn a_login_for_a_path_goes_on_working_where_it_is() {
    let mut sandbox = Sandbox::without_cluster();
    let _helper = Helper::install(&mut sandbox, Keyring::SecretService);
    let registry = Registry::start(Transport::Http, "robot", DOCKERS);
    let (host, image) = (registry.host(), registry.push("team/app"));
    let auth_file = sandbox.home().join("auth.json");
    sandbox.set("REGISTRY_AUTH_FILE", &auth_file);
    let login = ["login", "--username=robot", "--password-stdin", verify(&registry), &format!("{host}/team")]
        .map(str::to_owned);
    Client::Skopeo.run(&sandbox, login, DOCKERS).success();
    let before = fs::read_to_string(&auth_file).unwrap();
    sandbox.run(HELPER, ["configure", "--podman", &format!("--registry={host}")]).assert_code(8);
    sandbox.run(HELPER, ["configure", "--podman", "--registry=other.example"]).success();
    let migrate = sandbox.run(HELPER, ["migrate"]);
    migrate.success().assert_stdout_contains("podman asks no helper for a path in a registry");
    assert!(fs::read_to_string(&auth_file).unwrap().contains(&format!("\"{host}/team\"")));
    assert_ne!(fs::read_to_string(&auth_file).unwrap(), before);
    let readers = registry.readers("team/app").len();
    Client::Skopeo.pull(&sandbox, &registry, &image).success();
    assert!(registry.readers("team/app").split_off(readers).iter().all(|reader| reader == "robot"));
    assert_no_secret(DOCKERS, &[&migrate]);
}
