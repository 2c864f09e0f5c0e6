//! Zone files through the public interface: what is read, and what is said of mistakes.

use std::path::Path;

use meridian::compile::zonefile::{self, ZoneRecord};
use meridian::config::Diagnostics;
use meridian::dns::Name;
use proptest::prelude::*;

fn name(text: &str) -> Name {
    Name::parse(text).unwrap()
}

/// The records of a zone `example.com`, and every diagnostic as a line.
fn parse(text: &str, balanced: &[&str]) -> (Option<Vec<ZoneRecord>>, Vec<String>) {
    let balanced: Vec<Name> = balanced.iter().map(|text| name(text)).collect();
    let mut diagnostics = Diagnostics::new();
    let records = zonefile::parse(
        text.as_bytes(),
        Path::new("z"),
        &name("example.com"),
        &balanced,
        &mut diagnostics,
    );
    let lines = diagnostics.sorted().iter().map(|d| d.to_string()).collect();
    (records, lines)
}

/// SOA, NS and its address, in three lines; what is tested follows on the fourth.
const HEAD: &str = "$TTL 60\n@ SOA ns h 1 1 1 1 1\n@ NS ns.example.net.\n";

/// The diagnostics of a zone that is complete but for `text`, which begins on line 4.
fn said(text: &str) -> Vec<String> {
    parse(&format!("{HEAD}{text}"), &[]).1
}

#[track_caller]
fn says(text: &str, expected: &[&str]) {
    assert_eq!(said(text), expected, "{text}");
}

/// `owner type ttl hex`, without the records of [`HEAD`].
fn records(text: &str) -> Vec<String> {
    let (records, said) = parse(&format!("{HEAD}{text}"), &[]);
    let records = records.unwrap_or_else(|| panic!("{said:#?}"));
    records[2..].iter().map(shown).collect()
}

fn shown(record: &ZoneRecord) -> String {
    let hex: String = record.rdata.iter().map(|b| format!("{b:02x}")).collect();
    format!("{} {} {} {hex}", record.owner, record.rtype, record.ttl)
}

fn read_file(path: &str, apex: &str, balanced: &[&str]) -> Vec<ZoneRecord> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    let balanced: Vec<Name> = balanced.iter().map(|text| name(text)).collect();
    let mut diagnostics = Diagnostics::new();
    let records = zonefile::read(&path, &name(apex), &balanced, &mut diagnostics);
    assert!(diagnostics.is_empty(), "{:#?}", diagnostics.sorted());
    records.unwrap()
}

mod examples {
    use super::*;

    #[test]
    fn the_example_zones_have_no_mistakes() {
        let records = read_file(
            "zones/example.com.zone",
            "example.com",
            &["shop.example.com"],
        );
        assert_eq!(records.len(), 31);
        let records = read_file("zones/gslb.example.com.zone", "gslb.example.com", &[]);
        assert_eq!(records.len(), 5);
    }

    #[test]
    fn a_record_says_where_it_was_written() {
        let records = read_file("zones/example.com.zone", "example.com", &[]);
        let dmarc = name("_dmarc.example.com");
        let record = records.iter().find(|r| r.owner == dmarc).unwrap();
        assert!(record.place.file.ends_with("zones/example.com.mail.inc"));
        assert_eq!((record.place.line, record.place.column), (10, 13));
    }
}

mod structure {
    use super::*;

    #[test]
    fn ttl_and_class_come_in_either_order_or_not_at_all() {
        for text in [
            "a 9 IN A 1.2.3.4",
            "a IN 9s A 1.2.3.4",
            "a 9 CLASS1 a 1.2.3.4",
        ] {
            assert_eq!(records(text), ["a.example.com. 1 9 01020304"], "{text}");
        }
        assert_eq!(records("a IN A 1.2.3.4"), ["a.example.com. 1 60 01020304"]);
    }

    #[test]
    fn rfc_1035_section_5_1_a_blank_owner_is_the_last_one() {
        assert_eq!(
            records("a A 1.2.3.4\n\n ; comment\n\tA 1.2.3.5"),
            [
                "a.example.com. 1 60 01020304",
                "a.example.com. 1 60 01020305"
            ]
        );
        let (_, said) = parse(" A 1.2.3.4\n", &[]);
        assert_eq!(
            said,
            [
                "z:1:2: error: `A` has no owner (a line that begins with white space belongs to the owner before it)"
            ]
        );
    }

