//! RFC 5001: DNS name server identifier (NSID) option.

use meridian::state::Identity;

use crate::*;

const NSID: u16 = 3;

fn named(nsid: &[u8]) -> Server {
    let mut server = server();
    server.set_identity(Identity {
        nsid: Some(nsid.into()),
        ..Identity::default()
    });
    server
}

#[test]
fn section_2_2_who_asks_is_told_with_every_kind_of_answer() {
    for query in [
        gslb("mail", "A"),
        gslb("www", "A").subnet("20.1.2.0/24"),
        gslb("missing", "A"),
        Query::new("elsewhere.example.org", "A"),
        gslb("mail", "A").opcode(2),
        gslb("long", "TXT").payload(512),
        gslb("mail", "A").tcp(),
    ] {
        let reply = named(b"fra\x001").ask(&query.option(NSID, &[]));
        assert_eq!(reply.option(NSID).as_deref(), Some(&b"fra\x001"[..]));
    }
}

#[test]
fn section_2_2_nobody_else_is_told() {
    let mut server = named(b"fra1");
    assert!(server.ask(&gslb("mail", "A")).opt().is_none());
    assert_eq!(server.ask(&gslb("mail", "A").edns()).option(NSID), None);
    // In a version whose options are not known.
    let reply = server.ask(&gslb("mail", "A").version(1).option(NSID, &[]));
    assert_eq!(reply.option(NSID), None);
}

#[test]
fn section_2_2_what_a_query_says_in_it_is_ignored() {
    let reply = named(b"fra1").ask(&gslb("mail", "A").option(NSID, b"whoever"));
    assert_eq!(reply.rcode(), "NOERROR");
    assert_eq!(reply.option(NSID).as_deref(), Some(&b"fra1"[..]));
}

#[test]
fn section_2_2_a_server_without_an_identifier_tells_none() {
    let reply = ask(&gslb("mail", "A").option(NSID, &[]));
    assert_eq!(reply.rcode(), "NOERROR");
    assert_eq!(reply.option(NSID), None);
}
