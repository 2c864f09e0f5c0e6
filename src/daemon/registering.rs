//! Who registered, between the admin API and the pools that are served.

use std::collections::{HashMap, HashSet};
use std::path::Path;
use std::time::Instant;

use tokio::sync::{mpsc, oneshot};

use crate::admin::Registered;
use crate::clock;
use crate::config::{Config, Joined, Origin, Pool, is_for_clients};
use crate::model::{Destination, PoolId};
use crate::overrides::{Action, Override, key};
use crate::registrations::{Book, Changed, Leave, Order, Page, Registration, path_in};
use crate::state::Root;

/// Who registered, and where that is saved.
pub struct Registering {
    book: Book,
    saver: mpsc::UnboundedSender<Save>,
    /// Pools by name, once somebody asks.
    names: Option<HashMap<String, PoolId>>,
    /// Leases are counted from here on by a clock that nobody sets.
    began: (Instant, u64),
}

/// Something to be saved, and who waits for that; told what was wrong, in words.
struct Save {
    page: Page,
    reply: oneshot::Sender<Option<String>>,
}

/// What came of an order.
pub struct Done {
    pub registration: Registration,
    pub changed: Changed,
}

impl Registering {
    /// With what the state folder has. Must be called in a Tokio runtime.
    ///
    /// # Errors
    /// In words, when that cannot be read.
    pub fn open(state_dir: Option<&Path>) -> Result<Self, String> {
        let now_unix_ms = clock::unix_ms();
        let book = Book::open(state_dir.map(path_in), now_unix_ms)?;
        let many = book.registrations().count();
        if many > 0 {
            tracing::info!(endpoints = many, "still registered");
        }
        let (saver, queue) = mpsc::unbounded_channel();
        tokio::spawn(save_all(queue));
        Ok(Registering {
            book,
            saver,
            names: None,
            began: (clock::now(), now_unix_ms),
        })
    }

    fn now_unix_ms(&self) -> u64 {
        let (began, began_unix_ms) = self.began;
        let since = clock::now().saturating_duration_since(began);
        began_unix_ms + since.as_millis() as u64
    }

    /// Goes over to another configuration.
    pub fn adopt(&mut self) {
        self.names = None;
    }

    /// For the expansion of the configuration.
    pub fn joined(&self) -> HashMap<String, Vec<Joined>> {
        let mut joined: HashMap<String, Vec<Joined>> = HashMap::new();
        for Registration { order, .. } in self.book.registrations() {
            if let Some(destination) = Destination::parse(&order.address) {
                let of_pool = joined.entry(order.pool.clone()).or_default();
                of_pool.push(Joined {
                    destination,
                    weight: order.weight,
                });
            }
        }
        joined
    }

    /// Those that are not to get anybody new, as the words that say so.
    pub fn drains(&self) -> Vec<Override> {
        let draining = self.book.registrations().filter(|r| r.order.drain);
        let word = |registration: &Registration| {
            let Order { pool, address, .. } = &registration.order;
            Some(Override {
                id: 0,
                what: format!("{pool}/{address}").parse().ok()?,
                action: Action::Drain,
                percent: None,
                over_s: None,
                reason: None,
                by: None,
                since_unix_ms: registration.since_unix_ms,
                until_unix_ms: None,
            })
        };
        draining.filter_map(word).collect()
    }

    /// Takes an order.
    ///
    /// # Errors
    /// In words: nobody may register there, or not so. Nothing has changed then.
    pub fn add(&mut self, order: Order, config: &Config) -> Result<Done, String> {
        let (pool, destination) = self.meant(&order.pool, &order.address, config)?;
        let order = Order {
            address: destination.to_string(),
            ..order
        };
        self.check(&order, &destination, pool, config)?;
        let now_unix_ms = self.now_unix_ms();
        let (registration, changed) = self.book.add(order, now_unix_ms);
        tell(&registration, changed);
        Ok(Done {
            registration,
            changed,
        })
    }

    /// Takes one out.
    ///
    /// # Errors
    /// In words: it has not registered.
    pub fn leave(&mut self, leave: &Leave) -> Result<Registration, String> {
        let Leave { pool, address } = leave;
        let destination = Destination::parse(address);
        let leave = Leave {
            pool: pool.clone(),
            address: destination.map_or_else(|| short(address), |at| at.to_string()),
        };
        let nobody = || {
            format!(
                "{} has not registered in pool `{}`",
                leave.address,
                short(pool)
            )
        };
        let left = self.book.leave(&leave).ok_or_else(nobody)?;
        tracing::info!(pool, address = leave.address, "left");
        Ok(left)
    }

    /// Forgets those whose lease is over; whether there were any.
    pub fn expire(&mut self) -> bool {
        let over = self.book.expire(self.now_unix_ms());
        for Registration { order, .. } in &over {
            let Order { pool, address, .. } = order;
            tracing::warn!(pool, address, "no longer registered: its lease is over");
        }
        !over.is_empty()
    }

    /// Saves what stands, beside the control loop: what was wrong with that is sent, in words.
    pub fn save(&self) -> oneshot::Receiver<Option<String>> {
        let (reply, saved) = oneshot::channel();
        match self.book.page() {
            // The task ends with the runtime alone.
            Some(page) => drop(self.saver.send(Save { page, reply })),
            None => drop(reply.send(None)),
        }
        saved
    }

