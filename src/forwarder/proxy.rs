//! Whose is a connection that a proxy in front passes on?

use std::io;
use std::time::Duration;

use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::proxy_protocol::{self, Ends, LEN_MAX};

/// How long the header may take. Proxies send it with the first octets, at once.
const HEADER_TIMEOUT: Duration = Duration::from_secs(5);
/// Octets that are looked at at a time: what most headers are at most.
const LOOK: usize = 256;

/// Reads the header that a connection begins with, and nothing behind it. `None`: it is the proxy's own.
///
/// # Errors
/// There is none, or it took too long.
pub(super) async fn receive(stream: &mut TcpStream) -> io::Result<Option<Ends>> {
    timeout(HEADER_TIMEOUT, read(stream)).await?
}

async fn read(stream: &mut TcpStream) -> io::Result<Option<Ends>> {
    let mut octets = Vec::with_capacity(LOOK);
    loop {
        let before = octets.len();
        octets.resize((before + LOOK).min(LEN_MAX), 0);
        let seen = stream.peek(&mut octets[before..]).await?;
        octets.truncate(before + seen);
        if seen == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let header = proxy_protocol::read(&octets)
            .map_err(|e| io::Error::new(io::ErrorKind::InvalidData, e.to_string()))?;
        // All that was looked at belongs to it, as long as it is not whole.
        let len = header.map_or(octets.len(), |header| header.len);
        stream.read_exact(&mut octets[before..len]).await?;
        if let Some(header) = header {
            return Ok(header.ends);
        }
    }
}
