//! The values of a record -> wire format, per type (RFC 1035, 3.3 and on; RFC 3597 for any type).

use domain::base::ParsedName;
use domain::base::iana::Rtype;
use domain::base::rdata::{ComposeRecordData, ParseRecordData};
use domain::base::scan::ScannerError;
use domain::dep::octseq::Parser;
use domain::rdata::ZoneRecordData;

use super::lexer::Token;
use super::scanner::{ScanError, TokenScanner};
use crate::dns::Name;

/// Why a record's values are refused.
pub(super) struct RdataError {
    /// The token that is wrong; past the last one where a value is missing.
    pub token: usize,
    pub reason: ScanError,
}

/// The rdata of a record in wire format, without compression.
pub(super) fn parse(
    rtype: Rtype,
    text: &[u8],
    tokens: &[Token],
    origin: &Name,
) -> Result<Vec<u8>, RdataError> {
    let mut scanner = TokenScanner::new(text, tokens, origin);
    if rtype == Rtype::SOA {
        // Refresh, retry, expire and minimum, after two names and the serial.
        scanner = scanner.durations_from(3);
    }
    scan(rtype, &mut scanner).map_err(|reason| RdataError {
        token: scanner.culprit(&reason),
        reason,
    })
}

fn scan(rtype: Rtype, scanner: &mut TokenScanner<'_>) -> Result<Vec<u8>, ScanError> {
    let data = ZoneRecordData::scan(same_format(rtype), scanner)?;
    scanner.finish()?;
    let mut wire = Vec::new();
    // Appending to a vector cannot fail.
    let Ok(()) = data.compose_rdata(&mut wire);
    if wire.len() > usize::from(u16::MAX) {
        return Err(ScannerError::short_buf());
    }
    if matches!(data, ZoneRecordData::Unknown(_)) && !is_well_formed(rtype, &wire) {
        return Err(ScanError::custom("octets that are no data of this type"));
    }
    Ok(wire)
}

/// Types that `domain` does not know, but whose data reads like that of one that it knows.
fn same_format(rtype: Rtype) -> Rtype {
    match rtype {
        Rtype::SPF => Rtype::TXT,
        Rtype::SMIMEA => Rtype::TLSA,
        // A number and a name (RFC 1183, 1 and 3.3; RFC 2230, 3.1).
        Rtype::AFSDB | Rtype::RT | Rtype::KX => Rtype::MX,
        other => other,
    }
}

/// Whether octets given as `\#` are data of a type that we know (RFC 3597, 5).
fn is_well_formed(rtype: Rtype, wire: &[u8]) -> bool {
    let mut parser = Parser::from_ref(wire);
    let parsed = ZoneRecordData::<_, ParsedName<_>>::parse_rdata(same_format(rtype), &mut parser);
    let Ok(Some(data)) = parsed else {
        return false;
    };
    let mut again = Vec::with_capacity(wire.len());
    let Ok(()) = data.compose_rdata(&mut again);
    // They differ when a name in it was compressed.
    parser.remaining() == 0 && again == wire
}

/// Where the name begins in the data of types that end in a name.
const fn name_offset(rtype: Rtype) -> Option<usize> {
    match rtype {
        Rtype::NS | Rtype::CNAME | Rtype::DNAME | Rtype::PTR => Some(0),
        Rtype::MX => Some(2),
        Rtype::SRV => Some(6),
        _ => None,
    }
}

/// The name that a record leads to: NS, CNAME, DNAME, PTR, MX and SRV have one.
pub(super) fn target(rtype: Rtype, rdata: &[u8]) -> Option<Name> {
    let name = rdata.get(name_offset(rtype)?..)?;
    Name::from_wire(name).ok()
}

/// The data with its name in lower case (RFC 4343): data of one type is the same when this is.
pub(super) fn folded(rtype: Rtype, rdata: &[u8]) -> Vec<u8> {
    let mut folded = rdata.to_vec();
    if let Some(name) = name_offset(rtype).and_then(|at| folded.get_mut(at..)) {
        name.make_ascii_lowercase();
    }
    folded
}

/// Types that only questions or messages have (RFC 6895, 3.1): no zone holds them.
pub(super) fn is_meta(rtype: Rtype) -> bool {
    matches!(rtype.to_int(), 0 | 41 | 128..=255)
}

/// What the data of a type looks like, with an example.
pub(super) fn expected(rtype: Rtype) -> String {
    let format = match rtype {
        Rtype::A => "an IPv4 address: `192.0.2.1`",
        Rtype::AAAA => "an IPv6 address: `2001:db8::1`",
        Rtype::NS => "a nameserver: `ns1.example.com.`",
        Rtype::CNAME | Rtype::DNAME | Rtype::PTR => "a name: `host.example.com.`",
        Rtype::MX => "preference and host: `10 mail.example.com.`",
        Rtype::TXT | Rtype::SPF => "strings of up to 255 octets: `\"v=spf1 -all\"`",
        Rtype::SRV => "priority, weight, port and host: `0 5 5060 sip.example.com.`",
        Rtype::CAA => "flags, tag and value: `0 issue \"ca.example.net\"`",
        Rtype::SOA => {
            "primary, mailbox, serial, refresh, retry, expire and minimum: \
             `ns1 hostmaster 1 4h 1h 2w 5m`"
        }
        Rtype::DS | Rtype::CDS => "key tag, algorithm, digest type and digest in hex",
        Rtype::DNSKEY | Rtype::CDNSKEY => "flags, protocol 3, algorithm and key in base 64",
        Rtype::TLSA | Rtype::SMIMEA => "usage, selector, matching type and data in hex",
        Rtype::SSHFP => "algorithm, fingerprint type and fingerprint in hex",
        Rtype::SVCB | Rtype::HTTPS => "priority, target and parameters: `1 . alpn=h2`",
        Rtype::NAPTR => {
            "order, preference, flags, services, expression and replacement: \
             `100 10 \"u\" \"E2U+sip\" \"!^.*$!sip:a@example.com!\" .`"
        }
        _ => return format!("the data of {rtype}, or `\\# length hex` (RFC 3597)"),
    };
    format!("{rtype} is {format}")
}

