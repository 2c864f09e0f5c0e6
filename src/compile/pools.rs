//! Regions, pools and policies -> the dense tables that steering reads.

use std::collections::{BTreeMap, HashMap};

use super::maps::rules::{Rules, RulesView};
use crate::config::{self, Calculation, Config, ProbeKind};
use crate::hashing::{self, Item};
use crate::health::TargetSpec;
use crate::model::{
    Balance, Destination, EndpointId, Family, FamilyFallback, MapId, MonitorId, PolicyId, PoolId,
    Share, TargetKey, WhenAllDown,
};
use crate::state::addresses::Addresses;
use crate::state::condition::Condition;
use crate::state::formula::Formula;
use crate::state::health::PoolSlot;
use crate::state::map::Map;
use crate::state::pools::{
    Endpoint, Member, OfAlias, Order, Policy, Pool, Pools, Region, Target, Tiers, Watch,
};
use crate::state::preference::Preference;

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
    let mut policies = Policies {
        config,
        reach: &reach,
        pools: &pools,
        endpoints: &endpoints,
        maps_by_policy,
        first_cursor: 0,
    };
    let policies = (0..config.policies.len())
        .map(|id| policies.policy(id, &map))
        .collect();
    let regions = config
        .regions
        .iter()
        .map(|region| Region {
            name: region.name.as_str().into(),
        })
        .collect();
    let compiled = targets.compiled();
    let mut pools = Pools {
        regions,
        of_alias: of_alias(config),
        unresolved: unresolved(config),
        pools: pools.into(),
        addresses: Addresses::new(&endpoints),
        endpoints: endpoints.into(),
        policies,
        all: Box::default(),
        targets: compiled,
        conditions: targets.conditions.into(),
        formulas: formulas(config),
    };
    pools.all = (0..pools.pools.len() as u32)
        .map(|id| PoolSlot::new(&pools, PoolId(id), |_| true, |_| true))
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
    let first_cursor = pools.tier_count() as u32;
    let gone = names.into_iter().map(|name| Policy {
        name: format!("{name}, which is no longer configured").into(),
        seed: 0,
        order: Order::Listed,
        tiers: Tiers::default(),
        balance: Balance::Failover,
        last_resort: Box::default(),
        spread: Box::default(),
        is_by_client: false,
        first_cursor,
        when_all_down: WhenAllDown::ServFail,
        family_fallback: FamilyFallback::Region,
        maps: Box::default(),
        has_family: [true; 2],
        has_names: false,
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
    monitors: Vec<Vec<Box<str>>>,
    conditions: Vec<Condition>,
}

/// An endpoint that is watched.
struct Watched<'a> {
    config: &'a Config,
    pool: &'a config::Pool,
    endpoint: &'a config::Endpoint,
    id: EndpointId,
}

impl Targets {
    /// What `monitor` makes of it.
    fn watch(&mut self, watched: &Watched<'_>, monitor: MonitorId) -> Option<Watch> {
        match self.condition(watched, monitor, true)? {
            Condition::Target(number) => Some(Watch::Target(number)),
            condition => {
                self.conditions.push(condition);
                Some(Watch::Condition((self.conditions.len() - 1) as u32))
            }
        }
    }

    /// Circles were refused when the configuration was read.
    fn condition(
        &mut self,
        watched: &Watched<'_>,
        monitor: MonitorId,
        is_alone: bool,
    ) -> Option<Condition> {
        let monitor = &watched.config.monitors[monitor.index()];
        let ProbeKind::Calculated(calculation) = &monitor.probe else {
            let (pool, endpoint) = (watched.pool, watched.endpoint);
            let spec = TargetSpec::of_endpoint(monitor, is_alone, pool, endpoint)?;
            return Some(Condition::Target(self.add(spec, watched.id)));
        };
        let members = calculation.members().iter();
        let parts: Option<Box<[_]>> = members
            .map(|&member| self.condition(watched, member, false))
            .collect();
        let parts = parts?;
        Some(match calculation {
            Calculation::All(_) => Condition::All(parts),
            Calculation::Any(_) => Condition::Any(parts),
            Calculation::AtLeast { count, .. } => Condition::AtLeast(*count, parts),
            Calculation::Not(_) => Condition::Not(parts.into_iter().next()?.into()),
        })
    }

    fn add(&mut self, spec: TargetSpec, endpoint: EndpointId) -> u32 {
        let monitor: Box<str> = spec.monitor.name.as_str().into();
        let number = *self.numbers.entry(spec.key.clone()).or_insert_with(|| {
            self.specs.push(spec);
            self.endpoints.push(Vec::new());
            self.monitors.push(Vec::new());
            (self.specs.len() - 1) as u32
        });
        let monitors = &mut self.monitors[number as usize];
        if !monitors.contains(&monitor) {
            monitors.push(monitor);
        }
        let endpoints = &mut self.endpoints[number as usize];
        if endpoints.last() != Some(&endpoint) {
            endpoints.push(endpoint);
        }
        number
    }

