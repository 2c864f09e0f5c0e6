//! Small worlds: a few pools, and the policies over them.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

use meridian::locate::Client;
use meridian::model::{
    Balance, EndpointId, Family, FamilyFallback, MapId, PolicyId, PoolId, RegionId, TtlRange,
    Verdict, WhenAllDown,
};
use meridian::prefix_table::PrefixTable;
use meridian::random::Random;
use meridian::state::health::PoolSlot;
use meridian::state::pools::{self, Member, PolicyKind, Pools};
use meridian::state::{EndpointHealth, Health, Map, Root, Zones};
use meridian::steering::{Ask, Decision, Draw, Recorder, cursor_count, decide};

pub const V4: Family = Family::V4;
pub const V6: Family = Family::V6;

/// Of every name in these tests.
pub const TTL: TtlRange = TtlRange {
    min_s: 1,
    max_s: 30,
};

#[derive(Clone, Debug)]
pub struct Endpoint {
    pub family: Family,
    pub weight: u16,
    pub verdict: Verdict,
    pub flip_after_ms: u32,
}

/// An IPv4 endpoint of weight 1.
pub fn up() -> Endpoint {
    Endpoint {
        family: V4,
        weight: 1,
        verdict: Verdict::Up,
        flip_after_ms: 2_000,
    }
}

pub fn down() -> Endpoint {
    Endpoint {
        verdict: Verdict::Down,
        ..up()
    }
}

impl Endpoint {
    pub fn v6(self) -> Self {
        Endpoint { family: V6, ..self }
    }

    pub fn weight(self, weight: u16) -> Self {
        Endpoint { weight, ..self }
    }

    pub fn flips_after(self, flip_after_ms: u32) -> Self {
        Endpoint {
            flip_after_ms,
            ..self
        }
    }
}

/// A weighted pool.
pub fn pool(endpoints: impl IntoIterator<Item = Endpoint>) -> Pool {
    Pool {
        balance: Balance::Weighted,
        unknown_is_up: true,
        endpoints: endpoints.into_iter().collect(),
    }
}

#[derive(Clone, Debug)]
pub struct Pool {
    pub balance: Balance,
    pub unknown_is_up: bool,
    pub endpoints: Vec<Endpoint>,
}

#[derive(Clone, Debug)]
pub enum Kind {
    /// Members by slot, and the order of slots that every client prefers.
    Geo(Vec<Vec<Member>>, Vec<u8>),
    Failover(Vec<Member>),
    Weighted(Vec<(Member, u16)>),
    RoundRobin(Vec<Member>),
    Random(Vec<Member>),
}

impl Kind {
    pub fn members(&self) -> Vec<Member> {
        match self {
            Kind::Geo(by_slot, _) => by_slot.concat(),
            Kind::Weighted(members) => members.iter().map(|&(member, _)| member).collect(),
            Kind::Failover(members) | Kind::RoundRobin(members) | Kind::Random(members) => {
                members.clone()
            }
        }
    }
}

#[derive(Clone, Debug)]
pub struct Policy {
    pub kind: Kind,
    pub when_all_down: WhenAllDown,
    pub family_fallback: FamilyFallback,
}

impl From<Kind> for Policy {
    fn from(kind: Kind) -> Self {
        Policy {
            kind,
            when_all_down: WhenAllDown::All,
            family_fallback: FamilyFallback::Region,
        }
    }
}

impl Policy {
    pub fn when_all_down(self, when_all_down: WhenAllDown) -> Self {
        Policy {
            when_all_down,
            ..self
        }
    }

    pub fn family_fallback(self, family_fallback: FamilyFallback) -> Self {
        Policy {
            family_fallback,
            ..self
        }
    }
}

/// Policies may nest those before them; the last is the one that is asked.
#[derive(Clone, Debug)]
pub struct World {
    pub pools: Vec<Pool>,
    pub policies: Vec<Policy>,
}

pub fn world(
    pools: impl IntoIterator<Item = Pool>,
    policies: impl IntoIterator<Item = Policy>,
) -> World {
    World {
        pools: pools.into_iter().collect(),
        policies: policies.into_iter().collect(),
    }
}

/// The pool with this place in the world.
pub fn p(id: u32) -> Member {
    Member::Pool(PoolId(id))
}

/// The policy with this place in the world.
pub fn nested(id: u32) -> Member {
    Member::Policy(PolicyId(id))
}

/// A client that brings no subnet.
pub const CLIENT: Client = Client {
    subnet: None,
    resolver: IpAddr::V4(Ipv4Addr::new(192, 0, 2, 53)),
};

impl World {
    /// The policy that is asked.
    pub fn top(&self) -> PolicyId {
        PolicyId(self.policies.len() as u32 - 1)
    }

    /// Pools that `policy` reaches, by descending.
    pub fn reach(&self, policy: PolicyId) -> BTreeSet<PoolId> {
        let members = self.policies[policy.index()].kind.members();
        let reach = |member: &Member| match *member {
            Member::Pool(pool) => BTreeSet::from([pool]),
            Member::Policy(policy) => self.reach(policy),
        };
        members.iter().flat_map(reach).collect()
    }

    /// Maps that `policy` reads: each geo policy has its own, with the policy's place as its id.
    fn maps(&self, policy: PolicyId) -> BTreeSet<MapId> {
        let kind = &self.policies[policy.index()].kind;
        let own = matches!(kind, Kind::Geo(..)).then_some(MapId(policy.0 as u16));
        let maps = |member: &Member| match *member {
            Member::Pool(_) => BTreeSet::new(),
            Member::Policy(policy) => self.maps(policy),
        };
        kind.members().iter().flat_map(maps).chain(own).collect()
    }

