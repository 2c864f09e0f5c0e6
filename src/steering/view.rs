//! Which endpoints count as up, and so which members can serve?

use std::collections::HashSet;

use super::key::Key;
use super::places::Places;
use super::ttl::Awaited;
use super::{Candidate, Unusable};
use crate::model::{EndpointId, Family, FamilyFallback, PolicyId, PoolId, RegionId, Share};
use crate::state::Root;
use crate::state::health::PoolSlot;
use crate::state::pools::Member;
use crate::state::usable::Usable;

/// The world as one query sees it.
#[derive(Clone, Copy)]
pub(super) struct View<'a> {
    pub root: &'a Root,
    pub places: &'a Places<'a>,
    pub family: Family,
    /// Of the policy that the name refers to; it governs those nested in it too.
    pub family_fallback: FamilyFallback,
    pub key: &'a Key,
    /// Whether every endpoint counts as up.
    pub all_up: bool,
    /// Whether all take whatever comes to them.
    pub all_accept: bool,
    pub except: Except<'a>,
}

/// What the choice is not to come to.
#[derive(Clone, Copy)]
pub(super) enum Except<'a> {
    Nothing,
    /// Regions that have been answered already: what is chosen is added to an answer.
    Regions(&'a [RegionId]),
    /// Pools that have been tried already.
    Pools(&'a [PoolId]),
}

impl<'a> View<'a> {
    /// How long the network is that the answer holds for.
    #[inline]
    pub fn scope(&self) -> u8 {
        self.places.scope().max(self.key.scope)
    }

    #[inline]
    pub fn slot(&self, pool: PoolId) -> &'a PoolSlot {
        match self.all_up {
            false => self.root.health.slot(pool),
            true => &self.root.pools.all[pool.index()],
        }
    }

    /// The endpoints of `pool` that may be answered.
    #[inline]
    pub fn usable(&self, pool: PoolId) -> &'a Usable {
        self.slot(pool).family(self.family)
    }

    /// Whether the choice may come to `member`.
    ///
    /// Asking the pools within reach of a nested policy, instead of descending into it, keeps this
    /// linear however policies share one another.
    #[inline(always)]
    pub fn can_serve(&self, member: Member) -> bool {
        match member {
            Member::Pool(pool) => self.pool_can_serve(pool),
            Member::Policy(policy) => self.policy_can_serve(policy),
        }
    }

    #[inline(never)]
    fn policy_can_serve(&self, policy: PolicyId) -> bool {
        let reach = &self.root.pools.policies[policy.index()].reach;
        reach.iter().any(|&pool| self.pool_can_serve(pool))
    }

    /// Whether anything within reach of `policy` is up, in either family.
    pub fn any_up(&self, policy: PolicyId) -> bool {
        let reach = &self.root.pools.policies[policy.index()].reach;
        reach.iter().any(|&pool| !self.slot(pool).is_empty())
    }

    /// What could make `member`, which cannot serve, able to: the first of its pools to come up.
    pub fn awaited(&self, member: Member) -> Awaited {
        match member {
            Member::Pool(pool) => self.pool_awaited(pool),
            Member::Policy(policy) => self.soonest(policy, |pool| self.pool_awaited(pool)),
        }
    }

    /// What could end an outage of everything within reach of `policy`: the first to come up.
    pub fn any_awaited(&self, policy: PolicyId) -> Awaited {
        self.soonest(policy, |pool| Awaited {
            up_after_ms: self.root.health.revival(pool).either_ms(),
            pool,
        })
    }

    fn soonest(&self, policy: PolicyId, awaited: impl Fn(PoolId) -> Awaited) -> Awaited {
        let reach = &self.root.pools.policies[policy.index()].reach;
        let soonest = reach.iter().map(|&pool| awaited(pool)).min();
        soonest.unwrap_or(Awaited::NOTHING)
    }

    /// The same verdicts as in `pool_can_serve`; where all count as up, or the pool is up but not asked, nothing
    /// is awaited.
    pub fn pool_awaited(&self, pool: PoolId) -> Awaited {
        let revival = self.root.health.revival(pool);
        let up_after_ms = match self.family_fallback {
            _ if self.all_up || self.is_up(pool) && !self.has_too_few(pool) => u32::MAX,
            FamilyFallback::Region => revival.family_ms(self.family),
            FamilyFallback::NoData => revival.either_ms(),
        };
        Awaited { up_after_ms, pool }
    }

    #[inline(always)]
    fn pool_can_serve(&self, pool: PoolId) -> bool {
        self.is_up(pool) && self.accepts(pool) && !self.is_excepted(pool)
    }

    #[inline(always)]
    fn is_up(&self, pool: PoolId) -> bool {
        match self.family_fallback {
            FamilyFallback::Region => !self.usable(pool).is_empty(),
            // Both families go to the same pool, so either of them holds it.
            FamilyFallback::NoData => !self.slot(pool).is_empty(),
        }
    }

    /// Whether the pool takes this query, if it takes a share only.
    #[inline(always)]
    fn accepts(&self, pool: PoolId) -> bool {
        let share = self.share(pool);
        share == Share::ALL || self.all_accept || self.takes(pool, share)
    }

    /// Whether the pool declines because fewer are up than it asks for.
    fn has_too_few(&self, pool: PoolId) -> bool {
        self.share(pool) < self.root.health.share(pool)
    }

    #[inline]
    fn share(&self, pool: PoolId) -> Share {
        let [v4, v6] = self.slot(pool).accepts;
        match (self.family_fallback, self.family) {
            (FamilyFallback::NoData, _) => v4.max(v6),
            (FamilyFallback::Region, Family::V4) => v4,
            (FamilyFallback::Region, Family::V6) => v6,
        }
    }

    #[inline(never)]
    fn takes(&self, pool: PoolId, share: Share) -> bool {
        let seed = self.root.pools.pools[pool.index()].seed;
        share.takes(self.key.die(seed))
    }

    #[inline(always)]
    fn is_excepted(&self, pool: PoolId) -> bool {
        match self.except {
            Except::Nothing => false,
            Except::Regions(regions) => {
                regions.contains(&self.root.pools.pools[pool.index()].region)
            }
            Except::Pools(pools) => pools.contains(&pool),
        }
    }

    /// Whether what is chosen is added to an answer.
    #[inline(always)]
    pub fn is_addition(&self) -> bool {
        matches!(self.except, Except::Regions(_))
    }

    /// Why `member` cannot serve. For the record only: it allocates.
    pub fn unusable(&self, member: Member) -> Unusable {
        match member {
            Member::Pool(pool) => self.pool_unusable(pool),
            Member::Policy(policy) => {
                let reach = &self.root.pools.policies[policy.index()].reach;
                let why = |&pool| (pool, self.pool_unusable(pool));
                Unusable::NothingWithinReach(reach.iter().map(why).collect())
            }
        }
    }

    fn pool_unusable(&self, pool: PoolId) -> Unusable {
        if self.is_up(pool) {
            return match self.except {
                Except::Regions(_) if self.is_excepted(pool) => Unusable::RegionAnswered,
                Except::Pools(_) if self.is_excepted(pool) => Unusable::Tried,
                _ if self.has_too_few(pool) => Unusable::TooFewUp(self.candidates(pool)),
                _ => Unusable::Declined(self.share(pool)),
            };
        }
        let asked = match self.family_fallback {
            FamilyFallback::Region => self.candidates(pool),
            FamilyFallback::NoData => self.candidates_of(pool, |_| true),
        };
        match asked.is_empty() {
            true if self.root.pools.unresolved.contains_key(&pool) => Unusable::Unresolved,
            true => Unusable::FamilyMissing,
            false => Unusable::NoneUp(asked),
        }
    }

    /// The endpoints of `pool` that have an address of the family. For the record only.
    pub fn candidates(&self, pool: PoolId) -> Vec<Candidate> {
        self.candidates_of(pool, |family| family == self.family)
    }

    fn candidates_of(&self, pool: PoolId, wanted: impl Fn(Family) -> bool) -> Vec<Candidate> {
        let slot = self.slot(pool);
        let usable: HashSet<EndpointId> = [&slot.v4, &slot.v6]
            .into_iter()
            .flat_map(|usable| (0..usable.len()).map(|index| usable.get(index)))
            .collect();
        let pools = &self.root.pools;
        pools.pools[pool.index()]
            .endpoint_ids()
            .map(|id| (id, &pools.endpoints[id.index()]))
            .filter(|(_, endpoint)| endpoint.destination.families().any(&wanted))
            .map(|(id, endpoint)| Candidate {
                endpoint: id,
                weight: endpoint.weight,
                verdict: self.root.health.endpoint(id).verdict,
                share: self.root.health.endpoint(id).share,
                usable: usable.contains(&id),
            })
            .collect()
    }
}
