//! A real credential helper with a store of its own: docker-credential-pass, on `pass` and GPG.
//!
//! It needs neither a desktop nor a bus, so the demo and every test can have one, side by side.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::failure::{Context as _, Failure, Result};

/// The name for `credsStore` and `credHelpers`.
pub const HELPER: &str = "pass";

/// A password store in a home folder; GPG's agent for it ends with this value.
#[derive(Debug)]
pub struct PassStore {
    home: PathBuf,
}

impl PassStore {
    /// Makes an empty store below `home`, encrypted to a new key that needs no passphrase.
    pub fn create(home: &Path) -> Result<Self> {
        let store = Self { home: home.to_owned() };
        let key = "regcred-test";
        store.run(&["gpg", "--batch", "--quiet", "--passphrase", "", "--quick-generate-key", key], "")?;
        store.run(&["pass", "init", key], "")?;
        Ok(store)
    }

    /// Stores a login with docker-credential-pass, as `docker login` would.
    pub fn store(&self, server: &str, username: &str, secret: &str) -> Result<()> {
        let message = serde_json::json!({ "ServerURL": server, "Username": username, "Secret": secret });
        self.run(&["docker-credential-pass", "store"], &message.to_string())
    }

    fn run(&self, command: &[&str], stdin: &str) -> Result<()> {
        let (program, arguments) = command.split_first().ok_or_else(|| Failure::new("no program to run"))?;
        let mut child = Command::new(program)
            .args(arguments)
            .env("HOME", &self.home)
            .env_remove("GNUPGHOME")
            .env_remove("PASSWORD_STORE_DIR")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .cannot(format_args!("start {program}"))?;
        if let Some(mut input) = child.stdin.take() {
            input.write_all(stdin.as_bytes()).cannot(format_args!("write to {program}"))?;
        }
        let output = child.wait_with_output().cannot(format_args!("wait for {program}"))?;
        if output.status.success() {
            return Ok(());
        }
        let said = [output.stdout, output.stderr].concat();
        Err(Failure::new(format!(
            "`{}` failed: {}",
            command.join(" "),
            String::from_utf8_lossy(&said).trim()
        )))
    }
}

impl Drop for PassStore {
    fn drop(&mut self) {
        // Best effort: the agent would end by itself when its folder goes.
        let _ = self.run(&["gpgconf", "--kill", "all"], "");
    }
}
