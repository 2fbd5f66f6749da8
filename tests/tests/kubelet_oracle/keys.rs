//! Random registry keys near the repository of an image.

use crate::dice::Dice;

const HUB: &[&str] = &[
    "https://index.docker.io/v1/",
    "https://index.docker.io/v1",
    "index.docker.io",
    "index.docker.io/v2/",
    "http://index.docker.io/v1/",
    "https://index.docker.io/",
    "index.docker.io/library",
    "docker.io",
    "https://docker.io/v1/",
    "docker.io/library",
    "*.docker.io",
    "registry-1.docker.io",
    "INDEX.docker.io",
    "index.docker.io:443",
    "*.io",
];

/// Keys that match few images, or none, and are hard to parse.
const ODD: &[&str] = &[
    "",
    "/",
    "*",
    "?",
    "*/*",
    "https://",
    "http://",
    "https:",
    "https:///",
    "//",
    "https:ghcr.io",
    "ftp://ghcr.io",
    "HTTPS://ghcr.io",
    "http://https://ghcr.io",
    "[::1]",
    "[::1]:5000",
    "[::1%25eth0]:5000",
    "[::1%25a%20b]",
    "[::1%25%2525]",
    "[::1%en0]",
    "[::1%25]",
    "[::1.2.3.4]",
    "[::ffff:a.2.3.4]",
    "[::ffff:1.2.3.4]",
    "[1.2.3.4]",
    "[::1",
    "::1",
    "[fe80::1%25[a-z]",
    "[::1%25-]",
    "[::1%25é]",
    "[0::0.0.0.00]",
    "[1:2:3:4:5:6:7::]",
    "[::00001]",
    "[]",
    "[*]",
    "[::A]",
    "[::1%25A-Z]",
    "[::1%25B-]",
    "[::%25^A]",
    "*.*.*.*",
    "*:5000",
    "%2a",
    "%2525",
    "%c3%a9.io",
    "%ff",
    "localhost",
    "*.example.com",
    "\u{0}",
    "\u{7f}",
    "@",
    ":",
    ":5000",
    "#",
    "?q",
];

/// What a key may be put together from, at random.
const PIECES: &[&str] = &[
    "%25",
    "%2F",
    "%41",
    "%C3%A9",
    "%zz",
    "%",
    "[",
    "]",
    "::",
    ":",
    "1",
    "@",
    "/",
    "?",
    "#",
    "*",
    ".",
    "a",
    "io",
    "\\",
    "^",
    "-",
    "!",
    "<",
    "\"",
    "é",
    " ",
    "\u{0}",
    "\u{fffd}",
    "localhost",
    "https://",
    "/v1/",
    "/v2/",
    "nginx",
    "library",
];

/// An IPv6 address in brackets, as often invalid as not.
fn address(dice: &mut Dice) -> String {
    let mut address = String::from("[");
    let groups = if dice.percent(40) { 7 } else { dice.below(9) };
    for group in 0..=groups {
        if group > 0 || dice.percent(15) {
            address.push_str(if dice.percent(15) { "::" } else { ":" });
        }
        address.push_str(&dice.word("0123456789abcdefABCDEF", 1, 4));
    }
    if dice.percent(15) {
        address.push_str(dice.pick(&["::", ":", "0", "%2f", "g", "é"]));
    }
    if dice.percent(30) {
        let length = if dice.percent(90) { 4 } else { 3 + dice.below(3) };
        let octets: Vec<&str> = (0..length)
            .map(|_| {
                if dice.percent(95) {
                    dice.pick(&["1", "2", "0", "255"])
                } else {
                    dice.pick(&["256", "01", "", "a"])
                }
            })
            .collect();
        address.push_str(dice.pick(&[":", "::", "::ffff:"]));
        address.push_str(&octets.join("."));
    }
    if dice.percent(25) {
        address.push_str(dice.pick(&[
            "%25eth0", "%25", "%25é", "%25%20", "%25%2525", "%25%41", "%25a%2Fb", "%eth0", "%25[", "%25]",
            "%25%",
        ]));
    }
    address.push(']');
    address
}

