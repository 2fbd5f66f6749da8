//! No core dump of a process that holds passwords.

/// Sets the limit for core dumps to 0, for this process and for those that it starts; the first thing in `main`.
///
/// `PR_SET_DUMPABLE` stays as it is, although a program in `core_pattern` may ignore the limit: `KeePassXC` reads
/// `/proc/PID/exe` to say which program asks for a password, and could no longer (its `fdosecrets/dbus/DBusMgr.cpp`).
#[cfg(unix)]
pub fn forbid() {
    use rustix::process::{Resource, Rlimit, setrlimit};

    let none = Rlimit { current: Some(0), maximum: Some(0) };
    if let Err(error) = setrlimit(Resource::Core, none) {
        crate::output::warning(&format!(
            "can't switch core dumps off, and one would hold passwords: {error}"
        ));
    }
}

/// Windows has no such limit.
#[cfg(not(unix))]
pub fn forbid() {}
