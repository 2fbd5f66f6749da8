//! URLs as Go's `net/url` parses them (Go 1.26), as far as the kubelet looks: host and path.
//!
//! The `url` crate follows another standard (WHATWG): it lower-cases hosts, drops default ports, takes `\` for
//! `/`, resolves `..` and encodes what Go decodes. Each of these would find credentials that the kubelet does
//! not, or the other way round.

use std::net::Ipv6Addr;
use std::str::FromStr as _;

/// Host (with port) and path of a URL, percent-decoded, so not necessarily UTF-8.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct GoUrl {
    pub(super) host: Vec<u8>,
    pub(super) path: Vec<u8>,
}

/// Parses `http://…` or `https://…`, given without its scheme; `None` where Go returns an error.
///
/// Follows `net/url/url.go`, `Parse`, `parseAuthority`, `parseHost` and `setPath`.
pub(super) fn parse(schemeless: &[u8]) -> Option<GoUrl> {
    let (url, fragment) = cut(schemeless, b'#').unwrap_or((schemeless, b""));
    if url.iter().any(u8::is_ascii_control) {
        return None;
    }
    unescape(fragment, Mode::Other)?;
    let (rest, _query) = cut(url, b'?').unwrap_or((url, b""));
    let slash = rest.iter().position(|&b| b == b'/').unwrap_or(rest.len());
    let (authority, path) = rest.split_at(slash);
    Some(GoUrl { host: host_of(authority)?, path: unescape(path, Mode::Other)? })
}

fn cut(text: &[u8], at: u8) -> Option<(&[u8], &[u8])> {
    let at = text.iter().position(|&b| b == at)?;
    Some((&text[..at], &text[at + 1..]))
}

fn host_of(authority: &[u8]) -> Option<Vec<u8>> {
    let Some(at) = authority.iter().rposition(|&b| b == b'@') else { return parse_host(authority) };
    let userinfo = &authority[..at];
    let allowed = |b: &u8| b.is_ascii_alphanumeric() || b"-._:~!$&'()*+,;=%@".contains(b);
    if !userinfo.iter().all(allowed) {
        return None;
    }
    let (user, password) = cut(userinfo, b':').unwrap_or((userinfo, b""));
    unescape(user, Mode::Other)?;
    unescape(password, Mode::Other)?;
    parse_host(&authority[at + 1..])
}

fn parse_host(host: &[u8]) -> Option<Vec<u8>> {
    match host.iter().rposition(|&b| b == b'[') {
        Some(0) => {
            let close = host.iter().rposition(|&b| b == b']')?;
            let (address, port) = (&host[1..close], &host[close + 1..]);
            if !is_optional_port(port) {
                return None;
            }
            let zone = address.windows(3).position(|window| window == b"%25").unwrap_or(address.len());
            let mut address_text = unescape(&address[..zone], Mode::Host)?;
            address_text.extend(unescape(&address[zone..], Mode::Zone)?);
            is_ipv6(&address_text).then(|| [b"[", &address_text[..], b"]", port].concat())
        }
        Some(_) => None,
        None => {
            let colon = host.iter().position(|&b| b == b':').unwrap_or(host.len());
            if is_optional_port(&host[colon..]) { unescape(host, Mode::Host) } else { None }
        }
    }
}

fn is_optional_port(port: &[u8]) -> bool {
    port.is_empty() || (port[0] == b':' && port[1..].iter().all(u8::is_ascii_digit))
}

