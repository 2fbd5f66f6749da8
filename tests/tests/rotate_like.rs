//! Which logins `kubectl regcred rotate` replaces: nobody gets a credential who did not have its predecessor.

#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::process::{Child, Stdio};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use regcred_tests::cluster;
use regcred_tests::cluster::Namespace;
use regcred_tests::fault_proxy::{Fault, FaultProxy, Rule};
use regcred_tests::leak::assert_no_secret;
use regcred_tests::output::Output;
use regcred_tests::sandbox::Sandbox;
use regcred_tests::schema;
use serde_json::{Value, json};

const PASSWORD: &str = "new-hunter2-new";
const OLD: &str = "old-hunter2-old";

const ROTATE: [&str; 4] = ["rotate", "--registry=ghcr.io", "--docker-username=robot", "--password-stdin"];

fn rotate(sandbox: &Sandbox, args: &[&str]) -> Output {
    let output = sandbox.run_with_stdin("kubectl-regcred", ROTATE.iter().chain(args), PASSWORD.as_bytes());
    assert_no_secret(PASSWORD, &[&output]);
    assert_no_secret(OLD, &[&output]);
    output
}

fn login(username: &str, password: &str) -> Value {
    json!({"auth": STANDARD.encode(format!("{username}:{password}"))})
}

/// The login in an entry, as `user:password`.
fn pair(namespace: &Namespace<'_>, name: &str, key: &str) -> String {
    let auth = namespace.docker_config(name)["auths"][key]["auth"].clone();
    String::from_utf8(STANDARD.decode(auth.as_str().unwrap()).unwrap()).unwrap()
}

fn old() -> String {
    format!("robot:{OLD}")
}

fn new() -> String {
    format!("robot:{PASSWORD}")
}

/// Namespaces with a label of the test's own, and the flag that chooses them.
fn labelled<'a>(count: usize) -> (Vec<Namespace<'a>>, String) {
    let namespaces: Vec<_> = (0..count).map(|_| cluster().namespace()).collect();
    let label = format!("rotate-like={}", namespaces[0].name());
    for namespace in &namespaces {
        cluster().kubectl(["label", "namespace", namespace.name(), &label]).success();
    }
    (namespaces, format!("--namespace-selector={label}"))
}

/// The command line that a run printed for the person to run next.
fn printed_line(output: &Output) -> String {
    let lines: Vec<_> = output
        .stderr
        .lines()
        .filter_map(|line| line.find("kubectl regcred rotate ").map(|at| &line[at..]))
        .collect();
    assert_eq!(lines.len(), 1, "{}", output.stderr);
    lines[0].to_owned()
}

/// Runs such a line, with the new password.
fn run_line(sandbox: &Sandbox, line: &str) -> Output {
    let output = sandbox.run_with_stdin("bash", ["-c", line], PASSWORD.as_bytes());
    assert_no_secret(PASSWORD, &[&output]);
    output
}

/// What is made after this is younger: a creation time has whole seconds.
fn let_a_second_pass() {
    std::thread::sleep(Duration::from_millis(1100));
}

