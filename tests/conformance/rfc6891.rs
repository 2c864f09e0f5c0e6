//! RFC 6891: Extension mechanisms for DNS (EDNS(0)).

use meridian::nameserver::answer::Transport;

use crate::in_process::wire::{self, Section};
use crate::*;

/// Queries to which every kind of answer is given.
fn of_every_kind() -> [Query; 11] {
    [
        gslb("mail", "A"),
        gslb("www", "A"),
        gslb("docs", "A"),
        gslb("mail", "AAAA"),
        gslb("missing", "A"),
        gslb("sub", "A"),
        gslb("long", "TXT"),
        Query::new("elsewhere.example.org", "A"),
        gslb("mail", "A").class(3),
        gslb("@", "AXFR"),
        gslb("mail", "A").opcode(2),
    ]
}

#[test]
fn section_6_1_1_there_is_an_opt_record_exactly_when_the_query_has_one() {
    for query in of_every_kind() {
        assert!(ask(&query).opt().is_none(), "{query:?}");
        let reply = ask(&query.clone().payload(512));
        let records = reply.records();
        let opts: Vec<_> = records.iter().filter(|record| record.rtype == 41).collect();
        assert_eq!(opts.len(), 1, "{query:?}");
        assert_eq!(opts[0].section, Section::Additional);
        // At the root: the owner is one octet.
        assert_eq!(reply.bytes[opts[0].owner.clone()], [0]);
    }
}

#[test]
fn section_6_1_1_a_format_error_that_comes_with_edns_goes_with_edns() {
    // Without, the client would take the server for one that has no EDNS (section 7), and go on
    // without.
    let broken_option = gslb("www", "A").subnet_data(&[0, 1, 24, 0, 20]);
    let reply = ask(&broken_option);
    assert_eq!(reply.rcode(), "FORMERR");
    assert!(reply.opt().is_some());
    assert_eq!(
        reply.bytes[wire::question(&reply.bytes)],
        broken_option.question()
    );
}

#[test]
fn section_6_1_1_two_opt_records_are_a_format_error() {
    let query = gslb("mail", "A").edns();
    let mut message = query.message();
    let opt = message[message.len() - 11..].to_vec();
    message[11] = 2;
    message.extend(opt);
    let reply = server().exchange(&message, query.peer, query.transport);
    assert_eq!(reply.expect("an answer").rcode(), "FORMERR");
}

#[test]
fn section_6_1_1_an_opt_record_off_the_root_is_a_format_error() {
    let query = gslb("mail", "A");
    let mut message = query.message();
    message[11] = 1;
    message.extend(b"\x01x\x00\x00\x29\x04\xd0\x00\x00\x00\x00\x00\x00");
    let reply = server().exchange(&message, query.peer, query.transport);
    assert_eq!(reply.expect("an answer").rcode(), "FORMERR");
}

#[test]
fn section_6_1_1_an_opt_record_outside_the_additional_section_is_a_format_error() {
    // AXFR and IXFR, too: what IXFR may have in the authority section is a SOA (RFC 1995, 3).
    for rtype in [1, 251, 252] {
        for count_at in [7, 9] {
            let query = gslb("mail", "A").rtype(rtype).edns();
            let mut message = query.message();
            message[11] = 0;
            message[count_at] = 1;
            let reply = server().exchange(&message, query.peer, query.transport);
            let reply = reply.expect("an answer");
            assert_eq!(reply.rcode(), "FORMERR", "{rtype}, section {count_at}");
            assert_eq!(reply.bytes[wire::question(&reply.bytes)], query.question());
        }
    }
}

#[test]
fn section_6_1_2_the_root_is_one_octet() {
    let query = gslb("mail", "A");
    let root_at = 12 + query.name.len() as u8 - 1;
    let mut message = query.message();
    message[11] = 1;
    message.extend([0xc0, root_at]);
    message.extend(b"\x00\x29\x04\xd0\x00\x00\x00\x00\x00\x00");
    let reply = server().exchange(&message, query.peer, query.transport);
    assert_eq!(reply.expect("an answer").rcode(), "FORMERR");
}

#[test]
fn section_6_1_2_options_that_run_past_their_record_are_a_format_error() {
    for options in [
        &b"\x00"[..],
        b"\xfd\xe9\x00",
        b"\xfd\xe9\x00\x03ab",
        b"\xfd\xe9\x00\x00\x00",
    ] {
        let query = gslb("mail", "A").edns();
        let mut message = query.message();
        let length_at = message.len() - 2;
        message[length_at + 1] = options.len() as u8;
        message.extend(options);
        let reply = server().exchange(&message, query.peer, query.transport);
        let reply = reply.expect("an answer");
        assert_eq!(reply.rcode(), "FORMERR", "{options:02x?}");
        assert!(reply.opt().is_some());
    }
}

