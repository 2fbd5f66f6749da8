//! Programs built from pinned Go modules.
//!
//! A `go.mod` below `tests/` pins the versions and is the only place that names them. The programs are kept in the
//! user's cache, in a folder named after the hash of `go.sum` (and of our own source, if any), so that only the
//! first run pays for the build.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use sha2::{Digest as _, Sha256};

use crate::child;
use crate::environment::{Environment, is_executable, workspace};
use crate::failure::{Context as _, Failure, Result};
use crate::progress::Progress;

/// A `go.mod` of ours, and the programs that are built with it.
#[derive(Debug)]
pub(crate) struct Module {
    /// Its folder below `tests/`.
    pub(crate) folder: &'static str,
    /// What its programs are, for messages and for their folder in the cache.
    pub(crate) name: &'static str,
    /// What to do if there is no Go.
    pub(crate) without_go: &'static str,
    /// What a build needs, for when it fails.
    pub(crate) needs: &'static str,
}

/// One program.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Program {
    /// Its file.
    pub(crate) name: &'static str,
    /// What `go build` calls it; with `./` in front it is our own, in this folder of the module.
    pub(crate) package: &'static str,
    /// Whether it is linked to C libraries.
    pub(crate) c: bool,
}

/// Go, in one module.
#[derive(Debug)]
pub(crate) struct Go {
    program: PathBuf,
    folder: PathBuf,
}

/// Builds those of `programs` that aren't in the cache yet; returns the folder that has them all. `flags` are the
/// linker's for each, to tell it its version.
pub(crate) fn build(
    environment: &Environment,
    module: &Module,
    programs: &[Program],
    flags: impl Fn(&Go, &Program) -> Result<String>,
) -> Result<PathBuf> {
    let source = workspace().join("tests").join(module.folder);
    let cache = environment.cache.join("regcred").join(module.name);
    let own = programs.iter().filter_map(|program| program.package.strip_prefix("./"));
    let sources: Vec<PathBuf> = std::iter::once(source.join("go.sum"))
        .chain(own.map(|folder| source.join(folder).join("main.go")))
        .collect();
    let folder = cache.join(key(&sources)?);
    let missing = || -> Vec<&Program> {
        programs.iter().filter(|program| !is_executable(&folder.join(program.name))).collect()
    };
    if missing().is_empty() {
        return Ok(folder);
    }

    std::fs::create_dir_all(&folder).cannot_at("create", &folder)?;
    let lock_path = cache.join(".lock");
    let lock = File::create(&lock_path).cannot_at("create", &lock_path)?;
    if lock.try_lock().is_err() {
        eprintln!("Waiting for another build of the {} ({}) …", module.name, lock_path.display());
        lock.lock().cannot_at("lock", &lock_path)?;
    }
    // Under the lock, look again: the other build may have made what we need.
    let missing = missing();
    if missing.is_empty() {
        return Ok(folder);
    }
    let program = environment.find("go").ok_or_else(|| {
        Failure::new(format!("`go` is not on PATH; it builds the {} for the tests", module.name))
            .hint(module.without_go)
    })?;
    let go = Go { program, folder: source };
    let unfinished = cache.join("unfinished");
    std::fs::create_dir_all(&unfinished).cannot_at("create", &unfinished)?;
    for program in missing {
        let built = unfinished.join(program.name);
        go.build(program, &flags(&go, program)?, &built, module.needs)?;
        // A program appears whole or not at all, and one that is done stays when a later one fails.
        std::fs::rename(&built, folder.join(program.name)).cannot_at("keep", &built)?;
    }
    Ok(folder)
}

/// The cache's key: what the programs are made of (`go.sum` says it of others' modules), so that a new version
/// makes a new folder.
fn key(sources: &[PathBuf]) -> Result<String> {
    let mut hash = Sha256::new();
    for source in sources {
        hash.update(std::fs::read(source).cannot_at("read", source)?);
    }
    Ok(hash.finalize().iter().take(8).fold(String::new(), |key, byte| format!("{key}{byte:02x}")))
}

impl Go {
    /// The pinned version of `module` and when it was made: `vMAJOR.MINOR.PATCH TIME`; a module proxy may not know
    /// the time.
    #[cfg(target_os = "linux")]
    pub(crate) fn version_of(&self, module: &str) -> Result<String> {
        let format = "{{.Version}} {{if .Time}}{{.Time.Format \"2006-01-02T15:04:05Z\"}}{{end}}";
        let output = self
            .command()
            .args(["list", "-m", "-f", format, module])
            .output()
            .cannot_at("run", &self.program)?;
        if !output.status.success() {
            return Err(Failure::new(format!(
                "go can't tell which {module} {} asks for:\n{}",
                self.folder.join("go.mod").display(),
                String::from_utf8_lossy(&output.stderr)
            )));
        }
        Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
    }

    fn build(&self, program: &Program, flags: &str, output: &Path, needs: &str) -> Result<()> {
        let log = output.with_extension("log");
        let log_file = File::create(&log).cannot_at("create", &log)?;
        let errors = log_file.try_clone().cannot_at("write to", &log)?;
        let mut progress = Progress::start(format!("Building {} (minutes, the first time)", program.name));
        let mut command = self.command();
        command
            .args(["build", "-trimpath", "-ldflags", flags, "-o"])
            .arg(output)
            .arg(program.package)
            .env("CGO_ENABLED", if program.c { "1" } else { "0" })
            .stdout(log_file)
            .stderr(errors);
        let mut child = child::start(&mut command).cannot_at("start", &self.program)?;
        let status = child::wait(&mut child, || progress.tick())?;
        crate::interrupt::check()?;
        if !status.success() {
            let text = std::fs::read_to_string(&log).unwrap_or_default();
            let what = format!("go could not build {} ({status}):\n{text}", program.name);
            return Err(Failure::new(what).hint(needs));
        }
        progress.done();
        Ok(())
    }

    fn command(&self) -> Command {
        let mut command = Command::new(&self.program);
        command
            .current_dir(&self.folder)
            // A go.work in a parent folder would replace the pinned versions.
            .env("GOWORK", "off")
            .stdin(Stdio::null());
        command
    }
}
