//! Space that no database is asked about: private and unroutable blocks, and the grafts.
//!
//! The blocks are those of the IANA special-purpose registries (RFC 6890) that are not globally
//! reachable, with multicast (RFC 5771, RFC 4291) and the deprecated site-local block (RFC 3879).

use super::RESERVED;
use super::graft::{Graft, MAPPED, NAT64, SIX_TO_FOUR, TEREDO};

/// Addresses `start..=end` whose class is not for databases to say.
#[derive(Clone, Copy, Debug)]
pub struct Fixed<A> {
    pub start: A,
    pub end: A,
    pub class: u16,
}

/// Disjoint, in ascending order.
pub const V4: [Fixed<u32>; 14] = [
    v4([0, 0, 0, 0], 8),       // "this network" (RFC 791)
    v4([10, 0, 0, 0], 8),      // private use (RFC 1918)
    v4([100, 64, 0, 0], 10),   // shared address space (RFC 6598)
    v4([127, 0, 0, 0], 8),     // loopback (RFC 1122)
    v4([169, 254, 0, 0], 16),  // link local (RFC 3927)
    v4([172, 16, 0, 0], 12),   // private use (RFC 1918)
    v4([192, 0, 0, 0], 24),    // IETF protocol assignments (RFC 6890)
    v4([192, 0, 2, 0], 24),    // documentation (RFC 5737)
    v4([192, 168, 0, 0], 16),  // private use (RFC 1918)
    v4([198, 18, 0, 0], 15),   // benchmarking (RFC 2544)
    v4([198, 51, 100, 0], 24), // documentation (RFC 5737)
    v4([203, 0, 113, 0], 24),  // documentation (RFC 5737)
    v4([224, 0, 0, 0], 4),     // multicast (RFC 5771)
    v4([240, 0, 0, 0], 4),     // reserved, limited broadcast (RFC 1112, RFC 919)
];

/// Disjoint, in ascending order.
pub const V6: [Fixed<u128>; 17] = [
    // ::/8 is reserved by the IETF (RFC 4291) but for the grafts in it.
    between(0, MAPPED.start),
    graft(&MAPPED),
    between(MAPPED.start + (1 << 32), NAT64.start),
    graft(&NAT64),
    between(NAT64.start + (1 << 32), 1 << 120),
    v6([0x100, 0, 0, 0], 64), // discard only (RFC 6666)
    v6([0x100, 0, 0, 1], 64), // dummy prefix (RFC 9780)
    graft(&TEREDO),
    v6([0x2001, 2, 0, 0], 48),     // benchmarking (RFC 5180)
    v6([0x2001, 0x10, 0, 0], 28),  // ORCHID (RFC 4843)
    v6([0x2001, 0xdb8, 0, 0], 32), // documentation (RFC 3849)
    graft(&SIX_TO_FOUR),
    v6([0x3fff, 0, 0, 0], 20), // documentation (RFC 9637)
    v6([0x5f00, 0, 0, 0], 16), // SRv6 segment ids (RFC 9602)
    v6([0xfc00, 0, 0, 0], 7),  // unique local (RFC 4193)
    v6([0xfe80, 0, 0, 0], 9),  // link local (RFC 4291), site local (RFC 3879)
    v6([0xff00, 0, 0, 0], 8),  // multicast (RFC 4291)
];

const fn v4(octets: [u8; 4], length: u8) -> Fixed<u32> {
    let start = u32::from_be_bytes(octets);
    Fixed {
        start,
        end: start | (u32::MAX >> length),
        class: RESERVED,
    }
}

/// A block by the first four groups of its prefix.
const fn v6(groups: [u16; 4], length: u8) -> Fixed<u128> {
    let [a, b, c, d] = groups;
    let start =
        ((a as u128) << 112) | ((b as u128) << 96) | ((c as u128) << 80) | ((d as u128) << 64);
    Fixed {
        start,
        end: start | (u128::MAX >> length),
        class: RESERVED,
    }
}

/// The addresses from `start` up to `next`, without `next`.
const fn between(start: u128, next: u128) -> Fixed<u128> {
    Fixed {
        start,
        end: next - 1,
        class: RESERVED,
    }
}

const fn graft(graft: &Graft) -> Fixed<u128> {
    Fixed {
        start: graft.start,
        end: graft.start | (u128::MAX >> graft.length),
        class: graft.class,
    }
}
