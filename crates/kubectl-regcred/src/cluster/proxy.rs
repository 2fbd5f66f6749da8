//! The proxy on the way to the API server, found as kubectl finds it.
//!
//! kube does look by itself, but differently: there, the environment overrides the kubeconfig, and `NO_PROXY`
//! is held against the proxy's own address. Followed here are client-go (`rest/transport.go`,
//! `clientcmd/client_config.go`) and Go's golang.org/x/net/http/httpproxy.
//!
//! Only `HTTPS_PROXY` is looked at: servers without TLS are on this machine, where no proxy is used.

use std::net::IpAddr;

use http::Uri;
use ipnet::IpNet;

use crate::environment::Environment;
use crate::failure::{Failure, exit};

const SCHEMES: [&str; 4] = ["http", "https", "socks5", "socks5h"];

/// The proxy for requests to `server`: the kubeconfig's `proxy-url`, whatever the environment says; else that
/// of the environment.
pub(super) fn choose(
    server: &Uri,
    proxy_url: Option<&str>,
    environment: &Environment,
) -> Result<Option<Uri>, Failure> {
    // A proxy's URL may hold a password, so it is never quoted.
    if let Some(url) = proxy_url {
        return parse(url).map(Some).ok_or_else(|| {
            Failure::new(exit::CLUSTER, "the `proxy-url` in the kubeconfig is not the URL of a proxy")
                .hint("it begins with http://, https:// or socks5://")
        });
    }
    let first = |names: [&'static str; 2]| {
        names.into_iter().find_map(|name| Some((name, environment.var(name)?.to_string_lossy())))
    };
    let Some((name, url)) = first(["HTTPS_PROXY", "https_proxy"]) else { return Ok(None) };
    let exceptions = first(["NO_PROXY", "no_proxy"]).map(|(_, list)| list).unwrap_or_default();
    if !is_proxied(server, &exceptions) {
        return Ok(None);
    }
    // Go takes `proxy.example.com:3128` too.
    let proxy = parse(&url).or_else(|| parse(&format!("http://{url}")));
    proxy.map(Some).ok_or_else(|| Failure::new(exit::CLUSTER, format!("{name} is not the URL of a proxy")))
}

fn parse(url: &str) -> Option<Uri> {
    let (scheme, rest) = url.split_once("://")?;
    let scheme = scheme.to_ascii_lowercase();
    if !SCHEMES.contains(&scheme.as_str()) {
        return None;
    }
    // Names are resolved by the proxy either way, which is what the `h` asks for.
    let scheme = if scheme == "socks5h" { "socks5" } else { &scheme };
    let uri: Uri = format!("{scheme}://{rest}").parse().ok()?;
    uri.host().is_some_and(|host| !host.is_empty()).then_some(uri)
}

/// Whether a proxy of the environment is used for `server`, given the list in `NO_PROXY`.
///
/// This machine is never reached through one. International names are compared as they are written.
fn is_proxied(server: &Uri, exceptions: &str) -> bool {
    let host = bare(server.host().unwrap_or_default()).to_ascii_lowercase();
    let port = server.port_u16().unwrap_or(443);
    let address: Option<IpAddr> = host.parse().ok();
    if host == "localhost" || address.is_some_and(|address| address.to_canonical().is_loopback()) {
        return false;
    }
    !exceptions.split(',').any(|exception| is_excepted(&host, address, port, exception.trim()))
}

fn is_excepted(host: &str, address: Option<IpAddr>, port: u16, exception: &str) -> bool {
    if exception == "*" {
        return true;
    }
    if let Ok(network) = exception.parse::<IpNet>() {
        return address.is_some_and(|address| network.contains(&address.to_canonical()));
    }
    let (name, only_port) = split_port(exception);
    if only_port.is_some_and(|only| only.parse() != Ok(port)) {
        return false;
    }
    if let Ok(excepted) = name.parse::<IpAddr>() {
        return address.is_some_and(|address| address.to_canonical() == excepted.to_canonical());
    }
    let name = name.to_ascii_lowercase();
    let name = name.strip_prefix('*').filter(|rest| rest.starts_with('.')).unwrap_or(&name);
    match name.strip_prefix('.') {
        // Subdomains only.
        Some(domain) => !domain.is_empty() && host.strip_suffix(name).is_some(),
        None if name.is_empty() => false,
        None => host.strip_suffix(name).is_some_and(|rest| rest.is_empty() || rest.ends_with('.')),
    }
}

/// Splits `host:port` and `[address]:port`; an IPv6 address without brackets has no port.
fn split_port(text: &str) -> (&str, Option<&str>) {
    match text.rsplit_once(':') {
        Some((host, port)) if !host.contains(':') || host.ends_with(']') => (bare(host), Some(port)),
        _ => (bare(text), None),
    }
}

