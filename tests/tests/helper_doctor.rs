//! `docker-credential-regcred doctor` on the keyring, the program and the surroundings: every problem is told with a remedy
//! that mends it. What holds for every run is checked in `regcred_tests::doctor`; see also `helper_doctor_files`.

#![cfg(test)]

use std::time::{Duration, Instant};

use regcred_tests::doctor::{AUTH_JSON, CONFIGURED, DOCKER_CONFIG, Machine, PASSWORD, entry, token};
use regcred_tests::helper::HELPER;
use regcred_tests::leak::assert_no_secret;
use regcred_tests::terminal::Terminal;
use serde_json::{Value, json};

#[test]
fn a_healthy_machine_is_told_as_it_is_and_is_0() {
    let machine = Machine::with(&["docker", "skopeo"]);
    machine.store("ghcr.io", PASSWORD);
    let config = machine.sandbox.write(DOCKER_CONFIG, CONFIGURED);
    let auth = machine.sandbox.write(AUTH_JSON, "{ \"credHelpers\": { \"ghcr.io\": \"regcred\" } }");
    let fleeting = machine.sandbox.root().join("run/containers/auth.json");
    let program = machine.sandbox.root().join("programs").join(HELPER);
    let diagnosis = machine.doctor();
    let expected = format!(
        "Keyring\n  Secret Service (a Secret Service answers on the session bus): unlocked, 1 login\n  ghcr.io: \"robot\"\n\
         Program on PATH\n  {}\n\
         Files\n  {} (docker): asks \"regcred\" for every registry; no passwords; mode 0600\n\
         \u{20} {} (podman and skopeo): there is none\n\
         \u{20} {} (podman and skopeo): asks \"regcred\" for ghcr.io; no passwords; mode 0600\n",
        program.display(),
        config.display(),
        fleeting.display(),
        auth.display(),
    );
    assert_eq!(diagnosis.text, expected);
    let real = program.canonicalize().unwrap();
    let object = json!({
        "apiVersion": "regcred/v1",
        "kind": "Diagnosis",
        "keyring": {
            "name": "secret-service",
            "reason": "a Secret Service answers on the session bus",
            "locked": false,
            "entries": 1,
        },
        "logins": [{ "server": "ghcr.io", "username": "robot", "expiresAt": null }],
        "programOnPath": program,
        "program": real,
        "files": [
            {
                "path": config, "clients": "docker", "exists": true, "mode": "0600", "namesRegcred": true,
                "credsStore": "regcred", "credHelpers": {}, "plaintext": [],
            },
            {
                "path": fleeting, "clients": "podman and skopeo", "exists": false, "mode": null,
                "namesRegcred": false, "credsStore": null, "credHelpers": {}, "plaintext": [],
            },
            {
                "path": auth, "clients": "podman and skopeo", "exists": true, "mode": "0600", "namesRegcred": true,
                "credsStore": null, "credHelpers": { "ghcr.io": "regcred" }, "plaintext": [],
            },
        ],
        "wsl": false,
        "ssh": false,
        "problems": [],
        "notes": [],
    });
    assert_eq!(diagnosis.json, object);
}

#[test]
fn a_program_that_is_not_on_path_is_told_with_the_line_that_links_it() {
    let mut machine = Machine::with(&["docker"]);
    machine.sandbox.write(DOCKER_CONFIG, CONFIGURED);
    let program = machine.sandbox.find(HELPER).canonicalize().unwrap();
    let bin = machine.sandbox.bin();
    machine.sandbox.set("PATH", &bin);
    let (message, remedy) = machine.doctor().problem("notOnPath");
    assert_eq!(message, "docker-credential-regcred is not on PATH, where clients look for it");
    let (_, command) = remedy.split_once("or link it: ").unwrap();
    assert_eq!(command, format!("ln -s {} /usr/local/bin/", program.display()));
    // This machine's own folder stays as it is.
    machine.heed(&command.replace("/usr/local/bin/", &bin.display().to_string())).success();
    machine.doctor().assert_healthy();
}

#[test]
fn another_program_of_our_name_is_told_by_its_place() {
    let machine = Machine::with(&["docker"]);
    machine.sandbox.write(DOCKER_CONFIG, CONFIGURED);
    machine.link(HELPER, &machine.sandbox.find("docker-credential-pass"));
    let other = machine.sandbox.bin().join(HELPER);
    let own = machine.sandbox.root().join("programs").join(HELPER).canonicalize().unwrap();
    let output = machine.sandbox.run(own.to_str().unwrap(), ["doctor", "-o", "json"]);
    output.assert_code(3);
    let problems = output.json()["problems"].clone();
    assert_eq!(problems.as_array().unwrap().len(), 1);
    assert_eq!(problems[0]["code"], "otherOnPath");
    assert_eq!(
        problems[0]["message"],
        format!("clients start {other:?}, the first on PATH, and not this program, {own:?}")
    );
    std::fs::remove_file(other).unwrap();
    machine.doctor().assert_healthy();
}

