//! RFC 1035: Domain names, implementation and specification. Octets matter here.

use crate::in_process::wire::{self, Section};
use crate::*;

#[test]
fn section_4_1_1_the_header_of_an_answer() {
    // RD is copied, RA is off: there is no recursion. ID and opcode are the query's.
    for (sent, expected) in [([0, 0], [0x84, 0]), ([1, 0], [0x85, 0])] {
        let reply = ask(&gslb("mail", "A").flags(sent));
        assert_eq!(reply.bytes[..2], [0x4d, 0x45]);
        assert_eq!(reply.bytes[2..4], expected);
    }
}

#[test]
fn section_4_1_1_counts_are_what_follows() {
    for query in [
        gslb("mail", "A"),
        gslb("@", "NS").edns(),
        gslb("sub", "A").edns(),
        gslb("missing", "A"),
        gslb("docs", "A").subnet("20.1.2.0/24"),
    ] {
        let reply = ask(&query);
        // `records` has seen that they fill the message to its end.
        let of = |section| {
            let records = reply.records();
            let count = records.iter().filter(|record| record.section == section);
            count.count() as u16
        };
        let sections = [Section::Answer, Section::Authority, Section::Additional];
        let [answers, authority, additional] = sections.map(of);
        assert_eq!(
            wire::counts(&reply.bytes),
            [1, answers, authority, additional]
        );
    }
}

#[test]
fn section_4_1_1_a_message_that_is_no_query_is_not_answered() {
    let query = gslb("mail", "A");
    let response = query.clone().flags([0x80, 0]).message();
    assert!(
        server()
            .exchange(&response, query.peer, query.transport)
            .is_none()
    );
    for length in 0..12 {
        let part = &query.message()[..length];
        assert!(
            server()
                .exchange(part, query.peer, query.transport)
                .is_none()
        );
    }
}

#[test]
fn section_4_1_1_a_query_that_cannot_be_read_is_a_format_error() {
    let query = gslb("mail", "A");
    let whole = query.message();
    for length in 12..whole.len() {
        let reply = server().exchange(&whole[..length], query.peer, query.transport);
        let reply = reply.expect("an answer");
        assert_eq!(reply.rcode(), "FORMERR", "{length} octets");
        // What could not be read is not echoed.
        assert_eq!(reply.bytes.len(), 12);
    }
    let longer = [&whole[..], &[0]].concat();
    let reply = server().exchange(&longer, query.peer, query.transport);
    assert_eq!(reply.expect("an answer").rcode(), "FORMERR");
}

/// Messages in place of a query, and whether its question can be told.
fn malformed() -> Vec<(&'static str, Vec<u8>, bool)> {
    const A: &[u8] = b"\xc0\x0c\x00\x01\x00\x01\x00\x00\x00\x00\x00\x04\x0a\x00\x00\x01";
    let query = gslb("mail", "A");
    let with_counts = |counts: [u8; 4], rest: &[&[u8]]| {
        let mut message = query.message();
        for (section, count) in counts.into_iter().enumerate() {
            message[5 + 2 * section] = count;
        }
        message.extend(rest.concat());
        message
    };
    let with_name = |name: &[u8]| {
        let header = &with_counts([1, 0, 0, 0], &[])[..12];
        [header, name, b"\x00\x01\x00\x01"].concat()
    };
    let label = [&[63][..], &[b'a'; 63]].concat();
    let cut_name = |name: &[u8]| with_counts([1, 0, 0, 1], &[name]);
    vec![
        (
            "a header alone",
            with_counts([1, 0, 0, 0], &[])[..12].to_vec(),
            false,
        ),
        (
            "a name that points to itself",
            with_name(b"\xc0\x0c"),
            false,
        ),
        (
            "names that point to each other",
            with_name(b"\xc0\x0e\xc0\x0c"),
            false,
        ),
        (
            "a label, then a pointer to it",
            with_name(b"\x01a\xc0\x0c"),
            false,
        ),
        ("a pointer past the end", with_name(b"\xff\xff"), false),
        (
            "half a pointer",
            with_counts([1, 0, 0, 0], &[])[..12]
                .iter()
                .chain(&[0xc0])
                .copied()
                .collect(),
            false,
        ),
        ("a label of type 01", with_name(b"\x41a\x00"), false),
        ("a label of type 10", with_name(b"\x81a\x00"), false),
        ("a label past the end", with_name(b"\x3fa"), false),
        (
            "a name of 256 octets",
            with_name(&[&label.repeat(3)[..], &[62], &[b'a'; 62], &[0]].concat()),
            false,
        ),
        ("no end of labels", with_name(&label.repeat(10)), false),
        (
            "more answers than there are",
            with_counts([1, 1, 0, 0], &[]),
            true,
        ),
        (
            "more authority than there is",
            with_counts([1, 0, 1, 0], &[]),
            true,
        ),
        (
            "more additional than there is",
            with_counts([1, 0, 0, 2], &[A]),
            true,
        ),
        ("255 of everything", with_counts([255; 4], &[A]), false),
        ("an answer", with_counts([1, 1, 0, 0], &[A]), true),
        ("authority", with_counts([1, 0, 1, 0], &[A]), true),
        (
            "octets past the end",
            with_counts([1, 0, 0, 0], &[b"x"]),
            true,
        ),
        (
            "a record past the end",
            with_counts([1, 0, 0, 0], &[A]),
            true,
        ),
        ("a record cut in its owner", cut_name(b"\x03ab"), true),
        ("a record cut in its pointer", cut_name(b"\xc0"), true),
        (
            "a record with a label of type 01",
            cut_name(b"\x41a\x00"),
            true,
        ),
        ("a record cut behind its owner", cut_name(&A[..2]), true),
        ("a record cut in its length", cut_name(&A[..11]), true),
        ("a record cut in its data", cut_name(&A[..15]), true),
    ]
}

