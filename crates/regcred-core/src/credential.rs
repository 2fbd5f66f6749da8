//! A credential, the type that holds its secret part, and when a token in it expires.

use std::fmt;

use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use chrono::{DateTime, TimeDelta, Utc};
use zeroize::Zeroizing;

/// A password or token. It prints as `[redacted]`, cannot be serialised, and is wiped when dropped; reading it
/// is the visible call [`expose`](Self::expose).
#[derive(Clone, PartialEq, Eq)]
pub struct SecretString(Zeroizing<String>);

impl SecretString {
    /// Takes over `value`. A copy that the caller keeps is the caller's to wipe.
    pub fn new(value: impl Into<Zeroizing<String>>) -> Self {
        Self(value.into())
    }

    /// The secret itself.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Whether there is no secret at all.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Debug for SecretString {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

/// A user name with its password, as a pull secret holds it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Credential {
    /// The user name; it may not hold a `:` where it is written as `auth`.
    pub username: String,
    /// The password, or a token that serves as one.
    pub password: SecretString,
    /// The e-mail address, which no registry needs any more.
    pub email: Option<String>,
}

/// What a docker config or a credential helper lets one log in with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Login {
    /// A user name and a password.
    Password(Credential),
    /// An OAuth refresh token. Docker exchanges it for access tokens; the kubelet drops it.
    IdentityToken(SecretString),
    /// A bearer token, sent as it is. The kubelet drops it.
    RegistryToken(SecretString),
}

/// Go's `base64.StdEncoding` and `RawStdEncoding`, which accept whatever bits are left over at the end.
const STANDARD: GeneralPurpose = engine(&alphabet::STANDARD, true);
const STANDARD_UNPADDED: GeneralPurpose = engine(&alphabet::STANDARD, false);
const URL_SAFE_UNPADDED: GeneralPurpose = engine(&alphabet::URL_SAFE, false);

const fn engine(alphabet: &alphabet::Alphabet, padded: bool) -> GeneralPurpose {
    let padding = if padded { DecodePaddingMode::RequireCanonical } else { DecodePaddingMode::RequireNone };
    let config = GeneralPurposeConfig::new()
        .with_decode_allow_trailing_bits(true)
        .with_decode_padding_mode(padding)
        .with_encode_padding(padded);
    GeneralPurpose::new(alphabet, config)
}

/// A token that expires within this time is worth a word.
pub const EXPIRES_SOON: TimeDelta = TimeDelta::days(7);

/// The `auth` field for a user and a password: standard base64 of `user:password`.
pub fn encode_auth(credential: &Credential) -> Zeroizing<String> {
    let pair = Zeroizing::new([&credential.username, ":", credential.password.expose()].concat());
    Zeroizing::new(STANDARD.encode(pair.as_bytes()))
}

/// What an `auth` field holds as (user, password), or `None` if it does not decode. Neither need be UTF-8.
///
/// Follows the kubelet (`pkg/credentialprovider/config.go`, `decodeDockerConfigFieldAuth`): padded base64 if
/// the value ends in `=` after trimming, else unpadded; line breaks inside are skipped; split at the first
/// `:`.
pub fn decode_auth(auth: &str) -> Option<(Vec<u8>, Zeroizing<Vec<u8>>)> {
    let unbroken: Zeroizing<Vec<u8>> =
        Zeroizing::new(auth.bytes().filter(|b| !matches!(b, b'\r' | b'\n')).collect());
    let engine = if auth.trim().ends_with('=') { &STANDARD } else { &STANDARD_UNPADDED };
    let decoded = Zeroizing::new(engine.decode(&unbroken[..]).ok()?);
    let colon = decoded.iter().position(|&b| b == b':')?;
    Some((decoded[..colon].to_vec(), Zeroizing::new(decoded[colon + 1..].to_vec())))
}

/// When a token says it expires, read without verifying it: the `exp` claim of a JWT (RFC 7519), or the
/// `expiration` field of an ECR password (base64 of a JSON object). `None` for anything else.
pub fn expiry(secret: &SecretString) -> Option<DateTime<Utc>> {
    let token = secret.expose().trim();
    let seconds = jwt_claim(token).or_else(|| ecr_expiration(token))?;
    DateTime::from_timestamp(seconds, 0)
}

fn jwt_claim(token: &str) -> Option<i64> {
    let mut parts = token.split('.');
    let (_header, payload, _signature) = (parts.next()?, parts.next()?, parts.next()?);
    if parts.next().is_some() {
        return None;
    }
    let payload = Zeroizing::new(URL_SAFE_UNPADDED.decode(payload).ok()?);
    number(&payload, "exp")
}

