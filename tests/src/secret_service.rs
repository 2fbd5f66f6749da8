//! A keyring for a sandbox: `xtask::secret_service` in its folders.

use xtask::secret_service::SecretService;

use crate::sandbox::Sandbox;

/// Gives the sandbox a session bus with an unlocked, empty Secret Service on it (gnome-keyring). It lives as long
/// as the value that is returned, which can lock, freeze and kill it.
///
/// Without a call of this the sandbox has no bus at all.
pub fn start(sandbox: &mut Sandbox) -> SecretService {
    let service = SecretService::start(&sandbox.home(), &sandbox.root().join("run"));
    let service = service.unwrap_or_else(|failure| panic!("{failure}"));
    for (name, value) in service.variables() {
        sandbox.set(name, value);
    }
    service
}
