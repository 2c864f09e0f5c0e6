//! What the forwarder has to do, as reports of load: so that answers steer by it.

use std::collections::HashMap;
use std::sync::Arc;

use crate::compile::Whole;
use crate::config;
use crate::load::{Fraction, Report};
use crate::model::{EndpointId, PoolId, Verdict};
use crate::overrides::key;
use crate::state::forwarding::{Backend, Forwarding};
use crate::state::health::Health;

/// What was seen of endpoints since the last reports.
#[derive(Default)]
pub struct Forwarded {
    looks: u32,
    /// By the number of a backend.
    seen: HashMap<u64, Seen>,
}

#[derive(Clone, Copy, Default)]
struct Seen {
    /// The look that it was last seen in, so that an endpoint of several pools is seen once.
    look: u32,
    /// In flight, of all looks together.
    in_flight: u64,
    /// When the last reports were made.
    heads: u64,
    head_us: u64,
}

/// What an endpoint had to do, on average.
#[derive(Clone, Copy)]
struct Work {
    in_flight: f64,
    heads: u64,
    head_us: u64,
}

impl Work {
    fn time_ms(self) -> Option<f64> {
        (self.heads > 0).then(|| self.head_us as f64 / self.heads as f64 / 1000.0)
    }

    fn and(self, other: Self) -> Self {
        Work {
            in_flight: self.in_flight + other.in_flight,
            heads: self.heads + other.heads,
            head_us: self.head_us + other.head_us,
        }
    }
}

impl Forwarded {
    /// Looks at what is in flight; several times for each report, so that this is an average.
    pub fn look(&mut self, forwarding: &Forwarding) {
        self.looks += 1;
        for backend in forwarding.backends.iter().flatten() {
            let seen = self
                .seen
                .entry(backend.number)
                .or_insert_with(|| began(backend));
            if seen.look != self.looks {
                seen.look = self.looks;
                seen.in_flight += u64::from(backend.in_flight());
            }
        }
    }

    /// What was seen since the last time: of every endpoint that requests are forwarded to, and of pools that have their
    /// load from there (the second list).
    pub fn reports(&mut self, whole: &Whole, health: &Health) -> (Vec<Report>, Vec<Report>) {
        let forwarding = &whole.parts.forwarding;
        if self.looks == 0 || forwarding.backends.is_empty() {
            return Default::default();
        }
        let worked = self.worked(forwarding);
        let pools = &whole.parts.pools;
        let ids = (0..).map(EndpointId).zip(&worked);
        let of_endpoints = ids.filter_map(|(id, work)| {
            let work = (*work)?;
            Some(Report {
                what: key(pools, id),
                connections: Some(work.in_flight),
                load: None,
                time_ms: work.time_ms(),
            })
        });
        let of_endpoints = of_endpoints.collect();
        let of_pools = whole.config.pools.iter();
        let of_pools = of_pools.filter_map(|pool| of_pool(pool, whole, health, &worked));
        let of_pools = of_pools.collect();
        (of_endpoints, of_pools)
    }

    /// By endpoint; and begins anew.
    fn worked(&mut self, forwarding: &Forwarding) -> Vec<Option<Work>> {
        let looks = f64::from(std::mem::take(&mut self.looks));
        let mut next = HashMap::new();
        let work = |backend: &Option<Arc<Backend>>| {
            let backend = backend.as_ref()?;
            let now = began(backend);
            let seen = self.seen.get(&backend.number).copied().unwrap_or(now);
            next.insert(backend.number, now);
            Some(Work {
                in_flight: seen.in_flight as f64 / looks,
                heads: now.heads.saturating_sub(seen.heads),
                head_us: now.head_us.saturating_sub(seen.head_us),
            })
        };
        let worked = forwarding.backends.iter().map(work).collect();
        self.seen = next;
        worked
    }
}

fn began(backend: &Backend) -> Seen {
    Seen {
        look: 0,
        in_flight: 0,
        heads: backend.tally.sum(|counts| &counts.heads),
        head_us: backend.tally.sum(|counts| &counts.head_us),
    }
}

/// Of a pool that clients are sent to, whose endpoint is this forwarder: what the pools behind it have to do. Of their
/// capacity, that of endpoints that are down is gone.
fn of_pool(
    pool: &config::Pool,
    whole: &Whole,
    health: &Health,
    worked: &[Option<Work>],
) -> Option<Report> {
    let mut all: Option<Work> = None;
    let mut capacity = Some(0.0);
    for &id in &pool.load.from {
        for endpoint in whole.parts.pools.pools[id.index()].endpoint_ids() {
            if let Some(work) = worked.get(endpoint.index()).copied().flatten() {
                all = Some(all.map_or(work, |all| all.and(work)));
            }
        }
        capacity = capacity
            .zip(capacity_up(id, whole, health))
            .map(|(a, b)| a + b);
    }
    let all = all?;
    let capacity = capacity.filter(|capacity| *capacity > 0.0 && pool.load.capacity.is_none());
    let load = capacity.map(|capacity| (all.in_flight / capacity).min(10.0));
    Some(Report {
        what: pool.name.clone(),
        connections: Some(all.in_flight),
        load: load.and_then(|load| Fraction::new(load).ok()),
        time_ms: all.time_ms(),
    })
}

/// Of the endpoints of a pool that are up; `None`: it is not written.
fn capacity_up(id: PoolId, whole: &Whole, health: &Health) -> Option<f64> {
    let (pools, written) = (&whole.parts.pools, &whole.config.pools[id.index()]);
    let pool = &pools.pools[id.index()];
    let weights: f64 = written.endpoints.iter().map(|e| f64::from(e.weight)).sum();
    let mut capacity = 0.0;
    for (id, endpoint) in pool.endpoint_ids().zip(&written.endpoints) {
        let own = match (endpoint.capacity, written.load.capacity) {
            (Some(own), _) => f64::from(own),
            (None, Some(of_pool)) => {
                f64::from(of_pool) * f64::from(endpoint.weight) / weights.max(1.0)
            }
            (None, None) => return None,
        };
        let is_up = match health.endpoint(id).verdict {
            Verdict::Up => true,
            Verdict::Down => false,
            Verdict::Unknown => pool.unknown_is_up,
        };
        capacity += if is_up { own } else { 0.0 };
    }
    Some(capacity)
}
