//! RFC 2181: Clarifications to the DNS specification.

use std::collections::BTreeMap;

use crate::in_process::wire::Section;
use crate::*;

#[test]
fn section_5_no_record_is_sent_twice() {
    // Hosts that several records of an RRset name.
    for query in [
        gslb("mail", "MX"),
        gslb("_sip._tcp", "SRV"),
        gslb("wide", "A").tcp(),
    ] {
        let reply = ask(&query);
        let mut all = [reply.answers(), reply.authority(), reply.additional()].concat();
        let count = all.len();
        all.sort();
        all.dedup();
        assert_eq!(all.len(), count, "{all:#?}");
    }
}

#[test]
fn section_5_2_the_records_of_an_rrset_have_one_ttl() {
    let reply = ask(&gslb("many", "AAAA").payload(4096));
    let records = reply.records();
    let answers = records.iter().filter(|r| r.section == Section::Answer);
    let mut ttls: Vec<u32> = answers.map(|record| record.ttl).collect();
    assert_eq!(ttls.len(), 16);
    ttls.dedup();
    assert_eq!(ttls.len(), 1);
}

/// Records by owner octets and type.
fn rrsets(reply: &Reply) -> BTreeMap<(Vec<u8>, u16), usize> {
    let mut rrsets = BTreeMap::new();
    for record in reply.records() {
        let owner = reply.bytes[record.owner].to_vec();
        *rrsets.entry((owner, record.rtype)).or_default() += 1;
    }
    rrsets
}

#[test]
fn section_9_rrsets_are_sent_whole_or_not_at_all() {
    for (name, rtype) in [
        ("long", "TXT"),
        ("many", "AAAA"),
        ("crowd", "MX"),
        ("wide", "A"),
    ] {
        let whole = rrsets(&ask(&gslb(name, rtype).edns().tcp()));
        for payload in 512..1232 {
            let reply = ask(&gslb(name, rtype).payload(payload));
            assert!(reply.bytes.len() <= usize::from(payload));
            for (rrset, count) in rrsets(&reply) {
                // Pointers to names in data may differ between messages, so owners are looked for
                // by the count of their records.
                let same_type: Vec<_> = whole.iter().filter(|((_, t), _)| *t == rrset.1).collect();
                assert!(
                    same_type.iter().any(|(_, whole)| **whole == count),
                    "{name}, {payload} octets: {rrset:?} has {count} records"
                );
            }
        }
    }
}

#[test]
fn section_9_tc_is_set_when_what_was_asked_for_does_not_fit() {
    // Static, and steered; the option makes the latter longer than 512 octets.
    for query in [
        gslb("long", "TXT"),
        gslb("many", "AAAA").subnet("2a02:100::/128"),
    ] {
        let fits = ask(&query.clone().edns().tcp()).bytes.len() as u16;
        assert!(fits > 512);
        let reply = ask(&query.clone().payload(fits));
        assert!(!reply.is_truncated());
        assert_eq!(usize::from(fits), reply.bytes.len());
        let reply = ask(&query.payload(fits - 1));
        assert!(reply.is_truncated());
        assert_eq!(reply.answers(), [""; 0]);
    }
}

#[test]
fn section_9_tc_is_not_set_when_only_extra_addresses_do_not_fit() {
    let whole = ask(&gslb("crowd", "MX").tcp());
    assert_eq!(whole.additional().len(), 18);
    let reply = ask(&gslb("crowd", "MX"));
    assert!(!reply.is_truncated());
    assert_eq!(reply.answers().len(), 2);
    assert!(reply.additional().len() < 18);
}

#[test]
fn section_10_1_a_cname_stands_alone() {
    let reply = ask(&gslb("away", "TXT"));
    assert_answers(
        &reply,
        &["away.gslb.example.com. 300 IN CNAME www.example.net."],
    );
}
