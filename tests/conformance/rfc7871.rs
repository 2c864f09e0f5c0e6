//! RFC 7871: Client subnet in DNS queries.
//!
//! Regions by address: Europe 192.0.2.1, America 192.0.2.2, Asia 192.0.2.3 (IPv6: 2001:db8:1::1 and
//! so on). A client that nobody knows gets Asia. feed.csv says where the others are.

use std::net::{Ipv4Addr, Ipv6Addr};

use ipnet::Ipv4Net;
use meridian::model::Verdict;
use meridian::state::EndpointHealth;

use crate::*;

const EUROPE: &str = "192.0.2.1";
const AMERICA: &str = "192.0.2.2";
const UNKNOWN: &str = "192.0.2.3";

/// The A query for the name `www` from a resolver that nobody knows.
#[track_caller]
fn www(subnet: &str) -> Query {
    gslb("www", "A").subnet(subnet)
}

/// The client with this subnet gets `address`, for a scope of so many bits.
#[track_caller]
fn assert_steered(query: &Query, address: &str, scope: u8) {
    let reply = ask(query);
    assert_eq!(reply.rcode(), "NOERROR");
    assert_eq!(reply.address_texts(), [address]);
    assert_eq!(reply.scope(), Some(scope), "scope");
}

/// The answer carries the option that the query carried, with a scope.
#[track_caller]
fn assert_echoes(query: &Query, scope: u8) {
    let options = &query.opt.as_ref().expect("EDNS").options;
    let mut expected = options[0].1.clone();
    expected[3] = scope;
    assert_eq!(ask(query).subnet(), Some(expected), "{query:?}");
}

fn down() -> EndpointHealth {
    EndpointHealth::new(Verdict::Down, 1_000)
}

// 6: the option.

#[test]
fn section_6_address_has_as_many_octets_as_source_needs() {
    // FAMILY 1: 20 bits are three octets; FAMILY 2: 56 bits are seven.
    let reply = ask(&www("20.1.16.0/20"));
    assert_eq!(reply.subnet().unwrap(), [0, 1, 20, 14, 20, 1, 16]);
    let reply = ask(&www("2a02:100:1:200::/56"));
    let subnet = [0, 2, 56, 33, 0x2a, 0x02, 1, 0, 0, 1, 2];
    assert_eq!(reply.subnet().unwrap(), subnet);
    let reply = ask(&www("20.1.2.3/32"));
    assert_eq!(reply.subnet().unwrap(), [0, 1, 32, 14, 20, 1, 2, 3]);
}

#[test]
fn section_6_too_few_or_too_many_octets_are_a_format_error() {
    for data in [
        &[][..],
        &[0],
        &[0, 1, 24],
        &[0, 1, 24, 0],
        &[0, 1, 24, 0, 20, 1],
        &[0, 1, 24, 0, 20, 1, 2, 0],
        &[0, 1, 0, 0, 0],
        &[0, 2, 56, 0, 0x2a, 0x02],
    ] {
        let reply = ask(&gslb("www", "A").subnet_data(data));
        assert_eq!(reply.rcode(), "FORMERR", "{data:?}");
        assert_eq!(reply.answers(), [""; 0]);
    }
}

#[test]
fn section_6_bits_set_past_source_are_a_format_error() {
    for data in [&[0, 1, 20, 0, 20, 1, 0x1f][..], &[0, 1, 1, 0, 0xc0]] {
        let reply = ask(&gslb("www", "A").subnet_data(data));
        assert_eq!(reply.rcode(), "FORMERR", "{data:?}");
    }
}

// 7.1.2, 7.5: privacy.

#[test]
fn section_7_1_2_source_0_is_served_by_the_resolver_with_scope_0() {
    for (subnet, resolver, address) in [
        ("0.0.0.0/0", "20.1.2.53", EUROPE),
        ("0.0.0.0/0", "20.5.2.53", AMERICA),
        ("0.0.0.0/0", "2600:1000::53", AMERICA),
        ("::/0", "20.1.2.53", EUROPE),
        ("::/0", "192.0.2.53", UNKNOWN),
    ] {
        let query = www(subnet).from(resolver);
        assert_steered(&query, address, 0);
        assert_echoes(&query, 0);
    }
}

#[test]
fn section_7_1_2_source_0_of_no_family_is_taken_as_a_request_for_privacy() {
    // What dig sends for +subnet=0.
    let query = gslb("www", "A")
        .subnet_data(&[0, 0, 0, 0])
        .from("20.1.2.53");
    assert_steered(&query, EUROPE, 0);
    assert_echoes(&query, 0);
}

