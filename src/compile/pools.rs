//! Regions, pools and policies -> the dense tables that steering reads.

use std::collections::HashMap;

use crate::config::{self, Config};
use crate::health::TargetSpec;
use crate::model::{
    EndpointId, Family, FamilyFallback, MapId, PolicyId, PoolId, TargetKey, WhenAllDown,
};
use crate::state::addresses::Addresses;
use crate::state::health::PoolSlot;
use crate::state::map::Map;
use crate::state::pools::{Endpoint, Member, Policy, PolicyKind, Pool, Pools, Region, Target};

/// The steering part, and what has to be probed for it: `targets[i]` is [`Pools::targets`]`[i]`.
pub struct Compiled {
    pub pools: Pools,
    pub targets: Vec<TargetSpec>,
    /// By key: the index of each target.
    pub target_numbers: HashMap<TargetKey, u32>,
}

/// `maps_by_policy` says which map each geo policy reads, `map` gives it.
pub fn compile<'m>(
    config: &Config,
    maps_by_policy: &[Option<MapId>],
    map: impl Fn(MapId) -> &'m Map,
) -> Compiled {
    let mut targets = Targets::default();
    let (pools, endpoints) = compile_pools(config, &mut targets);
    let reach = reach_of_all(config);
    let policies = (0..config.policies.len())
        .map(|id| policy(config, id, &reach, &pools, &endpoints, maps_by_policy, &map))
        .collect();
    let regions = config
        .regions
        .iter()
        .map(|region| Region {
            name: region.name.as_str().into(),
        })
        .collect();
    let mut pools = Pools {
        regions,
        pools: pools.into(),
        addresses: Addresses::new(&endpoints),
        endpoints: endpoints.into(),
        policies,
        all: Box::default(),
        targets: targets.compiled(),
    };
    pools.all = (0..pools.pools.len() as u32)
        .map(|id| PoolSlot::new(&pools, PoolId(id), |_| true))
        .collect();
    Compiled {
        pools,
        targets: targets.specs,
        target_numbers: targets.numbers,
    }
}

/// Adds policies that are no longer configured, but named by the data that a zone keeps: what they
/// balanced is answered SERVFAIL, so that resolvers ask another server or use what they have.
pub fn add_gone(pools: &mut Pools, names: Vec<Box<str>>) {
    let gone = names.into_iter().map(|name| Policy {
        name: format!("{name}, which is no longer configured").into(),
        kind: PolicyKind::Failover(Box::default()),
        when_all_down: WhenAllDown::ServFail,
        family_fallback: FamilyFallback::Region,
        maps: Box::default(),
        has_family: [true; 2],
        reach: Box::default(),
    });
    let policies = std::mem::take(&mut pools.policies).into_vec();
    pools.policies = policies.into_iter().chain(gone).collect();
}

/// Distinct targets with the endpoints that each stands for.
#[derive(Default)]
struct Targets {
    numbers: HashMap<TargetKey, u32>,
    specs: Vec<TargetSpec>,
    endpoints: Vec<Vec<EndpointId>>,
}

impl Targets {
    fn add(&mut self, spec: TargetSpec, endpoint: EndpointId) -> u32 {
        let number = *self.numbers.entry(spec.key.clone()).or_insert_with(|| {
            self.specs.push(spec);
            self.endpoints.push(Vec::new());
            (self.specs.len() - 1) as u32
        });
        self.endpoints[number as usize].push(endpoint);
        number
    }

    fn compiled(&mut self) -> Box<[Target]> {
        let endpoints = std::mem::take(&mut self.endpoints);
        let targets = self.specs.iter().zip(endpoints);
        targets
            .map(|(spec, endpoints)| Target {
                key: spec.key.clone(),
                interval: spec.monitor.interval,
                rise: spec.monitor.rise,
                fall: spec.monitor.fall,
                endpoints: endpoints.into(),
            })
            .collect()
    }
}

fn compile_pools(config: &Config, targets: &mut Targets) -> (Vec<Pool>, Vec<Endpoint>) {
    let mut endpoints = Vec::new();
    let mut pools = Vec::with_capacity(config.pools.len());
    for (id, pool) in config.pools.iter().enumerate() {
        let first = EndpointId(endpoints.len() as u32);
        for endpoint in &pool.endpoints {
            let endpoint_id = EndpointId(endpoints.len() as u32);
            let target = TargetSpec::of_endpoint(config, pool, endpoint);
            endpoints.push(Endpoint {
                address: endpoint.address,
                weight: endpoint.weight,
                pool: PoolId(id as u32),
                target: target.map(|spec| targets.add(spec, endpoint_id)),
            });
        }
        let monitor = pool.monitor.map(|id| &config.monitors[id.index()]);
        pools.push(Pool {
            name: pool.name.as_str().into(),
            region: pool.region,
            balance: pool.balance,
            first,
            count: pool.endpoints.len() as u32,
            monitor: monitor.map(|monitor| monitor.name.as_str().into()),
            unknown_is_up: monitor.is_none_or(|monitor| monitor.unknown_is_up),
        });
    }
    (pools, endpoints)
}

