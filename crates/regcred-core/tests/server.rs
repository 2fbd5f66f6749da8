//! Which spellings of a server are one, and what is refused.

#![cfg(test)]

use proptest::prelude::*;
use regcred_core::server::{
    DOCKER_HUB, Server, ServerError, check_registry_key, docker_lookup_key, is_path_key, podman_lookup_key,
    pull_secret_key,
};

fn server(url: &str) -> Server {
    Server::parse(url).unwrap_or_else(|error| panic!("{url:?}: {error}"))
}

#[test]
fn the_spellings_of_a_registry_are_one_server() {
    let expected = server("ghcr.io");
    for url in [
        "GHCR.io",
        "https://ghcr.io",
        "http://ghcr.io",
        "HTTPS://Ghcr.IO",
        "ghcr.io:443",
        "https://ghcr.io:443/",
        "ghcr.io:0443",
        "ghcr.io/",
        "ghcr.io///",
        "ghcr.io/v1",
        "ghcr.io/v2",
        "https://ghcr.io/v1/",
        "https://ghcr.io/v2/",
        "http://ghcr.io:443/v2//",
    ] {
        assert_eq!(server(url), expected, "{url}");
    }
    assert_eq!(expected.docker_key(), "ghcr.io");
}

#[test]
fn every_name_of_docker_hub_is_docker_hub() {
    for host in [
        "docker.io",
        "index.docker.io",
        "registry-1.docker.io",
        "hub.docker.com",
        "registry.hub.docker.com",
        "Index.Docker.IO",
    ] {
        for url in [
            host.to_owned(),
            format!("https://{host}/v1/"),
            format!("http://{host}/v2"),
            format!("{host}:443/"),
        ] {
            let server = server(&url);
            assert!(server.is_docker_hub(), "{url}");
            assert!(!server.is_docker_hub_token(), "{url}");
            assert_eq!(server.docker_key(), DOCKER_HUB, "{url}");
            assert_eq!((server.host(), server.port(), server.path()), ("docker.io", None, ""));
        }
    }
}

#[test]
fn what_only_resembles_docker_hub_is_not() {
    for url in [
        "docker.io:5000",
        "index.docker.io:80",
        "registry-2.docker.io",
        "docker.com",
        "notdocker.io",
        "docker.io.example.com",
        "docker.io.",
        "docker.io/team",
    ] {
        assert!(!server(url).is_docker_hub(), "{url}");
    }
    assert_eq!(server("index.docker.io:5000").docker_key(), "index.docker.io:5000");
}

#[test]
fn the_tokens_of_docker_hub_are_servers_of_their_own() {
    let access = server("https://index.docker.io/v1/access-token");
    let refresh = server("https://index.docker.io/v1/refresh-token");
    let all = [
        access.clone(),
        refresh.clone(),
        server(DOCKER_HUB),
        server("docker.io/access-token"),
        server("docker.io/refresh-token"),
        server("docker.io/v2/access-token"),
        server("ghcr.io/v1/access-token"),
    ];
    for (at, one) in all.iter().enumerate() {
        assert_eq!(one.is_docker_hub_token(), at < 2, "{one}");
        assert_eq!(all.iter().filter(|other| *other == one).count(), 1, "{one}");
    }
    assert!(!access.is_docker_hub());
    assert_eq!(access.docker_key(), "https://index.docker.io/v1/access-token");
    assert_eq!(refresh.docker_key(), "https://index.docker.io/v1/refresh-token");
    assert_eq!(server("HTTPS://INDEX.docker.io:443/v1/access-token/"), access);
}

#[test]
fn paths_and_ports_make_other_servers() {
    let distinct = [
        "reg.example.com",
        "reg.example.com.",
        "reg.example.com:80",
        "reg.example.com:5000",
        "reg.example.com:5000/team",
        "reg.example.com/team",
        "reg.example.com/Team",
        "reg.example.com/team/app",
        "reg.example.com/v1/team",
        "reg.example.com/v2/team",
        "reg.example.com/V2",
        "reg.example.com/v3",
        "reg.example.com//team",
        "example.com",
        "localhost",
        "127.0.0.1",
    ];
    for one in distinct {
        let equal = distinct.iter().filter(|other| server(other) == server(one)).count();
        assert_eq!(equal, 1, "{one}");
        assert_eq!(server(one).docker_key(), one);
    }
    assert_eq!(server("http://reg.example.com:80"), server("reg.example.com:80"));
    assert_eq!(server("https://reg.example.com/team/"), server("reg.example.com/team"));
}

