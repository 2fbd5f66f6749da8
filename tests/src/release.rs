//! Archives and packages of the programs that the tests run, made as `cargo xtask dist` makes them.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use tempfile::TempDir;
use xtask::dist::contents::{HELPER, PLUGIN, Programs};
use xtask::dist::platform::{PLATFORMS, Platform};
use xtask::dist::{self, Release, managers};
use xtask::environment::Environment;

use crate::sandbox::programs_folder;

/// The version that is tested.
pub const VERSION: &str = dist::VERSION;
/// The one that comes after it, of the same programs.
pub const NEXT: &str = "99.0.0";

/// A folder with a release of some version. It vanishes with this value.
#[derive(Debug)]
pub struct Packed {
    folder: TempDir,
    release: Release,
}

impl Packed {
    /// Packs the programs for this machine into an archive, as version `version`.
    pub fn new(version: &str) -> Self {
        Self::with_packages(version, &[])
    }

    /// The same, and packages of these formats.
    pub fn with_packages(version: &str, formats: &[&str]) -> Self {
        Self::of_programs(version, programs(), &[own_platform()], formats)
    }

    /// Archives for all platforms. The programs in each are this machine's: package managers only unpack them.
    pub fn for_all_platforms(version: &str) -> Self {
        Self::of_programs(version, programs(), &PLATFORMS.each_ref(), &[])
    }

    /// Packs these programs.
    pub fn of_programs(
        version: &str,
        programs: &Programs,
        platforms: &[&Platform],
        formats: &[&str],
    ) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let environment = Environment::read().unwrap_or_else(|failure| panic!("{failure}"));
        // The time has to be the same each time, and be in no future.
        let time = chrono::DateTime::from_timestamp(1_700_000_000, 0).expect("a time");
        let release = Release { version: version.to_owned(), time };
        for platform in platforms {
            let packed =
                release.pack(&environment, platform, programs, &programs.plugin, formats, folder.path());
            packed.unwrap_or_else(|failure| panic!("{failure}"));
        }
        release.finish(folder.path()).unwrap_or_else(|failure| panic!("{failure}"));
        Self { folder, release }
    }

    /// Where all of it lies.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The archive for this machine.
    pub fn archive(&self) -> PathBuf {
        self.folder().join(own_platform().archive(&self.release.version))
    }

    /// The one file whose name ends so.
    pub fn file(&self, end: &str) -> PathBuf {
        let files = self.folder().read_dir().expect("the folder can be listed").flatten();
        let mut found = files.map(|file| file.path()).filter(|path| path.to_string_lossy().ends_with(end));
        let file = found.next().unwrap_or_else(|| panic!("no file ends with {end}"));
        assert!(found.next().is_none(), "several files end with {end}");
        file
    }

    /// krew's manifest in `folder`, for those who download the archives from `base`.
    pub fn krew_manifest(&self, base: &str, folder: &Path) -> PathBuf {
        let downloads = self.release.downloads(base, self.folder());
        let written =
            downloads.and_then(|downloads| managers::write(&self.release.version, &downloads, folder));
        written.unwrap_or_else(|failure| panic!("{failure}"));
        folder.join("regcred.yaml")
    }
}

/// The platform of this machine.
pub fn own_platform() -> &'static Platform {
    PLATFORMS.iter().find(|platform| platform.is_own()).expect("there are archives for this machine")
}

/// The programs under test, without the line numbers that make them five times as large.
fn programs() -> &'static Programs {
    static PROGRAMS: OnceLock<Programs> = OnceLock::new();
    PROGRAMS.get_or_init(|| Programs { plugin: stripped(PLUGIN), helper: stripped(HELPER) })
}

fn stripped(name: &str) -> PathBuf {
    let folder = programs_folder().join("stripped");
    std::fs::create_dir_all(&folder).expect("a folder beside the programs");
    let unfinished = folder.join(format!("{name}.{}", std::process::id()));
    let status = Command::new("strip").arg("-o").arg(&unfinished).arg(programs_folder().join(name)).status();
    assert!(status.is_ok_and(|status| status.success()), "cannot strip {name}");
    // Another test program may do the same just now.
    let program = folder.join(name);
    std::fs::rename(&unfinished, &program).expect("a program can be renamed");
    program
}
