//! Reading and changing the cluster's objects. Kubernetes' own types stay in here.

pub(crate) mod attach;
pub(crate) mod bulk;
mod certificate;
mod change;
mod connect;
pub(crate) mod consumers;
pub(crate) mod create;
mod exec;
mod failing_pulls;
mod failure;
mod kubeconfig;
mod list;
pub(crate) mod names;
mod namespaces;
mod owner;
mod pages;
mod proxy;
pub(crate) mod pull_secrets;
mod reach;
mod references;
pub(crate) mod replace;
mod retry;
mod server;
mod transport;
mod untrusted;

pub(crate) use change::Changed;
pub(crate) use connect::{Connection, connect};
pub(crate) use failing_pulls::{FailingPull, failing_pulls};
pub(crate) use kubeconfig::listed;
pub(crate) use list::{
    ALL_TYPES, Scope, pull_secret_names, pull_secrets, pull_secrets_if_allowed, secret, secret_type,
};
pub(crate) use namespaces::with_labels as namespaces_with_labels;

/// How a change is to be made.
pub(crate) struct ChangeOptions {
    /// Whether the server should only try.
    pub(crate) dry_run: bool,
    /// Who the change is recorded for.
    pub(crate) field_manager: String,
}
