//! The Secrets that a rotation may be about, and the logins that their entries hold.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use chrono::{DateTime, Utc};
use k8s_openapi::api::core::v1::Secret;
use regcred_core::credential::Credential;
use regcred_core::docker_config::PresentLogin;
use regcred_core::plan::Refusal;
use regcred_core::rotation::{self, Found, Held, Logins};

use super::scope::id;
use crate::cluster::pull_secrets;

/// A Secret, and its entries for the registries of the new credentials.
pub(super) struct Candidate {
    pub(super) secret: Secret,
    pub(super) entries: Result<Vec<Found>, Refusal>,
}

impl Candidate {
    pub(super) fn of(
        mut secret: Secret,
        credentials: &BTreeMap<String, Credential>,
        username: Option<&str>,
    ) -> Self {
        let entries = rotation::find(&pull_secrets::stored(&secret), credentials, username);
        pull_secrets::trim(&mut secret);
        Self { secret, entries }
    }

    pub(super) fn entries(&self) -> &[Found] {
        self.entries.as_deref().unwrap_or_default()
    }

    pub(super) fn is(&self, namespace: &str, name: &str) -> bool {
        id(&self.secret) == (namespace, name)
    }
}

/// What the entries hold, apart from those that hold the new login.
pub(super) struct Survey {
    /// By registry, and of one registry the oldest first: a stranger who joins with an entry comes later.
    pub(super) groups: Vec<Group>,
    /// Entries without a login.
    pub(super) without: Vec<Without>,
}

/// Entries for one registry that hold the same login.
pub(super) struct Group {
    pub(super) registry: String,
    pub(super) login: PresentLogin,
    /// The Secrets that have them, the oldest first.
    pub(super) holders: Vec<Holder>,
}

/// A Secret in a group.
pub(super) struct Holder {
    pub(super) namespace: String,
    pub(super) name: String,
    pub(super) created_at: Option<DateTime<Utc>>,
    /// Everything that it holds for the registries of the rotation.
    pub(super) logins: Arc<Logins>,
}

/// An entry without a login.
#[derive(Clone)]
pub(super) struct Without {
    pub(super) namespace: String,
    pub(super) name: String,
    pub(super) key: String,
}

impl Survey {
    pub(super) fn of(candidates: &[Candidate]) -> Self {
        let mut groups: BTreeMap<(String, PresentLogin), Vec<Holder>> = BTreeMap::new();
        let mut without = Vec::new();
        for candidate in candidates {
            let (namespace, name) = id(&candidate.secret);
            let created_at = candidate.secret.metadata.creation_timestamp.as_ref();
            let created_at = created_at.and_then(|at| DateTime::from_timestamp(at.0.as_second(), 0));
            let logins = Arc::new(rotation::logins(candidate.entries()));
            for (registry, login) in logins.iter().flat_map(|(registry, logins)| {
                logins.iter().map(move |login| (registry.clone(), login.clone()))
            }) {
                groups.entry((registry, login)).or_default().push(Holder {
                    namespace: namespace.to_owned(),
                    name: name.to_owned(),
                    created_at,
                    // Shared, because one Secret can be in as many groups as it has entries.
                    logins: Arc::clone(&logins),
                });
            }
            let empty = candidate.entries().iter().filter(|entry| entry.held == Held::Nothing);
            without.extend(empty.map(|entry| Without {
                namespace: namespace.to_owned(),
                name: name.to_owned(),
                key: entry.key.clone(),
            }));
        }
        let mut groups: Vec<_> = groups
            .into_iter()
            .map(|((registry, login), mut holders)| {
                holders.sort_by(|a, b| {
                    let order = (a.created_at, &a.namespace, &a.name);
                    order.cmp(&(b.created_at, &b.namespace, &b.name))
                });
                Group { registry, login, holders }
            })
            .collect();
        groups.sort_by(|a, b| {
            let of_the_same_second = b.holders.len().cmp(&a.holders.len());
            (&a.registry, a.oldest()).cmp(&(&b.registry, b.oldest())).then(of_the_same_second)
        });
        Self { groups, without }
    }

    /// Secrets to name with `--like` so that the first group of each of these registries is replaced, if there are
    /// such Secrets.
    pub(super) fn likes_for_first(&self, registries: &BTreeSet<String>) -> Option<BTreeSet<String>> {
        let likes = registries.iter().map(|registry| {
            let group = self.groups.iter().find(|group| group.registry == *registry)?;
            let holder = group.holders.iter().find(|holder| holder.holds_one_of_each())?;
            Some(holder.reference())
        });
        likes.collect()
    }
}

impl Group {
    /// When the first Secret with this login was made.
    pub(super) fn oldest(&self) -> Option<DateTime<Utc>> {
        self.holders.first().and_then(|holder| holder.created_at)
    }

    /// A Secret that stands for the group: one that can be named with `--like`, if there is one.
    pub(super) fn example(&self) -> Option<&Holder> {
        let nameable = self.holders.iter().find(|holder| holder.holds_one_of_each());
        nameable.or_else(|| self.holders.first())
    }

    /// In how many namespaces it is found.
    pub(super) fn namespaces(&self) -> usize {
        self.holders.iter().map(|holder| holder.namespace.as_str()).collect::<BTreeSet<_>>().len()
    }

    /// Whether it is to be replaced.
    pub(super) fn is_in(&self, chosen: &Logins) -> bool {
        chosen.get(&self.registry).is_some_and(|logins| logins.contains(&self.login))
    }
}

impl Holder {
    /// As `--like` takes it.
    pub(super) fn reference(&self) -> String {
        format!("{}/{}", self.namespace, self.name)
    }

    /// Whether it is clear which login is meant by this Secret, for each registry.
    fn holds_one_of_each(&self) -> bool {
        self.logins.values().all(|logins| logins.len() == 1)
    }

    /// Whether no login is meant by this Secret but chosen ones.
    pub(super) fn stands_for(&self, chosen: &Logins) -> bool {
        self.holds_one_of_each()
            && self
                .logins
                .iter()
                .all(|(registry, logins)| chosen.get(registry).is_some_and(|chosen| logins.is_subset(chosen)))
    }
}
