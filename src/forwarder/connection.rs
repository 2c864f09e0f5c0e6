//! What does a client speak?

use std::cell::RefCell;
use std::convert::Infallible;
use std::future::{Future, poll_fn};
use std::io;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use hyper::body::{Body, Frame, Incoming, SizeHint};
use hyper::header::{CONNECTION, CONTENT_LENGTH, HeaderValue};
use hyper::rt::Executor;
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper::{Method, Request, Response};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::task::spawn_local;
use tokio::time::timeout;

use super::body::ResponseBody;
use super::service::{self, Asked, Peer};
use super::session::{Session, Waits};
use super::shown::Shown;
use super::story::Story;
use super::upgrade;
use super::wire::Wire;
use super::worker::Worker;

/// What begins a connection of HTTP/2 (RFC 9113, 3.4).
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// Of the body of a request, how many octets may be on their way or wait to be forwarded: of one stream of HTTP/2, and
/// of all streams of a connection.
const STREAM_WINDOW: u32 = 256 * 1024;
const CONNECTION_WINDOW: u32 = 1024 * 1024;
/// Octets of a response that wait for the client, of one stream of HTTP/2.
const SEND_MAX: usize = 64 * 1024;

/// How long, and for how many octets, a connection that the server has ended is read to its end, so that the client gets
/// to read why (RFC 9112, 9.6).
const LINGER: Duration = Duration::from_secs(2);
const LINGER_OCTETS: usize = 256 * 1024;

/// Header fields that hyper reads without an allocation.
const HEADERS_USUAL: u16 = 100;
/// Octets that hyper may read beside a head that is as long as it may be.
const HEAD_BESIDES: usize = 64 * 1024;

/// What a connection is known to speak.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Protocol {
    Http1,
    Http2,
    /// What its first octets say: HTTP/2 with prior knowledge (RFC 9113, 3.3), or HTTP/1.
    Unknown,
}

/// Serves HTTP over `io`, whose client has `shown` a certificate or not, until its end, or until what is under way when it is drained has ended.
pub(super) async fn serve_http<I>(
    worker: Rc<Worker>,
    io: I,
    peer: Peer,
    shown: Option<Rc<Shown>>,
    protocol: Protocol,
) where
    I: AsyncRead + AsyncWrite + Unpin + 'static,
{
    let Some(session) = worker.session(peer.spot) else {
        return;
    };
    session.show(shown);
    let _entry = worker.sessions.enter(Rc::clone(&session));
    let mut wire = Wire::new(io, Rc::clone(&session));
    let mut first = Vec::new();
    let is_http2 = match protocol {
        Protocol::Http1 => false,
        Protocol::Http2 => true,
        Protocol::Unknown => {
            let speaks = speaks_http2(wire.inner(), &mut first);
            match unless_over(&session, speaks).await {
                Some(Ok(is_http2)) => is_http2,
                Some(Err(_)) | None => return,
            }
        }
    };
    if is_http2 {
        wire.is_other(first);
        serve_http2(&worker, wire, peer, session).await;
    } else {
        wire.is_http1(first);
        serve_http1(&worker, wire, peer, session).await;
    }
}

/// What `first` comes to; `None`: it takes too long, or nothing new is begun any more.
async fn unless_over<F: Future>(session: &Session, first: F) -> Option<F::Output> {
    let mut first = pin!(first);
    poll_fn(|cx| {
        session.is_with(cx.waker());
        match first.as_mut().poll(cx) {
            Poll::Ready(output) => Poll::Ready(Some(output)),
            Poll::Pending if session.is_draining() || session.due().is_some() => Poll::Ready(None),
            Poll::Pending => Poll::Pending,
        }
    })
    .await
}

/// Whether a connection begins as one of HTTP/2 does. `first` is what was read to know it.
async fn speaks_http2<I>(io: &mut I, first: &mut Vec<u8>) -> io::Result<bool>
where
    I: AsyncRead + Unpin,
{
    loop {
        if io.read_buf(first).await? == 0 {
            return Ok(false);
        }
        let compared = first.len().min(PREFACE.len());
        if first[..compared] != PREFACE[..compared] {
            return Ok(false);
        }
        if compared == PREFACE.len() {
            return Ok(true);
        }
    }
}

