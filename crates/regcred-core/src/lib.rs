//! What registry credentials mean, to Docker and to Kubernetes.
//!
//! This crate decides and never acts: it does no I/O, asks no clock, reads no environment and knows no
//! Kubernetes crate, so that every rule in it can be tested in memory. The programs gather what is, ask this
//! crate what it means, and act on the answer.

pub mod credential;
pub mod docker_config;
pub mod harmless;
pub mod helper_protocol;
pub mod image;
pub mod json;
pub mod kubelet;
pub mod lint;
pub mod metadata;
pub mod pattern;
pub mod plan;
pub mod pull_secret;
pub mod rotation;
pub mod server;
pub mod stored;
