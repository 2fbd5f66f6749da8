//! The manual pages of both programs, as `packaging/man` has them; `man` beside `src` is a link there, since a published crate
//! holds nothing from outside its folder.

/// The pages, by the name of their file.
#[cfg(not(windows))]
pub(super) const PAGES: &[(&str, &str)] = {
    macro_rules! pages {
        ($($name:literal,)*) => {
            &[$(($name, include_str!(concat!("../../../man/", $name)))),*]
        };
    }
    pages![
        "docker-credential-regcred.1",
        "kubectl-regcred-attach.1",
        "kubectl-regcred-completion.1",
        "kubectl-regcred-create.1",
        "kubectl-regcred-detach.1",
        "kubectl-regcred-inspect.1",
        "kubectl-regcred-lint.1",
        "kubectl-regcred-list.1",
        "kubectl-regcred-match.1",
        "kubectl-regcred-rotate.1",
        "kubectl-regcred-set.1",
        "kubectl-regcred-setup.1",
        "kubectl-regcred-unset.1",
        "kubectl-regcred-version.1",
        "kubectl-regcred.1",
    ]
};

/// Windows has no man, and git may have no links there.
#[cfg(windows)]
pub(super) const PAGES: &[(&str, &str)] = &[];

#[cfg(not(windows))]
#[test]
fn every_page_is_among_them() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("man");
    let mut names: Vec<_> = folder.read_dir().unwrap().map(|page| page.unwrap().file_name()).collect();
    names.sort();
    assert_eq!(names, PAGES.iter().map(|(name, _)| *name).collect::<Vec<_>>());
}
