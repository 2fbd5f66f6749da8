//! GitHub's workflows, which run nowhere else: they are well-formed, and safe in the ways that can be seen.

#![expect(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a panic is how a test fails; actionlint is started by its whole path"
)]

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};
use xtask::environment::Environment;

/// The workflows, with their text.
fn workflows() -> Vec<(PathBuf, String)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../.github/workflows");
    let files = folder.read_dir().unwrap().map(|file| file.unwrap().path());
    let workflows: Vec<_> =
        files.map(|file| (file.clone(), std::fs::read_to_string(file).unwrap())).collect();
    assert!(workflows.len() >= 2, "{workflows:?}");
    workflows
}

/// What actionlint finds in these files.
fn findings(files: &[PathBuf]) -> String {
    let actionlint = xtask::actionlint::program(&Environment::read().unwrap()).unwrap();
    // Without shellcheck and pyflakes, so that all machines find the same.
    let arguments = ["-no-color", "-oneline", "-shellcheck=", "-pyflakes="];
    let output = Command::new(actionlint).args(arguments).args(files).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.success(), text.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
    text
}

#[test]
fn actionlint_finds_nothing() {
    let files: Vec<_> = workflows().into_iter().map(|(file, _)| file).collect();
    assert_eq!(findings(&files), "");

    let folder = tempfile::tempdir().unwrap();
    let wrong = folder.path().join("wrong.yml");
    let text = "on: push\njobs:\n  a:\n    runs-on: ubuntu-24.04\n    needs: b\n    steps:\n      - run: echo ${{ github.nothing }}\n";
    std::fs::write(&wrong, text).unwrap();
    let found = findings(&[wrong]);
    assert!(found.contains("needs") && found.contains("\"nothing\""), "{found}");
}

#[test]
fn every_action_is_pinned_by_a_commit_and_says_its_version() {
    for (file, text) in workflows() {
        for line in text.lines().filter_map(|line| line.split_once("uses: ")).map(|(_, action)| action) {
            let (commit, version) =
                line.split_once('@').and_then(|(_, pin)| pin.split_once(" # v")).unwrap_or_default();
            let is_commit = commit.len() == 40 && commit.bytes().all(|byte| byte.is_ascii_hexdigit());
            let is_version =
                version.split('.').count() == 3 && version.split('.').all(|part| part.parse::<u32>().is_ok());
            assert!(is_commit && is_version, "{}: {line}", file.display());
        }
    }
}

#[test]
fn no_workflow_may_write_but_the_jobs_that_make_the_release() {
    let mut writing = Vec::new();
    for (file, text) in workflows() {
        let workflow: Value = serde_saphyr::from_str(&text).unwrap();
        let permissions = &workflow["permissions"];
        assert!(
            [json!({}), json!({ "contents": "read" })].contains(permissions),
            "{}: {permissions}",
            file.display()
        );
        for (name, job) in workflow["jobs"].as_object().unwrap() {
            let permissions = job["permissions"].as_object().into_iter().flatten();
            let all = permissions.filter(|(_, access)| **access == "write").map(|(scope, _)| scope.as_str());
            writing.extend(all.map(|scope| format!("{name}: {scope}")));
            assert!(job["timeout-minutes"].is_u64(), "{name} may run for hours");
        }
    }
    writing.sort();
    assert_eq!(writing, ["draft: contents", "fill: attestations", "fill: contents", "fill: id-token"]);
}

#[test]
fn no_script_has_text_of_an_expression_in_it() {
    for (file, text) in workflows() {
        let workflow: Value = serde_saphyr::from_str(&text).unwrap();
        for (name, job) in workflow["jobs"].as_object().unwrap() {
            for script in job["steps"].as_array().unwrap().iter().filter_map(|step| step["run"].as_str()) {
                assert!(!script.contains("${{"), "{}: {name}: {script}", file.display());
            }
        }
    }
}
