//! Where a cluster keeps its files.

use std::path::{Path, PathBuf};

/// The folder of one cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Layout {
    root: PathBuf,
}

impl Layout {
    /// The layout of the cluster in `root`, which need not exist yet.
    pub fn at(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    /// The cluster's own folder, readable by its user alone.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Which processes run, and whether the cluster is ready ([`super::state::State`]).
    pub fn state(&self) -> PathBuf {
        self.root.join("state.json")
    }

    /// The administrator's kubeconfig (a client certificate of group `system:masters`).
    pub fn kubeconfig(&self) -> PathBuf {
        self.root.join("kubeconfig")
    }

    /// The controller manager's kubeconfig.
    pub fn controller_manager_kubeconfig(&self) -> PathBuf {
        self.root.join("controller-manager.kubeconfig")
    }

    /// What the servers wrote, one `<program>.log` each.
    pub fn logs(&self) -> PathBuf {
        self.root.join("logs")
    }

    /// The log of `program`.
    pub fn log(&self, program: &str) -> PathBuf {
        self.logs().join(format!("{program}.log"))
    }

    /// Keys and certificates.
    pub fn pki(&self) -> PathBuf {
        self.root.join("pki")
    }

    /// The authority that signed the server's and all clients' certificates.
    pub fn authority_certificate(&self) -> PathBuf {
        self.pki().join("ca.crt")
    }

    /// The authority's key: with it the tests make users.
    pub fn authority_key(&self) -> PathBuf {
        self.pki().join("ca.key")
    }

    /// The API server's certificate.
    pub fn server_certificate(&self) -> PathBuf {
        self.pki().join("apiserver.crt")
    }

    /// The API server's key.
    pub fn server_key(&self) -> PathBuf {
        self.pki().join("apiserver.key")
    }

    /// The key that service account tokens are signed with.
    pub fn service_account_key(&self) -> PathBuf {
        self.pki().join("sa.key")
    }

    /// Its public half, with which the API server verifies them.
    pub fn service_account_public_key(&self) -> PathBuf {
        self.pki().join("sa.pub")
    }

    /// etcd's data.
    pub fn etcd(&self) -> PathBuf {
        self.root.join("etcd")
    }

    /// Kubeconfigs of the users that tests made.
    pub fn users(&self) -> PathBuf {
        self.root.join("users")
    }
}