// 7.2.1: what is answered.

#[test]
fn section_7_2_1_an_unknown_family_is_a_format_error() {
    for data in [
        &[0, 3, 24, 0, 20, 1, 2][..],
        &[1, 1, 24, 0, 20, 1, 2],
        &[0, 3, 0, 0],
        &[0, 0, 8, 0, 20],
    ] {
        let reply = ask(&gslb("www", "A").subnet_data(data));
        assert_eq!(reply.rcode(), "FORMERR", "{data:?}");
    }
}

#[test]
fn section_7_2_1_a_source_longer_than_an_address_is_a_format_error() {
    for data in [
        [&[0, 1, 33, 0][..], &[20, 1, 2, 3, 0]].concat(),
        [&[0, 2, 129, 0][..], &[0x20; 17]].concat(),
        [&[0, 1, 255, 0][..], &[20; 32]].concat(),
    ] {
        let reply = ask(&gslb("www", "A").subnet_data(&data));
        assert_eq!(reply.rcode(), "FORMERR", "{data:?}");
    }
}

#[test]
fn section_7_2_1_a_scope_in_a_query_is_a_format_error() {
    let reply = ask(&gslb("www", "A").subnet_data(&[0, 1, 24, 24, 20, 1, 2]));
    assert_eq!(reply.rcode(), "FORMERR");
}

#[test]
fn section_7_2_1_two_options_are_a_format_error() {
    let reply = ask(&www("20.1.2.0/24").subnet("20.5.2.0/24"));
    assert_eq!(reply.rcode(), "FORMERR");
}

#[test]
fn section_7_2_1_the_option_is_in_every_answer_to_a_query_that_carried_it() {
    for (query, scope) in [
        (gslb("www", "A"), 14),
        (gslb("mail", "A"), 0),
        (gslb("missing", "A"), 0),
        (gslb("mail", "AAAA"), 0),
        (gslb("v4only", "AAAA"), 0),
        (gslb("www", "TXT"), 0),
        (gslb("sub", "A"), 0),
        (gslb("@", "SOA"), 0),
        (gslb("@", "AXFR"), 0),
        (gslb("mail", "A").class(3), 0),
        (Query::new("elsewhere.example.org", "A"), 0),
        (gslb("long", "TXT").payload(512), 0),
        (gslb("www", "A").tcp(), 14),
        (gslb("into-steered", "A"), 14),
        (gslb("into-bare", "A"), 0),
    ] {
        assert_echoes(&query.subnet("20.1.2.0/24"), scope);
    }
}

#[test]
fn section_7_2_2_without_the_option_there_is_none_in_the_answer() {
    for query in [
        gslb("www", "A"),
        gslb("www", "A").edns(),
        gslb("mail", "A").edns(),
    ] {
        // Although the answer was tailored.
        let reply = ask(&query.from("20.1.2.53"));
        assert_eq!(reply.subnet(), None);
    }
    let reply = ask(&gslb("www", "A").edns().from("20.1.2.53"));
    assert_eq!(reply.address_texts(), [EUROPE]);
}

#[test]
fn section_7_2_1_the_family_of_the_subnet_is_not_that_of_the_addresses() {
    for (rtype, europe) in [("A", EUROPE), ("AAAA", "2001:db8:1::1")] {
        for (subnet, scope) in [("20.1.2.0/24", 14), ("2a02:100::/48", 33)] {
            let query = gslb("www", rtype).subnet(subnet);
            assert_steered(&query, europe, scope);
            assert_echoes(&query, scope);
        }
    }
}

#[test]
fn section_7_2_1_the_scope_is_taken_from_the_merged_table() {
    // Germany and Austria stand in two lines of /9, and steer alike.
    assert_steered(&www("30.1.2.0/24"), EUROPE, 8);
    assert_steered(&www("30.200.2.0/24"), EUROPE, 8);
}

#[test]
fn section_7_2_1_the_scope_is_cut_up_around_a_narrower_exception() {
    // 20.0.0.0/8 without 20.5.0.0/16.
    assert_steered(&www("20.5.2.0/24"), AMERICA, 16);
    assert_steered(&www("20.4.2.0/24"), EUROPE, 16);
    assert_steered(&www("20.6.2.0/24"), EUROPE, 15);
    assert_steered(&www("20.1.2.0/24"), EUROPE, 14);
    assert_steered(&www("20.8.2.0/24"), EUROPE, 13);
    assert_steered(&www("20.128.2.0/24"), EUROPE, 9);
    assert_steered(&www("2a02:100:ff01::/48"), AMERICA, 40);
}

