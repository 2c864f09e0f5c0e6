//! RFC 4892: Requirements for a mechanism identifying a name server instance: names of class CHAOS.

use meridian::state::Identity;
use meridian::state::identity::Chaos;

use crate::*;

const CH: u16 = 3;

fn chaos(name: &str, rtype: &str) -> Query {
    Query::new(name, rtype).class(CH)
}

fn named() -> Server {
    let text = |text: &str| Some(text.as_bytes().into());
    let mut server = server();
    server.set_identity(Identity {
        chaos: Chaos {
            version: text("Meridian"),
            hostname: text("ns1.example.net"),
            id: text("fra \"1\""),
        },
        ..Identity::default()
    });
    server
}

#[test]
fn section_2_each_name_says_what_is_configured() {
    for (name, text) in [
        ("version.bind", "Meridian"),
        ("version.server", "Meridian"),
        ("hostname.bind", "ns1.example.net"),
        ("id.server", "fra \"1\""),
        ("ID.Server", "fra \"1\""),
    ] {
        for rtype in ["TXT", "ANY"] {
            let reply = named().ask(&chaos(name, rtype));
            assert_eq!(reply.rcode(), "NOERROR", "{name} {rtype}");
            assert!(reply.is_authoritative());
            assert!(!reply.is_truncated());
            let records = reply.records();
            let [record] = &records[..] else {
                panic!("{name} {rtype}: {records:?}")
            };
            // TTL 0: another of several servers may answer the next query.
            assert_eq!(reply.bytes[record.owner.clone()], [0xc0, 12]);
            assert_eq!((record.rtype, record.class, record.ttl), (16, CH, 0));
            let data = &reply.bytes[record.rdata.clone()];
            assert_eq!(usize::from(data[0]), text.len());
            assert_eq!(&data[1..], text.as_bytes());
        }
    }
}

#[test]
fn section_2_the_longest_text_fits_over_udp() {
    let mut server = server();
    let longest: Box<[u8]> = [b'x'; 255].into();
    server.set_identity(Identity {
        chaos: Chaos {
            id: Some(longest.clone()),
            ..Chaos::default()
        },
        ..Identity::default()
    });
    let reply = server.ask(&chaos("id.server", "TXT"));
    assert!(!reply.is_truncated());
    let data = reply.records()[0].rdata.clone();
    assert_eq!(reply.bytes[data][1..], longest[..]);
}

#[test]
fn other_types_of_these_names_have_no_data_and_no_soa_that_could_keep_it() {
    for rtype in ["A", "SOA", "NS"] {
        let reply = named().ask(&chaos("id.server", rtype));
        assert_eq!(reply.rcode(), "NOERROR", "{rtype}");
        assert!(reply.is_authoritative());
        assert_eq!(reply.records().len(), 0);
    }
}

#[test]
fn section_5_nothing_is_said_that_is_not_configured() {
    for name in [
        "version.bind",
        "version.server",
        "hostname.bind",
        "id.server",
    ] {
        for rtype in ["TXT", "ANY", "A"] {
            assert_refused(&mut server(), &chaos(name, rtype));
        }
    }
    let mut server = server();
    server.set_identity(Identity {
        chaos: Chaos {
            version: Some(b"9"[..].into()),
            ..Chaos::default()
        },
        ..Identity::default()
    });
    assert_refused(&mut server, &chaos("id.server", "TXT"));
}

#[test]
fn other_names_transfers_and_other_classes_are_refused() {
    for query in [
        chaos("bind", "TXT"),
        chaos("x.version.bind", "TXT"),
        chaos("authors.bind", "TXT"),
        chaos(".", "TXT"),
        chaos("www.gslb.example.com", "A"),
        chaos("version.bind", "AXFR").tcp(),
        chaos("version.bind", "TXT").class(1),
        chaos("version.bind", "TXT").class(4),
        chaos("version.bind", "TXT").class(255),
    ] {
        assert_refused(&mut named(), &query);
    }
}

#[track_caller]
fn assert_refused(server: &mut Server, query: &Query) {
    let reply = server.ask(query);
    assert_eq!(reply.rcode(), "REFUSED", "{query:?}");
    assert!(!reply.is_authoritative());
    assert_eq!(reply.records().len(), 0);
}
