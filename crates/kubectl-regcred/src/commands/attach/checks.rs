//! What speaks against a reference before it is made: of the Secret, and of the pods that shall pull with it.

use std::collections::BTreeMap;

use regcred_core::image::ImageReference;
use regcred_core::kubelet::{Referenced, lookup};
use regcred_core::lint::{Level, Subject, lint};
use regcred_core::stored::PULL_TYPES;
use serde_json::Value;

use crate::cluster::attach::{self, Object};
use crate::cluster::consumers::Kind;
use crate::cluster::{self, Connection};
use crate::environment::Environment;
use crate::failure::{Failure, exit};
use crate::manifest::SecretData;
use crate::output;

/// An account that lets its pods use only what it lists itself (`plugin/pkg/admission/serviceaccount`).
const ENFORCES: &str = "kubernetes.io/enforce-mountable-secrets";

/// The Secret as it is in each namespace.
pub(super) struct Secrets<'a> {
    name: &'a str,
    allow_missing: bool,
    found: BTreeMap<String, Found>,
}

enum Found {
    There(Box<SecretData>),
    Missing,
    /// We may not read it.
    Unknown,
}

impl<'a> Secrets<'a> {
    pub(super) fn new(name: &'a str, allow_missing: bool) -> Self {
        Self { name, allow_missing, found: BTreeMap::new() }
    }

    /// Whether the reference to it may be made in a namespace; what is odd about it is warned of, once for each.
    pub(super) async fn check(
        &mut self,
        connection: &Connection,
        object: &Object,
        environment: &Environment,
    ) -> Result<(), Failure> {
        let namespace = object.namespace();
        if !self.found.contains_key(namespace) {
            let found = match cluster::secret(connection, namespace, self.name).await {
                Ok(secret) => Found::There(Box::new(secret)),
                Err(failure) if failure.code == exit::NOT_FOUND => Found::Missing,
                Err(failure) => {
                    output::note(&format!("the Secret is not looked at: {}", failure.message));
                    Found::Unknown
                }
            };
            self.warn(namespace, &found, environment);
            self.found.insert(namespace.to_owned(), found);
        }
        let name = self.name;
        match &self.found[namespace] {
            Found::Missing if !self.allow_missing => {
                let message = format!("there is no secret/{name} in namespace {namespace:?}");
                return Err(Failure::new(exit::NOT_FOUND, message)
                    .hint("create it first, or attach it all the same with --allow-missing"));
            }
            Found::There(secret) => warn_of_images(name, secret, object),
            Found::Missing | Found::Unknown => {}
        }
        check_account(connection, object, name).await
    }

    fn warn(&self, namespace: &str, found: &Found, environment: &Environment) {
        let place = format!("secret/{} in namespace {namespace}", self.name);
        match found {
            Found::Missing if self.allow_missing => {
                output::warning(&format!("there is no {place}; until there is, the kubelet passes over it"));
            }
            Found::There(secret) if !PULL_TYPES.contains(&secret.kind.as_str()) => {
                output::warning(&format!(
                    "{place} has the type {:?}, which the kubelet ignores",
                    secret.kind
                ));
            }
            Found::There(secret) => {
                let subject = Subject { stored: secret.stored(), last_applied: None, now: environment.now };
                for finding in lint(&subject).iter().filter(|finding| finding.problem.level() == Level::Fatal)
                {
                    let entry = finding.entry.as_ref().map(|key| format!(" {key:?}")).unwrap_or_default();
                    output::warning(&format!("{place}{entry} fails every pull: {}", finding.problem));
                }
            }
            Found::Missing | Found::Unknown => {}
        }
    }
}

/// A credential that is for none of the images is probably not the one that was meant.
fn warn_of_images(name: &str, secret: &SecretData, object: &Object) {
    let images = object.pod_spec().map(images).unwrap_or_default();
    let referenced = [Referenced { name, stored: Some(secret.stored()) }];
    let serves =
        |image: &ImageReference| lookup(&referenced, image).is_ok_and(|lookup| !lookup.tried.is_empty());
    let images: Vec<ImageReference> = images.into_iter().filter_map(|image| image.parse().ok()).collect();
    if !images.is_empty() && !images.iter().any(serves) {
        let names: Vec<_> = images.iter().map(ToString::to_string).collect();
        output::warning(&format!(
            "secret/{name} has no credential for an image of {}: {}",
            super::report::target(object),
            names.join(", ")
        ));
    }
}

fn images(spec: &Value) -> Vec<&str> {
    let containers = ["containers", "initContainers"].into_iter().filter_map(|list| spec[list].as_array());
    containers.flatten().filter_map(|container| container["image"].as_str()).collect()
}

/// Pods of an account that enforces its lists are refused if they name anything else.
async fn check_account(connection: &Connection, object: &Object, secret: &str) -> Result<(), Failure> {
    let Some(spec) = object.pod_spec() else { return Ok(()) };
    let account = spec["serviceAccountName"].as_str().unwrap_or("default");
    let Ok(found) = attach::get(connection, Kind::ServiceAccount, object.namespace(), account).await else {
        // Pods of an account that is not there, or that we may not read, are not ours to judge.
        return Ok(());
    };
    let annotations = found.metadata().annotations.as_ref();
    let enforces = annotations.and_then(|marks| marks.get(ENFORCES)).is_some_and(|value| value == "true");
    if enforces && !found.references().contains(&secret) {
        let message = format!(
            "pods of {} would be refused: serviceaccount/{account} lets them name only the pull secrets that it lists \
             itself ({ENFORCES})",
            super::report::target(object)
        );
        return Err(Failure::new(exit::CONFLICT, message)
            .hint(format!("attach it to the account too, before: serviceaccount/{account}")));
    }
    Ok(())
}
