//! How does a request get to a backend, and the response back?
//!
//! A connection to a backend is driven by the task of the request that it carries, so that nobody has to be woken up
//! on the way. One that waits for its next request is driven by nobody: whether it still stands is looked at when it
//! is needed, and once a second.

mod at_work;
mod exchange;
mod idle;
mod patience;

use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use hyper::client::conn::http1::{self, Connection, SendRequest};
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::body::RequestBody;
use super::worker::Worker;
use crate::clock;
use crate::state::forwarding::{Backend, Failure, Upstream};
pub(super) use at_work::{AtWork, Refused};
pub(super) use exchange::Exchange;
pub(super) use idle::Idle;

/// A connection to a backend, and the half of it that requests are given to.
pub(super) struct Conn {
    sender: SendRequest<RequestBody>,
    /// `None`: it has ended.
    driver: Option<Box<Connection<TokioIo<TcpStream>, RequestBody>>>,
}

impl Conn {
    async fn open(backend: &Backend) -> Result<Self, Why> {
        let stream = TcpStream::connect(backend.address).await;
        let stream = stream.map_err(|_| Why::Connect)?;
        let _ = stream.set_nodelay(true);
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

/// Sends a request to a backend and waits for the head of the response. When all of that has not ended by `deadline`, it
/// is broken off.
pub(super) async fn exchange(
    worker: &Rc<Worker>,
    upstream: &Arc<Upstream>,
    mut at_work: AtWork,
    mut request: Request<RequestBody>,
    deadline: Option<Instant>,
) -> Result<Response<Exchange>, Failed> {
    let begun = clock::now();
    let within = |time: Duration| {
        let left = deadline.map(|deadline| deadline.saturating_duration_since(clock::now()));
        left.map_or(time, |left| time.min(left))
    };
    loop {
        let backend = at_work.backend();
        let (conn, is_fresh) = match worker.idle.take(backend.number) {
            Some(conn) => (conn, false),
            None => match timeout(within(upstream.connect_timeout), Conn::open(backend)).await {
                Ok(Ok(conn)) => (conn, true),
                Ok(Err(why)) => {
                    at_work.fail(Failure::Connect);
                    return Err(unsent(why, request));
                }
                Err(_) => {
                    at_work.fail(Failure::Connect);
                    return Err(unsent(Why::ConnectTimeout, request));
                }
            },
        };
        match timeout(within(upstream.response_timeout), send(conn, request)).await {
            Ok(Ok((conn, response))) => {
                let (head, body) = response.into_parts();
                at_work.begin(head.status, clock::now().saturating_duration_since(begun));
                let worker = Rc::clone(worker);
                let exchange = Exchange::new(worker, upstream, at_work, conn, body, deadline);
                return Ok(Response::from_parts(head, exchange));
            }
            Ok(Err(Failed {
                request: Some(again),
                ..
            })) if !is_fresh => request = again,
            Ok(Err(failed)) => {
                at_work.fail(Failure::NoResponse);
                return Err(failed);
            }
            Err(_) => {
                at_work.fail(Failure::Timeout);
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
