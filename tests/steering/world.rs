//! Small worlds: a few pools, and the policies over them.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

use meridian::hashing::{Item, of_address, of_octets};
use meridian::locate::Client;
use meridian::model::{
    Balance, EndpointId, Family, FamilyFallback, MapId, MinHealthy, PolicyId, PoolId, RegionId,
    Share, TtlRange, Verdict, WhenAllDown,
};
use meridian::prefix_table::PrefixTable;
use meridian::random::Random;
use meridian::state::health::PoolSlot;
use meridian::state::pools::{self, Member, Order, Pools, Tiers};
use meridian::state::preference::Preference;
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
    pub share: Share,
}

/// An IPv4 endpoint of weight 1.
pub fn up() -> Endpoint {
    Endpoint {
        family: V4,
        weight: 1,
        verdict: Verdict::Up,
        flip_after_ms: 2_000,
        share: Share::ALL,
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

    pub fn takes(self, share: Share) -> Self {
        Endpoint { share, ..self }
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
        min_healthy: MinHealthy::default(),
        serve_whole: false,
        share: Share::ALL,
        region: None,
        endpoints: endpoints.into_iter().collect(),
    }
}

#[derive(Clone, Debug)]
pub struct Pool {
    pub balance: Balance,
    pub unknown_is_up: bool,
    pub min_healthy: MinHealthy,
    pub serve_whole: bool,
    pub share: Share,
    /// None: one of its own.
    pub region: Option<u16>,
    pub endpoints: Vec<Endpoint>,
}

impl Pool {
    pub fn balance(self, balance: Balance) -> Self {
        Pool { balance, ..self }
    }

    pub fn takes(self, share: Share) -> Self {
        Pool { share, ..self }
    }
}

#[derive(Clone, Debug)]
pub enum Kind {
    /// Members by slot, and the order of slots that every client prefers.
    Geo(Vec<Vec<Member>>, Vec<u8>),
    Failover(Vec<Member>),
    Weighted(Vec<(Member, u16)>),
    RoundRobin(Vec<Member>),
    Random(Vec<Member>),
    /// All at once.
    Of(Balance, Vec<(Member, u16)>),
    /// By slot, and the order of slots.
    Nearest(Balance, Vec<Vec<(Member, u16)>>, Vec<u8>),
    /// For everybody, this policy stands for it; others do for nobody.
    Ruled(PolicyId, Vec<PolicyId>),
}

/// A member with its weight.
pub type Weighty = (Member, u16);

impl Kind {
    pub fn members(&self) -> Vec<Member> {
        if let Kind::Ruled(policy, others) = self {
            let policies = others.iter().chain([policy]);
            return policies.map(|policy| Member::Policy(*policy)).collect();
        }
        let (_, tiers, _) = self.tiers();
        tiers
            .into_iter()
            .flatten()
            .map(|(member, _)| member)
            .collect()
    }

    /// Its tiers, the order in which they are asked (none: as they are), and whom of them is taken.
    pub fn tiers(&self) -> (Option<Vec<u8>>, Vec<Vec<Weighty>>, Balance) {
        let plain = |members: &Vec<Member>| members.iter().map(|&m| (m, 1)).collect::<Vec<_>>();
        match self {
            Kind::Geo(by_slot, order) => {
                let tiers = by_slot.iter().map(plain).collect();
                (Some(order.clone()), tiers, Balance::Failover)
            }
            Kind::Failover(members) => (None, vec![plain(members)], Balance::Failover),
            Kind::Weighted(members) => (None, vec![members.clone()], Balance::Weighted),
            Kind::RoundRobin(members) => (None, vec![plain(members)], Balance::RoundRobin),
            Kind::Random(members) => (None, vec![plain(members)], Balance::Random),
            Kind::Of(balance, members) => (None, vec![members.clone()], *balance),
            Kind::Nearest(balance, tiers, order) => (Some(order.clone()), tiers.clone(), *balance),
            Kind::Ruled(..) => (None, Vec::new(), Balance::Failover),
        }
    }
}

#[derive(Clone, Debug)]
pub struct Policy {
    pub kind: Kind,
    pub last_resort: Vec<Member>,
    pub spread: Vec<u8>,
    pub when_all_down: WhenAllDown,
    pub family_fallback: FamilyFallback,
}

impl From<Kind> for Policy {
    fn from(kind: Kind) -> Self {
        Policy {
            kind,
            last_resort: Vec::new(),
            spread: Vec::new(),
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

    pub fn last_resort(self, last_resort: impl IntoIterator<Item = Member>) -> Self {
        Policy {
            last_resort: last_resort.into_iter().collect(),
            ..self
        }
    }

    pub fn spread(self, spread: &[u8]) -> Self {
        Policy {
            spread: spread.to_vec(),
            ..self
        }
    }

    pub fn members(&self) -> Vec<Member> {
        let mut members = self.kind.members();
        members.extend(&self.last_resort);
        members
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
        let members = self.policies[policy.index()].members();
        let reach = |member: &Member| match *member {
            Member::Pool(pool) => BTreeSet::from([pool]),
            Member::Policy(policy) => self.reach(policy),
        };
        members.iter().flat_map(reach).collect()
    }

    /// What holds of `policy` or of one that it may come to.
    fn any(&self, policy: PolicyId, holds: &dyn Fn(PolicyId) -> bool) -> bool {
        let nested = |member: &Member| match *member {
            Member::Pool(_) => false,
            Member::Policy(policy) => self.any(policy, holds),
        };
        holds(policy) || self.policies[policy.index()].members().iter().any(nested)
    }

    /// Maps that `policy` reads: each has its own, with the policy's place as its id.
    fn maps(&self, policy: PolicyId) -> BTreeSet<MapId> {
        let all = (0..self.policies.len() as u32).map(PolicyId);
        let is_read = |id: &PolicyId| {
            let kind = &self.policies[id.index()].kind;
            let reads = matches!(kind, Kind::Geo(..) | Kind::Nearest(..) | Kind::Ruled(..));
            reads && self.any(policy, &|other| other == *id)
        };
        all.filter(is_read).map(|id| MapId(id.0 as u16)).collect()
    }

    /// Whether anything within reach goes by the client.
    fn is_by_client(&self, policy: PolicyId) -> bool {
        let by_balance = |id: PolicyId| {
            let (_, _, balance) = self.policies[id.index()].kind.tiers();
            balance.is_by_client()
        };
        let pools = self.reach(policy);
        let mut pools = pools.iter().map(|pool| &self.pools[pool.index()]);
        self.any(policy, &by_balance) || pools.any(|pool| pool.balance.is_by_client())
    }

    pub fn root(&self) -> Root {
        let pools = self.compile_pools();
        let known: Vec<_> = self.pools.iter().flat_map(|pool| &pool.endpoints).collect();
        let health = Health::new(&pools, |id| EndpointHealth {
            share: known[id.index()].share,
            ..EndpointHealth::new(known[id.index()].verdict, known[id.index()].flip_after_ms)
        });
        let shares = (0..).map(PoolId).zip(&self.pools);
        let shares = shares.map(|(id, pool)| (id, pool.share));
        let reduced = shares.filter(|(_, share)| *share != Share::ALL).collect();
        let health = health.with_shares(&pools, reduced);
        Root {
            generation: 1,
            zones: Arc::new(Zones::default()),
            maps: self.policies.iter().map(compile_map).collect(),
            pools: Arc::new(pools),
            health: Arc::new(health),
            service: Arc::default(),
            forwarding: Arc::default(),
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
                seed: of_octets(format!("pool-{id}").as_bytes()),
                region: RegionId(pool.region.unwrap_or(id as u16)),
                balance: pool.balance,
                first: EndpointId(endpoints.len() as u32),
                count: pool.endpoints.len() as u32,
                preferences: [V4, V6].map(|family| pool.preference(family, endpoints.len())),
                min_healthy: pool.min_healthy,
                serve_whole: pool.serve_whole,
                is_of_names: false,
                monitor: None,
                unknown_is_up: pool.unknown_is_up,
            });
            for endpoint in &pool.endpoints {
                let host = endpoints.len() as u32;
                let address: IpAddr = match endpoint.family {
                    V4 => Ipv4Addr::from(0x0A00_0000 + host).into(),
                    V6 => Ipv6Addr::from((0x2001_0DB8 << 96) + u128::from(host)).into(),
                };
                endpoints.push(pools::Endpoint {
                    destination: address.into(),
                    seed: of_address(address),
                    weight: endpoint.weight,
                    pool: PoolId(id as u32),
                    target: None,
                });
            }
        }
        (pools.pools, pools.endpoints) = (compiled.into(), endpoints.into());
        pools.all = (0..self.pools.len() as u32)
            .map(|id| PoolSlot::new(&pools, PoolId(id), |_| true, |_| true))
            .collect();
        pools
    }

    fn compile_policies(&self) -> Box<[pools::Policy]> {
        let mut first_cursor = 0;
        let compile = |id: usize| {
            let policy = &self.policies[id];
            let (order, tiers, balance) = policy.kind.tiers();
            let map = MapId(id as u16);
            let order = match (&policy.kind, order) {
                (Kind::Ruled(by, _), _) => Order::Ruled {
                    map,
                    by_class: [*by].into(),
                },
                (_, Some(_)) => Order::Nearest(map),
                (_, None) => Order::Listed,
            };
            let cursors = tiers.len() as u32;
            first_cursor += cursors;
            let seed = |member: Member| of_octets(format!("{member:?}").as_bytes());
            let reach = self.reach(PolicyId(id as u32));
            let has = |family| {
                let mut endpoints = reach.iter().flat_map(|p| &self.pools[p.index()].endpoints);
                endpoints.any(|endpoint| endpoint.family == family)
            };
            pools::Policy {
                name: format!("policy-{id}").into(),
                seed: of_octets(format!("policy-{id}").as_bytes()),
                order,
                tiers: Tiers::new(balance, tiers, seed),
                balance,
                last_resort: policy.last_resort.as_slice().into(),
                spread: policy.spread.as_slice().into(),
                is_by_client: self.is_by_client(PolicyId(id as u32)),
                first_cursor: first_cursor - cursors,
                when_all_down: policy.when_all_down,
                family_fallback: policy.family_fallback,
                maps: self.maps(PolicyId(id as u32)).into_iter().collect(),
                has_family: [has(V4), has(V6)],
                has_names: false,
                reach: reach.iter().copied().collect(),
            }
        };
        (0..self.policies.len()).map(compile).collect()
    }
}

impl Pool {
    /// Whom clients' hashes prefer, where the first endpoint has this id.
    fn preference(&self, family: Family, first: usize) -> Option<Preference> {
        let endpoints = (first as u32..).map(EndpointId).zip(&self.endpoints);
        let items = endpoints.filter(|(_, endpoint)| endpoint.family == family);
        let item = |(id, endpoint): (EndpointId, &Endpoint)| {
            let seed = of_octets(&id.0.to_be_bytes());
            let weight = endpoint.weight.into();
            (id, Item { seed, weight })
        };
        Preference::new(self.balance, &items.map(item).collect::<Vec<_>>())
    }
}

/// Everyone is of one class.
fn compile_map(policy: &Policy) -> Arc<Map> {
    let (order, ..) = policy.kind.tiers();
    let order = order.unwrap_or_default();
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
