//! Reading and changing the cluster's objects. Kubernetes' own types stay in here.

mod connect;
mod failure;
pub(crate) mod secret;

pub(crate) use connect::{Connection, connect};
