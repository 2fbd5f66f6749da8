//! Image references: which registry and repository an image name means.
//!
//! `nginx`, `docker.io/library/nginx` and `index.docker.io/library/nginx:latest` are one image. This module reads
//! names exactly as the kubelet does: `ParseNormalizedNamed` of `distribution/reference` v0.6 (normalize.go,
//! reference.go, regexp.go), then `ParseImageName` of Kubernetes (`pkg/util/parsers/parsers.go`), which adds the
//! tag `latest`. It accepts what they accept, oddities included, because the pull secret that is tried follows
//! from the result.
//!
//! Which credentials fit a repository is not decided here.

mod error;
mod grammar;

use std::fmt;
use std::ops::Range;
use std::str::FromStr;

pub use error::{ImageError, ImageErrorKind};

/// Docker Hub, as it is called in image names; the registry of names that start with none.
const DEFAULT_REGISTRY: &str = "docker.io";
/// What Docker Hub was called first; the only name of a registry that is rewritten.
const LEGACY_DEFAULT_REGISTRY: &str = "index.docker.io";
/// Where Docker Hub keeps the images whose names have one segment.
const OFFICIAL_NAMESPACE: &str = "library/";
/// The tag of a reference that has neither tag nor digest (`ParseImageName`).
const DEFAULT_TAG: &str = "latest";
/// `RepositoryNameTotalLengthMax` of `distribution/reference`, in bytes.
const MAX_PATH_LENGTH: usize = 255;

/// A parsed and normalised image reference: `registry/path[:tag][@digest]`.
///
/// [`FromStr`] follows `distribution/reference` and the kubelet (see the [module](self)); its error says which
/// part of the text is wrong. [`Display`](fmt::Display) prints the normalised form, which parses to the same
/// value again.
///
/// ```
/// use regcred_core::image::ImageReference;
///
/// let image: ImageReference = "nginx".parse()?;
/// assert_eq!(image.repository(), "docker.io/library/nginx");
/// assert_eq!(image.to_string(), "docker.io/library/nginx:latest");
/// # Ok::<(), regcred_core::image::ImageError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ImageReference {
    /// `registry/path`; the registry has no `/`.
    repository: String,
    registry_length: usize,
    tag: Option<String>,
    digest: Option<String>,
}

impl ImageReference {
    /// The registry's `host[:port]`, `docker.io` for Docker Hub; never empty, in the case it was written in.
    ///
    /// It need not be a valid host name: `foo_bar.example/app` is a name without a registry to
    /// `distribution/reference` (`Domain` returns `""`), but its first segment is what the kubelet matches
    /// against registries, so that is what this returns.
    pub fn registry(&self) -> &str {
        &self.repository[..self.registry_length]
    }

    /// The repository's path inside its registry, such as `library/nginx`.
    pub fn path(&self) -> &str {
        &self.repository[self.registry_length + '/'.len_utf8()..]
    }

    /// `registry/path` without tag and digest: what the kubelet matches the keys of pull secrets against
    /// (`Named.Name` of `distribution/reference`).
    pub fn repository(&self) -> &str {
        &self.repository
    }

    /// The tag; `latest` if the text had neither tag nor digest, `None` if it had only a digest.
    pub fn tag(&self) -> Option<&str> {
        self.tag.as_deref()
    }

    /// The digest, such as `sha256:` and 64 hexadecimal digits, if the text had one.
    pub fn digest(&self) -> Option<&str> {
        self.digest.as_deref()
    }
}

impl fmt::Display for ImageReference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.repository)?;
        if let Some(tag) = &self.tag {
            write!(f, ":{tag}")?;
        }
        if let Some(digest) = &self.digest {
            write!(f, "@{digest}")?;
        }
        Ok(())
    }
}

impl FromStr for ImageReference {
    type Err = ImageError;

    fn from_str(text: &str) -> Result<Self, ImageError> {
        refuse_what_only_looks_like_a_reference(text)?;
        let parts = Parts::split(text);

        if let Some(digest) = &parts.digest
            && !grammar::is_digest(&text[digest.clone()])
        {
            return Err(ImageError::new(ImageErrorKind::Digest, text, digest.clone()));
        }
        if let Some(tag) = &parts.tag
            && !grammar::is_tag(&text[tag.clone()])
        {
            return Err(ImageError::new(ImageErrorKind::Tag, text, tag.clone()));
        }
        let name = parts.name(text)?;

        let tag = match (&parts.tag, &parts.digest) {
            (Some(tag), _) => Some(text[tag.clone()].to_owned()),
            (None, None) => Some(DEFAULT_TAG.to_owned()),
            (None, Some(_)) => None,
        };
        Ok(Self {
            registry_length: name.registry.len(),
            repository: format!("{}/{}{}", name.registry, name.namespace, name.path),
            tag,
            digest: parts.digest.map(|digest| text[digest].to_owned()),
        })
    }
}

