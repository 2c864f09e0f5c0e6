//! Reports of load, from the admin API and from probes, by the endpoints that are served.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::time::Instant;

use super::least::{Least, kind};
use super::look::World;
use super::spilling::{QUANTUM, Spilling, Taking};
use crate::admin::Loaded;
use crate::clock;
use crate::compile::{Parts, Whole};
use crate::config::Config;
use crate::health::probe::Told;
use crate::load::{Fraction, Kind, Reading, Report, Reports, Values, shares};
use crate::model::{Destination, EndpointId, Family, PoolId, Share, TargetKey, Verdict};
use crate::overrides::key;
use crate::state::Pools;
use crate::state::health::Health;

/// Mistakes in a list of reports that are told of.
const TOLD_MAX: usize = 10;

/// What is known of loads, and what pools take by it.
pub struct Loading {
    reports: Reports,
    spilling: Spilling,
    /// Policies that go by the load of their pools.
    pools: Least,
    /// Of endpoints of pools that go by load: the shares of those that do not take all.
    least: HashMap<EndpointId, Share>,
    /// Pools by name, once somebody asks.
    names: Option<HashMap<Box<str>, PoolId>>,
    /// Targets whose last word of their load could not be read.
    unreadable: HashSet<TargetKey>,
    /// Times count from here.
    began: Instant,
}

impl Loading {
    pub fn new(whole: &Whole) -> Self {
        Loading {
            reports: Reports::default(),
            spilling: Spilling::default().among(&whole.config, &whole.parts.pools),
            pools: Least::default().among(&whole.config, &whole.parts.pools),
            least: HashMap::new(),
            names: None,
            unreadable: HashSet::new(),
            began: clock::now(),
        }
    }

    /// Goes over to other endpoints. Of those that stay what is known stays.
    pub fn adopt(&mut self, whole: &Whole) {
        let pools = &whole.parts.pools;
        self.spilling = std::mem::take(&mut self.spilling).among(&whole.config, pools);
        self.pools = std::mem::take(&mut self.pools).among(&whole.config, pools);
        self.names = None;
        let numbers = &whole.parts.target_numbers;
        self.unreadable.retain(|key| numbers.contains_key(key));
        if !self.reports.is_empty() {
            let names = self.names.insert(pools_by_name(pools));
            let mut named = Named::new(names, pools);
            self.reports.keep(|what| named.find(what).is_some());
        }
    }

    /// Takes all `reports`, or none.
    ///
    /// # Errors
    /// In words: which are wrong, and why.
    pub fn add(&mut self, reports: &[Report], whole: &Whole) -> Result<(), String> {
        let pools = &whole.parts.pools;
        let names = self.names.get_or_insert_with(|| pools_by_name(pools));
        let mut named = Named::new(names, pools);
        let mut read = Vec::new();
        let mut wrong = Vec::new();
        for report in reports {
            let what = named.find(&report.what);
            let what = what.ok_or_else(|| "no pool or endpoint here".to_owned());
            match what.and_then(|what| Ok((what, report.values()?))) {
                Ok(report) => read.push(report),
                Err(why) => wrong.push(format!("`{}`: {why}", short(&report.what))),
            }
        }
        if !wrong.is_empty() {
            let more = wrong.len().saturating_sub(TOLD_MAX);
            wrong.truncate(TOLD_MAX);
            if more > 0 {
                wrong.push(format!("and {more} more"));
            }
            return Err(wrong.join("; "));
        }
        let now_ms = self.ms(clock::now());
        for ((what, pool), values) in read {
            let max_age_ms = max_age_ms(&whole.config, pool);
            self.reports.add(&what, values, now_ms, max_age_ms)?;
        }
        Ok(())
    }

    /// Takes what targets told of their load.
    pub fn hear(&mut self, told: HashMap<TargetKey, (Instant, Told)>, whole: &Whole) {
        let Parts {
            pools,
            target_numbers,
            ..
        } = &whole.parts;
        for (target, (at, told)) in told {
            let Some(&number) = target_numbers.get(&target) else {
                continue;
            };
            let load = told.and_then(|text| text.parse::<Fraction>());
            match load {
                Ok(load) => {
                    self.unreadable.remove(&target);
                    let at_ms = self.ms(at);
                    for &id in &pools.targets[number as usize].endpoints {
                        let pool = pools.endpoints[id.index()].pool;
                        let max_age_ms = max_age_ms(&whole.config, pool);
                        let values = Values::of_load(load);
                        let what = key(pools, id);
                        if let Err(why) = self.reports.add(&what, values, at_ms, max_age_ms) {
                            tracing::warn!("{what}: {why}");
                        }
                    }
                }
                Err(why) => {
                    if self.unreadable.insert(target.clone()) {
                        tracing::warn!(%target, "the load cannot be read: {why}");
                    }
                }
            }
        }
    }

