//! What becomes of a connection before it is requests, or if it never is?

use std::net::SocketAddr;
use std::rc::Rc;

use tokio::net::TcpStream;

use super::connection::{Protocol, serve_http};
use super::doors::Place;
use super::service::Peer;
use super::shown::Shown;
use super::worker::Worker;
use super::{proxy, rtt, tcp, tls};
use crate::proxy_protocol::Ends;
use crate::state::forwarding::Mode;
use crate::state::listening::{Listener, Spot};

/// Serves one connection until its end.
pub(super) async fn serve(
    worker: Rc<Worker>,
    mut stream: TcpStream,
    from: SocketAddr,
    spot: Spot,
    mut place: Place,
) {
    let Some(listener) = worker.listener(spot) else {
        return;
    };
    let entrance = &listener.entrance;
    entrance.counts.connections.add(1);
    // Responses are written whole or wait for their backend; nothing is won by waiting for more.
    let _ = stream.set_nodelay(true);
    if !entrance.proxy_protocol {
        rtt::note(&worker, &stream, from.ip());
    }
    let Ok(to) = stream.local_addr() else {
        return;
    };
    let mut ends = Ends { from, to };
    if entrance.proxy_protocol && listener.http.trusts(from.ip()) {
        match Box::pin(proxy::receive(&mut stream)).await {
            Ok(Some(said)) => ends = said,
            Ok(None) => {}
            Err(_) => return entrance.counts.bad_proxy_headers.add(1),
        }
        let client = ends.from.ip();
        let max = worker.root.load().forwarding.doors.per_client_max;
        if !listener.http.trusts(client) && !place.is_of(client, max) {
            return;
        }
    }
    match &entrance.mode {
        Mode::Http => http(worker, &listener, stream, ends, spot).await,
        Mode::Tcp(tcp) => {
            let serving = tcp::serve(&worker, &listener, tcp, stream, ends, spot);
            // What connections of requests have no use for.
            Box::pin(serving).await;
        }
    }
}

async fn http(worker: Rc<Worker>, listener: &Listener, stream: TcpStream, ends: Ends, spot: Spot) {
    let entrance = &listener.entrance;
    let peer = Peer {
        address: ends.from,
        local: ends.to,
        is_tls: entrance.tls.is_some(),
        spot,
    };
    let Some(tls) = &entrance.tls else {
        return serve_http(worker, stream, peer, None, Protocol::Unknown).await;
    };
    let Some(stream) = tls::accept(tls, stream, &entrance.counts).await else {
        return;
    };
    let (_, connection) = stream.get_ref();
    let protocol = match connection.alpn_protocol() {
        Some(b"h2") => Protocol::Http2,
        _ => Protocol::Http1,
    };
    let certificate = connection.peer_certificates().and_then(<[_]>::first);
    let shown = certificate.and_then(|der| Shown::new(der)).map(Rc::new);
    serve_http(worker, stream, peer, shown, protocol).await;
}
