//! What the flags of `create` say of the Secret, and the Secret that they and a source make.

use std::collections::BTreeMap;

use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use regcred_core::credential::{Login, expiry};
use regcred_core::docker_config::{DockerConfig, Form};
use regcred_core::kubelet::Stored;
use regcred_core::lint::{Finding, Level, Subject, lint};
use regcred_core::metadata::{check_annotation_key, check_label, check_name};
use regcred_core::pull_secret::{PullSecret, TYPE};

use super::CreateArgs;
use crate::environment::Environment;
use crate::failure::{Failure, exit};
use crate::output;
use crate::source::{Content, Sourced};

/// When the credential expires, RFC 3339 in UTC. (Annotations are under no domain that is not ours.)
const EXPIRES_AT: &str = "kubectl-regcred/expires-at";

/// The Secret that it was copied from.
const COPIED_FROM: &str = "kubectl-regcred/copied-from";

/// What the flags say of the Secret, checked before any password is asked for.
pub(super) struct Plan<'a> {
    name: &'a str,
    append_hash: bool,
    immutable: bool,
    labels: BTreeMap<String, String>,
    annotations: BTreeMap<String, String>,
    expires_at: Option<DateTime<Utc>>,
}

impl<'a> Plan<'a> {
    pub(super) fn of(args: &'a CreateArgs, environment: &Environment) -> Result<Self, Failure> {
        let [name] = args.names.as_slice() else {
            // Not quoted: what is too much may be a password.
            return Err(Failure::usage(format!("exactly one NAME is required, got {}", args.names.len()))
                .hint("kubectl regcred create NAME …; see `kubectl regcred create --help`"));
        };
        check_name(name).map_err(|error| Failure::usage(error.to_string()))?;
        let mut labels: BTreeMap<_, _> =
            [("app.kubernetes.io/managed-by".to_owned(), "kubectl-regcred".to_owned())].into();
        for label in &args.label {
            let (key, value) = key_value("--label", label)?;
            check_label(key, value).map_err(|error| Failure::usage(format!("--label: {error}")))?;
            labels.insert(key.to_owned(), value.to_owned());
        }
        let mut annotations = BTreeMap::new();
        for annotation in &args.annotation {
            let (key, value) = key_value("--annotation", annotation)?;
            check_annotation_key(key).map_err(|error| Failure::usage(format!("--annotation: {error}")))?;
            annotations.insert(key.to_owned(), value.to_owned());
        }
        let now = environment.now;
        let expires_in = args.expires_in.map(|duration| {
            let until = TimeDelta::from_std(duration).ok().and_then(|delta| now.checked_add_signed(delta));
            until.ok_or_else(|| Failure::usage("--expires-in is further away than any calendar goes"))
        });
        if let Some(past) = args.expires_at.filter(|at| *at <= now) {
            return Err(Failure::usage(format!("--expires-at {past} has passed already")));
        }
        let expires_at = args.expires_at.or(expires_in.transpose()?);
        Ok(Self {
            name,
            append_hash: args.append_hash,
            immutable: args.immutable,
            labels,
            annotations,
            expires_at,
        })
    }

    /// The Secret to create, of no namespace yet.
    pub(super) fn secret(self, sourced: Sourced) -> Result<PullSecret, Failure> {
        let secret = match sourced.content {
            Content::Data(data) => PullSecret::from_data(self.name, data),
            Content::Credentials(credentials) => PullSecret::from_credentials(self.name, &credentials),
        };
        let mut secret = secret.map_err(|error| Failure::new(exit::FAILED, error.to_string()))?;
        secret.immutable = self.immutable.then_some(true);
        secret.labels = self.labels;
        secret.annotations = self.annotations;
        if let Some(at) = self.expires_at.or_else(|| first_expiry(&secret)) {
            secret.annotations.insert(EXPIRES_AT.to_owned(), at.to_rfc3339_opts(SecondsFormat::Secs, true));
        }
        if let Some(origin) = sourced.copied_from {
            secret.annotations.insert(COPIED_FROM.to_owned(), origin);
        }
        if self.append_hash {
            secret.name = format!("{}-{}", secret.name, secret.hash_suffix());
            check_name(&secret.name).map_err(|error| {
                Failure::usage(format!("with the hash appended, {error}")).hint("choose a shorter name")
            })?;
        }
        Ok(secret)
    }
}

/// Shows what is wrong with the Secret; what is fatal stops here, unless `force` says otherwise.
pub(super) fn warn_of_findings(secret: &PullSecret, now: DateTime<Utc>, force: bool) -> Result<(), Failure> {
    let text = secret.docker_config_text();
    let stored = Stored { kind: TYPE, docker_config_json: Some(text), dockercfg: None };
    let findings = lint(&Subject { stored, last_applied: None, now });
    for Finding { entry, problem } in &findings {
        let entry = entry.as_ref().map(|entry| format!("{entry:?}: ")).unwrap_or_default();
        let text = format!("{entry}{problem}; {}", problem.remedy());
        if problem.level() == Level::Note { output::note(&text) } else { output::warning(&text) }
    }
    if !force && findings.iter().any(|finding| finding.problem.level() == Level::Fatal) {
        return Err(Failure::new(
            exit::PROBLEMS,
            "this Secret would fail every pull of the pods that name it",
        )
        .hint("mend what the warnings name; --force creates it all the same"));
    }
    Ok(())
}

/// When the first of the Secret's tokens expires: it is as good as no longer.
fn first_expiry(secret: &PullSecret) -> Option<DateTime<Utc>> {
    let config = DockerConfig::parse(secret.docker_config_text(), Form::Config).ok()?;
    let logins = config.entries().into_iter().filter_map(|entry| entry.login().ok().flatten());
    let passwords = logins.filter_map(|login| match login {
        Login::Password(credential) => Some(credential.password),
        Login::IdentityToken(_) | Login::RegistryToken(_) => None,
    });
    passwords.filter_map(|password| expiry(&password)).min()
}

fn key_value<'a>(flag: &str, text: &'a str) -> Result<(&'a str, &'a str), Failure> {
    text.split_once('=').ok_or_else(|| Failure::usage(format!("{flag} {text:?} is not KEY=VALUE")))
}
