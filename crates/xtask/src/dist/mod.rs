//! Archives, packages and the files by which package managers find them: what a release consists of.
//!
//! - [`platform`]: for which systems, and how.
//! - [`build`]: programs that are the same bytes wherever they are built; [`reproducible`] proves it.
//! - [`contents`], [`archive`]: what lies beside the programs, and how it is packed.
//! - [`elf`], [`verify`]: what a program needs, and what must hold for it.
//! - [`sbom`]: what a program is made of.
//! - [`packages`], [`managers`]: deb, rpm and apk; krew, Homebrew, Scoop and winget.

pub mod archive;
pub mod build;
pub mod contents;
pub mod elf;
pub mod managers;
pub mod packages;
pub mod platform;
#[cfg(target_os = "linux")]
pub mod reproducible;
pub mod sbom;
pub mod verify;

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};

use chrono::{DateTime, Utc};
use clap::Args;
use sha2::{Digest as _, Sha256};

use self::build::Place;
use self::contents::{HELPER, PLUGIN, Programs};
use self::elf::Needs;
use self::managers::Download;
use self::packages::Ingredients;
use self::platform::{Build, PLATFORMS, Platform, Recipe};
use crate::environment::{Environment, workspace};
use crate::failure::{Context as _, Failure, Result};
use crate::{cargo, interrupt, packagers};

/// The version that Cargo.toml has, without `v`.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");

/// The checksums of all other files of a release.
pub const CHECKSUMS: &str = "SHA256SUMS";

/// What to make.
#[derive(Debug, Args)]
pub struct Dist {
    /// Only for this target of rustc's; can be repeated. Otherwise for all targets that the toolchain can compile for.
    #[arg(long = "target", value_name = "T")]
    targets: Vec<String>,
    /// Where to put everything; by default the folder dist/out in cargo's target folder. What an earlier run left there
    /// is removed.
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Compile nothing: write the files for package managers and SHA256SUMS for the archives that lie in the folder.
    #[arg(long, conflicts_with = "targets")]
    no_build: bool,
}

impl Dist {
    /// All that the toolchain can compile for, in the folder `out`.
    pub fn for_this_toolchain(out: &Path) -> Self {
        Self { targets: Vec::new(), out: Some(out.to_owned()), no_build: false }
    }
}

/// Makes a release, or what can be made of one here.
pub fn run(environment: &Environment, dist: &Dist) -> Result<ExitCode> {
    interrupt::catch()?;
    let out = dist.out.clone().unwrap_or_else(|| environment.target.join("dist/out"));
    let release = Release { version: VERSION.to_owned(), time: commit_time(environment)? };
    if !dist.no_build {
        build_all(environment, &release, &dist.targets, &out)?;
    }
    release.finish(&out)?;
    eprintln!("Everything is in {}", out.display());
    Ok(ExitCode::SUCCESS)
}

fn build_all(environment: &Environment, release: &Release, targets: &[String], out: &Path) -> Result<()> {
    let choice = platform::choose(targets, &platform::available()?)?;
    for (platform, lacking) in &choice.left_out {
        let lacking = lacking.join(" and ");
        eprintln!("Left out: {}/{}, rustc has no standard library for {lacking}", platform.os, platform.arch);
    }
    if choice.chosen.is_empty() {
        return Err(Failure::new("rustc can compile for none of the platforms that there are archives for"));
    }
    empty(out)?;
    for (platform, recipe) in choice.chosen {
        release.build(environment, platform, recipe, out)?;
    }
    Ok(())
}

/// A version, and the time that everything of it has.
#[derive(Debug, Clone)]
pub struct Release {
    /// The version, without `v`.
    pub version: String,
    /// When it was committed.
    pub time: DateTime<Utc>,
}

