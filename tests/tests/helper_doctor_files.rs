//! `docker-credential-regcred doctor` on the files of docker and podman: every problem is told with a remedy that mends it.
//! What holds for every run is checked in `regcred_tests::doctor`; see also `helper_doctor`.

#![cfg(test)]

use std::os::unix::fs::PermissionsExt as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use regcred_tests::doctor::{AUTH_JSON, CONFIGURED, DOCKER_CONFIG, Machine, PASSWORD, entry, token};
use regcred_tests::helper::HELPER;
use regcred_tests::registry::{Registry, Transport};
use serde_json::json;

#[test]
fn not_configured_is_mended_by_configure() {
    let not_configured = "no file of docker or podman names this helper, so nobody asks it";
    Machine::with(&["docker"]).assert_mended(
        "notConfigured",
        not_configured,
        "docker-credential-regcred configure",
    );

    // podman wants its registries named, and here one is known.
    let machine = Machine::with(&["podman"]);
    machine.store("ghcr.io", PASSWORD);
    machine.assert_mended("notConfigured", not_configured, "docker-credential-regcred configure");

    let machine = Machine::with(&["podman"]);
    let (_, remedy) = machine.doctor().problem("notConfigured");
    let command = remedy.strip_prefix("name the registries, as in: ").unwrap();
    machine.heed(command).success();
    machine.doctor().assert_healthy();
}

#[test]
fn a_machine_with_another_helper_is_moved_over() {
    let machine = Machine::with(&["docker"]);
    machine.install("docker-credential-secretservice");
    machine.sandbox.write(DOCKER_CONFIG, "{ \"credsStore\": \"secretservice\" }");
    machine.assert_mended(
        "notConfigured",
        "no file of docker or podman names this helper, so nobody asks it",
        "docker-credential-regcred migrate --from-helper secretservice && docker-credential-regcred configure --force",
    );
}

#[test]
fn plaintext_is_mended_by_migrate_after_configure_where_nobody_asks() {
    let machine = Machine::with(&["docker"]);
    let auths = json!({ "ghcr.io": entry(PASSWORD), "https://index.docker.io/v1/": entry(PASSWORD) });
    let config =
        machine.sandbox.write(DOCKER_CONFIG, json!({ "credsStore": "regcred", "auths": auths }).to_string());
    machine.assert_mended(
        "plaintext",
        &format!("passwords stand in {config:?}, for ghcr.io, https://index.docker.io/v1/"),
        "docker-credential-regcred migrate",
    );

    let machine = Machine::with(&["docker"]);
    let config =
        machine.sandbox.write(DOCKER_CONFIG, json!({ "auths": { "ghcr.io": entry(PASSWORD) } }).to_string());
    let diagnosis = machine.doctor();
    assert_eq!(diagnosis.codes("problems"), ["plaintext", "notConfigured"]);
    let (message, remedy) = diagnosis.of("problems", "plaintext");
    assert_eq!(message, format!("passwords stand in {config:?}, for ghcr.io"));
    assert_eq!(remedy, "docker-credential-regcred configure --docker && docker-credential-regcred migrate");
    machine.heed(&remedy).success();
    machine.doctor().assert_healthy();

    // podman's.
    let machine = Machine::with(&["podman"]);
    let auth = json!({ "auths": { "ghcr.io": entry(PASSWORD) } }).to_string();
    machine.sandbox.write(AUTH_JSON, auth);
    let (_, remedy) = machine.doctor().of("problems", "plaintext");
    assert_eq!(remedy, "docker-credential-regcred configure --podman && docker-credential-regcred migrate");
    machine.heed(&remedy).success();
    machine.doctor().assert_healthy();
}

#[test]
fn plaintext_beside_another_helper_says_who_is_asked() {
    for (helpers, asked, force) in [
        (json!({ "credsStore": "pass" }), "ghcr.io", ""),
        (json!({ "credsStore": "regcred", "credHelpers": { "ghcr.io": "pass" } }), "ghcr.io", " --force"),
    ] {
        let machine = Machine::with(&["docker"]);
        machine.install("docker-credential-pass");
        let mut config = helpers;
        config["auths"] = json!({ "ghcr.io": entry(PASSWORD) });
        let file = machine.sandbox.write(DOCKER_CONFIG, config.to_string());
        let (message, remedy) = machine.doctor().of("problems", "plaintext");
        assert_eq!(
            message,
            format!("passwords stand in {file:?}, for {asked}; docker asks \"pass\" for them, not this file")
        );
        assert_eq!(
            remedy,
            format!("{HELPER} configure --docker --registry ghcr.io{force} && {HELPER} migrate")
        );
        machine.heed(&remedy).success();
        machine.doctor().assert_healthy();
    }
}

