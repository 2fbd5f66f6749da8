//! A server whose certificate is not trusted: whose it says it is, so that a person can judge.

use std::error::Error;
use std::time::Duration;

use http::Uri;
use hyper_rustls::MaybeHttpsStream;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::connect::proxy::{SocksV5, Tunnel};
use kube::Config;
use kube::client::ConfigExt as _;
use rustls::CertificateError;
use thiserror::Error as ThisError;
use tower::Service;

use super::certificate::{self, Certificate};

/// How long a second look at the server may take; its certificate came at once a moment ago.
const PATIENCE: Duration = Duration::from_secs(5);

/// The server's certificate was rejected, so nothing was sent.
#[derive(Debug, ThisError)]
#[error("the certificate is not trusted")]
pub(super) struct Untrusted {
    /// The certificate, if a second look showed it.
    pub(super) certificate: Option<Certificate>,
    /// What is wrong with it.
    pub(super) reason: CertificateError,
    pub(super) source: Box<dyn Error + Send + Sync>,
}

/// How to look at a server's certificate: the way to it, and nothing of what we log in with.
pub(super) struct Probe {
    config: Config,
}

impl Probe {
    /// A look at the server of `config`.
    pub(super) fn new(config: &Config) -> Self {
        let mut bare = Config::new(config.cluster_url.clone());
        bare.proxy_url.clone_from(&config.proxy_url);
        bare.tls_server_name.clone_from(&config.tls_server_name);
        // Nothing but the handshake happens here: no request is sent, and no client certificate.
        bare.accept_invalid_certs = true;
        Self { config: bare }
    }

    /// The certificate that the server presents; rustls tells why it rejects one, but not which one.
    pub(super) async fn certificate(&self) -> Option<Certificate> {
        let mut direct = HttpConnector::new();
        direct.enforce_http(false);
        let look = async {
            match &self.config.proxy_url {
                None => self.look(direct).await,
                Some(proxy) if proxy.scheme_str() == Some("socks5") => {
                    self.look(SocksV5::new(proxy.clone(), direct)).await
                }
                // A proxy that wants a password or TLS gets neither here; then the certificate stays unnamed.
                Some(proxy) => self.look(Tunnel::new(proxy.clone(), direct)).await,
            }
        };
        tokio::time::timeout(PATIENCE, look).await.ok()?
    }

    async fn look<C>(&self, connector: C) -> Option<Certificate>
    where
        C: Service<Uri> + Send + 'static,
        C::Response: hyper_util::client::legacy::connect::Connection
            + hyper::rt::Read
            + hyper::rt::Write
            + Send
            + Unpin
            + 'static,
        C::Future: Send + 'static,
        C::Error: Into<Box<dyn Error + Send + Sync>>,
    {
        let mut connector = self.config.rustls_https_connector_with_connector(connector).ok()?;
        match connector.call(self.config.cluster_url.clone()).await.ok()? {
            MaybeHttpsStream::Https(stream) => {
                certificate::read(stream.inner().get_ref().1.peer_certificates()?.first()?)
            }
            MaybeHttpsStream::Http(_) => None,
        }
    }
}
