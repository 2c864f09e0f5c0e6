//! Regions, pools, endpoints and policies in the form that steering reads: dense tables by id.

use std::collections::BTreeMap;
use std::ops::Range;
use std::time::Duration;

use super::addresses::Addresses;
use super::condition::Condition;
use super::formula::{Formula, Judged};
use super::health::{EndpointHealth, PoolSlot};
use super::preference::Preference;
use crate::hashing::Item;
use crate::hashing::ring::Ring;
use crate::model::{
    Balance, Destination, EndpointId, Family, FamilyFallback, MapId, MinHealthy, PolicyId, PoolId,
    RegionId, Share, TargetKey, Verdict, WhenAllDown,
};

/// The steering part of a root.
#[derive(Debug, Default)]
pub struct Pools {
    /// By [`RegionId`].
    pub regions: Box<[Region]>,
    /// By [`PoolId`].
    pub pools: Box<[Pool]>,
    /// By [`EndpointId`]; those of one pool are contiguous.
    pub endpoints: Box<[Endpoint]>,
    /// Those of `endpoints`.
    pub addresses: Addresses,
    /// Of the endpoints that another name led to: which.
    pub of_alias: BTreeMap<EndpointId, OfAlias>,
    /// Of pools with names that lead nowhere, or of which nothing is known: those names.
    pub unresolved: BTreeMap<PoolId, Box<[Box<str>]>>,
    /// By [`PolicyId`].
    pub policies: Box<[Policy]>,
    /// By [`PoolId`]: every endpoint, as if all were up.
    pub all: Box<[PoolSlot]>,
    /// Distinct probe targets, which [`Endpoint::target`] and `conditions` are about.
    pub targets: Box<[Target]>,
    /// Of endpoints that are watched by several monitors.
    pub conditions: Box<[Condition]>,
    /// What those conditions are called, by the pool whose endpoints they are about.
    pub formulas: BTreeMap<PoolId, Formula>,
}

impl Pools {
    /// How many turns have to be remembered per family: one for each tier of each policy, then one for each pool.
    pub fn cursor_count(&self) -> usize {
        self.tier_count() + self.pools.len()
    }

    /// What `known` of targets, by index, makes of an endpoint that is watched.
    pub fn watched(&self, watch: Watch, known: impl Fn(u32) -> EndpointHealth) -> EndpointHealth {
        match watch {
            Watch::Target(index) => known(index),
            Watch::Condition(index) => self.conditions[index as usize].health(&known),
        }
    }

    /// What `known` of targets (verdicts, and since when) makes of an endpoint that is watched by several monitors, and
    /// of each of these.
    pub fn judged(
        &self,
        id: EndpointId,
        known: &impl Fn(u32) -> (Verdict, Option<u64>),
    ) -> Option<Judged<'_>> {
        let (formula, condition) = self.formula(id)?;
        Some(formula.judged(condition, known))
    }

    /// By what an endpoint goes that is watched by several monitors, and what those are called.
    pub fn formula(&self, id: EndpointId) -> Option<(&Formula, &Condition)> {
        let endpoint = &self.endpoints[id.index()];
        let Watch::Condition(index) = endpoint.target? else {
            return None;
        };
        let formula = self.formulas.get(&endpoint.pool)?;
        Some((formula, &self.conditions[index as usize]))
    }

    /// The soonest that a verdict which nothing speaks against could change; `None`: nothing watches the endpoint.
    pub fn steady_ms(&self, id: EndpointId, verdict: Verdict) -> Option<u32> {
        let steady = |index: u32, verdict| self.targets[index as usize].steady_ms(verdict);
        Some(match self.endpoints[id.index()].target? {
            Watch::Target(index) => steady(index, verdict),
            Watch::Condition(index) => {
                let targets = self.conditions[index as usize].targets();
                let soonest =
                    |index: u32| steady(index, Verdict::Up).min(steady(index, Verdict::Down));
                targets.into_iter().map(soonest).min().unwrap_or_default()
            }
        })
    }

    /// Tiers of all policies.
    #[inline]
    pub fn tier_count(&self) -> usize {
        let last = self.policies.last();
        last.map_or(0, |policy| {
            policy.first_cursor as usize + policy.tiers.len()
        })
    }
}

/// The name that an endpoint's address is of.
#[derive(Debug)]
pub struct OfAlias {
    pub name: Box<str>,
    /// No answer with the endpoint may be believed for longer.
    pub ttl_max_ms: u32,
}

#[derive(Debug)]
pub struct Region {
    pub name: Box<str>,
}

#[derive(Debug)]
pub struct Pool {
    pub name: Box<str>,
    /// Of the name: what makes clients' hashes here differ from those elsewhere.
    pub seed: u64,
    pub region: RegionId,
    pub balance: Balance,
    pub first: EndpointId,
    pub count: u32,
    /// Of IPv4 and of IPv6, where the balance goes by it.
    pub preferences: [Option<Preference>; 2],
    pub min_healthy: MinHealthy,
    /// Whether all of its endpoints are answered while enough are up.
    pub serve_whole: bool,
    /// Whether its endpoints are names of others: then an answer has one of them.
    pub is_of_names: bool,
    /// For explain: which monitor watches it.
    pub monitor: Option<Box<str>>,
    /// What an endpoint without a verdict counts as.
    pub unknown_is_up: bool,
}

