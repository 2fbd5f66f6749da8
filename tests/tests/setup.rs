//! `kubectl regcred setup` after krew: what it installs, how that goes on over upgrades, and how it is undone.

#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use regcred_tests::helper::HELPER;
use regcred_tests::krew_store::KrewHome;
use regcred_tests::sandbox::Sandbox;
use regcred_tests::schema;

/// What `setup` writes beside the helper and the manual pages.
const COMPLETION: [&str; 4] = [
    ".local/bin/kubectl_complete-regcred",
    ".local/share/bash-completion/completions/kubectl-regcred",
    ".local/share/zsh/site-functions/_kubectl-regcred",
    ".config/fish/completions/kubectl-regcred.fish",
];

/// Everything below the home folder, but what krew has there: files with their mode and text, folders with neither.
fn files(sandbox: &Sandbox) -> BTreeMap<PathBuf, Option<(u32, Vec<u8>)>> {
    let mut found = BTreeMap::new();
    let mut folders = vec![sandbox.home()];
    while let Some(folder) = folders.pop() {
        for entry in folder.read_dir().unwrap() {
            let path = entry.unwrap().path();
            let metadata = path.symlink_metadata().unwrap();
            if path.file_name().unwrap() == ".krew" {
                continue;
            }
            let text = metadata
                .is_file()
                .then(|| (metadata.permissions().mode() & 0o7777, std::fs::read(&path).unwrap()));
            if metadata.is_dir() {
                folders.push(path.clone());
            }
            found.insert(path, text);
        }
    }
    found
}

/// How each file of the report came out, by its path in the home folder.
fn outcomes(home: &KrewHome, arguments: &[&str]) -> BTreeMap<String, String> {
    let output = home.setup(&[arguments, &["-o", "json"]].concat());
    output.success();
    let report = schema::valid(&output, "SetupReport");
    let files = report["files"].as_array().unwrap().iter().map(|file| {
        let path = Path::new(file["path"].as_str().unwrap());
        let path = path.strip_prefix(home.sandbox.home()).unwrap().to_str().unwrap();
        (path.to_owned(), file["outcome"].as_str().unwrap().to_owned())
    });
    files.collect()
}

fn all_are(outcomes: &BTreeMap<String, String>, outcome: &str) -> bool {
    outcomes.len() > 4 && outcomes.values().all(|found| found == outcome)
}

#[test]
fn helper_completion_and_manual_come_into_their_places_and_a_second_run_changes_nothing() {
    let home = KrewHome::new();
    home.install("v0.1.0");
    let output = home.setup(&[]);
    let stdout = &output.success().stdout;
    assert!(
        stdout.contains(&format!("{} created\n", home.home(".local/bin").join(HELPER).display())),
        "{stdout}"
    );
    assert_eq!(home.helper_version(), format!("{HELPER} v0.1.0"));

    let mode = |path: &str| home.home(path).metadata().unwrap().permissions().mode() & 0o7777;
    assert_eq!([".local/bin/docker-credential-regcred", COMPLETION[0]].map(mode), [0o755; 2]);
    assert_eq!([COMPLETION[1], COMPLETION[2], COMPLETION[3]].map(mode), [0o644; 3]);
    assert_eq!((mode(".local/state/regcred/setup.json"), mode(".local/state/regcred")), (0o600, 0o700));
    for (shell, path) in ["kubectl", "bash", "zsh", "fish"].iter().zip(COMPLETION) {
        let script = home.sandbox.kubectl(["regcred", "completion", shell]);
        assert_eq!(std::fs::read_to_string(home.home(path)).unwrap(), script.success().stdout);
    }
    let pages =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../packaging/man").read_dir().unwrap().map(|page| {
            let page = page.unwrap().path();
            (page.file_name().unwrap().to_owned(), std::fs::read(page).unwrap())
        });
    let installed = home.home(".local/share/man/man1").read_dir().unwrap().map(|page| {
        let page = page.unwrap().path();
        (page.file_name().unwrap().to_owned(), std::fs::read(page).unwrap())
    });
    assert_eq!(installed.collect::<BTreeMap<_, _>>(), pages.collect::<BTreeMap<_, _>>());

    let before = files(&home.sandbox);
    let second = home.setup(&[]);
    let lines: Vec<_> = second.success().stdout.lines().collect();
    assert!(lines.iter().all(|line| line.ends_with(" unchanged")), "{lines:?}");
    assert_eq!(lines.len(), stdout.lines().count());
    assert_eq!(files(&home.sandbox), before);
}

