//! Turns the workspace into the next version, in one commit.
//!
//! All that says a version is changed: Cargo.toml and the two Cargo.lock, the changelog, the README, the manual pages, krew's
//! manifest.
//! What is left to a person, and to the workflow that a tag starts, is said at the end.

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};

use chrono::{NaiveDate, Utc};

use crate::dist::VERSION;
use crate::dist::managers::{KREW_MANIFEST, planned_krew_manifest};
use crate::environment::workspace;
use crate::failure::{Context as _, Failure, Result};

const CHANGELOG: &str = "CHANGELOG.md";
const MANIFEST: &str = "Cargo.toml";
const README: &str = "README.md";
const LOCKS: [&str; 2] = ["Cargo.lock", "crates/regcred-core/fuzz/Cargo.lock"];
const MANUAL: &str = "packaging/man";
const UNRELEASED: &str = "## [Unreleased]";

/// Makes the commit for a version in the workspace.
#[expect(clippy::disallowed_methods, reason = "the day of the release is today")]
pub fn run(version: &str) -> Result<ExitCode> {
    commit(&workspace(), version, Utc::now().date_naive())?;
    eprintln!(
        "Committed the release of {version}. When it has landed: git tag v{version} && git push origin v{version}"
    );
    Ok(ExitCode::SUCCESS)
}

/// What the changelog says of the version that a tag names, which has to be that of Cargo.toml.
pub fn notes(tag: &str) -> Result<String> {
    let version = tag.strip_prefix('v').unwrap_or_default();
    if version != VERSION {
        return Err(Failure::new(format!("the tag {tag:?} is not v{VERSION}, the version in {MANIFEST}"))
            .hint("tag the commit that `cargo xtask release` made"));
    }
    section(&read(&workspace(), CHANGELOG)?, version)
}

/// Makes the commit for a version in the workspace at `root`, which has to be as it was committed last.
pub fn commit(root: &Path, version: &str, date: NaiveDate) -> Result<()> {
    let changed = git(root, &["status", "--porcelain"])?;
    if !changed.is_empty() {
        return Err(Failure::new(format!(
            "there are changes that are not committed:\n{}",
            changed.trim_end()
        ))
        .hint("commit or stash them first"));
    }
    // All of it is made before any of it is written.
    for (path, text) in changes(root, version, date)? {
        std::fs::write(&path, text).cannot_at("write", &path)?;
    }
    git(root, &["add", "--all"])?;
    git(root, &["commit", "--quiet", "--message", &format!("Release {version}")]).map(drop)
}

/// The files that change, with their new text.
fn changes(root: &Path, version: &str, date: NaiveDate) -> Result<Vec<(PathBuf, String)>> {
    let manifest = read(root, MANIFEST)?;
    let old = current_version(&manifest)?;
    if numbers(version)? <= numbers(&old)? {
        return Err(Failure::new(format!("{version} is not greater than {old}, the version in {MANIFEST}")));
    }
    let mut changes = vec![
        (root.join(CHANGELOG), changelog(&read(root, CHANGELOG)?, version, date)?),
        (root.join(MANIFEST), in_manifest(&manifest, &old, version)?),
        (root.join(KREW_MANIFEST), planned_krew_manifest(version)?),
        (root.join(README), in_readme(&read(root, README)?, &old, version)),
    ];
    for lock in LOCKS {
        changes.push((root.join(lock), in_lock(&read(root, lock)?, &own_crates(root)?, &old, version)));
    }
    let folder = root.join(MANUAL);
    for page in std::fs::read_dir(&folder).cannot_at("list", &folder)? {
        let page = page.cannot_at("list", &folder)?.path();
        let text = std::fs::read_to_string(&page).cannot_at("read", &page)?;
        changes.push((page.clone(), in_page(&text, &old, version).cannot_at("change", &page)?));
    }
    Ok(changes)
}

fn read(root: &Path, file: &str) -> Result<String> {
    let path = root.join(file);
    std::fs::read_to_string(&path).cannot_at("read", &path)
}

/// The numbers of a version, in the order in which they count.
fn numbers(version: &str) -> Result<[u64; 3]> {
    let parts = version.split('.').map(|part| {
        let is_number =
            part == "0" || (!part.starts_with('0') && part.bytes().all(|byte| byte.is_ascii_digit()));
        part.parse().ok().filter(|_| is_number)
    });
    let numbers: Option<Vec<u64>> = parts.collect();
    numbers.and_then(|numbers| numbers.try_into().ok()).ok_or_else(|| {
        Failure::new(format!("{version:?} is not a version")).hint("give three numbers, such as 1.2.0")
    })
}

