//! What a certificate says. Whether to trust it is webpki's to say.

use std::fmt::{self, Write};
use std::net::IpAddr;

use super::der::{
    BOOLEAN, GENERALIZED_TIME, IA5, OCTETS, OID, PRINTABLE, SEQUENCE, SET, T61, UTC_TIME, UTF8,
    element, elements,
};

/// `version` and `extensions`, the fields of a certificate's body that have tags of their own.
const VERSION: u8 = 0xA0;
const EXTENSIONS: u8 = 0xA3;
/// 2.5.29.17 (RFC 5280, 4.2.1.6).
const SUBJECT_ALT_NAME: &[u8] = &[0x55, 0x1D, 0x11];

/// As much of a certificate as is asked for (RFC 5280, 4.1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Certificate<'c> {
    /// `notBefore`, `notAfter`.
    pub begins: Time,
    pub ends: Time,
    /// Who signed it, and whose it is: names as they are encoded.
    issuer: &'c [u8],
    subject: &'c [u8],
    /// Of whom it may be besides.
    alt_names: &'c [u8],
}

/// One of whom a certificate is (RFC 5280, 4.2.1.6).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AltName<'c> {
    Dns(&'c str),
    Email(&'c str),
    Uri(&'c str),
    Address(IpAddr),
}

impl<'c> Certificate<'c> {
    /// Reads DER.
    pub fn read(octets: &'c [u8]) -> Option<Self> {
        let (SEQUENCE, certificate, _) = element(octets)? else {
            return None;
        };
        let (SEQUENCE, body, _) = element(certificate)? else {
            return None;
        };
        let (first, _, after) = element(body)?;
        let rest = if first == VERSION { after } else { body };
        // Serial number, signature.
        let (_, _, rest) = element(rest)?;
        let (_, _, rest) = element(rest)?;
        let (SEQUENCE, issuer, rest) = element(rest)? else {
            return None;
        };
        let (SEQUENCE, validity, rest) = element(rest)? else {
            return None;
        };
        let (SEQUENCE, subject, rest) = element(rest)? else {
            return None;
        };
        let (tag, text, after_begin) = element(validity)?;
        let begins = Time::read(tag, text)?;
        let (tag, text, _) = element(after_begin)?;
        Some(Certificate {
            begins,
            ends: Time::read(tag, text)?,
            issuer,
            subject,
            alt_names: alt_names(rest).unwrap_or_default(),
        })
    }

    /// Whether it may be signed by whom `other` is of.
    pub fn may_be_signed_by(&self, other: &Certificate<'_>) -> bool {
        self.issuer == other.subject
    }

    pub fn is_self_signed(&self) -> bool {
        self.issuer == self.subject
    }

    /// The names and addresses that it is for. Those of other kinds, and those that are not what their kind says, are
    /// left out.
    pub fn names(&self) -> impl Iterator<Item = AltName<'c>> {
        elements(self.alt_names).filter_map(|(tag, content)| {
            // IA5String: ASCII.
            let text = || std::str::from_utf8(content).ok().filter(|t| t.is_ascii());
            Some(match tag {
                0x81 => AltName::Email(text()?),
                0x82 => AltName::Dns(text()?),
                0x86 => AltName::Uri(text()?),
                0x87 => AltName::Address(match content.len() {
                    4 => <[u8; 4]>::try_from(content).ok()?.into(),
                    _ => <[u8; 16]>::try_from(content).ok()?.into(),
                }),
                _ => return None,
            })
        })
    }

    /// Whose it is, as RFC 4514 writes it: `CN=www.example.com,O=Example`. What is not visible ASCII is escaped, so
    /// that it can stand in a header.
    pub fn subject(&self) -> String {
        let mut rdns: Vec<&[u8]> = elements(self.subject)
            .filter(|(tag, _)| *tag == SET)
            .map(|(_, rdn)| rdn)
            .collect();
        // The most specific one first (2.1).
        rdns.reverse();
        let mut text = String::new();
        for rdn in rdns {
            for (number, (_, attribute)) in elements(rdn).enumerate() {
                let separator = match (text.is_empty(), number) {
                    (true, _) => "",
                    (false, 0) => ",",
                    (false, _) => "+",
                };
                text += separator;
                write_attribute(&mut text, attribute);
            }
        }
        text
    }
}

/// `subjectAltName` among what follows the subject.
fn alt_names(behind_subject: &[u8]) -> Option<&[u8]> {
    let (_, extensions) = elements(behind_subject).find(|(tag, _)| *tag == EXTENSIONS)?;
    let (SEQUENCE, extensions, _) = element(extensions)? else {
        return None;
    };
    elements(extensions).find_map(|(_, extension)| {
        let (OID, SUBJECT_ALT_NAME, rest) = element(extension)? else {
            return None;
        };
        let (tag, content, rest) = element(rest)?;
        let (tag, content) = match tag {
            // `critical`
            BOOLEAN => element(rest).map(|(tag, content, _)| (tag, content))?,
            _ => (tag, content),
        };
        let (SEQUENCE, names, _) = element(content)? else {
            return None;
        };
        (tag == OCTETS).then_some(names)
    })
}

/// Short names of attributes (RFC 4514, 3).
const ATTRIBUTES: [(&[u8], &str); 9] = [
    (&[0x55, 0x04, 0x03], "CN"),
    (&[0x55, 0x04, 0x07], "L"),
    (&[0x55, 0x04, 0x08], "ST"),
    (&[0x55, 0x04, 0x0A], "O"),
    (&[0x55, 0x04, 0x0B], "OU"),
    (&[0x55, 0x04, 0x06], "C"),
    (&[0x55, 0x04, 0x09], "STREET"),
    (
        &[0x09, 0x92, 0x26, 0x89, 0x93, 0xF2, 0x2C, 0x64, 0x01, 0x19],
        "DC",
    ),
    (
        &[0x09, 0x92, 0x26, 0x89, 0x93, 0xF2, 0x2C, 0x64, 0x01, 0x01],
        "UID",
    ),
];

/// `CN=www.example.com`; `1.2.3=#0C0161` for what has no short name, or is no text (2.3, 2.4).
fn write_attribute(text: &mut String, attribute: &[u8]) {
    let Some((OID, kind, value)) = element(attribute) else {
        return;
    };
    let named = ATTRIBUTES.iter().find(|(oid, _)| *oid == kind);
    match named {
        Some((_, name)) => *text += name,
        None => write_oid(text, kind),
    }
    text.push('=');
    match (named, element(value)) {
        (Some(_), Some((UTF8 | PRINTABLE | T61 | IA5, value, _))) => {
            for (at, &octet) in value.iter().enumerate() {
                let is_end = at == 0 || at + 1 == value.len();
                match octet {
                    b'"' | b'+' | b',' | b';' | b'<' | b'>' | b'\\' | b'=' => {
                        text.push('\\');
                        text.push(char::from(octet));
                    }
                    b'#' if at == 0 => *text += "\\#",
                    b' ' if is_end => *text += "\\ ",
                    b' '..=b'~' => text.push(char::from(octet)),
                    _ => drop(write!(text, "\\{octet:02X}")),
                }
            }
        }
        _ => {
            text.push('#');
            for octet in value {
                let _ = write!(text, "{octet:02X}");
            }
        }
    }
}

/// X.690, 8.19.
fn write_oid(text: &mut String, oid: &[u8]) {
    let mut number: u64 = 0;
    let mut is_first = true;
    for &octet in oid {
        number = number << 7 | u64::from(octet & 0x7F);
        if octet & 0x80 != 0 {
            continue;
        }
        if is_first {
            let first = (number / 40).min(2);
            let _ = write!(text, "{first}.{}", number - first * 40);
        } else {
            let _ = write!(text, ".{number}");
        }
        (number, is_first) = (0, false);
    }
}

/// A point of time as certificates have it, in UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Time {
    year: i64,
    month: i64,
    day: i64,
    hour: i64,
    minute: i64,
    second: i64,
}

