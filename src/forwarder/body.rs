//! What are messages made of?

use std::fmt;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use hyper::body::{Body, Frame, Incoming, SizeHint};

use super::cache::Filled;
use super::compress::Compressed;
use super::files::FileBody;
use super::upstream::Exchange;

/// Of a request on its way to a backend.
pub(super) enum RequestBody {
    /// Nothing, which can be sent again.
    Empty,
    /// As the client sends it.
    Incoming(Incoming),
}

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

/// Why a body ends before its end.
#[derive(Debug)]
pub(super) enum BodyError {
    /// Its connection has.
    Broken(hyper::Error),
    /// A file that cannot be read, or octets that cannot be compressed.
    Io(io::Error),
}

impl fmt::Display for BodyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            BodyError::Broken(error) => error.fmt(f),
            BodyError::Io(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for BodyError {}

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

    /// Nothing, in place of a body whose length will be another one.
    pub fn without_length(self) -> Self {
        ResponseBody::Unsaid
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
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            RequestBody::Empty => true,
            RequestBody::Incoming(body) => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            RequestBody::Empty => SizeHint::with_exact(0),
            RequestBody::Incoming(body) => body.size_hint(),
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
