//! The main job shown on real input, on a machine that has nothing yet but the toolchains.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::cluster::{self, Up};
use crate::environment::Environment;
use crate::failure::{Context as _, Failure, Result};
use crate::registry::{Registry, Transport};
use crate::secret_service::SecretService;
use crate::{cargo, interrupt, setup};

const USERNAME: &str = "robot";
const PASSWORD: &str = "pa$$<w&rd>, known to the keyring alone";
const ROTATED: &str = "another pa$$<w&rd>";

/// Sets everything up, shows the way from a plaintext `config.json` to a pull secret in a cluster and its rotation, and
/// takes all of it away again. Fails unless every step did what it says.
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
    registry: Registry,
    /// The full name of an image that only the robot may pull.
    image: String,
    keyring: SecretService,
}

impl Demo {
    /// A home as `docker login` leaves it where no credential helper is configured, in a session with a keyring.
    fn prepare(environment: &Environment, up: &Up) -> Result<Self> {
        let home = tempfile::tempdir().cannot("make a temporary home")?;
        let runtime = home.path().join("run");
        make_private(&runtime)?;
        let keyring = SecretService::start(home.path(), &runtime)?;
        let registry = Registry::start(Transport::Http, USERNAME, PASSWORD)?;
        let image = registry.push("team/app")?;
        let auth = STANDARD.encode(format!("{USERNAME}:{PASSWORD}"));
        let config = format!(
            "{{\n\t\"auths\": {{\n\t\t\"{}\": {{\n\t\t\t\"auth\": \"{auth}\"\n\t\t}}\n\t}}\n}}\n",
            registry.host()
        );
        let folder = home.path().join(".docker");
        make_private(&folder)?;
        let file = folder.join("config.json");
        std::fs::write(&file, config).cannot_at("write", &file)?;
        std::fs::set_permissions(&file, std::os::unix::fs::PermissionsExt::from_mode(0o600))
            .cannot_at("make private", &file)?;
        let kubectl = up.state.kubectl.parent().map(Path::to_owned).unwrap_or_default();
        let programs = environment.target.join("debug");
        let path = std::env::join_paths([programs, kubectl].iter().chain(&environment.path))
            .cannot("put the programs on PATH")?;
        Ok(Self { home, path, kubeconfig: up.layout.kubeconfig(), registry, image, keyring })
    }

    fn show(&self) -> Result<()> {
        self.show_keyring()?;
        self.show_cluster()?;
        self.show_pods()?;
        self.show_rotation()
    }

    fn show_keyring(&self) -> Result<()> {
        say("As docker left it: a password that is base64 and no more.");
        self.shell("cat ~/.docker/config.json")?;
        say("Two commands, and the keyring has it:");
        self.shell("docker-credential-regcred configure")?;
        self.shell("docker-credential-regcred migrate")?;
        say("No plaintext is left:");
        let config = config(&self.shell("cat ~/.docker/config.json")?)?;
        if config != json!({ "auths": { self.registry.host(): {} }, "credsStore": "regcred" }) {
            return Err(Failure::new("docker's config is not what it should be"));
        }
        say("And who pulls does not notice:");
        let pull = format!("skopeo copy --src-tls-verify=false docker://{} dir:$HOME/image", self.image);
        self.shell(&pull)?;
        if self.registry.readers("team/app") != [USERNAME] {
            return Err(Failure::new("the registry did not see the robot"));
        }
        self.shell("docker-credential-regcred doctor")?;
        Ok(())
    }

    fn show_cluster(&self) -> Result<()> {
        let host = self.registry.host();
        say("From the same keyring into a pull secret:");
        self.shell(&format!("kubectl regcred create regcred --from-keyring --registry={host}"))?;
        say("What the cluster holds:");
        self.shell("kubectl get secret regcred -o yaml")?;
        say("And the docker config in it, as the kubelet reads it:");
        let entry = &self.entry()?;
        let auth = STANDARD.encode(format!("{USERNAME}:{PASSWORD}"));
        if entry["username"] != USERNAME || entry["password"] != PASSWORD || entry["auth"] != auth.as_str() {
            return Err(Failure::new("the Secret in the cluster does not hold the keyring's password"));
        }
        say("A second time changes nothing:");
        self.shell(&format!(
            "kubectl regcred create regcred --from-keyring --registry={host} || echo \"exit code $?\""
        ))?;
        Ok(())
    }

    fn show_pods(&self) -> Result<()> {
        say("The default service account refers to it; a new pod has the reference:");
        self.shell("kubectl regcred attach regcred serviceaccount/default")?;
        self.shell(&format!("kubectl run demo --image={}", self.image))?;
        let pod = self.shell("kubectl get pod demo -o jsonpath='{.spec.imagePullSecrets}'")?;
        if !pod.contains("\"regcred\"") {
            return Err(Failure::new("the new pod does not refer to the Secret"));
        }
        self.shell("kubectl regcred detach regcred --everywhere")?;
        Ok(())
    }

    fn show_rotation(&self) -> Result<()> {
        say("The robot gets a new password. First the plan, which changes nothing:");
        let rotate = format!(
            "printf %s '{ROTATED}' | kubectl regcred rotate --registry={} -A --docker-username={USERNAME} \
             --password-stdin",
            self.registry.host()
        );
        self.shell(&format!("{rotate} --dry-run=client"))?;
        say("Then every pull secret of the cluster that holds the old one:");
        self.shell(&format!("{rotate} --yes"))?;
        if self.entry()?["password"] != ROTATED {
            return Err(Failure::new("the Secret in the cluster does not hold the new password"));
        }
        Ok(())
    }

    /// The registry's entry in the Secret.
    fn entry(&self) -> Result<Value> {
        let decode = r"kubectl get secret regcred -o jsonpath='{.data.\.dockerconfigjson}' | base64 -d";
        let config = config(&self.shell(decode)?)?;
        Ok(config["auths"][self.registry.host()].clone())
    }

    /// Shows a command line, runs it, and returns and shows what it prints.
    fn shell(&self, line: &str) -> Result<String> {
        interrupt::check()?;
        eprintln!("$ {line}");
        let output = Command::new("sh")
            .args(["-c", line])
            .env_clear()
            .envs(self.keyring.variables())
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

fn config(text: &str) -> Result<Value> {
    serde_json::from_str(text).cannot("read the docker config")
}

/// A folder for its owner alone.
fn make_private(folder: &Path) -> Result<()> {
    let mut builder = std::fs::DirBuilder::new();
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder).cannot_at("create", folder)
}

fn say(text: &str) {
    eprintln!("\n# {text}");
}
