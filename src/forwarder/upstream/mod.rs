//! How does a request get to a backend, and the response back?
//!
//! A connection of HTTP/1 to a backend is driven by the task of the request that it carries, so that nobody has to be
//! woken up on the way. One that waits for its next request is driven by nobody: whether it still stands is looked at
//! when it is needed, and now and then. A connection of HTTP/2 has a task of its own.

mod at_work;
mod driven;
mod exchange;
mod idle;
mod line;
mod link;
mod shared;

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::Poll;
use std::time::{Duration, Instant};

use bytes::Bytes;
use hyper::body::Incoming;
use hyper::client::conn::TrySendError;
use hyper::client::conn::http1::{self, SendRequest};
use hyper::header::{
    CONTENT_LENGTH, HOST, HeaderName, HeaderValue, TE, TRANSFER_ENCODING, UPGRADE,
};
use hyper::http::request::Parts;
use hyper::http::uri::{Authority, Scheme};
use hyper::{HeaderMap, Request, Response, StatusCode, Uri, Version};
use hyper_util::rt::TokioIo;
use tokio::time::timeout;

use super::body::RequestBody;
use super::patience::Deadline;
use super::service::Onward;
use super::worker::Worker;
use crate::clock;
use crate::proxy_protocol::Ends;
use crate::state::forwarding::{Backend, Failure, Protocol, Upstream};
pub(super) use at_work::{AtWork, Refused};
use driven::Driven;
pub(super) use exchange::Exchange;
use exchange::Over;
pub(super) use idle::Idle;
use line::{HEAD_MAX, Line, Said};
pub(super) use link::{Link, Speaks};
pub(super) use shared::Shared;

/// Octets that are read of a response and not forwarded yet, at most.
const READ_MAX: usize = 128 * 1024;

/// A connection to a backend, and the half of it that requests are given to.
pub(super) struct Conn {
    sender: SendRequest<RequestBody>,
    driven: Driven,
    said: Rc<Said>,
    /// When there is to be a response.
    deadline: Deadline,
}

impl Conn {
    async fn open(backend: &Backend, ends: Ends) -> Result<Box<Self>, Why> {
        let link = Link::open(backend, ends, Speaks::Http).await;
        let link = link.map_err(|_| Why::Connect)?;
        let said = Rc::new(Said::default());
        let io = TokioIo::new(Line::new(link, Rc::clone(&said)));
        let mut builder = http1::Builder::new();
        let handshake = builder.max_buf_size(READ_MAX).handshake(io).await;
        let (sender, connection) = handshake.map_err(|_| Why::Connect)?;
        Ok(Box::new(Conn {
            sender,
            driven: Driven::new(connection),
            said,
            deadline: Deadline::new(clock::now()),
        }))
    }

    /// Whether it can take a request, as far as can be seen now.
    fn is_ready(&mut self) -> bool {
        self.driven.drive_once();
        !self.driven.has_ended() && self.sender.is_ready()
    }