#[test]
fn what_is_installed_is_found_by_kubectl_the_shells_and_man() {
    let home = KrewHome::new();
    home.install("v0.1.0");
    let output = home.setup(&[]);
    let note = format!("fpath=({} $fpath)", home.home(".local/share/zsh/site-functions").display());
    output.success().assert_stderr_contains(&note);
    assert_eq!(output.stderr.lines().count(), 1, "{}", output.stderr);

    let completed = home.sandbox.kubectl(["__complete", "regcred", "versi"]);
    completed.success().assert_stdout_contains("version");
    let fish = home.sandbox.run("fish", ["-c", "complete -C 'kubectl-regcred versi'"]);
    fish.success().assert_stdout_contains("version");
    let zsh =
        format!("{note}; autoload -Uz compinit; compinit -u -d ~/.zcompdump; print $_comps[kubectl-regcred]");
    assert_eq!(home.sandbox.run("zsh", ["-f", "-c", &zsh]).success().stdout, "_kubectl-regcred\n");
    let page = home.sandbox.run("man", ["-w", "kubectl-regcred-setup"]);
    let expected = home.home(".local/share/man/man1/kubectl-regcred-setup.1");
    assert_eq!(page.success().stdout.trim_end(), expected.to_str().unwrap());
}

#[test]
fn what_has_to_be_set_is_said_for_the_persons_shell() {
    let mut home = KrewHome::new();
    home.install("v0.1.0");
    let bin = home.home("my bin");
    let dir = bin.to_str().unwrap().to_owned();
    let output = home.setup(&["--dir", &dir]);
    let line = format!("export PATH='{dir}':\"$PATH\"");
    output.success().assert_stderr_contains(&line);
    // Run as it is printed, it does what it says.
    let shell = format!("{line}; command -v {HELPER}");
    let found = home.sandbox.run("sh", ["-c", &shell]);
    assert_eq!(found.success().stdout.trim_end(), bin.join(HELPER).to_str().unwrap());
    home.sandbox.set("SHELL", "/usr/bin/fish");
    home.setup(&[]).success().assert_stderr_contains(&format!("fish_add_path '{dir}'"));

    // man would look beside ~/.local/bin.
    home.sandbox.set("PATH", format!("{}:/usr/bin:/bin", home.home(".krew/bin").display()));
    let plugin = home.home(".krew/bin/kubectl-regcred");
    let output = home.sandbox.run(plugin.to_str().unwrap(), ["setup"]);
    let line = format!("export MANPATH={}:\"$MANPATH\"", home.home(".local/share/man").display());
    output.success().assert_stderr_contains(&line);
    let man = home.sandbox.run("sh", ["-c", &format!("{line}; man -w kubectl-regcred-setup && manpath")]);
    // And all others are found as before.
    man.success().assert_stdout_contains("/usr/share/man");
}

#[test]
fn another_helper_that_comes_first_on_path_is_named() {
    let mut home = KrewHome::new();
    home.install("v0.1.0");
    let other = home.sandbox.script(HELPER, "#!/bin/sh\n");
    let path = [home.sandbox.bin(), home.home(".local/bin"), "/usr/bin".into(), "/bin".into()];
    home.sandbox.set("PATH", std::env::join_paths(path).unwrap());
    let plugin = home.home(".krew/bin/kubectl-regcred");
    let output = home.sandbox.run(plugin.to_str().unwrap(), ["setup"]);
    output
        .success()
        .assert_stderr_contains(&format!("docker and podman start {other:?}, which comes first on PATH"));
}

