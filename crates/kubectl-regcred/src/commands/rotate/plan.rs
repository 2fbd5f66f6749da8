//! What there is to do for a rotation.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::Secret;
use regcred_core::credential::Credential;
use regcred_core::plan::{Chosen, EntryChange, Intent, Plan, Refusal};
use regcred_core::rotation::{self, Logins};

use super::candidates::Candidate;
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
pub(super) struct Step {
    /// The entries that get the new credential, and what they held when the plan was made.
    pub(super) chosen: Vec<Chosen>,
    pub(super) action: Action,
}

/// How it is done.
pub(super) enum Action {
    /// It is changed in place.
    Edit { secret: Box<Secret>, entries: Vec<EntryChange> },
    /// It is immutable: another one takes its place.
    Replace {
        replacement: Box<Replacement>,
        /// Who uses it.
        users: Users,
    },
}

/// What is wanted of every Secret that is chosen.
pub(super) struct Terms<'a> {
    pub(super) credentials: &'a BTreeMap<String, Credential>,
    /// What else is wanted; its intent is each Secret's own.
    pub(super) wish: Wish<'a>,
}

impl Terms<'_> {
    /// What is wanted of a Secret with these chosen entries.
    pub(super) fn wish<'a>(&'a self, entries: &'a [Chosen]) -> Wish<'a> {
        Wish { intent: Intent::Rotate { entries, credentials: self.credentials }, ..self.wish }
    }
}

impl Step {
    /// The Secret as it is.
    pub(super) fn secret(&self) -> &Secret {
        match &self.action {
            Action::Edit { secret, .. } => secret,
            Action::Replace { replacement, .. } => &replacement.old,
        }
    }

    pub(super) fn entries(&self) -> &[EntryChange] {
        match &self.action {
            Action::Edit { entries, .. } => entries,
            Action::Replace { replacement, .. } => &replacement.entries,
        }
    }

    /// The name of the Secret that takes its place.
    pub(super) fn new_name(&self) -> Option<String> {
        match &self.action {
            Action::Edit { .. } => None,
            Action::Replace { replacement, .. } => replacement.new.metadata.name.clone(),
        }
    }
}

impl Planned {
    /// What there is to do with each of the Secrets, for those of their entries that hold a chosen login. That there is
    /// none is an error, unless the rotation is known to be done.
    pub(super) fn of(
        scope: &Scope,
        candidates: Vec<Candidate>,
        unreadable: Vec<(String, Failure)>,
        logins: &Logins,
        terms: &Terms<'_>,
        is_done: bool,
    ) -> Result<Self, Failure> {
        let is_named = scope.name.is_some();
        let mut planned = Self { steps: Vec::new(), others: Vec::new() };
        for (namespace, failure) in unreadable {
            planned.others.push(Item::failed(&namespace, scope.name.as_deref(), failure));
        }
        let (mut unmeant, mut without) = (0, 0);
        for Candidate { secret, entries } in candidates {
            let (namespace, name) = id(&secret);
            let entries = match entries {
                Ok(entries) => entries,
                // Whether it is meant can't be known, and no pod can pull with it.
                Err(refusal @ (Refusal::Unreadable(_) | Refusal::NoDockerConfig(_))) if !is_named => {
                    let failure = Obstacle::Refusal(refusal).failure(namespace, name);
                    output::warning(&format!("passed over: {}", failure.message));
                    continue;
                }
                Err(refusal) => {
                    planned.others.push(Item::refused(&secret, &Obstacle::Refusal(refusal)));
                    continue;
                }
            };
            let chosen = rotation::chosen(&entries, logins, terms.credentials);
            if chosen.is_empty() {
                *(if entries.iter().any(|entry| entry.is_meant) { &mut without } else { &mut unmeant }) += 1;
                continue;
            }
            let wish = terms.wish(&chosen);
            let action = match pull_secrets::plan_for(&secret, &wish) {
                Ok(Plan::Change(change)) => {
                    Action::Edit { secret: Box::new(secret), entries: change.entries }
                }
                Ok(Plan::AlreadySo) => {
                    planned.others.push(Item::of(&secret, Outcome::Unchanged, Vec::new()));
                    continue;
                }
                Err(Obstacle::Refusal(Refusal::Immutable)) => match replace::plan_for(&secret, &wish) {
                    Ok(Some(replacement)) => {
                        Action::Replace { replacement: Box::new(replacement), users: Users::default() }
                    }
                    Ok(None) => continue,
                    Err(obstacle) => {
                        planned.others.push(Item::refused(&secret, &obstacle));
                        continue;
                    }
                },
                Err(obstacle) => {
                    planned.others.push(Item::refused(&secret, &obstacle));
                    continue;
                }
            };
            planned.steps.push(Step { chosen, action });
        }
        if planned.steps.is_empty() && planned.others.is_empty() && !is_done {
            let message = match (without, unmeant) {
                (0, _) if is_named => "no entry of the Secret is meant",
                (0, _) => "no Secret has such an entry",
                _ => "no entry for the registry holds the login that is to be replaced",
            };
            return Err(Failure::new(exit::NOT_FOUND, message).hint(
            "`kubectl regcred list -A` shows which registries there are; `kubectl regcred set` adds an entry, and fills \
             one without a login",
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
            let Step { chosen, action: Action::Replace { replacement, .. } } = step else {
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
                planned.steps.push(Step { chosen, action: Action::Replace { replacement, users } });
            }
        }
        Ok(planned)
    }
}