impl Time {
    /// `YYMMDDhhmmssZ` or `YYYYMMDDhhmmssZ` (RFC 5280, 4.1.2.5).
    fn read(tag: u8, text: &[u8]) -> Option<Self> {
        let text = text.strip_suffix(b"Z")?;
        let is_digits = text.iter().all(u8::is_ascii_digit);
        let (pairs, []) = text.as_chunks::<2>() else {
            return None;
        };
        let pair = |at: usize| {
            let [tens, ones] = pairs.get(at)?;
            Some(i64::from(tens - b'0') * 10 + i64::from(ones - b'0'))
        };
        if !is_digits {
            return None;
        }
        let (year, at) = match (tag, pairs.len()) {
            (UTC_TIME, 6) => {
                let year = pair(0)?;
                (year + if year < 50 { 2000 } else { 1900 }, 1)
            }
            (GENERALIZED_TIME, 7) => (pair(0)? * 100 + pair(1)?, 2),
            _ => return None,
        };
        Some(Time {
            year,
            month: pair(at)?,
            day: pair(at + 1)?,
            hour: pair(at + 2)?,
            minute: pair(at + 3)?,
            second: pair(at + 4)?,
        })
    }

    /// Seconds since the Unix epoch (Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms").
    pub fn unix_s(self) -> i64 {
        let year = if self.month <= 2 {
            self.year - 1
        } else {
            self.year
        };
        let (era, year_of_era) = (year.div_euclid(400), year.rem_euclid(400));
        let day_of_year = (153 * ((self.month + 9) % 12) + 2) / 5 + self.day - 1;
        let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
        let days = era * 146_097 + day_of_era - 719_468;
        days * 86_400 + self.hour * 3600 + self.minute * 60 + self.second
    }
}

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Time {
            year,
            month,
            day,
            hour,
            minute,
            ..
        } = self;
        write!(f, "{year:04}-{month:02}-{day:02} {hour:02}:{minute:02} UTC")
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rcgen::{CertificateParams, DnType, DnValue, KeyPair, SanType, date_time_ymd};
    use rustls::pki_types::CertificateDer;

    use super::*;

    fn made(params: CertificateParams) -> CertificateDer<'static> {
        let key = KeyPair::generate().expect("a key");
        let made = params.self_signed(&key).expect("a certificate");
        made.der().clone()
    }

    fn certificate(year: i32) -> CertificateDer<'static> {
        let mut params = CertificateParams::new(vec!["a.example".into()]).expect("parameters");
        params.not_before = date_time_ymd(2020, 1, 2);
        params.not_after = date_time_ymd(year, 3, 1);
        made(params)
    }

    #[test]
    fn the_end_is_read_in_both_forms() {
        for (year, unix_s) in [
            (2030, 1_898_553_600),
            (2049, 2_498_169_600),
            (2050, 2_529_705_600),
            (4096, 67_095_302_400),
        ] {
            let octets = certificate(year);
            let certificate = Certificate::read(&octets).expect("a certificate");
            assert_eq!(certificate.ends.unix_s(), unix_s, "{year}");
            let text = format!("{year}-03-01 00:00 UTC");
            assert_eq!(certificate.ends.to_string(), text);
            assert_eq!(certificate.begins.to_string(), "2020-01-02 00:00 UTC");
            assert!(certificate.is_self_signed());
        }
    }

    #[test]
    fn the_epoch_is_zero() {
        let epoch = Time::read(GENERALIZED_TIME, b"19700101000000Z").expect("a time");
        assert_eq!(epoch.unix_s(), 0);
        assert_eq!(Time::read(UTC_TIME, b"700101000000Z"), Some(epoch));
    }

    #[test]
    fn whose_it_is_stands_in_one_line_of_ascii() {
        let mut params = CertificateParams::new(Vec::new()).expect("parameters");
        let name = &mut params.distinguished_name;
        *name = rcgen::DistinguishedName::new();
        name.push(DnType::CountryName, "DE");
        name.push(DnType::OrganizationName, "Ä, Inc\r\nX-Admin: 1");
        name.push(DnType::CustomDnType(vec![1, 2, 840]), "x");
        let common = DnValue::Utf8String("#a=b ".into());
        name.push(DnType::CommonName, common);
        let octets = made(params);
        let certificate = Certificate::read(&octets).expect("a certificate");
        assert_eq!(
            certificate.subject(),
            r"CN=\#a\=b\ ,1.2.840=#0C0178,O=\C3\84\, Inc\0D\0AX-Admin: 1,C=DE"
        );
    }

    #[test]
    fn all_names_are_read() {
        let mut params = CertificateParams::new(vec![
            "a.example".into(),
            "*.b.example".into(),
            "192.0.2.1".into(),
            "2001:db8::1".into(),
        ])
        .expect("parameters");
        let uri = "spiffe://example/web".try_into().expect("a URI");
        let email = "a@b.example".try_into().expect("an address");
        params.subject_alt_names.push(SanType::URI(uri));
        params.subject_alt_names.push(SanType::Rfc822Name(email));
        let octets = made(params);
        let certificate = Certificate::read(&octets).expect("a certificate");
        let names: Vec<_> = certificate.names().collect();
        assert_eq!(
            names,
            [
                AltName::Dns("a.example"),
                AltName::Dns("*.b.example"),
                AltName::Address("192.0.2.1".parse().expect("an address")),
                AltName::Address("2001:db8::1".parse().expect("an address")),
                AltName::Uri("spiffe://example/web"),
                AltName::Email("a@b.example"),
            ]
        );
    }

    proptest! {
        #[test]
        fn no_octets_are_too_odd(
            octets in proptest::collection::vec(any::<u8>(), 0..200),
            at in 0..600_usize,
            octet in any::<u8>(),
        ) {
            let mut damaged = certificate(2030).to_vec();
            let length = damaged.len();
            damaged[at % length] = octet;
            for octets in [&octets, &damaged] {
                if let Some(read) = Certificate::read(octets) {
                    let _ = (read.ends.unix_s(), read.names().count());
                    prop_assert!(read.subject().bytes().all(|b| (b' '..=b'~').contains(&b)));
                }
            }
        }
    }
}
