//! A connection to an endpoint, with what its pool puts between TCP and what is said.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::clock;
use crate::proxy_protocol::{self, Ends};
use crate::state::forwarding::Backend;

/// A connection to an endpoint.
pub(crate) enum Link {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

/// What is going to be said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Speaks {
    Http,
    /// Whatever the client says.
    Anything,
}

impl Link {
    /// Connects for a client whose connection has these `ends`.
    ///
    /// # Errors
    /// When there is no connection, or its certificate is not one to trust. Why is told now and then.
    pub async fn open(backend: &Backend, ends: Ends, speaks: Speaks) -> io::Result<Self> {
        let opened = Self::make(backend, ends, speaks).await;
        opened.inspect_err(|error| {
            if backend.standing.is_to_be_told(clock::steady_ms(clock::now())) {
                tracing::warn!(endpoint = %backend.address, "no connection to an endpoint: {error}");
            }
        })
    }

    async fn make(backend: &Backend, ends: Ends, speaks: Speaks) -> io::Result<Self> {
        let mut stream = TcpStream::connect(backend.address).await?;
        let _ = stream.set_nodelay(true);
        if let Some(version) = backend.way.proxy_protocol {
            stream
                .write_all(&proxy_protocol::header(version, ends))
                .await?;
        }
        let Some(tls) = &backend.way.tls else {
            return Ok(Link::Plain(stream));
        };
        let config = match speaks {
            Speaks::Http => &tls.http,
            Speaks::Anything => &tls.any,
        };
        let own = || ServerName::IpAddress(backend.address.ip().into());
        let name = tls.name.clone().unwrap_or_else(own);
        let connector = TlsConnector::from(Arc::clone(config));
        // Its state is large, and most connections have none.
        let stream = Box::pin(connector.connect(name, stream)).await?;
        // Some servers go on where nothing that they speak is offered.
        let agreed = stream.get_ref().1.alpn_protocol();
        let is_other = |agreed: &[u8]| {
            config
                .alpn_protocols
                .iter()
                .all(|offered| *offered != agreed)
        };
        let wants_http2 = config.alpn_protocols.iter().any(|offered| offered == b"h2");
        if agreed.is_some_and(is_other) || wants_http2 && agreed.is_none() {
            let error = "the endpoint does not speak HTTP/2";
            return Err(io::Error::new(io::ErrorKind::Unsupported, error));
        }
        Ok(Link::Tls(Box::new(stream)))
    }
}

impl AsyncRead for Link {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Link::Plain(stream) => Pin::new(stream).poll_read(cx, buf),
            Link::Tls(stream) => Pin::new(stream).poll_read(cx, buf),
        }
    }
}

impl AsyncWrite for Link {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Link::Plain(stream) => Pin::new(stream).poll_write(cx, buf),
            Link::Tls(stream) => Pin::new(stream).poll_write(cx, buf),
        }
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Link::Plain(stream) => Pin::new(stream).poll_write_vectored(cx, bufs),
            Link::Tls(stream) => Pin::new(stream).poll_write_vectored(cx, bufs),
        }
    }

    fn is_write_vectored(&self) -> bool {
        match self {
            Link::Plain(stream) => stream.is_write_vectored(),
            Link::Tls(stream) => stream.is_write_vectored(),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Link::Plain(stream) => Pin::new(stream).poll_flush(cx),
            Link::Tls(stream) => Pin::new(stream).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Link::Plain(stream) => Pin::new(stream).poll_shutdown(cx),
            Link::Tls(stream) => Pin::new(stream).poll_shutdown(cx),
        }
    }
}
