//! `kubectl regcred lint`, on files and on a real cluster.

use regcred_tests::cluster;
use regcred_tests::leak::assert_no_secret;
use regcred_tests::output::Output;
use regcred_tests::sandbox::Sandbox;
use serde_json::{Value, json};

const SECRET: &str = "hunter2-hunter2";

fn lint(sandbox: &Sandbox, args: &[&str], stdin: &str) -> Output {
    let output = sandbox.run_with_stdin("kubectl-regcred", ["lint"].iter().chain(args), stdin.as_bytes());
    assert_no_secret(SECRET, &[&output]);
    output
}

/// What is found, as `namespace/secret entry: level code`.
fn findings(output: &Output) -> Vec<String> {
    let report = output.json();
    assert_eq!((&report["apiVersion"], &report["kind"]), (&json!("regcred/v1"), &json!("LintReport")));
    let text = |value: &Value| value.as_str().unwrap_or("-").to_owned();
    let findings = report["findings"].as_array().into_iter().flatten();
    findings
        .map(|f| {
            for field in ["reason", "remedy"] {
                assert!(!text(&f[field]).is_empty());
            }
            let [namespace, secret, entry, level, code] =
                ["namespace", "secret", "entry", "level", "code"].map(|field| text(&f[field]));
            format!("{namespace}/{secret} {entry}: {level} {code}")
        })
        .collect()
}

fn manifest(name: &str, config: &str) -> String {
    json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}, "type": "kubernetes.io/dockerconfigjson",
           "stringData": {".dockerconfigjson": config}})
    .to_string()
}

fn bad() -> String {
    format!("{{\"auths\":{{\"bad.io\":{{\"auth\":\"{SECRET}\"}},\"ok.io\":{{\"auth\":\"dTpw\"}}}}}}")
}

fn warned() -> String {
    format!("{{\"auths\":{{\"hub.docker.com\":{{\"username\":\"u\",\"password\":\"{SECRET}\\n\"}}}}}}")
}

#[test]
fn manifests_in_yaml_and_json_are_linted() {
    let sandbox = Sandbox::without_cluster();
    let yaml = format!(
        "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: other\n---\n{}\n---\napiVersion: v1\nkind: List\nitems:\n- {}\n",
        manifest("one", &bad()),
        manifest("two", &warned()),
    );
    let expected = [
        "-/one bad.io: fatal undecodable",
        "-/two hub.docker.com: warning hub-key",
        "-/two hub.docker.com: warning newline",
    ];
    let sorted = |output: &Output| {
        let mut found = findings(output);
        found.sort();
        found
    };
    let output = lint(&sandbox, &["-f", "-", "-o", "json"], &yaml);
    assert_eq!(sorted(output.assert_code(3)), expected);
    sandbox.write("one.json", manifest("one", &bad()));
    sandbox.write("two.yaml", format!("# a comment\n---\n{}", manifest("two", &warned())));
    let output = lint(&sandbox, &["-f", "one.json", "-f", "two.yaml", "-o", "json"], "");
    assert_eq!(sorted(output.assert_code(3)), expected);
    assert_eq!(output.json()["findings"][0]["file"], "one.json");
}

#[test]
fn a_bare_docker_config_is_linted() {
    let sandbox = Sandbox::without_cluster();
    sandbox.write("config.json", "{\"auths\":{},\"credsStore\":\"desktop\"}");
    let output = lint(&sandbox, &["-f", "config.json", "-o", "json"], "");
    assert_eq!(findings(output.success()), ["-/- -: warning no-entries"]);
    let text = lint(&sandbox, &["-f", "config.json"], "");
    text.success()
        .assert_stdout_contains(
            "config.json: warning: it has no entries, only the name of a credential helper",
        )
        .assert_stdout_contains("\n    remedy: make it with `kubectl regcred create --from-docker-config`")
        .assert_stderr_contains("looked at 1 pull secret: 0 fatal, 1 warning, 0 notes");
}

#[test]
fn the_level_that_fails_can_be_chosen() {
    let sandbox = Sandbox::without_cluster();
    let run = |config: &str, level: &str| lint(&sandbox, &["-f", "-", "--fail-on", level], config);
    run(&warned(), "fatal").success();
    run(&warned(), "warning").assert_code(3);
    run(&bad(), "warning").assert_code(3);
    run("{\"auths\":{\"ghcr.io/team\":{\"auth\":\"dTpw\"}}}", "warning")
        .success()
        .assert_stdout_contains(": note: ");
    let good = run("{\"auths\":{\"ghcr.io\":{\"auth\":\"dTpw\"}}}", "warning");
    assert_eq!(good.success().stdout, "");
}

#[test]
fn what_cannot_be_read_is_told_with_its_position() {
    let sandbox = Sandbox::without_cluster();
    for (text, said) in [
        (format!("{{\"auths\": {SECRET}}}"), "standard input: not valid JSON: line 1, column 11"),
        (format!("kind: Secret\n  data: {SECRET}: x"), "standard input: not valid YAML: line 2"),
        (format!("a: {SECRET}"), "has no `kind`"),
        (format!("kind: Secret\nmetadata: {{name: x}}\ndata: {{.dockercfg: {SECRET}}}"), "is not base64"),
    ] {
        lint(&sandbox, &["-f", "-"], &text)
            .assert_code(1)
            .assert_stderr_contains(said)
            .assert_stderr_contains("hint: ");
    }
    lint(&sandbox, &["-f", "none"], "").assert_code(4).assert_stderr_contains("can't read \"none\"");
    lint(&sandbox, &["-f", "-", "name"], "").assert_code(2);
    lint(&sandbox, &["-f", "-", "-A"], "").assert_code(2);
    lint(&sandbox, &["name", "-A"], "").assert_code(2);
}

