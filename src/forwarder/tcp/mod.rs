//! What becomes of a connection that is no requests? It goes to an endpoint as a whole.

pub mod hello;
mod relay;

use std::io;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::balance::{self, Choice};
use super::tls;
use super::upstream::{AtWork, Speaks, Stream};
use super::worker::Worker;
use crate::locate::Client;
use crate::proxy_protocol::Ends;
use crate::state::forwarding::{Entrance, Mode};
use hello::Progress;
pub(super) use relay::Buffer;

/// How long a client may take to say which name it asks for.
const HELLO_TIMEOUT: Duration = Duration::from_secs(10);
/// What is said to a client that asks for a name that leads nowhere: alert, fatal, `unrecognized_name` (RFC 6066, 3).
const UNRECOGNIZED_NAME: [u8; 7] = [21, 3, 3, 0, 2, 2, 112];

/// Serves one connection until its end.
pub(super) async fn serve(
    worker: &Rc<Worker>,
    entrance: &Arc<Entrance>,
    mut stream: TcpStream,
    ends: Ends,
) {
    let Mode::Tcp(tcp) = &entrance.mode else {
        return;
    };
    if let Some(tls) = &entrance.tls {
        let Some(stream) = tls::accept(tls, stream, &entrance.counts).await else {
            return;
        };
        let name = stream
            .get_ref()
            .1
            .server_name()
            .map(str::to_ascii_lowercase);
        return pass_on(worker, entrance, stream, name, Vec::new(), ends).await;
    }
    let (mut first, mut name) = (Vec::new(), None);
    if !tcp.by_name.is_empty() {
        match timeout(HELLO_TIMEOUT, asked(&mut stream, &mut first)).await {
            Ok(Ok(asked)) => name = asked,
            Ok(Err(_)) => return entrance.counts.failed_handshakes.add(1),
            Err(_) => return entrance.counts.slow_handshakes.add(1),
        }
        let leads_nowhere = name
            .as_deref()
            .and_then(|name| tcp.by_name.get(name))
            .is_none()
            && tcp.to.is_none();
        if leads_nowhere {
            entrance.counts.unknown_names.add(1);
            let _ = stream.write_all(&UNRECOGNIZED_NAME).await;
            return;
        }
    }
    pass_on(worker, entrance, stream, name, first, ends).await;
}

/// The name that a client asks TLS for. What is read of it is left in `octets`.
async fn asked(stream: &mut TcpStream, octets: &mut Vec<u8>) -> io::Result<Option<String>> {
    let mut needs = 1;
    loop {
        let read = stream
            .take((hello::OCTETS_MAX - octets.len()) as u64)
            .read_buf(octets)
            .await?;
        if read == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        if octets.len() < needs {
            continue;
        }
        match hello::read(octets) {
            Ok(Progress::Needs(more)) => needs = more,
            Ok(Progress::Whole(name)) => return Ok(name),
            Err(hello::NoHello) => return Err(io::ErrorKind::InvalidData.into()),
        }
    }
}

async fn pass_on<I>(
    worker: &Rc<Worker>,
    entrance: &Entrance,
    mut stream: I,
    name: Option<String>,
    first: Vec<u8>,
    ends: Ends,
) where
    I: AsyncRead + AsyncWrite + Unpin,
{
    let Mode::Tcp(tcp) = &entrance.mode else {
        return;
    };
    let Some((mut endpoint, _at_work)) = connect(worker, entrance, name.as_deref(), ends).await
    else {
        return entrance.counts.unserved.add(1);
    };
    drop(name);
    let buffer = &worker.buffer;
    let relayed = relay::relay(&mut stream, &mut endpoint, first, tcp.idle_timeout, buffer).await;
    entrance.counts.octets_in.add(relayed.forth);
    entrance.counts.octets_out.add(relayed.back);
}

/// A connection to an endpoint: the first that takes one. Nothing was sent before, so it may be any.
async fn connect(
    worker: &Rc<Worker>,
    entrance: &Entrance,
    name: Option<&str>,
    ends: Ends,
) -> Option<(Stream, AtWork)> {
    let client = Client {
        subnet: None,
        resolver: ends.from.ip(),
    };
    let mut tried = Vec::new();
    loop {
        let Choice { upstream, backend } = {
            let root = worker.root.load_full();
            // Where it leads to may have changed since the connection came.
            let entrance = root.forwarding.entrance(&entrance.name)?;
            let Mode::Tcp(tcp) = &entrance.mode else {
                return None;
            };
            let named = name.and_then(|name| tcp.by_name.get(name));
            let forward = named.or(tcp.to.as_ref())?;
            worker.draw(&root, |draw| {
                balance::choose(&root, forward, &client, &tried, draw)
            })?
        };
        tried.push(backend.number);
        let at_work = AtWork::new(backend);
        let opening = Stream::open(&at_work.0, ends, Speaks::Anything);
        match timeout(upstream.connect_timeout, opening).await {
            Ok(Ok(stream)) => return Some((stream, at_work)),
            _ if tried.len() > upstream.retries as usize => return None,
            _ => {}
        }
    }
}
