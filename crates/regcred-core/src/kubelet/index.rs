//! Index keys: what the kubelet makes of a registry key, and how it compares that with an image.

use super::MissReason;
use super::go_url::{self, GoUrl, split_port};
use crate::json::lossy;
use crate::pattern::{Match, matches};

/// Host and path of a registry key, in the byte order in which the kubelet sorts them.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct IndexKey(Vec<u8>);

/// An image's repository, divided for comparison.
pub(crate) struct Target {
    url: GoUrl,
}

impl Target {
    /// `None` if Go can't parse the repository as a URL.
    pub(crate) fn of(repository: &str) -> Option<Self> {
        go_url::parse(repository.as_bytes()).map(|url| Self { url })
    }
}

impl IndexKey {
    /// The index key of a registry key, or `None` if Go can't parse it as a URL.
    ///
    /// Follows `BasicDockerKeyring.Add`: only a lower-case scheme is one, and `/v1/` and `/v2/` lose their
    /// first three characters.
    pub(crate) fn of(key: &str) -> Option<Self> {
        let schemeless = key.strip_prefix("https://").or_else(|| key.strip_prefix("http://")).unwrap_or(key);
        let GoUrl { mut host, path } = go_url::parse(schemeless.as_bytes())?;
        let path =
            if path.starts_with(b"/v1/") || path.starts_with(b"/v2/") { &path[3..] } else { &path[..] };
        if path != b"/" {
            host.extend_from_slice(path);
        }
        Some(Self(host))
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// Whether the key matches an image, or the first reason why not.
    ///
    /// Follows `URLsMatchStr`, which parses the index key again: what was percent-encoded counts now.
    pub(crate) fn compare(&self, target: Option<&Target>) -> Result<(), MissReason> {
        let text = |bytes: &[u8]| lossy(bytes).to_string();
        let key = go_url::parse(&self.0).ok_or_else(|| MissReason::IndexKeyUnparsable(text(&self.0)))?;
        let image = &target.ok_or(MissReason::ImageUnparsable)?.url;
        let (key_host, key_port) = split_port(&key.host);
        let (image_host, image_port) = split_port(&image.host);
        if key_port != image_port {
            return Err(MissReason::Port { key: text(key_port), image: text(image_port) });
        }
        let labels = |host: &[u8]| host.split(|&b| b == b'.').map(<[u8]>::to_vec).collect::<Vec<_>>();
        let (patterns, image_labels) = (labels(key_host), labels(image_host));
        if patterns.len() != image_labels.len() {
            return Err(MissReason::Labels { key: patterns.len(), image: image_labels.len() });
        }
        if !image.path.starts_with(&key.path) {
            return Err(MissReason::Path { key: text(&key.path), image: text(&image.path) });
        }
        for (pattern, label) in patterns.iter().zip(&image_labels) {
            match matches(pattern, label) {
                Match::Yes => {}
                Match::No => {
                    return Err(MissReason::Label { pattern: text(pattern), label: text(label) });
                }
                Match::Malformed => return Err(MissReason::Pattern(text(pattern))),
            }
        }
        Ok(())
    }
}