#[test]
fn a_wrong_setting_is_told_by_its_place() {
    let machine = Machine::with(&["docker"]);
    machine.sandbox.write(DOCKER_CONFIG, CONFIGURED);
    let file = machine.sandbox.write(".config/regcred/config.toml", "# mine\nstroe = \"keyutils\"\n");
    let diagnosis = machine.doctor();
    let (message, remedy) = diagnosis.problem("settings");
    assert_eq!(
        message,
        format!("{file:?}, line 2, column 1: there is no setting \"stroe\"; there is: store")
    );
    assert!(diagnosis.text.starts_with("Keyring\n  none that can be used\n"), "{}", diagnosis.text);
    let command = remedy.strip_prefix("correct it; what can be said there: ").unwrap();
    machine.heed(command).success().assert_stdout_contains("store = ");
    std::fs::remove_file(file).unwrap();
    machine.doctor().assert_healthy();
}

#[test]
fn a_locked_keyring_is_told_also_over_ssh() {
    let mut machine = Machine::with(&["docker"]);
    machine.store("ghcr.io", PASSWORD);
    machine.sandbox.write(DOCKER_CONFIG, CONFIGURED);
    machine.secret_service().lock().unwrap();
    let diagnosis = machine.doctor();
    let (message, remedy) = diagnosis.problem("keyringLocked");
    assert_eq!(message, "the keyring is locked");
    assert!(
        remedy.contains("`gnome-keyring-daemon --replace --unlock`")
            && remedy.contains("REGCRED_STORE=keyutils"),
        "{remedy}"
    );
    assert!(!remedy.contains("SSH"), "{remedy}");
    assert_eq!(diagnosis.json["keyring"]["locked"], true);
    assert!(
        diagnosis.text.contains("Secret Service (a Secret Service answers on the session bus): locked, ")
    );

    machine.sandbox.set("SSH_CONNECTION", "192.0.2.1 50000 192.0.2.2 22");
    machine.secret_service().start_keyring(false).unwrap();
    let diagnosis = machine.doctor();
    let (_, remedy) = diagnosis.problem("keyringLocked");
    assert!(remedy.ends_with("; a login over SSH unlocks no keyring of a desktop"), "{remedy}");
    assert_eq!(diagnosis.json["ssh"], true);
    assert!(diagnosis.text.contains("\nSurroundings\n  a login over SSH\n"), "{}", diagnosis.text);
    machine.secret_service().start_keyring(true).unwrap();
    machine.doctor().assert_healthy();
}

#[test]
fn a_keyring_that_is_not_there_is_told_and_keyutils_takes_its_place() {
    let mut machine = Machine::on_the_kernels_keyring(&["docker"]);
    machine.sandbox.write(DOCKER_CONFIG, CONFIGURED);
    machine.sandbox.set("REGCRED_STORE", "secret-service");
    let diagnosis = machine.doctor();
    let (message, remedy) = diagnosis.problem("keyringAbsent");
    assert_eq!(message, "DBUS_SESSION_BUS_ADDRESS is not set, so there is no Secret Service");
    assert!(remedy.ends_with("or choose the kernel's keyring with REGCRED_STORE=keyutils"), "{remedy}");
    assert_eq!(diagnosis.json["keyring"], Value::Null);
    machine.sandbox.set("REGCRED_STORE", "keyutils");
    machine.doctor().assert_healthy();
}

#[test]
fn a_frozen_keyring_is_a_problem_in_time() {
    let mut machine = Machine::with(&["docker"]);
    machine.sandbox.write(DOCKER_CONFIG, CONFIGURED);
    machine.secret_service().freeze().unwrap();
    let started = Instant::now();
    let (message, _) = machine.doctor().problem("keyringFailed");
    // Twice: for people and for scripts.
    assert!(started.elapsed() < Duration::from_secs(30), "{:?}", started.elapsed());
    assert!(message.starts_with("the Secret Service did not answer for 10 s; "), "{message}");
    machine.secret_service().thaw().unwrap();
    machine.doctor().assert_healthy();
}