#[test]
fn what_has_to_stay_in_a_file_is_no_problem_but_a_note() {
    let machine = Machine::with(&["podman"]);
    let auths = json!({ "ghcr.io": entry(PASSWORD), "ghcr.io/team": entry(PASSWORD), "quay.io": {} });
    let config = json!({ "auths": auths, "credHelpers": { "quay.io": "regcred" } });
    let file = machine.sandbox.write(AUTH_JSON, config.to_string());
    // Elsewhere it would be asked for.
    machine.store("ghcr.io", PASSWORD);
    machine.store("quay.io", PASSWORD);
    let diagnosis = machine.doctor();
    diagnosis.assert_healthy();
    assert_eq!(diagnosis.codes("notes"), ["plaintextStays", "plaintextStays"]);
    let messages: Vec<_> = diagnosis.findings("notes").iter().map(|note| note["message"].clone()).collect();
    assert_eq!(
        messages,
        [
            format!(
                "passwords stand in {file:?}, for ghcr.io/team, and stay there: podman asks no helper for a path in a registry"
            ),
            format!(
                "passwords stand in {file:?}, for ghcr.io, and stay there: with a helper for the registry, podman would not use the logins for paths in it"
            ),
        ]
    );
    // As `migrate` sees it.
    let migrated = machine.run(HELPER, ["migrate"], "");
    assert!(migrated.stdout.contains("\"ghcr.io/team\" stays"), "{}", migrated.stdout);

    let machine = Machine::with(&["docker"]);
    let config = json!({ "credsStore": "regcred", "auths": { "ghcr.io": { "registrytoken": PASSWORD } } });
    machine.sandbox.write(DOCKER_CONFIG, config.to_string());
    let diagnosis = machine.doctor();
    diagnosis.assert_healthy();
    assert!(diagnosis.note("plaintextStays").0.ends_with("helpers keep no registry tokens"));
    machine.heed("docker-credential-regcred migrate").success();
}

#[test]
fn a_shadowed_login_is_told_and_undone() {
    let machine = Machine::with(&["podman"]);
    let config = json!({ "auths": { "ghcr.io/team": entry(PASSWORD) } });
    let file = machine.sandbox.write(AUTH_JSON, config.to_string());
    machine
        .heed("docker-credential-regcred configure --podman --registry ghcr.io --registry quay.io --force")
        .success();
    let (message, remedy) = machine.doctor().problem("shadowed");
    let expected = "is never used by podman and skopeo: they ask this helper for all of ghcr.io";
    assert_eq!(message, format!("the login for \"ghcr.io/team\" in {file:?} {expected}"));
    let (_, command) = remedy.split_once("let them use it again: ").unwrap();
    machine.heed(command).success();
    let after = machine.doctor();
    assert!(!after.codes("problems").contains(&"shadowed".to_owned()), "{}", after.text);
}

#[test]
fn a_client_that_does_not_ask_for_what_the_keyring_has_is_configured() {
    let message = |who: &str, what: &str| {
        format!("{who} not ask this helper for {what}, though the keyring has a login")
    };
    let machine = Machine::with(&["docker", "skopeo"]);
    machine.store("ghcr.io", PASSWORD);
    machine.store("https://index.docker.io/v1/", PASSWORD);
    machine.sandbox.write(DOCKER_CONFIG, CONFIGURED);
    let expected = message("podman and skopeo do", "ghcr.io, https://index.docker.io/v1/");
    machine.assert_mended("notAsked", &expected, "docker-credential-regcred configure --podman");

    let machine = Machine::with(&["docker"]);
    machine.store("ghcr.io", PASSWORD);
    machine.sandbox.write(DOCKER_CONFIG, "{ \"credHelpers\": { \"quay.io\": \"regcred\" } }");
    machine.assert_mended(
        "notAsked",
        &message("docker does", "ghcr.io"),
        "docker-credential-regcred configure --docker",
    );

    // Another helper has that registry.
    let machine = Machine::with(&["docker"]);
    machine.store("ghcr.io", PASSWORD);
    machine.install("docker-credential-pass");
    let config = json!({ "credsStore": "regcred", "credHelpers": { "ghcr.io": "pass" } });
    machine.sandbox.write(DOCKER_CONFIG, config.to_string());
    machine.assert_mended(
        "notAsked",
        &message("docker does", "ghcr.io"),
        "docker-credential-regcred configure --docker --registry ghcr.io --force",
    );
}

