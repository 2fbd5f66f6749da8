//! What the chores take from their surroundings: environment variables and the workspace's folders.

#![expect(clippy::disallowed_methods, reason = "this is the one place that reads the environment")]

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

use crate::failure::{Context as _, Failure, Result};

/// The environment, read once at the start.
#[derive(Debug, Clone)]
pub struct Environment {
    /// The cargo that runs us, or the one on `PATH`.
    pub cargo: OsString,
    /// Whether we run in continuous integration (`CI=true`), where a skipped test needs a reason on record.
    pub ci: bool,
    /// Where cargo keeps crates: `$CARGO_HOME` or `~/.cargo`.
    pub cargo_home: PathBuf,
    /// Where to keep what is expensive to make: `$XDG_CACHE_HOME` or `~/.cache`.
    pub cache: PathBuf,
    /// The folders where programs are looked for.
    pub path: Vec<PathBuf>,
    /// envtest's convention: a folder with a ready-made `kube-apiserver`, `etcd` and `kubectl`.
    pub kubebuilder_assets: Option<PathBuf>,
    /// Variables with which cargo describes our own package to us. A cargo that we start must not get them: build
    /// scripts that look at them (ring's) would run again, and most of the workspace be built again, each time.
    pub own_package: Vec<OsString>,
    /// The time of the source, in seconds since 1970, from those who know it better than git.
    pub source_date_epoch: Option<String>,
    /// Cargo's target folder.
    pub target: PathBuf,
}

impl Environment {
    /// Reads the process's environment.
    pub fn read() -> Result<Self> {
        let set = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
        let home = || {
            std::env::home_dir().ok_or_else(|| {
                Failure::new("there is no home directory to keep built programs in")
                    .hint("set HOME, or both XDG_CACHE_HOME and CARGO_HOME")
            })
        };
        let folder = |variable: &str, in_home: &str| match set(variable) {
            Some(folder) => Ok(PathBuf::from(folder)),
            None => Ok(home()?.join(in_home)),
        };
        let source_date_epoch = set("SOURCE_DATE_EPOCH").map(OsString::into_string).transpose();
        Ok(Self {
            cargo: set("CARGO").unwrap_or_else(|| "cargo".into()),
            ci: set("CI").is_some_and(|value| value == "true"),
            cargo_home: folder("CARGO_HOME", ".cargo")?,
            cache: folder("XDG_CACHE_HOME", ".cache")?,
            path: std::env::split_paths(&set("PATH").unwrap_or_default()).collect(),
            kubebuilder_assets: set("KUBEBUILDER_ASSETS").map(PathBuf::from),
            own_package: std::env::vars_os()
                .map(|(name, _)| name)
                .filter(|name| is_own_package(name))
                .collect(),
            source_date_epoch: source_date_epoch
                .map_err(|_| Failure::new("SOURCE_DATE_EPOCH is no number of seconds"))?,
            target: target_folder()?,
        })
    }

    /// The first `program` on `PATH`.
    pub fn find(&self, program: &str) -> Option<PathBuf> {
        let file = format!("{program}{}", std::env::consts::EXE_SUFFIX);
        self.path.iter().map(|folder| folder.join(&file)).find(|candidate| is_executable(candidate))
    }

    /// The folder that holds every cluster's state.
    pub fn clusters(&self) -> PathBuf {
        self.target.join("cluster")
    }
}

fn is_own_package(variable: &OsStr) -> bool {
    let name = variable.to_string_lossy();
    name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_")
}

/// Whether `path` is a file that may be executed.
#[cfg(unix)]
pub fn is_executable(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    path.metadata().is_ok_and(|meta| meta.is_file() && meta.permissions().mode() & 0o111 != 0)
}

/// Whether `path` is a file.
#[cfg(not(unix))]
pub fn is_executable(path: &Path) -> bool {
    path.is_file()
}

/// The workspace that this program was built from.
pub fn workspace() -> PathBuf {
    // The manifest's folder of the build, not of the environment: there it is the tests', when they run us.
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR"));
    manifest.ancestors().nth(2).unwrap_or(manifest).to_path_buf()
}

/// Cargo put this program into `<target>/<profile>/`; that holds however the target folder was chosen
/// (`CARGO_TARGET_DIR`, `build.target-dir`, or not at all). Test programs live one folder deeper, in `deps`.
fn target_folder() -> Result<PathBuf> {
    let program = std::env::current_exe().cannot("find out where this program lies")?;
    let mut folder = program.parent();
    if folder.is_some_and(|folder| folder.ends_with("deps")) {
        folder = folder.and_then(Path::parent);
    }
    folder.and_then(Path::parent).map(Path::to_path_buf).ok_or_else(|| {
        Failure::new(format!("{} lies outside of a target folder", program.display()))
            .hint("run it as `cargo xtask`")
    })
}
