//! The project's chores, run as `cargo xtask …`.
//!
//! - [`cluster`]: a real Kubernetes API server with etcd and the controller manager, on loopback ports.
//! - [`kubernetes`]: the programs that such a cluster is made of, built from the published Go modules.
//! - [`clients`]: docker's CLI and the peers of our credential helper, built likewise.
//! - [`secret_service`]: a keyring without a desktop.
//! - [`pass_store`]: a credential helper with a store of its own.
//! - [`setup`]: the Debian packages that are needed besides.
//! - [`test`](mod@test): the whole test suite against a throwaway cluster.
//! - [`demo`]: the main job, shown on real input.
//! - [`dist`]: archives, packages and manifests of a release.
//! - [`packagers`]: what makes and installs them.
//! - [`actionlint`]: what checks GitHub's workflows.
//! - [`check`]: lints and unit tests, on any system.
//! - [`package`]: the crates as they are published.
//! - [`release`]: the next version, in one commit.
//! - [`bench`](mod@bench): time and memory, beside the programs that people would use instead.
//!
//! What runs servers needs Linux. Elsewhere there are the chores that make a release and check the programs.
//!
//! It is a library too, because the tests (`regcred-tests`) must know where a cluster keeps its files
//! and sign certificates with its authority; that knowledge lives here once.

#![expect(clippy::print_stderr, reason = "a chore's progress is meant for the person who started it")]
#![expect(clippy::disallowed_methods, reason = "chores start what is on their developer's PATH")]

pub mod actionlint;
#[cfg(target_os = "linux")]
pub mod bench;
pub mod cargo;
pub mod check;
pub mod child;
pub mod cli;
#[cfg(target_os = "linux")]
pub mod clients;
#[cfg(target_os = "linux")]
pub mod cluster;
#[cfg(target_os = "linux")]
pub mod demo;
pub mod dist;
pub mod environment;
pub mod failure;
mod go;
pub mod interrupt;
#[cfg(target_os = "linux")]
pub mod kubernetes;
pub mod package;
pub mod packagers;
#[cfg(target_os = "linux")]
pub mod pass_store;
#[cfg(target_os = "linux")]
pub mod process;
pub mod progress;
#[cfg(target_os = "linux")]
pub mod registry;
pub mod release;
#[cfg(target_os = "linux")]
pub mod secret_service;
#[cfg(target_os = "linux")]
pub mod setup;
#[cfg(target_os = "linux")]
pub mod skips;
#[cfg(target_os = "linux")]
pub mod test;
