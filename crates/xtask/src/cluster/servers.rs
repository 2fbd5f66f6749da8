//! Starts the servers of a cluster and waits until it can be used.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use super::kubeconfig::Kubeconfig;
use super::layout::Layout;
use super::pki::{Authority, Pair};
use super::state::{Server, State};
use crate::failure::{Context as _, Failure, Result};
use crate::interrupt;
use crate::kubernetes::Programs;
use crate::process::{self, Identity};

const ETCD: &str = "etcd";
const API_SERVER: &str = "kube-apiserver";
const CONTROLLER_MANAGER: &str = "kube-controller-manager";

/// Usually some 4 s; a machine busy with a build takes longer.
const PATIENCE: Duration = Duration::from_secs(90);
const POLL: Duration = Duration::from_millis(50);
/// Between choosing a free port and the server's taking it, somebody else may take it.
const ATTEMPTS: u32 = 5;
/// How much of a log a failure shows.
const LOG_LINES: usize = 20;

/// Starts etcd, the API server and the controller manager in a fresh `layout`; returns the state of a ready
/// cluster.
pub(super) fn start(layout: &Layout, programs: &Programs, mut state: State) -> Result<State> {
    let authority = Authority::create(layout)?;
    std::fs::create_dir_all(layout.logs()).cannot_at("create", &layout.logs())?;
    let mut attempt = 1;
    loop {
        match Start::new(layout, programs, &mut state).run(&authority) {
            Ok(()) => return Ok(state),
            Err(Trouble::PortTaken) if attempt < ATTEMPTS => {
                attempt += 1;
                eprintln!("Somebody else took the port; trying another one …");
                let started: Vec<_> = state.processes.drain(..).map(|server| server.identity).collect();
                process::stop(&started);
                remove_data(&layout.etcd())?;
            }
            Err(Trouble::PortTaken) => {
                return Err(Failure::new(format!("{ATTEMPTS} times somebody else took the chosen port"))
                    .hint("see who opens so many ports on 127.0.0.1, and try again"));
            }
            Err(Trouble::Failed(failure)) => return Err(failure),
        }
    }
}

fn remove_data(folder: &Path) -> Result<()> {
    if folder.exists() { std::fs::remove_dir_all(folder).cannot_at("remove", folder) } else { Ok(()) }
}

enum Trouble {
    /// Worth another try.
    PortTaken,
    Failed(Failure),
}

impl From<Failure> for Trouble {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}

/// One attempt to start the servers.
struct Start<'a> {
    layout: &'a Layout,
    programs: &'a Programs,
    state: &'a mut State,
    children: Vec<(&'static str, Child)>,
    deadline: Instant,
}

impl<'a> Start<'a> {
    fn new(layout: &'a Layout, programs: &'a Programs, state: &'a mut State) -> Self {
        Self { layout, programs, state, children: Vec::new(), deadline: Instant::now() + PATIENCE }
    }

    fn run(&mut self, authority: &Authority) -> std::result::Result<(), Trouble> {
        let [client_port, peer_port, api_port] = free_ports()?;
        let server = format!("https://127.0.0.1:{api_port}");
        self.write_kubeconfigs(&server, authority)?;
        self.state.server = Some(server);

        let etcd = format!("http://127.0.0.1:{client_port}");
        let arguments = etcd_arguments(self.layout, &etcd, &format!("http://127.0.0.1:{peer_port}"));
        self.launch(ETCD, &self.programs.etcd, &arguments)?;
        // The API server must not be pointed to a port before it is certain to be our etcd's.
        self.wait_for("etcd's health", || etcd_is_healthy(client_port))?;

        let arguments = api_server_arguments(self.layout, &etcd, api_port);
        self.launch(API_SERVER, &self.programs.api_server, &arguments)?;
        self.wait_for("the API server's /readyz", || ask(self.programs, self.layout, "/readyz").is_some())?;

        let arguments = controller_manager_arguments(self.layout);
        self.launch(CONTROLLER_MANAGER, &self.programs.controller_manager, &arguments)?;
        self.wait_for("the default namespace's service account", || {
            ask(self.programs, self.layout, "/api/v1/namespaces/default/serviceaccounts/default").is_some()
        })?;

        self.state.version = ask(self.programs, self.layout, "/version")
            .and_then(|answer| serde_json::from_str::<serde_json::Value>(&answer).ok())
            .and_then(|answer| Some(answer["gitVersion"].as_str()?.to_owned()));
        self.state.ready = true;
        Ok(self.state.write(self.layout)?)
    }

    fn write_kubeconfigs(&self, server: &str, authority: &Authority) -> Result<()> {
        let administrator = authority.sign_client("regcred-admin", Some("system:masters"))?;
        // Also of system:masters: RBAC grants system:kube-controller-manager too little to run all
        // controllers under one identity.
        let controller_manager =
            authority.sign_client("system:kube-controller-manager", Some("system:masters"))?;
        let write = |pair: &Pair, path: &Path| {
            Kubeconfig { server, authority: Some(authority.certificate()), user: Some(pair) }.write(path)
        };
        write(&administrator, &self.layout.kubeconfig())?;
        write(&controller_manager, &self.layout.controller_manager_kubeconfig())
    }

    fn launch(&mut self, name: &'static str, program: &Path, arguments: &[String]) -> Result<()> {
        let child = process::start_detached(program, arguments, self.layout.root(), &self.layout.log(name))?;
        // Gone already? Then `wait_for` finds out why, and there is nothing to stop.
        if let Some(identity) = Identity::of(child.id()) {
            self.state.processes.push(Server { program: name.to_owned(), identity });
            self.state.write(self.layout)?;
        }
        self.children.push((name, child));
        Ok(())
    }

