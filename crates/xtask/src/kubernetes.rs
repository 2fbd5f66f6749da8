//! Kubernetes' own programs, built from its published Go modules.
//!
//! `tests/cluster/go.mod` pins the version (`go`). Whoever has ready-made ones in `KUBEBUILDER_ASSETS` (the
//! convention of controller-runtime's envtest) builds only what is missing there.
//!
//! The kubelet oracle is built in the same way from `tests/cluster/oracle`: a small program of our own, linked to
//! the kubelet's packages.

use std::path::PathBuf;

use crate::environment::{Environment, is_executable};
use crate::failure::{Failure, Result};
use crate::go::{self, Program};

const MODULE: &str = "k8s.io/kubernetes";
const SOURCE: go::Module = go::Module {
    folder: "cluster",
    name: "kubernetes",
    without_go: "install Go (https://go.dev/dl; tests/cluster/go.mod says which), or point KUBEBUILDER_ASSETS to \
                 ready-made programs",
    needs: "the build needs the Go module proxy (GOPROXY) the first time, 3 GB of memory and 3 GB of disk",
};
const API_SERVER: Program =
    Program { name: "kube-apiserver", package: "k8s.io/kubernetes/cmd/kube-apiserver", c: false };
const CONTROLLER_MANAGER: Program = Program {
    name: "kube-controller-manager",
    package: "k8s.io/kubernetes/cmd/kube-controller-manager",
    c: false,
};
const KUBECTL: Program = Program { name: "kubectl", package: "k8s.io/kubernetes/cmd/kubectl", c: false };
const ETCD: &str = "etcd";
const ORACLE: Program = Program { name: "kubelet-oracle", package: "./oracle", c: false };

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
        let missing: Vec<&str> = [API_SERVER.name, ETCD, KUBECTL.name]
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
        let own = assets.join(CONTROLLER_MANAGER.name);
        let controller_manager = if is_executable(&own) {
            own
        } else {
            build(environment, &[CONTROLLER_MANAGER])?.join(CONTROLLER_MANAGER.name)
        };
        return Ok(Programs {
            etcd: assets.join(ETCD),
            api_server: assets.join(API_SERVER.name),
            controller_manager,
            kubectl: assets.join(KUBECTL.name),
        });
    }
    let etcd = environment.find(ETCD).ok_or_else(|| {
        Failure::new("`etcd` is not on PATH").hint("install it (Debian: etcd-server) and try again")
    })?;
    let folder = build(environment, &[API_SERVER, CONTROLLER_MANAGER, KUBECTL])?;
    Ok(Programs {
        etcd,
        api_server: folder.join(API_SERVER.name),
        controller_manager: folder.join(CONTROLLER_MANAGER.name),
        kubectl: folder.join(KUBECTL.name),
    })
}

/// The kubelet oracle, built first if need be: it answers what the kubelet's own code makes of an image and of
/// pull secrets.
pub fn oracle(environment: &Environment) -> Result<PathBuf> {
    Ok(build(environment, &[ORACLE])?.join(ORACLE.name))
}

/// Builds those of `programs` that aren't in the cache yet; returns the folder that has them all.
fn build(environment: &Environment, programs: &[Program]) -> Result<PathBuf> {
    go::build(environment, &SOURCE, programs, |go, _| {
        let answer = go.version_of(MODULE)?;
        flags_for(&answer).ok_or_else(|| Failure::new(format!("`{answer}` is no version of {MODULE}")))
    })
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
