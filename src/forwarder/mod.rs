//! What becomes of a request that an answer led here? Accept, route, choose a backend, exchange.
//!
//! Threads with a runtime of their own each serve connections on a `SO_REUSEPORT` socket of their own, and keep
//! connections to backends of their own: a request never changes threads. What threads know of a backend
//! together stands in [`Backend`](crate::state::forwarding::Backend).
//!
//! | file | question |
//! |---|---|
//! | `worker` | who serves a connection? |
//! | `doors` | how many connections may there be? |
//! | `entrance` | what becomes of a connection before it is requests, or if it never is? |
//! | `proxy` | whose is a connection that a proxy in front passes on? |
//! | `tls` | how does a client's connection become a secret one? |
//! | [`tcp`] | what becomes of a connection that is no requests? |
//! | `connection` | what does a client speak? |
//! | [`framing`] | where do requests on it begin and end? |
//! | `wire` | what comes and goes over its connection? |
//! | `session` | what do the parts of a connection know together, and who is too slow? |
//! | `sessions` | which connections does a thread have? |
//! | `upgrade` | what becomes of one that another protocol was agreed on for? |
//! | `service` | what becomes of a request? |
//! | `visit` | what is known of it? |
//! | `vet` | may it go on? |
//! | `route` | which route fits it? |
//! | `admission` | is it taken? |
//! | `rewrite`, `edits` | which path and headers go on? |
//! | `redirect`, `respond`, `files` | what is said without a backend? |
//! | `split` | to which side does it go? |
//! | `cache` | is the response known already? |
//! | `known` | what is it known by? |
//! | `attempts` | where is it sent, and where next when that fails? |
//! | `balance` | which backend shall it be sent to? |
//! | `sticky` | how does its client come back to the same? |
//! | `outliers` | who is too slow for its pool? |
//! | `upstream` | how does it get there, and the response back? |
//! | [`headers`] | which headers are of the connection only, and what is said of the client? |
//! | [`hops`] | whom do proxies name as the client? |
//! | `body`, `kept` | what are messages made of, and which can be sent again? |
//! | `story` | what is told of a request once it is over? |
//! | `access_line` | how is that told in one line? |
//! | `explain` | where would a request go, and why? |
//! | `rtt` | how far away is a client? |
//! | `patience` | how long is waited for something? |
//! | `shown` | what are backends told of a client's certificate? |
//! | `refusal` | what is said where there is no response? |
//! | `dress` | what is done to every response of a route? |
//! | `compress` | how does it take less room? |
//! | `conditions` | does the client have it already? |

mod access_line;
mod admission;
mod attempts;
mod balance;
mod body;
mod cache;
mod compress;
mod conditions;
mod connection;
mod doors;
mod dress;
mod edits;
mod entrance;
pub mod explain;
mod few;
mod files;
pub mod framing;
pub mod headers;
pub mod hops;
mod kept;
mod known;
mod outliers;
mod patience;
mod proxy;
mod redirect;
mod refusal;
mod respond;
mod rewrite;
mod route;
mod rtt;
mod service;
mod session;
mod sessions;
mod shown;
mod split;
mod sticky;
mod story;
pub mod tcp;
mod tls;
mod upgrade;
mod upstream;
mod vet;
mod visit;
mod wire;
mod worker;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use socket2::{Domain, Protocol, Socket, Type};
use tokio::sync::mpsc;

use crate::random::Random;
use crate::state::RootReader;
use crate::state::listening::Spot;
use doors::Doors;
use worker::Order;

/// Connections that wait to be taken, per thread.
const BACKLOG: i32 = 4096;

/// How to start.
pub struct Settings {
    pub threads: usize,
    /// Makes draws repeatable.
    pub seed: Option<u64>,
}

/// An address that cannot be listened on.
#[derive(Debug)]
pub struct BindError {
    pub address: SocketAddr,
    pub error: io::Error,
}

impl std::fmt::Display for BindError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "[forwarder] {}: {}", self.address, self.error)
    }
}

/// Sockets that are bound, and listen.
pub struct Bound(Vec<Door>);

struct Door {
    spot: Spot,
    /// With the port that was really taken.
    address: SocketAddr,
    /// By thread.
    sockets: Vec<std::net::TcpListener>,
}

/// Threads that forward.
pub struct Forwarder {
    threads: Vec<Thread>,
    listening: Vec<(Spot, SocketAddr)>,
}

