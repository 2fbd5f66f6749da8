//! Real proxies, as companies have between their machines and a cluster: tinyproxy for HTTP, microsocks for SOCKS5.

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use crate::sandbox::Sandbox;

/// A running tinyproxy on loopback; it ends with this value.
pub struct ForwardProxy {
    process: Child,
    address: SocketAddr,
    log: PathBuf,
}

impl ForwardProxy {
    /// Starts a proxy, with the folder of `sandbox` for its files. With `login`, it wants this user and
    /// password. `wrapper` is a program of the sandbox that runs its arguments (`mounts::WITH_MOUNTS`).
    pub fn start(sandbox: &Sandbox, login: Option<(&str, &str)>, wrapper: Option<&str>) -> Self {
        // Between our letting go of the port and tinyproxy's taking it, somebody else may take it.
        for _ in 0..5 {
            if let Some(proxy) = Self::try_start(sandbox, login, wrapper) {
                return proxy;
            }
        }
        panic!("tinyproxy doesn't start; its log is in {}", sandbox.home().display());
    }

    fn try_start(sandbox: &Sandbox, login: Option<(&str, &str)>, wrapper: Option<&str>) -> Option<Self> {
        let address =
            TcpListener::bind("127.0.0.1:0").and_then(|free| free.local_addr()).expect("a free port");
        let log = sandbox.home().join("tinyproxy.log");
        let login = login.map_or(String::new(), |(user, password)| format!("BasicAuth {user} {password}\n"));
        let configuration = format!(
            "Port {}\nListen 127.0.0.1\nAllow 127.0.0.1\nMaxClients 20\nTimeout 60\nLogLevel Connect\nLogFile \"{}\"\n{login}",
            address.port(),
            log.display(),
        );
        let configuration = sandbox.write("tinyproxy.conf", configuration);
        let program = sandbox.find("tinyproxy");
        let mut command = match wrapper {
            Some(wrapper) => {
                let mut command = Command::new(sandbox.find(wrapper));
                command.arg(program);
                command
            }
            None => Command::new(program),
        };
        let mut process = command
            .args(["-d", "-c"])
            .arg(configuration)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("tinyproxy starts");
        for _ in 0..200 {
            if process.try_wait().expect("a child can be asked").is_some() {
                return None;
            }
            if TcpStream::connect(address).is_ok() {
                return Some(Self { process, address, log });
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        let _ = process.kill();
        let _ = process.wait();
        None
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// How many tunnels to `server` (`host:port`) it was asked for.
    pub fn tunnels_to(&self, server: &str) -> usize {
        let log = std::fs::read_to_string(&self.log).unwrap_or_default();
        log.matches(&format!("CONNECT {server} HTTP/1.1")).count()
    }

    /// The file with its log.
    pub fn log(&self) -> PathBuf {
        self.log.clone()
    }
}

impl Drop for ForwardProxy {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// A running microsocks on loopback; it ends with this value.
pub struct SocksProxy {
    process: Child,
    address: SocketAddr,
    log: PathBuf,
}

impl SocksProxy {
    /// Starts a proxy, with the folder of `sandbox` for its log.
    pub fn start(sandbox: &Sandbox) -> Self {
        let address =
            TcpListener::bind("127.0.0.1:0").and_then(|free| free.local_addr()).expect("a free port");
        let log = sandbox.home().join("microsocks.log");
        let process = Command::new(sandbox.find("microsocks"))
            .args(["-i", "127.0.0.1", "-p", &address.port().to_string()])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(std::fs::File::create(&log).expect("the log can be made"))
            .spawn()
            .expect("microsocks starts");
        for _ in 0..200 {
            if TcpStream::connect(address).is_ok() {
                break;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        Self { process, address, log }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// How many connections to `server` (`host:port`) it made.
    pub fn connections_to(&self, server: &str) -> usize {
        let log = std::fs::read_to_string(&self.log).unwrap_or_default();
        log.matches(&format!("connected to {server}")).count()
    }
}

impl Drop for SocksProxy {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
