//! Who is next on a circle? Karger et al., "Consistent hashing and random trees", STOC 1997.

use super::{Item, mix};

/// Points of an item of average weight: with so many, shares are true to within about 5 % of themselves
/// (one standard deviation, 1 / sqrt(points)).
const POINTS: u32 = 512;
/// Points of a ring at most: 8 MiB of them.
const POINTS_MAX: u64 = 1 << 20;

/// Items at points of a circle, as many as their weights say.
#[derive(Debug, Default, PartialEq)]
pub struct Ring {
    /// Where on the circle, and whose point that is; ascending.
    points: Box<[(u32, u32)]>,
    /// By the upper bits of where on the circle: the first point from there on. So a look-up costs the same
    /// however many there are.
    guide: Box<[u32]>,
    shift: u8,
}

impl Ring {
    /// Of items by their indices. Those of weight 0 have no point.
    ///
    /// Points are as many as a power of two times the weight. The power changes only where the average weight
    /// doubles or halves, so that the points of an item hardly ever depend on the others.
    pub fn new(items: &[Item]) -> Self {
        let weighty = || items.iter().filter(|item| item.weight > 0);
        let (count, total) = weighty().fold((0u64, 0u64), |(count, total), item| {
            (count + 1, total + u64::from(item.weight))
        });
        if count == 0 {
            return Ring::default();
        }
        // Points per unit of weight, with 32 binary places.
        let mut scale = (u64::from(POINTS) << 32) >> (total / count).ilog2();
        let points =
            |weight: u64, scale: u64| ((u128::from(weight) * u128::from(scale)) >> 32) as u64;
        while points(total, scale) > POINTS_MAX {
            scale /= 2;
        }
        let mut placed = Vec::new();
        for (index, item) in (0u32..).zip(items) {
            if item.weight == 0 {
                continue;
            }
            let own = points(item.weight.into(), scale).max(1);
            let at = |number: u64| (mix(item.seed ^ mix(number)) >> 32) as u32;
            placed.extend((0..own).map(|number| (at(number), index)));
        }
        // Of two at the same place, the order must not depend on the list either.
        placed.sort_unstable_by_key(|&(at, index)| (at, items[index as usize].seed));
        let mut ring = Ring {
            guide: Box::default(),
            shift: 32 - (placed.len() as u32).next_power_of_two().ilog2() as u8,
            points: placed.into(),
        };
        ring.guide = ring.guide();
        ring
    }

    fn guide(&self) -> Box<[u32]> {
        let steps = 1u64 << (32 - self.shift);
        let first = |step: u64| {
            let from = step << self.shift;
            self.points.partition_point(|&(at, _)| u64::from(at) < from) as u32
        };
        (0..steps).map(first).collect()
    }

    /// The items from there on, all around; one comes as often as it has points.
    #[inline]
    pub fn walk(&self, hash: u64) -> impl Iterator<Item = u32> {
        let at = (hash >> 32) as u32;
        let start = self.guide.get((u64::from(at) >> self.shift) as usize);
        let mut start = start.map_or(0, |&start| start as usize);
        while self.points.get(start).is_some_and(|&(point, _)| point < at) {
            start += 1;
        }
        let (before, from) = self.points.split_at(start.min(self.points.len()));
        from.iter().chain(before).map(|&(_, index)| index)
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::items;
    use super::*;

    fn first(ring: &Ring, key: u64) -> u32 {
        ring.walk(mix(key)).next().unwrap()
    }

    #[test]
    fn shares_are_those_of_the_weights_to_within_the_spread_of_the_points() {
        for weights in [&[1, 1, 1][..], &[1, 2, 5], &[300, 700], &[1; 40]] {
            let ring = Ring::new(&items(weights));
            let mut tally = vec![0u32; weights.len()];
            for key in 0..200_000 {
                tally[first(&ring, key) as usize] += 1;
            }
            let total: u32 = weights.iter().sum();
            for (&drawn, &weight) in tally.iter().zip(weights) {
                let share = f64::from(weight) / f64::from(total);
                let error = (f64::from(drawn) / 200_000.0 / share - 1.0).abs();
                assert!(error < 0.2, "{tally:?} for {weights:?}");
            }
        }
    }

    #[test]
    fn a_walk_begins_where_searching_says_and_goes_all_around() {
        let ring = Ring::new(&items(&[1, 2, 0, 1]));
        for key in 0..1_000 {
            let hash = mix(key);
            let at = (hash >> 32) as u32;
            let start = ring.points.partition_point(|&(point, _)| point < at);
            let walked: Vec<u32> = ring.walk(hash).collect();
            let naive =
                (0..ring.points.len()).map(|n| ring.points[(start + n) % ring.points.len()].1);
            assert!(walked.iter().copied().eq(naive));
            assert!(!walked.contains(&2));
        }
    }

    #[test]
    fn an_item_that_joins_or_leaves_moves_its_own_share_only() {
        let (few, many) = (Ring::new(&items(&[1; 9])), Ring::new(&items(&[1; 10])));
        let mut moved = 0;
        for key in 0..20_000 {
            let (before, after) = (first(&few, key), first(&many, key));
            assert!(before == after || after == 9);
            moved += u32::from(before != after);
        }
        assert!((1_500..2_500).contains(&moved), "{moved}");
    }

    #[test]
    fn of_nothing_nothing_is_next() {
        assert_eq!(Ring::new(&[]).walk(7).next(), None);
        assert_eq!(Ring::new(&items(&[0, 0])).walk(7).next(), None);
    }

    #[test]
    fn huge_weights_and_many_items_stay_within_bounds() {
        let ring = Ring::new(&items(&[u32::MAX, 1]));
        assert!(ring.points.len() <= POINTS_MAX as usize + 2);
        let ring = Ring::new(&items(&[65_535; 5_000]));
        assert!(ring.points.len() <= POINTS_MAX as usize + 5_000);
    }
}
