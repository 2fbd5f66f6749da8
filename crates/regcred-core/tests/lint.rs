//! Every finding of the linter: when it is made, and that a good Secret has none.

#![cfg(test)]

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use chrono::{DateTime, Utc};
use regcred_core::image::ImageReference;
use regcred_core::kubelet::{Referenced, lookup};
use regcred_core::lint::{Finding, Level, Problem, Subject, lint};
use regcred_core::stored::Stored;

const CONFIG: &str = "kubernetes.io/dockerconfigjson";

fn now() -> DateTime<Utc> {
    DateTime::from_timestamp(1_800_000_000, 0).unwrap()
}

fn stored<'a>(kind: &'a str, json: Option<&'a str>, legacy: Option<&'a str>) -> Stored<'a> {
    Stored { kind, docker_config_json: json.map(str::as_bytes), dockercfg: legacy.map(str::as_bytes) }
}

fn findings(stored: Stored<'_>, last_applied: Option<&str>) -> Vec<Finding> {
    lint(&Subject { stored, last_applied, now: now() })
}

/// What is found in a docker config with these `auths`, as `entry: code`.
fn found(auths: &str) -> Vec<String> {
    let config = format!("{{\"auths\":{auths}}}");
    names(&findings(stored(CONFIG, Some(&config), None), None))
}

fn names(findings: &[Finding]) -> Vec<String> {
    findings.iter().map(|f| format!("{}: {}", f.entry.as_deref().unwrap_or("-"), f.problem.code())).collect()
}

fn entry(key: &str, fields: &str) -> String {
    format!("{{\"{key}\":{{{fields}}}}}")
}

fn auth(user: &str, password: &str) -> String {
    format!("\"auth\":\"{}\"", STANDARD.encode(format!("{user}:{password}")))
}

#[test]
fn a_good_secret_has_no_findings() {
    let good = r#""auth":"dTpw""#;
    for key in [
        "ghcr.io",
        "https://index.docker.io/v1/",
        "docker.io",
        "registry.example.com:5000",
        "reg.io/team/",
        "*.azurecr.io",
    ] {
        assert_eq!(found(&entry(key, good)), Vec::<String>::new(), "{key}");
    }
    assert_eq!(findings(stored("kubernetes.io/dockercfg", None, Some(&entry("ghcr.io", good))), None), []);
    // No pull secret at all.
    assert_eq!(findings(stored("Opaque", None, None), None), []);
}