    fn compiled(&mut self) -> Box<[Target]> {
        let endpoints = std::mem::take(&mut self.endpoints);
        let monitors = std::mem::take(&mut self.monitors);
        let targets = self.specs.iter().zip(endpoints).zip(monitors);
        targets
            .map(|((spec, endpoints), monitors)| Target {
                key: spec.key.clone(),
                monitors: monitors.into(),
                interval: spec.monitor.interval,
                interval_doubt: (spec.monitor.options.interval_doubt)
                    .unwrap_or(spec.monitor.interval),
                falls_at_once: spec.monitor.options.refused_counts_at_once,
                share_when_slow: (spec.monitor.options.degraded)
                    .map_or(Share::ALL, |degraded| degraded.share),
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
        let mut items: [Vec<_>; 2] = Default::default();
        for endpoint in &pool.endpoints {
            let endpoint_id = EndpointId(endpoints.len() as u32);
            let target = pool.monitor.and_then(|monitor| {
                let watched = Watched {
                    config,
                    pool,
                    endpoint,
                    id: endpoint_id,
                };
                targets.watch(&watched, monitor)
            });
            let destination = endpoint.destination.clone();
            let seed = match &destination {
                Destination::Address(address) => hashing::of_address(*address),
                Destination::Socket(socket) => {
                    hashing::mix(hashing::of_address(socket.ip()) ^ u64::from(socket.port()))
                }
                Destination::Name(name) => hashing::of_octets(name.to_lowercase().as_wire()),
            };
            let item = Item {
                seed,
                weight: endpoint.weight.into(),
            };
            for family in destination.families() {
                items[family as usize].push((endpoint_id, item));
            }
            endpoints.push(Endpoint {
                destination,
                seed,
                weight: endpoint.weight,
                pool: PoolId(id as u32),
                target,
            });
        }
        let monitor = pool.monitor.map(|id| &config.monitors[id.index()]);
        pools.push(Pool {
            name: pool.name.as_str().into(),
            seed: hashing::of_octets(pool.name.as_bytes()),
            region: pool.region,
            balance: pool.balance,
            first,
            count: pool.endpoints.len() as u32,
            preferences: items.map(|items| Preference::new(pool.balance, &items)),
            min_healthy: pool.min_healthy,
            serve_whole: pool.serve_whole,
            is_of_names: pool.is_of_names(),
            monitor: monitor.map(|monitor| monitor.name.as_str().into()),
            unknown_is_up: monitor.is_none_or(|monitor| monitor.unknown_is_up),
        });
    }
    (pools, endpoints)
}

/// What is calculated, by the pools that go by it.
fn formulas(config: &Config) -> BTreeMap<PoolId, Formula> {
    let pools = (0..).map(PoolId).zip(&config.pools);
    let formulas = pools.filter_map(|(id, pool)| {
        let formula = formula(config, pool.monitor?);
        (!formula.parts.is_empty()).then_some((id, formula))
    });
    formulas.collect()
}

/// Circles were refused when the configuration was read.
fn formula(config: &Config, monitor: MonitorId) -> Formula {
    let monitor = &config.monitors[monitor.index()];
    let members = match &monitor.probe {
        ProbeKind::Calculated(calculation) => calculation.members(),
        _ => &[],
    };
    let parts = members.iter().map(|&member| formula(config, member));
    Formula {
        monitor: monitor.name.as_str().into(),
        parts: parts.collect(),
    }
}

/// Which endpoints are those of other names; they are numbered as in [`compile_pools`].
fn of_alias(config: &Config) -> BTreeMap<EndpointId, OfAlias> {
    let endpoints = config.pools.iter().flat_map(|pool| &pool.endpoints);
    let numbered = (0..).map(EndpointId).zip(endpoints);
    let of_alias = numbered.filter_map(|(id, endpoint)| match &endpoint.origin {
        config::Origin::Alias(of) => Some((id, of)),
        config::Origin::Written | config::Origin::Registered => None,
    });
    of_alias
        .map(|(id, of)| {
            let of_alias = OfAlias {
                name: of.name.to_string().into(),
                ttl_max_ms: of.ttl_s.saturating_mul(1000),
            };
            (id, of_alias)
        })
        .collect()
}

fn unresolved(config: &Config) -> BTreeMap<PoolId, Box<[Box<str>]>> {
    let pools = (0..).map(PoolId).zip(&config.pools);
    pools
        .map(|(id, pool)| {
            let names = pool.unresolved().map(|name| name.to_string().into());
            (id, names.collect::<Box<[_]>>())
        })
        .filter(|(id, names)| !names.is_empty() || config.pools[id.index()].is_awaited())
        .collect()
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
    for member in config.policies[id.index()].all_members() {
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

/// Compiles policies one after another.
struct Policies<'a> {
    config: &'a Config,
    reach: &'a [Reach],
    pools: &'a [Pool],
    endpoints: &'a [Endpoint],
    maps_by_policy: &'a [Option<MapId>],
    /// Of the next.
    first_cursor: u32,
}

impl Policies<'_> {
    fn policy<'m>(&mut self, id: usize, map: impl Fn(MapId) -> &'m Map) -> Policy {
        let source = &self.config.policies[id];
        let reach = &self.reach[id];
        let within_reach = || reach.policies.iter().map(|policy| policy.index());
        let mut maps: Vec<MapId> = within_reach()
            .filter_map(|policy| self.maps_by_policy[policy])
            .collect();
        maps.sort_unstable();
        maps.dedup();
        let endpoints = || {
            let pools = reach.pools.iter().map(|pool| &self.pools[pool.index()]);
            pools.flat_map(Pool::endpoint_ids)
        };
        // What other people's names lead to may be of either family at any time, and so may who registers.
        let is_open = |id: &PoolId| {
            let pool = &self.config.pools[id.index()];
            !pool.aliases.is_empty() || pool.registration.is_some()
        };
        let has_either = source.has_names || reach.pools.iter().any(is_open);
        let has = |family: Family| {
            has_either
                || endpoints().any(|id| self.endpoints[id.index()].destination.serves(family))
        };
        let fallbacks =
            within_reach().filter_map(|policy| match self.config.policies[policy].when_all_down {
                WhenAllDown::Fallback(pool) => Some(pool),
                _ => None,
            });
        let pools = reach.pools.iter().copied().chain(fallbacks);
        let pools: Vec<_> = pools.map(|pool| &self.pools[pool.index()]).collect();
        let is_by_client = within_reach()
            .any(|policy| self.config.policies[policy].balance.is_by_client())
            || pools.iter().any(|pool| pool.balance.is_by_client());
        let has_names = pools.iter().any(|pool| pool.is_of_names);
        let (order, tiers) = self.order(id, map);
        let tiers = Tiers::new(source.balance, tiers, |member| self.seed(member));
        let first_cursor = self.first_cursor;
        self.first_cursor += tiers.len() as u32;
        Policy {
            name: source.name.as_str().into(),
            seed: hashing::of_octets(source.name.as_bytes()),
            order,
            tiers,
            balance: source.balance,
            last_resort: source.last_resort.iter().map(|&m| member(m)).collect(),
            spread: source.spread.as_slice().into(),
            when_all_down: source.when_all_down,
            family_fallback: source.family_fallback,
            maps: maps.into(),
            is_by_client,
            has_family: [has(Family::V4), has(Family::V6)],
            has_names,
            reach: reach.pools.clone().into(),
            first_cursor,
        }
    }

    /// In which order tiers are asked, and their members.
    fn order<'m>(
        &self,
        id: usize,
        map: impl Fn(MapId) -> &'m Map,
    ) -> (Order, Vec<Vec<(Member, u16)>>) {
        let source = &self.config.policies[id];
        let members = |is_in: &dyn Fn(&config::PolicyMember) -> bool| {
            let members = source.members.iter().filter(|member| is_in(member));
            members.map(|m| (member(m.member), m.weight)).collect()
        };
        match (&source.order, self.maps_by_policy[id]) {
            (config::PolicyOrder::When { rules, otherwise }, Some(map)) => {
                let classes = Rules::new(&RulesView::new(rules));
                let by_class = classes
                    .by_class()
                    .map(|rule| rule.map_or(*otherwise, |rule| rules[rule].policy));
                let by_class = by_class.collect();
                (Order::Ruled { map, by_class }, Vec::new())
            }
            (config::PolicyOrder::Geo { .. }, Some(id)) => {
                let regions = map(id).regions.iter();
                let tiers = regions.map(|region| members(&|m| m.region == Some(*region)));
                (Order::Nearest(id), tiers.collect())
            }
            // A map is made for every policy that looks at places; without one, the order written is all there is.
            _ => (Order::Listed, vec![members(&|_| true)]),
        }
    }

    fn seed(&self, member: Member) -> u64 {
        let name = match member {
            Member::Pool(id) => &self.config.pools[id.index()].name,
            Member::Policy(id) => &self.config.policies[id.index()].name,
        };
        hashing::of_octets(name.as_bytes())
    }
}

fn member(member: config::Member) -> Member {
    match member {
        config::Member::Pool(pool) => Member::Pool(pool),
        config::Member::Policy(policy) => Member::Policy(policy),
    }
}
