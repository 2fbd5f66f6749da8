//! What the API server has against us, in words and with an exit code.

use kube::core::Status;

use super::reach::{Repeated, client_failure, repeated};
use super::server::Server;
use crate::failure::{Failure, exit};

/// How much of the server's words is shown: something on the way may answer with a whole web page.
const WORDS: usize = 1000;

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
    pub(super) server: &'a Server,
}

impl Operation<'_> {
    /// Why the operation failed.
    pub(super) fn failure(&self, error: &kube::Error) -> Failure {
        if let Some(Repeated { attempts, last }) = repeated(error) {
            return tried(self.failure(last), *attempts);
        }
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
            "nothing was changed; `kubectl regcred set` and `rotate` change one that is there, and --append-hash names each version anew",
        )
    }

    fn refused(&self, status: &Status) -> Failure {
        let Self { verb, resource, kind, name, server, .. } = self;
        let place = self.place();
        let object = if name.is_empty() { format!("{resource} {place}") } else { format!("{kind}/{name}") };
        let said: String = status.message.chars().take(WORDS).collect();
        let missing = status.details.as_ref().map_or("", |details| details.kind.as_str());
        let scope = self.namespace.map_or("-A".to_owned(), |namespace| format!("-n {namespace}"));
        let failed = |message| Failure::new(exit::CLUSTER, message);
        match (status.code, status.reason.as_str()) {
            (401, _) => self.not_logged_in(),
            _ if said.contains("denied the request: ") || said.contains(" denied request: ") => {
                failed(format!("a rule of the cluster refuses {object}: {said}"))
                    .hint("change what it asks for, or ask who runs the cluster about the rule")
            }
            (403, _) if said.contains("exceeded quota: ") => {
                failed(format!("the quota does not allow another one {place}: {said}")).hint(format!(
                    "delete what is not needed, or ask for more; to see it: kubectl describe resourcequota {scope}"
                ))
            }
            (403, _) if said.contains(" cannot impersonate") => {
                failed(format!("not allowed to act as somebody else: {said}"))
                    .hint("leave --as out, or ask for a role with the verb `impersonate`")
            }
            (403, _) if said.contains("is forbidden: User ") => {
                failed(format!("not allowed to {verb} {resource} {place}: {said}")).hint(format!(
                    "ask for a role that allows it; to check: kubectl auth can-i {verb} {resource} {scope}"
                ))
            }
            (403, _) => failed(format!("the cluster refused {object}: {said}")),
            (404, _) if missing == "namespaces" => Failure::new(
                exit::NOT_FOUND,
                format!("there is no namespace {:?}", self.namespace.unwrap_or_default()),
            )
            .hint("create it first with `kubectl create namespace`, or name another with -n"),
            // An object that is missing is named in the details; an API that is missing has nobody to fill them in.
            (404, _) if missing.is_empty() => {
                failed(format!("{server} does not know `{resource}`: {said}")).hint(
                    "is this the address of an API server, and of one that is not too old? `kubectl version` tells",
                )
            }
            (404, _) => Failure::new(exit::NOT_FOUND, format!("there is no {kind}/{name} {place}")),
            (409, "AlreadyExists") => self.exists(),
            (409, _) => Failure::new(exit::CONFLICT, format!("{kind}/{name} was changed meanwhile: {said}"))
                .hint("run the command again"),
            (422, _) => failed(format!("the API server finds {object} invalid: {said}")),
            (429, _) => failed(format!("the API server is too busy to {verb} {object}: {said}"))
                .hint("run the command again in a while; what was done stays done"),
            (code, _) => failed(format!("the API server could not {verb} {object}: {said} ({code})"))
                .hint("run the command again; what was done stays done"),
        }
    }

    /// The server knows nobody by our credentials; it never says why.
    fn not_logged_in(&self) -> Failure {
        let server = self.server;
        let expired =
            server.client_certificate.as_ref().filter(|certificate| certificate.not_after < server.now);
        let reason = expired.map_or(String::new(), |certificate| {
            let when = certificate.not_after.format("%Y-%m-%d %H:%M UTC");
            format!(": the client certificate ({certificate}) expired on {when}")
        });
        Failure::new(
            exit::CLUSTER,
            format!("the API server {server} does not accept these credentials{reason}"),
        )
        .hint(if expired.is_some() {
            "get a new certificate, or choose another --context or --user"
        } else {
            "they may have expired: log in to the cluster again, or choose another --context or --user"
        })
    }
}

/// Says how often it was tried.
pub(super) fn tried(failure: Failure, attempts: u32) -> Failure {
    if attempts < 2 {
        return failure;
    }
    Failure { message: format!("{} (tried {attempts} times)", failure.message), ..failure }
}
