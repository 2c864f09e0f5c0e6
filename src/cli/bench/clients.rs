//! Who asks: client subnets, and the addresses that queries come from.

use std::net::{IpAddr, Ipv4Addr};
use std::path::Path;

use ipnet::{IpNet, Ipv4Net};

use super::queries::QUESTIONS_MAX;
use crate::random::Random;

/// `N` or `FILE` of the command line.
#[derive(Clone, Debug, PartialEq)]
pub enum Subnets {
    /// So many /24s, drawn out of all global unicast addresses.
    Random(usize),
    /// One a line.
    File(std::path::PathBuf),
}

impl Subnets {
    pub fn parse(text: &str) -> Result<Self, String> {
        match text.parse() {
            Ok(0) => Err("expected one subnet at least".to_owned()),
            Ok(count) if count > QUESTIONS_MAX => Err(format!("expected at most {QUESTIONS_MAX}")),
            Ok(count) => Ok(Subnets::Random(count)),
            Err(_) => Ok(Subnets::File(text.into())),
        }
    }

    /// # Errors
    /// In words, with file and line.
    pub fn list(&self, random: &mut Random) -> Result<Vec<IpNet>, String> {
        match self {
            Subnets::Random(count) => Ok((0..*count).map(|_| random_subnet(random)).collect()),
            Subnets::File(path) => read(path),
        }
    }
}

fn random_subnet(random: &mut Random) -> IpNet {
    let everything = Ipv4Net::default();
    let address = global_address(random, everything);
    Ipv4Net::new_assert(address, 24).trunc().into()
}

fn read(path: &Path) -> Result<Vec<IpNet>, String> {
    let text = std::fs::read_to_string(path).map_err(|e| format!("{}: {e}", path.display()))?;
    let mut subnets = Vec::new();
    for (number, line) in (1..).zip(text.lines()) {
        let line = line.split('#').next().unwrap_or_default().trim();
        if line.is_empty() {
            continue;
        }
        let subnet = line.parse().map_err(|_| {
            let place = format!("{}:{number}", path.display());
            format!("{place}: `{line}` is no network such as 203.0.113.0/24")
        })?;
        subnets.push(subnet);
    }
    match subnets.len() {
        0 => Err(format!("{}: no networks in it", path.display())),
        1..=QUESTIONS_MAX => Ok(subnets),
        _ => Err(format!("{}: more than {QUESTIONS_MAX}", path.display())),
    }
}

/// `count` addresses of `network`, each another one and a global one as far as it has such.
pub fn sources(network: Ipv4Net, count: usize, random: &mut Random) -> Vec<Ipv4Addr> {
    let mut found: Vec<Ipv4Addr> = Vec::with_capacity(count);
    for _ in 0..count {
        let mut draw = || global_address(random, network);
        let fresh = (0..TRIES).map(|_| draw()).find(|a| !found.contains(a));
        found.push(fresh.unwrap_or_else(draw));
    }
    found
}

/// Draws before an address is taken that is not as wished.
const TRIES: usize = 64;

/// An address of `network`; a global one if a few draws find one.
fn global_address(random: &mut Random, network: Ipv4Net) -> Ipv4Addr {
    let hosts = u32::from(network.hostmask());
    let first = u32::from(network.network());
    let mut draw = || Ipv4Addr::from(first | (random.next_u64() as u32 & hosts));
    let global = (0..TRIES).map(|_| draw()).find(|a| is_global(*a));
    global.unwrap_or_else(draw)
}

/// Whether a client of the Internet can have this address (RFC 6890).
fn is_global(address: Ipv4Addr) -> bool {
    let [a, b, c, _] = address.octets();
    let is_special = address.is_private()
        || address.is_loopback()
        || address.is_link_local()
        || address.is_documentation()
        || a == 0
        || a >= 224
        || (a == 100 && b & 0xc0 == 64)
        || (a == 198 && b & 0xfe == 18)
        || (a, b, c) == (192, 0, 0);
    !is_special
}

/// A subnet's address and SOURCE PREFIX-LENGTH.
pub fn as_option(subnet: IpNet) -> (IpAddr, u8) {
    (subnet.addr(), subnet.prefix_len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn random_subnets_are_global_and_repeatable() {
        let draw = || {
            let mut random = Random::from_seed(1);
            Subnets::Random(1000).list(&mut random).unwrap()
        };
        let subnets = draw();
        assert_eq!(subnets, draw());
        for subnet in &subnets {
            let IpNet::V4(subnet) = subnet else {
                panic!("{subnet}")
            };
            assert_eq!((subnet.prefix_len(), subnet.trunc()), (24, *subnet));
            assert!(is_global(subnet.addr()), "{subnet}");
        }
        let distinct: std::collections::HashSet<_> = subnets.iter().collect();
        assert!(distinct.len() > 990);
    }

    #[test]
    fn sources_differ_and_lie_in_their_network() {
        let network: Ipv4Net = "127.0.0.0/8".parse().unwrap();
        let found = sources(network, 256, &mut Random::from_seed(1));
        let distinct: std::collections::HashSet<_> = found.iter().collect();
        assert_eq!(distinct.len(), 256);
        assert!(found.iter().all(|address| address.is_loopback()));
        let one: Ipv4Net = "127.0.0.1/32".parse().unwrap();
        let found = sources(one, 2, &mut Random::from_seed(1));
        assert_eq!(found, [Ipv4Addr::LOCALHOST; 2]);
    }

    #[test]
    fn a_file_has_a_network_a_line() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("subnets");
        let read = |text: &str| {
            std::fs::write(&path, text).unwrap();
            let subnets = Subnets::parse(path.to_str().unwrap()).unwrap();
            subnets.list(&mut Random::from_seed(1))
        };
        let subnets = read("193.0.0.0/24\n# v6\n2001:db8::/56 # all\n\n").unwrap();
        assert_eq!(subnets.len(), 2);
        let error = read("193.0.0.0/24\n8.8.8.8\n").unwrap_err();
        assert!(error.ends_with(":2: `8.8.8.8` is no network such as 203.0.113.0/24"));
        assert!(read("\n").unwrap_err().contains("no networks"));
        assert!(Subnets::parse("0").is_err());
        assert_eq!(Subnets::parse("7").unwrap(), Subnets::Random(7));
    }
}