#[test]
fn section_6_1_1_other_records_may_precede_and_follow_opt() {
    let query = gslb("mail", "A").edns();
    let message = query.message();
    let (head, opt) = message.split_at(message.len() - 11);
    // The owner is a pointer to the question; the data are an address.
    let other = b"\xc0\x0c\x00\x01\x00\x01\x00\x00\x00\x00\x00\x04\x0a\x00\x00\x01";
    let mut between = [head, other, opt, other].concat();
    between[11] = 3;
    let reply = server().exchange(&between, query.peer, query.transport);
    let reply = reply.expect("an answer");
    assert_eq!(reply.rcode(), "NOERROR");
    assert!(reply.opt().is_some());
}

#[test]
fn section_6_1_2_options_that_nobody_knows_are_ignored() {
    let reply = ask(&gslb("mail", "A").option(65_001, b"data"));
    assert_eq!(reply.rcode(), "NOERROR");
    assert_eq!(reply.opt().unwrap().rdata.len(), 0);
}

#[test]
fn section_6_1_3_a_higher_version_is_badvers_with_our_version() {
    for version in [1, 2, 255] {
        let reply = ask(&gslb("mail", "A").version(version));
        assert_eq!(reply.rcode(), "BADVERS");
        let opt = reply.opt().unwrap();
        assert_eq!(
            opt.ttl >> 16 & 0xff,
            0,
            "the highest version that is implemented"
        );
        assert_eq!(reply.answers(), [""; 0]);
    }
}

#[test]
fn section_6_1_3_what_options_mean_in_a_higher_version_is_not_for_us_to_say() {
    let reply = ask(&gslb("mail", "A").version(1).subnet_data(b"?"));
    assert_eq!(reply.rcode(), "BADVERS");
}

#[test]
fn section_6_1_4_do_is_copied_and_other_flags_are_not() {
    for (sent, expected) in [(0, 0), (0x8000, 0x8000), (0x7fff, 0), (0xffff, 0x8000)] {
        let reply = ask(&gslb("mail", "A").edns_flags(sent));
        assert_eq!(reply.opt().unwrap().ttl & 0xffff, expected);
    }
}

#[test]
fn section_6_2_3_a_payload_size_below_512_counts_as_512() {
    for payload in [0, 100, 511] {
        // An answer of 498 octets, OPT included.
        let reply = ask(&gslb("many", "AAAA").payload(payload));
        assert!(!reply.is_truncated());
        assert_eq!(reply.addresses().len(), 16);
    }
}

#[test]
fn section_6_2_5_answers_keep_to_the_lesser_of_both_payload_sizes() {
    let whole = ask(&gslb("long", "TXT").edns().tcp()).bytes.len() as u16;
    for (theirs, ours, fits) in [
        (4096, whole, true),
        (whole, 4096, true),
        (4096, whole - 1, false),
        (whole - 1, 4096, false),
    ] {
        let query = gslb("long", "TXT").payload(theirs).payload_max(ours);
        assert_eq!(ask(&query).is_truncated(), !fits, "{theirs} and {ours}");
    }
}

#[test]
fn section_6_2_5_our_payload_size_is_told() {
    let query = gslb("mail", "A").payload(4096);
    for transport in [
        Transport::Udp { payload_max: 1400 },
        Transport::Tcp { payload_max: 1400 },
    ] {
        let query = Query {
            transport,
            ..query.clone()
        };
        assert_eq!(ask(&query).opt().unwrap().class, 1400, "{transport:?}");
    }
}

#[test]
fn section_6_2_5_options_count_toward_the_payload_size() {
    // An answer that fits with nothing to spare does not with a cookie.
    let whole = ask(&gslb("long", "TXT").edns().tcp()).bytes.len() as u16;
    let query = gslb("long", "TXT").payload_max(whole).payload(whole);
    assert!(!ask(&query).is_truncated());
    let reply = ask(&query.option(10, &[1; 8]));
    assert!(reply.is_truncated());
    assert_eq!(reply.option(10).map(|cookie| cookie.len()), Some(24));
}

#[test]
fn section_7_opt_is_kept_where_records_are_left_out() {
    for query in [
        gslb("long", "TXT").payload(512),
        gslb("wide", "A").payload(512),
        gslb("many", "AAAA").subnet("2a02:100::/128").payload(512),
    ] {
        let reply = ask(&query);
        assert!(reply.is_truncated());
        assert!(reply.bytes.len() <= 512);
        assert!(reply.opt().is_some());
        let sent = query.opt.unwrap().options.pop();
        assert_eq!(reply.subnet().is_some(), sent.is_some());
    }
}