#[test]
fn section_7_2_1_scopes_never_overlap() {
    let mut server = server();
    // A client of every /16 of IPv4 where there are exceptions, and of every /8 elsewhere.
    let detailed = (10..=20u8).chain([30]);
    let clients = (1..=223)
        .map(|a| [a, 0])
        .chain(detailed.flat_map(|a| (0..=255).map(move |b| [a, b])));
    let mut scopes: Vec<(Ipv4Net, String)> = clients
        .map(|[a, b]| {
            let address = Ipv4Addr::new(a, b, 0, 0);
            let reply = server.ask(&www(&format!("{address}/16")));
            let scope = Ipv4Net::new(address, reply.scope().unwrap()).unwrap();
            (scope.trunc(), reply.address_texts().concat())
        })
        .collect();
    scopes.sort();
    scopes.dedup();
    for pair in scopes.windows(2) {
        let [(one, _), (next, _)] = pair else {
            continue;
        };
        assert!(!one.contains(next), "{pair:?}");
    }
}

#[test]
fn section_7_2_1_a_scope_longer_than_source_asks_for_more_bits() {
    // The class that covers most of the block is answered; the longest leaf below it is told.
    assert_steered(&www("20.0.0.0/8"), EUROPE, 16);
    assert_steered(&www("20.4.0.0/15"), EUROPE, 16);
    assert_steered(&www("20.5.0.0/16"), AMERICA, 16);
    // Sixteen /8s of which two are known: nobody knows most of them.
    assert_steered(&www("16.0.0.0/4"), UNKNOWN, 16);
    assert_steered(&www("2a02:100::/32"), EUROPE, 40);
}

#[test]
fn section_7_2_1_a_scope_shorter_than_source_holds_for_a_wider_network() {
    assert_steered(&www("30.1.2.3/32"), EUROPE, 8);
    assert_steered(&www("2600:1000:1:2::/64"), AMERICA, 28);
}

#[test]
fn section_7_2_1_an_answer_holds_for_every_client_within_its_scope() {
    let mut server = server();
    for (subnet, within) in [
        ("20.1.2.0/24", ["20.0.0.0/24", "20.3.255.0/24"]),
        ("20.6.2.0/24", ["20.6.0.0/32", "20.7.255.255/32"]),
        ("30.1.2.0/24", ["30.0.0.0/24", "30.255.255.0/24"]),
        ("10.20.1.0/24", ["10.20.0.0/24", "10.20.255.0/24"]),
    ] {
        let reply = server.ask(&www(subnet));
        for other in within {
            let same = server.ask(&www(other));
            assert_eq!(same.addresses(), reply.addresses(), "{other}");
            assert_eq!(same.scope(), reply.scope(), "{other}");
        }
    }
}

#[test]
fn section_7_2_1_the_longest_scope_of_all_maps_within_reach_is_told() {
    // Europe is up, so the map that knows Austria is never read for the choice.
    let query = gslb("nested", "A").subnet("30.1.2.0/24");
    assert_steered(&query, EUROPE, 9);
    let query = gslb("nested", "A").subnet("20.1.2.0/24");
    assert_steered(&query, EUROPE, 14);
}

#[test]
fn section_7_2_1_a_scope_never_depends_on_health() {
    let outages: [fn(&str) -> bool; 4] = [
        |_| false,
        |address| address == EUROPE,
        |address| address != UNKNOWN,
        |_| true,
    ];
    for name in ["www", "nested", "or-nodata", "or-servfail", "or-refuse"] {
        for subnet in ["20.1.2.0/24", "20.5.2.0/24", "30.1.2.0/24", "64.1.2.0/24"] {
            let scopes = outages.map(|is_down| {
                let mut server = server();
                server.set_health(|address| match is_down(&address.to_string()) {
                    true => down(),
                    false => EndpointHealth::UNWATCHED,
                });
                server.ask(&gslb(name, "A").subnet(subnet)).scope()
            });
            assert_eq!(scopes, [scopes[0]; 4], "{name} for {subnet}");
        }
    }
}