#[test]
fn a_strangers_entry_never_gets_the_new_credential() {
    let (spaces, selector) = labelled(3);
    let (org, other, tenant) = (&spaces[0], &spaces[1], &spaces[2]);
    org.make_pull_secret("pull", &json!({"ghcr.io": login("robot", OLD)}));
    let_a_second_pass();
    other.make_pull_secret("pull", &json!({"https://GHCR.io/v2/": login("robot", OLD)}));
    let baits = [
        ("empty", json!({"ghcr.io": {}})),
        ("no-password", json!({"ghcr.io": {"username": "robot"}})),
        ("undecodable", json!({"ghcr.io": {"auth": "no base64"}})),
        ("guess", json!({"ghcr.io": login("robot", "guess")})),
        ("spelling", json!({"https://GHCR.io:443/v2/": {"username": "robot", "password": "guess-2"}})),
        ("token", json!({"ghcr.io": {"identitytoken": OLD}})),
        // Beside an entry that keeps the pods from pulling.
        ("broken", json!({"ghcr.io": login("robot", "guess-3"), "x.io": {"auth": "?"}})),
    ];
    for (name, auths) in &baits {
        tenant.make_pull_secret(name, auths);
    }
    let before: Vec<_> = baits.iter().map(|(name, _)| tenant.get("secret", name)).collect();
    let baits_are_untouched = || {
        let after: Vec<_> = baits.iter().map(|(name, _)| tenant.get("secret", name)).collect();
        assert_eq!(after, before);
    };
    let sandbox = Sandbox::new(cluster());
    let args = [selector.as_str(), "--yes"];
    let asked = rotate(&sandbox, &args);
    asked
        .assert_code(2)
        .assert_stderr_contains("nothing was changed")
        .assert_stderr_contains("REGISTRY")
        .assert_stderr_contains(&format!("{}/guess", tenant.name()))
        .assert_stderr_contains("3 Secrets have an entry without a login");
    rotate(&sandbox, &[&args[..], &["--username=robot"]].concat()).assert_code(2);
    assert_eq!(pair(org, "pull", "ghcr.io"), old());
    baits_are_untouched();

    // The oldest is the organisation's, and the line for it does what it says.
    let line = printed_line(&asked);
    assert!(line.ends_with(&format!("--like={}/pull", org.name())), "{line}");
    run_line(&sandbox, &line).success().assert_stderr_contains("2 changed");
    assert_eq!(pair(org, "pull", "ghcr.io"), new());
    assert_eq!(pair(other, "pull", "https://GHCR.io/v2/"), new());
    baits_are_untouched();

    // The rotation is complete: the baits are all that is left.
    run_line(&sandbox, &line).success().assert_stderr_contains("2 already so");
    rotate(&sandbox, &args).assert_code(2);
    baits_are_untouched();
}

#[test]
fn a_bait_alone_after_a_complete_rotation_is_left_alone() {
    for (bait, more) in [
        (login("robot", "guess"), &[][..]),
        (login("bob", "guess"), &["--username=bob"]),
        (json!({"identitytoken": "x"}), &[]),
    ] {
        let (spaces, selector) = labelled(2);
        let user = if more.is_empty() { "robot" } else { "bob" };
        spaces[0].make_pull_secret("pull", &json!({"ghcr.io": login(user, OLD)}));
        let sandbox = Sandbox::new(cluster());
        let args = [&[selector.as_str(), "--yes"], more].concat();
        rotate(&sandbox, &args).success();
        assert_eq!(pair(&spaces[0], "pull", "ghcr.io"), new());
        spaces[1].make_pull_secret("bait", &json!({ "ghcr.io": bait }));
        let before = spaces[1].get("secret", "bait");
        rotate(&sandbox, &args).assert_code(2).assert_stderr_contains("nothing was changed");
        let like = format!("--like={}/pull", spaces[0].name());
        rotate(&sandbox, &[&args[..], &[&like]].concat()).success().assert_stderr_contains("left alone");
        assert_eq!(spaces[1].get("secret", "bait"), before);
        // In one namespace it is the owner's own.
        let alone = [&["-n", spaces[1].name(), "--yes"], more].concat();
        rotate(&sandbox, &alone).success();
        assert_ne!(spaces[1].get("secret", "bait"), before);
    }
}

#[test]
fn only_an_entry_without_a_login_is_not_filled() {
    let namespace = cluster().namespace();
    let sandbox = Sandbox::new(cluster());
    let args = ["-n", namespace.name(), "--yes"];
    for (name, entry) in
        [("empty", json!({})), ("user", json!({"username": "robot"})), ("broken", json!({"auth": "?"}))]
    {
        namespace.make_pull_secret(name, &json!({ "ghcr.io": entry }));
        let before = namespace.get("secret", name);
        for more in [&[][..], &["--any-credential"], &["--force"]] {
            rotate(&sandbox, &[&args[..], &[name], more].concat())
                .assert_code(4)
                .assert_stderr_contains("without a login")
                .assert_stderr_contains("kubectl regcred set");
        }
        assert_eq!(namespace.get("secret", name), before);
    }
}