struct Thread {
    orders: mpsc::UnboundedSender<Order>,
    handle: JoinHandle<()>,
}

/// What is listened on otherwise from now on.
pub struct Change {
    opened: Bound,
    closed: Vec<Spot>,
}

impl Bound {
    /// Binds every address once for each thread.
    ///
    /// # Errors
    /// With the first address that is not to be had; none is bound then.
    pub fn new(spots: &[Spot], threads: usize) -> Result<Self, BindError> {
        let door = |spot: &Spot| {
            let address = spot.address;
            let wrong = |error| BindError { address, error };
            let mut taken = address;
            let mut sockets = Vec::new();
            for _ in 0..threads.max(1) {
                let socket = listen(taken).map_err(wrong)?;
                taken = socket.local_addr().map_err(wrong)?;
                sockets.push(socket);
            }
            Ok(Door {
                spot: *spot,
                address: taken,
                sockets,
            })
        };
        spots.iter().map(door).collect::<Result<_, _>>().map(Bound)
    }
}

impl Forwarder {
    /// Starts the threads, which read `root`. They take connections from `bound`, which is for as many.
    ///
    /// # Errors
    /// When the system gives no thread or event queue; none runs then.
    pub fn start(settings: &Settings, root: &RootReader, bound: Bound) -> io::Result<Self> {
        let doors = Arc::<Doors>::default();
        let mut threads = Vec::new();
        for number in 0..settings.threads.max(1) {
            let random = match settings.seed {
                Some(seed) => Random::from_seed(seed.wrapping_add(number as u64)),
                None => Random::from_os(),
            };
            let (orders, queue) = mpsc::unbounded_channel();
            let handle = std::thread::Builder::new()
                .name(format!("forward-{number}"))
                .spawn(worker::main(
                    number,
                    root.clone(),
                    random,
                    Arc::clone(&doors),
                    queue,
                )?)?;
            threads.push(Thread { orders, handle });
        }
        let mut forwarder = Forwarder {
            threads,
            listening: Vec::new(),
        };
        forwarder.open(bound);
        Ok(forwarder)
    }

    /// What is listened on, with the ports that were really taken.
    pub fn addresses(&self) -> Vec<SocketAddr> {
        self.listening.iter().map(|door| door.1).collect()
    }

    /// Binds what of `spots` is not listened on yet. Nothing else changes before [`adopt`](Self::adopt).
    ///
    /// # Errors
    /// With the first address that is not to be had; none is bound then.
    pub fn prepare(&self, spots: &[Spot]) -> Result<Change, BindError> {
        let is_there = |spot: &Spot| self.listening.iter().any(|door| door.0 == *spot);
        let new: Vec<Spot> = spots
            .iter()
            .copied()
            .filter(|spot| !is_there(spot))
            .collect();
        let there = self.listening.iter().map(|door| door.0);
        Ok(Change {
            opened: Bound::new(&new, self.threads.len())?,
            closed: there.filter(|spot| !spots.contains(spot)).collect(),
        })
    }

    /// Listens on what is new, once the root knows it. Of what is gone, connections that wait are taken still, and all
    /// finish what is under way.
    pub fn adopt(&mut self, change: Change) {
        self.open(change.opened);
        for spot in change.closed {
            self.listening.retain(|door| door.0 != spot);
            for thread in &self.threads {
                let _ = thread.orders.send(Order::Close(spot));
            }
        }
    }

    fn open(&mut self, bound: Bound) {
        for door in bound.0 {
            self.listening.push((door.spot, door.address));
            for (thread, socket) in self.threads.iter().zip(door.sockets) {
                // A thread that is gone takes nothing.
                let _ = thread.orders.send(Order::Open(door.spot, socket));
            }
        }
    }

    /// Takes no more connections, and gives those that there are `drain` to finish what is under way. Blocks until
    /// then.
    pub fn stop(self, drain: Duration) {
        for thread in &self.threads {
            let _ = thread.orders.send(Order::Stop(drain));
        }
        for thread in self.threads {
            let _ = thread.handle.join();
        }
    }
}

fn listen(address: SocketAddr) -> io::Result<std::net::TcpListener> {
    let socket = Socket::new(
        Domain::for_address(address),
        Type::STREAM.nonblocking(),
        Some(Protocol::TCP),
    )?;
    if address.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    socket.set_reuse_address(true)?;
    socket.set_reuse_port(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}
