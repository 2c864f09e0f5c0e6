//! Operators' words between verdicts and the table that answers are made from.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::task::JoinHandle;

use super::verdicts::Verdicts;
use crate::admin::{Overridden, Standing};
use crate::clock;
use crate::model::{EndpointId, PoolId, Share};
use crate::overrides::{Book, Imposed, Order, Override, key, path_in};
use crate::state::Pools;
use crate::state::health::{EndpointHealth, Health};

type Changes = Vec<(EndpointId, EndpointHealth)>;

/// The words that stand, and what they make of the endpoints that are served.
pub struct Overriding {
    book: Book,
    /// Words that others have from somewhere else, as if they stood before all.
    given: Vec<Override>,
    imposed: Imposed,
    /// The part that an endpoint takes because it is slow.
    slow: HashMap<EndpointId, Share>,
    /// Whether that is not what was told.
    slow_changed: bool,
    /// Counts changes.
    version: u64,
    /// The newest that was saved.
    saved: Arc<Mutex<u64>>,
}

impl Overriding {
    /// With what the state folder has.
    ///
    /// # Errors
    /// In words, when that cannot be read.
    pub fn open(state_dir: Option<&Path>, pools: &Pools) -> Result<Self, String> {
        let book = Book::open(state_dir.map(path_in))?;
        for word in book.overrides() {
            tracing::info!(endpoints = %word.what, "still {word}");
        }
        Ok(Overriding {
            imposed: book.imposed(&[], pools, clock::unix_ms()),
            book,
            given: Vec::new(),
            slow: HashMap::new(),
            slow_changed: false,
            version: 0,
            saved: Arc::default(),
        })
    }

    /// Without what is forced to be something else, and with the part that each takes.
    pub fn heard(&mut self, changes: Changes) -> Changes {
        let mut slower = HashSet::new();
        for &(id, health) in &changes {
            let slow = (health.share != Share::ALL).then_some(health.share);
            let before = match slow {
                Some(share) => self.slow.insert(id, share),
                None => self.slow.remove(&id),
            };
            if before != slow {
                slower.insert(id);
            }
        }
        self.slow_changed |= !slower.is_empty();
        let is_heard = |(id, _): &(EndpointId, _)| !self.has_word(*id) || slower.contains(id);
        let changes = changes.into_iter().filter(is_heard);
        changes
            .map(|(id, health)| (id, self.word(id, |_| health)))
            .collect()
    }

    /// With the part that it takes because it is slow, and by these words.
    fn with_share(&self, id: EndpointId, health: EndpointHealth) -> EndpointHealth {
        let slow = self.slow.get(&id).copied().unwrap_or_default();
        let part = self.imposed.endpoints.get(&id);
        EndpointHealth {
            share: part.map_or(slow, |part| part.share.and(slow)),
            ..health
        }
    }

    /// Whether others are slow than was told before.
    pub fn is_untold(&self) -> bool {
        self.slow_changed
    }

    /// What an endpoint is by these words, where probes say `observed` of it.
    fn word(
        &self,
        id: EndpointId,
        observed: impl Fn(EndpointId) -> EndpointHealth,
    ) -> EndpointHealth {
        let forced = self.imposed.verdicts.get(&id);
        self.with_share(
            id,
            forced.map_or_else(|| observed(id), |forced| forced.health),
        )
    }

    /// `health`, of `pools`, with what is imposed on endpoints.
    pub fn imposed(&mut self, health: Health, pools: &Pools) -> Health {
        self.hear_who_is_slow(&health, pools);
        let imposed: Changes = self
            .endpoints()
            .map(|id| (id, self.word(id, |id| health.endpoint(id))))
            .collect();
        match imposed.is_empty() {
            true => health,
            false => health.with(pools, &imposed),
        }
    }

    /// What `health` has is what probes say alone: whoever takes a part only is slow.
    fn hear_who_is_slow(&mut self, health: &Health, pools: &Pools) {
        self.slow.clear();
        if health.is_reduced() {
            let ids = (0..pools.endpoints.len() as u32).map(EndpointId);
            let shares = ids.map(|id| (id, health.endpoint(id).share));
            self.slow
                .extend(shares.filter(|(_, share)| *share != Share::ALL));
        }
    }

    /// Whether it is said what an endpoint is.
    pub fn has_word(&self, id: EndpointId) -> bool {
        self.imposed.verdicts.contains_key(&id)
    }

    /// What `before` says of an endpoint, with the part that it takes by these words alone.
    pub fn of_words_alone(&self, id: EndpointId, before: &Health) -> EndpointHealth {
        let health = EndpointHealth {
            share: Share::ALL,
            ..before.endpoint(id)
        };
        self.with_share(id, health)
    }

    /// Of pools that are to take a part only.
    pub fn pool_shares(&self) -> BTreeMap<PoolId, Share> {
        let parts = self.imposed.pools.iter();
        parts.map(|(&id, part)| (id, part.share)).collect()
    }

    /// Those of which anything is said.
    fn endpoints(&self) -> impl Iterator<Item = EndpointId> {
        let verdicts = self.imposed.verdicts.keys();
        let shares = self.imposed.endpoints.keys();
        let shares = shares.filter(|id| !self.imposed.verdicts.contains_key(id));
        verdicts.chain(shares).copied()
    }

    /// Goes over to other endpoints.
    pub fn adopt(&mut self, pools: &Pools) {
        let words = self.book.overrides();
        for word in words.filter(|word| word.what.endpoints(pools).is_empty()) {
            tracing::warn!(endpoints = %word.what, "no endpoint (any more) to be {word}");
        }
        self.look_again(pools);
    }

