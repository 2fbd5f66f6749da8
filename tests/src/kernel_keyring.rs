//! The kernel's keyring of a user whom nobody else is: the developer's own stays as it is.

use std::ffi::{OsStr, OsString};
use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

use crate::output::Output;
use crate::sandbox::{Sandbox, finish};

/// A user with a persistent keyring that is empty at first. Programs start in fresh process trees without a session
/// keyring of their own.
#[derive(Debug)]
pub struct KernelKeyring {
    /// Becomes the user; the program to run follows.
    prefix: Vec<OsString>,
    /// Keeps the user namespace alive.
    namespace: Option<Child>,
}

impl KernelKeyring {
    /// Root, in a user namespace: keyrings are kept apart by these.
    pub fn of_root() -> Self {
        let mut namespace = Command::new("unshare")
            .args(["--user", "--map-root-user", "sh", "-c", "echo; exec sleep infinity"])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .expect("unshare starts");
        let mut ready = String::new();
        let stdout = namespace.stdout.take().expect("stdout is a pipe");
        BufReader::new(stdout).read_line(&mut ready).expect("the namespace can be waited for");
        assert_eq!(ready, "\n", "the kernel makes no user namespace");
        let target = format!("--target={}", namespace.id());
        let prefix = ["nsenter", "--user", "--preserve-credentials", &target];
        Self { prefix: prefix.map(OsString::from).to_vec(), namespace: Some(namespace) }
    }

    /// Another user, with the quota of one: 200 keys, 20,000 bytes. `None` unless we are root, who alone can become
    /// somebody else. The sandbox's folders are given to that user.
    pub fn of_other_user(sandbox: &Sandbox) -> Option<Self> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        if !rustix::process::geteuid().is_root() {
            return None;
        }
        // Far beyond anybody's, and no two test programs that run at once have the same process number.
        let user = 1_000_000_000
            + (std::process::id() % 1_000_000) * 1000
            + COUNT.fetch_add(1, Ordering::Relaxed) % 1000;
        let owner = format!("{user}:{user}");
        let status = Command::new("chown")
            .args(["--recursive", "--no-dereference", &owner])
            .arg(sandbox.root())
            .status();
        assert!(status.is_ok_and(|status| status.success()), "cannot give the sandbox to another user");
        let prefix = ["setpriv", &format!("--reuid={user}"), &format!("--regid={user}"), "--clear-groups"];
        Some(Self { prefix: prefix.map(OsString::from).to_vec(), namespace: None })
    }

    /// A shell's words that run the program behind them as this user.
    pub fn shell_prefix(&self) -> String {
        let words: Vec<_> = self.prefix.iter().map(|word| word.to_string_lossy()).collect();
        words.join(" ")
    }

    /// A command for `program`, as this user in the sandbox's environment.
    pub fn command<A: AsRef<OsStr>>(
        &self,
        sandbox: &Sandbox,
        program: &str,
        arguments: impl IntoIterator<Item = A>,
    ) -> Command {
        let mut line = self.prefix[1..].to_vec();
        line.push(sandbox.find(program).into());
        line.extend(arguments.into_iter().map(|argument| argument.as_ref().to_owned()));
        let become_user = self.prefix[0].to_str().expect("a program's name is text");
        sandbox.command(become_user, line)
    }

    /// Runs `program` with `stdin` to its end.
    pub fn run<A: AsRef<OsStr>>(
        &self,
        sandbox: &Sandbox,
        program: &str,
        arguments: impl IntoIterator<Item = A>,
        stdin: &[u8],
    ) -> Output {
        finish(self.command(sandbox, program, arguments), stdin)
    }
}

impl Drop for KernelKeyring {
    fn drop(&mut self) {
        if let Some(namespace) = &mut self.namespace {
            let _ = namespace.kill();
            let _ = namespace.wait();
        }
    }
}
