//! How does a request get to a backend, and the response back?
//!
//! A connection to a backend is driven by the task of the request that it carries, so that nobody has to be woken up
//! on the way. One that waits for its next request is driven by nobody: whether it still stands is looked at when it
//! is needed, and once a second.

mod exchange;
mod idle;
mod stream;

use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll, Waker};

use hyper::client::conn::http1::{self, Connection, SendRequest};
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::time::timeout;

use super::body::RequestBody;
use super::worker::Worker;
use crate::proxy_protocol::Ends;
use crate::state::forwarding::{Backend, Upstream};
pub(super) use exchange::Exchange;
pub(super) use idle::Idle;
pub(super) use stream::{Speaks, Stream};

/// A connection to a backend, and the half of it that requests are given to.
pub(super) struct Conn {
    sender: SendRequest<RequestBody>,
    /// `None`: it has ended.
    driver: Option<Box<Connection<TokioIo<Stream>, RequestBody>>>,
}

impl Conn {
    async fn open(backend: &Backend, ends: Ends) -> Result<Self, Why> {
        let stream = Stream::open(backend, ends, Speaks::Http).await;
        let stream = stream.map_err(|_| Why::Connect)?;
        let handshake = http1::Builder::new().handshake(TokioIo::new(stream)).await;
        let (sender, driver) = handshake.map_err(|_| Why::Connect)?;
        Ok(Conn {
            sender,
            driver: Some(Box::new(driver)),
        })
    }

    /// Lets it read and write what can be.
    fn drive(&mut self, cx: &mut Context<'_>) {
        let driver = self.driver.as_mut();
        if driver.is_some_and(|driver| Pin::new(driver).poll(cx).is_ready()) {
            self.driver = None;
        }
    }

    /// Whether it can take a request, as far as can be seen now.
    fn is_ready(&mut self) -> bool {
        self.drive(&mut Context::from_waker(Waker::noop()));
        self.driver.is_some() && self.sender.is_ready()
    }
}

/// Why there is no response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Why {
    /// No connection; nothing was sent.
    Connect,
    ConnectTimeout,
    /// A connection that had waited ended before it took the request; nothing was sent.
    Gone,
    /// The request was sent, or a part of it, and there was no response, or one that cannot be read.
    NoResponse,
    ResponseTimeout,
}

/// A request that there is no response to.
pub(super) struct Failed {
    pub why: Why,
    /// As it was, if nothing of it was sent.
    pub request: Option<Request<RequestBody>>,
}

/// Sends a request of a client whose connection has these `ends` to a backend, and waits for the head of the response.
pub(super) async fn exchange(
    worker: &Rc<Worker>,
    upstream: &Arc<Upstream>,
    backend: Arc<Backend>,
    ends: Ends,
    mut request: Request<RequestBody>,
) -> Result<Response<Exchange>, Failed> {
    let at_work = AtWork::new(backend);
    let backend = &at_work.0;
    loop {
        let (conn, is_fresh) = match worker.idle.take(backend.number) {
            Some(conn) => (conn, false),
            None => match timeout(upstream.connect_timeout, Conn::open(backend, ends)).await {
                Ok(Ok(conn)) => (conn, true),
                Ok(Err(why)) => return Err(unsent(why, request)),
                Err(_) => return Err(unsent(Why::ConnectTimeout, request)),
            },
        };
        match timeout(upstream.response_timeout, send(conn, request)).await {
            Ok(Ok((conn, response))) => {
                let (head, body) = response.into_parts();
                let exchange = Exchange::new(Rc::clone(worker), upstream, at_work, conn, body);
                return Ok(Response::from_parts(head, exchange));
            }
            Ok(Err(Failed {
                request: Some(again),
                ..
            })) if !is_fresh => request = again,
            Ok(Err(failed)) => return Err(failed),
            Err(_) => {
                return Err(Failed {
                    why: Why::ResponseTimeout,
                    request: None,
                });
            }
        }
    }
}

fn unsent(why: Why, request: Request<RequestBody>) -> Failed {
    Failed {
        why,
        request: Some(request),
    }
}

async fn send(
    mut conn: Conn,
    request: Request<RequestBody>,
) -> Result<(Conn, Response<hyper::body::Incoming>), Failed> {
    let mut sent = pin!(conn.sender.try_send_request(request));
    let response = poll_fn(|cx| {
        if let Poll::Ready(response) = sent.as_mut().poll(cx) {
            return Poll::Ready(response);
        }
        let driver = conn.driver.as_mut();
        if driver.is_some_and(|driver| Pin::new(driver).poll(cx).is_ready()) {
            conn.driver = None;
        }
        sent.as_mut().poll(cx)
    })
    .await;
    match response {
        Ok(response) => Ok((conn, response)),
        Err(mut failed) => {
            let request = failed.take_message();
            let why = match request {
                Some(_) => Why::Gone,
                None => Why::NoResponse,
            };
            Err(Failed { why, request })
        }
    }
}

/// A backend that works on a request.
pub(super) struct AtWork(pub Arc<Backend>);

impl AtWork {
    pub fn new(backend: Arc<Backend>) -> Self {
        backend.in_flight.fetch_add(1, Ordering::Relaxed);
        AtWork(backend)
    }
}

impl Drop for AtWork {
    fn drop(&mut self) {
        self.0.in_flight.fetch_sub(1, Ordering::Relaxed);
    }
}
