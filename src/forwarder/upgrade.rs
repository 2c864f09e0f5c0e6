//! What becomes of a connection that another protocol was agreed on for (RFC 9110, 7.8)?

use std::cell::Cell;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use hyper::HeaderMap;
use hyper::header::{HeaderValue, UPGRADE};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt, ReadBuf, copy_bidirectional};
use tokio::time::sleep;

use super::upstream::{AtWork, Link};

/// The backend's end of such a connection.
pub(super) struct Upgraded {
    pub io: Link,
    /// What it has said already.
    pub first: Bytes,
    pub at_work: AtWork,
}

/// The protocols that a request asks for, if there is none among them that HTTP itself is to be spoken in: whoever is
/// asked for h2c here would be reached past all that is done with requests (RFC 9113, 3.1 has it no more).
pub(super) fn asked_for(headers: &HeaderMap) -> Option<HeaderValue> {
    let mut asked = headers.get_all(UPGRADE).into_iter();
    let (Some(protocols), None) = (asked.next(), asked.next()) else {
        return None;
    };
    let is_http = |protocol: &str| {
        let name = protocol.trim().split('/').next().unwrap_or_default();
        ["h2c", "h2", "http", "tls"]
            .iter()
            .any(|other| name.eq_ignore_ascii_case(other))
    };
    let text = protocols.to_str().ok()?;
    (!text.split(',').any(is_http)).then(|| protocols.clone())
}

/// Carries octets both ways until both sides have ended, or nothing was said for `idle`. `early` is what the client has
/// said already.
pub(super) async fn carry<I>(mut client: I, early: &[u8], upgraded: Upgraded, idle: Duration)
where
    I: AsyncRead + AsyncWrite + Unpin,
{
    let Upgraded {
        mut io,
        first,
        at_work,
    } = upgraded;
    let has_moved = Cell::new(false);
    let both = async {
        io.write_all(early).await?;
        client.write_all(&first).await?;
        client.flush().await?;
        let mut client = Heard(client, &has_moved);
        let mut backend = Heard(io, &has_moved);
        copy_bidirectional(&mut client, &mut backend).await
    };
    let silence = async {
        loop {
            sleep(idle).await;
            if !has_moved.replace(false) {
                return;
            }
        }
    };
    tokio::select! {
        // Who ended it how, both sides know.
        _ = both => {}
        () = silence => {}
    }
    drop(at_work);
}

/// Says when something is read.
struct Heard<'c, I>(I, &'c Cell<bool>);

impl<I: AsyncRead + Unpin> AsyncRead for Heard<'_, I> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        ready!(Pin::new(&mut self.0).poll_read(cx, buf))?;
        self.1.set(true);
        Poll::Ready(Ok(()))
    }
}

impl<I: AsyncWrite + Unpin> AsyncWrite for Heard<'_, I> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }
}