#[test]
fn a_namespace_on_docker_hub_is_one_under_each_of_its_names() {
    let team = server("docker.io/team");
    assert_eq!(server("https://index.docker.io/team/"), team);
    assert_eq!(server("registry-1.docker.io:443/team"), team);
    assert_eq!(team.docker_key(), "docker.io/team");
}

#[test]
fn an_ipv6_host_stands_in_brackets() {
    let registry = server("https://[FE80::1]:5000/team/");
    assert_eq!(registry.host(), "[fe80::1]");
    assert_eq!(registry.port(), Some(5000));
    assert_eq!(registry.path(), "team");
    assert_eq!(registry.docker_key(), "[fe80::1]:5000/team");
    assert_eq!(server("[::1]:443"), server("[::1]"));
    for url in ["[::1", "::1", "[]", "[::1]x", "[abc]", "fe80::1:5000", "a[::1]", "[fe80::1%25eth0]"] {
        assert_eq!(Server::parse(url), Err(ServerError::BadHost), "{url}");
    }
}

#[test]
fn what_is_no_server_is_refused() {
    let forbidden = |character, offset| ServerError::ForbiddenCharacter { character, offset };
    for (url, error) in [
        ("", ServerError::Empty),
        (" ghcr.io", forbidden(' ', 0)),
        ("ghcr.io\n", forbidden('\n', 7)),
        ("ghcr\u{0}.io", forbidden('\u{0}', 4)),
        ("bü\u{85}", forbidden('\u{85}', 3)),
        ("ghcr.io/\u{3000}", forbidden('\u{3000}', 8)),
        ("<server>", forbidden('<', 0)),
        ("server>", forbidden('>', 6)),
        ("\"ghcr.io\"", forbidden('"', 0)),
        ("ftp://ghcr.io", ServerError::UnsupportedScheme),
        ("://ghcr.io", ServerError::UnsupportedScheme),
        ("oci://ghcr.io/team", ServerError::UnsupportedScheme),
        ("https://", ServerError::NoHost),
        ("https:///v2/", ServerError::NoHost),
        ("/team", ServerError::NoHost),
        ("//ghcr.io", ServerError::NoHost),
        (":5000", ServerError::NoHost),
        ("*.example.com", ServerError::BadHost),
        ("a%2Fb", ServerError::BadHost),
        ("host\\team", ServerError::BadHost),
        ("host:", ServerError::BadPort),
        ("https:/ghcr.io", ServerError::BadPort),
        ("host:http", ServerError::BadPort),
        ("host:+5000", ServerError::BadPort),
        ("host:0", ServerError::BadPort),
        ("host:65536", ServerError::BadPort),
        ("[::1]:x", ServerError::BadPort),
        ("host?x", ServerError::QueryOrFragment),
        ("https://host/v2/#a", ServerError::QueryOrFragment),
    ] {
        assert_eq!(Server::parse(url), Err(error), "{url:?}");
        assert_eq!(url.parse::<Server>(), Server::parse(url), "{url:?}");
    }
}

#[test]
fn a_password_in_a_server_is_not_repeated() {
    for url in [
        "bob:hunter2@ghcr.io",
        "https://bob:hunter2@ghcr.io/team",
        "bob:hun ter2@ghcr.io",
        "bob:h/hunter2@ghcr.io",
        "bob:hunter2?@ghcr.io",
    ] {
        assert_eq!(Server::parse(url), Err(ServerError::UserInfo));
    }
    for url in ["bob:hunter2", "hunter2://ghcr.io", "ghcr.io?password=hunter2", "hunter2!"] {
        let error = Server::parse(url).unwrap_err();
        assert!(!format!("{error} {error:?}").contains("unter"), "{error:?}");
    }
}

#[test]
fn a_message_names_the_character_and_where_it_is() {
    assert_eq!(
        Server::parse("ghcr.io\u{1b}[2J").unwrap_err().to_string(),
        r"a server has no '\u{1b}', but there is one at byte 7"
    );
}

