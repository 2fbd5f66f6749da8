//! What can be wrong with a pull secret: how bad it is, why, and what to do.

use std::fmt;

use chrono::{DateTime, SecondsFormat, Utc};

use crate::kubelet::FatalProblem;
use crate::server::DOCKER_HUB;

/// How bad a finding is, in ascending order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// Worth knowing.
    Note,
    /// Some pulls will surely not get what was meant.
    Warning,
    /// Every pull of every pod that names the Secret fails.
    Fatal,
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Note => "note",
            Self::Warning => "warning",
            Self::Fatal => "fatal",
        })
    }
}

/// What is wrong. Its [`Display`](fmt::Display) is the reason, one sentence without a final stop.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Problem {
    /// A value that the kubelet can't decode.
    Undecodable {
        /// The line of the value in the docker config, from 1.
        line: usize,
        /// Its column in bytes, from 1.
        column: usize,
        /// What is wrong with it.
        problem: FatalProblem,
    },
    /// The docker config has no entries, so every pull is anonymous.
    NoEntries {
        /// Whether it names a credential helper: a `config.json` copied as it is.
        helper: bool,
    },
    /// There is nothing under the key that belongs to the type.
    NoData {
        /// That key.
        key: &'static str,
    },
    /// A docker config under a key that does not belong to the Secret's type.
    WrongType {
        /// The key.
        key: &'static str,
        /// The Secret's type.
        kind: String,
    },
    /// The annotation that `kubectl apply` writes holds the data, and keeps it after a change.
    LastApplied,
    /// The entry holds no password.
    NoCredential {
        /// The field with a token that the kubelet drops, if there is one.
        dropped: Option<&'static str>,
    },
    /// The kubelet can't parse the key, so the entry is left out.
    UnparsableKey,
    /// The key begins with a scheme that is not in lower case, so it never matches.
    UpperCaseScheme,
    /// The key is meant for Docker Hub, and never matches.
    HubKey,
    /// The host has upper-case letters, and images rarely do.
    UpperCaseHost,
    /// The key names the port 443, and images rarely do.
    HttpsPort,
    /// The key has something that no image name has.
    NeverMatches(Flaw),
    /// The key holds a user name, and maybe a password, where everybody shows it.
    UserInfo,
    /// `username` or `password` says other than `auth`, which overrides them.
    Contradiction,
    /// The password ends with a newline.
    Newline,
    /// The path matches the beginning of a longer name too.
    Boundary {
        /// The path, as the kubelet compares it.
        path: String,
    },
    /// Another entry reaches the same images, and the order of the two is random.
    Tie {
        /// The other entry.
        other: String,
    },
    /// A later entry with the same key replaces this one.
    Replaced,
    /// Another entry matches everything that this one would serve as Docker Hub's fallback.
    Shadowed {
        /// The other entry.
        by: String,
    },
    /// The token has expired.
    Expired {
        /// When it did.
        at: DateTime<Utc>,
    },
    /// The token expires soon.
    Expiring {
        /// When it will.
        at: DateTime<Utc>,
    },
}

/// Why a key matches no image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flaw {
    /// It has no host.
    NoHost,
    /// Its host ends in a dot.
    TrailingDot,
    /// Its path is `/v1` or `/v2`, which only with a slash after it is none.
    ApiVersion,
    /// Its path has `*`, `[` or `\`: only hosts are patterns.
    PathPattern,
    /// Its path has upper-case letters.
    UpperCasePath,
}

impl Problem {
    /// How bad it is.
    pub fn level(&self) -> Level {
        match self {
            Self::Undecodable { .. } => Level::Fatal,
            Self::NoEntries { .. }
            | Self::NoData { .. }
            | Self::WrongType { .. }
            | Self::LastApplied
            | Self::NoCredential { .. }
            | Self::UnparsableKey
            | Self::UpperCaseScheme
            | Self::HubKey
            | Self::UpperCaseHost
            | Self::HttpsPort
            | Self::NeverMatches(_)
            | Self::UserInfo
            | Self::Contradiction
            | Self::Newline
            | Self::Tie { .. }
            | Self::Replaced
            | Self::Shadowed { .. }
            | Self::Expired { .. } => Level::Warning,
            Self::Boundary { .. } | Self::Expiring { .. } => Level::Note,
        }
    }

