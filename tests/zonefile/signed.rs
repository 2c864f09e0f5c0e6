//! Zones that were signed elsewhere.

use super::*;

/// Made by ldns-signzone's rules: every kind of record that a signed zone has.
const SIGNED: &str = "\
@ RRSIG SOA 13 2 60 20380101000000 20260101000000 1 @ YWJj
@ RRSIG NS 13 2 99 20380101000000 20260101000000 1 @ YWJj
@ NSEC a SOA NS RRSIG NSEC DNSKEY
@ DNSKEY 257 3 13 YWJj
@ CDS 0 0 0 00
@ CDNSKEY 0 3 0 AA==
@ NSEC3PARAM 1 0 0 -
a CNAME b
a RRSIG CNAME 13 3 60 20380101000000 20260101000000 1 @ YWJj
a NSEC b CNAME RRSIG NSEC
2vptu5timamqttgl4luu9kg21e0aor3s NSEC3 1 0 0 - 2vptu5timamqttgl4luu9kg21e0aor3s A
sub NS ns.example.net.
sub DS 1 13 9 00
sub NSEC @ NS DS RRSIG NSEC
";

#[test]
fn what_only_signed_answers_need_is_left_out_with_one_warning() {
    assert_eq!(
        records(SIGNED),
        [
            "example.com. 48 60 0101030d616263",
            "example.com. 59 60 0000000000",
            "example.com. 60 60 0000030000",
            "a.example.com. 5 60 0162076578616d706c6503636f6d00",
            "sub.example.com. 2 60 026e73076578616d706c65036e657400",
            "sub.example.com. 43 60 00010d0900",
        ]
    );
    says(
        SIGNED,
        &[
            "z:4:3: warning: the zone is signed, but goes out unsigned: DNSSEC is not served, so this RRSIG \
           record and 7 more of its kind are left out (remove its DS records from the parent zone, or \
           validating resolvers refuse the answers)",
        ],
    );
    says(
        "a NSEC b A",
        &[
            "z:4:3: warning: the zone is signed, but goes out unsigned: DNSSEC is not served, so this NSEC \
           record is left out (remove its DS records from the parent zone, or \
           validating resolvers refuse the answers)",
        ],
    );
}

#[test]
fn what_is_left_out_must_be_right_nevertheless() {
    let said = said("a RRSIG A 13 3 60 20380101000000 20260101000000 1 @\na NSEC\n");
    assert_eq!(said.len(), 2, "{said:#?}");
    assert!(said.iter().all(|said| said.contains("error")), "{said:#?}");
}

#[test]
fn keys_alone_do_not_make_a_zone_signed() {
    says("@ DNSKEY 257 3 13 YWJj\n@ CDS 0 0 0 00\n", &[]);
}

#[test]
fn rfc_4034_section_5_ds_records_stand_at_delegations() {
    says(
        "@ DS 1 13 9 00\na DS 1 13 9 00\nb NS ns.example.net.\nb DS 1 13 9 00\n",
        &[
            "z:4:3: warning: DS at `example.com.`, the zone's own name \
             (it belongs to a delegation, in the zone above (RFC 4034, section 5))",
            "z:5:3: warning: DS at `a.example.com.`, which is not delegated \
             (it belongs to a delegation, in the zone above (RFC 4034, section 5))",
        ],
    );
}
