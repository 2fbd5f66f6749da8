//! The lookup against the kubelet's own answers, and the reasons that it gives.

#![cfg(test)]

use regcred_core::image::ImageReference;
use regcred_core::kubelet::{Fatal, FatalProblem, Ignored, Lookup, MissReason, Referenced, Tier, lookup};
use regcred_core::stored::Stored;
use serde_json::Value;

const CONFIG: &str = "kubernetes.io/dockerconfigjson";

/// A Secret as a test writes it: name, type, data under the key that belongs to the type.
type Secret = (String, String, String);

fn referenced(secrets: &[Secret]) -> Vec<Referenced<'_>> {
    secrets.iter().map(|(name, kind, data)| Referenced { name, stored: Some(stored(kind, data)) }).collect()
}

fn stored<'a>(kind: &'a str, data: &'a str) -> Stored<'a> {
    let legacy = kind == "kubernetes.io/dockercfg";
    let data = data.as_bytes();
    Stored { kind, docker_config_json: (!legacy).then_some(data), dockercfg: legacy.then_some(data) }
}

fn image(text: &str) -> ImageReference {
    text.parse().unwrap()
}

/// What the kubelet makes of one Secret for an image.
fn look(auths: &str, for_image: &str) -> Lookup {
    let secrets = [("s".to_owned(), CONFIG.to_owned(), format!("{{\"auths\":{auths}}}"))];
    lookup(&referenced(&secrets), &image(for_image)).unwrap()
}

fn fatal(data: &str) -> Fatal {
    let secrets = [("s".to_owned(), CONFIG.to_owned(), data.to_owned())];
    lookup(&referenced(&secrets), &image("ghcr.io/a")).unwrap_err()
}

/// The registry keys that are tried, in order.
fn tried(lookup: &Lookup) -> Vec<&str> {
    lookup.tried.iter().flat_map(|tier| &tier.entries).map(|entry| entry.key.as_str()).collect()
}

/// Why the only entry, under `key`, is not tried.
fn reason(key: &str, for_image: &str) -> MissReason {
    let mut lookup = look(&format!("{{{}:{{\"auth\":\"dTpw\"}}}}", Value::from(key)), for_image);
    assert!(lookup.tried.is_empty(), "{key} is tried for {for_image}");
    assert_eq!(lookup.missed.len(), 1);
    lookup.missed.remove(0).reason
}

#[test]
fn every_vector_is_looked_up_as_the_kubelet_does() {
    let vectors =
        include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/vectors/kubelet-lookup.jsonl"));
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let (mut answers, mut failures, mut credentials) = (0, 0, 0);
    for line in vectors.lines() {
        let vector: Value = serde_json::from_str(line).unwrap();
        if vector["image_error"] == true {
            continue;
        }
        let secrets: Vec<Secret> = vector["secrets"]
            .as_array()
            .unwrap()
            .iter()
            .map(|secret| (text(&secret["name"]), text(&secret["type"]), text(&secret["data"])))
            .collect();
        let result = lookup(&referenced(&secrets), &image(vector["image"].as_str().unwrap()));
        if vector["pull_error"] == true {
            assert!(result.is_err(), "{line}");
            failures += 1;
            continue;
        }
        let mut expected: Vec<_> = vector["credentials"]
            .as_array()
            .into_iter()
            .flatten()
            .map(|c| [text(&c["secret"]), text(&c["username"]), text(&c["password"]), text(&c["email"])])
            .collect();
        credentials += expected.len();
        for Tier { secret, entries, .. } in result.unwrap_or_else(|error| panic!("{error}: {line}")).tried {
            // The order within a tie is the kubelet's whim.
            let mut theirs: Vec<_> = expected.drain(..entries.len().min(expected.len())).collect();
            let mut ours: Vec<_> = entries
                .into_iter()
                .map(|entry| entry.credential)
                .map(|c| {
                    let password = c.password.expose().to_owned();
                    [secrets[secret].0.clone(), c.username, password, c.email.unwrap_or_default()]
                })
                .collect();
            theirs.sort();
            ours.sort();
            assert_eq!(ours, theirs, "{line}");
        }
        assert!(expected.is_empty(), "not tried: {expected:?} of {line}");
        answers += 1;
    }
    assert_eq!((answers, failures, credentials), (229, 33, 314), "every line is checked");
}