    /// A look at who has less to do, and one step of all who shed, if it is time for it: which pools take another
    /// share now, and why. `besides` is what pools take for other reasons.
    pub fn step(
        &mut self,
        whole: &Whole,
        health: &Health,
        besides: &BTreeMap<PoolId, Share>,
    ) -> Vec<Taking> {
        let now_ms = self.ms(clock::now());
        let reports = &self.reports;
        let read = |what: &str, pool| reports.read(what, now_ms, max_age_ms(&whole.config, pool));
        let world = World {
            config: &whole.config,
            pools: &whole.parts.pools,
            health,
            besides,
        };
        let mut changed = self.pools.step(&world, &read);
        // Who sheds knows what else keeps queries away.
        let mut besides = besides.clone();
        for taking in self.pools.takings() {
            let all = besides.entry(taking.pool).or_default();
            *all = all.and(taking.share);
        }
        let world = World {
            besides: &besides,
            ..world
        };
        changed.extend(self.spilling.step(&world, &read, now_ms));
        changed
    }

    /// Goes over to a health table in which all endpoints take all.
    pub fn begin_anew(&mut self) {
        self.least.clear();
    }

    /// Looks which endpoints have less to do than others of their pool, where it goes by that; whose share is another
    /// one now is returned.
    pub fn weigh(&mut self, whole: &Whole, health: &Health) -> Vec<EndpointId> {
        let now_ms = self.ms(clock::now());
        let pools = &whole.parts.pools;
        let mut least = HashMap::new();
        for (id, pool) in (0..).map(PoolId).zip(&pools.pools) {
            let Some(kind) = kind(pool.balance) else {
                continue;
            };
            let max_age_ms = max_age_ms(&whole.config, id);
            let is_up = |id: &EndpointId| match health.endpoint(*id).verdict {
                Verdict::Up => true,
                Verdict::Down => false,
                Verdict::Unknown => pool.unknown_is_up,
            };
            // The families are drawn from apart.
            for family in [Family::V4, Family::V6] {
                let is_of =
                    |id: &EndpointId| pools.endpoints[id.index()].destination.serves(family);
                let ids: Vec<_> = pool.endpoint_ids().filter(is_of).filter(is_up).collect();
                let known = ids.iter().map(|&id| {
                    let reading = self.reports.read(&key(pools, id), now_ms, max_age_ms);
                    let values = reading.measured().map(|measured| measured.values);
                    let value = values.and_then(|values| match kind {
                        Kind::LeastTime => values.time_ms,
                        Kind::LeastConnections | Kind::WeightedLeastConnections => {
                            values.connections
                        }
                    });
                    (pools.endpoints[id.index()].weight, value)
                });
                let shares = shares(kind, &known.collect::<Vec<_>>());
                let reduced = ids
                    .into_iter()
                    .zip(shares)
                    .filter(|(_, share)| *share != Share::ALL);
                least.extend(reduced);
            }
        }
        let before = |id: &EndpointId| self.least.get(id).copied().unwrap_or_default();
        let mut changed = Vec::new();
        for (&id, share) in &mut least {
            let before = before(&id);
            if share.0.abs_diff(before.0) > QUANTUM {
                changed.push(id);
            } else {
                *share = before;
            }
        }
        changed.extend(self.least.keys().filter(|id| !least.contains_key(id)));
        least.retain(|_, share| *share != Share::ALL);
        self.least = least;
        changed
    }

    /// Which part an endpoint takes by its load.
    pub fn endpoint_share(&self, id: EndpointId) -> Share {
        self.least.get(&id).copied().unwrap_or_default()
    }

    /// Of pools that do not take all that would come to them, by their load.
    pub fn shares(&self) -> BTreeMap<PoolId, Share> {
        let takings = self.takings().into_values();
        let reduced = takings.filter(|taking| taking.share != Share::ALL);
        reduced.map(|taking| (taking.pool, taking.share)).collect()
    }

