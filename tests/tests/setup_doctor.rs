//! What the helper's `doctor` says when an upgrade of the plugin has left the helper's copy behind.

#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::fs;

use regcred_tests::doctor::{CONFIGURED, DOCKER_CONFIG};
use regcred_tests::helper::HELPER;
use regcred_tests::krew_store::KrewHome;
use regcred_tests::output::Output;
use regcred_tests::secret_service;
use serde_json::Value;
use xtask::secret_service::SecretService;

/// The workspace's version, of the programs that the tests run.
const VERSION: &str = env!("CARGO_PKG_VERSION");

/// Another one, as long.
const OLD: &str = "0.0.9";

/// A home where docker asks the helper, and the keyring that it needs.
fn home() -> (KrewHome, SecretService) {
    let mut home = KrewHome::new();
    let service = secret_service::start(&mut home.sandbox);
    home.sandbox.write(DOCKER_CONFIG, CONFIGURED);
    (home, service)
}

/// Makes the real helper in the store one of another version: wherever its version stands in it, the other one does.
fn make_old(home: &KrewHome, store: &str) {
    assert_eq!(OLD.len(), VERSION.len());
    let helper = home.store().join(store).join(HELPER);
    let mut program = fs::read(&helper).unwrap();
    let places: Vec<_> = memchr::memmem::find_iter(&program, VERSION).collect();
    for place in places {
        program[place..place + OLD.len()].copy_from_slice(OLD.as_bytes());
    }
    let made = home.sandbox.root().join("tmp/old-helper");
    fs::write(&made, program).unwrap();
    // A new file, since the one that is there may be a link to the workspace's program. Another program writes it, since a
    // child of another test could inherit our descriptor (ETXTBSY).
    let (made, helper) = (made.to_str().unwrap(), helper.to_str().unwrap());
    home.sandbox.run("install", ["-m", "755", made, helper]).success();
}

/// `doctor` of the helper on PATH.
fn doctor(home: &KrewHome) -> Output {
    let helper = home.home(".local/bin").join(HELPER);
    home.sandbox.run(helper.to_str().unwrap(), ["doctor", "-o", "json"])
}

fn problems(doctor: &Output) -> Vec<(String, String, String)> {
    let text = |problem: &Value, part: &str| problem[part].as_str().unwrap().to_owned();
    let object = doctor.json();
    let problems = object["problems"].as_array().unwrap().iter();
    problems
        .map(|problem| (text(problem, "code"), text(problem, "message"), text(problem, "remedy")))
        .collect()
}

#[test]
fn a_copy_that_an_upgrade_left_behind_is_a_problem_until_setup_has_run() {
    let (home, _service) = home();
    home.install_real("v0.0.9");
    make_old(&home, "v0.0.9");
    home.setup(&[]).success();
    assert_eq!(home.helper_version(), format!("{HELPER} {OLD}"));

    home.install_real("v0.1.0");
    let before = doctor(&home);
    before.assert_code(3);
    let plugin = home.home(".krew/bin/kubectl-regcred");
    let message = format!("this helper is of version {OLD}, and the plugin {plugin:?} of version {VERSION}");
    let expected = ("otherVersion".to_owned(), message, "kubectl regcred setup".to_owned());
    assert_eq!(problems(&before), [expected]);

    home.sandbox.run("sh", ["-c", &problems(&before)[0].2]).success();
    assert_eq!(home.helper_version(), format!("{HELPER} {VERSION}"));
    let after = doctor(&home);
    assert_eq!(problems(after.success()), []);
}

#[test]
fn a_helper_that_setup_did_not_write_gets_words() {
    let (home, _service) = home();
    home.install_real("v0.1.0");
    let bin = home.home(".local/bin");
    fs::create_dir_all(&bin).unwrap();
    make_old(&home, "v0.1.0");
    fs::rename(home.store().join("v0.1.0").join(HELPER), bin.join(HELPER)).unwrap();
    let said = doctor(&home);
    said.assert_code(3);
    let [(code, _, remedy)] = &problems(&said)[..] else { panic!("{}", said.stdout) };
    assert_eq!(code, "otherVersion");
    assert!(remedy.starts_with("install both from the same release; "), "{remedy}");
}

#[test]
fn a_plugin_that_does_not_say_its_version_is_a_note() {
    for script in ["exit 1", "echo nonsense", "echo '{}'", "exec >&-; sleep 60", "sleep 60"] {
        let (home, _service) = home();
        home.install_real("v0.1.0");
        home.setup(&[]).success();
        let plugin = home.home(".krew/bin/kubectl-regcred");
        fs::remove_file(&plugin).unwrap();
        fs::rename(home.sandbox.script("plugin", &format!("#!/bin/sh\n{script}\n")), &plugin).unwrap();
        let said = doctor(&home);
        let notes = said.success().json()["notes"].clone();
        let note = notes.as_array().unwrap().iter().find(|note| note["code"] == "unknownVersion");
        let message = note.unwrap_or_else(|| panic!("{script}: {notes}"))["message"].to_string();
        assert!(message.contains("can't find out the version of the plugin"), "{message}");
    }
}
