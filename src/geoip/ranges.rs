//! Sorted, disjoint ranges of addresses, and how one list of them is laid over another.

use ipnet::IpNet;

use super::spans::{Cursor, Spans};
use super::world::Range;
use crate::prefix_table::Address;

/// Sorted, disjoint ranges of both families.
#[derive(Debug, Default)]
pub(super) struct Ranges {
    pub v4: Spans<u32>,
    pub v6: Spans<u128>,
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

    pub fn is_empty(&self) -> bool {
        self.v4.is_empty() && self.v6.is_empty()
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
fn flatten<A: Address>(mut networks: Vec<(u8, Range<A>)>) -> Spans<A> {
    networks.sort_by_key(|&(length, range)| (length, range.start));
    networks
        .chunk_by(|(a, _), (b, _)| a == b)
        .fold(Spans::default(), |shorter, group| {
            let last_of_equals = group
                .iter()
                .zip(group.iter().skip(1).map(Some).chain([None]))
                .filter(|((_, range), next)| next.is_none_or(|(_, n)| n.start != range.start));
            let above = last_of_equals.map(|((_, range), _)| *range).collect();
            overlay(&shorter, &above, |_, location| Some(location))
        })
}

/// `above` laid over `below`. Where only `below` has something, it stays; where `above` has
/// something, `combine` of both says what is there (None: nothing).
pub(super) fn overlay<A: Address>(
    below: &Spans<A>,
    above: &Spans<A>,
    mut combine: impl FnMut(Option<u32>, u32) -> Option<u32>,
) -> Spans<A> {
    let mut merged = Spans::default();
    let (mut below, mut above) = (Cursor::new(below), Cursor::new(above));
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
            merged.push(Range {
                start: at,
                end,
                location,
            });
        }
        match end.next() {
            Some(next) => at = next,
            None => return merged,
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

    fn at(ranges: &Spans<u32>, address: u32) -> Option<u32> {
        ranges
            .iter()
            .find(|r| (r.start..=r.end).contains(&address))
            .map(|r| r.location)
    }

    fn spans<const N: usize>(ranges: [Range<u32>; N]) -> Spans<u32> {
        ranges.into_iter().collect()
    }

    #[test]
    fn a_range_above_cuts_the_one_below_it() {
        let merged = overlay(
            &spans([range(10, 30, 1)]),
            &spans([range(15, 20, 2)]),
            |_, up| Some(up),
        );
        let expected = [range(10, 14, 1), range(15, 20, 2), range(21, 30, 1)];
        assert_eq!(merged, spans(expected));
    }

    #[test]
    fn a_range_above_can_clear_what_is_below() {
        let merged = overlay(
            &spans([range(10, 30, 1)]),
            &spans([range(0, 20, 2)]),
            |_, _| None,
        );
        assert_eq!(merged, spans([range(21, 30, 1)]));
    }

    #[test]
    fn neighbours_that_say_the_same_are_joined() {
        let merged = overlay(
            &spans([range(0, 9, 1), range(20, 29, 1)]),
            &spans([range(10, 19, 1)]),
            |_, up| Some(up),
        );
        assert_eq!(merged, spans([range(0, 29, 1)]));
    }

    #[test]
    fn the_last_address_of_all_belongs_to_its_range() {
        let merged = overlay(&spans([range(0, u32::MAX, 1)]), &spans([]), |_, up| {
            Some(up)
        });
        assert_eq!(merged, spans([range(0, u32::MAX, 1)]));
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
    fn some_ranges() -> impl Strategy<Value = Spans<u32>> {
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
            let merged: Vec<_> = merged.iter().collect();
            for pair in merged.windows(2) {
                prop_assert!(pair[0].end < pair[1].start);
            }
        }
    }
}
