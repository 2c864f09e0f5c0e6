//! RFC 8482: Minimal-sized responses to queries with QTYPE=ANY.

use crate::*;

#[test]
fn section_4_1_anything_is_little_also_where_answers_are_full() {
    let reply = ask(&in_zone("full.example", "mail", "ANY"));
    assert_eq!(reply.answers().len(), 1);
    assert_eq!(reply.authority(), [""; 0]);
    assert_eq!(reply.additional(), [""; 0]);
}

#[test]
fn section_4_1_one_rrset_is_answered() {
    for name in ["@", "mail", "ns1", "x.wild"] {
        let reply = ask(&gslb(name, "ANY"));
        let mut types: Vec<u16> = reply.records().iter().map(|r| r.rtype).collect();
        let answers = reply.answers().len();
        types.truncate(answers);
        types.dedup();
        assert_eq!(types.len(), 1, "{name}: {:?}", reply.answers());
    }
}

#[test]
fn section_4_2_where_all_is_steered_hinfo_is_answered() {
    let reply = ask(&gslb("www", "ANY").subnet("20.1.2.0/24"));
    assert_eq!(reply.rcode(), "NOERROR");
    let record = &reply.records()[0];
    assert_eq!((record.rtype, record.class), (13, 1));
    assert_eq!(reply.bytes[record.rdata.clone()], *b"\x07RFC8482\x00");
    // The same for every client.
    assert_eq!(reply.scope(), Some(0));
}

#[test]
fn section_4_3_an_alias_is_answered_with_itself() {
    let reply = ask(&gslb("docs", "ANY"));
    assert_eq!(
        reply.answers(),
        ["docs.gslb.example.com. 300 IN CNAME alias.gslb.example.com."]
    );
}

#[test]
fn negative_answers_and_referrals_are_as_for_any_other_type() {
    assert_no_name(&ask(&gslb("missing", "ANY")));
    assert_no_data(&ask(&gslb("ent", "ANY")));
    let reply = ask(&gslb("sub", "ANY"));
    assert!(!reply.is_authoritative());
    assert_eq!(reply.authority().len(), 2);
}
