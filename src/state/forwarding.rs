//! What the forwarder does with a request: routes, and what it knows of those whom they lead to.

mod entrance;
mod way;

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use super::listening::{Listener, Spot};
use super::pools::Member;
use crate::model::{EndpointId, PoolId};
pub use entrance::{ByName, Counter, Counts, Entrance, Mode, Tcp, Tls};
pub use way::{ClientTls, Way};

/// The forwarding part of a root; empty where there is no forwarder.
#[derive(Debug, Default)]
pub struct Forwarding {
    pub listeners: Box<[Arc<Listener>]>,
    /// In the order in which they are asked.
    pub routes: Box<[Route]>,
    /// By [`PoolId`]: `None` for those that no route leads to.
    pub upstreams: Box<[Option<Arc<Upstream>>]>,
    /// By [`EndpointId`]: `None` for those of such pools.
    pub backends: Box<[Option<Arc<Backend>>]>,
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

/// For whom it is, and what is done with it.
#[derive(Debug)]
pub struct Route {
    pub name: Box<str>,
    /// Empty: all.
    pub hosts: Box<[HostPattern]>,
    pub path: PathPattern,
    pub action: Action,
}

/// In lower case, without a port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HostPattern {
    Exact(Box<str>),
    /// Every name below it: the part after `*`, with its dot.
    Below(Box<str>),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PathPattern {
    Any,
    Exact(Box<str>),
    /// Of whole segments, without a slash at its end: `/api` has `/api` and `/api/v1`, and not `/apis`.
    Prefix(Box<str>),
}

#[derive(Debug)]
pub enum Action {
    Forward(Forward),
}

/// To a backend.
#[derive(Debug)]
pub struct Forward {
    pub to: Member,
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
}

/// What the workers know of one endpoint together. It outlives reloads that keep the endpoint.
#[derive(Debug)]
pub struct Backend {
    pub address: SocketAddr,
    /// Tells it from all others that the process has known.
    pub number: u64,
    /// In which way its connections are made.
    pub way: Arc<Way>,
    /// Requests, and connections of other protocols, that it works on.
    pub in_flight: AtomicU32,
}

impl Backend {
    pub fn new(address: SocketAddr, way: Arc<Way>, number: u64) -> Self {
        Backend {
            address,
            number,
            way,
            in_flight: AtomicU32::new(0),
        }
    }

    pub fn in_flight(&self) -> u32 {
        self.in_flight.load(Ordering::Relaxed)
    }
}
