//! `docker-credential-regcred configure`: what it changes in the clients' files, what it leaves, and what it refuses.

#![cfg(test)]

use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process::Stdio;

use regcred_tests::leak::{Folder, assert_no_secret};
use regcred_tests::output::Output;
use regcred_tests::sandbox::Sandbox;
use regcred_tests::secret_service;
use serde_json::{Value, json};
use xtask::secret_service::SecretService;

const HELPER: &str = "docker-credential-regcred";
const PASSWORD: &str = "pa$$<w&rd>, \"quoted\" ü";

/// Tabs, unknown members, and something that only looks like ours.
const CONFIG: &str = "{\n\t\"auths\": {\n\t\t\"ghcr.io\": {\n\t\t\t\"auth\": \"cm9ib3Q6cGEkJDx3JnJkPiwgInF1b3RlZCIgw7w=\"\n\t\t}\n\t},\n\t\
                      \"HttpHeaders\": {\"User-Agent\": \"x\"},\n\t\"credsStored\": 1\n}\n";

/// A home with an empty Secret Service.
fn home() -> (Sandbox, SecretService) {
    let mut sandbox = Sandbox::without_cluster();
    let service = secret_service::start(&mut sandbox);
    (sandbox, service)
}

fn configure(sandbox: &Sandbox, arguments: &[&str]) -> Output {
    sandbox.run(HELPER, [&["configure"], arguments].concat())
}

fn docker_file(sandbox: &Sandbox) -> PathBuf {
    sandbox.home().join(".docker/config.json")
}

fn backup(file: &Path) -> PathBuf {
    file.with_file_name(format!("{}.regcred-backup", file.file_name().unwrap().to_str().unwrap()))
}

fn text(file: &Path) -> String {
    fs::read_to_string(file).unwrap_or_else(|error| panic!("{file:?}: {error}"))
}

fn value(file: &Path) -> Value {
    serde_json::from_str(&text(file)).unwrap()
}

fn mode(file: &Path) -> u32 {
    file.metadata().unwrap().mode() & 0o7777
}

/// Every file below the home and the runtime folder that a client or we could have made, with its text.
fn files(sandbox: &Sandbox) -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    let mut open = vec![
        sandbox.home().join(".docker"),
        sandbox.home().join(".config/containers"),
        sandbox.root().join("run/containers"),
    ];
    while let Some(folder) = open.pop() {
        for entry in folder.read_dir().into_iter().flatten() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                open.push(path);
            } else {
                found.push((path.clone(), text(&path)));
            }
        }
    }
    found.sort();
    found
}

#[test]
fn docker_asks_for_everything_and_nothing_else_of_its_file_changes() {
    let (sandbox, _service) = home();
    let file = sandbox.write(".docker/config.json", CONFIG);
    fs::set_permissions(&file, fs::Permissions::from_mode(0o640)).unwrap();
    let dry = configure(&sandbox, &["--docker", "--dry-run"]);
    dry.success().assert_stderr_contains("nothing was changed (dry run)");
    assert_eq!(files(&sandbox), [(file.clone(), CONFIG.to_owned())]);

    let done = configure(&sandbox, &["--docker"]);
    done.success();
    assert_eq!(done.stdout, dry.stdout);
    assert_eq!(done.stdout, format!("{}:\n+ \"credsStore\": \"regcred\"\n", file.display()));
    done.assert_stderr_contains("passwords still stand in these files, for ghcr.io");
    done.assert_stderr_contains("docker-credential-regcred migrate");
    let expected = CONFIG.replace("1\n}\n", "1,\n\t\"credsStore\": \"regcred\"\n}\n");
    assert_eq!(text(&file), expected);
    assert_eq!(mode(&file), 0o640);

    // The backup is for its owner alone, and has nothing of the file but what changes.
    assert_eq!(mode(&backup(&file)), 0o600);
    let members: Vec<_> = value(&backup(&file)).as_object().unwrap().keys().cloned().collect();
    assert_eq!(members, ["regcredUndo"]);
    assert_no_secret(PASSWORD, &[&dry, &done, &Folder::new(sandbox.root()).except(&file)]);

    let before = (files(&sandbox), file.metadata().unwrap().ino(), file.metadata().unwrap().mtime_nsec());
    let again = configure(&sandbox, &["--docker"]);
    again.success().assert_stdout_contains("nothing to change");
    assert_eq!(
        (files(&sandbox), file.metadata().unwrap().ino(), file.metadata().unwrap().mtime_nsec()),
        before
    );

    let undone = configure(&sandbox, &["--undo"]);
    undone.success();
    assert_eq!(undone.stdout, format!("{}:\n- \"credsStore\": \"regcred\"\n", file.display()));
    assert_eq!(files(&sandbox), [(file.clone(), CONFIG.to_owned())]);
    assert_eq!(mode(&file), 0o640);
    configure(&sandbox, &["--undo"]).success().assert_stdout_contains("nothing to undo");
    configure(&sandbox, &["--docker"]).success();
    fs::remove_file(backup(&file)).unwrap();
    let unknown = configure(&sandbox, &["--undo"]);
    unknown
        .success()
        .assert_stderr_contains("names this helper, and there is no backup of what it said before");
}

