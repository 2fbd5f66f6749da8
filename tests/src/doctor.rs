//! A machine for `docker-credential-regcred doctor`, and what it says of it.
//!
//! Every run is checked for what holds for all of them: it says the same to people and to scripts, changes nothing and
//! shows no password.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use regcred_core::harmless::harmless;
use serde_json::{Value, json};
use xtask::secret_service::SecretService;

use crate::helper::HELPER;
use crate::kernel_keyring::KernelKeyring;
use crate::leak::assert_no_secret;
use crate::output::Output;
use crate::sandbox::Sandbox;
use crate::secret_service;

/// The password of every login on the machine.
pub const PASSWORD: &str = "hunter2-that-nobody-sees";
/// docker's file, in the home folder.
pub const DOCKER_CONFIG: &str = ".docker/config.json";
/// podman's file that lasts, in the home folder.
pub const AUTH_JSON: &str = ".config/containers/auth.json";
/// What docker's file says once docker asks our helper.
pub const CONFIGURED: &str = "{ \"credsStore\": \"regcred\" }";

/// A machine with a keyring, our helper, and the clients that a test gives it.
#[derive(Debug)]
pub struct Machine {
    /// Its files and variables.
    pub sandbox: Sandbox,
    service: Option<SecretService>,
    kernel: Option<KernelKeyring>,
}

impl Machine {
    /// With an unlocked, empty Secret Service. Nothing of the system is on `PATH` but some tools and `clients`.
    pub fn with(clients: &[&str]) -> Self {
        let mut sandbox = Sandbox::without_cluster();
        let service = secret_service::start(&mut sandbox);
        Self { sandbox, service: Some(service), kernel: None }.set_path(clients)
    }

    /// Without a session bus.
    pub fn on_the_kernels_keyring(clients: &[&str]) -> Self {
        let kernel = KernelKeyring::of_root();
        Self { sandbox: Sandbox::without_cluster(), service: None, kernel: Some(kernel) }.set_path(clients)
    }

    fn set_path(mut self, clients: &[&str]) -> Self {
        for tool in ["sh", "ln", "chmod", "rm", "nsenter"] {
            self.install(tool);
        }
        for client in clients {
            // Whether docker is there is asked; it is not run.
            let program = if *client == "docker" { "true" } else { client };
            self.link(client, &self.sandbox.find(program));
        }
        let path = [self.sandbox.bin(), self.sandbox.root().join("programs")];
        self.sandbox.set("PATH", std::env::join_paths(path).expect("a folder's name has no colon"));
        self
    }

    /// Puts a program of the system on `PATH`.
    pub fn install(&self, program: &str) {
        self.link(program, &self.sandbox.find(program));
    }

    /// Puts a program on `PATH` under another name.
    pub fn link(&self, name: &str, program: &Path) {
        symlink(program, self.sandbox.bin().join(name)).expect("a program can be linked");
    }

    /// The keyring daemon, to lock or freeze it.
    pub fn secret_service(&mut self) -> &mut SecretService {
        self.service.as_mut().expect("the machine has a Secret Service")
    }

    /// Runs a program as the user of the keyring.
    pub fn run<A>(&self, program: &str, line: impl IntoIterator<Item = A>, stdin: &str) -> Output
    where
        A: Into<OsString>,
    {
        let line: Vec<OsString> = line.into_iter().map(Into::into).collect();
        match &self.kernel {
            Some(kernel) => kernel.run(&self.sandbox, program, line, stdin.as_bytes()),
            None => self.sandbox.run_with_stdin(program, line, stdin.as_bytes()),
        }
    }

    /// Stores a login of the user `robot`, as a client does.
    pub fn store(&self, server: &str, secret: &str) {
        let login = json!({ "ServerURL": server, "Username": "robot", "Secret": secret });
        self.run(HELPER, ["store"], &login.to_string()).success();
    }

    /// Runs a remedy as a person who pastes it.
    pub fn heed(&self, remedy: &str) -> Output {
        self.run("sh", ["-c", remedy], "")
    }

