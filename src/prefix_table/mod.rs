//! Client network -> class: longest-prefix tables over the whole address space, stored as runs of
//! equal class, so that neighbours that steer alike are merged and a scope is arithmetic.
//!
//! The scope of an answer is the length of the *leaf* that the client lies in: the largest aligned
//! block that contains it and lies inside one run. Leaves of one table never overlap, as RFC 7871,
//! 7.2.1 demands of scopes, and wherever two neighbours steer alike they are one leaf.
//!
//! The IPv6 forms of IPv4 clients (mapped, NAT64, 6to4, Teredo) read the IPv4 runs.

mod address;
mod ahead;
mod build;
mod crowded;
mod graft;
mod index;
mod mean;
mod reserved;
mod runs;
mod set;
mod starts;
mod usual;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

pub use address::Address;
pub use ahead::Ahead;
pub use build::{Builder, ClassRange};
use graft::Graft;
pub use mean::{mean_scope_v4, mean_scope_v6};
use runs::Runs;
pub use set::NetworkSet;
pub use starts::Starts;

/// The class of private and unroutable space that no own network covers (RFC 7871, 10 and 11.3):
/// the client is to be placed by its resolver's address, but the scope is that of the block.
pub const RESERVED: u16 = u16::MAX;

/// Classes are `0..CLASSES_MAX`; what lies above has a meaning of its own in a table.
pub const CLASSES_MAX: u16 = 65_000;

/// The IPv4 client in the first `source` bits of an IPv6 address, if this is one of the forms that are
/// read as IPv4, and how many of its bits there are.
pub fn ipv4_client(address: Ipv6Addr, source: u8) -> Option<(Ipv4Addr, u8)> {
    let graft = Graft::holding(address.to_bits(), source)?;
    let (client, bits) = graft.client(address.to_bits(), source);
    Some((client.into(), bits))
}

/// The blocks of IPv6 that hold such forms, as first and last address, in ascending order.
pub fn ipv4_forms() -> impl Iterator<Item = (u128, u128)> {
    let blocks = graft::ALL.iter();
    blocks.map(|block| (block.start, block.start.last(block.length)))
}

/// What a table says about a client network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Found {
    /// A class of the map, or [`RESERVED`].
    pub class: u16,
    /// SCOPE PREFIX-LENGTH: 0..=32 for IPv4, 0..=128 for IPv6.
    pub scope: u8,
}

/// Client network -> class over both families. Immutable and flat: 6 octets per IPv4 run, 10 per
/// IPv6 run (16 more for one that begins inside a /64), 4 per /24 or /56 that several runs share, and
/// an index. Lookups neither allocate nor loop without bound.
#[derive(Clone, Debug, PartialEq)]
pub struct PrefixTable {
    v4: Runs<u32>,
    v6: Runs<u128>,
    /// What a query for the whole IPv4 space finds: what a graft counts as where a client network
    /// does not say which IPv4 address is meant.
    whole_v4: Found,
}

impl PrefixTable {
    /// What holds for the first `source` bits of `address`.
    ///
    /// Where the leaves below that block are longer than `source`, the class is the one that covers
    /// most of it (of equals, the one that begins first) and the scope is that of its longest leaf.
    #[inline]
    pub fn lookup(&self, address: IpAddr, source: u8) -> Found {
        match address {
            IpAddr::V4(v4) => self.lookup_v4(v4.to_bits(), source),
            IpAddr::V6(v6) => self.lookup_v6(v6.to_bits(), source),
        }
    }

    /// [`lookup`](Self::lookup) for IPv4; `source` is 0..=32, more counts as 32.
    #[inline]
    pub fn lookup_v4(&self, address: u32, source: u8) -> Found {
        self.v4.lookup(address, source, itself)
    }

    /// [`lookup`](Self::lookup) for IPv6; `source` is 0..=128, more counts as 128.
    #[inline]
    pub fn lookup_v6(&self, address: u128, source: u8) -> Found {
        match Graft::holding(address, source) {
            Some(graft) => {
                let (client, source) = graft.client(address, source);
                graft.lift(self.lookup_v4(client, source))
            }
            None => (self.v6).lookup(address, source, |leaf| stand_in(self.whole_v4, leaf)),
        }
    }

    /// The runs of IPv4, in ascending order: where each begins (it ends where the next one does), and its
    /// class, which may be [`RESERVED`]. The first begins at the first address of all.
    pub fn runs_v4(&self) -> impl Iterator<Item = (u32, u16)> {
        self.v4.iter()
    }

    /// The same of IPv6. Runs within [`ipv4_forms`] have classes of their own, from [`CLASSES_MAX`] on, which
    /// say that the IPv4 runs are read there.
    pub fn runs_v6(&self) -> impl Iterator<Item = (u128, u16)> {
        self.v6.iter()
    }

    /// How many runs there are in both families.
    pub fn run_count(&self) -> usize {
        self.v4.len() + self.v6.len()
    }

    /// Octets on the heap.
    pub fn bytes(&self) -> usize {
        self.v4.bytes() + self.v6.bytes()
    }
}

impl Default for PrefixTable {
    /// Every client has class 0, except in reserved space.
    fn default() -> Self {
        Builder::new(0).finish()
    }
}

/// An IPv4 leaf stands for itself.
fn itself(leaf: Found) -> Found {
    leaf
}

/// An IPv6 leaf that is a graft stands for the whole IPv4 space.
fn stand_in(whole_v4: Found, leaf: Found) -> Found {
    match Graft::of_class(leaf.class) {
        Some(graft) => graft.lift(whole_v4),
        None => leaf,
    }
}

#[cfg(test)]
mod tests;
