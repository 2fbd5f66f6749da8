//! Whether a secret can be found where it must not be.
//!
//! [`assert_no_secret`] searches the streams and processes of a run ([`Output`]), files left behind
//! ([`Folder`]) and any text for every form in which a program may let it slip (`forms`).

mod forms;

use std::path::{Path, PathBuf};

use memchr::memmem;

use crate::output::Output;

/// Something to search, in parts that can be named.
pub trait Haystack {
    /// The parts: where they are from, and what they hold.
    fn parts(&self) -> Vec<(String, Vec<u8>)>;
}

/// Both streams of a run, and the command line and environment of every process in it.
impl Haystack for Output {
    fn parts(&self) -> Vec<(String, Vec<u8>)> {
        let mut parts = vec![
            (format!("stdout of `{}`", self.command), self.raw_stdout.clone()),
            (format!("stderr of `{}`", self.command), self.raw_stderr.clone()),
        ];
        for process in &self.processes {
            let name =
                String::from_utf8_lossy(process.command_line.split(|byte| *byte == 0).next().unwrap_or(b""));
            parts.push((
                format!("command line of process {} ({name})", process.pid),
                process.command_line.clone(),
            ));
            parts.push((
                format!("environment of process {} ({name})", process.pid),
                process.environment.clone(),
            ));
        }
        parts
    }
}

/// Any text, e.g. a server's answer.
impl Haystack for &str {
    fn parts(&self) -> Vec<(String, Vec<u8>)> {
        vec![("the text".to_owned(), self.as_bytes().to_vec())]
    }
}

/// Any text, e.g. a file's contents.
impl Haystack for String {
    fn parts(&self) -> Vec<(String, Vec<u8>)> {
        self.as_str().parts()
    }
}

/// All files below a folder, with their names and the targets of symbolic links.
#[derive(Debug)]
pub struct Folder {
    root: PathBuf,
    exempt: Vec<PathBuf>,
}

impl Folder {
    /// Everything below `root`.
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into(), exempt: Vec::new() }
    }

    /// But not `path`, a file or folder that may hold the secret, such as the test's own input.
    #[must_use]
    pub fn except(mut self, path: impl AsRef<Path>) -> Self {
        self.exempt.push(self.root.join(path));
        self
    }

    fn collect(&self, folder: &Path, parts: &mut Vec<(String, Vec<u8>)>) {
        let entries =
            std::fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
        for entry in entries {
            let entry = entry.unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
            let path = entry.path();
            if self.exempt.contains(&path) {
                continue;
            }
            parts.push((format!("name of {}", path.display()), entry.file_name().into_encoded_bytes()));
            let kind = entry.file_type().unwrap_or_else(|error| panic!("{}: {error}", path.display()));
            if kind.is_dir() {
                self.collect(&path, parts);
            } else if kind.is_symlink() {
                let target =
                    std::fs::read_link(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
                parts.push((
                    format!("target of {}", path.display()),
                    target.into_os_string().into_encoded_bytes(),
                ));
            } else if kind.is_file() {
                let contents =
                    std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
                parts.push((path.display().to_string(), contents));
            }
        }
    }
}

impl Haystack for Folder {
    fn parts(&self) -> Vec<(String, Vec<u8>)> {
        let mut parts = Vec::new();
        self.collect(&self.root, &mut parts);
        parts
    }
}

/// Fails the test if `secret` is in one of `haystacks` in any form.
#[track_caller]
pub fn assert_no_secret(secret: impl AsRef<[u8]>, haystacks: &[&dyn Haystack]) {
    let found = find(secret.as_ref(), haystacks);
    assert!(found.is_empty(), "the secret can be found:\n  {}", found.join("\n  "));
}

/// Where, and in which form, `secret` is in `haystacks`; one line each.
pub fn find(secret: &[u8], haystacks: &[&dyn Haystack]) -> Vec<String> {
    let needles = forms::of(secret);
    let mut found = Vec::new();
    for (place, contents) in haystacks.iter().flat_map(|haystack| haystack.parts()) {
        for (view, contents) in forms::views(&contents) {
            let form = needles.iter().find(|needle| memmem::find(&contents, &needle.bytes).is_some());
            if let Some(form) = form {
                found.push(format!("{place}{view}: {}", form.name));
                // The other views would only say the same again.
                break;
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::sandbox::Sandbox;

    const SECRET: &str = "pa<ss\"w&rd +/%9";

    #[test]
    fn innocent_text_is_clean() {
        assert_no_secret(SECRET, &[&"nothing here, not even pa<ss"]);
    }

    #[test]
    fn a_child_of_a_child_is_seen() {
        let sandbox = Sandbox::without_cluster();
        // The inner shell has the secret as an argument; the outer one reads it from stdin, and echoes
        // nothing.
        let script = "read -r word; sh -c 'sleep 0.2; true' \"$word\"; true";
        let output = sandbox.run_with_stdin("sh", ["-c", script], format!("{SECRET}\n").as_bytes());
        output.success();
        let found = find(SECRET.as_bytes(), &[&output]);
        assert!(found.iter().any(|line| line.starts_with("command line of process")), "{found:?}");
        assert!(!found.iter().any(|line| line.starts_with("std")), "{found:?}");
    }

    #[test]
    fn a_variable_of_the_child_is_seen() {
        let mut sandbox = Sandbox::without_cluster();
        sandbox.set("REGISTRY_PASSWORD", SECRET);
        let output = sandbox.run("sleep", ["0.05"]);
        output.success();
        let found = find(SECRET.as_bytes(), &[&output]);
        assert!(found.iter().any(|line| line.starts_with("environment of process")), "{found:?}");
    }

    #[test]
    fn both_streams_are_searched() {
        let sandbox = Sandbox::without_cluster();
        for (redirect, stream) in [("", "stdout"), (">&2", "stderr")] {
            let output = sandbox.run_with_stdin("sh", ["-c", &format!("cat {redirect}")], SECRET.as_bytes());
            output.success();
            let found = find(SECRET.as_bytes(), &[&output]);
            assert!(found.iter().any(|line| line.starts_with(stream)), "{found:?}");
        }
    }

    #[test]
    fn files_left_behind_are_found_but_for_the_exempt() {
        let sandbox = Sandbox::without_cluster();
        sandbox.write("input/config.json", SECRET);
        let folder = || Folder::new(sandbox.home());
        assert_no_secret(SECRET, &[&folder().except("input")]);
        assert_no_secret(SECRET, &[&folder().except(Path::new("input/config.json"))]);
        sandbox.write("input/.config.json.tmp", SECRET);
        let found = find(SECRET.as_bytes(), &[&folder().except("input/config.json")]);
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(found[0].contains(".config.json.tmp"), "{found:?}");
    }

    #[test]
    #[should_panic(expected = "the secret can be found:\n  the text: raw")]
    fn a_found_secret_fails_the_test() {
        assert_no_secret(SECRET, &[&format!("the password {SECRET} is wrong")]);
    }
}
