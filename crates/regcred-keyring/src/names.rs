//! Server URL and user name in one text, for keyrings that know entries by one name alone.

/// Begins the name of each entry of ours; then the user name, `@`, and the server URL, both escaped.
const MARK: &str = "regcred:";

/// What an entry is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Names {
    pub(crate) server: String,
    pub(crate) username: String,
}

impl Names {
    /// Both names, in printable ASCII characters without `;`.
    pub(crate) fn join(&self) -> String {
        format!("{MARK}{}@{}", escape(&self.username), escape(&self.server))
    }

    /// Takes apart what [`join`](Self::join) made; `None` for anything else.
    pub(crate) fn parse(joined: &str) -> Option<Self> {
        let (username, server) = joined.strip_prefix(MARK)?.split_once('@')?;
        Some(Self { server: unescape(server)?, username: unescape(username)? })
    }
}

fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_graphic() && !b"%;@".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push('%');
            for digit in [byte >> 4, byte & 0xf] {
                out.extend(char::from_digit(u32::from(digit), 16));
            }
        }
    }
    out
}

fn unescape(text: &str) -> Option<String> {
    let mut parts = text.split('%');
    let mut out = parts.next()?.as_bytes().to_vec();
    for part in parts {
        let (digits, rest) = part.split_at_checked(2)?;
        out.push(u8::from_str_radix(digits, 16).ok()?);
        out.extend_from_slice(rest.as_bytes());
    }
    String::from_utf8(out).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_survive_being_joined() {
        for (server, username) in [
            ("https://index.docker.io/v1/", "me"),
            ("ghcr.io", "me@example.com"),
            ("a;b%@\u{1}", "ü %41"),
            ("", ""),
            ("[::1]:5000/x", "<token>"),
        ] {
            let names = Names { server: server.into(), username: username.into() };
            let joined = names.join();
            assert!(joined.bytes().all(|b| b.is_ascii_graphic() && b != b';'), "{joined}");
            assert_eq!(Names::parse(&joined), Some(names));
        }
        assert_eq!(
            Names { server: "https://ghcr.io/x".into(), username: "me".into() }.join(),
            "regcred:me@https://ghcr.io/x"
        );
    }

    #[test]
    fn what_is_not_ours_is_no_name() {
        for joined in
            ["", "ghcr.io", "regcred:me", "regcred:%zz@x", "regcred:%e@x", "regcred:%ff@x", "Regcred:a@b"]
        {
            assert_eq!(Names::parse(joined), None, "{joined}");
        }
    }
}
