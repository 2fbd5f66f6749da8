//! What the helper is made of: it starts for every pull, and so it stays small.

#![cfg(test)]

use std::process::Command;

/// Names of crates, or how they begin.
const TOO_LARGE: [&str; 12] = [
    "tokio",
    "async-",
    "zbus",
    "hyper",
    "reqwest",
    "rustls",
    "native-tls",
    "openssl",
    "ring",
    "clap",
    "kube",
    "k8s-openapi",
];

/// Where the helper is for; `--target=all` would take in what no system needs.
const SYSTEMS: [&str; 3] = ["x86_64-unknown-linux-gnu", "aarch64-apple-darwin", "x86_64-pc-windows-msvc"];

#[test]
#[expect(clippy::disallowed_methods, reason = "cargo names its own file")]
fn the_helper_has_no_runtime_no_tls_no_parser_of_command_lines_and_no_kubernetes() {
    for system in SYSTEMS {
        let output = Command::new(env!("CARGO"))
            .args(["tree", "--locked", "--package", env!("CARGO_PKG_NAME"), "--edges=normal"])
            .args(["--prefix=none", "--format={p}", "--target", system])
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let tree = String::from_utf8(output.stdout).unwrap();
        let crates: Vec<&str> = tree.lines().filter_map(|line| line.split(' ').next()).collect();
        // It did look at the whole tree.
        assert!(crates.contains(&"regcred-keyring") && crates.contains(&"zeroize"), "{system}: {tree}");
        let large: Vec<_> =
            crates.iter().filter(|name| TOO_LARGE.iter().any(|large| name.starts_with(large))).collect();
        assert!(large.is_empty(), "too large for the helper on {system}: {large:?}");
    }
}
