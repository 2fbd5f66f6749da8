//! `kubectl regcred rotate`.

mod again;
mod args;
mod candidates;
mod groups;
mod like;
mod plan;
mod report;
mod rotation;
mod scope;
mod verify;

use std::collections::BTreeSet;

use regcred_core::plan::Intent;
use regcred_core::rotation::{self as rules, Wanted};

use crate::cli::ClusterArgs;
use crate::cluster::consumers::Consumers;
use crate::cluster::pull_secrets::Wish;
use crate::cluster::{self, Connection};
use crate::command_line::CommandLine;
use crate::commands::flags::DryRun;
use crate::environment::Environment;
use crate::failure::Failure;
use crate::source::gather;
pub(crate) use args::RotateArgs;
use candidates::{Candidate, Survey};
use like::Choice;
use plan::{Action, Planned, Terms};
use report::Context;
use rotation::Rotation;
use scope::{Found, Scope, id};

pub(crate) fn run(
    args: &RotateArgs,
    cluster: &ClusterArgs,
    command_line: &CommandLine,
    environment: &Environment,
) -> Result<u8, Failure> {
    super::block_on(rotate(args, cluster, command_line, environment))
}

async fn rotate(
    args: &RotateArgs,
    cluster: &ClusterArgs,
    command_line: &CommandLine,
    environment: &Environment,
) -> Result<u8, Failure> {
    let name = match args.names.as_slice() {
        [] => None,
        [name] => Some(name.as_str()),
        // Not quoted: what is too much may be a password.
        names => return Err(Failure::usage(format!("at most one NAME is allowed, got {}", names.len()))),
    };
    if name.is_none() && !args.source.names_registry() {
        return Err(Failure::usage("what is to be rotated?")
            .hint("name a Secret, or a registry with --registry, whose entries get the new credential"));
    }
    let scope = Scope::of(&args.scope, name, cluster)?;
    let choice = Choice::of(&args.like, scope.in_several_namespaces())?;
    let expires_at = args.expiry.at(environment.now)?;
    let source = args.source.clone().aimed()?;
    // Before anything else can read standard input: an exec plugin of the kubeconfig may.
    let credentials = gather(&source, cluster, environment).await?.content.credentials()?;
    if let Some(command) = &args.verify_command {
        verify::verify(command, &environment.search_path(), args.verify_timeout, &credentials).await?;
    }
    let mut anywhere = cluster.clone();
    if anywhere.namespace.len() > 1 {
        anywhere.namespace.clear();
    }
    let connection = cluster::connect(&anywhere, environment).await?;
    let own_namespace = scope.only_namespace().unwrap_or(&connection.namespace);
    let username = args.username.as_deref();
    let found = scope.find(&connection, |secret| {
        let candidate = Candidate::of(secret, &credentials, username);
        let (namespace, name) = id(&candidate.secret);
        // Of others most have no such entry, and need not be kept.
        let is_kept = scope.name.is_some()
            || choice.names(own_namespace, namespace, name)
            || candidate.entries.as_ref().is_ok_and(|entries| !entries.is_empty())
            || candidate.entries.is_err();
        is_kept.then_some(candidate)
    });
    let Found { kept: mut candidates, unreadable } = found.await?;
    candidates.sort_by(|a, b| id(&a.secret).cmp(&id(&b.secret)));
    let survey = Survey::of(&candidates);
    let wanted = choice.wanted(&scope, &candidates, &connection, &credentials, username).await?;
    let entries: Vec<_> = candidates.iter().flat_map(Candidate::entries).collect();
    let chosen = match rules::choose(entries.iter().copied(), &wanted) {
        Ok(chosen) => chosen,
        Err(unclear) => return Err(ask_which(args, command_line, environment, &survey, &unclear)?),
    };
    let terms = Terms {
        credentials: &credentials,
        wish: Wish {
            intent: Intent::Rotate { entries: &[], credentials: &credentials },
            now: environment.now,
            expires_at,
            scrub_last_applied: args.scrub_last_applied,
            force: args.force,
        },
    };
    // What is named with --like is changed last.
    let is_done = matches!(&wanted, Wanted::These { logins, .. } if logins.values().all(BTreeSet::is_empty));
    let planned = Planned::of(&scope, candidates, unreadable, &chosen, &terms, is_done)
        .inspect_err(|_| groups::note_without(&survey))?;
    let (planned, consumers) = with_users(planned, args, &connection).await?;
    let rotation = Rotation {
        args,
        environment,
        command_line,
        connection: &connection,
        choice: &choice,
        own_namespace,
        terms: &terms,
        survey: &survey,
        chosen: &chosen,
    };
    rotation.run(planned, &consumers).await
}

/// Shows which logins there are, and says how one is chosen.
fn ask_which(
    args: &RotateArgs,
    command_line: &CommandLine,
    environment: &Environment,
    survey: &Survey,
    unclear: &BTreeSet<String>,
) -> Result<Failure, Failure> {
    let context = Context { survey, chosen: None, format: args.output, dry_run: args.change.dry_run };
    report::print(&[], &context, false)?;
    groups::show(survey, None, environment.now);
    groups::note_without(survey);
    let registries: Vec<_> = unclear.iter().map(|registry| format!("{registry:?}")).collect();
    let message = format!(
        "nothing was changed: which login for {} is to be replaced is not clear",
        registries.join(", ")
    );
    let hint = match survey.likes_for_first(unclear) {
        Some(likes) => format!(
            "name a Secret that holds the credential to be replaced, so that a stranger's entry does not get the new one; \
             for the oldest:\n{}",
            again::like(command_line, &likes)
        ),
        None => "the Secrets hold several logins each; name one that holds only the credential to be replaced with --like, \
                 or take them all with --any-credential"
            .to_owned(),
    };
    Ok(Failure::usage(message).hint(hint))
}

/// Finds out who uses the Secrets, if the plan is shown or users have to be moved; who has been moved already is done.
async fn with_users(
    planned: Planned,
    args: &RotateArgs,
    connection: &Connection,
) -> Result<(Planned, Consumers), Failure> {
    let is_shown = !args.yes || args.change.dry_run == DryRun::Client;
    let replaces = planned.steps.iter().any(|step| matches!(step.action, Action::Replace { .. }));
    if planned.steps.is_empty() || !(is_shown || replaces) {
        return Ok((planned, Consumers::default()));
    }
    let mut namespaces: Vec<_> = planned.steps.iter().map(|step| id(step.secret()).0.to_owned()).collect();
    namespaces.dedup();
    // Many small lists take longer than a large one.
    let few = (namespaces.len() <= 8).then_some(namespaces.as_slice());
    let consumers = Consumers::gather(connection, few).await?;
    let planned = planned.with_users(&consumers, connection, args.prune).await?;
    Ok((planned, consumers))
}
