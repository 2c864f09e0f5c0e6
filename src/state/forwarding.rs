//! What the forwarder does with a request: routes, and what it knows of those whom they lead to.

mod access;
pub mod cache;
mod entrance;
mod fleet;
mod latency;
mod log;
mod outcomes;
mod rate;
mod route;
mod rtts;
mod slots;
mod standing;
mod sticky;
mod tally;
mod way;

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use super::listening::{Listener, Spot};
use super::preference::Preference;
use super::rate_table::RateTable;
pub use crate::model::routing::HostPattern;
use crate::model::routing::{ErrorPages, Index};
use crate::model::{EndpointId, PoolId};
pub use access::{Access, Placed};
pub use cache::Cache;
pub use entrance::{ByName, Counter, Counts, Entrance, Mode, Tcp, Tls};
pub use fleet::{Budget, Circuit, Fleet, Passage};
pub use latency::Latency;
pub use log::{Format, Log, Logging, Target};
pub use outcomes::{Failure, Outcome, Outcomes};
pub use rate::{RATES_TOLD_APART, Rate, RatedBy};
pub use route::{Action, Caching, Forward, Route};
pub use rtts::{Rtt, Rtts, bits_of};
pub use slots::{Full, Limits, Slots, Waiting};
pub use standing::{Entry, Outliers, Standing};
pub use sticky::{Form, Keys, Named, SECRETS_MAX, Secure, Sticky};
pub use tally::{Cached, ENDS_MS, Tally};
pub use way::{ClientTls, Way};

/// The forwarding part of a root; empty where there is no forwarder.
#[derive(Debug, Default)]
pub struct Forwarding {
    pub listeners: Box<[Arc<Listener>]>,
    /// In the order in which they are asked.
    pub routes: Box<[Route]>,
    /// Over them.
    pub index: Index,
    /// Where no route fits, and where the route has no page of its own.
    pub error_pages: ErrorPages,
    /// What routes keep of responses; `None`: none keeps any.
    pub cache: Option<Arc<Cache>>,
    /// By [`PoolId`]: `None` for those that no route leads to.
    pub upstreams: Box<[Option<Arc<Upstream>>]>,
    /// By [`EndpointId`]: `None` for those of such pools.
    pub backends: Box<[Option<Arc<Backend>>]>,
    /// What those who watch backends are told of requests.
    pub outcomes: Arc<Outcomes>,
    /// What is known of pools, by their names.
    pub fleets: HashMap<Box<str>, Arc<Fleet>>,
    /// Of routes that limit rates.
    pub rates: Option<Arc<RateTable>>,
    pub doors: Doors,
    /// Of requests that no route fits.
    pub unrouted: Arc<Told>,
    /// How far away clients are.
    pub rtts: Arc<Rtts>,
    /// Where requests are logged, each once.
    pub logs: Box<[Arc<Log>]>,
}

/// To whom the requests of a route are told.
#[derive(Debug, Default)]
pub struct Told {
    /// What the route is called.
    pub route: Box<str>,
    pub tally: Arc<Tally>,
    pub logging: Option<Logging>,
}

/// How many connections of clients there may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Doors {
    pub connections_max: u32,
    pub per_client_max: u32,
}

impl Default for Doors {
    fn default() -> Self {
        Doors {
            connections_max: u32::MAX,
            per_client_max: u32::MAX,
        }
    }
}

impl Forwarding {
    /// Whose `spot` is; `None`: it is listened on no longer.
    pub fn listener(&self, spot: Spot) -> Option<&Arc<Listener>> {
        let mut left = spot.nth;
        self.listeners.iter().find(|listener| {
            let of_it = listener.addresses.iter();
            of_it.filter(|&&address| address == spot.address).any(|_| {
                let is_it = left == 0;
                left = left.saturating_sub(1);
                is_it
            })
        })
    }

    /// Everything that is listened on.
    pub fn spots(&self) -> Vec<Spot> {
        let mut spots: Vec<Spot> = Vec::new();
        for &address in self
            .listeners
            .iter()
            .flat_map(|listener| &listener.addresses)
        {
            let nth = spots.iter().filter(|spot| spot.address == address).count();
            let nth = nth as u16;
            spots.push(Spot { address, nth });
        }
        spots
    }

    pub fn upstream(&self, id: PoolId) -> Option<&Arc<Upstream>> {
        self.upstreams.get(id.index())?.as_ref()
    }

    pub fn backend(&self, id: EndpointId) -> Option<&Arc<Backend>> {
        self.backends.get(id.index())?.as_ref()
    }
}

/// What is spoken with the endpoints of a pool.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    Http1,
    Http2,
}

/// How the endpoints of a pool are spoken to.
#[derive(Debug)]
pub struct Upstream {
    /// What the pool is called.
    pub pool: Box<str>,
    pub protocol: Protocol,
    pub connect_timeout: Duration,
    /// From the request to the head of its response.
    pub response_timeout: Duration,
    /// Between two parts of a response's body.
    pub body_timeout: Duration,
    /// How long a connection may wait for its next request.
    pub idle_timeout: Duration,
    /// Further endpoints that a request may be sent to.
    pub retries: u32,
    pub way: Arc<Way>,
    pub care: Care,
    /// All of the pool's.
    pub backends: Box<[Arc<Backend>]>,
    /// Where routes have a `balance` of their own that goes by it.
    pub preferences: Preferences,
}

/// What is done so that endpoints in trouble do no harm.
#[derive(Debug)]
pub struct Care {
    /// From the request to the end of its response.
    pub total_timeout: Option<Duration>,
    pub budget: Budget,
    /// Responses with these are taken for none, where the request can be sent again.
    pub retry_statuses: Box<[u16]>,
    pub limits: Limits,
    /// How long a request waits for another to end.
    pub pending_timeout: Duration,
    pub outliers: Option<Outliers>,
    pub circuit: Option<Circuit>,
    pub fleet: Arc<Fleet>,
    pub outcomes: Arc<Outcomes>,
    /// After a failure, so many successes are told to who watches the endpoints; 0: nobody listens.
    pub told: u32,
}

impl Care {
    /// How long the pool is not asked, where it mostly fails.
    pub fn open_for(&self, now_ms: u64) -> Option<Duration> {
        self.circuit.as_ref()?;
        self.fleet.open_for(now_ms)
    }
}

/// Of IPv4 and of IPv6, each where it is needed and the pool's own balance is another.
#[derive(Debug, Default)]
pub struct Preferences {
    pub rings: [Option<Preference>; 2],
    pub lists: [Option<Preference>; 2],
}

/// What the workers know of one endpoint together. It outlives reloads that keep the endpoint.
#[derive(Debug)]
pub struct Backend {
    pub address: SocketAddr,
    /// Tells it from all others that the process has known.
    pub number: u64,
    /// In which way its connections are made.
    pub way: Arc<Way>,
    /// For the requests, and connections of other protocols, that it works on.
    pub slots: Slots,
    pub latency: Latency,
    pub standing: Standing,
    pub tally: Tally,
}

impl Backend {
    /// `threads` serve.
    pub fn new(address: SocketAddr, way: Arc<Way>, number: u64, threads: usize) -> Self {
        Backend {
            address,
            number,
            way,
            slots: Slots::default(),
            latency: Latency::default(),
            standing: Standing::default(),
            tally: Tally::new(threads),
        }
    }

    pub fn in_flight(&self) -> u32 {
        self.slots.taken()
    }
}

impl AsRef<Slots> for Backend {
    fn as_ref(&self) -> &Slots {
        &self.slots
    }
}
