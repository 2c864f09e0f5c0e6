//! How much of what comes is read.
//!
//! Each protocol has limits of its own, for heads, bodies and certificates. This is the one for all that they say nothing
//! of: interim answers, frames, records and tickets without end, which would cost time until the deadline.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Octets of one attempt for everything but bodies: handshakes, heads, and what holds them all together.
const WITHOUT_BODIES: usize = 256 * 1024;

/// How many octets an attempt may still read, on all its connections together; clones share it.
#[derive(Clone, Debug)]
pub struct Allowance {
    whole: usize,
    left: Arc<AtomicUsize>,
}

impl Allowance {
    /// For an attempt that reads a body of so many octets, which may come in small pieces.
    pub fn new(body: usize) -> Self {
        let whole = WITHOUT_BODIES + 2 * body;
        Allowance {
            whole,
            left: Arc::new(AtomicUsize::new(whole)),
        }
    }

    /// For the next attempt.
    pub fn renew(&self) {
        self.left.store(self.whole, Relaxed);
    }

    /// A connection that ends with an error where more comes. (What one read takes may come in addition.)
    pub fn on<S>(&self, stream: S) -> Bounded<S> {
        let allowance = self.clone();
        Bounded { stream, allowance }
    }
}

/// A connection that is read as far as is allowed.
#[derive(Debug)]
pub struct Bounded<S> {
    stream: S,
    allowance: Allowance,
}

impl<S: AsyncRead + Unpin> AsyncRead for Bounded<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let Allowance { whole, left } = self.allowance.clone();
        if left.load(Relaxed) == 0 {
            let why = format!("more than {whole} octets came");
            return Poll::Ready(Err(io::Error::other(why)));
        }
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(context, buffer))?;
        let read = buffer.filled().len() - before;
        left.store(left.load(Relaxed).saturating_sub(read), Relaxed);
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Bounded<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        octets: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, octets)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        pieces: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(context, pieces)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncReadExt;

    use super::*;

    #[tokio::test]
    async fn what_is_allowed_is_read_again_for_each_attempt() {
        let allowance = Allowance::new(100);
        let mut stream = allowance.on(tokio::io::repeat(b'.'));
        for _ in 0..3 {
            allowance.renew();
            let (mut piece, mut read) = ([0; 1000], 0);
            let error = loop {
                match stream.read(&mut piece).await {
                    Ok(length) => read += length,
                    Err(error) => break error,
                }
            };
            let whole = WITHOUT_BODIES + 200;
            assert!((whole..whole + 1000).contains(&read), "{read}");
            assert_eq!(error.to_string(), format!("more than {whole} octets came"));
        }
    }
}
