//! What the targets compare `regcred-core` with: the rules written down once more, slowly and plainly.

use std::ops::Range;

use regcred_core::docker_config::Form;
use regcred_core::json::{Json, Kind, Value, names_field};

/// An auth entry of a docker config, by where its parts stand in the text.
pub struct Member {
    pub key: String,
    pub value: Range<usize>,
    /// The object around it.
    pub map: Range<usize>,
}

/// Every auth entry since the last `auths` that is `null`, repeated ones too; nothing if the text is no docker config.
pub fn members(text: &[u8], form: Form) -> Vec<Member> {
    members_in(text, form, true)
}

/// Every auth entry, whatever becomes of it.
pub fn all_members(text: &[u8], form: Form) -> Vec<Member> {
    members_in(text, form, false)
}

fn members_in(text: &[u8], form: Form, null_empties: bool) -> Vec<Member> {
    let Ok(json) = Json::parse(text) else { return Vec::new() };
    let mut found = Vec::new();
    for map in maps(json.root(), form) {
        if null_empties && map.kind() == Kind::Null {
            found.clear();
        }
        found.extend(map.members().map(|(name, value)| Member {
            key: string(name),
            value: value.span(),
            map: map.span(),
        }));
    }
    found
}

/// The keys that count, and the text of their values: of a repeated one only the last.
pub fn counting(text: &[u8], form: Form) -> Vec<(String, Vec<u8>)> {
    let mut counting: Vec<(String, Vec<u8>)> = Vec::new();
    for member in members(text, form) {
        counting.retain(|(key, _)| *key != member.key);
        counting.push((member.key, text[member.value].to_vec()));
    }
    counting
}

/// What a docker config holds besides auth entries, as the text of names and values.
pub fn besides(text: &[u8], form: Form) -> Vec<(Vec<u8>, Vec<u8>)> {
    let Ok(json) = Json::parse(text) else { return Vec::new() };
    json.root()
        .members()
        .filter(|(name, _)| form == Form::Config && !names_field(&string(*name), "auths"))
        .map(|(name, value)| (name.raw().to_vec(), value.raw().to_vec()))
        .collect()
}

fn maps(root: Value<'_>, form: Form) -> Vec<Value<'_>> {
    match form {
        Form::Dockercfg => vec![root],
        Form::Config => root
            .members()
            .filter(|(name, _)| names_field(&string(*name), "auths"))
            .map(|(_, value)| value)
            .collect(),
    }
}

pub fn string(value: Value<'_>) -> String {
    value.as_string().map(|text| text.to_string()).unwrap_or_default()
}

/// Whether text is safe on a terminal: one line, and nothing that can't be seen or turns the writing around.
pub fn is_harmless(text: &str) -> bool {
    !text.contains(|c: char| {
        c.is_control()
            || matches!(c, '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}')
            || matches!(c, '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0001}'..='\u{e007f}')
    })
}