async fn serve_http1<I>(worker: &Rc<Worker>, mut wire: Wire<I>, peer: Peer, session: Rc<Session>)
where
    I: AsyncRead + AsyncWrite + Unpin + 'static,
{
    let http = session.http();
    let mut builder = http1::Builder::new();
    if http.headers_max > HEADERS_USUAL {
        builder.max_headers(http.headers_max.into());
    }
    // Whether the client has gone is looked at only where a response takes its time: hyper would read for it in the middle
    // of every request, to a buffer of its own.
    builder.half_close(true);
    builder.max_buf_size(http.head_max as usize + HEAD_BESIDES);
    let (wire, read) = loop {
        let service = {
            let (worker, session) = (Rc::clone(worker), Rc::clone(&session));
            service_fn(move |request| answer(&worker, Rc::clone(&session), None, peer, request))
        };
        // In a place of its own, so that nothing is held for it while it rests.
        let mut connection = Box::new(builder.serve_connection(TokioIo::new(wire), service));
        let finish = http1::Connection::graceful_shutdown;
        let left = drive(&session, Pin::new(&mut *connection), finish, true).await;
        let http1::Parts { io, read_buf, .. } = connection.into_parts();
        if left == Left::Over || !read_buf.is_empty() {
            break (io.into_inner(), read_buf);
        }
        // Empty as it is, it holds on to all that was read to it.
        drop(read_buf);
        wire = io.into_inner();
        if !wire.rest().await {
            return;
        }
    };
    if let Some(upgraded) = session.take_upgraded() {
        let idle = session.http().upgrade_timeout;
        let (io, held) = wire.into_inner();
        let early = [&read[..], &held[..]].concat();
        upgrade::carry(io, early, upgraded, idle, &worker.buffer).await;
    } else if wire.is_amid() && session.due() != Some(Waits::Taker) {
        linger(wire.into_inner().0).await;
    }
}

async fn serve_http2<I>(worker: &Rc<Worker>, wire: Wire<I>, peer: Peer, session: Rc<Session>)
where
    I: AsyncRead + AsyncWrite + Unpin + 'static,
{
    let next = Rc::new(RefCell::new(None));
    let service = {
        let (worker, above, next) = (Rc::clone(worker), Rc::clone(&session), Rc::clone(&next));
        service_fn(move |request| {
            // What a stream waits for is its own; how many there are, and may be, is the connection's.
            let session = above.stream();
            *next.borrow_mut() = Some(Rc::clone(&session));
            if above.begin() >= above.http().requests_max {
                above.drain();
            }
            let seat = Seat(Rc::clone(&above));
            answer(&worker, session, Some(seat), peer, request)
        })
    };
    let http = session.http();
    let streams = Streams {
        worker: Rc::clone(worker),
        next,
    };
    let connection = http2::Builder::new(streams)
        .max_concurrent_streams(http.streams_max)
        .max_header_list_size(http.head_max)
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .max_send_buf_size(SEND_MAX)
        .serve_connection(TokioIo::new(wire), service);
    let finish = http2::Connection::graceful_shutdown;
    drive(&session, pin!(connection), finish, false).await;
}

/// How a connection was left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Left {
    Over,
    /// Between two requests, with nothing to do.
    Resting,
}

/// Runs a connection, until its client has been too slow; `finish` lets it finish what is under way.
async fn drive<C: Future>(
    session: &Session,
    mut connection: Pin<&mut C>,
    finish: fn(Pin<&mut C>),
    may_rest: bool,
) -> Left {
    let mut is_finishing = false;
    poll_fn(|cx| {
        session.is_with(cx.waker());
        let due = session.due();
        if due == Some(Waits::Taker) || session.is_overdue() {
            return Poll::Ready(Left::Over);
        }
        // What ended it, the client knows.
        let polled = connection.as_mut().poll(cx).map(|_| Left::Over);
        if polled.is_ready() || is_finishing {
            return polled;
        }
        // A head of which a part has come is begun, too: what it is for would be lost.
        let is_ending = session.is_draining() && !session.is_in_head();
        if is_ending || due == Some(Waits::Request) {
            // What has come already is begun.
            is_finishing = true;
            finish(connection.as_mut());
            return connection.as_mut().poll(cx).map(|_| Left::Over);
        }
        match may_rest && session.is_resting() {
            true => Poll::Ready(Left::Resting),
            false => Poll::Pending,
        }
    })
    .await
}

