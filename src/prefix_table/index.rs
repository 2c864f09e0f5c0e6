//! The first step of a lookup: the upper bits of an address -> the few runs that it can be in.

use super::address::Address;

/// Buckets at most, as bits: 2^20 of 4 octets are 4 MiB, and leave four runs of four million to
/// search in (more where IPv6 is dense: a bucket is a /23).
const BITS_MAX: u32 = 20;

/// Buckets over the address space, about as many as there are runs: of equal width in
/// [`Address::DENSE`], and what lies outside belongs to the first and the last.
#[derive(Clone, Debug, PartialEq)]
pub struct Index {
    /// There are 2^bits buckets.
    bits: u8,
    /// By bucket: the run of its first address. One more at the end: the last run.
    first_runs: Box<[u32]>,
}

impl Index {
    /// Over runs that begin at `starts`: ascending, the first at the first address.
    pub fn new<A: Address>(starts: impl ExactSizeIterator<Item = A>) -> Self {
        let count = starts.len();
        let bits = count.max(1).ilog2().min(BITS_MAX) as u8;
        let mut first_runs = Vec::with_capacity((1 << bits) + 1);
        for (run, start) in starts.enumerate() {
            let bucket = start.top(bits);
            let first_of_bucket = start.previous().is_none_or(|p| p.top(bits) != bucket);
            // Buckets that begin before this run does begin in the run before.
            let begun = bucket + usize::from(!first_of_bucket);
            first_runs.resize(begun, run.saturating_sub(1) as u32);
        }
        let last = count.saturating_sub(1) as u32;
        first_runs.resize((1 << bits) + 1, last);
        Index {
            bits,
            first_runs: first_runs.into(),
        }
    }

    /// The first and the last run that `address` can be in.
    #[inline]
    pub fn span<A: Address>(&self, address: A) -> (usize, usize) {
        let bucket = address.top(self.bits);
        let [first, last] = [bucket, bucket + 1].map(|i| self.first_runs[i] as usize);
        (first, last)
    }

    pub fn bytes(&self) -> usize {
        size_of_val(&*self.first_runs)
    }
}