#[test]
fn keys_are_tried_in_reverse_byte_order_not_longest_first() {
    let entry = r#"{"auth":"dTpw"}"#;
    let auths = format!(r#"{{"*.io":{entry},"ghcr.io":{entry},"ghcr.io/team":{entry},"ghcr.*/t":{entry}}}"#);
    assert_eq!(tried(&look(&auths, "ghcr.io/team/app")), ["ghcr.io/team", "ghcr.io", "ghcr.*/t", "*.io"]);
}

#[test]
fn entries_of_one_secret_under_one_index_key_tie() {
    let lookup = look(r#"{"https://ghcr.io":{"auth":"YTph"},"ghcr.io":{"auth":"Yjpi"}}"#, "ghcr.io/a");
    assert_eq!(lookup.tried.len(), 1);
    assert_eq!(lookup.tried[0].index_key, "ghcr.io");
    assert_eq!(lookup.tried[0].entries.len(), 2);
}

#[test]
fn entries_of_several_secrets_under_one_index_key_keep_their_order() {
    let secret = |name: &str| {
        (name.to_owned(), CONFIG.to_owned(), r#"{"auths":{"ghcr.io":{"auth":"dTpw"}}}"#.to_owned())
    };
    let secrets = [secret("one"), secret("two")];
    let lookup = lookup(&referenced(&secrets), &image("ghcr.io/a")).unwrap();
    assert_eq!(lookup.tried.iter().map(|tier| tier.secret).collect::<Vec<_>>(), [0, 1]);
}

#[test]
fn every_way_to_miss_is_told_with_its_values() {
    use MissReason::{Label, Labels, Path, Pattern, Port, Unparsable};
    let text = str::to_owned;
    assert_eq!(reason("http://[a-", "ghcr.io/a"), Unparsable);
    assert_eq!(reason("ghcr.io/%25zz", "ghcr.io/a"), MissReason::IndexKeyUnparsable(text("ghcr.io/%zz")));
    assert_eq!(reason("ghcr.io:443", "ghcr.io/a"), Port { key: text("443"), image: text("") });
    assert_eq!(reason("reg.io", "reg.io:5000/a"), Port { key: text(""), image: text("5000") });
    assert_eq!(reason("*.io", "a.b.io/a"), Labels { key: 2, image: 3 });
    assert_eq!(
        reason("ghcr.io/team", "ghcr.io/other/a"),
        Path { key: text("/team"), image: text("/other/a") }
    );
    assert_eq!(reason("GHCR.io", "ghcr.io/a"), Label { pattern: text("GHCR"), label: text("ghcr") });
    assert_eq!(reason("[.io", "ghcr.io/a"), Unparsable);
    assert_eq!(reason("a\\.io", "a.io/a"), Unparsable);
    assert_eq!(reason("gh<[a.io", "ghcr.io/a"), Unparsable);
    assert_eq!(reason("%5b", "ghcr.io/a"), Unparsable);
    assert_eq!(reason("x].io", "ghcr.io/a"), Label { pattern: text("x]"), label: text("ghcr") });
    assert_eq!(reason("docker.io/v1", "nginx"), Path { key: text("/v1"), image: text("/library/nginx") });
    // Without a port, the brackets of an IPv6 address are a class to the kubelet, and this one is malformed.
    assert_eq!(reason("[fe80::1%2525a-]", "[fe80::1]/a"), Pattern(text("[fe80::1%a-]")));
    assert_eq!(reason("[::1]", "[::1]/a"), Label { pattern: text("[::1]"), label: text("[::1]") });
}

#[test]
fn docker_hub_falls_back_only_when_nothing_matched() {
    let hub = r#""https://index.docker.io/v1/":{"auth":"dTpw"}"#;
    let lookup = look(&format!("{{{hub}}}"), "nginx");
    assert!(lookup.tried[0].hub_fallback);
    assert_eq!(lookup.tried[0].index_key, "index.docker.io");
    let lookup = look(&format!("{{{hub},\"docker.io/library\":{{}}}}"), "nginx");
    assert_eq!(tried(&lookup), ["docker.io/library"]);
    assert_eq!(lookup.missed[0].reason, MissReason::Shadowed);
    // The kubelet takes `localhost` for a user on Docker Hub.
    assert!(look(&format!("{{{hub}}}"), "localhost/a").tried[0].hub_fallback);
    assert!(look(&format!("{{{hub}}}"), "localhost:5000/a").tried.is_empty());
}

#[test]
fn docker_hub_keys_that_work_and_that_never_do() {
    for key in [
        "https://index.docker.io/v1/",
        "index.docker.io",
        "docker.io",
        "https://docker.io/v1/",
        "index.docker.io/v2/",
    ] {
        assert_eq!(tried(&look(&format!("{{\"{key}\":{{}}}}"), "nginx")), [key]);
    }
    for key in [
        "https://index.docker.io/v1",
        "registry-1.docker.io",
        "hub.docker.com",
        "*.docker.io",
        "docker.io/v1",
    ] {
        reason(key, "nginx");
    }
}

#[test]
fn a_secret_that_is_not_looked_into_says_why() {
    let stored = |kind, docker_config_json| Some(Stored { kind, docker_config_json, dockercfg: None });
    let secrets = [
        Referenced { name: "none", stored: None },
        Referenced { name: "opaque", stored: stored("Opaque", Some(b"{}".as_slice())) },
        Referenced { name: "empty", stored: stored(CONFIG, Some(b"".as_slice())) },
        Referenced { name: "other", stored: stored("kubernetes.io/dockercfg", Some(b"{}".as_slice())) },
    ];
    let ignored = lookup(&secrets, &image("ghcr.io/a")).unwrap().ignored;
    let expected = [
        (0, Ignored::Missing),
        (1, Ignored::Type("Opaque".to_owned())),
        (2, Ignored::Empty(".dockerconfigjson")),
        (3, Ignored::Empty(".dockercfg")),
    ];
    assert_eq!(ignored, expected);
}

#[test]
fn one_bad_value_fails_the_whole_pod_and_is_named() {
    let good = r#""ghcr.io":{"auth":"dTpw"}"#;
    for (data, key, problem) in [
        (
            format!(r#"{{"auths":{{{good},"x":{{"auth":"dTp_"}}}}}}"#),
            Some("x"),
            FatalProblem::AuthUndecodable,
        ),
        (
            format!(r#"{{"auths":{{"x":{{"auth":"*"}},"x":{{}},{good}}}}}"#),
            Some("x"),
            FatalProblem::AuthUndecodable,
        ),
        (
            format!(r#"{{"auths":{{{good},"x":{{"Email":7}}}}}}"#),
            Some("x"),
            FatalProblem::FieldNotAString("email"),
        ),
        (format!(r#"{{"auths":{{{good},"x":[]}}}}"#), Some("x"), FatalProblem::EntryNotAnObject),
        (format!(r#"{{"auths":{{{good}}},"AUTHS":7}}"#), None, FatalProblem::AuthsNotAnObject),
        (format!(r#"{{"auths":{{{good}}},"httpHeaders":{{"a":1}}}}"#), None, FatalProblem::HttpHeaders),
        ("[]".to_owned(), None, FatalProblem::NotAnObject),
        (
            format!(r#"{{"auths":{{{good}}}"#),
            None,
            FatalProblem::Json("the text ends in the middle of a value"),
        ),
    ] {
        let fatal = fatal(&data);
        assert_eq!((fatal.secret, fatal.key.as_deref(), fatal.problem), (0, key, problem), "{data}");
    }
}

#[test]
fn tokens_are_dropped_and_leave_an_empty_credential() {
    let lookup = look(r#"{"ghcr.io":{"identitytoken":"t","registrytoken":"t"}}"#, "ghcr.io/a");
    let credential = &lookup.tried[0].entries[0].credential;
    assert!(credential.username.is_empty() && credential.password.is_empty());
}
