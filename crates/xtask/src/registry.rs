//! A real registry, Debian's docker-registry, with users and a log.

use std::fs::File;
use std::io::Write as _;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use tempfile::TempDir;

use crate::failure::{Context as _, Failure, Result};

/// After this long it won't come up any more.
const PATIENCE: Duration = Duration::from_secs(20);

/// A running registry on a free port of loopback, with basic auth and one user, or open to anybody. It ends with this value.
#[derive(Debug)]
pub struct Registry {
    process: Child,
    address: SocketAddr,
    folder: TempDir,
    /// `user:password`, unless anybody may use it.
    login: Option<String>,
    transport: Transport,
}

/// How a registry is spoken with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transport {
    /// Plain HTTP, which clients accept on loopback alone, and some only when they are told to.
    Http,
    /// TLS, with a certificate that clients trust if `SSL_CERT_FILE` is [`Registry::certificate`].
    Tls,
}

impl Registry {
    /// Starts an empty registry that only this user may use.
    pub fn start(transport: Transport, username: &str, password: &str) -> Result<Self> {
        Self::launch(transport, Some((username, password)))
    }

    /// Starts an empty registry that anybody may use, without a login.
    pub fn start_public(transport: Transport) -> Result<Self> {
        Self::launch(transport, None)
    }

    fn launch(transport: Transport, login: Option<(&str, &str)>) -> Result<Self> {
        let folder = tempfile::Builder::new().prefix("regcred-registry-").tempdir();
        let folder = folder.cannot("make a folder for a registry")?;
        let path = |name: &str| folder.path().join(name);
        let mut http = json!({ "addr": "127.0.0.1:0" });
        if transport == Transport::Tls {
            let names = ["localhost", "127.0.0.1"].map(String::from);
            let signed = rcgen::generate_simple_self_signed(names).cannot("make a certificate")?;
            write(&path("certificate.pem"), signed.cert.pem())?;
            write(&path("key.pem"), signed.signing_key.serialize_pem())?;
            http["tls"] = json!({ "certificate": path("certificate.pem"), "key": path("key.pem") });
        }
        // Only at this level does it name the user of a request that went well.
        let mut configuration = json!({
            "version": 0.1,
            "log": { "level": "debug", "formatter": "json", "accesslog": { "disabled": true } },
            "storage": { "filesystem": { "rootdirectory": path("data") } },
            "http": http,
        });
        if let Some((username, password)) = login {
            write(&path("htpasswd"), htpasswd(username, password)?)?;
            configuration["auth"] = json!({ "htpasswd": { "realm": "regcred", "path": path("htpasswd") } });
        }
        write(&path("config.yml"), configuration.to_string())?;
        let log = File::create(path("log")).cannot("write a registry's log")?;
        let mut process = Command::new("docker-registry")
            .arg("serve")
            .arg(path("config.yml"))
            .env_clear()
            .current_dir(folder.path())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .cannot("start docker-registry")?;
        let Some(address) = address(&mut process, &path("log")) else {
            let _ = process.kill();
            let _ = process.wait();
            return Err(Failure::new(format!("docker-registry does not come up: {}", read(&path("log")))));
        };
        let login = login.map(|(username, password)| format!("{username}:{password}"));
        Ok(Self { process, address, folder, login, transport })
    }

    /// `host:port`, as it stands in front of an image's name.
    pub fn host(&self) -> String {
        self.address.to_string()
    }

    /// The certificate, as PEM, which is its own authority.
    pub fn certificate(&self) -> PathBuf {
        self.folder.path().join("certificate.pem")
    }

    /// Pushes an image with nothing in it as `repository:latest`, which nobody else may pull if the registry has a user; returns
    /// its whole name.
    pub fn push(&self, repository: &str) -> Result<String> {
        let name = format!("{}/{repository}:latest", self.host());
        let layout = self.folder.path().join("layout");
        write_image(&layout)?;
        let authfile = self.folder.path().join("auth.json");
        let mut config = json!({ "auths": {} });
        if let Some(login) = &self.login {
            config["auths"][self.host()] = json!({ "auth": STANDARD.encode(login) });
        }
        write(&authfile, config.to_string())?;
        let mut command = Command::new("skopeo");
        command
            .args(["--insecure-policy", "copy", "--quiet", "--dest-tls-verify=false", "--dest-authfile"])
            .arg(&authfile)
            .arg(format!("oci:{}:latest", layout.display()))
            .arg(format!("docker://{name}"))
            .env("HOME", self.folder.path());
        output(command, b"")?;
        Ok(name)
    }

