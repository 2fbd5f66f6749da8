//! Where `rotate` looks for Secrets.

use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};
use k8s_openapi::api::core::v1::Secret;
use regcred_core::metadata::check_name;

use crate::cli::ClusterArgs;
use crate::cluster::pull_secrets::{self, Forbidden};
use crate::cluster::{self, Connection};
use crate::commands::places::{Place, PlaceArgs, Places};
use crate::failure::{Failure, exit};

/// How many namespaces are read at once.
const CONCURRENCY: usize = 8;

/// Which Secrets are looked at.
pub(super) struct Scope {
    /// Only those of this name.
    pub(super) name: Option<String>,
    places: Places,
}

/// What was found.
pub(super) struct Found<R> {
    pub(super) kept: Vec<R>,
    /// The namespaces that could not be read, and why.
    pub(super) unreadable: Vec<(String, Failure)>,
}

impl<R> Found<R> {
    fn nothing() -> Self {
        Self { kept: Vec::new(), unreadable: Vec::new() }
    }
}

impl Scope {
    /// Checks the flags.
    pub(super) fn of(args: &PlaceArgs, name: Option<&str>, cluster: &ClusterArgs) -> Result<Self, Failure> {
        if let Some(name) = name {
            check_name(name).map_err(|error| Failure::usage(error.to_string()))?;
        }
        Ok(Self { name: name.map(str::to_owned), places: Places::of(args, cluster)? })
    }

    /// Whether Secrets of more than one namespace may be meant.
    pub(super) fn in_several_namespaces(&self) -> bool {
        !matches!(&self.places.place, Place::Named(named) if named.len() <= 1)
    }

    /// The one namespace that is named, if one is.
    pub(super) fn only_namespace(&self) -> Option<&str> {
        match &self.places.place {
            Place::Named(named) => named.first().filter(|_| named.len() == 1).map(String::as_str),
            Place::All | Place::Labelled(_) => None,
        }
    }

    /// What `keep` makes of the Secrets. One that is named for one namespace has to be there.
    pub(super) async fn find<R>(
        &self,
        connection: &Connection,
        keep: impl Fn(Secret) -> Option<R>,
    ) -> Result<Found<R>, Failure> {
        let keep = |secret: Secret| {
            let namespace = secret.metadata.namespace.as_deref().unwrap_or_default();
            if self.places.excludes(namespace) { None } else { keep(secret) }
        };
        let name = self.name.as_deref();
        match &self.places.place {
            Place::All => match pull_secrets::find_all(connection, None, name, &keep).await? {
                Ok(kept) => Ok(Found { kept, unreadable: Vec::new() }),
                // Who may not read all at once may read some.
                Err(Forbidden(failure)) => {
                    let namespaces = cluster::namespaces_with_labels(connection, "").await;
                    let namespaces = namespaces.map_err(|_| failure)?;
                    self.find_in(connection, namespaces, &keep).await
                }
            },
            Place::Labelled(selector) => {
                let namespaces = cluster::namespaces_with_labels(connection, selector).await?;
                if namespaces.is_empty() {
                    let message = format!("no namespace has the labels {selector:?}");
                    return Err(Failure::new(exit::NOT_FOUND, message)
                        .hint("`kubectl get namespaces --show-labels` shows what there is"));
                }
                self.find_in(connection, namespaces, &keep).await
            }
            Place::Named(named) => {
                let own = [connection.namespace.clone()];
                let named = if named.is_empty() { &own[..] } else { named };
                self.find_in_named(connection, named, &keep).await
            }
        }
    }

    async fn find_in<R>(
        &self,
        connection: &Connection,
        namespaces: Vec<String>,
        keep: &impl Fn(Secret) -> Option<R>,
    ) -> Result<Found<R>, Failure> {
        let namespaces = namespaces.into_iter().filter(|namespace| !self.places.excludes(namespace));
        let lists = stream::iter(namespaces).map(|namespace| async move {
            let name = self.name.as_deref();
            let list = pull_secrets::find_all(connection, Some(&namespace), name, keep).await?;
            Ok::<_, Failure>((namespace, list))
        });
        let gathered =
            lists.buffered(CONCURRENCY).try_fold(Found::nothing(), |mut found, (namespace, list)| async {
                match list {
                    Ok(kept) => found.kept.extend(kept),
                    Err(Forbidden(failure)) => found.unreadable.push((namespace, failure)),
                }
                Ok(found)
            });
        gathered.await
    }

    async fn find_in_named<R>(
        &self,
        connection: &Connection,
        named: &[String],
        keep: &impl Fn(Secret) -> Option<R>,
    ) -> Result<Found<R>, Failure> {
        let Some(name) = &self.name else {
            let mut found = self.find_in(connection, named.to_vec(), keep).await?;
            if let ([_], Some(_)) = (named, found.unreadable.first()) {
                return Err(found.unreadable.remove(0).1);
            }
            return Ok(found);
        };
        let mut found = Found::nothing();
        for namespace in named.iter().filter(|namespace| !self.places.excludes(namespace)) {
            match pull_secrets::find(connection, namespace, name).await {
                Ok(Some(secret)) => found.kept.extend(keep(secret)),
                Ok(None) => found.unreadable.push((
                    namespace.clone(),
                    Failure::new(
                        exit::NOT_FOUND,
                        format!("there is no secret/{name} in namespace {namespace:?}"),
                    ),
                )),
                Err(failure) => found.unreadable.push((namespace.clone(), failure)),
            }
        }
        Ok(found)
    }
}

/// Namespace and name of a Secret.
pub(super) fn id(secret: &Secret) -> (&str, &str) {
    let metadata = &secret.metadata;
    (metadata.namespace.as_deref().unwrap_or_default(), metadata.name.as_deref().unwrap_or_default())
}