#[test]
fn in_one_namespace_what_is_left_of_one_login_is_finished_and_two_are_asked_about() {
    let namespace = cluster().namespace();
    let sandbox = Sandbox::new(cluster());
    let args = ["-n", namespace.name(), "--yes"];
    namespace.make_pull_secret("done", &json!({"ghcr.io": login("robot", PASSWORD)}));
    namespace.make_pull_secret("left", &json!({"ghcr.io": login("robot", OLD)}));
    rotate(&sandbox, &args).success().assert_stderr_contains("1 changed, 1 already so");
    assert_eq!(pair(&namespace, "left", "ghcr.io"), new());

    namespace.make_pull_secret("one", &json!({"ghcr.io": login("robot", OLD)}));
    namespace.make_pull_secret("two", &json!({"ghcr.io": login("bob", OLD)}));
    rotate(&sandbox, &args).assert_code(2);
    assert_eq!(
        (pair(&namespace, "one", "ghcr.io"), pair(&namespace, "two", "ghcr.io")),
        (old(), format!("bob:{OLD}"))
    );
    // The namespace need not be repeated.
    rotate(&sandbox, &[&args[..], &["--like=two"]].concat())
        .success()
        .assert_stderr_contains("1 other login");
    assert_eq!((pair(&namespace, "one", "ghcr.io"), pair(&namespace, "two", "ghcr.io")), (old(), new()));
    // A single Secret with two logins is asked about, too.
    namespace.make_pull_secret("both", &json!({"ghcr.io": login("a", OLD), "GHCR.io": login("b", OLD)}));
    rotate(&sandbox, &[&args[..], &["both"]].concat())
        .assert_code(2)
        .assert_stderr_contains("--any-credential");
    rotate(&sandbox, &[&args[..], &["both", "--any-credential"]].concat()).success();
    assert_eq!((pair(&namespace, "both", "ghcr.io"), pair(&namespace, "both", "GHCR.io")), (new(), new()));
}

#[test]
fn a_wrong_like_says_what_is_wrong_with_it() {
    let (spaces, selector) = labelled(2);
    spaces[0].make_pull_secret("pull", &json!({"ghcr.io": login("robot", OLD)}));
    spaces[0].make_pull_secret("quay", &json!({"quay.io": login("robot", OLD)}));
    spaces[0].make_pull_secret("empty", &json!({"ghcr.io": {}}));
    spaces[0]
        .make_pull_secret("both", &json!({"ghcr.io": login("robot", OLD), "GHCR.io": login("bob", OLD)}));
    spaces[0].make_secret(
        "opaque",
        &json!({"auths": {"ghcr.io": login("robot", OLD)}}),
        &json!({"type": "Opaque"}),
    );
    let sandbox = Sandbox::new(cluster());
    let first = spaces[0].name();
    let run = |like: &str, more: &[&str]| {
        let like = format!("--like={like}");
        rotate(&sandbox, &[&[selector.as_str(), "--yes", &like], more].concat())
    };
    run(&format!("{first}/none"), &[]).assert_code(4).assert_stderr_contains("there is no secret/none");
    for name in ["quay", "empty", "opaque"] {
        run(&format!("{first}/{name}"), &[])
            .assert_code(4)
            .assert_stderr_contains("has no login for the registry");
    }
    run(&format!("{first}/pull"), &["--username=bob"])
        .assert_code(4)
        .assert_stderr_contains("has no login of user \"bob\"");
    run(&format!("{first}/both"), &[]).assert_code(2).assert_stderr_contains("holds 2 different logins");
    run("pull", &[]).assert_code(2).assert_stderr_contains("NAMESPACE/pull");
    for wrong in ["", "a/b/c", "Bad/pull", "/pull", "a/"] {
        run(wrong, &[]).assert_code(2);
    }
    run(&format!("{first}/pull"), &["--any-credential"]).assert_code(2);
    assert_eq!(pair(&spaces[0], "pull", "ghcr.io"), old());
}

#[test]
fn a_secret_elsewhere_is_only_compared_with() {
    let (spaces, selector) = labelled(2);
    let elsewhere = cluster().namespace();
    elsewhere.make_pull_secret("pull", &json!({"ghcr.io": login("robot", OLD)}));
    for namespace in &spaces {
        namespace.make_pull_secret("pull", &json!({"ghcr.io": login("robot", OLD)}));
        namespace.make_pull_secret("bobs", &json!({"ghcr.io": login("bob", OLD)}));
    }
    let sandbox = Sandbox::new(cluster());
    let like = format!("--like={}/pull", elsewhere.name());
    rotate(&sandbox, &[&selector, "--yes", &like]).success().assert_stderr_contains("2 changed");
    for namespace in &spaces {
        assert_eq!(
            (pair(namespace, "pull", "ghcr.io"), pair(namespace, "bobs", "ghcr.io")),
            (new(), format!("bob:{OLD}"))
        );
    }
    assert_eq!(pair(&elsewhere, "pull", "ghcr.io"), old());
    rotate(&sandbox, &[&selector, "--yes", &like]).success().assert_stderr_contains("2 already so");

    // Any of them, but never into an entry without a login.
    spaces[0].make_pull_secret("empty", &json!({"ghcr.io": {}}));
    rotate(&sandbox, &[&selector, "--yes", "--any-credential"]).success().assert_stderr_contains("2 changed");
    assert_eq!(pair(&spaces[1], "bobs", "ghcr.io"), new());
    assert_eq!(spaces[0].docker_config("empty"), json!({"auths": {"ghcr.io": {}}}));
}

