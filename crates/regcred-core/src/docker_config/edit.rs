//! Edits of a docker config's text that leave every other byte as it was.

use std::ops::Range;

use zeroize::Zeroizing;

use super::{DockerConfig, Form, since_null, string};
use crate::credential::{Credential, encode_auth};
use crate::json::{Kind, Value, names_field, write_string};

/// Text that may hold passwords.
type Bytes = Zeroizing<Vec<u8>>;

/// The members of an entry that make up its credential; a new credential replaces them all.
const CREDENTIAL_FIELDS: [&str; 6] =
    ["username", "password", "email", "auth", "identitytoken", "registrytoken"];

/// The members of an entry that let one log in. An e-mail address does not, and a helper has no place for it.
const LOGIN_FIELDS: [&str; 5] = ["username", "password", "auth", "identitytoken", "registrytoken"];

/// The white space that a JSON object is written with.
#[derive(Clone, Default)]
struct Layout {
    /// Before each member, if members stand on lines of their own.
    lead: String,
    /// Before the closing brace.
    tail: String,
    /// After a comma, if members share a line.
    gap: String,
    /// Between a name and its value, the colon included.
    colon: String,
}

impl Layout {
    /// The layout of an object that has members.
    fn of(object: Value<'_>, text: &[u8]) -> Option<Self> {
        let members: Vec<_> = object.members().collect();
        let (first_name, first_value) = members.first()?;
        let (_, last_value) = members.last()?;
        let between = |from: usize, to: usize| String::from_utf8_lossy(&text[from..to]).into_owned();
        let span = object.span();
        let colon = between(first_name.span().end, first_value.span().start);
        let gap = match members.get(1) {
            Some((name, _)) => {
                let separator = between(first_value.span().end, name.span().start);
                separator.split_once(',').map(|(_, gap)| gap.to_owned()).unwrap_or_default()
            }
            None if colon.ends_with(' ') => " ".to_owned(),
            None => String::new(),
        };
        Some(Self {
            lead: between(span.start + 1, first_name.span().start),
            tail: between(last_value.span().end, span.end - 1),
            gap,
            colon,
        })
    }

    fn compact() -> Self {
        Self { colon: ":".to_owned(), ..Self::default() }
    }

    /// The layout that docker itself writes, for an object that has no members yet to go by.
    fn docker() -> Self {
        Self { lead: "\n\t".to_owned(), tail: "\n".to_owned(), gap: String::new(), colon: ": ".to_owned() }
    }

    fn is_multiline(&self) -> bool {
        self.lead.contains('\n')
    }

    /// The layout for an object that is a member's value.
    fn nested(&self) -> Self {
        if !self.is_multiline() {
            return self.clone();
        }
        let unit = self.lead.strip_prefix(self.tail.as_str()).unwrap_or("\t").to_owned();
        Self { lead: self.lead.clone() + &unit, tail: self.lead.clone(), ..self.clone() }
    }

    fn separator(&self) -> &str {
        if self.is_multiline() { &self.lead } else { &self.gap }
    }

    /// An object made of members that are already text.
    fn object(&self, members: &[Bytes]) -> Bytes {
        let size = members.iter().map(|member| member.len() + self.separator().len() + 1).sum::<usize>();
        let mut out = wiped(size + self.lead.len() + self.tail.len() + 2);
        out.push(b'{');
        out.extend_from_slice(self.lead.as_bytes());
        for (index, member) in members.iter().enumerate() {
            if index > 0 {
                out.push(b',');
                out.extend_from_slice(self.separator().as_bytes());
            }
            out.extend_from_slice(member);
        }
        out.extend_from_slice(self.tail.as_bytes());
        out.push(b'}');
        out
    }

    /// A member: its name, the colon, and a value that is already text.
    fn member(&self, name: &str, value: &[u8]) -> Bytes {
        let name = quoted(name);
        let mut out = wiped(name.len() + self.colon.len() + value.len());
        for part in [&name[..], self.colon.as_bytes(), value] {
            out.extend_from_slice(part);
        }
        out
    }
}

/// A buffer that will not have to grow, which would leave an unwiped copy behind.
fn wiped(capacity: usize) -> Bytes {
    Zeroizing::new(Vec::with_capacity(capacity))
}

fn quoted(text: &str) -> Bytes {
    let mut out = String::with_capacity(text.len() * 6 + 2);
    write_string(&mut out, text);
    Zeroizing::new(out.into_bytes())
}

