//! What `kubectl regcred setup` refuses to touch, and what it makes of being killed.

#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::os::unix::fs::{MetadataExt as _, PermissionsExt, chown, symlink};
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use regcred_tests::helper::HELPER;
use regcred_tests::krew_store::KrewHome;
use regcred_tests::sandbox::Sandbox;
use regcred_tests::skip;

/// A user that every machine has, and who is not root.
const NOBODY: u32 = 65534;

/// The names below a folder, in order; nothing if there is none.
fn names(folder: &Path) -> Vec<String> {
    let Ok(entries) = folder.read_dir() else { return Vec::new() };
    let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

fn set_mode(path: &Path, mode: u32) {
    std::fs::set_permissions(path, PermissionsExt::from_mode(mode)).unwrap();
}

fn home() -> KrewHome {
    let home = KrewHome::new();
    home.install("v0.1.0");
    home
}

#[test]
fn a_foreign_file_is_refused_before_anything_is_written() {
    for path in [
        ".local/bin/docker-credential-regcred",
        ".local/bin/kubectl_complete-regcred",
        ".config/fish/completions/kubectl-regcred.fish",
        ".local/share/man/man1/kubectl-regcred.1",
    ] {
        let home = home();
        let foreign = home.sandbox.write(path, "theirs");
        let top = names(&home.sandbox.home());
        let dry = home.setup(&["--dry-run"]);
        let output = home.setup(&[]);
        let message = format!("error: {foreign:?} is another file than `setup` wrote\n");
        output
            .assert_code(8)
            .assert_stderr_contains(&message)
            .assert_stderr_contains("hint: nothing was changed; ");
        assert_eq!((&dry.stdout, &dry.stderr, dry.code), (&output.stdout, &output.stderr, output.code));
        assert_eq!((names(&home.sandbox.home()), output.stdout.as_str()), (top, ""));
        assert_eq!(std::fs::read_to_string(&foreign).unwrap(), "theirs");

        home.setup(&["--force"])
            .success()
            .assert_stdout_contains(&format!("{} updated\n", foreign.display()));
        home.setup(&["--undo"]).success();
        assert!(!foreign.exists());
    }
}

#[test]
fn a_file_that_was_changed_since_is_refused_by_an_upgrade() {
    let home = home();
    home.setup(&[]).success();
    let helper = home.home(".local/bin").join(HELPER);
    std::fs::write(&helper, "#!/bin/sh\nexec /opt/other-helper \"$@\"\n").unwrap();
    let page = home.home(".local/share/man/man1/kubectl-regcred.1");
    std::fs::write(&page, "").unwrap();
    home.install("v0.2.0");
    let output = home.setup(&[]);
    output
        .assert_code(8)
        .assert_stderr_contains(&format!("{helper:?} is another file than `setup` wrote"))
        .assert_stderr_contains(&format!("{page:?} is another file than `setup` wrote"));
    home.setup(&["--force"]).success();
    assert_eq!(home.helper_version(), format!("{HELPER} v0.2.0"));
}

#[test]
fn a_helper_that_can_not_be_run_is_put_right() {
    let home = home();
    home.setup(&[]).success();
    let helper = home.home(".local/bin").join(HELPER);
    set_mode(&helper, 0o644);
    home.setup(&[]).success().assert_stdout_contains(&format!("{} updated\n", helper.display()));
    assert_eq!(home.helper_version(), format!("{HELPER} v0.1.0"));
}

#[test]
fn a_link_is_not_followed() {
    let home = home();
    let theirs = home.sandbox.write("dotfiles/helper", "theirs");
    let link = home.home(".local/bin").join(HELPER);
    std::fs::create_dir_all(link.parent().unwrap()).unwrap();
    symlink(&theirs, &link).unwrap();
    home.setup(&[]).assert_code(8).assert_stderr_contains(&format!("{link:?} is a symbolic link"));
    assert_eq!(names(link.parent().unwrap()), [HELPER]);
    home.setup(&["--force"]).success();
    assert!(link.symlink_metadata().unwrap().is_file());
    assert_eq!(std::fs::read_to_string(&theirs).unwrap(), "theirs");
    // A link into the store, as a person might make it, would lead nowhere after the next upgrade.
    std::fs::remove_file(&link).unwrap();
    symlink(home.store().join("v0.1.0").join(HELPER), &link).unwrap();
    home.setup(&[]).assert_code(8);
}

#[test]
fn a_folder_in_the_place_of_a_file_is_never_replaced() {
    let home = home();
    let folder = home.home(".local/bin").join(HELPER);
    std::fs::create_dir_all(folder.join("inner")).unwrap();
    home.setup(&["--force"]).assert_code(8).assert_stderr_contains(&format!("{folder:?} is a folder"));
    assert_eq!(names(&folder), ["inner"]);
}

#[test]
fn krew_s_own_folders_are_refused_however_they_are_named() {
    let mut home = home();
    symlink(home.home(".krew/bin"), home.home("link")).unwrap();
    std::fs::create_dir(home.home("other")).unwrap();
    for dir in [
        ".krew/bin",
        ".krew/store/regcred/v0.1.0",
        "link",
        "link/new",
        ".krew/bin/../new",
        "other/../.krew/x",
    ] {
        let output = home.setup(&["--dir", dir]);
        output.assert_code(2).assert_stderr_contains("belongs to krew");
    }
    home.setup(&["--dir", "new/../.krew/bin"]).assert_code(2).assert_stderr_contains("`..`");
    assert_eq!(names(&home.home(".krew/bin")), ["kubectl-regcred"]);
    // Where the plugin lies in its store says it, too.
    let elsewhere = home.sandbox.root().join("opt/krew");
    std::fs::create_dir_all(elsewhere.parent().unwrap()).unwrap();
    std::fs::rename(home.home(".krew"), &elsewhere).unwrap();
    let plugin = elsewhere.join("store/regcred/v0.1.0/kubectl-regcred");
    let refused = |sandbox: &Sandbox, dir: &Path| {
        let dir = dir.to_str().unwrap();
        let output = sandbox.run(plugin.to_str().unwrap(), ["setup", "--dir", dir]);
        output.assert_code(2).assert_stderr_contains("belongs to krew");
    };
    refused(&home.sandbox, &elsewhere.join("bin"));
    let named = home.sandbox.root().join("named");
    std::fs::create_dir(&named).unwrap();
    home.sandbox.set("KREW_ROOT", &named);
    refused(&home.sandbox, &named.join("bin"));
    assert_eq!(names(&named), [""; 0]);
}

#[test]
fn root_in_the_home_of_another_user_is_refused() {
    if !rustix::process::geteuid().is_root() {
        return skip("only root can have a home of another user");
    }
    let home = home();
    home.setup(&[]).success();
    chown(home.sandbox.home(), Some(NOBODY), Some(NOBODY)).unwrap();
    for arguments in [&[][..], &["--undo"], &["--force"], &["--dry-run"]] {
        let output = home.setup(arguments);
        output
            .assert_code(8)
            .assert_stderr_contains(&format!("{:?} belongs to the user {NOBODY}", home.sandbox.home()))
            .assert_stderr_contains("run this as that user");
    }
    assert_eq!(home.helper_version(), format!("{HELPER} v0.1.0"));
}

#[test]
fn a_folder_of_another_user_behind_a_link_is_refused() {
    if !rustix::process::geteuid().is_root() {
        return skip("only root can make a folder of another user");
    }
    let home = home();
    let theirs = home.sandbox.root().join("theirs");
    std::fs::create_dir(&theirs).unwrap();
    chown(&theirs, Some(NOBODY), None).unwrap();
    std::fs::create_dir_all(home.home(".local")).unwrap();
    symlink(&theirs, home.home(".local/bin")).unwrap();
    home.setup(&[]).assert_code(8).assert_stderr_contains("belongs to the user 65534");
    assert_eq!(names(&theirs), [""; 0]);
    assert_eq!(names(&home.home(".local")), ["bin"]);
}

#[test]
fn a_folder_that_every_user_can_write_to_is_refused() {
    let home = home();
    let open = home.sandbox.root().join("open");
    std::fs::create_dir(&open).unwrap();
    set_mode(&open, 0o777);
    let dir = open.join("bin");
    let dir = dir.to_str().unwrap();
    home.setup(&["--dir", dir]).assert_code(8).assert_stderr_contains("every user can write to");
    assert_eq!(names(&open), [""; 0]);
    set_mode(&open, 0o755);
    home.setup(&["--dir", dir]).success();
}

#[test]
fn a_place_that_is_not_there_is_named() {
    let mut home = home();
    let file = home.sandbox.write("file", "");
    home.setup(&["--dir", "file"])
        .assert_code(1)
        .assert_stderr_contains(&format!("{file:?} is not a folder"));
    symlink(home.home("nowhere"), home.home("link")).unwrap();
    home.setup(&["--dir", "link"])
        .assert_code(1)
        .assert_stderr_contains("is a link to a folder that is not there");
    home.setup(&["--dir", ""]).assert_code(2);
    home.setup(&["--undo", "--force"]).assert_code(2);
    home.sandbox.set("HOME", "relative");
    home.setup(&[]).assert_code(2).assert_stderr_contains("HOME is not set to an absolute path");
}

#[test]
fn a_record_that_is_none_is_named_and_nothing_is_touched() {
    let home = home();
    home.setup(&[]).success();
    let record = home.home(".local/state/regcred/setup.json");
    for text in ["", "{}", "\u{1b}[2J", "{\"apiVersion\": \"regcred/v9\"}"] {
        std::fs::write(&record, text).unwrap();
        for arguments in [&[][..], &["--undo"]] {
            let output = home.setup(arguments);
            output.assert_code(1).assert_stderr_contains(&format!("{record:?} is not a record of"));
        }
    }
    std::fs::remove_file(&record).unwrap();
    // As the hint says: nothing is its own any longer, and what is as it should be stays.
    home.setup(&[]).success();
    home.setup(&["--undo"]).success().assert_stderr_contains("nothing to undo");
}

#[test]
fn a_failure_half_way_is_finished_or_undone_by_the_next_run() {
    let home = home();
    // A folder is where the text of a new page would be.
    let blocked = home.home(".local/share/man/man1/.kubectl-regcred-unset.1.regcred-new");
    std::fs::create_dir_all(&blocked).unwrap();
    let output = home.setup(&[]);
    output.assert_code(1).assert_stderr_contains("the same command again does the rest");
    assert_eq!(home.helper_version(), format!("{HELPER} v0.1.0"));
    std::fs::remove_dir(&blocked).unwrap();
    let output = home.setup(&["-o", "json"]);
    let outcomes = output.success().json()["files"].clone();
    let count =
        |outcome| outcomes.as_array().unwrap().iter().filter(|file| file["outcome"] == outcome).count();
    assert!(count("unchanged") > 10 && count("created") > 0, "{outcomes}");
    home.setup(&["--undo"]).success();
    assert_eq!(names(&home.home(".local/share/man/man1")), [""; 0]);
    assert!(!home.home(".local/bin").exists() && !home.home(".config").exists());
}

#[test]
fn a_killed_run_leaves_only_whole_files_and_can_be_repeated_and_undone() {
    let home = home();
    home.setup(&[]).success();
    let plugin = home.home(".krew/bin/kubectl-regcred");
    let source = home.store().join("v0.1.0").join(HELPER);
    let target = home.home(".local/bin").join(HELPER);
    let mut killed = 0;
    for round in 0..12 {
        // Long enough to be hit while it is written.
        let new = format!("{round}").repeat(2 << 20).into_bytes();
        std::fs::write(&source, &new).unwrap();
        let before = std::fs::read(&target).unwrap();
        let mut setup = home.sandbox.command(plugin.to_str().unwrap(), ["setup"]);
        let mut setup = setup.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        // From before the record is written to after the last file.
        std::thread::sleep(Duration::from_millis(20 * round));
        setup.kill().unwrap();
        killed += usize::from(!setup.wait().unwrap().success());
        let there = std::fs::read(&target).unwrap();
        assert!(there == before || there == new, "round {round}: neither the old file nor the new one");
        assert_eq!(target.metadata().unwrap().mode() & 0o7777, 0o755);
        if round % 3 == 0 {
            home.setup(&[]).success();
            assert_eq!(std::fs::read(&target).unwrap(), new);
        }
    }
    assert!(killed > 0, "every run was faster");
    let undone = home.setup(&["--undo"]);
    assert!(!undone.success().stdout.contains(" kept"), "{}", undone.stdout);
    assert!(!home.home(".local").exists() && !home.home(".config").exists());
}

#[test]
fn two_at_once_end_as_one() {
    let home = home();
    let plugin = home.home(".krew/bin/kubectl-regcred");
    let start =
        || home.sandbox.command(plugin.to_str().unwrap(), ["setup"]).stdout(Stdio::null()).spawn().unwrap();
    let mut runs: Vec<_> = (0..6).map(|_| start()).collect();
    for run in &mut runs {
        assert!(run.wait().unwrap().success());
    }
    assert_eq!(names(&home.home(".local/bin")), [HELPER, "kubectl_complete-regcred"]);
    home.setup(&["--undo"]).success();
    assert!(!home.home(".local").exists());
}

#[test]
fn help_lists_every_exit_code_that_the_command_ends_with() {
    let home = home();
    let help = home.setup(&["--help"]).success().stdout.clone();
    let (_, codes) = help.split_once("Exit codes: ").expect("the help lists them");
    // 0, 1, 2, 4 and 8 are what the tests of `setup` end with.
    for code in [0, 1, 2, 4, 8] {
        let listed = codes.split("; ").any(|part| part.trim_start().starts_with(&format!("{code} ")));
        assert!(listed, "{code} is not in {codes}");
    }
    assert_eq!(codes.split("; ").count(), 5, "{codes}");
}