impl Pool {
    pub fn endpoint_ids(&self) -> impl Iterator<Item = EndpointId> + use<> {
        (self.first.0..self.first.0 + self.count).map(EndpointId)
    }
}

#[derive(Debug)]
pub struct Endpoint {
    pub destination: Destination,
    /// Of the destination: what tells it from others to those who go by the client.
    pub seed: u64,
    pub weight: u16,
    pub pool: PoolId,
    /// None: never probed, always up.
    pub target: Option<Watch>,
}

/// By what an endpoint is watched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Watch {
    /// One target, by its index.
    Target(u32),
    /// Several, by the index of what they make of it together.
    Condition(u32),
}

/// What is probed: one per distinct key, however many endpoints use it.
#[derive(Debug)]
pub struct Target {
    pub key: TargetKey,
    /// The monitors that ask for it, each once: those that ask the same go by one target.
    pub monitors: Box<[Box<str>]>,
    /// Between observations.
    pub interval: Duration,
    /// The same while they speak against the verdict.
    pub interval_doubt: Duration,
    pub rise: u32,
    pub fall: u32,
    /// Whether one failure may be enough, whatever `fall` is.
    pub falls_at_once: bool,
    /// Of the queries that would come to them, those that its endpoints take while it is slow.
    pub share_when_slow: Share,
    pub endpoints: Box<[EndpointId]>,
}

impl Target {
    /// The soonest that a verdict could flip which so many observations are needed against.
    pub fn flip_after_ms(&self, verdict: Verdict, needed: u32) -> u32 {
        let ms = |interval: Duration| u32::try_from(interval.as_millis()).unwrap_or(u32::MAX);
        let (needed, is_doubted) = match verdict {
            Verdict::Up if self.falls_at_once => (needed.min(1), needed < self.fall),
            Verdict::Up => (needed, needed < self.fall),
            Verdict::Down => (needed, needed < self.rise),
            Verdict::Unknown => (needed, false),
        };
        let Some(further) = needed.checked_sub(1) else {
            return 0;
        };
        let doubt_ms = ms(self.interval_doubt);
        let first_ms = match is_doubted {
            true => doubt_ms,
            false => ms(self.interval),
        };
        first_ms.saturating_add(doubt_ms.saturating_mul(further))
    }

    /// The soonest that a verdict which nothing speaks against could change.
    pub fn steady_ms(&self, verdict: Verdict) -> u32 {
        match verdict {
            Verdict::Up => self.flip_after_ms(verdict, self.fall),
            Verdict::Down => self.flip_after_ms(verdict, self.rise),
            Verdict::Unknown => 0,
        }
    }
}

#[derive(Debug)]
pub struct Policy {
    pub name: Box<str>,
    /// Of the name: what makes clients' hashes here differ from those elsewhere.
    pub seed: u64,
    pub order: Order,
    pub tiers: Tiers,
    /// Whom of a tier is taken.
    pub balance: Balance,
    /// The first of these that can serve is taken when nobody of any tier can.
    pub last_resort: Box<[Member]>,
    /// How many addresses come from each of several regions, the preferred first; empty: all from one pool.
    pub spread: Box<[u8]>,
    pub when_all_down: WhenAllDown,
    pub family_fallback: FamilyFallback,
    /// Every map that this policy or one nested in it can read: their longest scope is the answer's.
    pub maps: Box<[MapId]>,
    /// Whether anything within reach goes by the client's network: then the answer holds for that alone.
    pub is_by_client: bool,
    /// Whether any endpoint within reach has an address of this family (IPv4, IPv6), or could have for all that is
    /// known; without, the name has no records of the type at all.
    pub has_family: [bool; 2],
    /// Whether it may come to a pool of names: then it answers queries of all types.
    pub has_names: bool,
    /// Pools within reach, nested ones included, each once.
    pub reach: Box<[PoolId]>,
    /// Of the first tier: see [`Pools::cursor_count`].
    pub first_cursor: u32,
}

/// In which order tiers are asked. The first that has a member which can serve is the last to be asked.
#[derive(Debug)]
pub enum Order {
    /// There is one tier.
    Listed,
    /// One for each region of the map, in the order that the client's class prefers.
    Nearest(MapId),
    /// There is none: by the client's class on the map, another policy stands for this one.
    Ruled {
        map: MapId,
        by_class: Box<[PolicyId]>,
    },
}

impl Policy {
    /// Whether the policy tree reads the map with this index.
    pub fn reads(&self, map: usize) -> bool {
        self.maps.iter().any(|id| id.index() == map)
    }