#[test]
fn podman_gets_a_helper_for_each_registry_that_is_known_or_named() {
    let (sandbox, _service) = home();
    let entry = json!({ "auth": "dTpw" });
    let login = sandbox.root().join("run/containers/auth.json");
    fs::create_dir_all(login.parent().unwrap()).unwrap();
    fs::write(&login, json!({ "auths": { "quay.io": entry } }).to_string()).unwrap();
    sandbox.write(
        ".docker/config.json",
        json!({ "auths": { "https://index.docker.io/v1/": entry, "ghcr.io": {} } }).to_string(),
    );
    let stored = json!({ "ServerURL": "kept.example:5000", "Username": "me", "Secret": "s" }).to_string();
    sandbox.run_with_stdin(HELPER, ["store"], stored.as_bytes()).success();

    configure(&sandbox, &["--podman"]).success().assert_stderr_contains("REGISTRY_AUTH_FILE=");
    let all = json!({ "docker.io": "regcred", "ghcr.io": "regcred", "kept.example:5000": "regcred", "quay.io": "regcred" });
    let kept = sandbox.home().join(".config/containers/auth.json");
    assert_eq!(value(&login)["credHelpers"], all);
    assert_eq!(value(&login)["auths"], json!({ "quay.io": entry }));
    assert_eq!(value(&kept), json!({ "credHelpers": all }));
    assert_eq!((mode(&kept), mode(kept.parent().unwrap())), (0o600, 0o700));
    // docker was not meant.
    assert!(value(&docker_file(&sandbox)).get("credsStore").is_none());

    configure(&sandbox, &["--podman", "--registry=more.example"]).success();
    assert_eq!(value(&kept)["credHelpers"]["more.example"], "regcred");
    assert_eq!(value(&kept)["credHelpers"].as_object().unwrap().len(), 5);

    // Both runs are undone, and the file that was made is gone.
    configure(&sandbox, &["--undo"]).success();
    assert!(!kept.exists() && !backup(&kept).exists());
    assert_eq!(value(&login), json!({ "auths": { "quay.io": entry } }));
}

#[test]
fn single_registries_leave_the_others_to_who_has_them() {
    let (mut sandbox, _service) = home();
    let before = json!({ "credsStore": "pass", "credHelpers": { "quay.io": "other" } }).to_string();
    let file = sandbox.write(".docker/config.json", &before);
    let auth_file = sandbox.home().join("auth.json");
    sandbox.set("REGISTRY_AUTH_FILE", &auth_file);
    configure(&sandbox, &["--registry=GHCR.io", "--registry=docker.io"]).success();
    assert_eq!(
        value(&file),
        json!({ "credsStore": "pass", "credHelpers": { "quay.io": "other", "ghcr.io": "regcred", "https://index.docker.io/v1/": "regcred" } })
    );
    assert_eq!(value(&auth_file), json!({ "credHelpers": { "ghcr.io": "regcred", "docker.io": "regcred" } }));
    configure(&sandbox, &["--undo", "--docker"]).success();
    assert_eq!(text(&file), before);
    assert!(auth_file.exists());
    configure(&sandbox, &["--undo"]).success();
    assert!(!auth_file.exists());
}

