//! Connections of HTTP/2 to backends, each of which carries several requests at a time.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::rc::Rc;
use std::time::{Duration, Instant};

use hyper::client::conn::http2::{self, SendRequest};
use hyper::rt::Executor;
use hyper_util::rt::TokioIo;
use tokio::task::spawn_local;

use super::{Link, Speaks, Why};
use crate::forwarder::body::RequestBody;
use crate::proxy_protocol::Ends;
use crate::state::forwarding::Backend;

/// Those of one thread, by the number of their backend.
#[derive(Default)]
pub(crate) struct Shared(RefCell<HashMap<u64, Vec<Carrier>>>);

/// One of them.
struct Carrier {
    sender: SendRequest<RequestBody>,
    streams: Rc<Cell<usize>>,
    /// How many the backend takes.
    room: Rc<Cell<usize>>,
    idle_timeout: Duration,
    /// Since when nothing was under way when it was looked at.
    idle_since: Option<Instant>,
}

/// Requests on one at a time, whatever the backend would take.
const STREAMS_MAX: usize = 100;
/// Octets of responses that are on their way or wait for clients: of one stream, and of all of a connection.
const STREAM_WINDOW: u32 = 256 * 1024;
const CONNECTION_WINDOW: u32 = 4 * 1024 * 1024;
/// Octets of the head of a response, as RFC 9113, 6.5.2 counts them.
const HEAD_MAX: u32 = 64 * 1024;

/// A place on one of them.
pub(crate) struct Stream {
    pub sender: SendRequest<RequestBody>,
    streams: Rc<Cell<usize>>,
    /// Whether the connection was made for it.
    pub is_fresh: bool,
}

impl Stream {
    fn on(carrier: &Carrier, is_fresh: bool) -> Self {
        carrier.streams.set(carrier.streams.get() + 1);
        Stream {
            sender: carrier.sender.clone(),
            streams: Rc::clone(&carrier.streams),
            is_fresh,
        }
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        self.streams.set(self.streams.get() - 1);
    }
}

impl Shared {
    /// On a connection that stands and has room, as far as can be seen.
    pub fn take(&self, backend: u64) -> Option<Stream> {
        let mut all = self.0.borrow_mut();
        let carriers = all.get_mut(&backend)?;
        carriers.retain(|carrier| !carrier.sender.is_closed());
        let has_room =
            |carrier: &&Carrier| carrier.streams.get() < carrier.room.get().min(STREAMS_MAX);
        let carrier = carriers.iter().find(has_room)?;
        Some(Stream::on(carrier, false))
    }

    /// On a new connection, which others may be on, too, from then on.
    pub async fn open(
        &self,
        backend: &Backend,
        ends: Ends,
        idle_timeout: Duration,
    ) -> Result<Stream, Why> {
        let io = Link::open(backend, ends, Speaks::Http).await;
        let io = io.map_err(|_| Why::Connect)?;
        let (sender, connection) = http2::Builder::new(Here)
            .initial_stream_window_size(STREAM_WINDOW)
            .initial_connection_window_size(CONNECTION_WINDOW)
            .max_header_list_size(HEAD_MAX)
            .handshake(TokioIo::new(io))
            .await
            .map_err(|_| Why::Connect)?;
        let room = Rc::new(Cell::new(STREAMS_MAX));
        let told = Rc::clone(&room);
        spawn_local(async move {
            let mut connection = pin!(connection);
            poll_fn(|cx| {
                let polled = connection.as_mut().poll(cx);
                told.set(connection.current_max_send_streams().max(1));
                polled
            })
            .await
        });
        let carrier = Carrier {
            sender,
            streams: Rc::default(),
            room,
            idle_timeout,
            idle_since: None,
        };
        let stream = Stream::on(&carrier, true);
        let mut all = self.0.borrow_mut();
        all.entry(backend.number).or_default().push(carrier);
        Ok(stream)
    }

    /// Closes connections that have ended, or waited for too long.
    pub fn sweep(&self, now: Instant) {
        self.0.borrow_mut().retain(|_, carriers| {
            carriers.retain_mut(|carrier| {
                if carrier.streams.get() > 0 {
                    carrier.idle_since = None;
                    return !carrier.sender.is_closed();
                }
                let since = *carrier.idle_since.get_or_insert(now);
                now - since < carrier.idle_timeout && !carrier.sender.is_closed()
            });
            !carriers.is_empty()
        });
    }

    /// Closes all once nothing is under way on them.
    pub fn clear(&self) {
        self.0.borrow_mut().clear();
    }
}

/// Runs what a connection consists of on its own thread.
#[derive(Clone)]
struct Here;

impl<F: Future<Output = ()> + 'static> Executor<F> for Here {
    fn execute(&self, part: F) {
        spawn_local(part);
    }
}
