//! Whether an address lies in one of some networks: access lists and exemptions.
//!
//! Unlike a [`PrefixTable`](super::PrefixTable), a set takes addresses at face value: an IPv6 form of
//! an IPv4 address (6to4, Teredo) is not let in for the IPv4 address that it claims to hold.

use std::net::IpAddr;

use super::address::Address;

/// Addresses of both families, as ranges that neither overlap nor touch. Immutable and flat; a
/// look-up is a binary search.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NetworkSet {
    v4: Box<[(u32, u32)]>,
    v6: Box<[(u128, u128)]>,
}

impl NetworkSet {
    /// The addresses that share their first bits (0..=32, 0..=128; more count as all) with one of
    /// these.
    pub fn new(networks: impl IntoIterator<Item = (IpAddr, u8)>) -> Self {
        let (mut v4, mut v6) = (Vec::new(), Vec::new());
        for (address, length) in networks {
            match address {
                IpAddr::V4(v4_address) => v4.push(block(v4_address.to_bits(), length)),
                IpAddr::V6(v6_address) => v6.push(block(v6_address.to_bits(), length)),
            }
        }
        NetworkSet {
            v4: merged(v4),
            v6: merged(v6),
        }
    }

    #[inline]
    pub fn contains(&self, address: IpAddr) -> bool {
        match address {
            IpAddr::V4(v4) => holds(&self.v4, v4.to_bits()),
            IpAddr::V6(v6) => holds(&self.v6, v6.to_bits()),
        }
    }

    pub fn is_empty(&self) -> bool {
        self.v4.is_empty() && self.v6.is_empty()
    }
}

fn block<A: Address>(address: A, length: u8) -> (A, A) {
    (address.first(length), address.last(length))
}

/// Sorted, and those that overlap or touch made one.
fn merged<A: Address>(mut ranges: Vec<(A, A)>) -> Box<[(A, A)]> {
    ranges.sort_unstable();
    let mut merged: Vec<(A, A)> = Vec::with_capacity(ranges.len());
    for (start, end) in ranges {
        match merged.last_mut() {
            Some(last) if last.1.next().is_none_or(|after| start <= after) => {
                last.1 = last.1.max(end);
            }
            _ => merged.push((start, end)),
        }
    }
    merged.into()
}

#[inline]
fn holds<A: Address>(ranges: &[(A, A)], address: A) -> bool {
    let after = ranges.partition_point(|&(start, _)| start <= address);
    after > 0 && address <= ranges[after - 1].1
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn set(networks: &[&str]) -> NetworkSet {
        NetworkSet::new(networks.iter().map(|text| {
            let (address, length) = text.split_once('/').unwrap();
            (address.parse().unwrap(), length.parse().unwrap())
        }))
    }

    fn has(set: &NetworkSet, address: &str) -> bool {
        set.contains(address.parse().unwrap())
    }

    #[test]
    fn each_family_has_its_own_networks() {
        let set = set(&["10.0.0.0/8", "2001:db8::/32", "192.0.2.7/32"]);
        for inside in [
            "10.0.0.0",
            "10.255.255.255",
            "192.0.2.7",
            "2001:db8:ffff::1",
        ] {
            assert!(has(&set, inside), "{inside}");
        }
        for outside in ["9.255.255.255", "11.0.0.0", "192.0.2.6", "2001:db9::", "::"] {
            assert!(!has(&set, outside), "{outside}");
        }
    }

    #[test]
    fn an_ipv6_form_of_an_address_is_not_that_address() {
        let v4_only = set(&["0.0.0.0/0"]);
        for form in [
            "::ffff:10.0.0.1",
            "2002:a00:1::1",
            "64:ff9b::a00:1",
            "2001::1",
        ] {
            assert!(!has(&v4_only, form), "{form}");
            assert!(has(&set(&["::/0"]), form), "{form}");
        }
    }

    #[test]
    fn neighbours_and_nested_networks_become_one_range() {
        let set = set(&["10.1.0.0/16", "10.0.0.0/16", "10.0.0.0/15", "0.0.0.0/32"]);
        assert_eq!(set.v4.len(), 2);
        assert!(has(&set, "10.1.255.255") && !has(&set, "10.2.0.0"));
    }

    proptest! {
        #[test]
        fn an_address_is_inside_when_it_shares_the_bits_of_some_network(
            networks in prop::collection::vec((any::<u32>(), 0u8..=32), 0..20),
            addresses in prop::collection::vec(any::<u32>(), 1..50),
        ) {
            let v4 = |bits: u32| IpAddr::V4(bits.into());
            let set = NetworkSet::new(networks.iter().map(|&(bits, length)| (v4(bits), length)));
            let edges = networks.iter().flat_map(|&(bits, _)| [bits, bits.wrapping_add(1), !bits]);
            for address in addresses.into_iter().chain(edges) {
                let expected = networks
                    .iter()
                    .any(|&(bits, length)| (address ^ bits).leading_zeros() >= u32::from(length));
                prop_assert_eq!(set.contains(v4(address)), expected);
            }
        }
    }
}