#[test]
fn another_helper_is_not_replaced_unless_told_to() {
    let (sandbox, _service) = home();
    for (before, arguments, who) in [
        (json!({ "credsStore": "pass" }), &["--docker"][..], "names the helper \"pass\" in \"credsStore\""),
        (
            json!({ "credHelpers": { "ghcr.io": "x" } }),
            &["--docker", "--registry=ghcr.io"],
            "names the helper \"x\" in \"credHelpers\" \"ghcr.io\"",
        ),
    ] {
        let file = sandbox.write(".docker/config.json", before.to_string());
        let refused = configure(&sandbox, arguments);
        refused.assert_code(8).assert_stderr_contains(who).assert_stderr_contains("--force");
        assert_eq!(refused.stdout, "");
        assert_eq!(files(&sandbox), [(file.clone(), before.to_string())]);

        let forced = configure(&sandbox, &[arguments, &["--force"]].concat());
        forced.success().assert_stderr_contains(who).assert_stdout_contains("\n- ");
        assert!(text(&file).contains("regcred"));
        configure(&sandbox, &["--undo"]).success();
        assert_eq!(files(&sandbox), [(file.clone(), before.to_string())]);
    }
    sandbox.write(".docker/config.json", json!({ "credsStore": "pass" }).to_string());
    configure(&sandbox, &["--docker"])
        .assert_stderr_contains("docker-credential-regcred migrate --from-helper pass");
}

#[test]
fn logins_for_a_path_are_not_shadowed_unless_told_to() {
    let (mut sandbox, _service) = home();
    let auth_file = sandbox.home().join("auth.json");
    sandbox.set("REGISTRY_AUTH_FILE", &auth_file);
    let entry = json!({ "auth": "dTpw" });
    let before =
        json!({ "auths": { "ghcr.io": entry, "ghcr.io/team": entry, "quay.io": entry } }).to_string();
    fs::write(&auth_file, &before).unwrap();
    for arguments in [&["--podman"][..], &["--podman", "--registry=ghcr.io"], &[]] {
        let refused = configure(&sandbox, arguments);
        refused.assert_code(8).assert_stderr_contains("has a login for \"ghcr.io/team\", a part of ghcr.io");
        refused.assert_stderr_contains("name the other registries with --registry");
        assert_eq!(text(&auth_file), before);
        assert!(!docker_file(&sandbox).exists(), "all or nothing");
    }
    configure(&sandbox, &["--podman", "--registry=quay.io"]).success();
    assert_eq!(value(&auth_file)["credHelpers"], json!({ "quay.io": "regcred" }));
    configure(&sandbox, &["--podman", "--registry=ghcr.io", "--force"]).success();
    assert_eq!(value(&auth_file)["credHelpers"], json!({ "quay.io": "regcred", "ghcr.io": "regcred" }));
    configure(&sandbox, &["--undo"]).success();
    assert_eq!(text(&auth_file), before);
}

#[test]
fn a_path_in_any_file_that_podman_reads_counts() {
    let (sandbox, _service) = home();
    sandbox
        .write(".docker/config.json", json!({ "auths": { "ghcr.io/team": { "auth": "dTpw" } } }).to_string());
    configure(&sandbox, &["--podman", "--registry=ghcr.io"])
        .assert_code(8)
        .assert_stderr_contains("ghcr.io/team");
    // docker takes it for a login to all of the registry, and would not look at it any more.
    let hidden = configure(&sandbox, &["--docker"]);
    hidden.assert_code(8).assert_stderr_contains("docker uses the login for \"ghcr.io/team\"");
    hidden.assert_stderr_contains(
        "log in to ghcr.io itself first (docker login ghcr.io), or name the other registries",
    );
    configure(&sandbox, &["--docker", "--registry=quay.io"]).success();
    // As it says.
    let both = json!({ "auths": { "ghcr.io/team": { "auth": "dTpw" }, "ghcr.io": { "auth": "dTpw" } } });
    sandbox.write(".docker/config.json", both.to_string());
    configure(&sandbox, &["--docker"]).success();
}