    /// What pools take by their load, whichever way.
    fn takings(&self) -> BTreeMap<PoolId, Taking> {
        let mut all: BTreeMap<PoolId, Taking> = BTreeMap::new();
        for taking in self.pools.takings().cloned().chain(self.spilling.takings()) {
            match all.get_mut(&taking.pool) {
                Some(both) => {
                    both.share = both.share.and(taking.share);
                    both.why = format!("{}; {}", both.why, taking.why);
                }
                None => drop(all.insert(taking.pool, taking)),
            }
        }
        all
    }

    /// For explain: by pool, what it takes and why.
    pub fn why(&self, pools: &Pools) -> HashMap<String, String> {
        let takings = self.takings().into_values();
        let name = |pool: PoolId| pools.pools[pool.index()].name.to_string();
        takings
            .map(|taking| (name(taking.pool), taking.why))
            .collect()
    }

    /// For the admin API: what was reported, and the pools that may shed, by name.
    pub fn told(&mut self, whole: &Whole) -> Vec<Loaded> {
        let now_ms = self.ms(clock::now());
        let pools = &whole.parts.pools;
        let names = self.names.get_or_insert_with(|| pools_by_name(pools));
        let mut told: HashMap<String, Loaded> = HashMap::new();
        for what in self.reports.names() {
            let pool = what.split_once('/').map_or(what, |(pool, _)| pool);
            if let Some(&pool) = names.get(pool) {
                let max_age_ms = max_age_ms(&whole.config, pool);
                let reading = self.reports.read(what, now_ms, max_age_ms);
                told.insert(what.to_owned(), loaded(what, reading));
            }
        }
        for taking in self.takings().into_values() {
            let name = &*pools.pools[taking.pool.index()].name;
            let of_pool = told.entry(name.to_owned());
            let of_pool = of_pool.or_insert_with(|| loaded(name, Reading::Never));
            of_pool.share = Some(f64::from(taking.share.0) / f64::from(u16::MAX));
            of_pool.why = Some(taking.why);
        }
        let mut told: Vec<Loaded> = told.into_values().collect();
        told.sort_by(|a, b| a.what.cmp(&b.what));
        told
    }

    fn ms(&self, at: Instant) -> u64 {
        at.saturating_duration_since(self.began).as_millis() as u64
    }
}

fn loaded(what: &str, reading: Reading) -> Loaded {
    let values = reading.measured().map(|measured| measured.values);
    let Values {
        connections,
        load,
        time_ms,
    } = values.unwrap_or_default();
    Loaded {
        what: what.to_owned(),
        connections,
        load,
        time_ms,
        words: reading.to_string(),
        share: None,
        why: None,
    }
}

fn max_age_ms(config: &Config, pool: PoolId) -> u64 {
    config.pools[pool.index()].load.max_age.as_millis() as u64
}

fn pools_by_name(pools: &Pools) -> HashMap<Box<str>, PoolId> {
    let names = pools.pools.iter().map(|pool| pool.name.clone());
    names.zip((0..).map(PoolId)).collect()
}

/// As much of a name as a message shows.
fn short(name: &str) -> String {
    name.chars().take(80).flat_map(char::escape_debug).collect()
}

/// Finds pools and endpoints by name: many of one pool at no more cost than its endpoints.
struct Named<'n> {
    names: &'n HashMap<Box<str>, PoolId>,
    pools: &'n Pools,
    destinations: HashMap<PoolId, HashMap<&'n Destination, EndpointId>>,
}

impl<'n> Named<'n> {
    fn new(names: &'n HashMap<Box<str>, PoolId>, pools: &'n Pools) -> Self {
        Named {
            names,
            pools,
            destinations: HashMap::new(),
        }
    }

    /// `web-eu` or `web-eu/192.0.2.1`: its name as reports are kept by, and the pool.
    fn find(&mut self, what: &str) -> Option<(String, PoolId)> {
        let (pool, address) = match what.split_once('/') {
            Some((pool, address)) => (pool, Some(address)),
            None => (what, None),
        };
        let pool = *self.names.get(pool)?;
        let Some(address) = address else {
            return Some((what.to_owned(), pool));
        };
        let destination = Destination::parse(address)?;
        let pools = self.pools;
        let destinations = self.destinations.entry(pool).or_insert_with(|| {
            let ids = pools.pools[pool.index()].endpoint_ids();
            ids.map(|id| (&pools.endpoints[id.index()].destination, id))
                .collect()
        });
        let id = destinations.get(&destination)?;
        Some((key(pools, *id), pool))
    }
}
