//! Why no answer could be had from the API server, and what that means for what was sent.

use std::error::Error;
use std::io;
use std::time::Duration;

use humantime::format_duration;
use kube::client::AuthError;
use rustls::CertificateError;
use thiserror::Error as ThisError;

use super::server::Server;
use super::untrusted::Untrusted;
use crate::failure::{Failure, exit};

/// The answer to a request took longer than it may.
#[derive(Debug, ThisError)]
#[error("no answer within {}", format_duration(*.0))]
pub(super) struct TimedOut(pub(super) Duration);

/// A request that failed in a way that passes, and did not pass.
#[derive(Debug, ThisError)]
#[error("tried {attempts} times")]
pub(super) struct Repeated {
    /// How often it was sent.
    pub(super) attempts: u32,
    /// What came of it the last time.
    #[source]
    pub(super) last: Box<kube::Error>,
}

/// What is said of a request that was sent more than once.
pub(super) fn repeated(error: &kube::Error) -> Option<&Repeated> {
    find_cause(error)
}

/// Why a client could not be made; nothing was sent.
pub(super) fn setup_failure(error: &kube::Error, server: &Server) -> Failure {
    if let Some(auth) = find_cause::<AuthError>(error) {
        return login_failure(auth, server);
    }
    // What is wrong with a proxy's URL was told before; these quote it.
    let reason = match error {
        kube::Error::ProxyProtocolUnsupported { .. } | kube::Error::ProxyProtocolDisabled { .. } => {
            "its proxy is of an unknown kind".to_owned()
        }
        other => innermost(other),
    };
    Failure::new(exit::CLUSTER, format!("can't prepare to talk to the API server {server}: {reason}"))
        .hint("see the cluster and the user in `kubectl config view`, and the flags that replace them")
}

/// Why no answer came.
pub(super) fn client_failure(error: &kube::Error, server: &Server) -> Failure {
    let failed = |message| Failure::new(exit::CLUSTER, message);
    if let Some(auth) = find_cause::<AuthError>(error) {
        return login_failure(auth, server);
    }
    if let Some(untrusted) = find_cause::<Untrusted>(error) {
        return untrusted_failure(untrusted, server);
    }
    let through = match &server.proxy {
        Some(proxy) => format!(" through the proxy {proxy}"),
        None => String::new(),
    };
    if let Some(TimedOut(limit)) = find_cause::<TimedOut>(error) {
        let limit = format_duration(*limit);
        return failed(format!("no answer from the API server {server}{through} within {limit}"))
            .hint("--request-timeout allows it more time, as in --request-timeout=5m");
    }
    let reason = match error {
        // serde quotes values, and the answer holds the Secret.
        kube::Error::SerdeError(_) => "it answered something that is not understood".to_owned(),
        other => innermost(other),
    };
    if is_connect(error) {
        let hint = if server.proxy.is_some() {
            "is the cluster up, and the proxy right? NO_PROXY excepts servers from the proxy of the environment"
        } else {
            "is the cluster up, and the right --context chosen? `kubectl cluster-info` tells what kubectl sees"
        };
        return failed(format!("can't reach the API server {server}{through}: {reason}")).hint(hint);
    }
    failed(format!("no answer from the API server {server}{through}: {reason}"))
}

fn login_failure(error: &AuthError, server: &Server) -> Failure {
    // A program's output may hold a token, so neither it nor what could not be parsed is shown.
    let reason = match error {
        AuthError::AuthExecRun { out, .. } => {
            format!("the command of the auth provider failed ({})", out.status)
        }
        AuthError::AuthExecParse(_) | AuthError::ParseTokenKey(_) => {
            "the token of the auth provider is not understood".to_owned()
        }
        other => other.to_string(),
    };
    Failure::new(exit::CLUSTER, format!("can't log in to {server}: {reason}"))
        .hint("the `user` of the kubeconfig says how; log in to the cluster again, or choose another --user")
}

fn untrusted_failure(untrusted: &Untrusted, server: &Server) -> Failure {
    let shown = match &untrusted.certificate {
        Some(certificate) => format!("its certificate ({certificate})"),
        None => "its certificate".to_owned(),
    };
    let (reason, hint) = match &untrusted.reason {
        CertificateError::UnknownIssuer => (
            "is from an authority that is not trusted".to_owned(),
            "if this is the right server, name its authority with --certificate-authority or in the kubeconfig; \
             somebody in between would look the same",
        ),
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
            let when = untrusted.certificate.as_ref().map_or(String::new(), |certificate| {
                format!(" on {}", certificate.not_after.format("%Y-%m-%d %H:%M UTC"))
            });
            (format!("expired{when}"), "it needs a new one; is the clock of this machine right?")
        }
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => (
            format!("is for other names ({})", untrusted.reason),
            "use a name that it is for, in the server's address or with --tls-server-name",
        ),
        other => (format!("is not valid: {other}"), "is this the right server?"),
    };
    Failure::new(exit::CLUSTER, format!("the API server {server} can't be trusted: {shown} {reason}"))
        .hint(hint)
}

/// Whether a change may have been made although no answer said so.
pub(super) fn is_lost(error: &kube::Error) -> bool {
    if let Some(repeated) = repeated(error) {
        return is_lost(&repeated.last);
    }
    match error {
        kube::Error::Api(status) => status.code >= 500,
        kube::Error::HyperError(_) | kube::Error::SerdeError(_) | kube::Error::Service(_) => {
            !is_connect(error)
        }
        _ => false,
    }
}

/// Whether the connection could not be made, so that surely nothing was sent.
fn is_connect(error: &kube::Error) -> bool {
    is_connect_error(error)
}

/// The same of what kube's own client reports.
pub(super) fn is_connect_error(error: &(dyn Error + 'static)) -> bool {
    chain(error)
        .find_map(|cause| cause.downcast_ref::<hyper_util::client::legacy::Error>())
        .is_some_and(hyper_util::client::legacy::Error::is_connect)
}

/// What is wrong with the server's certificate, if that is why there is no connection.
pub(super) fn certificate_error(error: &(dyn Error + 'static)) -> Option<CertificateError> {
    chain(error).find_map(|cause| {
        let mut inner = cause;
        // An I/O error has what it carries not as its source.
        while let Some(carried) = inner.downcast_ref::<io::Error>().and_then(io::Error::get_ref) {
            inner = carried;
        }
        match inner.downcast_ref()? {
            rustls::Error::InvalidCertificate(reason) => Some(reason.clone()),
            _ => None,
        }
    })
}

/// The last error of a chain, which names what happened in the fewest words.
fn innermost(error: &(dyn Error + 'static)) -> String {
    chain(error).last().map(ToString::to_string).unwrap_or_default()
}

fn find_cause<E: Error + 'static>(error: &kube::Error) -> Option<&E> {
    chain(error).find_map(|cause| cause.downcast_ref::<E>())
}

fn chain<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(Some(error), |&error| error.source())
}
