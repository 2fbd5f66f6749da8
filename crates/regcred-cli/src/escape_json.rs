//! JSON that is written as it is made, and can go to a terminal.

use std::io;

use regcred_core::harmless::escape_json;

/// A writer of JSON text in which no harmful character stands as itself. (`serde_json` escapes those below U+0020.)
///
/// It takes whole characters, which is how `serde_json` writes.
pub(super) struct EscapeJson<W>(pub(super) W);

impl<W: io::Write> io::Write for EscapeJson<W> {
    fn write(&mut self, json: &[u8]) -> io::Result<usize> {
        if json.iter().all(|byte| *byte < 0x7f) {
            self.0.write_all(json)?;
        } else {
            let json = std::str::from_utf8(json).map_err(io::Error::other)?;
            self.0.write_all(escape_json(json).as_bytes())?;
        }
        Ok(json.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

#[cfg(test)]
mod tests {
    use serde::Serialize as _;

    use super::*;

    #[test]
    fn json_is_escaped_as_it_is_written() {
        let mut out = EscapeJson(Vec::new());
        ["plain", "é 😀", "a\u{7f}\u{202e}b"].serialize(&mut serde_json::Serializer::new(&mut out)).unwrap();
        assert_eq!(out.0, r#"["plain","é 😀","a\u007f\u202eb"]"#.as_bytes());
    }
}
