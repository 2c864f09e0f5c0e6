//! Where a TTL comes from (RFC 1035, 5.1; RFC 2308, 4; RFC 2181, 8).

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
    assert!(records.is_none());
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
