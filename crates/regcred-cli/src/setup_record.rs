//! What `kubectl regcred setup` wrote, kept so that a later run can update and remove it, and nothing else. The credential
//! helper's `doctor` reads it too.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::failure::{Failure, exit};
use crate::file;

const API_VERSION: &str = "regcred/v1";
const KIND: &str = "SetupRecord";

/// Only its owner has to read it.
const MODE: u32 = 0o600;

/// The record of one installation.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Record {
    api_version: String,
    kind: String,
    /// The plugin's version that wrote it, as `0.1.0`.
    pub version: String,
    /// The folder of the programs.
    pub folder: PathBuf,
    /// Each file that was written, with the SHA-256 of its bytes in hexadecimal digits: of several while a run replaces one
    /// by the other, so that a run that is killed in between leaves nothing that isn't known.
    pub files: BTreeMap<PathBuf, Vec<String>>,
    /// The folders that were made for them, an outer one before what is in it.
    pub made_folders: Vec<PathBuf>,
}

impl Record {
    /// A record of nothing yet.
    pub fn new(version: &str, folder: &Path) -> Self {
        Self {
            api_version: API_VERSION.to_owned(),
            kind: KIND.to_owned(),
            version: version.to_owned(),
            folder: folder.to_owned(),
            ..Self::default()
        }
    }

    /// Where it is kept: `${XDG_STATE_HOME:-~/.local/state}/regcred/setup.json` (XDG Base Directory Specification), on
    /// Windows `%LOCALAPPDATA%\regcred\setup.json`; `None` if there is no home for it. `var` looks up a variable of the
    /// environment.
    pub fn path(var: &dyn Fn(&str) -> Option<OsString>) -> Option<PathBuf> {
        let folder = |name: &str| var(name).map(PathBuf::from).filter(|folder| folder.is_absolute());
        let state = if cfg!(windows) {
            folder("LOCALAPPDATA")
        } else {
            folder("XDG_STATE_HOME").or_else(|| Some(folder("HOME")?.join(".local/state")))
        };
        Some(state?.join("regcred").join("setup.json"))
    }

    /// Reads the record; `None` if `setup` has written nothing.
    ///
    /// # Errors
    /// It can't be read, or is not such a record.
    pub fn read(path: &Path) -> Result<Option<Self>, Failure> {
        let text = match file::read(path) {
            Err(failure) if failure.code == exit::NOT_FOUND => return Ok(None),
            other => other?,
        };
        let not_ours = |why: String| {
            Failure::new(exit::FAILED, format!("{path:?} is not a record of `kubectl regcred setup`: {why}"))
                .hint("remove it; setup then takes no file for its own, and --force replaces them")
        };
        let record: Self = serde_json::from_slice(&text).map_err(|error| not_ours(error.to_string()))?;
        if (record.api_version.as_str(), record.kind.as_str()) != (API_VERSION, KIND) {
            return Err(not_ours(format!("its kind is {:?} {:?}", record.api_version, record.kind)));
        }
        let paths = record.files.keys().chain(&record.made_folders).chain([&record.folder]);
        if !paths.map(PathBuf::as_path).all(Path::is_absolute) {
            return Err(not_ours("a path in it is not absolute".to_owned()));
        }
        Ok(Some(record))
    }

    /// Writes the record, whole or not at all; its folder must exist.
    ///
    /// # Errors
    /// It can't be written, or a path in it is not UTF-8.
    pub fn write(&self, path: &Path) -> Result<(), Failure> {
        let text = serde_json::to_string_pretty(self)
            .map_err(|error| Failure::new(exit::FAILED, format!("can't write {path:?}: {error}")))?;
        file::replace(path, format!("{text}\n").as_bytes(), MODE)
    }

    /// Whether these bytes, by their SHA-256, are what was written there.
    pub fn wrote(&self, path: &Path, sha256: &str) -> bool {
        self.files.get(path).is_some_and(|known| known.iter().any(|known| known == sha256))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(unix)]
    #[test]
    fn it_is_kept_where_programs_keep_their_state() {
        let path = |variables: &[(&str, &str)]| {
            let variables: BTreeMap<&str, &str> = variables.iter().copied().collect();
            Record::path(&|name| variables.get(name).map(OsString::from))
        };
        assert_eq!(path(&[("HOME", "/h")]), Some("/h/.local/state/regcred/setup.json".into()));
        let set = [("HOME", "/h"), ("XDG_STATE_HOME", "/s")];
        assert_eq!(path(&set), Some("/s/regcred/setup.json".into()));
        // The specification: a relative path is to be ignored.
        let relative = [("HOME", "/h"), ("XDG_STATE_HOME", "s")];
        assert_eq!(path(&relative), Some("/h/.local/state/regcred/setup.json".into()));
        assert_eq!(path(&[]), None);
    }

    #[test]
    fn what_is_written_is_read_again_and_anything_else_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("setup.json");
        assert_eq!(Record::read(&path).unwrap(), None);
        let mut record = Record::new("0.1.0", Path::new("/h/bin"));
        record.files.insert("/h/bin/x".into(), vec!["ab".to_owned()]);
        record.write(&path).unwrap();
        assert_eq!(Record::read(&path).unwrap(), Some(record.clone()));
        assert!(record.wrote(Path::new("/h/bin/x"), "ab") && !record.wrote(Path::new("/h/bin/x"), "cd"));
        for text in [
            "",
            "{}",
            "[]",
            r#"{"apiVersion":"regcred/v1","kind":"SetupRecord","version":"","folder":"bin","files":{},"madeFolders":[]}"#,
            r#"{"apiVersion":"regcred/v1","kind":"Settings","version":"","folder":"","files":{},"madeFolders":[]}"#,
        ] {
            std::fs::write(&path, text).unwrap();
            let failure = Record::read(&path).unwrap_err();
            assert!(failure.message.contains("is not a record of `kubectl regcred setup`"), "{failure:?}");
        }
    }
}