    #[test]
    fn origins_are_relative_to_each_other() {
        assert_eq!(
            records("$ORIGIN sub\na A 1.2.3.4\n$origin b\n@ A 1.2.3.4\n"),
            [
                "a.sub.example.com. 1 60 01020304",
                "b.sub.example.com. 1 60 01020304"
            ]
        );
    }

    #[test]
    fn windows_line_ends_and_a_byte_order_mark_are_no_mistakes() {
        let text = format!("\u{feff}{HEAD}a A 1.2.3.4").replace('\n', "\r\n");
        assert_eq!(parse(&text, &[]).1, [""; 0]);
    }

    #[test]
    fn every_mistake_is_told_at_once_with_its_place() {
        says(
            "a A 192.0.2.300\n\
             b 1x A 1.2.3.4\n\
             é FOO 1\n\
             c CH TXT x\n\
             d MX 10\n\
             e A 1.2.3.4 5.6.7.8\n\
             f TXT \"open\n\
             $GENERATE 1-2 a A 1.2.3.4\n\
             g..h A 1.2.3.4\n\
             www.example.org. A 1.2.3.4\n\
             i\n\
             j AXFR 1\n\
             k TXT (\n\
             l A 1.2.3.4 )\n",
            &[
                "z:4:5: error: `192.0.2.300`: expected IPv4 address, in A data \
                 (A is an IPv4 address: `192.0.2.1`)",
                "z:5:3: error: TTL `1x` is no duration (seconds, or numbers with the units \
                 w, d, h, m and s: `3600` or `1h30m`)",
                "z:6:3: error: `FOO` is no record type (a type such as A or MX, or a number: \
                 `TYPE65280` (RFC 3597))",
                "z:7:3: error: class `CH` (zones are of class IN)",
                "z:8:8: error: MX: a value is missing (MX is preference and host: \
                 `10 mail.example.com.`)",
                "z:9:13: error: `5.6.7.8`: one value too many for A \
                 (A is an IPv4 address: `192.0.2.1`)",
                "z:10:7: error: `\"` is not closed on its line (close it; a quote inside is `\\\"`, \
                 a line feed inside is `\\010`)",
                "z:11:1: error: unknown directive `$GENERATE` (there are `$ORIGIN`, `$TTL` and \
                 `$INCLUDE`)",
                "z:12:1: error: `g..h` is no name: an empty label (two dots in a row, or one in \
                 front) (a name such as `www` or `www.example.com.`)",
                "z:13:1: error: `www.example.org.`: the name `www.example.org.` lies outside the \
                 zone `example.com.` (names without a dot at the end are relative to `$ORIGIN`)",
                "z:14:2: error: `i` has no record (a type and its data)",
                "z:15:3: error: `AXFR` records cannot stand in a zone (it is a type of questions \
                 or messages only)",
            ],
        );
    }

    #[test]
    fn records_after_a_wrong_owner_do_not_go_to_the_one_before() {
        let said = said("a A 1.2.3.4\nb..c A 1.2.3.5\n A 1.2.3.6\n A 1.2.3.x\n");
        assert_eq!(said.len(), 2, "{said:#?}");
        assert!(said[1].starts_with("z:7:4: error: `1.2.3.x`"), "{said:#?}");
    }

    #[test]
    fn a_binary_file_is_refused_without_flooding() {
        let (records, said) = parse(&"\u{1} \u{2}\n".repeat(10_000), &[]);
        assert_eq!(records, None);
        assert_eq!(said.len(), 101);
        assert_eq!(
            said[0],
            "z: error: more than 100 errors; the rest is not shown"
        );
    }
}

mod ttl {
    use super::*;

    const SOA: &str = "@ SOA ns h 1 1 1 1 7\n@ NS ns.example.net.\n";

    fn ttls(text: &str) -> Vec<u32> {
        let (records, said) = parse(text, &[]);
        let records = records.unwrap_or_else(|| panic!("{said:#?}"));
        records.iter().map(|r| r.ttl).collect()
    }

