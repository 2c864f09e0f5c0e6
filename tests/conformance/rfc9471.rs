//! RFC 9471: DNS glue requirements in referral responses.

use crate::*;

#[test]
fn section_3_1_glue_inside_the_delegation_is_sent() {
    let additional = ask(&gslb("host.sub", "A")).additional();
    for line in [
        "ns.sub.gslb.example.com. 3600 IN A 192.0.2.61",
        "ns.sub.gslb.example.com. 3600 IN AAAA 2001:db8::61",
    ] {
        assert!(
            additional.iter().any(|other| other == line),
            "{additional:#?}"
        );
    }
}

#[test]
fn section_3_1_glue_that_does_not_fit_sets_tc() {
    let whole = ask(&gslb("wide", "A").tcp());
    assert!(!whole.is_truncated());
    assert_eq!(whole.additional().len(), 16);
    let limit = whole.bytes.len() as u16 + 11;
    let reply = ask(&gslb("wide", "A").payload(limit));
    assert!(!reply.is_truncated());
    let reply = ask(&gslb("wide", "A").payload(limit - 1));
    assert!(reply.is_truncated());
    assert_eq!(reply.authority().len(), 8);
    assert!(reply.additional().len() < 16);
}

#[test]
fn section_3_2_glue_of_a_sibling_is_sent_where_there_is_room() {
    let reply = ask(&gslb("host.sub", "A"));
    assert!(
        reply
            .additional()
            .iter()
            .any(|line| line == "ns.sibling.gslb.example.com. 3600 IN A 192.0.2.62")
    );
}

#[test]
fn nameservers_outside_the_zone_have_no_glue() {
    let reply = ask(&gslb("outside", "A"));
    assert_eq!(
        reply.authority(),
        ["outside.gslb.example.com. 3600 IN NS ns.example.net."]
    );
    assert_eq!(reply.additional(), [""; 0]);
}

/// RFC 4035, 3.1.4.1.
#[test]
fn ds_at_the_cut_is_answered_by_the_parent() {
    let reply = ask(&gslb("signed", "DS"));
    assert_eq!(reply.answers().len(), 1);
    assert!(reply.is_authoritative());
    assert_no_data(&ask(&gslb("outside", "DS")));
    assert!(!ask(&gslb("below.signed", "DS")).is_authoritative());
}
