//! Addresses as numbers.

use std::fmt::Debug;

use super::starts::{Halved, Starts};

/// What the tables need of an address: `u32` for IPv4, `u128` for IPv6.
///
/// Prefix lengths are 0..=[`BITS`](Self::BITS).
pub trait Address: Copy + Ord + Debug {
    /// How the first addresses of many runs are kept.
    type Starts: Starts<Self>;
    const BITS: u8;
    const MIN: Self;
    const MAX: Self;
    /// The block that nearly all networks are in: its start and length.
    const DENSE: (Self, u8);
    /// The length of most client subnets (RFC 7871, 11.1).
    const USUAL: u8;

    /// Length of the longest prefix that both have.
    fn common_prefix(self, other: Self) -> u8;
    /// First address of the block of this length that contains `self`.
    fn first(self, length: u8) -> Self;
    /// Last address of the block of this length that contains `self`.
    fn last(self, length: u8) -> Self;
    /// The address after, unless this is the last of all.
    fn next(self) -> Option<Self>;
    /// The address before, unless this is the first of all.
    fn previous(self) -> Option<Self>;
    /// The first `bits` bits after the prefix of [`DENSE`](Self::DENSE) as a number; what lies before
    /// that block counts as its start, and what lies after as its end. `bits` is at most 24.
    fn top(self, bits: u8) -> usize;
    /// How many addresses `self..=end` has; 2^128 counts as one less.
    fn count_to(self, end: Self) -> u128;
}

macro_rules! address {
    ($type:ty, $starts:ty, $dense:expr, $usual:expr) => {
        impl Address for $type {
            type Starts = $starts;
            const BITS: u8 = <$type>::BITS as u8;
            const MIN: Self = <$type>::MIN;
            const MAX: Self = <$type>::MAX;
            const DENSE: (Self, u8) = $dense;
            const USUAL: u8 = $usual;

            #[inline]
            fn common_prefix(self, other: Self) -> u8 {
                (self ^ other).leading_zeros() as u8
            }

            #[inline]
            fn first(self, length: u8) -> Self {
                self & !Self::MAX.checked_shr(length.into()).unwrap_or(0)
            }

            #[inline]
            fn last(self, length: u8) -> Self {
                self | Self::MAX.checked_shr(length.into()).unwrap_or(0)
            }

            #[inline]
            fn next(self) -> Option<Self> {
                self.checked_add(1)
            }

            #[inline]
            fn previous(self) -> Option<Self> {
                self.checked_sub(1)
            }

            #[inline]
            fn top(self, bits: u8) -> usize {
                let (start, length) = Self::DENSE;
                let inside = self.clamp(start, start.last(length)) - start;
                let shift = u32::from(<Self as Address>::BITS - length - bits);
                inside.checked_shr(shift).unwrap_or(0) as usize
            }

            #[inline]
            fn count_to(self, end: Self) -> u128 {
                #[allow(clippy::unnecessary_cast)] // one macro for every width
                let beyond_first = (end - self) as u128;
                beyond_first.saturating_add(1)
            }
        }
    };
}

address!(u32, Vec<u32>, (0, 0), 24);
// Global unicast, as far as it is assigned (RFC 4291, 2.4).
address!(u128, Halved, (0x2000 << 112, 3), 56);
// A space small enough to be searched whole.
#[cfg(test)]
address!(u16, Vec<u16>, (0x4000, 2), 11);
