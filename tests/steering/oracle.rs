//! Steering by plain recursion over sets: slow, and written without a look at the real one.

use std::collections::BTreeSet;

use meridian::model::{
    Balance, EndpointId, Family, FamilyFallback, PolicyId, PoolId, Share, Verdict,
};
use meridian::state::pools::Member;

use crate::world::{Kind, V4, V6, Weighty, World};

pub struct Oracle<'a> {
    pub world: &'a World,
    pub family: Family,
    pub all_up: bool,
    /// Whether those pools take this query that take a share of them only; `None`: all take all, even those that
    /// would take none.
    pub taking: Option<BTreeSet<PoolId>>,
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

    /// Whether as many are up as the pool asks for.
    fn has_enough(&self, pool: PoolId, family: Family) -> bool {
        let of_family = |is_wanted: &dyn Fn(usize) -> bool| {
            let endpoints = self.world.pools[pool.index()].endpoints.iter().enumerate();
            let endpoints = endpoints.filter(|(_, endpoint)| endpoint.family == family);
            endpoints.filter(|(index, _)| is_wanted(*index)).count()
        };
        let up = of_family(&|index| self.is_up(pool, index));
        let least = self.world.pools[pool.index()]
            .min_healthy
            .of(of_family(&|_| true) as u64);
        up > 0 && up as u64 >= least
    }

    /// The endpoints of `pool` that may be answered to a query for `family`.
    pub fn usable_of(&self, pool: PoolId, family: Family) -> BTreeSet<EndpointId> {
        let before = self.world.pools[..pool.index()].iter();
        let first: usize = before.map(|pool| pool.endpoints.len()).sum();
        let endpoints = &self.world.pools[pool.index()].endpoints;
        let is_whole = self.world.pools[pool.index()].serve_whole && self.has_enough(pool, family);
        // Where all count as up, they take whatever comes.
        let takes = |index: usize| self.all_up || endpoints[index].share != Share::NONE;
        let up = |weightless: bool, taking: bool| {
            (0..endpoints.len())
                .filter(|&index| is_whole || self.is_up(pool, index))
                .filter(|&index| !taking || takes(index))
                .filter(|&index| endpoints[index].family == family)
                .filter(|&index| (endpoints[index].weight == 0) == weightless)
                .map(|index| EndpointId((first + index) as u32))
                .collect::<BTreeSet<_>>()
        };
        let mut sets = [(false, true), (true, true), (false, false), (true, false)]
            .into_iter()
            .map(|(weightless, taking)| up(weightless, taking));
        sets.find(|set| !set.is_empty()).unwrap_or_default()
    }

    pub fn usable(&self, pool: PoolId) -> BTreeSet<EndpointId> {
        self.usable_of(pool, self.family)
    }

    fn pool_can_serve(&self, pool: PoolId) -> bool {
        let has = |family| !self.usable_of(pool, family).is_empty();
        let enough = |family| self.has_enough(pool, family);
        let (is_up, has_enough) = match self.world.policies[self.ruling().index()].family_fallback {
            FamilyFallback::Region => (has(self.family), enough(self.family)),
            FamilyFallback::NoData => (has(V4) || has(V6), enough(V4) || enough(V6)),
        };
        let takes = match &self.taking {
            Some(taking) => {
                has_enough
                    && match self.world.pools[pool.index()].share {
                        Share::ALL => true,
                        Share::NONE => false,
                        Share(_) => taking.contains(&pool),
                    }
            }
            None => true,
        };
        is_up && (takes || self.all_up)
    }

    /// The policy that stands for the one that is asked.
    pub fn ruling(&self) -> PolicyId {
        let mut id = self.world.top();
        while let Kind::Ruled(by, _) = self.world.policies[id.index()].kind {
            id = by;
        }
        id
    }

    /// The pools that a draw may bring `policy` to; empty when it cannot serve.
    pub fn possible(&self, policy: PolicyId) -> BTreeSet<PoolId> {
        let policy = &self.world.policies[policy.index()];
        let first = |members: &mut dyn Iterator<Item = Member>| {
            let mut sets = members.map(|member| self.of(member));
            sets.find(|set| !set.is_empty()).unwrap_or_default()
        };
        if let Kind::Ruled(by, _) = policy.kind {
            return self.possible(by);
        }
        let (order, tiers, balance) = policy.kind.tiers();
        let order = order.unwrap_or_else(|| vec![0]);
        let tiers = order
            .iter()
            .filter_map(|&slot| tiers.get(usize::from(slot)));
        let mut sets = tiers.map(|tier| self.of_tier(balance, tier));
        match sets.find(|set| !set.is_empty()) {
            Some(set) => set,
            None => first(&mut policy.last_resort.iter().copied()),
        }
    }

    fn of(&self, member: Member) -> BTreeSet<PoolId> {
        match member {
            Member::Pool(pool) if self.pool_can_serve(pool) => BTreeSet::from([pool]),
            Member::Pool(_) => BTreeSet::new(),
            Member::Policy(nested) => self.possible(nested),
        }
    }

    fn of_tier(&self, balance: Balance, members: &[Weighty]) -> BTreeSet<PoolId> {
        let mut sets = members.iter().map(|&(member, _)| self.of(member));
        let of_weight = |weightless| {
            let members = members.iter().filter(|(_, w)| (*w == 0) == weightless);
            members.flat_map(|&(member, _)| self.of(member)).collect()
        };
        match balance {
            Balance::Failover => sets.find(|set| !set.is_empty()).unwrap_or_default(),
            Balance::RoundRobin | Balance::Random => sets.flatten().collect(),
            _ => {
                let weighted: BTreeSet<_> = of_weight(false);
                match weighted.is_empty() {
                    true => of_weight(true),
                    false => weighted,
                }
            }
        }
    }
}
