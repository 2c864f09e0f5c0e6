//! Sorted, disjoint ranges of addresses, and how one list of them is laid over another.

use ipnet::IpNet;

use super::world::Range;

/// An IPv4 (`u32`) or IPv6 (`u128`) address as a number.
pub(super) trait Address: Copy + Ord {
    const MIN: Self;
    const MAX: Self;
    /// None past [`Self::MAX`].
    fn next(self) -> Option<Self>;
    /// None before [`Self::MIN`].
    fn previous(self) -> Option<Self>;
}

macro_rules! address {
    ($integer:ty) => {
        impl Address for $integer {
            const MIN: Self = <$integer>::MIN;
            const MAX: Self = <$integer>::MAX;
            #[inline]
            fn next(self) -> Option<Self> {
                self.checked_add(1)
            }
            #[inline]
            fn previous(self) -> Option<Self> {
                self.checked_sub(1)
            }
        }
    };
}
address!(u32);
address!(u128);

/// Sorted, disjoint ranges of both families.
#[derive(Debug, Default)]
pub(super) struct Ranges {
    pub v4: Vec<Range<u32>>,
    pub v6: Vec<Range<u128>>,
}

impl Ranges {
    /// The ranges of networks that may lie in one another: the longest prefix wins; of two equal
    /// ones, the later.
    pub fn of_networks(networks: impl IntoIterator<Item = (IpNet, u32)>) -> Self {
        let (mut v4, mut v6) = (Vec::new(), Vec::new());
        for (network, location) in networks {
            match network {
                IpNet::V4(net) => v4.push((
                    net.prefix_len(),
                    Range {
                        start: u32::from(net.network()),
                        end: u32::from(net.broadcast()),
                        location,
                    },
                )),
                IpNet::V6(net) => v6.push((
                    net.prefix_len(),
                    Range {
                        start: u128::from(net.network()),
                        end: u128::from(net.broadcast()),
                        location,
                    },
                )),
            }
        }
        Ranges {
            v4: flatten(v4),
            v6: flatten(v6),
        }
    }

    /// See [`overlay`].
    pub fn overlay(
        &self,
        above: &Ranges,
        mut combine: impl FnMut(Option<u32>, u32) -> Option<u32>,
    ) -> Ranges {
        Ranges {
            v4: overlay(&self.v4, &above.v4, &mut combine),
            v6: overlay(&self.v6, &above.v6, &mut combine),
        }
    }
}

/// Lays each length of prefix over the shorter ones.
fn flatten<A: Address>(mut networks: Vec<(u8, Range<A>)>) -> Vec<Range<A>> {
    networks.sort_by_key(|&(length, range)| (length, range.start));
    networks
        .chunk_by(|(a, _), (b, _)| a == b)
        .fold(Vec::new(), |shorter, group| {
            let mut above: Vec<Range<A>> = Vec::with_capacity(group.len());
            for &(_, range) in group {
                match above.last_mut() {
                    Some(last) if last.start == range.start => *last = range,
                    _ => above.push(range),
                }
            }
            overlay(&shorter, &above, |_, location| Some(location))
        })
}

/// `above` laid over `below`. Where only `below` has something, it stays; where `above` has
/// something, `combine` of both says what is there (None: nothing).
pub(super) fn overlay<A: Address>(
    below: &[Range<A>],
    above: &[Range<A>],
    mut combine: impl FnMut(Option<u32>, u32) -> Option<u32>,
) -> Vec<Range<A>> {
    let mut merged = Vec::with_capacity(below.len() + above.len());
    let (mut below, mut above) = (Cursor(below), Cursor(above));
    let mut at = A::MIN;
    loop {
        let (lower, lower_end) = below.at(at);
        let (upper, upper_end) = above.at(at);
        let end = lower_end.min(upper_end);
        let location = match upper {
            None => lower,
            Some(upper) => combine(lower, upper),
        };
        if let Some(location) = location {
            push(
                &mut merged,
                Range {
                    start: at,
                    end,
                    location,
                },
            );
        }
        match end.next() {
            Some(next) => at = next,
            None => return merged,
        }
    }
}

/// Adds a range that lies after all others; joins it to its neighbour when they say the same.
pub(super) fn push<A: Address>(ranges: &mut Vec<Range<A>>, range: Range<A>) {
    match ranges.last_mut() {
        Some(last) if last.location == range.location && last.end.next() == Some(range.start) => {
            last.end = range.end;
        }
        _ => ranges.push(range),
    }
}

