//! Every type's format, and what is said of mistakes.

use std::result::Result;

use super::super::lexer::Lexer;
use super::*;
use crate::dns::Name;
use crate::dns::mnemonic;

/// The data of a type as hex, or the index of the wrong token and the reason.
fn rdata(rtype: &str, text: &str) -> Result<String, (usize, String)> {
    let origin = Name::parse("example.com").unwrap();
    let mut lexer = Lexer::new(text.as_bytes());
    let tokens = match lexer.next_entry() {
        Some(entry) => entry.tokens.unwrap(),
        None => &[],
    };
    let rtype = mnemonic::rtype(rtype.as_bytes()).unwrap();
    let mut wire = b"before".to_vec();
    let read = parse(rtype, text.as_bytes(), tokens, origin.as_wire(), &mut wire);
    match read {
        Ok(()) => Ok(wire[6..].iter().map(|b| format!("{b:02x}")).collect()),
        Err(error) => {
            assert_eq!(wire, b"before");
            Err((error.token, error.reason.to_string()))
        }
    }
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
    reads("DS", "1 8 9 ab CD", "00010809abcd");
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
    assert_eq!(wrong("MX", "mail"), (0, "expected a decimal number".into()));
    assert_eq!(wrong("MX", "10"), (1, "a value is missing".into()));
    assert_eq!(wrong("MX", "\"\" a").0, 0);
    assert_eq!(wrong("NS", "a..b").0, 0);
    assert_eq!(
        wrong("SOA", "a b 1 1h 2x 3 4"),
        (4, "is no duration".into())
    );
    assert_eq!(wrong("TXT", r"a \999").0, 1);
    assert_eq!(wrong("TXT", &"a".repeat(256)).0, 0);
    assert_eq!(wrong("LOC", "52 0 0 N 4 0 0 Q 0m").0, 7);
}

#[test]
fn data_is_compared_without_the_case_of_its_names_only() {
    let is_same = |rtype: &str, a, b| {
        let rtype = mnemonic::rtype(rtype.as_bytes()).unwrap();
        folded(rtype, a) == folded(rtype, b)
    };
    assert!(is_same("NS", b"\x01a\0", b"\x01A\0"));
    assert!(is_same("MX", b"\0\x41\x01a\0", b"\0\x41\x01A\0"));
    assert!(!is_same("MX", b"\0\x41\x01a\0", b"\0\x61\x01a\0"));
    assert!(!is_same("TXT", b"\x01a", b"\x01A"));
}

