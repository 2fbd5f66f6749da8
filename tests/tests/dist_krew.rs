//! The real krew installs, upgrades and removes the plugin, and its index's own check accepts the manifest.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a panic is how a test fails")]

use std::path::{Path, PathBuf};

use regcred_tests::cluster;
use regcred_tests::file_server::FileServer;
use regcred_tests::release::{NEXT, Packed, VERSION};
use regcred_tests::sandbox::Sandbox;
use xtask::dist::platform::PLATFORMS;
use xtask::environment::Environment;
use xtask::packagers;

/// A sandbox with krew as a plugin of kubectl, an empty folder and an empty index for it, and none of our programs but
/// those that krew installs.
struct Krew {
    sandbox: Sandbox,
}

impl Krew {
    fn new() -> Self {
        let environment = Environment::read().unwrap_or_else(|failure| panic!("{failure}"));
        let programs = packagers::krew(&environment).unwrap_or_else(|failure| panic!("{failure}"));
        let mut sandbox = Sandbox::new(cluster());
        let root = sandbox.root().join("krew");
        let kubectl = cluster().kubectl_folder();
        let path = [&root.join("bin"), &programs, kubectl, Path::new("/usr/bin"), Path::new("/bin")];
        sandbox.set("PATH", std::env::join_paths(path).unwrap());
        sandbox.set("KREW_ROOT", root);
        // It would look for a newer krew in the network.
        sandbox.set("KREW_NO_UPGRADE_CHECK", "1");
        let krew = Self { sandbox };
        std::fs::create_dir_all(krew.index().join("plugins")).unwrap();
        // git keeps no empty folder.
        std::fs::write(krew.index().join("plugins/.keep"), "").unwrap();
        krew.commit();
        krew.run(&["index", "add", "local", &format!("file://{}", krew.index().display())]);
        krew
    }

    /// The repository of the index.
    fn index(&self) -> PathBuf {
        self.sandbox.home().join("index")
    }

    fn commit(&self) {
        let script = "cd \"$1\"; git init --quiet; git add --all; \
                      git -c user.name=index -c user.email=index@example.test commit --quiet --message=new";
        self.sandbox.run("sh", ["-ec", script, "sh", self.index().to_str().unwrap()]).success();
    }

    /// Puts a release into the index, to be downloaded from `server`.
    fn publish(&self, packed: &Packed, server: &FileServer) {
        packed.krew_manifest(&server.base(), &self.index().join("plugins"));
        self.commit();
    }

    /// What is in krew's folder for version `version`.
    fn stored(&self, version: &str) -> PathBuf {
        self.sandbox.root().join("krew/store/regcred").join(format!("v{version}"))
    }

    fn run(&self, arguments: &[&str]) -> String {
        let output = self.sandbox.run("kubectl", [&["krew"], arguments].concat());
        let output = output.success();
        format!("{}{}", output.stdout, output.stderr)
    }

    /// What kubectl makes of a command of ours.
    fn regcred(&self, arguments: &[&str]) -> String {
        self.sandbox.run("kubectl", [&["regcred"], arguments].concat()).success().stdout.clone()
    }
}

#[test]
fn krew_installs_the_plugin_from_a_manifest_and_an_archive_and_removes_it() {
    let krew = Krew::new();
    let packed = Packed::new(VERSION);
    let manifest = format!("--manifest={}", packed.file("regcred.yaml").display());
    let archive = format!("--archive={}", packed.archive().display());
    let said = krew.run(&["install", &manifest, &archive]);
    // The one hint at what krew leaves out.
    assert!(said.contains("kubectl regcred setup"), "{said}");
    assert!(krew.regcred(&["version"]).contains(VERSION));
    krew.regcred(&["list"]);
    let stored = krew.stored(VERSION);
    for file in [
        "docker-credential-regcred",
        "LICENSE",
        "completions/kubectl_complete-regcred",
        "completions/_kubectl-regcred",
        "man/kubectl-regcred-create.1",
    ] {
        assert!(stored.join(file).is_file(), "{file} is not in {}", stored.display());
    }
    krew.run(&["uninstall", "regcred"]);
    assert!(!stored.exists());
    let gone = krew.sandbox.run("kubectl", ["regcred", "version"]);
    gone.assert_code(1).assert_stderr_contains("unknown command");
}

#[test]
fn krew_upgrades_the_plugin_from_an_index() {
    let krew = Krew::new();
    let (old, new) = (Packed::new(VERSION), Packed::new(NEXT));
    let (old_server, new_server) = (FileServer::start(old.folder()), FileServer::start(new.folder()));
    krew.publish(&old, &old_server);
    krew.run(&["update"]);
    krew.run(&["install", "local/regcred"]);
    assert!(krew.stored(VERSION).join("docker-credential-regcred").is_file());
    krew.publish(&new, &new_server);
    krew.run(&["upgrade", "regcred"]);
    assert!(!krew.stored(VERSION).exists());
    assert!(krew.stored(NEXT).join("docker-credential-regcred").is_file());
    let link = krew.sandbox.root().join("krew/bin/kubectl-regcred").canonicalize().unwrap();
    assert_eq!(link, krew.stored(NEXT).join("kubectl-regcred"));
    krew.regcred(&["version"]);
}

#[test]
fn the_check_of_krews_index_accepts_the_manifest_and_installs_every_platform() {
    let krew = Krew::new();
    let packed = Packed::for_all_platforms(VERSION);
    let server = FileServer::start(packed.folder());
    // It takes the plugin's name from the file's name.
    let manifest = packed.krew_manifest(&server.base(), &krew.sandbox.home());
    let output = krew.sandbox.run("env", ["validate-krew-manifest", "-manifest", manifest.to_str().unwrap()]);
    let said = format!("{}{}", output.success().stdout, output.stderr);
    for number in 0..PLATFORMS.len() {
        assert!(said.contains(&format!("installed  spec.platforms[{number}]")), "{said}");
    }
}
