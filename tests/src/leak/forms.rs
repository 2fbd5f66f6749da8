//! The forms in which a secret may be written.
//!
//! As it is; JSON-escaped, plainly and as Go does it (for HTML); as Rust's `{:?}` shows bytes; in hex; in
//! base64 at its three alignments and in both alphabets, and that in base64 again, because a Secret's data is
//! base64 of JSON that holds base64. URL escapes are undone in the text that is searched, since every encoder
//! chooses other characters.

use std::borrow::Cow;
use std::collections::HashSet;
use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};

/// Shorter ones are found by chance.
const SHORTEST: usize = 8;

/// One way to write the secret.
pub(super) struct Form {
    /// What it is, for messages.
    pub(super) name: String,
    /// What to look for.
    pub(super) bytes: Vec<u8>,
}

/// All forms of `secret`, each once.
pub(super) fn of(secret: &[u8]) -> Vec<Form> {
    assert!(secret.len() >= SHORTEST, "a secret of {} bytes would be found by chance", secret.len());
    let mut plain = vec![form("raw", secret.to_vec())];
    if let Ok(text) = std::str::from_utf8(secret) {
        let json = json_escaped(text);
        plain.push(form("JSON-escaped as Go does", html_escaped(&json).into_bytes()));
        plain.push(form("JSON-escaped", json.into_bytes()));
    }
    let once: Vec<Form> = plain.iter().flat_map(base64).collect();
    let twice: Vec<Form> = once.iter().flat_map(base64).collect();
    let numbers: Vec<String> = secret.iter().map(ToString::to_string).collect();
    let hex = hex(secret, "");
    let rest = [
        form("as a list of bytes", numbers.join(", ").into_bytes()),
        form("in hex", hex.to_uppercase().into_bytes()),
        form("in hex", hex.into_bytes()),
    ];
    let mut known = HashSet::new();
    plain
        .into_iter()
        .chain(rest)
        .chain(once)
        .chain(twice)
        .filter(|form| known.insert(form.bytes.clone()))
        .collect()
}

/// The text as it is, and with its URL escapes undone, if it has any; each with a remark for messages.
pub(super) fn views(text: &[u8]) -> Vec<(&'static str, Cow<'_, [u8]>)> {
    let mut views = vec![("", Cow::Borrowed(text))];
    if text.contains(&b'%') || text.contains(&b'+') {
        let decoded = percent_decoded(text);
        // In a query and in a form, a plus is a space.
        let as_form: Vec<u8> = text.iter().map(|byte| if *byte == b'+' { b' ' } else { *byte }).collect();
        views.push((" (URL-escaped)", percent_decoded(&as_form).into()));
        views.push((" (URL-escaped)", decoded.into()));
    }
    views
}

/// Two hexadecimal digits for each byte, behind `prefix`.
fn hex(bytes: &[u8], prefix: &str) -> String {
    bytes.iter().fold(String::new(), |mut hex, byte| {
        let _ = write!(hex, "{prefix}{byte:02x}");
        hex
    })
}

fn form(name: impl Into<String>, bytes: Vec<u8>) -> Form {
    Form { name: name.into(), bytes }
}

/// The middle of what base64 makes of any text that holds `inner`: the characters that depend on `inner`
/// alone.
fn base64(inner: &Form) -> Vec<Form> {
    let mut forms = Vec::new();
    for before in 0..3_usize {
        let padded = [&[0; 2][..before], &inner.bytes].concat();
        // 6 bits a character: those that share bits with the bytes before, or with those behind, are left
        // out.
        let from = (before * 8).div_ceil(6);
        let to = padded.len() * 8 / 6;
        for (alphabet, engine) in [("base64", STANDARD_NO_PAD), ("URL-safe base64", URL_SAFE_NO_PAD)] {
            let encoded = engine.encode(&padded);
            let name = format!("{}, in {alphabet}, shifted by {before}", inner.name);
            forms.push(form(name, encoded.as_bytes()[from..to].to_vec()));
        }
    }
    forms
}

fn json_escaped(text: &str) -> String {
    let quoted = serde_json::to_string(text).expect("a string is JSON");
    quoted[1..quoted.len() - 1].to_owned()
}

