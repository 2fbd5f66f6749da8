//! Our programs and their peers, and how they are run.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::environment::Environment;
use crate::failure::{Context as _, Failure, Result};
use crate::{cargo, kubernetes, setup};

/// The programs that are measured.
pub(super) struct Programs {
    pub(super) kubectl: PathBuf,
    pub(super) plugin: PathBuf,
    /// An empty home, where kubectl keeps what it caches of the API server.
    home: tempfile::TempDir,
}

impl Programs {
    /// Installs and builds what is missing.
    pub(super) fn new(environment: &Environment) -> Result<Self> {
        setup::ensure(environment)?;
        let kubectl = kubernetes::programs(environment)?.kubectl;
        let plugin = cargo::build_release(environment, "kubectl-regcred")?;
        Ok(Self { kubectl, plugin, home: tempfile::tempdir().cannot("make a temporary home")? })
    }

    /// A command in an environment of its own.
    pub(super) fn command(&self, program: &Path, arguments: &[&str], kubeconfig: Option<&Path>) -> Command {
        let mut command = Command::new(program);
        let folders = [&self.plugin, &self.kubectl].map(|program| program.parent().unwrap_or(program));
        command
            .args(arguments)
            .env_clear()
            .env("HOME", self.home.path())
            .env("PATH", std::env::join_paths(folders).unwrap_or_default());
        if let Some(path) = kubeconfig {
            command.env("KUBECONFIG", path);
        }
        command
    }

    /// The versions of both.
    pub(super) fn versions(&self) -> Result<String> {
        let kubectl = self.version(&self.kubectl, &["version", "--client"])?;
        let kubectl = kubectl.lines().next().unwrap_or_default().replace("Client Version:", "kubectl");
        Ok(format!("{}, {kubectl}", self.version(&self.plugin, &["version"])?))
    }

    fn version(&self, program: &Path, arguments: &[&str]) -> Result<String> {
        Ok(Self::text(&mut self.command(program, arguments, None))?.trim().to_owned())
    }

    /// What a command prints.
    pub(super) fn text(command: &mut Command) -> Result<String> {
        let line = format!("{command:?}");
        let output = command.stdin(Stdio::null()).output().cannot(format_args!("run {line}"))?;
        if !output.status.success() {
            let said = String::from_utf8_lossy(&output.stderr).into_owned();
            return Err(Failure::new(format!("{line} failed: {}", said.trim())));
        }
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }
}
