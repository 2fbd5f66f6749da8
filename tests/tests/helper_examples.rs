//! The examples in every `--help` of docker-credential-regcred, run exactly as printed, by a shell.

#![cfg(test)]

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use regcred_tests::leak::assert_no_secret;
use regcred_tests::sandbox::Sandbox;
use regcred_tests::secret_service;
use serde_json::json;
use xtask::pass_store::PassStore;

const HELPER: &str = "docker-credential-regcred";
const PASSWORD: &str = "s3cret-of-the-robot";

/// The indented lines below a heading, to the next line that is not.
fn below<'a>(help: &'a str, heading: &str) -> Vec<&'a str> {
    let lines = help.lines().skip_while(|line| *line != heading).skip(1);
    lines.take_while(|line| line.is_empty() || line.starts_with("  ")).map(str::trim).collect()
}

/// A home with a plaintext login, and with another helper's if need be: to make its key takes a second.
fn home(with_pass: bool) -> (Sandbox, impl Sized) {
    let mut sandbox = Sandbox::without_cluster();
    let service = secret_service::start(&mut sandbox);
    let pass = with_pass.then(|| {
        let pass = PassStore::create(&sandbox.home()).unwrap();
        pass.store("quay.io", "me", PASSWORD).unwrap();
        pass
    });
    let auth = STANDARD.encode(format!("me:{PASSWORD}"));
    sandbox.write(".docker/config.json", json!({ "auths": { "ghcr.io": { "auth": auth } } }).to_string());
    (sandbox, (service, pass))
}

#[test]
fn every_example_of_every_command_runs_as_printed() {
    let main = Sandbox::without_cluster().run(HELPER, ["--help"]);
    let commands = below(&main.success().stdout, "Commands, each with a --help of its own:");
    let commands: Vec<&str> =
        commands.into_iter().filter_map(|line| Some(line.split_once("  ")?.0)).collect();
    assert_eq!(commands, ["configure", "migrate", "doctor", "login", "logout", "config show"]);
    for command in commands {
        let help = Sandbox::without_cluster().run(HELPER, command.split(' ').chain(["--help"]));
        let examples = below(&help.success().stdout, "Examples:");
        assert!(examples.iter().any(|line| line.contains(HELPER)), "{command} has no examples");
        let (sandbox, _keyrings) = home(command == "migrate");
        // `doctor` may find something to complain about.
        let codes: &[Option<i32>] = if command == "doctor" { &[Some(0), Some(3)] } else { &[Some(0)] };
        if command == "migrate" {
            // Its first examples come after `configure`.
            sandbox.run(HELPER, ["configure"]).success();
        }
        // A variable of the shell alone: the programs that the example starts don't get it.
        let script = format!("set -e -o pipefail\nread -r PASSWORD\n{}", examples.join("\n"));
        let output = sandbox.run_with_stdin("bash", ["-c", &script], format!("{PASSWORD}\n").as_bytes());
        assert!(codes.contains(&output.code), "an example of {command}: {}", output.stderr);
        assert_no_secret(PASSWORD, &[&output]);
    }
}

#[test]
fn from_plaintext_to_the_keyring_as_the_main_help_says() {
    let (sandbox, _keyrings) = home(false);
    let help = sandbox.run(HELPER, ["--help"]);
    let script = below(&help.success().stdout, "From plaintext to the keyring:").join("\n");
    assert_eq!(script.lines().filter(|line| !line.is_empty()).count(), 2);
    let output = sandbox.run("bash", ["-e", "-c", &script]);
    output.success();
    let list = sandbox.run(HELPER, ["list"]);
    assert_eq!(list.success().json(), json!({ "ghcr.io": "me" }));
    assert_no_secret(PASSWORD, &[&output]);
}
