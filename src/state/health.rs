//! Verdicts as a dense table, and per pool the endpoints that may be answered, and how soon
//! those that may not could be.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::Pools;
use super::pools::Pool;
use crate::model::{EndpointId, Family, PoolId, Verdict};

/// What is believed of one endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EndpointHealth {
    pub verdict: Verdict,
    /// The soonest that observations could flip the verdict: interval times the observations still
    /// needed. `u32::MAX`: never (no monitor).
    pub flip_after_ms: u32,
}

impl EndpointHealth {
    /// Of an endpoint that was never observed: the next observation is its verdict.
    pub const UNKNOWN: Self = EndpointHealth {
        verdict: Verdict::Unknown,
        flip_after_ms: 0,
    };
    /// Of an endpoint that nothing watches.
    pub const UNWATCHED: Self = EndpointHealth {
        verdict: Verdict::Up,
        flip_after_ms: u32::MAX,
    };
}

/// The health part of a root: by [`EndpointId`] and [`PoolId`] of the same root's [`Pools`].
#[derive(Debug, Default)]
pub struct Health {
    pub endpoints: Box<[EndpointHealth]>,
    pub slots: Box<[Arc<PoolSlot>]>,
    pub revivals: Box<[Revival]>,
}

/// The soonest that observations could bring up an endpoint of a pool that counts as down, in
/// milliseconds per family. `u32::MAX`: none is down, or nothing watches those that are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Revival {
    pub v4_ms: u32,
    pub v6_ms: u32,
}

impl Revival {
    #[inline]
    pub fn family_ms(self, family: Family) -> u32 {
        match family {
            Family::V4 => self.v4_ms,
            Family::V6 => self.v6_ms,
        }
    }

    #[inline]
    pub fn either_ms(self) -> u32 {
        self.v4_ms.min(self.v6_ms)
    }
}

/// The endpoints of a pool that may be answered, per family.
#[derive(Debug, Default, PartialEq)]
pub struct PoolSlot {
    pub v4: Usable,
    pub v6: Usable,
}

impl PoolSlot {
    #[inline]
    pub fn family(&self, family: Family) -> &Usable {
        match family {
            Family::V4 => &self.v4,
            Family::V6 => &self.v6,
        }
    }

    pub fn is_empty(&self) -> bool {
        self.v4.is_empty() && self.v6.is_empty()
    }

    /// Out of the endpoints of `pool`, those that `is_up` says. Endpoints of weight 0 are used only
    /// when none with a weight is.
    pub fn new(pools: &Pools, pool: PoolId, is_up: impl Fn(EndpointId) -> bool) -> Self {
        let usable = |family: Family| {
            let up = || {
                pools.pools[pool.index()]
                    .endpoint_ids()
                    .map(|id| (id, &pools.endpoints[id.index()]))
                    .filter(|(id, e)| Family::of(&e.address) == family && is_up(*id))
                    .map(|(id, e)| (id, e.weight))
            };
            let weighted = Usable::new(up().filter(|&(_, weight)| weight > 0));
            if weighted.is_empty() {
                Usable::new(up().map(|(id, _)| (id, 1)))
            } else {
                weighted
            }
        };
        PoolSlot {
            v4: usable(Family::V4),
            v6: usable(Family::V6),
        }
    }
}

/// Endpoints with cumulative weights, so that a weighted draw is one binary search.
#[derive(Debug, Default, PartialEq)]
pub struct Usable(Box<[(EndpointId, u32)]>);

