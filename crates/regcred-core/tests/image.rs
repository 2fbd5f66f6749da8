//! Image references against the kubelet's own answers, and the properties that hold for all of them.

#![cfg(test)]

use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use regcred_core::image::{ImageError, ImageErrorKind, ImageReference};
use serde_json::Value;

const HEX_64: &str = "10d1f5b58f74683ad34eb29287e07dab1e90f10af243f151bb50aa5dbb4d62ee";

fn parse(text: &str) -> ImageReference {
    text.parse().unwrap_or_else(|error| panic!("{text:?}: {error}"))
}

fn parse_error(text: &str) -> ImageError {
    match text.parse::<ImageReference>() {
        Ok(image) => panic!("{text:?} was read as {image}"),
        Err(error) => error,
    }
}

/// The kind of the error, and the part of the text that it is about.
fn fault(text: &str) -> (ImageErrorKind, &str) {
    let error = parse_error(text);
    (error.kind(), &text[error.range()])
}

#[test]
fn every_image_of_the_kubelets_vectors_is_read_as_the_kubelet_reads_it() {
    let vectors =
        include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/vectors/kubelet-lookup.jsonl"));
    let (mut read, mut refused) = (0, 0);
    for line in vectors.lines() {
        let vector: Value = serde_json::from_str(line).unwrap();
        let text = vector["image"].as_str().unwrap();
        if vector["image_error"] == Value::Bool(true) {
            parse_error(text);
            refused += 1;
        } else {
            let image = parse(text);
            assert_eq!(Some(image.repository()), vector["repository"].as_str(), "{text}");
            assert_eq!(image.tag(), vector["tag"].as_str(), "{text}");
            assert_eq!(image.digest(), vector["digest"].as_str(), "{text}");
            read += 1;
        }
    }
    assert_eq!((read, refused), (262, 26));
}

#[test]
fn a_name_is_normalised_as_docker_writes_it() {
    for (text, normalised) in [
        ("nginx", "docker.io/library/nginx:latest"),
        ("host:5000", "docker.io/library/host:5000"),
        ("localhost", "docker.io/library/localhost:latest"),
        ("team/app", "docker.io/team/app:latest"),
        ("docker.io/nginx", "docker.io/library/nginx:latest"),
        ("index.docker.io/nginx:1", "docker.io/library/nginx:1"),
        ("index.docker.io/team/app", "docker.io/team/app:latest"),
        ("Index.docker.io/nginx", "Index.docker.io/nginx:latest"),
        ("registry-1.docker.io/nginx", "registry-1.docker.io/nginx:latest"),
        ("localhost/app", "localhost/app:latest"),
        ("LOCALHOST/app", "LOCALHOST/app:latest"),
        ("Team/app", "Team/app:latest"),
        ("reg:5000/app", "reg:5000/app:latest"),
        ("reg.example.com:99999999/a/b:T_.-", "reg.example.com:99999999/a/b:T_.-"),
        ("[::1]/app", "[::1]/app:latest"),
        ("[FE80::1]:5000/app:1", "[FE80::1]:5000/app:1"),
        ("a__b/c--d/e.f_g", "docker.io/a__b/c--d/e.f_g:latest"),
    ] {
        assert_eq!(parse(text).to_string(), normalised);
    }
}

#[test]
fn the_accessors_give_the_parts() {
    let image = parse(&format!("reg.example.com:5000/team/app:1.2@sha256:{HEX_64}"));
    assert_eq!(image.registry(), "reg.example.com:5000");
    assert_eq!(image.path(), "team/app");
    assert_eq!(image.repository(), "reg.example.com:5000/team/app");
    assert_eq!(image.tag(), Some("1.2"));
    assert_eq!(image.digest(), Some(format!("sha256:{HEX_64}").as_str()));
}

#[test]
fn a_digest_without_a_tag_does_not_get_the_tag_latest() {
    let image = parse(&format!("nginx@sha256:{HEX_64}"));
    assert_eq!(image.tag(), None);
    assert_eq!(image.to_string(), format!("docker.io/library/nginx@sha256:{HEX_64}"));
}