    /// What the registry has logged, an object a line.
    pub fn log(&self) -> Vec<Value> {
        let text = read(&self.folder.path().join("log"));
        text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
    }

    /// Who was given the manifest of an image in `repository`, a user's name for each request.
    pub fn readers(&self, repository: &str) -> Vec<String> {
        let given = |line: &Value| line["msg"] == "GetImageManifest" && line["vars.name"] == repository;
        let reader = |line: &Value| line["auth.user.name"].as_str().unwrap_or("nobody").to_owned();
        self.log().iter().filter(|line| given(line)).map(reader).collect()
    }

    /// How often it let somebody in at its front door (`/v2/`), as clients ask it at a login.
    pub fn logins(&self) -> usize {
        let login = |line: &Value| line["msg"] == "authorized request" && line["http.request.uri"] == "/v2/";
        self.log().iter().filter(|line| login(line)).count()
    }

    /// How often it refused a password.
    pub fn refused(&self) -> usize {
        let refusal =
            |line: &Value| line["msg"].as_str().is_some_and(|text| text.starts_with("error authenticating"));
        self.log().iter().filter(|line| refusal(line)).count()
    }

    /// How it is spoken with.
    pub fn transport(&self) -> Transport {
        self.transport
    }
}

impl Drop for Registry {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_default()
}

/// Where it listens, as it logs itself; none if it ended or takes too long.
fn address(process: &mut Child, log: &Path) -> Option<SocketAddr> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let text = read(log);
        if let Some((_, rest)) = text.split_once("listening on ") {
            let end = rest.find(|character: char| !character.is_ascii_digit() && !".:".contains(character));
            if let Some(end) = end {
                return rest[..end].parse().ok();
            }
        }
        if !matches!(process.try_wait(), Ok(None)) || Instant::now() > deadline {
            return None;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// The cheapest hash that bcrypt has: nobody attacks this one.
fn htpasswd(username: &str, password: &str) -> Result<Vec<u8>> {
    let mut command = Command::new("htpasswd");
    command.args(["-i", "-n", "-B", "-C", "4", username]);
    output(command, password.as_bytes())
}

/// What a command prints, which is to succeed.
fn output(mut command: Command, stdin: &[u8]) -> Result<Vec<u8>> {
    let name = command.get_program().display().to_string();
    let command = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().cannot(format_args!("start {name}"))?;
    if let Some(mut input) = child.stdin.take() {
        input.write_all(stdin).cannot(format_args!("write to {name}"))?;
    }
    let output = child.wait_with_output().cannot(format_args!("wait for {name}"))?;
    if output.status.success() {
        return Ok(output.stdout);
    }
    Err(Failure::new(format!("{name} failed: {}", String::from_utf8_lossy(&output.stderr).trim())))
}

fn write(path: &Path, text: impl AsRef<[u8]>) -> Result<()> {
    std::fs::write(path, text).cannot_at("write", path)
}

/// An image with one empty layer, as an OCI image layout (image-spec, `image-layout.md`).
fn write_image(layout: &Path) -> Result<()> {
    let blobs = layout.join("blobs/sha256");
    std::fs::create_dir_all(&blobs).cannot_at("create", &blobs)?;
    let blob = |kind: &str, contents: &[u8]| {
        let hash =
            Sha256::digest(contents).iter().fold(String::new(), |text, byte| format!("{text}{byte:02x}"));
        write(&blobs.join(&hash), contents)?;
        Ok(json!({ "mediaType": kind, "digest": format!("sha256:{hash}"), "size": contents.len() }))
    };
    // The end of a tar archive is all that an empty one has.
    let layer: Value = blob("application/vnd.oci.image.layer.v1.tar", &[0; 1024])?;
    let config = json!({
        "architecture": "amd64",
        "os": "linux",
        "config": {},
        "rootfs": { "type": "layers", "diff_ids": [layer["digest"]] },
    });
    let config = blob("application/vnd.oci.image.config.v1+json", config.to_string().as_bytes())?;
    let manifest = json!({
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "config": config,
        "layers": [layer],
    });
    let mut manifest = blob("application/vnd.oci.image.manifest.v1+json", manifest.to_string().as_bytes())?;
    manifest["annotations"] = json!({ "org.opencontainers.image.ref.name": "latest" });
    let index = json!({ "schemaVersion": 2, "manifests": [manifest] });
    write(&layout.join("index.json"), index.to_string())?;
    write(&layout.join("oci-layout"), br#"{"imageLayoutVersion":"1.0.0"}"#)
}
