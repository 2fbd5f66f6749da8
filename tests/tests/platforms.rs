//! A release as `cargo xtask dist` makes it, checked and installed as its users might: `cargo xtask test --platforms`.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "a panic is how a test fails; `cargo xtask test --platforms` says in the environment where the release is"
)]

use std::path::{Path, PathBuf};

use regcred_tests::release::{NEXT, Packed, VERSION, own_platform};
use regcred_tests::sandbox::Sandbox;
use regcred_tests::throwaway_root;
use serde_json::Value;
use xtask::dist::contents::{HELPER, PLUGIN, Programs};
use xtask::dist::elf::Needs;
use xtask::test::RELEASE;

fn release() -> PathBuf {
    let folder = std::env::var_os(RELEASE);
    folder.expect("run this test with `cargo xtask test --platforms`").into()
}

/// The programs in the release's archive for this machine, unpacked.
fn programs(sandbox: &Sandbox) -> Programs {
    let archive = release().join(own_platform().archive(VERSION));
    let folder = sandbox.home();
    let line = ["--extract", "--file", archive.to_str().unwrap(), "--directory", folder.to_str().unwrap()];
    sandbox.run("tar", line).success();
    Programs { plugin: folder.join(PLUGIN), helper: folder.join(HELPER) }
}

fn file(folder: &Path, end: &str) -> PathBuf {
    let mut files = folder.read_dir().unwrap().map(|file| file.unwrap().path());
    files
        .find(|path| path.to_str().unwrap().ends_with(end))
        .unwrap_or_else(|| panic!("no file ends with {end}"))
}

/// A folder with the release's package as `old` and one of the next version as `new`.
fn both_versions(sandbox: &Sandbox, format: &str) -> tempfile::TempDir {
    let next = Packed::of_programs(NEXT, &programs(sandbox), &[own_platform()], &[&format[1..]]);
    let folder = tempfile::tempdir().unwrap();
    std::fs::copy(file(&release(), format), folder.path().join(format!("old{format}"))).unwrap();
    std::fs::copy(next.file(format), folder.path().join(format!("new{format}"))).unwrap();
    folder
}

#[test]
fn the_released_programs_run_and_the_helper_is_static() {
    let sandbox = Sandbox::without_cluster();
    let Programs { plugin, helper } = programs(&sandbox);
    for program in [&plugin, &helper] {
        let output = sandbox.run("env", [program.to_str().unwrap(), "version"]);
        output.success().assert_stdout_contains(VERSION);
        assert!(Needs::of(program).unwrap().is_position_independent);
    }
    assert!(Needs::of(&helper).unwrap().libraries.is_empty());
}

#[test]
fn lintian_finds_no_error_in_the_released_deb_package() {
    let sandbox = Sandbox::without_cluster();
    let package = file(&release(), ".deb");
    let line = ["--allow-root", "--fail-on=error", "--tag-display-limit=0", package.to_str().unwrap()];
    let output = sandbox.run("lintian", line);
    output.success();
    eprintln!("{}", output.stdout);
}

#[test]
fn the_released_deb_package_is_installed_upgraded_and_removed_by_apt() {
    let sandbox = Sandbox::without_cluster();
    let packages = both_versions(&sandbox, ".deb");
    let script = "
        rm --force /var/lib/man-db/auto-update
        apt-get install --yes /packages/old.deb
        kubectl-regcred version
        apt-get install --yes /packages/new.deb
        dpkg-query --showformat '${Version} is the new one\\n' --show regcred
        apt-get remove --yes --purge regcred
        test ! -e /usr/bin/kubectl-regcred
    ";
    let output = throwaway_root::run(&sandbox, packages.path(), script).expect("run it as root");
    output.success().assert_stdout_contains(&format!("kubectl-regcred v{VERSION}"));
    output.assert_stdout_contains(&format!("{NEXT} is the new one"));
}

#[test]
fn the_released_rpm_package_is_installed_upgraded_and_removed_by_rpm() {
    let sandbox = Sandbox::without_cluster();
    let packages = both_versions(&sandbox, ".rpm");
    // Debian's libraries are in no package that rpm knows of.
    let script = "
        rpm --checksig --nosignature /packages/old.rpm /packages/new.rpm
        rpm --query --requires --package /packages/old.rpm
        rpm --install --nodeps /packages/old.rpm
        rpm --query --list regcred
        kubectl-regcred version
        docker-credential-regcred version
        rpm --upgrade --nodeps /packages/new.rpm
        rpm --query regcred
        rpm --verify --nodeps regcred
        rpm --erase regcred
        test ! -e /usr/bin/kubectl-regcred
        test -z \"$(find /usr/share -path '*regcred*')\"
    ";
    let output = throwaway_root::run(&sandbox, packages.path(), script).expect("run it as root");
    let output = output.success();
    for expected in [
        "glibc >= 2.",
        "/usr/bin/kubectl_complete-regcred",
        "/usr/share/zsh/site-functions/_kubectl-regcred",
        "/usr/share/man/man1/kubectl-regcred-create.1.gz",
        &format!("kubectl-regcred v{VERSION}"),
        &format!("regcred-{NEXT}-1.x86_64"),
    ] {
        output.assert_stdout_contains(expected);
    }
}

#[test]
fn a_released_bill_of_materials_names_the_program_and_no_folder_of_this_machine() {
    for program in [PLUGIN, HELPER] {
        let name = format!("{program}_v{VERSION}_{}_{}.cdx.json", own_platform().os, own_platform().arch);
        let text = std::fs::read_to_string(release().join(name)).unwrap();
        for path in [env!("CARGO_MANIFEST_DIR").trim_end_matches("/tests"), "/.cargo/", "path+file"] {
            assert!(!text.contains(path), "{program}: {path}");
        }
        let document: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(document["metadata"]["component"]["name"], program);
    }
}
