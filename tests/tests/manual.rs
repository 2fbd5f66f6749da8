//! The manual pages in `packaging/man`, as a reader's groff shows them.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a panic is how a test fails")]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use regcred_tests::output::Output;
use regcred_tests::sandbox::Sandbox;

/// All pages, whichever program they are of.
fn pages() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../packaging/man");
    let mut pages: Vec<_> = folder.read_dir().unwrap().map(|file| file.unwrap().path()).collect();
    pages.sort();
    assert!(pages.iter().any(|page| name(page) == "kubectl-regcred"), "{pages:?}");
    pages
}

fn name(page: &Path) -> &str {
    page.file_name().unwrap().to_str().unwrap().strip_suffix(".1").expect("a page of section 1")
}

/// The page for a `device` of groff such as `utf8`, 80 columns wide, with every warning that groff has.
fn groff(sandbox: &Sandbox, device: &str, page: &Path) -> Output {
    // -k: it is written in UTF-8. -P: no colours, no overstriking.
    let page = page.to_str().unwrap();
    sandbox.run("groff", ["-man", "-k", "-ww", "-rLL=80n", &format!("-T{device}"), "-P-cbou", page])
}

#[test]
fn no_page_has_what_groff_warns_of() {
    let sandbox = Sandbox::without_cluster();
    for page in pages() {
        for device in ["ascii", "utf8"] {
            let output = groff(&sandbox, device, &page);
            assert_eq!(output.success().stderr, "", "{} for {device}", page.display());
        }
    }
    let wrong =
        sandbox.write("wrong.1", ".TH wrong 1\n.SH NAME\nwrong \\- \\[nothing] is called so\n.nosuch\n");
    let output = groff(&sandbox, "utf8", &wrong);
    output
        .assert_stderr_contains("can't find special character")
        .assert_stderr_contains("'nosuch' not defined");
}

#[test]
fn every_page_says_what_it_is_of_and_has_the_sections_that_a_reader_looks_for() {
    let sandbox = Sandbox::without_cluster();
    for page in pages() {
        let output = groff(&sandbox, "utf8", &page);
        let text = &output.success().stdout;
        let name = name(&page);
        let at = |heading: &str| {
            text.lines().position(|line| line == heading).unwrap_or_else(|| panic!("{name} has no {heading}"))
        };
        let order = ["NAME", "SYNOPSIS", "DESCRIPTION", "SEE ALSO"].map(at);
        assert!(order.is_sorted(), "{name}: {order:?}");
        // What `apropos` finds a page by.
        let first = text.lines().nth(order[0] + 1).unwrap();
        assert!(first.trim_start().starts_with(&format!("{name} - ")), "{name}: {first:?}");
    }
}

#[test]
fn pages_refer_to_pages_of_ours_that_there_are() {
    let sandbox = Sandbox::without_cluster();
    let pages = pages();
    let names: BTreeSet<&str> = pages.iter().map(|page| name(page)).collect();
    for page in &pages {
        let output = groff(&sandbox, "ascii", page);
        let text = &output.success().stdout;
        let see_also = text.lines().skip_while(|line| *line != "SEE ALSO").skip(1);
        let see_also = see_also.take_while(|line| !line.is_empty()).collect::<Vec<_>>().join(" ");
        let others: Vec<&str> = see_also.split(", ").map(str::trim).collect();
        assert!(!others.is_empty());
        for other in others {
            let other = other.strip_suffix(')').and_then(|other| other.split_once('('));
            let (other, _section) = other.unwrap_or_else(|| panic!("{}: {see_also:?}", name(page)));
            let is_ours = other.contains("regcred");
            assert!(!is_ours || names.contains(other), "{} refers to {other}", name(page));
            assert_ne!(other, name(page), "a page refers to itself");
        }
    }
}

#[test]
fn every_example_of_the_help_stands_in_the_page_line_by_line_to_be_copied() {
    let sandbox = Sandbox::without_cluster();
    let mut seen = BTreeSet::new();
    for page in pages() {
        let Some(command) = name(&page).strip_prefix("kubectl-regcred-") else { continue };
        let help = sandbox.kubectl_regcred([command, "--help"]);
        let examples = help.success().stdout.lines().skip_while(|line| *line != "Examples:").skip(1);
        let examples: Vec<&str> = examples
            .take_while(|line| line.is_empty() || line.starts_with(' '))
            .map(str::trim)
            .filter(|line| !line.is_empty() && !line.starts_with('#'))
            .collect();
        assert!(!examples.is_empty(), "{command} has no examples");
        for device in ["ascii", "utf8"] {
            let output = groff(&sandbox, device, &page);
            let lines: Vec<&str> = output.success().stdout.lines().map(str::trim).collect();
            for example in &examples {
                assert!(lines.contains(example), "{command} for {device}: {example:?} is not in {lines:#?}");
            }
        }
        seen.extend(examples.into_iter().map(str::to_owned));
    }
    // Long, with a backslash, an apostrophe, a tilde: what a careless page breaks or prettifies.
    for line in [
        "printf %s \"$PASSWORD\" | kubectl regcred create regcred --password-stdin \\",
        "--namespace-selector=team=a --exclude-namespace='*-test'",
        "kubectl regcred inspect -f ~/.docker/config.json",
    ] {
        assert!(seen.contains(line), "{line}");
    }
}