fn members(kind: &config::PolicyKind) -> Vec<config::Member> {
    match kind {
        config::PolicyKind::Geo { members, .. } => {
            members.iter().map(|&(member, _)| member).collect()
        }
        config::PolicyKind::Weighted(members) => {
            members.iter().map(|&(member, _)| member).collect()
        }
        config::PolicyKind::Failover(members)
        | config::PolicyKind::RoundRobin(members)
        | config::PolicyKind::Random(members) => members.clone(),
    }
}

/// What a policy can come to, nested ones included.
#[derive(Clone, Default)]
struct Reach {
    pools: Vec<PoolId>,
    policies: Vec<PolicyId>,
}

/// The reach of every policy; loops were refused when the configuration was read.
fn reach_of_all(config: &Config) -> Vec<Reach> {
    let mut done = vec![None; config.policies.len()];
    for id in 0..config.policies.len() {
        reach_of(config, PolicyId(id as u32), &mut done);
    }
    done.into_iter().map(Option::unwrap_or_default).collect()
}

fn reach_of(config: &Config, id: PolicyId, done: &mut [Option<Reach>]) -> Reach {
    if let Some(reach) = &done[id.index()] {
        return reach.clone();
    }
    let mut reach = Reach {
        pools: Vec::new(),
        policies: vec![id],
    };
    for member in members(&config.policies[id.index()].kind) {
        match member {
            config::Member::Pool(pool) => reach.pools.push(pool),
            config::Member::Policy(policy) => {
                let nested = reach_of(config, policy, done);
                reach.pools.extend(nested.pools);
                reach.policies.extend(nested.policies);
            }
        }
    }
    reach.pools.sort_unstable();
    reach.pools.dedup();
    reach.policies.sort_unstable();
    reach.policies.dedup();
    done[id.index()] = Some(reach.clone());
    reach
}

fn policy<'m>(
    config: &Config,
    id: usize,
    reach: &[Reach],
    pools: &[Pool],
    endpoints: &[Endpoint],
    maps_by_policy: &[Option<MapId>],
    map: impl Fn(MapId) -> &'m Map,
) -> Policy {
    let source = &config.policies[id];
    let reach = &reach[id];
    let mut maps: Vec<MapId> = reach
        .policies
        .iter()
        .filter_map(|policy| maps_by_policy[policy.index()])
        .collect();
    maps.sort_unstable();
    maps.dedup();
    let has = |family: Family| {
        reach
            .pools
            .iter()
            .flat_map(|pool| pools[pool.index()].endpoint_ids())
            .any(|endpoint: EndpointId| Family::of(&endpoints[endpoint.index()].address) == family)
    };
    Policy {
        name: source.name.as_str().into(),
        kind: kind(&source.kind, maps_by_policy[id], map),
        when_all_down: source.when_all_down,
        family_fallback: source.family_fallback,
        maps: maps.into(),
        has_family: [has(Family::V4), has(Family::V6)],
        reach: reach.pools.clone().into(),
    }
}

fn kind<'m>(
    kind: &config::PolicyKind,
    map_id: Option<MapId>,
    map: impl Fn(MapId) -> &'m Map,
) -> PolicyKind {
    let all = |members: &[config::Member]| members.iter().copied().map(member).collect();
    match kind {
        config::PolicyKind::Geo { members, .. } => match map_id {
            Some(map_id) => PolicyKind::Geo {
                map: map_id,
                by_slot: map(map_id)
                    .regions
                    .iter()
                    .map(|region| {
                        members
                            .iter()
                            .filter(|(_, of)| of == region)
                            .map(|&(m, _)| member(m))
                            .collect()
                    })
                    .collect(),
            },
            // A map is made for every geo policy; without one, the order written is all there is.
            None => PolicyKind::Failover(members.iter().map(|&(m, _)| member(m)).collect()),
        },
        config::PolicyKind::Failover(members) => PolicyKind::Failover(all(members)),
        config::PolicyKind::Weighted(members) => PolicyKind::Weighted(
            members
                .iter()
                .map(|&(m, weight)| (member(m), weight))
                .collect(),
        ),
        config::PolicyKind::RoundRobin(members) => PolicyKind::RoundRobin(all(members)),
        config::PolicyKind::Random(members) => PolicyKind::Random(all(members)),
    }
}

fn member(member: config::Member) -> Member {
    match member {
        config::Member::Pool(pool) => Member::Pool(pool),
        config::Member::Policy(policy) => Member::Policy(policy),
    }
}
