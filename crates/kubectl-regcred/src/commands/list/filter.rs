//! Which pull secrets are listed.

use chrono::{DateTime, TimeDelta, Utc};
use regcred_core::lint::Level;
use regcred_core::pattern::{Match, matches};
use regcred_core::server::Server;

use super::ListArgs;
use crate::failure::Failure;
use crate::report::{PullSecret, Time};

pub(super) struct Filter {
    registry: Option<Server>,
    /// The last moment at which what is listed expires.
    until: Option<Time>,
    only_problems: bool,
    only_unused: bool,
}

impl Filter {
    pub(super) fn new(args: &ListArgs, now: DateTime<Utc>) -> Result<Self, Failure> {
        let registry = args.registry.as_deref().map(str::parse).transpose();
        let registry = registry.map_err(|error| {
            Failure::usage(format!("--registry: {error}"))
                .hint("name it as images do, as in --registry=ghcr.io")
        })?;
        let until = args.expiring.map(|within| {
            let end = TimeDelta::from_std(within).ok().and_then(|within| now.checked_add_signed(within));
            end.map(Time).ok_or_else(|| Failure::usage("--expiring: nobody can look ahead that far"))
        });
        Ok(Self {
            registry,
            until: until.transpose()?,
            only_problems: args.problems,
            only_unused: args.unused,
        })
    }

    /// Those that are listed, and how many were left out only because it can't be known whether they are unused.
    pub(super) fn apply(&self, secrets: Vec<PullSecret>) -> (Vec<PullSecret>, usize) {
        let mut left_out = 0;
        let listed = secrets.into_iter().filter(|secret| {
            if !self.fits(secret) {
                return false;
            }
            match secret.used_by.as_ref().map(|used_by| used_by.verdict) {
                _ if !self.only_unused => true,
                Some("unused") => true,
                Some("unknown") => {
                    left_out += 1;
                    false
                }
                _ => false,
            }
        });
        let listed = listed.collect();
        (listed, left_out)
    }

    fn fits(&self, secret: &PullSecret) -> bool {
        let is_for = |registry| secret.registries.iter().any(|entry| serves(&entry.key, registry));
        self.registry.as_ref().is_none_or(is_for)
            && self.until.is_none_or(|until| secret.expires_at.is_some_and(|at| at <= until))
            && (!self.only_problems || secret.worst() >= Some(Level::Warning))
    }
}

/// Whether an entry's key is for a registry: any spelling of it, a namespace on it, or a pattern that fits its host.
fn serves(key: &str, registry: &Server) -> bool {
    if let Ok(server) = Server::parse(key) {
        return server.host() == registry.host()
            && server.port() == registry.port()
            && (registry.path().is_empty() || server.path() == registry.path());
    }
    let host =
        registry.port().map_or(registry.host().to_owned(), |port| format!("{}:{port}", registry.host()));
    let pattern = key.strip_prefix("https://").or_else(|| key.strip_prefix("http://")).unwrap_or(key);
    let pattern = pattern.split('/').next().unwrap_or_default();
    let (patterns, labels): (Vec<_>, Vec<_>) = (pattern.split('.').collect(), host.split('.').collect());
    patterns.len() == labels.len()
        && patterns.iter().zip(labels).all(|(p, l)| matches(p.as_bytes(), l.as_bytes()) == Match::Yes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_registry_is_found_under_every_spelling() {
        let serves = |key: &str, registry: &str| serves(key, &registry.parse().unwrap());
        for key in ["ghcr.io", "https://ghcr.io/v2/", "GHCR.io", "ghcr.io:443", "ghcr.io/team", "*.io"] {
            assert!(serves(key, "ghcr.io"), "{key}");
        }
        assert!(serves("https://index.docker.io/v1/", "docker.io"));
        assert!(serves("*.example.com:5000", "r.example.com:5000"));
        for key in ["gcr.io", "ghcr.io:5000", "*.ghcr.io", "not a key", ""] {
            assert!(!serves(key, "ghcr.io"), "{key}");
        }
        assert!(serves("ghcr.io/team", "ghcr.io/team") && !serves("ghcr.io/other", "ghcr.io/team"));
    }
}
