//! How does a client's connection become a secret one?

use std::sync::Arc;

use rustls::HandshakeKind;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use crate::state::forwarding::{Counts, Tls};

/// The connection stands in a place of its own: its state is large, and whoever holds it is moved about.
///
/// `None`: the client went away, or sent or took what it should not; it is told so, and counted. Whoever connects could
/// write as many lines as he likes, so nothing is logged.
pub(super) async fn accept(
    tls: &Tls,
    stream: TcpStream,
    counts: &Counts,
) -> Option<Box<TlsStream<TcpStream>>> {
    // So that a handshake's state does not stay with the connection.
    let shaking = Box::pin(TlsAcceptor::from(Arc::clone(&tls.config)).accept(stream));
    match timeout(tls.handshake_timeout, shaking).await {
        Ok(Ok(stream)) => {
            counts.handshakes.add(1);
            if stream.get_ref().1.handshake_kind() == Some(HandshakeKind::Resumed) {
                counts.resumed.add(1);
            }
            Some(Box::new(stream))
        }
        Ok(Err(_)) => {
            counts.failed_handshakes.add(1);
            None
        }
        Err(_) => {
            counts.slow_handshakes.add(1);
            None
        }
    }
}
