//! All sources laid over one another: disjoint ranges of addresses, each with one location.

use std::net::IpAddr;

use ipnet::{IpNet, Ipv4Net, Ipv6Net};

use super::spans::Spans;
use crate::model::{Coordinates, NetworkId};
use crate::prefix_table::ipv4_client;

/// What is known about a network; what no source says is `None`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Location {
    /// The own network it belongs to.
    pub network: Option<NetworkId>,
    pub asn: Option<u32>,
    /// Continent code: AF AN AS EU NA OC SA.
    pub continent: Option<[u8; 2]>,
    /// ISO 3166-1 alpha-2.
    pub country: Option<[u8; 2]>,
    /// The parts after the dash of ISO 3166-2, coarsest first ("BY" of "DE-BY").
    pub subdivisions: Vec<Box<str>>,
    pub coordinates: Option<Coordinates>,
}

impl World {
    /// Octets on the heap, without those of subdivisions' names.
    pub fn bytes(&self) -> usize {
        self.v4.bytes() + self.v6.bytes() + self.locations.capacity() * size_of::<Location>()
    }
}

impl Location {
    /// Whether no source says anything.
    pub fn is_empty(&self) -> bool {
        *self == Location::default()
    }
}

/// Addresses `start..=end`, all with the location `location` (an index into [`World::locations`]).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Range<A> {
    pub start: A,
    pub end: A,
    pub location: u32,
}

/// Every known network; addresses in no range are unknown.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct World {
    pub locations: Vec<Location>,
    pub v4: Spans<u32>,
    pub v6: Spans<u128>,
}

/// The network that `address` lies in, as wide as its location goes around it, and that location.
/// None: no source knows the address. The IPv6 forms of IPv4 addresses are looked up as IPv4.
pub fn lookup(world: &World, address: IpAddr) -> Option<(IpNet, &Location)> {
    let client = match address {
        IpAddr::V6(form) => ipv4_client(form, 128).map(|(client, _)| client.into()),
        IpAddr::V4(_) => None,
    };
    let (network, location) = match client.unwrap_or(address) {
        IpAddr::V4(address) => {
            let range = world.v4.find(u32::from(address))?;
            let inside = |net: &Ipv4Net| {
                range.start <= net.network().into() && u32::from(net.broadcast()) <= range.end
            };
            let mut nets = (0..=32).filter_map(|length| Ipv4Net::new(address, length).ok());
            (IpNet::V4(nets.find(inside)?), range.location)
        }
        IpAddr::V6(address) => {
            let range = world.v6.find(u128::from(address))?;
            let inside = |net: &Ipv6Net| {
                range.start <= net.network().into() && u128::from(net.broadcast()) <= range.end
            };
            let mut nets = (0..=128).filter_map(|length| Ipv6Net::new(address, length).ok());
            (IpNet::V6(nets.find(inside)?), range.location)
        }
    };
    Some((network.trunc(), world.locations.get(location as usize)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn world() -> World {
        let location = Location {
            country: Some(*b"DE"),
            ..Location::default()
        };
        World {
            locations: vec![location],
            // 10.0.0.0 - 10.2.255.255
            v4: Spans::from_iter([Range {
                start: 0x0a00_0000,
                end: 0x0a02_ffff,
                location: 0,
            }]),
            v6: Spans::from_iter([Range {
                start: 0x2001_0db8 << 96,
                end: (0x2001_0db9 << 96) - 1,
                location: 0,
            }]),
        }
    }

    fn network_of(address: &str) -> Option<String> {
        let world = world();
        let (network, location) = lookup(&world, address.parse().unwrap())?;
        assert_eq!(location.country, Some(*b"DE"));
        Some(network.to_string())
    }

    #[test]
    fn a_lookup_gives_the_widest_network_inside_the_range() {
        assert_eq!(network_of("10.1.2.3").unwrap(), "10.0.0.0/15");
        assert_eq!(network_of("10.2.2.3").unwrap(), "10.2.0.0/16");
        assert_eq!(network_of("2001:db8::1").unwrap(), "2001:db8::/32");
        for form in [
            "::ffff:10.2.0.1",
            "64:ff9b::10.2.0.1",
            "2002:a02:1::",
            "2001::f5fd:fffe",
        ] {
            assert_eq!(network_of(form).unwrap(), "10.2.0.0/16", "{form}");
        }
    }

    #[test]
    fn an_address_in_no_range_is_unknown() {
        for address in ["9.255.255.255", "10.3.0.0", "::1", "2001:db9::"] {
            assert_eq!(network_of(address), None);
        }
    }
}