    /// For the admin API: all, with what is served of them.
    pub fn told(&self, config: &Config, root: &Root) -> Vec<Registered> {
        let pools = &root.pools;
        let verdicts: HashMap<String, String> = (0..)
            .map(crate::model::EndpointId)
            .take(pools.endpoints.len())
            .filter(|id| {
                config.pools[pools.endpoints[id.index()].pool.index()]
                    .registration
                    .is_some()
            })
            .map(|id| (key(pools, id), root.health.endpoint(id).verdict.to_string()))
            .collect();
        let open = config
            .pools
            .iter()
            .filter(|pool| pool.registration.is_some());
        let open: HashSet<&str> = open.map(|pool| &*pool.name).collect();
        let told = |registration: &Registration| {
            let Order { pool, address, .. } = &registration.order;
            let verdict = verdicts.get(&format!("{pool}/{address}")).cloned();
            Registered {
                why: match (&verdict, open.contains(pool.as_str())) {
                    (Some(_), _) => None,
                    (None, true) => Some("not served yet, or not beside the others".to_owned()),
                    (None, false) => Some("nobody may register there (any more)".to_owned()),
                },
                verdict,
                registration: registration.clone(),
            }
        };
        self.book.registrations().map(told).collect()
    }

    fn meant<'c>(
        &mut self,
        pool: &str,
        address: &str,
        config: &'c Config,
    ) -> Result<(&'c Pool, Destination), String> {
        let names = self.names.get_or_insert_with(|| {
            let names = config.pools.iter().map(|pool| pool.name.clone());
            names.zip((0..).map(PoolId)).collect()
        });
        let id = names.get(pool);
        let id = id.ok_or_else(|| format!("there is no pool `{}`", short(pool)))?;
        let destination = Destination::parse(address);
        let destination = destination.filter(|at| at.address().is_some_and(is_for_clients));
        let destination = destination.ok_or_else(|| {
            format!(
                "`{}` is no address that a client can connect to: expected one such as `192.0.2.1`, or with a \
                 port `192.0.2.1:8080`",
                short(address)
            )
        })?;
        Ok((&config.pools[id.index()], destination))
    }

    fn check(
        &self,
        order: &Order,
        destination: &Destination,
        pool: &Pool,
        config: &Config,
    ) -> Result<(), String> {
        let name = &pool.name;
        let Some(registration) = pool.registration else {
            return Err(format!(
                "nobody may register in pool `{name}`: `[pool.{name}] registration = {{}}` allows it"
            ));
        };
        let longest = registration.lease_max.as_secs();
        if !(1..=longest).contains(&order.lease_s) {
            return Err(format!(
                "a lease of {} s is out of range: expected 1 s to {longest} s (`lease_max` of pool `{name}`)",
                order.lease_s
            ));
        }
        let known = self.book.of_pool(name);
        let is_known = known
            .iter()
            .any(|known| known.order.address == order.address);
        if !is_known && known.len() >= registration.max as usize {
            return Err(format!(
                "{} endpoints have registered in pool `{name}` already, which is its `max`",
                known.len()
            ));
        }
        let written = pool
            .endpoints
            .iter()
            .filter(|e| e.origin == Origin::Written);
        let mut written = written.map(|endpoint| &endpoint.destination);
        if written.any(|written| written == destination) {
            return Err(format!(
                "{destination} is written in pool `{name}` already: an override drains or weighs it"
            ));
        }
        self.check_ports(destination, pool, config)
    }

    /// Records have no ports.
    fn check_ports(
        &self,
        destination: &Destination,
        pool: &Pool,
        config: &Config,
    ) -> Result<(), String> {
        let address = destination.address();
        let written = pool
            .endpoints
            .iter()
            .filter(|e| e.origin == Origin::Written);
        let written = written.map(|endpoint| endpoint.destination.clone());
        let registered = self.book.of_pool(&pool.name).iter();
        let registered = registered.filter_map(|known| Destination::parse(&known.order.address));
        let mut others = written.chain(registered);
        let twin = others.find(|other| other != destination && other.address() == address);
        let Some(twin) = twin else {
            return Ok(());
        };
        let mut answered = config.answered_pools().into_iter();
        match answered.any(|id| config.pools[id.index()].name == pool.name) {
            true => Err(format!(
                "{twin} is in pool `{}` already, and balanced names are answered with it: records have no ports",
                pool.name
            )),
            false => Ok(()),
        }
    }
}

fn tell(registration: &Registration, changed: Changed) {
    let Order {
        pool,
        address,
        weight,
        drain,
        ..
    } = &registration.order;
    match changed {
        Changed::Joined => tracing::info!(pool, address, weight, drain, "registered"),
        Changed::Terms => tracing::info!(pool, address, weight, drain, "registered anew"),
        Changed::Nothing => {}
    }
}

/// As much of a name as a message shows.
fn short(name: &str) -> String {
    name.chars().take(80).flat_map(char::escape_debug).collect()
}

/// Saves the newest that there is, and tells all that have waited for it or for something older.
async fn save_all(mut queue: mpsc::UnboundedReceiver<Save>) {
    while let Some(mut newest) = queue.recv().await {
        let mut waiting = Vec::new();
        while let Ok(newer) = queue.try_recv() {
            waiting.push(std::mem::replace(&mut newest, newer).reply);
        }
        let Save { page, reply } = newest;
        waiting.push(reply);
        let saved = tokio::task::spawn_blocking(move || {
            let error = page.save().err()?;
            let why = format!("{} cannot be saved: {error}", page.path().display());
            tracing::error!("{why}");
            Some(why)
        });
        let unsaved = saved.await.unwrap_or_else(|e| Some(e.to_string()));
        for reply in waiting {
            // Whoever asked may have gone.
            let _ = reply.send(unsaved.clone());
        }
    }
}
