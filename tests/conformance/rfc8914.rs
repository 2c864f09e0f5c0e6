//! RFC 8914: Extended DNS errors.

use meridian::model::Verdict;
use meridian::state::EndpointHealth;

use crate::*;

fn all_down() -> Server {
    let mut server = server();
    server.set_health(|_| EndpointHealth::new(Verdict::Down, 1_000));
    server
}

#[test]
fn section_3_an_answer_although_all_is_down_says_so() {
    let reply = all_down().ask(&gslb("www", "A").edns());
    assert_eq!(reply.rcode(), "NOERROR");
    assert_eq!(reply.addresses().len(), 1);
    assert_eq!(
        reply.error_text().as_deref(),
        Some("no endpoint for this query is up: answered all the same")
    );
}

#[test]
fn section_3_no_answer_because_all_is_down_says_so() {
    for (name, rcode) in [
        ("or-nodata", "NOERROR"),
        ("or-servfail", "SERVFAIL"),
        ("or-refuse", "REFUSED"),
    ] {
        let reply = all_down().ask(&gslb(name, "A").edns());
        assert_eq!(reply.rcode(), rcode);
        assert_eq!(reply.is_authoritative(), rcode == "NOERROR");
        assert_eq!(reply.answers(), [""; 0]);
        assert_eq!(
            reply.error_text().as_deref(),
            Some("no endpoint for this query is up")
        );
        assert_eq!(reply.authority().len(), usize::from(name == "or-nodata"));
    }
}

#[test]
fn section_3_no_answer_because_one_family_is_down_says_so() {
    let mut server = server();
    server.set_health(|address| {
        EndpointHealth::new(
            match address.is_ipv6() {
                true => Verdict::Down,
                false => Verdict::Up,
            },
            1_000,
        )
    });
    for name in ["www", "or-nodata", "or-servfail", "or-refuse"] {
        let query = gslb(name, "AAAA").subnet("20.5.2.0/24");
        let reply = server.ask(&query);
        assert_eq!(reply.rcode(), "NOERROR", "{name}");
        assert_eq!(reply.answers(), [""; 0]);
        assert_eq!(
            reply.error_text().as_deref(),
            Some("no address of this family is up for this client")
        );
        assert_eq!(reply.scope(), Some(16));
        assert_eq!(server.ask(&gslb(name, "A").edns()).error_text(), None);
    }
    // The least TTL of the name, which is less than the zone's 60 s.
    let reply = server.ask(&gslb("www", "AAAA"));
    assert_eq!(reply.negative_ttl_s(), Some(5));
}

#[test]
fn section_3_nothing_is_said_where_all_is_well_or_without_edns() {
    assert_eq!(ask(&gslb("www", "A").edns()).error_text(), None);
    assert_eq!(all_down().ask(&gslb("mail", "A").edns()).error_text(), None);
    let reply = all_down().ask(&gslb("or-nodata", "A"));
    assert!(reply.opt().is_none());
}

#[test]
fn section_3_the_error_yields_to_records() {
    // 16 addresses of 28 octets take 448, the question 27, the header 12, the OPT record 11: 14 are
    // left of 512, too few for the text.
    let reply = all_down().ask(&gslb("many", "AAAA").payload(512));
    assert_eq!(reply.addresses().len(), 16);
    assert!(!reply.is_truncated());
    assert_eq!(reply.error_text(), None);
    assert!(reply.bytes.len() <= 512);
}

#[test]
fn section_4_what_is_not_served_says_why() {
    for (query, rcode, code) in [
        // 4.21: Not Authoritative
        (Query::new("elsewhere.example.org", "A"), "REFUSED", 20),
        (Query::new(".", "NS"), "REFUSED", 20),
        // 4.19: Prohibited
        (gslb("@", "AXFR"), "REFUSED", 18),
        (gslb("@", "A").rtype(251).tcp(), "REFUSED", 18),
        // 4.22: Not Supported
        (gslb("mail", "A").class(4), "REFUSED", 21),
        (Query::new("version.bind", "TXT").class(3), "REFUSED", 21),
        (gslb("mail", "A").rtype(253), "NOTIMP", 21),
        (gslb("mail", "A").rtype(249), "NOTIMP", 21),
        (gslb("mail", "SOA").opcode(4), "NOTIMP", 21),
    ] {
        let reply = ask(&query.clone().edns());
        assert_eq!(reply.rcode(), rcode, "{query:?}");
        assert_eq!(reply.error_code(), Some(code), "{query:?}");
        assert_eq!(reply.error_text().as_deref(), Some(""));
        assert!(ask(&query).opt().is_none());
    }
}

#[test]
fn section_4_errors_that_their_rcode_explains_say_no_more() {
    for query in [
        gslb("mail", "A").version(1),
        gslb("mail", "A").rtype(41).edns(),
        gslb("missing", "A").edns(),
    ] {
        assert_eq!(ask(&query).error_code(), None, "{query:?}");
    }
}
