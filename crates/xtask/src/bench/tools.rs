//! curl and kubectl for benches in bulk: the same changes to many objects, as others would make them.

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::cluster::Up;
use crate::cluster::pki::Authority;
use crate::failure::{Context as _, Failure, Result};
use crate::interrupt;

/// How many requests curl has under way, as many as our bulk commands.
const CONCURRENCY: usize = 16;

/// What runs the peers: a folder with a client certificate, and where the cluster is.
pub(super) struct Tools<'a> {
    up: &'a Up,
    kubectl: &'a Path,
    pub(super) plugin: &'a Path,
    folder: tempfile::TempDir,
}

impl<'a> Tools<'a> {
    pub(super) fn new(up: &'a Up, kubectl: &'a Path, plugin: &'a Path) -> Result<Self> {
        let folder = tempfile::tempdir().cannot("make a temporary folder")?;
        let pair = Authority::load(&up.layout)?.sign_client("bench", Some("system:masters"))?;
        let tools = Self { up, kubectl, plugin, folder };
        tools.write("cert.pem", &pair.certificate)?;
        tools.write("key.pem", &pair.key)?;
        Ok(tools)
    }

    /// Creates objects, by their paths, with curl: kubectl would take minutes.
    pub(super) fn post(&self, file: &str, bodies: impl Iterator<Item = (String, Value)>) -> Result<()> {
        let mut config = String::new();
        for (path, body) in bodies {
            let body = body.to_string().replace('\\', "\\\\").replace('"', "\\\"");
            let _ = writeln!(
                config,
                "{}data = \"{body}\"\nurl = \"{}{path}\"\noutput = \"/dev/null\"\nnext",
                self.curl_options("POST", "application/json"),
                self.server()
            );
        }
        self.write(file, config.trim_end_matches("next\n"))?;
        let output = self.curl(file).stdin(Stdio::null()).output().cannot("run curl")?;
        if output.status.success() {
            return Ok(());
        }
        interrupt::check()?;
        Err(Failure::new(format!(
            "curl could not create {file}: {}",
            String::from_utf8_lossy(&output.stderr)
        )))
    }

    /// curl that sends the merge patch in `patch.json` to the objects at these paths.
    pub(super) fn patches(&self, paths: impl Iterator<Item = String>) -> Result<Command> {
        let mut config =
            self.curl_options("PATCH", "application/merge-patch+json") + "data = \"@patch.json\"\n";
        for path in paths {
            let _ = writeln!(config, "url = \"{}{path}\"\noutput = \"/dev/null\"", self.server());
        }
        self.write("patches", &config)?;
        Ok(self.curl("patches"))
    }

    /// curl that prints what is at a path.
    pub(super) fn list(&self, path: &str) -> Result<Command> {
        let config =
            format!("{}url = \"{}{path}\"\n", self.curl_options("GET", "application/json"), self.server());
        self.write("list", &config)?;
        Ok(self.curl("list"))
    }

    fn curl_options(&self, method: &str, content: &str) -> String {
        let authority = self.up.layout.authority_certificate();
        format!(
            "request = \"{method}\"\nheader = \"Content-Type: {content}\"\ncacert = \"{}\"\ncert = \"cert.pem\"\nkey = \"key.pem\"\nfail\n",
            authority.display()
        )
    }

    fn curl(&self, config: &str) -> Command {
        let mut command = self.command("curl".as_ref());
        command.args([
            "--silent",
            "--show-error",
            "--parallel",
            "--parallel-max",
            &CONCURRENCY.to_string(),
            "-K",
            config,
        ]);
        command
    }

    pub(super) fn command(&self, program: &Path) -> Command {
        let mut command = Command::new(program);
        let kubectl = self.kubectl.parent().unwrap_or(self.kubectl);
        let path = [kubectl.to_owned(), PathBuf::from("/usr/bin"), PathBuf::from("/bin")];
        command
            .current_dir(self.folder.path())
            .env_clear()
            .env("HOME", self.folder.path())
            .env("PATH", std::env::join_paths(path).unwrap_or_default())
            .env("KUBECONFIG", self.up.layout.kubeconfig());
        command
    }

    fn server(&self) -> &str {
        self.up.state.server.as_deref().unwrap_or_default()
    }

    pub(super) fn write(&self, name: &str, text: &str) -> Result<()> {
        let path = self.folder.path().join(name);
        let mut file = std::fs::File::create(&path).cannot_at("create", &path)?;
        file.write_all(text.as_bytes()).cannot_at("write", &path)
    }
}
