//! This machine's own system as a place to install a package into: what is written there vanishes.
//!
//! The system's files lie below an empty file system in memory (overlayfs), in a mount namespace that nothing else sees,
//! and programs run in a chroot on top. So a package finds the real package database and the real libraries.

use std::path::Path;

use crate::output::Output;
use crate::sandbox::Sandbox;

/// Mounts it at `$1`, with the folder `$2` as `/packages`, and runs the script `$3` there.
const SCRIPT: &str = r#"
mkdir -p "$1"
mount -t tmpfs tmpfs "$1"
mkdir "$1/upper" "$1/work" "$1/root"
mount -t overlay overlay -o "lowerdir=/,upperdir=$1/upper,workdir=$1/work" "$1/root"
mount --rbind /dev "$1/root/dev"
mount -t proc proc "$1/root/proc"
mkdir "$1/root/packages"
mount --bind "$2" "$1/root/packages"
exec env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C.UTF-8 DEBIAN_FRONTEND=noninteractive \
    chroot "$1/root" sh -ex -c "$3"
"#;

/// Runs a shell script (`sh -e`) as root of such a system, in which the folder `packages` is `/packages`. `None` if this
/// machine doesn't let us: only root may.
pub fn run(sandbox: &Sandbox, packages: &Path, script: &str) -> Option<Output> {
    if !rustix::process::geteuid().is_root() {
        return None;
    }
    let mount = sandbox.root().join("mount").into_os_string();
    let line = ["--mount", "sh", "-e", "-c", SCRIPT, "sh"].map(Into::into);
    let arguments = [mount, packages.into(), script.into()];
    Some(sandbox.run("unshare", line.into_iter().chain(arguments)))
}
