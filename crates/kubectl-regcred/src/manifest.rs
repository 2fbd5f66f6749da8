//! Pull secrets in files: manifests in YAML or JSON, Lists, and bare docker configs.

use std::collections::BTreeMap;
use std::io::Read as _;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chrono::{DateTime, Utc};
use regcred_core::json::{Json, Kind, names_field};
use regcred_core::stored::{KEY, LAST_APPLIED, LEGACY_KEY, LEGACY_TYPE, OPAQUE, Stored, TYPE};
use serde_json::Value;
use zeroize::Zeroizing;

use crate::failure::{Failure, exit};
use crate::file;

/// What of a Secret matters for pulling, wherever it was read.
pub(crate) struct SecretData {
    /// Its namespace, if it says.
    pub(crate) namespace: Option<String>,
    /// Its name, if it has one; a bare docker config does not.
    pub(crate) name: Option<String>,
    /// Its type.
    pub(crate) kind: String,
    /// Its data, as bytes by key.
    pub(crate) data: BTreeMap<String, Zeroizing<Vec<u8>>>,
    /// Its annotations.
    pub(crate) annotations: BTreeMap<String, String>,
    /// Its labels.
    pub(crate) labels: BTreeMap<String, String>,
    /// Who manages it, if not just people with kubectl; in words.
    pub(crate) managed_by: Option<String>,
    /// Whether its data can't be changed.
    pub(crate) immutable: bool,
    /// When it was made, if it is in a cluster.
    pub(crate) created: Option<DateTime<Utc>>,
}

impl SecretData {
    /// What the kubelet would look at.
    pub(crate) fn stored(&self) -> Stored<'_> {
        Stored::new(&self.kind, |key| self.data.get(key).map(|data| data.as_slice()))
    }

    /// What `kubectl apply` noted of it, which may hold its data.
    pub(crate) fn last_applied(&self) -> Option<&str> {
        self.annotations.get(LAST_APPLIED).map(String::as_str)
    }
}

/// Reads the Secrets of a file, or of standard input if the path is `-`; what is no Secret is passed over.
pub(crate) fn read(path: &Path) -> Result<Vec<SecretData>, Failure> {
    let text = if path == Path::new("-") {
        let mut text = Zeroizing::new(Vec::new());
        std::io::stdin()
            .lock()
            .read_to_end(&mut text)
            .map_err(|error| Failure::new(exit::FAILED, format!("can't read standard input: {error}")))?;
        text
    } else {
        file::read(path)?
    };
    secrets(&text).map_err(|problem| {
        let name = if path == Path::new("-") { "standard input".to_owned() } else { format!("{path:?}") };
        Failure::new(exit::FAILED, format!("{name}: {problem}"))
            .hint("give manifests of Secrets in YAML or JSON, or a docker config")
    })
}

/// The Secrets in a text; the error says where it is no manifest, and quotes nothing, for it may hold
/// passwords.
fn secrets(text: &[u8]) -> Result<Vec<SecretData>, String> {
    // A string of JSON has no line breaks, so such a line can only divide documents.
    let is_divided = text.split(|&b| b == b'\n').any(|line| line.trim_ascii_end() == b"---");
    let documents = if text.trim_ascii_start().starts_with(b"{") && !is_divided {
        let json = Json::parse(text).map_err(|error| format!("not valid JSON: {error}"))?;
        if let Some(config) = bare_config(&json) {
            return Ok(vec![config]);
        }
        vec![read_json(text)?]
    } else {
        read_yaml(text)?
    };
    let mut found = Vec::new();
    for (index, document) in documents.iter().enumerate() {
        collect(document, &mut found).map_err(|problem| match documents.len() {
            1 => problem,
            _ => format!("document {}: {problem}", index + 1),
        })?;
    }
    Ok(found)
}

fn read_json(text: &[u8]) -> Result<Value, String> {
    serde_json::from_slice(text)
        .map_err(|error| format!("not valid JSON: line {}, column {}", error.line(), error.column()))
}

fn read_yaml(text: &[u8]) -> Result<Vec<Value>, String> {
    let text =
        std::str::from_utf8(text).map_err(|error| format!("not UTF-8 (byte {})", error.valid_up_to() + 1))?;
    // The limits are for hostile input; a whole cluster's Secrets are more than they allow.
    let options = serde_saphyr::options! {
        budget: serde_saphyr::budget! {
            max_documents: 1_000_000,
            max_nodes: 100_000_000,
            max_events: 200_000_000,
            max_total_scalar_bytes: 1 << 30,
        },
    };
    serde_saphyr::from_multiple_with_options(text, options).map_err(|error| match error.location() {
        Some(at) => format!("not valid YAML: line {}, column {}", at.line(), at.column()),
        None => "not valid YAML".to_owned(),
    })
}

/// A docker config that is no manifest, as the Secret that it would be copied into.
fn bare_config(json: &Json) -> Option<SecretData> {
    let names: Vec<_> = json.root().members().filter_map(|(name, _)| name.as_string()).collect();
    if names.iter().any(|name| name.as_str() == "kind") {
        return None;
    }
    let fields = ["auths", "credsstore", "credhelpers", "httpheaders"];
    let is_config = names.iter().any(|name| fields.iter().any(|field| names_field(name, field)));
    let is_map = !names.is_empty() && json.root().members().all(|(_, value)| value.kind() == Kind::Object);
    let (kind, key) = if is_map && !is_config { (LEGACY_TYPE, LEGACY_KEY) } else { (TYPE, KEY) };
    Some(SecretData {
        namespace: None,
        name: None,
        kind: kind.to_owned(),
        data: [(key.to_owned(), Zeroizing::new(json.text().to_vec()))].into(),
        annotations: BTreeMap::new(),
        labels: BTreeMap::new(),
        managed_by: None,
        immutable: false,
        created: None,
    })
}

