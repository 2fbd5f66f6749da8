//! What is wrong with a text that is no image reference.

use std::fmt;
use std::ops::Range;

use thiserror::Error;

/// How much of an offending part a message quotes, in characters: a line of a terminal should hold it.
const MAX_QUOTED: usize = 64;

/// Why a text is no image reference, and where.
///
/// The message says what is allowed and quotes the offending part. The quotation is escaped as Rust's `{:?}` does
/// it (control, bidirectional and other invisible characters become `\u{…}`) and shortened, so that the message is
/// safe to print whatever the text held. A part that may hold a password is not quoted
/// ([`ImageErrorKind::UserInfo`]).
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{kind}{found}")]
pub struct ImageError {
    kind: ImageErrorKind,
    range: Range<usize>,
    /// What follows the kind in the message: `: "…"`, or nothing.
    found: String,
}

impl ImageError {
    pub(super) fn new(kind: ImageErrorKind, text: &str, range: Range<usize>) -> Self {
        let part = &text[range.clone()];
        let found = match part.char_indices().nth(MAX_QUOTED) {
            Some((end, _)) => format!(": {:?}…", &part[..end]),
            None if text.is_empty() => String::new(),
            None => format!(": {part:?}"),
        };
        Self { kind, range, found }
    }

    pub(super) fn unquoted(kind: ImageErrorKind, range: Range<usize>) -> Self {
        Self { kind, range, found: String::new() }
    }

    /// Which rule the text breaks.
    pub fn kind(&self) -> ImageErrorKind {
        self.kind
    }

    /// The bytes of the offending part in the parsed text; empty where something is missing.
    pub fn range(&self) -> Range<usize> {
        self.range.clone()
    }
}

/// The rule of an image reference that a text breaks; its [`Display`](fmt::Display) states the rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ImageErrorKind {
    /// There is no text.
    Empty,
    /// 64 hexadecimal digits: the identifier of an image on a node, which names no repository.
    Identifier,
    /// The text starts with `https://` or another scheme.
    Scheme,
    /// The text has an `@` before a `/` or another `@`, as in `user:password@registry/app`.
    UserInfo,
    /// The first segment is meant as a registry and is neither a host name nor an IPv6 address in brackets.
    Registry,
    /// The registry's port is not a number.
    Port,
    /// A segment of the path has an upper-case letter.
    Uppercase,
    /// A segment of the path is empty, or has characters or separators that are not allowed.
    Path,
    /// The path, `library/` included where it is implied, has more than 255 characters.
    PathTooLong,
    /// The tag is empty, too long or has characters that are not allowed.
    Tag,
    /// The digest's algorithm is unknown, or its hexadecimal part is of the wrong length or case.
    Digest,
}

impl fmt::Display for ImageErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Empty => "an image reference is not empty",
            Self::Identifier => "an image reference names a repository, not 64 hexadecimal digits alone",
            Self::Scheme => "an image reference starts with no scheme",
            Self::UserInfo => "an image reference has an `@` only before its digest, and no user name or password",
            Self::Registry => {
                "a registry is a host name of letters, digits, `-` and `.`, or an IPv6 address in brackets"
            }
            Self::Port => "a registry's port is a number",
            Self::Uppercase => "a repository is written in lower case",
            Self::Path => {
                "a segment of a repository is lower-case letters and digits, separated by `.`, `_`, `__` or any \
                 number of `-`"
            }
            Self::PathTooLong => "a repository has at most 255 characters after its registry",
            Self::Tag => {
                "a tag is 1 to 128 letters, digits, `_`, `.` and `-`, and starts with neither `.` nor `-`"
            }
            Self::Digest => {
                "a digest is `sha256:`, `sha384:` or `sha512:` and 64, 96 or 128 lower-case hexadecimal digits"
            }
        })
    }
}
