//! RFC 6604: xNAME RCODE and status bits clarification.

use crate::*;

#[test]
fn section_2_1_authority_is_that_over_the_first_name() {
    // Chains that end in a referral, by CNAME, by DNAME, and by both.
    for name in ["down", "host.to-sub", "into-cut"] {
        let reply = ask(&gslb(name, "A"));
        assert!(reply.is_authoritative(), "{name}");
        assert!(reply.authority()[0].contains(" IN NS "), "{name}");
    }
    assert!(!ask(&gslb("host.sub", "A")).is_authoritative());
}

#[test]
fn section_3_the_rcode_is_that_of_the_last_name() {
    for (name, rcode) in [
        ("nowhere", "NXDOMAIN"),
        ("missing.moved", "NXDOMAIN"),
        ("into-nothing", "NXDOMAIN"),
        ("docs", "NOERROR"),
        ("down", "NOERROR"),
        ("away", "NOERROR"),
        ("ring1", "NOERROR"),
    ] {
        let reply = ask(&gslb(name, "TXT"));
        assert!(!reply.answers().is_empty(), "{name}");
        assert_eq!(reply.rcode(), rcode, "{name}");
    }
}
