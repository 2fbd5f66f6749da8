//! An admission webhook: a server of ours that the real API server asks before it stores an object.

use std::net::SocketAddr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http_body_util::{BodyExt as _, Full};
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::cluster::{Namespace, cluster};
use crate::sandbox::Sandbox;
use crate::tls::TlsFront;

/// A webhook that denies every Secret that is created in one namespace; it goes away with this value.
pub struct Webhook {
    name: String,
    _front: TlsFront,
    _runtime: tokio::runtime::Runtime,
}

impl Webhook {
    /// Starts a webhook that gives `message` as its reason.
    pub fn deny(namespace: &Namespace<'_>, message: &str) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
        let runtime = runtime.expect("a runtime");
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).expect("a free port");
        let address = listener.local_addr().expect("a listener has an address");
        runtime.spawn(accept(listener, message.to_owned()));
        let front = TlsFront::start(address);
        let name = namespace.name().to_owned();
        register(&name, front.address(), front.certificate());
        let webhook = Self { name, _front: front, _runtime: runtime };
        // The API server learns of it with a delay.
        let probe = ["create", "secret", "generic", "probe", "--dry-run=server"];
        for _ in 0..200 {
            if namespace.kubectl(probe).code != Some(0) {
                return webhook;
            }
            std::thread::sleep(std::time::Duration::from_millis(50));
        }
        panic!("the webhook {} is not asked after 10 s", webhook.name);
    }
}

impl Drop for Webhook {
    fn drop(&mut self) {
        // Best effort: it holds for a namespace that goes away.
        let _ = cluster().kubectl(["delete", "validatingwebhookconfiguration", &self.name, "--wait=false"]);
    }
}

fn register(name: &str, address: SocketAddr, certificate: &str) {
    let configuration = json!({
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "ValidatingWebhookConfiguration",
        "metadata": {"name": name},
        "webhooks": [{
            "name": "keys.example.com",
            "clientConfig": {"url": format!("https://{address}/"), "caBundle": STANDARD.encode(certificate)},
            "rules": [{
                "apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["secrets"],
            }],
            "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": name}},
            "admissionReviewVersions": ["v1"],
            // It is asked on a dry run too, and changes nothing.
            "sideEffects": "None",
            "failurePolicy": "Fail",
        }],
    });
    let sandbox = Sandbox::new(cluster());
    sandbox.run_with_stdin("kubectl", ["create", "-f", "-"], configuration.to_string().as_bytes()).success();
}

async fn accept(listener: TcpListener, message: String) {
    while let Ok((stream, _)) = listener.accept().await {
        let message = message.clone();
        tokio::spawn(async move {
            let service = service_fn(|request| review(request, &message));
            // A connection that breaks is the API server's to tell.
            let _ = hyper::server::conn::http1::Builder::new()
                .serve_connection(TokioIo::new(stream), service)
                .await;
        });
    }
}

/// Follows the API `admission.k8s.io/v1`.
async fn review(request: Request<Incoming>, message: &str) -> Result<Response<Full<Bytes>>, hyper::Error> {
    let body = request.into_body().collect().await?.to_bytes();
    let review: Value = serde_json::from_slice(&body).expect("an AdmissionReview");
    let response = json!({"uid": review["request"]["uid"], "allowed": false, "status": {"message": message}});
    let answer =
        json!({"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "response": response});
    let builder = Response::builder().header("Content-Type", "application/json");
    Ok(builder.body(Full::from(answer.to_string())).expect("an answer"))
}