/// Go encoding/json's `HTMLEscape`.
fn html_escaped(json: &str) -> String {
    let mut escaped = String::new();
    for character in json.chars() {
        match character {
            '<' | '>' | '&' | '\u{2028}' | '\u{2029}' => {
                let _ = write!(escaped, "\\u{:04x}", u32::from(character));
            }
            other => escaped.push(other),
        }
    }
    escaped
}

fn percent_decoded(text: &[u8]) -> Vec<u8> {
    let mut decoded = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((first, behind)) = rest.split_first() {
        rest = behind;
        match (first, behind) {
            (b'%', [high, low, behind @ ..]) if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() => {
                decoded.push(hex_digit(*high) * 16 + hex_digit(*low));
                rest = behind;
            }
            _ => decoded.push(*first),
        }
    }
    decoded
}

fn hex_digit(digit: u8) -> u8 {
    match digit {
        b'0'..=b'9' => digit - b'0',
        _ => (digit | 0x20) - b'a' + 10,
    }
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use base64::engine::general_purpose::{STANDARD, URL_SAFE};

    use crate::leak::find;

    /// Has everything that some encoder treats specially, and bytes that make `+` and `/` in base64.
    const SECRET: &str = "pa<ss>\"w&rd\\ +/%9?\u{ffef}~\u{2028}";

    #[track_caller]
    fn assert_found(text: impl Into<String>) {
        let text = text.into();
        assert!(!find(SECRET.as_bytes(), &[&text]).is_empty(), "not found in {text}");
    }

    #[test]
    fn raw() {
        assert_found(format!("Authorization: {SECRET}!"));
    }

    #[test]
    fn base64_at_each_alignment_in_both_alphabets() {
        for before in ["", "u", "us", "use", "user:"] {
            for behind in ["", "x", "xy", "xyz"] {
                let text = format!("{before}{SECRET}{behind}");
                assert_found(STANDARD.encode(&text));
                assert_found(URL_SAFE.encode(&text));
            }
        }
    }

    #[test]
    fn a_pull_secret_whose_only_trace_is_the_auth_field() {
        for user in ["u", "us", "use", "user"] {
            let auth = STANDARD.encode(format!("{user}:{SECRET}"));
            let config = serde_json::json!({ "auths": { "registry.example": { "auth": auth } } });
            assert_found(STANDARD.encode(config.to_string()));
        }
    }

    #[test]
    fn a_pull_secret_with_the_password_escaped_in_it() {
        let config = serde_json::json!({ "auths": { "registry.example": { "password": SECRET } } });
        assert_found(config.to_string());
        assert_found(STANDARD.encode(config.to_string()));
    }

    #[test]
    fn json_as_go_writes_it() {
        let text = r#"{"password":"pa\u003css\u003e\"w\u0026rd\\ +/%9?"#.to_owned() + "\u{ffef}~\\u2028\"}";
        assert_found(&text);
        assert_found(STANDARD.encode(&text));
    }

    #[test]
    fn urls_as_different_encoders_write_them() {
        let everything = super::hex(SECRET.as_bytes(), "%");
        assert_found(format!("https://user:{everything}@registry.example/"));
        assert_found(format!("password={}", everything.to_uppercase()));
        // Go's url.QueryEscape and url.PathEscape.
        assert_found("pw=pa%3Css%3E%22w%26rd%5C+%2B%2F%259%3F%EF%BF%AF~%E2%80%A8&x=y");
        assert_found("pa%3Css%3E%22w&rd%5C%20+%2F%259%3F%EF%BF%AF~%E2%80%A8");
    }

    #[test]
    fn bytes_as_rust_shows_them_and_hex() {
        assert_found(format!("Credential({:?})", SECRET.as_bytes()));
        assert_found(super::hex(SECRET.as_bytes(), ""));
    }

    #[test]
    fn a_debug_string_reads_like_json() {
        let plain = "pa<ss>\"w&rd\\ tail";
        assert!(!find(plain.as_bytes(), &[&format!("{plain:?}")]).is_empty());
    }

    #[test]
    #[should_panic(expected = "found by chance")]
    fn a_secret_too_short_to_look_for_is_refused() {
        find(b"secret", &[]);
    }
}
