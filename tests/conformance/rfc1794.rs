//! RFC 1794: DNS support for load balancing: the records of an RRset in another order each time.

use std::collections::BTreeMap;

use crate::*;

/// The answers to the same question, asked so often of one worker.
fn answers(name: &str, rtype: &str, count: usize) -> Vec<Vec<String>> {
    let mut server = server();
    let query = in_zone("rotated.example", name, rtype);
    (0..count).map(|_| server.ask(&query).answers()).collect()
}

/// `records` in all orders that a circle has.
fn circles(records: &[String]) -> Vec<Vec<String>> {
    let turned = |by| {
        let mut records = records.to_vec();
        records.rotate_left(by);
        records
    };
    (0..records.len()).map(turned).collect()
}

#[test]
fn section_3_each_record_comes_first_equally_often() {
    for (name, rtype) in [
        ("many", "A"),
        ("many", "TXT"),
        ("@", "MX"),
        ("@", "NS"),
        ("_sip._tcp", "SRV"),
    ] {
        let fixed = ask(&in_zone("hosts.example", name, rtype)).answers();
        let fixed: Vec<_> = fixed
            .iter()
            .map(|line| line.replace("hosts.example", "rotated.example"))
            .collect();
        let mut seen: BTreeMap<_, usize> = BTreeMap::new();
        for answer in answers(name, rtype, 1200) {
            *seen.entry(answer).or_default() += 1;
        }
        let orders: Vec<_> = seen.keys().cloned().collect();
        let mut expected = circles(&fixed);
        expected.sort();
        assert_eq!(orders, expected, "{name} {rtype}");
        let share = 1200 / fixed.len();
        assert!(
            seen.values().all(|&count| count.abs_diff(share) <= 3),
            "{seen:#?}"
        );
    }
}

#[test]
fn section_3_who_asks_for_two_types_in_turn_sees_all_of_both() {
    let mut server = server();
    let mut first = BTreeMap::new();
    for _ in 0..100 {
        for rtype in ["A", "AAAA"] {
            let addresses = server
                .ask(&in_zone("rotated.example", "many", rtype))
                .addresses();
            *first.entry(addresses[0]).or_insert(0) += 1;
        }
    }
    assert_eq!(first.len(), 5);
    assert!(first.values().all(|&count| count >= 30), "{first:?}");
}

#[test]
fn at_the_end_of_a_chain_too() {
    let answers = answers("to-many", "A", 30);
    assert!(answers.iter().all(|answer| answer[0].contains("CNAME")));
    let mut first: Vec<_> = answers.iter().map(|answer| &answer[1]).collect();
    first.sort();
    first.dedup();
    assert_eq!(first.len(), 3);
}

#[test]
fn the_addresses_that_come_along_stay_those_of_their_hosts() {
    let mut server = server();
    let fixed = ask(&in_zone("hosts.example", "@", "MX"));
    for zone in ["rotated.example", "both.example"] {
        for _ in 0..20 {
            let reply = server.ask(&in_zone(zone, "@", "MX"));
            for line in fixed.additional() {
                let line = line.replace("hosts.example", zone);
                assert!(
                    reply.additional().contains(&line),
                    "{:#?}",
                    reply.additional()
                );
            }
        }
    }
}

#[test]
fn unless_asked_for_the_order_is_that_of_the_zone_file() {
    let mut server = server();
    for _ in 0..10 {
        let reply = server.ask(&in_zone("hosts.example", "many", "A"));
        assert_eq!(
            reply.address_texts(),
            ["192.0.2.1", "192.0.2.2", "192.0.2.3"]
        );
    }
}
