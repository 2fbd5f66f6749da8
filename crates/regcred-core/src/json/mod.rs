//! JSON as Go's `encoding/json` reads it, with the place of every value in the text.
//!
//! Docker, podman and the kubelet read credentials with Go's decoder, and people edit these files by hand.
//! `serde_json` could serve neither purpose: it refuses invalid UTF-8 and lone surrogates that Go replaces by
//! U+FFFD, folds repeated names into one, and forgets where in the text a value stood, which lossless editing
//! and error positions need.
//!
//! The tree is a flat list of nodes in the order of the text, so that neither reading nor dropping a deeply
//! nested document recurses.

mod parser;
mod text;

use std::fmt;
use std::ops::Range;
use std::sync::OnceLock;

use zeroize::Zeroizing;

use parser::Parser;
use text::decode_string;
pub use text::{lossy, names_field, write_string};

/// A parsed document together with its text, which may hold passwords and is wiped when dropped.
#[derive(Clone)]
pub struct Json {
    text: Zeroizing<Vec<u8>>,
    nodes: Vec<Node>,
    /// Where its lines end, once somebody asks for a position: a document can have many wrong values.
    newlines: OnceLock<Vec<usize>>,
}

/// What sort of value a [`Value`] is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `null`
    Null,
    /// `true` or `false`
    Bool,
    /// A number, kept as its text.
    Number,
    /// A string; see [`Value::as_string`].
    String,
    /// An array; see [`Value::elements`].
    Array,
    /// An object; see [`Value::members`].
    Object,
}

#[derive(Clone)]
struct Node {
    kind: Kind,
    start: usize,
    end: usize,
    /// The node that follows this one and all that is in it.
    next: usize,
}

/// Text that is not JSON: where, and what was wrong there. It quotes nothing of the text, which may hold
/// passwords.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}, column {column}: {problem}")]
pub struct JsonError {
    /// The line of the offending byte, from 1.
    pub line: usize,
    /// Its column in bytes, from 1.
    pub column: usize,
    /// What is wrong there.
    pub problem: &'static str,
}

impl Json {
    /// Parses one JSON value with nothing but white space around it.
    ///
    /// Follows Go's `encoding/json` (`scanner.go`): strict grammar, no byte-order mark, strings may hold
    /// invalid UTF-8.
    pub fn parse(text: impl Into<Vec<u8>>) -> Result<Self, JsonError> {
        let text = Zeroizing::new(text.into());
        let mut parser = Parser { text: &text, at: 0, nodes: Vec::new() };
        match parser.document() {
            Ok(()) => {
                let nodes = parser.nodes;
                Ok(Self { text, nodes, newlines: OnceLock::new() })
            }
            Err(problem) => {
                let (line, column) = position(&newlines(&text), parser.at);
                Err(JsonError { line, column, problem })
            }
        }
    }

    /// The whole text.
    pub fn text(&self) -> &[u8] {
        &self.text
    }

    /// The outermost value.
    pub fn root(&self) -> Value<'_> {
        Value { json: self, index: 0 }
    }
}

impl fmt::Debug for Json {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Json").field("bytes", &self.text.len()).finish_non_exhaustive()
    }
}

/// Where the newlines of a text are, in ascending order.
fn newlines(text: &[u8]) -> Vec<usize> {
    text.iter().enumerate().filter(|&(_, &b)| b == b'\n').map(|(at, _)| at).collect()
}

/// Line and column, both from 1, of a byte of the text with these newlines.
fn position(newlines: &[usize], at: usize) -> (usize, usize) {
    let before = newlines.partition_point(|&newline| newline < at);
    let line_start = before.checked_sub(1).map_or(0, |last| newlines[last] + 1);
    (before + 1, at - line_start + 1)
}

/// One value of a [`Json`] document.
#[derive(Clone, Copy)]
pub struct Value<'a> {
    json: &'a Json,
    index: usize,
}

impl<'a> Value<'a> {
    fn node(self) -> &'a Node {
        &self.json.nodes[self.index]
    }

    /// What sort of value this is.
    pub fn kind(self) -> Kind {
        self.node().kind
    }

    /// Where in the text the value stands, quotes and brackets included.
    pub fn span(self) -> Range<usize> {
        self.node().start..self.node().end
    }

    /// The value's own text.
    pub fn raw(self) -> &'a [u8] {
        &self.json.text[self.span()]
    }

    /// Line and column of the value's first byte, both from 1.
    pub fn position(self) -> (usize, usize) {
        position(self.json.newlines.get_or_init(|| newlines(&self.json.text)), self.node().start)
    }

    /// A string's meaning as Go decodes it; `None` for any other kind.
    pub fn as_string(self) -> Option<Zeroizing<String>> {
        (self.kind() == Kind::String).then(|| {
            let raw = self.raw();
            decode_string(&raw[1..raw.len() - 1])
        })
    }

    /// The elements of an array, in order; nothing for any other kind.
    pub fn elements(self) -> impl Iterator<Item = Value<'a>> {
        self.children(Kind::Array)
    }

    /// The members of an object as (name, value), in order, repeated names included; nothing for any other
    /// kind.
    pub fn members(self) -> impl Iterator<Item = (Value<'a>, Value<'a>)> {
        let mut children = self.children(Kind::Object);
        std::iter::from_fn(move || Some((children.next()?, children.next()?)))
    }

    /// The string that Go's decoder puts into the struct field `field` (lower-case ASCII) when it decodes this
    /// object, and where it stands: of several such members the last counts, and `null` changes nothing. The
    /// error is a member that is no string.
    pub fn string_field(self, field: &str) -> Result<Option<(Value<'a>, Zeroizing<String>)>, Value<'a>> {
        let mut last = None;
        for (name, value) in self.members() {
            if !name.as_string().is_some_and(|name| names_field(&name, field)) {
                continue;
            }
            match value.as_string() {
                Some(text) => last = Some((value, text)),
                None if value.kind() == Kind::Null => {}
                None => return Err(value),
            }
        }
        Ok(last)
    }

    fn children(self, kind: Kind) -> impl Iterator<Item = Value<'a>> {
        let end = if self.kind() == kind { self.node().next } else { self.index };
        let mut index = self.index + 1;
        std::iter::from_fn(move || {
            (index < end).then(|| {
                let child = Value { json: self.json, index };
                index = child.node().next;
                child
            })
        })
    }
}