#[cfg(test)]
mod tests {
    use super::super::lexer::Lexer;
    use super::*;

    /// The data of a type as hex, or the index of the wrong token and the reason.
    fn rdata(rtype: &str, text: &str) -> Result<String, (usize, String)> {
        let origin = Name::parse("example.com").unwrap();
        let mut lexer = Lexer::new(text.as_bytes());
        let tokens = match lexer.next_entry() {
            Some(entry) => entry.tokens.unwrap(),
            None => &[],
        };
        parse(rtype.parse().unwrap(), text.as_bytes(), tokens, &origin)
            .map(|wire| wire.iter().map(|b| format!("{b:02x}")).collect())
            .map_err(|e| (e.token, e.reason.to_string()))
    }

    const ORIGIN: &str = "076578616d706c6503636f6d00";

    #[track_caller]
    fn reads(rtype: &str, text: &str, hex: &str) {
        assert_eq!(
            rdata(rtype, text).as_deref(),
            Ok(&*hex.replace('~', ORIGIN)),
            "{rtype} {text}"
        );
    }

    #[test]
    fn types_are_read_to_wire_format() {
        reads("A", "192.0.2.1", "c0000201");
        reads("AAAA", "2001:db8::1", "20010db8000000000000000000000001");
        reads("NS", "ns1", "036e7331~");
        reads("CNAME", "@", "~");
        reads("PTR", "a.", "016100");
        reads("DNAME", ".", "00");
        reads("MX", "10 mx", "000a026d78~");
        reads("TXT", r#"a "b c" "\"\233é""#, "0161036220630422e9c3a9");
        reads("SRV", "1 2 3 s", "0001000200030173~");
        reads(
            "CAA",
            "0 issue \"x\"",
            "000569737375 65 78".replace(' ', "").as_str(),
        );
        reads("DS", "1 8 2 ab CD", "00010802abcd");
        reads("TLSA", "3 1 1 ab", "030101ab");
        reads("SMIMEA", "3 1 1 ab", "030101ab");
        reads("SSHFP", "4 2 ab", "0402ab");
        reads("AFSDB", "1 a", "00010161~");
        reads(
            "NAPTR",
            r#"1 2 "u" "s" "" ."#,
            "0001000201750173 00 00".replace(' ', "").as_str(),
        );
        reads(
            "HTTPS",
            "1 . alpn=\"h2\" port=8",
            "00010000010003026832000300020008",
        );
        reads("SVCB", "0 a", "00000161~");
        reads("DNSKEY", "257 3 13 YWJj", "0101030d616263");
        reads(
            "SOA",
            "a b 1 1h 2m 3 4",
            "0161~0162~0000000100000e10000000780000000300000004",
        );
    }

    #[test]
    fn rfc_3597_any_type_is_read_from_its_octets() {
        reads("TYPE65280", r"\# 4 0a000001", "0a000001");
        reads("TYPE65280", r"\# 0", "");
        reads("TYPE1", r"\# 4 0a 000 001", "0a000001");
        reads("A", r"\# 4 0a000001", "0a000001");
    }

    #[test]
    fn rfc_3597_octets_of_a_known_type_must_be_its_data() {
        let refused = Err((2, "octets that are no data of this type".to_owned()));
        assert_eq!(rdata("A", r"\# 3 0a0000"), refused);
        assert_eq!(rdata("NS", r"\# 2 c000"), refused);
        // A name that points back into the same data.
        assert_eq!(
            rdata(
                "SOA",
                r"\# 23 00c0000000000000000000000000000000000000000000"
            ),
            refused
        );
        assert!(rdata("TYPE65280", r"\# 4 0a").is_err());
    }

    #[test]
    fn the_wrong_token_is_named() {
        let wrong = |rtype: &str, text: &str| rdata(rtype, text).unwrap_err();
        assert_eq!(wrong("A", "192.0.2.300").0, 0);
        assert_eq!(wrong("A", "1.2.3.4 x"), (1, "one value too many".into()));
        assert_eq!(wrong("MX", "mail"), (0, "expected decimal number".into()));
        assert_eq!(wrong("MX", "10"), (1, "a value is missing".into()));
        assert_eq!(wrong("MX", "\"\" a").0, 0);
        assert_eq!(wrong("NS", "a..b").0, 0);
        assert_eq!(
            wrong("SOA", "a b 1 1h 2x 3 4"),
            (4, "is no duration".into())
        );
        assert_eq!(wrong("TXT", r"a \999").0, 1);
        assert_eq!(wrong("TXT", &"a".repeat(256)).0, 0);
        assert_eq!(wrong("LOC", "52 0 0 N 4 0 0 E 0m").0, 0);
    }

    #[test]
    fn data_is_compared_without_the_case_of_its_names_only() {
        let is_same = |rtype, a, b| folded(rtype, a) == folded(rtype, b);
        assert!(is_same(Rtype::NS, b"\x01a\0", b"\x01A\0"));
        assert!(is_same(Rtype::MX, b"\0\x41\x01a\0", b"\0\x41\x01A\0"));
        assert!(!is_same(Rtype::MX, b"\0\x41\x01a\0", b"\0\x61\x01a\0"));
        assert!(!is_same(Rtype::TXT, b"\x01a", b"\x01A"));
    }
}
