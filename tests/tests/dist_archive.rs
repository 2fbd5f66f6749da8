//! The archives of `cargo xtask dist`: what is in them, that it runs, and that it is the same each time.

#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::collections::BTreeMap;
use std::path::Path;

use regcred_tests::release::{Packed, VERSION, own_platform};
use regcred_tests::sandbox::Sandbox;
use xtask::dist::packages::FORMATS;

/// The files of an archive below `folder`: their paths, and whether they are programs.
fn unpack(sandbox: &Sandbox, archive: &Path) -> BTreeMap<String, bool> {
    let folder = sandbox.home().join("unpacked");
    std::fs::create_dir(&folder).unwrap();
    let line = ["--extract", "--file", archive.to_str().unwrap(), "--directory", folder.to_str().unwrap()];
    sandbox.run("tar", line).success();
    let listed = sandbox.run("find", ["unpacked", "-type", "f", "-printf", "%P %m\n"]);
    let lines = listed.success().stdout.lines();
    lines
        .map(|line| {
            let (path, mode) = line.split_once(' ').unwrap();
            assert!(["755", "644"].contains(&mode), "{line}");
            (path.to_owned(), mode == "755")
        })
        .collect()
}

#[test]
fn an_archive_has_the_programs_at_the_top_and_beside_them_what_belongs_to_them() {
    let sandbox = Sandbox::without_cluster();
    let found = unpack(&sandbox, &Packed::new(VERSION).archive());
    let mut expected: BTreeMap<String, bool> = [
        ("LICENSE", false),
        ("README.md", false),
        ("completions/_kubectl-regcred", false),
        ("completions/kubectl-regcred.bash", false),
        ("completions/kubectl-regcred.fish", false),
        ("completions/kubectl-regcred.ps1", false),
        ("completions/kubectl_complete-regcred", true),
        ("docker-credential-regcred", true),
        ("kubectl-regcred", true),
    ]
    .map(|(path, is_program)| (path.to_owned(), is_program))
    .into();
    let pages = Path::new(env!("CARGO_MANIFEST_DIR")).join("../packaging/man").read_dir().unwrap();
    let pages = pages.map(|page| page.unwrap().file_name().into_string().unwrap());
    expected.extend(pages.map(|page| (format!("man/{page}"), false)));
    assert!(expected.contains_key("man/kubectl-regcred-create.1"));
    assert_eq!(found, expected);
}

#[test]
fn what_an_archive_holds_works_where_it_is_unpacked() {
    let mut sandbox = Sandbox::without_cluster();
    unpack(&sandbox, &Packed::new(VERSION).archive());
    let folder = sandbox.home().join("unpacked");
    let path = format!("{0}:{0}/completions:/usr/bin:/bin", folder.display());
    sandbox.set("PATH", path);
    let run = |program: &str, arguments: &[&str]| {
        let program = folder.join(program);
        sandbox.run("env", [program.to_str().unwrap()].iter().chain(arguments)).success().stdout.clone()
    };
    assert!(run("kubectl-regcred", &["version"]).contains(VERSION));
    assert!(run("docker-credential-regcred", &["version"]).contains(VERSION));
    // As kubectl asks it; it asks the plugin on PATH.
    assert!(run("completions/kubectl_complete-regcred", &["cre"]).contains("create"));
    for (program, name) in [
        ("bash", "kubectl-regcred.bash"),
        ("zsh", "_kubectl-regcred"),
        ("fish", "kubectl-regcred.fish"),
        ("powershell", "kubectl-regcred.ps1"),
    ] {
        let script = std::fs::read_to_string(folder.join("completions").join(name)).unwrap();
        assert_eq!(script, run("kubectl-regcred", &["completion", program]), "{name}");
    }
}

#[test]
fn archives_packages_and_manifests_are_the_same_bytes_each_time() {
    let read = |packed: &Packed| -> BTreeMap<String, Vec<u8>> {
        let files = packed.folder().read_dir().unwrap().map(|file| file.unwrap());
        files
            .map(|file| (file.file_name().into_string().unwrap(), std::fs::read(file.path()).unwrap()))
            .collect()
    };
    let all = || Packed::with_packages(VERSION, &FORMATS);
    let (one, other) = (read(&all()), read(&all()));
    let names: Vec<_> = one.keys().collect();
    assert_eq!(names, other.keys().collect::<Vec<_>>());
    assert!(names.len() >= 7, "{names:?}");
    let differing: Vec<_> = names.into_iter().filter(|name| one[*name] != other[*name]).collect();
    assert!(differing.is_empty(), "not the same twice: {differing:?}");
}

#[test]
fn the_checksums_are_those_of_all_files() {
    let sandbox = Sandbox::without_cluster();
    let packed = Packed::new(VERSION);
    let folder = packed.folder().to_str().unwrap();
    let check = "cd \"$1\" && sha256sum --check --strict SHA256SUMS && ls";
    let output = sandbox.run("sh", ["-c", check, "sh", folder]);
    let (checked, listed): (Vec<_>, Vec<_>) =
        output.success().stdout.lines().partition(|line| line.ends_with(": OK"));
    assert_eq!(checked.len(), listed.len() - 1, "{}", output.stdout);
    let archive = own_platform().archive(VERSION);
    let sums = std::fs::read_to_string(packed.folder().join("SHA256SUMS")).unwrap();
    let sum = sums.lines().find_map(|line| line.strip_suffix(&format!("  {archive}"))).expect("the archive");
    for manifest in ["regcred.yaml", "regcred.rb"] {
        let text = std::fs::read_to_string(packed.folder().join(manifest)).unwrap();
        assert!(text.contains(sum) && text.contains(&archive), "{manifest}: {text}");
    }
}