fn ecr_expiration(token: &str) -> Option<i64> {
    let engine = if token.ends_with('=') { &STANDARD } else { &STANDARD_UNPADDED };
    let decoded = Zeroizing::new(engine.decode(token).ok()?);
    number(&decoded, "expiration")
}

/// A number in a JSON object, without what follows its decimal point.
fn number(object: &[u8], name: &str) -> Option<i64> {
    let json = crate::json::Json::parse(object).ok()?;
    let (_, value) =
        json.root().members().filter(|(n, _)| n.as_string().is_some_and(|n| **n == *name)).last()?;
    let value: serde_json::Number = serde_json::from_slice(value.raw()).ok()?;
    #[expect(clippy::cast_possible_truncation, reason = "a claim is seconds since 1970; `as` saturates")]
    value.as_i64().or_else(|| value.as_f64().map(|seconds| seconds as i64))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secret(value: &str) -> SecretString {
        SecretString::new(value.to_owned())
    }

    fn jwt(payload: &str) -> SecretString {
        let encode = |text: &str| URL_SAFE_UNPADDED.encode(text);
        secret(&format!("{}.{}.{}", encode(r#"{"alg":"none"}"#), encode(payload), encode("sig")))
    }

    #[test]
    fn a_secret_does_not_show_itself() {
        let login = Login::Password(Credential {
            username: "me".into(),
            password: secret("hunter2"),
            email: Some("me@example.com".into()),
        });
        let shown = format!("{login:?} {:#?}", secret("hunter2"));
        assert!(!shown.contains("hunter2"), "{shown}");
        assert!(shown.contains("[redacted]"));
    }

    #[test]
    fn auth_decodes_as_the_kubelet_does() {
        let decode = |auth: &str| decode_auth(auth).map(|(user, password)| (user, password.to_vec()));
        let pair =
            |user: &str, password: &str| Some((user.as_bytes().to_vec(), password.as_bytes().to_vec()));
        assert_eq!(decode("dTpw"), pair("u", "p"));
        assert_eq!(decode("dTpwOnE="), pair("u", "p:q"));
        assert_eq!(decode("dTpwOnE"), pair("u", "p:q"));
        assert_eq!(decode("dTpw\r\nOnE=\n"), pair("u", "p:q"));
        assert_eq!(decode("Og=="), pair("", ""));
        assert_eq!(decode("/zr/"), Some((vec![0xff], vec![0xff])));
        // Left-over bits are of no account to Go.
        assert_eq!(decode("dTpwOnF="), pair("u", "p:q"));
        for undecodable in [" dTpw", "dTpw ", "dXA=", "dTp_", "dTp-", "d", "dTpwOnE=="] {
            assert_eq!(decode(undecodable), None, "{undecodable:?}");
        }
    }

    #[test]
    fn auth_encodes_user_and_password_padded() {
        let credential = Credential { username: "u".into(), password: secret("p:q"), email: None };
        assert_eq!(encode_auth(&credential).as_str(), "dTpwOnE=");
    }

    #[test]
    fn a_jwt_says_when_it_expires() {
        let at = |seconds| DateTime::from_timestamp(seconds, 0);
        assert_eq!(expiry(&jwt(r#"{"iss":"x","exp":1700000000}"#)), at(1_700_000_000));
        assert_eq!(expiry(&jwt(r#"{"exp":1.7e9}"#)), at(1_700_000_000));
        assert_eq!(expiry(&jwt(r#"{"exp":1700000000.9}"#)), at(1_700_000_000));
    }

    #[test]
    fn an_ecr_password_says_when_it_expires() {
        let inner =
            r#"{"payload":"AAAA","datakey":"AAAA","version":"2","type":"DATA_KEY","expiration":1700043200}"#;
        assert_eq!(expiry(&secret(&STANDARD.encode(inner))), DateTime::from_timestamp(1_700_043_200, 0));
    }

    #[test]
    fn anything_else_says_nothing_of_expiry() {
        for opaque in ["", "hunter2", "a.b.c", "ghp_abcdefghijkl", "..", "e30.e30.e30", "eyJ4IjoxfQ=="] {
            assert_eq!(expiry(&secret(opaque)), None, "{opaque:?}");
        }
        assert_eq!(expiry(&jwt(r#"{"exp":"1700000000"}"#)), None);
        assert_eq!(expiry(&jwt(r#"{"exp":1e300}"#)), None);
        assert_eq!(expiry(&jwt("[1]")), None);
    }
}
