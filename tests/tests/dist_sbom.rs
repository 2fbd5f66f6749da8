//! What our bills of materials say that the programs are made of.

#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::collections::BTreeSet;

use serde_json::Value;
use xtask::dist::build::Place;
use xtask::dist::contents::{HELPER, PLUGIN};
use xtask::dist::platform::{Build, Recipe, choose};
use xtask::dist::sbom;
use xtask::environment::{Environment, workspace};

const GNU: &str = "x86_64-unknown-linux-gnu";
const MUSL: &str = "x86_64-unknown-linux-musl";

fn recipe(target: &str, available: &[&str]) -> Recipe {
    choose(&[target.to_owned()], available).unwrap().chosen[0].1
}

fn document(program: &str, build: Build) -> Value {
    let environment = Environment::read().unwrap();
    let place = Place { source: workspace(), target: environment.target.clone(), cargo_home: None };
    sbom::document(&environment, &place, program, build, None, chrono::DateTime::UNIX_EPOCH).unwrap()
}

fn names(document: &Value) -> BTreeSet<&str> {
    let components = document["components"].as_array().unwrap();
    components.iter().map(|component| component["name"].as_str().unwrap()).collect()
}

#[test]
fn each_program_has_its_own_crates_and_the_c_libraries_inside() {
    let recipe = recipe(GNU, &[GNU]);
    for (program, build) in [(PLUGIN, recipe.plugin), (HELPER, recipe.helper)] {
        let document = document(program, build);
        let names = names(&document);
        let all = ["libdbus", "libdbus-sys", "regcred-core", "regcred-keyring", "serde_json", "zeroize"];
        assert!(names.is_superset(&all.into()), "{names:?}");
        assert_eq!(names.contains("kube"), program == PLUGIN);
        assert_eq!(names.contains("glibc"), program == HELPER);
        for build_or_test_only in
            ["cc", "pkg-config", "serde_derive", "syn", "proptest", "roff", "clap_mangen"]
        {
            assert!(!names.contains(build_or_test_only), "{build_or_test_only} is in no program");
        }
    }
}

#[test]
fn the_c_library_is_that_of_the_target() {
    let document = document(HELPER, recipe(MUSL, &[GNU, MUSL]).helper);
    assert!(names(&document).contains("musl") && !names(&document).contains("glibc"));
}

#[test]
fn a_program_for_macos_has_no_d_bus() {
    const MAC: &str = "aarch64-apple-darwin";
    let document = document(HELPER, recipe(MAC, &[MAC]).helper);
    let names = names(&document);
    assert!(names.contains("security-framework") && !names.contains("libdbus"), "{names:?}");
}

#[test]
fn versions_checksums_and_licences_are_there_and_no_folder_of_this_machine() {
    let document = document(PLUGIN, recipe(GNU, &[GNU]).plugin);
    let text = document.to_string();
    for path in [workspace().to_str().unwrap(), "/.cargo/", "path+file"] {
        assert!(!text.contains(path), "{path}");
    }
    assert_eq!((&document["bomFormat"], &document["specVersion"]), (&"CycloneDX".into(), &"1.5".into()));
    let main = &document["metadata"]["component"];
    assert_eq!((&main["name"], &main["version"]), (&PLUGIN.into(), &xtask::dist::VERSION.into()));
    for component in document["components"].as_array().unwrap() {
        let name = component["name"].as_str().unwrap();
        assert!(component["version"].is_string(), "{name} has no version");
        assert!(component["licenses"][0]["expression"].is_string(), "{name} has no licence");
        let is_from_elsewhere =
            component["purl"].as_str().unwrap().starts_with("pkg:cargo/") && !name.starts_with("regcred-");
        assert_eq!(component["hashes"][0]["content"].is_string(), is_from_elsewhere, "{name}");
    }
    let dbus =
        document["components"].as_array().unwrap().iter().find(|component| component["name"] == "libdbus");
    assert!(dbus.unwrap()["version"].as_str().unwrap().starts_with("1."));
}

#[test]
fn every_link_leads_to_a_component() {
    let document = document(HELPER, recipe(GNU, &[GNU]).helper);
    let components = document["components"].as_array().unwrap();
    let all = components.iter().chain([&document["metadata"]["component"]]);
    let references: BTreeSet<_> = all.map(|component| component["bom-ref"].as_str().unwrap()).collect();
    assert_eq!(references.len(), components.len() + 1, "a reference is there twice");
    let dependencies = document["dependencies"].as_array().unwrap();
    let from: BTreeSet<_> = dependencies.iter().map(|link| link["ref"].as_str().unwrap()).collect();
    assert_eq!(from, references);
    let to = |link: &Value| {
        link["dependsOn"]
            .as_array()
            .unwrap()
            .iter()
            .map(|to| to.as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    assert!(dependencies.iter().flat_map(to).all(|to| references.contains(to.as_str())));
    let sys =
        dependencies.iter().find(|link| link["ref"].as_str().unwrap().starts_with("pkg:cargo/libdbus-sys@"));
    assert!(to(sys.unwrap()).iter().any(|to| to.starts_with("pkg:generic/dbus@")));
}
