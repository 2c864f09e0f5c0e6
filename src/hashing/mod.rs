//! Which of several a client gets because of who it is, not by chance: without memory, so the same on every
//! node, after every restart and reload.
//!
//! What is chosen among is known by seeds that come from names and addresses ([`of_octets`]), never by places
//! in a list: so taking one away, or adding one, says nothing new of the others.
//!
//! | file | question |
//! |---|---|
//! | `ring` | who is next on a circle? (consistent hash) |
//! | `rendezvous` | whom does the client like best? (highest random weight) |

pub mod rendezvous;
pub mod ring;

use std::net::IpAddr;

/// Something that may be chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Item {
    /// Of what it is called.
    pub seed: u64,
    pub weight: u32,
}

/// Every bit of the result depends on every bit of `x`: the finalizer of splitmix64 (Stafford's "Mix13", in
/// Steele, Lea and Flood: "Fast splittable pseudorandom number generators", OOPSLA 2014).
#[inline]
pub const fn mix(x: u64) -> u64 {
    let x = x.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let x = (x ^ (x >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let x = (x ^ (x >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    x ^ (x >> 31)
}

/// Of a name or an address: FNV-1a of 64 bits (RFC 9923), mixed. Not for secrets.
pub fn of_octets(octets: &[u8]) -> u64 {
    const BASIS: u64 = 0xcbf2_9ce4_8422_2325;
    const PRIME: u64 = 0x0000_0100_0000_01b3;
    let hash = octets.iter().fold(BASIS, |hash, &octet| {
        (hash ^ u64::from(octet)).wrapping_mul(PRIME)
    });
    mix(hash)
}

/// Of an address: on every node the same.
pub fn of_address(address: IpAddr) -> u64 {
    match address {
        IpAddr::V4(address) => of_octets(&address.octets()),
        IpAddr::V6(address) => of_octets(&address.octets()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Items of these weights.
    pub fn items(weights: &[u32]) -> Vec<Item> {
        let item = |(number, &weight): (usize, &u32)| Item {
            seed: of_octets(format!("item {number}").as_bytes()),
            weight,
        };
        weights.iter().enumerate().map(item).collect()
    }

    #[test]
    fn hashes_stay_what_they_are() {
        // Clients would be moved by another hash, and nodes of different versions would disagree.
        assert_eq!(mix(0), 0xe220_a839_7b1d_cdaf);
        assert_eq!(of_octets(b""), mix(0xcbf2_9ce4_8422_2325));
        // FNV-1a of "a", as its authors give it.
        assert_eq!(of_octets(b"a"), mix(0xaf63_dc4c_8601_ec8c));
    }
}