#[test]
fn a_registry_key_is_refused_only_for_what_is_surely_a_mistake() {
    for key in [
        "*.example.com",
        "reg-[ab].example.com/team",
        "https://reg.example.com/v2/",
        "HTTPS://GHCR.IO",
        "reg.example.com:5000/Team/",
        "bob@ghcr.io",
        "ftp://x?y#z",
        "[::1",
        ":0",
        DOCKER_HUB,
    ] {
        assert_eq!(check_registry_key(key), Ok(()), "{key}");
    }
    assert_eq!(check_registry_key(""), Err(ServerError::Empty));
    for key in ["a b", "a\t", "\u{7f}", "a\u{2028}b", "<a", "a>", "\"a\""] {
        assert!(matches!(check_registry_key(key), Err(ServerError::ForbiddenCharacter { .. })), "{key:?}");
    }
}

#[test]
fn the_key_in_a_pull_secret_is_one_that_the_kubelet_finds() {
    for (key, expected) in [
        // Docker Hub, working already or not.
        ("docker.io", DOCKER_HUB),
        ("https://index.docker.io/v1/", DOCKER_HUB),
        ("https://index.docker.io/v1", DOCKER_HUB),
        ("registry-1.docker.io", DOCKER_HUB),
        ("hub.docker.com", DOCKER_HUB),
        ("docker.io:443", DOCKER_HUB),
        // Its namespaces.
        ("docker.io/team", "docker.io/team"),
        ("https://docker.io/team/", "https://docker.io/team/"),
        ("index.docker.io/team", "docker.io/team"),
        ("https://registry-1.docker.io/v2/team", "docker.io/v2/team"),
        ("DOCKER.io:443/team", "docker.io/team"),
        // Its tokens: no key for an image, and not made one.
        ("https://index.docker.io/v1/access-token", "https://index.docker.io/v1/access-token"),
        // The scheme.
        ("HTTPS://ghcr.io/v2/", "https://ghcr.io/v2/"),
        ("Http://ghcr.io", "http://ghcr.io"),
        ("FTP://ghcr.io", "FTP://ghcr.io"),
        // The API's version.
        ("ghcr.io/v1", "ghcr.io"),
        ("HTTPS://ghcr.io:5000/v2", "https://ghcr.io:5000"),
        ("*.example.com/v2", "*.example.com"),
        ("ghcr.io/v2/", "ghcr.io/v2/"),
        ("ghcr.io/v1/team", "ghcr.io/v1/team"),
        ("ghcr.io/v22", "ghcr.io/v22"),
        ("ghcr.io/team/v2", "ghcr.io/team/v2"),
        // Everything else.
        ("ghcr.io", "ghcr.io"),
        ("GHCR.io/Team/", "GHCR.io/Team/"),
        ("ghcr.io:443", "ghcr.io:443"),
        ("*.docker.io", "*.docker.io"),
        ("reg-[ab].example.com", "reg-[ab].example.com"),
        ("[::1]:5000", "[::1]:5000"),
        ("bob@ghcr.io", "bob@ghcr.io"),
        ("", ""),
    ] {
        assert_eq!(pull_secret_key(key), expected, "{key}");
    }
}

fn host_and_path() -> impl Strategy<Value = (String, String)> {
    let host = prop_oneof![
        4 => "[a-z0-9][a-z0-9-]{0,5}(\\.[a-z0-9]{1,4}){0,2}",
        1 => Just("[fe80::1]".to_owned()),
        2 => prop::sample::select(vec![
            "docker.io".to_owned(),
            "index.docker.io".to_owned(),
            "hub.docker.com".to_owned(),
        ]),
    ];
    let path = prop_oneof![
        Just(String::new()),
        prop::sample::select(vec!["/v1", "/v2", "/v1/access-token", "//", "//v2"]).prop_map(str::to_owned),
        "(/[a-zA-Z0-9._-]{0,4}){1,3}",
    ];
    (host, path)
}

