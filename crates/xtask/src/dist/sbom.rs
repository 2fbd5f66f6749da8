//! What a program is made of, as a `CycloneDX` 1.5 document (`ECMA-424`): our crates, others' crates and C libraries.
//!
//! It lists what cargo links for this program, this target and these features, with the checksums of Cargo.lock; not
//! what only runs while it is compiled. `cargo metadata` knows nothing of C, hence `c_libraries`.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use chrono::{DateTime, SecondsFormat, Utc};
use serde::Deserialize;
use serde_json::{Value, json};

use super::build::Place;
use super::elf::Needs;
use super::platform::Build;
use crate::environment::Environment;
use crate::failure::{Context as _, Failure, Result};

/// A crate of one version, and no other has both.
type Crate = (String, String);

/// What is linked to what.
type Links = BTreeMap<Crate, BTreeSet<Crate>>;

/// The document for `package`'s program; `needs` are those of the program for Linux.
pub fn document(
    environment: &Environment,
    place: &Place,
    package: &str,
    build: Build,
    needs: Option<&Needs>,
    time: DateTime<Utc>,
) -> Result<Value> {
    let metadata = place.metadata(environment, build.triple)?;
    let line = ["--package", package, "--target", build.triple];
    let tree = ["--edges=normal,no-proc-macro", "--prefix=depth", "--format=|{p}"];
    let (links, own) = read_tree(&place.tree(environment, &[line.as_slice(), &tree].concat())?)?;
    let checksums = checksums(&place.source.join("Cargo.lock"))?;
    let known = |name: &str, version: &str| {
        let packages = metadata["packages"].as_array().map(Vec::as_slice).unwrap_or_default();
        packages.iter().find(|known| known["name"] == name && known["version"] == version)
    };
    let mut components = Vec::new();
    let mut dependencies = Vec::new();
    let mut main = Value::Null;
    for (key @ (name, version), linked) in &links {
        let package = known(name, version)
            .ok_or_else(|| Failure::new(format!("cargo has no metadata of {name} {version}")))?;
        let mut component = component(package, name, version, checksums.get(key));
        let mut depends_on: Vec<_> = linked.iter().map(|(name, version)| purl(name, version)).collect();
        for library in c_libraries(name, package)? {
            depends_on.push(library["bom-ref"].as_str().unwrap_or_default().to_owned());
            dependencies.push(json!({ "ref": library["bom-ref"], "dependsOn": [] }));
            components.push(library);
        }
        if *key == own {
            if let Some(library) = static_library(build)? {
                depends_on.push(library["bom-ref"].as_str().unwrap_or_default().to_owned());
                dependencies.push(json!({ "ref": library["bom-ref"], "dependsOn": [] }));
                components.push(library);
            }
            component["type"] = "application".into();
            component["properties"] = properties(build, needs);
        }
        dependencies.push(json!({ "ref": component["bom-ref"], "dependsOn": depends_on }));
        if *key == own { main = component } else { components.push(component) }
    }
    for list in [(&mut components, "bom-ref"), (&mut dependencies, "ref")] {
        list.0.sort_by_key(|value| value[list.1].as_str().unwrap_or_default().to_owned());
    }
    Ok(json!({
        "$schema": "http://cyclonedx.org/schema/bom-1.5.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "version": 1,
        "metadata": {
            "timestamp": time.to_rfc3339_opts(SecondsFormat::Secs, true),
            "tools": { "components": [{ "type": "application", "name": "rustc", "version": rustc_version()? }] },
            "component": main,
        },
        "components": components,
        "dependencies": dependencies,
    }))
}

/// Reads `cargo tree --prefix=depth --format=|{p}`: lines such as `1|serde v1.0.229 (*)`. Returns what is linked to what,
/// and the package itself.
fn read_tree(text: &str) -> Result<(Links, Crate)> {
    let mut links = Links::new();
    let mut parents: Vec<Crate> = Vec::new();
    for line in text.lines() {
        let wrong = || Failure::new(format!("`cargo tree` prints {line:?}, which is no crate"));
        let (depth, package) = line.split_once('|').ok_or_else(wrong)?;
        let depth: usize = depth.parse().map_err(|_| wrong())?;
        let mut words = package.split_whitespace();
        let name = words.next().ok_or_else(wrong)?.to_owned();
        let version = words.next().and_then(|word| word.strip_prefix('v')).ok_or_else(wrong)?.to_owned();
        let key = (name, version);
        parents.truncate(depth);
        if let Some(parent) = parents.last() {
            links.entry(parent.clone()).or_default().insert(key.clone());
        }
        links.entry(key.clone()).or_default();
        parents.push(key);
    }
    let own = parents.into_iter().next().ok_or_else(|| Failure::new("`cargo tree` prints no crate"))?;
    Ok((links, own))
}

fn component(package: &Value, name: &str, version: &str, checksum: Option<&String>) -> Value {
    let mut component = json!({
        "type": "library",
        "bom-ref": purl(name, version),
        "name": name,
        "version": version,
        "purl": purl(name, version),
    });
    if let Some(description) = package["description"].as_str() {
        component["description"] = description.split_whitespace().collect::<Vec<_>>().join(" ").into();
    }
    if let Some(licence) = package["license"].as_str() {
        // Old crates have a slash, which SPDX does not know.
        component["licenses"] = json!([{ "expression": licence.replace('/', " OR ") }]);
    }
    if let Some(repository) = package["repository"].as_str() {
        component["externalReferences"] = json!([{ "type": "vcs", "url": repository }]);
    }
    if let Some(checksum) = checksum {
        component["hashes"] = json!([{ "alg": "SHA-256", "content": checksum }]);
    }
    component
}

