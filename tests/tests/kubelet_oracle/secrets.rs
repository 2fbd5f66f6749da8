//! Random pull secrets, most of which the kubelet can decode.

use regcred_tests::oracle::{Secret, Stored};

use crate::dice::Dice;
use crate::json::Writer;
use crate::{keys, values};

const CONFIG: &str = "kubernetes.io/dockerconfigjson";
const DOCKERCFG: &str = "kubernetes.io/dockercfg";

/// The Secrets of one pod, with keys near a repository.
pub(crate) fn secrets(dice: &mut Dice, repository: &str) -> Vec<Secret> {
    let is_on_hub = ["docker.io/", "localhost/"].iter().any(|start| repository.starts_with(start));
    let fallback = is_on_hub && dice.percent(30);
    let mut author = Author { dice, repository, fallback, keys: Vec::new(), serial: 0, wild: false };
    (0..author.dice.weighted([3, 40, 30, 17, 10]))
        .map(|place| Secret {
            name: format!("s{place}"),
            stored: (!author.dice.percent(2)).then(|| author.stored()),
        })
        .collect()
}

/// Writes docker configs, and remembers what it has written.
struct Author<'a> {
    dice: &'a mut Dice,
    repository: &'a str,
    /// Whether to write hardly any key but Docker Hub's, which serve when no key matches.
    fallback: bool,
    /// The keys so far, to be used again.
    keys: Vec<String>,
    /// Makes each credential a different one.
    serial: u32,
    /// Whether what it writes may be beyond decoding. One bad value hides all the good ones.
    wild: bool,
}