fn current_version(manifest: &str) -> Result<String> {
    let manifest: toml::Table = toml::from_str(manifest).cannot_at("read", Path::new(MANIFEST))?;
    let version = manifest.get("workspace").and_then(|table| table.get("package")?.get("version")?.as_str());
    version.map(str::to_owned).ok_or_else(|| Failure::new(format!("{MANIFEST} says no version")))
}

/// The version of the workspace, and those of our crates that depend on each other.
fn in_manifest(text: &str, old: &str, new: &str) -> Result<String> {
    let (own, needed) = (format!("version = \"{old}\""), format!("version = \"={old}\""));
    let lines = text.lines().map(|line| match line {
        _ if line == own => format!("version = \"{new}\""),
        _ if line.starts_with("regcred-") => line.replace(&needed, &format!("version = \"={new}\"")),
        _ => line.to_owned(),
    });
    let changed = lines.collect::<Vec<_>>().join("\n") + "\n";
    if current_version(&changed)? != new || changed.contains(&needed) {
        return Err(Failure::new(format!("{MANIFEST} names the version in a line that is not changed"))
            .hint("teach `in_manifest` in crates/xtask/src/release.rs that line"));
    }
    Ok(changed)
}

/// The crates of the workspace: every folder in `crates`, and the tests.
fn own_crates(root: &Path) -> Result<Vec<String>> {
    let folder = root.join("crates");
    let crates = std::fs::read_dir(&folder).cannot_at("list", &folder)?;
    let mut names = vec!["regcred-tests".to_owned()];
    for found in crates {
        names.push(found.cannot_at("list", &folder)?.file_name().to_string_lossy().into_owned());
    }
    Ok(names)
}

fn in_lock(text: &str, own: &[String], old: &str, new: &str) -> String {
    own.iter().fold(text.to_owned(), |text, name| {
        let entry = |version: &str| format!("name = \"{name}\"\nversion = \"{version}\"\n");
        text.replace(&entry(old), &entry(new))
    })
}

/// The README names the files of a release, as `regcred_v1.2.0_linux_amd64.tar.gz` or `regcred-1.2.0-1.x86_64.rpm`.
fn in_readme(text: &str, old: &str, new: &str) -> String {
    ["regcred_v", "regcred_", "regcred-"]
        .iter()
        .fold(text.to_owned(), |text, name| text.replace(&format!("{name}{old}"), &format!("{name}{new}")))
}

/// A manual page says the version of its program in its first macro, `.TH`.
fn in_page(text: &str, old: &str, new: &str) -> Result<String> {
    let title = text.lines().find(|line| line.starts_with(".TH "));
    let title = title.filter(|title| title.matches(&format!(" {old}\"")).count() == 1);
    let title = title.ok_or_else(|| Failure::new(format!("its title does not end with version {old}")))?;
    Ok(text.replacen(title, &title.replace(&format!(" {old}\""), &format!(" {new}\"")), 1))
}

/// Gives what is unreleased the heading of the version; see <https://keepachangelog.com>.
fn changelog(text: &str, version: &str, date: NaiveDate) -> Result<String> {
    let unreleased = section_after(text, UNRELEASED)
        .ok_or_else(|| Failure::new(format!("{CHANGELOG} has no heading {UNRELEASED:?}")))?;
    if !unreleased.lines().any(|line| line.starts_with("- ")) {
        return Err(Failure::new(format!("{CHANGELOG} has nothing under {UNRELEASED:?}"))
            .hint("say what changed for the users"));
    }
    if text.contains(&heading(version)) {
        return Err(Failure::new(format!("{CHANGELOG} has a version {version} already")));
    }
    let released = format!("{UNRELEASED}\n\n{} - {date}\n", heading(version));
    Ok(text.replacen(&format!("{UNRELEASED}\n"), &released, 1))
}

fn heading(version: &str) -> String {
    format!("## [{version}]")
}

/// What the changelog says of a version.
fn section(text: &str, version: &str) -> Result<String> {
    let section = section_after(text, &heading(version))
        .ok_or_else(|| Failure::new(format!("{CHANGELOG} has no version {version}")))?;
    Ok(format!("{}\n", section.trim()))
}

