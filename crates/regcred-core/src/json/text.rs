//! Strings: what the escapes and stray bytes of a JSON string mean to Go, and how Go writes one.

use zeroize::Zeroizing;

/// Whether Go's decoder takes the member `name` for the struct field `field` (lower-case ASCII).
///
/// Follows `encoding/json/fold.go`: letters fold by Unicode's simple case folding, in which `ſ` (U+017F) is an
/// `s` and the Kelvin sign (U+212A) a `k`.
pub fn names_field(name: &str, field: &str) -> bool {
    let mut folded = name.chars().map(|c| match c {
        '\u{17f}' => 's',
        '\u{212a}' => 'k',
        c => c.to_ascii_lowercase(),
    });
    field.chars().all(|c| folded.next() == Some(c)) && folded.next().is_none()
}

/// Writes `text` as Go's `json.Marshal` does: `<`, `>`, `&`, U+2028 and U+2029 are escaped for HTML's sake.
pub fn write_string(out: &mut String, text: &str) {
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\u{8}' => out.push_str("\\b"),
            '\u{c}' => out.push_str("\\f"),
            '\0'..'\u{20}' | '<' | '>' | '&' | '\u{2028}' | '\u{2029}' => {
                out.push_str("\\u");
                for shift in [12, 8, 4, 0] {
                    let digit = (u32::from(c) >> shift) & 0xf;
                    out.push(char::from_digit(digit, 16).unwrap_or('0'));
                }
            }
            c => out.push(c),
        }
    }
    out.push('"');
}

/// Decodes what stands between the quotes of a string that the parser has accepted.
pub(super) fn decode_string(raw: &[u8]) -> Zeroizing<String> {
    // Replacing a stray byte by U+FFFD makes three bytes of one; room for that beforehand keeps `String` from
    // growing, which would leave an unwiped copy behind.
    let mut out = Zeroizing::new(String::with_capacity(raw.len() * 3));
    let mut rest = raw;
    while let Some(backslash) = rest.iter().position(|&b| b == b'\\') {
        push_lossy(&mut out, &rest[..backslash]);
        let (c, used) = decode_escape(&rest[backslash..]);
        out.push(c);
        rest = &rest[backslash + used..];
    }
    push_lossy(&mut out, rest);
    out
}

/// Bytes as text, with one U+FFFD for every byte that is not part of valid UTF-8, as in Go.
pub fn lossy(bytes: &[u8]) -> Zeroizing<String> {
    let mut out = Zeroizing::new(String::with_capacity(bytes.len() * 3));
    push_lossy(&mut out, bytes);
    out
}

/// Every byte that is not part of valid UTF-8 becomes one U+FFFD, as in Go. (`String::from_utf8_lossy` makes
/// one of a whole truncated sequence.)
fn push_lossy(out: &mut String, bytes: &[u8]) {
    for chunk in bytes.utf8_chunks() {
        out.push_str(chunk.valid());
        out.extend(chunk.invalid().iter().map(|_| char::REPLACEMENT_CHARACTER));
    }
}

/// The character that the escape at the start of `text` means, and its length in bytes.
fn decode_escape(text: &[u8]) -> (char, usize) {
    match text.get(1) {
        Some(b'b') => ('\u{8}', 2),
        Some(b'f') => ('\u{c}', 2),
        Some(b'n') => ('\n', 2),
        Some(b'r') => ('\r', 2),
        Some(b't') => ('\t', 2),
        Some(b'u') => {
            let unit = hex_unit(&text[2..]);
            if let Some(c) = char::from_u32(unit) {
                return (c, 6);
            }
            // A surrogate: with its other half it is one character, alone it is U+FFFD.
            let pair = text.get(6..).filter(|rest| rest.starts_with(b"\\u")).map(|rest| hex_unit(&rest[2..]));
            match pair {
                Some(low) if (0xd800..0xdc00).contains(&unit) && (0xdc00..0xe000).contains(&low) => {
                    let c = 0x1_0000 + ((unit - 0xd800) << 10) + (low - 0xdc00);
                    (char::from_u32(c).unwrap_or(char::REPLACEMENT_CHARACTER), 12)
                }
                _ => (char::REPLACEMENT_CHARACTER, 6),
            }
        }
        Some(&c) => (char::from(c), 2),
        None => (char::REPLACEMENT_CHARACTER, 1),
    }
}

fn hex_unit(digits: &[u8]) -> u32 {
    digits.iter().take(4).fold(0, |unit, &d| unit * 16 + char::from(d).to_digit(16).unwrap_or(0))
}
