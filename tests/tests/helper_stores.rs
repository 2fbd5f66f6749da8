//! docker-credential-regcred on every keyring there is here: the Secret Service, and the kernel's of root and others.

#![cfg(test)]

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use regcred_tests::kernel_keyring::KernelKeyring;
use regcred_tests::leak::{Folder, assert_no_secret};
use regcred_tests::output::Output;
use regcred_tests::sandbox::Sandbox;
use regcred_tests::{secret_service, skip};
use serde_json::{Value, json};
use xtask::secret_service::{KEYRING_PASSWORD, SecretService};

const HELPER: &str = "docker-credential-regcred";
const NOT_FOUND: &str = "credentials not found in native keychain\n";
const PASSWORD: &str = "hunter2-and-a-bit-more";
/// What another program keeps in the same keyring.
const THEIRS: &str = "hunter2-of-others";

/// Of C, and of each kind: the ends of C0, DEL, C1.
const CONTROL_CHARACTERS: [char; 9] =
    ['\0', '\u{1}', '\t', '\n', '\r', '\u{1b}', '\u{7f}', '\u{85}', '\u{9f}'];

/// A helper with an empty keyring of its own.
struct Helper {
    keyring: Keyring,
    sandbox: Sandbox,
}

enum Keyring {
    SecretService(SecretService),
    Kernel(KernelKeyring),
}

impl Helper {
    fn on_secret_service() -> Self {
        let mut sandbox = Sandbox::without_cluster();
        let keyring = Keyring::SecretService(secret_service::start(&mut sandbox));
        Self { keyring, sandbox }
    }

    fn on_the_kernels_of_root() -> Self {
        let sandbox = Sandbox::without_cluster();
        Self { keyring: Keyring::Kernel(KernelKeyring::of_root()), sandbox }
    }

    fn on_the_kernels_of_another() -> Option<Self> {
        let sandbox = Sandbox::without_cluster();
        let kernel = KernelKeyring::of_other_user(&sandbox);
        if kernel.is_none() {
            skip("only root can become another user, whose keyring it would be");
        }
        Some(Self { keyring: Keyring::Kernel(kernel?), sandbox })
    }

    /// One for each keyring.
    fn all() -> Vec<(&'static str, Self)> {
        let mut all = vec![
            ("Secret Service", Self::on_secret_service()),
            ("the kernel's keyring of root", Self::on_the_kernels_of_root()),
        ];
        all.extend(
            Self::on_the_kernels_of_another().map(|other| ("the kernel's keyring of another user", other)),
        );
        all
    }

    fn ask(&self, verb: &str, input: impl AsRef<[u8]>) -> Output {
        let (sandbox, input) = (&self.sandbox, input.as_ref());
        match &self.keyring {
            Keyring::SecretService(_) => sandbox.run_with_stdin(HELPER, [verb], input),
            Keyring::Kernel(kernel) => kernel.run(sandbox, HELPER, [verb], input),
        }
    }

    fn command(&self, verb: &str) -> Command {
        match &self.keyring {
            Keyring::SecretService(_) => self.sandbox.command(HELPER, [verb]),
            Keyring::Kernel(kernel) => kernel.command(&self.sandbox, HELPER, [verb]),
        }
    }

    fn store(&self, server: &str, username: &str, secret: &str) -> Output {
        self.ask("store", request(server, username, secret))
    }

    fn list(&self) -> Value {
        let output = self.ask("list", "");
        output.success();
        output.json()
    }

    /// User and secret.
    fn get(&self, server: &str) -> (String, String) {
        let output = self.ask("get", server);
        output.success();
        let answer = output.json();
        assert_eq!(answer["ServerURL"], server.trim());
        let text = |field: &str| answer[field].as_str().expect("a text").to_owned();
        (text("Username"), text("Secret"))
    }
}

fn request(server: &str, username: &str, secret: &str) -> String {
    json!({ "ServerURL": server, "Username": username, "Secret": secret }).to_string()
}

fn pair(username: &str, secret: &str) -> (String, String) {
    (username.to_owned(), secret.to_owned())
}

