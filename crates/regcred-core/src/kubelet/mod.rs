//! Which credentials the kubelet tries for an image, in which order, and why it passes over the others.
//!
//! This agrees with the kubelet to the letter, oddities included; it is no recommendation. What the node holds
//! besides (its own docker config, credential-provider plugins) can't be seen from here and is tried after what
//! this module finds.
//!
//! Follows Kubernetes 1.36: `pkg/credentialprovider/keyring.go`, `config.go` and `secrets/secrets.go`.

pub(crate) mod decode;
mod go_url;
pub(crate) mod index;
mod reach;

use std::collections::BTreeMap;

use crate::credential::Credential;
use crate::image::ImageReference;
use crate::json::lossy;
use crate::stored::{ConfigText, NoConfig, Stored};
use decode::Entry;
use index::IndexKey;
pub use reach::reach;

/// A Secret that a pod names in `imagePullSecrets`, as the API server holds it.
#[derive(Clone, Copy)]
pub struct Referenced<'a> {
    /// The name in the reference.
    pub name: &'a str,
    /// What is there under that name.
    pub stored: Option<Stored<'a>>,
}

/// What the kubelet makes of a pod's pull secrets for one image.
#[derive(Debug, Default)]
pub struct Lookup {
    /// The credentials that it tries, in order. If there are none, and none on the node, the pull is anonymous.
    pub tried: Vec<Tier>,
    /// The entries that it does not try.
    pub missed: Vec<Miss>,
    /// The Secrets that it does not look into, by their place in the list.
    pub ignored: Vec<(usize, Ignored)>,
}

/// Entries of one Secret under one index key.
#[derive(Debug)]
pub struct Tier {
    /// The Secret, by its place in the list.
    pub secret: usize,
    /// The index key that matched: host and path, as the kubelet compares them.
    pub index_key: String,
    /// Whether no key matched and these serve because the image is on Docker Hub.
    pub hub_fallback: bool,
    /// The entries. Of several, the kubelet tries all, in an order that changes from pull to pull: a tie.
    pub entries: Vec<Tried>,
}

/// An entry that is tried.
#[derive(Debug)]
pub struct Tried {
    /// Its registry key, as it stands in the Secret.
    pub key: String,
    /// What it decodes to. Empty if the entry holds nothing but tokens, which the kubelet drops.
    pub credential: Credential,
}

/// An entry that is not tried.
#[derive(Debug, PartialEq, Eq)]
pub struct Miss {
    /// The Secret, by its place in the list.
    pub secret: usize,
    /// Its registry key, as it stands in the Secret.
    pub key: String,
    /// The first reason, in the order in which the kubelet compares.
    pub reason: MissReason,
}

/// Why an entry is not tried for an image.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MissReason {
    /// The key is not a URL, so the kubelet leaves the entry out.
    #[error("the kubelet can't parse the key as a URL")]
    Unparsable,
    /// The key parses, but what remains of it as index key does not; it never matches.
    #[error("the kubelet can't parse the index key {0:?} that it makes of the key")]
    IndexKeyUnparsable(String),
    /// The image's repository does not parse as a URL; nothing matches.
    #[error("the kubelet can't parse the image's repository as a URL")]
    ImageUnparsable,
    /// The ports differ as text; no port is not 443.
    #[error("the port is {key:?}, and the image's is {image:?}")]
    Port {
        /// The key's port, empty if it has none.
        key: String,
        /// The image's port, empty if it has none.
        image: String,
    },
    /// The hosts have different numbers of parts between dots.
    #[error("the host has {key} parts between dots, and the image's has {image}")]
    Labels {
        /// The number of the key's.
        key: usize,
        /// The number of the image's.
        image: usize,
    },
    /// The key's path is not how the image's begins.
    #[error("the path {key:?} is not how the image's path {image:?} begins")]
    Path {
        /// The key's path.
        key: String,
        /// The image's path.
        image: String,
    },
    /// One part of the host does not match.
    #[error("{label:?} in the image's host does not match {pattern:?}")]
    Label {
        /// The key's part.
        pattern: String,
        /// The image's part.
        label: String,
    },
    /// One part of the key's host is a malformed pattern.
    #[error("{0:?} is not a valid pattern")]
    Pattern(String),
    /// It would serve as Docker Hub's fallback, but another key matched.
    #[error("it serves Docker Hub only while no other key matches")]
    Shadowed,
}

impl MissReason {
    /// A name for scripts, which does not change.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Unparsable => "unparsable",
            Self::IndexKeyUnparsable(_) => "index-key-unparsable",
            Self::ImageUnparsable => "image-unparsable",
            Self::Port { .. } => "port",
            Self::Labels { .. } => "labels",
            Self::Path { .. } => "path",
            Self::Label { .. } => "label",
            Self::Pattern(_) => "pattern",
            Self::Shadowed => "shadowed",
        }
    }
}

/// Why a Secret is not looked into.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Ignored {
    /// There is no such Secret; the pod gets an event, and the pull goes on.
    #[error("there is no such Secret")]
    Missing,
    /// It is of a type that holds no docker config.
    #[error("its type is {0:?}")]
    Type(String),
    /// It holds nothing under the key that belongs to its type.
    #[error("it holds nothing under `{0}`")]
    Empty(&'static str),
}

impl Ignored {
    /// A name for scripts, which does not change.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Missing => "secret-missing",
            Self::Type(_) => "secret-type",
            Self::Empty(_) => "secret-empty",
        }
    }
}