#[test]
fn what_the_keyring_cant_have_is_not_hidden_from_docker() {
    let (sandbox, _service) = home();
    let before = json!({ "auths": { "a.example": { "registrytoken": PASSWORD } } }).to_string();
    let file = sandbox.write(".docker/config.json", &before);
    let refused = configure(&sandbox, &["--docker"]);
    refused.assert_code(8).assert_stderr_contains("docker uses the registry token for \"a.example\"");
    assert_eq!(text(&file), before);
    configure(&sandbox, &["--docker", "--registry=b.example"]).success();
    assert_no_secret(PASSWORD, &[&refused]);

    // An empty name in credHelpers means the file, for good.
    let exempt =
        json!({ "auths": { "a.example": { "registrytoken": "t" } }, "credHelpers": { "a.example": "" } });
    sandbox.write(".docker/config.json", exempt.to_string());
    configure(&sandbox, &["--docker"]).success();
}

#[test]
fn different_logins_that_would_be_one_are_told_before() {
    let (mut sandbox, _service) = home();
    let config = |auth: &str| json!({ "auths": { "ghcr.io": { "auth": auth } } }).to_string();
    sandbox.write(".docker/config.json", config("bWU6b25l"));
    let auth_file = sandbox.write("auth.json", config("bWU6dHdv"));
    sandbox.set("REGISTRY_AUTH_FILE", &auth_file);
    let refused = configure(&sandbox, &[]);
    refused
        .assert_code(8)
        .assert_stderr_contains("there are different logins for ghcr.io, and the keyring keeps one: ");
    configure(&sandbox, &["--registry=quay.io"]).success();
    configure(&sandbox, &["--undo"]).success();
    fs::write(&auth_file, config("bWU6b25l")).unwrap();
    configure(&sandbox, &[]).success();
}

#[test]
fn one_file_of_two_clients_is_one() {
    let (mut sandbox, _service) = home();
    let file = sandbox
        .write(".docker/config.json", json!({ "auths": { "ghcr.io": { "auth": "bWU6cHc=" } } }).to_string());
    symlink(&file, sandbox.home().join("auth.json")).unwrap();
    sandbox.set("REGISTRY_AUTH_FILE", sandbox.home().join("auth.json"));
    let done = configure(&sandbox, &[]);
    done.success();
    assert_eq!(value(&file)["credsStore"], "regcred");
    assert_eq!(value(&file)["credHelpers"], json!({ "ghcr.io": "regcred" }));
    sandbox.run(HELPER, ["migrate"]).success().assert_stderr_contains("1 moved");
    assert_eq!(value(&file)["auths"], json!({ "ghcr.io": {} }));
    let undone = configure(&sandbox, &["--undo"]);
    undone.success().assert_stderr_contains(
        "the logins for ghcr.io stay in the keyring, where docker and podman don't look",
    );
    assert_eq!(value(&file), json!({ "auths": { "ghcr.io": {} } }));
}

#[test]
fn without_a_keyring_nothing_is_changed() {
    let (mut sandbox, service) = home();
    drop(service);
    sandbox.set("REGCRED_STORE", "secret-service");
    let refused = configure(&sandbox, &["--docker"]);
    refused.assert_code(7).assert_stderr_contains("pulls would fail until there is a keyring");
    assert!(files(&sandbox).is_empty());
    configure(&sandbox, &["--docker", "--force"]).success();
}

#[test]
fn a_key_with_a_password_in_it_is_shown_without() {
    let (sandbox, _service) = home();
    let key = format!("https://me:{}@weird.example", "hunter2hunter2");
    sandbox.write(".docker/config.json", json!({ "auths": { key: { "auth": "bWU6cHc=" } } }).to_string());
    let mut outputs = vec![
        configure(&sandbox, &["--docker"]),
        sandbox.run(HELPER, ["migrate"]),
        sandbox.run(HELPER, ["doctor"]),
    ];
    outputs.push(configure(&sandbox, &["--undo"]));
    for output in &outputs {
        assert_no_secret("hunter2hunter2", &[output]);
    }
    outputs[1].assert_stdout_contains("\"https://[redacted]@weird.example\" stays in ");
}