fn purl(name: &str, version: &str) -> String {
    format!("pkg:cargo/{name}@{}", version.replace('+', "%2B"))
}

/// The C libraries whose source a crate brings and compiles: libdbus-sys has the reference implementation of D-Bus.
fn c_libraries(name: &str, package: &Value) -> Result<Vec<Value>> {
    if name != "libdbus-sys" {
        return Ok(Vec::new());
    }
    let manifest = PathBuf::from(package["manifest_path"].as_str().unwrap_or_default());
    let news = manifest.with_file_name("vendor").join("dbus/NEWS");
    let text = std::fs::read_to_string(&news).cannot_at("read", &news)?;
    let version = text.lines().next().and_then(|line| line.strip_prefix("dbus ")?.split(' ').next());
    let version = version
        .ok_or_else(|| Failure::new(format!("{} does not begin with dbus's version", news.display())))?;
    Ok(vec![json!({
        "type": "library",
        "bom-ref": format!("pkg:generic/dbus@{version}"),
        "name": "libdbus",
        "version": version,
        "description": "The reference implementation of D-Bus, compiled from the source in libdbus-sys",
        "licenses": [{ "expression": "AFL-2.1 OR GPL-2.0-or-later" }],
        "purl": format!("pkg:generic/dbus@{version}"),
        "externalReferences": [{ "type": "vcs", "url": "https://gitlab.freedesktop.org/dbus/dbus" }],
    })])
}

/// The C library of the system, if it is inside the program.
fn static_library(build: Build) -> Result<Option<Value>> {
    let (name, version, licence) = match build.triple.rsplit_once('-') {
        _ if !build.is_static => return Ok(None),
        Some((_, "gnu")) if build.runs_here() => ("glibc", Some(glibc_version()?), "LGPL-2.1-or-later"),
        Some((_, "gnu")) => ("glibc", None, "LGPL-2.1-or-later"),
        Some((_, "musl")) => ("musl", None, "MIT"),
        _ => return Ok(None),
    };
    let purl =
        version.iter().fold(format!("pkg:generic/{name}"), |purl, version| format!("{purl}@{version}"));
    let mut library = json!({
        "type": "library",
        "bom-ref": purl,
        "name": name,
        "description": "The C library, linked statically",
        "licenses": [{ "expression": licence }],
        "purl": purl,
    });
    if let Some(version) = version {
        library["version"] = version.into();
    }
    Ok(Some(library))
}

fn properties(build: Build, needs: Option<&Needs>) -> Value {
    let target = json!({ "name": "regcred:target", "value": build.triple });
    let needs = needs.map(|needs| json!({ "name": "regcred:linking", "value": needs.words() }));
    std::iter::once(target).chain(needs).collect()
}

/// Cargo.lock, as far as it matters here.
#[derive(Deserialize)]
struct Lock {
    package: Vec<Locked>,
}

#[derive(Deserialize)]
struct Locked {
    name: String,
    version: String,
    checksum: Option<String>,
}

fn checksums(lock: &Path) -> Result<BTreeMap<Crate, String>> {
    let text = std::fs::read_to_string(lock).cannot_at("read", lock)?;
    let lock: Lock = toml::from_str(&text).cannot_at("understand", lock)?;
    let checksums = lock.package.into_iter();
    Ok(checksums.filter_map(|locked| Some(((locked.name, locked.version), locked.checksum?))).collect())
}

fn rustc_version() -> Result<String> {
    let text = first_line("rustc", &["--version"])?;
    Ok(text.strip_prefix("rustc ").unwrap_or(&text).to_owned())
}

fn glibc_version() -> Result<String> {
    let text = first_line("getconf", &["GNU_LIBC_VERSION"])?;
    Ok(text.strip_prefix("glibc ").unwrap_or(&text).to_owned())
}

fn first_line(program: &str, arguments: &[&str]) -> Result<String> {
    let output = Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .output()
        .cannot(format_args!("run {program}"))?;
    let text = String::from_utf8_lossy(&output.stdout);
    match text.lines().next() {
        Some(line) if output.status.success() => Ok(line.trim().to_owned()),
        _ => Err(Failure::new(format!("`{program} {}` does not say its version", arguments.join(" ")))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tree_of_crates_becomes_links() {
        let text = "0|top v0.1.0 (/somewhere/top)\n1|serde v1.0.2\n2|serde_core v1.0.2\n1|url v2.5.0\n2|serde v1.0.2 (*)\n";
        let (links, own) = read_tree(text).unwrap();
        let key = |name: &str, version: &str| (name.to_owned(), version.to_owned());
        assert_eq!(own, key("top", "0.1.0"));
        assert_eq!(links[&own], BTreeSet::from([key("serde", "1.0.2"), key("url", "2.5.0")]));
        assert_eq!(links[&key("url", "2.5.0")], BTreeSet::from([key("serde", "1.0.2")]));
        assert_eq!(links[&key("serde_core", "1.0.2")], BTreeSet::new());
    }

    #[test]
    fn what_is_no_tree_is_refused() {
        assert!(read_tree("warning: nothing\n").is_err());
        assert!(read_tree("").is_err());
    }

    #[test]
    fn licences_of_old_crates_become_spdx() {
        let package = json!({ "license": "MIT/Apache-2.0", "description": "two\nlines" });
        let component = component(&package, "old", "0.1.0+x", None);
        assert_eq!(component["licenses"][0]["expression"], "MIT OR Apache-2.0");
        assert_eq!(component["description"], "two lines");
        assert_eq!(component["purl"], "pkg:cargo/old@0.1.0%2Bx");
        assert_eq!(component["hashes"], Value::Null);
    }
}
