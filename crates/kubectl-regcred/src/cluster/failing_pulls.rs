//! Which pods can't pull an image just now.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::Connection;
use super::consumers::Kind;
use super::pages::{self, ListError, Selection};
use crate::failure::Failure;

/// The reasons of a waiting container that mean that its image can't be had (`pkg/kubelet/images/types.go`).
const REASONS: [&str; 4] =
    ["ErrImagePull", "ImagePullBackOff", "RegistryUnavailable", "SignatureValidationFailed"];

/// A container that waits for its image.
#[derive(Clone, Debug)]
pub(crate) struct FailingPull {
    pub(crate) pod: String,
    pub(crate) container: String,
    pub(crate) image: String,
    /// `ImagePullBackOff`, for example.
    pub(crate) reason: String,
    /// What the kubelet and the registry say.
    pub(crate) message: String,
    /// The pull secrets that the pod names.
    pub(crate) secrets: Vec<String>,
}

/// The failing pulls of a namespace, or `None` if its pods may not be listed.
pub(crate) async fn failing_pulls(
    connection: &Connection,
    namespace: &str,
) -> Result<Option<Vec<FailingPull>>, Failure> {
    let selection = Selection { namespace: Some(namespace), ..Selection::default() };
    let take = |found: &mut Vec<_>, pod: Pod| found.extend(pod.failing());
    match pages::read(connection, Kind::Pod.resource(), selection, take).await {
        Ok(found) => Ok(Some(found)),
        Err(ListError::Forbidden(_)) => Ok(None),
        Err(ListError::Failed(failure)) => Err(failure),
    }
}

#[derive(Deserialize)]
struct Pod {
    metadata: Named,
    spec: Spec,
    #[serde(default)]
    status: Status,
}

#[derive(Deserialize)]
struct Named {
    #[serde(default)]
    name: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Spec {
    #[serde(default)]
    image_pull_secrets: Vec<Named>,
    #[serde(default)]
    containers: Vec<Container>,
    #[serde(default)]
    init_containers: Vec<Container>,
    #[serde(default)]
    ephemeral_containers: Vec<Container>,
}

#[derive(Deserialize)]
struct Container {
    name: String,
    #[serde(default)]
    image: String,
}

#[derive(Default, Deserialize)]
struct Status {
    #[serde(default, rename = "containerStatuses")]
    containers: Vec<ContainerStatus>,
    #[serde(default, rename = "initContainerStatuses")]
    init: Vec<ContainerStatus>,
    #[serde(default, rename = "ephemeralContainerStatuses")]
    ephemeral: Vec<ContainerStatus>,
}

#[derive(Deserialize)]
struct ContainerStatus {
    name: String,
    #[serde(default)]
    state: State,
}

#[derive(Default, Deserialize)]
struct State {
    waiting: Option<Waiting>,
}

#[derive(Deserialize)]
struct Waiting {
    #[serde(default)]
    reason: String,
    #[serde(default)]
    message: String,
}

impl Pod {
    fn failing(self) -> Vec<FailingPull> {
        let Self { metadata, spec, status } = self;
        let secrets: Vec<_> = spec.image_pull_secrets.into_iter().map(|secret| secret.name).collect();
        // The status names what was pulled at last, or nothing; the specification, what is to be pulled.
        let containers =
            [spec.init_containers, spec.containers, spec.ephemeral_containers].into_iter().flatten();
        let images: BTreeMap<_, _> = containers.map(|container| (container.name, container.image)).collect();
        let statuses = [status.init, status.containers, status.ephemeral];
        let waiting =
            statuses.into_iter().flatten().filter_map(|status| Some((status.name, status.state.waiting?)));
        let failing = waiting.filter(|(_, waiting)| REASONS.contains(&waiting.reason.as_str()));
        failing
            .map(|(container, Waiting { reason, message })| FailingPull {
                pod: metadata.name.clone(),
                image: images.get(&container).cloned().unwrap_or_default(),
                container,
                reason,
                message,
                secrets: secrets.clone(),
            })
            .collect()
    }
}
