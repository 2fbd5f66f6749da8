//! Which programs are started: those in absolute folders of PATH, and never one of the current folder.

#![cfg(test)]

use std::ffi::OsStr;
use std::path::Path;

use regcred_tests::doctor::{CONFIGURED, DOCKER_CONFIG, Machine, PASSWORD};
use regcred_tests::helper::HELPER;
use regcred_tests::leak::assert_no_secret;
use regcred_tests::output::Output;
use regcred_tests::sandbox::Sandbox;
use serde_json::json;

/// Elements of PATH that lead to the current folder, each with how it is named.
const RELATIVE: [(&str, &str); 5] = [
    ("", "an empty element, which means the current folder and is passed over"),
    (".", "\".\", which is not an absolute folder and is passed over"),
    ("./", "\"./\", which is not an absolute folder and is passed over"),
    ("../home", "\"../home\", which is not an absolute folder and is passed over"),
    ("checkout/..", "\"checkout/..\", which is not an absolute folder and is passed over"),
];

/// Leaves its file's name in `ran`, and answers any question as a credential helper does.
const SCRIPT: &str = r#"#!/bin/sh
echo "$0" >> "$HOME/ran"
echo '{"ServerURL":"ghcr.io","Username":"me","Secret":"hunter2"}'
"#;

/// A sandbox whose current folder is a checkout with programs of these names, each a copy of [`SCRIPT`].
fn checkout(programs: &[&str]) -> Sandbox {
    let sandbox = Sandbox::without_cluster();
    std::fs::create_dir(sandbox.home().join("checkout")).unwrap();
    let script = sandbox.script("script", SCRIPT);
    for program in programs {
        // As `Sandbox::script`: what this process has written might not run.
        let line =
            ["-D", "-m", "755"].map(OsStr::new).into_iter().chain([script.as_os_str(), OsStr::new(program)]);
        sandbox.run("install", line).success();
    }
    sandbox
}

/// What ran of them.
fn ran(sandbox: &Sandbox) -> String {
    std::fs::read_to_string(sandbox.home().join("ran")).unwrap_or_default()
}

/// Both places where a relative element can stand.
fn paths(sandbox: &Sandbox, element: &str) -> [String; 2] {
    let absolute = format!("{}:/usr/bin:/bin", sandbox.bin().display());
    [format!("{element}:{absolute}"), format!("{absolute}:{element}")]
}

fn create(sandbox: &Sandbox) -> Output {
    sandbox.kubectl_regcred(["create", "a", "--from-docker-config", "--dry-run=client", "-o", "json"])
}

