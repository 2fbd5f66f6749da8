//! What there is to do for a rotation.

use k8s_openapi::api::core::v1::Secret;
use regcred_core::plan::{EntryChange, Plan, Refusal};

use super::report::{Item, Outcome};
use super::scope::{Scope, id};
use crate::cluster::Connection;
use crate::cluster::consumers::Consumers;
use crate::cluster::pull_secrets::{self, Obstacle, Wish};
use crate::cluster::replace::{self, Replacement, Users, users};
use crate::failure::{Failure, exit};
use crate::output;

/// What there is to do, and what is not to be changed, and why.
pub(super) struct Planned {
    pub(super) steps: Vec<Step>,
    pub(super) others: Vec<Item>,
}

/// What is to be done with one Secret.
pub(super) enum Step {
    /// It is changed in place.
    Edit { secret: Box<Secret>, entries: Vec<EntryChange> },
    /// It is immutable: another one takes its place.
    Replace {
        replacement: Box<Replacement>,
        /// Who uses it.
        users: Users,
    },
}

impl Step {
    /// The Secret as it is.
    pub(super) fn secret(&self) -> &Secret {
        match self {
            Self::Edit { secret, .. } => secret,
            Self::Replace { replacement, .. } => &replacement.old,
        }
    }

    pub(super) fn entries(&self) -> &[EntryChange] {
        match self {
            Self::Edit { entries, .. } => entries,
            Self::Replace { replacement, .. } => &replacement.entries,
        }
    }

    /// The name of the Secret that takes its place.
    pub(super) fn new_name(&self) -> Option<String> {
        match self {
            Self::Edit { .. } => None,
            Self::Replace { replacement, .. } => replacement.new.metadata.name.clone(),
        }
    }
}

impl Planned {
    /// Finds the Secrets that are meant, and what there is to do with each.
    pub(super) async fn of(scope: &Scope, connection: &Connection, wish: &Wish<'_>) -> Result<Self, Failure> {
        let is_named = scope.name.is_some();
        let found = scope.find(connection, |secret| {
            let plan = pull_secrets::plan_for(secret, wish);
            if let Ok(Plan::Change(_)) = &plan {
                // Half of a small Secret, and all that they could say was that nobody else manages it.
                secret.metadata.managed_fields = None;
            }
            // Of others most have no such entry, and need not be kept.
            is_named || !matches!(plan, Ok(Plan::NotMeant))
        });
        let found = found.await?;
        let mut planned = Self { steps: Vec::new(), others: Vec::new() };
        for (namespace, failure) in found.unreadable {
            planned.others.push(Item::failed(&namespace, scope.name.as_deref(), failure));
        }
        let mut unmeant = 0;
        for secret in found.secrets {
            let (namespace, name) = id(&secret);
            match pull_secrets::plan_for(&secret, wish) {
                Ok(Plan::Change(change)) => {
                    planned.steps.push(Step::Edit { secret: Box::new(secret), entries: change.entries });
                }
                Ok(Plan::AlreadySo) => planned.others.push(Item::of(&secret, Outcome::Unchanged, Vec::new())),
                Ok(Plan::NotMeant) => unmeant += 1,
                // Whether it is meant can't be known, and no pod can pull with it.
                Err(obstacle @ Obstacle::Refusal(Refusal::Unreadable(_) | Refusal::NoDockerConfig(_)))
                    if !is_named =>
                {
                    output::warning(&format!("passed over: {}", obstacle.failure(namespace, name).message));
                }
                Err(Obstacle::Refusal(Refusal::Immutable)) => match replace::plan_for(&secret, wish) {
                    Ok(Some(replacement)) => planned
                        .steps
                        .push(Step::Replace { replacement: Box::new(replacement), users: Users::default() }),
                    Ok(None) => unmeant += 1,
                    Err(obstacle) => planned.others.push(Item::refused(&secret, &obstacle)),
                },
                Err(obstacle) => planned.others.push(Item::refused(&secret, &obstacle)),
            }
        }
        if planned.steps.is_empty() && planned.others.is_empty() {
            let message =
                if unmeant > 0 { "no entry of the Secret is meant" } else { "no Secret has such an entry" };
            return Err(Failure::new(exit::NOT_FOUND, message).hint(
            "`kubectl regcred list -A` shows which registries there are; `kubectl regcred set` adds an entry",
        ));
        }
        Ok(planned)
    }

    /// Notes who has to be moved over; where nobody is left, and the new Secret is there, nothing is to be done.
    pub(super) async fn with_users(
        self,
        consumers: &Consumers,
        connection: &Connection,
        prune: bool,
    ) -> Result<Self, Failure> {
        let Self { steps, others } = self;
        let mut planned = Self { steps: Vec::new(), others };
        for step in steps {
            let Step::Replace { replacement, .. } = step else {
                planned.steps.push(step);
                continue;
            };
            let (namespace, name) = id(&replacement.old);
            let users = users(&consumers.of(namespace, name));
            let (_, new_name) = id(&replacement.new);
            let there = pull_secrets::find(connection, namespace, new_name).await?;
            let is_there = there.is_some_and(|there| there.data == replacement.new.data);
            if is_there && users.movable.is_empty() && !prune {
                let new = Some(new_name.to_owned());
                let item = Item::of(&replacement.old, Outcome::Unchanged, Vec::new());
                planned.others.push(Item { replaced_by: new, ..item });
            } else {
                planned.steps.push(Step::Replace { replacement, users });
            }
        }
        Ok(planned)
    }
}
