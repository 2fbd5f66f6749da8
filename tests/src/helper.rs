//! Our credential helper in a sandbox, on a keyring of its own, with a trace of what clients ask of it.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use xtask::secret_service::SecretService;

use crate::kernel_keyring::KernelKeyring;
use crate::output::Output;
use crate::sandbox::Sandbox;
use crate::secret_service;

/// What clients start.
pub const HELPER: &str = "docker-credential-regcred";

/// Where it keeps what it stores.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Keyring {
    /// gnome-keyring on a session bus.
    SecretService,
    /// The kernel's; the sandbox has no session bus.
    Keyutils,
}

/// The helper of a sandbox. Its keyring goes away with this value.
#[derive(Debug)]
pub struct Helper {
    trace: PathBuf,
    secret_service: Option<SecretService>,
    _kernel_keyring: Option<KernelKeyring>,
}

/// One run of the helper.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    /// What it was to do.
    pub verb: String,
    /// Its whole input, for `get` and `erase`; empty otherwise.
    pub server: String,
    /// How it ended.
    pub code: i32,
}

impl Helper {
    /// Puts the helper on the sandbox's `PATH`, with an empty keyring.
    pub fn install(sandbox: &mut Sandbox, keyring: Keyring) -> Self {
        let (mut service, mut kernel_keyring) = (None, None);
        match keyring {
            Keyring::SecretService => service = Some(secret_service::start(sandbox)),
            Keyring::Keyutils => kernel_keyring = Some(KernelKeyring::of_root()),
        }
        let trace = sandbox.root().join("trace");
        let enter = kernel_keyring.as_ref().map(KernelKeyring::shell_prefix).unwrap_or_default();
        let running = sandbox.root().join("running").display().to_string();
        let command = format!("{enter} {}", sandbox.find(HELPER).display());
        // The server's name is no secret, and what `store` gets is not looked at. A variable of a shell is in no other
        // process' sight.
        let script = format!(
            "#!/bin/sh\n: > {running}\nserver=\ncase $1 in\n\
             get|erase) server=$(cat); printf %s \"$server\" | {command} \"$@\" ;;\n\
             *) {command} \"$@\" ;;\nesac\n\
             code=$?\nprintf '%s %s %s\\n' \"$1\" \"$code\" \"$server\" >> {}\nrm -f {running}\nexit $code\n",
            trace.display()
        );
        sandbox.script(HELPER, &script);
        Self { trace, secret_service: service, _kernel_keyring: kernel_keyring }
    }

    /// The session's keyring daemon, to lock or kill it.
    pub fn secret_service(&mut self) -> &mut SecretService {
        self.secret_service.as_mut().expect("the helper was installed on a Secret Service")
    }

    /// Kills the session's keyring daemon in whatever it does, frozen or not.
    pub fn crash_keyring(&self) {
        let service = self.secret_service.as_ref().expect("the helper was installed on a Secret Service");
        service.crash().unwrap_or_else(|failure| panic!("{failure}"));
    }

    /// What was asked of it so far, in order.
    pub fn calls(&self) -> Vec<Call> {
        let text = std::fs::read_to_string(&self.trace).unwrap_or_default();
        let call = |line: &str| {
            let mut words = line.splitn(3, ' ').map(str::to_owned);
            let verb = words.next()?;
            let code = words.next()?.parse().ok()?;
            Some(Call { verb, server: words.next()?, code })
        };
        text.lines().map(|line| call(line).unwrap_or_else(|| panic!("no line of a trace: {line}"))).collect()
    }

    /// What was asked of it since the last look, as `verb server` and, if it failed, ` failed`.
    pub fn take_calls(&self) -> Vec<String> {
        let calls = self.calls();
        std::fs::remove_file(&self.trace).ok();
        let tell = |Call { verb, server, code }: &Call| {
            let failed = if *code == 0 { "" } else { " failed" };
            format!("{verb} {server}{failed}").replace("  ", " ").trim_end().to_owned()
        };
        calls.iter().map(tell).collect()
    }

    /// Waits until a client runs the helper, and gives it the time to ask its keyring.
    pub fn wait_for_a_call(&self, sandbox: &Sandbox) {
        let running = sandbox.root().join("running");
        let deadline = Instant::now() + Duration::from_secs(30);
        while !running.exists() {
            assert!(Instant::now() < deadline, "no client runs the helper");
            std::thread::sleep(Duration::from_millis(5));
        }
        std::thread::sleep(Duration::from_millis(500));
    }

    /// Runs the helper itself, past the trace's reader: the next `take_calls` does not tell of it.
    pub fn ask(&self, sandbox: &Sandbox, verb: &str, stdin: &str) -> Output {
        let before = std::fs::read(&self.trace).unwrap_or_default();
        let output = sandbox.run_with_stdin(HELPER, [verb], stdin.as_bytes());
        std::fs::write(&self.trace, before).expect("the trace can be written");
        output
    }

    /// What `list` prints: the servers and their user names.
    pub fn list(&self, sandbox: &Sandbox) -> serde_json::Value {
        self.ask(sandbox, "list", "").success().json()
    }
}
