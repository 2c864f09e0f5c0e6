//! Names, labels, strings and data at their limits; the root as a zone.

use super::*;

fn parse_root(text: &str) -> (Option<Records>, Vec<String>) {
    let mut diagnostics = Diagnostics::new();
    let path = Path::new("root");
    let records = zonefile::parse(text.as_bytes(), path, &Name::root(), &[], &mut diagnostics);
    (
        records,
        diagnostics
            .sorted()
            .iter()
            .map(ToString::to_string)
            .collect(),
    )
}

#[test]
fn the_root_is_a_zone() {
    let (records, said) = parse_root(
        "$TTL 60\n. SOA ns.test. h. 1 1 1 1 1\n@ NS ns.test\ntest. NS ns.test.\nns.test A 1.2.3.4\n\
         com NS ns.example.net.\n",
    );
    let records = records.unwrap_or_else(|| panic!("{said:#?}"));
    let owners: Vec<_> = records.iter().map(|r| r.owner.to_string()).collect();
    assert_eq!(owners, [".", ".", "test.", "ns.test.", "com."]);
    // There is no glue for what lies in no zone here.
    assert_eq!(
        said,
        [
            "root:6:5: warning: `ns.example.net.`, named by this NS record, has no address in this zone \
          (add A or AAAA records for it)"
        ]
    );
    let (records, said) = parse_root("$TTL 60\n@ SOA . . 1 1 1 1 1\n@ NS a\na NS b.a\n");
    assert!(records.is_none());
    assert!(said.iter().any(|s| s.contains("no glue")), "{said:#?}");
}

#[test]
fn rfc_1035_section_2_3_4_a_label_has_63_octets() {
    let escaped = r"\097".repeat(63);
    let expected = format!("{}.example.com. 1 60 01020304", "a".repeat(63));
    assert_eq!(
        records(&format!("{} A 1.2.3.4", "a".repeat(63))),
        [&*expected]
    );
    assert_eq!(records(&format!("{escaped} A 1.2.3.4")), [&*expected]);
    for label in ["a".repeat(64), format!("{escaped}b")] {
        let said = said(&format!("{label} A 1.2.3.4\nb CNAME {label}"));
        assert_eq!(said.len(), 2, "{said:#?}");
        assert!(
            said[0].contains("a label of more than 63 octets"),
            "{said:#?}"
        );
        assert!(
            said[1].contains("a label of more than 63 octets"),
            "{said:#?}"
        );
    }
}

#[test]
fn rfc_1035_section_2_3_4_a_name_has_255_octets() {
    // Of those, `example.com.` takes 13.
    let longest = format!("{0}.{0}.{0}.{1}", "a".repeat(63), "b".repeat(49));
    assert_eq!(records(&format!("{longest} CNAME {longest}")).len(), 1);
    let absolute = format!("{0}.{0}.{0}.{1}.", "a".repeat(63), "b".repeat(61));
    assert_eq!(records(&format!("b CNAME {absolute}")).len(), 1);
    let said = said(&format!(
        "{longest}b A 1.2.3.4\nb CNAME {longest}b\nb CNAME b{absolute}\n"
    ));
    assert_eq!(said.len(), 3, "{said:#?}");
    assert!(
        said.iter()
            .take(2)
            .all(|s| s.contains("a name of more than 255 octets")),
        "{said:#?}"
    );
    assert!(said[2].contains("more than 6"), "{said:#?}");
}

#[test]
fn rfc_1035_section_3_3_a_string_has_255_octets() {
    let longest = "a".repeat(255);
    assert_eq!(
        records(&format!("a TXT \"{longest}\" {longest} \"\"")).len(),
        1
    );
    let said = said(&format!("a TXT x \"{longest}b\""));
    assert!(said[0].starts_with("z:4:9: error:"), "{said:#?}");
    assert!(
        said[0].contains("a string of more than 255 octets"),
        "{said:#?}"
    );
}

#[test]
fn rfc_1035_section_3_2_1_data_has_65535_octets() {
    let said = |octets: usize| said(&format!("a TYPE65280 \\# {octets} {}", "00".repeat(octets)));
    assert!(said(65_535).is_empty());
    assert!(said(65_536)[0].contains("a number above 65535"));
    let strings = format!("a TXT ({})", " x".repeat(32_768));
    let said = super::said(&strings);
    assert!(said[0].contains("longer than 65,535 octets"), "{said:?}");
}

#[test]
fn parentheses_nest_and_cross_lines() {
    assert_eq!(
        records("a ( ( TXT \n ; (\n\"b\" ) ( c\n) ) d\nb A ( 1.2.3.4 )\n"),
        [
            "a.example.com. 16 60 016201630164",
            "b.example.com. 1 60 01020304"
        ]
    );
}

#[test]
fn rfc_1035_section_5_1_escapes_mean_octets() {
    assert_eq!(
        records(r"a\.b\032\\\; TXT \; \( \@ \$ \065\\"),
        [r"a\.b\032\\\;.example.com. 16 60 013b01280140012402415c"]
    );
}

#[test]
fn rfc_3597_section_5_types_and_classes_have_numbers() {
    assert_eq!(
        records(
            "a CLASS1 TYPE1 \\# 4 01020304\nb IN TYPE1 1.2.3.4\nc TYPE731 \\# 6 abcdef (\n01 23 45 )\nd TYPE62347 \\# 0"
        ),
        [
            "a.example.com. 1 60 01020304",
            "b.example.com. 1 60 01020304",
            "c.example.com. 731 60 abcdef012345",
            "d.example.com. 62347 60 ",
        ]
    );
    says(
        "e CLASS32 TYPE731 \\# 0",
        &["z:4:3: error: class `CLASS32` (zones are of class IN)"],
    );
}

#[test]
fn a_line_feed_in_quotes_is_refused_as_bind_and_knot_do() {
    let said = said("a TXT \"one\ntwo\"\n");
    assert!(
        said[0].starts_with("z:4:7: error: `\"` is not closed on its line"),
        "{said:?}"
    );
}
