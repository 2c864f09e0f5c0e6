//! `$GENERATE`. What it makes of a number is tested beside its code.

use super::*;

#[test]
fn an_entry_is_made_for_each_number() {
    assert_eq!(
        records("$GENERATE 1-5/2 a$ 9 IN A 10.0.0.${10}\n"),
        [
            "a1.example.com. 1 9 0a00000b",
            "a3.example.com. 1 9 0a00000d",
            "a5.example.com. 1 9 0a00000f",
        ]
    );
}

#[test]
fn data_may_be_quoted_as_a_whole() {
    let expected = [
        "m1.example.com. 15 60 000a016e00",
        "m2.example.com. 15 60 000a016e00",
    ];
    assert_eq!(records(r#"$GENERATE 1-2 m$ MX "10 n.""#), expected);
    assert_eq!(records("$GENERATE 1-2 m$ MX 10 n."), expected);
    let text = r#"$GENERATE 7-7 t TXT "a \"b $\"""#;
    assert_eq!(records(text), ["t.example.com. 16 60 016103622037"]);
    let text = r#"$GENERATE 7-7 t TXT "a $" "b""#;
    assert_eq!(records(text), ["t.example.com. 16 60 036120370162"]);
    let text = r#"$GENERATE 7-7 t HTTPS 1 . alpn="h$" port=$"#;
    assert_eq!(
        records(text),
        ["t.example.com. 65 60 00010000010003026837000300020007"]
    );
}

#[test]
fn what_cannot_be_generated_is_refused_at_its_place() {
    for (text, expected) in [
        (
            "$GENERATE",
            "z:4:10: error: `$GENERATE` needs a range and an owner",
        ),
        (
            "$GENERATE 1-2 a$",
            "z:4:17: error: `$GENERATE` has no record",
        ),
        (
            "$GENERATE 2-1 a$ A 1.2.3.$",
            "z:4:11: error: `2-1` is no range",
        ),
        (
            "$GENERATE 1-2 a$ A 1.2.3.${x}",
            "z:4:20: error: `${x}` cannot be filled in",
        ),
        (
            "$GENERATE 1-2 a${ A 1.2.3.4",
            "z:4:15: error: `${` cannot be filled in",
        ),
        (
            "$GENERATE 1-2 a$ FOO $",
            "z:4:18: error: `FOO` is no record type",
        ),
        (
            "$GENERATE 255-300 a$ A 1.2.3.$",
            "z:4:1: error: `1.2.3.256`: expected an IPv4 address, in A data, where `$` is 256",
        ),
        (
            "$GENERATE 1-300 a$.org. A 1.2.3.4",
            "z:4:1: error: `a1.org.`: the name `a1.org.` lies outside the zone `example.com.`, \
             where `$` is 1",
        ),
        (
            "$GENERATE 0-9 a${-5,0,x} A 1.2.3.4",
            "z:4:1: error: 0 and its offset cannot be written",
        ),
        (
            "$GENERATE 1-2 a$ TXT \"\\\"\"",
            "z:4:1: error: `a1 TXT \"`: `\"` is not closed",
        ),
    ] {
        let said = said(text);
        assert_eq!(said.len(), 1, "{said:#?}");
        assert!(said[0].starts_with(expected), "{said:#?}");
    }
}

#[test]
fn an_owner_left_out_behind_it_is_the_one_before() {
    assert_eq!(
        records("a A 1.2.3.4\n$GENERATE 1-1 b$ A 1.2.3.$\n A 1.2.3.5\n"),
        [
            "a.example.com. 1 60 01020304",
            "a.example.com. 1 60 01020305",
            "b1.example.com. 1 60 01020301",
        ]
    );
}

#[test]
fn the_records_of_a_zone_that_are_generated_are_limited() {
    says(
        "$GENERATE 0-9 a$ A 1.2.3.4\n$GENERATE 0-1048575 b$ A 1.2.3.4\n",
        &[
            "z:5:11: error: `0-1048575`: too many records (`$GENERATE` makes at most 1048576 in one zone)",
        ],
    );
}

#[test]
fn a_record_says_where_its_directive_stands() {
    let (records, _) = parse(
        &format!("{HEAD}  ; comment\n$GENERATE 1-2 a$ A 1.2.3.$\n"),
        &[],
    );
    let places: Vec<_> = records
        .unwrap()
        .iter()
        .skip(2)
        .map(|r| r.place().to_string())
        .collect();
    assert_eq!(places, ["z:5:1", "z:5:1"]);
}
