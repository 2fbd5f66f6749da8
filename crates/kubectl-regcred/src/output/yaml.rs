//! YAML as kubectl prints it.

use serde_json::{Map, Value};

use crate::failure::{Failure, exit};

/// The object with sorted keys, lists not indented, and no line folded.
pub(super) fn to_yaml(object: &Value) -> Result<String, Failure> {
    let options = serde_saphyr::ser_options! {
        prefer_block_scalars: false,
        compact_list_indent: true,
        folded_wrap_chars: usize::MAX,
    };
    serde_saphyr::to_string_with_options(&sorted(object), options)
        .map_err(|error| Failure::new(exit::FAILED, format!("can't write YAML: {error}")))
}

fn sorted(value: &Value) -> Value {
    match value {
        Value::Object(members) => {
            let mut members: Vec<_> =
                members.iter().map(|(key, value)| (key.clone(), sorted(value))).collect();
            members.sort_by(|a, b| a.0.cmp(&b.0));
            Value::Object(Map::from_iter(members))
        }
        Value::Array(elements) => Value::Array(elements.iter().map(sorted).collect()),
        other => other.clone(),
    }
}
