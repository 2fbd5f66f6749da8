//! What checks GitHub's workflows, built from its published Go module. `tests/workflows/go.mod` pins the version (`go`).

use std::path::PathBuf;

use crate::environment::Environment;
use crate::failure::Result;
use crate::go::{self, Program};

const SOURCE: go::Module = go::Module {
    folder: "workflows",
    name: "workflows",
    without_go: "install Go (https://go.dev/dl; tests/workflows/go.mod says which)",
    needs: "the build needs the Go module proxy (GOPROXY) the first time",
};

const ACTIONLINT: Program =
    Program { name: "actionlint", package: "github.com/rhysd/actionlint/cmd/actionlint", c: false };

/// actionlint, built first if need be.
pub fn program(environment: &Environment) -> Result<PathBuf> {
    Ok(go::build(environment, &SOURCE, &[ACTIONLINT], |_, _| Ok("-s -w".to_owned()))?.join(ACTIONLINT.name))
}
