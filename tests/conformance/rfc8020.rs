//! RFC 8020: NXDOMAIN: there really is nothing underneath.

use crate::*;

#[test]
fn section_2_no_name_with_names_below_it_is_denied() {
    for name in [
        "ent",
        "_tcp",
        "case",
        "app",
        "wild",
        "entwild",
        "*.entwild",
        "sub.wild",
    ] {
        let reply = ask(&gslb(name, "A"));
        assert_eq!(reply.rcode(), "NOERROR", "{name}");
    }
    // Of a balanced wildcard, and of a delegation.
    assert_eq!(ask(&gslb("app", "A")).rcode(), "NOERROR");
    assert_eq!(ask(&gslb("ns.wide", "A")).rcode(), "NOERROR");
}

#[test]
fn section_2_below_a_name_that_is_denied_everything_is() {
    for name in ["missing", "a.missing", "a.b.missing", "*.missing"] {
        assert_no_name(&ask(&gslb(name, "A")));
    }
}