#[test]
fn section_4_1_what_is_malformed_is_a_format_error_with_the_question_where_there_is_one() {
    let query = gslb("mail", "A");
    for (what, message, has_question) in malformed() {
        for transport in [query.transport, query.clone().tcp().transport] {
            let reply = server().exchange(&message, query.peer, transport);
            let reply = reply.unwrap_or_else(|| panic!("{what}: no answer"));
            assert_eq!(reply.rcode(), "FORMERR", "{what}");
            assert_eq!(reply.bytes[..2], message[..2]);
            assert_eq!(
                wire::counts(&reply.bytes),
                [u16::from(has_question), 0, 0, 0],
                "{what}"
            );
            if has_question {
                let question = wire::question(&reply.bytes);
                assert_eq!(reply.bytes[question], query.question(), "{what}");
            }
        }
    }
}

#[test]
fn section_4_1_1_what_is_malformed_in_a_response_is_not_answered_either() {
    let query = gslb("mail", "A");
    for (what, mut message, _) in malformed() {
        message[2] |= 0x80;
        let reply = server().exchange(&message, query.peer, query.transport);
        assert!(reply.is_none(), "{what}");
    }
}

#[test]
fn section_3_1_the_longest_name_is_no_mistake() {
    let label = "a".repeat(63);
    let name = format!("{}.{label}.{label}.gslb.example.com", "b".repeat(107 - 44));
    let query = Query::new(&name, "A");
    assert_eq!(ask(&query).rcode(), "NXDOMAIN");
    let labels = "a.".repeat(118);
    let query = Query::new(&format!("{labels}gslb.example.com"), "A");
    assert_eq!(query.name.len(), 254);
    assert_eq!(ask(&query).rcode(), "NXDOMAIN");
}

#[test]
fn section_3_2_3_types_that_no_record_has() {
    for (rtype, rcode) in [
        (0, "NOERROR"),
        (41, "FORMERR"),
        (128, "NOERROR"),
        (249, "NOTIMP"),
        (250, "NOTIMP"),
        (251, "REFUSED"),
        (252, "REFUSED"),
        (253, "NOTIMP"),
        (254, "NOTIMP"),
        (65_535, "NOERROR"),
    ] {
        for query in [gslb("mail", "A"), gslb("mail", "A").tcp()] {
            let reply = ask(&query.rtype(rtype));
            assert_eq!(reply.rcode(), rcode, "type {rtype}");
            assert_eq!(reply.answers(), [""; 0]);
            assert_eq!(reply.is_authoritative(), rcode == "NOERROR");
        }
    }
}

#[test]
fn section_4_1_1_other_kinds_of_query_are_not_implemented() {
    // 1: IQUERY, 2: STATUS, 4: NOTIFY, 5: UPDATE.
    for opcode in 1..=15 {
        let reply = ask(&gslb("mail", "A").opcode(opcode));
        assert_eq!(reply.rcode(), "NOTIMP", "opcode {opcode}");
        assert_eq!(reply.bytes[2] >> 3 & 0x0f, opcode);
        assert_eq!(reply.records().len(), 0);
    }
}

