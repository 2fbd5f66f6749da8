//! The API server and the way to it, as messages name them.

use std::fmt;

use chrono::{DateTime, Utc};
use http::Uri;

use super::certificate::Certificate;

/// What messages say about the API server and how it is reached. Shown, it is its URL.
#[derive(Clone, Debug)]
pub(crate) struct Server {
    /// Its URL, without a user or password.
    pub(super) url: String,
    /// The proxy on the way, without a user or password.
    pub(super) proxy: Option<String>,
    /// What we log in with, if it is a certificate.
    pub(super) client_certificate: Option<Certificate>,
    /// When this program began: whether a certificate has expired.
    pub(super) now: DateTime<Utc>,
}

impl fmt::Display for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.url)
    }
}

/// A URL for a message: without the user and the password that it may hold.
pub(super) fn shown(url: &Uri) -> String {
    let host = url.host().unwrap_or_default();
    let port = url.port_u16().map(|port| format!(":{port}")).unwrap_or_default();
    let path = url.path().trim_end_matches('/');
    format!("{}://{host}{port}{path}", url.scheme_str().unwrap_or("https"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_not_shown() {
        let shown = |url: &str| shown(&url.parse().unwrap());
        assert_eq!(shown("http://user:hunter2@proxy.example.com:3128/"), "http://proxy.example.com:3128");
        assert_eq!(shown("https://[::1]:6443/prefix/"), "https://[::1]:6443/prefix");
    }
}
