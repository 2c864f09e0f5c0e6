//! What several tests here need: a root made of texts. And who may ask.

use std::net::IpAddr;

use hickory_proto::op::Message;
use hickory_proto::rr::rdata::opt::{EdnsCode, EdnsOption};

use super::answer::{Query, Transport, Worker, answer};
use crate::compile;
use crate::dns::{Name, query, rtype};
use crate::random::Random;
use crate::state::{EndpointHealth, Health, Root};

/// Compiles `meridian.toml` and the files that it names (name, content). Everything is up.
pub fn root(config: &str, files: &[(&str, &str)]) -> Root {
    let folder = tempfile::tempdir().unwrap();
    for (name, content) in files.iter().chain(&[("meridian.toml", config)]) {
        std::fs::write(folder.path().join(name), content).unwrap();
    }
    let loaded = compile::load(&folder.path().join("meridian.toml"), None);
    let (whole, _) = loaded.unwrap_or_else(|mistakes| panic!("{:?}", mistakes.sorted()));
    let health = Health::new(&whole.parts.pools, |_| EndpointHealth::UNWATCHED);
    whole.parts.root(1, health.into())
}

const ZONE: &str = "$TTL 60\n\
    @ SOA ns hostmaster 1 7200 1800 1209600 60\n\
    @ NS ns.example.net.\n\
    www A 192.0.2.2\n\
    alias CNAME www.inner\n";

const SERVER: &str = "[server]\nallow_query = [\"10.0.0.0/8\", \"network:office\"]\n";
const OFFICE: &str = "[network.office]\nprefixes = [\"192.0.2.0/24\", \"2001:db8::/32\"]\n";
const ZONES: &str = "[zone.\"example.com\"]\nfile = \"zone\"\n\
    [zone.\"inner.example.com\"]\nfile = \"zone\"\n";

/// RCODE, the number of records, and the extended error's code and text.
fn ask(root: &Root, peer: &str, name: &str, subnet: Option<&str>) -> (u16, usize, Option<Vec<u8>>) {
    let subnet = subnet.unwrap_or("0.0.0.0").parse().unwrap();
    let subnet_option = Some((subnet, 24));
    let message = query::compose(0, &Name::parse(name).unwrap(), rtype::A, subnet_option);
    let asked = Query {
        message: &message,
        peer: peer.parse::<IpAddr>().unwrap(),
        transport: Transport::Udp { payload_max: 1232 },
    };
    let mut worker = Worker::new(Random::from_seed(1), None);
    let mut reply = vec![0; 1232];
    let len = answer(&mut worker, root, &asked, &mut reply).unwrap();
    let decoded = Message::from_vec(&reply[..len]).unwrap();
    let error = match decoded.edns.unwrap().option(EdnsCode::Unknown(15)) {
        Some(EdnsOption::Unknown(_, data)) => Some(data.clone()),
        _ => None,
    };
    let rcode = decoded.metadata.response_code.into();
    (rcode, decoded.answers.len(), error)
}

fn prohibited() -> (u16, usize, Option<Vec<u8>>) {
    let text = b"\x00\x12queries from this address are not allowed";
    (5, 0, Some(text.to_vec()))
}

const ANSWERED: (u16, usize, Option<Vec<u8>>) = (0, 1, None);

#[test]
fn rfc8914_section_4_19_who_is_not_in_the_servers_list_is_refused_and_told() {
    let root = root(&format!("{SERVER}{OFFICE}{ZONES}"), &[("zone", ZONE)]);
    for peer in ["10.1.2.3", "192.0.2.9", "2001:db8:9::1"] {
        assert_eq!(
            ask(&root, peer, "www.example.com", None),
            ANSWERED,
            "{peer}"
        );
    }
    for peer in ["11.0.0.1", "192.0.3.9", "2001:db9::1", "2002:a01:203::1"] {
        for name in ["www.example.com", "nothing.example.com", "elsewhere.test"] {
            assert_eq!(ask(&root, peer, name, None), prohibited(), "{peer} {name}");
        }
    }
    let not_ours = ask(&root, "10.1.2.3", "elsewhere.test", None);
    assert_eq!(not_ours.0, 5);
    assert_ne!(not_ours, prohibited());
}

#[test]
fn a_client_subnet_lets_nobody_in_and_keeps_nobody_out() {
    let root = root(&format!("{SERVER}{OFFICE}{ZONES}"), &[("zone", ZONE)]);
    let ask = |peer, subnet| ask(&root, peer, "www.example.com", Some(subnet));
    assert_eq!(ask("11.0.0.1", "10.0.0.0"), prohibited());
    assert_eq!(ask("10.0.0.1", "11.0.0.0"), ANSWERED);
}

#[test]
fn a_zones_own_list_replaces_the_servers() {
    let own = "allow_query = \"172.16.0.0/12\"\n";
    let root = root(&format!("{SERVER}{OFFICE}{ZONES}{own}"), &[("zone", ZONE)]);
    let (outer, inner) = ("www.example.com", "www.inner.example.com");
    assert_eq!(ask(&root, "10.0.0.1", outer, None), ANSWERED);
    assert_eq!(ask(&root, "10.0.0.1", inner, None), prohibited());
    assert_eq!(ask(&root, "172.16.0.1", inner, None), ANSWERED);
    assert_eq!(ask(&root, "172.16.0.1", outer, None), prohibited());
}

#[test]
fn an_alias_is_no_way_into_a_zone_that_does_not_answer_the_client() {
    let own = "allow_query = \"172.16.0.0/12\"\n";
    let root = root(&format!("{ZONES}{own}"), &[("zone", ZONE)]);
    let (rcode, records, _) = ask(&root, "172.16.0.1", "alias.example.com", None);
    assert_eq!((rcode, records), (0, 2));
    let (rcode, records, _) = ask(&root, "10.0.0.1", "alias.example.com", None);
    assert_eq!((rcode, records), (0, 1));
}

#[test]
fn without_a_list_everyone_may_ask() {
    let root = root(ZONES, &[("zone", ZONE)]);
    for peer in ["11.0.0.1", "2001:db9::1"] {
        assert_eq!(ask(&root, peer, "www.example.com", None), ANSWERED);
    }
}

#[test]
fn rfc4892_the_list_of_a_root_zone_is_about_its_own_class_only() {
    let zone = "[zone.\".\"]\nfile = \"zone\"\nallow_query = \"172.16.0.0/12\"\n";
    let identity = "[server.identity]\nid = \"one\"\n";
    let root = root(
        &format!("{SERVER}{identity}{OFFICE}{zone}"),
        &[("zone", ZONE)],
    );
    let rcode = |peer: &str, class: u8| {
        let name = Name::parse("id.server").unwrap();
        let mut message = query::compose(0, &name, rtype::TXT, None);
        *message.last_mut().unwrap() = class;
        let asked = Query {
            message: &message,
            peer: peer.parse().unwrap(),
            transport: Transport::Udp { payload_max: 1232 },
        };
        let mut worker = Worker::new(Random::from_seed(1), None);
        let mut reply = vec![0; 1232];
        answer(&mut worker, &root, &asked, &mut reply).unwrap();
        reply[3] & 0x0f
    };
    const NOERROR: u8 = 0;
    const NXDOMAIN: u8 = 3;
    const REFUSED: u8 = 5;
    // Class CH is the server's, class IN the zone's.
    assert_eq!(
        [3, 1].map(|class| rcode("10.0.0.1", class)),
        [NOERROR, REFUSED]
    );
    assert_eq!(
        [3, 1].map(|class| rcode("172.16.0.1", class)),
        [REFUSED, NXDOMAIN]
    );
}