impl Author<'_> {
    fn stored(&mut self) -> Stored {
        self.wild = self.dice.percent(14);
        let kind = match self.dice.weighted([82, 14, 4]) {
            0 => CONFIG,
            1 => DOCKERCFG,
            _ => {
                self.dice.pick(&["Opaque", "", "kubernetes.io/DockerConfigJson", "kubernetes.io/dockercfg "])
            }
        };
        let data = match self.dice.weighted([97, 3]) {
            0 => self.document(kind == DOCKERCFG),
            _ => Vec::new(),
        };
        let mut stored = Stored { kind: kind.to_owned(), docker_config_json: None, dockercfg: None };
        let (own, other) = if kind == DOCKERCFG {
            (&mut stored.dockercfg, &mut stored.docker_config_json)
        } else {
            (&mut stored.docker_config_json, &mut stored.dockercfg)
        };
        match self.dice.weighted([94, 2, 1, 3]) {
            0 => *own = Some(data),
            1 => *other = Some(data),
            2 => {}
            _ => {
                *other = Some(b"{\"auths\":".to_vec());
                *own = Some(data);
            }
        }
        stored
    }

    fn document(&mut self, is_map: bool) -> Vec<u8> {
        let mut json = Writer::default();
        if self.wild && self.dice.percent(10) {
            json.raw(
                self.dice
                    .pick(&["null", "[]", "[{}]", "7", "\"{}\"", "true", " ", "nul", "{", "}", "{}{}", "-"]),
            );
        } else if self.dice.one_in(60) {
            json.raw(self.dice.pick(&["null", "{}", " null\n", "{ }"]));
        } else if is_map {
            self.map(&mut json);
        } else {
            self.config(&mut json);
        }
        let mut text = json.into_bytes();
        if self.wild && self.dice.percent(35) {
            self.break_text(&mut text);
        }
        text
    }

    fn config(&mut self, json: &mut Writer) {
        let mut members = vec!["auths"];
        for (percent, member) in [
            (8, "auths"),
            (3, "auths"),
            (3, "null auths"),
            (14, "headers"),
            (6, "unknown"),
            (4, "credsStore"),
            (2, "no auths"),
        ] {
            if self.dice.percent(percent) {
                members.insert(self.dice.below(members.len() + 1), member);
            }
        }
        json.open(self.dice, b'{');
        for member in members {
            match member {
                "auths" => {
                    let name = self.folded("auths", "aUthſ");
                    json.name(self.dice, &name);
                    if self.wild && self.dice.percent(6) {
                        json.raw(self.dice.pick(&["[]", "7", "\"\"", "false"]));
                    } else {
                        self.map(json);
                    }
                }
                "null auths" => {
                    let name = self.folded("auths", "AUTHſ");
                    json.name(self.dice, &name);
                    json.raw("null");
                }
                "headers" => self.headers(json),
                "unknown" => {
                    let name = self.dice.pick(&[
                        "detachKeys",
                        "auth",
                        "authss",
                        "auths ",
                        "",
                        "a\u{fc}ths",
                        "auth\\s",
                    ]);
                    json.name(self.dice, name);
                    self.junk(json, 0);
                }
                "credsStore" => {
                    json.name(self.dice, "credsStore");
                    json.string(self.dice, "pass");
                }
                _ => {
                    json.name(self.dice, "authz");
                    self.map(json);
                }
            }
        }
        json.close(self.dice);
    }

    fn headers(&mut self, json: &mut Writer) {
        let name = self.folded("HttpHeaders", "httpHeaderſ");
        json.name(self.dice, &name);
        if self.wild && self.dice.percent(60) {
            json.raw(self.dice.pick(&[
                "[]",
                "7",
                "{\"a\":1}",
                "{\"a\":null,\"a\":{}}",
                "\"x\"",
                "{\"\":[]}",
            ]));
        } else {
            json.raw(self.dice.pick(&[
                "{}",
                "null",
                "{\"a\":\"b\"}",
                "{\"a\":null}",
                "{\"User-Agent\":\"\\ud800\",\"a\":\"b\"}",
            ]));
        }
    }

    /// Registry keys and their entries.
    fn map(&mut self, json: &mut Writer) {
        json.open(self.dice, b'{');
        for _ in 0..self.dice.weighted([4, 30, 30, 20, 10, 6]) {
            let key = self.key();
            json.name(self.dice, &key);
            self.entry(json);
        }
        json.close(self.dice);
    }

    fn key(&mut self) -> String {
        let known = if self.keys.is_empty() { None } else { Some(self.dice.below(self.keys.len())) };
        let key = match (known, self.dice.weighted([70, 12, 18])) {
            (Some(known), 1) => self.keys[known].clone(),
            _ if self.fallback && self.dice.percent(90) => keys::for_fallback(self.dice),
            (Some(known), 2) => keys::respelled(self.dice, &self.keys[known]),
            _ => keys::near(self.dice, self.repository),
        };
        self.keys.push(key.clone());
        key
    }

    fn entry(&mut self, json: &mut Writer) {
        if self.wild && self.dice.percent(5) {
            json.raw(self.dice.pick(&["[]", "7", "\"dTpw\"", "true", "[{}]"]));
            return;
        }
        self.serial += 1;
        let serial = self.serial;
        let form = self.dice.weighted([42, 14, 12, 6, 5, 3, 18]);
        if form == 5 {
            json.raw(self.dice.pick(&["null", "{}"]));
            return;
        }
        json.open(self.dice, b'{');
        match form {
            0 => self.auth(json),
            1 => self.user_and_password(json, serial),
            2 => {
                self.user_and_password(json, serial);
                self.field(json, "email", &format!("e{serial}@example.com"));
                self.auth(json);
            }
            3 => self.tokens(json),
            4 => {
                self.user_and_password(json, serial);
                self.field(json, "auth", "");
                self.tokens(json);
            }
            _ => {
                for _ in 0..self.dice.below(7) {
                    self.any_field(json);
                }
            }
        }
        json.close(self.dice);
    }

    fn any_field(&mut self, json: &mut Writer) {
        let field = self.dice.pick(&["username", "password", "email", "auth", "identitytoken", "unknown"]);
        if field == "unknown" {
            let name = self.dice.pick(&[
                "serveraddress",
                "user",
                "auths",
                "authx",
                "Passwort",
                "",
                "au\u{308}th",
                "auth\u{0}",
            ]);
            json.name(self.dice, name);
            self.junk(json, 0);
        } else if self.wild && self.dice.percent(12) {
            let name = self.folded(field, field);
            json.name(self.dice, &name);
            json.raw(self.dice.pick(&["7", "{}", "[]", "true", "[\"x\"]", "-0.0e1"]));
        } else if self.dice.percent(20) {
            let name = self.folded(field, field);
            json.name(self.dice, &name);
            json.raw(self.dice.pick(&["null", "\"\""]));
        } else if field == "auth" {
            self.auth(json);
        } else {
            let value = self.text();
            self.field(json, field, &value);
        }
    }

    fn user_and_password(&mut self, json: &mut Writer, serial: u32) {
        let (user, password) = if self.dice.percent(15) {
            (self.text(), self.text())
        } else {
            (format!("u{serial}"), format!("p{serial}"))
        };
        self.field(json, "username", &user);
        self.field(json, "password", &password);
    }

    fn tokens(&mut self, json: &mut Writer) {
        for token in ["identitytoken", "registrytoken"] {
            if self.dice.percent(60) {
                self.field(json, token, "token");
            }
        }
    }

    fn field(&mut self, json: &mut Writer, field: &str, value: &str) {
        let name = match field {
            "username" => self.folded(field, "uſerName"),
            "password" => self.folded(field, "pasſword"),
            "identitytoken" => self.folded(field, "identityto\u{212a}en"),
            _ => self.folded(field, field),
        };
        json.name(self.dice, &name);
        json.string(self.dice, value);
    }

    /// A name that Go takes for this field, or nearly.
    fn folded(&mut self, name: &str, other_letters: &str) -> String {
        match self.dice.weighted([88, 4, 4, 4]) {
            0 => name.to_owned(),
            1 => name.to_uppercase(),
            2 => other_letters.to_owned(),
            _ => name
                .chars()
                .map(|c| if self.dice.percent(50) { c.to_ascii_uppercase() } else { c.to_ascii_lowercase() })
                .collect(),
        }
    }

    fn auth(&mut self, json: &mut Writer) {
        let name = self.folded("auth", "auTH");
        json.name(self.dice, &name);
        self.serial += 1;
        let make = if self.wild && self.dice.percent(25) { values::odd_auth } else { values::good_auth };
        let auth = make(self.dice, self.serial);
        json.string(self.dice, &auth);
    }

    fn text(&mut self) -> String {
        self.serial += 1;
        values::text(self.dice, self.serial)
    }

    /// A value that nothing looks at but the grammar.
    fn junk(&mut self, json: &mut Writer, depth: u32) {
        if depth == 0 && self.dice.one_in(100) {
            // Go's limit is 10,000 with all that is around it.
            let levels = 9_994 + self.dice.below(9);
            json.raw(&"[".repeat(levels));
            json.raw(&"]".repeat(levels));
            return;
        }
        match self.dice.weighted([35, 30, if depth < 3 { 35 } else { 0 }]) {
            0 => json.raw(self.dice.pick(&[
                "null",
                "true",
                "false",
                "0",
                "-0",
                "1e5",
                "0.1",
                "1E+2",
                "-0.0e-0",
                "123456789012345678901234567890",
                "1e999",
            ])),
            1 => {
                let text = self.text();
                json.string(self.dice, &text);
            }
            _ => {
                let is_object = self.dice.percent(50);
                json.open(self.dice, if is_object { b'{' } else { b'[' });
                for _ in 0..self.dice.below(4) {
                    if is_object {
                        let name = self.dice.pick(&["a", "", "auth", "auths", "a"]);
                        json.name(self.dice, name);
                    } else {
                        json.element(self.dice);
                    }
                    self.junk(json, depth + 1);
                }
                json.close(self.dice);
            }
        }
    }

    fn break_text(&mut self, text: &mut Vec<u8>) {
        let at = self.dice.below(text.len() + 1);
        let piece = self.dice.pick(&[
            "{", "}", "[", "]", ",", ":", "\"", "\\", "\\u12g4", "\\x", "\u{0}", "\n", "\u{1f}", "0", "01",
            "-", ".", "1.", "e", "1e", "+1", "nul", "NaN", "'", "//", "\u{feff}", "\u{a0}", "\u{b}", "\u{c}",
            " ", "\t", "\r", "null", "-01", ".5", "Infinity", "\u{2028}",
        ]);
        match self.dice.weighted([20, 15, 30, 15, 10, 10]) {
            0 => text.truncate(at),
            1 => {
                if let Some(byte) = text.get_mut(at) {
                    *byte ^= 1 << self.dice.below(8);
                }
            }
            2 => drop(text.splice(at..at, piece.bytes())),
            3 => text.extend(piece.bytes()),
            4 => drop(text.splice(0..0, piece.bytes())),
            _ => {
                let end = (at + 1 + self.dice.below(4)).min(text.len());
                text.drain(at..end);
            }
        }
    }
}
