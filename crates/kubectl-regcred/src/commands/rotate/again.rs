//! The command line that finishes a rotation, or that says which login it is about.

use std::collections::{BTreeMap, BTreeSet};

use regcred_core::rotation::Logins;

use super::candidates::{Group, Holder, Survey};
use super::like::Choice;
use super::report::Item;
use crate::command_line::CommandLine;

/// The flag that names a Secret with the login to be replaced.
const LIKE: &str = "--like";

/// The same command, for the logins that these Secrets hold.
pub(super) fn like(command_line: &CommandLine, likes: &BTreeSet<String>) -> String {
    let likes: Vec<_> = likes.iter().map(|like| format!("{LIKE}={like}")).collect();
    command_line.again(LIKE, &likes)
}

/// The Secrets that were to be changed and are not.
pub(super) struct Left<'a> {
    /// Each with its place: the first are named rather than others.
    places: BTreeMap<(&'a str, &'a str), usize>,
    choice: &'a Choice,
    survey: &'a Survey,
    chosen: &'a Logins,
    /// The namespace in which `--like SECRET` is.
    own_namespace: &'a str,
}

impl<'a> Left<'a> {
    pub(super) fn new(
        items: impl Iterator<Item = &'a Item>,
        choice: &'a Choice,
        survey: &'a Survey,
        chosen: &'a Logins,
        own_namespace: &'a str,
    ) -> Self {
        let names = items.filter_map(|item| Some((item.namespace.as_str(), item.secret.as_deref()?)));
        let places = names.enumerate().map(|(place, name)| (name, place)).collect();
        Self { places, choice, survey, chosen, own_namespace }
    }

    /// The command that does what is left to do: it names a Secret that was left for each login that some of these
    /// still hold. `None` if no Secret that holds a chosen login was left, or no command would do it.
    pub(super) fn command(&self, command_line: &CommandLine) -> Option<String> {
        let groups: Vec<_> = self.groups().collect();
        if groups.is_empty() {
            return None;
        }
        let likes: Option<BTreeSet<_>> = groups.iter().map(|group| self.nameable(group)).collect();
        match (self.choice, likes) {
            (Choice::Any, _) => Some(command_line.again("", &[])),
            (_, Some(likes)) => Some(like(command_line, &likes)),
            // A Secret elsewhere, which is never changed, still says which login is meant.
            (_, None) if !groups.iter().any(|group| self.names_one_in(group)) => {
                Some(command_line.again("", &[]))
            }
            (_, None) => None,
        }
    }

    /// Whether the next run could not tell which logins are meant, if the Secrets that `--like` names were changed now.
    pub(super) fn depends_on_named(&self) -> bool {
        self.groups().any(|group| self.nameable(group).is_none() && self.names_one_in(group))
    }

    /// The chosen groups of which a Secret was left.
    fn groups(&self) -> impl Iterator<Item = &'a Group> {
        let is_left = |group: &&Group| group.holders.iter().any(|holder| self.place(holder).is_some());
        self.survey.groups.iter().filter(|group| group.is_in(self.chosen)).filter(is_left)
    }

    /// A Secret that was left and by which only chosen logins are meant, as `--like` takes it.
    fn nameable(&self, group: &Group) -> Option<String> {
        let left = group.holders.iter().filter_map(|holder| Some((self.place(holder)?, holder)));
        let nameable = left.filter(|(_, holder)| holder.stands_for(self.chosen));
        nameable.min_by_key(|(place, _)| *place).map(|(_, holder)| holder.reference())
    }

    /// Those that were named before come first.
    fn place(&self, holder: &Holder) -> Option<(bool, usize)> {
        let place = self.places.get(&(holder.namespace.as_str(), holder.name.as_str()))?;
        Some((!self.is_named(holder), *place))
    }

    fn is_named(&self, holder: &Holder) -> bool {
        self.choice.names(self.own_namespace, &holder.namespace, &holder.name)
    }

    fn names_one_in(&self, group: &Group) -> bool {
        group.holders.iter().any(|holder| self.is_named(holder))
    }
}
