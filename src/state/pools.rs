//! Regions, pools, endpoints and policies in the form that steering reads: dense tables by id.

use std::net::IpAddr;
use std::time::Duration;

use super::addresses::Addresses;
use super::health::PoolSlot;
use crate::model::{
    Balance, EndpointId, Family, FamilyFallback, MapId, PolicyId, PoolId, RegionId, TargetKey,
    Verdict, WhenAllDown,
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
    /// By [`PolicyId`].
    pub policies: Box<[Policy]>,
    /// By [`PoolId`]: every endpoint, as if all were up.
    pub all: Box<[PoolSlot]>,
    /// Distinct probe targets; [`Endpoint::target`] is an index into this.
    pub targets: Box<[Target]>,
}

#[derive(Debug)]
pub struct Region {
    pub name: Box<str>,
}

#[derive(Debug)]
pub struct Pool {
    pub name: Box<str>,
    pub region: RegionId,
    pub balance: Balance,
    pub first: EndpointId,
    pub count: u32,
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
    pub address: IpAddr,
    pub weight: u16,
    pub pool: PoolId,
    /// None: never probed, always up.
    pub target: Option<u32>,
}

/// What is probed: one per distinct key, however many endpoints use it.
#[derive(Debug)]
pub struct Target {
    pub key: TargetKey,
    pub interval: Duration,
    pub rise: u32,
    pub fall: u32,
    pub endpoints: Box<[EndpointId]>,
}

impl Target {
    /// The soonest that so many observations could be made: they are an interval apart.
    pub fn observations_ms(&self, needed: u32) -> u32 {
        let interval_ms = u32::try_from(self.interval.as_millis()).unwrap_or(u32::MAX);
        interval_ms.saturating_mul(needed)
    }

    /// The soonest that a verdict which nothing speaks against could change.
    pub fn steady_ms(&self, verdict: Verdict) -> u32 {
        self.observations_ms(match verdict {
            Verdict::Up => self.fall,
            Verdict::Down => self.rise,
            Verdict::Unknown => 0,
        })
    }
}

#[derive(Debug)]
pub struct Policy {
    pub name: Box<str>,
    pub kind: PolicyKind,
    pub when_all_down: WhenAllDown,
    pub family_fallback: FamilyFallback,
    /// Every map that this policy or one nested in it can read: their longest scope is the answer's.
    pub maps: Box<[MapId]>,
    /// Whether any endpoint within reach has an address of this family (IPv4, IPv6); without, the
    /// name has no records of the type at all.
    pub has_family: [bool; 2],
    /// Pools within reach, nested ones included, each once.
    pub reach: Box<[PoolId]>,
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

    /// Something of each of its cache lines, to have them in the cache.
    #[inline]
    pub(super) fn peek(&self) -> u64 {
        let members = match &self.kind {
            PolicyKind::Geo { by_slot, .. } => by_slot.members.len(),
            PolicyKind::Weighted(members) => members.len(),
            PolicyKind::Failover(members)
            | PolicyKind::RoundRobin(members)
            | PolicyKind::Random(members) => members.len(),
        };
        let family = u64::from(self.has_family[0]);
        (members ^ self.maps.len()) as u64 ^ family ^ self.family_fallback as u64
    }

    /// The same of its maps and members.
    #[inline]
    pub(super) fn peek_members(&self) -> u64 {
        let (start, member) = match &self.kind {
            PolicyKind::Geo { by_slot, .. } => (by_slot.starts[0], by_slot.members.first()),
            PolicyKind::Weighted(members) => (0, members.first().map(|(member, _)| member)),
            PolicyKind::Failover(members)
            | PolicyKind::RoundRobin(members)
            | PolicyKind::Random(members) => (0, members.first()),
        };
        let member = member.map_or(0, |member| match member {
            Member::Pool(id) => id.0,
            Member::Policy(id) => id.0,
        });
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

#[derive(Debug)]
pub enum PolicyKind {
    Geo { map: MapId, by_slot: BySlot },
    Failover(Box<[Member]>),
    Weighted(Box<[(Member, u16)]>),
    RoundRobin(Box<[Member]>),
    Random(Box<[Member]>),
}

/// The members that stand for each region of a map, by its slot there; all in one place, which is one
/// step less to get to.
#[derive(Debug)]
pub struct BySlot {
    /// Where those of each slot begin, and how many there are at the end.
    starts: Box<[u32]>,
    members: Box<[Member]>,
}

impl BySlot {
    /// The members for `slot`; none where the map has no such slot.
    #[inline]
    pub fn get(&self, slot: u8) -> &[Member] {
        let slot = usize::from(slot);
        match self.starts.get(slot..slot + 2) {
            Some(&[start, end]) => &self.members[start as usize..end as usize],
            _ => &[],
        }
    }
}

impl FromIterator<Vec<Member>> for BySlot {
    fn from_iter<I: IntoIterator<Item = Vec<Member>>>(by_slot: I) -> Self {
        let (mut starts, mut members) = (vec![0], Vec::new());
        for of_slot in by_slot {
            members.extend(of_slot);
            starts.push(members.len() as u32);
        }
        BySlot {
            starts: starts.into(),
            members: members.into(),
        }
    }
}
