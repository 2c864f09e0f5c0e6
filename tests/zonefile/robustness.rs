//! Whatever the octets are: no panic, and sound records only.

use meridian::compile::zone;
use proptest::prelude::*;

use super::*;

/// An example zone with some of its octets replaced, removed or repeated.
fn mutated() -> impl Strategy<Value = Vec<u8>> {
    let text = include_bytes!("../../zones/example.com.zone");
    // No includes: a mutated path must not name other files.
    let end = text.windows(8).rposition(|w| w == b"$INCLUDE").unwrap();
    let text = text[..end].to_vec();
    let edit = (0..text.len(), 0..4u8, prop::sample::select(EDITS.to_vec()));
    prop::collection::vec(edit, 0..12).prop_map(move |edits| {
        let mut text = text.clone();
        for (at, kind, octet) in edits {
            let at = at % text.len();
            match kind {
                0 => text[at] = octet,
                1 => drop(text.remove(at)),
                2 => text.insert(at, octet),
                _ => text.extend_from_within(at..(at + 40).min(text.len())),
            }
        }
        text
    })
}

/// Octets that mean something in a zone file, and some that mean nothing.
const EDITS: &[u8] = b"\"();\\\n\r\t @.*$\x00\x7f\xff\xc3#=,09aAxN";

/// Reads a text; whatever it is, all records that come out must be sound.
fn holds(text: &[u8]) {
    let apex = name("example.com");
    let mut diagnostics = Diagnostics::new();
    let records = zonefile::parse(text, Path::new("z"), &apex, &[], &mut diagnostics);
    assert_eq!(records.is_none(), diagnostics.has_errors());
    assert!(diagnostics.iter().count() <= 202);
    let Some(records) = records else { return };
    let zone = zone::build(&apex, zone::Settings::default(), &records, &[]);
    assert!(zone.is_ok());
    for record in records.iter() {
        assert!(record.owner.is_in(&apex));
        assert!(record.ttl <= zonefile::TTL_MAX);
        assert!(record.rdata.len() <= 65_535);
    }
}

proptest! {
    #[test]
    fn random_octets_never_panic(text in prop::collection::vec(any::<u8>(), 0..2000)) {
        holds(&text);
    }

    #[test]
    fn random_tokens_never_panic(tokens in prop::collection::vec(prop::sample::select(TOKENS.to_vec()), 0..60)) {
        holds(format!("{HEAD}{}", tokens.concat()).as_bytes());
    }

    #[test]
    fn mutated_zones_never_panic(text in mutated()) {
        holds(&text);
    }

    #[test]
    fn any_octets_come_back_as_they_were_given(octets in prop::collection::vec(any::<u8>(), 0..300)) {
        let hex: String = octets.iter().map(|b| format!("{b:02x}")).collect();
        let text = format!("a TYPE65280 \\# {} {hex}", octets.len());
        prop_assert_eq!(records(&text), [format!("a.example.com. 65280 60 {hex}")]);
    }

    #[test]
    fn any_string_comes_back_from_its_escapes(octets in prop::collection::vec(any::<u8>(), 0..256)) {
        let escaped: String = octets.iter().map(|b| format!("\\{b:03}")).collect();
        let hex: String = octets.iter().map(|b| format!("{b:02x}")).collect();
        let len = octets.len();
        let text = format!("a TXT \"{escaped}\"");
        prop_assert_eq!(records(&text), [format!("a.example.com. 16 60 {len:02x}{hex}")]);
    }
}

/// What entries are made of.
const TOKENS: &[&str] = &[
    " ",
    " ",
    " ",
    "\n",
    "\n",
    "\t",
    "(",
    ")",
    ";",
    "\"",
    "\\",
    "\\#",
    "\\032",
    "@",
    "a",
    "*",
    ".",
    "a.b",
    "example.com.",
    "1",
    "0",
    "65535",
    "4294967296",
    "1h",
    "IN",
    "CLASS1",
    "A",
    "AAAA",
    "NS",
    "MX",
    "TXT",
    "SOA",
    "CNAME",
    "DNAME",
    "SRV",
    "CAA",
    "HTTPS",
    "SVCB",
    "alpn=h2",
    "key7=\"x\"",
    "ech=",
    "ipv4hint=1.2.3.4",
    "mandatory=alpn",
    "NAPTR",
    "DS",
    "DNSKEY",
    "RRSIG",
    "20260101000000",
    "NSEC",
    "NSEC3",
    "NSEC3PARAM",
    "-",
    "TLSA",
    "SSHFP",
    "IPSECKEY",
    "ZONEMD",
    "OPENPGPKEY",
    "HINFO",
    "RP",
    "LOC",
    "TYPE1",
    "TYPE65280",
    "abcd",
    "AQID",
    "1.2.3.4",
    "::1",
    "$TTL",
    "$ORIGIN",
    "$GENERATE",
    "1-3",
    "0-65535/2",
    "$",
    "${1,3,x}",
    "${0,9,n}",
    "\"",
    "URI",
    "CERT",
    "PKIX",
    "EUI48",
    "00-00-5e-00-53-2a",
    "CSYNC",
    "HIP",
    "APL",
    "!2:2001:db8::/32",
    "WKS",
    "NSAP",
    "0x47",
    "AMTRELAY",
    "L64",
    "1:2:3:4",
    "N",
    "E",
    "10m",
];
