//! Verdicts as a dense table, and per pool the endpoints that may be answered, and how soon
//! those that may not could be.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::Pools;
use super::chunks::Chunks;
use super::pools::Pool;
use super::usable::Usable;
use crate::model::{Balance, EndpointId, Family, PoolId, Share, Verdict};

/// What is believed of one endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EndpointHealth {
    pub verdict: Verdict,
    /// The soonest that observations could flip the verdict: interval times the observations still
    /// needed; or the TTL of the records that led to the endpoint, where another name did and that is sooner.
    /// `u32::MAX`: never (no monitor).
    pub flip_after_ms: u32,
    /// Of the queries that its pool would give it, those that it takes.
    pub share: Share,
    /// Whether somebody has said what the verdict is, against what is observed.
    pub is_forced: bool,
}

impl EndpointHealth {
    /// Of an endpoint that takes all that its pool gives it.
    pub const fn new(verdict: Verdict, flip_after_ms: u32) -> Self {
        EndpointHealth {
            verdict,
            flip_after_ms,
            share: Share::ALL,
            is_forced: false,
        }
    }

    /// Of an endpoint that was never observed: the next observation is its verdict.
    pub const UNKNOWN: Self = EndpointHealth::new(Verdict::Unknown, 0);
    /// Of an endpoint that nothing watches.
    pub const UNWATCHED: Self = EndpointHealth::new(Verdict::Up, u32::MAX);
}

impl Default for EndpointHealth {
    fn default() -> Self {
        EndpointHealth::UNKNOWN
    }
}

/// Endpoints whose health is copied together when that of one changes: 4 KiB.
const ENDPOINTS_PER_CHUNK: usize = 512;
/// The same of pools: 4 KiB, without the endpoints that they list.
const POOLS_PER_CHUNK: usize = 64;

/// The health part of a root: by [`EndpointId`] and [`PoolId`] of the same root's [`Pools`].
#[derive(Clone, Debug, Default)]
pub struct Health {
    pub(crate) endpoints: Chunks<EndpointHealth, ENDPOINTS_PER_CHUNK>,
    pub(crate) pools: Chunks<PoolHealth, POOLS_PER_CHUNK>,
    /// Of pools that do not take all that would come to them.
    pub(crate) shares: Arc<BTreeMap<PoolId, Share>>,
    /// How many slots have pools that do not take all, or endpoints.
    pub(crate) reduced: usize,
}

/// What the verdicts on its endpoints make of a pool: on one cache line.
#[derive(Clone, Debug, Default)]
#[repr(align(64))]
pub(crate) struct PoolHealth {
    slot: PoolSlot,
    revival: Revival,
}

const _: () = assert!(size_of::<PoolHealth>() == 64);

/// The soonest that observations could bring up an endpoint of a pool that counts as down, in
/// milliseconds per family. `u32::MAX`: none is down, or nothing watches those that are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Revival {
    pub v4_ms: u32,
    pub v6_ms: u32,
}