impl fmt::Debug for Value<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Value").field("kind", &self.kind()).field("span", &self.span()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(text: &str) -> String {
        Json::parse(text).unwrap_err().to_string()
    }

    #[test]
    fn a_document_keeps_order_places_and_repeated_names() {
        let text = r#" {"a": [1, "x"], "b": {}, "a": null} "#;
        let json = Json::parse(text).unwrap();
        let members: Vec<_> = json
            .root()
            .members()
            .map(|(name, value)| (name.as_string().unwrap().to_string(), &text[value.span()]))
            .collect();
        assert_eq!(members, [("a".into(), r#"[1, "x"]"#), ("b".into(), "{}"), ("a".into(), "null")]);
        let array = json.root().members().next().unwrap().1;
        assert_eq!(array.elements().map(Value::kind).collect::<Vec<_>>(), [Kind::Number, Kind::String]);
        assert_eq!(array.members().count(), 0);
    }

    #[test]
    fn a_value_knows_its_line_and_column() {
        let json = Json::parse("\n\n{\n \"a\": [1,\n2]}").unwrap();
        let (name, array) = json.root().members().next().unwrap();
        let elements: Vec<_> = array.elements().map(Value::position).collect();
        assert_eq!((json.root().position(), name.position(), array.position()), ((3, 1), (4, 2), (4, 7)));
        assert_eq!(elements, [(4, 8), (5, 1)]);
    }

    #[test]
    fn errors_name_line_and_column_and_quote_nothing() {
        assert_eq!(error(""), "line 1, column 1: the text is empty");
        assert_eq!(error("{\n  \"a\": 1\n  \"b\": 2\n}"), "line 3, column 3: expected `,` or `}`");
        assert_eq!(error("{\"a\":\"s3cret\" x}"), "line 1, column 15: expected `,` or `}`");
        assert_eq!(error("{} {}"), "line 1, column 4: unexpected text after the end of the value");
        assert_eq!(
            error("\u{feff}{}"),
            "line 1, column 1: expected a value (the text begins with a byte-order mark)"
        );
        assert_eq!(error("[1,]"), "line 1, column 4: expected a value");
        assert_eq!(error("{\"a\":1,}"), "line 1, column 8: expected `\"` to begin the name of a member");
        assert_eq!(error("[01]"), "line 1, column 3: expected `,` or `]`");
    }

    #[test]
    fn nesting_is_limited_where_go_limits_it_and_does_not_recurse() {
        let nested = |depth: usize| "[".repeat(depth) + &"]".repeat(depth);
        assert!(Json::parse(nested(10_000)).is_ok());
        assert!(Json::parse(nested(10_001)).is_err());
    }

    #[test]
    fn strings_decode_as_in_go() {
        let decode = |text: &[u8]| Json::parse(text).unwrap().root().as_string().unwrap().to_string();
        assert_eq!(decode(br#""\u00e9\n\/\ud83d\ude00""#), "é\n/😀");
        assert_eq!(decode(br#""\ud83d-\ude00\ud83d\ud83d\ude00""#), "\u{fffd}-\u{fffd}\u{fffd}😀");
        assert_eq!(decode(b"\"a\xff\xe2\x82z\""), "a\u{fffd}\u{fffd}\u{fffd}z");
    }

    #[test]
    fn field_names_fold_as_in_go() {
        for name in ["auths", "AUTHS", "auth\u{17f}"] {
            assert!(names_field(name, "auths"), "{name}");
        }
        for name in ["auth", "authsx", "äuths"] {
            assert!(!names_field(name, "auths"), "{name}");
        }
        assert!(names_field("identityto\u{212a}en", "identitytoken"));
    }

    #[test]
    fn strings_are_written_with_gos_html_escapes() {
        let mut out = String::new();
        write_string(&mut out, "a\"\\\n\r\t\u{8}\u{c}\u{1}\u{7f}<&>\u{2028}\u{2029}é😀");
        let expected =
            concat!(r#""a\"\\\n\r\t\b\f\u0001"#, "\u{7f}", r"\u003c\u0026\u003e\u2028\u2029", "é😀\"");
        assert_eq!(out, expected);
    }
}