#[test]
fn section_4_1_2_the_question_is_copied() {
    for query in [
        gslb("mail", "A"),
        gslb("missing", "TXT"),
        Query::new("elsewhere.example.org", "A"),
        gslb("mail", "A").class(3),
    ] {
        let reply = ask(&query);
        let question = wire::question(&reply.bytes);
        assert_eq!(reply.bytes[question], query.question());
    }
}

#[test]
fn section_4_1_4_owners_are_pointers_to_names_before_them() {
    let reply = ask(&gslb("docs", "A").from("20.1.2.3"));
    let records = reply.records();
    let owner = |i: usize| &reply.bytes[records[i].owner.clone()];
    assert_eq!(owner(0), [0xc0, 12]);
    // Where the data of the CNAME before it begins.
    for i in [1, 2] {
        let target = records[i - 1].rdata.start as u16;
        assert_eq!(owner(i), (0xc000 | target).to_be_bytes());
    }
}

#[test]
fn section_4_1_4_names_in_data_end_in_a_pointer_to_the_zone_in_the_question() {
    let reply = ask(&gslb("@", "MX"));
    let mx = &reply.records()[0];
    assert_eq!(reply.bytes[mx.rdata.clone()], *b"\x00\x0a\x04mail\xc0\x0c");
    // The zone's name begins 8 octets into the question's.
    let reply = ask(&gslb("missing", "A"));
    let soa = &reply.records()[0];
    assert_eq!(reply.bytes[soa.owner.clone()], [0xc0, 12 + 8]);
    assert_eq!(reply.bytes[soa.rdata.start..][..6], *b"\x03ns1\xc0\x14");
}

#[test]
fn section_4_1_4_pointers_point_back() {
    for query in [
        gslb("sub", "A"),
        gslb("down", "A"),
        gslb("wide", "A"),
        gslb("@", "NS"),
        gslb("docs", "A"),
        gslb("covered", "A"),
    ] {
        let reply = ask(&query.payload(1232));
        for record in reply.records() {
            let owner = &reply.bytes[record.owner.clone()];
            if let [high, low] = *owner {
                let to = usize::from(u16::from_be_bytes([high & 0x3f, low]));
                assert!(to < record.at, "{record:?}");
            }
        }
    }
}

#[test]
fn section_4_2_1_an_answer_over_udp_has_at_most_512_octets() {
    for query in [gslb("long", "TXT"), gslb("wide", "A")] {
        let reply = ask(&query);
        assert!(reply.bytes.len() <= 512);
        assert!(reply.is_truncated());
    }
}

#[test]
fn section_4_2_2_an_answer_over_tcp_is_whole() {
    let reply = ask(&gslb("long", "TXT").tcp());
    assert!(!reply.is_truncated());
    assert_eq!(reply.answers().len(), 5);
    assert!(reply.bytes.len() > 512);
    let reply = ask(&gslb("wide", "A").tcp());
    assert!(!reply.is_truncated());
    assert_eq!(reply.additional().len(), 16);
}

#[test]
fn section_3_2_4_other_classes_are_refused() {
    for class in [0, 2, 3, 4, 254, 255, 65_535] {
        let reply = ask(&gslb("mail", "A").class(class));
        assert_eq!(reply.rcode(), "REFUSED", "class {class}");
        assert!(!reply.is_authoritative());
    }
}

/// A zone example.com with these records.
#[track_caller]
fn zone_with(records: &str) -> Result<Whole, String> {
    let zone =
        "$TTL 60\n@ SOA ns.example.com. hostmaster.example.com. 1 2 3 4 5\n@ NS ns.example.net.\n";
    compile(&[
        (
            "meridian.toml",
            "[zone.\"example.com\"]\nfile = \"example.com.zone\"\n",
        ),
        ("example.com.zone", &[zone, records].concat()),
    ])
}

#[test]
fn section_4_1_4_names_are_compressed_against_each_other() {
    let rdata = |name: &str, rtype: &str| {
        let reply = ask(&in_zone("hosts.example", name, rtype));
        let records = reply.records();
        let data = |record: &wire::RawRecord| reply.bytes[record.rdata.clone()].to_vec();
        records.iter().map(data).collect::<Vec<_>>()
    };
    // Against the apex, and an earlier name.
    let mx = rdata("@", "MX");
    assert_eq!(mx[0], b"\0\x0a\x04mail\xc0\x0c");
    assert_eq!(mx[2], b"\0\x1e\x02mx\x07example\x03net\0");
    assert_eq!(mx[3][..6], *b"\0\x28\x03mx2");
    assert_eq!(mx[3].len(), 8);
    // Against a name between the owner and the apex, and against the owner's.
    assert_eq!(rdata("deep.down", "MX")[0], b"\0\x0a\x02mx\xc0\x11");
    // Against the name in the data of the CNAME before.
    let reply = ask(&in_zone("hosts.example", "to-many", "A"));
    let records = reply.records();
    let target = 0xc000 | records[0].rdata.start as u16;
    assert_eq!(reply.bytes[records[1].owner.clone()], target.to_be_bytes());
}