impl Default for Revival {
    /// None is down.
    fn default() -> Self {
        Revival {
            v4_ms: u32::MAX,
            v6_ms: u32::MAX,
        }
    }
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
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PoolSlot {
    pub v4: Usable,
    pub v6: Usable,
    /// The pool's, here because who reads the one reads the other.
    pub balance: Balance,
    /// Of the queries that would come to it for IPv4 and for IPv6, those that the pool takes: none where too few are
    /// up.
    pub accepts: [Share; 2],
    /// Whether any of its endpoints takes a part only of what the pool would give it.
    pub is_thinned: bool,
    /// The pool's.
    pub is_of_names: bool,
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

    /// Out of the endpoints of `pool`, those that are answered when those are up that `is_up` says, if all `may` be
    /// answered. Endpoints of weight 0 are used only when none with a weight is, and then count the same.
    pub fn new(
        pools: &Pools,
        pool: PoolId,
        is_up: impl Fn(EndpointId) -> bool,
        may: impl Fn(EndpointId) -> bool,
    ) -> Self {
        let pool = &pools.pools[pool.index()];
        let destination = |id: EndpointId| &pools.endpoints[id.index()].destination;
        let (mut up, mut all) = ([0; 2], [0; 2]);
        for id in pool.endpoint_ids() {
            for family in destination(id).families().map(|family| family as usize) {
                all[family] += 1;
                up[family] += usize::from(is_up(id));
            }
        }
        let is_met = |family: usize| pool.min_healthy.is_met(up[family], all[family]);
        let (mut weighted, mut weightless) = <([Vec<_>; 2], [Vec<_>; 2])>::default();
        for id in pool.endpoint_ids() {
            let endpoint = &pools.endpoints[id.index()];
            for family in destination(id).families().map(|family| family as usize) {
                if !may(id) || !(is_up(id) || pool.serve_whole && is_met(family)) {
                    continue;
                }
                match endpoint.weight {
                    0 => weightless[family].push((id, 1)),
                    weight => weighted[family].push((id, weight)),
                }
            }
        }
        let usable = |family: Family| match &weighted[family as usize][..] {
            [] => Usable::new(&weightless[family as usize]),
            weighted => Usable::new(weighted),
        };
        let accepts = |family| match is_met(family) {
            true => Share::ALL,
            false => Share::NONE,
        };
        PoolSlot {
            v4: usable(Family::V4),
            v6: usable(Family::V6),
            balance: pool.balance,
            accepts: [accepts(0), accepts(1)],
            is_thinned: false,
            is_of_names: pool.is_of_names,
        }
    }

    /// Whether anything but all is taken of what could be.
    fn is_reduced(&self) -> bool {
        let [v4, v6] = self.accepts;
        self.is_thinned
            || v4 != Share::ALL && !self.v4.is_empty()
            || v6 != Share::ALL && !self.v6.is_empty()
    }
}

impl Health {
    /// A table for `pools`, with what is known of each endpoint.
    pub fn new(pools: &Pools, known: impl Fn(EndpointId) -> EndpointHealth) -> Self {
        let ids = (0..pools.endpoints.len() as u32).map(EndpointId);
        let mut health = Health {
            endpoints: ids.map(|id| bounded(pools, id, known(id))).collect(),
            ..Health::default()
        };
        let ids = (0..pools.pools.len() as u32).map(PoolId);
        health.pools = ids
            .map(|id| PoolHealth {
                slot: health.slot_of(pools, id),
                revival: health.revival_of(pools, id),
            })
            .collect();
        let ids = (0..pools.pools.len() as u32).map(PoolId);
        health.reduced = ids.filter(|&id| health.slot(id).is_reduced()).count();
        health
    }

    /// The table after some endpoints changed; only what is said of their pools is made anew, and
    /// slots only where a verdict or a share changed, or whose word it is.
    pub fn with(&self, pools: &Pools, changes: &[(EndpointId, EndpointHealth)]) -> Self {
        let mut health = self.clone();
        // Whether a verdict turned.
        let mut touched: BTreeMap<PoolId, bool> = BTreeMap::new();
        for &(id, new) in changes {
            let new = bounded(pools, id, new);
            let endpoint = health.endpoints.get_mut(id.index());
            let before = std::mem::replace(endpoint, new);
            let turned = touched.entry(pools.endpoints[id.index()].pool);
            let said = |health: EndpointHealth| (health.verdict, health.share, health.is_forced);
            *turned.or_default() |= said(before) != said(new);
        }
        for (id, turned) in touched {
            if turned {
                health.renew_slot(pools, id);
            }
            health.pools.get_mut(id.index()).revival = health.revival_of(pools, id);
        }
        health
    }

    /// The table when these pools, and no others, take a part only of what would come to them.
    pub fn with_shares(&self, pools: &Pools, shares: BTreeMap<PoolId, Share>) -> Self {
        if *self.shares == shares {
            return self.clone();
        }
        let mut health = self.clone();
        health.shares = Arc::new(shares);
        let ids = (self.shares.keys()).chain(health.shares.keys());
        let is_changed = |id: &&PoolId| self.shares.get(id) != health.shares.get(id);
        for id in ids.filter(is_changed).copied().collect::<Vec<_>>() {
            health.renew_slot(pools, id);
        }
        health
    }