impl Usable {
    /// Weights sum to at most `u32::MAX` (65,535 times 65,535 endpoints); beyond that they saturate.
    fn new(endpoints: impl Iterator<Item = (EndpointId, u16)>) -> Self {
        let mut total = 0u32;
        Usable(
            endpoints
                .map(|(id, weight)| {
                    total = total.saturating_add(u32::from(weight));
                    (id, total)
                })
                .collect(),
        )
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn len(&self) -> usize {
        self.0.len()
    }

    #[inline]
    pub fn get(&self, index: usize) -> EndpointId {
        self.0[index].0
    }

    /// The sum of the weights.
    #[inline]
    pub fn total(&self) -> u32 {
        self.0.last().map_or(0, |&(_, sum)| sum)
    }

    /// The index of the endpoint that owns `point`, for a point in `0..total()`.
    #[inline]
    pub fn at_weight(&self, point: u32) -> usize {
        self.0.partition_point(|&(_, sum)| sum <= point)
    }

    /// The first point that the endpoint at `index` owns: the sum of the weights before it.
    #[inline]
    pub fn start(&self, index: usize) -> u32 {
        if index == 0 { 0 } else { self.0[index - 1].1 }
    }

    /// The weight of the endpoint at `index`.
    #[inline]
    pub fn weight(&self, index: usize) -> u32 {
        self.0[index].1 - self.start(index)
    }
}

impl Health {
    /// A table for `pools`, with what is known of each endpoint.
    pub fn new(pools: &Pools, known: impl Fn(EndpointId) -> EndpointHealth) -> Self {
        let endpoints: Box<[_]> = (0..pools.endpoints.len() as u32)
            .map(|id| known(EndpointId(id)))
            .collect();
        let slots = (0..pools.pools.len() as u32)
            .map(|id| Arc::new(slot(pools, &endpoints, PoolId(id))))
            .collect();
        let revivals = (0..pools.pools.len() as u32)
            .map(|id| revival(pools, &endpoints, PoolId(id)))
            .collect();
        Health {
            endpoints,
            slots,
            revivals,
        }
    }

    /// The table after some endpoints changed; only what is said of their pools is made anew, and
    /// slots only where a verdict changed.
    pub fn with(&self, pools: &Pools, changes: &[(EndpointId, EndpointHealth)]) -> Self {
        let mut endpoints = self.endpoints.clone();
        let mut slots = self.slots.clone();
        let mut revivals = self.revivals.clone();
        let (mut touched, mut turned) = (BTreeSet::new(), BTreeSet::new());
        for &(id, health) in changes {
            let pool = pools.endpoints[id.index()].pool;
            touched.insert(pool);
            if endpoints[id.index()].verdict != health.verdict {
                turned.insert(pool);
            }
            endpoints[id.index()] = health;
        }
        for pool in turned {
            slots[pool.index()] = Arc::new(slot(pools, &endpoints, pool));
        }
        for pool in touched {
            revivals[pool.index()] = revival(pools, &endpoints, pool);
        }
        Health {
            endpoints,
            slots,
            revivals,
        }
    }

    #[inline]
    pub fn endpoint(&self, id: EndpointId) -> EndpointHealth {
        self.endpoints[id.index()]
    }

    #[inline]
    pub fn slot(&self, id: PoolId) -> &PoolSlot {
        &self.slots[id.index()]
    }

    #[inline]
    pub fn revival(&self, id: PoolId) -> Revival {
        self.revivals[id.index()]
    }
}

fn slot(pools: &Pools, endpoints: &[EndpointHealth], pool: PoolId) -> PoolSlot {
    PoolSlot::new(pools, pool, |id| {
        counts_as_up(&pools.pools[pool.index()], endpoints[id.index()].verdict)
    })
}

fn revival(pools: &Pools, endpoints: &[EndpointHealth], id: PoolId) -> Revival {
    let pool = &pools.pools[id.index()];
    let soonest = |family| {
        pool.endpoint_ids()
            .filter(|id| Family::of(&pools.endpoints[id.index()].address) == family)
            .map(|id| endpoints[id.index()])
            .filter(|health| !counts_as_up(pool, health.verdict))
            .map(|health| health.flip_after_ms)
            .min()
            .unwrap_or(u32::MAX)
    };
    Revival {
        v4_ms: soonest(Family::V4),
        v6_ms: soonest(Family::V6),
    }
}

fn counts_as_up(pool: &Pool, verdict: Verdict) -> bool {
    match verdict {
        Verdict::Up => true,
        Verdict::Down => false,
        Verdict::Unknown => pool.unknown_is_up,
    }
}
