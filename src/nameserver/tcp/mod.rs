//! DNS over TCP (RFC 7766): pipelined queries, answers in order, connections of which many may wait.
//!
//! One thread with a runtime of its own serves all TCP connections, as tasks. So they can share one
//! worker and one reply buffer without a lock, and the limits are exact.

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
use crate::state::RootReader;
use connection::Connection;
use desk::Desk;
use limits::{Admission, Connections};

/// Pause after an accept call failed, which mostly means that file descriptors have run out.
const ERROR_PAUSE: Duration = Duration::from_millis(100);

/// How long connections may take to finish after the stop signal.
pub(super) type Drain = Duration;

/// Limits on TCP connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// In all. Past it, a new connection takes the place of the one that has waited longest for a
    /// query; when none waits, it is closed at once.
    pub connections_max: u32,
    /// From one client network (/32, /64). Past it, a new connection is closed at once.
    pub per_client_max: u32,
    /// For a whole query to arrive, from the last one's answer on, and for answers to be taken.
    /// Past it, the connection is closed.
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
    idle_timeout: Duration,
    stop: watch::Receiver<Option<Drain>>,
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
            connections: Connections::new(self.limits.connections_max, self.limits.per_client_max),
            idle_timeout: self.limits.idle_timeout,
            stop: stop.clone(),
        });
        let tasks = LocalSet::new();
        for listener in self.listeners {
            tasks.spawn_local(accept_all(listener, Rc::clone(&shared)));
        }
        self.runtime.block_on(async {
            let mut stop = stop;
            let drain = tasks.run_until(stop_signal(&mut stop)).await;
            // "Close the connection" (RFC 7828, 3.4).
            shared.desk.borrow_mut().worker.idle_timeout_100ms = Some(0);
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
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            _ = stop_signal(&mut stop) => return,
        };
        match accepted {
            Ok((stream, peer)) => admit(stream, peer, &shared),
            Err(error) => {
                tracing::warn!(%error, "accepting a TCP connection failed");
                sleep(ERROR_PAUSE).await;
            }
        }
    }
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
