//! Writes JSON in all the ways that mean the same, and some that hold no text.

use crate::dice::Dice;

#[derive(Default)]
pub(crate) struct Writer {
    text: Vec<u8>,
    /// The objects and arrays that are open: what closes them, and whether they have a member yet.
    open: Vec<(u8, bool)>,
}

impl Writer {
    pub(crate) fn into_bytes(self) -> Vec<u8> {
        self.text
    }

    pub(crate) fn raw(&mut self, text: &str) {
        self.text.extend_from_slice(text.as_bytes());
    }

    pub(crate) fn open(&mut self, dice: &mut Dice, bracket: u8) {
        self.space(dice);
        self.text.push(bracket);
        self.open.push((if bracket == b'{' { b'}' } else { b']' }, false));
    }

    pub(crate) fn close(&mut self, dice: &mut Dice) {
        self.space(dice);
        if let Some((bracket, _)) = self.open.pop() {
            self.text.push(bracket);
        }
        self.space(dice);
    }

    /// To be called before each element of an array.
    pub(crate) fn element(&mut self, dice: &mut Dice) {
        if let Some((_, has_members)) = self.open.last_mut()
            && std::mem::replace(has_members, true)
        {
            self.text.push(b',');
        }
        self.space(dice);
    }

    /// The name of a member; its value follows.
    pub(crate) fn name(&mut self, dice: &mut Dice, name: &str) {
        self.element(dice);
        self.string(dice, name);
        self.space(dice);
        self.text.push(b':');
        self.space(dice);
    }

    pub(crate) fn string(&mut self, dice: &mut Dice, text: &str) {
        let style = dice.weighted([85, 12, 1]);
        self.text.push(b'"');
        for c in text.chars() {
            let escape = match style {
                0 => false,
                1 => dice.percent(20),
                _ => dice.percent(90),
            };
            match c {
                '"' | '\\' => self.raw(&format!("\\{c}")),
                '\n' if !escape => self.raw("\\n"),
                '\r' if !escape => self.raw("\\r"),
                '\t' if !escape => self.raw("\\t"),
                '\u{8}' if !escape => self.raw("\\b"),
                '\u{c}' if !escape => self.raw("\\f"),
                '/' if escape => self.raw("\\/"),
                c if escape || c < ' ' => {
                    for unit in c.encode_utf16(&mut [0; 2]) {
                        self.raw(&if dice.percent(50) {
                            format!("\\u{unit:04x}")
                        } else {
                            format!("\\u{unit:04X}")
                        });
                    }
                }
                c => self.raw(c.encode_utf8(&mut [0; 4])),
            }
        }
        if dice.percent(1) {
            self.no_text(dice);
        }
        self.text.push(b'"');
    }

    /// What Go replaces by U+FFFD.
    fn no_text(&mut self, dice: &mut Dice) {
        let piece: &[u8] = dice.pick(&[
            b"\xff",
            b"\xc3",
            b"\xe2\x82",
            b"\xf0\x9f\x98",
            b"\xed\xa0\x80",
            b"\xc0\xaf",
            b"\xf4\x90\x80\x80",
            b"\\ud800",
            b"\\udc00",
            b"\\ud800\\ud800",
            b"\\ud83d\\ude00",
            b"\\ud83d\\u0061",
            b"\\ud83d\\n",
            b"\\uDBFF\\uDFFF",
            b"\xef\xbf\xbd",
            b"\x80\x80",
        ]);
        self.text.extend_from_slice(piece);
    }

    fn space(&mut self, dice: &mut Dice) {
        if dice.percent(4) {
            self.raw(dice.pick(&[" ", "\n", "\t", "\r\n", "  ", "\n\t"]));
        }
    }
}