/// A value that the kubelet can't decode: the pull fails for the whole pod, good Secrets included.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}, column {column}: {problem}")]
pub struct Fatal {
    /// The Secret, by its place in the list.
    pub secret: usize,
    /// The registry key of the entry, if it is about one.
    pub key: Option<String>,
    /// The line of the value, from 1.
    pub line: usize,
    /// Its column in bytes, from 1.
    pub column: usize,
    /// What is wrong with it.
    pub problem: FatalProblem,
}

/// What the kubelet can't decode.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FatalProblem {
    /// The data is not JSON.
    #[error("not valid JSON: {0}")]
    Json(&'static str),
    /// The data is JSON, but neither an object nor `null`.
    #[error("the docker config is not an object")]
    NotAnObject,
    /// `auths` is neither an object nor `null`.
    #[error("`auths` is not an object")]
    AuthsNotAnObject,
    /// `HttpHeaders` is neither an object of strings nor `null`.
    #[error("`HttpHeaders` is not an object of strings")]
    HttpHeaders,
    /// An entry is neither an object nor `null`.
    #[error("the entry is not an object")]
    EntryNotAnObject,
    /// A field of an entry is neither a string nor `null`.
    #[error("`{0}` is not a string")]
    FieldNotAString(&'static str),
    /// `auth` is not standard base64 of `user:password`.
    #[error("`auth` is not standard base64 of `user:password`")]
    AuthUndecodable,
}

/// What the kubelet does with a pod's pull secrets, given in the order of `imagePullSecrets`, for an image.
///
/// An error means that the pull fails before any credential is tried.
pub fn lookup(secrets: &[Referenced<'_>], image: &ImageReference) -> Result<Lookup, Fatal> {
    let mut result = Lookup::default();
    let mut keyring = Keyring::default();
    for (secret, referenced) in secrets.iter().enumerate() {
        match docker_config_of(referenced) {
            Err(ignored) => result.ignored.push((secret, ignored)),
            Ok(config) => keyring.add(secret, decode::decode(secret, config.text, config.form)?),
        }
    }
    result.missed = keyring.unparsable;

    let repository = image.repository();
    let target = index::Target::of(repository);
    let mut fallback = None;
    // Greatest first; not longest first.
    for (key, tiers) in keyring.index.into_iter().rev() {
        match key.compare(target.as_ref()) {
            Ok(()) => result.tried.extend(tiers.into_iter().map(|tier| tier.named(&key, false))),
            Err(_) if is_hub_fallback(&key) && is_on_docker_hub(repository) => fallback = Some((key, tiers)),
            Err(reason) => result.missed.extend(tiers.into_iter().flat_map(|tier| tier.missed(&reason))),
        }
    }
    if let Some((key, tiers)) = fallback {
        if result.tried.is_empty() {
            result.tried.extend(tiers.into_iter().map(|tier| tier.named(&key, true)));
        } else {
            result.missed.extend(tiers.into_iter().flat_map(|tier| tier.missed(&MissReason::Shadowed)));
        }
    }
    Ok(result)
}

/// The docker config in a Secret, or why the kubelet finds none.
fn docker_config_of<'a>(referenced: &Referenced<'a>) -> Result<ConfigText<'a>, Ignored> {
    let stored = referenced.stored.ok_or(Ignored::Missing)?;
    stored.docker_config().map_err(|why| match why {
        NoConfig::Type(kind) => Ignored::Type(kind.to_owned()),
        NoConfig::Empty(key) => Ignored::Empty(key),
    })
}

/// Whether the credentials under an index key serve Docker Hub when no key matches.
pub(crate) fn is_hub_fallback(key: &IndexKey) -> bool {
    key.bytes() == b"index.docker.io"
}

/// Whether the kubelet takes a repository for one on Docker Hub (`isDefaultRegistryMatch`), which it does of
/// `localhost/…` too.
fn is_on_docker_hub(repository: &str) -> bool {
    match repository.split_once('/') {
        Some((first, _)) => {
            !first.is_empty()
                && (matches!(first, "docker.io" | "index.docker.io") || !first.contains(['.', ':']))
        }
        None => !repository.is_empty(),
    }
}

/// The decoded entries by index key, and those under one key in the order of their Secrets.
#[derive(Default)]
struct Keyring {
    index: BTreeMap<IndexKey, Vec<Unnamed>>,
    unparsable: Vec<Miss>,
}

/// A [`Tier`] that does not know its index key yet.
struct Unnamed {
    secret: usize,
    entries: Vec<Tried>,
}

impl Keyring {
    fn add(&mut self, secret: usize, entries: Vec<Entry>) {
        for Entry { key, credential, .. } in entries {
            let Some(index_key) = IndexKey::of(&key) else {
                self.unparsable.push(Miss { secret, key, reason: MissReason::Unparsable });
                continue;
            };
            let tiers = self.index.entry(index_key).or_default();
            if tiers.last().is_none_or(|tier| tier.secret != secret) {
                tiers.push(Unnamed { secret, entries: Vec::new() });
            }
            if let Some(tier) = tiers.last_mut() {
                tier.entries.push(Tried { key, credential });
            }
        }
    }
}

impl Unnamed {
    fn named(self, key: &IndexKey, hub_fallback: bool) -> Tier {
        let index_key = lossy(key.bytes()).to_string();
        Tier { secret: self.secret, index_key, hub_fallback, entries: self.entries }
    }

    fn missed(self, reason: &MissReason) -> impl Iterator<Item = Miss> {
        let secret = self.secret;
        self.entries.into_iter().map(move |entry| Miss { secret, key: entry.key, reason: reason.clone() })
    }
}
