//! Clients of credential helpers, each in its own way: docker's CLI, podman, skopeo. And where `cargo xtask` has built
//! docker's and other credential helpers (`xtask::clients`).

#![expect(
    clippy::disallowed_methods,
    reason = "`cargo xtask test` says in the environment where the programs are"
)]

use std::ffi::{OsStr, OsString};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use xtask::clients::DOCKER;

use crate::output::Output;
use crate::registry::{Registry, Transport};
use crate::sandbox::Sandbox;

/// Where `program` is, a name of `xtask::clients`. Fails the test if `cargo xtask` has built none.
pub fn find(program: &str) -> PathBuf {
    let Some(folder) = std::env::var_os(xtask::test::CLIENTS) else {
        panic!(
            "this test needs {program}: run it with `cargo xtask test`, or point the tests to it with \
             `eval \"$(cargo xtask cluster up)\"`"
        );
    };
    PathBuf::from(folder).join(program)
}

/// Puts `program` on the sandbox's `PATH`, before the system's own.
pub fn link(sandbox: &Sandbox, program: &str) {
    symlink(find(program), sandbox.bin().join(program)).expect("a program can be linked");
}

/// A client of a credential helper.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Client {
    /// docker's CLI, without a daemon: it logs in by TLS alone, and has no `pull`.
    Docker,
    /// podman, with an image store in the sandbox.
    Podman,
    /// skopeo.
    Skopeo,
}

impl Client {
    /// Makes our helper the place for these registries' passwords, and trusts their certificates; returns the file
    /// that says so.
    pub fn configure(self, sandbox: &mut Sandbox, registries: &[&Registry]) -> PathBuf {
        let tls = registries.iter().filter(|registry| registry.transport() == Transport::Tls);
        let certificates = tls.map(|registry| {
            std::fs::read_to_string(registry.certificate()).expect("a registry's certificate can be read")
        });
        let certificates = sandbox.write("certificates.pem", certificates.collect::<String>());
        sandbox.set("SSL_CERT_FILE", certificates);
        if self == Self::Docker {
            link(sandbox, DOCKER);
            sandbox.set("DOCKER_HOST", "unix:///nonexistent.sock");
            return sandbox.write(".docker/config.json", json!({ "credsStore": "regcred" }).to_string());
        }
        let helpers = registries.iter().map(|registry| (registry.host(), Value::from("regcred")));
        let helpers: serde_json::Map<_, _> = helpers.collect();
        let file = sandbox.write("auth.json", json!({ "credHelpers": helpers }).to_string());
        sandbox.set("REGISTRY_AUTH_FILE", &file);
        file
    }

    /// Runs a command of the client.
    pub fn run<A: AsRef<OsStr>>(
        self,
        sandbox: &Sandbox,
        arguments: impl IntoIterator<Item = A>,
        stdin: &str,
    ) -> Output {
        let folder = |name: &str| sandbox.root().join(name).into_os_string();
        let (program, mut line) = match self {
            Self::Docker => (DOCKER, Vec::new()),
            Self::Skopeo => ("skopeo", Vec::new()),
            Self::Podman => {
                let storage = ["--root".into(), folder("storage"), "--runroot".into(), folder("runroot")];
                let rest = ["--storage-driver=vfs", "--events-backend=none"].map(OsString::from);
                ("podman", storage.into_iter().chain(rest).collect::<Vec<_>>())
            }
        };
        line.extend(arguments.into_iter().map(|argument| argument.as_ref().to_owned()));
        sandbox.run_with_stdin(program, line, stdin.as_bytes())
    }

    /// Logs in with the password on stdin.
    pub fn login(self, sandbox: &Sandbox, registry: &Registry, username: &str, password: &str) -> Output {
        let mut arguments = vec!["login", "--username", username, "--password-stdin"];
        if self != Self::Docker {
            arguments.push(verify(registry));
        }
        let host = registry.host();
        arguments.push(&host);
        self.run(sandbox, arguments, password)
    }

    /// Gets a private image, or what can be had of it.
    pub fn pull(self, sandbox: &Sandbox, registry: &Registry, image: &str) -> Output {
        match self {
            Self::Docker => self.run(sandbox, ["manifest", "inspect", image], ""),
            Self::Podman => self.run(sandbox, ["pull", verify(registry), image], ""),
            Self::Skopeo => {
                let target = format!("dir:{}", sandbox.root().join("image").display());
                let verify = verify(registry).replace("--", "--src-");
                self.run(sandbox, ["copy", &verify, &format!("docker://{image}"), &target], "")
            }
        }
    }

    /// Logs out of a registry, or of `--all` (docker knows no such flag).
    pub fn logout(self, sandbox: &Sandbox, registry: &str) -> Output {
        self.run(sandbox, ["logout", registry], "")
    }
}

/// Whether podman and skopeo insist on TLS.
pub fn verify(registry: &Registry) -> &'static str {
    match registry.transport() {
        Transport::Http => "--tls-verify=false",
        Transport::Tls => "--tls-verify=true",
    }
}

/// A client's configuration, as it stands now.
pub fn configuration(file: &Path) -> Value {
    let text = std::fs::read_to_string(file).expect("the client's configuration can be read");
    serde_json::from_str(&text).expect("the client's configuration is JSON")
}
