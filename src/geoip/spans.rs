//! Sorted, disjoint ranges of one family, packed: what a world keeps for as long as it lives.

use super::world::Range;
use crate::prefix_table::{Address, Starts};

/// Where nothing is known.
const UNKNOWN: u32 = u32::MAX;

/// Ranges in ascending order, each with a location: 8 octets each for IPv4, 12 for IPv6, and as
/// many for each hole between two of them. Neighbours that say the same are one range.
#[derive(Clone, Debug)]
pub struct Spans<A: Address> {
    /// Of ranges and of the holes between them.
    starts: A::Starts,
    /// By start; [`UNKNOWN`] for a hole.
    locations: Vec<u32>,
    /// The last address of the last range.
    end: A,
    /// Ranges, without holes.
    count: usize,
}

impl<A: Address> Default for Spans<A> {
    fn default() -> Self {
        Spans {
            starts: A::Starts::default(),
            locations: Vec::new(),
            end: A::MIN,
            count: 0,
        }
    }
}

impl<A: Address> PartialEq for Spans<A> {
    fn eq(&self, other: &Self) -> bool {
        self.starts == other.starts && self.locations == other.locations && self.end == other.end
    }
}

impl<A: Address> Spans<A> {
    /// Adds a range that lies after all others.
    pub(super) fn push(&mut self, range: Range<A>) {
        if let Some(&last) = self.locations.last() {
            debug_assert!(self.end < range.start, "ranges come in ascending order");
            let adjoins = self.end.next() == Some(range.start);
            if adjoins && last == range.location {
                self.end = range.end;
                return;
            }
            if !adjoins && let Some(hole) = self.end.next() {
                self.starts.push(hole);
                self.locations.push(UNKNOWN);
            }
        }
        self.starts.push(range.start);
        self.locations.push(range.location);
        self.end = range.end;
        self.count += 1;
    }

    /// How many ranges there are.
    pub fn len(&self) -> usize {
        self.count
    }

    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// All of them, in ascending order.
    pub fn iter(&self) -> impl Iterator<Item = Range<A>> {
        (0..self.locations.len())
            .map(|index| self.range(index))
            .filter(|range| range.location != UNKNOWN)
    }

    /// The range that `address` is in.
    pub fn find(&self, address: A) -> Option<Range<A>> {
        let after = self.starts.count_to(0..self.starts.count(), address);
        let range = self.range(after.checked_sub(1)?);
        (address <= range.end && range.location != UNKNOWN).then_some(range)
    }

    /// A range or a hole.
    fn range(&self, index: usize) -> Range<A> {
        let next = index + 1;
        let after = (next < self.locations.len()).then(|| self.starts.get(next));
        Range {
            start: self.starts.get(index),
            end: after.and_then(A::previous).unwrap_or(self.end),
            location: self.locations[index],
        }
    }

    /// The location of each range, in ascending order.
    pub(super) fn locations_mut(&mut self) -> impl Iterator<Item = &mut u32> {
        self.locations
            .iter_mut()
            .filter(|location| **location != UNKNOWN)
    }

    /// Gives back the room for more ranges.
    pub(super) fn shrink_to_fit(&mut self) {
        self.starts.shrink_to_fit();
        self.locations.shrink_to_fit();
    }

    /// Octets on the heap.
    pub fn bytes(&self) -> usize {
        self.starts.bytes() + self.locations.capacity() * size_of::<u32>()
    }
}

impl<A: Address> FromIterator<Range<A>> for Spans<A> {
    /// Of ranges in ascending order.
    fn from_iter<I: IntoIterator<Item = Range<A>>>(ranges: I) -> Self {
        let mut spans = Spans::default();
        for range in ranges {
            spans.push(range);
        }
        spans
    }
}

/// Walks spans in ascending order of address.
pub(super) struct Cursor<'a, A: Address> {
    spans: &'a Spans<A>,
    index: usize,
}

impl<'a, A: Address> Cursor<'a, A> {
    pub fn new(spans: &'a Spans<A>) -> Self {
        Cursor { spans, index: 0 }
    }

    /// What is at `at`, and the last address up to which that holds. `at` never goes back.
    pub fn at(&mut self, at: A) -> (Option<u32>, A) {
        while self.index < self.spans.locations.len() {
            let range = self.spans.range(self.index);
            if range.end < at {
                self.index += 1;
                continue;
            }
            return match range.start <= at {
                true => (
                    (range.location != UNKNOWN).then_some(range.location),
                    range.end,
                ),
                false => (None, range.start.previous().unwrap_or(A::MIN)),
            };
        }
        (None, A::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn range(start: u128, end: u128, location: u32) -> Range<u128> {
        Range {
            start,
            end,
            location,
        }
    }

    #[test]
    fn ranges_come_out_as_they_went_in_and_holes_are_none() {
        let ranges = [
            range(5, 9, 1),
            range(10, 1 << 64, 2),
            range(1 << 65, u128::MAX, 1),
        ];
        let spans: Spans<u128> = ranges.into_iter().collect();
        assert_eq!(spans.iter().collect::<Vec<_>>(), ranges);
        assert_eq!(spans.len(), 3);
        assert_eq!(spans.find(4), None);
        assert_eq!(spans.find(5), Some(ranges[0]));
        assert_eq!(spans.find(9), Some(ranges[0]));
        assert_eq!(spans.find(1 << 64), Some(ranges[1]));
        assert_eq!(spans.find((1 << 64) + 1), None);
        assert_eq!(spans.find(u128::MAX), Some(ranges[2]));
    }

    #[test]
    fn neighbours_that_say_the_same_are_one_range() {
        let spans: Spans<u128> = [range(0, 4, 1), range(5, 9, 1), range(11, 12, 1)]
            .into_iter()
            .collect();
        assert_eq!(
            spans.iter().collect::<Vec<_>>(),
            [range(0, 9, 1), range(11, 12, 1)]
        );
    }
}
