//! What an X.509 certificate says of itself: whose it is, who issued it, from when until when it holds.
//!
//! For messages only; nothing is decided by it, and rustls does all the checking. Four fields out of the fixed
//! head of a certificate take a page of code; the crates that parse all of it would be larger than the rest of
//! this program's error handling.

use std::fmt;

use chrono::{DateTime, NaiveDateTime, Utc};

/// The head of a certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Certificate {
    /// Whose it is, as `CN=…, O=…`.
    pub(super) subject: String,
    /// Who issued it.
    pub(super) issuer: String,
    pub(super) not_before: DateTime<Utc>,
    pub(super) not_after: DateTime<Utc>,
}

impl fmt::Display for Certificate {
    /// Names are somebody else's text, so they are quoted.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "subject {:?}, issuer {:?}", self.subject, self.issuer)
    }
}

// The tags of DER that occur here.
const INTEGER: u8 = 0x02;
const OBJECT_IDENTIFIER: u8 = 0x06;
const BMP_STRING: u8 = 0x1e;
const UTC_TIME: u8 = 0x17;
const SEQUENCE: u8 = 0x30;
const SET: u8 = 0x31;
const VERSION: u8 = 0xa0;

/// The attributes of a name that people know (2.5.4.x, RFC 5280 appendix A.1), by the last byte of their
/// identifier.
const ATTRIBUTES: [(u8, &str); 6] = [(3, "CN"), (10, "O"), (11, "OU"), (7, "L"), (8, "ST"), (6, "C")];

/// Reads a certificate in DER; `None` if it is none.
pub(super) fn read(der: &[u8]) -> Option<Certificate> {
    let certificate = &mut take(&mut &*der, SEQUENCE)?;
    let body = &mut take(certificate, SEQUENCE)?;
    if body.first() == Some(&VERSION) {
        take(body, VERSION)?;
    }
    take(body, INTEGER)?; // the serial number
    take(body, SEQUENCE)?; // the signature's algorithm
    let issuer = name(take(body, SEQUENCE)?)?;
    let validity = &mut take(body, SEQUENCE)?;
    let (not_before, not_after) = (time(validity)?, time(validity)?);
    let subject = name(take(body, SEQUENCE)?)?;
    Some(Certificate { subject, issuer, not_before, not_after })
}

fn name(mut attributes: &[u8]) -> Option<String> {
    let mut parts = Vec::new();
    while !attributes.is_empty() {
        let set = &mut take(&mut attributes, SET)?;
        while !set.is_empty() {
            let attribute = &mut take(set, SEQUENCE)?;
            let identifier = take(attribute, OBJECT_IDENTIFIER)?;
            let (tag, value) = take_any(attribute)?;
            let [0x55, 0x04, last] = identifier else { continue };
            if let Some((_, label)) = ATTRIBUTES.iter().find(|(known, _)| known == last) {
                parts.push(format!("{label}={}", text(tag, value)));
            }
        }
    }
    Some(parts.join(", "))
}

fn text(tag: u8, value: &[u8]) -> String {
    if tag == BMP_STRING {
        let units: Vec<u16> =
            value.chunks_exact(2).map(|pair| u16::from_be_bytes([pair[0], pair[1]])).collect();
        String::from_utf16_lossy(&units)
    } else {
        String::from_utf8_lossy(value).into_owned()
    }
}

fn time(input: &mut &[u8]) -> Option<DateTime<Utc>> {
    let (tag, value) = take_any(input)?;
    let text = std::str::from_utf8(value).ok()?;
    let full = if tag == UTC_TIME {
        // Two digits of the year: RFC 5280 §4.1.2.5.1.
        let century = if text.get(..2)?.parse::<u8>().ok()? < 50 { "20" } else { "19" };
        format!("{century}{text}")
    } else {
        text.to_owned()
    };
    Some(NaiveDateTime::parse_from_str(&full, "%Y%m%d%H%M%SZ").ok()?.and_utc())
}

/// Takes the next value, which must have this tag.
fn take<'a>(input: &mut &'a [u8], expected: u8) -> Option<&'a [u8]> {
    let (tag, value) = take_any(input)?;
    (tag == expected).then_some(value)
}

fn take_any<'a>(input: &mut &'a [u8]) -> Option<(u8, &'a [u8])> {
    let (&tag, rest) = input.split_first()?;
    let (&first, mut rest) = rest.split_first()?;
    let length = if first < 0x80 {
        usize::from(first)
    } else {
        // Certificates are far below 16 MiB, so at most three bytes of length.
        let count = usize::from(first & 0x7f);
        if !(1..=3).contains(&count) {
            return None;
        }
        let (bytes, after) = rest.split_at_checked(count)?;
        rest = after;
        bytes.iter().fold(0, |length, byte| length << 8 | usize::from(*byte))
    };
    let (value, after) = rest.split_at_checked(length)?;
    *input = after;
    Some((tag, value))
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, DistinguishedName, DnType, Issuer, KeyPair};

    use super::*;

    fn parameters(names: &[(DnType, &str)]) -> CertificateParams {
        let mut parameters = CertificateParams::default();
        let mut name = DistinguishedName::new();
        for (kind, value) in names {
            name.push(kind.clone(), *value);
        }
        parameters.distinguished_name = name;
        parameters.not_before = rcgen::date_time_ymd(2020, 1, 2);
        parameters.not_after = rcgen::date_time_ymd(2055, 3, 4);
        parameters
    }

    fn certificate() -> Vec<u8> {
        let authority =
            parameters(&[(DnType::OrganizationName, "Example Ltd"), (DnType::CommonName, "Röot")]);
        let issuer = Issuer::new(authority, KeyPair::generate().unwrap());
        let subject = parameters(&[(DnType::CommonName, "api"), (DnType::LocalityName, "Here")]);
        subject.signed_by(&KeyPair::generate().unwrap(), &issuer).unwrap().der().to_vec()
    }

    #[test]
    fn the_head_of_a_certificate_is_read() {
        let read = read(&certificate()).unwrap();
        assert_eq!(read.subject, "CN=api, L=Here");
        assert_eq!(read.issuer, "O=Example Ltd, CN=Röot");
        // 2020 is written with two digits of the year, 2055 with four.
        assert_eq!(read.not_before.to_rfc3339(), "2020-01-02T00:00:00+00:00");
        assert_eq!(read.not_after.to_rfc3339(), "2055-03-04T00:00:00+00:00");
    }

    #[test]
    fn a_damaged_certificate_is_none_and_no_panic() {
        let whole = certificate();
        for end in 0..whole.len() {
            assert_eq!(read(&whole[..end]), None);
        }
        for at in 0..whole.len() {
            for value in [0, 0x7f, 0x80, 0x83, 0x84, 0xff] {
                let mut damaged = whole.clone();
                damaged[at] = value;
                let _ = read(&damaged);
            }
        }
    }
}
