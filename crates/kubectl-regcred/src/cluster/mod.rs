//! Reading and changing the cluster's objects. Kubernetes' own types stay in here.

mod connect;
pub(crate) mod create;
mod failure;
mod list;

pub(crate) use connect::{Connection, connect};
pub(crate) use list::{Scope, pull_secrets, secret};
