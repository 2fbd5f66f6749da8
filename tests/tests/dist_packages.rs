//! Packages of Linux distributions, installed into a throwaway copy of this system, run, upgraded and removed.

use regcred_tests::release::{NEXT, Packed, VERSION};
use regcred_tests::sandbox::Sandbox;
use regcred_tests::{skip, throwaway_root};

/// What each package installs, but for the manual pages.
const FILES: [&str; 4] = [
    "/usr/bin/docker-credential-regcred",
    "/usr/bin/kubectl-regcred",
    "/usr/bin/kubectl_complete-regcred",
    "/usr/share/bash-completion/completions/kubectl-regcred",
];

#[test]
fn a_deb_package_is_installed_runs_is_upgraded_and_removed() {
    let sandbox = Sandbox::without_cluster();
    let (old, new) = (Packed::with_packages(VERSION, &["deb"]), Packed::with_packages(NEXT, &["deb"]));
    let both = tempfile::tempdir().unwrap();
    for (packed, name) in [(&old, "old.deb"), (&new, "new.deb")] {
        std::fs::copy(packed.file(".deb"), both.path().join(name)).unwrap();
    }
    let script = r"
        # A minimal system drops manual pages, and a large one takes long to index them.
        rm --force /etc/dpkg/dpkg.cfg.d/*docker* /var/lib/man-db/auto-update
        dpkg --install /packages/old.deb
        dpkg --listfiles regcred
        dpkg-query --showformat '${Version}|${Depends}\n' --show regcred
        kubectl-regcred version
        docker-credential-regcred version
        kubectl_complete-regcred cre
        dpkg --install /packages/new.deb
        zcat /usr/share/man/man1/kubectl-regcred.1.gz | head -c 200
        dpkg-query --showformat '${Version} is the new one\n' --show regcred
        kubectl-regcred version
        dpkg --audit
        dpkg --purge regcred
        for program in kubectl-regcred docker-credential-regcred kubectl_complete-regcred; do
            test ! -e /usr/bin/$program
        done
        echo left behind:
        find /usr /etc /var/lib/dpkg/info -path '*regcred*'
        echo that is all
    ";
    let Some(output) = throwaway_root::run(&sandbox, both.path(), script) else {
        return skip("only root may install a package into a copy of this system");
    };
    let text = &output.success().stdout;
    for file in FILES.iter().chain(&["/usr/share/man/man1/kubectl-regcred-create.1.gz"]) {
        assert!(text.lines().any(|line| line == *file), "{file} is not in the package: {text}");
    }
    assert!(text.contains(&format!("{VERSION}|libc6 (>= 2.")), "{text}");
    assert!(text.contains(&format!("{NEXT} is the new one")), "{text}");
    assert_eq!(text.matches(&format!("kubectl-regcred v{VERSION}")).count(), 2, "{text}");
    assert!(text.contains(".TH kubectl-regcred 1"), "{text}");
    assert!(text.ends_with("\nleft behind:\nthat is all\n"), "{text}");
}

#[test]
fn a_package_for_alpine_holds_the_same_programs() {
    let sandbox = Sandbox::without_cluster();
    let packed = Packed::with_packages(VERSION, &["apk"]);
    let package = packed.file(".apk");
    // Three gzipped tars, one after the other: signature, control, data.
    let listed = sandbox.run("tar", ["--list", "--ignore-zeros", "--file", package.to_str().unwrap()]);
    let listed = &listed.success().stdout;
    for file in FILES.iter().chain(&["/usr/share/licenses/regcred/LICENSE"]) {
        assert!(listed.lines().any(|line| format!("/{line}") == **file), "{file}: {listed}");
    }
    let arguments =
        ["--extract", "--to-stdout", "--ignore-zeros", "--file", package.to_str().unwrap(), ".PKGINFO"];
    let control = sandbox.run("tar", arguments);
    control.success().assert_stdout_contains(&format!("pkgver = {VERSION}"));
    // The plugin is linked to glibc, which Alpine has only so.
    control.assert_stdout_contains("depend = gcompat");
}