#[test]
fn a_helper_in_registries_conf_counts_as_it_does_for_skopeo() {
    let ours = "credential-helpers = [\"containers-auth.json\", \"regcred\"]\n";
    let others = "credential-helpers = [\"pass\"]\n";
    let registry = Registry::start(Transport::Http, "robot", PASSWORD);
    let image = format!("docker://{}", registry.push("team/app"));
    for (files, is_asked) in [
        (&[("registries.conf", ours)][..], true),
        (&[("registries.conf.d/50-mine.conf", ours)], true),
        (&[("registries.conf", others), ("registries.conf.d/50-mine.conf", ours)], true),
        (&[("registries.conf", ours), ("registries.conf.d/50-mine.conf", others)], false),
        (&[("registries.conf.d/60-last.conf", others), ("registries.conf.d/50-mine.conf", ours)], false),
        (&[("registries.conf.d/50-mine.txt", ours)], false),
    ] {
        let machine = Machine::with(&["skopeo"]);
        machine.install("docker-credential-pass");
        machine.store(&registry.host(), PASSWORD);
        for (name, text) in files {
            machine.sandbox.write(format!(".config/containers/{name}"), text);
        }
        let inspect = machine.run("skopeo", ["inspect", "--tls-verify=false", &image], "");
        assert_eq!(inspect.code == Some(0), is_asked, "{files:?}: {}", inspect.stderr);
        let diagnosis = machine.doctor();
        let expected = if is_asked { &[][..] } else { &["notConfigured"] };
        assert_eq!(diagnosis.codes("problems"), expected, "{files:?}: {}", diagnosis.text);
    }

    // What stands in a file is migrated without another word, and found again.
    let machine = Machine::with(&["skopeo"]);
    machine.sandbox.write(".config/containers/registries.conf", ours);
    let auths = json!({ "auths": { registry.host(): entry(PASSWORD) } });
    let file = machine.sandbox.write(AUTH_JSON, auths.to_string());
    let message = format!("passwords stand in {file:?}, for {}", registry.host());
    machine.assert_mended("plaintext", &message, "docker-credential-regcred migrate");
    machine.run("skopeo", ["inspect", "--tls-verify=false", &image], "").success();

    for text in ["credential-helpers = \"regcred\"\n", "credential-helpers = [\n"] {
        let file = machine.sandbox.write(".config/containers/registries.conf", text);
        let (message, _) = machine.doctor().of("problems", "unreadableFile");
        assert!(message.starts_with(&format!("can't read {file:?}: ")), "{message}");
        assert_ne!(machine.run("skopeo", ["inspect", "--tls-verify=false", &image], "").code, Some(0));
    }
}

#[test]
fn a_helper_that_is_missing_is_named_with_what_can_take_its_place() {
    for (config, configure) in [
        (json!({ "credsStore": "nowhere" }), "configure --docker --force"),
        (json!({ "credHelpers": { "ghcr.io": "nowhere" } }), "configure --docker --registry ghcr.io --force"),
    ] {
        let machine = Machine::with(&["docker"]);
        let file = machine.sandbox.write(DOCKER_CONFIG, config.to_string());
        let diagnosis = machine.doctor();
        let (message, remedy) = diagnosis.of("problems", "helperMissing");
        assert_eq!(message, format!("{file:?} names docker-credential-nowhere, which is not on PATH"));
        assert_eq!(remedy, format!("install it, or take its place: {HELPER} {configure}"));
        machine.heed(remedy.split_once(": ").unwrap().1).success();
        machine.doctor().assert_healthy();
    }
    // It is installed.
    let machine = Machine::with(&["docker"]);
    machine.sandbox.write(
        DOCKER_CONFIG,
        "{ \"credsStore\": \"regcred\", \"credHelpers\": { \"x.example\": \"pass\" } }",
    );
    machine.doctor().problem("helperMissing");
    machine.install("docker-credential-pass");
    machine.doctor().assert_healthy();
}

#[test]
fn a_file_that_others_can_read_is_closed_to_them() {
    let machine = Machine::with(&["docker"]);
    let folder = "with $spaces and 'quotes'";
    let config = json!({ "credsStore": "regcred", "auths": { "ghcr.io": { "registrytoken": PASSWORD } } });
    let file = machine.sandbox.write(format!("{folder}/config.json"), config.to_string());
    let mut machine = machine;
    machine.sandbox.set("DOCKER_CONFIG", file.parent().unwrap());
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o644)).unwrap();
    let remedy = format!("chmod 600 '{}'", file.display().to_string().replace('\'', "'\\''"));
    machine.assert_mended(
        "readableByOthers",
        &format!("{file:?} holds passwords, and its mode 0644 lets others at them"),
        &remedy,
    );
    // A file without passwords may be read.
    std::fs::write(&file, CONFIGURED).unwrap();
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o644)).unwrap();
    machine.doctor().assert_healthy();
}

