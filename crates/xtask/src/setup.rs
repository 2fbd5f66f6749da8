//! The programs that tests need and cargo can't bring, and the Debian packages that they come in.

use std::path::Path;
use std::process::{Command, Stdio};

use crate::environment::Environment;
use crate::failure::{Context as _, Failure, Result};
use crate::progress::Progress;

/// A Debian package that a chore needs.
struct Package {
    /// Its name for apt.
    name: &'static str,
    /// The program on `PATH`, or another file by its whole path, that shows that it, or something as good, is there.
    program: &'static str,
    /// What it is for.
    reason: &'static str,
}

const PACKAGES: &[Package] = &[
    Package { name: "etcd-server", program: "etcd", reason: "the database behind kube-apiserver" },
    Package {
        name: "golang-docker-credential-helpers",
        program: "docker-credential-pass",
        reason: "a real credential helper to ask",
    },
    Package { name: "pass", program: "pass", reason: "where docker-credential-pass keeps its passwords" },
    Package { name: "gnupg", program: "gpg", reason: "what pass encrypts with" },
    Package {
        name: "tinyproxy",
        program: "tinyproxy",
        reason: "a real forward proxy on the way to the API server",
    },
    Package { name: "microsocks", program: "microsocks", reason: "a real SOCKS5 proxy, the same" },
    Package { name: "time", program: "time", reason: "tells the peak memory of small programs" },
    Package { name: "docker-registry", program: "docker-registry", reason: "a real registry to log in to" },
    Package { name: "apache2-utils", program: "htpasswd", reason: "the registry's users" },
    Package { name: "skopeo", program: "skopeo", reason: "a client of the credential helper; pushes images" },
    Package { name: "podman", program: "podman", reason: "a client of the credential helper" },
    Package { name: "gnome-keyring", program: "gnome-keyring-daemon", reason: "a real Secret Service" },
    Package { name: "dbus", program: "dbus-daemon", reason: "the bus on which a Secret Service is asked" },
    Package { name: "libsecret-tools", program: "secret-tool", reason: "looks into a Secret Service" },
    Package {
        name: "libsecret-1-dev",
        program: "/usr/include/libsecret-1/libsecret/secret.h",
        reason: "what docker-credential-secretservice is built with",
    },
    Package { name: "curl", program: "curl", reason: "the least that a list can take, to measure against" },
    Package { name: "groff-base", program: "groff", reason: "shows the manual pages, and warns of mistakes" },
    Package { name: "man-db", program: "man", reason: "finds the manual pages that are installed" },
    Package { name: "zsh", program: "zsh", reason: "a shell that completes our commands" },
    Package { name: "fish", program: "fish", reason: "another shell that completes our commands" },
    Package { name: "binutils", program: "readelf", reason: "shows what a program is linked to" },
    Package { name: "dpkg", program: "dpkg", reason: "installs our deb package" },
    Package { name: "git", program: "git", reason: "an index of krew's is a repository" },
    Package { name: "ruby", program: "ruby", reason: "reads the formula for Homebrew" },
];

/// What only the tests of `cargo xtask test --platforms` need.
const FOR_PLATFORMS: &[Package] = &[
    Package { name: "lintian", program: "lintian", reason: "Debian's check of packages" },
    Package { name: "rpm", program: "rpm", reason: "installs our rpm package" },
];

/// Makes sure that the programs are there: as root on Debian by installing them, elsewhere by saying what is
/// missing.
pub fn ensure(environment: &Environment) -> Result<()> {
    install(environment, PACKAGES)
}

/// The same for the programs that only `cargo xtask test --platforms` needs besides.
pub fn ensure_for_platforms(environment: &Environment) -> Result<()> {
    install(environment, FOR_PLATFORMS)
}

fn install(environment: &Environment, packages: &[Package]) -> Result<()> {
    let missing: Vec<&Package> =
        packages.iter().filter(|package| !is_there(environment, package.program)).collect();
    if missing.is_empty() {
        return Ok(());
    }
    let names: Vec<&str> = missing.iter().map(|package| package.name).collect();
    if !rustix::process::geteuid().is_root() || environment.find("apt-get").is_none() {
        let needs: Vec<String> = missing
            .iter()
            .map(|package| format!("`{}` ({}) is missing", package.program, package.reason))
            .collect();
        return Err(Failure::new(needs.join("; ")).hint(format!(
            "on Debian run: sudo apt-get update && sudo apt-get install --no-install-recommends {}",
            names.join(" ")
        )));
    }
    let progress = Progress::start(format!("Installing {}", names.join(" ")));
    apt_get(&["update"])?;
    apt_get(&[&["install", "--yes", "--no-install-recommends"], names.as_slice()].concat())?;
    progress.done();
    Ok(())
}

fn is_there(environment: &Environment, program: &str) -> bool {
    if Path::new(program).is_absolute() {
        return Path::new(program).exists();
    }
    environment.find(program).is_some() || is_in_assets(environment, program)
}

fn is_in_assets(environment: &Environment, program: &str) -> bool {
    environment
        .kubebuilder_assets
        .as_ref()
        .is_some_and(|assets| crate::environment::is_executable(&assets.join(program)))
}

fn apt_get(arguments: &[&str]) -> Result<()> {
    let command = format!("apt-get {}", arguments.join(" "));
    let output = Command::new("apt-get")
        .args(arguments)
        .env("DEBIAN_FRONTEND", "noninteractive")
        // Keeps the package from starting a service of its own: we only want the program.
        .env("RUNLEVEL", "1")
        .stdin(Stdio::null())
        .output()
        .cannot(format_args!("run `{command}`"))?;
    if output.status.success() {
        return Ok(());
    }
    Err(Failure::new(format!(
        "`{command}` failed:\n{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    )))
}