    fn renew_slot(&mut self, pools: &Pools, id: PoolId) {
        let slot = self.slot_of(pools, id);
        let is_reduced = slot.is_reduced();
        let before = std::mem::replace(&mut self.pools.get_mut(id.index()).slot, slot);
        self.reduced -= usize::from(before.is_reduced());
        self.reduced += usize::from(is_reduced);
    }

    /// Whether some pool or endpoint does not take all that would come to it.
    #[inline]
    pub fn is_reduced(&self) -> bool {
        self.reduced > 0
    }

    /// Of all pools that do not take all.
    pub fn shares(&self) -> &BTreeMap<PoolId, Share> {
        &self.shares
    }

    /// Of the queries that would come to the pool, those that it takes, however many of its endpoints are up.
    pub fn share(&self, id: PoolId) -> Share {
        self.shares.get(&id).copied().unwrap_or_default()
    }

    #[inline]
    pub fn endpoint(&self, id: EndpointId) -> EndpointHealth {
        *self.endpoints.get(id.index())
    }

    #[inline]
    pub fn slot(&self, id: PoolId) -> &PoolSlot {
        &self.pools.get(id.index()).slot
    }

    #[inline]
    pub fn revival(&self, id: PoolId) -> Revival {
        self.pools.get(id.index()).revival
    }

    fn slot_of(&self, pools: &Pools, id: PoolId) -> PoolSlot {
        let pool = &pools.pools[id.index()];
        let is_up = |id| counts_as_up(pool, self.endpoint(id).verdict);
        // Of a pool that is served whole, who is down by somebody's word is not.
        let is_forced_down = |id| self.endpoint(id).is_forced && !is_up(id);
        let mut slot = PoolSlot::new(pools, id, is_up, |id| !is_forced_down(id));
        if pool
            .endpoint_ids()
            .any(|id| self.endpoint(id).share == Share::NONE)
        {
            // Who takes nothing is answered only where all others take nothing either.
            let may = |id| !is_forced_down(id) && self.endpoint(id).share != Share::NONE;
            let taking = PoolSlot::new(pools, id, is_up, may);
            if !taking.v4.is_empty() {
                slot.v4 = taking.v4;
            }
            if !taking.v6.is_empty() {
                slot.v6 = taking.v6;
            }
        }
        let share = self.share(id);
        slot.accepts = slot.accepts.map(|accepts| accepts.min(share));
        let mut ids = pool.endpoint_ids();
        slot.is_thinned = ids.any(|id| self.endpoint(id).share != Share::ALL);
        slot
    }

