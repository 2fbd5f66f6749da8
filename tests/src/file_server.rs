//! An HTTP server on a loopback port that hands out the files of a folder.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;

/// The server; it goes away with this value.
#[derive(Debug)]
pub struct FileServer {
    address: SocketAddr,
    _runtime: tokio::runtime::Runtime,
}

impl FileServer {
    /// Starts a server for the files in `folder`, without those in folders below it.
    pub fn start(folder: &Path) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
        let runtime = runtime.expect("a runtime");
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).expect("a free port");
        let address = listener.local_addr().expect("a listener has an address");
        runtime.spawn(accept(listener, folder.into()));
        Self { address, _runtime: runtime }
    }

    /// What stands before a file's name: `http://127.0.0.1:PORT`.
    pub fn base(&self) -> String {
        format!("http://{}", self.address)
    }
}

async fn accept(listener: TcpListener, folder: Arc<Path>) {
    while let Ok((stream, _)) = listener.accept().await {
        let folder = Arc::clone(&folder);
        tokio::spawn(async move {
            let service = service_fn(|request| {
                let folder = Arc::clone(&folder);
                async move { answer(&request, &folder) }
            });
            // A connection that breaks is the client's to report.
            let _ = hyper::server::conn::http1::Builder::new()
                .serve_connection(TokioIo::new(stream), service)
                .await;
        });
    }
}

fn answer(request: &Request<Incoming>, folder: &Path) -> Result<Response<Full<Bytes>>, hyper::http::Error> {
    let name = PathBuf::from(request.uri().path());
    let file = name.file_name().and_then(|name| std::fs::read(folder.join(name)).ok());
    match file {
        Some(bytes) => Response::builder().body(Full::from(bytes)),
        None => Response::builder().status(StatusCode::NOT_FOUND).body(Full::default()),
    }
}
