//! A network with faults, in front of a real API server.
//!
//! Plain HTTP on loopback; every request goes on to the server with the credential of the kubeconfig that the
//! proxy was started with, exactly once, unless a [`Rule`] says otherwise. The server's answers are never made
//! up, but for [`Fault::Busy`] and [`Fault::Expired`]: a server is not overloaded and forgets nothing at will, and a
//! load balancer before it would answer the same.

use std::collections::VecDeque;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use futures_util::stream;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt as _, Full, StreamBody};
use hyper::body::{Bytes, Frame, Incoming};
use hyper::header::{
    ACCEPT, CONNECTION, CONTENT_LENGTH, CONTENT_TYPE, HOST, HeaderMap, RETRY_AFTER, TRANSFER_ENCODING,
};
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tempfile::TempDir;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

use crate::cluster::client_for;

/// What goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The server does what was asked and answers, but the connection breaks before the client hears of it.
    LoseAnswer,
    /// The connection breaks before the request reaches the server.
    Refuse,
    /// The request waits on the way until [`FaultProxy::release`], and then reaches the server.
    Hold,
    /// Something on the way answers with this status, and asks to stay away for so many seconds.
    Busy {
        /// The status, e.g. 429.
        status: u16,
        /// The header `Retry-After`.
        retry_after: Option<u32>,
    },
    /// The server does what was asked, but the answer never comes, and the connection stays.
    Stall,
    /// Half of the answer comes, then the connection breaks.
    Truncate,
    /// Half of the answer comes as if it were all of it.
    Cut,
    /// Half of the answer comes, then nothing more, and the connection stays.
    StallBody,
    /// The answer comes a piece at a time, over a second and a half.
    Trickle,
    /// The server answers 410: what was asked for has been compacted away, as happens to the token of a list's next
    /// page after some minutes.
    Expired,
}

/// When something goes wrong. The first rule that fits a request and isn't used up applies.
#[derive(Debug, Clone)]
pub struct Rule {
    /// What goes wrong.
    pub fault: Fault,
    /// The request's method, e.g. `POST`.
    pub method: &'static str,
    /// A part of the request's path and query; or several, in this order, with `*` between them.
    pub path_contains: String,
    /// How many more requests it applies to.
    pub times: u32,
}

/// A request that the proxy saw.
#[derive(Debug, Clone)]
pub struct Seen {
    /// Its method.
    pub method: String,
    /// Its path and query.
    pub path: String,
    /// In which form the client wants the answer (its header `Accept`).
    pub accept: String,
    /// What happened to it, if anything.
    pub fault: Option<Fault>,
}

#[derive(Default)]
struct Log {
    rules: Vec<Rule>,
    seen: Vec<Seen>,
}

/// A running proxy; it ends with this value, and so do its connections.
pub struct FaultProxy {
    log: Arc<Mutex<Log>>,
    is_released: watch::Sender<bool>,
    folder: TempDir,
    // Dropped last of all it owns: it runs the proxy's tasks.
    _runtime: tokio::runtime::Runtime,
}

impl FaultProxy {
    /// Starts a proxy in front of the server of `kubeconfig`, with the credential that is in there.
    pub fn start(kubeconfig: &Path) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
        let runtime = runtime.expect("a runtime for the proxy");
        let (client, listener) = runtime.block_on(async {
            (client_for(kubeconfig).await, TcpListener::bind("127.0.0.1:0").await.expect("a free port"))
        });
        let address = listener.local_addr().expect("a listener has an address");
        let folder = tempfile::tempdir().expect("a temporary folder");
        let kubeconfig =
            xtask::cluster::Kubeconfig { server: &format!("http://{address}"), authority: None, user: None };
        kubeconfig.write(&folder.path().join("kubeconfig")).unwrap_or_else(|failure| panic!("{failure}"));

        let log = Arc::new(Mutex::new(Log::default()));
        let (is_released, release) = watch::channel(false);
        runtime.spawn(accept(listener, client, Arc::clone(&log), release));
        Self { log, is_released, folder, _runtime: runtime }
    }

    /// A kubeconfig that leads through the proxy.
    pub fn kubeconfig(&self) -> PathBuf {
        self.folder.path().join("kubeconfig")
    }

    /// Lets something go wrong from now on.
    pub fn inject(&self, rule: Rule) {
        locked(&self.log).rules.push(rule);
    }

    /// Lets the requests that are held go on, and those that come.
    pub fn release(&self) {
        self.is_released.send_replace(true);
    }

    /// Waits until a fault has befallen so many requests.
    pub fn wait_for_faults(&self, count: usize) {
        while self.seen().iter().filter(|seen| seen.fault.is_some()).count() < count {
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// The requests so far, in the order of their arrival.
    pub fn seen(&self) -> Vec<Seen> {
        locked(&self.log).seen.clone()
    }
}

fn locked(log: &Mutex<Log>) -> MutexGuard<'_, Log> {
    log.lock().expect("nobody panics while holding the proxy's log")
}

impl Log {
    /// Notes a request; returns what shall happen to it.
    fn note(&mut self, method: &str, path: &str, accept: &str) -> Option<Fault> {
        let rule = self
            .rules
            .iter_mut()
            .find(|rule| rule.times > 0 && rule.method == method && contains(path, &rule.path_contains));
        let fault = rule.map(|rule| {
            rule.times -= 1;
            rule.fault
        });
        let (method, path, accept) = (method.to_owned(), path.to_owned(), accept.to_owned());
        self.seen.push(Seen { method, path, accept, fault });
        fault
    }
}

