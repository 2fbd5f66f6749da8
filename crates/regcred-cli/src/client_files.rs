//! Where docker and podman keep their credentials, and the names of the helpers that they ask.
//!
//! Follows docker's `cli/config/config.go`; for podman and skopeo, containers-auth.json(5) and what they do: whichever
//! file is named, those behind it are read too.

use std::ffi::OsString;
use std::path::PathBuf;

/// The files of the clients that are used here. None of them need exist.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientFiles {
    /// Docker's `config.json`, if there is a home for it. podman and skopeo read it too, after their own.
    pub docker: Option<PathBuf>,
    /// The `auth.json` that podman and skopeo write a login to, and read first.
    pub podman_login: Option<PathBuf>,
    /// The `auth.json` that they read next, which outlives a session.
    pub podman_kept: Option<PathBuf>,
    /// Whether [`podman_login`](Self::podman_login) is in a folder that is emptied when the session or the machine ends.
    pub podman_login_is_fleeting: bool,
}

impl ClientFiles {
    /// Finds out where the files are; `var` looks up a variable of the environment, and an empty one counts as unset.
    pub fn find(var: &dyn Fn(&str) -> Option<OsString>) -> Self {
        let set = |name: &str| var(name).filter(|value| !value.is_empty()).map(PathBuf::from);
        let home = set(if cfg!(windows) { "USERPROFILE" } else { "HOME" });
        let in_home = |folder: &str| home.as_ref().map(|home| home.join(folder));
        let docker = set("DOCKER_CONFIG").or_else(|| in_home(".docker"));
        let config_home = set("XDG_CONFIG_HOME").or_else(|| in_home(".config"));
        let podman_kept = config_home.map(|folder| folder.join("containers").join("auth.json"));
        let named = set("REGISTRY_AUTH_FILE");
        let fleeting = || fleeting_folder(set("XDG_RUNTIME_DIR")).map(|folder| folder.join("auth.json"));
        let podman_login_is_fleeting = named.is_none() && fleeting().is_some();
        let podman_login = named.or_else(fleeting).or_else(|| podman_kept.clone());
        Self {
            docker: docker.map(|folder| folder.join("config.json")),
            podman_kept: podman_kept.filter(|kept| Some(kept) != podman_login.as_ref()),
            podman_login,
            podman_login_is_fleeting,
        }
    }

    /// All that podman and skopeo read, in their order, docker's included.
    pub fn podman(&self) -> impl Iterator<Item = &PathBuf> {
        self.podman_own()
            .chain(self.docker.iter().filter(|docker| Some(*docker) != self.podman_login.as_ref()))
    }

    /// podman's and skopeo's own files, in their order.
    pub fn podman_own(&self) -> impl Iterator<Item = &PathBuf> {
        self.podman_login.iter().chain(&self.podman_kept)
    }
}

/// Only Linux has such a folder. Without a session, only root can make the one that podman would use.
#[cfg(target_os = "linux")]
fn fleeting_folder(runtime: Option<PathBuf>) -> Option<PathBuf> {
    match runtime {
        Some(runtime) => Some(runtime.join("containers")),
        None => rustix::process::getuid().is_root().then(|| PathBuf::from("/run/containers/0")),
    }
}

#[cfg(not(target_os = "linux"))]
fn fleeting_folder(_runtime: Option<PathBuf>) -> Option<PathBuf> {
    None
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn find(variables: &[(&str, &str)]) -> ClientFiles {
        let variables: BTreeMap<&str, &str> = variables.iter().copied().collect();
        ClientFiles::find(&|name| variables.get(name).map(OsString::from))
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn the_files_are_where_docker_and_podman_look() {
        let files = find(&[("HOME", "/h"), ("XDG_RUNTIME_DIR", "/r"), ("DOCKER_CONFIG", "")]);
        assert_eq!(files.docker, Some("/h/.docker/config.json".into()));
        assert_eq!(files.podman_login, Some("/r/containers/auth.json".into()));
        assert_eq!(files.podman_kept, Some("/h/.config/containers/auth.json".into()));
        assert!(files.podman_login_is_fleeting);
        assert_eq!(files.podman().count(), 3);

        let none = find(&[]);
        assert_eq!((&none.docker, &none.podman_kept), (&None, &None));
        let of_root = rustix::process::getuid().is_root().then(|| "/run/containers/0/auth.json".into());
        assert_eq!(none.podman_login, of_root);
    }

    #[test]
    fn a_file_that_is_named_comes_first() {
        let named = [
            ("HOME", "/h"),
            ("REGISTRY_AUTH_FILE", "/a.json"),
            ("XDG_CONFIG_HOME", "/c"),
            ("DOCKER_CONFIG", "/d"),
        ];
        let files = find(&named);
        assert_eq!(files.docker, Some("/d/config.json".into()));
        assert_eq!(files.podman_login, Some("/a.json".into()));
        assert!(!files.podman_login_is_fleeting);
        let podman: Vec<_> = files.podman().cloned().collect();
        assert_eq!(podman, ["/a.json", "/c/containers/auth.json", "/d/config.json"].map(PathBuf::from));
        let same = find(&[("HOME", "/h"), ("REGISTRY_AUTH_FILE", "/h/.docker/config.json")]);
        assert_eq!(same.podman().count(), 2);
    }
}