#[test]
fn a_folder_that_can_t_be_written_to_stops_it_with_what_was_done() {
    let (mut sandbox, _service) = home();
    sandbox.write(".docker/config.json", "{}");
    // Not even root can make a folder where a file is.
    let blocker = sandbox.write("blocker", "");
    sandbox.set("REGISTRY_AUTH_FILE", blocker.join("auth.json"));
    let failed = configure(&sandbox, &["--registry=ghcr.io"]);
    failed.assert_code(1).assert_stderr_contains("Not a directory");
    assert_eq!(failed.stdout, "", "nothing that was not done is shown as done");
}

#[test]
fn without_the_helper_on_path_nothing_is_changed() {
    let (mut sandbox, _service) = home();
    let program = sandbox.find(HELPER);
    sandbox.set("PATH", "/usr/bin:/bin");
    let run = |arguments: &[&str]| {
        let line = [&[program.to_str().unwrap(), "configure"], arguments].concat();
        sandbox.run("env", line)
    };
    let refused = run(&["--docker"]);
    refused.assert_code(1).assert_stderr_contains("docker-credential-regcred is not on PATH");
    refused.assert_stderr_contains("ln -s ").assert_stderr_contains("nothing was changed");
    assert!(files(&sandbox).is_empty());
    run(&["--docker", "--force"]).success().assert_stderr_contains("is not on PATH");
    assert!(docker_file(&sandbox).exists());
}

#[test]
fn a_file_behind_links_is_changed_where_it_is() {
    let (sandbox, _service) = home();
    let file = sandbox.write("dotfiles/docker.json", CONFIG);
    fs::create_dir_all(sandbox.home().join(".docker")).unwrap();
    symlink("link", docker_file(&sandbox)).unwrap();
    symlink("../dotfiles/docker.json", sandbox.home().join(".docker/link")).unwrap();
    configure(&sandbox, &["--docker"]).success();
    assert!(docker_file(&sandbox).is_symlink() && sandbox.home().join(".docker/link").is_symlink());
    assert_eq!(value(&file)["credsStore"], "regcred");
    assert!(!file.is_symlink());
    configure(&sandbox, &["--undo"]).success();
    assert_eq!(text(&file), CONFIG);

    fs::remove_file(&file).unwrap();
    configure(&sandbox, &["--docker"])
        .assert_code(1)
        .assert_stderr_contains("is a link to a file that is not there");
}

#[test]
fn what_is_no_docker_config_is_left_alone() {
    let (sandbox, _service) = home();
    for (text, problem) in [
        ("{ \"auths\": ", "not valid JSON: line 1"),
        ("[]", "must be an object"),
        (
            "{\"credHelpers\":{\"ghcr.io\":7}}",
            "line 1, column 27: `credHelpers` must be an object of strings",
        ),
        ("{\"credsStore\":7}", "line 1, column 15: `credsStore` must be a string"),
    ] {
        let file = sandbox.write(".docker/config.json", text);
        let refused = configure(&sandbox, &["--docker"]);
        refused
            .assert_code(1)
            .assert_stderr_contains("is not a docker config")
            .assert_stderr_contains(problem);
        assert_eq!(files(&sandbox), [(file, text.to_owned())]);
    }
    // docker takes an empty file for none.
    let file = sandbox.write(".docker/config.json", "\n");
    configure(&sandbox, &["--docker"]).success();
    assert_eq!(value(&file), json!({ "credsStore": "regcred" }));
    fs::remove_file(&file).unwrap();
    fs::remove_file(backup(&file)).unwrap();
    fs::create_dir(&file).unwrap();
    configure(&sandbox, &["--docker"]).assert_code(1).assert_stderr_contains("it is not a regular file");
}

