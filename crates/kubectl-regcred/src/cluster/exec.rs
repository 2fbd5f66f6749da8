//! Logging in with a program of the kubeconfig (`user.exec`), as client-go does it.
//!
//! kube can do this too, but it runs the program three times for one client, which asks a person three times,
//! and lets it read a standard input that is no terminal. Followed here is client-go
//! `plugin/pkg/client/auth/exec/exec.go`.

use std::process::{Output, Stdio};

use kube::config::{Cluster, ExecAuthCluster, ExecConfig, ExecInteractiveMode};
use regcred_cli::program::{NotOnPath, SearchPath};
use regcred_core::credential::SecretString;
use serde::Deserialize;
use serde_json::json;
use zeroize::Zeroizing;

use crate::environment::Environment;
use crate::failure::{Failure, exit};
use crate::file::reason;

/// How to log in: the program, and what it is told.
pub(super) struct Plugin {
    config: ExecConfig,
    cluster: Cluster,
    path: SearchPath,
    /// Whether a person can answer its questions.
    stdin_is_terminal: bool,
    /// Where it logs in to, for messages.
    server: String,
}

/// What the program gave.
#[derive(Default)]
pub(super) struct Login {
    pub(super) token: Option<SecretString>,
    /// A client certificate and its key, as PEM.
    pub(super) certificate: Option<(String, SecretString)>,
}

#[derive(Deserialize)]
struct Answer {
    #[serde(rename = "apiVersion")]
    api_version: Option<String>,
    status: Option<Status>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Status {
    token: Option<String>,
    client_certificate_data: Option<String>,
    client_key_data: Option<String>,
}

impl Plugin {
    pub(super) fn new(
        config: ExecConfig,
        cluster: Cluster,
        environment: &Environment,
        server: String,
    ) -> Self {
        let (path, stdin_is_terminal) = (environment.search_path(), environment.stdin_is_terminal);
        Self { config, cluster, path, stdin_is_terminal, server }
    }

    /// Runs the program once.
    pub(super) async fn log_in(&self) -> Result<Login, Failure> {
        let name = self.config.command.as_deref().unwrap_or_default();
        if name.is_empty() {
            return Err(self.failed("the `exec` of the kubeconfig's user names no command"));
        }
        let interactive = self.is_interactive(name)?;
        // kube has made a relative path an absolute one, below the kubeconfig's folder, as client-go does.
        let command = self.path.command(name).map_err(|missing| self.missing(name, &missing))?;
        let mut command = tokio::process::Command::from(command);
        command
            .args(self.config.args.iter().flatten())
            .env("KUBERNETES_EXEC_INFO", self.info(interactive)?)
            // A terminal only: anything else holds what is ours to read.
            .stdin(if interactive { Stdio::inherit() } else { Stdio::null() })
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .kill_on_drop(true);
        for variable in self.config.env.iter().flatten() {
            if let (Some(name), Some(value)) = (variable.get("name"), variable.get("value")) {
                command.env(name, value);
            }
        }
        let run = async { command.spawn()?.wait_with_output().await };
        let output = run.await.map_err(|error| self.not_started(name, &error))?;
        self.understand(name, output)
    }

    /// Whether the program may ask: client-go's `isInteractive`.
    fn is_interactive(&self, name: &str) -> Result<bool, Failure> {
        match self.config.interactive_mode {
            Some(ExecInteractiveMode::Never) => Ok(false),
            Some(ExecInteractiveMode::Always) if !self.stdin_is_terminal => {
                Err(self.failed(&format!("{name:?} wants to ask, but standard input is no terminal")))
            }
            _ => Ok(self.stdin_is_terminal),
        }
    }

    /// What the program is told, in its environment.
    fn info(&self, interactive: bool) -> Result<String, Failure> {
        let mut spec = json!({"interactive": interactive});
        if self.config.provide_cluster_info {
            let cluster = ExecAuthCluster::try_from(&self.cluster)
                .map_err(|error| error.to_string())
                .and_then(|cluster| serde_json::to_value(cluster).map_err(|error| error.to_string()));
            spec["cluster"] = cluster.map_err(|error| self.failed(&error))?;
        }
        let info = json!({"kind": "ExecCredential", "apiVersion": self.config.api_version, "spec": spec});
        Ok(info.to_string())
    }

    /// Takes the login out of what the program printed, which is never quoted.
    fn understand(&self, name: &str, output: Output) -> Result<Login, Failure> {
        let stdout = Zeroizing::new(output.stdout);
        if !output.status.success() {
            return Err(self.failed(&format!("{name:?} failed ({})", output.status)));
        }
        // JSON or YAML; the parser's errors would quote the token.
        let answer: Answer = serde_saphyr::from_slice(&stdout)
            .map_err(|_| self.failed(&format!("{name:?} printed something that is not understood")))?;
        if let (Some(expected), Some(found)) = (&self.config.api_version, &answer.api_version)
            && expected != found
        {
            let reason =
                format!("{name:?} answered in version {found:?}, but the kubeconfig says {expected:?}");
            return Err(self.failed(&reason));
        }
        let status = answer.status.ok_or_else(|| self.failed(&format!("{name:?} gave no credential")))?;
        let login = Login {
            token: status.token.filter(|token| !token.is_empty()).map(SecretString::new),
            certificate: status.client_certificate_data.zip(status.client_key_data.map(SecretString::new)),
        };
        if login.token.is_none() && login.certificate.is_none() {
            return Err(self.failed(&format!("{name:?} gave neither a token nor a certificate")));
        }
        Ok(login)
    }

    fn missing(&self, name: &str, missing: &NotOnPath) -> Failure {
        let failure = self.failed(&format!("can't run {name:?}: it {missing}"));
        let otherwise = self.config.install_hint.as_deref().map(str::trim).or(failure.hint.as_deref());
        let hint = missing.remedy(otherwise.unwrap_or_default());
        failure.hint(hint)
    }

    fn not_started(&self, name: &str, error: &std::io::Error) -> Failure {
        let failure = self.failed(&format!("can't run {name:?}: {}", reason(error)));
        match &self.config.install_hint {
            Some(hint) if error.kind() == std::io::ErrorKind::NotFound => failure.hint(hint.trim()),
            _ => failure,
        }
    }

    fn failed(&self, reason: &str) -> Failure {
        Failure::new(exit::CLUSTER, format!("can't log in to {}: {reason}", self.server)).hint(
            "the `user` of the kubeconfig says how; log in to the cluster again, or choose another --user",
        )
    }
}
