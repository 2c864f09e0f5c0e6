//! What goes to and fro between two connections?
//!
//! Octets are read to a buffer that all connections of a thread share, and written from there at once. Only what the
//! other side does not take is kept, so that a connection over which nothing goes has no buffers, and nothing is read
//! from a side before the other has taken what came.

use std::cell::RefCell;
use std::future::poll_fn;
use std::io;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, sleep_until};

use crate::clock;

/// Octets that are read at a time.
const BUFFER_LEN: usize = 32 * 1024;

/// What connections of a thread read to.
pub(crate) struct Buffer(RefCell<Box<[u8]>>);

impl Default for Buffer {
    fn default() -> Self {
        Buffer(RefCell::new(vec![0; BUFFER_LEN].into()))
    }
}

/// How it ended, and how much went before.
#[derive(Debug)]
pub(crate) struct Relayed {
    /// From the first to the second, and back.
    pub forth: u64,
    pub back: u64,
}

/// Passes on what comes from either side to the other, and that nothing more comes, until that is so of both, one fails
/// or nothing has come from either for `idle_timeout`, which is noticed up to as long after. `first` has come from each
/// already.
pub(crate) async fn relay<A, B>(
    one: &mut A,
    other: &mut B,
    first: (Vec<u8>, Vec<u8>),
    idle_timeout: Duration,
    buffer: &Buffer,
) -> Relayed
where
    A: AsyncRead + AsyncWrite + Unpin,
    B: AsyncRead + AsyncWrite + Unpin,
{
    let mut forth = Half::with(first.0);
    let mut back = Half::with(first.1);
    let mut timer = pin!(sleep_until(Instant::from_std(clock::now() + idle_timeout)));
    let mut moved = (0, 0);
    poll_fn(|cx| {
        let both = (
            forth.poll(cx, one, other, buffer),
            back.poll(cx, other, one, buffer),
        );
        match both {
            (Poll::Ready(Err(_)), _) | (_, Poll::Ready(Err(_))) => return Poll::Ready(()),
            (Poll::Ready(Ok(())), Poll::Ready(Ok(()))) => return Poll::Ready(()),
            _ => {}
        }
        while timer.as_mut().poll(cx).is_ready() {
            // Set once in a while and not whenever something comes.
            let now = (forth.written, back.written);
            if now == moved {
                return Poll::Ready(());
            }
            moved = now;
            let next = Instant::from_std(clock::now() + idle_timeout);
            timer.as_mut().reset(next);
        }
        Poll::Pending
    })
    .await;
    Relayed {
        forth: forth.written,
        back: back.written,
    }
}

/// One direction.
#[derive(Default)]
struct Half {
    /// What was read and not taken.
    kept: Vec<u8>,
    /// Octets of it that were.
    taken: usize,
    /// Octets in all.
    written: u64,
    /// Whether what was written may be on its way still inside the connection.
    is_unflushed: bool,
    has_ended: bool,
    is_shut: bool,
}

impl Half {
    fn with(first: Vec<u8>) -> Self {
        Half {
            kept: first,
            ..Half::default()
        }
    }

    /// Passes on what can be; ready when nothing more comes.
    fn poll<A, B>(
        &mut self,
        cx: &mut Context<'_>,
        from: &mut A,
        to: &mut B,
        buffer: &Buffer,
    ) -> Poll<io::Result<()>>
    where
        A: AsyncRead + Unpin,
        B: AsyncWrite + Unpin,
    {
        let mut from = Pin::new(from);
        let mut to = Pin::new(to);
        loop {
            while self.taken < self.kept.len() {
                let written = ready!(to.as_mut().poll_write(cx, &self.kept[self.taken..]))?;
                self.wrote(written)?;
                self.taken += written;
            }
            (self.kept, self.taken) = (Vec::new(), 0);
            if self.is_shut {
                return Poll::Ready(Ok(()));
            }
            if self.has_ended {
                ready!(to.as_mut().poll_shutdown(cx))?;
                self.is_shut = true;
                return Poll::Ready(Ok(()));
            }
            let mut buffer = buffer.0.borrow_mut();
            let mut read = ReadBuf::new(&mut buffer);
            let Poll::Ready(outcome) = from.as_mut().poll_read(cx, &mut read) else {
                if self.is_unflushed {
                    ready!(to.as_mut().poll_flush(cx))?;
                    self.is_unflushed = false;
                }
                return Poll::Pending;
            };
            outcome?;
            let read = read.filled();
            if read.is_empty() {
                self.has_ended = true;
                continue;
            }
            let written = match to.as_mut().poll_write(cx, read) {
                Poll::Ready(written) => {
                    let written = written?;
                    self.wrote(written)?;
                    written
                }
                Poll::Pending => 0,
            };
            self.kept.extend_from_slice(&read[written..]);
        }
    }

    fn wrote(&mut self, count: usize) -> io::Result<()> {
        if count == 0 {
            return Err(io::ErrorKind::WriteZero.into());
        }
        self.written += count as u64;
        self.is_unflushed = true;
        Ok(())
    }
}