#[test]
fn what_a_killed_migrate_left_is_found() {
    let machine = Machine::with(&["docker"]);
    machine.sandbox.write(DOCKER_CONFIG, CONFIGURED);
    let config = json!({ "auths": { "ghcr.io": entry(PASSWORD) } }).to_string();
    let left = machine.sandbox.write(".docker/.config.json.regcred-new", config);
    machine.assert_mended(
        "leftBehind",
        &format!("{left:?} may hold passwords: a change that was interrupted has left it"),
        &format!("rm -f {}", left.display()),
    );
}

#[test]
fn an_entry_that_is_no_login_is_told_by_its_place() {
    let machine = Machine::with(&["docker"]);
    for (broken, why) in [
        (
            json!({ "auth": "not base64!" }),
            "line 1, column 29: `auth` is not standard base64 of `user:password`",
        ),
        (json!({ "auth": STANDARD.encode("robot:") }), "user name or password is empty"),
        (json!({ "auth": 7 }), "line 1, column 29: `auth` is not a string"),
        (json!("text"), "the entry is not an object"),
    ] {
        let config = json!({ "auths": { "ghcr.io": broken }, "credsStore": "regcred" });
        let file = machine.sandbox.write(DOCKER_CONFIG, config.to_string());
        let (message, remedy) = machine.doctor().problem("brokenEntry");
        assert!(
            message.starts_with(&format!("the entry \"ghcr.io\" in {file:?} can't be moved: ")),
            "{message}"
        );
        assert!(message.ends_with(why), "{message}");
        assert_eq!(remedy, "log in there again, or remove the entry");
    }
}

#[test]
fn a_file_that_can_not_be_read_is_told_by_line_and_column_without_its_text() {
    let machine = Machine::with(&["docker"]);
    let auth = STANDARD.encode(format!("robot:{PASSWORD}"));
    for (text, why) in [
        (format!("{{\n \"auths\": {{ \"ghcr.io\": {{ \"auth\": \"{auth}\" }}, }}\n}}"), "line 2, column "),
        (format!("{{ \"auths\": \"{PASSWORD}\" }}"), "line 1, column 12: `auths` must be an object"),
        (
            format!("{{ \"credHelpers\": {{ \"{PASSWORD}\": [\"{PASSWORD}\"] }} }}"),
            "`credHelpers` must be an object of strings",
        ),
    ] {
        let file = machine.sandbox.write(DOCKER_CONFIG, text);
        let diagnosis = machine.doctor();
        let (message, _) = diagnosis.of("problems", "unreadableFile");
        assert!(
            message.starts_with(&format!("{file:?} is not a docker config: ")) && message.contains(why),
            "{message}"
        );
        assert!(diagnosis.text.contains("(docker): can't be read"), "{}", diagnosis.text);
    }
    // A folder in its place.
    let file = machine.sandbox.home().join(DOCKER_CONFIG);
    std::fs::remove_file(&file).unwrap();
    std::fs::create_dir(&file).unwrap();
    let (message, _) = machine.doctor().of("problems", "unreadableFile");
    assert!(message.contains("it is not a regular file"), "{message}");
}

#[test]
fn a_helper_of_windows_is_explained_within_wsl() {
    let mut machine = Machine::with(&["docker"]);
    machine.sandbox.set("WSL_DISTRO_NAME", "Debian");
    machine.sandbox.write(DOCKER_CONFIG, "{ \"credsStore\": \"desktop.exe\" }");
    let (_, remedy) = machine.doctor().of("problems", "helperMissing");
    assert!(remedy.starts_with("it is a program of Windows, which WSL finds only "), "{remedy}");
    machine.heed(remedy.rsplit_once(": ").unwrap().1).success();
    machine.doctor().assert_healthy();
}

#[test]
fn an_expired_token_in_a_file_is_told_too() {
    let machine = Machine::with(&["docker"]);
    let config = json!({ "credsStore": "regcred", "auths": { "ghcr.io": { "registrytoken": token(-1).0 } } });
    let file = machine.sandbox.write(DOCKER_CONFIG, config.to_string());
    let (message, remedy) = machine.doctor().problem("expired");
    assert!(message.starts_with(&format!("the token for ghcr.io in {file:?} expired at ")), "{message}");
    assert_eq!(remedy, "docker login ghcr.io");
}

