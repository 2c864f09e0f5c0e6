//! RFC 2308: Negative caching of DNS queries.

use meridian::model::Verdict;
use meridian::state::EndpointHealth;

use crate::*;

#[test]
fn section_2_1_a_name_error_carries_the_soa() {
    assert_no_name(&ask(&gslb("missing", "A")));
}

#[test]
fn section_2_1_a_chain_to_a_name_that_does_not_exist_is_a_name_error() {
    let reply = ask(&gslb("nowhere", "A"));
    assert_eq!(reply.rcode(), "NXDOMAIN");
    assert_eq!(
        reply.answers(),
        ["nowhere.gslb.example.com. 300 IN CNAME missing.gslb.example.com."]
    );
    assert_eq!(reply.authority(), [NEGATIVE_SOA]);
}

#[test]
fn section_2_2_a_name_without_records_of_the_type_is_no_data() {
    for (name, rtype) in [
        ("mail", "AAAA"),
        ("@", "SRV"),
        ("www", "TXT"),
        ("v4only", "AAAA"),
        ("some.app", "MX"),
    ] {
        assert_no_data(&ask(&gslb(name, rtype)));
    }
}

#[test]
fn section_2_2_a_chain_to_a_name_without_the_type_is_no_data() {
    let reply = ask(&gslb("docs", "TXT"));
    assert_eq!(reply.rcode(), "NOERROR");
    assert_eq!(reply.answers().len(), 2);
    assert_eq!(reply.authority(), [NEGATIVE_SOA]);
}

#[test]
fn section_5_the_ttl_of_no_is_the_lesser_of_the_soa_and_its_minimum() {
    assert_eq!(ask(&gslb("missing", "A")).negative_ttl_s(), Some(60));
    let reply = ask(&Query::new("missing.plain.example", "A"));
    assert_eq!(reply.negative_ttl_s(), Some(30));
    // Asked for itself, the SOA has its own TTL.
    assert_eq!(ask(&gslb("@", "SOA")).ttl_s(), Some(3600));
}

#[test]
fn section_5_no_data_because_all_is_down_ends_with_the_outage() {
    let mut server = server();
    server.set_health(|_| EndpointHealth::new(Verdict::Down, 1_000));
    let reply = server.ask(&gslb("or-nodata", "A"));
    assert_eq!(reply.rcode(), "NOERROR");
    // The least TTL of the name, which is less than the zone's 60 s.
    assert_eq!(reply.negative_ttl_s(), Some(5));
}