    #[inline]
    pub fn has(&self, family: Family) -> bool {
        self.has_family[family as usize]
    }

    /// How it chooses, as configurations write it.
    pub fn kind(&self) -> &'static str {
        match self.order {
            Order::Listed => self.balance.name(),
            Order::Nearest(_) => "geo",
            Order::Ruled { .. } => "when",
        }
    }

    /// Something of each of its cache lines, to have them in the cache.
    #[inline]
    pub(super) fn peek(&self) -> u64 {
        let family = u64::from(self.has_family[0]);
        (self.tiers.members.len() ^ self.maps.len()) as u64 ^ family ^ self.family_fallback as u64
    }

    /// The same of its maps and members.
    #[inline]
    pub(super) fn peek_members(&self) -> u64 {
        let start = self.tiers.starts.first().copied().unwrap_or_default();
        let member = match self.tiers.members.first() {
            Some(&(Member::Pool(id), _)) => id.0,
            Some(&(Member::Policy(id), _)) => id.0,
            None => 0,
        };
        let map = self.maps.first().map_or(0, |map| map.0);
        u64::from(start ^ member) ^ u64::from(map)
    }
}

/// A pool, or another policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Member {
    Pool(PoolId),
    Policy(PolicyId),
}

/// Members, with their weights, by tier; all in one place, which is one step less to get to.
#[derive(Debug, Default)]
pub struct Tiers {
    /// Where those of each tier begin, and how many there are at the end.
    starts: Box<[u32]>,
    members: Box<[(Member, u16)]>,
    /// The same members for hashing, where the balance goes by the client.
    items: Box<[Item]>,
    /// By tier, where the balance goes by rings.
    rings: Box<[Ring]>,
}

/// Members among which there is no order but that of the balance.
#[derive(Clone, Copy, Debug)]
pub struct Tier<'a> {
    pub number: usize,
    pub members: &'a [(Member, u16)],
    pub items: &'a [Item],
    pub ring: Option<&'a Ring>,
}

impl Tiers {
    /// `seed` is of a member's name.
    pub fn new(
        balance: Balance,
        tiers: Vec<Vec<(Member, u16)>>,
        seed: impl Fn(Member) -> u64,
    ) -> Self {
        let item = |&(member, weight): &(Member, u16)| Item {
            seed: seed(member),
            weight: weight.into(),
        };
        let items = |tier: &Vec<_>| tier.iter().map(item).collect::<Vec<_>>();
        let (mut starts, mut members) = (vec![0], Vec::new());
        for tier in &tiers {
            members.extend_from_slice(tier);
            starts.push(members.len() as u32);
        }
        let hashed = || tiers.iter().filter(|_| balance.is_by_client());
        let on_rings = || tiers.iter().filter(|_| balance == Balance::ConsistentHash);
        Tiers {
            starts: starts.into(),
            members: members.into(),
            items: hashed().flat_map(items).collect(),
            rings: on_rings().map(|tier| Ring::new(&items(tier))).collect(),
        }
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.starts.len().saturating_sub(1)
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The members of a tier; none where there is none of this number.
    #[inline]
    pub fn members(&self, number: usize) -> &[(Member, u16)] {
        &self.members[self.range(number)]
    }

    /// A tier with all that hashes need of it.
    #[inline]
    pub fn get(&self, number: usize) -> Tier<'_> {
        Tier {
            number,
            members: self.members(number),
            items: self.items.get(self.range(number)).unwrap_or_default(),
            ring: self.rings.get(number),
        }
    }

    #[inline]
    fn range(&self, number: usize) -> Range<usize> {
        match self.starts.get(number..number + 2) {
            Some(&[start, end]) => start as usize..end as usize,
            _ => 0..0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_observation_against_a_verdict_is_an_interval_away_and_the_others_one_of_doubt() {
        let mut target = Target {
            key: TargetKey("a".into()),
            monitors: Box::default(),
            interval: Duration::from_secs(5),
            interval_doubt: Duration::from_millis(250),
            rise: 2,
            fall: 3,
            falls_at_once: false,
            share_when_slow: Share::ALL,
            endpoints: Box::default(),
        };
        assert_eq!(target.steady_ms(Verdict::Up), 5_500);
        assert_eq!(target.steady_ms(Verdict::Down), 5_250);
        assert_eq!(target.flip_after_ms(Verdict::Up, 2), 500);
        assert_eq!(target.flip_after_ms(Verdict::Up, 1), 250);
        assert_eq!(target.flip_after_ms(Verdict::Down, 1), 250);
        target.falls_at_once = true;
        assert_eq!(target.steady_ms(Verdict::Up), 5_000);
        assert_eq!(target.flip_after_ms(Verdict::Up, 2), 250);
        assert_eq!(target.steady_ms(Verdict::Down), 5_250);
        target.interval_doubt = Duration::MAX;
        assert_eq!(target.steady_ms(Verdict::Down), u32::MAX);
    }
}