    #[test]
    fn rfc_2308_section_4_dollar_ttl_holds_for_what_follows() {
        let text = format!("$TTL 1m\n{SOA}a 5 A 1.2.3.4\nb A 1.2.3.4\n$TTL 9\nc A 1.2.3.4");
        assert_eq!(ttls(&text), [60, 60, 5, 60, 9]);
    }

    #[test]
    fn without_dollar_ttl_the_last_written_one_holds() {
        let text = "@ 8 SOA ns h 1 1 1 1 7\n@ NS ns.example.net.\na 9 A 1.2.3.4\nb A 1.2.3.4";
        assert_eq!(ttls(text), [8, 8, 9, 9]);
    }

    #[test]
    fn without_any_ttl_the_soa_minimum_holds_with_a_warning() {
        assert_eq!(ttls(SOA), [7, 7]);
        assert_eq!(
            parse(SOA, &[]).1,
            [
                "z:1:3: warning: no TTL is given; the SOA minimum, 7 s, is taken \
              (write `$TTL 1h` at the top of the file)"
            ]
        );
    }

    #[test]
    fn a_record_before_any_ttl_is_refused() {
        let (records, said) = parse(&format!("a A 1.2.3.4\n{SOA}"), &[]);
        assert_eq!(records, None);
        assert!(said[0].starts_with("z:1:3: error: A: no TTL is given here or before"));
    }

    #[test]
    fn rfc_2181_section_8_a_ttl_of_more_than_31_bits_is_refused() {
        says(
            "a 2147483648 A 1.2.3.4",
            &[
                "z:4:3: error: TTL `2147483648` is longer than a TTL may be \
               (at most 2147483647 seconds (RFC 2181, section 8))",
            ],
        );
    }
}

mod include {
    use super::*;

    /// Reads `main` among other files in one folder.
    fn read(files: &[(&str, &str)]) -> (Option<Vec<ZoneRecord>>, Vec<String>) {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in files {
            std::fs::write(folder.path().join(name), text).unwrap();
        }
        let mut diagnostics = Diagnostics::new();
        let path = folder.path().join("main");
        let records = zonefile::read(&path, &name("example.com"), &[], &mut diagnostics);
        let prefix = format!("{}/", folder.path().display());
        let lines = diagnostics.sorted();
        let lines = lines.iter().map(|d| d.to_string().replace(&prefix, ""));
        (records, lines.collect())
    }

    #[test]
    fn an_included_file_has_its_own_origin_and_owner() {
        let main = format!("{HEAD}a A 1.2.3.4\n$INCLUDE inc sub\n A 1.2.3.5\nb A 1.2.3.4");
        let (records, said) = read(&[("main", &main), ("inc", "c A 1.2.3.4\n$ORIGIN x\n")]);
        let owners: Vec<_> = records
            .unwrap_or_else(|| panic!("{said:?}"))
            .iter()
            .map(|r| r.owner.to_string())
            .collect();
        assert_eq!(
            owners[2..],
            [
                "a.example.com.",
                "c.sub.example.com.",
                "a.example.com.",
                "b.example.com."
            ]
        );
    }

    #[test]
    fn mistakes_name_the_included_file() {
        let main = format!("{HEAD}$INCLUDE inc");
        let (records, said) = read(&[("main", &main), ("inc", "\na A x")]);
        assert_eq!(records, None);
        assert!(
            said[0].starts_with("inc:2:5: error: `x`: expected IPv4"),
            "{said:?}"
        );
    }

    #[test]
    fn a_missing_file_is_told_where_it_is_included() {
        let (records, said) = read(&[("main", &format!("{HEAD}$INCLUDE nowhere"))]);
        assert_eq!(records, None);
        assert!(
            said[0].starts_with("main:4:10: error: cannot include `nowhere`"),
            "{said:?}"
        );
    }

    #[test]
    fn a_file_that_includes_itself_is_refused() {
        let main = format!("{HEAD}$INCLUDE loop");
        let (records, said) = read(&[("main", &main), ("loop", "$INCLUDE loop\n")]);
        assert_eq!(records, None);
        assert_eq!(said.len(), 1);
        assert!(said[0].contains("does a file include itself?"), "{said:?}");
    }