#[test]
fn every_undecodable_entry_is_fatal_and_all_are_named() {
    let found = found(r#"{"a":{"auth":"*"},"ghcr.io":{"auth":"dTpw"},"b":7,"c":{"password":[]}}"#);
    assert_eq!(found, ["a: undecodable", "b: undecodable", "c: undecodable"]);
    let findings = findings(stored(CONFIG, Some("{\n \"auths\": ["), None), None);
    assert_eq!(names(&findings), ["-: undecodable"]);
    assert_eq!(findings[0].problem.level(), Level::Fatal);
    assert!(findings[0].problem.to_string().contains("line 2, column 12"), "{}", findings[0].problem);
}

#[test]
fn a_hub_key_that_never_matches_names_the_one_that_does() {
    for key in [
        "https://index.docker.io/v1",
        "registry-1.docker.io",
        "hub.docker.com",
        "*.docker.io",
        "docker.io/v1",
        "https://registry-1.docker.io/v2/",
        "DOCKER.IO",
    ] {
        let config = format!("{{\"auths\":{}}}", entry(key, r#""auth":"dTpw""#));
        let findings = findings(stored(CONFIG, Some(&config), None), None);
        assert_eq!(names(&findings), [format!("{key}: hub-key")]);
        assert!(findings[0].problem.remedy().contains("https://index.docker.io/v1/"));
    }
}

#[test]
fn a_contradiction_is_found_and_agreement_is_not() {
    assert_eq!(
        found(&entry("ghcr.io", r#""username":"u","password":"p","auth":"dTpw""#)),
        Vec::<String>::new()
    );
    assert_eq!(
        found(&entry("ghcr.io", r#""username":"u","password":"q","auth":"dTpw""#)),
        ["ghcr.io: contradiction"]
    );
    assert_eq!(found(&entry("ghcr.io", r#""username":"v","auth":"dTpw""#)), ["ghcr.io: contradiction"]);
}

#[test]
fn a_newline_at_the_end_of_a_password_is_found() {
    assert_eq!(found(&entry("ghcr.io", &auth("u", "p\n"))), ["ghcr.io: newline"]);
    assert_eq!(found(&entry("ghcr.io", r#""username":"u","password":"p\n""#)), ["ghcr.io: newline"]);
}

#[test]
fn what_the_kubelet_drops_is_found() {
    let acr = r#""auth":"MDAwMDo=","identitytoken":"t""#;
    assert_eq!(found(&entry("acr.io", acr)), ["acr.io: dropped-token"]);
    assert_eq!(found(&entry("acr.io", r#""registrytoken":"t""#)), ["acr.io: dropped-token"]);
    assert_eq!(found(&entry("ghcr.io", "")), ["ghcr.io: empty-entry"]);
    // A token beside a password does no harm.
    assert_eq!(found(&entry("ghcr.io", r#""auth":"dTpw","identitytoken":"t""#)), Vec::<String>::new());
}

#[test]
fn keys_that_surprise_are_found() {
    let good = r#""auth":"dTpw""#;
    for (key, code) in [
        ("http://[a-", "unparsable-key"),
        ("reg.io:abc", "unparsable-key"),
        ("HTTPS://ghcr.io", "upper-case-scheme"),
        ("GHCR.io", "upper-case-host"),
        ("reg.io/tea", "path-boundary"),
    ] {
        assert_eq!(found(&entry(key, good)), [format!("{key}: {code}")]);
    }
}

#[test]
fn a_tie_names_the_other_entry() {
    let tie = found(r#"{"https://ghcr.io":{"auth":"dTpw"},"ghcr.io":{"auth":"dTpx"}}"#);
    assert_eq!(tie, ["https://ghcr.io: tie", "ghcr.io: tie"]);
    // Of several, each names the first, and the first the second.
    let three =
        r#"{"auths":{"ghcr.io":{"auth":"dTpw"},"ghcr.io?1":{"auth":"dTpw"},"ghcr.io?2":{"auth":"dTpw"}}}"#;
    let others: Vec<_> = findings(stored(CONFIG, Some(three), None), None)
        .into_iter()
        .map(|finding| match finding.problem {
            Problem::Tie { other } => other,
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(others, ["ghcr.io?1", "ghcr.io", "ghcr.io"]);
}

#[test]
fn an_entry_that_another_always_shadows_is_found() {
    let hub = r#"{"docker.io":{"auth":"dTpw"},"https://index.docker.io/v1/":{"auth":"dTpx"}}"#;
    assert_eq!(found(hub), ["https://index.docker.io/v1/: shadowed"]);
    let narrow = r#"{"docker.io/team/":{"auth":"dTpw"},"https://index.docker.io/v1/":{"auth":"dTpx"}}"#;
    assert_eq!(found(narrow), Vec::<String>::new());
    assert_eq!(found(r#"{"r.io":{"auth":"dTpw"},"r.io":{"auth":"dTpx"}}"#), ["r.io: replaced"]);
}

#[test]
fn a_config_without_entries_is_found() {
    let of = |config| names(&findings(stored(CONFIG, Some(config), None), None));
    assert_eq!(of("{}"), ["-: no-entries"]);
    assert_eq!(of(r#"{"auths":null}"#), ["-: no-entries"]);
    let copied = findings(stored(CONFIG, Some(r#"{"auths":{},"credsStore":"desktop"}"#), None), None);
    assert!(copied[0].problem.remedy().contains("--from-docker-config"), "{copied:?}");
}

#[test]
fn tokens_that_expire_are_found() {
    let jwt = |exp: i64| format!("e30.{}.c2ln", URL_SAFE_NO_PAD.encode(format!("{{\"exp\":{exp}}}")));
    let at = |seconds: i64| found(&entry("r.io", &auth("u", &jwt(1_800_000_000 + seconds))));
    assert_eq!(at(0), ["r.io: expired"]);
    assert_eq!(at(3600), ["r.io: expiring"]);
    assert_eq!(at(8 * 24 * 3600), Vec::<String>::new());
}

#[test]
fn a_password_in_the_last_applied_configuration_is_found() {
    let config = format!("{{\"auths\":{}}}", entry("r.io", r#""auth":"dTpw""#));
    let of = |applied| names(&findings(stored(CONFIG, Some(&config), None), Some(applied)));
    assert_eq!(of(r#"{"kind":"Secret","data":{".dockerconfigjson":"e30="}}"#), ["-: last-applied"]);
    assert_eq!(of(r#"{"kind":"Secret","stringData":{".dockerconfigjson":"{}"}}"#), ["-: last-applied"]);
    assert_eq!(of(r#"{"kind":"Secret","data":{".dockerconfigjson":""}}"#), Vec::<String>::new());
    assert_eq!(of(r#"{"kind":"Secret","metadata":{}}"#), Vec::<String>::new());
    assert_eq!(of("not json"), Vec::<String>::new());
}

#[test]
fn a_type_that_does_not_fit_the_key_is_found() {
    let of = |kind, json, legacy| names(&findings(stored(kind, json, legacy), None));
    assert_eq!(of("Opaque", Some("{}"), None), ["-: wrong-type"]);
    assert_eq!(of("Opaque", None, Some("{}")), ["-: wrong-type"]);
    assert_eq!(of(CONFIG, None, Some("{}")), ["-: wrong-type"]);
    assert_eq!(of("kubernetes.io/dockercfg", Some("{}"), None), ["-: wrong-type"]);
    assert_eq!(of(CONFIG, None, None), ["-: no-data"]);
    assert_eq!(of(CONFIG, Some(""), None), ["-: no-data"]);
}

#[test]
fn the_worst_comes_first_and_nothing_shows_a_secret() {
    let auths = r#"{"r.io/x":{"username":"u","password":"hunter2\n"},"b":{"auth":"hunter2*"},
                    "c":{"username":"u","password":"hunter2","auth":"dTpodW50ZXIy"}}"#;
    let config = format!("{{\"auths\":{auths}}}");
    let findings = findings(stored(CONFIG, Some(&config), None), None);
    let levels: Vec<_> = findings.iter().map(|finding| finding.problem.level()).collect();
    assert_eq!(levels, [Level::Fatal, Level::Warning, Level::Note]);
    for finding in &findings {
        let shown = format!("{finding:?} {} {}", finding.problem, finding.problem.remedy());
        assert!(!shown.contains("hunter2"), "{shown}");
        assert!(!finding.problem.to_string().ends_with('.'), "{shown}");
    }
}

/// A key that is said to match nothing is tried against images that somebody could mean by it.
#[test]
fn a_key_that_never_matches_is_found_and_never_matches() {
    let good = r#""auth":"dTpw""#;
    for (key, code, image) in [
        ("", "no-host", "localhost/app"),
        (":5000", "no-host", "localhost:5000/app"),
        ("https:///team", "no-host", "localhost/team/app"),
        ("ghcr.io.", "trailing-dot", "ghcr.io/app"),
        ("https://ghcr.io.:5000/", "trailing-dot", "ghcr.io:5000/app"),
        ("https://ghcr.io/v1", "api-version", "ghcr.io/app"),
        ("ghcr.io/v2", "api-version", "ghcr.io/app"),
        ("ghcr.io/team*", "path-pattern", "ghcr.io/team/app"),
        ("ghcr.io/[t]eam/", "path-pattern", "ghcr.io/team/app"),
        ("ghcr.io/Team/", "upper-case-path", "ghcr.io/team/app"),
    ] {
        assert_eq!(found(&entry(key, good)), [format!("{key}: {code}")], "{key}");
        let config = format!("{{\"auths\":{}}}", entry(key, good));
        let secret = Referenced { name: "s", stored: Some(stored(CONFIG, Some(&config), None)) };
        let image = image.parse::<ImageReference>().unwrap();
        assert!(lookup(&[secret], &image).unwrap().tried.is_empty(), "{key} matches {image:?}");
    }
}

#[test]
fn the_port_443_is_found_since_it_must_be_named() {
    let good = r#""auth":"dTpw""#;
    for key in ["ghcr.io:443", "https://ghcr.io:443/v2/"] {
        assert_eq!(found(&entry(key, good)), [format!("{key}: https-port")]);
    }
}

#[test]
fn a_login_in_a_key_is_found_and_not_shown() {
    for key in ["https://me:hunter2@ghcr.io", "me:hun/ter2@ghcr.io", "hunter2@ghcr.io/team/"] {
        let config =
            format!("{{\"auths\":{{\"{key}\":{{\"auth\":\"dTpw\"}},\"ghcr.io\":{{\"auth\":\"dTpx\"}}}}}}");
        let findings = findings(stored(CONFIG, Some(&config), None), None);
        assert!(findings.iter().any(|f| f.problem.code() == "user-info"), "{key}: {findings:?}");
        let shown: Vec<_> =
            findings.iter().map(|f| format!("{f:?} {} {}", f.problem, f.problem.remedy())).collect();
        let shown = shown.concat();
        assert!(
            !shown.contains("hunter2") && !shown.contains("hun/ter2") && !shown.contains("ter2"),
            "{shown}"
        );
        assert!(shown.contains("[redacted]@ghcr.io"), "{shown}");
    }
}
