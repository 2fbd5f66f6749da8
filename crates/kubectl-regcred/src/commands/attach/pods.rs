//! After a service account: which of its pods run on without the reference, and how they get it.

use std::collections::BTreeSet;

use crate::cluster::attach::{self, Object};
use crate::cluster::consumers::Kind;
use crate::cluster::{ChangeOptions, Connection};
use crate::failure::Failure;
use crate::output;

/// How many pods are named to a person.
const SHOWN: usize = 10;

/// Tells of the pods of an account to which `secret` was just attached; restarts their owners if asked to.
pub(super) async fn tell(
    connection: &Connection,
    account: &Object,
    secret: &str,
    restart: Option<&ChangeOptions>,
    now: &str,
) -> Result<(), Failure> {
    let namespace = account.namespace();
    let is_without = |pod: &Object| runs_as(pod, account.name()) && !pod.references().contains(&secret);
    let pods = match attach::find(connection, Kind::Pod, Some(namespace), None, is_without).await? {
        Ok(pods) => pods,
        Err(forbidden) => {
            output::note(&format!("which pods run on without it is not known: {}", forbidden.message));
            return Ok(());
        }
    };
    if pods.is_empty() {
        return Ok(());
    }
    let mut owners = BTreeSet::new();
    let mut bare = Vec::new();
    for pod in &pods {
        match topmost(connection, pod.clone()).await {
            Ok(owner) if owner.kind() == Kind::Pod => bare.push(pod.name()),
            Ok(owner) => {
                owners.insert((owner.kind(), owner.name().to_owned(), !owner.references().is_empty()));
            }
            Err(failure) => {
                output::note(&format!("the owner of pod/{} is not known: {}", pod.name(), failure.message));
            }
        }
    }
    let names: Vec<_> = pods.iter().take(SHOWN).map(Object::name).collect();
    let more = if pods.len() > SHOWN { format!(" and {} more", pods.len() - SHOWN) } else { String::new() };
    output::note(&format!(
        "pods of serviceaccount/{} run on without it: {}{more}",
        account.name(),
        names.join(", ")
    ));
    for (kind, name, has_own_list) in owners {
        let target = format!("{}/{name}", kind.name().to_lowercase());
        if has_own_list {
            output::note(&format!(
                "{target} has a list of its own, so the account's is not used: attach to it as well"
            ));
        } else if !matches!(kind, Kind::Deployment | Kind::StatefulSet | Kind::DaemonSet) {
            output::note(&format!("{target} uses it for the next pods that it makes"));
        } else if let Some(options) = restart {
            Box::pin(attach::restart(connection, kind, namespace, &name, now, options)).await?;
            output::line(&format!("{target} restarted in namespace {namespace}"))?;
        } else {
            output::tell(&format!("  kubectl rollout restart {target} -n {namespace}"));
        }
    }
    for name in bare {
        output::note(&format!("pod/{name} has no owner that would make it anew"));
    }
    Ok(())
}

fn runs_as(pod: &Object, account: &str) -> bool {
    let is_over = matches!(pod.phase(), Some("Succeeded" | "Failed"));
    let name = pod.pod_spec().and_then(|spec| spec["serviceAccountName"].as_str()).unwrap_or("default");
    !is_over && name == account
}

/// What made it, and what made that, as far as we know their kinds; itself, if nothing did.
pub(super) async fn topmost(connection: &Connection, object: Object) -> Result<Object, Failure> {
    let mut object = object;
    while let Some((kind, name)) = object.controller() {
        let Some(kind) = Kind::ALL.into_iter().find(|known| known.name() == kind) else {
            let message = format!(
                "{} belongs to {kind} {name:?}, which is not handled: its pod template may be anywhere",
                super::report::target(&object)
            );
            return Err(Failure::new(crate::failure::exit::CONFLICT, message)
                .hint("change its template with kubectl, or attach to the service account of its pods"));
        };
        object = attach::get(connection, kind, object.namespace(), name).await?;
    }
    Ok(object)
}