#[test]
fn a_credential_helper_of_the_current_folder_is_not_started() {
    let mut sandbox = checkout(&["docker-credential-pwn"]);
    sandbox.write(DOCKER_CONFIG, r#"{"auths":{"ghcr.io":{}},"credsStore":"pwn"}"#);
    for (element, named) in RELATIVE {
        for path in paths(&sandbox, element) {
            sandbox.set("PATH", &path);
            for output in [sandbox.run(HELPER, ["migrate", "--from-helper", "pwn"]), create(&sandbox)] {
                output
                    .assert_code(7)
                    .assert_stderr_contains(&format!(
                        "the credential helper docker-credential-pwn is on PATH only through {named}"
                    ))
                    .assert_stderr_contains("hint: put the program's folder on PATH as an absolute path");
            }
            assert_eq!(ran(&sandbox), "", "{path:?}");
        }
    }
}

#[test]
fn the_credential_helper_that_is_found_is_the_file_that_runs() {
    let mut sandbox = checkout(&["docker-credential-mine"]);
    sandbox.write(DOCKER_CONFIG, r#"{"auths":{"ghcr.io":{}},"credsStore":"mine"}"#);
    let helper = sandbox.script("docker-credential-mine", SCRIPT);
    for (element, _) in RELATIVE {
        let [before, _] = paths(&sandbox, element);
        sandbox.set("PATH", before);
        create(&sandbox).success();
        assert_eq!(ran(&sandbox), format!("{}\n", helper.display()), "{element:?}");
        std::fs::remove_file(sandbox.home().join("ran")).unwrap();
    }
}

#[test]
fn without_path_no_program_is_found() {
    let mut sandbox = checkout(&["docker-credential-pwn"]);
    sandbox.set("PATH", "");
    let output = sandbox.run(HELPER, ["migrate", "--from-helper", "pwn"]);
    output.assert_code(7).assert_stderr_contains("the credential helper docker-credential-pwn is ");
    assert_eq!(ran(&sandbox), "");
}

#[test]
fn a_bus_address_that_names_a_program_starts_none() {
    let mut sandbox = checkout(&["bus"]);
    sandbox.set("REGCRED_STORE", "secret-service");
    for (element, _) in RELATIVE {
        let [_, path] = paths(&sandbox, element);
        sandbox.set("PATH", path);
        for address in ["unixexec:path=bus", "unix:path=/nonexistent/bus;unixexec:path=./bus,argv1=x"] {
            sandbox.set("DBUS_SESSION_BUS_ADDRESS", address);
            let output = sandbox.run_with_stdin(HELPER, ["get"], b"ghcr.io");
            output.assert_code(1).assert_stdout_contains(
                "DBUS_SESSION_BUS_ADDRESS names a program to be started, so there is no Secret Service",
            );
            assert_eq!(ran(&sandbox), "", "{address}");
        }
    }
}

/// A kubeconfig whose user logs in with this command.
fn kubeconfig(command: &str) -> String {
    json!({
        "current-context": "c",
        "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}],
        // Nobody answers there.
        "clusters": [{"name": "c", "cluster": {"server": "https://127.0.0.1:1"}}],
        "users": [{"name": "u", "user": {"exec": {
            "apiVersion": "client.authentication.k8s.io/v1", "command": command, "interactiveMode": "Never",
            "installHint": "get it from example.com",
        }}}],
    })
    .to_string()
}

#[test]
fn an_exec_plugin_of_the_current_folder_is_not_started() {
    let mut sandbox = checkout(&["login-plugin"]);
    let file = sandbox.write("elsewhere/kubeconfig", kubeconfig("login-plugin"));
    sandbox.use_kubeconfig(&file);
    for (element, named) in RELATIVE {
        for path in paths(&sandbox, element) {
            sandbox.set("PATH", &path);
            sandbox
                .kubectl_regcred(["list"])
                .assert_code(6)
                .assert_stderr_contains(&format!(
                    "can't run \"login-plugin\": it is on PATH only through {named}"
                ))
                .assert_stderr_contains("hint: put the program's folder on PATH as an absolute path");
            assert_eq!(ran(&sandbox), "", "{path:?}");
        }
    }
    let absolute = format!("{}:/usr/bin:/bin", sandbox.bin().display());
    sandbox.set("PATH", absolute);
    sandbox
        .kubectl_regcred(["list"])
        .assert_code(6)
        .assert_stderr_contains("can't run \"login-plugin\": it is not on PATH")
        .assert_stderr_contains("hint: get it from example.com");
    assert_eq!(ran(&sandbox), "");
}

#[test]
fn an_exec_plugin_with_a_separator_is_the_file_beside_the_kubeconfig() {
    for command in ["./login-plugin", "bin/../login-plugin", "../elsewhere/login-plugin"] {
        // The one of the current folder is another.
        let mut sandbox =
            checkout(&["login-plugin", "elsewhere/login-plugin", "bin/login-plugin", "elsewhere/bin/x"]);
        let file = sandbox.write("elsewhere/kubeconfig", kubeconfig(command));
        sandbox.use_kubeconfig(&file);
        let output = sandbox.kubectl_regcred(["list"]);
        output.assert_code(6).assert_stderr_contains("gave no credential");
        let ran = Path::new(ran(&sandbox).trim()).canonicalize().unwrap();
        assert_eq!(ran, sandbox.home().join("elsewhere/login-plugin"), "{command}");
        assert!(!output.stderr.contains("hunter2"), "{}", output.stderr);
    }
}

#[test]
fn the_shell_of_the_verify_command_is_not_one_of_the_current_folder() {
    let mut sandbox = checkout(&["sh"]);
    let verify = |sandbox: &Sandbox| {
        let line = [
            "rotate",
            "pull",
            "--registry=ghcr.io",
            "--docker-username=robot",
            "--password-stdin",
            "--yes",
            "--verify-command=cat > got; exit 3",
        ];
        sandbox.run_with_stdin("kubectl-regcred", line, PASSWORD.as_bytes())
    };
    for (element, named) in RELATIVE {
        sandbox.set("PATH", format!("{element}:{}", sandbox.bin().display()));
        let refused = verify(&sandbox);
        refused
            .assert_code(1)
            .assert_stderr_contains(&format!(
                "can't run the --verify-command: sh is on PATH only through {named}"
            ))
            .assert_stderr_contains("nothing was changed")
            .assert_stderr_contains("hint: put the program's folder on PATH as an absolute path");
        assert_no_secret(PASSWORD, &[&refused]);

        for path in paths(&sandbox, element) {
            sandbox.set("PATH", path);
            // The system's own ran.
            verify(&sandbox).assert_code(5).assert_stderr_contains("says no");
            let got = sandbox.home().join("got");
            assert!(std::fs::read_to_string(&got).unwrap().contains(PASSWORD));
            std::fs::remove_file(got).unwrap();
        }
        assert_eq!(ran(&sandbox), "", "{element:?}");
    }
}

/// A machine whose PATH ends in these elements.
fn machine_with_path(clients: &[&str], elements: &str) -> Machine {
    let mut machine = Machine::with(clients);
    let folders = [machine.sandbox.bin(), machine.sandbox.root().join("programs")];
    let absolute = std::env::join_paths(folders).unwrap().into_string().unwrap();
    machine.sandbox.set("PATH", format!("{absolute}{elements}"));
    machine
}

#[test]
fn doctor_names_the_elements_of_path_that_are_passed_over() {
    for (elements, named) in [
        (":", "an empty one (the current folder)"),
        ("::.:", "an empty one (the current folder), \".\""),
        (":bin:./bin:~/bin:bin", "\"bin\", \"./bin\", \"~/bin\""),
    ] {
        let machine = machine_with_path(&["docker"], elements);
        machine.sandbox.write(DOCKER_CONFIG, CONFIGURED);
        let diagnosis = machine.doctor();
        diagnosis.assert_healthy();
        let (message, remedy) = diagnosis.note("passedOverOnPath");
        assert_eq!(
            message,
            format!(
                "PATH has elements that are not absolute folders, and no program is started from there: {named}"
            )
        );
        assert!(
            remedy.starts_with("take them out of PATH, or write absolute folders in their place"),
            "{remedy}"
        );
    }
    let machine = machine_with_path(&["docker"], "");
    machine.sandbox.write(DOCKER_CONFIG, CONFIGURED);
    assert_eq!(machine.doctor().codes("notes"), Vec::<String>::new());
}

#[test]
fn what_is_only_in_an_element_that_is_passed_over_is_missing_for_doctor_and_configure() {
    let mut machine = Machine::with(&["docker"]);
    machine
        .sandbox
        .write(DOCKER_CONFIG, r#"{ "credsStore": "regcred", "credHelpers": { "quay.io": "mine" } }"#);
    let own = machine.sandbox.find(HELPER).canonicalize().unwrap();
    for (program, file) in [(HELPER, own.as_path()), ("docker-credential-mine", Path::new("/bin/true"))] {
        std::os::unix::fs::symlink(file, machine.sandbox.home().join(program)).unwrap();
    }
    // The tools, but not our own programs.
    machine.sandbox.set("PATH", format!(".:{}", machine.sandbox.bin().display()));
    let diagnosis = machine.doctor();
    assert_eq!(diagnosis.codes("notes"), ["passedOverOnPath"]);
    assert_eq!(diagnosis.json["programOnPath"], serde_json::Value::Null);
    let (message, remedy) = diagnosis.of("problems", "notOnPath");
    let only = "is on PATH only through \".\", which is not an absolute folder and is passed over";
    assert_eq!(message, format!("{HELPER} {only}, by clients too"));
    let link = format!("or link it: ln -s {} /usr/local/bin/", own.display());
    assert_eq!(remedy, format!("put the program's folder on PATH as an absolute path, {link}"));
    let (message, remedy) = diagnosis.of("problems", "helperMissing");
    assert!(message.ends_with(&format!(" names docker-credential-mine, which {only}")), "{message}");
    assert!(
        remedy.starts_with("put the program's folder on PATH as an absolute path, or take its place: "),
        "{remedy}"
    );

    machine.sandbox.write(DOCKER_CONFIG, "{}");
    let refused = machine.sandbox.run(HELPER, ["configure", "--docker"]);
    refused
        .assert_code(1)
        .assert_stderr_contains(&format!("{HELPER} {only}, by docker and podman too"))
        .assert_stderr_contains(&format!(
            "hint: put the program's folder on PATH as an absolute path, {link}"
        ));
}

#[test]
fn a_client_of_the_current_folder_is_not_taken_for_installed() {
    let mut machine = Machine::with(&[]);
    for client in ["docker", "podman"] {
        std::os::unix::fs::symlink("/bin/true", machine.sandbox.home().join(client)).unwrap();
    }
    machine.store("ghcr.io", PASSWORD);
    machine.sandbox.write(DOCKER_CONFIG, r#"{ "credHelpers": { "ghcr.io": "regcred" } }"#);
    for elements in [":", ":."] {
        let folders = [machine.sandbox.bin(), machine.sandbox.root().join("programs")];
        let absolute = std::env::join_paths(folders).unwrap().into_string().unwrap();
        machine.sandbox.set("PATH", format!("{absolute}{elements}"));
        machine.doctor().assert_healthy();
    }
}
