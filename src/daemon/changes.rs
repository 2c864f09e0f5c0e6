//! What becomes of a verdict's change besides another answer: it is remembered, logged, counted and
//! handed on.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;

use super::announcer::Announcer;
use super::watching::{monitor, place};
use super::webhook::Postbox;
use crate::admin::health::{Cause, Changed, History};
use crate::clock;
use crate::compile::Parts;
use crate::health::{Flip, Turn};
use crate::model::{EndpointId, PoolId, Verdict};
use crate::state::pools::{Pools, Target, Watch};

/// Endpoints that a change lists.
const LISTED_MAX: usize = 16;
/// Changes of targets that are not answered from yet, or not any more.
const WAITING_MAX: usize = 10_000;

/// How often endpoints changed, by pool.
pub type Turned = Family<TurnedTo, Counter>;

/// What is counted together.
#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
pub struct TurnedTo {
    pool: String,
    to: String,
}

/// The verdict on an endpoint is another, for another reason than the one target that it goes by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EndpointTurn {
    pub id: EndpointId,
    pub from: Verdict,
    pub to: Verdict,
    pub why: String,
}

impl EndpointTurn {
    /// `None` where it is the same.
    pub fn new(id: EndpointId, from: Verdict, to: Verdict, why: &str) -> Option<Self> {
        (from != to).then(|| EndpointTurn {
            id,
            from,
            to,
            why: why.to_owned(),
        })
    }
}

pub struct Changes {
    pub turned: Turned,
    pub postbox: Arc<Postbox>,
    history: Arc<History>,
    announcer: Announcer,
    /// Of targets that the configuration to come may have.
    waiting: VecDeque<Flip>,
    /// Pools of which anything may be counted.
    counted: BTreeSet<Box<str>>,
    /// Changes that were told.
    count: u64,
}

impl Changes {
    pub fn new(history: Arc<History>, postbox: Arc<Postbox>) -> Self {
        Changes {
            turned: Turned::default(),
            // After those that still wait, whose numbers are of an earlier start.
            count: postbox.last_id(),
            postbox,
            history,
            announcer: Announcer::default(),
            waiting: VecDeque::new(),
            counted: BTreeSet::new(),
        }
    }

    /// Tells of flips of targets of `parts`; others wait for [`Changes::adopt`].
    pub fn tell(&mut self, flips: VecDeque<Flip>, parts: &Parts) {
        for flip in flips {
            let number = parts.target_numbers.get(&flip.key);
            match number.and_then(|&number| parts.pools.targets.get(number as usize)) {
                Some(target) => self.tell_flip(&parts.pools, target, flip),
                None if self.waiting.len() < WAITING_MAX => self.waiting.push_back(flip),
                None => {}
            }
        }
    }

    /// Tells of endpoints of `pools`: those of a pool that are alike in all together.
    pub fn tell_endpoints(&mut self, turns: Vec<EndpointTurn>, cause: Cause, pools: &Pools) {
        type Alike = (PoolId, String, String, String);
        let mut alike: BTreeMap<Alike, Vec<EndpointId>> = BTreeMap::new();
        for turn in turns {
            let pool = pools.endpoints[turn.id.index()].pool;
            let (from, to) = (turn.from.to_string(), turn.to.to_string());
            let ids = alike.entry((pool, from, to, turn.why)).or_default();
            ids.push(turn.id);
        }
        for ((pool, from, to, why), ids) in alike {
            if cause != Cause::Operator {
                self.count_turns(&pools.pools[pool.index()].name, &to, ids.len() as u64);
            }
            let monitor = pools.pools[pool.index()].monitor.as_deref();
            let calculated = monitor.filter(|_| cause == Cause::Calculation);
            self.tell_one(Changed {
                id: 0,
                at_unix_ms: clock::unix_ms(),
                cause,
                target: None,
                monitor: calculated.map(str::to_owned),
                part: false,
                from,
                to,
                why,
                ..about(pools, &ids)
            });
        }
    }

