//! A bare environment for whole programs: nothing of the developer's machine leaks in.
//!
//! Modelled on the test environment of jj (`cli/tests/common/test_environment.rs`).

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::io::{Read, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt, symlink};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::cluster::Cluster;
use crate::output::Output;
use crate::processes::Watch;

/// After this long a program counts as hanging.
const PATIENCE: Duration = Duration::from_mins(2);

/// A temporary home and an environment of its own. The folder vanishes with it.
#[derive(Debug)]
pub struct Sandbox {
    root: TempDir,
    variables: BTreeMap<OsString, OsString>,
    path: Vec<PathBuf>,
}

impl Sandbox {
    /// A sandbox whose kubectl and plugin use `cluster` as its administrator.
    pub fn new(cluster: &Cluster) -> Self {
        let mut sandbox = Self::without_cluster();
        let system = sandbox.path.len() - 2;
        sandbox.path.insert(system, cluster.kubectl_folder().to_path_buf());
        sandbox.use_kubeconfig(&cluster.kubeconfig());
        sandbox
    }

    /// A sandbox with neither cluster nor kubectl.
    pub fn without_cluster() -> Self {
        let root = tempfile::Builder::new().prefix("regcred-").tempdir().expect("a temporary folder");
        for folder in ["home", "bin", "programs", "tmp", "run"] {
            // Some programs insist that XDG_RUNTIME_DIR is private; the others don't mind.
            std::fs::DirBuilder::new()
                .mode(0o700)
                .create(root.path().join(folder))
                .expect("a folder of the sandbox");
        }
        let programs = root.path().join("programs");
        link_programs(&programs);
        let path = vec![root.path().join("bin"), programs, "/usr/bin".into(), "/bin".into()];
        let mut sandbox = Self { variables: BTreeMap::new(), path, root };
        for (name, folder) in [("HOME", "home"), ("TMPDIR", "tmp"), ("XDG_RUNTIME_DIR", "run")] {
            sandbox.set(name, sandbox.root().join(folder));
        }
        sandbox.set("LANG", "C.UTF-8");
        sandbox
    }

    /// Everything that belongs to the sandbox lies below this folder.
    pub fn root(&self) -> &Path {
        self.root.path()
    }

    /// `$HOME`; programs run in this folder.
    pub fn home(&self) -> PathBuf {
        self.root().join("home")
    }

    /// The first folder of `$PATH`, for helper programs of the test.
    pub fn bin(&self) -> PathBuf {
        self.root().join("bin")
    }

    /// Sets an environment variable for the programs to come.
    pub fn set(&mut self, name: impl AsRef<OsStr>, value: impl AsRef<OsStr>) {
        self.variables.insert(name.as_ref().to_owned(), value.as_ref().to_owned());
    }

    /// Points `$KUBECONFIG` to `path`.
    pub fn use_kubeconfig(&mut self, path: &Path) {
        self.set("KUBECONFIG", path);
    }

    /// Writes a file at `path`, relative to the home folder, readable by the owner alone; returns where it
    /// is.
    pub fn write(&self, path: impl AsRef<Path>, contents: impl AsRef<[u8]>) -> PathBuf {
        let path = self.home().join(path);
        std::fs::create_dir_all(path.parent().expect("a file has a folder")).expect("its folder can be made");
        std::fs::write(&path, contents).expect("the file can be written");
        std::fs::set_permissions(&path, PermissionsExt::from_mode(0o600))
            .expect("the file can be made private");
        path
    }

    /// Puts an executable script into [`Sandbox::bin`].
    pub fn script(&self, name: &str, text: &str) -> PathBuf {
        let source = self.root().join("tmp").join(name);
        std::fs::write(&source, text).expect("the script can be written");
        let script = self.bin().join(name);
        // Another program writes it: a descriptor of ours could be inherited by a child that another test
        // starts just now, and then the kernel refuses to execute the file (ETXTBSY).
        let status = Command::new("install").args(["-m", "755"]).arg(&source).arg(&script).status();
        assert!(status.is_ok_and(|status| status.success()), "cannot install {}", script.display());
        std::fs::remove_file(&source).expect("the script's source can be removed");
        script
    }

