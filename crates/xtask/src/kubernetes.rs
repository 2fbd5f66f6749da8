//! Kubernetes' own programs, built from its published Go modules.
//!
//! `tests/cluster/go.mod` pins the version and is the only place that names it. The programs are kept in the
//! user's cache, in a folder named after the hash of `go.sum`, so that only the first run pays for the build.
//! Whoever has ready-made ones in `KUBEBUILDER_ASSETS` (the convention of controller-runtime's envtest)
//! builds only what is missing there.
//!
//! The kubelet oracle is built in the same way from `tests/cluster/oracle`: a small program of our own, linked to
//! the kubelet's packages. Its folder is named after the hash of its source too.

use std::fs::File;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use sha2::{Digest as _, Sha256};

use crate::environment::{Environment, is_executable, workspace};
use crate::failure::{Context as _, Failure, Result};
use crate::process;
use crate::progress::Progress;

const MODULE: &str = "k8s.io/kubernetes";
const API_SERVER: &str = "kube-apiserver";
const CONTROLLER_MANAGER: &str = "kube-controller-manager";
const KUBECTL: &str = "kubectl";
const ETCD: &str = "etcd";
const ORACLE: &str = "kubelet-oracle";

/// Where the programs of a cluster lie.
#[derive(Debug, Clone)]
pub struct Programs {
    /// The API server's database.
    pub etcd: PathBuf,
    /// The API server.
    pub api_server: PathBuf,
    /// What makes each namespace's default service account, among much else.
    pub controller_manager: PathBuf,
    /// The client that people use.
    pub kubectl: PathBuf,
}

/// The programs, built first if need be. etcd must have been set up ([`crate::setup::ensure`]).
pub fn programs(environment: &Environment) -> Result<Programs> {
    if let Some(assets) = &environment.kubebuilder_assets {
        let missing: Vec<&str> = [API_SERVER, ETCD, KUBECTL]
            .into_iter()
            .filter(|name| !is_executable(&assets.join(name)))
            .collect();
        if !missing.is_empty() {
            return Err(Failure::new(format!(
                "KUBEBUILDER_ASSETS is {}, but {} is missing there",
                assets.display(),
                missing.join(", ")
            ))
            .hint("unset KUBEBUILDER_ASSETS to build Kubernetes from source, or complete the folder"));
        }
        // envtest's archives have no controller manager.
        let own = assets.join(CONTROLLER_MANAGER);
        let controller_manager = if is_executable(&own) {
            own
        } else {
            build(environment, &[CONTROLLER_MANAGER])?.join(CONTROLLER_MANAGER)
        };
        return Ok(Programs {
            etcd: assets.join(ETCD),
            api_server: assets.join(API_SERVER),
            controller_manager,
            kubectl: assets.join(KUBECTL),
        });
    }
    let etcd = environment.find(ETCD).ok_or_else(|| {
        Failure::new("`etcd` is not on PATH").hint("install it (Debian: etcd-server) and try again")
    })?;
    let folder = build(environment, &[API_SERVER, CONTROLLER_MANAGER, KUBECTL])?;
    Ok(Programs {
        etcd,
        api_server: folder.join(API_SERVER),
        controller_manager: folder.join(CONTROLLER_MANAGER),
        kubectl: folder.join(KUBECTL),
    })
}

/// The kubelet oracle, built first if need be: it answers what the kubelet's own code makes of an image and of
/// pull secrets.
pub fn oracle(environment: &Environment) -> Result<PathBuf> {
    Ok(build(environment, &[ORACLE])?.join(ORACLE))
}

/// What `go build` calls a program.
fn package(name: &str) -> String {
    if name == ORACLE { "./oracle".to_owned() } else { format!("{MODULE}/cmd/{name}") }
}

/// Builds those of `names` that aren't in the cache yet; returns the folder that has them all.
fn build(environment: &Environment, names: &[&str]) -> Result<PathBuf> {
    let module = workspace().join("tests/cluster");
    let cache = environment.cache.join("regcred/kubernetes");
    let mut sources = vec![module.join("go.sum")];
    if names.contains(&ORACLE) {
        sources.push(module.join("oracle/main.go"));
    }
    let folder = cache.join(key(&sources)?);
    let missing = |folder: &Path| -> Vec<String> {
        names.iter().filter(|name| !is_executable(&folder.join(name))).map(ToString::to_string).collect()
    };
    if missing(&folder).is_empty() {
        return Ok(folder);
    }

    std::fs::create_dir_all(&folder).cannot_at("create", &folder)?;
    let lock_path = cache.join(".lock");
    let lock = File::create(&lock_path).cannot_at("create", &lock_path)?;
    if lock.try_lock().is_err() {
        eprintln!("Waiting for another build of Kubernetes ({}) …", lock_path.display());
        lock.lock().cannot_at("lock", &lock_path)?;
    }
    // Under the lock, look again: the other build may have made what we need.
    let missing = missing(&folder);
    if missing.is_empty() {
        return Ok(folder);
    }
    let go = environment.find("go").ok_or_else(|| {
        Failure::new("`go` is not on PATH; it builds Kubernetes for the tests").hint(
            "install Go (https://go.dev/dl; tests/cluster/go.mod says which), or point KUBEBUILDER_ASSETS to \
             ready-made programs",
        )
    })?;
    let flags = version_flags(&go, &module)?;
    let unfinished = cache.join("unfinished");
    std::fs::create_dir_all(&unfinished).cannot_at("create", &unfinished)?;
    for name in &missing {
        let built = unfinished.join(name);
        go_build(&go, &module, name, &flags, &built)?;
        // A program appears whole or not at all, and one that is done stays when a later one fails.
        std::fs::rename(&built, folder.join(name)).cannot_at("keep", &built)?;
    }
    Ok(folder)
}