#[test]
fn an_upgrade_replaces_the_older_files_while_the_helper_runs() {
    let home = KrewHome::new();
    home.install_real("v0.0.9");
    home.setup(&[]).success();
    let helper = home.home(".local/bin").join(HELPER);
    // It waits for its input, as for a client.
    let mut running = home.sandbox.command(helper.to_str().unwrap(), ["store"]);
    let mut running = running.stdin(std::process::Stdio::piped()).spawn().unwrap();

    home.install("v0.1.0");
    // krew's store is another folder now; the copy works on.
    home.sandbox.run(helper.to_str().unwrap(), ["version"]).success().assert_stdout_contains(HELPER);
    let outcomes = outcomes(&home, &[]);
    assert_eq!(outcomes[".local/bin/docker-credential-regcred"], "updated");
    assert_eq!(outcomes.values().filter(|outcome| *outcome == "unchanged").count(), outcomes.len() - 1);
    assert_eq!(home.helper_version(), format!("{HELPER} v0.1.0"));
    drop(running.stdin.take());
    running.wait().unwrap();
}

#[test]
fn a_page_that_a_new_version_no_longer_has_is_removed_unless_it_was_changed() {
    let home = KrewHome::new();
    home.install("v0.1.0");
    home.setup(&[]).success();
    // As an older version would have left it: with two more pages in its record.
    let record = home.home(".local/state/regcred/setup.json");
    let mut object: serde_json::Value =
        serde_json::from_str(&std::fs::read_to_string(&record).unwrap()).unwrap();
    let version = home.home(".local/share/man/man1/kubectl-regcred-version.1");
    let sha256 = object["files"][version.to_str().unwrap()].clone();
    let old =
        ["old", "older"].map(|name| home.home(&format!(".local/share/man/man1/kubectl-regcred-{name}.1")));
    for page in &old {
        std::fs::copy(&version, page).unwrap();
        object["files"][page.to_str().unwrap()] = sha256.clone();
    }
    std::fs::write(&record, object.to_string()).unwrap();
    std::fs::write(&old[1], "my notes").unwrap();
    let outcomes = outcomes(&home, &[]);
    assert_eq!(outcomes[".local/share/man/man1/kubectl-regcred-old.1"], "removed");
    assert_eq!(outcomes[".local/share/man/man1/kubectl-regcred-older.1"], "kept");
    assert!(!old[0].exists());
    assert_eq!(std::fs::read_to_string(&old[1]).unwrap(), "my notes");
}

#[test]
fn the_folder_is_remembered_and_another_one_takes_over() {
    let home = KrewHome::new();
    home.install("v0.1.0");
    home.setup(&["--dir", "tools"]).success();
    assert!(home.home("tools").join(HELPER).exists() && !home.home(".local/bin").exists());
    home.install("v0.2.0");
    home.setup(&[]).success();
    let helper = home.home("tools").join(HELPER);
    home.sandbox.run(helper.to_str().unwrap(), ["version"]).success().assert_stdout_contains("v0.2.0");

    let dir = home.home(".local/bin");
    let output = home.setup(&["--dir", dir.to_str().unwrap()]);
    output.success().assert_stdout_contains(&format!("{} removed\n", helper.display()));
    assert_eq!(home.helper_version(), format!("{HELPER} v0.2.0"));
    assert_eq!(home.home("tools").read_dir().unwrap().count(), 0);
    let output = home.setup(&["--undo", "--dir", "tools"]);
    output.assert_code(4).assert_stderr_contains(&format!("`setup` put the programs into {dir:?}"));
    home.setup(&["--undo", "--dir", dir.to_str().unwrap()]).success();
    assert_eq!(files(&home.sandbox), BTreeMap::new());
}

