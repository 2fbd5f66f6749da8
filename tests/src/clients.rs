//! Docker's own CLI, and other credential helpers, as `cargo xtask` built them (`xtask::clients`).

#![expect(
    clippy::disallowed_methods,
    reason = "`cargo xtask test` says in the environment where the programs are"
)]

use std::os::unix::fs::symlink;
use std::path::PathBuf;

use crate::sandbox::Sandbox;

/// Where `program` is, a name of `xtask::clients`. Fails the test if `cargo xtask` has built none.
pub fn find(program: &str) -> PathBuf {
    let Some(folder) = std::env::var_os(xtask::test::CLIENTS) else {
        panic!(
            "this test needs {program}: run it with `cargo xtask test`, or point the tests to it with \
             `eval \"$(cargo xtask cluster up)\"`"
        );
    };
    PathBuf::from(folder).join(program)
}

/// Puts `program` on the sandbox's `PATH`, before the system's own.
pub fn link(sandbox: &Sandbox, program: &str) {
    symlink(find(program), sandbox.bin().join(program)).expect("a program can be linked");
}