/// A whole `.dockerconfigjson` as kubectl writes it: compact, entries in the order given.
pub(crate) fn kubectl_text(entries: &[(&str, &Credential)]) -> Bytes {
    let layout = Layout::compact();
    let entries: Vec<_> = entries
        .iter()
        .map(|(key, credential)| layout.member(key, &entry_text(&layout, &[], credential)))
        .collect();
    layout.object(&[layout.member("auths", &layout.object(&entries))])
}

/// An entry as kubectl writes it into a pull secret, after members that are kept from an older one.
///
/// Follows kubectl `create_secret_docker.go`: an empty e-mail address is left out.
fn entry_text(layout: &Layout, kept: &[Bytes], credential: &Credential) -> Bytes {
    let email = credential.email.as_deref().unwrap_or_default();
    let auth = encode_auth(credential);
    let fields = [
        ("username", credential.username.as_str()),
        ("password", credential.password.expose()),
        ("email", email),
        ("auth", auth.as_str()),
    ];
    let mut members = kept.to_vec();
    for (name, value) in fields.into_iter().filter(|field| *field != ("email", "")) {
        members.push(layout.member(name, &quoted(value)));
    }
    layout.object(&members)
}

/// The text with the entry under `key` set, for a config that has at most one entry under `key`.
pub(super) fn set_entry(config: &DockerConfig, key: &str, credential: &Credential) -> Bytes {
    let text = config.text();
    if let Some((map, entry)) = occurrences(config, key).next() {
        let layout = Layout::of(map, text).unwrap_or_else(Layout::compact);
        let layout = Layout::of(entry, text).unwrap_or_else(|| layout.nested());
        return splice(text, entry.span(), &entry_text(&layout, &unknown_members(entry, text), credential));
    }
    let entry = |layout: &Layout| entry_text(&layout.nested(), &[], credential);
    if config.form == Form::Dockercfg {
        let root = config.json.root();
        let layout = Layout::of(root, text).unwrap_or_else(Layout::compact);
        return append_member(root, text, &layout, &layout.member(key, &entry(&layout)));
    }
    add_to_map(config, "auths", key, &Layout::compact(), entry)
}

/// The text with a member that is not there yet added to the top-level object `field`, which is made if need be.
/// `bare` is the layout if nothing shows one.
fn add_to_map(
    config: &DockerConfig,
    field: &str,
    name: &str,
    bare: &Layout,
    value: impl Fn(&Layout) -> Bytes,
) -> Bytes {
    let text = config.text();
    let root = config.json.root();
    let root_layout = Layout::of(root, text).unwrap_or_else(|| bare.clone());
    if let Some(&map) = since_null(config.fields(field)).last() {
        let layout = Layout::of(map, text).unwrap_or_else(|| root_layout.nested());
        return append_member(map, text, &layout, &layout.member(name, &value(&layout)));
    }
    // No such object at all, or only `null`.
    let layout = root_layout.nested();
    let map = layout.object(&[layout.member(name, &value(&layout))]);
    let emptied = config.fields(field).any(|map| map.kind() == Kind::Object);
    match config.fields(field).last() {
        // Without the `null`, members before it would count again.
        Some(null) if !emptied => splice(text, null.span(), &map),
        _ => append_member(root, text, &root_layout, &root_layout.member(field, &map)),
    }
}

/// The text with a top-level member set to a value that is already text.
pub(super) fn set_member(config: &DockerConfig, field: &str, value: &[u8]) -> Bytes {
    let (text, root) = (config.text(), config.json.root());
    if let Some(last) = config.fields(field).last() {
        return splice(text, last.span(), value);
    }
    let layout = Layout::of(root, text).unwrap_or_else(Layout::docker);
    append_member(root, text, &layout, &layout.member(field, value))
}

/// The text without a top-level member, repeated ones too.
pub(super) fn without_member(config: &DockerConfig, field: &str) -> Bytes {
    let root = config.json.root();
    let members: Vec<_> = config.fields(field).map(|value| (root, value)).collect();
    without(config.text(), &members)
}

/// The text with a registry's helper set.
pub(super) fn set_cred_helper(config: &DockerConfig, registry: &str, helper: &str) -> Bytes {
    match helpers_of(config, registry).last() {
        Some((_, value)) => splice(config.text(), value.span(), &quoted(helper)),
        None => add_to_map(config, "credHelpers", registry, &Layout::docker(), |_| quoted(helper)),
    }
}

/// The text without a registry's helper, repeated ones too.
pub(super) fn without_cred_helper(config: &DockerConfig, registry: &str) -> Bytes {
    without(config.text(), &helpers_of(config, registry))
}

