//! What the API server or the way to it has against us, in words and with an exit code.

use std::error::Error;

use kube::client::AuthError;
use kube::core::Status;

use crate::failure::{Failure, exit};

/// What was being done to which object, for messages.
#[derive(Clone, Copy)]
pub(super) struct Operation<'a> {
    /// The verb, as RBAC spells it.
    pub(super) verb: &'static str,
    /// The resource, as RBAC spells it.
    pub(super) resource: &'static str,
    /// One such object, as kubectl calls it before its name.
    pub(super) kind: &'static str,
    /// The namespace, or all of them.
    pub(super) namespace: Option<&'a str>,
    pub(super) name: &'a str,
    /// Where the API server is.
    pub(super) server: &'a str,
}

impl Operation<'_> {
    /// Why the operation failed.
    pub(super) fn failure(&self, error: &kube::Error) -> Failure {
        match error {
            kube::Error::Api(status) => self.refused(status),
            other => client_failure(other, self.server),
        }
    }

    /// Where, in words.
    fn place(&self) -> String {
        match self.namespace {
            Some(namespace) => format!("in namespace {namespace:?}"),
            None => "in all namespaces".to_owned(),
        }
    }

    /// What is said when another object has the name.
    pub(super) fn exists(&self) -> Failure {
        let Self { kind, name, .. } = self;
        Failure::new(exit::CONFLICT, format!("{kind}/{name} exists already {}", self.place())).hint(
            "nothing was changed; delete it first, choose another name, or let --append-hash name each version anew",
        )
    }

    fn refused(&self, status: &Status) -> Failure {
        let Self { verb, resource, kind, name, server, .. } = self;
        let place = self.place();
        let said = &status.message;
        let missing = status.details.as_ref().map_or("", |details| details.kind.as_str());
        match (status.code, status.reason.as_str()) {
            (401, _) => Failure::new(
                exit::CLUSTER,
                format!("the API server {server} does not accept these credentials"),
            )
            .hint(
                "they may have expired: log in to the cluster again, or choose another --context or --user",
            ),
            (403, _) if said.contains("is forbidden: User ") => {
                let message = format!("not allowed to {verb} {resource} {place}: {said}");
                let scope = self.namespace.map_or("-A".to_owned(), |namespace| format!("-n {namespace}"));
                Failure::new(exit::CLUSTER, message).hint(format!(
                    "ask for a role that allows it; to check: kubectl auth can-i {verb} {resource} {scope}"
                ))
            }
            (403, _) => Failure::new(exit::CLUSTER, format!("the cluster refused {kind}/{name}: {said}")),
            (404, _) if missing == "namespaces" => Failure::new(
                exit::NOT_FOUND,
                format!("there is no namespace {:?}", self.namespace.unwrap_or_default()),
            )
            .hint("create it first with `kubectl create namespace`, or name another with -n"),
            (404, _) => Failure::new(exit::NOT_FOUND, format!("there is no {kind}/{name} {place}")),
            (409, "AlreadyExists") => self.exists(),
            (409, _) => Failure::new(exit::CONFLICT, format!("{kind}/{name} was changed meanwhile: {said}"))
                .hint("run the command again"),
            (422, _) => {
                Failure::new(exit::CLUSTER, format!("the API server finds {kind}/{name} invalid: {said}"))
            }
            (code, _) => Failure::new(
                exit::CLUSTER,
                format!("the API server could not {verb} {kind}/{name}: {said} ({code})"),
            )
            .hint("run the command again; what was done stays done"),
        }
    }
}

/// Why a client could not be made, or could not get an answer.
pub(super) fn client_failure(error: &kube::Error, server: &str) -> Failure {
    if let Some(auth) = find_cause::<AuthError>(error) {
        return Failure::new(exit::CLUSTER, format!("can't log in to {server}: {}", auth_reason(auth))).hint(
            "the `user` of the kubeconfig says how; log in to the cluster again, or choose another --user",
        );
    }
    let reason = match error {
        // serde quotes values, and the answer holds the Secret.
        kube::Error::SerdeError(_) => "it answered something that is not understood".to_owned(),
        other => innermost(other),
    };
    if is_connect(error) {
        return Failure::new(exit::CLUSTER, format!("can't reach the API server {server}: {reason}"))
            .hint("is the cluster up, and the right --context chosen? `kubectl cluster-info` tells what kubectl sees");
    }
    Failure::new(exit::CLUSTER, format!("no answer from the API server {server}: {reason}"))
}

/// Whether the connection could not be made, so that surely nothing was sent.
pub(super) fn is_connect(error: &kube::Error) -> bool {
    find_cause::<hyper_util::client::legacy::Error>(error)
        .is_some_and(hyper_util::client::legacy::Error::is_connect)
}

/// An exec plugin's output may hold its token, so neither it nor what could not be parsed is shown.
fn auth_reason(error: &AuthError) -> String {
    match error {
        AuthError::AuthExecRun { cmd, out } => format!("`{cmd}` failed ({})", out.status),
        AuthError::AuthExecParse(_) => "the exec plugin printed something that is not understood".to_owned(),
        AuthError::ParseTokenKey(_) => "the token of the auth provider is not understood".to_owned(),
        other => other.to_string(),
    }
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
