//! Test support: real servers and programs for the end-to-end tests.
//!
//! - [`cluster`](mod@cluster): the API server that the tests share, a namespace for each test, users with few
//!   rights.
//! - [`sandbox`]: a bare environment to run whole programs in, and what they [`output`].
//! - [`krew_store`]: our programs as krew unpacks and links them.
//! - [`leak`]: whether a secret can be found where it must not be.
//! - [`fault_proxy`]: a network that loses answers, in front of the real API server.
//! - [`forward_proxy`]: real HTTP and SOCKS5 proxies on the way to it.
//! - [`kernel_keyring`]: the kernel's keyring of a user whom nobody else is.
//! - [`mounts`]: programs that see other files than we do at a fixed path.
//! - [`policy`]: rules of the cluster that refuse what a test creates.
//! - [`oracle`]: what the kubelet's own code makes of an image and of pull secrets.
//! - [`helper`]: our credential helper on a keyring of its own, with a trace of what clients ask.
//! - [`clients`]: docker's CLI and other credential helpers.
//! - [`doctor`]: a machine for the helper's `doctor`, and what it says of it.
//! - [`registry`]: a real registry with users and a log.
//! - [`secret_service`]: a keyring.
//! - [`release`]: archives and packages of the programs.
//! - [`file_server`]: where they are downloaded from.
//! - [`throwaway_root`]: this machine's own system, for a package to be installed into.
//! - [`schema`]: what scripts are promised of what a command prints.
//! - [`terminal`]: a person at a terminal.
//! - [`tls`](mod@tls): TLS in front of a server of a test.
//! - [`webhook`]: an admission webhook that denies.
//! - [`skip`](mod@skip): a test that can't run here says so aloud.
//!
//! Run the tests with `cargo xtask test`. Nothing here stands in for a real part; only faults are made up.

#![expect(clippy::disallowed_methods, reason = "tests start programs of this machine")]
#![expect(
    clippy::expect_used,
    clippy::panic,
    clippy::missing_panics_doc,
    reason = "a panic is how a test fails"
)]

pub mod clients;
pub mod cluster;
pub mod doctor;
pub mod fault_proxy;
pub mod file_server;
pub mod forward_proxy;
pub mod helper;
pub mod kernel_keyring;
pub mod krew_store;
pub mod leak;
pub mod mounts;
pub mod oracle;
pub mod output;
pub mod policy;
pub mod processes;
pub mod registry;
pub mod release;
pub mod sandbox;
pub mod schema;
pub mod secret_service;
pub mod skip;
pub mod terminal;
pub mod throwaway_root;
pub mod tls;
pub mod webhook;

pub use cluster::cluster;
pub use skip::skip;
