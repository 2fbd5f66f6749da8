//! Which images a registry key is for, in words.

use super::go_url;
use super::index::IndexKey;
use super::is_hub_fallback;
use crate::json::lossy;

/// Which images the kubelet tries an entry with this registry key for, as the end of a sentence that begins with
/// "it matches".
pub fn reach(key: &str) -> String {
    let Some(index_key) = IndexKey::of(key) else {
        return "nothing: the kubelet can't parse the key".to_owned();
    };
    if is_hub_fallback(&index_key) {
        return "images of Docker Hub, as long as no other key matches".to_owned();
    }
    // The kubelet parses the index key again when it compares.
    let Some(url) = go_url::parse(index_key.bytes()) else {
        return "nothing: the kubelet can't parse the index key that it makes of it".to_owned();
    };
    let (host, path) = (lossy(&url.host).to_string(), lossy(&url.path).to_string());
    let is_pattern = host.contains(['*', '?', '\\']) || (host.contains('[') && !host.starts_with('['));
    match (is_pattern, path.is_empty()) {
        (true, true) => format!("all images on hosts that fit {host:?}"),
        (true, false) => format!("images on hosts that fit {host:?}, with a path that begins with {path:?}"),
        (false, true) if host == "docker.io" => "all images of Docker Hub".to_owned(),
        (false, true) => format!("all images on {host:?}"),
        (false, false) => format!("images whose name begins with {:?}", host + &path),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_says_which_images_it_is_for() {
        for (key, words) in [
            ("ghcr.io", "all images on \"ghcr.io\""),
            ("https://ghcr.io/v2/", "all images on \"ghcr.io\""),
            ("r.example.com:5000/team", "images whose name begins with \"r.example.com:5000/team\""),
            ("*.example.com", "all images on hosts that fit \"*.example.com\""),
            (
                "*.example.com/team/",
                "images on hosts that fit \"*.example.com\", with a path that begins with \"/team/\"",
            ),
            ("https://index.docker.io/v1/", "images of Docker Hub, as long as no other key matches"),
            ("docker.io", "all images of Docker Hub"),
            ("[::1]:5000", "all images on \"[::1]:5000\""),
            ("a b", "nothing: the kubelet can't parse the key"),
        ] {
            assert_eq!(reach(key), words, "{key}");
        }
    }
}
