//! What becomes of a connection before it is requests, or if it never is?

use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;

use tokio::net::TcpStream;

use super::connection::{Protocol, serve_http};
use super::service::Peer;
use super::shown::Shown;
use super::worker::Worker;
use super::{proxy, tcp, tls};
use crate::proxy_protocol::Ends;
use crate::state::forwarding::{Entrance, Mode};

/// Serves one connection to the listener `name` until its end.
pub(super) async fn serve(
    worker: Rc<Worker>,
    name: Arc<str>,
    mut stream: TcpStream,
    from: SocketAddr,
) {
    let Some(entrance) = worker.root.load().forwarding.entrance(&name).cloned() else {
        return;
    };
    entrance.counts.connections.add(1);
    // Responses are written whole or wait for their backend; nothing is won by waiting for more.
    let _ = stream.set_nodelay(true);
    let Ok(to) = stream.local_addr() else {
        return;
    };
    let mut ends = Ends { from, to };
    if entrance.proxy_protocol && entrance.trusted.contains(from.ip().to_canonical()) {
        match proxy::receive(&mut stream).await {
            Ok(said) => ends = said.unwrap_or(ends),
            Err(_) => return entrance.counts.bad_proxy_headers.add(1),
        }
    }
    match &entrance.mode {
        Mode::Http => http(worker, entrance, stream, ends).await,
        Mode::Tcp(_) => tcp::serve(&worker, &entrance, stream, ends).await,
    }
}

async fn http(worker: Rc<Worker>, entrance: Arc<Entrance>, stream: TcpStream, ends: Ends) {
    let peer = |is_tls, shown| {
        Rc::new(Peer {
            address: ends.from,
            local: ends.to,
            is_tls,
            shown,
            entrance: Arc::clone(&entrance),
        })
    };
    let Some(tls) = &entrance.tls else {
        return serve_http(worker, stream, peer(false, None), Protocol::Unknown).await;
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
    let peer = peer(
        true,
        certificate.and_then(|der| Shown::new(der)).map(Rc::new),
    );
    serve_http(worker, stream, peer, protocol).await;
}