    pub fn root(&self) -> Root {
        let pools = self.compile_pools();
        let known: Vec<_> = self.pools.iter().flat_map(|pool| &pool.endpoints).collect();
        let health = Health::new(&pools, |id| EndpointHealth {
            verdict: known[id.index()].verdict,
            flip_after_ms: known[id.index()].flip_after_ms,
        });
        Root {
            generation: 1,
            zones: Arc::new(Zones::default()),
            maps: self.policies.iter().map(compile_map).collect(),
            pools: Arc::new(pools),
            health: Arc::new(health),
            service: Arc::default(),
        }
    }

    fn compile_pools(&self) -> Pools {
        let mut pools = Pools {
            policies: self.compile_policies(),
            ..Pools::default()
        };
        let (mut compiled, mut endpoints) = (Vec::new(), Vec::new());
        for (id, pool) in self.pools.iter().enumerate() {
            compiled.push(pools::Pool {
                name: format!("pool-{id}").into(),
                region: RegionId(id as u16),
                balance: pool.balance,
                first: EndpointId(endpoints.len() as u32),
                count: pool.endpoints.len() as u32,
                monitor: None,
                unknown_is_up: pool.unknown_is_up,
            });
            for endpoint in &pool.endpoints {
                let host = endpoints.len() as u32;
                endpoints.push(pools::Endpoint {
                    address: match endpoint.family {
                        V4 => Ipv4Addr::from(0x0A00_0000 + host).into(),
                        V6 => Ipv6Addr::from((0x2001_0DB8 << 96) + u128::from(host)).into(),
                    },
                    weight: endpoint.weight,
                    pool: PoolId(id as u32),
                    target: None,
                });
            }
        }
        (pools.pools, pools.endpoints) = (compiled.into(), endpoints.into());
        pools.all = (0..self.pools.len() as u32)
            .map(|id| PoolSlot::new(&pools, PoolId(id), |_| true))
            .collect();
        pools
    }

    fn compile_policies(&self) -> Box<[pools::Policy]> {
        let compile = |id: usize| {
            let policy = &self.policies[id];
            let reach = self.reach(PolicyId(id as u32));
            let has = |family| {
                let mut endpoints = reach.iter().flat_map(|p| &self.pools[p.index()].endpoints);
                endpoints.any(|endpoint| endpoint.family == family)
            };
            pools::Policy {
                name: format!("policy-{id}").into(),
                kind: compile_kind(&policy.kind, MapId(id as u16)),
                when_all_down: policy.when_all_down,
                family_fallback: policy.family_fallback,
                maps: self.maps(PolicyId(id as u32)).into_iter().collect(),
                has_family: [has(V4), has(V6)],
                reach: reach.iter().copied().collect(),
            }
        };
        (0..self.policies.len()).map(compile).collect()
    }
}

fn compile_kind(kind: &Kind, map: MapId) -> PolicyKind {
    match kind.clone() {
        Kind::Geo(by_slot, _) => PolicyKind::Geo {
            map,
            by_slot: by_slot.into_iter().collect(),
        },
        Kind::Failover(members) => PolicyKind::Failover(members.into()),
        Kind::Weighted(members) => PolicyKind::Weighted(members.into()),
        Kind::RoundRobin(members) => PolicyKind::RoundRobin(members.into()),
        Kind::Random(members) => PolicyKind::Random(members.into()),
    }
}

/// Everyone is of one class.
fn compile_map(policy: &Policy) -> Arc<Map> {
    let order = match &policy.kind {
        Kind::Geo(_, order) => order.clone(),
        _ => Vec::new(),
    };
    Arc::new(Map {
        table: PrefixTable::default(),
        regions: (0..order.len() as u16).map(RegionId).collect(),
        orders: order.into(),
    })
}

/// Asks one world again and again, as a worker would.
pub struct Asker {
    pub root: Root,
    pub random: Random,
    pub cursors: Vec<u32>,
    pub ask: Ask,
    pub client: Client,
}

impl Asker {
    /// Asks for one IPv4 address.
    pub fn new(world: &World, seed: u64) -> Self {
        let root = world.root();
        Asker {
            cursors: vec![0; cursor_count(&root.pools)],
            root,
            random: Random::from_seed(seed),
            ask: Ask {
                policy: world.top(),
                family: V4,
                answers: 1,
                ttl: TTL,
            },
            client: CLIENT,
        }
    }

    pub fn answers(mut self, answers: u8) -> Self {
        self.ask.answers = answers;
        self
    }

    pub fn family(mut self, family: Family) -> Self {
        self.ask.family = family;
        self
    }

    pub fn decide(&mut self) -> Decision {
        self.decide_recording(&mut ())
    }

    pub fn decide_recording(&mut self, recorder: &mut impl Recorder) -> Decision {
        let mut draw = Draw {
            random: &mut self.random,
            cursors: &mut self.cursors,
        };
        decide(&self.root, &self.ask, &self.client, &mut draw, recorder)
    }

    /// The pool that answers.
    pub fn pool(&mut self) -> Option<u32> {
        self.decide().pool.map(|pool| pool.0)
    }

    /// The endpoints that are answered.
    pub fn endpoints(&mut self) -> Vec<u32> {
        self.decide().endpoints().iter().map(|id| id.0).collect()
    }
}

/// One decision for one IPv4 address.
pub fn ask(world: &World) -> Decision {
    Asker::new(world, 1).decide()
}
