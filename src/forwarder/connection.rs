//! What does a client speak?

use std::net::SocketAddr;
use std::pin::pin;
use std::rc::Rc;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpStream;

use super::service::{self, Peer};
use super::worker::{Worker, stop_signal};

/// How long the head of a request may take, from the end of the last response on.
const HEAD_TIMEOUT: Duration = Duration::from_secs(60);

/// Serves one connection until its end, or until the threads stop.
pub(super) async fn serve(worker: Rc<Worker>, stream: TcpStream, peer: SocketAddr) {
    // Responses are written whole or wait for their backend; nothing is won by waiting for more.
    let _ = stream.set_nodelay(true);
    let peer = Peer {
        address: peer,
        is_tls: false,
    };
    let stopping = worker.stopping.borrow().clone();
    let service = service_fn(move |request| service::serve(Rc::clone(&worker), peer, request));
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        .serve_connection(TokioIo::new(stream), service);
    let mut connection = pin!(connection);
    let Some(mut stopping) = stopping else {
        return;
    };
    let stopped = tokio::select! {
        // What ended it, the client knows.
        _ = connection.as_mut() => false,
        _ = stop_signal(&mut stopping) => true,
    };
    if stopped {
        connection.as_mut().graceful_shutdown();
        let _ = connection.await;
    }
}
