//! What becomes of a verdict's change besides another answer: it is remembered, logged, counted and
//! handed on.

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;

use super::announcer::Announcer;
use super::watching::{monitor, place};
use super::webhook::Postbox;
use crate::admin::health::{Changed, History};
use crate::compile::Parts;
use crate::health::Flip;
use crate::state::pools::{Pools, Target};

/// Endpoints that a change lists.
const LISTED_MAX: usize = 16;
/// Changes of targets that are not answered from yet, or not any more.
const WAITING_MAX: usize = 10_000;

/// Changes that were told, by pool.
pub type Turned = Family<Turn, Counter>;

/// What is counted together.
#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
pub struct Turn {
    pool: String,
    to: String,
}

pub struct Changes {
    pub turned: Turned,
    pub postbox: Arc<Postbox>,
    history: Arc<History>,
    announcer: Announcer,
    /// Of targets that the configuration to come may have.
    waiting: VecDeque<Flip>,
    /// Changes that were told.
    count: u64,
}

impl Changes {
    pub fn new(history: Arc<History>) -> Self {
        Changes {
            turned: Turned::default(),
            postbox: Arc::default(),
            history,
            announcer: Announcer::default(),
            waiting: VecDeque::new(),
            count: 0,
        }
    }

    /// Tells of flips of targets of `parts`; others wait for [`Changes::adopt`].
    pub fn tell(&mut self, flips: VecDeque<Flip>, parts: &Parts) {
        for flip in flips {
            let number = parts.target_numbers.get(&flip.key);
            match number.and_then(|&number| parts.pools.targets.get(number as usize)) {
                Some(target) => self.tell_one(changed(&parts.pools, target, flip)),
                None if self.waiting.len() < WAITING_MAX => self.waiting.push_back(flip),
                None => {}
            }
        }
    }

    /// From now on `parts` are answered from; what is about none of their targets is forgotten.
    pub fn adopt(&mut self, parts: &Parts) {
        self.postbox.adopt(parts.webhook.clone());
        let waiting = std::mem::take(&mut self.waiting);
        self.tell(waiting, parts);
        self.waiting.clear();
    }

    /// To be called once a second.
    pub fn tick(&mut self) {
        self.announcer.next_second();
    }

    /// The server stops: what nobody could be told is said.
    pub fn tell_end(&self) {
        let waiting = self.postbox.posted().waiting;
        if waiting > 0 {
            tracing::warn!(
                waiting,
                "the webhook has not taken all changes, and will not get them"
            );
        }
    }

    fn tell_one(&mut self, mut changed: Changed) {
        self.count += 1;
        changed.id = self.count;
        self.announcer.announce(&changed);
        for pool in &changed.pools {
            let turn = Turn {
                pool: pool.clone(),
                to: changed.to.clone(),
            };
            self.turned.get_or_create(&turn).inc();
        }
        let changed = Arc::new(changed);
        self.postbox.post(&changed);
        self.history.add(changed);
    }
}

fn changed(pools: &Pools, target: &Target, flip: Flip) -> Changed {
    let mut names = BTreeSet::new();
    let mut regions = BTreeSet::new();
    for &id in &target.endpoints {
        let (region, pool) = place(pools, id);
        names.insert(pool);
        regions.insert(region);
    }
    let listed = target.endpoints.iter().take(LISTED_MAX);
    let listed = listed.map(|&id| crate::overrides::key(pools, id));
    let owned = |names: BTreeSet<&str>| names.into_iter().map(str::to_owned).collect();
    Changed {
        id: 0,
        at_unix_ms: flip.at_unix_ms,
        target: flip.key.to_string(),
        monitor: monitor(pools, target).map(str::to_owned),
        pools: owned(names),
        regions: owned(regions),
        endpoints: listed.collect(),
        more_endpoints: target.endpoints.len().saturating_sub(LISTED_MAX),
        from: flip.from.to_string(),
        to: flip.to.to_string(),
        why: flip.why,
    }
}