#[test]
fn section_7_2_1_what_reads_no_map_holds_for_everyone() {
    let query = gslb("everywhere", "A").subnet("20.5.2.0/24");
    assert_steered(&query, EUROPE, 0);
}

#[test]
fn section_7_2_1_a_tailored_alias_is_answered_alone() {
    let reply = ask(&gslb("to-cdn", "A").subnet("20.1.2.0/24"));
    assert_answers(
        &reply,
        &[
            "to-cdn.gslb.example.com. 300 IN CNAME x.cdn.gslb.example.com.",
            "x.cdn.gslb.example.com. 30 IN CNAME CDN.example.net.",
        ],
    );
    assert_eq!(reply.scope(), Some(14));
}

#[test]
fn section_7_2_1_static_links_of_a_chain_leave_the_scope_to_what_is_steered() {
    let query = gslb("docs", "A").subnet("20.5.2.0/24");
    let reply = ask(&query);
    assert_eq!(reply.answers().len(), 3);
    assert_eq!(reply.address_texts(), [AMERICA]);
    assert_eq!(reply.scope(), Some(16));
}

#[test]
fn a_client_that_nobody_knows_gets_the_default_order_and_the_scope_of_the_hole() {
    // Nothing is known from 32.0.0.0 to 63.255.255.255.
    assert_steered(&www("40.1.2.0/24"), UNKNOWN, 3);
    // Whatever its resolver is: the subnet was not private.
    assert_steered(&www("40.1.2.0/24").from("20.1.2.53"), UNKNOWN, 3);
}

// 7.4: what is not tailored.

#[test]
fn section_7_4_negative_answers_and_referrals_have_scope_0() {
    for query in [
        gslb("missing", "A"),
        gslb("mail", "AAAA"),
        gslb("www", "TXT"),
        gslb("v4only", "AAAA"),
        gslb("sub", "A"),
        gslb("nowhere", "A"),
    ] {
        let reply = ask(&query.subnet("20.1.2.0/24"));
        assert_eq!(reply.scope(), Some(0));
    }
}

#[test]
fn section_7_4_a_no_that_steering_says_has_the_scope_of_the_name() {
    let mut server = server();
    server.set_health(|_| down());
    for (name, rcode) in [
        ("or-nodata", "NOERROR"),
        ("or-servfail", "SERVFAIL"),
        ("or-refuse", "REFUSED"),
    ] {
        let reply = server.ask(&gslb(name, "A").subnet("20.5.2.0/24"));
        assert_eq!(reply.rcode(), rcode);
        assert_eq!(reply.addresses().len(), 0);
        assert_eq!(reply.scope(), Some(16), "{name}");
    }
}

#[test]
fn section_7_4_additional_records_are_never_tailored() {
    // The mail host is a balanced name: its addresses are for a query of their own.
    let reply = ask(&gslb("tobalanced", "MX").subnet("20.5.2.0/24"));
    assert_eq!(reply.answers().len(), 1);
    assert_eq!(reply.additional(), [""; 0]);
    assert_eq!(reply.scope(), Some(0));
    // Nor for who asks for privacy: what is there would be for one network all the same.
    let reply = ask(&gslb("tobalanced", "MX").subnet("0.0.0.0/0"));
    assert_eq!(reply.additional(), [""; 0]);
    assert_eq!(reply.scope(), Some(0));
}

#[test]
fn section_7_4_without_a_client_subnet_they_are_the_resolvers() {
    for (resolver, [v4, v6]) in [
        ("20.1.2.53", [EUROPE, "2001:db8:1::1"]),
        ("20.5.2.53", [AMERICA, "2001:db8:2::1"]),
        ("192.0.2.53", [UNKNOWN, "2001:db8:3::1"]),
    ] {
        let reply = ask(&gslb("tobalanced", "MX").from(resolver));
        let addresses = [
            format!("www.gslb.example.com. 30 IN A {v4}"),
            format!("www.gslb.example.com. 30 IN AAAA {v6}"),
        ];
        assert_eq!(reply.additional(), addresses);
        assert_eq!(reply.scope(), None);
    }
    // A zone that does not steer by client subnet takes the option for an unknown one.
    let reply = ask(&in_zone("plain.example", "to-balanced", "MX").subnet("20.5.2.0/24"));
    let addresses = [
        "www.plain.example. 30 IN A 192.0.2.3",
        "www.plain.example. 30 IN AAAA 2001:db8:3::1",
    ];
    assert_eq!(reply.additional(), addresses);
    assert_eq!(reply.scope(), None);
}