/// A key for a repository, more often one that matches than not.
pub(crate) fn near(dice: &mut Dice, repository: &str) -> String {
    let (host_port, path) = repository.split_once('/').unwrap_or((repository, ""));
    if (host_port == "docker.io" || host_port == "localhost") && dice.percent(50) {
        return dice.pick(HUB).to_owned();
    }
    match dice.weighted([92, 4, 2, 2]) {
        0 => {}
        1 => return dice.pick(ODD).to_owned(),
        2 => return (0..=dice.below(7)).map(|_| dice.pick(PIECES)).collect(),
        _ => return address(dice) + dice.pick(&["", ":5000", ":443", ":", "/", "/app"]),
    }
    let host_end = host_port.rfind(':').filter(|_| !host_port.ends_with(']')).unwrap_or(host_port.len());
    let (host, port) = host_port.split_at(host_end);
    let mut key = scheme(dice).to_owned();
    if dice.percent(3) {
        key.push_str(dice.pick(&[
            "user@",
            "u:p@",
            "u%40:p%zz@",
            "u s@",
            "@",
            "a@b@",
            "[@",
            "u:p:q@",
            "é@",
            "%25@",
        ]));
    }
    key.push_str(&host_near(dice, host));
    match dice.weighted([88, 3, 9]) {
        0 => key.push_str(port),
        1 => {}
        _ => key.push_str(
            dice.pick(&[":443", ":", ":5000", ":80", ":abc", ":1:2", ":%35", ":-1", ":05000", ":é", ": "]),
        ),
    }
    key.push_str(&path_near(dice, path));
    if dice.percent(5) {
        key.push_str(dice.pick(&[
            "?q", "?", "??", "#f", "#%", "#%zz", "?%zz", "#\u{1}", " ", "\t", "\u{7f}", "\n", "é", "\u{85}",
            "%", "%4", "*", "\\", "\u{fffd}",
        ]));
    }
    if dice.percent(2) {
        dice.mutate(
            &mut key,
            &["%", "/", ":", "@", "[", "]", "*", "\\", "#", "?", ".", "%25", "é", " ", "\"", "<"],
        );
    }
    key
}

/// A key that serves Docker Hub when no key matches, or one that does not although it looks like it.
pub(crate) fn for_fallback(dice: &mut Dice) -> String {
    let end = HUB.iter().position(|key| !key.contains("index.docker.io")).unwrap_or(HUB.len());
    dice.pick(&HUB[..end]).to_owned()
}

/// A key that reaches the same index key, or was meant to.
pub(crate) fn respelled(dice: &mut Dice, key: &str) -> String {
    let bare = key.trim_start_matches("https://").trim_start_matches("http://");
    let (host, path) = bare.split_once('/').unwrap_or((bare, ""));
    match dice.weighted([20, 20, 20, 15, 10, 10, 5]) {
        0 => format!("https://{bare}"),
        1 => format!("http://{bare}"),
        2 => bare.to_owned(),
        3 => format!("{host}/v1/{path}"),
        4 => format!("{host}/v2/{path}"),
        5 => format!("user:pw@{bare}"),
        _ => format!("{bare}?x#y"),
    }
}

fn scheme(dice: &mut Dice) -> &'static str {
    match dice.weighted([58, 26, 12, 4]) {
        0 => "",
        1 => "https://",
        2 => "http://",
        _ => dice.pick(&[
            "HTTPS://",
            "Http://",
            "https:",
            "https:/",
            "ftp://",
            "//",
            "https:///",
            "http://https://",
            "https://https:",
        ]),
    }
}

fn host_near(dice: &mut Dice, host: &str) -> String {
    // As a pattern, an address is a class of characters; between its dots, it is malformed.
    if host == "A" && dice.percent(25) {
        return dice
            .pick(&["[::A]", "[::b]", "[::1%25A-Z]", "[::1%25B-]", "[::%25a-]", "[::%25^A]"])
            .to_owned();
    }
    if host.split('.').count() == 4 && dice.percent(25) {
        return dice.pick(&["[::1.2.3.4]", "[::ffff:1.2.3.4]", "[64:ff9b::1.2.3.4]"]).to_owned();
    }
    match dice.weighted([62, 22, 16]) {
        0 => host.to_owned(),
        1 => {
            let labels: Vec<String> = host.split('.').map(|label| glob(dice, label)).collect();
            labels.join(".")
        }
        _ => spoiled_host(dice, host),
    }
}

