//! What docker, podman and skopeo tell their user when our credential helper or its keyring can't do its work.

#![cfg(test)]

use regcred_tests::clients::Client;
use regcred_tests::helper::{HELPER, Helper, Keyring};
use regcred_tests::leak::{Folder, assert_no_secret};
use regcred_tests::output::Output;
use regcred_tests::registry::{Registry, Transport};
use regcred_tests::sandbox::Sandbox;

const USERNAME: &str = "robot";
const PASSWORD: &str = "hunter2-and-a-bit-more";
const CLIENTS: [Client; 3] = [Client::Docker, Client::Podman, Client::Skopeo];

/// A client that was logged in, with a private image to get.
struct Scene {
    client: Client,
    sandbox: Sandbox,
    helper: Helper,
    registry: Registry,
    image: String,
}

impl Scene {
    fn of(client: Client) -> Self {
        let mut sandbox = Sandbox::without_cluster();
        let helper = Helper::install(&mut sandbox, Keyring::SecretService);
        let registry = Registry::start(Transport::Tls, USERNAME, PASSWORD);
        let image = registry.push("team/app");
        client.configure(&mut sandbox, &[&registry]);
        let scene = Self { client, sandbox, helper, registry, image };
        scene.login().success();
        scene.pull().success();
        scene.helper.take_calls();
        scene
    }

    fn login(&self) -> Output {
        self.client.login(&self.sandbox, &self.registry, USERNAME, PASSWORD)
    }

    fn pull(&self) -> Output {
        self.client.pull(&self.sandbox, &self.registry, &self.image)
    }

    fn logout(&self) -> Output {
        self.client.logout(&self.sandbox, &self.registry.host())
    }

    /// Does something while the keyring hangs, and kills it then.
    fn with_the_keyring_killed(&mut self, act: fn(&Self) -> Output) -> Output {
        self.helper.secret_service().freeze().unwrap();
        let scene = &*self;
        std::thread::scope(|scope| {
            let output = scope.spawn(|| act(scene));
            scene.helper.wait_for_a_call(&scene.sandbox);
            scene.helper.crash_keyring();
            output.join().unwrap()
        })
    }
}

/// Fails the test unless the client failed and its user can read `text`.
#[track_caller]
fn assert_told(client: Client, output: &Output, text: &str) {
    assert!(output.stderr.contains(text), "{client:?} does not tell of `{text}`: {output:?}");
}

const LOCKED: &str = "docker-credential-regcred: the keyring is locked; unlock it by logging in to the desktop or with \
                      `gnome-keyring-daemon --replace --unlock`";

#[test]
fn of_a_locked_keyring_the_client_tells_how_to_unlock_it_and_forgets_nothing() {
    for client in CLIENTS {
        let mut scene = Scene::of(client);
        scene.helper.secret_service().lock().unwrap();
        let pull = scene.pull();
        assert_ne!(pull.code, Some(0));
        assert_told(client, &pull, LOCKED);
        let login = scene.login();
        assert_ne!(login.code, Some(0));
        assert_told(client, &login, LOCKED);
        let logout = scene.logout();
        // Of its own accord, docker would only say that the login is removed; podman 4.3 dies of any failure.
        assert_told(client, &logout, LOCKED);
        assert!(scene.helper.calls().iter().all(|call| call.code == 1), "{:?}", scene.helper.calls());
        scene.helper.secret_service().start_keyring(true).unwrap();
        assert_eq!(scene.helper.list(&scene.sandbox)[scene.registry.host()], USERNAME);
        assert_no_secret(PASSWORD, &[&pull, &login, &logout, &Folder::new(scene.sandbox.root())]);
    }
}

#[test]
fn a_locked_keyring_is_in_nobodys_way_who_needs_no_login() {
    for client in CLIENTS {
        let mut sandbox = Sandbox::without_cluster();
        let mut helper = Helper::install(&mut sandbox, Keyring::SecretService);
        let login = r#"{"ServerURL":"registry.example","Username":"robot","Secret":"hunter2"}"#;
        helper.ask(&sandbox, "store", login).success();
        helper.secret_service().lock().unwrap();
        let registry = Registry::start_public(Transport::Tls);
        let image = registry.push("public/app");
        client.configure(&mut sandbox, &[&registry]);
        let pull = client.pull(&sandbox, &registry, &image);
        pull.success();
        assert!(!pull.stderr.contains("locked"), "{pull:?}");
        let calls = helper.take_calls();
        assert!(calls.iter().all(|call| *call == format!("get {} failed", registry.host())), "{calls:?}");
    }
}

#[test]
fn without_a_session_bus_the_client_tells_what_to_do() {
    for client in CLIENTS {
        let mut scene = Scene::of(client);
        scene.sandbox.set("REGCRED_STORE", "secret-service");
        scene.sandbox.set("DBUS_SESSION_BUS_ADDRESS", "");
        // The bus of a session would also be found here.
        scene.sandbox.set("XDG_RUNTIME_DIR", scene.sandbox.root().join("tmp"));
        for output in [scene.pull(), scene.login(), scene.logout()] {
            assert_told(
                client,
                &output,
                "there is no Secret Service; log in to a desktop session or set DBUS_SESSION_BUS_ADDRESS",
            );
        }
        assert!(scene.helper.calls().iter().all(|call| call.code == 1), "{:?}", scene.helper.calls());
    }
}

#[test]
fn of_a_keyring_that_is_gone_the_client_tells_how_to_start_one() {
    for client in CLIENTS {
        let mut scene = Scene::of(client);
        scene.sandbox.set("REGCRED_STORE", "secret-service");
        scene.helper.secret_service().kill_keyring();
        for output in [scene.pull(), scene.login(), scene.logout()] {
            assert_told(
                client,
                &output,
                "no Secret Service answers on the session bus; start one, such as gnome-keyring-daemon",
            );
        }
    }
}

#[test]
fn of_a_keyring_that_dies_in_mid_call_the_client_tells_that_it_went_away() {
    const GONE: &str = "the Secret Service went away while it was asked; see that it runs";
    for client in CLIENTS {
        let acts: [fn(&Scene) -> Output; 3] = [Scene::pull, Scene::login, Scene::logout];
        let mut scene = Scene::of(client);
        scene.sandbox.set("REGCRED_STORE", "secret-service");
        for act in acts {
            let output = scene.with_the_keyring_killed(act);
            assert_told(client, &output, GONE);
            scene.helper.secret_service().start_keyring(true).unwrap();
            assert_eq!(scene.helper.list(&scene.sandbox)[scene.registry.host()], USERNAME);
        }
        scene.pull().success();
    }
}

#[test]
fn a_helper_that_is_missing_is_named_and_no_password_is_kept_elsewhere() {
    for client in CLIENTS {
        let scene = Scene::of(client);
        for folder in ["bin", "programs"] {
            std::fs::remove_file(scene.sandbox.root().join(folder).join(HELPER)).unwrap();
        }
        let login = scene.login();
        assert_ne!(login.code, Some(0));
        assert_told(client, &login, HELPER);
        let pull = scene.pull();
        assert_ne!(pull.code, Some(0));
        if client != Client::Docker {
            // Docker goes on without a login, and says nothing of the helper.
            assert_told(client, &pull, HELPER);
        }
        assert_no_secret(PASSWORD, &[&login, &pull, &Folder::new(scene.sandbox.root())]);
    }
}