/// Walks a list of ranges in ascending order of address.
struct Cursor<'a, A>(&'a [Range<A>]);

impl<A: Address> Cursor<'_, A> {
    /// What is at `at`, and the last address up to which that holds.
    fn at(&mut self, at: A) -> (Option<u32>, A) {
        while let Some((first, rest)) = self.0.split_first()
            && first.end < at
        {
            self.0 = rest;
        }
        match self.0.first() {
            None => (None, A::MAX),
            Some(range) if range.start <= at => (Some(range.location), range.end),
            Some(range) => (None, range.start.previous().unwrap_or(A::MIN)),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn range(start: u32, end: u32, location: u32) -> Range<u32> {
        Range {
            start,
            end,
            location,
        }
    }

    fn at(ranges: &[Range<u32>], address: u32) -> Option<u32> {
        ranges
            .iter()
            .find(|r| (r.start..=r.end).contains(&address))
            .map(|r| r.location)
    }

    #[test]
    fn a_range_above_cuts_the_one_below_it() {
        let merged = overlay(&[range(10, 30, 1)], &[range(15, 20, 2)], |_, up| Some(up));
        assert_eq!(
            merged,
            [range(10, 14, 1), range(15, 20, 2), range(21, 30, 1)]
        );
    }

    #[test]
    fn a_range_above_can_clear_what_is_below() {
        let merged = overlay(&[range(10, 30, 1)], &[range(0, 20, 2)], |_, _| None);
        assert_eq!(merged, [range(21, 30, 1)]);
    }

    #[test]
    fn neighbours_that_say_the_same_are_joined() {
        let merged = overlay(
            &[range(0, 9, 1), range(20, 29, 1)],
            &[range(10, 19, 1)],
            |_, up| Some(up),
        );
        assert_eq!(merged, [range(0, 29, 1)]);
    }

    #[test]
    fn the_last_address_of_all_belongs_to_its_range() {
        let merged = overlay(&[range(0, u32::MAX, 1)], &[], |_, up| Some(up));
        assert_eq!(merged, [range(0, u32::MAX, 1)]);
    }

    #[test]
    fn the_longest_prefix_wins_and_of_equal_ones_the_later() {
        let networks = [
            ("10.1.0.0/16", 3),
            ("10.0.0.0/8", 1),
            ("10.1.2.0/24", 4),
            ("10.1.2.0/24", 5),
        ];
        let ranges = Ranges::of_networks(networks.map(|(net, id)| (net.parse().unwrap(), id)));
        let of = |text: &str| {
            let address: std::net::Ipv4Addr = text.parse().unwrap();
            at(&ranges.v4, address.into())
        };
        assert_eq!(of("10.0.0.1"), Some(1));
        assert_eq!(of("10.1.0.1"), Some(3));
        assert_eq!(of("10.1.2.1"), Some(5));
        assert_eq!(of("11.0.0.0"), None);
    }

    /// Disjoint ranges made of the gaps between sorted points; locations alternate with holes.
    fn some_ranges() -> impl Strategy<Value = Vec<Range<u32>>> {
        proptest::collection::btree_set(0u32..200, 0..20).prop_map(|points| {
            let points: Vec<u32> = points.into_iter().collect();
            points
                .windows(2)
                .enumerate()
                .filter(|(index, _)| index % 3 != 0)
                .map(|(index, w)| range(w[0], w[1] - 1, index as u32 % 4))
                .collect()
        })
    }

    proptest! {
        #[test]
        fn every_address_gets_what_combine_says_of_it(below in some_ranges(), above in some_ranges()) {
            let combine = |lower: Option<u32>, upper: u32| {
                (upper != 3).then(|| lower.map_or(100, |l| l * 10) + upper)
            };
            let merged = overlay(&below, &above, combine);
            for address in 0..=201 {
                let expected = match (at(&below, address), at(&above, address)) {
                    (lower, None) => lower,
                    (lower, Some(upper)) => combine(lower, upper),
                };
                prop_assert_eq!(at(&merged, address), expected);
            }
            for pair in merged.windows(2) {
                prop_assert!(pair[0].end < pair[1].start);
            }
        }
    }
}
