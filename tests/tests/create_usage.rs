//! What `kubectl regcred create` refuses before it does anything, and how it says so.

use regcred_tests::leak::{Folder, assert_no_secret};
use regcred_tests::output::Output;
use regcred_tests::sandbox::Sandbox;

const PASSWORD: &str = "hunter2 pa<ss";

fn create(args: &[&str]) -> Output {
    let sandbox = Sandbox::without_cluster();
    let output =
        sandbox.run_with_stdin("kubectl-regcred", ["create"].iter().chain(args), PASSWORD.as_bytes());
    assert_no_secret(PASSWORD, &[&Folder::new(sandbox.root())]);
    if !args.iter().any(|arg| arg.contains(PASSWORD)) {
        assert_no_secret(PASSWORD, &[&output]);
    }
    output
}

/// Refused as wrong usage, with nothing on stdout.
#[track_caller]
fn refused(args: &[&str], said: &[&str]) {
    let output = create(args);
    output.assert_code(2).assert_stderr_contains("error: ");
    for said in said {
        output.assert_stderr_contains(said);
    }
    assert_eq!(output.stdout, "");
}

const LOGIN: [&str; 3] = ["regcred", "--docker-username=u", "--password-stdin"];

fn with(more: &[&'static str]) -> Vec<&'static str> {
    LOGIN.iter().chain(more).copied().collect()
}

#[test]
fn an_invalid_name_is_refused() {
    for name in ["Bad_Name", "a..b", "ends-", "ü", &"x".repeat(254)] {
        refused(
            &[name, "--docker-username=u", "--password-stdin"],
            &["is not a valid Secret name", "lower-case"],
        );
    }
    let long = "x".repeat(250);
    refused(
        &[&long, "--docker-username=u", "--password-stdin", "--append-hash"],
        &["with the hash appended", "hint: choose a shorter name"],
    );
}

#[test]
fn exactly_one_name_is_asked_for_and_none_is_echoed() {
    refused(&["--docker-username=u", "--password-stdin"], &["exactly one NAME is required, got 0"]);
    let output = create(&["regcred", "--docker-username=u", PASSWORD]);
    output.assert_code(2).assert_stderr_contains("exactly one NAME is required, got 2");
    assert_no_secret(PASSWORD, &[&output.stderr, &output.stdout]);
}

#[test]
fn exactly_one_source_is_asked_for() {
    let sources = ["give exactly one source", "--password-stdin", "--from-docker-config", "--from-file"];
    refused(&["regcred"], &[&["no source of credentials is given"], &sources[..]].concat());
    let several = [&["several sources are given"], &sources[..]].concat();
    refused(&with(&["--from-docker-config"]), &several);
    refused(&with(&["--from-file=x"]), &several);
    refused(&["regcred", "--from-docker-config", "--from-file=x"], &several);
    refused(&["regcred", "--from-docker-config", "--docker-server=ghcr.io"], &several);
    refused(
        &with(&["--registry=ghcr.io"]),
        &["--registry goes with --from-docker-config, --from-keyring or --from-secret"],
    );
}

#[test]
fn half_a_login_is_refused() {
    refused(&["regcred", "--docker-username=u"], &["no password is given", "--password-stdin"]);
    refused(&["regcred", "--password-stdin"], &["no user name is given", "--docker-username"]);
    refused(&["regcred", "--docker-username=", "--password-stdin"], &["no user name is given"]);
    refused(&with(&["--docker-password=x"]), &["both --docker-password and --password-stdin"]);
}

#[test]
fn an_empty_password_is_refused() {
    refused(&["regcred", "--docker-username=u", "--docker-password="], &["the password for", "is empty"]);
    let sandbox = Sandbox::without_cluster();
    for nothing in ["", "\n", "\r\n"] {
        let args = ["create"].iter().chain(&LOGIN);
        let output = sandbox.run_with_stdin("kubectl-regcred", args, nothing.as_bytes());
        output
            .assert_code(2)
            .assert_stderr_contains("is empty")
            .assert_stderr_contains("hint: check the program");
    }
}

#[test]
fn a_password_that_is_no_text_is_refused() {
    let sandbox = Sandbox::without_cluster();
    let run =
        |stdin: &[u8]| sandbox.run_with_stdin("kubectl-regcred", ["create"].iter().chain(&LOGIN), stdin);
    run(b"ab\xff").assert_code(2).assert_stderr_contains("the password is not UTF-8 (byte 3)");
    run(&vec![b'x'; 1_100_000]).assert_code(2).assert_stderr_contains("more than 1 MiB");
}

#[test]
fn a_user_name_with_a_colon_is_refused() {
    refused(
        &["regcred", "--docker-username=a:b", "--password-stdin"],
        &["the user name \"a:b\"", "contains a `:`", "hint: "],
    );
}

#[test]
fn a_server_that_is_surely_wrong_is_refused() {
    for server in ["", "a b", "<script>", "a\"b", "a\u{1b}[2J"] {
        let output =
            create(&["regcred", "--docker-username=u", "--password-stdin", "--docker-server", server]);
        output.assert_code(2).assert_stderr_contains("--docker-server").assert_stderr_contains("hint: ");
        assert!(!output.stderr.contains('\u{1b}'), "{:?}", output.stderr);
    }
    refused(&["regcred", "--from-docker-config", "--registry=a b"], &["--registry \"a b\""]);
}

#[test]
fn metadata_that_kubernetes_would_refuse_is_refused() {
    refused(&with(&["--label=a"]), &["--label \"a\" is not KEY=VALUE"]);
    refused(&with(&["--label=a b=c"]), &["\"a b\" is not a valid label key"]);
    refused(&with(&["--label=a=b c"]), &["\"b c\" is not a valid label value"]);
    refused(&with(&["--annotation=a b=c"]), &["\"a b\" is not a valid annotation key"]);
    refused(&with(&["-n", "Not_A_Namespace"]), &["\"Not_A_Namespace\" is not a valid namespace"]);
    refused(&with(&["--expires-in=1h", "--expires-at=2030-01-01T00:00:00Z"]), &["cannot be used with"]);
    refused(&with(&["--expires-at=tomorrow"]), &["tomorrow"]);
    refused(&with(&["--expires-at=2020-01-01T00:00:00Z"]), &["has passed already"]);
    refused(&with(&["--expires-in=soon"]), &["soon"]);
    refused(&with(&["--dry-run=maybe"]), &["[possible values: none, client, server]"]);
    refused(&with(&["-o", "xml"]), &["[possible values: json, yaml, name]"]);
}

#[test]
fn a_mistyped_flag_does_not_show_its_value() {
    for args in [
        vec!["regcred", "--docker-pasword=hunter2 pa<ss"],
        vec!["regcred", "--docker-pasword", "hunter2 pa<ss"],
    ] {
        let output = create(&args);
        output.assert_code(2).assert_stderr_contains("--docker-pasword");
        assert_no_secret(PASSWORD, &[&output.stderr, &output.stdout]);
    }
}

#[test]
fn a_password_in_the_wrong_place_is_not_echoed() {
    for args in [
        vec!["regcred", "--docker-username=u", "--password-stdin=hunter2 pa<ss"],
        vec![
            "regcred",
            "--docker-username=u",
            "--password-stdin",
            "--docker-server=https://u:hunter2 pa<ss@r.io",
        ],
        vec!["regcred", "--from-docker-config", "--registry=https://u:hunter2 pa<ss@r.io"],
    ] {
        let output = create(&args);
        output.assert_code(2);
        assert_no_secret(PASSWORD, &[&output.stderr, &output.stdout]);
    }
}

#[test]
fn a_file_that_cannot_be_read_is_named() {
    let sandbox = Sandbox::without_cluster();
    let run =
        |args: &[&str]| sandbox.kubectl_regcred(["create", "regcred", "--dry-run=client"].iter().chain(args));
    let missing = "can't read \"none.json\": No such file or directory";
    run(&["--from-file=none.json"]).assert_code(4).assert_stderr_contains(missing);
    run(&["--from-docker-config=none.json"]).assert_code(4).assert_stderr_contains(missing);
    run(&["--from-file=/"]).assert_code(1).assert_stderr_contains("can't read \"/\": Is a directory");
    run(&["--from-file=a=b=c"]).assert_code(2).assert_stderr_contains("is neither PATH nor KEY=PATH");
    sandbox.write("ok.json", "{\"auths\":{\"r\":{\"auth\":\"dTpw\"}}}");
    run(&["--from-file=ok.json", "--from-file=ok.json"]).assert_code(2).assert_stderr_contains("twice");
    run(&["--from-file=a b=ok.json"]).assert_code(2).assert_stderr_contains("is not a valid key");
    run(&["--from-file=ok.json,extra=ok.json"]).success();
    sandbox.write("bad.json", format!("{{\"auths\":\n \"{PASSWORD}"));
    let output = run(&["--from-file=bad.json"]);
    output.assert_code(1).assert_stderr_contains("line 2, column 16").assert_stderr_contains("bad.json");
    assert_no_secret(PASSWORD, &[&output]);
}

#[test]
fn without_a_kubeconfig_it_says_where_it_looked() {
    let sandbox = Sandbox::without_cluster();
    let run = |args: &[&str]| {
        sandbox.run_with_stdin(
            "kubectl-regcred",
            ["create"].iter().chain(&LOGIN).chain(args),
            PASSWORD.as_bytes(),
        )
    };
    let output = run(&[]);
    output
        .assert_code(6)
        .assert_stderr_contains("there is no kubeconfig: looked for")
        .assert_stderr_contains(".kube/config")
        .assert_stderr_contains("--dry-run=client");
    assert_no_secret(PASSWORD, &[&output]);
    run(&["--kubeconfig=none"]).assert_code(4).assert_stderr_contains("there is no kubeconfig \"none\"");
    // The client dry run needs none.
    run(&["--dry-run=client"]).success();
    sandbox.write("broken", format!("clusters: [\n  token: {PASSWORD}: }}"));
    let output = run(&["--kubeconfig=broken"]);
    output.assert_code(6).assert_stderr_contains("\"broken\": the kubeconfig is not valid (line ");
    assert_no_secret(PASSWORD, &[&output]);
    sandbox.write("empty", "");
    run(&["--kubeconfig=empty"]).assert_stderr_contains("no current context");
}

#[test]
fn version_prints_a_line_or_an_object() {
    let sandbox = Sandbox::without_cluster();
    let output = sandbox.kubectl_regcred(["version"]);
    output.success().assert_stdout_contains(concat!("kubectl-regcred v", env!("CARGO_PKG_VERSION"), " ("));
    let object = sandbox.kubectl_regcred(["version", "-o", "json"]).success().json();
    assert_eq!(object["version"], concat!("v", env!("CARGO_PKG_VERSION")));
    assert_eq!(object["kind"], "Version");
    let yaml = sandbox.kubectl_regcred(["version", "-o", "yaml"]);
    yaml.success().assert_stdout_contains("version: v");
    sandbox.kubectl_regcred(["--help"]).success().assert_stdout_contains("create");
    sandbox.kubectl_regcred(["create", "--help"]).success().assert_stdout_contains("Exit codes:");
    sandbox.kubectl_regcred(Vec::<&str>::new()).assert_code(2);
    sandbox.kubectl_regcred(["nope"]).assert_code(2).assert_stderr_contains("nope");
}

#[test]
fn a_closed_pipe_is_no_failure() {
    let sandbox = Sandbox::without_cluster();
    let line = "yes hunter2 | head -1 | kubectl-regcred create a --docker-username=u --password-stdin \
                --dry-run=client -o json | true; exit \"${PIPESTATUS[2]}\"";
    sandbox.run("bash", ["-c", line]).success();
}

#[test]
fn nothing_is_coloured_in_a_pipe() {
    let output = create(&["regcred", "--no-such-flag"]);
    output.assert_code(2);
    assert!(!output.stderr.contains('\u{1b}'), "{:?}", output.stderr);
    assert_eq!(output.raw_stderr.last().copied().unwrap(), b'\n');
}

#[test]
fn of_a_flag_that_is_given_twice_the_last_one_counts_as_with_kubectl() {
    let sandbox = Sandbox::without_cluster();
    let line = ["create", "regcred", "--password-stdin", "--dry-run=client", "-o", "name", "-o", "json"];
    let twice = [&line[..], &["--docker-username=me", "--docker-username=you"]].concat();
    let created = sandbox.run_with_stdin("kubectl-regcred", twice, b"p");
    created.success();
    let data = created.json()["data"][".dockerconfigjson"].as_str().unwrap().to_owned();
    let config = base64::Engine::decode(&base64::engine::general_purpose::STANDARD, data).unwrap();
    assert!(String::from_utf8(config).unwrap().contains("\"username\":\"you\""));
}

#[test]
fn a_line_that_makes_no_sense_is_quoted_without_what_moves_the_cursor() {
    let sandbox = Sandbox::without_cluster();
    let refused = sandbox.kubectl_regcred(["create", "--no\u{1b}[2Jsuch"]);
    refused.assert_code(2);
    assert!(!refused.stderr.contains('\u{1b}'), "{:?}", refused.stderr);
}
