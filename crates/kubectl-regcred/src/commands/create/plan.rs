//! What the flags of `create` say of the Secret, and the Secret that they and a source make.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use regcred_core::docker_config::{DockerConfig, Form};
use regcred_core::metadata::{check_annotation_key, check_label, check_name};
use regcred_core::plan::{first_expiry, timestamp};
use regcred_core::pull_secret::PullSecret;
use regcred_core::stored::{COPIED_FROM, EXPIRES_AT, Stored, TYPE};

use super::CreateArgs;
use crate::commands::flags::one_name;
use crate::commands::{findings, own_labels};
use crate::environment::Environment;
use crate::failure::{Failure, exit};
use crate::source::{Content, Sourced};

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
        let name = one_name("create", &args.names)?;
        check_name(name).map_err(|error| Failure::usage(error.to_string()))?;
        let mut labels = own_labels();
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
        let expires_at = args.expiry.at(environment.now)?;
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
        let config = DockerConfig::parse(secret.docker_config_text(), Form::Config).ok();
        if let Some(at) = self.expires_at.or_else(|| config.as_ref().and_then(first_expiry)) {
            secret.annotations.insert(EXPIRES_AT.to_owned(), timestamp(at));
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
    if findings::warn(stored, now) && !force {
        return Err(Failure::new(
            exit::PROBLEMS,
            "this Secret would fail every pull of the pods that name it",
        )
        .hint("mend what the warnings name; --force creates it all the same"));
    }
    Ok(())
}

fn key_value<'a>(flag: &str, text: &'a str) -> Result<(&'a str, &'a str), Failure> {
    text.split_once('=').ok_or_else(|| Failure::usage(format!("{flag} {text:?} is not KEY=VALUE")))
}