/// What is between a heading that begins so and the next one.
fn section_after<'a>(text: &'a str, heading: &str) -> Option<&'a str> {
    let after =
        if text.starts_with(heading) { text } else { &text[text.find(&format!("\n{heading}"))? + 1..] };
    let (_, section) = after.split_once('\n')?;
    Some(section.find("\n## ").map_or(section, |end| &section[..=end]))
}

fn git(root: &Path, arguments: &[&str]) -> Result<String> {
    let output = Command::new("git")
        .args(arguments)
        .current_dir(root)
        .stdin(Stdio::null())
        .output()
        .cannot("run git")?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    Err(Failure::new(format!("`git {}` failed:\n{}", arguments.join(" "), said.trim())))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A clone of what is committed, and what is written there now; its own commits need a name.
    struct Clone {
        folder: tempfile::TempDir,
    }

    impl Clone {
        fn new() -> Self {
            let folder = tempfile::tempdir().unwrap();
            let clone = Self { folder };
            let files =
                git(&workspace(), &["ls-files", "--cached", "--others", "--exclude-standard"]).unwrap();
            for file in files.lines().filter(|file| workspace().join(file).is_file()) {
                let to = clone.root().join(file);
                std::fs::create_dir_all(to.parent().unwrap()).unwrap();
                std::fs::copy(workspace().join(file), to).unwrap();
            }
            clone.git(&["init", "--quiet"]);
            clone.git(&["config", "user.name", "Test"]);
            clone.git(&["config", "user.email", "test@example.test"]);
            clone.write(CHANGELOG, "# Changelog\n\n## [Unreleased]\n\n### Added\n\n- A thing.\n");
            clone.git(&["add", "--all"]);
            clone.git(&["commit", "--quiet", "--message", "All"]);
            clone
        }

        fn root(&self) -> &Path {
            self.folder.path()
        }

        fn git(&self, arguments: &[&str]) -> String {
            git(self.root(), arguments).unwrap()
        }

        fn write(&self, file: &str, text: &str) {
            std::fs::write(self.root().join(file), text).unwrap();
        }

        fn refused(&self, version: &str) -> String {
            let before = self.git(&["rev-parse", "HEAD"]);
            let error = commit(self.root(), version, date()).unwrap_err().to_string();
            assert_eq!(self.git(&["rev-parse", "HEAD"]), before);
            error
        }
    }

    fn date() -> NaiveDate {
        NaiveDate::from_ymd_opt(2031, 2, 3).unwrap()
    }

    fn cargo(root: &Path, arguments: &[&str]) -> String {
        let environment = crate::environment::Environment::read().unwrap();
        crate::cargo::ask(root, &environment, arguments, &[]).unwrap()
    }

    #[test]
    fn a_release_changes_all_that_says_a_version_in_one_commit() {
        let clone = Clone::new();
        commit(clone.root(), "98.7.6", date()).unwrap();
        assert_eq!(clone.git(&["status", "--porcelain"]), "");
        assert_eq!(clone.git(&["log", "--format=%s"]), "Release 98.7.6\nAll\n");

        // --locked: cargo finds nothing to change in Cargo.lock.
        let metadata = cargo(clone.root(), &["metadata", "--format-version=1", "--locked", "--offline"]);
        let metadata: serde_json::Value = serde_json::from_str(&metadata).unwrap();
        let own =
            metadata["packages"].as_array().unwrap().iter().filter(|package| package["source"].is_null());
        assert!(own.clone().count() > 5);
        assert!(own.clone().all(|package| package["version"] == "98.7.6"));
        let fuzz = clone.root().join("crates/regcred-core/fuzz");
        let lock = std::fs::read_to_string(fuzz.join("Cargo.lock")).unwrap();
        assert!(lock.contains("name = \"regcred-core\"\nversion = \"98.7.6\"\n"));

        let changed = clone.git(&["show", "--name-only", "--format="]);
        for page in changed.lines().filter(|file| file.starts_with(MANUAL)) {
            let page = std::fs::read_to_string(clone.root().join(page)).unwrap();
            assert!(
                page.lines().any(|line| line.starts_with(".TH ") && line.contains(" 98.7.6\"")),
                "{page}"
            );
        }
        let pages = std::fs::read_dir(clone.root().join(MANUAL)).unwrap().count();
        assert_eq!(changed.lines().filter(|file| file.starts_with(MANUAL)).count(), pages);
        let readme = std::fs::read_to_string(clone.root().join(README)).unwrap();
        assert!(readme.contains("regcred_v98.7.6_linux_amd64.tar.gz") && !readme.contains(VERSION));
        let krew = std::fs::read_to_string(clone.root().join(KREW_MANIFEST)).unwrap();
        assert!(krew.contains("version: v98.7.6\n"), "{krew}");
        let changelog = std::fs::read_to_string(clone.root().join(CHANGELOG)).unwrap();
        assert_eq!(
            changelog,
            "# Changelog\n\n## [Unreleased]\n\n## [98.7.6] - 2031-02-03\n\n### Added\n\n- A thing.\n"
        );
        assert_eq!(section(&changelog, "98.7.6").unwrap(), "### Added\n\n- A thing.\n");
        // Nothing of what is under Unreleased now would be in the next one.
        assert!(clone.refused("98.7.7").contains("has nothing under"));
    }

    #[test]
    fn a_version_that_is_not_greater_or_none_is_refused() {
        let clone = Clone::new();
        for version in [VERSION, "0.0.9", "0.0.99999"] {
            assert!(clone.refused(version).contains(&format!("{version} is not greater than {VERSION}")));
        }
        for version in
            ["", "1", "1.2", "1.2.3.4", "v1.2.3", "1.2.3-rc1", "01.2.3", "1.+2.3", "1..3", "one.two.three"]
        {
            assert!(clone.refused(version).contains("is not a version"), "{version:?}");
        }
        assert_eq!(clone.git(&["status", "--porcelain"]), "");
    }

    #[test]
    fn a_tree_with_changes_is_refused_and_left_alone() {
        let clone = Clone::new();
        clone.write("new-file", "mine");
        assert!(clone.refused("98.7.6").contains("?? new-file"));
        std::fs::remove_file(clone.root().join("new-file")).unwrap();
        clone.write("README.md", "mine");
        assert!(clone.refused("98.7.6").contains(" M README.md"));
        assert_eq!(std::fs::read_to_string(clone.root().join("README.md")).unwrap(), "mine");
    }

    #[test]
    fn a_changelog_without_news_is_refused() {
        let clone = Clone::new();
        for (text, why) in [
            ("# Changelog\n", "has no heading"),
            ("# Changelog\n\n## [Unreleased]\n\n## [0.0.1] - 2020-01-01\n\n- Old.\n", "has nothing under"),
            ("## [Unreleased]\n\n### Added\n", "has nothing under"),
            (
                "## [Unreleased]\n\n- New.\n\n## [98.7.6] - 2020-01-01\n\n- Old.\n",
                "has a version 98.7.6 already",
            ),
        ] {
            clone.write(CHANGELOG, text);
            clone.git(&["commit", "--all", "--quiet", "--message", "Changelog"]);
            let error = clone.refused("98.7.6");
            assert!(error.contains(why), "{error}");
            assert_eq!(clone.git(&["status", "--porcelain"]), "");
        }
    }

    #[test]
    fn the_changelog_is_in_order_for_the_next_release() {
        let text = read(&workspace(), CHANGELOG).unwrap();
        assert!(section_after(&text, UNRELEASED).is_some());
        assert!(text.contains("https://keepachangelog.com/"));
        let headings = text.lines().filter(|line| line.starts_with("## "));
        assert!(
            headings.clone().all(|heading| heading.starts_with("## [")),
            "{:?}",
            headings.collect::<Vec<_>>()
        );
    }

    #[test]
    fn notes_are_those_of_the_tag_and_a_wrong_tag_is_refused() {
        for tag in ["v0.0.0", VERSION, "", "v", "main"] {
            let error = notes(tag).unwrap_err().to_string();
            assert!(error.contains(&format!("is not v{VERSION}")), "{error}");
        }
        let text = "# C\n\n## [Unreleased]\n\n- x\n\n## [1.2.3] - 2020-01-01\n\n- y\n\n## [1.2.2]\n\n- z\n";
        assert_eq!(section(text, "1.2.3").unwrap(), "- y\n");
        assert_eq!(section(text, "1.2.2").unwrap(), "- z\n");
        assert!(section(text, "1.2").is_err());
    }
}
