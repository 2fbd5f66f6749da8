//! Patterns as Go's `filepath.Match` understands them on Unix: what the kubelet compares hosts with.
//!
//! Crates for globbing know `**`, braces or `[!a]`, which Go does not, and are silent about patterns that Go
//! calls malformed, which match nothing.

/// What came of comparing a pattern with a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Match {
    /// The whole name matches.
    Yes,
    /// It does not.
    No,
    /// The pattern is malformed, as far as Go looked.
    Malformed,
}

struct Malformed;

/// Compares a whole name with a pattern of `*`, `?`, `[a-z]`, `[^a-z]` and `\` escapes.
///
/// Follows `path/filepath/match.go`. `*` and `?` stop at `/`, which the label of a host can hold when it was
/// percent-encoded.
pub fn matches(pattern: &[u8], name: &[u8]) -> Match {
    match try_match(pattern, name) {
        Ok(true) => Match::Yes,
        Ok(false) => Match::No,
        Err(Malformed) => Match::Malformed,
    }
}

fn try_match(mut pattern: &[u8], mut name: &[u8]) -> Result<bool, Malformed> {
    while !pattern.is_empty() {
        let (star, chunk, rest) = next_chunk(pattern);
        pattern = rest;
        if star && chunk.is_empty() {
            return Ok(!name.contains(&b'/'));
        }
        let is_last = pattern.is_empty();
        let whole = |left: &[u8]| left.is_empty() || !is_last;
        if let Some(left) = match_chunk(chunk, name)?.filter(|left| whole(left)) {
            name = left;
            continue;
        }
        if !star {
            return Ok(false);
        }
        let reach = name.iter().position(|&b| b == b'/').unwrap_or(name.len());
        let mut found = None;
        for skipped in 1..=reach {
            found = match_chunk(chunk, &name[skipped..])?.filter(|left| whole(left));
            if found.is_some() {
                break;
            }
        }
        let Some(left) = found else { return Ok(false) };
        name = left;
    }
    Ok(name.is_empty())
}

/// Divides a pattern: whether it begins with stars, what follows up to the next star, and the rest.
fn next_chunk(pattern: &[u8]) -> (bool, &[u8], &[u8]) {
    let stars = pattern.iter().take_while(|&&b| b == b'*').count();
    let pattern = &pattern[stars..];
    let mut in_class = false;
    let mut at = 0;
    while let Some(&byte) = pattern.get(at) {
        match byte {
            b'\\' if at + 1 < pattern.len() => at += 1,
            b'[' => in_class = true,
            b']' => in_class = false,
            b'*' if !in_class => break,
            _ => {}
        }
        at += 1;
    }
    (stars > 0, &pattern[..at], &pattern[at..])
}

/// Matches a chunk without stars at the start of a name; returns what of the name is left.
///
/// After a mismatch the rest of the chunk is still read, for its form.
fn match_chunk<'n>(mut chunk: &[u8], mut name: &'n [u8]) -> Result<Option<&'n [u8]>, Malformed> {
    let mut failed = false;
    while let Some((&first, after)) = chunk.split_first() {
        failed |= name.is_empty();
        match first {
            b'[' => {
                let (c, length) = if failed { (0, 0) } else { decode(name) };
                name = &name[length..];
                let (matched, rest) = match_class(after, c)?;
                failed |= !matched;
                chunk = rest;
            }
            b'?' => {
                if !failed {
                    failed = name[0] == b'/';
                    name = &name[decode(name).1..];
                }
                chunk = after;
            }
            _ => {
                let (literal, rest) = if first == b'\\' {
                    after.split_first().map(|(&literal, rest)| (literal, rest)).ok_or(Malformed)?
                } else {
                    (first, after)
                };
                if !failed {
                    failed = literal != name[0];
                    name = &name[1..];
                }
                chunk = rest;
            }
        }
    }
    Ok((!failed).then_some(name))
}

/// Matches a character with a class, given from behind its `[`; returns what follows the class.
fn match_class(class: &[u8], c: u32) -> Result<(bool, &[u8]), Malformed> {
    let negated = class.first() == Some(&b'^');
    let mut rest = &class[usize::from(negated)..];
    let mut matched = false;
    let mut ranges = 0;
    loop {
        if rest.first() == Some(&b']') && ranges > 0 {
            return Ok((matched != negated, &rest[1..]));
        }
        let (low, after) = class_character(rest)?;
        let (high, after) = if after[0] == b'-' { class_character(&after[1..])? } else { (low, after) };
        matched |= low <= c && c <= high;
        ranges += 1;
        rest = after;
    }
}