/// The cache's key: what the programs are made of (`go.sum` says it of Kubernetes), so that a new version makes a
/// new folder.
fn key(sources: &[PathBuf]) -> Result<String> {
    let mut hash = Sha256::new();
    for source in sources {
        hash.update(std::fs::read(source).cannot_at("read", source)?);
    }
    Ok(hash.finalize().iter().take(8).fold(String::new(), |key, byte| format!("{key}{byte:02x}")))
}

fn go_build(go: &Path, module: &Path, name: &str, flags: &str, output: &Path) -> Result<()> {
    let log = output.with_extension("log");
    let log_file = File::create(&log).cannot_at("create", &log)?;
    let errors = log_file.try_clone().cannot_at("write to", &log)?;
    let mut progress = Progress::start(format!("Building {name} (minutes, the first time)"));
    let mut child = Command::new(go)
        .args(["build", "-trimpath", "-ldflags", flags, "-o"])
        .arg(output)
        .arg(package(name))
        .current_dir(module)
        .env("CGO_ENABLED", "0")
        // A go.work in a parent folder would replace the pinned versions.
        .env("GOWORK", "off")
        .stdin(Stdio::null())
        .stdout(log_file)
        .stderr(errors)
        .process_group(0)
        .spawn()
        .cannot_at("start", go)?;
    let status = process::wait(&mut child, || progress.tick())?;
    crate::interrupt::check()?;
    if !status.success() {
        let text = std::fs::read_to_string(&log).unwrap_or_default();
        return Err(Failure::new(format!("go could not build {name} ({status}):\n{text}")).hint(
            "the build needs the Go module proxy (GOPROXY) the first time, 3 GB of memory and 3 GB of disk",
        ));
    }
    progress.done();
    Ok(())
}

/// The linker flags that tell the programs their version; without them the server says v0.0.0.
///
/// Follows Kubernetes `hack/lib/version.sh` (`kube::version::ldflags`).
fn version_flags(go: &Path, module: &Path) -> Result<String> {
    let output = Command::new(go)
        .args([
            "list",
            "-m",
            "-f",
            "{{.Version}} {{if .Time}}{{.Time.Format \"2006-01-02T15:04:05Z\"}}{{end}}",
            MODULE,
        ])
        .current_dir(module)
        .env("GOWORK", "off")
        .stdin(Stdio::null())
        .output()
        .cannot_at("run", go)?;
    if !output.status.success() {
        return Err(Failure::new(format!(
            "go can't tell which {MODULE} tests/cluster/go.mod asks for:\n{}",
            String::from_utf8_lossy(&output.stderr)
        )));
    }
    let answer = String::from_utf8_lossy(&output.stdout).into_owned();
    flags_for(answer.trim())
        .ok_or_else(|| Failure::new(format!("`{}` is no version of {MODULE}", answer.trim())))
}

/// The flags for go's answer `vMAJOR.MINOR.PATCH TIME`.
fn flags_for(answer: &str) -> Option<String> {
    let (version, time) = answer.split_once(' ').unwrap_or((answer, ""));
    let mut numbers = version.strip_prefix('v')?.split('.');
    let (major, minor, _patch) = (numbers.next()?, numbers.next()?, numbers.next()?);
    let mut values = vec![
        ("gitVersion", version),
        ("gitMajor", major),
        ("gitMinor", minor),
        // A module from the proxy is an archive and doesn't say which commit it was made from.
        ("gitTreeState", "archive"),
        ("gitCommit", "unknown"),
    ];
    if !time.is_empty() {
        values.push(("buildDate", time));
    }
    let settings = ["k8s.io/component-base/version", "k8s.io/client-go/pkg/version"]
        .iter()
        .flat_map(|package| values.iter().map(move |(name, value)| format!("-X {package}.{name}={value}")));
    Some(["-s", "-w"].map(String::from).into_iter().chain(settings).collect::<Vec<_>>().join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_flags_follow_from_the_pinned_version() {
        let flags = flags_for("v1.36.3 2026-07-22T18:07:38Z").unwrap();
        for expected in [
            "-X k8s.io/component-base/version.gitVersion=v1.36.3",
            "-X k8s.io/component-base/version.gitMinor=36",
            "-X k8s.io/client-go/pkg/version.gitMajor=1",
            "-X k8s.io/component-base/version.buildDate=2026-07-22T18:07:38Z",
        ] {
            assert!(flags.contains(expected), "{expected} is missing in {flags}");
        }
    }

    #[test]
    fn a_proxy_that_knows_no_time_leaves_the_build_date_out() {
        assert!(!flags_for("v1.36.3").unwrap().contains("buildDate"));
    }

    #[test]
    fn nonsense_is_no_version() {
        assert_eq!(flags_for("(devel)"), None);
    }
}