    fn revival_of(&self, pools: &Pools, id: PoolId) -> Revival {
        let pool = &pools.pools[id.index()];
        let mut revival = Revival::default();
        for id in pool.endpoint_ids() {
            let health = self.endpoint(id);
            if !counts_as_up(pool, health.verdict) {
                for family in pools.endpoints[id.index()].destination.families() {
                    let soonest = match family {
                        Family::V4 => &mut revival.v4_ms,
                        Family::V6 => &mut revival.v6_ms,
                    };
                    *soonest = health.flip_after_ms.min(*soonest);
                }
            }
        }
        revival
    }
}

/// What another name led to is believed no longer than that name's records.
fn bounded(pools: &Pools, id: EndpointId, mut health: EndpointHealth) -> EndpointHealth {
    if let Some(of_alias) = pools.of_alias.get(&id) {
        health.flip_after_ms = health.flip_after_ms.min(of_alias.ttl_max_ms);
    }
    health
}

fn counts_as_up(pool: &Pool, verdict: Verdict) -> bool {
    match verdict {
        Verdict::Up => true,
        Verdict::Down => false,
        Verdict::Unknown => pool.unknown_is_up,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::model::{MinHealthy, RegionId};
    use crate::state::pools::{Endpoint, OfAlias};

    const POOL_SIZE: u32 = 4;

    fn pools(endpoints: u32) -> Pools {
        let endpoint = |id: u32| Endpoint {
            destination: std::net::IpAddr::from(std::net::Ipv4Addr::from(id)).into(),
            seed: 0,
            weight: 1 + id as u16 % 2,
            pool: PoolId(id / POOL_SIZE),
            target: None,
        };
        let pool = |id: u32| Pool {
            name: Box::default(),
            seed: 0,
            region: RegionId(0),
            balance: Balance::Weighted,
            first: EndpointId(id * POOL_SIZE),
            count: POOL_SIZE,
            preferences: [None, None],
            min_healthy: MinHealthy::default(),
            serve_whole: false,
            is_of_names: false,
            monitor: None,
            unknown_is_up: true,
        };
        Pools {
            endpoints: (0..endpoints).map(endpoint).collect(),
            pools: (0..endpoints / POOL_SIZE).map(pool).collect(),
            ..Pools::default()
        }
    }

    #[test]
    fn a_flip_among_many_endpoints_copies_its_own_surroundings_only() {
        let pools = pools(100_000);
        let before = Health::new(&pools, |_| EndpointHealth::UNWATCHED);
        let (id, pool) = (EndpointId(54_321), PoolId(54_321 / POOL_SIZE));
        let down = EndpointHealth {
            verdict: Verdict::Down,
            flip_after_ms: 2_000,
            share: Share::ALL,
            is_forced: false,
        };
        let after = before.with(&pools, &[(id, down)]);
        assert_eq!(after.endpoints.unshared(&before.endpoints), 1);
        assert_eq!(after.pools.unshared(&before.pools), 1);
        // What the pool's neighbours in the chunk list is theirs still.
        let list = |health: &Health, pool: u32| match &health.slot(PoolId(pool)).v4 {
            Usable::Weighted(list) => Arc::clone(list),
            _ => panic!("weights differ"),
        };
        let chunk = pool.0 / POOLS_PER_CHUNK as u32 * POOLS_PER_CHUNK as u32;
        for neighbour in chunk..chunk + POOLS_PER_CHUNK as u32 {
            let is_same = Arc::ptr_eq(&list(&before, neighbour), &list(&after, neighbour));
            assert_eq!(is_same, neighbour != pool.0);
        }
        assert_eq!(after.endpoint(id), down);
        assert_eq!(before.endpoint(id), EndpointHealth::UNWATCHED);
        assert_eq!(
            (before.slot(pool).v4.len(), after.slot(pool).v4.len()),
            (4, 3)
        );
        assert_eq!(after.revival(pool).v4_ms, 2_000);
    }

    #[test]
    fn what_a_name_led_to_is_believed_no_longer_than_its_records() {
        let mut pools = pools(8);
        let of_alias = OfAlias {
            name: "lb.example.".into(),
            ttl_max_ms: 5_000,
        };
        pools.of_alias.insert(EndpointId(5), of_alias);
        let before = Health::new(&pools, |_| EndpointHealth::UNWATCHED);
        let flip_after_ms = |health: &Health, id| health.endpoint(EndpointId(id)).flip_after_ms;
        assert_eq!(flip_after_ms(&before, 4), u32::MAX);
        assert_eq!(flip_after_ms(&before, 5), 5_000);
        for (observed_ms, expected_ms) in [(9_000, 5_000), (2_000, 2_000)] {
            let up = EndpointHealth::new(Verdict::Up, observed_ms);
            let after = before.with(&pools, &[(EndpointId(5), up)]);
            assert_eq!(flip_after_ms(&after, 5), expected_ms);
        }
    }

    #[test]
    fn what_is_changed_is_what_would_be_made_anew() {
        let pools = pools(1_000);
        let known = |id: EndpointId| EndpointHealth {
            verdict: [Verdict::Up, Verdict::Down, Verdict::Unknown][id.index() % 3],
            flip_after_ms: id.0,
            share: Share(u16::MAX - (id.index() % 2) as u16),
            is_forced: false,
        };
        let unknown = Health::new(&pools, |_| EndpointHealth::UNKNOWN);
        let changes: Vec<_> = (0..1_000)
            .map(EndpointId)
            .map(|id| (id, known(id)))
            .collect();
        let (changed, anew) = (unknown.with(&pools, &changes), Health::new(&pools, known));
        for id in (0..1_000).map(EndpointId) {
            assert_eq!(changed.endpoint(id), anew.endpoint(id));
        }
        for id in (0..250).map(PoolId) {
            assert_eq!(changed.slot(id), anew.slot(id));
            assert_eq!(changed.revival(id), anew.revival(id));
        }
        assert_eq!((changed.reduced, anew.reduced), (250, 250));
    }
}
