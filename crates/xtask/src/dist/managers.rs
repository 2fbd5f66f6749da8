//! The files by which package managers find our archives: krew, Homebrew, Scoop and winget.
//!
//! Each is a template in `packaging/`, filled with the version, the addresses and the checksums.

use std::path::{Path, PathBuf};

use minijinja::UndefinedBehavior;
use minijinja::syntax::SyntaxConfig;
use minijinja::value::Serde;
use serde::Serialize;
use serde_json::{Value, json};

use super::platform::{PLATFORMS, Platform};
use crate::environment::workspace;
use crate::failure::{Context as _, Failure, Result};

/// Where the project lives.
pub const REPOSITORY: &str = env!("CARGO_PKG_REPOSITORY");

/// The manifest for krew that lies at the top level, where krew's index looks for it.
pub const KREW_MANIFEST: &str = "krew-manifest.yaml";

/// Stands for a checksum that only a release knows.
const NO_CHECKSUM: &str = "0000000000000000000000000000000000000000000000000000000000000000";

/// An archive as a package manager sees it.
#[derive(Debug, Clone, Serialize)]
pub struct Download {
    os: &'static str,
    arch: &'static str,
    exe: &'static str,
    uri: String,
    sha256: String,
}

impl Download {
    /// The archive of a version for `platform`, which lies below the address `base`.
    pub fn new(version: &str, platform: &Platform, base: &str, sha256: String) -> Self {
        let uri = format!("{base}/{}", platform.archive(version));
        Self { os: platform.os, arch: platform.arch, exe: platform.exe(), uri, sha256 }
    }
}

/// Where the archives of a version will be.
pub fn release_address(version: &str) -> String {
    format!("{REPOSITORY}/releases/download/v{version}")
}

/// What the top level's [`KREW_MANIFEST`] is for a version: all platforms, with zeros for checksums until the release
/// sets them.
pub fn planned_krew_manifest(version: &str) -> Result<String> {
    let base = release_address(version);
    let download = |platform| Download::new(version, platform, &base, NO_CHECKSUM.into());
    krew_manifest(version, &PLATFORMS.iter().map(download).collect::<Vec<_>>())
}

/// krew's manifest for these archives of a version.
pub fn krew_manifest(version: &str, downloads: &[Download]) -> Result<String> {
    render("krew.yaml", &context(version, downloads)?)
}

/// Writes that file.
pub fn write_krew_manifest(version: &str) -> Result<()> {
    let path = workspace().join(KREW_MANIFEST);
    std::fs::write(&path, planned_krew_manifest(version)?).cannot_at("write", &path)
}

/// Writes the files for these archives into the folder `out`; no file for a package manager whose systems have no archive.
/// Returns what was written.
pub fn write(version: &str, downloads: &[Download], out: &Path) -> Result<Vec<PathBuf>> {
    let values = context(version, downloads)?;
    let is_for = |systems: &[&str]| downloads.iter().any(|download| systems.contains(&download.os));
    let files: [(&str, &str, &[&str]); 6] = [
        ("krew.yaml", "regcred.yaml", &["linux", "darwin", "windows"]),
        ("homebrew.rb", "regcred.rb", &["linux", "darwin"]),
        ("scoop.json", "regcred.json", &["windows"]),
        ("winget/version.yaml", "regcred.regcred.yaml", &["windows"]),
        ("winget/installer.yaml", "regcred.regcred.installer.yaml", &["windows"]),
        ("winget/locale.en-US.yaml", "regcred.regcred.locale.en-US.yaml", &["windows"]),
    ];
    files
        .iter()
        .filter(|(_, _, systems)| is_for(systems))
        .map(|(template, name, _)| {
            let path = out.join(name);
            std::fs::write(&path, render(template, &values)?).cannot_at("write", &path)?;
            Ok(path)
        })
        .collect()
}

/// What every template may use of the project.
fn context(version: &str, downloads: &[Download]) -> Result<Value> {
    let Description { summary, text } = Description::read()?;
    Ok(json!({
        "version": version,
        "summary": summary,
        "description": text,
        "repository": REPOSITORY,
        "release": release_address(version),
        "platforms": downloads,
    }))
}

/// What we say of the project in package managers.
#[derive(Debug)]
pub(super) struct Description {
    /// A line of at most 50 characters without a full stop, as krew's index wants it.
    pub(super) summary: String,
    /// Paragraphs, in lines.
    pub(super) text: String,
}

impl Description {
    /// Reads `packaging/description.txt`: the summary, an empty line, the rest.
    pub(super) fn read() -> Result<Self> {
        let path = workspace().join("packaging/description.txt");
        let text = std::fs::read_to_string(&path).cannot_at("read", &path)?;
        let parts = text.split_once("\n\n");
        let (summary, text) =
            parts.ok_or_else(|| Failure::new(format!("{} has only one paragraph", path.display())))?;
        Ok(Self { summary: summary.to_owned(), text: text.trim_end().to_owned() })
    }
}

/// Fills a template of `packaging/`. A value that it names and nobody gave is an error.
pub(super) fn render(template: &str, values: &Value) -> Result<String> {
    let path = workspace().join("packaging").join(template);
    let source = std::fs::read_to_string(&path).cannot_at("read", &path)?;
    let mut templates = minijinja::Environment::new();
    templates.set_undefined_behavior(UndefinedBehavior::Strict);
    // A line that only decides something leaves no trace.
    let syntax =
        SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).keep_trailing_newline(true).build();
    templates.set_syntax(syntax.cannot("set up templates")?);
    templates.render_str(&source, Serde(values)).cannot_at("fill in", &path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_summary_is_as_krews_index_wants_it() {
        let Description { summary, .. } = Description::read().unwrap();
        assert!(summary.len() <= 50 && !summary.ends_with('.') && !summary.contains('\n'), "{summary:?}");
    }

    #[test]
    fn a_template_that_names_an_unknown_value_is_an_error() {
        let error = render("krew.yaml", &json!({ "version": "1.2.3" })).unwrap_err().to_string();
        assert!(error.contains("krew.yaml") && error.contains("undefined"), "{error}");
    }
}
