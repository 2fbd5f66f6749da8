//! Command lines that a person is to run.

/// A word of a command line, quoted if a POSIX shell would read more into it.
pub fn word(text: &str) -> String {
    let is_plain = |character: char| character.is_ascii_alphanumeric() || "-_./:@%+=,".contains(character);
    if !text.is_empty() && text.chars().all(is_plain) {
        return text.to_owned();
    }
    format!("'{}'", text.replace('\'', "'\\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_is_quoted_if_a_shell_would_read_more_into_it() {
        assert_eq!(word("/home/me/.docker/config.json"), "/home/me/.docker/config.json");
        assert_eq!(word("/home/my files/$(x)"), "'/home/my files/$(x)'");
        assert_eq!(word("it's"), "'it'\\''s'");
        assert_eq!(word(""), "''");
        assert_eq!(word("[::1]:5000"), "'[::1]:5000'");
    }
}
