//! The first addresses of runs, in as few octets as their family allows.

use std::fmt::Debug;
use std::ops::Range;

/// Addresses in ascending order, each once.
pub trait Starts<A>: Clone + Debug + Default + PartialEq {
    /// Adds one above all others.
    fn push(&mut self, start: A);
    /// Takes the last one away.
    fn pop(&mut self);
    fn count(&self) -> usize;
    fn get(&self, index: usize) -> A;
    /// Some of the octets of the one at `index`, if there is one; 0 otherwise.
    fn peek(&self, index: usize) -> u64;
    /// How many of those at `range` are not above `address`.
    fn count_to(&self, range: Range<usize>, address: A) -> usize;
    /// Gives back the room for more.
    fn shrink_to_fit(&mut self);
    /// Octets on the heap.
    fn bytes(&self) -> usize;
}

macro_rules! plain {
    ($type:ty) => {
        impl Starts<$type> for Vec<$type> {
            fn push(&mut self, start: $type) {
                self.push(start);
            }

            fn pop(&mut self) {
                self.pop();
            }

            fn count(&self) -> usize {
                self.len()
            }

            #[inline]
            fn get(&self, index: usize) -> $type {
                self[index]
            }

            #[inline]
            fn peek(&self, index: usize) -> u64 {
                self.as_slice()
                    .get(index)
                    .map_or(0, |start| u64::from(*start))
            }

            #[inline]
            fn count_to(&self, range: Range<usize>, address: $type) -> usize {
                self[range].partition_point(|start| *start <= address)
            }

            fn shrink_to_fit(&mut self) {
                self.shrink_to_fit();
            }

            fn bytes(&self) -> usize {
                self.capacity() * size_of::<$type>()
            }
        }
    };
}

plain!(u32);
#[cfg(test)]
plain!(u16);

/// IPv6 addresses, nearly all of which are those of a /64 or of something wider: their lower halves
/// are zero, and are not kept.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Halved {
    upper: Vec<u64>,
    /// The lower halves that are not zero, with their indices.
    lower: Vec<(u32, u64)>,
}

impl Halved {
    #[inline]
    fn lower(&self, index: usize) -> u64 {
        match self.lower.last() {
            Some(last) if index <= last.0 as usize => self.lower_of_few(index),
            _ => 0,
        }
    }

    fn lower_of_few(&self, index: usize) -> u64 {
        let place = self.lower.binary_search_by_key(&index, |l| l.0 as usize);
        place.map_or(0, |place| self.lower[place].1)
    }

    /// [`Starts::count_to`] where the last one that counts by its upper half is above `address`.
    #[cold]
    fn count_to_within(&self, range: Range<usize>, address: u128) -> usize {
        let same = (address >> 64) as u64;
        let below = self.upper[range.clone()].partition_point(|upper| *upper < same);
        let (mut low, mut high) = (range.start + below, range.end);
        while low < high {
            let middle = low.midpoint(high);
            match self.get(middle) <= address {
                true => low = middle + 1,
                false => high = middle,
            }
        }
        low - range.start
    }
}

impl Starts<u128> for Halved {
    fn push(&mut self, start: u128) {
        let lower = start as u64;
        if lower != 0 {
            self.lower.push((self.upper.len() as u32, lower));
        }
        self.upper.push((start >> 64) as u64);
    }

    fn pop(&mut self) {
        self.upper.pop();
        self.lower
            .pop_if(|last| last.0 as usize == self.upper.len());
    }

    fn count(&self) -> usize {
        self.upper.len()
    }

    #[inline]
    fn get(&self, index: usize) -> u128 {
        u128::from(self.upper[index]) << 64 | u128::from(self.lower(index))
    }

    #[inline]
    fn peek(&self, index: usize) -> u64 {
        self.upper.get(index).copied().unwrap_or_default()
    }

    #[inline]
    fn count_to(&self, range: Range<usize>, address: u128) -> usize {
        let same = (address >> 64) as u64;
        let count = self.upper[range.clone()].partition_point(|upper| *upper <= same);
        match count.checked_sub(1) {
            Some(last) if self.get(range.start + last) > address => {
                self.count_to_within(range.start..range.start + count, address)
            }
            _ => count,
        }
    }

    fn shrink_to_fit(&mut self) {
        self.upper.shrink_to_fit();
        self.lower.shrink_to_fit();
    }

    fn bytes(&self) -> usize {
        self.upper.capacity() * size_of::<u64>() + self.lower.capacity() * size_of::<(u32, u64)>()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Few upper halves, so that many share one; lower halves are often zero.
    fn address() -> impl Strategy<Value = u128> {
        (0u64..6, prop_oneof![Just(0u64), 0u64..4, Just(u64::MAX)])
            .prop_map(|(upper, lower)| u128::from(upper) << 64 | u128::from(lower))
    }

    proptest! {
        #[test]
        fn halved_addresses_are_what_they_were(
            plain in prop::collection::btree_set(address(), 1..30),
            asked in address(),
            cut in any::<(prop::sample::Index, prop::sample::Index)>(),
            popped in 0usize..3,
        ) {
            let mut plain: Vec<u128> = plain.into_iter().collect();
            let mut halved = Halved::default();
            for start in &plain {
                halved.push(*start);
            }
            for _ in 0..popped.min(plain.len() - 1) {
                plain.pop();
                halved.pop();
            }
            prop_assert_eq!(halved.count(), plain.len());
            for (index, start) in plain.iter().enumerate() {
                prop_assert_eq!(halved.get(index), *start);
            }
            let (one, other) = (cut.0.index(plain.len() + 1), cut.1.index(plain.len() + 1));
            let range = one.min(other)..one.max(other);
            let expected = plain[range.clone()].iter().filter(|start| **start <= asked).count();
            prop_assert_eq!(halved.count_to(range, asked), expected);
        }
    }
}
