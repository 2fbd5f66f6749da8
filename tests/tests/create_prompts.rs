//! What `kubectl regcred create` asks a person at a terminal.

#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use regcred_tests::sandbox::Sandbox;
use rexpect::session::{PtySession, spawn_command};
use serde_json::Value;

const PASSWORD: &str = "hunter2-<only>-typed";

/// A shell in a pseudo-terminal that runs the plugin and then tells the exit code and how the terminal is set.
fn terminal(sandbox: &Sandbox, args: &str) -> PtySession {
    let script = format!(
        "stty echo; kubectl-regcred create regcred {args} >out; echo \"code=$?\"; stty -a; echo done"
    );
    spawn_command(sandbox.command("bash", ["-c", &script]), Some(20_000)).unwrap()
}

/// What the terminal showed to its end; the password is never among it.
fn rest(mut session: PtySession) -> String {
    let shown = session.exp_string("done").unwrap();
    assert!(!shown.contains(PASSWORD), "{shown}");
    shown
}

fn is_sane(shown: &str) -> bool {
    let settings: Vec<_> = shown.split([' ', ';', '\r', '\n']).collect();
    ["echo", "icanon", "isig"].iter().all(|setting| settings.contains(setting))
}

fn login(sandbox: &Sandbox) -> Value {
    let object: Value = serde_json::from_slice(&std::fs::read(sandbox.home().join("out")).unwrap()).unwrap();
    let data = STANDARD.decode(object["data"][".dockerconfigjson"].as_str().unwrap()).unwrap();
    serde_json::from_slice::<Value>(&data).unwrap()["auths"].clone()
}

#[test]
fn what_is_missing_is_asked_for_and_the_password_is_not_shown() {
    let sandbox = Sandbox::without_cluster();
    let mut session = terminal(&sandbox, "--dry-run=client -o json");
    session.exp_string("Registry").unwrap();
    session.send_line("ghcr.io").unwrap();
    session.exp_string("User name at \"ghcr.io\"").unwrap();
    session.send_line("me").unwrap();
    session.exp_string("Password of \"me\" at \"ghcr.io\"").unwrap();
    session.send_line(PASSWORD).unwrap();
    let shown = rest(session);
    assert!(shown.contains("code=0") && is_sane(&shown), "{shown}");
    assert_eq!(login(&sandbox)["ghcr.io"]["username"], "me");
    assert_eq!(login(&sandbox)["ghcr.io"]["password"], PASSWORD);
}

#[test]
fn an_empty_answer_means_docker_hub() {
    let sandbox = Sandbox::without_cluster();
    let mut session = terminal(&sandbox, "--dry-run=client -o json");
    session.exp_string("[https://index.docker.io/v1/]").unwrap();
    session.send_line("").unwrap();
    session.exp_string("User name").unwrap();
    session.send_line("me").unwrap();
    session.exp_string("Password").unwrap();
    session.send_line(PASSWORD).unwrap();
    assert!(rest(session).contains("code=0"));
    assert_eq!(login(&sandbox)["https://index.docker.io/v1/"]["password"], PASSWORD);
}

#[test]
fn only_the_password_is_asked_for_if_the_rest_is_given() {
    let sandbox = Sandbox::without_cluster();
    let mut session = terminal(&sandbox, "--docker-username=me --dry-run=client -o json");
    let before = session.exp_string("Password of \"me\"").unwrap();
    assert!(!before.contains("Registry") && !before.contains("User name"), "{before}");
    session.send_line(PASSWORD).unwrap();
    assert!(rest(session).contains("code=0"));
    assert_eq!(login(&sandbox)["https://index.docker.io/v1/"]["username"], "me");
}

#[test]
fn ctrl_c_leaves_the_terminal_sane_and_is_130() {
    for question in ["Registry", "User name", "Password"] {
        let sandbox = Sandbox::without_cluster();
        let flags = match question {
            "Registry" => "",
            "User name" => "--docker-server=ghcr.io",
            _ => "--docker-server=ghcr.io --docker-username=me",
        };
        let mut session = terminal(&sandbox, &format!("{flags} --dry-run=client -o json"));
        session.exp_string(question).unwrap();
        session.send("half").unwrap();
        session.flush().unwrap();
        // Until what was typed has arrived, Ctrl-C could overtake it.
        std::thread::sleep(std::time::Duration::from_millis(300));
        session.send_control('c').unwrap();
        let shown = rest(session);
        assert!(shown.contains("code=130"), "{question}: {shown}");
        assert!(is_sane(&shown), "{question}: {shown}");
        assert_eq!(std::fs::read(sandbox.home().join("out")).unwrap(), b"", "nothing is written");
    }
}

#[test]
fn a_piped_password_is_never_read_from_the_terminal() {
    let sandbox = Sandbox::without_cluster();
    let session = terminal(&sandbox, "--docker-username=me --password-stdin --dry-run=client");
    let shown = rest(session);
    assert!(shown.contains("code=2") && shown.contains("standard input is a terminal"), "{shown}");
}

#[test]
fn nothing_is_asked_without_a_terminal() {
    let sandbox = Sandbox::without_cluster();
    for args in [&["create", "regcred"][..], &["create", "regcred", "--docker-username=me"]] {
        let output = sandbox.kubectl_regcred(args);
        output.assert_code(2);
        assert!(!output.stderr.contains("Password of"), "{}", output.stderr);
    }
}
