//! What are messages made of?

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use hyper::body::{Body, Frame, Incoming, SizeHint};

pub(super) use super::kept::{Kept, Reading};
use super::upstream::Exchange;

/// Of a request on its way to a backend.
pub(super) enum RequestBody {
    /// Nothing, which can be sent again.
    Empty,
    /// As the client sends it.
    Incoming(Incoming),
    /// The same, which can be sent again as far as it was kept.
    Kept(Reading),
}

/// Why a body ends too early.
pub(super) type Error = Box<dyn std::error::Error + Send + Sync>;

/// Of a response on its way to the client.
pub(super) enum ResponseBody {
    /// As the backend sends it.
    Upstream(Exchange),
    Whole(Option<Bytes>),
}

impl RequestBody {
    pub fn of(body: Incoming) -> Self {
        match body.is_end_stream() {
            true => RequestBody::Empty,
            false => RequestBody::Incoming(body),
        }
    }
}

impl ResponseBody {
    pub fn whole(octets: impl Into<Bytes>) -> Self {
        let octets = octets.into();
        ResponseBody::Whole((!octets.is_empty()).then_some(octets))
    }
}

impl Body for RequestBody {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        match self.get_mut() {
            RequestBody::Empty => Poll::Ready(None),
            RequestBody::Incoming(body) => Pin::new(body).poll_frame(cx),
            RequestBody::Kept(reading) => reading.poll_frame(cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            RequestBody::Empty => true,
            RequestBody::Incoming(body) => body.is_end_stream(),
            RequestBody::Kept(reading) => reading.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            RequestBody::Empty => SizeHint::with_exact(0),
            RequestBody::Incoming(body) => body.size_hint(),
            RequestBody::Kept(reading) => reading.size_hint(),
        }
    }
}

impl Body for ResponseBody {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        match self.get_mut() {
            ResponseBody::Upstream(exchange) => exchange.poll_frame(cx),
            ResponseBody::Whole(octets) => Poll::Ready(octets.take().map(|o| Ok(Frame::data(o)))),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            ResponseBody::Upstream(exchange) => exchange.body().is_end_stream(),
            ResponseBody::Whole(octets) => octets.is_none(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            ResponseBody::Upstream(exchange) => exchange.body().size_hint(),
            ResponseBody::Whole(octets) => {
                SizeHint::with_exact(octets.as_ref().map_or(0, |octets| octets.len() as u64))
            }
        }
    }
}
