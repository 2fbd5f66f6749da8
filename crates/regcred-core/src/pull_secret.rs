//! A pull secret: the Kubernetes Secret that holds a docker config.
//!
//! Our own small struct; the programs convert it from and to Kubernetes' types at their edge.

use std::collections::BTreeMap;
use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

use crate::credential::Credential;
use crate::docker_config::kubectl_text;
use crate::json::{Json, JsonError, Kind, write_string};
use crate::stored::{KEY, TYPE};

/// The most bytes that all the data of a Secret may have together (Kubernetes `core/v1`, `MaxSecretSize`).
pub const MAX_DATA_BYTES: usize = 1024 * 1024;

/// The digits of a hash suffix: letters and digits that can't spell words.
const HASH_ALPHABET: &[u8; 16] = b"gh2k456789mbcdtf";

/// A Secret's name without the hash suffix that `--append-hash` gave it, if it has one.
pub fn without_hash_suffix(name: &str) -> &str {
    let is_hash =
        |suffix: &str| suffix.len() == 10 && suffix.bytes().all(|byte| HASH_ALPHABET.contains(&byte));
    match name.rsplit_once('-') {
        Some((base, suffix)) if !base.is_empty() && is_hash(suffix) => base,
        _ => name,
    }
}

/// A Secret of type `kubernetes.io/dockerconfigjson`.
#[derive(Clone, PartialEq, Eq)]
pub struct PullSecret {
    /// The Secret's name.
    pub name: String,
    /// Its namespace, if one was named.
    pub namespace: Option<String>,
    /// Its data, as bytes; always with [`KEY`].
    data: BTreeMap<String, Zeroizing<Vec<u8>>>,
    /// Whether its data is frozen; `None` leaves the field out.
    pub immutable: Option<bool>,
    /// Its labels.
    pub labels: BTreeMap<String, String>,
    /// Its annotations.
    pub annotations: BTreeMap<String, String>,
}

/// Why data cannot make a pull secret.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PullSecretError {
    /// Nothing under [`KEY`].
    #[error("nothing is put under the key `{KEY}`, where the kubelet looks")]
    NoDockerConfig,
    /// Not JSON under [`KEY`].
    #[error("not valid JSON: {0}")]
    NotJson(#[from] JsonError),
    /// JSON under [`KEY`], but no object.
    #[error("a docker config must be a JSON object")]
    NotAnObject,
    /// More than [`MAX_DATA_BYTES`].
    #[error("the data has {0} bytes; a Secret holds at most {MAX_DATA_BYTES}")]
    TooLarge(usize),
}

impl PullSecret {
    /// A pull secret with these credentials by registry key, its data byte for byte as `kubectl create secret
    /// docker-registry` writes it; several entries in the byte order of their keys.
    pub fn from_credentials(
        name: &str,
        credentials: &BTreeMap<String, Credential>,
    ) -> Result<Self, PullSecretError> {
        let entries: Vec<_> =
            credentials.iter().map(|(key, credential)| (key.as_str(), credential)).collect();
        Self::from_data(name, [(KEY.to_owned(), kubectl_text(&entries))].into())
    }

    /// A pull secret with this data, which is kept to the byte.
    pub fn from_data(
        name: &str,
        data: BTreeMap<String, Zeroizing<Vec<u8>>>,
    ) -> Result<Self, PullSecretError> {
        let config = data.get(KEY).ok_or(PullSecretError::NoDockerConfig)?;
        if Json::parse(config.to_vec())?.root().kind() != Kind::Object {
            return Err(PullSecretError::NotAnObject);
        }
        let size = data.values().map(|value| value.len()).sum();
        if size > MAX_DATA_BYTES {
            return Err(PullSecretError::TooLarge(size));
        }
        Ok(Self {
            name: name.to_owned(),
            namespace: None,
            data,
            immutable: None,
            labels: BTreeMap::new(),
            annotations: BTreeMap::new(),
        })
    }

    /// The data, as bytes by key.
    pub fn data(&self) -> &BTreeMap<String, Zeroizing<Vec<u8>>> {
        &self.data
    }

    /// The docker config, as it will be stored.
    pub fn docker_config_text(&self) -> &[u8] {
        self.data.get(KEY).map_or(&[], |text| text)
    }