/// A type, its data in text, and what named-compilezone 9.18 makes of it; `~` is the origin.
const OF_BIND: &[(&str, &str, &str)] = &[
    (
        "LOC",
        "52 22 23.000 N 4 53 32.000 E -2.00m 0.00m 10000m 10m",
        "000016138b3cf018810cbce0009895b8",
    ),
    (
        "LOC",
        "42 21 54 N 71 06 18 W -24m 30m",
        "0033161389172dd070be15f000988d20",
    ),
    (
        "LOC",
        "42 21 N 71 06 W 0",
        "0012161389165ae070be5c4000989680",
    ),
    (
        "LOC",
        "42 N 71 W 100000.00m 1m 90000000.00m 2m",
        "001299228903210070c3da8001312d00",
    ),
    (
        "LOC",
        "90 S 180 E 42849672.95",
        "001216136cb02700a69fb200ffffffff",
    ),
    (
        "LOC",
        "0 0 0.001 S 0 0 59.999 W -100000.00 0.01 0.09 0.10",
        "001090117fffffff7fff15a100000000",
    ),
    (
        "URI",
        r#"10 1 "ftp://ftp1.example.com/public""#,
        "000a00016674703a2f2f667470312e6578616d706c652e636f6d2f7075626c6963",
    ),
    ("CERT", "1 12345 8 YWJjZGVm", "0001303908616263646566"),
    ("CERT", "PGP 0 0 YWJj ZGVm", "0003000000616263646566"),
    ("CERT", "PKIX 1 RSASHA256 YWJj", "0001000108616263"),
    ("EUI48", "00-00-5e-00-53-2a", "00005e00532a"),
    ("EUI64", "00-00-5e-ef-10-00-00-2a", "00005eef1000002a"),
    ("CSYNC", "66 3 A NS AAAA", "000000420003000460000008"),
    ("CSYNC", "0 0", "000000000000"),
    (
        "HIP",
        "2 200100107B1A74DF365639CC39F1D578 YWJj",
        "10020003200100107b1a74df365639cc39f1d578616263",
    ),
    (
        "HIP",
        "2 200100107B1A74DF365639CC39F1D578 YWJj rvs1 rvs2.example.net.",
        "10020003200100107b1a74df365639cc39f1d5786162630472767331~0472767332076578616d706c65036e657400",
    ),
    (
        "APL",
        "1:192.168.32.0/21 !1:192.168.38.0/28",
        "00011503c0a82000011c83c0a826",
    ),
    (
        "APL",
        "1:224.0.0.0/4 2:FF00:0:0:0:0:0:0:0/8",
        "00010401e000020801ff",
    ),
    ("APL", "1:0.0.0.0/0 2:::/0", "0001000000020000"),
    (
        "HINFO",
        r#""Generic PC clone" NetBSD"#,
        "1047656e6572696320504320636c6f6e65064e6574425344",
    ),
    (
        "RP",
        "mbox txt.example.org.",
        "046d626f78~03747874076578616d706c65036f726700",
    ),
    ("AFSDB", "1 afs", "000103616673~"),
    ("KX", "10 kx-host", "000a076b782d686f7374~"),
    ("DHCID", "AAIBY2/AuCcc", "000201636fc0b8271c"),
    ("TLSA", "3 1 1 d2abde24 0d7cd3ee", "030101d2abde240d7cd3ee"),
    ("SMIMEA", "3 0 1 d2abde24", "030001d2abde24"),
    (
        "SSHFP",
        "2 1 123456789abcdef67890123456789abcdef67890",
        "0201123456789abcdef67890123456789abcdef67890",
    ),
    ("OPENPGPKEY", "AQMFD5ra", "0103050f9ada"),
    (
        "NAPTR",
        r#"100 10 "" "" "!^urn:cid:.+@([^\\.]+\\.)(.*)$!\\2!i" ."#,
        "0064000a000021215e75726e3a6369643a2e2b40285b5e5c2e5d2b5c2e29282e2a2924215c32216900",
    ),
    (
        "NAPTR",
        r#"100 50 "s" "http+I2L" "" _http._tcp.gatech.edu."#,
        "00640032017308687474702b49324c00055f68747470045f746370066761746563680365647500",
    ),
    (
        "SVCB",
        "16 foo.example.org. alpn=h2,h3-19 mandatory=ipv4hint,alpn ipv4hint=192.0.2.1",
        "001003666f6f076578616d706c65036f7267000000000400010004000100090268320568332d313900040004c0000201",
    ),
    (
        "SVCB",
        "1 foo.example.com. port=53",
        "000103666f6f~000300020035",
    ),
    (
        "SVCB",
        "1 foo.example.com. key667=hello",
        "000103666f6f~029b000568656c6c6f",
    ),
    (
        "SVCB",
        r#"1 foo.example.com. key667="hello\210qoo""#,
        "000103666f6f~029b000968656c6c6fd2716f6f",
    ),
    (
        "SVCB",
        r#"1 foo.example.com. ipv6hint="2001:db8::1,2001:db8::53:1""#,
        "000103666f6f~0006002020010db800000000000000000000000120010db8000000000000000000530001",
    ),
    (
        "SVCB",
        r#"1 example.com. ipv6hint="2001:db8:ffff:ffff:ffff:ffff:198.51.100.100""#,
        "0001~0006001020010db8ffffffffffffffffc6336464",
    ),
    (
        "SVCB",
        r#"16 foo.example.org. alpn="f\\\\oo\\,bar,h2""#,
        "001003666f6f076578616d706c65036f7267000001000c08665c6f6f2c626172026832",
    ),
    (
        "SVCB",
        r"16 foo.example.org. alpn=f\\\092oo\092,bar,h2",
        "001003666f6f076578616d706c65036f7267000001000c08665c6f6f2c626172026832",
    ),
    ("SVCB", "0 foo.example.com.", "000003666f6f~"),
    (
        "HTTPS",
        r#"1 . alpn=h3 no-default-alpn port="8443" ech=AEP+DQA/ ipv4hint=1.2.3.4,5.6.7.8"#,
        "00010000010003026833000200000003000220fb000400080102030405060708000500060043fe0d003f",
    ),
    ("HTTPS", "0 .", "000000"),
    (
        "HTTPS",
        "1 . key65534=z9 key9",
        "00010000090000fffe00027a39",
    ),
    (
        "SVCB",
        "1 . alpn=dot dohpath=/dns-query{?dns}",
        "0001000001000403646f74000700102f646e732d71756572797b3f646e737d",
    ),
    ("SVCB", r"1 . key1=\002h2", "00010000010003026832"),
    (
        "CAA",
        r#"0 issue "ca1.example.net""#,
        "000569737375656361312e6578616d706c652e6e6574",
    ),
    ("CAA", r#"0 issuewild ";""#, "0009697373756577696c643b"),
    (
        "SPF",
        r#""v=spf1 -all" "a b""#,
        "0b763d73706631202d616c6c03612062",
    ),
    ("NID", "10 0014:4fff:ff20:ee64", "000a00144fffff20ee64"),
    ("L32", "10 10.1.2.0", "000a0a010200"),
    ("L64", "10 2001:0DB8:1140:1000", "000a20010db811401000"),
    ("LP", "10 l64-subnet1", "000a0b6c36342d7375626e657431~"),
    ("IPSECKEY", "10 1 2 192.0.2.38 YWJj", "0a0102c0000226616263"),
    ("IPSECKEY", "10 0 2 . YWJj", "0a0002616263"),
    (
        "IPSECKEY",
        "10 3 2 gateway.example.com. YWJj",
        "0a03020767617465776179~616263",
    ),
    (
        "IPSECKEY",
        "10 2 2 2001:0DB8:0:8002::2000:1 YWJj",
        "0a020220010db8000080020000000020000001616263",
    ),
    ("X25", "311061700956", "0c333131303631373030393536"),
    (
        "ISDN",
        "150862028003217 004",
        "0f31353038363230323830303332313703303034",
    ),
    (
        "ISDN",
        r#""150862028003217""#,
        "0f313530383632303238303033323137",
    ),
    ("RT", "10 rt", "000a027274~"),
    (
        "PX",
        "10 map822 mapx400.",
        "000a066d6170383232~076d61707834303000",
    ),
    (
        "NSAP",
        "0x47.0005.80.005a00.0000.0001.e133.ffffff000161.00",
        "47000580005a0000000001e133ffffff00016100",
    ),
    (
        "WKS",
        "10.0.0.1 tcp telnet ftp 80",
        "0a000001060000050000000000000080",
    ),
    ("WKS", "10.0.0.1 17 53 69", "0a00000111000000000000040004"),
    ("MINFO", "r e", "0172~0165~"),
    (
        "GPOS",
        "-32.6882 116.8652 10.0",
        "082d33322e36383832083131362e383635320431302e30",
    ),
    ("MB", "mb", "026d62~"),
    (
        "DS",
        "60485 5 1 ( 2BB183AF5F22588179A53B0A 98631FAD1A292118 )",
        "ec4505012bb183af5f22588179a53b0a98631fad1a292118",
    ),
    ("CDS", "0 0 0 00", "0000000000"),
    ("CDNSKEY", "0 3 0 AA==", "0000030000"),
    ("DNSKEY", "256 3 RSASHA1 YWJj", "01000305616263"),
    ("KEY", "256 3 5 YWJj", "01000305616263"),
    (
        "ZONEMD",
        "2018031500 1 240 c68090d90a7aed716bc459f9",
        "7848b78c01f0c68090d90a7aed716bc459f9",
    ),
    (
        "DLV",
        "60485 5 1 2BB183AF5F22588179A53B0A98631FAD1A292118",
        "ec4505012bb183af5f22588179a53b0a98631fad1a292118",
    ),
    (
        "AVC",
        r#""app-name:WOLFGANG""#,
        "116170702d6e616d653a574f4c4647414e47",
    ),
    ("NINFO", r#""a" "b""#, "01610162"),
    (
        "TALINK",
        "a b.example.org.",
        "0161~0162076578616d706c65036f726700",
    ),
    (
        "RESINFO",
        "qnamemin exterr=15-17",
        "08716e616d656d696e0c6578746572723d31352d3137",
    ),
    ("AMTRELAY", "10 0 1 203.0.113.15", "0a01cb00710f"),
    (
        "AMTRELAY",
        "10 1 3 amtrelays.example.com.",
        "0a8309616d7472656c617973~",
    ),
    ("AMTRELAY", "0 1 0 .", "0080"),
    (
        "AMTRELAY",
        "0 0 2 2001:db8::15",
        "000220010db8000000000000000000000015",
    ),
    ("NSEC3PARAM", "1 0 12 aabbccdd", "0100000c04aabbccdd"),
    (
        "NSEC",
        "host.example.com. ( A MX RRSIG NSEC TYPE1234 )",
        "04686f7374~0006400100000003041b000000000000000000000000000000000000000000000000000020",
    ),
    (
        "RRSIG",
        "A 5 3 86400 20030322173103 ( 20030220173103 2642 example.com. YWJj )",
        "00010503000151803e7c9dd73e5510d70a52~616263",
    ),
    (
        "RRSIG",
        "TYPE65280 13 3 3600 1047753063 20380119031408 2642 @ YWJj",
        "ff000d0300000e103e737167800000000a52~616263",
    ),
    (
        "RRSIG",
        "A 8 2 0 20240229235959 21060207062817 1 . YWJj",
        "000108020000000065e11a7f00000001000100616263",
    ),
    (
        "NSEC3",
        "1 1 12 aabbccdd ( 2vptu5timamqttgl4luu9kg21e0aor3s A RRSIG )",
        "0101000c04aabbccdd1417f3df17b2b2adaef615257de4d2020b80ac6c7c0006400000000002",
    ),
    (
        "NSEC3",
        "1 0 0 - 2vptu5timamqttgl4luu9kg21e0aor3s",
        "01000000001417f3df17b2b2adaef615257de4d2020b80ac6c7c",
    ),
];

#[test]
fn every_type_is_on_the_wire_what_bind_makes_of_it() {
    for &(rtype, text, hex) in OF_BIND {
        reads(rtype, text, hex);
    }
}

#[test]
fn every_type_is_read_from_its_octets_too() {
    for &(rtype, _, hex) in OF_BIND {
        let hex = hex.replace('~', ORIGIN);
        let octets = format!(r"\# {} {hex}", hex.len() / 2);
        reads(rtype, &octets, &hex);
    }
}

#[test]
fn octets_that_are_cut_short_are_no_data() {
    for &(rtype, _, hex) in OF_BIND {
        let fields = format::fields(mnemonic::rtype(rtype.as_bytes()).unwrap()).unwrap();
        let hex = hex.replace('~', ORIGIN);
        let octets: Vec<u8> = (0..hex.len())
            .step_by(2)
            .map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap())
            .collect();
        assert!(wire::is_well_formed(fields, &octets));
        // Types whose data may end anywhere before its last octets, or almost.
        let has_open_end = matches!(
            fields.last(),
            Some(
                format::Field::Octets
                    | format::Field::Hex
                    | format::Field::Base64
                    | format::Field::Nsap
                    | format::Field::Services
                    | format::Field::IpsecGateway
                    | format::Field::Digest
            )
        );
        if !has_open_end {
            let cut = &octets[..octets.len() - 1];
            assert!(!wire::is_well_formed(fields, cut), "{rtype} {hex}");
        }
        // None has room for what follows here, but for those.
        let is_fixed = matches!(
            fields.last(),
            Some(format::Field::Name | format::Field::V4 | format::Field::Location)
        );
        if is_fixed {
            let long = [&octets[..], b"\0"].concat();
            assert!(!wire::is_well_formed(fields, &long), "{rtype} {hex}");
        }
    }
}

#[test]
fn what_bind_refuses_is_refused() {
    for (rtype, text) in [
        ("SVCB", "1 b port=53 port=54"),
        ("SVCB", "1 b mandatory=port"),
        ("SVCB", "1 b mandatory=mandatory"),
        ("SVCB", "1 b mandatory=port,port port=1"),
        ("SVCB", "1 b no-default-alpn"),
        ("SVCB", "1 b alpn="),
        ("SVCB", "1 b alpn=,h2"),
        ("SVCB", "1 b alpn=h2,"),
        ("SVCB", "1 b port"),
        ("SVCB", "1 b port=65536"),
        ("SVCB", "1 b ipv4hint="),
        ("SVCB", "1 b key00667=a"),
        ("SVCB", "1 b key65536=a"),
        ("SVCB", "1 b key1=h2"),
        ("SVCB", "1 b dohpath=/q"),
        ("SVCB", "1 b no-default-alpn=x alpn=h2"),
        ("SVCB", "1 b =x"),
        ("SVCB", r#"1 b alpn="h2" "h3""#),
        ("DS", "1 8 2 ab"),
        ("CAA", r#"0 "" x"#),
        ("CAA", "0 is-sue x"),
        ("CAA", "0 issue x y"),
        ("APL", "1:1.2.3.4/33"),
        ("APL", "3:00/0"),
        ("LOC", "90 0 0.001 N 0 E 0"),
        ("LOC", "1 2.5 N 0 E 0"),
        ("LOC", "1 60 N 0 E 0"),
        ("LOC", "1 1 60 N 0 E 0"),
        ("LOC", "1 1 1 1 N 0 E 0"),
        ("LOC", "1 N 181 E 0"),
        ("LOC", "1 N 1 N 0"),
        ("LOC", "1 N 1 E 1.001m"),
        ("LOC", "1 N 1 E 0m 2500m 12.345m"),
        ("LOC", "1 1 1.0001 N 1 E 1"),
        ("LOC", "1 N 1 E"),
        ("EUI48", "0000.5e00.532a"),
        ("EUI48", "00-00-5e-00-53"),
        ("X25", "31x"),
        ("X25", r#""""#),
        ("HINFO", "a"),
        ("NSEC3PARAM", "1 0 0 a"),
        ("IPSECKEY", "10 0 2 192.0.2.1 YWJj"),
        ("IPSECKEY", "10 4 2 . YWJj"),
        ("CERT", "1 1 1"),
        ("DNSKEY", "256 3 5"),
        ("OPENPGPKEY", "YWJj===="),
        ("OPENPGPKEY", "YWI"),
        ("NSAP", "0x4"),
        ("L64", "1 2001:0DB8:1140:10000"),
        ("URI", "1 1 x y"),
        ("TYPE65280", "abc"),
        ("A", "1.2.3"),
        ("A", "01.2.3.4"),
        ("A", "1.2.3.4.5"),
        ("AAAA", "::ffff%eth0"),
        ("TXT", ""),
        ("RRSIG", "A 5 3 1 20030230173103 20030220173103 1 . YWJj"),
        ("NSEC3", "1 0 0 - 2vptu5timamqttgl4luu9kg21e0aor3"),
        ("NSEC", "a FOO"),
        ("NXT", "a A"),
    ] {
        assert!(rdata(rtype, text).is_err(), "{rtype} {text}");
    }
}

#[test]
fn rfc_9460_section_14_3_2_key_65535_is_invalid() {
    assert!(rdata("SVCB", "1 b key65535=a").is_err());
    assert!(rdata("SVCB", "1 b key65534=a").is_ok());
    assert!(rdata("SVCB", "1 . alpn=h2 ohttp").is_ok());
    assert!(rdata("SVCB", "1 . ohttp=1").is_err());
}
