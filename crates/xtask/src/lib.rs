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
//! - [`bench`](mod@bench): time and memory, beside the programs that people would use instead.
//!
//! It is a library too, because the tests (`regcred-tests`) must know where a cluster keeps its files
//! and sign certificates with its authority; that knowledge lives here once.

#![expect(clippy::print_stderr, reason = "a chore's progress is meant for the person who started it")]
#![expect(clippy::disallowed_methods, reason = "chores start what is on their developer's PATH")]

pub mod bench;
pub mod cargo;
pub mod cli;
pub mod clients;
pub mod cluster;
pub mod demo;
pub mod environment;
pub mod failure;
mod go;
pub mod interrupt;
pub mod kubernetes;
pub mod pass_store;
pub mod process;
pub mod progress;
pub mod registry;
pub mod secret_service;
pub mod setup;
pub mod skips;
pub mod test;
