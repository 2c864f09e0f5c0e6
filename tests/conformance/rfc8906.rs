//! RFC 8906: A common operational problem in DNS servers: failure to communicate. Its section 8 is
//! a list of queries, and of what to expect.

use crate::in_process::wire;
use crate::*;

#[test]
fn section_8_1_1_is_the_server_configured_for_the_zone() {
    let reply = ask(&gslb("@", "SOA"));
    assert_eq!(reply.rcode(), "NOERROR");
    assert_eq!(reply.answers().len(), 1);
    assert!(reply.is_authoritative());
    assert!(reply.opt().is_none());
}

#[test]
fn section_8_1_2_unknown_types() {
    let reply = ask(&gslb("@", "A").rtype(1000));
    assert_no_data(&reply);
}

#[test]
fn section_8_1_3_header_bits() {
    // 1: CD, 2: AD, 3: the reserved bit, 4: RD. AD and the reserved bit are clear in answers.
    for (sent, expected) in [
        ([0, 0x10], [0x84, 0x10]),
        ([0, 0x20], [0x84, 0]),
        ([0, 0x40], [0x84, 0]),
        ([1, 0], [0x85, 0]),
        // Those that only answers have: AA, TC, RA.
        ([0x06, 0x80], [0x84, 0]),
    ] {
        let reply = ask(&gslb("@", "SOA").flags(sent));
        assert_eq!(reply.rcode(), "NOERROR", "{sent:?}");
        assert_eq!(reply.bytes[2..4], expected, "{sent:?}");
        assert_eq!(reply.answers().len(), 1);
    }
}

#[test]
fn section_8_1_4_unknown_opcodes() {
    // A header, and nothing else.
    let query = gslb("@", "SOA").opcode(15);
    let mut header = query.message();
    header.truncate(12);
    header[5] = 0;
    let reply = server().exchange(&header, query.peer, query.transport);
    let reply = reply.expect("an answer");
    assert_eq!(reply.rcode(), "NOTIMP");
    assert!(!reply.is_authoritative());
    // No flag means anything with an opcode that nobody knows.
    header[2..4].copy_from_slice(&[0x78 | 0x07, 0xf0]);
    let reply = server().exchange(&header, query.peer, query.transport);
    assert_eq!(reply.expect("an answer").bytes[2..4], [0x80 | 0x78, 0x04]);
}

#[test]
fn section_3_1_4_unknown_opcodes_with_edns_are_answered_with_edns() {
    for opcode in 1..=15 {
        let reply = ask(&gslb("@", "SOA").opcode(opcode).edns_flags(0x8000));
        assert_eq!(reply.rcode(), "NOTIMP", "opcode {opcode}");
        assert_eq!(reply.opt().unwrap().ttl, 0x8000);
        // Whatever version it says.
        let reply = ask(&gslb("@", "SOA").opcode(opcode).version(1));
        assert_eq!(reply.rcode(), "NOTIMP", "opcode {opcode}");
        assert_eq!(reply.opt().unwrap().ttl, 0);
    }
}

#[test]
fn section_8_1_5_tcp() {
    let reply = ask(&gslb("@", "SOA").tcp());
    assert_eq!(reply.answers().len(), 1);
}

#[test]
fn section_8_2_1_minimal_edns() {
    let reply = ask(&gslb("@", "SOA").edns());
    assert_eq!(reply.rcode(), "NOERROR");
    assert_eq!(reply.opt().unwrap().ttl, 0);
    assert!(reply.is_authoritative());
}

#[test]
fn section_8_2_2_edns_version_negotiation() {
    let reply = ask(&gslb("@", "SOA").version(1));
    assert_eq!(reply.rcode(), "BADVERS");
    assert_eq!(reply.answers(), [""; 0]);
}

#[test]
fn section_8_2_3_unknown_edns_options() {
    let reply = ask(&gslb("@", "SOA").option(100, &[]));
    assert_eq!(reply.rcode(), "NOERROR");
    assert_eq!(reply.option(100), None);
}

#[test]
fn section_8_2_4_unknown_edns_flags() {
    let reply = ask(&gslb("@", "SOA").edns_flags(0x0040));
    assert_eq!(reply.rcode(), "NOERROR");
    assert_eq!(reply.opt().unwrap().ttl, 0);
}

#[test]
fn section_8_2_5_version_negotiation_with_unknown_flags() {
    let reply = ask(&gslb("@", "SOA").version(1).edns_flags(0x0040));
    assert_eq!(reply.rcode(), "BADVERS");
    assert_eq!(reply.opt().unwrap().ttl & 0x00ff_ffff, 0);
}

#[test]
fn section_8_2_6_version_negotiation_with_unknown_options() {
    let reply = ask(&gslb("@", "SOA").version(1).option(100, &[]));
    assert_eq!(reply.rcode(), "BADVERS");
    assert_eq!(reply.opt().unwrap().rdata.len(), 0);
}

#[test]
fn section_8_2_7_truncated_answers() {
    let reply = ask(&gslb("long", "TXT").payload(512));
    assert!(reply.is_truncated());
    assert!(reply.opt().is_some());
}

#[test]
fn section_8_2_8_do() {
    let reply = ask(&gslb("@", "SOA").edns_flags(0x8000));
    assert_eq!(reply.rcode(), "NOERROR");
    assert_eq!(reply.opt().unwrap().ttl, 0x8000);
}

#[test]
fn section_8_2_9_version_negotiation_with_do() {
    let reply = ask(&gslb("@", "SOA").version(1).edns_flags(0x8000));
    assert_eq!(reply.rcode(), "BADVERS");
    assert_eq!(reply.opt().unwrap().ttl & 0x00ff_ffff, 0x8000);
}

#[test]
fn section_8_2_10_several_edns_options() {
    // NSID, COOKIE and EXPIRE, with the client subnet.
    let query = gslb("@", "SOA")
        .option(3, &[])
        .option(10, &[1; 8])
        .option(9, &[])
        .subnet_data(&[0, 0, 0, 0]);
    let reply = ask(&query);
    assert_eq!(reply.rcode(), "NOERROR");
    assert_eq!(reply.answers().len(), 1);
    // Of these, it knows cookies and client subnets, and has no NSID to tell.
    let options = wire::options(&reply.bytes[reply.opt().unwrap().rdata]);
    let codes: Vec<_> = options.iter().map(|option| option.0).collect();
    assert_eq!(codes, [8, 10]);
}
