//! Endpoints that may be answered, in the form that draws are made from.

use std::sync::Arc;

use crate::model::EndpointId;

/// Endpoints of one pool and family that may be answered.
#[derive(Clone, Debug, PartialEq)]
pub enum Usable {
    /// Neighbours of equal weight: all of a pool, as long as nothing is wrong with it. It takes nothing on
    /// the heap, so that there is nothing to be read.
    Row {
        first: EndpointId,
        count: u32,
    },
    /// Of equal weight.
    Equal(Arc<[EndpointId]>),
    Weighted(Arc<Weighted>),
}

impl Default for Usable {
    /// None.
    fn default() -> Self {
        Usable::Row {
            first: EndpointId(0),
            count: 0,
        }
    }
}

impl Usable {
    /// Of endpoints with their weights, none of which is 0, in ascending order.
    pub fn new(endpoints: &[(EndpointId, u16)]) -> Self {
        let [(first, weight), .., (last, _)] = *endpoints else {
            let first = endpoints.first().map_or(EndpointId(0), |&(first, _)| first);
            let count = endpoints.len() as u32;
            return Usable::Row { first, count };
        };
        if endpoints.iter().any(|&(_, other)| other != weight) {
            return Usable::Weighted(Arc::new(Weighted::new(endpoints)));
        }
        let count = endpoints.len() as u32;
        match last.0 - first.0 + 1 == count {
            true => Usable::Row { first, count },
            false => Usable::Equal(endpoints.iter().map(|&(id, _)| id).collect()),
        }
    }

    #[inline]
    pub fn is_empty(&self) -> bool {
        matches!(self, Usable::Row { count: 0, .. })
    }

    #[inline]
    pub fn len(&self) -> usize {
        match self {
            Usable::Row { count, .. } => *count as usize,
            Usable::Equal(ids) => ids.len(),
            Usable::Weighted(weighted) => weighted.endpoints.len(),
        }
    }

    /// The endpoint at `index`, which is less than [`len`](Self::len).
    #[inline]
    pub fn get(&self, index: usize) -> EndpointId {
        match self {
            Usable::Row { first, .. } => EndpointId(first.0 + index as u32),
            Usable::Equal(ids) => ids[index],
            Usable::Weighted(weighted) => weighted.endpoints[index].0,
        }
    }

    /// Whether the endpoint is one of them.
    #[inline]
    pub fn contains(&self, id: EndpointId) -> bool {
        match self {
            Usable::Row { first, count } => (first.0..first.0 + count).contains(&id.0),
            Usable::Equal(ids) => ids.binary_search(&id).is_ok(),
            Usable::Weighted(weighted) => {
                let endpoints = &weighted.endpoints;
                endpoints.binary_search_by_key(&id, |&(id, _)| id).is_ok()
            }
        }
    }

    /// Something of where the endpoints are listed, to have it in the cache.
    #[inline]
    pub(super) fn peek(&self) -> u64 {
        match self {
            Usable::Row { .. } => 0,
            Usable::Equal(ids) => ids.first().map_or(0, |id| id.0.into()),
            Usable::Weighted(weighted) => weighted.endpoints.len() as u64,
        }
    }
}

/// Endpoints of different weights. Each owns as many of the points `0..total()` as it weighs.
#[derive(Debug, PartialEq)]
pub struct Weighted {
    /// Each with the sum of the weights up to its own.
    endpoints: Box<[(EndpointId, u32)]>,
    /// The index of the endpoint that owns each 2^`shift`th point, and at the end that of the last: between
    /// two of them stand one or two endpoints on the average, so that a draw costs the same among however
    /// many (Chen and Asau 1974, "On generating random variates from an empirical distribution").
    guide: Box<[u32]>,
    shift: u8,
    /// See [`Weighted::spread`].
    stride: u32,
}

/// How far apart turns are among so many points: the golden section of them, or the next that has no divisor in
/// common with `total`. So `total` turns come to every point once, and any number of turns in a row are spread
/// as evenly as can be (three-distance theorem: Sós 1958).
pub fn stride(total: u32) -> u32 {
    let golden = (f64::from(total) * 0.618_033_988_749_895) as u32;
    let is_prime_to = |stride: &u32| {
        let (mut a, mut b) = (total, *stride);
        while b > 0 {
            (a, b) = (b, a % b);
        }
        a == 1
    };
    (golden.max(1)..=total.max(1))
        .find(is_prime_to)
        .unwrap_or(1)
}

impl Weighted {
    /// Weights sum to at most `u32::MAX` (65,535 times 65,535 endpoints); beyond that they saturate.
    fn new(endpoints: &[(EndpointId, u16)]) -> Self {
        let mut total = 0u32;
        let summed = endpoints.iter().map(|&(id, weight)| {
            total = total.saturating_add(u32::from(weight));
            (id, total)
        });
        let mut weighted = Weighted {
            endpoints: summed.collect(),
            guide: Box::default(),
            shift: 0,
            stride: stride(total),
        };
        while (total - 1) as usize >> weighted.shift >= weighted.endpoints.len() {
            weighted.shift += 1;
        }
        weighted.guide = weighted.guide_of(total);
        weighted
    }

