//! A real Secret Service without a desktop: a D-Bus session bus and gnome-keyring of its own.
//!
//! It starts in some 30 ms and lives in folders that its owner gives, so that the tests, the demo and the bench can
//! have as many as they like, side by side.
//!
//! ```no_run
//! # fn main() -> xtask::failure::Result<()> {
//! # let (home, runtime) = (std::path::Path::new("home"), std::path::Path::new("run"));
//! let service = xtask::secret_service::SecretService::start(home, runtime)?;
//! let mut helper = std::process::Command::new("docker-credential-regcred");
//! helper.env_clear().envs(service.variables()).arg("list");
//! service.lock()?; // from here on the keyring is there, but locked
//! # Ok(())
//! # }
//! ```

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use crate::failure::{Context as _, Failure, Result};

/// What the keyring is encrypted with.
pub const KEYRING_PASSWORD: &str = "opens the keyring of a test";
/// After this long a daemon won't come up any more.
const PATIENCE: Duration = Duration::from_secs(20);
const SERVICE: &str = "org.freedesktop.secrets";
/// gnome-keyring's default collection: the one that is unlocked at login.
const COLLECTION: &str = "/org/freedesktop/secrets/collection/login";

/// A running session bus, with a keyring on it unless it was killed. Both end with this value.
#[derive(Debug)]
pub struct SecretService {
    home: PathBuf,
    runtime: PathBuf,
    bus: Child,
    keyring: Option<Child>,
}

impl SecretService {
    /// Starts a bus with an unlocked keyring, which is empty unless `home` has one already. `runtime` is the
    /// session's `XDG_RUNTIME_DIR`: it must have mode 0700 and a short path (a socket's has at most 107 bytes), and
    /// the bus is the file `bus` in it.
    pub fn start(home: &Path, runtime: &Path) -> Result<Self> {
        let mut service = Self::start_bus(home, runtime)?;
        service.start_keyring(true)?;
        Ok(service)
    }

    /// Starts a bus with no keyring on it, and nothing that would start one when it is asked for.
    pub fn start_bus(home: &Path, runtime: &Path) -> Result<Self> {
        let socket = runtime.join("bus");
        let configuration = runtime.join("bus.conf");
        std::fs::write(&configuration, bus_configuration(&socket)).cannot_at("write", &configuration)?;
        let mut bus = bare("dbus-daemon", home, runtime)
            .arg("--config-file")
            .arg(&configuration)
            .args(["--nofork", "--nopidfile", "--print-address"])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .cannot("start dbus-daemon")?;
        let mut address = String::new();
        if let Some(output) = bus.stdout.take() {
            // It writes the line once it listens.
            BufReader::new(output).read_line(&mut address).cannot("read dbus-daemon's address")?;
        }
        let service = Self { home: home.to_owned(), runtime: runtime.to_owned(), bus, keyring: None };
        if address.is_empty() {
            return Err(Failure::new(format!("dbus-daemon does not listen at {}", socket.display())));
        }
        Ok(service)
    }

