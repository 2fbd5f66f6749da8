//! Our programs as krew (0.4) installs them: unpacked into `store/regcred/VERSION`, and only the plugin linked from `bin`.

use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::cluster;
use crate::helper::HELPER;
use crate::output::Output;
use crate::sandbox::Sandbox;

const PLUGIN: &str = "kubectl-regcred";

/// A home with krew's folders and `~/.local/bin` on `PATH`, and none of the workspace's programs.
#[derive(Debug)]
pub struct KrewHome {
    /// Its files and variables.
    pub sandbox: Sandbox,
}

impl KrewHome {
    /// With nothing installed; `kubectl` is there.
    pub fn new() -> Self {
        let mut sandbox = Sandbox::without_cluster();
        let home = sandbox.home();
        let path = [
            home.join(".local/bin"),
            home.join(".krew/bin"),
            cluster().kubectl_folder().to_path_buf(),
            "/usr/bin".into(),
            "/bin".into(),
        ];
        sandbox.set("PATH", std::env::join_paths(path).expect("a folder's name has no colon"));
        std::fs::create_dir_all(home.join(".krew/bin")).expect("krew's folder can be made");
        Self { sandbox }
    }

    /// Installs a version as krew does: with the real plugin, and a helper that prints this version. The version that was
    /// there is removed.
    pub fn install(&self, version: &str) {
        self.unpack(version);
        let helper = self.sandbox.script(HELPER, &helper_script(version));
        std::fs::rename(helper, self.store().join(version).join(HELPER)).expect("the helper can be moved");
    }

    /// The same with the real helper.
    pub fn install_real(&self, version: &str) {
        self.unpack(version);
        place(&self.sandbox.find(HELPER), &self.store().join(version).join(HELPER));
    }

    fn unpack(&self, version: &str) {
        let root = self.sandbox.home().join(".krew");
        let link = root.join("bin").join(PLUGIN);
        if self.store().exists() {
            std::fs::remove_dir_all(self.store()).expect("the old version can be removed");
            std::fs::remove_file(&link).expect("the old link can be removed");
        }
        let folder = self.store().join(version);
        std::fs::create_dir_all(&folder).expect("the store can be made");
        place(&self.sandbox.find(PLUGIN), &folder.join(PLUGIN));
        symlink(folder.join(PLUGIN), link).expect("the plugin can be linked");
    }

    /// krew's folder for the plugin, which has one for its version.
    pub fn store(&self) -> PathBuf {
        self.sandbox.home().join(".krew/store/regcred")
    }

    /// A path in the home folder.
    pub fn home(&self, path: &str) -> PathBuf {
        self.sandbox.home().join(path)
    }

    /// Runs `kubectl regcred setup` as a person does.
    pub fn setup(&self, arguments: &[&str]) -> Output {
        self.sandbox.kubectl(["regcred", "setup"].iter().chain(arguments))
    }

    /// What the helper in `~/.local/bin` says its version is.
    #[track_caller]
    pub fn helper_version(&self) -> String {
        let helper = self.home(".local/bin").join(HELPER);
        let output = self.sandbox.run(helper.to_str().expect("UTF-8"), ["version"]);
        output.success().stdout.trim_end().to_owned()
    }
}

impl Default for KrewHome {
    fn default() -> Self {
        Self::new()
    }
}

/// A helper that knows nothing but its version.
fn helper_script(version: &str) -> String {
    format!("#!/bin/sh\necho {HELPER} {version}\n")
}

/// Puts a program at another path, as a file of its own name: a hard link, or a copy on another file system.
fn place(program: &Path, path: &Path) {
    let program = program.canonicalize().expect("the program is there");
    if std::fs::hard_link(&program, path).is_ok() {
        return;
    }
    // Another program writes it: a child of another test could inherit our descriptor (ETXTBSY).
    let status = Command::new("cp").arg(&program).arg(path).status();
    assert!(status.is_ok_and(|status| status.success()), "cannot copy {}", program.display());
}
