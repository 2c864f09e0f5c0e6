//! What comes and goes over a client's connection?

use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use hyper::StatusCode;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::framing::{Framing, Limits, Refused};
use super::session::{Session, Waits};

/// A client's connection. Of HTTP/1, it hands on whole heads only, and nothing whose framing is wrong.
pub(super) struct Wire<I> {
    io: I,
    session: Rc<Session>,
    /// `None`: no HTTP/1.
    framing: Option<Framing>,
    /// What was read and not handed on.
    held: Vec<u8>,
    /// Octets at its front that may be handed on.
    passed: usize,
    /// Nothing more is read.
    is_over: bool,
}

/// What is handed on in place of a head that is refused. Who answers it knows by its number that it is one.
const STAND_IN: &[u8] = b"GET / HTTP/1.1\r\nconnection: close\r\n\r\n";

/// Octets that are read at a time where a head comes in parts.
const PART: usize = 4096;

impl<I> Wire<I> {
    pub fn new(io: I, session: Rc<Session>) -> Self {
        Wire {
            io,
            session,
            framing: None,
            held: Vec::new(),
            passed: 0,
            is_over: false,
        }
    }

    pub fn inner(&mut self) -> &mut I {
        &mut self.io
    }

    /// It is HTTP/1 that is spoken, from `first` on.
    pub fn is_http1(&mut self, first: Vec<u8>) {
        let http = self.session.http();
        self.framing = Some(Framing::new(Limits {
            head_max: http.head_max as usize,
            headers_max: http.headers_max.into(),
            target_max: http.target_max as usize,
        }));
        self.held = first;
        self.scan_held();
        self.tell();
    }

    /// It is something else that is spoken, from `first` on.
    pub fn is_other(&mut self, first: Vec<u8>) {
        self.passed = first.len();
        self.held = first;
    }

    /// The connection, and what was read of it and not handed on.
    pub fn into_inner(self) -> (I, Vec<u8>) {
        (self.io, self.held)
    }

    /// Whether the client may be sending still what nobody will read.
    pub fn is_amid(&self) -> bool {
        let is_between = |framing: &Framing| framing.is_between() && self.held.is_empty();
        self.is_over || !self.framing.as_ref().is_some_and(is_between)
    }

    fn scan_held(&mut self) {
        let Some(framing) = &mut self.framing else {
            self.passed = self.held.len();
            return;
        };
        match framing.scan(&self.held[self.passed..]) {
            Ok(len) => self.passed += len,
            Err((len, refused)) => self.refuse(len, refused),
        }
    }

    /// Hands on no more than `len` octets of those that wait.
    fn refuse(&mut self, len: usize, refused: Refused) {
        self.passed += len;
        self.held.truncate(self.passed);
        self.is_over = true;
        match &self.framing {
            Some(framing) if framing.is_at_head() => {
                self.session.refuse_after(framing.heads(), refused);
                self.held.extend_from_slice(STAND_IN);
                self.passed = self.held.len();
            }
            _ => self.session.set_fault(refused),
        }
    }

    /// Gives what may be handed on; whether there was anything.
    fn give(&mut self, buf: &mut ReadBuf<'_>) -> bool {
        let len = self.passed.min(buf.remaining());
        buf.put_slice(&self.held[..len]);
        self.held.drain(..len);
        self.passed -= len;
        len > 0
    }

    /// What the session is told of the head that is read.
    fn tell(&self) {
        let is_at_head = self.framing.as_ref().is_some_and(Framing::is_at_head);
        self.session
            .set_in_head(is_at_head && !self.held.is_empty());
    }
}

impl<I: AsyncRead + Unpin> Wire<I> {
    /// Reads more to what is held; whether anything came.
    fn poll_more(&mut self, cx: &mut Context<'_>) -> io::Result<Poll<bool>> {
        let mut part = [0; PART];
        let mut part = ReadBuf::new(&mut part);
        let read = Pin::new(&mut self.io).poll_read(cx, &mut part)?;
        self.held.extend_from_slice(part.filled());
        Ok(read.map(|()| !part.filled().is_empty()))
    }

