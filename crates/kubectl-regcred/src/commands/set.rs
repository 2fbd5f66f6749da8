//! `kubectl regcred set`.

use std::collections::BTreeMap;

use clap::Args;
use k8s_openapi::api::core::v1::Secret;
use regcred_core::credential::Credential;
use regcred_core::docker_config::{DockerConfig, Form};
use regcred_core::metadata::check_name;
use regcred_core::plan::{EntryChange, EntryChangeKind, Intent, Plan, first_expiry, timestamp};
use regcred_core::pull_secret::PullSecret;
use regcred_core::stored::{COPIED_FROM, EXPIRES_AT};

use super::findings;
use super::flags::{ChangeArgs, DryRun, ExpiryArgs, Format, one_name};
use crate::cli::ClusterArgs;
use crate::cluster::create::{create, to_kubernetes, to_object};
use crate::cluster::pull_secrets::{self, Edited, Wish};
use crate::cluster::{self, Changed, Connection};
use crate::environment::Environment;
use crate::failure::{Failure, exit};
use crate::output;
use crate::source::{SourceArgs, gather};

const EXAMPLES: &str = "\
Examples:
  # One more registry for a pull secret, or another password for it
  printf %s \"$PASSWORD\" | kubectl regcred set pull --registry=quay.io \\
    --docker-username=robot --password-stdin

  # What docker is logged in to; other entries stay as they are
  kubectl regcred set pull --from-docker-config --registry=ghcr.io

  # Everything that another pull secret has
  kubectl regcred set pull --from-secret=shared/regcred

Exit codes: 0 done, or already so; 1 failed; 2 wrong usage; 4 not found; 6 the
cluster refused or can't be reached; 7 a credential helper failed; 8 somebody
else manages the Secret.";

/// Add or replace registries' entries in a pull secret; it is created if there is none
#[derive(Args)]
#[command(after_help = EXAMPLES, override_usage = "kubectl regcred set SECRET --registry HOST [OPTIONS]")]
pub(crate) struct SetArgs {
    /// The name of the Secret
    #[arg(value_name = "SECRET")]
    names: Vec<String>,
    #[command(flatten)]
    source: SourceArgs,
    #[command(flatten)]
    expiry: ExpiryArgs,
    #[command(flatten)]
    edit: EditArgs,
}

/// The flags that `set` and `unset` share.
#[derive(Args)]
pub(super) struct EditArgs {
    /// Take the old password out of the annotation that `kubectl apply` keeps [default: true for Secrets that
    /// kubectl-regcred manages]
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true", help_heading = "Secret")]
    scrub_last_applied: Option<bool>,
    /// Change the Secret although somebody else manages it, and may change it back
    #[arg(long, help_heading = "Secret")]
    force: bool,
    #[command(flatten)]
    pub(super) change: ChangeArgs,
    /// Print the Secret, its data included, or its name
    #[arg(short, long, value_name = "FORMAT", help_heading = "Output")]
    output: Option<Format>,
}

impl EditArgs {
    pub(super) fn wish<'a>(&self, intent: Intent<'a>, environment: &Environment) -> Wish<'a> {
        Wish {
            intent,
            now: environment.now,
            expires_at: None,
            scrub_last_applied: self.scrub_last_applied,
            force: self.force,
        }
    }
}

/// What became of the Secret.
pub(super) enum Outcome {
    Created(Secret),
    Edited(Edited),
}

pub(crate) fn run(args: &SetArgs, cluster: &ClusterArgs, environment: &Environment) -> Result<u8, Failure> {
    super::block_on(set(args, cluster, environment))
}

async fn set(args: &SetArgs, cluster: &ClusterArgs, environment: &Environment) -> Result<u8, Failure> {
    let name = one_name("set", &args.names)?;
    check_name(name).map_err(|error| Failure::usage(error.to_string()))?;
    cluster.one_namespace()?;
    let expires_at = args.expiry.at(environment.now)?;
    let source = args.source.clone().aimed()?;
    // Before anything else can read standard input: an exec plugin of the kubeconfig may.
    let sourced = gather(&source, cluster, environment).await?;
    let credentials = sourced.content.credentials()?;
    let connection = cluster::connect(cluster, environment).await?;
    let namespace = connection.namespace.clone();
    let wish = Wish { expires_at, ..args.edit.wish(Intent::Set(&credentials), environment) };
    let outcome = if let Some(found) = pull_secrets::find(&connection, &namespace, name).await? {
        Outcome::Edited(edit(&connection, name, Some(found), &wish, &args.edit).await?)
    } else {
        let mut new = new_secret(name, &credentials, &wish)?;
        new.namespace = Some(namespace.clone());
        if let Some(origin) = sourced.copied_from {
            new.annotations.insert(COPIED_FROM.to_owned(), origin);
        }
        create_or_edit(&connection, &to_kubernetes(&new), &wish, &args.edit).await?
    };
    report(&outcome, &args.edit, environment)
}