#[test]
fn the_groups_are_shown_by_a_dry_run_and_in_the_report() {
    let (spaces, selector) = labelled(2);
    spaces[0].make_pull_secret("pull", &json!({"ghcr.io": login("bob", OLD)}));
    let_a_second_pass();
    spaces[1].make_pull_secret("pull", &json!({"ghcr.io": login("bob", OLD)}));
    spaces[1].make_pull_secret("token", &json!({"ghcr.io": {"identitytoken": OLD}}));
    spaces[1].make_pull_secret("empty", &json!({"ghcr.io": {}}));
    let sandbox = Sandbox::new(cluster());
    let args = [selector.as_str(), "--dry-run=client"];
    rotate(&sandbox, &args).assert_code(2).assert_stderr_contains("<identity token>");
    let report = rotate(&sandbox, &[&args[..], &["-o", "json"]].concat());
    let report = schema::valid(report.assert_code(2), "RotateReport");
    let groups = report["groups"].as_array().unwrap();
    assert_eq!((groups.len(), &report["items"]), (2, &json!([])));
    assert_eq!(groups[0]["example"], json!({"namespace": spaces[0].name(), "secret": "pull"}));
    assert_eq!(
        (&groups[0]["login"], &groups[0]["username"], &groups[0]["secrets"], &groups[0]["namespaces"]),
        (&json!("password"), &json!("bob"), &json!(2), &json!(2))
    );
    assert_eq!((&groups[1]["login"], &groups[1]["username"]), (&json!("identityToken"), &Value::Null));
    assert!(groups.iter().all(|group| group["chosen"].is_null()), "{report}");
    assert_eq!(
        report["withoutLogin"],
        json!([{"namespace": spaces[1].name(), "secret": "empty", "key": "ghcr.io"}])
    );

    let like = format!("--like={}/pull", spaces[1].name());
    rotate(&sandbox, &[&args[..], &[&like]].concat())
        .success()
        .assert_stderr_contains("CHOSEN")
        .assert_stdout_contains("\"ghcr.io\": bob → robot");
    let report = rotate(&sandbox, &[&args[..], &[&like, "-o", "json"]].concat());
    let report = schema::valid(report.success(), "RotateReport");
    let chosen: Vec<_> =
        report["groups"].as_array().unwrap().iter().map(|group| group["chosen"].clone()).collect();
    assert_eq!((chosen, report["items"].as_array().unwrap().len()), (vec![json!(true), json!(false)], 2));
    // The plan that is to be confirmed names them, too.
    rotate(&sandbox, &[&selector, &like])
        .assert_code(2)
        .assert_stderr_contains("/pull: \"ghcr.io\": bob → robot; used by")
        .assert_stderr_contains("1 other login");
    assert_eq!(pair(&spaces[0], "pull", "ghcr.io"), format!("bob:{OLD}"));
}