#[test]
fn no_part_of_an_odd_key_that_may_be_a_password_is_shown() {
    let machine = Machine::with(&["docker", "podman"]);
    let odd = format!("https://robot:{PASSWORD}@ghcr.io");
    let config = json!({
        "auths": { &odd: entry(PASSWORD), format!("{odd}/team"): entry(PASSWORD), format!("x{odd}"): { "auth": 7 } },
        "credHelpers": { &odd: "regcred", format!("y{odd}"): "nowhere" },
    });
    machine.sandbox.write(DOCKER_CONFIG, config.to_string());
    machine.sandbox.write(AUTH_JSON, config.to_string());
    machine.store(&odd, PASSWORD);
    machine.store(&format!("robot:{PASSWORD}@quay.io"), &token(-1).0);
    let diagnosis = machine.doctor();
    assert!(diagnosis.text.contains("https://[redacted]@ghcr.io"), "{}", diagnosis.text);
    assert!(diagnosis.codes("problems").contains(&"expired".to_owned()), "{}", diagnosis.text);
    // Such a name can't be put into a command.
    for kind in ["problems", "notes"] {
        for finding in diagnosis.findings(kind) {
            assert!(!finding["remedy"].as_str().unwrap().contains("redacted"), "{finding}");
        }
    }
    let (_, remedy) = diagnosis.of("problems", "helperMissing");
    assert_eq!(remedy, "install it, or remove what names it there");
    // A sequence for a terminal is no better than a password.
    machine.sandbox.write(DOCKER_CONFIG, "{ \"credHelpers\": { \"\\u001b[2Jghcr.io\": \"\\u001b[2Jx\" }, \"auths\": { \"\\u001b[2J\": { \"auth\": \"\\u001b[2J\" } } }");
    machine.doctor();
}

#[test]
fn a_login_that_the_keyring_has_lost_is_told_and_logged_in_again() {
    let machine = Machine::with(&["podman"]);
    let config = json!({ "auths": { "quay.io": {} }, "credHelpers": { "quay.io": "regcred", "never.example": "regcred" } });
    machine.sandbox.write(AUTH_JSON, config.to_string());
    let diagnosis = machine.doctor();
    // For what was only configured there may never have been one.
    assert_eq!(diagnosis.codes("problems"), ["noLogin"]);
    let remedy = format!("log in again: {HELPER} login quay.io");
    assert_eq!(diagnosis.findings("problems")[0]["remedy"], remedy);
    machine.store("quay.io", PASSWORD);
    machine.doctor().assert_healthy();
}

#[test]
fn what_podman_would_lack_after_docker_s_migration_is_configured_first() {
    let machine = Machine::with(&["docker", "podman"]);
    let config = json!({ "auths": { "ghcr.io": entry(PASSWORD) } });
    machine.sandbox.write(".docker/config.json", config.to_string());
    for remedy in [
        format!("{HELPER} configure --docker && {HELPER} configure --podman && {HELPER} migrate"),
        format!("{HELPER} configure --podman && {HELPER} migrate"),
    ] {
        let diagnosis = machine.doctor();
        let problems = diagnosis.findings("problems");
        let plaintext =
            problems.iter().find(|problem| problem["code"] == "plaintext").expect("plaintext is found");
        assert_eq!(plaintext["remedy"], remedy);
        machine.sandbox.run(HELPER, ["configure", "--docker"]).success();
    }
    machine.heed(&format!("{HELPER} configure --podman && {HELPER} migrate")).success();
    machine.doctor().assert_healthy();
}

#[test]
fn different_logins_for_one_registry_are_told_with_their_places() {
    let machine = Machine::with(&["docker", "podman"]);
    machine
        .sandbox
        .write(".docker/config.json", json!({ "auths": { "docker.io": entry(PASSWORD) } }).to_string());
    let hub = json!({ "auths": { "index.docker.io": entry("another") } });
    machine.sandbox.write(AUTH_JSON, hub.to_string());
    let diagnosis = machine.doctor();
    let problems = diagnosis.findings("problems");
    let found = problems.iter().find(|problem| problem["code"] == "differentLogins").expect("they are found");
    let message = found["message"].as_str().unwrap();
    assert!(
        message.contains("\"docker.io\" in ") && message.contains("\"index.docker.io\" in "),
        "{message}"
    );
}
