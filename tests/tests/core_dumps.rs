//! No core dump of a program that holds a password.

#![cfg(test)]

use std::io::Write as _;
use std::os::unix::process::ExitStatusExt as _;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use regcred_tests::helper::HELPER;
use regcred_tests::leak::{Folder, assert_no_secret};
use regcred_tests::sandbox::Sandbox;
use regcred_tests::skip;

const PASSWORD: &str = "hunter2-in-a-core-dump";

/// Runs the words behind it with core dumps of any size.
const UNLIMITED: &str = "ulimit -S -c unlimited && exec \"$0\" \"$@\"";

/// Programs that read a password, and what they are given of it before they are aborted.
const WAITING: [(&str, &[&str], &str); 2] = [
    (
        HELPER,
        &["store"],
        "{\"ServerURL\":\"ghcr.io\",\"Username\":\"me\",\"Secret\":\"hunter2-in-a-core-dump\"",
    ),
    (
        "kubectl-regcred",
        &["create", "a", "--docker-username=u", "--password-stdin", "--dry-run=client"],
        "hunter2-in-a-core-dump",
    ),
];

fn start(sandbox: &Sandbox, program: &str, arguments: &[&str]) -> Child {
    let line = ["-c", UNLIMITED, program].into_iter().chain(arguments.iter().copied());
    let mut command = sandbox.command("sh", line);
    command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
}

/// The soft and the hard limit of a process for core dumps.
fn limits(pid: u32) -> (String, String) {
    let text = std::fs::read_to_string(format!("/proc/{pid}/limits")).unwrap();
    let line = text.lines().find_map(|line| line.strip_prefix("Max core file size")).unwrap();
    let mut words = line.split_whitespace().map(str::to_owned);
    (words.next().unwrap(), words.next().unwrap())
}

fn wait_until(what: &str, mut is_so: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_mins(1);
    while !is_so() {
        assert!(Instant::now() < deadline, "{what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Whether a program that is aborted here leaves a file, if its limit allows that. A program in `core_pattern` takes the dump
/// whatever the limit says (core(5)).
fn makes_core_files(sandbox: &Sandbox) -> bool {
    let pattern = std::fs::read_to_string("/proc/sys/kernel/core_pattern").unwrap();
    let mut shell = start(sandbox, "sh", &["-c", "kill -ABRT $$"]);
    shell.wait().unwrap().core_dumped() && !pattern.starts_with('|')
}

#[test]
fn the_limit_for_core_dumps_is_0_in_both_programs() {
    let sandbox = Sandbox::without_cluster();
    for (program, arguments, _) in WAITING {
        let mut child = start(&sandbox, program, arguments);
        let none = ("0".to_owned(), "0".to_owned());
        wait_until(&format!("{program} leaves core dumps on"), || limits(child.id()) == none);
        drop(child.stdin.take());
        child.wait().unwrap();
    }
}

#[test]
fn a_program_that_is_aborted_while_it_reads_a_password_leaves_no_core_dump() {
    let sandbox = Sandbox::without_cluster();
    if !makes_core_files(&sandbox) {
        skip("this system writes no core dumps to files");
        return;
    }
    for (program, arguments, input) in WAITING {
        let mut child = start(&sandbox, program, arguments);
        let stdin = child.stdin.as_mut().unwrap();
        stdin.write_all(input.as_bytes()).unwrap();
        // Once the pipe is empty, the program has the password and waits for more.
        wait_until(&format!("{program} does not read"), || {
            rustix::io::ioctl_fionread(&mut *stdin).unwrap() == 0
        });
        let pid = rustix::process::Pid::from_child(&child);
        rustix::process::kill_process(pid, rustix::process::Signal::ABORT).unwrap();
        let status = child.wait().unwrap();
        assert_eq!((status.signal(), status.core_dumped()), (Some(6), false), "{program}");
    }
    assert_no_secret(PASSWORD, &[&Folder::new(sandbox.root()).except("programs")]);
}
