//! A server inside the test: the answer engine itself, over a root made of texts. No sockets, no
//! threads, no clock.
#![allow(dead_code)] // Each test program uses its part.

mod query;
mod reply;
pub mod wire;

use std::net::IpAddr;
use std::sync::Arc;

use meridian::compile::{self, Whole};
use meridian::model::EndpointId;
use meridian::nameserver::answer::{self, Transport, Worker};
use meridian::random::Random;
use meridian::state::{EndpointHealth, Health, Identity, Root, Service};

pub use query::Query;
pub use reply::Reply;

/// Compiles `meridian.toml` and the files that it names (name, content).
///
/// # Errors
/// Every mistake, a line each.
pub fn compile(files: &[(&str, &str)]) -> Result<Whole, String> {
    let folder = tempfile::tempdir().map_err(|e| e.to_string())?;
    for (name, content) in files {
        std::fs::write(folder.path().join(name), content).map_err(|e| e.to_string())?;
    }
    match compile::load(&folder.path().join("meridian.toml"), None) {
        Ok((whole, _warnings)) => Ok(whole),
        Err(mistakes) => {
            let lines: String = mistakes.sorted().iter().map(|m| format!("{m}\n")).collect();
            Err(lines.replace(&format!("{}/", folder.path().display()), ""))
        }
    }
}

/// What answers: a root, and the state of one worker.
pub struct Server {
    root: Root,
    worker: Worker,
    buffer: Vec<u8>,
}

impl Server {
    /// Everything is up, and nothing will change soon.
    pub fn new(whole: &Whole, seed: u64) -> Self {
        let health = Health::new(&whole.parts.pools, |_| EndpointHealth::UNWATCHED);
        let root = whole.parts.root(1, Arc::new(health));
        let mut worker = Worker::new(Random::from_seed(seed), None);
        worker.fit(&root);
        Server {
            root,
            worker,
            buffer: vec![0; usize::from(u16::MAX)],
        }
    }

    /// From now on, `known` says what is believed of the endpoint with an address. Other names are up.
    pub fn set_health(&mut self, known: impl Fn(IpAddr) -> EndpointHealth) {
        let pools = &self.root.pools;
        let known = |id: EndpointId| {
            let address = pools.endpoints[id.index()].destination.address();
            address.map_or(EndpointHealth::UNWATCHED, &known)
        };
        let health = Health::new(pools, known);
        self.root.health = Arc::new(health);
    }

    /// From now on, this is what the server says of itself.
    pub fn set_identity(&mut self, identity: Identity) {
        self.root.service = Arc::new(Service {
            identity,
            ..Service::default()
        });
    }

    /// From now on it is this time, in seconds since the Unix epoch.
    pub fn set_time(&mut self, unix_s: u64) {
        self.worker.unix_ms = unix_s * 1000;
    }

    /// Whether the last query came with a valid server cookie.
    pub fn knows_client(&self) -> bool {
        self.worker.has_valid_cookie
    }

    /// From now on, TCP connections may stay idle for this long.
    pub fn set_idle_timeout(&mut self, timeout_100ms: u16) {
        self.worker.idle_timeout_100ms = Some(timeout_100ms);
    }

    /// From now on, these parts and this health are what is answered from.
    pub fn set_root(&mut self, root: Root) {
        self.root = root;
        self.worker.fit(&self.root);
    }

    /// The answer to any octets at all, or that there is none.
    pub fn exchange(
        &mut self,
        message: &[u8],
        peer: IpAddr,
        transport: Transport,
    ) -> Option<Reply> {
        let query = answer::Query {
            message,
            peer,
            transport,
        };
        let length = answer::answer(&mut self.worker, &self.root, &query, &mut self.buffer)?;
        Some(Reply::new(self.buffer[..length].to_vec()))
    }

    /// The answer to a query, which has one.
    #[track_caller]
    pub fn ask(&mut self, query: &Query) -> Reply {
        self.exchange(&query.message(), query.peer, query.transport)
            .expect("a query is answered")
    }
}