fn contains(path: &str, parts: &str) -> bool {
    let mut rest = Some(path);
    for part in parts.split('*') {
        rest = rest.and_then(|rest| rest.split_once(part)).map(|(_, after)| after);
    }
    rest.is_some()
}

async fn accept(
    listener: TcpListener,
    client: kube::Client,
    log: Arc<Mutex<Log>>,
    release: watch::Receiver<bool>,
) {
    while let Ok((stream, _)) = listener.accept().await {
        tokio::spawn(serve(stream, client.clone(), Arc::clone(&log), release.clone()));
    }
}

async fn serve(
    stream: TcpStream,
    client: kube::Client,
    log: Arc<Mutex<Log>>,
    release: watch::Receiver<bool>,
) {
    let service = service_fn(|request| answer(request, client.clone(), Arc::clone(&log), release.clone()));
    // An error is how a fault breaks the connection; the client's going away is none of our business.
    let _ = hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
}

/// The connection breaks on purpose, or the server can't be reached.
#[derive(Debug)]
struct Broken;

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the connection breaks")
    }
}

impl std::error::Error for Broken {}

type Answer = UnsyncBoxBody<Bytes, Broken>;

/// Forwards a request; an error makes hyper close the client's connection without an answer.
async fn answer(
    request: Request<Incoming>,
    client: kube::Client,
    log: Arc<Mutex<Log>>,
    mut release: watch::Receiver<bool>,
) -> Result<Response<Answer>, Broken> {
    let path = request.uri().path_and_query().map_or("/", |path| path.as_str()).to_owned();
    let accept = request.headers().get(ACCEPT).and_then(|accept| accept.to_str().ok()).unwrap_or_default();
    let mut fault = locked(&log).note(request.method().as_str(), &path, accept);
    if fault == Some(Fault::Hold) {
        // The proxy is gone if it is dropped.
        release.wait_for(|is_released| *is_released).await.map_err(|_| Broken)?;
        fault = None;
    }
    if fault == Some(Fault::Refuse) {
        return Err(Broken);
    }
    if let Some(Fault::Busy { status, retry_after }) = fault {
        return Ok(busy(status, retry_after));
    }
    if fault == Some(Fault::Expired) {
        return Ok(expired());
    }
    let (mut head, body) = request.into_parts();
    without_hop_by_hop(&mut head.headers);
    let body = body.collect().await.map_err(|_| Broken)?.to_bytes();
    let response = client.send(Request::from_parts(head, body.into())).await.map_err(|_| Broken)?;
    let (mut head, body) = response.into_parts();
    without_hop_by_hop(&mut head.headers);
    if matches!(fault, Some(Fault::LoseAnswer | Fault::Stall)) {
        // Read to its end, so that the server has certainly done its work.
        let _ = body.collect_bytes().await;
        if fault == Some(Fault::Stall) {
            std::future::pending::<()>().await;
        }
        return Err(Broken);
    }
    if let Some(fault) = fault {
        head.headers.remove(CONTENT_LENGTH);
        let body = body.collect_bytes().await.map_err(|_| Broken)?;
        return Ok(Response::from_parts(head, damaged(&body, fault)));
    }
    Ok(Response::from_parts(head, body.map_err(|_| Broken).boxed_unsync()))
}

/// An answer that comes as `fault` says.
fn damaged(body: &Bytes, fault: Fault) -> Answer {
    let half = body.slice(..body.len() / 2);
    let mut chunks: VecDeque<Option<Bytes>> = match fault {
        Fault::Trickle => {
            let size = body.len().div_ceil(15).max(1);
            body.chunks(size).map(|chunk| Some(body.slice_ref(chunk))).collect()
        }
        _ => [Some(half)].into(),
    };
    if fault == Fault::Truncate {
        chunks.push_back(None);
    }
    let stream = stream::unfold(chunks, move |mut chunks| async move {
        if fault == Fault::Trickle {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        let Some(chunk) = chunks.pop_front() else {
            if fault == Fault::StallBody {
                std::future::pending::<()>().await;
            }
            return None;
        };
        // Without a pause, hyper would drop what it has not sent yet.
        if chunk.is_none() {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        Some((chunk.map(Frame::data).ok_or(Broken), chunks))
    });
    StreamBody::new(stream).boxed_unsync()
}

/// What kube-apiserver answers to the token of a page that it has no more.
fn expired() -> Response<Answer> {
    let status = serde_json::json!({
        "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "reason": "Expired", "code": 410,
        "message": "The provided continue parameter is too old to display a consistent list result.",
    });
    let body = Full::new(Bytes::from(status.to_string())).map_err(|never| match never {}).boxed_unsync();
    let response = Response::builder().status(410).header(CONTENT_TYPE, "application/json");
    response.body(body).expect("a status and a header make a response")
}

/// What kube-apiserver's own filter for too many requests answers: plain text, no `Status`.
fn busy(status: u16, retry_after: Option<u32>) -> Response<Answer> {
    let text = Full::new(Bytes::from_static(b"Too many requests, please try again later.\n"));
    let mut response = Response::builder().status(status);
    if let Some(seconds) = retry_after {
        response = response.header(RETRY_AFTER, seconds);
    }
    let body = text.map_err(|never| match never {}).boxed_unsync();
    response.body(body).expect("a status and a number make a response")
}

/// Removes what concerns one connection only (RFC 9110 §7.6.1); each side's library sets its own.
fn without_hop_by_hop(headers: &mut HeaderMap) {
    for name in [CONNECTION, HOST, TRANSFER_ENCODING] {
        headers.remove(name);
    }
}