#[test]
fn section_7_2_1_the_scope_of_hints_is_that_of_their_decisions() {
    for (name, subnet, address, scope) in [
        ("www", "20.1.2.0/24", EUROPE, 14),
        ("www", "20.5.2.0/24", AMERICA, 16),
        ("www", "2600:1000::/48", AMERICA, 28),
        ("away", "20.5.2.0/24", AMERICA, 16),
        ("chain", "20.5.2.0/24", AMERICA, 16),
    ] {
        let query = in_zone("services.example", name, "HTTPS").subnet(subnet);
        let reply = ask(&query);
        let hint = format!("ipv4hint={address}");
        let holds = |line: &String| line.contains(&hint);
        assert!(reply.answers().iter().any(holds), "{:?}", reply.answers());
        assert_eq!(reply.scope(), Some(scope), "{name} {subnet}");
        assert_eq!(reply.additional(), [""; 0]);
    }
    // What is not balanced holds for everybody, as ever.
    let query = in_zone("services.example", "plain", "HTTPS").subnet("20.5.2.0/24");
    assert_eq!(ask(&query).scope(), Some(0));
    // The resolver's, where privacy is asked for.
    let query = in_zone("services.example", "www", "HTTPS").subnet("0.0.0.0/0");
    let reply = ask(&query.from("20.5.2.53"));
    assert!(reply.answers()[0].contains(AMERICA));
    assert_eq!(reply.scope(), Some(0));
}

// 10, 11.3: private and unroutable addresses.

#[test]
fn section_10_a_private_address_is_placed_by_its_resolver_for_the_private_block() {
    for (subnet, scope) in [
        ("192.168.7.0/24", 16),
        ("172.20.1.0/24", 12),
        ("100.64.1.0/24", 10),
        ("fd00:1::/48", 7),
    ] {
        assert_steered(&www(subnet).from("20.1.2.53"), EUROPE, scope);
        assert_steered(&www(subnet).from("20.5.2.53"), AMERICA, scope);
        // A resolver that is private, too, is nowhere.
        assert_steered(&www(subnet).from("192.168.0.1"), UNKNOWN, scope);
    }
}

#[test]
fn section_10_a_private_address_in_an_own_network_is_placed_by_it() {
    let query = www("10.20.1.0/24").from("20.1.2.53");
    assert_steered(&query, AMERICA, 16);
    // The rest of 10.0.0.0/8 is cut up around it.
    assert_steered(&www("10.1.2.0/24").from("20.1.2.53"), EUROPE, 12);
    assert_steered(&www("10.21.2.0/24").from("20.1.2.53"), EUROPE, 16);
    assert_steered(&www("10.200.2.0/24").from("20.1.2.53"), EUROPE, 9);
    // A resolver there is known as well.
    assert_steered(&www("192.168.7.0/24").from("10.20.0.53"), AMERICA, 16);
}

#[test]
fn section_11_3_an_unroutable_address_is_placed_by_its_resolver() {
    for (subnet, scope) in [
        ("127.0.0.0/24", 8),
        ("169.254.1.0/24", 16),
        ("198.51.100.0/24", 24),
        ("198.18.1.0/24", 15),
        ("fe80::/64", 9),
        ("2001:db8:1::/48", 32),
    ] {
        assert_steered(&www(subnet).from("20.5.2.53"), AMERICA, scope);
    }
    // 224.0.0.0/4 and 240.0.0.0/4 are one block to the table.
    assert_steered(&www("224.1.2.0/24").from("20.5.2.53"), AMERICA, 3);
    assert_steered(&www("240.1.2.0/24").from("20.5.2.53"), AMERICA, 3);
}

// The IPv6 forms of IPv4 clients.

#[test]
fn an_ipv4_client_is_the_same_in_every_ipv6_form() {
    // The scope is that of IPv4, 14, past the bits before the IPv4 address.
    for (subnet, scope) in [
        ("::ffff:20.1.2.0/120", 96 + 14),
        ("64:ff9b::20.1.2.0/120", 96 + 14),
        ("2002:1401:200::/40", 16 + 14),
        ("2002:1401:203::/48", 16 + 14),
    ] {
        assert_steered(&www(subnet), EUROPE, scope);
    }
    // Teredo turns every bit of the client's address over: 20.1.2.3 is ebfe:fdfc.
    assert_steered(
        &www("2001:0:4136:e378:8000:63bf:ebfe:fdfc/128"),
        EUROPE,
        96 + 14,
    );
}

