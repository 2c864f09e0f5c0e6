//! Entries, owners, origins, and mistakes in them.

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
         $UNKNOWN 1\n\
         g..h A 1.2.3.4\n\
         www.example.org. A 1.2.3.4\n\
         i\n\
         j AXFR 1\n\
         k TXT (\n\
         l A 1.2.3.4 )\n",
        &[
            "z:4:5: error: `192.0.2.300`: expected an IPv4 address, in A data \
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
            "z:11:1: error: unknown directive `$UNKNOWN` (there are `$ORIGIN`, `$TTL`, \
             `$INCLUDE` and `$GENERATE`)",
            "z:12:1: error: `g..h` is no name: an empty label (two dots in a row, or one in \
             front) (a name such as `www` or `www.example.com.`)",
            "z:13:1: error: `www.example.org.`: the name `www.example.org.` lies outside the \
             zone `example.com.` (names without a dot at the end are relative to `$ORIGIN`)",
            "z:14:2: error: `i` has no record (a type and its data)",
            "z:15:3: error: AXFR records cannot stand in a zone (it is a type of questions \
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
    assert!(records.is_none());
    assert_eq!(said.len(), 101);
    assert_eq!(
        said[0],
        "z: error: more than 100 errors; the rest is not shown"
    );
}