    /// The suffix that `kubectl create … --append-hash` gives such a Secret, without its dash: it changes
    /// with name, type, data and immutability.
    ///
    /// Follows kubectl `pkg/util/hash/hash.go`.
    pub fn hash_suffix(&self) -> String {
        // Compact JSON with sorted keys. Base64 needs no escapes.
        let mut json = Zeroizing::new(String::from(r#"{"data":{"#));
        for (index, (key, value)) in self.data.iter().enumerate() {
            if index > 0 {
                json.push(',');
            }
            write_string(&mut json, key);
            json.push_str(":\"");
            json.push_str(&Zeroizing::new(STANDARD.encode(&value[..])));
            json.push('"');
        }
        json.push('}');
        if let Some(immutable) = self.immutable {
            json.push_str(if immutable { r#","immutable":true"# } else { r#","immutable":false"# });
        }
        json.push_str(r#","kind":"Secret","name":"#);
        write_string(&mut json, &self.name);
        json.push_str(r#","type":"#);
        write_string(&mut json, TYPE);
        json.push('}');
        let hash = Sha256::digest(json.as_bytes());
        let digits = hash.iter().flat_map(|byte| [byte >> 4, byte & 0xf]).take(10);
        digits.filter_map(|digit| HASH_ALPHABET.get(usize::from(digit))).map(|&c| char::from(c)).collect()
    }
}

impl fmt::Debug for PullSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PullSecret")
            .field("name", &self.name)
            .field("namespace", &self.namespace)
            .field("data", &self.data.keys())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::credential::SecretString;

    fn credential(username: &str, password: &str, email: Option<&str>) -> Credential {
        Credential {
            username: username.into(),
            password: SecretString::new(password.to_owned()),
            email: email.map(Into::into),
        }
    }

    fn text(credentials: &[(&str, Credential)]) -> String {
        let credentials = credentials.iter().map(|(key, c)| ((*key).to_owned(), c.clone())).collect();
        let secret = PullSecret::from_credentials("s", &credentials).unwrap();
        String::from_utf8(secret.docker_config_text().to_vec()).unwrap()
    }

    #[test]
    fn data_is_written_as_kubectl_writes_it() {
        assert_eq!(
            text(&[("ghcr.io", credential("u", "p<&>", Some("")))]),
            r#"{"auths":{"ghcr.io":{"username":"u","password":"p\u003c\u0026\u003e","auth":"dTpwPCY+"}}}"#
        );
        assert_eq!(
            text(&[("ghcr.io", credential("u", "p", Some("e@x")))]),
            r#"{"auths":{"ghcr.io":{"username":"u","password":"p","email":"e@x","auth":"dTpw"}}}"#
        );
    }

    #[test]
    fn several_registries_stand_in_the_order_of_their_keys() {
        let one = credential("u", "p", None);
        let two = text(&[("b.example", one.clone()), ("a.example", one)]);
        assert!(two.find("a.example") < two.find("b.example"), "{two}");
    }

    #[test]
    fn only_a_json_object_makes_a_pull_secret() {
        let from = |key: &str, text: &[u8]| {
            PullSecret::from_data("s", [(key.to_owned(), Zeroizing::new(text.to_vec()))].into())
        };
        assert!(from(KEY, b"{}").is_ok());
        assert_eq!(from("other", b"{}"), Err(PullSecretError::NoDockerConfig));
        assert_eq!(from(KEY, b"[]"), Err(PullSecretError::NotAnObject));
        assert!(matches!(from(KEY, b"hello"), Err(PullSecretError::NotJson(_))));
        let large = format!("{{\"x\":\"{}\"}}", "y".repeat(MAX_DATA_BYTES));
        assert_eq!(from(KEY, large.as_bytes()), Err(PullSecretError::TooLarge(MAX_DATA_BYTES + 8)));
    }

    #[test]
    fn the_hash_changes_with_immutability() {
        let mut secret =
            PullSecret::from_credentials("s", &[("r".to_owned(), credential("u", "p", None))].into())
                .unwrap();
        let before = secret.hash_suffix();
        secret.immutable = Some(true);
        assert_ne!(before, secret.hash_suffix());
        assert_eq!(before.len(), 10);
    }

    #[test]
    fn a_hash_suffix_is_told_from_a_name() {
        let mut secret =
            PullSecret::from_data("a-b", [(KEY.to_owned(), Zeroizing::new(b"{}".to_vec()))].into()).unwrap();
        secret.name = format!("a-b-{}", secret.hash_suffix());
        assert_eq!(without_hash_suffix(&secret.name), "a-b");
        for whole in ["a-b", "regcred", "a-registries", "-gh2k456789", "a-gh2k4567890"] {
            assert_eq!(without_hash_suffix(whole), whole);
        }
    }

    #[test]
    fn debug_shows_no_data() {
        let secret =
            PullSecret::from_credentials("s", &[("r".to_owned(), credential("u", "hunter2", None))].into())
                .unwrap();
        let shown = format!("{secret:?}");
        assert!(!shown.contains("hunter2") && shown.contains(KEY), "{shown}");
    }
}
