//! What becomes of a connection that is no requests? It goes to an endpoint as a whole.

pub mod hello;
mod relay;

use std::io;
use std::rc::Rc;
use std::time::{Duration, Instant};

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::access_line::{self, Passed};
use super::admission::lets_in;
use super::balance::{self, Ask, Choice};
use super::few::Few;
use super::known::Known;
use super::tls;
use super::upstream::{AtWork, Link, Speaks};
use super::worker::Worker;
use crate::clock;
use crate::locate::Client;
use crate::proxy_protocol::Ends;
use crate::state::forwarding::{Failure, Mode, Tcp};
use crate::state::listening::{Listener, Spot};
use hello::Progress;
pub(super) use relay::{Buffer, relay};

/// How long a client may take to say which name it asks for.
const HELLO_TIMEOUT: Duration = Duration::from_secs(10);
/// What is said to a client that asks for a name that leads nowhere: alert, fatal, `unrecognized_name` (RFC 6066, 3).
const UNRECOGNIZED_NAME: [u8; 7] = [21, 3, 3, 0, 2, 2, 112];

/// Serves one connection to `spot` until its end.
pub(super) async fn serve(
    worker: &Rc<Worker>,
    listener: &Listener,
    tcp: &Tcp,
    mut stream: TcpStream,
    ends: Ends,
    spot: Spot,
) {
    let entrance = &listener.entrance;
    let counts = &entrance.counts;
    if !is_let_in(worker, spot, ends) {
        return counts.refused.add(1);
    }
    let began = clock::now();
    if let Some(tls) = &entrance.tls {
        let Some(mut stream) = tls::accept(tls, stream, counts).await else {
            return;
        };
        let name = stream.get_ref().1.server_name();
        let name = name.map(|name| hello::without_dot(name).to_ascii_lowercase());
        if tcp.forward(name.as_deref()).is_none() {
            return counts.unknown_names.add(1);
        }
        let idle = tcp.idle_timeout;
        let came = Came {
            listener,
            spot,
            name,
            ends,
            began,
        };
        return pass_on(worker, came, &mut stream, Vec::new(), idle).await;
    }
    let (mut first, mut name) = (Vec::new(), None);
    if !tcp.by_name.is_empty() {
        match timeout(HELLO_TIMEOUT, asked(&mut stream, &mut first)).await {
            Ok(Ok(asked)) => name = asked,
            Ok(Err(_)) => return counts.failed_handshakes.add(1),
            Err(_) => return counts.slow_handshakes.add(1),
        }
        if tcp.forward(name.as_deref()).is_none() {
            counts.unknown_names.add(1);
            let _ = stream.write_all(&UNRECOGNIZED_NAME).await;
            return;
        }
    }
    let idle = tcp.idle_timeout;
    let came = Came {
        listener,
        spot,
        name,
        ends,
        began,
    };
    pass_on(worker, came, &mut stream, first, idle).await;
}

/// Whether the listener takes connections of this client; there is no other word for no than to close them.
fn is_let_in(worker: &Worker, spot: Spot, ends: Ends) -> bool {
    let root = worker.root.load();
    let listener = root.forwarding.listener(spot);
    let client = Client {
        subnet: None,
        resolver: ends.from.ip(),
    };
    listener.is_some_and(|listener| {
        let access = listener.access.as_ref();
        access.is_none_or(|access| lets_in(&root, access, &client))
    })
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

/// A connection that is to be passed on.
struct Came<'l> {
    listener: &'l Listener,
    spot: Spot,
    /// That it asks TLS for.
    name: Option<String>,
    ends: Ends,
    began: Instant,
}

/// Passes on what comes over `stream`, of which `first` was read already.
async fn pass_on<I>(
    worker: &Rc<Worker>,
    came: Came<'_>,
    stream: &mut I,
    first: Vec<u8>,
    idle_timeout: Duration,
) where
    I: AsyncRead + AsyncWrite + Unpin,
{
    let entrance = &came.listener.entrance;
    let mut tries = 0;
    let connected = Box::pin(connect(worker, &came, &mut tries)).await;
    let mut passed = Passed {
        client: came.ends.from.ip(),
        listener: &came.listener.name,
        name: came.name.as_deref(),
        is_tls: entrance.tls.is_some(),
        endpoint: None,
        tries,
        octets_in: 0,
        octets: 0,
        before: None,
        took: Duration::ZERO,
    };
    let Some((mut link, at_work)) = connected else {
        entrance.counts.unserved.add(1);
        return log(worker, passed, came.began);
    };
    passed.endpoint = Some((at_work.backend().address, at_work.pool()));
    passed.before = Some(clock::now().saturating_duration_since(came.began));
    let first = (first, Vec::new());
    let relayed = relay(stream, &mut link, first, idle_timeout, &worker.buffer).await;
    entrance.counts.octets_in.add(relayed.forth);
    entrance.counts.octets_out.add(relayed.back);
    (passed.octets_in, passed.octets) = (relayed.forth, relayed.back);
    log(worker, passed, came.began);
}

/// Writes a line where requests without a route have theirs.
fn log(worker: &Worker, passed: Passed<'_>, began: Instant) {
    let root = worker.root.load();
    if let Some(logging) = worker.sampled(root.forwarding.unrouted.logging.as_ref()) {
        let took = clock::now().saturating_duration_since(began);
        let passed = Passed { took, ..passed };
        let line = access_line::passed(logging.format, clock::unix_ms(), &passed);
        logging.log.push(line);
    }
}

/// A connection to an endpoint: the first that takes one. Nothing was sent before, so it may be any.
async fn connect(worker: &Rc<Worker>, came: &Came<'_>, tries: &mut u32) -> Option<(Link, AtWork)> {
    let ends = came.ends;
    let client = Client {
        subnet: None,
        resolver: ends.from.ip(),
    };
    let known = Known::of_client(&client);
    let mut tried = Vec::new();
    loop {
        let now_ms = clock::steady_ms(clock::now());
        let choice = {
            let root = worker.root.load_full();
            // Where it leads to may have changed since the connection came.
            let listener = root.forwarding.listener(came.spot)?;
            let Mode::Tcp(tcp) = &listener.entrance.mode else {
                return None;
            };
            let access = listener.access.as_ref();
            if access.is_some_and(|access| !lets_in(&root, access, &client)) {
                return None;
            }
            let forward = tcp.forward(came.name.as_deref())?;
            let ask = Ask {
                root: &root,
                forward,
                client: &client,
                known: &known,
                tried: &tried,
                shut: Few::default(),
                now_ms,
            };
            let choice = worker.draw(&root, |draw| balance::choose(&ask, draw));
            choice.ok()?
        };
        let Choice {
            upstream, backend, ..
        } = choice;
        tried.push(backend.number);
        *tries += 1;
        let entering = AtWork::enter(&upstream, &backend, false, now_ms);
        if let Ok(mut at_work) = entering.await {
            let opening = Link::open(at_work.backend(), ends, Speaks::Anything);
            match timeout(upstream.connect_timeout, opening).await {
                Ok(Ok(link)) => {
                    at_work.end();
                    return Some((link, at_work));
                }
                _ => at_work.fail(Failure::Connect),
            }
        }
        if tried.len() > upstream.retries as usize {
            return None;
        }
    }
}
