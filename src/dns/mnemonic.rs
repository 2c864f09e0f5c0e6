//! Types and classes by name and by number (IANA "DNS Parameters"; RFC 3597, 5).

use std::fmt;

/// Types that zones hold and whose mnemonics are in use, the commonest first.
const TYPES: &[(&str, u16)] = &[
    ("A", 1),
    ("AAAA", 28),
    ("NS", 2),
    ("CNAME", 5),
    ("TXT", 16),
    ("MX", 15),
    ("PTR", 12),
    ("SRV", 33),
    ("DS", 43),
    ("RRSIG", 46),
    ("NSEC", 47),
    ("NSEC3", 50),
    ("DNSKEY", 48),
    ("CAA", 257),
    ("HTTPS", 65),
    ("SVCB", 64),
    ("TLSA", 52),
    ("SSHFP", 44),
    ("NAPTR", 35),
    ("SOA", 6),
    ("DNAME", 39),
    ("NSEC3PARAM", 51),
    ("CDS", 59),
    ("CDNSKEY", 60),
    ("MD", 3),
    ("MF", 4),
    ("MB", 7),
    ("MG", 8),
    ("MR", 9),
    ("NULL", 10),
    ("WKS", 11),
    ("HINFO", 13),
    ("MINFO", 14),
    ("RP", 17),
    ("AFSDB", 18),
    ("X25", 19),
    ("ISDN", 20),
    ("RT", 21),
    ("NSAP", 22),
    ("NSAP-PTR", 23),
    ("SIG", 24),
    ("KEY", 25),
    ("PX", 26),
    ("GPOS", 27),
    ("LOC", 29),
    ("NXT", 30),
    ("EID", 31),
    ("NIMLOC", 32),
    ("ATMA", 34),
    ("KX", 36),
    ("CERT", 37),
    ("A6", 38),
    ("SINK", 40),
    ("APL", 42),
    ("IPSECKEY", 45),
    ("DHCID", 49),
    ("SMIMEA", 53),
    ("HIP", 55),
    ("NINFO", 56),
    ("RKEY", 57),
    ("TALINK", 58),
    ("OPENPGPKEY", 61),
    ("CSYNC", 62),
    ("ZONEMD", 63),
    ("DSYNC", 66),
    ("SPF", 99),
    ("NID", 104),
    ("L32", 105),
    ("L64", 106),
    ("LP", 107),
    ("EUI48", 108),
    ("EUI64", 109),
    ("URI", 256),
    ("AVC", 258),
    ("DOA", 259),
    ("AMTRELAY", 260),
    ("RESINFO", 261),
    ("WALLET", 262),
    ("TA", 32768),
    ("DLV", 32769),
    // Of questions and messages only; known so as to be refused in words.
    ("OPT", 41),
    ("NXNAME", 128),
    ("TKEY", 249),
    ("TSIG", 250),
    ("IXFR", 251),
    ("AXFR", 252),
    ("MAILB", 253),
    ("MAILA", 254),
    ("ANY", 255),
];

/// The type that `token` names, in either case, or by number: `TYPE65280`.
pub fn rtype(token: &[u8]) -> Option<u16> {
    let known = TYPES
        .iter()
        .find(|(name, _)| token.eq_ignore_ascii_case(name.as_bytes()));
    match known {
        Some(&(_, number)) => Some(number),
        None => numbered(token, b"TYPE"),
    }
}

/// The class that `token` names, in either case, or by number: `CLASS1`.
pub fn class(token: &[u8]) -> Option<u16> {
    const CLASSES: [(&[u8], u16); 5] = [
        (b"IN", 1),
        (b"CS", 2),
        (b"CH", 3),
        (b"HS", 4),
        (b"NONE", 254),
    ];
    let known = CLASSES
        .iter()
        .find(|(name, _)| token.eq_ignore_ascii_case(name));
    match known {
        Some(&(_, number)) => Some(number),
        None => numbered(token, b"CLASS"),
    }
}

/// A 16-bit number behind a word, such as `TYPE65280`.
pub fn numbered(token: &[u8], word: &[u8]) -> Option<u16> {
    let (head, digits) = token.split_at_checked(word.len())?;
    if !head.eq_ignore_ascii_case(word) || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    std::str::from_utf8(digits).ok()?.parse().ok()
}

/// Shows a type as zone files have it.
#[derive(Clone, Copy)]
pub struct TypeName(pub u16);

impl fmt::Display for TypeName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match TYPES.iter().find(|(_, number)| *number == self.0) {
            Some((name, _)) => f.pad(name),
            None => write!(f, "TYPE{}", self.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rfc_3597_section_5_types_and_classes_have_numbers() {
        assert_eq!(rtype(b"aaaa"), Some(28));
        assert_eq!(rtype(b"TYPE65280"), Some(65280));
        assert_eq!(rtype(b"type1"), Some(1));
        assert_eq!(class(b"in"), Some(1));
        assert_eq!(class(b"CLASS1"), Some(1));
        assert_eq!(class(b"Class65535"), Some(65535));
        for bad in ["TYPE", "TYPE65536", "TYPE-1", "TYPE+1", "TYP1", "É", ""] {
            assert_eq!(rtype(bad.as_bytes()), None, "{bad}");
        }
        assert_eq!(class(b"CLASS65536"), None);
        assert_eq!(class(b"A"), None);
    }

    #[test]
    fn every_mnemonic_comes_back() {
        for &(name, number) in TYPES {
            assert_eq!(rtype(name.as_bytes()), Some(number));
            assert_eq!(TypeName(number).to_string(), name);
        }
        assert_eq!(TypeName(65280).to_string(), "TYPE65280");
    }
}