    #[test]
    fn includes_are_limited_in_number_too() {
        let main = format!("{HEAD}$INCLUDE loop");
        let (records, _) = read(&[("main", &main), ("loop", &"$INCLUDE loop\n".repeat(50))]);
        assert_eq!(records, None);
    }

    #[test]
    fn what_is_no_file_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let mut diagnostics = Diagnostics::new();
        let records = zonefile::read(folder.path(), &name("a"), &[], &mut diagnostics);
        assert_eq!(records, None);
        let said = diagnostics.sorted()[0].to_string();
        assert!(
            said.ends_with("cannot read the zone file: not a regular file"),
            "{said}"
        );
    }
}

mod checks {
    use super::*;

    #[test]
    fn a_zone_has_one_soa_and_a_nameserver_at_its_apex() {
        let (records, said) = parse("$TTL 1\na SOA ns h 1 1 1 1 1\n", &[]);
        assert_eq!(records, None);
        assert_eq!(
            said,
            [
                "z: error: no SOA record at `example.com.` (the zone file must have exactly one)",
                "z: error: no NS record at `example.com.` (name at least one nameserver)",
                "z:2:3: error: SOA at `a.example.com.`, which is not the zone's name \
                 (the zone is `example.com.`, and its SOA stands there)",
            ]
        );
        says(
            "@ SOA ns h 2 1 1 1 1",
            &["z:4:3: error: `example.com.` has several SOA records (the first one is at z:2:3)"],
        );
    }

    #[test]
    fn rfc_2181_section_10_1_an_alias_stands_alone() {
        says(
            "a CNAME b\nb A 1.2.3.4\na TXT x\na NSEC b A\n",
            &[
                "z:6:3: error: `a.example.com.` has a CNAME and also TXT records \
               (an alias has no other data (RFC 2181, 10.1); the CNAME is at z:4:3)",
            ],
        );
        says(
            "a CNAME b\na CNAME c",
            &["z:5:3: error: `a.example.com.` has several CNAME records \
               (the first one is at z:4:3)"],
        );
    }

    #[test]
    fn rfc_2181_section_5_2_the_lowest_ttl_of_a_set_is_taken() {
        let text = "a 9 A 1.2.3.4\na 5 A 1.2.3.5\na 7 A 1.2.3.6";
        assert_eq!(
            records(text),
            [
                "a.example.com. 1 5 01020304",
                "a.example.com. 1 5 01020305",
                "a.example.com. 1 5 01020306"
            ]
        );
        says(
            text,
            &[
                "z:5:3: warning: the A records of `a.example.com.` have different TTLs; \
               the lowest, 5 s, is taken for all (here 5 s, but 9 s at z:4:3)",
            ],
        );
    }

    #[test]
    fn duplicates_are_dropped_with_a_warning() {
        let text = "a MX 1 B.example.org.\nA MX 1 b.EXAMPLE.org.\na MX 2 b.example.org.";
        assert_eq!(records(text).len(), 2);
        says(
            text,
            &[
                "z:5:3: warning: `a.example.com.` has the same MX record twice \
               (the first one is at z:4:3)",
            ],
        );
    }

    #[test]
    fn an_rrset_that_no_message_can_carry_is_refused() {
        let lines: String = (0..4200)
            .map(|n| format!("a A 10.0.{}.{}\n", n / 256, n % 256))
            .collect();
        let said = said(&lines);
        assert_eq!(said.len(), 1);
        assert!(
            said[0].contains("need a message of 67231 octets"),
            "{said:?}"
        );
    }

    #[test]
    fn hosts_in_the_zone_need_addresses() {
        let no_address = |line: u32, record, host| {
            format!(
                "z:{line}:3: warning: `{host}.example.com.`, named by this {record} record, has no \
                 address in this zone (add A or AAAA records for it)"
            )
        };
        assert_eq!(
            said("@ MX 1 a\n@ NS b\n_ SRV 1 1 1 c\n@ MX 1 d\nd A 1.2.3.4\n@ MX 0 .\n"),
            [
                no_address(4, "MX", "a"),
                no_address(5, "NS", "b"),
                no_address(6, "SRV", "c"),
            ]
        );
        says(
            "@ MX 1 a\na CNAME b\nb A 1.2.3.4",
            &[
                "z:4:3: warning: `a.example.com.`, named by this MX record, is an alias, which a \
               host must not be (RFC 2181, section 10.3) (add A or AAAA records for it)",
            ],
        );
    }

