//! What is asked: every question of a case differs from the others, in its name or in who asks.

use std::net::{IpAddr, Ipv6Addr};

use meridian::dns::{Name, query, rtype};
use meridian::random::Random;

use crate::common::ipv4;

/// Makes one question: the message, and the address that it comes from.
pub type Question = fn(&mut Random) -> (Vec<u8>, IpAddr);

/// Names of each kind in `world::small`.
pub const KINDS: u32 = 64;

/// Names of the large zone.
pub const MANY: u32 = 100_000;

/// What every answer of a case must have.
#[derive(Clone, Copy)]
pub struct Expected {
    rcode: u8,
    answers: Option<u16>,
}

impl Expected {
    /// NOERROR, with so many records in the answer section.
    pub const fn answers(count: u16) -> Self {
        Expected {
            rcode: 0,
            answers: Some(count),
        }
    }

    /// Any records.
    pub const fn rcode(rcode: u8) -> Self {
        Expected {
            rcode,
            answers: None,
        }
    }

    pub fn check(self, reply: &[u8]) {
        let answers = u16::from_be_bytes([reply[6], reply[7]]);
        assert_eq!(reply[3] & 15, self.rcode, "RCODE");
        assert_eq!(answers, self.answers.unwrap_or(answers), "records");
        assert_eq!(reply[2] & 2, 0, "TC");
    }
}

pub fn a(random: &mut Random) -> (Vec<u8>, IpAddr) {
    let name = of_kind("host", random);
    (edns(random, &name, rtype::A, None), ipv4(random))
}

pub fn a_without_edns(random: &mut Random) -> (Vec<u8>, IpAddr) {
    let name = of_kind("host", random);
    let message = query::compose(id(random), &parsed(&name), rtype::A, None);
    (message, ipv4(random))
}

pub fn no_such_name(random: &mut Random) -> (Vec<u8>, IpAddr) {
    let name = format!("{}.example.com", label(random));
    (edns(random, &name, rtype::A, None), ipv4(random))
}

pub fn no_such_type(random: &mut Random) -> (Vec<u8>, IpAddr) {
    let name = of_kind("host", random);
    (edns(random, &name, rtype::AAAA, None), ipv4(random))
}

pub fn geo(random: &mut Random) -> (Vec<u8>, IpAddr) {
    let name = of_kind("www", random);
    (edns(random, &name, rtype::A, None), ipv4(random))
}

pub fn geo_by_subnet_ipv4(random: &mut Random) -> (Vec<u8>, IpAddr) {
    let (name, client) = (of_kind("www", random), ipv4(random));
    let message = edns(random, &name, rtype::A, Some((client, 24)));
    (message, ipv4(random))
}

pub fn geo_by_subnet_ipv6(random: &mut Random) -> (Vec<u8>, IpAddr) {
    let (name, client) = (of_kind("www", random), ipv6(random));
    let message = edns(random, &name, rtype::AAAA, Some((client, 56)));
    (message, ipv6(random))
}

pub fn one_of_many(random: &mut Random) -> (Vec<u8>, IpAddr) {
    let name = format!("host{}.example.com", random.below(MANY));
    (edns(random, &name, rtype::A, None), ipv4(random))
}

pub fn alias(random: &mut Random) -> (Vec<u8>, IpAddr) {
    let name = of_kind("alias", random);
    (edns(random, &name, rtype::A, None), ipv4(random))
}

pub fn wildcard(random: &mut Random) -> (Vec<u8>, IpAddr) {
    let name = format!("{}.wild.example.com", label(random));
    (edns(random, &name, rtype::A, None), ipv4(random))
}

pub fn referral(random: &mut Random) -> (Vec<u8>, IpAddr) {
    let name = format!("{}.{}", label(random), of_kind("sub", random));
    (edns(random, &name, rtype::A, None), ipv4(random))
}

pub fn mx(random: &mut Random) -> (Vec<u8>, IpAddr) {
    let name = of_kind("domain", random);
    (edns(random, &name, rtype::MX, None), ipv4(random))
}

pub fn sixty_addresses(random: &mut Random) -> (Vec<u8>, IpAddr) {
    let name = of_kind("farm", random);
    (edns(random, &name, rtype::A, None), ipv4(random))
}

pub fn elsewhere(random: &mut Random) -> (Vec<u8>, IpAddr) {
    let name = format!("www.{}.example", label(random));
    (edns(random, &name, rtype::A, None), ipv4(random))
}

/// Cut off somewhere behind the header.
pub fn malformed(random: &mut Random) -> (Vec<u8>, IpAddr) {
    let (mut message, peer) = a(random);
    let behind = message.len() - 12;
    message.truncate(12 + random.below(behind as u32) as usize);
    (message, peer)
}

fn edns(random: &mut Random, name: &str, qtype: u16, subnet: Option<(IpAddr, u8)>) -> Vec<u8> {
    query::compose_edns(id(random), &parsed(name), qtype, subnet)
}

fn parsed(name: &str) -> Name {
    Name::parse(name).expect("a name")
}

fn id(random: &mut Random) -> u16 {
    random.next_u64() as u16
}

fn of_kind(kind: &str, random: &mut Random) -> String {
    format!("{kind}{}.example.com", random.below(KINDS))
}

/// Of one to sixteen letters.
fn label(random: &mut Random) -> String {
    let letters = 1 + random.below(16);
    let letter = |_| char::from(b'a' + random.below(26) as u8);
    // No name of the zone is like this.
    format!("x-{}", (0..letters).map(letter).collect::<String>())
}

/// Somewhere in what the registries give out.
fn ipv6(random: &mut Random) -> IpAddr {
    const REGISTRIES: [u128; 5] = [0x2400, 0x2600, 0x2800, 0x2a00, 0x2c00];
    let registry = REGISTRIES[random.below(5) as usize] << 112;
    let rest = u128::from(random.next_u64()) << 64 | u128::from(random.next_u64());
    IpAddr::V6(Ipv6Addr::from(registry | rest >> 12))
}
