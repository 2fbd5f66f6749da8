//! The main job shown on real input, on a machine that has nothing yet but the toolchains.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use crate::cluster::{self, Up};
use crate::environment::Environment;
use crate::failure::{Context as _, Failure, Result};
use crate::pass_store::{HELPER, PassStore};
use crate::{cargo, interrupt, setup};

const REGISTRY: &str = "registry.example.com";
const USERNAME: &str = "robot";
const PASSWORD: &str = "pa$$<w&rd>, known to the credential helper alone";
const ROTATED: &str = "another pa$$<w&rd>";

/// Sets everything up, shows the way from `docker login` to a pull secret in a cluster, and takes all of it
/// away again. Fails unless the cluster holds the password.
pub fn run(environment: &Environment) -> Result<()> {
    interrupt::catch()?;
    setup::ensure(environment)?;
    cargo::build_programs(environment)?;
    cluster::with_throwaway(environment, "demo", |up| Demo::prepare(environment, up)?.show())
}

struct Demo {
    home: tempfile::TempDir,
    path: std::ffi::OsString,
    kubeconfig: PathBuf,
    _store: PassStore,
}

impl Demo {
    /// A home as `docker login` leaves it where a `credsStore` is configured.
    fn prepare(environment: &Environment, up: &Up) -> Result<Self> {
        let home = tempfile::tempdir().cannot("make a temporary home")?;
        let store = PassStore::create(home.path())?;
        store.store(REGISTRY, USERNAME, PASSWORD)?;
        let config = format!(
            "{{\n\t\"auths\": {{\n\t\t\"{REGISTRY}\": {{}}\n\t}},\n\t\"credsStore\": \"{HELPER}\"\n}}\n"
        );
        let folder = home.path().join(".docker");
        std::fs::create_dir(&folder).cannot_at("create", &folder)?;
        std::fs::write(folder.join("config.json"), config).cannot_at("write to", &folder)?;
        let kubectl = up.state.kubectl.parent().map(Path::to_owned).unwrap_or_default();
        let programs = environment.target.join("debug");
        let path = std::env::join_paths([programs, kubectl].iter().chain(&environment.path))
            .cannot("put the programs on PATH")?;
        Ok(Self { home, path, kubeconfig: up.layout.kubeconfig(), _store: store })
    }

    fn show(&self) -> Result<()> {
        say("Docker's config has no password in it: only the credential helper knows it.");
        self.shell("cat ~/.docker/config.json")?;
        say("The plugin asks the helper, and makes the pull secret:");
        self.shell(&format!("kubectl regcred create regcred --from-docker-config --registry={REGISTRY}"))?;
        say("What the cluster holds:");
        self.shell("kubectl get secret regcred -o yaml")?;
        say("And the docker config in it, as the kubelet reads it:");
        let decode = r"kubectl get secret regcred -o jsonpath='{.data.\.dockerconfigjson}' | base64 -d";
        let text = self.shell(decode)?;
        let config: Value = serde_json::from_str(&text).cannot("read the docker config in the Secret")?;
        let entry = &config["auths"][REGISTRY];
        let auth = STANDARD.encode(format!("{USERNAME}:{PASSWORD}"));
        if entry["username"] != USERNAME || entry["password"] != PASSWORD || entry["auth"] != auth.as_str() {
            return Err(Failure::new("the Secret in the cluster does not hold the helper's password"));
        }
        say("The default service account refers to it; a new pod has the reference:");
        self.shell("kubectl regcred attach regcred serviceaccount/default")?;
        self.shell(&format!("kubectl run demo --image={REGISTRY}/team/app:1"))?;
        let pod = self.shell("kubectl get pod demo -o jsonpath='{.spec.imagePullSecrets}'")?;
        if !pod.contains("\"regcred\"") {
            return Err(Failure::new("the new pod does not refer to the Secret"));
        }
        self.shell("kubectl regcred detach regcred --everywhere")?;
        say("A second time changes nothing:");
        self.shell("kubectl regcred create regcred --from-docker-config || echo \"exit code $?\"")?;
        say("The robot gets a new password. First the plan, which changes nothing:");
        let rotate = format!(
            "printf %s '{ROTATED}' | kubectl regcred rotate --registry={REGISTRY} -A --docker-username={USERNAME} \
             --password-stdin"
        );
        self.shell(&format!("{rotate} --dry-run=client"))?;
        say("Then every pull secret of the cluster that holds the old one:");
        self.shell(&format!("{rotate} --yes"))?;
        let config: Value = serde_json::from_str(&self.shell(decode)?).cannot("read the docker config")?;
        if config["auths"][REGISTRY]["password"] != ROTATED {
            return Err(Failure::new("the Secret in the cluster does not hold the new password"));
        }
        Ok(())
    }

    /// Shows a command line, runs it, and returns and shows what it prints.
    fn shell(&self, line: &str) -> Result<String> {
        interrupt::check()?;
        eprintln!("$ {line}");
        let output = Command::new("sh")
            .args(["-c", line])
            .env_clear()
            .env("HOME", self.home.path())
            .env("PATH", &self.path)
            .env("KUBECONFIG", &self.kubeconfig)
            .stdin(Stdio::null())
            .stderr(Stdio::inherit())
            .output()
            .cannot(format_args!("run `{line}`"))?;
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        eprintln!("{}", text.trim_end());
        if output.status.success() { Ok(text) } else { Err(Failure::new(format!("`{line}` failed"))) }
    }
}

fn say(text: &str) {
    eprintln!("\n# {text}");
}
