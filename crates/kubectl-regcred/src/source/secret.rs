//! `--from-secret [NAMESPACE/]NAME`: credentials that a pull secret of a cluster holds.

use regcred_core::docker_config::DockerConfig;
use regcred_core::stored::{ConfigText, TYPE};

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
    let title = format!("secret/{name} in namespace {namespace:?}");
    let ConfigText { text, form, .. } = secret.stored().docker_config().map_err(|why| {
        Failure::new(exit::FAILED, format!("{title} holds no docker config; {why}"))
            .hint(format!("name a Secret of type {TYPE} that holds one"))
    })?;
    let config = DockerConfig::parse(text, form)
        .map_err(|error| Failure::new(exit::FAILED, format!("{title} holds no docker config: {error}")))?;
    let origin = [context, Some(namespace), Some(name)].into_iter().flatten().collect::<Vec<_>>().join("/");
    // The kubelet asks no helper that a Secret names, and neither do we.
    Ok((Holder { title, config, helpers: None }, origin))
}
