//! What comes and goes over a backend's connection.

use std::cell::Cell;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::link::Link;

/// Octets that a backend may send before the head of its response is there: that head, and those of responses in
/// between (1xx). A read that begins below goes on past it, since a body may follow.
pub(super) const HEAD_MAX: usize = 64 * 1024;

/// A connection to a backend that says no more than it should before it responds.
pub(crate) struct Line {
    io: Link,
    said: Rc<Said>,
}

/// What was said in front of a response.
#[derive(Default)]
pub(super) struct Said {
    octets: Cell<usize>,
    is_responding: Cell<bool>,
}

impl Said {
    /// A request is sent.
    pub fn begin(&self) {
        self.octets.set(0);
        self.is_responding.set(false);
    }

    /// Whether nothing has come since.
    pub fn is_nothing(&self) -> bool {
        self.octets.get() == 0
    }

    /// The head of a response has come. Whether more came up to then than a head may have.
    pub fn respond(&self) -> bool {
        self.is_responding.set(true);
        self.octets.get() > HEAD_MAX
    }
}

impl Line {
    pub fn new(io: Link, said: Rc<Said>) -> Self {
        Line { io, said }
    }

    pub fn into_inner(self) -> Link {
        self.io
    }
}

impl AsyncRead for Line {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.said.is_responding.get() {
            return Pin::new(&mut self.io).poll_read(cx, buf);
        }
        let said = self.said.octets.get();
        if said >= HEAD_MAX {
            let error = "the head of the response does not end";
            return Poll::Ready(Err(io::Error::other(error)));
        }
        let before = buf.filled().len();
        let read = Pin::new(&mut self.io).poll_read(cx, buf);
        self.said.octets.set(said + buf.filled().len() - before);
        read
    }
}

impl AsyncWrite for Line {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write(cx, buf)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}
