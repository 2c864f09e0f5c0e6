//! The IPv6 forms of IPv4 clients: blocks of IPv6 in which the IPv4 runs are read.
//!
//! Networks that a database or an operator gives inside these blocks are ignored: what is said about
//! the IPv4 client holds for all its forms.

use super::Found;
use super::address::Address;

/// A block of IPv6 addresses that carry an IPv4 client.
#[derive(Debug, PartialEq)]
pub struct Graft {
    /// Marks the block's run among the IPv6 runs.
    pub class: u16,
    pub start: u128,
    pub length: u8,
    /// How many bits stand before the client's IPv4 address.
    offset: u8,
    /// Whether that address stands with all bits flipped.
    flipped: bool,
}

/// `::ffff:0:0/96`, IPv4-mapped (RFC 4291, 2.5.5.2).
pub const MAPPED: Graft = Graft {
    class: 0xfffe,
    start: 0xffff << 32,
    length: 96,
    offset: 96,
    flipped: false,
};

/// `64:ff9b::/96`, NAT64 with the well-known prefix (RFC 6052, 2.1).
pub const NAT64: Graft = Graft {
    class: 0xfffd,
    start: 0x0064_ff9b << 96,
    length: 96,
    offset: 96,
    flipped: false,
};

/// `2001::/32`, Teredo: the client's address, obfuscated, is the last 32 bits (RFC 4380, 4).
pub const TEREDO: Graft = Graft {
    class: 0xfffc,
    start: 0x2001 << 112,
    length: 32,
    offset: 96,
    flipped: true,
};

/// `2002::/16`, 6to4 (RFC 3056, 2).
pub const SIX_TO_FOUR: Graft = Graft {
    class: 0xfffb,
    start: 0x2002 << 112,
    length: 16,
    offset: 16,
    flipped: false,
};

/// In ascending order.
pub const ALL: [&Graft; 4] = [&MAPPED, &NAT64, &TEREDO, &SIX_TO_FOUR];

impl Graft {
    /// The graft that the first `source` bits of `address` lie in.
    #[inline]
    pub fn holding(address: u128, source: u8) -> Option<&'static Graft> {
        ALL.into_iter()
            .find(|graft| source >= graft.length && address.first(graft.length) == graft.start)
    }

    /// The graft whose run has this class.
    #[inline]
    pub fn of_class(class: u16) -> Option<&'static Graft> {
        ALL.into_iter().find(|graft| graft.class == class)
    }

    /// The IPv4 client in `address`, and how many of its bits are among the first `source` ones.
    #[inline]
    pub fn client(&self, address: u128, source: u8) -> (u32, u8) {
        let carried = ((address << self.offset) >> 96) as u32;
        let client = if self.flipped { !carried } else { carried };
        (client, source.saturating_sub(self.offset).min(32))
    }

    /// What was found for the IPv4 client, with the scope that it has here.
    #[inline]
    pub fn lift(&self, found: Found) -> Found {
        Found {
            class: found.class,
            scope: match found.scope {
                0 => self.length,
                scope => self.offset + scope,
            },
        }
    }
}
