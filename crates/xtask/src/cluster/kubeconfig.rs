//! A kubeconfig with one server and one user.

use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::pki::Pair;
use crate::failure::{Context as _, Result};

/// Whom to talk to, and as whom.
#[derive(Debug, Clone)]
pub struct Kubeconfig<'a> {
    /// The server's URL.
    pub server: &'a str,
    /// The authority that its certificate must come from; none for plain HTTP.
    pub authority: Option<&'a str>,
    /// The user's certificate and key; none for a server that asks for none.
    pub user: Option<&'a Pair>,
}

impl Kubeconfig<'_> {
    /// Writes it to `path`, readable by its owner alone. JSON is YAML too, and every client reads it.
    pub fn write(&self, path: &Path) -> Result<()> {
        let text = serde_json::to_vec_pretty(&self.to_json()).cannot("write a kubeconfig")?;
        let mut file = std::fs::OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(path)
            .cannot_at("create", path)?;
        file.write_all(&text).cannot_at("write", path)
    }

    fn to_json(&self) -> Value {
        let mut cluster = json!({ "server": self.server });
        if let Some(authority) = self.authority {
            cluster["certificate-authority-data"] = STANDARD.encode(authority).into();
        }
        let user = self.user.map_or_else(
            || json!({}),
            |pair| {
                json!({
                    "client-certificate-data": STANDARD.encode(&pair.certificate),
                    "client-key-data": STANDARD.encode(&pair.key),
                })
            },
        );
        json!({
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{ "name": "test", "cluster": cluster }],
            "users": [{ "name": "test", "user": user }],
            "contexts": [{ "name": "test", "context": { "cluster": "test", "user": "test" } }],
            "current-context": "test",
        })
    }
}
