//! The command line that finishes a rotation, or that says which login it is about.

use std::collections::BTreeSet;

use regcred_core::rotation::Logins;

use super::candidates::{Group, Holder, Survey};
use super::like::Choice;
use crate::command_line::CommandLine;

/// The flag that names a Secret with the login to be replaced.
const LIKE: &str = "--like";

/// The same command, for the logins that these Secrets hold.
pub(super) fn like(command_line: &CommandLine, likes: &BTreeSet<String>) -> String {
    let likes: Vec<_> = likes.iter().map(|like| format!("{LIKE}={like}")).collect();
    command_line.again(LIKE, &likes)
}

/// The command that does what is left to do: it names a Secret that was left for each login that some of these still
/// hold. The first are preferred. `None` if nothing is left.
pub(super) fn rest(
    command_line: &CommandLine,
    choice: &Choice,
    survey: &Survey,
    chosen: &Logins,
    own_namespace: &str,
    left: &[(String, String)],
) -> Option<String> {
    if left.is_empty() {
        return None;
    }
    if matches!(choice, Choice::Any) {
        return Some(command_line.again(LIKE, &[]));
    }
    let place = |holder: &&Holder| {
        let place = left
            .iter()
            .position(|(namespace, name)| (namespace, name) == (&holder.namespace, &holder.name))?;
        let is_named = choice.names(own_namespace, &holder.namespace, &holder.name);
        Some((!is_named, place))
    };
    let is_left =
        |group: &&Group| group.is_in(chosen) && group.holders.iter().any(|holder| place(&holder).is_some());
    let likes = survey.groups.iter().filter(is_left).map(|group| {
        let left = group.holders.iter().filter(|holder| place(holder).is_some());
        let nameable = left.filter(|holder| holder.stands_for(chosen));
        nameable.min_by_key(place).map(Holder::reference)
    });
    // Where none that is left holds this login alone, one that was named does: those are changed last.
    let likes = likes.collect::<Option<BTreeSet<_>>>();
    Some(likes.map_or_else(|| command_line.again("", &[]), |likes| like(command_line, &likes)))
}
