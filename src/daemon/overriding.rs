//! Operators' words between verdicts and the table that answers are made from.

use std::collections::HashMap;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::task::JoinHandle;

use super::verdicts::Verdicts;
use crate::admin::{Overridden, Standing};
use crate::clock;
use crate::model::EndpointId;
use crate::overrides::{Book, Forced, Order, Override, key, path_in};
use crate::state::Pools;
use crate::state::health::{EndpointHealth, Health};

type Changes = Vec<(EndpointId, EndpointHealth)>;

/// The words that stand, and what they make of the endpoints that are served.
pub struct Overriding {
    book: Book,
    forced: HashMap<EndpointId, Forced>,
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
            forced: book.forced(pools, clock::unix_ms()),
            book,
            version: 0,
            saved: Arc::default(),
        })
    }

    /// Without what is forced to be something else.
    pub fn heard(&self, changes: Changes) -> Changes {
        let is_heard = |(id, _): &(EndpointId, EndpointHealth)| !self.forced.contains_key(id);
        changes.into_iter().filter(is_heard).collect()
    }

    /// `health`, of `pools`, with what is forced.
    pub fn imposed(&self, health: Health, pools: &Pools) -> Health {
        if self.forced.is_empty() {
            return health;
        }
        let forced = self.forced.iter();
        let forced: Changes = forced.map(|(&id, forced)| (id, forced.health)).collect();
        health.with(pools, &forced)
    }

    /// Goes over to other endpoints.
    pub fn adopt(&mut self, pools: &Pools) {
        let words = self.book.overrides();
        for word in words.filter(|word| word.what.endpoints(pools).is_empty()) {
            tracing::warn!(endpoints = %word.what, "no endpoint (any more) to be {word}");
        }
        self.forced = self.book.forced(pools, clock::unix_ms());
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
        let verdict = |id| verdicts.endpoint(pools, id).verdict;
        let word = self.book.add(order, pools, verdict, clock::unix_ms())?;
        tracing::info!(endpoints = %word.what, "{word}");
        let changes = self.look(pools, verdicts);
        Ok((standing(word, pools), changes))
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

    /// Looks again what is forced; what it was and what it is now differ in the endpoints that are returned.
    fn look(&mut self, pools: &Pools, verdicts: &Verdicts) -> Changes {
        let now = self.book.forced(pools, clock::unix_ms());
        let before = std::mem::replace(&mut self.forced, now);
        let freed = before.keys().filter(|id| !self.forced.contains_key(id));
        let freed = freed.map(|&id| (id, verdicts.endpoint(pools, id)));
        let forced = self.forced.iter().map(|(&id, forced)| (id, forced.health));
        freed.chain(forced).collect()
    }

    /// For the admin API.
    pub fn told(&self, pools: &Pools) -> Overridden {
        let words = self.book.overrides();
        let why = self.forced.iter();
        Overridden {
            standing: words.map(|word| standing(word.clone(), pools)).collect(),
            why: why
                .map(|(&id, forced)| (key(pools, id), forced.why.clone()))
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