    /// Runs the real kubectl.
    pub fn kubectl<A: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = A>) -> Output {
        self.run("kubectl", arguments)
    }

    /// Runs our plugin directly.
    pub fn kubectl_regcred<A: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = A>) -> Output {
        self.run("kubectl-regcred", arguments)
    }

    /// A command for `program` in the sandbox's environment, for a test that has to talk to it.
    pub fn command<A: AsRef<OsStr>>(&self, program: &str, arguments: impl IntoIterator<Item = A>) -> Command {
        let mut command = Command::new(self.find(program));
        command
            .arg0(program)
            .args(arguments)
            .current_dir(self.home())
            .env_clear()
            .env("PATH", std::env::join_paths(&self.path).expect("a folder's name has no colon"))
            .envs(&self.variables);
        command
    }

    /// Runs `program` with an empty stdin.
    pub fn run<A: AsRef<OsStr>>(&self, program: &str, arguments: impl IntoIterator<Item = A>) -> Output {
        self.run_with_stdin(program, arguments, b"")
    }

    /// Runs `program` with `stdin` through a pipe; it is looked for on the sandbox's `PATH`.
    pub fn run_with_stdin<A: AsRef<OsStr>>(
        &self,
        program: &str,
        arguments: impl IntoIterator<Item = A>,
        stdin: &[u8],
    ) -> Output {
        finish(self.command(program, arguments), stdin)
    }

    /// The file that `program` names on the sandbox's `PATH`.
    #[track_caller]
    pub fn find(&self, program: &str) -> PathBuf {
        let found = self.path.iter().map(|folder| folder.join(program)).find(|file| file.is_file());
        found.unwrap_or_else(|| {
            panic!("`{program}` is in none of {:?}; `cargo xtask test` builds what the tests run", self.path)
        })
    }
}

/// Runs a prepared command to its end.
pub(crate) fn finish(mut command: Command, stdin: &[u8]) -> Output {
    let line = std::iter::once(command.get_program())
        .chain(command.get_args())
        .map(|word| word.to_string_lossy())
        .collect::<Vec<_>>()
        .join(" ");
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        // So that all of it can be ended if it hangs.
        .process_group(0)
        .spawn()
        .unwrap_or_else(|error| panic!("cannot start `{line}`: {error}"));
    let watch = Watch::start(child.id());
    let deadline = Instant::now() + PATIENCE;

    let mut input = child.stdin.take().expect("stdin is a pipe");
    let text = stdin.to_vec();
    // A program that doesn't read its input must not stall us; that the pipe breaks is its own business.
    std::thread::spawn(move || input.write_all(&text).ok());
    let stdout = drain(child.stdout.take().expect("stdout is a pipe"));
    let stderr = drain(child.stderr.take().expect("stderr is a pipe"));

    let status = wait(&mut child, deadline);
    let streams = status.and_then(|status| {
        let rest = |stream: &Receiver<Vec<u8>>| stream.recv_timeout(left(deadline)).ok();
        Some((status, rest(&stdout)?, rest(&stderr)?))
    });
    let processes = watch.stop();
    let Some((status, stdout, stderr)) = streams else {
        kill_group(&child);
        let rest =
            |stream: &Receiver<Vec<u8>>| stream.recv_timeout(Duration::from_secs(5)).unwrap_or_default();
        panic!(
            "`{line}` still ran after {} s\n--- stdout:\n{}\n--- stderr:\n{}\n---",
            PATIENCE.as_secs(),
            String::from_utf8_lossy(&rest(&stdout)),
            String::from_utf8_lossy(&rest(&stderr)),
        );
    };
    Output::new(line, status, stdout, stderr, processes)
}

fn left(deadline: Instant) -> Duration {
    deadline.saturating_duration_since(Instant::now())
}

fn wait(child: &mut Child, deadline: Instant) -> Option<ExitStatus> {
    loop {
        if let Some(status) = child.try_wait().expect("a child can be waited for") {
            return Some(status);
        }
        if left(deadline).is_zero() {
            return None;
        }
        std::thread::sleep(Duration::from_millis(1));
    }
}

fn drain(mut stream: impl Read + Send + 'static) -> Receiver<Vec<u8>> {
    let (sender, receiver) = mpsc::channel();
    std::thread::spawn(move || {
        let mut contents = Vec::new();
        let _ = stream.read_to_end(&mut contents);
        sender.send(contents).ok()
    });
    receiver
}

fn kill_group(child: &Child) {
    if let Some(group) = i32::try_from(child.id()).ok().and_then(rustix::process::Pid::from_raw) {
        let _ = rustix::process::kill_process_group(group, rustix::process::Signal::KILL);
    }
}

/// Links the workspace's programs, which cargo puts beside the test program's own folder `deps`, into `folder`.
///
/// Cargo's folder itself is not for a PATH: kubectl takes `kubectl-regcred.d` in there for a plugin.
fn link_programs(folder: &Path) {
    for entry in programs_folder().read_dir().expect("cargo's folder can be listed").flatten() {
        let path = entry.path();
        if path.extension().is_none() && xtask::environment::is_executable(&path) {
            symlink(&path, folder.join(entry.file_name())).expect("a program can be linked");
        }
    }
}

/// Where cargo puts the workspace's programs.
pub(crate) fn programs_folder() -> PathBuf {
    let test = std::env::current_exe().expect("the test program knows where it lies");
    test.ancestors().nth(2).expect("a test program lies in target/PROFILE/deps").to_owned()
}
