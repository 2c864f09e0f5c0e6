//! RFC 9609: Initializing a DNS resolver with priming queries.

use crate::*;

#[test]
fn section_4_the_addresses_of_a_zones_nameservers_come_along_with_their_names() {
    for zone in [
        "hosts.example",
        "minimal.example",
        "full.example",
        "rotated.example",
    ] {
        let reply = ask(&in_zone(zone, "@", "NS"));
        assert_eq!(reply.answers().len(), 4);
        assert_same(
            reply.additional(),
            &[
                &format!("ns1.{zone}. 300 IN A 192.0.2.53"),
                &format!("ns1.{zone}. 300 IN AAAA 2001:db8::53"),
                &format!("ns2.{zone}. 300 IN A 192.0.2.54"),
            ],
        );
        assert_eq!(reply.authority(), [""; 0]);
    }
}
