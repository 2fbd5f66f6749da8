//! What makes packages of our programs and installs them as users do, built from its published Go modules.
//!
//! `tests/packagers/go.mod` pins the versions (`go`): nfpm writes deb, rpm and apk packages, on any system and for any;
//! krew installs kubectl plugins; validate-krew-manifest is the check that its index runs on every manifest.

use std::path::PathBuf;

use crate::environment::Environment;
use crate::failure::Result;
use crate::go::{self, Program};

const SOURCE: go::Module = go::Module {
    folder: "packagers",
    name: "packagers",
    without_go: "install Go (https://go.dev/dl; tests/packagers/go.mod says which)",
    needs: "the build needs the Go module proxy (GOPROXY) the first time",
};

const NFPM: Program = Program { name: "nfpm", package: "github.com/goreleaser/nfpm/v2/cmd/nfpm", c: false };
const KREW: Program = Program { name: "kubectl-krew", package: "sigs.k8s.io/krew/cmd/krew", c: false };
const VALIDATE: Program = Program {
    name: "validate-krew-manifest",
    package: "sigs.k8s.io/krew/cmd/validate-krew-manifest",
    c: false,
};

/// nfpm, built first if need be.
pub fn nfpm(environment: &Environment) -> Result<PathBuf> {
    Ok(build(environment, &[NFPM])?.join(NFPM.name))
}

/// The folder with krew as a plugin of kubectl and with validate-krew-manifest, built first if need be.
pub fn krew(environment: &Environment) -> Result<PathBuf> {
    build(environment, &[KREW, VALIDATE])
}

fn build(environment: &Environment, programs: &[Program]) -> Result<PathBuf> {
    go::build(environment, &SOURCE, programs, |_, _| Ok("-s -w".to_owned()))
}
