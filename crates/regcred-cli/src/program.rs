//! Which file runs when a program is started by its name.
//!
//! The only place that starts programs: everywhere else `Command::new` is a lint error. It leaves the search to the
//! system, which also looks in the current folder, and that may be somebody's checkout.

use std::env::consts::EXE_SUFFIX;
use std::ffi::{OsStr, OsString};
use std::fmt;
use std::path::{Path, PathBuf, is_separator};
use std::process::Command;

/// The folders in which programs are looked for by their name: the absolute ones of a `PATH`.
///
/// An empty element of `PATH` means the current folder, and a relative one a folder below it. docker, podman and
/// kubectl refuse what they find there (Go's `os/exec`, `ErrDot`), and here both are passed over.
#[derive(Clone, Debug, Default)]
pub struct SearchPath {
    folders: Vec<PathBuf>,
    passed_over: Vec<PathBuf>,
}

/// Why no program of a name is started. The text continues a sentence that begins with the name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NotOnPath {
    /// No folder of `PATH` has it.
    Nowhere,
    /// Only this element of `PATH`, which is passed over, leads to it.
    PassedOver(PathBuf),
}

impl SearchPath {
    /// The folders of `path`, the value of the variable `PATH`; none if it is not set.
    pub fn new(path: Option<&OsStr>) -> Self {
        let elements = path.into_iter().flat_map(std::env::split_paths);
        let mut found = Self::default();
        for element in elements {
            if element.is_absolute() {
                found.folders.push(element);
            } else if !found.passed_over.contains(&element) {
                found.passed_over.push(element);
            }
        }
        found
    }

    /// The elements that are not absolute folders, in their order, each once; an empty one is an empty path.
    pub fn passed_over(&self) -> &[PathBuf] {
        &self.passed_over
    }

    /// The file that runs when `program` is started. A name with a separator is a path, and is returned as it is,
    /// whether or not there is such a file.
    pub fn find(&self, program: &str) -> Result<PathBuf, NotOnPath> {
        if program.contains(is_separator) {
            return Ok(PathBuf::from(program));
        }
        let file = file_name(program);
        let is_there = |folder: &&PathBuf| is_executable(&folder.join(&file));
        if let Some(folder) = self.folders.iter().find(is_there) {
            return Ok(folder.join(&file));
        }
        let passed_over = self.passed_over.iter().find(is_there);
        Err(passed_over.map_or(NotOnPath::Nowhere, |element| NotOnPath::PassedOver(element.clone())))
    }

    /// A command that runs the file that [`find`](Self::find) returns.
    #[expect(clippy::disallowed_methods, reason = "the one place that starts programs")]
    pub fn command(&self, program: &str) -> Result<Command, NotOnPath> {
        self.find(program).map(Command::new)
    }
}

impl NotOnPath {
    /// What to do about it: `otherwise` if no folder has the program.
    pub fn remedy(&self, otherwise: &str) -> String {
        match self {
            Self::Nowhere => otherwise.to_owned(),
            Self::PassedOver(_) => "put the program's folder on PATH as an absolute path".to_owned(),
        }
    }
}

impl fmt::Display for NotOnPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Nowhere => f.write_str("is not on PATH"),
            Self::PassedOver(element) if element.as_os_str().is_empty() => f.write_str(
                "is on PATH only through an empty element, which means the current folder and is passed over",
            ),
            Self::PassedOver(element) => {
                write!(
                    f,
                    "is on PATH only through {element:?}, which is not an absolute folder and is passed over"
                )
            }
        }
    }
}

/// On Windows the system adds the suffix to a name that has none.
fn file_name(program: &str) -> OsString {
    let mut file = OsString::from(program);
    if Path::new(program).extension().is_none() {
        file.push(EXE_SUFFIX);
    }
    file
}

#[cfg(unix)]
fn is_executable(file: &Path) -> bool {
    use rustix::fs::{Access, access};

    file.is_file() && access(file, Access::EXEC_OK).is_ok()
}