#[test]
fn the_digests_are_those_that_the_kubelet_can_compute() {
    parse(&format!("a@sha256:{}", "0".repeat(64)));
    parse(&format!("a@sha384:{}", "a".repeat(96)));
    parse(&format!("a@sha512:{}", "f".repeat(128)));
    for digest in [
        "",
        "sha256",
        "sha256:",
        &format!("sha256:{}", "0".repeat(63)),
        &format!("sha256:{}", "0".repeat(65)),
        &format!("sha256:{}", "A".repeat(64)),
        &format!("SHA256:{}", "a".repeat(64)),
        &format!("sha224:{}", "a".repeat(56)),
        &format!("sha512:{}", "a".repeat(64)),
        &format!("sha256+b64:{}", "a".repeat(64)),
        &format!("sha256:{}:1", "a".repeat(64)),
        &format!("sha256:{}\n", "a".repeat(64)),
    ] {
        assert_eq!(fault(&format!("a@{digest}")), (ImageErrorKind::Digest, digest));
    }
}

#[test]
fn a_registry_that_is_no_host_name_but_a_path_is_part_of_the_name() {
    let image = parse("foo_bar.example/app");
    assert_eq!(image.repository(), "foo_bar.example/app");
    assert_eq!(image.registry(), "foo_bar.example");
    assert_eq!(image.path(), "app");

    let limit = 255 - "foo_bar.example/".len();
    parse(&format!("foo_bar.example/{}", "a".repeat(limit)));
    let too_long = format!("foo_bar.example/{}", "a".repeat(limit + 1));
    assert_eq!(fault(&too_long), (ImageErrorKind::PathTooLong, too_long.as_str()));
}

#[test]
fn brackets_hold_any_hexadecimal_digits_if_something_else_shows_a_registry() {
    assert_eq!(parse("[ABC]/app").registry(), "[ABC]");
    assert_eq!(fault("[abc]/app"), (ImageErrorKind::Path, "[abc]"));
    assert_eq!(fault("[::1%eth0]/app"), (ImageErrorKind::Registry, "[::1%eth0]"));
}

#[test]
fn the_limit_of_255_counts_the_path_and_the_implied_namespace() {
    parse(&"a".repeat(255 - "library/".len()));
    parse(&format!("docker.io/t/{}", "a".repeat(253)));
    parse(&format!("registry.example.com/{}", "a".repeat(255)));
    for text in [
        "a".repeat(256 - "library/".len()),
        format!("docker.io/t/{}", "a".repeat(254)),
        format!("registry.example.com/{}", "a".repeat(256)),
    ] {
        assert_eq!(parse_error(&text).kind(), ImageErrorKind::PathTooLong);
    }
}

#[test]
fn the_identifier_of_an_image_is_no_reference_unless_something_follows() {
    assert_eq!(fault(HEX_64), (ImageErrorKind::Identifier, HEX_64));
    parse(&format!("{HEX_64}:1"));
    parse(&HEX_64[1..]);
}

#[test]
fn an_error_points_at_the_part_that_is_wrong() {
    let long_tag = "t".repeat(129);
    let with_long_tag = format!("nginx:{long_tag}");
    for (text, kind, part) in [
        ("", ImageErrorKind::Empty, ""),
        ("https://ghcr.io/team/app", ImageErrorKind::Scheme, "https://"),
        ("docker://nginx", ImageErrorKind::Scheme, "docker://"),
        ("ex*mple.com/app", ImageErrorKind::Registry, "ex*mple.com"),
        ("-a.b/app", ImageErrorKind::Registry, "-a.b"),
        ("a..b/app", ImageErrorKind::Registry, "a..b"),
        ("bücher.example/app", ImageErrorKind::Registry, "bücher.example"),
        ("[::1]5000/app", ImageErrorKind::Registry, "[::1]5000"),
        ("[::1/app", ImageErrorKind::Registry, "[::1"),
        ("host:/app", ImageErrorKind::Port, ""),
        ("host:http/app", ImageErrorKind::Port, "http"),
        ("ghcr.io/Team/app", ImageErrorKind::Uppercase, "Team"),
        ("Nginx", ImageErrorKind::Uppercase, "Nginx"),
        (" nginx", ImageErrorKind::Path, " nginx"),
        ("/nginx", ImageErrorKind::Path, ""),
        ("team//app", ImageErrorKind::Path, ""),
        ("ghcr.io/", ImageErrorKind::Path, ""),
        ("team/a___b", ImageErrorKind::Path, "a___b"),
        ("team/a._b", ImageErrorKind::Path, "a._b"),
        ("team/-a", ImageErrorKind::Path, "-a"),
        ("team/a-:1", ImageErrorKind::Path, "a-"),
        ("team/ä", ImageErrorKind::Path, "ä"),
        ("team/app:", ImageErrorKind::Tag, ""),
        ("apps/internal-app:bad tag", ImageErrorKind::Tag, "bad tag"),
        ("nginx:1\n", ImageErrorKind::Tag, "1\n"),
        ("nginx:.1", ImageErrorKind::Tag, ".1"),
        ("nginx:1:2", ImageErrorKind::Tag, "1:2"),
        (&with_long_tag, ImageErrorKind::Tag, long_tag.as_str()),
        ("library/nginx@sha256:abc", ImageErrorKind::Digest, "sha256:abc"),
    ] {
        assert_eq!(fault(text), (kind, part), "{text:?}");
    }
}

