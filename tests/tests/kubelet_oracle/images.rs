//! Random image names.

use crate::dice::Dice;

/// What people write, and the corners of the grammar.
const POOL: &[&str] = &[
    "nginx",
    "nginx:1.27",
    "library/redis",
    "team/app",
    "apps/internal-app",
    "team__x/y",
    "docker.io/nginx",
    "docker.io/team/app",
    "index.docker.io/nginx",
    "index.docker.io/library/nginx:v1",
    "registry-1.docker.io/library/nginx",
    "localhost/app",
    "localhost:5000/app",
    "localhost/team/app",
    "ghcr.io/team/app",
    "ghcr.io/team/app/deep/er",
    "gcr.io/project/image",
    "reg.example.com/team/app",
    "a.reg.example.com/team/app",
    "reg.example.com:443/team/app",
    "reg.example.com:5000/team/app",
    "reg.example.com:5000/v1/app",
    "reg.example.com/v2/app",
    "Reg.Example.com/team/app",
    "REG/app",
    "A/app",
    "foo_bar.example/app",
    "foo_bar.example:5000/app",
    "a-.b/app",
    "123456789012.dkr.ecr.us-east-1.amazonaws.com/app",
    "us-docker.pkg.dev/project/repo/image",
    "127.0.0.1:5000/app",
    "1.2.3.4/app",
    "a.2.3.4/app",
    "a.b.example.com/team/app",
    "[::1]:5000/app",
    "[::1]/app",
    "[fe80::1]:443/team/app",
    "[ABC]/app",
    "[::ffff:1]/a",
    "[a:b]:80/app",
    "x.io/a.b/c__d/e---f",
    "x.io:65536/a",
    "host:00/a",
];

const BAD: &[&str] = &[
    "",
    "UPPER",
    "ghcr.io/UPPER/app",
    "https://ghcr.io/app",
    "user@ghcr.io/app",
    "a b",
    "ghcr.io//app",
    "ghcr.io/app/",
    "/app",
    "ghcr.io/app:",
    "ghcr.io/app@",
    "ghcr.io/app@sha256:abc",
    "-a/b",
    "a..b/c_",
    "b___c",
    "reg.example.com:abc/app",
    "reg.example.com:/app",
    "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
    "ghcr.io",
    "ghcr.io:5000",
];

/// What is put into a name to spoil it.
const PIECES: &[&str] = &[
    "/",
    ".",
    ":",
    "@",
    "_",
    "__",
    "-",
    "--",
    "a",
    "Z",
    "0",
    " ",
    "[",
    "]",
    "::",
    "localhost",
    "é",
    "İ",
    "ſ",
    "%41",
    "sha256:",
    "\n",
    "\0",
    "?",
    "*",
    "io",
    "K",
];

/// A name, nearly always valid.
pub(crate) fn image(dice: &mut Dice) -> String {
    let mut image = match dice.weighted([64, 34, 2]) {
        0 => dice.pick(POOL).to_owned(),
        1 => composed(dice),
        _ => return dice.pick(BAD).to_owned(),
    };
    add_tag_and_digest(dice, &mut image);
    if dice.percent(2) {
        dice.mutate(&mut image, PIECES);
    }
    image
}

/// A name for a test of names alone: as often invalid as not.
pub(crate) fn wild_image(dice: &mut Dice) -> String {
    let mut image = match dice.weighted([25, 35, 15, 15, 10]) {
        0 => dice.pick(POOL).to_owned(),
        1 => composed(dice),
        2 => dice.pick(BAD).to_owned(),
        3 => return dice.word("ab0A.:/@_-[]", 0, 20),
        _ => long(dice),
    };
    add_tag_and_digest(dice, &mut image);
    if dice.percent(60) {
        dice.mutate(&mut image, PIECES);
    }
    image
}

fn composed(dice: &mut Dice) -> String {
    let mut image = String::new();
    if dice.percent(70) {
        image.push_str(&host(dice));
        if dice.percent(25) {
            image.push(':');
            image.push_str(&dice.word("0123456789", 1, 5));
        }
        image.push('/');
    }
    for component in 0..=dice.weighted([30, 40, 20, 5, 5]) {
        if component > 0 {
            image.push('/');
        }
        image.push_str(&dice.word("abcxyz019", 1, 4));
        for _ in 0..dice.weighted([70, 20, 10]) {
            image.push_str(dice.pick(&[".", "_", "__", "-", "--", "---"]));
            image.push_str(&dice.word("abcxyz019", 1, 3));
        }
    }
    image
}

fn host(dice: &mut Dice) -> String {
    if dice.percent(5) {
        return format!("[{}]", dice.word("0123456789abcdefABCDEF:::", 1, 8));
    }
    let mut host = String::new();
    for label in 0..=dice.weighted([10, 50, 30, 7, 3]) {
        if label > 0 {
            host.push('.');
        }
        host.push_str(&dice.word("abcdxyz01", 1, 3));
        if dice.percent(15) {
            host.push_str(dice.pick(&["-", "--", "_", "A", "Z", "X-Y"]));
            host.push_str(&dice.word("abcxyz01", 1, 2));
        }
    }
    host
}

/// Near the limit of 255 bytes.
fn long(dice: &mut Dice) -> String {
    let start = dice.pick(&["", "docker.io/", "ghcr.io/", "index.docker.io/", "a_b.c/", "team/", "library/"]);
    let length = 236 + dice.below(24);
    format!("{start}{}", "a".repeat(length))
}

fn add_tag_and_digest(dice: &mut Dice, image: &mut String) {
    if dice.percent(25) {
        image.push(':');
        let longest = if dice.percent(3) { 130 } else { 6 };
        image.push_str(&dice.word("abcABC019_", 1, 2));
        image.push_str(&dice.word("abcABC019_.-", 0, longest));
    }
    if dice.percent(15) {
        image.push('@');
        let (algorithm, length) = match dice.weighted([80, 5, 5, 10]) {
            0 => ("sha256", 64),
            1 => ("sha384", 96),
            2 => ("sha512", 128),
            _ => (dice.pick(&["sha1", "md5", "SHA256", "sha256+x", "x.y_z-w", "sha-256", ""]), 40),
        };
        let length = if dice.percent(4) { length - 1 + dice.below(3) } else { length };
        let digits = if dice.percent(4) { "0123456789abcdefABCDEFg" } else { "0123456789abcdef" };
        image.push_str(algorithm);
        image.push(':');
        image.push_str(&dice.word(digits, length, length));
    }
}