#[test]
fn hostile_keys_cannot_reach_the_terminal() {
    let sandbox = Sandbox::without_cluster();
    let config = json!({"auths": {"\u{1b}[2J\u{202e}x\nfake: fatal": {"auth": "*"}}}).to_string();
    for format in [&["-f", "-"][..], &["-f", "-", "-o", "json"], &["-f", "-", "-o", "yaml"]] {
        let output = lint(&sandbox, format, &config);
        output.assert_code(3);
        assert!(!output.stdout.contains(['\u{1b}', '\u{202e}']), "{:?}", output.stdout);
        assert!(!output.stdout.contains("\nfake"), "{}", output.stdout);
    }
}

#[test]
fn a_cluster_is_linted_by_name_namespace_selector_and_whole() {
    let (one, two) = (cluster().namespace(), cluster().namespace());
    let sandbox = Sandbox::new(cluster());
    let apply = |namespace: &str, text: String| {
        sandbox.run_with_stdin("kubectl", ["apply", "-n", namespace, "-f", "-"], text.as_bytes()).success();
    };
    let good = "{\"auths\":{\"ghcr.io\":{\"auth\":\"dTpw\"}}}";
    for (namespace, name, config) in [
        (one.name(), "bad", bad()),
        (one.name(), "warned", warned()),
        (two.name(), "applied", good.to_owned()),
    ] {
        apply(namespace, manifest(name, &config));
    }
    one.kubectl(["create", "secret", "generic", "untyped", "--from-literal=.dockerconfigjson={}"]).success();
    one.kubectl(["create", "secret", "generic", "app", "--from-literal=password=x"]).success();
    one.kubectl(["label", "secret", "warned", "team=a"]).success();

    let run = |args: &[&str], code| {
        let output = lint(&sandbox, &[args, &["-o", "json"]].concat(), "");
        let mut found = findings(output.assert_code(code));
        found.retain(|line| line.starts_with(one.name()) || line.starts_with(two.name()));
        found.sort();
        found
    };
    let [a, b] = [one.name(), two.name()];
    let of_bad = [format!("{a}/bad -: warning last-applied"), format!("{a}/bad bad.io: fatal undecodable")];
    let of_warned = [
        format!("{a}/warned -: warning last-applied"),
        format!("{a}/warned hub.docker.com: warning hub-key"),
        format!("{a}/warned hub.docker.com: warning newline"),
    ];
    let untyped = [format!("{a}/untyped -: warning wrong-type")];
    let applied = [format!("{b}/applied -: warning last-applied")];
    let all_of_one = [&of_bad[..], &untyped, &of_warned].concat();
    assert_eq!(run(&["-n", a], 3), all_of_one);
    assert_eq!(run(&["-n", a, "bad", "warned"], 3), [&of_bad[..], &of_warned].concat());
    assert_eq!(run(&["-n", a, "-l", "team=a"], 0), of_warned);
    let mut everything = [&all_of_one[..], &applied].concat();
    everything.sort();
    assert_eq!(run(&["-A"], 3), everything);
    assert_eq!(run(&["-n", b, "applied"], 0), applied);
    let real = sandbox.kubectl(["regcred", "lint", "-n", b]);
    real.success().assert_stdout_contains(&format!("{b}/applied: warning: its annotation"));

    lint(&sandbox, &["-n", a, "none"], "").assert_code(4).assert_stderr_contains("there is no secret/none");
    lint(&sandbox, &["-n", a, "-l", "a b"], "").assert_code(6).assert_stderr_contains("hint: ");
}

#[test]
fn who_may_not_list_is_told_what_is_missing() {
    let namespace = cluster().namespace();
    let mut sandbox = Sandbox::new(cluster());
    sandbox.use_kubeconfig(&cluster().user("nobody", None));
    lint(&sandbox, &["-n", namespace.name()], "").assert_code(6).assert_stderr_contains(&format!(
        "not allowed to list secrets in namespace \"{}\"",
        namespace.name()
    ));
    lint(&sandbox, &["-A"], "")
        .assert_code(6)
        .assert_stderr_contains("not allowed to list secrets in all namespaces")
        .assert_stderr_contains("kubectl auth can-i list secrets -A");
}

#[test]
fn more_than_a_page_is_linted() {
    let namespace = cluster().namespace();
    let sandbox = Sandbox::new(cluster());
    let items: Vec<Value> = (0..520)
        .map(|n| {
            json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": format!("s{n}")},
                   "type": "kubernetes.io/dockerconfigjson", "stringData": {".dockerconfigjson": "{}"}})
        })
        .collect();
    let list = json!({"apiVersion": "v1", "kind": "List", "items": items}).to_string();
    sandbox
        .run_with_stdin("kubectl", ["create", "-n", namespace.name(), "-f", "-"], list.as_bytes())
        .success();
    let output = lint(&sandbox, &["-n", namespace.name(), "-o", "json"], "");
    assert_eq!(output.success().json()["secrets"], 520);
}