#[test]
fn the_kernels_keyring_is_noted_to_forget_the_more_so_within_wsl_and_over_ssh() {
    let mut machine = Machine::on_the_kernels_keyring(&["docker"]);
    machine.sandbox.write(DOCKER_CONFIG, CONFIGURED);
    machine.store("ghcr.io", PASSWORD);
    let diagnosis = machine.doctor();
    diagnosis.assert_healthy();
    let (message, _) = diagnosis.note("fleeting");
    assert!(message.starts_with("the kernel keyring does not last: it is gone after a reboot"), "{message}");
    assert!(!message.contains("WSL"), "{message}");

    machine.sandbox.set("WSL_DISTRO_NAME", "Debian");
    let diagnosis = machine.doctor();
    let (message, _) = diagnosis.note("fleeting");
    assert!(
        message.ends_with("; and when WSL shuts down, which it does by itself when it is idle"),
        "{message}"
    );
    assert_eq!(diagnosis.json["wsl"], true);
    assert!(
        diagnosis.text.contains("\nSurroundings\n  WSL, the Windows Subsystem for Linux\n"),
        "{}",
        diagnosis.text
    );

    machine.sandbox.set("SSH_CONNECTION", "192.0.2.1 50000 192.0.2.2 22");
    let diagnosis = machine.doctor();
    assert_eq!(diagnosis.codes("notes"), ["fleeting", "otherKeyring"]);
    let (message, remedy) = diagnosis.of("notes", "otherKeyring");
    assert_eq!(
        message,
        "the kernel keyring is used because DBUS_SESSION_BUS_ADDRESS is not set, so there is no Secret Service; what a \
         desktop session keeps in its own is not seen from here"
    );
    assert!(remedy.ends_with(": docker-credential-regcred config show --help"), "{remedy}");
    machine.sandbox.write(".config/regcred/config.toml", "store = \"keyutils\"\n");
    assert_eq!(machine.doctor().codes("notes"), ["fleeting"]);
}

#[test]
fn docker_auth_config_is_noted() {
    let mut machine = Machine::with(&["docker"]);
    machine.sandbox.write(DOCKER_CONFIG, CONFIGURED);
    machine.sandbox.set("DOCKER_AUTH_CONFIG", json!({ "auths": { "ghcr.io": entry(PASSWORD) } }).to_string());
    let diagnosis = machine.doctor();
    diagnosis.assert_healthy();
    assert_eq!(
        diagnosis.note("variableOutranks").0,
        "DOCKER_AUTH_CONFIG is set: docker looks for passwords there before it asks a helper"
    );
}

#[test]
fn an_expired_token_is_a_problem_that_login_mends_and_one_about_to_is_a_note() {
    let machine = Machine::with(&["docker"]);
    machine.sandbox.write(DOCKER_CONFIG, CONFIGURED);
    let ((old, old_end), (soon, soon_end), (late, _)) = (token(-1), token(24 * 6), token(24 * 30));
    machine.store("ghcr.io", &old);
    machine.store("quay.io", &soon);
    machine.store("late.example", &late);
    let diagnosis = machine.doctor();
    let (message, remedy) = diagnosis.problem("expired");
    let logins = diagnosis.json["logins"].as_array().unwrap();
    let ends: Vec<_> = logins.iter().map(|login| login["expiresAt"].as_str().unwrap()).collect();
    assert_eq!(message, format!("the token of \"robot\" for ghcr.io expired at {}", ends[0]));
    let note = diagnosis.note("expiring");
    assert_eq!(note.0, format!("the token of \"robot\" for quay.io expires at {}", ends[2]));
    assert_eq!(note.1, "docker-credential-regcred login quay.io");
    // RFC 3339 in UTC, as the clock of the tests says it.
    for (end, shown) in [(old_end, ends[0]), (soon_end, ends[2])] {
        let said = machine.sandbox.run("date", ["--utc", "--date", shown, "+%s"]);
        assert_eq!(said.success().stdout.trim(), end.to_string(), "{shown}");
        assert!(shown.ends_with('Z'), "{shown}");
    }
    for secret in [old.as_str(), soon.as_str(), late.as_str()] {
        assert_no_secret(secret, &[&diagnosis.text, &diagnosis.json.to_string()]);
    }

    // As printed, at a terminal.
    assert_eq!(remedy, "docker-credential-regcred login ghcr.io");
    let mut terminal = Terminal::run(&machine.sandbox, &remedy);
    terminal.expect("User name");
    terminal.type_line("robot");
    terminal.expect("Password of");
    terminal.type_hidden(&token(24 * 90).0);
    terminal.expect("stored the login");
    assert!(terminal.end().contains("code=0"));
    machine.doctor().assert_healthy();
}

#[test]
fn a_secret_that_is_no_text_spoils_no_other_login() {
    let machine = Machine::with(&["docker"]);
    machine.sandbox.write(DOCKER_CONFIG, CONFIGURED);
    machine.store("ghcr.io", PASSWORD);
    let script = "printf '\\377' | secret-tool store --label=quay.io xdg:schema io.docker.Credentials \
                  label 'Docker Credentials' server quay.io username robot docker_cli 1";
    machine.sandbox.run("bash", ["-c", &format!("PATH=/usr/bin:/bin; {script}")]).success();
    let (message, remedy) = machine.doctor().problem("unreadableLogin");
    assert!(message.starts_with("the secret for \"quay.io\" is no text"), "{message}");
    machine.heed(&remedy).success();
    machine.doctor().assert_healthy();
}
