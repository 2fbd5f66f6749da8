//! The clients and the peers of the credential helper, built from their published Go modules.
//!
//! `tests/clients/go.mod` pins their versions (`go`): docker's own CLI, docker-credential-helpers' programs
//! in a version of today (Debian's are older), and a program that drives a helper with its client. Debian's docker
//! CLI comes with a daemon, and has no `DOCKER_AUTH_CONFIG` yet.

use std::path::PathBuf;

use crate::environment::Environment;
use crate::failure::Result;
use crate::go::{self, Go, Program};

const SOURCE: go::Module = go::Module {
    folder: "clients",
    name: "clients",
    without_go: "install Go (https://go.dev/dl; tests/clients/go.mod says which)",
    needs: "the build needs the Go module proxy (GOPROXY) the first time, a C compiler, and libsecret's headers \
            (Debian: libsecret-1-dev)",
};
const CLI: &str = "github.com/docker/cli";
const HELPERS: &str = "github.com/docker/docker-credential-helpers";

/// docker's CLI.
pub const DOCKER: &str = "docker";
/// The peer of our helper on the Secret Service.
pub const SECRETSERVICE: &str = "docker-credential-secretservice";
/// The peer on `pass`.
pub const PASS: &str = "docker-credential-pass";
/// Drives a helper with docker-credential-helpers' own client (`tests/clients/helper-client`).
pub const HELPER_CLIENT: &str = "helper-client";

const PROGRAMS: [Program; 4] = [
    Program { name: DOCKER, package: "github.com/docker/cli/cmd/docker", c: false },
    Program {
        name: SECRETSERVICE,
        package: "github.com/docker/docker-credential-helpers/secretservice/cmd",
        c: true,
    },
    Program { name: PASS, package: "github.com/docker/docker-credential-helpers/pass/cmd", c: false },
    Program { name: HELPER_CLIENT, package: "./helper-client", c: false },
];

/// The folder with the programs, which are built first if need be. What they are linked to must have been set up
/// ([`crate::setup::ensure`]).
pub fn programs(environment: &Environment) -> Result<PathBuf> {
    go::build(environment, &SOURCE, &PROGRAMS, flags)
}

/// As the projects' own Makefiles have them.
fn flags(go: &Go, program: &Program) -> Result<String> {
    let version = |module| Ok(go.version_of(module)?.split([' ', '+']).next().unwrap_or_default().to_owned());
    let settings = match program.name {
        DOCKER => vec![format!("{CLI}/cli/version.Version={}", version(CLI)?.trim_start_matches('v'))],
        SECRETSERVICE | PASS => vec![
            format!("{HELPERS}/credentials.Name={}", program.name),
            format!("{HELPERS}/credentials.Version={}", version(HELPERS)?),
        ],
        _ => Vec::new(),
    };
    let settings = settings.iter().map(|setting| format!(" -X {setting}"));
    Ok(std::iter::once("-s -w".to_owned()).chain(settings).collect())
}