#[test]
fn a_user_name_from_elsewhere_forges_no_line_of_the_plan() {
    let namespace = cluster().namespace();
    let name = "robot → robot; used by nobody\n\u{1b}[2K  x";
    namespace.make_pull_secret("pull", &json!({"ghcr.io": login(name, OLD)}));
    let sandbox = Sandbox::new(cluster());
    let output = rotate(&sandbox, &["-n", namespace.name()]);
    output.assert_code(2).assert_stderr_contains(r#""robot → robot; used by nobody\n\u{1b}[2K  x" → robot"#);
    let output = rotate(&sandbox, &["-n", namespace.name(), "--dry-run=client"]);
    output.success();
    assert!(!output.stderr.contains('\u{1b}') && !output.stdout.contains('\u{1b}'), "{output:?}");
}

fn rule(fault: Fault, method: &'static str, path_contains: &str, times: u32) -> Rule {
    Rule { fault, method, path_contains: path_contains.to_owned(), times }
}

/// Makes the Secrets s0, s1, … in each namespace.
fn fill(spaces: &[Namespace<'_>], count: usize) {
    for namespace in spaces {
        for number in 0..count {
            namespace.make_pull_secret(&format!("s{number}"), &json!({"ghcr.io": login("robot", OLD)}));
        }
    }
}

/// How many Secrets have the new login. None may have any but the two.
fn rotated(spaces: &[Namespace<'_>]) -> usize {
    let auth = |username, password| login(username, password)["auth"].as_str().unwrap().to_owned();
    let (new, old) = (auth("robot", PASSWORD), auth("robot", OLD));
    let mut count = 0;
    for namespace in spaces {
        let list = namespace.kubectl(["get", "secrets", "-o", "json"]).success().json();
        for secret in list["items"].as_array().unwrap() {
            let config = STANDARD.decode(secret["data"][".dockerconfigjson"].as_str().unwrap()).unwrap();
            let config: Value = serde_json::from_slice(&config).unwrap();
            let auth = config["auths"]["ghcr.io"]["auth"].as_str().unwrap();
            assert!(auth == new || auth == old, "{auth}");
            count += usize::from(auth == new);
        }
    }
    count
}

#[test]
fn what_fails_is_finished_by_the_line_that_is_printed() {
    let (spaces, selector) = labelled(2);
    fill(&spaces, 5);
    let proxy = FaultProxy::start(&cluster().kubeconfig());
    let path = format!("/namespaces/{}/secrets/s3", spaces[1].name());
    proxy.inject(rule(Fault::Refuse, "PATCH", &path, 4));
    let mut sandbox = Sandbox::new(cluster());
    sandbox.use_kubeconfig(&proxy.kubeconfig());
    let output = rotate(&sandbox, &[&selector, "--yes"]);
    output.assert_code(6).assert_stderr_contains("9 changed, 1 failed");
    let line = printed_line(&output);
    assert!(line.ends_with(&format!("--like={}/s3", spaces[1].name())), "{line}");
    // Without a choice it is not clear any more whose it is.
    rotate(&sandbox, &[&selector, "--yes"]).assert_code(2);
    run_line(&sandbox, &line).success().assert_stderr_contains("1 changed, 9 already so");
    assert_eq!(rotated(&spaces), 10);
}

#[test]
fn a_failed_secret_that_cant_be_named_is_finished_by_the_one_that_was_named() {
    let (spaces, selector) = labelled(2);
    spaces[0].make_pull_secret("pull", &json!({"ghcr.io": login("robot", OLD)}));
    let both = json!({"ghcr.io": login("robot", OLD), "GHCR.io": login("bob", OLD)});
    spaces[1].make_pull_secret("both", &both);
    let proxy = FaultProxy::start(&cluster().kubeconfig());
    proxy.inject(rule(Fault::Refuse, "PATCH", "/secrets/both", 4));
    let mut sandbox = Sandbox::new(cluster());
    sandbox.use_kubeconfig(&proxy.kubeconfig());
    let named = format!("--like={}/pull", spaces[0].name());
    let output = rotate(&sandbox, &[&selector, "--yes", &named]);
    // `--like` of a Secret with two logins would not say which one is meant.
    output.assert_code(6).assert_stderr_contains("1 failed, 1 not begun");
    assert_eq!(pair(&spaces[0], "pull", "ghcr.io"), old());
    let line = printed_line(&output);
    assert!(line.ends_with(&named), "{line}");
    run_line(&sandbox, &line).success().assert_stderr_contains("2 changed");
    assert_eq!(pair(&spaces[0], "pull", "ghcr.io"), new());
    assert_eq!(pair(&spaces[1], "both", "ghcr.io"), new());
    assert_eq!(pair(&spaces[1], "both", "GHCR.io"), format!("bob:{OLD}"));
}

#[test]
fn no_line_is_printed_that_would_finish_nothing() {
    let (spaces, _) = labelled(2);
    spaces[0].make_pull_secret("pull", &json!({"ghcr.io": login("robot", OLD)}));
    let sandbox = Sandbox::new(cluster());
    let output = rotate(&sandbox, &["pull", "-n", spaces[0].name(), "-n", spaces[1].name(), "--yes"]);
    output.assert_code(4).assert_stderr_contains("1 changed, 1 failed");
    assert!(!output.stderr.contains("finishes the rest"), "{}", output.stderr);
}

/// How many Secrets are changed at once.
const CONCURRENCY: usize = 16;

/// Starts a rotation through the proxy, and waits until it is stuck in the middle.
fn start_and_hold(sandbox: &Sandbox, proxy: &FaultProxy, args: &[&str]) -> Child {
    proxy.inject(rule(Fault::Hold, "PATCH", "/secrets/s5", u32::MAX));
    let mut command = sandbox.command("kubectl-regcred", ROTATE.iter().chain(args));
    let mut child =
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(PASSWORD.as_bytes()).unwrap();
    proxy.wait_for_faults(CONCURRENCY);
    child
}

#[test]
fn a_killed_rotation_is_finished_by_the_same_command() {
    let (spaces, selector) = labelled(2);
    fill(&spaces, 60);
    let proxy = FaultProxy::start(&cluster().kubeconfig());
    let mut sandbox = Sandbox::new(cluster());
    sandbox.use_kubeconfig(&proxy.kubeconfig());
    let like = format!("--like={}/s0", spaces[0].name());
    let args = [selector.as_str(), "--yes", &like];
    let mut child = start_and_hold(&sandbox, &proxy, &args);
    child.kill().unwrap();
    child.wait().unwrap();
    proxy.release();
    let done = rotated(&spaces);
    assert!((1..120).contains(&done), "{done} were done");
    assert_eq!(pair(&spaces[0], "s0", "ghcr.io"), old(), "the one that is named is the last");
    // A stranger comes between.
    spaces[1].make_pull_secret("bait", &json!({"ghcr.io": login("robot", "guess")}));
    rotate(&sandbox, &args).success();
    assert_eq!(pair(&spaces[1], "bait", "ghcr.io"), "robot:guess");
    spaces[1].kubectl(["delete", "secret", "bait"]).success();
    assert_eq!(rotated(&spaces), 120);
}

#[test]
fn an_interrupted_rotation_prints_the_line_that_finishes_it() {
    for like in [false, true] {
        let (spaces, selector) = labelled(2);
        fill(&spaces, 60);
        let proxy = FaultProxy::start(&cluster().kubeconfig());
        let mut sandbox = Sandbox::new(cluster());
        sandbox.use_kubeconfig(&proxy.kubeconfig());
        let named = format!("--like={}/s7", spaces[1].name());
        let mut args = vec![selector.as_str(), "--yes"];
        args.extend(like.then_some(named.as_str()));
        let mut child = start_and_hold(&sandbox, &proxy, &args);
        let pid = rustix::process::Pid::from_raw(i32::try_from(child.id()).unwrap()).unwrap();
        rustix::process::kill_process(pid, rustix::process::Signal::INT).unwrap();
        let mut said = BufReader::new(child.stderr.take().unwrap());
        let mut stderr = String::new();
        said.read_line(&mut stderr).unwrap();
        assert!(stderr.contains("waiting for what has begun"), "{stderr}");
        proxy.release();
        said.read_to_string(&mut stderr).unwrap();
        assert_eq!(child.wait().unwrap().code(), Some(130), "{stderr}");
        let line = stderr
            .lines()
            .find_map(|line| line.find("kubectl regcred rotate ").map(|at| &line[at..]))
            .unwrap();
        assert_eq!(line.matches("--like=").count(), 1, "{line}");
        assert_eq!(line.ends_with(&named), like, "{line}");
        spaces[0].make_pull_secret("bait", &json!({"ghcr.io": login("robot", "guess")}));
        run_line(&sandbox, line).success();
        assert_eq!(pair(&spaces[0], "bait", "ghcr.io"), "robot:guess");
        spaces[0].kubectl(["delete", "secret", "bait"]).success();
        assert_eq!(rotated(&spaces), 120);
    }
}

#[test]
fn an_entry_that_changes_after_the_plan_is_a_conflict_and_is_left() {
    let namespace = cluster().namespace();
    for (number, change) in [
        json!({"ghcr.io": login("robot", "another")}),
        json!({"ghcr.io": {}}),
        json!({}),
        json!({"ghcr.io": login("robot", PASSWORD)}),
    ]
    .into_iter()
    .enumerate()
    {
        let name = format!("s{number}");
        namespace.make_pull_secret(&name, &json!({"ghcr.io": login("robot", OLD)}));
        let proxy = FaultProxy::start(&cluster().kubeconfig());
        // While the change is on its way, the entry changes.
        proxy.inject(rule(Fault::Hold, "PATCH", &format!("/secrets/{name}"), 1));
        let mut sandbox = Sandbox::new(cluster());
        sandbox.use_kubeconfig(&proxy.kubeconfig());
        let output = std::thread::scope(|scope| {
            let running = scope
                .spawn(|| rotate(&sandbox, &[&name, "-n", namespace.name(), "--yes", "--any-credential"]));
            proxy.wait_for_faults(1);
            let patch = json!({"stringData": {".dockerconfigjson": json!({"auths": change}).to_string()}});
            namespace.kubectl(["patch", "secret", &name, "-p", &patch.to_string()]).success();
            proxy.release();
            running.join().unwrap()
        });
        if change["ghcr.io"] == login("robot", PASSWORD) {
            output.success();
        } else {
            output.assert_code(8).assert_stderr_contains("no longer holds the login that was to be replaced");
        }
        assert_eq!(namespace.docker_config(&name), json!({ "auths": change }));
    }
}

#[test]
fn an_immutable_secret_that_is_exchanged_after_the_plan_gets_no_successor() {
    let namespace = cluster().namespace();
    let immutable = json!({"immutable": true});
    let config = |password: &str| json!({"auths": {"ghcr.io": login("robot", password)}});
    namespace.make_secret("pull", &config(OLD), &immutable);
    let proxy = FaultProxy::start(&cluster().kubeconfig());
    // While it looks whether the successor is there already, the old one is exchanged.
    proxy.inject(rule(Fault::Hold, "GET", "/secrets/pull-", 1));
    let mut sandbox = Sandbox::new(cluster());
    sandbox.use_kubeconfig(&proxy.kubeconfig());
    let output = std::thread::scope(|scope| {
        let running = scope.spawn(|| rotate(&sandbox, &["-n", namespace.name(), "--yes", "--prune"]));
        proxy.wait_for_faults(1);
        namespace.kubectl(["delete", "secret", "pull"]).success();
        namespace.make_secret("pull", &config("guess"), &immutable);
        proxy.release();
        running.join().unwrap()
    });
    output.assert_code(8).assert_stderr_contains("is another one now");
    let names = namespace.kubectl(["get", "secrets", "-o", "name"]);
    assert_eq!(names.success().stdout, "secret/pull\n");
    assert_eq!(namespace.docker_config("pull"), config("guess"));
}

#[test]
fn several_registries_are_each_asked_about() {
    let (spaces, selector) = labelled(2);
    let auths =
        |ghcr: &str, quay: &str| json!({"ghcr.io": login("robot", ghcr), "quay.io": login("robot", quay)});
    spaces[0].make_pull_secret("pull", &auths(OLD, OLD));
    let_a_second_pass();
    spaces[1].make_pull_secret("pull", &auths(OLD, "another"));
    let sandbox = Sandbox::new(cluster());
    let config = json!({"auths": {"ghcr.io": login("robot", PASSWORD), "quay.io": login("robot", PASSWORD)}});
    sandbox.write(".docker/config.json", config.to_string());
    let run = |more: &[&str]| {
        let args = [
            "rotate",
            "--registry=ghcr.io",
            "--registry=quay.io",
            "--from-docker-config",
            "--yes",
            &selector,
        ];
        let output = sandbox.run("kubectl-regcred", args.iter().chain(more));
        assert_no_secret(PASSWORD, &[&output]);
        output
    };
    let asked = run(&[]);
    asked.assert_code(2).assert_stderr_contains("which login for \"quay.io\" is to be replaced");
    let line = printed_line(&asked);
    assert!(line.ends_with(&format!("--like={}/pull", spaces[0].name())), "{line}");
    run_line(&sandbox, &line).success();
    let pairs = |namespace| [pair(namespace, "pull", "ghcr.io"), pair(namespace, "pull", "quay.io")];
    assert_eq!(pairs(&spaces[0]), [new(), new()]);
    assert_eq!(pairs(&spaces[1]), [new(), "robot:another".to_owned()]);
}
