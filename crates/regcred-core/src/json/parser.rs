//! The grammar of JSON, as strict as Go's (`encoding/json/scanner.go`).

use super::{Kind, Node};

/// How deep arrays and objects may nest: the limit of Go's `encoding/json`.
const MAX_DEPTH: usize = 10_000;

/// Reads one document into a flat list of nodes; on an error it stands where that is.
pub(super) struct Parser<'a> {
    pub(super) text: &'a [u8],
    pub(super) at: usize,
    pub(super) nodes: Vec<Node>,
}

impl Parser<'_> {
    pub(super) fn document(&mut self) -> Result<(), &'static str> {
        // The containers that are open, innermost last.
        let mut open: Vec<usize> = Vec::new();
        loop {
            // Here a value is due.
            self.skip_space();
            let node = self.nodes.len();
            let kind = self.start_value()?;
            self.nodes.push(Node { kind, start: self.at, end: 0, next: 0 });
            let mut complete = true;
            match kind {
                Kind::Array | Kind::Object => {
                    if open.len() == MAX_DEPTH {
                        return Err("nested more than 10000 deep");
                    }
                    self.at += 1;
                    self.skip_space();
                    let close = if kind == Kind::Array { b']' } else { b'}' };
                    if self.peek() == Some(close) {
                        self.at += 1;
                    } else {
                        open.push(node);
                        complete = false;
                        if kind == Kind::Object {
                            self.member_name("expected `\"` or `}`")?;
                        }
                    }
                }
                Kind::String => self.string()?,
                Kind::Number => self.number()?,
                Kind::Bool if self.peek() == Some(b't') => self.literal(b"true")?,
                Kind::Bool => self.literal(b"false")?,
                Kind::Null => self.literal(b"null")?,
            }
            if !complete {
                continue;
            }
            self.close(node);
            // After a complete value: the next one of its container, or the container's end.
            loop {
                self.skip_space();
                let Some(&container) = open.last() else {
                    return if self.at == self.text.len() {
                        Ok(())
                    } else {
                        Err("unexpected text after the end of the value")
                    };
                };
                let (close, expected) = match self.nodes[container].kind {
                    Kind::Array => (b']', "expected `,` or `]`"),
                    _ => (b'}', "expected `,` or `}`"),
                };
                match self.peek() {
                    Some(b',') => {
                        self.at += 1;
                        if close == b'}' {
                            self.skip_space();
                            self.member_name("expected `\"` to begin the name of a member")?;
                        }
                        break;
                    }
                    Some(c) if c == close => {
                        self.at += 1;
                        self.close(container);
                        open.pop();
                    }
                    Some(_) => return Err(expected),
                    None => return Err("the text ends in the middle of a value"),
                }
            }
        }
    }

    fn close(&mut self, node: usize) {
        self.nodes[node].end = self.at;
        self.nodes[node].next = self.nodes.len();
    }

    fn start_value(&self) -> Result<Kind, &'static str> {
        match self.peek() {
            Some(b'{') => Ok(Kind::Object),
            Some(b'[') => Ok(Kind::Array),
            Some(b'"') => Ok(Kind::String),
            Some(b'-' | b'0'..=b'9') => Ok(Kind::Number),
            Some(b't' | b'f') => Ok(Kind::Bool),
            Some(b'n') => Ok(Kind::Null),
            Some(0xef) if self.at == 0 => Err("expected a value (the text begins with a byte-order mark)"),
            Some(_) => Err("expected a value"),
            None if self.nodes.is_empty() => Err("the text is empty"),
            None => Err("the text ends in the middle of a value"),
        }
    }

    fn member_name(&mut self, expected: &'static str) -> Result<(), &'static str> {
        match self.peek() {
            Some(b'"') => {}
            Some(_) => return Err(expected),
            None => return Err("the text ends in the middle of a value"),
        }
        let node = self.nodes.len();
        self.nodes.push(Node { kind: Kind::String, start: self.at, end: 0, next: 0 });
        self.string()?;
        self.close(node);
        self.skip_space();
        if self.peek() != Some(b':') {
            return Err("expected `:` after the name of a member");
        }
        self.at += 1;
        Ok(())
    }

    fn string(&mut self) -> Result<(), &'static str> {
        self.at += 1;
        loop {
            match self.peek() {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(());
                }
                Some(b'\\') => {
                    self.at += 1;
                    match self.peek() {
                        Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => self.at += 1,
                        Some(b'u') => {
                            self.at += 1;
                            for _ in 0..4 {
                                if !self.peek().is_some_and(|b| b.is_ascii_hexdigit()) {
                                    return Err("expected four hexadecimal digits after `\\u`");
                                }
                                self.at += 1;
                            }
                        }
                        _ => return Err("unknown escape in a string"),
                    }
                }
                Some(0..0x20) => return Err("control character in a string"),
                Some(_) => self.at += 1,
                None => return Err("the text ends in the middle of a string"),
            }
        }
    }

    fn number(&mut self) -> Result<(), &'static str> {
        if self.peek() == Some(b'-') {
            self.at += 1;
        }
        if self.peek() == Some(b'0') {
            self.at += 1;
        } else {
            self.digits()?;
        }
        if self.peek() == Some(b'.') {
            self.at += 1;
            self.digits()?;
        }
        if matches!(self.peek(), Some(b'e' | b'E')) {
            self.at += 1;
            if matches!(self.peek(), Some(b'+' | b'-')) {
                self.at += 1;
            }
            self.digits()?;
        }
        Ok(())
    }

    fn digits(&mut self) -> Result<(), &'static str> {
        let start = self.at;
        while self.peek().is_some_and(|b| b.is_ascii_digit()) {
            self.at += 1;
        }
        if self.at == start { Err("expected a digit") } else { Ok(()) }
    }

    fn literal(&mut self, word: &[u8]) -> Result<(), &'static str> {
        for &b in word {
            if self.peek() != Some(b) {
                return Err("expected `true`, `false` or `null`");
            }
            self.at += 1;
        }
        Ok(())
    }

    fn peek(&self) -> Option<u8> {
        self.text.get(self.at).copied()
    }

    fn skip_space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }
}