    /// From now on `parts` are answered from; what is about none of their targets or pools is forgotten.
    pub fn adopt(&mut self, parts: &Parts) {
        self.postbox.adopt(parts.webhook.clone());
        let waiting = std::mem::take(&mut self.waiting);
        self.tell(waiting, parts);
        self.waiting.clear();
        let pools: BTreeSet<&str> = parts.pools.pools.iter().map(|pool| &*pool.name).collect();
        let turned = &self.turned;
        self.counted.retain(|pool| {
            let is_there = pools.contains(&**pool);
            if !is_there {
                for to in [Verdict::Up, Verdict::Down, Verdict::Unknown] {
                    turned.remove(&turned_to(pool, &to.to_string()));
                }
            }
            is_there
        });
    }

    /// To be called once a second.
    pub fn tick(&mut self) {
        self.announcer.next_second();
    }

    fn tell_flip(&mut self, pools: &Pools, target: &Target, flip: Flip) {
        let (from, to) = match flip.turn {
            Turn::Verdict(from, to) => (from.to_string(), to.to_string()),
            Turn::Slower => ("up".to_owned(), DEGRADED.to_owned()),
            Turn::Quicker => (DEGRADED.to_owned(), "up".to_owned()),
            Turn::Unaskable => return self.announcer.announce_trouble(&flip.key.0, &flip.why),
        };
        let endpoints = target.endpoints.iter().copied();
        let (mut endpoints, parts): (Vec<_>, Vec<_>) =
            endpoints.partition(|&id| is_alone(pools, id));
        let mut alone_by_pool: BTreeMap<PoolId, u64> = BTreeMap::new();
        for id in &endpoints {
            let pool = pools.endpoints[id.index()].pool;
            *alone_by_pool.entry(pool).or_default() += 1;
        }
        if let Turn::Verdict(..) = flip.turn {
            for (pool, &count) in &alone_by_pool {
                self.count_turns(&pools.pools[pool.index()].name, &to, count);
            }
        }
        let part = endpoints.is_empty();
        endpoints.extend(&parts);
        self.tell_one(Changed {
            id: 0,
            at_unix_ms: flip.at_unix_ms,
            cause: Cause::Observation,
            target: Some(flip.key.to_string()),
            monitor: monitor(target).map(str::to_owned),
            part,
            part_endpoints: if part { 0 } else { parts.len() },
            from,
            to,
            why: flip.why,
            ..about(pools, &endpoints)
        });
    }

    fn count_turns(&mut self, pool: &str, to: &str, count: u64) {
        self.turned
            .get_or_create(&turned_to(pool, to))
            .inc_by(count);
        if !self.counted.contains(pool) {
            self.counted.insert(pool.into());
        }
    }

    fn tell_one(&mut self, mut changed: Changed) {
        self.count += 1;
        changed.id = self.count;
        // What operators say is in the log as they say it, and they need not be called for it.
        let is_news = changed.cause != Cause::Operator;
        if is_news {
            self.announcer.announce(&changed);
        }
        let changed = Arc::new(changed);
        if is_news {
            self.postbox.post(&changed);
        }
        self.history.add(changed);
    }
}

/// Up, and slow.
const DEGRADED: &str = "degraded";

fn turned_to(pool: &str, to: &str) -> TurnedTo {
    TurnedTo {
        pool: pool.to_owned(),
        to: to.to_owned(),
    }
}

/// Whether an endpoint goes by one target alone.
fn is_alone(pools: &Pools, id: EndpointId) -> bool {
    matches!(pools.endpoints[id.index()].target, Some(Watch::Target(_)))
}

/// A change of these endpoints, of which nothing else is said yet.
fn about(pools: &Pools, ids: &[EndpointId]) -> Changed {
    let (mut names, mut regions) = (BTreeSet::new(), BTreeSet::new());
    for &id in ids {
        let (region, pool) = place(pools, id);
        names.insert(pool);
        regions.insert(region);
    }
    let listed = ids.iter().take(LISTED_MAX);
    let listed = listed.map(|&id| crate::overrides::key(pools, id));
    let owned = |names: BTreeSet<&str>| names.into_iter().map(str::to_owned).collect();
    Changed {
        id: 0,
        at_unix_ms: 0,
        cause: Cause::Observation,
        target: None,
        monitor: None,
        part: false,
        pools: owned(names),
        regions: owned(regions),
        endpoints: listed.collect(),
        more_endpoints: ids.len().saturating_sub(LISTED_MAX),
        part_endpoints: 0,
        from: String::new(),
        to: String::new(),
        why: String::new(),
    }
}
