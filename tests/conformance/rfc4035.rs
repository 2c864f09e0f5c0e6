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

/// A zone that was signed by somebody else goes out as it was before: what proves something in signed
/// answers only is left out of it.
#[test]
fn section_3_1_a_signed_zone_is_answered_as_if_it_were_not() {
    let zone = "$TTL 60\n@ SOA ns hostmaster 1 2 3 4 5\n@ NS ns\nns A 192.0.2.53\n\
        @ DNSKEY 257 3 13 mdsswUyr3DPW132mOi8V9xESWE8jTo0dxCjjnopKl+GqJxpVXckHAeF+KkxLbxILfDLUT0rAK9iUzy1L53eKGQ==\n\
        @ NSEC ns NS SOA RRSIG NSEC DNSKEY\nns NSEC @ A RRSIG NSEC\n\
        ns RRSIG A 13 3 60 20300101000000 20200101000000 12345 example.com. AAAA\n\
        ns RRSIG NSEC 13 3 60 20300101000000 20200101000000 12345 example.com. AAAA\n\
        alias CNAME ns\nalias NSEC ns CNAME NSEC\n";
    let config = "[zone.\"example.com\"]\nfile = \"example.com.zone\"\n";
    let whole = compile(&[("meridian.toml", config), ("example.com.zone", zone)]).unwrap();
    let mut server = Server::new(&whole, 1);
    let mut ask = |name: &str, rtype| {
        let query = Query::new(name, rtype).edns_flags(0x8000);
        let reply = server.ask(&query);
        assert_eq!(reply.rcode(), "NOERROR", "{name} {rtype}");
        reply
            .records()
            .iter()
            .map(|record| record.rtype)
            .collect::<Vec<_>>()
    };
    // A; then OPT with DO.
    assert_eq!(ask("ns.example.com", "A"), [1, 41]);
    assert_eq!(ask("ns.example.com", "ANY"), [1, 41]);
    // No data: the SOA alone.
    assert_eq!(ask("ns.example.com", "NSEC"), [6, 41]);
    assert_eq!(ask("ns.example.com", "RRSIG"), [6, 41]);
    assert_eq!(ask("ns.example.com", "AAAA"), [6, 41]);
    // Keys are ordinary data.
    assert_eq!(ask("example.com", "DNSKEY"), [48, 41]);
    // Nothing is beside an alias.
    assert_eq!(ask("alias.example.com", "A"), [5, 1, 41]);
    assert_eq!(ask("alias.example.com", "NSEC"), [5, 6, 41]);
}