async fn create_or_edit(
    connection: &Connection,
    secret: &Secret,
    wish: &Wish<'_>,
    args: &EditArgs,
) -> Result<Outcome, Failure> {
    if args.change.dry_run == DryRun::Client {
        return Ok(Outcome::Created(secret.clone()));
    }
    match create(connection, &connection.namespace, secret, &args.change.options()).await {
        Ok(created) => Ok(Outcome::Created(created)),
        // Somebody was faster.
        Err(failure) if failure.code == exit::CONFLICT => {
            let name = secret.metadata.name.as_deref().unwrap_or_default();
            Ok(Outcome::Edited(edit(connection, name, None, wish, args).await?))
        }
        Err(failure) => Err(failure),
    }
}

/// The Secret to be created if there is none.
fn new_secret(
    name: &str,
    credentials: &BTreeMap<String, Credential>,
    wish: &Wish<'_>,
) -> Result<PullSecret, Failure> {
    let new = PullSecret::from_credentials(name, credentials);
    let mut new = new.map_err(|error| Failure::new(exit::FAILED, error.to_string()))?;
    new.labels = super::own_labels();
    let config = DockerConfig::parse(new.docker_config_text(), Form::Config).ok();
    if let Some(at) = wish.expires_at.or_else(|| config.as_ref().and_then(first_expiry)) {
        new.annotations.insert(EXPIRES_AT.to_owned(), timestamp(at));
    }
    Ok(new)
}

/// Edits the Secret, or shows what it would be with a client's dry run.
pub(super) async fn edit(
    connection: &Connection,
    name: &str,
    found: Option<Secret>,
    wish: &Wish<'_>,
    args: &EditArgs,
) -> Result<Edited, Failure> {
    let namespace = &connection.namespace;
    if let (DryRun::Client, Some(secret)) = (args.change.dry_run, &found) {
        let plan =
            pull_secrets::plan_for(secret, wish).map_err(|obstacle| obstacle.failure(namespace, name))?;
        return Ok(match plan {
            Plan::Change(change) => Edited {
                changed: Changed::Done,
                secret: pull_secrets::changed(secret.clone(), &change),
                entries: change.entries,
            },
            Plan::AlreadySo => {
                Edited { changed: Changed::AlreadySo, secret: secret.clone(), entries: Vec::new() }
            }
        });
    }
    pull_secrets::edit(connection, namespace, name, found, wish, &args.change.options()).await
}

/// Prints what became of the Secret.
pub(super) fn report(outcome: &Outcome, args: &EditArgs, environment: &Environment) -> Result<u8, Failure> {
    let (secret, line) = match outcome {
        Outcome::Created(secret) => (secret, "created".to_owned()),
        Outcome::Edited(Edited { changed: Changed::AlreadySo, secret, .. }) => {
            (secret, "unchanged".to_owned())
        }
        Outcome::Edited(Edited { secret, entries, .. }) => (secret, format!("changed{}", shown(entries))),
    };
    findings::warn(pull_secrets::stored(secret), environment.now);
    let name = secret.metadata.name.as_deref().unwrap_or_default();
    match args.output {
        None => output::line(&format!("secret/{name} {line}{}", args.change.dry_run.suffix()))?,
        Some(Format::Name) => output::line(&format!("secret/{name}"))?,
        Some(Format::Json) => output::json(&to_object(secret)?)?,
        Some(Format::Yaml) => output::yaml(&to_object(secret)?)?,
    }
    Ok(exit::DONE)
}

/// What was done to the entries, in words.
pub(super) fn shown(entries: &[EntryChange]) -> String {
    let shown = entries.iter().map(|EntryChange { key, kind }| {
        let done = match kind {
            EntryChangeKind::Added => "added",
            EntryChangeKind::Replaced => "replaced",
            EntryChangeKind::Removed => "removed",
        };
        format!("{key:?} {done}")
    });
    let shown = shown.collect::<Vec<_>>().join(", ");
    if shown.is_empty() { shown } else { format!(": {shown}") }
}
