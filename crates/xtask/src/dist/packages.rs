//! Packages of Linux distributions, all from `packaging/nfpm.yaml`: deb, rpm, apk.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use chrono::{DateTime, SecondsFormat, Utc};
use serde_json::json;

use super::archive::{self, Entry};
use super::elf::Needs;
use super::managers::{Description, REPOSITORY, render};
use super::platform::Platform;
use crate::failure::{Context as _, Failure, Result};

/// The formats, as nfpm calls them.
pub const FORMATS: [&str; 3] = ["deb", "rpm", "apk"];

/// The template, and the file that it becomes.
const CONFIG: &str = "nfpm.yaml";

/// Where the template finds the files, below the folder in which nfpm runs.
const STAGE: &str = "package";

/// What the packages of one platform are made of.
#[derive(Debug)]
pub struct Ingredients<'a> {
    /// The version, without `v`.
    pub version: &'a str,
    /// The system and the processor.
    pub platform: &'a Platform,
    /// What the archive holds.
    pub entries: &'a [Entry],
    /// What the programs need of the system.
    pub needs: [&'a Needs; 2],
    /// The time of all files.
    pub time: DateTime<Utc>,
}

/// Makes packages of these formats in the folder `out` with `nfpm`; returns them.
pub fn write(
    nfpm: &Path,
    formats: &[&str],
    ingredients: &Ingredients,
    scratch: &Path,
    out: &Path,
) -> Result<Vec<PathBuf>> {
    stage_files(ingredients, &scratch.join(STAGE))?;
    let manual: Vec<_> =
        ingredients.entries.iter().filter_map(|entry| entry.path.strip_prefix("man/")).collect();
    let Description { summary, text } = Description::read()?;
    let config = render(
        CONFIG,
        &json!({
            "version": ingredients.version,
            "arch": ingredients.platform.arch,
            "summary": summary,
            "description": text,
            "repository": REPOSITORY,
            "time": ingredients.time.to_rfc3339_opts(SecondsFormat::Secs, true),
            "manual": manual,
            "glibc": glibc(ingredients.needs),
            "is_libgcc_needed": is_linked_to(ingredients.needs, "libgcc_s.so.1"),
        }),
    )?;
    let file = scratch.join(CONFIG);
    std::fs::write(&file, config).cannot_at("write", &file)?;
    formats.iter().map(|format| package(nfpm, format, scratch, ingredients, out)).collect()
}

/// The oldest glibc that has what both programs are linked to; none if both are static.
fn glibc(needs: [&Needs; 2]) -> Option<String> {
    let (major, minor) = needs.into_iter().filter_map(|needs| needs.glibc).max()?;
    Some(format!("{major}.{minor}"))
}

fn is_linked_to(needs: [&Needs; 2], library: &str) -> bool {
    needs.into_iter().flat_map(|needs| &needs.libraries).any(|needed| needed == library)
}

/// Lays out what the template names: the archive's files, with what Debian wants compressed or written in its own form.
fn stage_files(ingredients: &Ingredients, stage: &Path) -> Result<()> {
    let write = |path: &str, bytes: &[u8]| {
        let file = stage.join(path);
        let folder = file.parent().unwrap_or(stage);
        std::fs::create_dir_all(folder).cannot_at("create", folder)?;
        std::fs::write(&file, bytes).cannot_at("write", &file)
    };
    for entry in ingredients.entries {
        let bytes = std::fs::read(&entry.source).cannot_at("read", &entry.source)?;
        if entry.path.starts_with("man/") {
            write(&format!("{}.gz", entry.path), &archive::gzip(&bytes)?)?;
        } else {
            write(&entry.path, &bytes)?;
        }
    }
    let values = json!({
        "version": ingredients.version,
        "repository": REPOSITORY,
        "time": ingredients.time.to_rfc2822(),
    });
    write("deb/changelog.gz", &archive::gzip(render("deb/changelog", &values)?.as_bytes())?)?;
    write("deb/copyright", render("deb/copyright", &values)?.as_bytes())
}

fn package(
    nfpm: &Path,
    format: &str,
    scratch: &Path,
    ingredients: &Ingredients,
    out: &Path,
) -> Result<PathBuf> {
    let output = Command::new(nfpm)
        .args(["package", "--packager", format, "--config", CONFIG, "--target"])
        .arg(out)
        .current_dir(scratch)
        .env("SOURCE_DATE_EPOCH", ingredients.time.timestamp().to_string())
        .stdin(Stdio::null())
        .output()
        .cannot_at("run", nfpm)?;
    let said = String::from_utf8_lossy(&output.stdout);
    let created = said.lines().find_map(|line| line.strip_prefix("created package: "));
    match created {
        Some(path) if output.status.success() => Ok(PathBuf::from(path)),
        _ => Err(Failure::new(format!(
            "nfpm can't make the {format} package:\n{said}{}",
            String::from_utf8_lossy(&output.stderr)
        ))),
    }
}