#[cfg(not(unix))]
fn is_executable(file: &Path) -> bool {
    file.is_file()
}

#[cfg(unix)]
#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    /// A folder with files of these modes.
    fn folder(files: &[(&str, u32)]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for (name, mode) in files {
            let file = folder.path().join(name);
            std::fs::write(&file, "").unwrap();
            std::fs::set_permissions(&file, PermissionsExt::from_mode(*mode)).unwrap();
        }
        folder
    }

    fn search(path: &str) -> SearchPath {
        SearchPath::new(Some(path.as_ref()))
    }

    /// An element of `PATH` that leads to a folder from the current one.
    #[expect(clippy::disallowed_methods, reason = "that a relative element leads somewhere depends on it")]
    fn relative(folder: &Path) -> String {
        let here = std::env::current_dir().unwrap();
        let up = here.components().skip(1).map(|_| "..").collect::<Vec<_>>().join("/");
        format!("{up}{}", folder.display())
    }

    #[test]
    fn the_first_absolute_folder_with_an_executable_file_counts() {
        let (plain, first, second) =
            (folder(&[("tool", 0o644)]), folder(&[("tool", 0o755)]), folder(&[("tool", 0o755)]));
        std::fs::create_dir(plain.path().join("other")).unwrap();
        let folders = [&plain, &first, &second].map(|folder| folder.path().display().to_string());
        let path = search(&folders.join(":"));
        assert_eq!(path.find("tool"), Ok(first.path().join("tool")));
        assert_eq!(path.command("tool").unwrap().get_program(), first.path().join("tool"));
        for missing in ["other", "nothing", "", ".", ".."] {
            assert_eq!(path.find(missing), Err(NotOnPath::Nowhere), "{missing:?}");
        }
        assert!(path.passed_over().is_empty());
    }

    #[test]
    fn no_program_comes_from_an_element_that_is_not_an_absolute_folder() {
        let folder = folder(&[("tool", 0o755)]);
        let element = relative(folder.path());
        for path in [format!("/usr/bin:{element}"), format!("{element}:/usr/bin:{element}")] {
            let path = search(&path);
            assert_eq!(path.passed_over(), [PathBuf::from(&element)]);
            let missing = path.find("tool").unwrap_err();
            assert_eq!(missing, NotOnPath::PassedOver(PathBuf::from(&element)));
            assert_eq!(
                missing.to_string(),
                format!(
                    "is on PATH only through {element:?}, which is not an absolute folder and is passed over"
                )
            );
            assert_eq!(missing.remedy("install it"), "put the program's folder on PATH as an absolute path");
        }
        let both = search(&format!("{element}:{}", folder.path().display()));
        assert_eq!(both.find("tool"), Ok(folder.path().join("tool")));
    }

    #[test]
    fn empty_and_relative_elements_are_named_once_each() {
        let passed_over = |path: &str| search(path).passed_over().to_vec();
        let paths = |paths: &[&str]| paths.iter().map(PathBuf::from).collect::<Vec<_>>();
        assert_eq!(passed_over("/usr/bin:/bin"), paths(&[]));
        assert_eq!(passed_over("/usr/bin:"), paths(&[""]));
        assert_eq!(
            passed_over(":/usr/bin::bin:./bin:~/bin:.:/bin:bin"),
            paths(&["", "bin", "./bin", "~/bin", "."])
        );
        assert!(SearchPath::new(None).passed_over().is_empty());
        assert_eq!(SearchPath::new(None).find("sh"), Err(NotOnPath::Nowhere));
        let empty = NotOnPath::PassedOver(PathBuf::new()).to_string();
        assert_eq!(
            empty,
            "is on PATH only through an empty element, which means the current folder and is passed over"
        );
    }

    #[test]
    fn a_name_with_a_separator_is_taken_as_it_is() {
        for program in ["/nowhere/tool", "./tool", "bin/tool", "../tool"] {
            assert_eq!(search("/usr/bin").find(program), Ok(PathBuf::from(program)));
        }
    }
}