    /// A name for scripts, which does not change.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Undecodable { .. } => "undecodable",
            Self::NoEntries { .. } => "no-entries",
            Self::NoData { .. } => "no-data",
            Self::WrongType { .. } => "wrong-type",
            Self::LastApplied => "last-applied",
            Self::NoCredential { dropped: Some(_) } => "dropped-token",
            Self::NoCredential { dropped: None } => "empty-entry",
            Self::UnparsableKey => "unparsable-key",
            Self::UpperCaseScheme => "upper-case-scheme",
            Self::HubKey => "hub-key",
            Self::UpperCaseHost => "upper-case-host",
            Self::HttpsPort => "https-port",
            Self::NeverMatches(Flaw::NoHost) => "no-host",
            Self::NeverMatches(Flaw::TrailingDot) => "trailing-dot",
            Self::NeverMatches(Flaw::ApiVersion) => "api-version",
            Self::NeverMatches(Flaw::PathPattern) => "path-pattern",
            Self::NeverMatches(Flaw::UpperCasePath) => "upper-case-path",
            Self::UserInfo => "user-info",
            Self::Contradiction => "contradiction",
            Self::Newline => "newline",
            Self::Boundary { .. } => "path-boundary",
            Self::Tie { .. } => "tie",
            Self::Replaced => "replaced",
            Self::Shadowed { .. } => "shadowed",
            Self::Expired { .. } => "expired",
            Self::Expiring { .. } => "expiring",
        }
    }

    /// What to do about it.
    pub fn remedy(&self) -> String {
        match self {
            Self::Undecodable { .. } => {
                "mend or remove this value: it fails every pull of a pod that names the Secret, whatever else \
                 the pod has"
            }
            Self::NoEntries { helper: true } => {
                "make it with `kubectl regcred create --from-docker-config`, which asks the credential helper"
            }
            Self::NoEntries { helper: false } => "add an entry for each registry, or stop referring to the Secret",
            Self::NoData { .. } => "make the Secret anew, with `kubectl regcred create`",
            Self::WrongType { .. } => {
                "make the Secret anew: a Secret's type can't be changed, and `kubectl regcred create` sets it right"
            }
            Self::LastApplied => {
                "remove the annotation, and rotate the password if others can read the Secret's metadata; create \
                 Secrets with `create`, not with `apply`"
            }
            Self::NoCredential { dropped: Some(_) } => {
                "make a password for pulling (an access token, a robot account, a service principal): the kubelet \
                 can't exchange identity tokens"
            }
            Self::NoCredential { dropped: None } => {
                "make it with `kubectl regcred create --from-docker-config`, which asks the credential helper, or \
                 remove the entry"
            }
            Self::UnparsableKey => "write the key as images do: `registry.example.com[:port][/path]`",
            Self::UpperCaseScheme => "write `https://` in lower case, or leave it out",
            Self::HubKey => return format!("write the key as `{DOCKER_HUB}`"),
            Self::UpperCaseHost => "write the host in the case in which images name it, which is the lower one",
            Self::HttpsPort => "leave `:443` out, unless images name it",
            Self::NeverMatches(Flaw::NoHost) => "write the registry's host as the key, or remove the entry",
            Self::NeverMatches(Flaw::TrailingDot) => "leave the dot at the host's end out",
            Self::NeverMatches(Flaw::ApiVersion) => "leave the path out",
            Self::NeverMatches(Flaw::PathPattern) => {
                "write the beginning of the path without a pattern: it is compared as a prefix"
            }
            Self::NeverMatches(Flaw::UpperCasePath) => "write the path in lower case, as images do",
            Self::UserInfo => {
                "write the host alone, and the login into `auth`; if a password stood there, rotate it: keys are shown"
            }
            Self::Contradiction => "keep one of the two: the kubelet uses `auth`",
            Self::Newline => {
                "make it anew without the newline: `printf %s`, not `echo`; `--password-stdin` drops one"
            }
            Self::Boundary { .. } => "end the key with `/` if only this path is meant",
            Self::Tie { .. } => "keep one of the two, or put them into Secrets of their own: these keep their order",
            Self::Replaced => "remove the earlier entry: nothing uses it, and it may hold an old password",
            Self::Shadowed { .. } => "keep one of the two",
            Self::Expired { .. } => "put a new token into the Secret",
            Self::Expiring { .. } => "have a new token put into the Secret before then",
        }
        .to_owned()
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let time = |at: &DateTime<Utc>| at.to_rfc3339_opts(SecondsFormat::Secs, true);
        match self {
            Self::Undecodable { line, column, problem } => {
                write!(f, "the kubelet can't decode it: line {line}, column {column}: {problem}")
            }
            Self::NoEntries { helper: true } => {
                f.write_str("it has no entries, only the name of a credential helper, which the kubelet does not ask")
            }
            Self::NoEntries { helper: false } => f.write_str("it has no entries, so pulls are anonymous"),
            Self::NoData { key } => write!(f, "it holds nothing under `{key}`, so the kubelet ignores it"),
            Self::WrongType { key, kind } => {
                write!(f, "it holds `{key}`, but its type is {kind:?}, so the kubelet ignores it")
            }
            Self::LastApplied => f.write_str(
                "its annotation `kubectl.kubernetes.io/last-applied-configuration` holds a password, which stays \
                 there when the Secret changes",
            ),
            Self::NoCredential { dropped: Some(field) } => {
                write!(f, "the kubelet drops `{field}` and tries an empty password")
            }
            Self::NoCredential { dropped: None } => {
                f.write_str("it has no password, so the kubelet tries an empty one")
            }
            Self::UnparsableKey => f.write_str("the kubelet can't parse the key as a URL and leaves the entry out"),
            Self::UpperCaseScheme => f.write_str("the kubelet knows a scheme in lower case only: the key never matches"),
            Self::HubKey => f.write_str("the key never matches an image of Docker Hub"),
            Self::UpperCaseHost => {
                f.write_str("the host has upper-case letters, and the kubelet compares them as they are")
            }
            Self::HttpsPort => f.write_str("the kubelet compares ports as text: it matches only images that name `:443`"),
            Self::NeverMatches(flaw) => f.write_str(match flaw {
                Flaw::NoHost => "the key has no host, so it never matches",
                Flaw::TrailingDot => "the host ends in a dot, so it never matches",
                Flaw::ApiVersion => {
                    "the kubelet takes the path for a namespace, since no slash ends it, so it never matches"
                }
                Flaw::PathPattern => "the path has a pattern, and only hosts are patterns, so it never matches",
                Flaw::UpperCasePath => "the path has upper-case letters, which no image has, so it never matches",
            }),
            Self::UserInfo => f.write_str("the key holds a user name or a password, and keys are shown everywhere"),
            Self::Contradiction => f.write_str("`username` or `password` says other than `auth`"),
            Self::Newline => f.write_str("the password ends with a newline, which registries take for part of it"),
            Self::Boundary { path } => {
                write!(f, "the path {path:?} has no boundary: it also matches names that go on after it")
            }
            Self::Tie { other } => {
                write!(f, "{other:?} reaches the same images, and which of the two is tried first is random")
            }
            Self::Replaced => f.write_str("a later entry with the same key replaces it"),
            Self::Shadowed { by } => write!(f, "it is never used for Docker Hub: {by:?} matches all of its images"),
            Self::Expired { at } => write!(f, "the token has expired, at {}", time(at)),
            Self::Expiring { at } => write!(f, "the token expires soon, at {}", time(at)),
        }
    }
}