    /// Reads to `buf`, and takes back what may not be handed on; whether there is anything, or nothing to come.
    fn poll_directly(
        &mut self,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<bool>> {
        let start = buf.filled().len();
        ready!(Pin::new(&mut self.io).poll_read(cx, buf))?;
        let Some(framing) = &mut self.framing else {
            return Poll::Ready(Ok(true));
        };
        let read = &buf.filled()[start..];
        if read.is_empty() {
            return Poll::Ready(Ok(true));
        }
        match framing.scan(read) {
            Ok(len) => {
                self.held.extend_from_slice(&read[len..]);
                buf.set_filled(start + len);
                Poll::Ready(Ok(len > 0))
            }
            Err((len, refused)) => {
                buf.set_filled(start + len);
                self.refuse(0, refused);
                Poll::Ready(Ok(len > 0))
            }
        }
    }
}

impl<I: AsyncRead + Unpin> AsyncRead for Wire<I> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let wire = self.get_mut();
        loop {
            if wire.give(buf) {
                wire.tell();
                return Poll::Ready(Ok(()));
            }
            if wire.is_over {
                return match wire.session.fault() {
                    Some(fault) => Poll::Ready(Err(io::Error::other(fault.why))),
                    None => Poll::Pending,
                };
            }
            if wire.framing.as_ref().is_some_and(Framing::is_held) {
                if wire.session.holds() || wire.session.is_upgraded() {
                    return Poll::Pending;
                }
                wire.release();
                continue;
            }
            let read = match wire.held.is_empty() {
                true => match wire.poll_directly(cx, buf) {
                    Poll::Ready(Ok(true)) => {
                        wire.tell();
                        return Poll::Ready(Ok(()));
                    }
                    read => read,
                },
                false => match wire.poll_more(cx)? {
                    // What there is of a head stays so.
                    Poll::Ready(false) => return Poll::Ready(Ok(())),
                    Poll::Ready(true) => {
                        wire.scan_held();
                        Poll::Ready(Ok(true))
                    }
                    Poll::Pending => Poll::Pending,
                },
            };
            match read {
                Poll::Ready(Ok(_)) => wire.tell(),
                Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                Poll::Pending if wire.session.due() == Some(Waits::RestOfHead) => {
                    wire.refuse(0, TOO_SLOW);
                }
                Poll::Pending => return Poll::Pending,
            }
        }
    }
}

const TOO_SLOW: Refused = Refused {
    status: StatusCode::REQUEST_TIMEOUT,
    why: "the head took too long",
};

impl<I: AsyncRead + Unpin> Wire<I> {
    /// Waits for the next request; whether something of one has come.
    pub async fn rest(&mut self) -> bool {
        let session = Rc::clone(&self.session);
        let more = poll_fn(|cx| {
            session.is_with(cx.waker());
            match self.poll_more(cx) {
                Ok(Poll::Pending) if session.is_draining() || session.due().is_some() => {
                    Poll::Ready(false)
                }
                Ok(more) => more,
                Err(_) => Poll::Ready(false),
            }
        });
        let has_come = more.await;
        if has_come {
            self.scan_held();
            self.tell();
        }
        has_come
    }

    /// Reads while a request that was read whole is at work, as far as there is room: an error where the client has gone.
    fn poll_probe(&mut self, cx: &mut Context<'_>) -> io::Result<()> {
        let is_between = self.framing.as_ref().is_some_and(Framing::is_between);
        while is_between && !self.is_over && self.held.len() < PART {
            match self.poll_more(cx)? {
                Poll::Ready(true) => {
                    self.scan_held();
                    self.tell();
                }
                Poll::Ready(false) => return Err(io::ErrorKind::ConnectionAborted.into()),
                Poll::Pending => break,
            }
        }
        Ok(())
    }
}

impl<I> Wire<I> {
    /// What was asked for beside HTTP was declined, so that what follows is the next request.
    fn release(&mut self) {
        if let Some(framing) = &mut self.framing {
            framing.release();
        }
        self.scan_held();
    }

    fn wrote<T>(&self, written: Poll<T>) -> Poll<T> {
        self.session.set_stalled(written.is_pending());
        written
    }
}

impl<I: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Wire<I> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.io).poll_write(cx, buf);
        self.wrote(written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.io).poll_write_vectored(cx, bufs);
        self.wrote(written)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.session.is_probing() {
            self.poll_probe(cx)?;
        }
        let flushed = Pin::new(&mut self.io).poll_flush(cx);
        self.wrote(flushed)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}