    fn guide_of(&self, total: u32) -> Box<[u32]> {
        let mut owner = 0;
        let mut owners = Vec::new();
        let mut point = 0u64;
        while point < u64::from(total) {
            while u64::from(self.endpoints[owner].1) <= point {
                owner += 1;
            }
            owners.push(owner as u32);
            point += 1 << self.shift;
        }
        owners.push(self.endpoints.len() as u32 - 1);
        owners.into()
    }

    /// The sum of the weights.
    #[inline]
    pub fn total(&self) -> u32 {
        self.endpoints.last().map_or(0, |&(_, sum)| sum)
    }

    /// The point of a turn: in as many turns as there are points each comes once, and those of one endpoint are
    /// spread evenly.
    #[inline]
    pub fn spread(&self, turn: u32) -> u32 {
        (u64::from(turn) * u64::from(self.stride) % u64::from(self.total().max(1))) as u32
    }

    /// The index of the endpoint that owns `point`, for a point in `0..total()`; the first point that it
    /// owns, and how many.
    #[inline]
    pub fn owner(&self, point: u32) -> (usize, u32, u32) {
        let step = (point >> self.shift) as usize;
        let (low, high) = (self.guide[step] as usize, self.guide[step + 1] as usize);
        let between = &self.endpoints[low..high];
        let index = low + between.partition_point(|&(_, sum)| sum <= point);
        let start = match index.checked_sub(1) {
            Some(before) => self.endpoints[before].1,
            None => 0,
        };
        (index, start, self.endpoints[index].1 - start)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn usable(weights: &[u16]) -> Usable {
        let ids = (7..).map(EndpointId);
        let endpoints: Vec<_> = ids.zip(weights.iter().copied()).collect();
        Usable::new(&endpoints)
    }

    #[test]
    fn equal_weights_need_no_list_while_no_endpoint_is_missing() {
        let row = |first, count| Usable::Row {
            first: EndpointId(first),
            count,
        };
        assert_eq!(usable(&[]), Usable::default());
        assert_eq!(usable(&[5]), row(7, 1));
        assert_eq!(usable(&[5; 3]), row(7, 3));
        let ids = [1, 2, 4].map(EndpointId);
        let gap = Usable::new(&ids.map(|id| (id, 9)));
        assert_eq!(gap, Usable::Equal(ids.into()));
        assert!(matches!(usable(&[5, 6]), Usable::Weighted(_)));
        for usable in [usable(&[5; 3]), gap, usable(&[5, 6, 7])] {
            assert_eq!((usable.len(), usable.is_empty()), (3, false));
            let listed: Vec<_> = (0..3).map(|index| usable.get(index)).collect();
            for id in (0..12).map(EndpointId) {
                assert_eq!(usable.contains(id), listed.contains(&id), "{usable:?}");
            }
        }
    }

    #[test]
    fn turns_come_to_every_point_once_and_are_spread() {
        for total in [1, 2, 3, 6, 7, 100, 65_537, 1_000_000] {
            let stride = u64::from(stride(total));
            let mut seen = vec![false; total as usize];
            for turn in 0..u64::from(total) {
                seen[(turn * stride % u64::from(total)) as usize] = true;
            }
            assert!(seen.iter().all(|seen| *seen), "{total}");
        }
        // As nginx documents its own for 5, 1, 1: never two of the small in a row.
        let Usable::Weighted(weighted) = usable(&[5, 1, 1]) else {
            panic!("weights differ");
        };
        let turns: Vec<_> = (0..7)
            .map(|turn| weighted.owner(weighted.spread(turn)).0)
            .collect();
        assert_eq!(turns.iter().filter(|owner| **owner == 0).count(), 5);
        let mut around = turns.iter().zip(turns.iter().cycle().skip(1));
        assert!(
            around.all(|(one, next)| *one == 0 || *next == 0),
            "{turns:?}"
        );
    }

    proptest! {
        #[test]
        fn every_point_has_the_owner_that_counting_finds(
            weights in prop_oneof![
                prop::collection::vec(1u16..4, 2..200),
                prop::collection::vec(prop_oneof![Just(1u16), Just(u16::MAX)], 2..200),
                prop::collection::vec(1u16.., 2..200),
            ],
            points in prop::collection::vec(any::<prop::sample::Index>(), 50),
        ) {
            let ids = (0..).map(EndpointId);
            let endpoints: Vec<_> = ids.zip(weights.iter().copied()).collect();
            let weighted = Weighted::new(&endpoints);
            prop_assert_eq!(weighted.total(), weights.iter().map(|w| u32::from(*w)).sum::<u32>());
            let mut start = 0;
            for (index, &weight) in weights.iter().enumerate() {
                let width = u32::from(weight);
                for point in [start, start + width - 1] {
                    prop_assert_eq!(weighted.owner(point), (index, start, width));
                }
                start += width;
            }
            for point in points {
                let point = point.index(start as usize) as u32;
                let (_, start, width) = weighted.owner(point);
                prop_assert!((start..start + width).contains(&point));
            }
        }
    }

    #[test]
    fn weights_that_sum_to_more_than_a_number_holds_do_no_harm() {
        let weights: Vec<u16> = (0..70_000).map(|i| u16::MAX - (i % 2) as u16).collect();
        let Usable::Weighted(weighted) = usable(&weights) else {
            panic!("weights differ");
        };
        assert_eq!(weighted.total(), u32::MAX);
        let (index, start, width) = weighted.owner(u32::MAX - 1);
        assert!(index < 70_000 && start + width == u32::MAX);
    }
}
