//! Steering by plain recursion over sets: slow, and written without a look at the real one.

use std::collections::BTreeSet;

use meridian::model::{EndpointId, Family, FamilyFallback, PolicyId, PoolId, Verdict};
use meridian::state::pools::Member;

use crate::world::{Kind, V4, V6, World};

pub struct Oracle<'a> {
    pub world: &'a World,
    pub family: Family,
    pub all_up: bool,
}

impl Oracle<'_> {
    fn is_up(&self, pool: PoolId, index: usize) -> bool {
        let pool = &self.world.pools[pool.index()];
        match pool.endpoints[index].verdict {
            Verdict::Up => true,
            Verdict::Down => self.all_up,
            Verdict::Unknown => self.all_up || pool.unknown_is_up,
        }
    }

    /// The endpoints of `pool` that may be answered to a query for `family`.
    pub fn usable_of(&self, pool: PoolId, family: Family) -> BTreeSet<EndpointId> {
        let before = self.world.pools[..pool.index()].iter();
        let first: usize = before.map(|pool| pool.endpoints.len()).sum();
        let endpoints = &self.world.pools[pool.index()].endpoints;
        let up = |weightless: bool| {
            (0..endpoints.len())
                .filter(|&index| self.is_up(pool, index))
                .filter(|&index| endpoints[index].family == family)
                .filter(|&index| (endpoints[index].weight == 0) == weightless)
                .map(|index| EndpointId((first + index) as u32))
                .collect::<BTreeSet<_>>()
        };
        match up(false) {
            weighted if !weighted.is_empty() => weighted,
            _ => up(true),
        }
    }

    pub fn usable(&self, pool: PoolId) -> BTreeSet<EndpointId> {
        self.usable_of(pool, self.family)
    }

    fn pool_can_serve(&self, pool: PoolId) -> bool {
        let has = |family| !self.usable_of(pool, family).is_empty();
        match self.world.policies[self.world.top().index()].family_fallback {
            FamilyFallback::Region => has(self.family),
            FamilyFallback::NoData => has(V4) || has(V6),
        }
    }

    /// The pools that a draw may bring `policy` to; empty when it cannot serve.
    pub fn possible(&self, policy: PolicyId) -> BTreeSet<PoolId> {
        let of = |member: &Member| match *member {
            Member::Pool(pool) if self.pool_can_serve(pool) => BTreeSet::from([pool]),
            Member::Pool(_) => BTreeSet::new(),
            Member::Policy(nested) => self.possible(nested),
        };
        let first = |members: &[Member]| {
            let mut sets = members.iter().map(of);
            sets.find(|set| !set.is_empty()).unwrap_or_default()
        };
        match &self.world.policies[policy.index()].kind {
            Kind::Geo(by_slot, order) => {
                let in_order = order.iter().flat_map(|&slot| &by_slot[usize::from(slot)]);
                first(&in_order.copied().collect::<Vec<_>>())
            }
            Kind::Failover(members) => first(members),
            Kind::Weighted(members) => {
                let of_weight = |weightless| {
                    let members = members.iter().filter(|(_, w)| (*w == 0) == weightless);
                    members.flat_map(|(member, _)| of(member)).collect()
                };
                let weighted: BTreeSet<_> = of_weight(false);
                match weighted.is_empty() {
                    true => of_weight(true),
                    false => weighted,
                }
            }
            Kind::RoundRobin(members) | Kind::Random(members) => {
                members.iter().flat_map(of).collect()
            }
        }
    }
}
