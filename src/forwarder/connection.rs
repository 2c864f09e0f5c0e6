//! What does a client speak?

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::time::Duration;

use hyper::rt::Executor;
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite};
use tokio::net::TcpStream;
use tokio::task::spawn_local;
use tokio::time::timeout;

use super::service::{self, Peer};
use super::wire::Wire;
use super::worker::{Worker, stop_signal};

/// How long the head of a request may take, from the end of the last response on.
const HEAD_TIMEOUT: Duration = Duration::from_secs(60);

/// What begins a connection of HTTP/2 (RFC 9113, 3.4).
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// What a connection is known to speak.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(dead_code, reason = "what TLS agrees on is told by its listeners")]
pub(super) enum Protocol {
    Http1,
    Http2,
    /// What its first octets say: HTTP/2 with prior knowledge (RFC 9113, 3.3), or HTTP/1.
    Unknown,
}

/// Serves one connection until its end, or until the threads stop.
pub(super) async fn serve(worker: Rc<Worker>, stream: TcpStream, peer: SocketAddr, listener: u16) {
    // Responses are written whole or wait for their backend; nothing is won by waiting for more.
    let _ = stream.set_nodelay(true);
    let peer = Peer {
        address: peer,
        listener,
        is_tls: false,
    };
    serve_http(worker, stream, peer, Protocol::Unknown).await;
}

/// Serves HTTP over `io` until its end, or until the threads stop.
pub(super) async fn serve_http<I>(worker: Rc<Worker>, io: I, peer: Peer, protocol: Protocol)
where
    I: AsyncRead + AsyncWrite + Unpin + 'static,
{
    let mut wire = Wire::new(io);
    let is_http2 = match protocol {
        Protocol::Http1 => false,
        Protocol::Http2 => true,
        Protocol::Unknown => match timeout(HEAD_TIMEOUT, speaks_http2(&mut wire)).await {
            Ok(Ok(is_http2)) => is_http2,
            Ok(Err(_)) | Err(_) => return,
        },
    };
    let Some(mut stopping) = worker.stopping.borrow().clone() else {
        return;
    };
    let service = service_fn(move |request| service::serve(Rc::clone(&worker), peer, request));
    let stopped = async move {
        stop_signal(&mut stopping).await;
    };
    let io = TokioIo::new(wire);
    if is_http2 {
        let connection = http2::Builder::new(Here).serve_connection(io, service);
        drive(connection, http2::Connection::graceful_shutdown, stopped).await;
    } else {
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(HEAD_TIMEOUT)
            .serve_connection(io, service);
        drive(connection, http1::Connection::graceful_shutdown, stopped).await;
    }
}

/// Runs a connection; once `stopped`, it is told to finish what is under way.
async fn drive<C: Future>(connection: C, finish: fn(Pin<&mut C>), stopped: impl Future) {
    let mut connection = pin!(connection);
    let is_stopped = tokio::select! {
        // What ended it, the client knows.
        _ = connection.as_mut() => false,
        _ = stopped => true,
    };
    if is_stopped {
        finish(connection.as_mut());
        let _ = connection.await;
    }
}

/// Whether a connection begins as one of HTTP/2 does. What was read to know it is read again by whoever comes next.
async fn speaks_http2<I: AsyncRead + Unpin>(wire: &mut Wire<I>) -> io::Result<bool> {
    let mut first = Vec::with_capacity(PREFACE.len());
    let speaks = loop {
        if wire.inner().read_buf(&mut first).await? == 0 {
            break false;
        }
        let compared = first.len().min(PREFACE.len());
        if first[..compared] != PREFACE[..compared] {
            break false;
        }
        if compared == PREFACE.len() {
            break true;
        }
    };
    wire.unread(first);
    Ok(speaks)
}

/// Runs the streams of a connection on its own thread.
#[derive(Clone)]
struct Here;

impl<F: Future<Output = ()> + 'static> Executor<F> for Here {
    fn execute(&self, stream: F) {
        spawn_local(stream);
    }
}
