//! What `kubectl regcred create` asks a person at a terminal.

#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use regcred_tests::leak::assert_no_secret;
use regcred_tests::sandbox::Sandbox;
use regcred_tests::terminal::{Terminal, is_sane};
use serde_json::Value;

const PASSWORD: &str = "hunter2-<only>-typed";

/// The command at a terminal.
fn create(args: &str) -> String {
    format!("kubectl-regcred create regcred {args} >out")
}

fn at_terminal(sandbox: &Sandbox, args: &str) -> Terminal {
    Terminal::run(sandbox, &create(args))
}

/// What the terminal showed to its end; the password is never among it.
fn rest(terminal: Terminal) -> String {
    let shown = terminal.end();
    assert_no_secret(PASSWORD, &[&shown]);
    shown
}

fn login(sandbox: &Sandbox) -> Value {
    let object: Value = serde_json::from_slice(&std::fs::read(sandbox.home().join("out")).unwrap()).unwrap();
    let data = STANDARD.decode(object["data"][".dockerconfigjson"].as_str().unwrap()).unwrap();
    serde_json::from_slice::<Value>(&data).unwrap()["auths"].clone()
}

#[test]
fn what_is_missing_is_asked_for_and_the_password_is_not_shown() {
    let sandbox = Sandbox::without_cluster();
    let mut terminal = at_terminal(&sandbox, "--dry-run=client -o json");
    terminal.expect("Registry");
    terminal.type_line("ghcr.io");
    terminal.expect("User name at \"ghcr.io\"");
    terminal.type_line("me");
    terminal.expect("Password of \"me\" at \"ghcr.io\"");
    terminal.type_hidden(PASSWORD);
    let shown = rest(terminal);
    assert!(shown.contains("code=0") && is_sane(&shown), "{shown}");
    assert_eq!(login(&sandbox)["ghcr.io"]["username"], "me");
    assert_eq!(login(&sandbox)["ghcr.io"]["password"], PASSWORD);
}

#[test]
fn an_empty_answer_means_docker_hub() {
    let sandbox = Sandbox::without_cluster();
    let mut terminal = at_terminal(&sandbox, "--dry-run=client -o json");
    terminal.expect("[https://index.docker.io/v1/]");
    terminal.type_line("");
    terminal.expect("User name");
    terminal.type_line("me");
    terminal.expect("Password");
    terminal.type_hidden(PASSWORD);
    assert!(rest(terminal).contains("code=0"));
    assert_eq!(login(&sandbox)["https://index.docker.io/v1/"]["password"], PASSWORD);
}

#[test]
fn only_the_password_is_asked_for_if_the_rest_is_given() {
    let sandbox = Sandbox::without_cluster();
    let mut terminal = at_terminal(&sandbox, "--docker-username=me --dry-run=client -o json");
    let before = terminal.expect("Password of \"me\"");
    assert!(!before.contains("Registry") && !before.contains("User name"), "{before}");
    terminal.type_hidden(PASSWORD);
    assert!(rest(terminal).contains("code=0"));
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
        let mut terminal = at_terminal(&sandbox, &format!("{flags} --dry-run=client -o json"));
        terminal.expect(question);
        terminal.press("half");
        // Until what was typed has arrived, Ctrl-C could overtake it.
        std::thread::sleep(std::time::Duration::from_millis(300));
        terminal.press("\u{3}");
        let shown = rest(terminal);
        assert!(shown.contains("code=130"), "{question}: {shown}");
        assert!(is_sane(&shown), "{question}: {shown}");
        assert_eq!(std::fs::read(sandbox.home().join("out")).unwrap(), b"", "nothing is written");
    }
}

#[test]
fn what_was_typed_before_the_question_is_not_the_password() {
    let sandbox = Sandbox::without_cluster();
    let given = "--docker-server=ghcr.io --docker-username=me --dry-run=client -o json";
    let mut terminal = Terminal::run_after_typing(&sandbox, "seen by all\n", &create(given));
    terminal.expect("Password of \"me\" at \"ghcr.io\": ");
    terminal.type_hidden(PASSWORD);
    assert!(rest(terminal).contains("code=0"));
    assert_eq!(login(&sandbox)["ghcr.io"]["password"], PASSWORD);
}

#[test]
fn a_piped_password_is_never_read_from_the_terminal() {
    let sandbox = Sandbox::without_cluster();
    let terminal = at_terminal(&sandbox, "--docker-username=me --password-stdin --dry-run=client");
    let shown = rest(terminal);
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