/// Texts that are mostly server URLs.
fn nearly_a_server() -> impl Strategy<Value = String> {
    let scheme = prop::sample::select(vec!["", "https://", "HTTP://", "ftp://"]);
    let port = prop::sample::select(vec!["", ":443", ":80", ":5000", ":", ":99999"]);
    (scheme, host_and_path(), port)
        .prop_map(|(scheme, (host, path), port)| format!("{scheme}{host}{port}{path}"))
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_spelling_does_not_change_the_server((host, path) in host_and_path(), slashes in "/{1,3}") {
        let plain = server(&format!("{host}{path}"));
        let upper = host.to_ascii_uppercase();
        for url in [
            format!("https://{host}{path}"),
            format!("HTTP://{host}{path}"),
            format!("{host}{path}{slashes}"),
            format!("{host}:443{path}"),
            format!("{upper}{path}"),
            format!("hTTps://{upper}:443{path}{slashes}"),
        ] {
            prop_assert_eq!(server(&url), plain.clone(), "{}", url);
        }
    }

    #[test]
    fn the_key_of_docker_parses_to_the_same_server(url in prop_oneof![nearly_a_server(), any::<String>()]) {
        if let Ok(server) = Server::parse(&url) {
            prop_assert_eq!(Server::parse(&server.docker_key()), Ok(server.clone()));
            prop_assert_eq!(server.to_string(), server.docker_key());
        }
    }

    #[test]
    fn the_key_of_a_pull_secret_is_settled_and_for_the_same_server(url in nearly_a_server()) {
        let key = pull_secret_key(&url);
        prop_assert_eq!(pull_secret_key(&key), key.clone());
        if let Ok(server) = Server::parse(&url) {
            prop_assert_eq!(Server::parse(&key), Ok(server));
        }
    }

    #[test]
    fn what_is_a_server_is_a_key(url in any::<String>()) {
        if Server::parse(&url).is_ok() {
            prop_assert_eq!(check_registry_key(&url), Ok(()));
        }
    }

    #[test]
    fn no_text_makes_anything_panic(text in any::<String>(), path in any::<String>()) {
        for text in [text.clone(), format!("[{text}"), format!("host:{text}"), format!("https://{text}/{path}")] {
            let _ = Server::parse(&text).map_err(|error| error.to_string());
            let _ = check_registry_key(&text);
            let _ = pull_secret_key(&text);
        }
    }
}

#[test]
fn every_spelling_means_the_server_it_is_of() {
    for url in ["ghcr.io", "localhost:5000", "https://index.docker.io/v1/", "quay.io/team", "[::1]:5000/x/y"]
    {
        let server: Server = url.parse().unwrap();
        let spellings = server.spellings();
        for spelling in &spellings {
            assert_eq!(spelling.parse::<Server>().as_ref(), Ok(&server), "{spelling}");
        }
        assert!(spellings.contains(&server.docker_key()), "{url}");
    }
    let token: Server = "https://index.docker.io/v1/access-token".parse().unwrap();
    assert!(token.spellings().contains(&token.docker_key()));
    let nerdctl: Server = "ghcr.io".parse().unwrap();
    for spelling in ["ghcr.io:443", "https://ghcr.io", "http://ghcr.io", "https://ghcr.io/v2/"] {
        assert!(nerdctl.spellings().iter().any(|s| s == spelling), "{spelling}");
    }
}

#[test]
fn only_a_namespace_falls_back_to_its_host() {
    let host_of = |url: &str| url.parse::<Server>().unwrap().without_path().map(|s| s.docker_key());
    assert_eq!(host_of("ghcr.io/team/app").as_deref(), Some("ghcr.io"));
    assert_eq!(host_of("docker.io/library").as_deref(), Some("https://index.docker.io/v1/"));
    assert_eq!(host_of("ghcr.io/v2/"), None);
    assert_eq!(host_of("https://index.docker.io/v1/refresh-token"), None);
}

#[test]
fn clients_look_helpers_up_by_the_host_as_images_name_it() {
    for (key, asked) in [
        ("ghcr.io", "ghcr.io"),
        ("https://GHCR.io/v2/", "GHCR.io"),
        ("ghcr.io:443", "ghcr.io:443"),
        ("registry.example:5000/team", "registry.example:5000"),
        ("*.example", "*.example"),
    ] {
        assert_eq!((docker_lookup_key(key).as_str(), podman_lookup_key(key).as_str()), (asked, asked));
    }
    for hub in ["docker.io", "https://index.docker.io/v1/", "registry-1.docker.io", "docker.io/team"] {
        assert_eq!(docker_lookup_key(hub), DOCKER_HUB, "{hub}");
        assert_eq!(podman_lookup_key(hub), "docker.io", "{hub}");
    }
    let token = "https://index.docker.io/v1/refresh-token";
    assert_eq!(docker_lookup_key(token), token);
}

#[test]
fn podman_has_paths_without_a_scheme_alone() {
    for path in ["ghcr.io/team", "ghcr.io/team/app", "docker.io/team", "ghcr.io/v2", "localhost:5000/a/"] {
        assert!(is_path_key(path), "{path}");
    }
    for host in ["ghcr.io", "ghcr.io/", "https://ghcr.io/team", "https://index.docker.io/v1/", "http://a/v2/"]
    {
        assert!(!is_path_key(host), "{host}");
    }
}
