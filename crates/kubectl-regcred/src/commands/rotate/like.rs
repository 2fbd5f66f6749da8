//! Which logins are to be replaced: `--like` and `--any-credential`.

use std::collections::{BTreeMap, BTreeSet};

use clap::Args;
use regcred_core::credential::Credential;
use regcred_core::metadata::{check_name, check_namespace};
use regcred_core::rotation::{Found, Held, Logins, Wanted, logins};

use super::candidates::Candidate;
use super::scope::Scope;
use crate::cluster::Connection;
use crate::cluster::pull_secrets;
use crate::failure::{Failure, exit};

#[derive(Args)]
#[command(next_help_heading = "Where")]
pub(super) struct LikeArgs {
    /// Only entries that hold the same login as this Secret's (repeatable); it may be one that is not looked at itself
    #[arg(long, value_name = "[NAMESPACE/]SECRET", conflicts_with = "any_credential")]
    like: Vec<String>,
    /// Whatever the entries hold, a stranger's login too; those without a login are left alone all the same
    #[arg(long)]
    any_credential: bool,
}

/// A Secret that is named with `--like`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Like {
    /// None means that of the context.
    namespace: Option<String>,
    name: String,
}

/// What the flags say of the logins to be replaced.
pub(super) enum Choice {
    TheOnly,
    Like(Vec<Like>),
    Any,
}

impl Choice {
    /// Checks the flags.
    pub(super) fn of(args: &LikeArgs, in_several_namespaces: bool) -> Result<Self, Failure> {
        if args.any_credential {
            return Ok(Self::Any);
        }
        if args.like.is_empty() {
            return Ok(Self::TheOnly);
        }
        let likes = args.like.iter().map(|text| {
            let like = Like::parse(text)?;
            if like.namespace.is_none() && in_several_namespaces {
                return Err(Failure::usage(format!(
                    "--like {text}: several namespaces are looked at, and it does not say in which one the Secret is"
                ))
                .hint(format!("write --like NAMESPACE/{text}")));
            }
            Ok(like)
        });
        likes.collect::<Result<_, _>>().map(Self::Like)
    }

    /// Whether this Secret is named with `--like`.
    pub(super) fn names(&self, own_namespace: &str, namespace: &str, name: &str) -> bool {
        let Self::Like(likes) = self else { return false };
        likes.iter().any(|like| (like.namespace(own_namespace), like.name.as_str()) == (namespace, name))
    }

    /// Finds out which logins are meant.
    pub(super) async fn wanted(
        &self,
        scope: &Scope,
        candidates: &[Candidate],
        connection: &Connection,
        credentials: &BTreeMap<String, Credential>,
        username: Option<&str>,
    ) -> Result<Wanted, Failure> {
        let in_several_namespaces = scope.in_several_namespaces();
        let likes = match self {
            Self::Any => return Ok(Wanted::All),
            Self::TheOnly => return Ok(Wanted::TheOnly { in_several_namespaces }),
            Self::Like(likes) => likes,
        };
        let own_namespace = scope.only_namespace().unwrap_or(&connection.namespace);
        let mut meant = Logins::new();
        for Like { namespace, name } in likes {
            let namespace = namespace.as_deref().unwrap_or(own_namespace);
            let is_it = |candidate: &&Candidate| candidate.is(namespace, name);
            let read;
            let candidate = if let Some(candidate) = candidates.iter().find(is_it) {
                candidate
            } else {
                let secret = pull_secrets::find(connection, namespace, name).await?;
                let secret = secret.ok_or_else(|| {
                    let message = format!("--like: there is no secret/{name} in namespace {namespace:?}");
                    Failure::new(exit::NOT_FOUND, message)
                        .hint("`kubectl regcred list -A` shows which pull secrets there are")
                })?;
                read = Candidate::of(secret, credentials, username);
                &read
            };
            let title = format!("--like: secret/{name} in namespace {namespace:?}");
            for (registry, logins) in logins_of(candidate, &title, username)? {
                meant.entry(registry).or_default().extend(logins);
            }
        }
        Ok(Wanted::These { logins: meant, in_several_namespaces })
    }
}

impl Like {
    fn parse(text: &str) -> Result<Self, Failure> {
        let (namespace, name) = match text.split_once('/') {
            Some((namespace, name)) => (Some(namespace), name),
            None => (None, text),
        };
        let wrong = |error: String| {
            Failure::usage(format!("--like {text:?}: {error}")).hint("name a Secret as NAMESPACE/SECRET")
        };
        check_name(name).map_err(|error| wrong(error.to_string()))?;
        if let Some(namespace) = namespace {
            check_namespace(namespace).map_err(|error| wrong(error.to_string()))?;
        }
        Ok(Self { namespace: namespace.map(str::to_owned), name: name.to_owned() })
    }

    fn namespace<'a>(&'a self, own_namespace: &'a str) -> &'a str {
        self.namespace.as_deref().unwrap_or(own_namespace)
    }
}

/// The logins that are meant by a Secret: for each registry the one that it holds, or none if that is the new one.
fn logins_of(candidate: &Candidate, title: &str, username: Option<&str>) -> Result<Logins, Failure> {
    let entries = candidate.entries.as_ref().map_err(|refusal| {
        Failure::new(exit::NOT_FOUND, format!("{title} has no login for the registry: {refusal}"))
            .hint("name a Secret that holds the credential to be replaced")
    })?;
    let held = logins(entries);
    if let Some((registry, logins)) = held.iter().find(|(_, logins)| logins.len() > 1) {
        let message = format!(
            "{title} holds {} different logins for {registry:?}, so which one is meant is not clear",
            logins.len()
        );
        return Err(Failure::usage(message).hint("name a Secret that holds only the one to be replaced"));
    }
    let has_login = |entry: &&Found| entry.held != Held::Nothing;
    let mut meant: Logins =
        entries.iter().filter(has_login).map(|entry| (entry.registry.clone(), BTreeSet::new())).collect();
    if meant.is_empty() {
        let of_user = username.map(|username| format!(" of user {username:?}")).unwrap_or_default();
        return Err(Failure::new(exit::NOT_FOUND, format!("{title} has no login{of_user} for the registry"))
            .hint("name a Secret that holds the credential to be replaced"));
    }
    meant.extend(held);
    Ok(meant)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_named_with_or_without_its_namespace() {
        let like = |namespace: Option<&str>, name: &str| Like {
            namespace: namespace.map(str::to_owned),
            name: name.to_owned(),
        };
        assert_eq!(Like::parse("pull").unwrap(), like(None, "pull"));
        assert_eq!(Like::parse("team-a/pull").unwrap(), like(Some("team-a"), "pull"));
        for wrong in
            ["", "/", "a/", "/pull", "a/b/c", "A/pull", "team a/pull", "a/Pull", "../pull", "a/\u{1b}[2J"]
        {
            assert_eq!(Like::parse(wrong).unwrap_err().code, exit::USAGE, "{wrong:?}");
        }
    }
}