impl Release {
    /// Compiles, checks and packs both programs for a platform.
    fn build(
        &self,
        environment: &Environment,
        platform: &Platform,
        recipe: Recipe,
        out: &Path,
    ) -> Result<()> {
        let place =
            Place { source: workspace(), target: environment.target.join("dist/build"), cargo_home: None };
        let programs = Programs {
            plugin: place.compile(environment, PLUGIN, recipe.plugin)?,
            helper: place.compile(environment, HELPER, recipe.helper)?,
        };
        let folders = place.folders(&place.metadata(environment, recipe.plugin.triple)?)?;
        let folders: Vec<_> = folders.into_iter().map(|(folder, _)| folder).collect();
        for (name, program, build) in
            [(PLUGIN, &programs.plugin, recipe.plugin), (HELPER, &programs.helper, recipe.helper)]
        {
            verify::no_path_inside(program, &folders)?;
            let needs = if platform.os == "linux" { Some(Needs::of(program)?) } else { None };
            if let Some(needs) = &needs {
                verify::linking(program, build, needs)?;
            }
            describe(name, platform, program, needs.as_ref())?;
            let sbom = sbom::document(environment, &place, name, build, needs.as_ref(), self.time)?;
            let path = out.join(self.sbom_name(name, platform));
            let text = serde_json::to_string_pretty(&sbom).cannot("write JSON")? + "\n";
            std::fs::write(&path, text).cannot_at("write", &path)?;
        }
        let own = own_plugin(environment, &programs, recipe.plugin)?;
        let formats: &[&str] = if platform.os == "linux" { &packages::FORMATS } else { &[] };
        self.pack(environment, platform, &programs, &own, formats, out)
    }

    /// Makes the archive of a platform in the folder `out`, and the `formats` of packages. `own` is the plugin for this
    /// machine, which prints the completions.
    pub fn pack(
        &self,
        environment: &Environment,
        platform: &Platform,
        programs: &Programs,
        own: &Path,
        formats: &[&str],
        out: &Path,
    ) -> Result<()> {
        let scratch = tempfile::tempdir().cannot("make a temporary folder")?;
        let entries = contents::entries(platform, programs, own, scratch.path())?;
        archive::write(&out.join(platform.archive(&self.version)), &entries, self.time)?;
        if formats.is_empty() {
            return Ok(());
        }
        let needs = [&Needs::of(&programs.plugin)?, &Needs::of(&programs.helper)?];
        let ingredients =
            Ingredients { version: &self.version, platform, entries: &entries, needs, time: self.time };
        packages::write(&packagers::nfpm(environment)?, formats, &ingredients, scratch.path(), out)?;
        Ok(())
    }

    /// Writes the files for package managers, as the archives in the folder `out` are, and the checksums of all files
    /// there.
    pub fn finish(&self, out: &Path) -> Result<()> {
        let downloads = self.downloads(&managers::release_address(&self.version), out)?;
        if downloads.is_empty() {
            return Err(Failure::new(format!(
                "there is no archive of version {} in {}",
                self.version,
                out.display()
            )));
        }
        managers::write(&self.version, &downloads, out)?;
        write_checksums(out)
    }

    /// The archives in the folder `out`, for those who download them from `base`.
    pub fn downloads(&self, base: &str, out: &Path) -> Result<Vec<Download>> {
        let archives = PLATFORMS.iter().map(|platform| (platform, out.join(platform.archive(&self.version))));
        let present = archives.filter(|(_, archive)| archive.exists());
        present
            .map(|(platform, archive)| Ok(Download::new(&self.version, platform, base, sha256(&archive)?)))
            .collect()
    }

    fn sbom_name(&self, program: &str, platform: &Platform) -> String {
        format!("{program}_v{}_{}_{}.cdx.json", self.version, platform.os, platform.arch)
    }
}

/// The plugin for this machine: the one at hand if it runs here, else one that is compiled for tests.
fn own_plugin(environment: &Environment, programs: &Programs, build: Build) -> Result<PathBuf> {
    if build.runs_here() {
        return Ok(programs.plugin.clone());
    }
    cargo::build_programs(environment)?;
    Ok(environment.target.join("debug").join(format!("{PLUGIN}{}", std::env::consts::EXE_SUFFIX)))
}

#[expect(clippy::cast_precision_loss, reason = "megabytes fit exactly")]
fn describe(name: &str, platform: &Platform, program: &Path, needs: Option<&Needs>) -> Result<()> {
    let size = program.metadata().cannot_at("look at", program)?.len();
    let mebibytes = size as f64 / 1_048_576.0;
    let needs = needs.map(|needs| format!(", {}", needs.words())).unwrap_or_default();
    eprintln!("{name} for {}/{}: {mebibytes:.2} MiB ({size} bytes){needs}", platform.os, platform.arch);
    Ok(())
}

