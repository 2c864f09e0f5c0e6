//! RFC 4035: Protocol modifications for the DNS security extensions. Nothing is signed here; what
//! stands in signed zones above or below is answered in the right place all the same.

use crate::*;

/// Of inner.gslb.example.com, as gslb.example.com has it: our decoder does not know its data.
const INNER_DS: &str = "inner.gslb.example.com. 3600 IN DS ";

#[test]
fn section_3_1_4_1_ds_is_answered_by_the_zone_above_the_cut() {
    let reply = ask(&gslb("inner", "DS"));
    assert_eq!(reply.rcode(), "NOERROR");
    assert!(reply.is_authoritative());
    assert_eq!(reply.answers().len(), 1);
    assert!(reply.answers()[0].starts_with(INNER_DS));
    // All else at the cut is the lower zone's.
    let reply = ask(&gslb("inner", "SOA"));
    assert_eq!(reply.answers().len(), 1);
}

#[test]
fn section_3_1_4_1_ds_at_the_end_of_a_chain_is_the_upper_zones() {
    let reply = ask(&gslb("into-nodata", "DS"));
    assert_eq!(reply.answers().len(), 2);
    assert!(reply.answers()[1].starts_with(INNER_DS));
    // From below, the chain ends: the client asks the zone above.
    let reply = ask(&gslb("to-apex.inner", "DS"));
    assert_answers(
        &reply,
        &["to-apex.inner.gslb.example.com. 300 IN CNAME inner.gslb.example.com."],
    );
    assert_eq!(reply.authority(), [""; 0]);
}

#[test]
fn section_3_1_4_1_ds_of_a_zone_that_none_of_ours_delegates_is_no_data_of_its_own() {
    assert_no_data(&ask(&gslb("@", "DS")));
    let reply = ask(&gslb("bare", "DS"));
    assert_eq!(reply.rcode(), "NOERROR");
    assert!(reply.is_authoritative());
    assert_eq!(
        reply.authority(),
        ["bare.gslb.example.com. 60 IN SOA ns1.gslb.example.com. \
             hostmaster.bare.gslb.example.com. 8 7200 1800 1209600 60"]
    );
}