/// Adds the Secrets of a document: its own, or those of a List.
fn collect(document: &Value, found: &mut Vec<SecretData>) -> Result<(), String> {
    match document["kind"].as_str() {
        Some("Secret") => found.push(secret(document)?),
        Some(kind) if kind.ends_with("List") => {
            for item in document["items"].as_array().into_iter().flatten() {
                collect(item, found)?;
            }
        }
        Some(_) => {}
        None if document.is_null() => {}
        None => return Err("a document has no `kind`, so it is no manifest".to_owned()),
    }
    Ok(())
}

fn secret(manifest: &Value) -> Result<SecretData, String> {
    let metadata = &manifest["metadata"];
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let named = metadata["name"].as_str().unwrap_or("without a name");
    let strings = |value: &Value, what: &str| {
        let members = value.as_object().into_iter().flatten();
        members
            .map(|(key, value)| match value {
                Value::Null => Ok((key.clone(), String::new())),
                Value::String(text) => Ok((key.clone(), text.clone())),
                _ => Err(format!("Secret {named:?}: {what} {key:?} is not a string")),
            })
            .collect::<Result<BTreeMap<_, _>, _>>()
    };
    let mut data = BTreeMap::new();
    for (key, encoded) in strings(&manifest["data"], "data")? {
        let encoded: String = encoded.split_ascii_whitespace().collect();
        let decoded = STANDARD.decode(encoded);
        let decoded = decoded.map_err(|_| format!("Secret {named:?}: data {key:?} is not base64"))?;
        data.insert(key, Zeroizing::new(decoded));
    }
    // The API server lets these win.
    for (key, value) in strings(&manifest["stringData"], "stringData")? {
        data.insert(key, Zeroizing::new(value.into_bytes()));
    }
    Ok(SecretData {
        namespace: text(&metadata["namespace"]),
        name: text(&metadata["name"]),
        kind: text(&manifest["type"]).unwrap_or_else(|| OPAQUE.to_owned()),
        data,
        annotations: strings(&metadata["annotations"], "annotation")?,
        labels: strings(&metadata["labels"], "label")?,
        // What a manifest says of these is not what will be.
        managed_by: None,
        created: None,
        immutable: manifest["immutable"] == true,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Vec<(String, String)> {
        let secrets = secrets(text.as_bytes()).unwrap_or_else(|problem| panic!("{problem}"));
        let text = |data: &[u8]| String::from_utf8(data.to_vec()).unwrap();
        let shown = |s: SecretData| {
            let data: Vec<_> = s.data.iter().map(|(key, value)| format!("{key}={}", text(value))).collect();
            (s.name.unwrap_or_default(), data.join(" "))
        };
        secrets.into_iter().map(shown).collect()
    }

    fn pair(name: &str, data: &str) -> (String, String) {
        (name.to_owned(), data.to_owned())
    }

    #[test]
    fn several_documents_and_lists_are_read() {
        let yaml = "kind: Secret\nmetadata: {name: a}\ndata:\n  .dockerconfigjson: e30=\n---\nkind: Pod\n---\n\
                    kind: List\nitems:\n- kind: Secret\n  metadata:\n    name: b\n  stringData:\n    x: |\n      1\n---\n";
        assert_eq!(read(yaml), [pair("a", ".dockerconfigjson={}"), pair("b", "x=1\n")]);
        let json = r#"{"kind":"SecretList","items":[{"kind":"Secret","metadata":{"name":"c"},"data":{"x":"eQ=="}}]}"#;
        assert_eq!(read(json), [pair("c", "x=y")]);
        assert_eq!(read(&format!("{json}\n---\n{json}")), [pair("c", "x=y"), pair("c", "x=y")]);
    }

    #[test]
    fn string_data_wins_over_data() {
        let yaml = "kind: Secret\nmetadata: {name: a}\ndata: {x: eQ==}\nstringData: {x: z}\n";
        assert_eq!(read(yaml), [pair("a", "x=z")]);
    }

    #[test]
    fn a_bare_docker_config_is_kept_to_the_byte() {
        let config = "{ \"auths\": {\"r\": {}, \"r\": {}} }\n";
        assert_eq!(read(config), [pair("", &format!(".dockerconfigjson={config}"))]);
        assert_eq!(read("{\"r\": {}}"), [pair("", ".dockercfg={\"r\": {}}")]);
        assert_eq!(read("{}"), [pair("", ".dockerconfigjson={}")]);
    }

    #[test]
    fn an_error_says_where_and_quotes_nothing() {
        for (text, said) in [
            ("{\"auths\": hunter2}", "not valid JSON: line 1, column 11: expected a value"),
            ("kind: Secret\n  data: hunter2: x\n", "not valid YAML: line 2, column"),
            (
                "kind: Secret\nmetadata: {name: a}\ndata: {x: hunter2*}\n",
                "Secret \"a\": data \"x\" is not base64",
            ),
            ("kind: Secret\ndata: {x: [hunter2]}\n", "data \"x\" is not a string"),
            ("a: hunter2\n", "a document has no `kind`"),
        ] {
            let problem = secrets(text.as_bytes()).err().unwrap();
            assert!(problem.contains(said), "{problem}");
            assert!(!problem.contains("hunter2"), "{problem}");
        }
    }
}