#[test]
fn what_others_changed_since_is_not_undone() {
    let (sandbox, _service) = home();
    let file = sandbox.write(".docker/config.json", "{\"credHelpers\": {\"a.example\": \"pass\"}}");
    configure(&sandbox, &["--docker", "--registry=a.example", "--registry=b.example", "--force"]).success();
    let changed = json!({ "credHelpers": { "a.example": "mine", "b.example": "regcred", "c.example": "regcred" }, "x": 1 });
    fs::write(&file, changed.to_string()).unwrap();
    let undone = configure(&sandbox, &["--undo"]);
    undone.success().assert_stderr_contains(
        "\"credHelpers\" \"a.example\" was changed by somebody else since, and stays",
    );
    assert_eq!(
        value(&file),
        json!({ "credHelpers": { "a.example": "mine", "c.example": "regcred" }, "x": 1 })
    );
}

#[test]
fn a_backup_that_is_not_ours_is_not_touched() {
    let (sandbox, _service) = home();
    let file = sandbox.write(".docker/config.json", CONFIG);
    let other = sandbox.write(".docker/config.json.regcred-backup", "{}");
    for arguments in [&["--docker"][..], &["--undo"]] {
        configure(&sandbox, arguments).assert_code(1).assert_stderr_contains("is no backup of ours");
        assert_eq!((text(&file), text(&other)), (CONFIG.to_owned(), "{}".to_owned()));
    }
}

#[test]
fn a_run_that_was_killed_leaves_nothing_that_the_next_does_not_mend() {
    let (sandbox, _service) = home();
    let file = sandbox.write(".docker/config.json", CONFIG);
    // What is left between the copy and the file, and between the new file and its renaming.
    configure(&sandbox, &["--docker"]).success();
    fs::write(&file, CONFIG).unwrap();
    sandbox.write(".docker/.config.json.regcred-new", CONFIG);
    configure(&sandbox, &["--docker"]).success();
    assert_eq!(value(&file)["credsStore"], "regcred");
    assert_eq!(files(&sandbox).len(), 2);
    configure(&sandbox, &["--undo"]).success();
    assert_eq!(files(&sandbox), [(file, CONFIG.to_owned())]);
}

#[test]
fn many_at_once_lose_nothing() {
    let (sandbox, _service) = home();
    let file = sandbox.write(".docker/config.json", "{}");
    let registries: Vec<String> = (0..12).map(|number| format!("r{number}.example")).collect();
    std::thread::scope(|scope| {
        for registry in &registries {
            let sandbox = &sandbox;
            let arguments = ["configure", "--docker", &format!("--registry={registry}")].map(str::to_owned);
            let mut command = sandbox.command(HELPER, arguments);
            command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
            scope.spawn(move || {
                let output = command.output().unwrap();
                assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
            });
        }
    });
    let helpers = value(&file)["credHelpers"].clone();
    assert_eq!(helpers.as_object().unwrap().len(), registries.len(), "{helpers}");
    configure(&sandbox, &["--undo"]).success();
    assert_eq!(value(&file), json!({}));
}

#[test]
fn wrong_usage_is_told_without_a_secret() {
    let (sandbox, _service) = home();
    for (arguments, problem) in [
        (&["--registry=me:hunter2@ghcr.io"][..], "that is no registry"),
        (&["--registry=ghcr.io/team"], "is a path in a registry"),
        (&["--docker=hunter2"], "an option that takes no value is given one"),
        (&["--pasword=hunter2"], "there is no option --pasword"),
        (&["hunter2"], "it takes no arguments"),
        (&["--undo", "--registry=ghcr.io"], "it takes no --registry"),
        (&["--registry"], "--registry lacks its value"),
        (&["--registry", "--dry-run"], "--registry lacks its value"),
        (&["--registry=a..b"], "a part of its name is empty"),
        (&["--podman"], "none is known yet; nothing was configured"),
        // There is podman here, and no docker.
        (&[], "none is known yet; nothing was configured"),
    ] {
        let refused = configure(&sandbox, arguments);
        refused.assert_code(2).assert_stderr_contains(problem);
        assert!(!refused.stderr.contains("hunter2"), "{}", refused.stderr);
        assert!(files(&sandbox).is_empty());
    }
    let help = configure(&sandbox, &["--help"]);
    help.success().assert_stdout_contains("Usage: docker-credential-regcred configure [OPTIONS]");
}
