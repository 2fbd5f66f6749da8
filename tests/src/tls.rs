//! TLS in front of a server of a test, with a certificate of its own.

use std::net::SocketAddr;
use std::sync::Arc;

use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;

/// Answers TLS on loopback and passes on what is inside; it ends with this value, and so do its connections.
pub struct TlsFront {
    address: SocketAddr,
    certificate: String,
    _runtime: tokio::runtime::Runtime,
}

impl TlsFront {
    /// Starts one in front of the server at `inner`.
    pub fn start(inner: SocketAddr) -> Self {
        let pair = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned(), "localhost".to_owned()]);
        let pair = pair.expect("a certificate");
        let key = PrivateKeyDer::try_from(pair.signing_key.serialize_der()).expect("a key");
        let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("versions of TLS")
            .with_no_client_auth()
            .with_single_cert(vec![pair.cert.der().clone()], key)
            .expect("the key is the certificate's");
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
        let runtime = runtime.expect("a runtime");
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).expect("a free port");
        let address = listener.local_addr().expect("a listener has an address");
        runtime.spawn(accept(listener, TlsAcceptor::from(Arc::new(config)), inner));
        Self { address, certificate: pair.cert.pem(), _runtime: runtime }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The certificate to trust, in PEM.
    pub fn certificate(&self) -> &str {
        &self.certificate
    }
}

async fn accept(listener: TcpListener, acceptor: TlsAcceptor, inner: SocketAddr) {
    while let Ok((stream, _)) = listener.accept().await {
        let acceptor = acceptor.clone();
        tokio::spawn(async move {
            // Whoever does not trust us goes away; that is the client's to tell.
            let Ok(mut outer) = acceptor.accept(stream).await else { return };
            let mut inner = TcpStream::connect(inner).await.expect("the server behind TLS listens");
            let _ = tokio::io::copy_bidirectional(&mut outer, &mut inner).await;
        });
    }
}
