//! The systems that we make archives for, and what rustc calls them.

use std::path::PathBuf;
use std::process::{Command, Stdio};

use crate::failure::{Context as _, Failure, Result};

/// How one program is compiled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Build {
    /// rustc's name of the target.
    pub triple: &'static str,
    /// Whether the C library is linked into the program.
    pub is_static: bool,
}

/// How both programs are compiled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Recipe {
    /// For the plugin.
    pub plugin: Build,
    /// For the credential helper.
    pub helper: Build,
}

impl Recipe {
    fn triples(&self) -> [&'static str; 2] {
        [self.plugin.triple, self.helper.triple]
    }
}

/// A system and a processor.
#[derive(Debug, PartialEq, Eq)]
pub struct Platform {
    /// The system in Go's words, which krew and those who download use: `linux`, `darwin`, `windows`.
    pub os: &'static str,
    /// The processor likewise: `amd64`, `arm64`.
    pub arch: &'static str,
    /// The ways to compile for it, the best first.
    recipes: &'static [Recipe],
}

const fn dynamic(triple: &'static str) -> Build {
    Build { triple, is_static: false }
}

const fn linked_in(triple: &'static str) -> Build {
    Build { triple, is_static: true }
}

/// The helper is static, with musl where rustc has it: it starts for every pull, and three times faster so. The plugin
/// stays with the system's C library, which alone asks all that `/etc/nsswitch.conf` names for a host.
const LINUX_AMD64: [Recipe; 2] = [
    Recipe { plugin: dynamic("x86_64-unknown-linux-gnu"), helper: linked_in("x86_64-unknown-linux-musl") },
    Recipe { plugin: dynamic("x86_64-unknown-linux-gnu"), helper: linked_in("x86_64-unknown-linux-gnu") },
];
const LINUX_ARM64: [Recipe; 2] = [
    Recipe { plugin: dynamic("aarch64-unknown-linux-gnu"), helper: linked_in("aarch64-unknown-linux-musl") },
    Recipe { plugin: dynamic("aarch64-unknown-linux-gnu"), helper: linked_in("aarch64-unknown-linux-gnu") },
];
const DARWIN_AMD64: [Recipe; 1] =
    [Recipe { plugin: dynamic("x86_64-apple-darwin"), helper: dynamic("x86_64-apple-darwin") }];
const DARWIN_ARM64: [Recipe; 1] =
    [Recipe { plugin: dynamic("aarch64-apple-darwin"), helper: dynamic("aarch64-apple-darwin") }];
/// Visual C++'s library is not part of Windows; what MinGW's programs need is.
const WINDOWS_AMD64: [Recipe; 2] = [
    Recipe { plugin: linked_in("x86_64-pc-windows-msvc"), helper: linked_in("x86_64-pc-windows-msvc") },
    Recipe { plugin: dynamic("x86_64-pc-windows-gnu"), helper: dynamic("x86_64-pc-windows-gnu") },
];

/// All of them.
pub const PLATFORMS: [Platform; 5] = [
    Platform { os: "linux", arch: "amd64", recipes: &LINUX_AMD64 },
    Platform { os: "linux", arch: "arm64", recipes: &LINUX_ARM64 },
    Platform { os: "darwin", arch: "amd64", recipes: &DARWIN_AMD64 },
    Platform { os: "darwin", arch: "arm64", recipes: &DARWIN_ARM64 },
    Platform { os: "windows", arch: "amd64", recipes: &WINDOWS_AMD64 },
];

impl Platform {
    /// What a program's file name ends with.
    pub fn exe(&self) -> &'static str {
        if self.os == "windows" { ".exe" } else { "" }
    }

    /// Whether it is the one of this machine.
    pub fn is_own(&self) -> bool {
        self.recipes.iter().any(|recipe| recipe.plugin.runs_here())
    }

    /// The name of the archive for a version without `v`: `regcred_v0.1.0_linux_amd64.tar.gz`.
    pub fn archive(&self, version: &str) -> String {
        let format = if self.os == "windows" { "zip" } else { "tar.gz" };
        format!("regcred_v{version}_{}_{}.{format}", self.os, self.arch)
    }
}

impl Build {
    /// Whether programs that are compiled so run on the machine that compiled us.
    pub fn runs_here(self) -> bool {
        let system = match std::env::consts::OS {
            "macos" => "darwin",
            other => other,
        };
        self.triple.starts_with(std::env::consts::ARCH) && self.triple.contains(system)
    }

    /// Whether it is for Linux with glibc.
    pub fn is_glibc(self) -> bool {
        self.triple.ends_with("-linux-gnu")
    }
}

