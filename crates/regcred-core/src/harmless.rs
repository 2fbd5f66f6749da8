//! Text from elsewhere, made safe for a terminal.

use std::fmt::Write as _;

/// Whether a character can move the cursor, change colours, break the line or reorder what is shown.
fn is_harmful(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{ad}' | '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

/// The text on one line, every harmful character shown as its escape.
pub fn harmless(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\n' | '\r' | '\t' => out.push(' '),
            c if is_harmful(c) => {
                let _ = write!(out, "{}", c.escape_unicode());
            }
            c => out.push(c),
        }
    }
    out
}

/// Whether text of several lines can go to a terminal as it is.
pub fn is_harmless(text: &str) -> bool {
    text.chars().all(|c| c == '\n' || !is_harmful(c))
}

/// JSON text in which no harmful character stands as itself. (`serde_json` escapes those below U+0020.)
pub fn escape_json(json: &str) -> String {
    let mut out = String::with_capacity(json.len());
    for c in json.chars() {
        if c != '\n' && is_harmful(c) {
            let _ = write!(out, "\\u{:04x}", u32::from(c));
        } else {
            out.push(c);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_and_bidirectional_characters_become_visible() {
        assert_eq!(harmless("a\u{1b}[2Jb\u{202e}c"), "a\\u{1b}[2Jb\\u{202e}c");
        assert_eq!(harmless("two\nlines\r\n"), "two lines  ");
        assert_eq!(harmless("\u{9b}31m"), "\\u{9b}31m");
        assert_eq!(harmless("ünïcödé 😀"), "ünïcödé 😀");
    }

    #[test]
    fn json_means_the_same_after_escaping() {
        let text = serde_json::to_string("a\u{7f}\u{202e}\u{1b}b").unwrap();
        let escaped = escape_json(&text);
        assert!(!escaped.contains(is_harmful), "{escaped}");
        let back: String = serde_json::from_str(&escaped).unwrap();
        assert_eq!(back, "a\u{7f}\u{202e}\u{1b}b");
    }
}