/// One character of a class; something always follows it, if only the closing bracket.
fn class_character(class: &[u8]) -> Result<(u32, &[u8]), Malformed> {
    let class = match class.first() {
        None | Some(b'-' | b']') => return Err(Malformed),
        Some(b'\\') => &class[1..],
        Some(_) => class,
    };
    if class.is_empty() {
        return Err(Malformed);
    }
    let (c, length) = decode(class);
    let is_invalid = c == u32::from(char::REPLACEMENT_CHARACTER) && length == 1;
    let rest = &class[length..];
    if is_invalid || rest.is_empty() { Err(Malformed) } else { Ok((c, rest)) }
}

/// The first character and its length in bytes; a byte that is not UTF-8 is U+FFFD, as in Go.
fn decode(text: &[u8]) -> (u32, usize) {
    let length = (1..=text.len().min(4)).find(|&length| std::str::from_utf8(&text[..length]).is_ok());
    let character = length.and_then(|length| std::str::from_utf8(&text[..length]).ok()?.chars().next());
    match (character, length) {
        (Some(c), Some(length)) => (u32::from(c), length),
        _ => (u32::from(char::REPLACEMENT_CHARACTER), 1),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The cases of Go's own `path/filepath/match_test.go`, as (pattern, name, outcome).
    const CASES: &[(&str, &str, Match)] = &[
        ("abc", "abc", Match::Yes),
        ("*", "abc", Match::Yes),
        ("*c", "abc", Match::Yes),
        ("a*", "a", Match::Yes),
        ("a*", "ab/c", Match::No),
        ("a*/b", "abc/b", Match::Yes),
        ("a*/b", "a/c/b", Match::No),
        ("a*b*c*d*e*/f", "axbxcxdxe/f", Match::Yes),
        ("a*b*c*d*e*/f", "axbxcxdxe/xxx/f", Match::No),
        ("a*b?c*x", "abxbbxdbxebxczzx", Match::Yes),
        ("a*b?c*x", "abxbbxdbxebxczzy", Match::No),
        ("ab[c]", "abc", Match::Yes),
        ("ab[e-g]", "abc", Match::No),
        ("ab[^e-g]", "abc", Match::Yes),
        ("a\\*b", "a*b", Match::Yes),
        ("a\\*b", "ab", Match::No),
        ("a?b", "a☺b", Match::Yes),
        ("a[^a]b", "a☺b", Match::Yes),
        ("a???b", "a☺b", Match::No),
        ("[a-ζ]*", "α", Match::Yes),
        ("*[a-ζ]", "A", Match::No),
        ("a?b", "a/b", Match::No),
        ("[\\]a]", "]", Match::Yes),
        ("[x\\-]", "-", Match::Yes),
        ("[x\\-]", "z", Match::No),
        ("[]a]", "]", Match::Malformed),
        ("[-]", "-", Match::Malformed),
        ("[x-]", "x", Match::Malformed),
        ("[a-b-c]", "a", Match::Malformed),
        ("[", "a", Match::Malformed),
        ("[^", "a", Match::Malformed),
        ("a[", "a", Match::Malformed),
        ("a[", "ab", Match::Malformed),
        ("a[", "x", Match::Malformed),
        ("*x", "xxx", Match::Yes),
        ("a\\", "a", Match::Malformed),
        ("", "", Match::Yes),
        ("", "a", Match::No),
    ];

    #[test]
    fn patterns_match_as_in_go() {
        for &(pattern, name, expected) in CASES {
            assert_eq!(matches(pattern.as_bytes(), name.as_bytes()), expected, "{pattern} {name}");
        }
    }

    #[test]
    fn bytes_that_are_no_text_match_as_in_go() {
        assert_eq!(matches(b"?", b"\xff"), Match::Yes);
        assert_eq!(matches(b"\xff", b"\xff"), Match::Yes);
        assert_eq!(matches(b"[\xff]", b"\xff"), Match::Malformed);
        assert_eq!(matches("[\u{fffd}]".as_bytes(), b"\xff"), Match::Yes);
    }
}