    /// Takes an order; what stands then, and what changes by it.
    ///
    /// # Errors
    /// In words; nothing has changed then.
    pub fn add(
        &mut self,
        order: Order,
        pools: &Pools,
        verdicts: &Verdicts,
    ) -> Result<(Standing, Changes), String> {
        let word = self.say(order, pools, verdicts)?;
        Ok((standing(word, pools), self.look(pools, verdicts)))
    }

    /// Takes orders that nobody waits for; what changes by them. What is wrong with one is logged.
    pub fn add_all(
        &mut self,
        orders: impl IntoIterator<Item = Order>,
        pools: &Pools,
        verdicts: &Verdicts,
    ) -> Changes {
        for order in orders {
            let what = order.what.clone();
            if let Err(why) = self.say(order, pools, verdicts) {
                tracing::error!(endpoints = %what, "not overridden: {why}");
            }
        }
        self.look(pools, verdicts)
    }

    fn say(
        &mut self,
        order: Order,
        pools: &Pools,
        verdicts: &Verdicts,
    ) -> Result<Override, String> {
        let verdict = |id| verdicts.endpoint(pools, id).verdict;
        let word = self.book.add(order, pools, verdict, clock::unix_ms())?;
        tracing::info!(endpoints = %word.what, "{word}");
        Ok(word)
    }

    /// Takes back those that `is_meant`; what changes by it.
    pub fn clear(
        &mut self,
        is_meant: impl Fn(&Override) -> bool,
        pools: &Pools,
        verdicts: &Verdicts,
    ) -> (Vec<Standing>, Changes) {
        let cleared = self.book.clear(is_meant);
        for word in &cleared {
            tracing::info!(endpoints = %word.what, "no longer {word}");
        }
        let changes = self.look(pools, verdicts);
        let cleared = cleared.into_iter().map(|word| standing(word, pools));
        (cleared.collect(), changes)
    }

    /// Goes on with what takes its time; what changes by it, if anything does.
    pub fn go_on(&mut self, pools: &Pools, verdicts: &Verdicts) -> Option<Changes> {
        self.imposed.is_moving.then(|| self.look(pools, verdicts))
    }

    /// Forgets those whose time is over; what changes by it, if anything does.
    pub fn expire(&mut self, pools: &Pools, verdicts: &Verdicts) -> Option<Changes> {
        let over = self.book.expire(clock::unix_ms());
        for word in &over {
            tracing::info!(endpoints = %word.what, "no longer {word}: its time is over");
        }
        (!over.is_empty()).then(|| self.look(pools, verdicts))
    }

    /// Saves what stands, beside the control loop: a disk may take its time. The task ends when it is done,
    /// with what was wrong, in words.
    pub fn save(&mut self) -> JoinHandle<Option<String>> {
        self.version += 1;
        let (version, saved, page) = (self.version, Arc::clone(&self.saved), self.book.page());
        tokio::task::spawn_blocking(move || {
            let page = page?;
            let mut saved = saved.lock().unwrap_or_else(PoisonError::into_inner);
            // What was said later may have overtaken this.
            if version > *saved {
                if let Err(error) = page.save() {
                    let why = format!("{} cannot be saved: {error}", page.path().display());
                    tracing::error!("{why}");
                    return Some(why);
                }
                *saved = version;
            }
            None
        })
    }

    /// Looks again what is imposed; the endpoints of which anything was said or is said now are returned.
    fn look(&mut self, pools: &Pools, verdicts: &Verdicts) -> Changes {
        let before: Vec<EndpointId> = self.endpoints().collect();
        self.look_again(pools);
        let endpoints = before.into_iter().chain(self.endpoints());
        let observed = |id| verdicts.endpoint(pools, id);
        endpoints.map(|id| (id, self.word(id, observed))).collect()
    }

    fn look_again(&mut self, pools: &Pools) {
        self.imposed = self.book.imposed(&self.given, pools, clock::unix_ms());
    }

    /// Takes words that stand somewhere else, instead of those that were given before.
    pub fn give(&mut self, given: Vec<Override>, pools: &Pools) {
        self.given = given;
        self.look_again(pools);
    }

    /// The same while all is served; what changes by it.
    pub fn give_anew(
        &mut self,
        given: Vec<Override>,
        pools: &Pools,
        verdicts: &Verdicts,
    ) -> Changes {
        self.given = given;
        self.look(pools, verdicts)
    }

    /// For the admin API.
    pub fn told(&mut self, pools: &Pools) -> Overridden {
        self.slow_changed = false;
        let words = self.book.overrides();
        let verdicts = self
            .imposed
            .verdicts
            .iter()
            .map(|(&id, forced)| (id, &forced.why));
        let parts = self
            .imposed
            .endpoints
            .iter()
            .map(|(&id, part)| (id, &part.why));
        let mut why: HashMap<String, String> = HashMap::new();
        for (id, word) in verdicts.chain(parts) {
            let words = why.entry(key(pools, id)).or_default();
            if !words.is_empty() {
                words.push_str("; ");
            }
            words.push_str(word);
        }
        let pool_name = |id: PoolId| pools.pools[id.index()].name.to_string();
        let why_pools = self.imposed.pools.iter();
        Overridden {
            standing: words.map(|word| standing(word.clone(), pools)).collect(),
            why,
            why_slow: (self.slow.iter())
                .map(|(&id, share)| (key(pools, id), format!("{share} because it is slow")))
                .collect(),
            why_pools: why_pools
                .map(|(&id, part)| (pool_name(id), part.why.clone()))
                .collect(),
        }
    }
}

fn standing(word: Override, pools: &Pools) -> Standing {
    Standing {
        endpoints: word.what.endpoints(pools).len(),
        word,
    }
}