/// Says that nothing more comes, and reads on for a while: a socket that is closed with something to read in it takes back
/// what was sent last.
async fn linger<I: AsyncRead + AsyncWrite + Unpin>(mut io: I) {
    let reading = async {
        if io.shutdown().await.is_err() {
            return;
        }
        let mut octets = vec![0; 4096];
        let mut left = LINGER_OCTETS;
        while let Ok(len @ 1..) = io.read(&mut octets).await {
            let Some(less) = left.checked_sub(len) else {
                return;
            };
            left = less;
        }
    };
    let _ = timeout(LINGER, reading).await;
}

/// Answers one request; `above` is the place of its stream's connection.
fn answer(
    worker: &Rc<Worker>,
    session: Rc<Session>,
    above: Option<Seat>,
    peer: Peer,
    request: Request<Incoming>,
) -> impl Future<Output = Result<Response<Served>, Infallible>> + use<> {
    let worker = Rc::clone(worker);
    let number = session.begin();
    let seat = Seat(Rc::clone(&session));
    // What moves on from here is small.
    let request = Box::new(request);
    async move {
        // Of HTTP/1, hyper itself leaves it out.
        let has_no_body = above.is_some() && request.method() == Method::HEAD;
        let story = Rc::new(RefCell::new(Story::begin(&worker, peer)));
        let asked = Asked {
            session: &session,
            number,
            peer,
            story: &story,
        };
        let mut response = service::serve(&worker, asked, request).await;
        if above.is_none() && number >= session.http().requests_max {
            let close = HeaderValue::from_static("close");
            response.headers_mut().insert(CONNECTION, close);
        }
        if has_no_body && let Some(len) = response.body().size_hint().exact() {
            let len = HeaderValue::from(len);
            response.headers_mut().entry(CONTENT_LENGTH).or_insert(len);
        }
        story.borrow_mut().answers(response.status());
        Ok(response.map(|body| Served {
            body: (!has_no_body).then_some(body),
            seat,
            above,
            story,
        }))
    }
}

/// A request that is at work.
struct Seat(Rc<Session>);

impl Drop for Seat {
    fn drop(&mut self) {
        self.0.end();
    }
}

/// The body of a response, until it has ended.
struct Served {
    /// `None`: there is none.
    body: Option<ResponseBody>,
    seat: Seat,
    /// The place of its stream's connection.
    above: Option<Seat>,
    story: Rc<RefCell<Story>>,
}

impl Drop for Served {
    fn drop(&mut self) {
        if self.is_end_stream() {
            self.story.borrow_mut().is_whole();
        }
    }
}

impl Body for Served {
    type Data = Bytes;
    type Error = <ResponseBody as Body>::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        let served = self.get_mut();
        let Some(body) = &mut served.body else {
            return Poll::Ready(None);
        };
        let frame = Pin::new(body).poll_frame(cx);
        match &frame {
            Poll::Ready(Some(Ok(frame))) => served.story.borrow_mut().sends(frame),
            Poll::Ready(None) => served.story.borrow_mut().is_whole(),
            Poll::Ready(Some(Err(_))) | Poll::Pending => {}
        }
        if served.above.is_some() {
            // More is asked for when the client has taken that.
            let is_given = matches!(frame, Poll::Ready(Some(Ok(_))));
            served.seat.0.set_stalled(is_given);
        }
        frame
    }

    fn is_end_stream(&self) -> bool {
        self.body.as_ref().is_none_or(Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        let none = || SizeHint::with_exact(0);
        self.body.as_ref().map_or_else(none, Body::size_hint)
    }
}

/// Runs the streams of a connection on its own thread.
#[derive(Clone)]
struct Streams {
    worker: Rc<Worker>,
    /// Of the stream that runs next.
    next: Rc<RefCell<Option<Rc<Session>>>>,
}

impl<F: Future<Output = ()> + 'static> Executor<F> for Streams {
    fn execute(&self, stream: F) {
        let worker = Rc::clone(&self.worker);
        let session = self.next.borrow_mut().take();
        spawn_local(async move {
            let Some(session) = session else {
                return stream.await;
            };
            let _entry = worker.sessions.enter(Rc::clone(&session));
            let mut stream = pin!(stream);
            poll_fn(|cx| {
                session.is_with(cx.waker());
                match session.due() {
                    Some(Waits::Taker) => Poll::Ready(()),
                    _ => stream.as_mut().poll(cx),
                }
            })
            .await;
        });
    }
}