/// An address without the brackets of a URL.
fn bare(host: &str) -> &str {
    host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn proxied(server: &str, exceptions: &str) -> bool {
        is_proxied(&server.parse().unwrap(), exceptions)
    }

    #[test]
    fn without_exceptions_everything_but_this_machine_is_proxied() {
        assert!(proxied("https://k8s.example.com:6443", ""));
        assert!(proxied("https://10.0.0.1", " , "));
        for local in [
            "https://localhost:6443",
            "https://LOCALHOST",
            "https://127.0.0.1:6443",
            "https://127.9.9.9",
            "https://[::1]:6443",
        ] {
            assert!(!proxied(local, ""), "{local}");
        }
    }

    #[test]
    fn exceptions_are_read_as_go_reads_them() {
        let server = "https://api.k8s.example.com:6443";
        for exceptions in [
            "*",
            "example.com",
            "other.org, EXAMPLE.com",
            ".example.com",
            "*.example.com",
            "api.k8s.example.com",
            "k8s.example.com:6443",
            ".example.com:6443",
            "10.0.0.0/8,k8s.example.com",
        ] {
            assert!(!proxied(server, exceptions), "{exceptions}");
        }
        for exceptions in [
            "ample.com",
            "k8s.example.com:443",
            ".api.k8s.example.com",
            "*.api.k8s.example.com",
            "example.com.",
            "example.*",
            "https://example.com",
            ".",
            ":6443",
            "10.0.0.0/8",
        ] {
            assert!(proxied(server, exceptions), "{exceptions}");
        }
    }

    #[test]
    fn a_leading_dot_excepts_subdomains_only() {
        assert!(proxied("https://example.com", ".example.com"));
        assert!(!proxied("https://example.com", "example.com"));
        assert!(!proxied("https://a.example.com", ".example.com"));
    }

    #[test]
    fn addresses_are_excepted_by_themselves_or_by_their_network() {
        assert!(!proxied("https://10.1.2.3:6443", "10.0.0.0/8"));
        assert!(!proxied("https://10.1.2.3:6443", "10.1.2.3"));
        assert!(!proxied("https://10.1.2.3:6443", "10.1.2.3:6443"));
        assert!(proxied("https://10.1.2.3:6443", "10.1.2.3:443"));
        assert!(!proxied("https://10.1.2.3", "10.1.2.3:443"));
        assert!(proxied("https://11.1.2.3", "10.0.0.0/8"));
        assert!(!proxied("https://[fd00::1]:6443", "fd00::/8"));
        assert!(!proxied("https://[fd00::1]:6443", "fd00::1"));
        assert!(!proxied("https://[fd00::1]:6443", "[fd00::1]:6443"));
        assert!(proxied("https://[fd00::1]:6443", "[fd00::1]:443"));
        // A name is not resolved to see where it leads.
        assert!(proxied("https://ten.example.com", "0.0.0.0/0"));
    }

    fn environment(variables: &[(&str, &str)]) -> Environment {
        Environment::of(variables.iter().copied())
    }

    const SERVER: &str = "https://k8s.example.com:6443";

    fn chosen(proxy_url: Option<&str>, variables: &[(&str, &str)]) -> Option<String> {
        let proxy = choose(&SERVER.parse().unwrap(), proxy_url, &environment(variables)).unwrap();
        proxy.map(|proxy| proxy.to_string())
    }

    #[test]
    fn the_kubeconfig_wins_over_the_environment() {
        let variables = [("HTTPS_PROXY", "http://env:1"), ("NO_PROXY", "*")];
        assert_eq!(chosen(Some("http://config:2"), &variables).as_deref(), Some("http://config:2/"));
        assert_eq!(chosen(None, &variables), None);
        assert_eq!(chosen(None, &variables[..1]).as_deref(), Some("http://env:1/"));
    }

    #[test]
    fn variables_are_looked_for_as_go_does() {
        assert_eq!(chosen(None, &[]), None);
        assert_eq!(chosen(None, &[("https_proxy", "http://lower:1")]).as_deref(), Some("http://lower:1/"));
        let both = [("https_proxy", "http://lower:1"), ("HTTPS_PROXY", "http://upper:1")];
        assert_eq!(chosen(None, &both).as_deref(), Some("http://upper:1/"));
        assert_eq!(chosen(None, &[("HTTP_PROXY", "http://p:1"), ("ALL_PROXY", "http://p:1")]), None);
        assert_eq!(chosen(None, &[("HTTPS_PROXY", "proxy:3128")]).as_deref(), Some("http://proxy:3128/"));
        assert_eq!(chosen(None, &[("HTTPS_PROXY", "p:1"), ("no_proxy", "example.com")]), None);
        assert_eq!(chosen(None, &[("HTTPS_PROXY", "socks5h://s:1")]).as_deref(), Some("socks5://s:1/"));
    }

    #[test]
    fn a_bad_url_is_refused_and_not_quoted() {
        let secret = "http://user:hunter2@bad host:1";
        for (proxy_url, variables) in
            [(Some(secret), vec![]), (None, vec![("HTTPS_PROXY", secret)]), (Some("ftp://hunter2"), vec![])]
        {
            let failure = choose(&SERVER.parse().unwrap(), proxy_url, &environment(&variables)).unwrap_err();
            assert!(!format!("{failure:?}").contains("hunter2"), "{failure:?}");
        }
    }
}
