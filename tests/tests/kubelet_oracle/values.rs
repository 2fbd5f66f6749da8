//! Random values of the fields of an entry.
//!
//! Each is made with a serial number, so that one can tell which entry it comes from.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE};

use crate::dice::Dice;

/// A value that always decodes.
pub(crate) fn good_auth(dice: &mut Dice, serial: u32) -> String {
    let pair = pair(dice, serial);
    let mut auth = match dice.weighted([75, 25]) {
        0 => STANDARD.encode(pair),
        _ => STANDARD_NO_PAD.encode(pair),
    };
    for _ in 0..dice.weighted([85, 10, 5]) {
        auth.insert_str(dice.place(&auth), dice.pick(&["\n", "\r\n", "\r"]));
    }
    auth
}

/// A value that hardly ever decodes.
pub(crate) fn odd_auth(dice: &mut Dice, serial: u32) -> String {
    let pair = pair(dice, serial);
    let good = STANDARD.encode(&pair);
    match dice.weighted([10, 10, 10, 10, 10, 10, 10, 10, 10, 10]) {
        0 => URL_SAFE.encode([&pair[..], b"\xff\xfe\xfb\xef"].concat()),
        1 => format!("{}{good}", dice.pick(&[" ", "\t", "\u{a0}", "=", "\u{b}"])),
        2 => format!(
            "{good}{}",
            dice.pick(&[" ", "\t", "\u{85}", "=", "\u{a0}", "\u{feff}", "\u{2003}", "\n "])
        ),
        3 => STANDARD.encode("no colon"),
        4 => format!("{}=", good.trim_end_matches('=')),
        5 => dice
            .pick(&[
                "=", "==", "====", "*", "Og", "Og=", "Og==", "Og=\n=", "O=g=", "Oh", "Oh==", "Og==\n", " ",
            ])
            .to_owned(),
        6 => format!("{good}{good}"),
        7 => good.chars().take(dice.below(good.len() + 1)).collect(),
        8 => dice.word("ABCab+/=Og\n\r 6", 0, 12),
        _ => {
            let mut auth = good;
            dice.mutate(&mut auth, &["=", "\n", "\r", " ", "-", "_", "/", "+", "A", "\u{fffd}", "\0"]);
            auth
        }
    }
}

/// A user name, a password or the like.
pub(crate) fn text(dice: &mut Dice, serial: u32) -> String {
    match dice.weighted([60, 40]) {
        0 => format!("t{serial}"),
        _ => dice.word("ab:\"\\/\u{8}\u{c}\n\r\t\u{1}\u{7f}é☺😀\u{2028}\u{fffd}<&>", 0, 8),
    }
}

fn pair(dice: &mut Dice, serial: u32) -> Vec<u8> {
    match dice.weighted([70, 8, 6, 4, 4, 8]) {
        0 => format!("u{serial}:p{serial}").into_bytes(),
        1 => format!("u{serial}:p:{serial}:").into_bytes(),
        2 => b":".to_vec(),
        3 => format!(":p{serial}").into_bytes(),
        4 => format!("u{serial}:").into_bytes(),
        _ => {
            let mut pair: Vec<u8> = (0..dice.below(12)).map(|_| dice.byte()).collect();
            pair.insert(dice.below(pair.len() + 1), b':');
            pair
        }
    }
}
