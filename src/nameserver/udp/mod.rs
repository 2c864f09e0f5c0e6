//! DNS over UDP (RFC 1035, 4.2.1): plain threads, each with a socket of its own.
//!
//! The kernel spreads clients over the sockets (`SO_REUSEPORT`), so threads share nothing but the
//! root that they read. A thread takes a batch of queries with one system call, answers them and
//! sends the answers with another.

mod batch;
mod gap;
mod socket;

use std::net::UdpSocket;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use tokio::sync::watch;

use super::answer::{Query, Transport, Worker, answer};
use super::rate_limit::{Answered, sent_len};
use crate::clock;
use crate::dns::QueryName;
use crate::state::look_ahead::LookAhead;
use crate::state::{Root, RootReader};
#[doc(hidden)]
pub use batch::{BATCH, Batch};
use gap::Gap;

#[doc(hidden)]
pub use socket::bind;

/// How long a receive call waits before the thread looks whether it should stop.
const RECEIVE_TIMEOUT: Duration = Duration::from_millis(100);

/// Pause after a receive call failed, lest a thread spin on a broken socket.
const ERROR_PAUSE: Duration = Duration::from_millis(100);

/// Batches that are still answered after the stop signal: more than a receive buffer holds, and an
/// end even when queries keep coming.
const LAST_BATCHES_MAX: usize = 4096;

/// One UDP thread: a socket and all that it takes to answer what comes in there.
pub(super) struct Server {
    socket: UdpSocket,
    worker: Worker,
    root: RootReader,
    payload_max: u16,
    batch: Batch,
    /// Scratch space for [`look_ahead`].
    name: QueryName,
    gap: Gap,
}

impl Server {
    /// `payload_max` is the largest answer in octets, 512 at least.
    pub fn new(socket: UdpSocket, worker: Worker, root: RootReader, payload_max: u16) -> Self {
        Server {
            gap: Gap::new(Arc::clone(&worker.counters)),
            socket,
            worker,
            root,
            payload_max,
            batch: Batch::new(usize::from(payload_max)),
            name: QueryName::default(),
        }
    }

    /// Answers until `stop` changes or its sender is gone, then empties the socket.
    pub fn run<T>(mut self, stop: &watch::Receiver<T>) {
        // `has_changed` is one atomic load.
        while matches!(stop.has_changed(), Ok(false)) {
            let received = match self.gap.is_open() {
                true => self.batch.receive_queued(&self.socket),
                false => self.batch.receive(&self.socket),
            };
            match received {
                Ok(count) => {
                    self.gap.received(count, clock::now);
                    if count > 0 {
                        self.answer_batch();
                    }
                }
                Err(error) => {
                    tracing::error!(%error, "receiving from a UDP socket failed");
                    thread::sleep(ERROR_PAUSE);
                }
            }
        }
        for _ in 0..LAST_BATCHES_MAX {
            match self.batch.receive_queued(&self.socket) {
                Ok(0) | Err(_) => break,
                Ok(_) => self.answer_batch(),
            }
        }
    }

    fn answer_batch(&mut self) {
        self.compose_replies();
        let refused = self.batch.send(&self.socket);
        if refused > 0 {
            self.worker.counters.send_errors.add(refused);
        }
    }

    /// Holds the root for as long as the batch is answered; not while it is sent, which may wait.
    fn compose_replies(&mut self) {
        let root = self.root.load();
        self.worker.fit(&root);
        // Once per batch, and no system call (vDSO).
        self.worker.unix_ms = clock::unix_ms();
        let transport = Transport::Udp {
            payload_max: self.payload_max,
        };
        let limit = root.service.traffic.rate_limit.as_ref();
        look_ahead(&root, &mut self.batch, &mut self.name);
        for slot in self.batch.received() {
            let Some((message, peer, reply)) = slot.exchange() else {
                self.worker.counters.dropped.add(1);
                continue;
            };
            let query = Query {
                message,
                peer,
                transport,
            };
            let Some(mut len) = answer(&mut self.worker, &root, &query, reply) else {
                continue;
            };
            if let Some(limit) = limit {
                let answered = Answered {
                    query: message,
                    peer,
                    reply,
                    len,
                };
                len = sent_len(&mut self.worker, &root, limit, answered);
            }
            slot.set_reply(len);
        }
    }
}

/// Brings what the batch will be answered from into the cache. Alone, a query would win nothing.
fn look_ahead(root: &Root, batch: &mut Batch, name: &mut QueryName) {
    if batch.received().len() < 2 {
        return;
    }
    let Some(mut ahead) = LookAhead::<BATCH>::new(root) else {
        return;
    };
    for slot in batch.received() {
        if let Some((message, peer, _)) = slot.exchange() {
            ahead.add(message, peer, name);
        }
    }
    ahead.walk();
}