#[test]
fn every_ipv6_form_is_answered_as_its_ipv4_client_with_the_scope_moved_along() {
    // Where the client's 32 bits stand, what is before them, and whether they are turned over.
    let forms = [
        (96, 0xffff_u128 << 32, false),
        (96, 0x0064_ff9b << 96, false),
        (16, 0x2002 << 112, false),
        (96, 0x2001_0000_4136_e378_8000_63bf << 32, true),
    ];
    for client in [
        // Networks, exceptions, merged neighbours, holes.
        "20.1.2.0/24",
        "20.5.2.0/24",
        "20.5.2.9/32",
        "30.200.2.0/24",
        "64.1.2.0/24",
        // Less than the leaves below it.
        "20.0.0.0/8",
        "20.4.0.0/15",
        "16.0.0.0/4",
        // Own networks, private and unroutable space.
        "10.20.1.0/24",
        "10.1.2.0/24",
        "192.168.7.0/24",
        "127.0.0.0/24",
    ] {
        let plain = ask(&www(client).from("20.5.2.53"));
        let net: Ipv4Net = client.parse().unwrap();
        for (offset, before, turned) in forms {
            let bits = u32::from(net.addr());
            let bits = if turned {
                !bits & u32::from(net.netmask())
            } else {
                bits
            };
            let form = Ipv6Addr::from(before | u128::from(bits) << (96 - offset));
            let source = offset + net.prefix_len();
            let query = www(&format!("{form}/{source}")).from("20.5.2.53");
            let reply = ask(&query);
            let place = format!("{client} as {form}/{source}");
            assert_eq!(reply.address_texts(), plain.address_texts(), "{place}");
            let scope = offset + plain.scope().unwrap();
            assert_eq!(reply.scope(), Some(scope), "{place}");
            assert_echoes(&query, scope);
        }
    }
}

#[test]
fn an_ipv6_form_cut_before_its_ipv4_address_asks_for_more_bits() {
    let reply = ask(&www("2002::/16"));
    assert!(reply.scope().unwrap() > 16);
    let reply = ask(&www("2001:0:4136:e378::/64"));
    assert!(reply.scope().unwrap() > 64);
}

#[test]
fn a_resolver_in_ipv6_form_is_known_as_its_ipv4_address() {
    let reply = ask(&gslb("www", "A").from("::ffff:20.5.2.53"));
    assert_eq!(reply.address_texts(), [AMERICA]);
    for resolver in ["64:ff9b::20.5.2.53", "2002:1405:235::1", "2001::ebfa:fdca"] {
        let reply = ask(&gslb("www", "A").from(resolver));
        assert_eq!(reply.address_texts(), [AMERICA], "{resolver}");
    }
}

// 11.1, 12.1: switched off.

#[test]
fn section_12_1_a_zone_without_client_subnets_never_answers_the_option() {
    for (name, rtype) in [
        ("www.plain.example", "A"),
        ("www.plain.example", "TXT"),
        ("plain.example", "SOA"),
        ("missing.plain.example", "A"),
        ("plain.example", "AXFR"),
    ] {
        let query = Query::new(name, rtype).subnet("20.5.2.0/24");
        let reply = ask(&query.from("20.1.2.53"));
        assert!(reply.opt().is_some());
        assert_eq!(reply.subnet(), None, "{name} {rtype}");
    }
    let chaos = Query::new("plain.example", "TXT").class(3);
    assert_eq!(ask(&chaos.subnet("20.5.2.0/24")).subnet(), None);
    // Steered by the resolver alone.
    let query = Query::new("www.plain.example", "A").subnet("20.5.2.0/24");
    assert_eq!(ask(&query.from("20.1.2.53")).address_texts(), [EUROPE]);
}

#[test]
fn section_12_1_a_chain_that_ends_in_a_zone_without_client_subnets_has_scope_0() {
    let query = gslb("into-bare", "A").subnet("20.5.2.0/24");
    // Steered by the resolver alone.
    assert_steered(&query.from("20.1.2.53"), EUROPE, 0);
}

#[test]
fn section_12_1_errors_have_scope_0() {
    for query in [gslb("mail", "A").class(3), Query::new("example.org", "A")] {
        let reply = ask(&query.subnet("20.1.2.0/24"));
        assert_eq!(reply.rcode(), "REFUSED");
        assert_eq!(reply.scope(), Some(0));
    }
}