    fn wait_for(&mut self, what: &str, mut ready: impl FnMut() -> bool) -> std::result::Result<(), Trouble> {
        loop {
            interrupt::check()?;
            for (name, child) in &mut self.children {
                if let Some(status) = child.try_wait().cannot("watch a server")? {
                    let log = read_log(self.layout, name);
                    if log.contains("address already in use") {
                        return Err(Trouble::PortTaken);
                    }
                    return Err(log_failure(&format!("{name} ended ({status})"), self.layout, name).into());
                }
            }
            if ready() {
                return Ok(());
            }
            if Instant::now() > self.deadline {
                let name = self.children.last().map_or(ETCD, |(name, _)| *name);
                let what = format!("waited {} s in vain for {what}", PATIENCE.as_secs());
                return Err(log_failure(&what, self.layout, name).into());
            }
            std::thread::sleep(POLL);
        }
    }
}

fn read_log(layout: &Layout, name: &str) -> String {
    std::fs::read(layout.log(name)).map(|log| String::from_utf8_lossy(&log).into_owned()).unwrap_or_default()
}

fn log_failure(what: &str, layout: &Layout, name: &str) -> Failure {
    let log = read_log(layout, name);
    let lines: Vec<&str> = log.lines().collect();
    let tail = lines[lines.len().saturating_sub(LOG_LINES)..].join("\n");
    let path = layout.log(name);
    Failure::new(format!("{what}; the last lines of {}:\n{tail}", path.display()))
        .hint(format!("the logs of all servers are in {}", layout.logs().display()))
}

/// Three ports that are free right now; held together, so that they differ.
fn free_ports() -> Result<[u16; 3]> {
    let listen = || TcpListener::bind("127.0.0.1:0").cannot("find a free port on 127.0.0.1");
    let listeners = [listen()?, listen()?, listen()?];
    let mut ports = [0; 3];
    for (port, listener) in ports.iter_mut().zip(&listeners) {
        *port = listener.local_addr().cannot("find a free port on 127.0.0.1")?.port();
    }
    Ok(ports)
}

fn etcd_is_healthy(port: u16) -> bool {
    let health = || -> std::io::Result<String> {
        let mut stream = TcpStream::connect(("127.0.0.1", port))?;
        stream.set_read_timeout(Some(Duration::from_secs(2)))?;
        stream.write_all(b"GET /health HTTP/1.0\r\n\r\n")?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        Ok(answer)
    };
    health().is_ok_and(|answer| answer.contains("\"health\":\"true\""))
}

/// The API server's answer to a GET of `path`, through kubectl as the administrator; none if it isn't a
/// success.
fn ask(programs: &Programs, layout: &Layout, path: &str) -> Option<String> {
    let output = Command::new(&programs.kubectl)
        .args(["get", "--request-timeout=5s", "--raw", path, "--kubeconfig"])
        .arg(layout.kubeconfig())
        .env_clear()
        .env("HOME", layout.root())
        .stdin(Stdio::null())
        .output()
        .ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).into_owned())
}

fn etcd_arguments(layout: &Layout, client: &str, peer: &str) -> Vec<String> {
    vec![
        format!("--data-dir={}", layout.etcd().display()),
        format!("--listen-client-urls={client}"),
        format!("--advertise-client-urls={client}"),
        format!("--listen-peer-urls={peer}"),
        format!("--initial-advertise-peer-urls={peer}"),
        format!("--initial-cluster=default={peer}"),
        // The data is thrown away: don't wait for the disk.
        "--unsafe-no-fsync".into(),
        "--logger=zap".into(),
    ]
}

fn api_server_arguments(layout: &Layout, etcd: &str, port: u16) -> Vec<String> {
    vec![
        format!("--etcd-servers={etcd}"),
        "--bind-address=127.0.0.1".into(),
        "--advertise-address=127.0.0.1".into(),
        format!("--secure-port={port}"),
        // There is no service to keep endpoints for, and 127.0.0.1 would be refused as one.
        "--endpoint-reconciler-type=none".into(),
        format!("--tls-cert-file={}", layout.server_certificate().display()),
        format!("--tls-private-key-file={}", layout.server_key().display()),
        format!("--client-ca-file={}", layout.authority_certificate().display()),
        "--service-account-issuer=https://kubernetes.default.svc".into(),
        format!("--service-account-key-file={}", layout.service_account_public_key().display()),
        format!("--service-account-signing-key-file={}", layout.service_account_key().display()),
        "--service-cluster-ip-range=10.96.0.0/24".into(),
        "--authorization-mode=Node,RBAC".into(),
        "--enable-admission-plugins=NodeRestriction".into(),
        "--allow-privileged=true".into(),
    ]
}

fn controller_manager_arguments(layout: &Layout) -> Vec<String> {
    vec![
        format!("--kubeconfig={}", layout.controller_manager_kubeconfig().display()),
        // Nobody asks for its metrics: no port, no race for one.
        "--secure-port=0".into(),
        "--leader-elect=false".into(),
        // Its 20 requests a second would make tests wait for it.
        "--kube-api-qps=1000".into(),
        "--kube-api-burst=1000".into(),
        "--use-service-account-credentials=false".into(),
        format!("--service-account-private-key-file={}", layout.service_account_key().display()),
        format!("--root-ca-file={}", layout.authority_certificate().display()),
    ]
}
