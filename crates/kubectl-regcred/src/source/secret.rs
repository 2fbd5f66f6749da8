//! `--from-secret [NAMESPACE/]NAME`: credentials that a pull secret of a cluster holds.

use regcred_core::docker_config::{DockerConfig, Form};

use super::select::Holder;
use crate::cli::ClusterArgs;
use crate::cluster;
use crate::environment::Environment;
use crate::failure::{Failure, exit};

/// The docker config in a Secret, and where it is from, as `[context/]namespace/name`.
pub(super) async fn holder(
    reference: &str,
    context: Option<&str>,
    cluster: &ClusterArgs,
    environment: &Environment,
) -> Result<(Holder, String), Failure> {
    let (namespace, name) = match reference.split_once('/') {
        Some((namespace, name)) => (Some(namespace), name),
        None => (None, reference),
    };
    if name.is_empty() || name.contains('/') || namespace == Some("") {
        return Err(Failure::usage(format!(
            "--from-secret {reference:?} is neither NAME nor NAMESPACE/NAME"
        )));
    }
    let from = context.map_or_else(|| cluster.clone(), |context| cluster.for_context(context));
    let connection = cluster::connect(&from, environment).await?;
    let namespace = namespace.unwrap_or(&connection.namespace);
    let secret = cluster::secret(&connection, namespace, name).await?;
    let stored = secret.stored();
    let (text, form) = match secret.kind.as_str() {
        "kubernetes.io/dockerconfigjson" => (stored.docker_config_json, Form::Config),
        "kubernetes.io/dockercfg" => (stored.dockercfg, Form::Dockercfg),
        _ => (None, Form::Config),
    };
    let title = format!("secret/{name} in namespace {namespace:?}");
    let text = text.ok_or_else(|| {
        Failure::new(exit::FAILED, format!("{title} holds no docker config; its type is {:?}", secret.kind))
            .hint("name a Secret of type kubernetes.io/dockerconfigjson")
    })?;
    let config = DockerConfig::parse(text, form)
        .map_err(|error| Failure::new(exit::FAILED, format!("{title} holds no docker config: {error}")))?;
    let origin = [context, Some(namespace), Some(name)].into_iter().flatten().collect::<Vec<_>>().join("/");
    // The kubelet asks no helper that a Secret names, and neither do we.
    Ok((Holder { title, config, helper_timeout: None }, origin))
}