#[test]
fn every_row_of_the_protocol_holds_on_every_keyring() {
    for (name, helper) in Helper::all() {
        let refused = |verb: &str, input: &str, message: &str| {
            let output = helper.ask(verb, input);
            assert_eq!((output.code, output.stdout.as_str()), (Some(1), message), "{name}: {verb} {input:?}");
        };
        refused("get", "", "no credentials server URL\n");
        refused("get", " \r\n", "no credentials server URL\n");
        refused("get", "ghcr.io", NOT_FOUND);
        refused("store", "", "EOF\n");
        refused("store", r#"{"Username":"me","Secret":"s"}"#, "no credentials server URL\n");
        refused("store", r#"{"ServerURL":"ghcr.io","Secret":"s"}"#, "no credentials username\n");
        refused("erase", "\n", "no credentials server URL\n");
        helper.ask("erase", "unknown.example").success();
        assert_eq!(helper.list(), json!({}), "{name}");

        let stored = helper.store("ghcr.io", "me", PASSWORD);
        stored.success();
        assert_eq!(stored.stdout, "", "{name}");
        let folded = "{\n \"SERVERURL\": \"https://index.docker.io/v1/\",\n \"username\": \"<token>\",\n \"x\": {}, \"secret\": \"t\"\n}";
        helper.ask("store", folded).success();
        helper.store("empty.example", "me", "").success();
        refused("get", "empty.example", NOT_FOUND);
        for spelling in [
            "ghcr.io",
            "ghcr.io\r\n",
            "  ghcr.io  ",
            "https://GHCR.io/v2/",
            "ghcr.io:443",
            "ghcr.io/team/app",
        ] {
            assert_eq!(helper.get(spelling), pair("me", PASSWORD), "{name}: {spelling}");
        }
        assert_eq!(helper.get("docker.io"), pair("<token>", "t"), "{name}");
        let listed = helper.ask("list", "whatever");
        listed.success();
        let expected =
            r#"{"empty.example":"me","ghcr.io":"me","https://index.docker.io/v1/":"\u003ctoken\u003e"}"#;
        assert_eq!(listed.stdout, format!("{expected}\n"), "{name}");

        helper.ask("erase", "https://ghcr.io").success();
        refused("get", "ghcr.io", NOT_FOUND);
        assert_eq!(
            helper.list(),
            json!({ "empty.example": "me", "https://index.docker.io/v1/": "<token>" }),
            "{name}"
        );
    }
}

#[test]
fn the_last_login_is_the_only_one_of_its_server() {
    for (name, helper) in Helper::all() {
        helper.store("https://ghcr.io", "me", "1").success();
        helper.store("ghcr.io", "me", "2").success();
        helper.store("GHCR.IO:443", "you", "3").success();
        assert_eq!(helper.list(), json!({ "GHCR.IO:443": "you" }), "{name}");
        assert_eq!(helper.get("ghcr.io"), pair("you", "3"), "{name}");
        helper.store("GHCR.IO:443", "you", "4").success();
        assert_eq!(helper.get("ghcr.io"), pair("you", "4"), "{name}");
    }
}

#[test]
fn odd_secrets_and_names_survive_to_the_byte_or_are_refused() {
    for (name, helper) in Helper::all() {
        for secret in [
            "line\nbreaks\r\n",
            "nul\0inside",
            "ünïcödé 😀 \u{2028}",
            " ",
            "\"\\</script>",
            &"x".repeat(8000),
        ] {
            helper.store("ghcr.io", "me", secret).success();
            assert_eq!(helper.get("ghcr.io"), pair("me", secret), "{name}");
        }
        for (server, username) in
            [("a b;c%d@e", "me;you%41@x"), ("[::1]:5000/x", "ü\n"), ("https://h/?q=1#f", "u")]
        {
            helper.store(server, username, "s").success();
            assert_eq!(helper.get(server), pair(username, "s"), "{name}");
            helper.ask("erase", server).success();
        }
        let refused = helper.store("nul.example", "m\0e", PASSWORD);
        refused.assert_code(1).assert_stdout_contains("the user name has a NUL character");
        assert_no_secret(PASSWORD, &[&refused]);
    }
}

#[test]
fn a_control_character_in_a_server_is_refused_by_every_verb_on_every_keyring() {
    for (name, helper) in Helper::all() {
        helper.store("ghcr.io", "me", PASSWORD).success();
        for character in CONTROL_CHARACTERS {
            for (before, after) in [
                ("ghcr.io", ".evil.example"),
                ("ghcr.io", "/x"),
                ("https://ghcr.io/", "v2"),
                ("x", "ghcr.io"),
            ] {
                let server = format!("{before}{character}{after}");
                let outputs = [
                    helper.ask("get", &server),
                    helper.ask("erase", &server),
                    helper.store(&server, "you", PASSWORD),
                ];
                for output in outputs {
                    let said = format!(
                        "a server has no {character:?}, but there is one at byte {}; name the server without it\n",
                        before.len()
                    );
                    assert_eq!(
                        (output.code, &output.stdout, output.stderr.as_str()),
                        (Some(1), &said, ""),
                        "{name}"
                    );
                    assert_no_secret(PASSWORD, &[&output]);
                }
            }
        }
        assert_eq!(helper.list(), json!({ "ghcr.io": "me" }), "{name}");
        assert_eq!(helper.get("ghcr.io"), pair("me", PASSWORD), "{name}");
    }
}

#[test]
fn items_of_others_for_a_server_with_a_control_character_are_passed_over() {
    let helper = Helper::on_secret_service();
    helper.store("ghcr.io", "me", PASSWORD).success();
    let secret_tool = |verb: &str, server: &str| {
        let attributes =
            ["label", "Docker Credentials", "docker_cli", "1", "username", "you", "server", server];
        let line = [verb].into_iter().chain((verb == "store").then_some("--label=x")).chain(attributes);
        helper.sandbox.run_with_stdin("secret-tool", line, THEIRS.as_bytes())
    };
    // No argument can hold a NUL, nor can an item's attribute.
    let characters = CONTROL_CHARACTERS.into_iter().filter(|character| *character != '\0');
    let servers: Vec<_> = characters.map(|character| format!("ghcr.io{character}")).collect();
    for server in &servers {
        secret_tool("store", server).success();
    }
    assert_eq!(helper.list(), json!({ "ghcr.io": "me" }));
    assert_eq!(helper.get("ghcr.io"), pair("me", PASSWORD));
    helper.store("https://ghcr.io", "me", PASSWORD).success();
    helper.ask("erase", "ghcr.io").success();
    assert_eq!(helper.list(), json!({}));
    assert_eq!(helper.ask("get", "ghcr.io").stdout, NOT_FOUND);
    for server in &servers {
        assert_eq!(secret_tool("lookup", server).success().stdout, THEIRS, "{server:?}");
    }
    let diagnosis = helper.sandbox.run(HELPER, ["doctor", "-o", "json"]).json();
    let note = diagnosis["notes"]
        .as_array()
        .and_then(|notes| notes.iter().find(|note| note["code"] == "unusableName"));
    assert_eq!(
        note.expect("a note")["message"],
        format!(
            "the Secret Service holds {} entries for a server whose name has a control character, and no client is given them",
            servers.len()
        )
    );
}

#[test]
fn an_item_without_a_user_name_is_not_handed_out_and_can_be_erased_and_replaced() {
    let helper = Helper::on_secret_service();
    let make = || {
        let attributes = ["label", "Docker Credentials", "docker_cli", "1", "server", "ghcr.io"];
        let line = ["store", "--label=x"].into_iter().chain(attributes);
        helper.sandbox.run_with_stdin("secret-tool", line, THEIRS.as_bytes()).success();
        assert_eq!(helper.list(), json!({ "ghcr.io": "" }));
    };
    make();
    let refused = helper.ask("get", "ghcr.io");
    refused.assert_code(1).assert_stdout_contains("without saying whose it is");
    assert_no_secret(THEIRS, &[&refused]);
    helper.ask("erase", "quay.io").success();
    helper.ask("erase", "ghcr.io").success();
    assert_eq!(helper.list(), json!({}));
    make();
    helper.store("ghcr.io", "me", PASSWORD).success();
    assert_eq!(helper.get("ghcr.io"), pair("me", PASSWORD));
    assert_eq!(helper.list(), json!({ "ghcr.io": "me" }));
}

#[test]
fn a_secret_of_64_kib_is_kept_whole_or_refused_with_the_reason() {
    let secret = "0123456789abcdef".repeat(4096);
    for (name, helper) in Helper::all() {
        let stored = helper.store("ghcr.io", "me", &secret);
        if matches!(helper.keyring, Keyring::SecretService(_)) {
            stored.success();
            assert_eq!(helper.get("ghcr.io"), pair("me", &secret), "{name}");
        } else {
            stored.assert_code(1).assert_stdout_contains(
                "the secret is 65536 bytes long; a key of the kernel's keyring takes 32766",
            );
            assert_eq!(helper.ask("get", "ghcr.io").stdout, NOT_FOUND);
        }
    }
}

#[test]
fn no_output_of_any_verb_but_get_holds_the_secret() {
    for (_, helper) in Helper::all() {
        assert_no_secret(PASSWORD, &[&helper.store("ghcr.io", "me", PASSWORD)]);
        for (verb, input) in
            [("list", ""), ("version", ""), ("help", ""), ("get", "quay.io"), ("erase", "ghcr.io")]
        {
            assert_no_secret(PASSWORD, &[&helper.ask(verb, input)]);
        }
        let broken = format!("{}x", request("ghcr.io", "me", PASSWORD));
        let refused = helper.ask("store", broken);
        refused.assert_code(1);
        assert_no_secret(PASSWORD, &[&refused]);
        let misplaced = helper.sandbox.run(HELPER, ["store", "--help"]);
        misplaced.assert_code(1).assert_stdout_contains("takes no arguments");
        // What gnome-keyring writes is encrypted, and beside it there is nothing.
        assert_no_secret(PASSWORD, &[&Folder::new(helper.sandbox.root()).except("programs")]);
    }
}

#[test]
fn the_kernels_keyring_says_that_it_forgets() {
    let helper = Helper::on_the_kernels_of_root();
    let stored = helper.store("ghcr.io", "me", PASSWORD);
    stored.success();
    stored.assert_stderr_contains("stored in the kernel keyring (DBUS_SESSION_BUS_ADDRESS is not set");
    stored.assert_stderr_contains("it is gone after a reboot, or after ");
    assert_eq!(helper.ask("get", "ghcr.io").stderr, "");

    let helper = Helper::on_secret_service();
    assert_eq!(helper.store("ghcr.io", "me", PASSWORD).stderr, "");
}

#[test]
fn the_kernels_keyring_says_that_it_stored_only_what_it_stored() {
    let mut helper = Helper::on_the_kernels_of_root();
    let long = "x".repeat(40_000);
    helper.sandbox.write("no-folder", "");
    for (runtime, secret, why) in [
        ("run", long.as_str(), "the secret is 40000 bytes long"),
        ("home/no-folder", PASSWORD, "cannot "),
        ("nowhere/run", PASSWORD, "cannot "),
    ] {
        helper.sandbox.set("XDG_RUNTIME_DIR", helper.sandbox.root().join(runtime));
        let refused = helper.store("ghcr.io", "me", secret);
        refused.assert_code(1).assert_stdout_contains(why);
        assert_eq!(refused.stderr, "", "{why}");
    }
    helper.sandbox.set("XDG_RUNTIME_DIR", helper.sandbox.root().join("run"));
    let refused = helper.store("ghcr.io\n", "me", PASSWORD);
    refused.assert_code(1);
    assert_eq!(refused.stderr, "");
    helper.store("ghcr.io", "me", PASSWORD).success().assert_stderr_contains("stored in the kernel keyring");
}

#[test]
fn the_kernels_quota_is_named_when_it_is_full() {
    let Some(helper) = Helper::on_the_kernels_of_another() else { return };
    let big = "x".repeat(9000);
    for server in ["one.example", "two.example"] {
        helper.store(server, "me", &big).success();
    }
    let full = helper.store("three.example", "me", &big);
    full.assert_code(1)
        .assert_stdout_contains("has no room for this user's next key (at most 200 keys, 20000 bytes)");
    assert_eq!(helper.list(), json!({ "one.example": "me", "two.example": "me" }));
    // Nothing of what was there is lost.
    assert_eq!(helper.get("two.example"), pair("me", &big));
}

#[test]
fn two_dozen_writers_at_once_leave_one_login_a_server() {
    for (name, helper) in Helper::all() {
        for servers in [1, 24] {
            let children: Vec<_> = (0..24)
                .map(|number| {
                    let server = format!("h{}.example", number % servers);
                    let mut child = helper
                        .command("store")
                        .stdin(Stdio::piped())
                        .stdout(Stdio::piped())
                        .stderr(Stdio::null())
                        .spawn()
                        .unwrap();
                    let input = request(&server, &format!("u{number}"), &format!("s{number}"));
                    std::io::Write::write_all(&mut child.stdin.take().unwrap(), input.as_bytes()).unwrap();
                    child
                })
                .collect();
            for child in children {
                let output = child.wait_with_output().unwrap();
                assert!(output.status.success(), "{name}: {}", String::from_utf8_lossy(&output.stdout));
            }
            let listed = helper.list();
            let listed = listed.as_object().unwrap();
            assert_eq!(listed.len(), servers, "{name}: {listed:?}");
            for (server, user) in listed {
                let (username, secret) = helper.get(server);
                assert_eq!(Some(username.as_str()), user.as_str(), "{name}");
                assert_eq!(secret, username.replace('u', "s"), "{name}: user and secret of one writer");
                helper.ask("erase", server).success();
            }
            assert_eq!(helper.list(), json!({}), "{name}");
        }
    }
}

#[test]
fn killed_at_any_moment_a_store_leaves_the_old_login_or_the_new() {
    for (name, helper) in Helper::all() {
        helper.store("ghcr.io", "old", "old-secret").success();
        for microseconds in (0..12_000).step_by(400) {
            let mut child = helper
                .command("store")
                .stdin(Stdio::piped())
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .spawn()
                .unwrap();
            let input = request("https://ghcr.io", "new", "new-secret");
            std::io::Write::write_all(&mut child.stdin.take().unwrap(), input.as_bytes()).unwrap();
            std::thread::sleep(Duration::from_micros(microseconds));
            child.kill().unwrap();
            child.wait().unwrap();

            let found = helper.get("ghcr.io");
            let expected = [pair("old", "old-secret"), pair("new", "new-secret")];
            assert!(expected.contains(&found), "{name} after {microseconds} µs: {found:?}");
            assert_eq!(helper.get("ghcr.io"), found, "{name}: the same answer again");
            helper.store("ghcr.io", "old", "old-secret").success();
            assert_eq!(helper.list(), json!({ "ghcr.io": "old" }), "{name} after {microseconds} µs");
        }
    }
}

#[test]
fn a_locked_keyring_is_never_taken_for_an_empty_one() {
    let mut helper = Helper::on_secret_service();
    helper.store("https://ghcr.io", "me", PASSWORD).success();
    for fresh in [false, true] {
        let Keyring::SecretService(service) = &mut helper.keyring else { unreachable!() };
        if fresh {
            // After a login that didn't unlock it, gnome-keyring tells only hashes of what it holds.
            service.start_keyring(false).unwrap();
        } else {
            service.lock().unwrap();
        }
        for (verb, input) in [
            ("get", "https://ghcr.io"),
            ("get", "ghcr.io"),
            ("get", "ghcr.io/team"),
            ("erase", "ghcr.io"),
            ("store", &request("quay.io", "me", PASSWORD)),
        ] {
            let started = Instant::now();
            let refused = helper.ask(verb, input);
            refused.assert_code(1).assert_stdout_contains("the keyring is locked; unlock it by");
            assert_eq!(refused.stdout.lines().count(), 1, "{}", refused.stdout);
            assert!(started.elapsed() < Duration::from_secs(5), "{verb} waited for somebody");
            assert_no_secret(PASSWORD, &[&refused]);
        }
        // A public pull goes on at once.
        let started = Instant::now();
        assert_eq!(helper.ask("get", "quay.io").stdout, NOT_FOUND);
        assert!(started.elapsed() < Duration::from_secs(2), "an absent key took {:?}", started.elapsed());
        helper.ask("erase", "quay.io").success();
    }
    // A list that can't be had whole is an error.
    helper.ask("list", "").assert_code(1).assert_stdout_contains("the keyring is locked");
    let Keyring::SecretService(service) = &mut helper.keyring else { unreachable!() };
    service.start_keyring(true).unwrap();
    assert_eq!(helper.get("ghcr.io"), pair("me", PASSWORD));
}

#[test]
fn without_a_bus_or_a_service_the_reason_and_the_remedy_are_one_line() {
    let mut sandbox = Sandbox::without_cluster();
    sandbox.set("REGCRED_STORE", "secret-service");
    let refused = |sandbox: &Sandbox, reason: &str| {
        let output = sandbox.run_with_stdin(HELPER, ["get"], b"ghcr.io");
        output.assert_code(1).assert_stdout_contains(reason).assert_stdout_contains("REGCRED_STORE=keyutils");
        assert_eq!(output.stdout.lines().count(), 1, "{}", output.stdout);
    };
    refused(
        &sandbox,
        "DBUS_SESSION_BUS_ADDRESS is not set, so there is no Secret Service; log in to a desktop session",
    );
    sandbox.set("DBUS_SESSION_BUS_ADDRESS", "unix:path=/nonexistent/bus");
    refused(&sandbox, "the session bus can't be reached");
    sandbox.set("DBUS_SESSION_BUS_ADDRESS", "nonsense");
    refused(&sandbox, "the session bus can't be reached");

    let service = SecretService::start_bus(&sandbox.home(), &sandbox.root().join("run")).unwrap();
    for (name, value) in service.variables() {
        sandbox.set(name, value);
    }
    refused(&sandbox, "no Secret Service answers on the session bus; start one");
}

#[test]
fn a_bus_without_a_secret_service_leads_to_the_kernels_keyring_and_one_that_hangs_does_not() {
    let mut sandbox = Sandbox::without_cluster();
    let mut service = SecretService::start_bus(&sandbox.home(), &sandbox.root().join("run")).unwrap();
    for (name, value) in service.variables() {
        sandbox.set(name, value);
    }
    let kernel = KernelKeyring::of_root();
    let stored = kernel.run(&sandbox, HELPER, ["store"], request("ghcr.io", "me", PASSWORD).as_bytes());
    stored.success();
    stored.assert_stderr_contains("no Secret Service answers on the session bus");

    service.start_keyring(true).unwrap();
    // Reads look in the chosen keyring only, and now that is another one.
    assert_eq!(kernel.run(&sandbox, HELPER, ["get"], b"ghcr.io").stdout, NOT_FOUND);

    service.freeze().unwrap();
    let started = Instant::now();
    let hanging = kernel.run(&sandbox, HELPER, ["get"], b"ghcr.io");
    hanging.assert_code(1).assert_stdout_contains("the Secret Service did not answer for 10 s");
    assert!(started.elapsed() < Duration::from_secs(15));
    service.thaw().unwrap();
    assert_eq!(kernel.run(&sandbox, HELPER, ["get"], b"ghcr.io").stdout, NOT_FOUND);
}

#[test]
fn a_service_that_dies_in_mid_call_is_named() {
    let mut helper = Helper::on_secret_service();
    helper.store("ghcr.io", "me", PASSWORD).success();
    let mut child = {
        let Keyring::SecretService(service) = &helper.keyring else { unreachable!() };
        service.freeze().unwrap();
        helper.command("get").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap()
    };
    std::io::Write::write_all(&mut child.stdin.take().unwrap(), b"ghcr.io").unwrap();
    std::thread::sleep(Duration::from_millis(200));
    let Keyring::SecretService(service) = &mut helper.keyring else { unreachable!() };
    service.kill_keyring();
    let output = child.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("the Secret Service went away while it was asked; see that it runs"), "{said}");
}

#[test]
fn what_chooses_the_keyring_is_checked_before_anything_is_done() {
    let mut sandbox = Sandbox::without_cluster();
    let config = sandbox.write(".config/regcred/config.toml", "store = \"plaintext\"\n");
    let refused = sandbox.run_with_stdin(HELPER, ["store"], request("ghcr.io", "me", PASSWORD).as_bytes());
    refused
        .assert_code(1)
        .assert_stdout_contains("config.toml\", line 1, column 9: no keyring is called \"plaintext\"");
    assert_no_secret(PASSWORD, &[&refused]);
    std::fs::write(&config, "store = \"keychain\"\n").unwrap();
    sandbox
        .run(HELPER, ["list"])
        .assert_code(1)
        .assert_stdout_contains("is not of this system; it has: secret-service, keyutils");
    sandbox.set("REGCRED_STORE", "none");
    sandbox
        .run(HELPER, ["list"])
        .assert_code(1)
        .assert_stdout_contains("REGCRED_STORE: no keyring is called \"none\"");
    // Neither needs a keyring.
    sandbox.run(HELPER, ["version"]).success().assert_stdout_contains("docker-credential-regcred 0.");
    sandbox.run(HELPER, ["--help"]).success().assert_stdout_contains("Usage: docker-credential-regcred");
}

#[test]
fn senseless_lines_are_refused_in_the_words_of_the_peers() {
    let sandbox = Sandbox::without_cluster();
    let refused = |arguments: &[&str], message: &str| {
        sandbox.run(HELPER, arguments).assert_code(1).assert_stdout_contains(message);
    };
    refused(&["frobnicate"], "docker-credential-regcred: unknown action: frobnicate\n");
    refused(&["\u{1b}]0;x\u{7}"], "unknown action: \\u{1b}]0;x\\u{7}\n");
    refused(&["get", "ghcr.io"], "\"get\" takes no arguments: its input is standard input");
    refused(&[], "name one action");
}

#[test]
fn closed_streams_end_it_quietly() {
    let helper = Helper::on_secret_service();
    helper.store("ghcr.io", "me", PASSWORD).success();
    let path = helper.sandbox.find(HELPER);
    for (redirection, code) in
        [("get <&-", 1), ("store <&-", 1), ("get >/dev/full <input", 1), ("list >/dev/full", 1)]
    {
        helper.sandbox.write("input", "ghcr.io");
        let line = format!("exec {} {redirection}", path.display());
        let output = helper.sandbox.run("sh", ["-c", &line]);
        output.assert_code(code);
        assert!(!output.stderr.contains("panicked"), "{}", output.stderr);
        assert_no_secret(PASSWORD, &[&output]);
    }
}

/// dbus-daemon's built-in limit of calls under way is 128, and Debian's settings raise it.
#[test]
fn more_logins_than_a_bus_takes_calls_at_once_are_listed_and_replaced() {
    let helper = Helper::on_secret_service();
    for number in 0..140 {
        helper.store(&format!("h{number}.example"), "me", "s").success();
    }
    assert_eq!(helper.list().as_object().unwrap().len(), 140);
    assert_eq!(helper.ask("get", "absent.example").stdout, NOT_FOUND);
}

#[test]
fn a_locked_keyring_is_unlocked_as_its_message_says() {
    let helper = Helper::on_secret_service();
    helper.store("ghcr.io", "me", PASSWORD).success();
    let Keyring::SecretService(service) = &helper.keyring else { panic!("it is on the Secret Service") };
    service.lock().unwrap();
    let refused = helper.ask("get", "ghcr.io");
    let command = "gnome-keyring-daemon --replace --unlock";
    refused.assert_code(1).assert_stdout_contains(&format!("`{command}`"));
    // It goes on in the background, and would keep our pipes open.
    let script = format!("{command} --components=secrets >/dev/null 2>&1");
    helper.sandbox.run_with_stdin("sh", ["-c", &script], KEYRING_PASSWORD.as_bytes()).success();
    let deadline = Instant::now() + Duration::from_secs(10);
    while helper.ask("get", "ghcr.io").code != Some(0) {
        assert!(Instant::now() < deadline, "it stays locked");
        std::thread::sleep(Duration::from_millis(50));
    }
    assert_eq!(helper.get("ghcr.io"), pair("me", PASSWORD));
}