/// Follows `net/netip`, `ParseAddr`, of which IPv4 addresses don't count here.
fn is_ipv6(address: &[u8]) -> bool {
    let address = match cut(address, b'%') {
        Some((_, b"")) => return false,
        Some((address, _zone)) => address,
        None => address,
    };
    std::str::from_utf8(address).is_ok_and(|address| Ipv6Addr::from_str(address).is_ok())
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Mode {
    Host,
    Zone,
    Other,
}

/// The text with its `%xx` decoded, or `None` where Go returns an error.
fn unescape(text: &[u8], mode: Mode) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((&byte, after)) = rest.split_first() {
        if byte != b'%' {
            if mode != Mode::Other && byte.is_ascii() && !is_host_byte(byte) {
                return None;
            }
            out.push(byte);
            rest = after;
            continue;
        }
        let digit = |at: usize| after.get(at).and_then(|&b| char::from(b).to_digit(16));
        let value = u8::try_from(digit(0)? * 16 + digit(1)?).ok()?;
        let allowed = match mode {
            Mode::Other => true,
            // A host may escape bytes beyond ASCII, and the percent sign.
            Mode::Host => value >= 0x80 || value == b'%',
            Mode::Zone => value == b'%' || value == b' ' || is_host_byte(value),
        };
        if !allowed {
            return None;
        }
        out.push(value);
        rest = &after[2..];
    }
    Some(out)
}

/// The bytes that `net/url` lets stand in a host.
fn is_host_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!\"$&'()*+,-.:;<=>[]_~".contains(&byte)
}

/// Host and port of a URL's host, as the kubelet's `SplitURL` divides it (Go's `net.SplitHostPort`); what
/// can't be divided is all host.
pub(super) fn split_port(host: &[u8]) -> (&[u8], &[u8]) {
    divide(host).unwrap_or((host, b""))
}

fn divide(host_port: &[u8]) -> Option<(&[u8], &[u8])> {
    let colon = host_port.iter().rposition(|&b| b == b':')?;
    let (host, port) = (&host_port[..colon], &host_port[colon + 1..]);
    let bracket = |text: &[u8]| text.contains(&b'[') || text.contains(&b']');
    if host.starts_with(b"[") {
        let close = host.iter().position(|&b| b == b']')?;
        let address = &host[1..close];
        return (close + 1 == colon && !address.contains(&b'[') && !bracket(port)).then_some((address, port));
    }
    (!host.contains(&b':') && !bracket(host) && !bracket(port)).then_some((host, port))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(text: &str) -> Option<(String, String)> {
        let text_of = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        parse(text.as_bytes()).map(|url| (text_of(url.host), text_of(url.path)))
    }

    fn both(host: &str, path: &str) -> (String, String) {
        (host.into(), path.into())
    }

    #[test]
    fn host_and_path_keep_their_case_and_port() {
        assert_eq!(url("Reg.io:443/Team/"), Some(both("Reg.io:443", "/Team/")));
        assert_eq!(url("reg.io?x#y"), Some(both("reg.io", "")));
        assert_eq!(url("user:pw@reg.io/a%2Fb"), Some(both("reg.io", "/a/b")));
        assert_eq!(url("*.reg.io"), Some(both("*.reg.io", "")));
        assert_eq!(url(""), Some(both("", "")));
        assert_eq!(url("[fe80::1%25en0]:5000/x"), Some(both("[fe80::1%en0]:5000", "/x")));
    }

    #[test]
    fn what_go_refuses_is_refused() {
        for bad in [
            "a b",
            "a:b",
            "a:1:2",
            "::1",
            "[::1",
            "x[::1]",
            "[1.2.3.4]",
            "a%zz",
            "a/%z",
            "a\u{7f}",
            "a%41",
            "a#%",
        ] {
            assert_eq!(url(bad), None, "{bad}");
        }
    }

    #[test]
    fn ports_divide_as_in_go() {
        let split = |host: &str| {
            let (host, port) = split_port(host.as_bytes());
            format!("{} {}", String::from_utf8_lossy(host), String::from_utf8_lossy(port))
        };
        assert_eq!(split("reg.io:5000"), "reg.io 5000");
        assert_eq!(split("reg.io:"), "reg.io ");
        assert_eq!(split("reg.io"), "reg.io ");
        assert_eq!(split("[::1]:5000"), "::1 5000");
        assert_eq!(split("[::1]"), "[::1] ");
        assert_eq!(split("a]b:1"), "a]b:1 ");
    }
}
