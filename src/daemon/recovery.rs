//! Who comes back from being down: not all at once where that is asked for, or not without being told to.

use std::collections::{BTreeMap, HashMap};

use super::overriding::Overriding;
use crate::compile::Whole;
use crate::config;
use crate::model::{EndpointId, PoolId, Share, Verdict};
use crate::overrides::key;
use crate::state::Pools;
use crate::state::health::{EndpointHealth, Health};

type Changes = Vec<(EndpointId, EndpointHealth)>;

/// Who is coming back, and since when: in milliseconds since the Unix epoch.
#[derive(Debug, Default)]
pub struct Recovery {
    endpoints: HashMap<EndpointId, u64>,
    pools: HashMap<PoolId, u64>,
}

/// What one looks at.
pub struct Seen<'a> {
    /// What is published.
    pub before: &'a Health,
    pub whole: &'a Whole,
    pub overriding: &'a Overriding,
    pub now_unix_ms: u64,
}

impl Seen<'_> {
    fn pool(&self, id: PoolId) -> &config::Pool {
        &self.whole.config.pools[id.index()]
    }

    fn pool_of(&self, id: EndpointId) -> PoolId {
        self.whole.parts.pools.endpoints[id.index()].pool
    }

    /// Which part a pool, or an endpoint of it, takes that is up again since then; `None`: all, by now.
    fn part(&self, pool: PoolId, since_unix_ms: u64) -> Option<Share> {
        let whole_ms = self.pool(pool).slow_start?.as_millis() as f64;
        let gone = self.now_unix_ms.saturating_sub(since_unix_ms) as f64 / whole_ms;
        (gone < 1.0).then(|| Share((gone.max(LEAST) * f64::from(u16::MAX)) as u16))
    }
}

/// What is taken at first: enough to see whether it works.
const LEAST: f64 = 0.1;

impl Recovery {
    /// Whether anybody is coming back.
    pub fn is_under_way(&self) -> bool {
        !self.endpoints.is_empty() || !self.pools.is_empty()
    }

    /// Takes notice of `changes`, and adds what comes of going on; and who went down and is to stay so.
    pub fn look(&mut self, seen: &Seen<'_>, mut changes: Changes) -> (Changes, Vec<EndpointId>) {
        let mut held = Vec::new();
        for &(id, new) in &changes {
            let (was, is) = (seen.before.endpoint(id).verdict, new.verdict);
            let pool = seen.pool_of(id);
            if was == Verdict::Down && is == Verdict::Up && seen.pool(pool).slow_start.is_some() {
                self.endpoints.insert(id, seen.now_unix_ms);
                let slot = seen.before.slot(pool);
                if slot.is_empty() || slot.accepts == [Share::NONE; 2] {
                    self.pools.insert(pool, seen.now_unix_ms);
                }
            }
            if was != Verdict::Down && is == Verdict::Down {
                self.endpoints.remove(&id);
            }
            let is_fall = was == Verdict::Up && is == Verdict::Down;
            if is_fall && seen.pool(pool).manual_resume && !seen.overriding.has_word(id) {
                held.push(id);
            }
        }
        let changed: HashMap<EndpointId, usize> = (0..)
            .zip(&changes)
            .map(|(place, &(id, _))| (id, place))
            .collect();
        self.endpoints.retain(|&id, since| {
            let part = seen.part(seen.pool_of(id), *since);
            let place = changed.get(&id).copied().unwrap_or_else(|| {
                changes.push((id, seen.overriding.of_words_alone(id, seen.before)));
                changes.len() - 1
            });
            let health = &mut changes[place].1;
            health.share = health.share.and(part.unwrap_or(Share::ALL));
            part.is_some()
        });
        self.pools
            .retain(|&id, since| seen.part(id, *since).is_some());
        (changes, held)
    }

    /// Of pools that are coming back.
    pub fn pool_shares(&self, seen: &Seen<'_>) -> BTreeMap<PoolId, Share> {
        let pools = self.pools.iter();
        pools
            .filter_map(|(&id, &since)| Some((id, seen.part(id, since)?)))
            .collect()
    }

    /// Goes over to other pools: who is still there goes on.
    pub fn adopt(&mut self, before: &Pools, now: &Pools) {
        if !self.is_under_way() {
            return;
        }
        let ids = (0..now.endpoints.len() as u32).map(EndpointId);
        let by_key: HashMap<String, EndpointId> = ids.map(|id| (key(now, id), id)).collect();
        let endpoints = std::mem::take(&mut self.endpoints).into_iter();
        let endpoints = endpoints.filter_map(|(id, since)| {
            let id = by_key.get(&key(before, id))?;
            Some((*id, since))
        });
        self.endpoints = endpoints.collect();
        let by_name: HashMap<&str, PoolId> = now
            .pools
            .iter()
            .map(|pool| &*pool.name)
            .zip((0..).map(PoolId))
            .collect();
        let pools = std::mem::take(&mut self.pools).into_iter();
        let pools = pools.filter_map(|(id, since)| {
            let id = by_name.get(&*before.pools[id.index()].name)?;
            Some((*id, since))
        });
        self.pools = pools.collect();
    }
}
