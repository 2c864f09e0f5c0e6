//! The addresses of endpoints, apart from what else is said of them: of an endpoint an answer reads nothing
//! more, and of many thousands they still fit the cache.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::pools::Endpoint;
use crate::model::{EndpointId, Family};

/// By [`EndpointId`] and family; where an endpoint has none of a family, anything stands.
#[derive(Debug, Default)]
pub struct Addresses {
    /// Up to the last endpoint that has one.
    v4: Box<[Ipv4Addr]>,
    v6: Box<[Ipv6Addr]>,
}

impl Addresses {
    pub fn new(endpoints: &[Endpoint]) -> Self {
        let (mut v4, mut v6) = (Vec::new(), Vec::new());
        for (index, endpoint) in endpoints.iter().enumerate() {
            match endpoint.destination.address() {
                Some(IpAddr::V4(address)) => {
                    v4.resize(index, Ipv4Addr::UNSPECIFIED);
                    v4.push(address);
                }
                Some(IpAddr::V6(address)) => {
                    v6.resize(index, Ipv6Addr::UNSPECIFIED);
                    v6.push(address);
                }
                None => {}
            }
        }
        Addresses {
            v4: v4.into(),
            v6: v6.into(),
        }
    }

    /// The address of an endpoint that has one of this family.
    #[inline]
    pub fn get(&self, family: Family, id: EndpointId) -> IpAddr {
        match family {
            Family::V4 => self.v4[id.index()].into(),
            Family::V6 => self.v6[id.index()].into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Destination, PoolId};

    #[test]
    fn every_endpoint_has_its_address_in_its_family() {
        let texts = ["192.0.2.1", "2001:db8::1", "192.0.2.2", "2001:db8::2"];
        for texts in [&texts[..], &texts[..1], &texts[1..2], &[]] {
            let endpoint = |text: &&str| Endpoint {
                destination: Destination::Address(text.parse().unwrap()),
                seed: 0,
                weight: 1,
                pool: PoolId(0),
                target: None,
            };
            let endpoints: Vec<_> = texts.iter().map(endpoint).collect();
            let addresses = Addresses::new(&endpoints);
            for (id, endpoint) in (0..).map(EndpointId).zip(&endpoints) {
                let address = endpoint.destination.address().unwrap();
                assert_eq!(addresses.get(Family::of(&address), id), address);
            }
        }
    }
}