#[test]
fn section_4_1_4_pointers_lead_back_and_never_to_pointers() {
    let names = [
        "@",
        "mail",
        "ns1",
        "to-many",
        "deep.down",
        "_sip._tcp",
        "svc",
        "alias",
        "sip",
        "x.web",
        "host.sub",
        "missing",
        "www",
    ];
    let mut pointers = 0;
    for zone in [
        "hosts.example",
        "full.example",
        "rotated.example",
        "both.example",
    ] {
        for name in names {
            for rtype in ["A", "MX", "NS", "SOA", "SRV", "HTTPS", "NAPTR", "TXT"] {
                let reply = ask(&in_zone(zone, name, rtype).tcp());
                for (at, to) in wire::pointers(&reply.bytes) {
                    assert!(to < at && reply.bytes[to] < 0xc0, "{zone} {name} {rtype}");
                    pointers += 1;
                }
            }
        }
    }
    assert!(pointers > 1000);
}

#[test]
fn section_4_2_2_a_message_over_tcp_has_up_to_65_535_octets() {
    let text = "t".repeat(250);
    let line = |i: u32| format!("*.big TXT \"{i:04}{text}\"\n");
    let records: String = (0..241).map(line).collect();
    let whole = zone_with(&records).unwrap();
    let mut server = Server::new(&whole, 1);
    let name = format!("{}.big.example.com", ["a"; 110].join("."));
    let query = Query::new(&name, "TXT").subnet("20.1.2.0/24");
    let reply = server.ask(&query.clone().tcp());
    assert_eq!(reply.answers().len(), 241);
    assert!(!reply.is_truncated());
    assert!(reply.bytes.len() > 64_000);
    // Over UDP, all or nothing, and OPT.
    let reply = server.ask(&query);
    assert!(reply.is_truncated());
    assert_eq!(reply.answers(), [""; 0]);
    assert!(reply.opt().is_some());
    // More fits no message, whatever is asked.
    let records: String = (0..244).map(line).collect();
    let mistake = zone_with(&records).err().unwrap();
    assert!(
        mistake.starts_with(
            "example.com.zone:4:7: error: the TXT records of `*.big.example.com.` have more than"
        ),
        "{mistake}"
    );
}

#[test]
fn section_4_1_4_names_past_the_reach_of_a_pointer_are_written_out() {
    let mx = |i: u32| {
        format!("big MX {i} host{i}.far.example.net.\nbig MX {i} near{i}\nnear{i} A 192.0.2.1\n")
    };
    let records: String = (0..800).map(mx).collect();
    for settings in ["", "rrset_order = \"rotated\"\nresponses = \"full\"\n"] {
        let config = format!("[zone.\"example.com\"]\nfile = \"example.com.zone\"\n{settings}");
        let zone = "$TTL 60\n@ SOA ns.example.com. hostmaster 1 2 3 4 5\n@ NS ns.example.net.\n";
        let zone = [zone, &records].concat();
        let whole = compile(&[("meridian.toml", &config), ("example.com.zone", &zone)]).unwrap();
        let mut server = Server::new(&whole, 1);
        for _ in 0..5 {
            let reply = server.ask(&Query::new("big.example.com", "MX").tcp());
            assert!(!reply.is_truncated());
            assert!(reply.bytes.len() > 0x3fff);
            let mut answers = reply.answers();
            answers.sort();
            let mut expected: Vec<_> = (0..800)
                .flat_map(|i| {
                    let line = |host| format!("big.example.com. 60 IN MX {i} {host}{i}.");
                    [
                        line("host") + "far.example.net.",
                        line("near") + "example.com.",
                    ]
                })
                .collect();
            expected.sort();
            assert_eq!(answers, expected);
            let additional = reply.additional();
            assert!(additional.len() > 100);
            assert!(
                additional
                    .iter()
                    .all(|line| line.starts_with("near") && line.ends_with(" 192.0.2.1"))
            );
        }
    }
}