fn helpers_of<'a>(config: &'a DockerConfig, registry: &str) -> Vec<(Value<'a>, Value<'a>)> {
    let maps = since_null(config.fields("credHelpers")).into_iter();
    let members = maps.flat_map(|map| map.members().map(move |(name, value)| (map, name, value)));
    members.filter(|(_, name, _)| string(*name) == registry).map(|(map, _, value)| (map, value)).collect()
}

/// The text without what one can log in with under these keys, wherever it stands: entries that something later
/// replaces hold passwords too.
pub(super) fn without_credentials(config: &DockerConfig, keys: &[&str]) -> Bytes {
    let entries = every_entry(config).filter(|(name, _)| keys.contains(&name.as_str()));
    let members: Vec<_> = entries
        .flat_map(|(_, entry)| {
            let is_credential =
                |name: Value<'_>| LOGIN_FIELDS.iter().any(|field| names_field(&string(name), field));
            let of_login = entry.members().filter(move |(name, _)| is_credential(*name));
            of_login.map(move |(_, value)| (entry, value)).collect::<Vec<_>>()
        })
        .collect();
    without(config.text(), &members)
}

/// Every entry under every `auths`, in the order of the text, those too that something later replaces.
pub(super) fn every_entry(config: &DockerConfig) -> impl Iterator<Item = (String, Value<'_>)> {
    let maps = config.fields("auths").filter(|map| map.kind() == Kind::Object);
    maps.flat_map(|map| map.members().map(|(name, entry)| (string(name), entry)).collect::<Vec<_>>())
}

/// The text without these entries, each given as (the object around it, the entry), in the order of the text.
pub(super) fn without(text: &[u8], entries: &[(Value<'_>, Value<'_>)]) -> Bytes {
    let mut out = wiped(text.len());
    let mut copied = 0;
    for of_map in entries.chunk_by(|(map, _), (other, _)| map.span() == other.span()) {
        for span in spans_of(of_map) {
            out.extend_from_slice(&text[copied..span.start]);
            copied = span.end;
        }
    }
    out.extend_from_slice(&text[copied..]);
    out
}

/// What goes with entries of one object: their text, and the commas and white space that they leave over.
fn spans_of(entries: &[(Value<'_>, Value<'_>)]) -> Vec<Range<usize>> {
    let Some((map, _)) = entries.first() else { return Vec::new() };
    let members: Vec<_> = map.members().collect();
    if members.len() == entries.len() {
        let inside = map.span().start + 1..map.span().end - 1;
        return vec![inside];
    }
    let mut spans = Vec::new();
    let mut going = entries.iter().map(|(_, entry)| entry.span()).peekable();
    let mut any_stays = false;
    for (index, (name, value)) in members.iter().enumerate() {
        if going.next_if_eq(&value.span()).is_none() {
            any_stays = true;
        } else if any_stays {
            spans.push(members[index - 1].1.span().end..value.span().end);
        } else {
            // All before it go too, so some member after it stays.
            spans.push(name.span().start..members[index + 1].0.span().start);
        }
    }
    spans
}

/// Every place where `key` has an entry, as (the object around it, the entry).
pub(super) fn occurrences<'a>(
    config: &'a DockerConfig,
    key: &str,
) -> impl Iterator<Item = (Value<'a>, Value<'a>)> {
    let of_key = move |(name, _): &(Value<'_>, Value<'_>)| string(*name) == key;
    config.entry_maps().into_iter().flat_map(move |map| {
        map.members().filter(of_key).map(move |(_, entry)| (map, entry)).collect::<Vec<_>>()
    })
}

/// The members of an entry that are no part of its credential, as text.
fn unknown_members(entry: Value<'_>, text: &[u8]) -> Vec<Bytes> {
    entry
        .members()
        .filter(|(name, _)| !CREDENTIAL_FIELDS.iter().any(|field| names_field(&string(*name), field)))
        .map(|(name, value)| Zeroizing::new(text[name.span().start..value.span().end].to_vec()))
        .collect()
}

fn append_member(object: Value<'_>, text: &[u8], layout: &Layout, member: &[u8]) -> Bytes {
    let Some((_, last)) = object.members().last() else {
        return splice(text, object.span(), &layout.object(&[Zeroizing::new(member.to_vec())]));
    };
    let mut addition = wiped(1 + layout.separator().len() + member.len());
    for part in [b",", layout.separator().as_bytes(), member] {
        addition.extend_from_slice(part);
    }
    splice(text, last.span().end..last.span().end, &addition)
}

fn splice(text: &[u8], span: Range<usize>, with: &[u8]) -> Bytes {
    let mut out = wiped(text.len() - span.len() + with.len());
    for part in [&text[..span.start], with, &text[span.end..]] {
        out.extend_from_slice(part);
    }
    out
}