    /// Starts the keyring anew: unlocked, or as it is after a login that didn't unlock it. What was in it is in it
    /// again.
    pub fn start_keyring(&mut self, unlocked: bool) -> Result<()> {
        self.kill_keyring();
        let mut command = bare("gnome-keyring-daemon", &self.home, &self.runtime);
        command.args(["--foreground", "--components=secrets"]);
        if unlocked {
            command.arg("--unlock");
        }
        let mut keyring = command
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .cannot("start gnome-keyring-daemon")?;
        let input = keyring.stdin.take();
        self.keyring = Some(keyring);
        if let Some(mut input) = input.filter(|_| unlocked) {
            input.write_all(KEYRING_PASSWORD.as_bytes()).cannot("give gnome-keyring-daemon its password")?;
        }
        let deadline = Instant::now() + PATIENCE;
        while !self.has_keyring()? {
            if Instant::now() > deadline {
                return Err(Failure::new("gnome-keyring-daemon does not come up"));
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        Ok(())
    }

    /// The variables of a program in this session.
    pub fn variables(&self) -> [(&'static str, PathBuf); 3] {
        let address = format!("unix:path={}", self.runtime.join("bus").display());
        [
            ("HOME", self.home.clone()),
            ("XDG_RUNTIME_DIR", self.runtime.clone()),
            ("DBUS_SESSION_BUS_ADDRESS", address.into()),
        ]
    }

    /// Locks the keyring, as a desktop does with its screen.
    pub fn lock(&self) -> Result<()> {
        let collection = format!("array:objpath:{COLLECTION}");
        let path = "/org/freedesktop/secrets";
        self.call(SERVICE, path, "org.freedesktop.Secret.Service.Lock", &collection).map(|_| ())
    }

    /// The keyring answers nothing from here on, until it is thawed: who calls it waits.
    pub fn freeze(&self) -> Result<()> {
        self.signal_keyring(Signal::STOP)
    }

    /// Lets a frozen keyring answer again.
    pub fn thaw(&self) -> Result<()> {
        self.signal_keyring(Signal::CONT)
    }

    /// Kills the keyring in whatever it does.
    pub fn crash(&self) -> Result<()> {
        self.signal_keyring(Signal::KILL)
    }

    /// Kills the keyring, as a crash would, and waits for its end; the bus stays.
    pub fn kill_keyring(&mut self) {
        if let Some(keyring) = &mut self.keyring {
            end(keyring);
        }
        self.keyring = None;
    }

    fn signal_keyring(&self, signal: Signal) -> Result<()> {
        let pid = self.keyring.as_ref().and_then(|keyring| i32::try_from(keyring.id()).ok());
        // It is our child and not yet waited for: its number is still its own.
        let pid = pid.and_then(Pid::from_raw).ok_or_else(|| Failure::new("there is no keyring"))?;
        kill_process(pid, signal).cannot("send a signal to gnome-keyring-daemon")
    }

    fn has_keyring(&self) -> Result<bool> {
        let name = format!("string:{SERVICE}");
        let answer = self.call("org.freedesktop.DBus", "/", "org.freedesktop.DBus.NameHasOwner", &name)?;
        Ok(answer.contains("boolean true"))
    }

    fn call(&self, service: &str, path: &str, method: &str, argument: &str) -> Result<String> {
        let output = bare("dbus-send", &self.home, &self.runtime)
            .envs(self.variables())
            .args(["--session", "--print-reply", "--reply-timeout=20000"])
            .arg(format!("--dest={service}"))
            .args([path, method, argument])
            .stdin(Stdio::null())
            .output()
            .cannot("run dbus-send")?;
        if output.status.success() {
            return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
        }
        Err(Failure::new(format!("{method} failed: {}", String::from_utf8_lossy(&output.stderr).trim())))
    }
}

impl Drop for SecretService {
    fn drop(&mut self) {
        self.kill_keyring();
        end(&mut self.bus);
    }
}

/// It may be gone already, and that is fine.
fn end(daemon: &mut Child) {
    let _ = daemon.kill();
    let _ = daemon.wait();
}

/// A program that sees nothing of the session that we run in ourselves.
fn bare(program: &str, home: &Path, runtime: &Path) -> Command {
    let mut command = Command::new(program);
    command
        .current_dir(home)
        .env_clear()
        .env("PATH", "/usr/bin:/bin")
        .env("HOME", home)
        .env("XDG_RUNTIME_DIR", runtime)
        .env("DBUS_SESSION_BUS_ADDRESS", format!("unix:path={}", runtime.join("bus").display()));
    command
}

/// Debian's `session.conf` without the folders of services: nothing starts a second keyring behind our back.
fn bus_configuration(socket: &Path) -> String {
    format!(
        r#"<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <type>session</type>
  <listen>unix:path={}</listen>
  <auth>EXTERNAL</auth>
  <policy context="default">
    <allow send_destination="*" eavesdrop="true"/>
    <allow eavesdrop="true"/>
    <allow own="*"/>
  </policy>
  <limit name="max_incoming_bytes">1000000000</limit>
  <limit name="max_incoming_unix_fds">250000000</limit>
  <limit name="max_outgoing_bytes">1000000000</limit>
  <limit name="max_outgoing_unix_fds">250000000</limit>
  <limit name="max_message_size">1000000000</limit>
  <limit name="service_start_timeout">120000</limit>
  <limit name="auth_timeout">240000</limit>
  <limit name="pending_fd_timeout">150000</limit>
  <limit name="max_completed_connections">100000</limit>
  <limit name="max_incomplete_connections">10000</limit>
  <limit name="max_connections_per_user">100000</limit>
  <limit name="max_pending_service_starts">10000</limit>
  <limit name="max_names_per_connection">50000</limit>
  <limit name="max_match_rules_per_connection">50000</limit>
  <limit name="max_replies_per_connection">128</limit>
</busconfig>
"#,
        socket.display()
    )
}