/// A pattern for a label, or one that looks like it.
fn glob(dice: &mut Dice, label: &str) -> String {
    let at = dice.place(label);
    let (before, after) = label.split_at(at);
    let after_next: String = after.chars().skip(1).collect();
    match dice.weighted([45, 15, 8, 8, 8, 3, 3, 10]) {
        0 => label.to_owned(),
        1 => "*".to_owned(),
        2 => format!("{before}*"),
        3 => format!("*{after}"),
        4 => format!("{before}?{after_next}"),
        5 => format!("*{}*", after.chars().next().unwrap_or('a')),
        6 => format!("{before}**{after_next}"),
        _ => format!(
            "{before}{}{after_next}",
            dice.pick(&["[a-z]", "[^a]", "[", "[]", "\\", "*?", "??", "%3f", "%2a"])
        ),
    }
}

fn spoiled_host(dice: &mut Dice, host: &str) -> String {
    match dice.weighted([12, 8, 8, 8, 8, 8, 8, 8, 8, 8, 8, 8]) {
        0 => host.to_uppercase(),
        1 => format!("{host}."),
        2 => format!(".{host}"),
        3 => format!("*.{host}"),
        4 => host.split_once('.').map_or(host, |(_, rest)| rest).to_owned(),
        5 => host.replacen('.', "..", 1),
        6 => percent_encoded(dice, host),
        7 => format!("[{host}]"),
        8 => host.replacen('.', "%2e", 1),
        9 => format!("{host}%25"),
        10 => dice
            .pick(&["ghcr.io", "reg.example.com", "docker.io", "localhost", "é.io", "\u{212a}.io"])
            .to_owned(),
        _ => {
            let mut host = host.to_owned();
            dice.mutate(
                &mut host,
                &[
                    "%25",
                    "%2525",
                    "%",
                    "%ff",
                    "%C3%A9",
                    "!",
                    "$&'()*+,;=",
                    "<",
                    "\"",
                    "_",
                    "~",
                    "`",
                    "^",
                    "|",
                ],
            );
            host
        }
    }
}

/// One byte as `%xx`.
fn percent_encoded(dice: &mut Dice, text: &str) -> String {
    let (before, after) = text.split_at(dice.place(text));
    let Some(c) = after.chars().next() else { return format!("{text}%2F") };
    let upper = dice.percent(50);
    let mut encoded = String::from(before);
    for byte in c.encode_utf8(&mut [0; 4]).bytes() {
        let digits = format!("%{byte:02x}");
        encoded.push_str(&if upper { digits.to_uppercase() } else { digits });
    }
    encoded + &after[c.len_utf8()..]
}

fn path_near(dice: &mut Dice, path: &str) -> String {
    let version = if dice.percent(15) {
        dice.pick(&["/v1", "/v2", "/v1/", "/v2/", "/v1/v1", "/v3", "/V1", "/v2/v2/", "/v1//"])
    } else {
        ""
    };
    let slash = if version.ends_with('/') { "" } else { "/" };
    let rest = match dice.weighted([45, 15, 10, 10, 10, 10]) {
        0 => return version.to_owned(),
        1 => format!("{slash}{path}"),
        2 => format!("{slash}{}", path.split('/').next().unwrap_or_default()),
        3 => format!("{slash}{}", &path[..dice.place(path)]),
        4 => slash.to_owned(),
        _ => spoiled_path(dice, path, slash),
    };
    version.to_owned() + &rest
}

fn spoiled_path(dice: &mut Dice, path: &str, slash: &str) -> String {
    match dice.weighted([10, 10, 10, 10, 20, 10, 10, 10, 10]) {
        0 => format!("{slash}{path}/"),
        1 => format!("{slash}{}/", path.split('/').next().unwrap_or_default()),
        2 => format!("//{path}"),
        3 => format!("{slash}{}", path.to_uppercase()),
        4 => format!("{slash}{}", percent_encoded(dice, path)),
        5 => format!("{slash}{}", path.replace('/', "%2F")),
        6 => format!("{slash}*"),
        7 => format!("{slash}./{path}"),
        _ => {
            let mut path = format!("{slash}{path}");
            dice.mutate(
                &mut path,
                &[
                    "%2F", "%3F", "%23", "%25", "%2525", "%253F", "%zz", "%25zz", "%00", "%ff", "é", "%C3",
                    "..", "//", " ", ":", "@", "\\",
                ],
            );
            path
        }
    }
}
