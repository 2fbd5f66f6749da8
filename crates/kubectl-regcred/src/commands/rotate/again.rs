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
    let likes = survey.groups.iter().filter(|group| group.is_in(chosen)).filter_map(|group: &Group| {
        let left = group.holders.iter().filter(|holder| place(holder).is_some());
        let nameable = left.filter(|holder| holder.stands_for(chosen));
        nameable.min_by_key(place).map(Holder::reference)
    });
    let likes: BTreeSet<_> = likes.collect();
    // Where no Secret that is left holds one login alone, those named before still do: they are changed last.
    if likes.is_empty() { Some(command_line.again("", &[])) } else { Some(like(command_line, &likes)) }
}