    #[test]
    fn wildcards_and_balanced_names_give_addresses() {
        says("@ MX 1 a.w\n*.w A 1.2.3.4", &[]);
        let text = format!("{HEAD}@ MX 1 a\n@ NS ns.b\n");
        let balanced = ["a.example.com", "*.b.example.com"];
        assert_eq!(parse(&text, &balanced).1, [""; 0]);
    }

    #[test]
    fn a_nameserver_inside_its_own_zone_needs_glue() {
        says("lab NS ns.lab\nns.lab A 1.2.3.4\nlab DS 1 8 2 ab", &[]);
        says("lab NS lab\nlab AAAA ::1", &[]);
        says(
            "lab NS ns.lab",
            &[
                "z:4:5: error: the nameserver `ns.lab.example.com.` has no glue (it lies in \
               `lab.example.com.`, which is delegated: add its A or AAAA records here)",
            ],
        );
        says(
            "lab NS ns.lib\nlib NS ns.example.net.",
            &[
                "z:4:5: warning: the nameserver `ns.lib.example.com.` has no glue (it lies in \
               `lib.example.com.`, which is delegated: add its A or AAAA records here)",
            ],
        );
    }

    #[test]
    fn what_a_delegation_hides_is_told() {
        let hidden = |line: u32, column: u32, rtype, owner| {
            format!(
                "z:{line}:{column}: warning: the {rtype} records of `{owner}.example.com.` are never \
                 answered: `lab.example.com.` is delegated to other nameservers \
                 (the NS is at z:4:5)"
            )
        };
        assert_eq!(
            said("lab NS ns.example.net.\nlab TXT x\na.lab A 1.2.3.4\nb.a.lab NS ns.example.net."),
            [
                hidden(5, 5, "TXT", "lab"),
                hidden(6, 7, "A", "a.lab"),
                hidden(7, 9, "NS", "b.a.lab"),
            ]
        );
        says(
            "d DNAME example.net.\na.d TXT x\nd TXT y",
            &[
                "z:5:5: warning: the TXT records of `a.d.example.com.` are never answered: \
               `d.example.com.` is redirected by DNAME (the DNAME is at z:4:3)",
            ],
        );
    }

    #[test]
    fn rfc_4592_section_4_2_a_wildcard_does_not_delegate() {
        says(
            "*.a NS ns.example.net.",
            &["z:4:5: error: NS at the wildcard `*.a.example.com.` \
               (a wildcard cannot delegate (RFC 4592, section 4.2))"],
        );
    }

    #[test]
    fn a_balanced_name_has_no_addresses_in_the_file() {
        let text = format!("{HEAD}www A 1.2.3.4\nwww TXT x\napp CNAME www\nlab NS ns.example.net.");
        let balanced = ["www", "app", "a.lab"].map(|label| format!("{label}.example.com"));
        let (records, said) = parse(&text, &[&balanced[0], &balanced[1], &balanced[2]]);
        assert_eq!(records, None);
        assert_eq!(
            said,
            [
                "z:4:5: error: `www.example.com.` is balanced and has A records in the zone file \
                 (its policy answers with addresses; remove one or the other)",
                "z:6:5: error: `app.example.com.` is balanced and has CNAME records in the zone \
                 file (its policy answers with addresses; remove one or the other)",
                "z:7:5: error: `a.lab.example.com.` is balanced, but `lab.example.com.` is \
                 delegated to other nameservers \
                 (it would never be answered; remove one or the other)",
            ]
        );
    }

    #[test]
    fn after_a_mistake_nothing_is_said_to_be_missing() {
        let (records, said) = parse("$TTL 1\n@ SOA ns h 1 1 1 1 x\n", &[]);
        assert_eq!(records, None);
        assert_eq!(said.len(), 1, "{said:?}");
    }
}

/// An example zone with some of its octets replaced, removed or repeated.
fn mutated() -> impl Strategy<Value = Vec<u8>> {
    let text = include_bytes!("../zones/example.com.zone");
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
    for record in records.unwrap_or_default() {
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
];
