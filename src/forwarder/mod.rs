//! What becomes of a request that an answer led here? Accept, route, choose a backend, exchange.
//!
//! Threads with a runtime of their own each serve connections on a `SO_REUSEPORT` socket of their own, and keep
//! connections to backends of their own: a request never changes threads. What threads know of a backend
//! together stands in [`Backend`](crate::state::forwarding::Backend).
//!
//! | file | question |
//! |---|---|
//! | `worker` | who serves a connection? |
//! | `connection` | what does a client speak? |
//! | `wire` | what comes and goes over its connection? |
//! | `service` | what becomes of a request? |
//! | `visit` | what is known of it? |
//! | `route` | which route fits it? |
//! | `rewrite`, `edits` | which path and headers go on? |
//! | `redirect`, `respond`, `files` | what is said without a backend? |
//! | `split` | to which side does it go? |
//! | `cache` | is the response known already? |
//! | `balance` | which backends shall it be sent to, in which order? |
//! | `upstream` | how does it get there, and the response back? |
//! | `headers` | which headers are of the connection only, and what is said of the client? |
//! | `body` | what are messages made of? |
//! | `refusal` | what is said where there is no response? |
//! | `dress` | what is done to every response of a route? |
//! | `compress` | how does it take less room? |
//! | `conditions` | does the client have it already? |

mod balance;
mod body;
mod cache;
mod compress;
mod conditions;
mod connection;
mod dress;
mod edits;
mod files;
mod headers;
mod redirect;
mod refusal;
mod respond;
mod rewrite;
mod route;
mod service;
mod split;
mod upstream;
mod visit;
mod wire;
mod worker;

use std::io;
use std::net::SocketAddr;
use std::thread::JoinHandle;
use std::time::Duration;

use socket2::{Domain, Protocol, Socket, Type};
use tokio::sync::watch;

use crate::random::Random;
use crate::state::RootReader;
use worker::Worker;

/// Connections that wait to be taken, per thread.
const BACKLOG: i32 = 4096;

/// How to start.
pub struct Settings {
    /// With the place of the listener that each is of.
    pub listen: Vec<(u16, SocketAddr)>,
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
pub struct Bound {
    /// By thread.
    sockets: Vec<Vec<(u16, std::net::TcpListener)>>,
    addresses: Vec<SocketAddr>,
    seed: Option<u64>,
}

/// Threads that forward.
pub struct Forwarder {
    threads: Vec<JoinHandle<()>>,
    stop: watch::Sender<Option<Duration>>,
}

impl Bound {
    /// Binds every address once for each thread.
    ///
    /// # Errors
    /// With the first address that is not to be had.
    pub fn new(settings: &Settings) -> Result<Self, BindError> {
        let mut sockets: Vec<Vec<_>> = (0..settings.threads.max(1)).map(|_| Vec::new()).collect();
        let mut addresses = Vec::new();
        for &(listener, address) in &settings.listen {
            let mut taken = address;
            for sockets in &mut sockets {
                let socket = listen(taken).map_err(|error| BindError { address, error })?;
                taken = socket
                    .local_addr()
                    .map_err(|error| BindError { address, error })?;
                sockets.push((listener, socket));
            }
            addresses.push(taken);
        }
        Ok(Bound {
            sockets,
            addresses,
            seed: settings.seed,
        })
    }

    /// With the ports that were really taken.
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// Starts the threads, which read `root`.
    ///
    /// # Errors
    /// When the system gives no thread or event queue; none runs then.
    pub fn start(self, root: &RootReader) -> io::Result<Forwarder> {
        let (stop, stopping) = watch::channel(None);
        let mut threads = Vec::new();
        for (number, sockets) in self.sockets.into_iter().enumerate() {
            let random = match self.seed {
                Some(seed) => Random::from_seed(seed.wrapping_add(number as u64)),
                None => Random::from_os(),
            };
            let worker = Worker::new(root.clone(), random);
            let stopping = stopping.clone();
            let thread = std::thread::Builder::new()
                .name(format!("forward-{number}"))
                .spawn(worker::main(sockets, worker, stopping)?)?;
            threads.push(thread);
        }
        Ok(Forwarder { threads, stop })
    }
}

impl Forwarder {
    /// Takes no more connections, and gives those that there are `drain` to finish what is under way. Blocks until
    /// then.
    pub fn stop(self, drain: Duration) {
        let _ = self.stop.send(Some(drain));
        for thread in self.threads {
            let _ = thread.join();
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
