//! Every request to the API server goes through here: it gets its deadline, is repeated if that is right
//! ([`retry`]), and what goes wrong on the way gets a type that [`reach`](super::reach) can name.
//!
//! kube can set a timeout on a connection but not on a request, and its own retries send changes again whose
//! outcome is not known.

use std::error::Error;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use http::header::{AUTHORIZATION, HeaderValue};
use http::request::Parts;
use http::{Request, Response, StatusCode};
use http_body_util::BodyExt as _;
use kube::client::{Body, DynBody};
use kube::core::Status;
use regcred_core::credential::SecretString;
use tokio::sync::Mutex;
use tower::Service;

use super::exec::Plugin;
use super::reach::{Repeated, TimedOut, certificate_error, is_connect_error};
use super::retry::{self, Outcome};
use super::untrusted::{Probe, Untrusted};

type BoxError = Box<dyn Error + Send + Sync>;
type Bytes = hyper::body::Bytes;
type Answer = Response<Bytes>;

/// The token of an exec plugin, which can be asked for another one.
pub(super) struct PluginToken {
    plugin: Plugin,
    token: Mutex<SecretString>,
}

impl PluginToken {
    pub(super) fn new(plugin: Plugin, token: SecretString) -> Self {
        Self { plugin, token: Mutex::new(token) }
    }

    async fn header(&self) -> Result<HeaderValue, BoxError> {
        let mut value = HeaderValue::try_from(format!("Bearer {}", self.token.lock().await.expose()))
            .map_err(|_| "the exec plugin's token has characters that none can have")?;
        value.set_sensitive(true);
        Ok(value)
    }

    /// Gets another token in place of the one in `rejected`, unless another request did already.
    async fn renew(&self, rejected: &HeaderValue) -> Option<()> {
        let mut token = self.token.lock().await;
        if rejected.as_bytes().strip_prefix(b"Bearer ") == Some(token.expose().as_bytes()) {
            // What goes wrong here is told by the answer that we have: these credentials are not accepted.
            *token = self.plugin.log_in().await.ok()?.token?;
        }
        Some(())
    }
}

/// What the requests of one connection have in common.
pub(super) struct Settings {
    /// How long the answer to a request may take.
    pub(super) timeout: Option<Duration>,
    pub(super) token: Option<PluginToken>,
    /// How to look at the certificate of a server that is not trusted.
    pub(super) probe: Probe,
}

/// kube's way to the server, made careful.
pub(super) struct Transport<S> {
    inner: Arc<Mutex<S>>,
    settings: Arc<Settings>,
}

impl<S> Clone for Transport<S> {
    fn clone(&self) -> Self {
        Self { inner: Arc::clone(&self.inner), settings: Arc::clone(&self.settings) }
    }
}

impl<S> Transport<S>
where
    S: Service<Request<Body>, Response = Response<Box<DynBody>>, Error = BoxError>,
{
    pub(super) fn new(inner: S, settings: &Arc<Settings>) -> Self {
        Self { inner: Arc::new(Mutex::new(inner)), settings: Arc::clone(settings) }
    }

    async fn send(&self, request: Request<Body>) -> Result<Answer, BoxError> {
        let (head, body) = request.into_parts();
        let body = body.collect().await?.to_bytes();
        let mut attempt = 1;
        let mut has_renewed = false;
        loop {
            let authorization = match &self.settings.token {
                Some(token) => Some(token.header().await?),
                None => None,
            };
            let result = self.once(head.clone(), body.clone(), authorization.clone()).await;
            // Turned away before anything was done, so this is right for changes too.
            if let (Ok(answer), Some(token), Some(rejected)) = (&result, &self.settings.token, &authorization)
                && answer.status() == StatusCode::UNAUTHORIZED
                && !has_renewed
            {
                has_renewed = true;
                if token.renew(rejected).await.is_some() {
                    continue;
                }
            }
            match retry::pause_before_next(&head.method, outcome(&result), attempt) {
                Some(pause) => tokio::time::sleep(pause).await,
                None => return self.last(result, attempt).await,
            }
            attempt += 1;
        }
    }

    async fn once(
        &self,
        mut head: Parts,
        body: Bytes,
        authorization: Option<HeaderValue>,
    ) -> Result<Answer, BoxError> {
        if let Some(value) = authorization {
            head.headers.insert(AUTHORIZATION, value);
        }
        let request = Request::from_parts(head, Body::from(body));
        let answer = async {
            let answering = {
                let mut inner = self.inner.lock().await;
                poll_fn(|context| inner.poll_ready(context)).await?;
                inner.call(request)
            };
            let (head, body) = answering.await?.into_parts();
            Ok(Response::from_parts(head, body.collect().await?.to_bytes()))
        };
        match self.settings.timeout {
            Some(limit) => {
                tokio::time::timeout(limit, answer).await.unwrap_or_else(|_| Err(TimedOut(limit).into()))
            }
            None => answer.await,
        }
    }

    /// What is made of the last attempt: an answer goes on to kube, but a trouble that did not pass says how
    /// often we tried, and a server that is not trusted says whose it is.
    async fn last(&self, result: Result<Answer, BoxError>, attempts: u32) -> Result<Answer, BoxError> {
        let did_not_pass = attempts > 1 && retry::is_passing(outcome(&result));
        let last = match result {
            Ok(answer) if did_not_pass => kube::Error::Api(status_of(answer.status(), answer.body())),
            Err(error) if did_not_pass => kube::Error::Service(error),
            Ok(answer) => return Ok(answer),
            Err(error) => match certificate_error(&*error) {
                Some(reason) => {
                    let certificate = self.settings.probe.certificate().await;
                    return Err(Untrusted { certificate, reason, source: error }.into());
                }
                None => return Err(error),
            },
        };
        Err(Repeated { attempts, last: Box::new(last) }.into())
    }
}

fn outcome(result: &Result<Answer, BoxError>) -> Outcome {
    match result {
        Ok(answer) => Outcome::Answered(answer.status(), retry::retry_after(answer.headers())),
        Err(error) if error.is::<TimedOut>() || is_connect_error(&**error) => Outcome::Hopeless,
        Err(_) => Outcome::Broken,
    }
}

/// What a refusal says, as kube reads it; something on the way may have written it and know no `Status`.
pub(super) fn status_of(code: StatusCode, body: &[u8]) -> Box<Status> {
    let status = serde_json::from_slice(body).unwrap_or_else(|_| {
        Status::failure(String::from_utf8_lossy(body).trim(), "").with_code(code.as_u16())
    });
    Box::new(status)
}

impl<S> Service<Request<Body>> for Transport<S>
where
    S: Service<Request<Body>, Response = Response<Box<DynBody>>, Error = BoxError> + Send + 'static,
    S::Future: Send,
{
    type Response = Response<Body>;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, BoxError>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        // What is inside is asked in turn, when its time comes.
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let transport = self.clone();
        Box::pin(async move { Ok(transport.send(request).await?.map(Body::from)) })
    }
}