/// Refuses, with a message of its own, what people paste where an image reference belongs.
///
/// The grammar would refuse all of it but the identifier too, with an error about some innocent part.
fn refuse_what_only_looks_like_a_reference(text: &str) -> Result<(), ImageError> {
    if text.is_empty() {
        return Err(ImageError::new(ImageErrorKind::Empty, text, 0..0));
    }
    if grammar::is_identifier(text) {
        return Err(ImageError::new(ImageErrorKind::Identifier, text, 0..text.len()));
    }
    // An `@` starts a digest, which has no `/` and no second `@`: this is `user:password@registry/…`.
    if let Some((name, digest)) = text.split_once('@')
        && digest.contains(['/', '@'])
    {
        let end = text.rfind('@').unwrap_or(name.len());
        return Err(ImageError::unquoted(ImageErrorKind::UserInfo, 0..end + '@'.len_utf8()));
    }
    if let Some((scheme, _)) = text.split_once("://")
        && !scheme.contains('/')
    {
        return Err(ImageError::new(ImageErrorKind::Scheme, text, 0..scheme.len() + "://".len()));
    }
    Ok(())
}

/// Where the parts of a reference are in its text, before any of them is checked.
struct Parts {
    /// The segment that names a registry; none if Docker Hub is meant without being named.
    registry: Option<Range<usize>>,
    path: Range<usize>,
    tag: Option<Range<usize>>,
    digest: Option<Range<usize>>,
}

/// A checked and normalised name.
struct Name<'t> {
    registry: &'t str,
    /// What normalisation puts in front of the path.
    namespace: &'static str,
    path: &'t str,
}

impl Parts {
    /// Divides `text`. Nothing is ambiguous in the grammar: a `/` is only in the name, an `@` only before the
    /// digest, and a `:` after the registry only before the tag.
    fn split(text: &str) -> Self {
        // `splitDockerDomain`: a name of one segment has no registry, so `host:5000` is an image with a tag.
        let registry = text
            .split_once('/')
            .filter(|(first, _)| names_a_registry(first))
            .map(|(first, _)| 0..first.len());
        let start = registry.as_ref().map_or(0, |registry| registry.end + '/'.len_utf8());

        let (before_digest, digest) = cut(text, start..text.len(), '@');
        let (path, tag) = cut(text, before_digest, ':');
        Self { registry, path, tag, digest }
    }

    fn name<'t>(&self, text: &'t str) -> Result<Name<'t>, ImageError> {
        let path = &text[self.path.clone()];
        let registry = self.registry.clone().map(|range| (&text[range.clone()], range));
        if let Some((host, range)) = registry
            && let Err(fault) = grammar::check_registry(host)
        {
            // A segment such as `foo_bar.example` is no host, yet the whole is a well-formed path: the regular
            // expressions of `distribution/reference` then take it all for the path, and its length counts.
            let whole = range.start..self.path.end;
            if grammar::first_bad_component(&text[whole.clone()]).is_none() {
                check_length(text, whole, 0)?;
                return Ok(Name { registry: host, namespace: "", path });
            }
            return Err(match fault {
                grammar::RegistryFault::Host => ImageError::new(ImageErrorKind::Registry, text, range),
                grammar::RegistryFault::Port(port) => ImageError::new(ImageErrorKind::Port, text, port),
            });
        }

        if let Some(bad) = grammar::first_bad_component(path) {
            let kind = if path[bad.clone()].bytes().any(|byte| byte.is_ascii_uppercase()) {
                ImageErrorKind::Uppercase
            } else {
                ImageErrorKind::Path
            };
            let range = self.path.start + bad.start..self.path.start + bad.end;
            return Err(ImageError::new(kind, text, range));
        }

        let registry = match self.registry.clone().map(|range| &text[range]) {
            None | Some(LEGACY_DEFAULT_REGISTRY) => DEFAULT_REGISTRY,
            Some(registry) => registry,
        };
        let namespace =
            if registry == DEFAULT_REGISTRY && !path.contains('/') { OFFICIAL_NAMESPACE } else { "" };
        check_length(text, self.path.clone(), namespace.len())?;
        Ok(Name { registry, namespace, path })
    }
}

/// Whether the segment before the first `/` is a registry, not a namespace on Docker Hub (`splitDockerDomain`).
///
/// Upper case decides because no namespace has any. Go's `ToLower` also looks at letters outside ASCII; whatever
/// a segment with those is taken for, it is refused.
fn names_a_registry(segment: &str) -> bool {
    segment == "localhost"
        || segment.contains(['.', ':'])
        || segment.bytes().any(|byte| byte.is_ascii_uppercase())
}

/// Divides `range` of `text` at the first `separator`, which belongs to neither side.
fn cut(text: &str, range: Range<usize>, separator: char) -> (Range<usize>, Option<Range<usize>>) {
    match text[range.clone()].find(separator) {
        Some(at) => {
            let at = range.start + at;
            (range.start..at, Some(at + separator.len_utf8()..range.end))
        }
        None => (range, None),
    }
}

/// `added` is the length of what normalisation puts in front: it counts too.
fn check_length(text: &str, path: Range<usize>, added: usize) -> Result<(), ImageError> {
    if path.len() + added > MAX_PATH_LENGTH {
        return Err(ImageError::new(ImageErrorKind::PathTooLong, text, path));
    }
    Ok(())
}