#[test]
fn undo_leaves_the_home_as_it_was() {
    let home = KrewHome::new();
    home.install("v0.1.0");
    home.sandbox.write(".config/fish/config.fish", "# mine");
    home.sandbox.write(".local/share/man/man1/mine.1", ".TH mine 1");
    let before = files(&home.sandbox);
    home.setup(&[]).success();
    home.install("v0.2.0");
    home.setup(&[]).success();
    let removed = outcomes(&home, &["--undo"]);
    assert!(all_are(&removed, "removed"), "{removed:?}");
    assert_eq!(files(&home.sandbox), before);
    let again = home.setup(&["--undo"]);
    assert_eq!((again.success().stdout.as_str(), again.stderr.as_str()), ("", "note: nothing to undo\n"));
}

#[test]
fn undo_keeps_what_was_changed_by_hand_and_what_was_there_before() {
    let home = KrewHome::new();
    home.install("v0.1.0");
    // The same as setup would write, but by a person.
    let fish = home.sandbox.kubectl(["regcred", "completion", "fish"]).success().stdout.clone();
    let own = home.sandbox.write(".config/fish/completions/kubectl-regcred.fish", &fish);
    home.setup(&[]).success();
    let bash = home.home(COMPLETION[1]);
    std::fs::write(&bash, "# mine now").unwrap();
    let zsh = home.home(COMPLETION[2]);
    std::fs::remove_file(&zsh).unwrap();
    std::os::unix::fs::symlink(&bash, &zsh).unwrap();
    let output = home.setup(&["--undo"]);
    output
        .success()
        .assert_stdout_contains(&format!("{} kept: it is another file than `setup` wrote\n", bash.display()))
        .assert_stdout_contains(&format!(
            "{} kept: it is a symbolic link, and `setup` makes none\n",
            zsh.display()
        ));
    let left: Vec<_> = files(&home.sandbox).into_iter().filter(|(_, file)| file.is_some()).collect();
    let names: Vec<_> = left.iter().map(|(path, _)| path.clone()).collect();
    assert_eq!(names, [own, bash.clone()]);
    assert_eq!(std::fs::read_to_string(&bash).unwrap(), "# mine now");
    // What is left is not claimed: a new setup asks before it replaces it.
    home.setup(&[]).assert_code(8);
}

#[test]
fn a_dry_run_says_what_would_be_done_and_writes_nothing() {
    let home = KrewHome::new();
    home.install("v0.1.0");
    let dry = home.setup(&["--dry-run"]);
    assert!(dry.success().stdout.lines().all(|line| line.ends_with(" created (dry run)")), "{}", dry.stdout);
    assert_eq!(files(&home.sandbox), BTreeMap::new());
    let runtime = home.sandbox.root().join("run");
    assert_eq!(runtime.read_dir().unwrap().count(), 0);

    let real = home.setup(&[]);
    assert_eq!(real.success().stdout, dry.stdout.replace(" (dry run)", ""));
    home.install("v0.2.0");
    let before = files(&home.sandbox);
    assert_eq!(outcomes(&home, &["--dry-run"])[".local/bin/docker-credential-regcred"], "updated");
    assert!(all_are(&outcomes(&home, &["--dry-run", "--undo"]), "removed"));
    assert_eq!(files(&home.sandbox), before);
}

#[test]
fn without_a_helper_all_else_is_set_up_and_the_next_step_is_said() {
    let home = KrewHome::new();
    home.install("v0.1.0");
    home.setup(&[]).success();
    // `cargo install kubectl-regcred` has none.
    std::fs::remove_file(home.store().join("v0.1.0").join(HELPER)).unwrap();
    std::fs::remove_file(home.home(COMPLETION[3])).unwrap();
    let output = home.setup(&[]);
    output
        .assert_code(4)
        .assert_stdout_contains(&format!("{} created\n", home.home(COMPLETION[3]).display()))
        .assert_stderr_contains("no credential helper lies beside this program: there is no ")
        .assert_stderr_contains("`cargo install docker-credential-regcred`");
    let object = home.setup(&["-o", "json"]);
    object.assert_code(4);
    let report = schema::valid(&object, "SetupReport");
    assert!(report["files"].as_array().unwrap().iter().any(|file| file["outcome"] == "missing"));
    // The one that works stays.
    assert_eq!(home.helper_version(), format!("{HELPER} v0.1.0"));
}