#[test]
fn a_message_states_the_rule_and_quotes_the_part() {
    assert_eq!(
        parse_error("team/app:bad tag").to_string(),
        "a tag is 1 to 128 letters, digits, `_`, `.` and `-`, and starts with neither `.` nor `-`: \"bad tag\""
    );
    assert_eq!(parse_error("").to_string(), "an image reference is not empty");
}

#[test]
fn a_message_holds_no_character_that_acts_on_a_terminal_and_fits_a_line() {
    let message = parse_error("nginx:\u{1b}[2J\u{202e}\u{2066}\u{200b}\u{feff}\r\n").to_string();
    assert!(message.ends_with(r#""\u{1b}[2J\u{202e}\u{2066}\u{200b}\u{feff}\r\n""#), "{message}");

    let message = parse_error(&"ä".repeat(100_000)).to_string();
    assert!(message.ends_with("ää\"…"), "{message}");
    assert!(message.chars().count() < 200, "{message}");
}

#[test]
fn a_password_in_front_of_a_registry_is_not_repeated() {
    for text in [
        "bob:hunter2@ghcr.io/team/app",
        "https://bob:hunter2@ghcr.io/team/app",
        "bob:hunt/hunter2@ghcr.io/team/app",
        "bob:hunt@hunter2@ghcr.io",
    ] {
        let error = parse_error(text);
        assert_eq!(error.kind(), ImageErrorKind::UserInfo);
        assert!(text[error.range()].ends_with("hunter2@"), "{text}");
        assert!(!format!("{error} {error:?}").contains("hunt"), "{error:?}");
    }
}

/// Texts that are mostly references, and mostly one character away from being none.
fn nearly_a_reference() -> impl Strategy<Value = String> {
    let registry = "(([a-zA-Z0-9_-]{1,4}\\.){0,2}[a-zA-Z0-9]{1,4}|\\[[0-9a-fA-F:]{0,4}\\])(:[0-9]{0,4})?/";
    let path = "[a-z0-9]{1,3}((/|[._-]|__|--)[a-z0-9]{1,3}){0,4}";
    let tag = "(:[A-Za-z0-9_.-]{0,5})?";
    let digest = "(@sha(256:[0-9a-f]{64}|512:[0-9a-f]{128}))?";
    let reference = format!("({registry})?{path}{tag}{digest}");
    let reference = proptest::string::string_regex(&reference).unwrap();
    (reference, proptest::option::weighted(0.2, (any::<prop::sample::Index>(), any::<char>()))).prop_map(
        |(mut text, change)| {
            if let Some((at, character)) = change {
                text.insert(at.index(text.len()), character);
            }
            text
        },
    )
}

#[test]
fn many_of_the_generated_texts_are_references() {
    let mut runner = TestRunner::deterministic();
    let generated = (0..200).map(|_| nearly_a_reference().new_tree(&mut runner).unwrap().current());
    let read = generated.filter(|text| text.parse::<ImageReference>().is_ok()).count();
    assert!((50..180).contains(&read), "{read} of 200");
}

/// Control characters, and those that reorder or hide text.
fn acts_on_a_terminal(character: char) -> bool {
    character.is_control()
        || matches!(character, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_printed_parses_to_the_same_reference(text in nearly_a_reference()) {
        if let Ok(image) = text.parse::<ImageReference>() {
            let printed = image.to_string();
            prop_assert_eq!(parse(&printed), image.clone());
            prop_assert_eq!(format!("{}/{}", image.registry(), image.path()), image.repository());
            prop_assert!(printed.starts_with(image.repository()));
        }
    }

    #[test]
    fn no_text_makes_the_parser_panic(text in any::<String>()) {
        let _ = text.parse::<ImageReference>().map_err(|error| error.to_string());
    }

    #[test]
    fn the_range_of_an_error_is_in_the_text_and_its_message_is_printable(
        text in prop_oneof![nearly_a_reference(), "[a-zA-Z:/@.\\[\\]\\PC\\pC]{0,12}"]
    ) {
        if let Err(error) = text.parse::<ImageReference>() {
            prop_assert!(text.get(error.range()).is_some());
            prop_assert!(!error.to_string().contains(acts_on_a_terminal), "{}", error);
        }
    }
}
