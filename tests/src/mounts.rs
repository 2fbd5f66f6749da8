//! Programs that see other files than we do at a fixed path, such as `/etc/hosts`: in a mount namespace of
//! their own.

use std::process::{Command, Stdio};

use crate::sandbox::Sandbox;

/// The program that [`prepare`] makes.
pub const WITH_MOUNTS: &str = "with-mounts";

/// Puts [`WITH_MOUNTS`] into the sandbox: it carries out `script` (sh, as root of a mount namespace of its own)
/// and then becomes the program in its arguments. Returns whether this machine lets us.
#[must_use = "skip the test if it is false"]
pub fn prepare(sandbox: &Sandbox, script: &str) -> bool {
    let unshare: &[&str] = if rustix::process::geteuid().is_root() {
        &["unshare", "--mount"]
    } else {
        &["unshare", "--map-root-user", "--mount"]
    };
    let allowed = Command::new(unshare[0])
        .args(&unshare[1..])
        .arg("true")
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success());
    let inner = sandbox.script("prepare-mounts", &format!("#!/bin/sh -e\n{script}\nexec \"$@\"\n"));
    let text = format!("#!/bin/sh\nexec {} {} \"$@\"\n", unshare.join(" "), inner.display());
    sandbox.script(WITH_MOUNTS, &text);
    allowed
}
