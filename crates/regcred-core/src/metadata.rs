//! What Kubernetes accepts as a name, a label, an annotation and a key of a Secret's data.
//!
//! Follows apimachinery `pkg/util/validation/validation.go` and `pkg/api/validation`: checked here, a mistake is
//! told before anything is sent, and with `--dry-run=client` too.

/// Why a piece of metadata is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MetadataError {
    /// A name that is no DNS-1123 subdomain.
    #[error(
        "{0:?} is not a valid Secret name: it must be 1 to 253 lower-case letters, digits, `-` or `.`, and each \
         part between dots must begin and end with a letter or digit"
    )]
    Name(String),
    /// A namespace that is no DNS-1123 label.
    #[error(
        "{0:?} is not a valid namespace: it must be 1 to 63 lower-case letters, digits or `-`, and begin and \
         end with a letter or digit"
    )]
    Namespace(String),
    /// A label or annotation key that is no qualified name.
    #[error(
        "{0:?} is not a valid {1} key: it must be `name` or `domain/name`, the name 1 to 63 letters, digits, \
         `-`, `_` or `.`, beginning and ending with a letter or digit, the domain a DNS name"
    )]
    Key(String, &'static str),
    /// A label's value.
    #[error(
        "{0:?} is not a valid label value: it must be at most 63 letters, digits, `-`, `_` or `.`, and begin \
         and end with a letter or digit"
    )]
    LabelValue(String),
    /// A key of a Secret's data.
    #[error(
        "{0:?} is not a valid key for a Secret's data: it must be 1 to 253 letters, digits, `-`, `_` or `.`, \
         and not begin with `..`"
    )]
    DataKey(String),
}

/// Checks a Secret's name (a DNS-1123 subdomain).
pub fn check_name(name: &str) -> Result<(), MetadataError> {
    if is_subdomain(name) { Ok(()) } else { Err(MetadataError::Name(name.to_owned())) }
}

/// Checks a namespace's name (a DNS-1123 label).
pub fn check_namespace(name: &str) -> Result<(), MetadataError> {
    if is_dns_label(name) && name.len() <= 63 {
        Ok(())
    } else {
        Err(MetadataError::Namespace(name.to_owned()))
    }
}

/// Checks a label's key and value.
pub fn check_label(key: &str, value: &str) -> Result<(), MetadataError> {
    if !is_qualified_name(key) {
        return Err(MetadataError::Key(key.to_owned(), "label"));
    }
    if !value.is_empty() && !is_label_value(value) {
        return Err(MetadataError::LabelValue(value.to_owned()));
    }
    Ok(())
}

/// Checks an annotation's key; its value may be any text.
pub fn check_annotation_key(key: &str) -> Result<(), MetadataError> {
    // The API server lower-cases the key of an annotation before it looks at it.
    if is_qualified_name(&key.to_lowercase()) {
        Ok(())
    } else {
        Err(MetadataError::Key(key.to_owned(), "annotation"))
    }
}

/// Checks a key of a Secret's data.
pub fn check_data_key(key: &str) -> Result<(), MetadataError> {
    let characters = key.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b));
    if (1..=253).contains(&key.len()) && characters && key != "." && !key.starts_with("..") {
        Ok(())
    } else {
        Err(MetadataError::DataKey(key.to_owned()))
    }
}

fn is_subdomain(name: &str) -> bool {
    name.len() <= 253 && name.split('.').all(is_dns_label)
}

fn is_dns_label(label: &str) -> bool {
    let inner = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    label.bytes().all(inner) && !label.is_empty() && !label.starts_with('-') && !label.ends_with('-')
}

fn is_label_value(value: &str) -> bool {
    let ends = |c: char| c.is_ascii_alphanumeric();
    let inner = value.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b));
    (1..=63).contains(&value.len()) && inner && value.starts_with(ends) && value.ends_with(ends)
}

fn is_qualified_name(key: &str) -> bool {
    match key.split_once('/') {
        Some((domain, name)) => is_subdomain(domain) && is_label_value(name),
        None => is_label_value(key),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_a_dns_subdomain() {
        for good in ["regcred", "a", "0", "regcred.v2", "a-b.c-d", &"x".repeat(253)] {
            assert_eq!(check_name(good), Ok(()), "{good}");
        }
        for bad in ["", "Bad_Name", "-bad", "bad-", "a..b", ".a", "a.-b", "ü", "a b", &"x".repeat(254)] {
            assert!(check_name(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_namespace_has_no_dots() {
        assert_eq!(check_namespace("team-a"), Ok(()));
        for bad in ["", "a.b", "A", &"x".repeat(64)] {
            assert!(check_namespace(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_label_has_a_qualified_key_and_a_short_value() {
        for (key, value) in [("app", ""), ("example.com/Team_x", "A.b-c_1"), ("a", "b")] {
            assert_eq!(check_label(key, value), Ok(()), "{key}={value}");
        }
        for (key, value) in
            [("", "v"), ("a/b/c", "v"), ("-a", "v"), ("a", "b "), ("a", "-b"), ("Ex.com/a", "")]
        {
            assert!(check_label(key, value).is_err(), "{key}={value}");
        }
        assert!(check_label("a", &"b".repeat(64)).is_err());
    }

    #[test]
    fn an_annotation_key_may_have_an_upper_case_domain() {
        assert_eq!(check_annotation_key("Example.com/Note"), Ok(()));
        assert!(check_annotation_key("no spaces").is_err());
    }

    #[test]
    fn a_data_key_names_a_file() {
        for good in [".dockerconfigjson", "a_b", "..a".trim_start_matches('.')] {
            assert_eq!(check_data_key(good), Ok(()), "{good}");
        }
        for bad in ["", ".", "..", "..a", "a/b", "a b"] {
            assert!(check_data_key(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn an_error_shows_no_control_characters() {
        let message = check_name("a\u{1b}[2J\u{202e}b").unwrap_err().to_string();
        assert!(!message.contains(['\u{1b}', '\u{202e}']), "{message}");
    }
}
