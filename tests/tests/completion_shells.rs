//! The scripts of `completion`, in the real shells. (PowerShell can't be had from Debian, and is not tried.)

#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

use regcred_tests::sandbox::Sandbox;
use rexpect::session::spawn_command;
use serde_json::json;

/// A sandbox with the script for `shell`, and a kubeconfig with names that shells find hard.
fn sandbox(shell: &str) -> Sandbox {
    let mut sandbox = Sandbox::without_cluster();
    let script = sandbox.kubectl_regcred(["completion", shell]);
    sandbox.write("script", &script.success().stdout);
    let context = |name: &str| json!({"name": name, "context": {"cluster": "c", "user": "u"}});
    let contexts = ["kind-a", "arn:aws:eks:eu:1:cluster/alpha", "arn:aws:eks:eu:1:cluster/beta"].map(context);
    let path = sandbox.write("kubeconfig", json!({"contexts": contexts}).to_string());
    sandbox.use_kubeconfig(&path);
    sandbox.write("files/secret.yaml", "");
    sandbox
}

/// What bash makes of a line, as programmable completion calls it: each choice on a line, and the options that
/// were set.
fn bash(line: &str) -> String {
    let test = r#"
        source ./script
        compopt() { echo "$@"; }
        line=$1
        COMP_LINE=$line COMP_POINT=${#line}
        _kubectl_regcred kubectl-regcred
        printf '%s\n' "${COMPREPLY[@]}"
    "#;
    let output = sandbox("bash").run("bash", ["--norc", "-u", "-c", test, "bash", line]);
    assert_eq!(output.success().stderr, "");
    output.stdout.clone()
}

#[test]
fn bash_gets_choices_that_fit_behind_its_word_breaks() {
    assert_eq!(bash("kubectl-regcred ver"), "version\n");
    assert_eq!(bash("kubectl-regcred create --dry-run c"), "client\n");
    assert_eq!(bash("kubectl-regcred create --dry-run=c"), "client\n");
    assert_eq!(bash("kubectl-regcred lint --context="), bash("kubectl-regcred lint --context "));
    assert_eq!(bash("kubectl-regcred lint --context=kind"), "kind-a\n");
    // It puts the choice behind the last colon.
    assert_eq!(bash("kubectl-regcred lint --context arn:aws:eks:eu:1:cl"), "cluster/alpha\ncluster/beta\n");
    assert_eq!(bash("kubectl-regcred lint --context=arn:aws:eks:eu:1:cl"), "cluster/alpha\ncluster/beta\n");
    assert_eq!(bash("kubectl-regcred lint -f "), "-o default\n\n");
    assert!(bash("kubectl-regcred ").contains("create\n"));
}

/// Types the line into an interactive shell, then a tab and Enter, and waits for what it should print.
fn type_into(shell: &str, arguments: &[&str], setup: &str, line: &str, expected: &str) {
    let mut sandbox = sandbox(shell);
    sandbox.set("TERM", "dumb");
    sandbox.set("PS1", "> ");
    let mut session = spawn_command(sandbox.command(shell, arguments), Some(20_000)).unwrap();
    session.send_line(&format!("{setup}; echo rea''dy")).unwrap();
    session.exp_string("ready").unwrap();
    session.send(line).unwrap();
    session.send("\t").unwrap();
    session.send_line("").unwrap();
    let shown = session.exp_string(expected);
    assert!(shown.is_ok(), "{shown:?}");
    session.send_control('d').unwrap();
}

#[test]
fn bash_completes_what_a_person_types() {
    for (line, expected) in [
        ("kubectl-regcred vers", "kubectl-regcred v0."),
        ("kubectl-regcred lint --context=kin", "the kubeconfig has no cluster \"c\""),
        ("kubectl-regcred lint --context=arn:aws:eks:eu:1:cluster/b", "the kubeconfig has no cluster \"c\""),
        ("kubectl-regcred lint -f files/sec", "looked at"),
    ] {
        type_into("bash", &["--norc", "--noprofile", "-i"], "source ./script", line, expected);
    }
}

#[test]
fn zsh_completes_what_a_person_types() {
    let setup = "autoload -Uz compinit; compinit -u -d ~/.zcompdump; source ./script";
    for (line, expected) in [
        ("kubectl-regcred vers", "kubectl-regcred v0."),
        ("kubectl-regcred lint --context=kin", "the kubeconfig has no cluster \"c\""),
        ("kubectl-regcred lint --context arn:aws:eks:eu:1:cluster/b", "the kubeconfig has no cluster \"c\""),
        ("kubectl-regcred lint -f files/sec", "looked at"),
    ] {
        type_into("zsh", &["-f", "-i"], setup, line, expected);
    }
}

#[test]
fn zsh_loads_the_script_as_a_function_of_its_path() {
    let sandbox = sandbox("zsh");
    sandbox.write("functions/_kubectl-regcred", std::fs::read(sandbox.home().join("script")).unwrap());
    let test = "fpath=(~/functions $fpath); autoload -Uz compinit; compinit -u -d ~/.zcompdump; print $_comps[kubectl-regcred]";
    let output = sandbox.run("zsh", ["-f", "-c", test]);
    assert_eq!(output.success().stdout, "_kubectl-regcred\n");
}

#[test]
fn fish_gets_choices_with_their_flags_and_descriptions() {
    let fish = |line: &str| {
        let output =
            sandbox("fish").run("fish", ["--no-config", "-c", "source ./script; complete -C $argv[1]", line]);
        assert_eq!(output.success().stderr, "", "{line}");
        output.stdout.clone()
    };
    assert_eq!(fish("kubectl-regcred ver"), "version\tPrint the version of this program\n");
    assert_eq!(fish("kubectl-regcred create --dry-run c"), "client\n");
    assert_eq!(fish("kubectl-regcred create --dry-run=c"), "--dry-run=client\n");
    assert_eq!(
        fish("kubectl-regcred lint --context=arn:aws:eks:eu:1:cluster/b"),
        "--context=arn:aws:eks:eu:1:cluster/beta\n"
    );
    assert_eq!(fish("kubectl-regcred lint -f files/"), "files/secret.yaml\n");
    assert_eq!(fish("kubectl-regcred lint --filename=files/"), "--filename=files/secret.yaml\n");
}