    /// What `doctor` says.
    #[track_caller]
    pub fn doctor(&self) -> Diagnosis {
        let before = files(self.sandbox.root());
        let output = self.run(HELPER, ["doctor"], "");
        let object = self.run(HELPER, ["doctor", "-o", "json"], "");
        assert_eq!(files(self.sandbox.root()), before, "nothing is changed");
        let diagnosis = Diagnosis { json: object.json(), text: output.stdout.clone() };
        let problems = diagnosis.findings("problems").len();
        let code = if problems == 0 { 0 } else { 3 };
        output.assert_code(code);
        object.assert_code(code);
        let count = match problems {
            0 => "no problems".to_owned(),
            1 => "1 problem".to_owned(),
            many => format!("{many} problems"),
        };
        assert_eq!((output.stderr.as_str(), object.stderr.as_str()), (&*format!("note: {count}\n"), ""));
        for finding in diagnosis.findings("problems").iter().chain(&diagnosis.findings("notes")) {
            for part in ["message", "remedy"] {
                let part = finding[part].as_str().expect("a text");
                let is_shown = diagnosis.text.contains(&*harmless(part));
                assert!(!part.is_empty() && is_shown, "{part}\n{}", diagnosis.text);
            }
        }
        assert!(!output.stdout.contains(|character: char| character.is_control() && character != '\n'));
        for secret in [PASSWORD, &STANDARD.encode(format!("robot:{PASSWORD}"))] {
            // Not the process' variables, where a test of DOCKER_AUTH_CONFIG has it.
            assert_no_secret(secret, &[&output.stdout, &output.stderr, &object.stdout, &object.stderr]);
        }
        diagnosis
    }

    /// Fails the test unless there is this one problem, and none any more once its remedy has run.
    #[track_caller]
    pub fn assert_mended(&self, code: &str, message: &str, remedy: &str) {
        let said = self.doctor().problem(code);
        assert_eq!((said.0.as_str(), said.1.as_str()), (message, remedy));
        self.heed(remedy).success();
        self.doctor().assert_healthy();
    }
}

/// What `doctor` says.
#[derive(Debug)]
pub struct Diagnosis {
    /// To scripts.
    pub json: Value,
    /// To people.
    pub text: String,
}

impl Diagnosis {
    /// All of its `problems` or `notes`.
    pub fn findings(&self, kind: &str) -> Vec<Value> {
        self.json[kind].as_array().expect("a list").clone()
    }

    /// Their codes.
    pub fn codes(&self, kind: &str) -> Vec<String> {
        let findings = self.findings(kind);
        findings.iter().map(|finding| finding["code"].as_str().expect("a text").to_owned()).collect()
    }

    /// The message and the remedy of the only problem.
    #[track_caller]
    pub fn problem(&self, code: &str) -> (String, String) {
        assert_eq!(self.codes("problems"), [code], "{}", self.text);
        self.of("problems", code)
    }

    /// The message and the remedy of the only note.
    #[track_caller]
    pub fn note(&self, code: &str) -> (String, String) {
        assert_eq!(self.codes("notes"), [code], "{}", self.text);
        self.of("notes", code)
    }

    /// The message and the remedy of the first of several.
    #[track_caller]
    pub fn of(&self, kind: &str, code: &str) -> (String, String) {
        let findings = self.findings(kind);
        let found = findings.iter().find(|finding| finding["code"] == code);
        let found = found.unwrap_or_else(|| panic!("no {code} among the {kind}:\n{}", self.text));
        let text = |part: &str| found[part].as_str().expect("a text").to_owned();
        (text("message"), text("remedy"))
    }

    /// Fails the test if there are problems.
    #[track_caller]
    pub fn assert_healthy(&self) {
        assert_eq!(self.codes("problems"), Vec::<String>::new(), "{}", self.text);
    }
}

/// An entry of a docker config with the user `robot`.
pub fn entry(password: &str) -> Value {
    json!({ "auth": STANDARD.encode(format!("robot:{password}")) })
}

/// A token (a JWT) as registries give them, which ends so many hours from now; and its end in seconds since 1970.
#[expect(clippy::disallowed_methods, reason = "the program under test asks the real clock")]
pub fn token(hours: i64) -> (String, i64) {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("a clock that goes right").as_secs();
    let end = i64::try_from(now).expect("a time near ours") + hours * 3600;
    let part = |value: Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let parts = [part(json!({ "alg": "none" })), part(json!({ "exp": end })), PASSWORD.to_owned()];
    (parts.join("."), end)
}

/// Every file, with its mode; sockets and the like by their name.
fn files(root: &Path) -> BTreeMap<PathBuf, (u32, Vec<u8>)> {
    let mut found = BTreeMap::new();
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).expect("a folder can be listed") {
            let path = entry.expect("a folder can be listed").path();
            let metadata = path.symlink_metadata().expect("a file can be looked at");
            let contents =
                if metadata.is_file() { std::fs::read(&path).expect("it can be read") } else { Vec::new() };
            if metadata.is_dir() {
                folders.push(path.clone());
            }
            found.insert(path, (metadata.permissions().mode(), contents));
        }
    }
    found
}
