//! The grammar of the parts of an image reference: `distribution/reference` v0.6 `regexp.go`, without regular
//! expressions. Everything in it is ASCII, Go's `\w` included.

use std::ops::Range;

const MAX_TAG_LENGTH: usize = 128;
const IDENTIFIER_LENGTH: usize = 64;

/// What is wrong with a registry.
pub(super) enum RegistryFault {
    Host,
    /// The bytes of the port in the registry.
    Port(Range<usize>),
}

/// `identifier`: the hexadecimal SHA-256 of an image, without an algorithm.
pub(super) fn is_identifier(text: &str) -> bool {
    text.len() == IDENTIFIER_LENGTH && text.bytes().all(is_lower_hex)
}

/// `tag`.
pub(super) fn is_tag(text: &str) -> bool {
    let word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    text.len() <= MAX_TAG_LENGTH
        && text.bytes().next().is_some_and(word)
        && text.bytes().all(|byte| word(byte) || matches!(byte, b'.' | b'-'))
}

/// What `digest.Parse` of `opencontainers/go-digest` v1.0 accepts in the kubelet.
///
/// The wider pattern of `regexp.go` adds nothing: whatever passes it must be of an algorithm whose hash is linked
/// into the program, and the kubelet's `parsers.go` links `crypto/sha256` and `crypto/sha512` (which is SHA-384 too).
pub(super) fn is_digest(text: &str) -> bool {
    let Some((algorithm, encoded)) = text.split_once(':') else {
        return false;
    };
    let length = match algorithm {
        "sha256" => 64,
        "sha384" => 96,
        "sha512" => 128,
        _ => return false,
    };
    encoded.len() == length && encoded.bytes().all(is_lower_hex)
}

/// `domainAndPort`. Ports have any number of digits, and brackets hold any run of hexadecimal digits and colons.
pub(super) fn check_registry(text: &str) -> Result<(), RegistryFault> {
    let host_length = if text.starts_with('[') {
        text.find(']').map_or(text.len(), |end| end + ']'.len_utf8())
    } else {
        text.find(':').unwrap_or(text.len())
    };
    let (host, rest) = text.split_at(host_length);
    if !is_domain_name(host) && !is_bracketed_address(host) {
        return Err(RegistryFault::Host);
    }
    if rest.is_empty() {
        return Ok(());
    }
    match rest.strip_prefix(':') {
        Some(port) if !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit()) => Ok(()),
        Some(_) => Err(RegistryFault::Port(host_length + ':'.len_utf8()..text.len())),
        None => Err(RegistryFault::Host),
    }
}

/// `domainName`.
fn is_domain_name(host: &str) -> bool {
    host.split('.').all(|label| {
        !label.is_empty()
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
    })
}

/// `ipv6address`.
fn is_bracketed_address(host: &str) -> bool {
    host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).is_some_and(|address| {
        !address.is_empty() && address.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b':')
    })
}

/// The bytes of the first segment of `path` that is no `pathComponent`; `None` if `path` is a `remoteName`.
pub(super) fn first_bad_component(path: &str) -> Option<Range<usize>> {
    let mut start = 0;
    for component in path.split('/') {
        let end = start + component.len();
        if !is_path_component(component) {
            return Some(start..end);
        }
        start = end + '/'.len_utf8();
    }
    None
}

/// `pathComponent`: runs of lower-case letters and digits, one separator between each two.
fn is_path_component(component: &str) -> bool {
    let is_alphanumeric = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let Some(last) = component.bytes().last() else {
        return false;
    };
    is_alphanumeric(last)
        && component.as_bytes()[0..1].iter().copied().all(is_alphanumeric)
        && component.as_bytes().split(|&byte| is_alphanumeric(byte)).all(is_separator_or_nothing)
}

/// `separator`, or the nothing that is between two letters.
fn is_separator_or_nothing(run: &[u8]) -> bool {
    matches!(run, b"" | b"." | b"_" | b"__") || run.iter().all(|&byte| byte == b'-')
}

fn is_lower_hex(byte: u8) -> bool {
    matches!(byte, b'0'..=b'9' | b'a'..=b'f')
}