/// `SOURCE_DATE_EPOCH`, as reproducible builds have it, else when the last commit was made.
fn commit_time(environment: &Environment) -> Result<DateTime<Utc>> {
    let text = if let Some(seconds) = &environment.source_date_epoch {
        seconds.clone()
    } else {
        let output = Command::new("git")
            .args(["log", "-1", "--format=%ct"])
            .current_dir(workspace())
            .stdin(Stdio::null())
            .output()
            .cannot("run git")?;
        String::from_utf8_lossy(&output.stdout).into_owned()
    };
    let time = text.trim().parse().ok().and_then(|seconds| DateTime::from_timestamp(seconds, 0));
    time.ok_or_else(|| {
        Failure::new("git does not say when the last commit was made")
            .hint("set SOURCE_DATE_EPOCH to the time of the source, in seconds since 1970")
    })
}

/// Makes an empty folder of `out`. What is in it goes only if an earlier run made it.
fn empty(out: &Path) -> Result<()> {
    std::fs::create_dir_all(out).cannot_at("create", out)?;
    let files = std::fs::read_dir(out).cannot_at("list", out)?;
    let files: Vec<_> = files.collect::<std::io::Result<_>>().cannot_at("list", out)?;
    if !files.is_empty() && !out.join(CHECKSUMS).exists() {
        return Err(Failure::new(format!("{} is not empty, and has no {CHECKSUMS}", out.display()))
            .hint("name a new folder with --out, or empty this one yourself"));
    }
    for file in files {
        let path = file.path();
        std::fs::remove_file(&path).cannot_at("remove", &path)?;
    }
    Ok(())
}

/// The checksums of all files in the folder, as `sha256sum --check` reads them.
fn write_checksums(out: &Path) -> Result<()> {
    let files = std::fs::read_dir(out).cannot_at("list", out)?;
    let mut names = Vec::new();
    for file in files {
        let name = file.cannot_at("list", out)?.file_name().to_string_lossy().into_owned();
        names.extend((name != CHECKSUMS).then_some(name));
    }
    names.sort_unstable();
    let mut text = String::new();
    for name in names {
        let _ = writeln!(text, "{}  {name}", sha256(&out.join(&name))?);
    }
    let path = out.join(CHECKSUMS);
    std::fs::write(&path, text).cannot_at("write", &path)
}

/// The SHA-256 of a file in lower-case hexadecimal digits.
fn sha256(file: &Path) -> Result<String> {
    let bytes = std::fs::read(file).cannot_at("read", file)?;
    let digest = Sha256::digest(bytes);
    Ok(digest.iter().fold(String::new(), |text, byte| format!("{text}{byte:02x}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_with_other_files_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let mine = folder.path().join("thesis.txt");
        std::fs::write(&mine, "years of work").unwrap();
        let error = empty(folder.path()).unwrap_err().to_string();
        assert!(error.contains("is not empty") && error.contains("--out"), "{error}");
        assert!(mine.exists());
    }

    #[test]
    fn what_an_earlier_run_left_is_removed() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["regcred_v0.0.1_linux_amd64.tar.gz", CHECKSUMS] {
            std::fs::write(folder.path().join(name), "old").unwrap();
        }
        empty(folder.path()).unwrap();
        assert_eq!(folder.path().read_dir().unwrap().count(), 0);
    }

    #[test]
    fn checksums_are_as_sha256sum_reads_them() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("b"), "").unwrap();
        std::fs::write(folder.path().join("a"), "abc").unwrap();
        write_checksums(folder.path()).unwrap();
        // FIPS 180-2, and the empty message.
        let expected = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad  a\n\
                        e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855  b\n";
        assert_eq!(std::fs::read_to_string(folder.path().join(CHECKSUMS)).unwrap(), expected);
        let check =
            Command::new("sha256sum").args(["--check", CHECKSUMS]).current_dir(folder.path()).output();
        assert!(check.unwrap().status.success());
    }

    #[test]
    fn a_folder_without_an_archive_is_no_release() {
        let folder = tempfile::tempdir().unwrap();
        let release = Release { version: "0.1.0".to_owned(), time: DateTime::UNIX_EPOCH };
        let error = release.finish(folder.path()).unwrap_err().to_string();
        assert!(error.contains("no archive of version 0.1.0"), "{error}");
    }
}