/// What can be compiled here, and what can't.
#[derive(Debug)]
pub struct Choice {
    /// What can.
    pub chosen: Vec<(&'static Platform, Recipe)>,
    /// For each platform that can't, the targets that rustc lacks.
    pub left_out: Vec<(&'static Platform, Vec<&'static str>)>,
}

/// For each platform, the best recipe whose targets are all `available`. With `targets` (rustc's names), only the platforms and
/// recipes with one of these; a target that can't be compiled for is an error then.
pub fn choose(targets: &[String], available: &[&str]) -> Result<Choice> {
    let has = |target: &&str| available.contains(target);
    let known = all_triples();
    if let Some(unknown) = targets.iter().find(|target| !known.contains(&target.as_str())) {
        return Err(Failure::new(format!("there is no archive for the target {unknown:?}"))
            .hint(format!("name one of these: {}", known.join(", "))));
    }
    let mut choice = Choice { chosen: Vec::new(), left_out: Vec::new() };
    for platform in &PLATFORMS {
        let is_asked_for = |recipe: &&Recipe| {
            targets.is_empty() || targets.iter().any(|target| recipe.triples().contains(&target.as_str()))
        };
        let recipes: Vec<_> = platform.recipes.iter().filter(is_asked_for).collect();
        if let Some(recipe) = recipes.iter().find(|recipe| recipe.triples().iter().all(has)) {
            choice.chosen.push((platform, **recipe));
        } else if let Some(best) = recipes.first() {
            let mut lacking: Vec<_> = best.triples().into_iter().filter(|target| !has(target)).collect();
            lacking.dedup();
            choice.left_out.push((platform, lacking));
        }
    }
    if !targets.is_empty() && !choice.left_out.is_empty() {
        let lacking: Vec<_> = choice.left_out.iter().flat_map(|(_, lacking)| lacking).copied().collect();
        return Err(Failure::new(format!("rustc has no standard library for {}", lacking.join(", ")))
            .hint(format!("rustup target add {}", lacking.join(" "))));
    }
    Ok(choice)
}

/// The targets of all recipes whose standard library the rustc at hand has.
pub fn available() -> Result<Vec<&'static str>> {
    let mut available = Vec::new();
    for triple in all_triples() {
        let output = Command::new("rustc")
            .args(["--print", "target-libdir", "--target", triple])
            .stdin(Stdio::null())
            .output()
            .cannot("run rustc")?;
        if !output.status.success() {
            let said = String::from_utf8_lossy(&output.stderr);
            return Err(Failure::new(format!("rustc does not know the target {triple}:\n{}", said.trim())));
        }
        let folder = PathBuf::from(String::from_utf8_lossy(&output.stdout).trim());
        available.extend(folder.is_dir().then_some(triple));
    }
    Ok(available)
}

fn all_triples() -> Vec<&'static str> {
    let recipes = PLATFORMS.iter().flat_map(|platform| platform.recipes);
    let mut triples: Vec<_> = recipes.flat_map(Recipe::triples).collect();
    triples.sort_unstable();
    triples.dedup();
    triples
}

#[cfg(test)]
mod tests {
    use super::*;

    const GNU: &str = "x86_64-unknown-linux-gnu";
    const MUSL: &str = "x86_64-unknown-linux-musl";

    fn chosen(targets: &[&str], has: &[&str]) -> Vec<(&'static str, &'static str, &'static str)> {
        let targets: Vec<String> = targets.iter().map(ToString::to_string).collect();
        let choice = choose(&targets, has).unwrap();
        choice
            .chosen
            .iter()
            .map(|(platform, recipe)| (platform.os, recipe.plugin.triple, recipe.helper.triple))
            .collect()
    }

    #[test]
    fn the_helper_is_made_with_musl_where_rustc_has_it() {
        assert_eq!(chosen(&[], &[GNU, MUSL]), [("linux", GNU, MUSL)]);
        assert_eq!(chosen(&[], &[GNU]), [("linux", GNU, GNU)]);
        assert_eq!(chosen(&[MUSL], &[GNU, MUSL]), [("linux", GNU, MUSL)]);
    }

    #[test]
    fn a_static_helper_is_made_in_every_case() {
        let linux = PLATFORMS.iter().filter(|platform| platform.os == "linux");
        assert!(linux.flat_map(|platform| platform.recipes).all(|recipe| recipe.helper.is_static));
    }

    #[test]
    fn a_platform_without_a_standard_library_is_left_out_and_named() {
        let choice = choose(&[], &[GNU]).unwrap();
        let left_out: Vec<_> =
            choice.left_out.iter().map(|(platform, lacking)| (platform.os, lacking.clone())).collect();
        assert_eq!(left_out.len(), PLATFORMS.len() - 1);
        assert!(left_out.contains(&("windows", vec!["x86_64-pc-windows-msvc"])));
    }

    #[test]
    fn a_target_that_is_asked_for_and_can_not_be_made_is_an_error() {
        let error = choose(&["aarch64-apple-darwin".to_owned()], &[GNU]).unwrap_err().to_string();
        assert!(error.contains("no standard library for aarch64-apple-darwin"), "{error}");
        assert!(error.contains("rustup target add aarch64-apple-darwin"), "{error}");
        let error = choose(&["sparc-sun-solaris".to_owned()], &[GNU]).unwrap_err().to_string();
        assert!(error.contains("\"sparc-sun-solaris\"") && error.contains("aarch64-apple-darwin"), "{error}");
    }

    #[test]
    fn windows_gets_a_zip_and_exe() {
        let windows = PLATFORMS.iter().find(|platform| platform.os == "windows").unwrap();
        assert_eq!(
            (windows.archive("1.2.3").as_str(), windows.exe()),
            ("regcred_v1.2.3_windows_amd64.zip", ".exe")
        );
        assert_eq!(PLATFORMS[0].archive("1.2.3"), "regcred_v1.2.3_linux_amd64.tar.gz");
    }
}