    /// What is beneath it, and what was read of it already, once HTTP is at an end there.
    fn upgraded(mut self: Box<Self>) -> Option<(Link, Bytes)> {
        self.driven.drive_once();
        self.driven.has_ended().then(|| {
            let parts = self.driven.into_parts();
            (parts.io.into_inner().into_inner(), parts.read_buf)
        })
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
    /// A connection that had waited ended without a word of a response: perhaps before the endpoint saw the request.
    Ended,
    /// The request was sent, or a part of it, and there was no response, or one that cannot be read.
    NoResponse,
    /// The client's body ended before its end.
    BrokenRequest,
    ResponseTimeout,
}

/// A request that there is no response to.
pub(super) struct Failed {
    pub why: Why,
    /// As it was, if nothing of it was sent.
    pub request: Option<Onward>,
}

/// Sends a request of a client whose connection has these `ends` to a backend, and waits for the head of the response.
/// When all of that has not ended by `deadline`, it is broken off.
pub(super) async fn exchange(
    worker: &Rc<Worker>,
    upstream: &Arc<Upstream>,
    mut at_work: AtWork,
    ends: Ends,
    request: Onward,
    deadline: Option<Instant>,
) -> Result<Response<Exchange>, Failed> {
    let begun = clock::now();
    let result = respond(worker, upstream, at_work.backend(), ends, request, deadline).await;
    let (over, response) = result.inspect_err(|failed| {
        if let Some(failure) = failure_of(failed.why) {
            at_work.fail(failure);
        }
    })?;
    let (head, body) = response.into_parts();
    at_work.begin(head.status, begun);
    let worker = Rc::clone(worker);
    let exchange = Exchange::new(worker, upstream, at_work, over, body, deadline);
    Ok(Response::from_parts(head, exchange))
}

/// What that says of the backend.
fn failure_of(why: Why) -> Option<Failure> {
    match why {
        Why::Connect | Why::ConnectTimeout => Some(Failure::Connect),
        Why::Gone | Why::Ended | Why::NoResponse => Some(Failure::NoResponse),
        Why::ResponseTimeout => Some(Failure::Timeout),
        // The client's doing.
        Why::BrokenRequest => None,
    }
}

/// How long is waited for something that may take `limit`.
fn within(limit: Duration, deadline: Option<Instant>) -> Duration {
    deadline.map_or(limit, |deadline| {
        limit.min(deadline.saturating_duration_since(clock::now()))
    })
}

/// Over a connection to the backend, the head of the response.
async fn respond(
    worker: &Worker,
    upstream: &Upstream,
    backend: &Backend,
    ends: Ends,
    request: Onward,
    deadline: Option<Instant>,
) -> Result<Sent, Failed> {
    let wants_upgrade = request.headers().contains_key(UPGRADE);
    let sent = match upstream.protocol {
        // RFC 9113, 8.6: HTTP/2 has no upgrades of this kind.
        Protocol::Http2 if !wants_upgrade => {
            let exchange = exchange_shared(worker, upstream, backend, ends, request, deadline);
            Box::pin(exchange).await
        }
        _ => exchange_alone(worker, upstream, backend, ends, request, deadline).await,
    };
    let (over, response) = sent?;
    let failed = Failed {
        why: Why::NoResponse,
        request: None,
    };
    let is_switching = response.status() == StatusCode::SWITCHING_PROTOCOLS;
    if is_switching && !wants_upgrade || is_length_doubtful(response.headers()) {
        return Err(failed);
    }
    Ok((over, response))
}

/// Whether a response says in two ways how long it is, or in one that nobody knows (RFC 9112, 6.3): hyper makes something
/// of it, but there is no telling what the backend meant.
fn is_length_doubtful(headers: &HeaderMap) -> bool {
    let mut lengths = headers.get_all(CONTENT_LENGTH).into_iter();
    let mut codings = headers.get_all(TRANSFER_ENCODING).into_iter();
    let (length, coding) = (lengths.next(), codings.next());
    let is_known = |coding: &HeaderValue| coding.as_bytes().eq_ignore_ascii_case(b"chunked");
    lengths.next().is_some()
        || codings.next().is_some()
        || length.is_some() && coding.is_some()
        || coding.is_some_and(|coding| !is_known(coding))
}

type Sent = (Over, Response<Incoming>);

/// On a connection of its own.
async fn exchange_alone(
    worker: &Worker,
    upstream: &Upstream,
    backend: &Backend,
    ends: Ends,
    mut request: Onward,
    deadline: Option<Instant>,
) -> Result<Sent, Failed> {
    loop {
        let (conn, is_fresh) = match worker.idle.take(backend.number) {
            Some(conn) => (conn, false),
            None => {
                let limit = within(upstream.connect_timeout, deadline);
                // In a place of its own: most requests have no use for it.
                match timeout(limit, Box::pin(Conn::open(backend, ends))).await {
                    Ok(Ok(conn)) => (conn, true),
                    Ok(Err(why)) => return Err(unsent(why, request)),
                    Err(_) => return Err(unsent(Why::ConnectTimeout, request)),
                }
            }
        };
        let limit = within(upstream.response_timeout, deadline);
        let said = Rc::clone(&conn.said);
        match send(conn, request, limit).await {
            Ok((conn, response)) => return Ok((Over::Conn(conn), response)),
            Err(Failed {
                request: Some(again),
                ..
            }) if !is_fresh => request = again,
            Err(Failed {
                why: Why::NoResponse,
                request: None,
            }) if !is_fresh && said.is_nothing() => {
                return Err(Failed {
                    why: Why::Ended,
                    request: None,
                });
            }
            Err(failed) => return Err(failed),
        }
    }
}

const TOO_LATE: Failed = Failed {
    why: Why::ResponseTimeout,
    request: None,
};

fn unsent(why: Why, request: Onward) -> Failed {
    Failed {
        why,
        request: Some(request),
    }
}

async fn send(
    mut conn: Box<Conn>,
    request: Onward,
    limit: Duration,
) -> Result<(Box<Conn>, Response<Incoming>), Failed> {
    let of = &mut *conn;
    of.said.begin();
    of.deadline.set(clock::now() + limit);
    let mut sent = pin!(of.sender.try_send_request(*request));
    let response = poll_fn(|cx| match of.driven.poll(cx, |cx| sent.as_mut().poll(cx)) {
        Poll::Ready(response) => Poll::Ready(Some(response)),
        Poll::Pending if of.deadline.has_passed(cx) => Poll::Ready(None),
        Poll::Pending => Poll::Pending,
    })
    .await;
    match response {
        Some(Ok(response)) => {
            if conn.said.respond() && head_len(response.headers()) > HEAD_MAX {
                return Err(Failed {
                    why: Why::NoResponse,
                    request: None,
                });
            }
            Ok((conn, response))
        }
        Some(Err(failed)) => Err(failure(failed)),
        None => Err(TOO_LATE),
    }
}

/// Octets of the fields of a head, each with the colon, the space and the end of its line.
fn head_len(headers: &HeaderMap) -> usize {
    let lens = headers
        .iter()
        .map(|(name, value)| name.as_str().len() + value.len() + 4);
    lens.sum()
}

fn failure(mut failed: TrySendError<Request<RequestBody>>) -> Failed {
    let request = failed.take_message().map(Box::new);
    let why = match request {
        Some(_) => Why::Gone,
        None if failed.error().is_user() => Why::BrokenRequest,
        None => Why::NoResponse,
    };
    Failed { why, request }
}

/// Beside others on a connection of HTTP/2.
async fn exchange_shared(
    worker: &Worker,
    upstream: &Upstream,
    backend: &Backend,
    ends: Ends,
    request: Onward,
    deadline: Option<Instant>,
) -> Result<Sent, Failed> {
    let (parts, body) = request.into_parts();
    let mut request = Box::new(Request::from_parts(of_http2(parts, backend), body));
    loop {
        let mut stream = match worker.shared.take(backend.number) {
            Some(stream) => stream,
            None => {
                let opened = worker.shared.open(backend, ends, upstream.idle_timeout);
                match timeout(within(upstream.connect_timeout, deadline), opened).await {
                    Ok(Ok(stream)) => stream,
                    Ok(Err(why)) => return Err(unsent(why, request)),
                    Err(_) => return Err(unsent(Why::ConnectTimeout, request)),
                }
            }
        };
        let sent = stream.sender.try_send_request(*request);
        match timeout(within(upstream.response_timeout, deadline), sent).await {
            Ok(Ok(response)) => return Ok((Over::Stream(stream), response)),
            Ok(Err(failed)) => match failure(failed) {
                Failed {
                    request: Some(again),
                    ..
                } if !stream.is_fresh => request = again,
                failed => return Err(failed),
            },
            Err(_) => return Err(TOO_LATE),
        }
    }
}

/// As HTTP/2 says it (RFC 9113, 8.3.1): whom it is for stands in front of the headers.
fn of_http2(mut head: Parts, backend: &Backend) -> Parts {
    const CONNECTION_FIELDS: [HeaderName; 2] = [hyper::header::CONNECTION, TRANSFER_ENCODING];
    let authority = head.headers.remove(HOST);
    let authority = authority.and_then(|host| Authority::try_from(host.as_bytes()).ok());
    let address = || Authority::try_from(backend.address.to_string()).ok();
    let mut uri = head.uri.into_parts();
    uri.scheme = Some(match backend.way.tls {
        Some(_) => Scheme::HTTPS,
        None => Scheme::HTTP,
    });
    uri.authority = authority.or_else(address);
    head.uri = Uri::from_parts(uri).unwrap_or_default();
    head.version = Version::HTTP_2;
    for name in CONNECTION_FIELDS {
        head.headers.remove(name);
    }
    if head.headers.contains_key(TE) {
        head.headers
            .insert(TE, HeaderValue::from_static("trailers"));
    }
    head
}
