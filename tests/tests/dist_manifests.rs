//! The files by which package managers find our archives: what their own parsers and their rules say.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "a panic is how a test fails; a variable says that the manifest is to be written"
)]

use std::path::Path;

use regcred_tests::release::{Packed, VERSION};
use regcred_tests::sandbox::Sandbox;
use serde_json::Value;
use xtask::dist::managers;
use xtask::dist::platform::PLATFORMS;

fn yaml(file: &Path) -> Value {
    let text = std::fs::read_to_string(file).unwrap();
    serde_saphyr::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", file.display()))
}

/// The lines of a manifest but for the checksums, which the release sets, and these.
fn split(manifest: &str) -> (Vec<&str>, Vec<&str>) {
    let (sums, lines): (Vec<_>, Vec<_>) =
        manifest.lines().partition(|line| line.trim_start().starts_with("sha256: "));
    (lines, sums.iter().map(|line| line.trim_start().trim_start_matches("sha256: ")).collect())
}

#[test]
fn the_manifest_at_the_top_level_is_the_template_filled_in() {
    if std::env::var_os("REGCRED_WRITE_MANIFEST").is_some() {
        managers::write_krew_manifest(VERSION).unwrap();
    }
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(managers::KREW_MANIFEST);
    let text = std::fs::read_to_string(&path).unwrap_or_default();
    let expected = managers::planned_krew_manifest(VERSION).unwrap();
    let (lines, sums) = split(&text);
    assert_eq!(
        lines,
        split(&expected).0,
        "write it with: REGCRED_WRITE_MANIFEST=1 cargo test -p regcred-tests --test dist_manifests"
    );
    assert_eq!(sums.len(), PLATFORMS.len());
    let is_sum = |sum: &&str| sum.len() == 64 && sum.bytes().all(|byte| b"0123456789abcdef".contains(&byte));
    assert!(sums.iter().all(is_sum), "{sums:?}");
}

#[test]
fn krews_manifest_follows_the_rules_of_its_index() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("regcred.yaml");
    std::fs::write(&file, managers::planned_krew_manifest(VERSION).unwrap()).unwrap();
    let manifest = yaml(&file);
    assert_eq!(manifest["metadata"]["name"], "regcred");
    let spec = &manifest["spec"];
    assert_eq!(spec["version"], format!("v{VERSION}"));
    let summary = spec["shortDescription"].as_str().unwrap();
    assert!(summary.len() <= 50 && !summary.ends_with('.'), "{summary}");
    let description = spec["description"].as_str().unwrap();
    assert!(description.lines().all(|line| line.len() <= 80), "{description}");
    assert_eq!(spec["homepage"], managers::REPOSITORY);
    let platforms = spec["platforms"].as_array().unwrap();
    let selected: Vec<_> = platforms
        .iter()
        .map(|platform| {
            let labels = &platform["selector"]["matchLabels"];
            let system = labels["os"].as_str().unwrap();
            let uri = platform["uri"].as_str().unwrap();
            let start = format!("{}/releases/download/v{VERSION}/regcred_v{VERSION}_", managers::REPOSITORY);
            assert!(uri.starts_with(&start), "{uri}");
            let is_zip = Path::new(uri).extension().is_some_and(|extension| extension == "zip");
            assert_eq!(is_zip, system == "windows", "{uri}");
            let program = if system == "windows" { "kubectl-regcred.exe" } else { "kubectl-regcred" };
            assert_eq!(platform["bin"], program);
            let files = platform["files"].as_array().unwrap();
            assert!(files.iter().any(|file| file["from"] == "LICENSE"), "{files:?}");
            (system, labels["arch"].as_str().unwrap())
        })
        .collect();
    let all = [
        ("linux", "amd64"),
        ("linux", "arm64"),
        ("darwin", "amd64"),
        ("darwin", "arm64"),
        ("windows", "amd64"),
    ];
    assert_eq!(selected, all);
}

#[test]
fn a_manifest_names_only_what_was_built() {
    let manifest = yaml(&Packed::new(VERSION).file("regcred.yaml"));
    assert_eq!(manifest["spec"]["platforms"].as_array().unwrap().len(), 1);
}

#[test]
fn the_files_for_homebrew_scoop_and_winget_are_what_their_parsers_read() {
    let sandbox = Sandbox::without_cluster();
    let packed = Packed::for_all_platforms(VERSION);
    let formula = packed.file("regcred.rb");
    sandbox.run("ruby", ["-wc", formula.to_str().unwrap()]).success().assert_stdout_contains("Syntax OK");
    // What Homebrew would find in it on each system, by a stand-in for the one word of its language that matters.
    let text = std::fs::read_to_string(&formula).unwrap();
    for platform in &PLATFORMS {
        let is_there = text.contains(&platform.archive(VERSION));
        assert_eq!(is_there, platform.os != "windows", "{}", platform.archive(VERSION));
    }
    let scoop: Value = serde_json::from_slice(&std::fs::read(packed.file("regcred.json")).unwrap()).unwrap();
    let windows = &scoop["architecture"]["64bit"];
    assert!(windows["url"].as_str().unwrap().ends_with("_windows_amd64.zip"));
    assert_eq!(scoop["version"], VERSION);
    let [version, installer, locale] = ["", ".installer", ".locale.en-US"]
        .map(|part| yaml(&packed.folder().join(format!("regcred.regcred{part}.yaml"))));
    for manifest in [&version, &installer, &locale] {
        assert_eq!(manifest["PackageIdentifier"], "regcred.regcred");
        assert_eq!(manifest["PackageVersion"], VERSION);
    }
    assert_eq!(
        [&version["ManifestType"], &installer["ManifestType"], &locale["ManifestType"]],
        ["version", "installer", "defaultLocale"]
    );
    let download = &installer["Installers"][0];
    assert_eq!(download["InstallerUrl"], windows["url"]);
    let sum = download["InstallerSha256"].as_str().unwrap().to_lowercase();
    assert_eq!(windows["hash"], sum);
    let sums = std::fs::read_to_string(packed.file("SHA256SUMS")).unwrap();
    assert!(sums.contains(&format!("{sum}  regcred_v{VERSION}_windows_amd64.zip")), "{sums}");
}
