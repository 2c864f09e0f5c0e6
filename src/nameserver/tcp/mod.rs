//! DNS over TCP (RFC 7766): pipelined queries, connections of which many may wait.
//!
//! Answers leave in the order of their queries, as RFC 7766, 7 allows: each is there as soon as it is
//! asked for, so that none could overtake another. Between connections there is no order: one that
//! does not take its answers holds up nobody else.
//!
//! One thread with a runtime of its own serves all TCP connections, as tasks. So they can share one
//! worker and one reply buffer without a lock, and the limits are exact.

mod buffers;
mod connection;
mod desk;
mod limits;

use std::cell::RefCell;
use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::{Builder, Runtime};
use tokio::sync::watch;
use tokio::task::{LocalSet, spawn_local};
use tokio::time::{sleep, timeout};

use super::answer::Worker;
use super::vital::Vital;
use crate::clock;
use crate::state::RootReader;
use connection::Connection;
use desk::Desk;
use limits::{Admission, Connections};

/// Pause after an accept call failed.
const ERROR_PAUSE: Duration = Duration::from_millis(100);

/// How often failing accept calls are logged.
const ERROR_LOG_INTERVAL: Duration = Duration::from_secs(60);

/// Connections that make room at a time when file descriptors have run out, and how long that may take.
const ROOM: u32 = 16;
const ROOM_PAUSE: Duration = Duration::from_millis(10);

/// How long connections may take to finish after the stop signal.
pub(super) type Drain = Duration;

/// Limits on TCP connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// In all. Past it, a new connection takes the place of the one that has waited longest for its
    /// client, be it for a query or for answers to be taken; when none waits, it is closed at once.
    pub connections_max: u32,
    /// From one client network (/32, /64). Past it, a new connection takes the place of that client's
    /// in the same way.
    pub per_client_max: u32,
    /// For a whole query to arrive, from the last one's answer on, and for answers to be taken.
    /// Past it, the connection is closed. A quarter of it while more than three quarters of
    /// `connections_max` are taken.
    pub idle_timeout: Duration,
}

/// The TCP thread: listeners and the runtime that drives them.
pub(super) struct Server {
    runtime: Runtime,
    listeners: Vec<TcpListener>,
    limits: Limits,
    udp_payload_max: u16,
}

/// What the tasks of the thread share.
struct Shared {
    desk: RefCell<Desk>,
    connections: Connections,
    stop: watch::Receiver<Option<Drain>>,
}

impl Shared {
    /// What clients are told that ask how long a connection may wait: 0 ("close it") when the server
    /// stops (RFC 7828, 3.4).
    fn told_idle_timeout(&self) -> Duration {
        match *self.stop.borrow() {
            None => self.connections.idle_timeout(),
            Some(_) => Duration::ZERO,
        }
    }
}

impl Server {
    /// `listeners` are bound, listening and non-blocking. `udp_payload_max` is the largest UDP answer
    /// in octets, as EDNS tells it.
    ///
    /// # Errors
    /// When the system gives no event queue.
    pub fn new(
        listeners: Vec<std::net::TcpListener>,
        limits: Limits,
        udp_payload_max: u16,
    ) -> io::Result<Self> {
        let runtime = Builder::new_current_thread()
            .enable_io()
            .enable_time()
            .build()?;
        let listeners = {
            let _inside = runtime.enter();
            listeners
                .into_iter()
                .map(TcpListener::from_std)
                .collect::<io::Result<_>>()?
        };
        Ok(Server {
            runtime,
            listeners,
            limits,
            udp_payload_max,
        })
    }

    /// Answers until `stop` gets a value or its sender is gone. Then takes no more connections,
    /// and returns when the open ones have their answers, or when the drain time is over.
    pub fn run(self, worker: Worker, root: RootReader, stop: watch::Receiver<Option<Drain>>) {
        let shared = Rc::new(Shared {
            desk: RefCell::new(Desk::new(worker, root, self.udp_payload_max)),
            connections: Connections::new(self.limits),
            stop: stop.clone(),
        });
        let tasks = LocalSet::new();
        for listener in self.listeners {
            tasks.spawn_local(accept_all(listener, Rc::clone(&shared)));
        }
        self.runtime.block_on(async {
            let mut stop = stop;
            let drain = tasks.run_until(stop_signal(&mut stop)).await;
            // Past the drain time, whatever still runs is dropped with `tasks`.
            let _ = timeout(drain, tasks).await;
        });
    }
}

/// Completes when the server is to stop, with the time that is left.
async fn stop_signal(stop: &mut watch::Receiver<Option<Drain>>) -> Drain {
    match stop.wait_for(Option::is_some).await {
        Ok(drain) => drain.unwrap_or_default(),
        Err(_sender_gone) => Duration::ZERO,
    }
}

async fn accept_all(listener: TcpListener, shared: Rc<Shared>) {
    let _vital = Vital;
    let mut stop = shared.stop.clone();
    let mut logged = None;
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            _ = stop_signal(&mut stop) => return,
        };
        match accepted {
            Ok((stream, peer)) => {
                admit(stream, peer, &shared);
                // Whoever has to make room does so before the next one comes in.
                tokio::task::yield_now().await;
            }
            // The client gave up while it was queued.
            Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => {}
            Err(error) => {
                let now = clock::now();
                if logged.is_none_or(|logged| now - logged >= ERROR_LOG_INTERVAL) {
                    tracing::warn!(%error, "accepting TCP connections fails");
                    logged = Some(now);
                }
                sleep(make_room(&shared, &error)).await;
            }
        }
    }
}

/// When file descriptors have run out, connections that wait give theirs back. How long to pause, lest
/// the loop spin while the queue stays as it is.
fn make_room(shared: &Shared, error: &io::Error) -> Duration {
    const NONE_LEFT: [i32; 4] = [libc::EMFILE, libc::ENFILE, libc::ENOBUFS, libc::ENOMEM];
    if !error
        .raw_os_error()
        .is_some_and(|code| NONE_LEFT.contains(&code))
    {
        return ERROR_PAUSE;
    }
    let evicted = shared.connections.evict(ROOM);
    let counters = &shared.desk.borrow().worker.counters;
    counters.connections_evicted.add(evicted.into());
    if evicted > 0 { ROOM_PAUSE } else { ERROR_PAUSE }
}

/// Starts to serve a new connection, or closes it when the limits say so.
fn admit(stream: TcpStream, peer: SocketAddr, shared: &Rc<Shared>) {
    let ticket = match shared.connections.admit(peer.ip()) {
        Admission::Admitted(ticket) => ticket,
        Admission::Evicting(ticket) => {
            let desk = shared.desk.borrow();
            desk.worker.counters.connections_evicted.add(1);
            ticket
        }
        Admission::Refused => {
            let desk = shared.desk.borrow();
            desk.worker.counters.connections_refused.add(1);
            return;
        }
    };
    spawn_local(Connection::new(stream, peer.ip(), ticket, Rc::clone(shared)).serve());
}
