//! Whom is a client with? What the same network gets, the same client gets.

use std::net::IpAddr;

use super::Client;
use crate::model::{CLIENT_BITS, Family};
use crate::prefix_table::ipv4_client;

/// The network that stands for a client: what is known of the first /24 or /56 of its subnet, or where there is
/// none, of the resolver's address. An IPv4 client in IPv6 form has the network of its IPv4 address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClientNetwork {
    /// Bits past `bits` are zero.
    pub address: IpAddr,
    pub bits: u8,
    /// The SCOPE PREFIX-LENGTH of what follows from it, in bits of the subnet's family; 0 when there is no
    /// subnet.
    pub scope: u8,
}

impl ClientNetwork {
    pub fn of(client: &Client) -> Self {
        let Some(subnet) = client.subnet else {
            let (address, bits, _) = network(client.resolver, u8::MAX);
            let scope = 0;
            return ClientNetwork {
                address,
                bits,
                scope,
            };
        };
        let (address, bits, scope) = network(subnet.address, subnet.source);
        ClientNetwork {
            address,
            bits,
            scope,
        }
    }

    /// As a number: different networks have different ones.
    pub fn number(&self) -> u64 {
        match self.address {
            IpAddr::V4(address) => u64::from(address.to_bits()),
            // 56 bits at most, so that the last is free to say that this is no IPv4 network.
            IpAddr::V6(address) => (address.to_bits() >> 64) as u64 | 1 << 7,
        }
    }
}

/// Of the first `source` bits of an address, no more of which are known: the network, its bits, and how many bits of
/// the address it takes to tell it.
fn network(address: IpAddr, source: u8) -> (IpAddr, u8, u8) {
    match address {
        IpAddr::V4(v4) => {
            let bits = source.min(CLIENT_BITS[Family::V4 as usize]);
            let mask = u32::MAX.checked_shl(32 - u32::from(bits)).unwrap_or(0);
            (IpAddr::V4((v4.to_bits() & mask).into()), bits, bits)
        }
        IpAddr::V6(v6) => {
            let source = source.min(128);
            if let Some((v4, known)) = ipv4_client(v6, source) {
                let (network, bits, _) = network(v4.into(), known);
                let tells =
                    |length: &u8| ipv4_client(v6, *length).is_some_and(|(_, known)| known >= bits);
                let scope = (0..=source).find(tells).unwrap_or(source);
                return (network, bits, scope);
            }
            let bits = source.min(CLIENT_BITS[Family::V6 as usize]);
            let mask = u128::MAX.checked_shl(128 - u32::from(bits)).unwrap_or(0);
            (IpAddr::V6((v6.to_bits() & mask).into()), bits, bits)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::Subnet;
    use super::*;

    fn of(subnet: Option<(&str, u8)>, resolver: &str) -> (String, u8) {
        let network = ClientNetwork::of(&Client {
            subnet: subnet.map(|(address, source)| Subnet {
                address: address.parse().unwrap(),
                source,
            }),
            resolver: resolver.parse().unwrap(),
        });
        (
            format!("{}/{}", network.address, network.bits),
            network.scope,
        )
    }

    #[test]
    fn as_much_is_taken_as_is_known_up_to_24_and_56_bits() {
        for (address, source, network, scope) in [
            ("20.1.2.3", 32, "20.1.2.0/24", 24),
            ("20.1.2.0", 24, "20.1.2.0/24", 24),
            ("20.1.0.0", 16, "20.1.0.0/16", 16),
            ("2a00:1:2:3ff::", 64, "2a00:1:2:300::/56", 56),
            ("2a00:1::", 32, "2a00:1::/32", 32),
        ] {
            let found = of(Some((address, source)), "9.9.9.9");
            assert_eq!(found, (network.to_owned(), scope));
        }
        assert_eq!(of(None, "9.9.9.9"), ("9.9.9.0/24".to_owned(), 0));
        assert_eq!(
            of(None, "2620:fe:0:1ff::9"),
            ("2620:fe:0:100::/56".to_owned(), 0)
        );
    }

    #[test]
    fn ipv4_clients_are_known_by_their_ipv4_address_in_every_form() {
        let network = || "20.1.2.0/24".to_owned();
        for (address, source, scope) in [
            ("::ffff:20.1.2.3", 128, 120),
            ("64:ff9b::1401:203", 128, 120),
            ("64:ff9b::1401:200", 120, 120),
            ("2002:1401:203:1::", 64, 40),
        ] {
            assert_eq!(
                of(Some((address, source)), "9.9.9.9"),
                (network(), scope),
                "{address}"
            );
        }
        assert_eq!(of(None, "::ffff:20.1.2.3"), (network(), 0));
        let short = of(Some(("64:ff9b::1400:0", 108)), "9.9.9.9");
        assert_eq!(short, ("20.0.0.0/12".to_owned(), 108));
    }

    #[test]
    fn networks_of_both_families_have_numbers_of_their_own() {
        let number = |address: &str| {
            let (address, bits, scope) = network(address.parse().unwrap(), 128);
            let network = ClientNetwork {
                address,
                bits,
                scope,
            };
            network.number()
        };
        let numbers = [
            "0.0.1.0",
            "1.0.0.0",
            "::",
            "0:0:0:100::",
            "0:0:0:1ff::",
            "1::",
        ]
        .map(number);
        assert_eq!(numbers[3], numbers[4]);
        let distinct: std::collections::BTreeSet<_> = numbers.iter().collect();
        assert_eq!(distinct.len(), 5);
    }
}
