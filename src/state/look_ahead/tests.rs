use std::fmt::Write;
use std::net::IpAddr;

use super::*;
use crate::dns::{Name, query, rtype};
use crate::nameserver::answer::{Query, Transport, Worker, answer};
use crate::nameserver::tests::root;
use crate::random::Random;
use crate::state::zone::{Found, NONE, NodeId};

const PEER: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 1));

/// `example.com`, where names enough stand for walking ahead, and `example.net` with balanced ones.
fn root_of(names: usize) -> Root {
    let beginning = "$TTL 60\n@ SOA ns hostmaster 1 7200 1800 1209600 60\n@ NS ns.example.org.\n";
    let mut zone = beginning.to_owned();
    for i in 0..names {
        writeln!(zone, "n{i} A 192.0.2.1").unwrap();
    }
    let pool = |name: &str, region: &str, address: &str| {
        format!("[pool.{name}]\nregion = \"{region}\"\nendpoints = [\"{address}\"]\n")
    };
    let config = [
        "[zone.\"example.com\"]\nfile = \"zone\"\n[zone.\"example.net\"]\nfile = \"empty\"\n\
         [zone.\"example.net\".balanced]\n\
         near = { policy = \"near\" }\nfirst = { policy = \"first\" }\n\
         nested = { policy = \"nested\" }\n\
         [policy.near]\ngeo = [\"east\", \"west\"]\n[policy.first]\nfailover = [\"west\", \"east\"]\n\
         [policy.nested]\nfailover = [\"near\", \"first\"]\n\
         [region.east]\nlocation = [39.0, 100.0]\n[region.west]\nlocation = [39.0, -100.0]\n\
         [network.east]\nprefixes = [\"20.0.0.0/16\", \"2a00::/32\"]\nlocation = [39.0, 101.0]\n\
         [network.west]\nprefixes = [\"20.1.0.0/16\"]\nlocation = [39.0, -101.0]\n",
        &pool("east", "east", "203.0.113.1"),
        &pool("west", "west", "203.0.113.2"),
    ];
    root(&config.concat(), &[("zone", &zone), ("empty", beginning)])
}

fn asked(name: &str, subnet: Option<(&str, u8)>) -> Vec<u8> {
    let subnet = subnet.map(|(address, source)| (address.parse().unwrap(), source));
    query::compose_edns(0, &Name::parse(name).unwrap(), rtype::A, subnet)
}

#[test]
fn look_ups_end_where_the_answer_begins() {
    let root = root_of(NODES_MIN);
    let mut name = QueryName::default();
    let names = [
        "N7.example.com",
        "missing.example.com",
        "n12345.example.com",
        "near.example.net",
    ];
    let queries = names.map(|name| asked(name, None));
    let too_many = asked("there.is.no.room.example.com", None);
    let mut ahead = LookAhead::<4>::new(&root).unwrap();
    // Too short, and of a name that is none.
    ahead.add(b"\x00", PEER, &mut name);
    ahead.add(&[0xff; 40], PEER, &mut name);
    assert_eq!(ahead.names.count, 0);
    for query in queries.iter().chain([&too_many]) {
        ahead.add(query, PEER, &mut name);
    }
    ahead.walk();
    for (text, walk) in names.iter().zip(ahead.names.iter()) {
        let wire = Name::parse(text).unwrap();
        name.read(wire.as_wire()).unwrap();
        let (entry, apex) = root.zones.find(&name, rtype::A).unwrap();
        let node = match entry.zone.find(&name, apex) {
            Found::Node(NodeId(node)) => node,
            _ => NONE,
        };
        let node = entry.zone.nodes.get(node as usize);
        let name_at = node.map(|node| node.name_at);
        assert_eq!(walk.node().map(|node| node.name_at), name_at, "{text}");
        assert_eq!(walk.is_steered(), text.starts_with("near"), "{text}");
    }
}

#[test]
fn what_is_steered_ends_in_the_pool_that_is_answered() {
    let root = root_of(NODES_MIN);
    let mut name = QueryName::default();
    let asked = [
        asked("near.example.net", Some(("20.0.1.0", 24))),
        asked("near.example.net", Some(("20.1.1.0", 24))),
        asked("near.example.net", Some(("2a00::", 56))),
        asked("near.example.net", Some(("2002:1401:101::", 48))),
        asked("near.example.net", None),
        asked("first.example.net", Some(("20.0.1.0", 24))),
    ];
    let mut ahead = LookAhead::<8>::new(&root).unwrap();
    for query in &asked {
        ahead.add(query, "20.1.9.9".parse().unwrap(), &mut name);
    }
    let nested = query::compose_edns(0, &Name::parse("nested.example.net").unwrap(), 1, None);
    ahead.add(&nested, PEER, &mut name);
    ahead.walk();
    let mut walked = Abreast::default();
    ahead.walk_steered(&mut walked);
    let pools: Vec<_> = walked.iter().map(|walk| walk.first_pool()).collect();
    assert_eq!(pools.len(), asked.len() + 1);
    let mut worker = Worker::new(Random::from_seed(1), None);
    for (message, pool) in asked.iter().zip(&pools) {
        let query = Query {
            message,
            peer: "20.1.9.9".parse().unwrap(),
            transport: Transport::Udp { payload_max: 1232 },
        };
        let mut reply = [0; 1232];
        let len = answer(&mut worker, &root, &query, &mut reply).unwrap();
        let pool = &root.pools.pools[pool.unwrap().index()];
        let Some(IpAddr::V4(address)) = root.pools.endpoints[pool.first.index()]
            .destination
            .address()
        else {
            panic!("pools are of IPv4");
        };
        let mut places = reply[..len].windows(4);
        assert!(
            places.any(|octets| octets == address.octets()),
            "{}",
            pool.name
        );
    }
    assert_eq!(pools.last(), Some(&None), "of a nested policy");
}

#[test]
fn small_zones_are_not_worth_it() {
    assert!(LookAhead::<3>::new(&root_of(10)).is_none());
}
