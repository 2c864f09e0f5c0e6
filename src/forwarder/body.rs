//! What are messages made of?

use std::fmt;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use bytes::Bytes;
use hyper::StatusCode;
use hyper::body::{Body, Frame, Incoming, SizeHint};

use super::cache::Filled;
use super::compress::Compressed;
use super::files::FileBody;
use super::framing::Refused;
use super::kept::Reading;
use super::patience::Patience;
use super::session::Session;
use super::upstream::Exchange;

/// Of a request on its way to a backend.
pub(super) enum RequestBody {
    /// Nothing, which can be sent again.
    Empty,
    /// As the client sends it.
    Incoming(Box<Received>),
    /// The same, which can be sent again as far as it was kept.
    Kept(Reading),
}

/// What a client sends, as far as it may.
pub(super) struct Received {
    body: Incoming,
    session: Rc<Session>,
    /// Octets that there may be. `None`: any.
    left: Option<u64>,
    patience: Patience,
}

/// Why a body ends before its end.
#[derive(Debug)]
pub(super) enum BodyError {
    /// Its connection has.
    Broken(hyper::Error),
    TooLarge,
    TooSlow,
    /// A file that cannot be read, or octets that cannot be compressed.
    Io(io::Error),
}

impl fmt::Display for BodyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            BodyError::Broken(error) => error.fmt(f),
            BodyError::TooLarge => f.write_str(TOO_LARGE.why),
            BodyError::TooSlow => f.write_str(TOO_SLOW.why),
            BodyError::Io(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for BodyError {}

/// RFC 9110, 15.5.14.
pub(super) const TOO_LARGE: Refused = Refused {
    status: StatusCode::PAYLOAD_TOO_LARGE,
    why: "the body is too large",
};

/// RFC 9110, 15.5.9.
const TOO_SLOW: Refused = Refused {
    status: StatusCode::REQUEST_TIMEOUT,
    why: "the body took too long",
};

/// Of a response on its way to the client.
pub(super) enum ResponseBody {
    /// As the backend sends it.
    Upstream(Exchange),
    /// The same, and it will be kept.
    Filled(Filled),
    Whole(Option<Bytes>),
    /// Words of the forwarder's own.
    Refusal(Option<Bytes>),
    /// Nothing, where it is not said how much there would be.
    Unsaid,
    File(FileBody),
    Compressed(Box<Compressed>),
}

impl RequestBody {
    /// What goes wrong with it, `session` is told.
    pub fn of(body: Incoming, session: &Rc<Session>) -> Self {
        match body.is_end_stream() {
            true => RequestBody::Empty,
            false => RequestBody::Incoming(Box::new(Received {
                body,
                session: Rc::clone(session),
                left: session.http().body_max,
                patience: Patience::new(session.http().body_timeout),
            })),
        }
    }
}

impl Received {
    pub fn body(&self) -> &Incoming {
        &self.body
    }

    pub fn poll_frame(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let Poll::Ready(frame) = Pin::new(&mut self.body).poll_frame(cx) else {
            if !self.patience.has_ended(cx) {
                return Poll::Pending;
            }
            self.session.set_fault(TOO_SLOW);
            return Poll::Ready(Some(Err(BodyError::TooSlow)));
        };
        self.patience.renew();
        if let (Some(Ok(frame)), Some(left)) = (&frame, self.left) {
            let len = frame.data_ref().map_or(0, Bytes::len) as u64;
            let Some(less) = left.checked_sub(len) else {
                self.session.set_fault(TOO_LARGE);
                return Poll::Ready(Some(Err(BodyError::TooLarge)));
            };
            self.left = Some(less);
        }
        Poll::Ready(frame.map(|frame| frame.map_err(BodyError::Broken)))
    }
}

impl ResponseBody {
    pub fn whole(octets: impl Into<Bytes>) -> Self {
        let octets = octets.into();
        ResponseBody::Whole((!octets.is_empty()).then_some(octets))
    }

    /// Nothing, in place of a body whose length will be another one.
    pub fn without_length(self) -> Self {
        ResponseBody::Unsaid
    }
}

impl Body for RequestBody {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        match self.get_mut() {
            RequestBody::Empty => Poll::Ready(None),
            RequestBody::Incoming(received) => received.poll_frame(cx),
            RequestBody::Kept(reading) => reading.poll_frame(cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            RequestBody::Empty => true,
            RequestBody::Incoming(received) => received.body.is_end_stream(),
            RequestBody::Kept(reading) => reading.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            RequestBody::Empty => SizeHint::with_exact(0),
            RequestBody::Incoming(received) => received.body.size_hint(),
            RequestBody::Kept(reading) => reading.size_hint(),
        }
    }
}

impl Body for ResponseBody {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        match self.get_mut() {
            ResponseBody::Upstream(exchange) => exchange.poll_frame(cx),
            ResponseBody::Filled(filled) => filled.poll_frame(cx),
            ResponseBody::Whole(octets) | ResponseBody::Refusal(octets) => {
                Poll::Ready(octets.take().map(|octets| Ok(Frame::data(octets))))
            }
            ResponseBody::Unsaid => Poll::Ready(None),
            ResponseBody::File(file) => file.poll_frame(cx),
            ResponseBody::Compressed(compressed) => compressed.poll_frame(cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            ResponseBody::Upstream(exchange) => exchange.body().is_end_stream(),
            ResponseBody::Filled(filled) => filled.len() == Some(0),
            ResponseBody::Whole(octets) | ResponseBody::Refusal(octets) => octets.is_none(),
            ResponseBody::Unsaid => false,
            ResponseBody::File(file) => file.left() == 0,
            ResponseBody::Compressed(compressed) => compressed.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            ResponseBody::Upstream(exchange) => exchange.body().size_hint(),
            ResponseBody::Filled(filled) => filled
                .len()
                .map_or_else(SizeHint::new, SizeHint::with_exact),
            ResponseBody::Whole(octets) | ResponseBody::Refusal(octets) => {
                SizeHint::with_exact(octets.as_ref().map_or(0, |octets| octets.len() as u64))
            }
            ResponseBody::Unsaid | ResponseBody::Compressed(_) => SizeHint::new(),
            ResponseBody::File(file) => SizeHint::with_exact(file.left()),
        }
    }
}
