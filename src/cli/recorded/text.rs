//! Queries as text: `NAME TYPE CLIENT`, one a line.

use std::io::Read;
use std::net::{IpAddr, Ipv4Addr};
use std::path::Path;

use ipnet::IpNet;

use super::Sink;
use super::octets::Octets;
use crate::cli::bench::queries::{expand, parse_type};
use crate::dns::{query, rtype};

/// Octets of a line.
const LINE_MAX: usize = 4096;

/// What follows `#` or `;` is a comment. Without a type it is A. A client is a network (`193.0.0.0/24`: the query
/// carries it as its client subnet) or an address (of a resolver that sends no subnet); without one, the
/// query comes from 127.0.0.1.
pub fn read<R: Read>(
    octets: &mut Octets<R>,
    path: &Path,
    sink: &mut Sink<'_>,
) -> Result<(), String> {
    for number in 1u64.. {
        let placed = |e| format!("{}:{number}: {e}", path.display());
        match octets.line(LINE_MAX).map_err(placed)? {
            Some(line) => read_line(line, sink).map_err(placed)?,
            None => break,
        }
    }
    Ok(())
}

fn read_line(line: &str, sink: &mut Sink<'_>) -> Result<(), String> {
    let line = line.split(['#', ';']).next().unwrap_or_default();
    let mut words = line.split_whitespace();
    let Some(name) = words.next() else {
        return Ok(());
    };
    let qtype = words.next().map_or(Ok(rtype::A), parse_type)?;
    let client = words.next().map(Client::parse).transpose()?;
    if let Some(word) = words.next() {
        return Err(format!("expected NAME TYPE CLIENT, found `{word}` as well"));
    }
    let client = client.unwrap_or(Client::Resolver(Ipv4Addr::LOCALHOST.into()));
    let (subnet, peer) = match client {
        Client::Subnet(net) => (Some((net.addr(), net.prefix_len())), net.addr()),
        Client::Resolver(address) => (None, address),
    };
    let mut questions = Vec::new();
    expand(name, qtype, &mut questions)?;
    for (name, qtype) in questions {
        sink.take(&query::compose_edns(0, &name, qtype, subnet), peer)?;
    }
    Ok(())
}

enum Client {
    Subnet(IpNet),
    Resolver(IpAddr),
}

impl Client {
    fn parse(text: &str) -> Result<Self, String> {
        let subnet = text.parse().map(Client::Subnet);
        let either = subnet.or_else(|_| text.parse().map(Client::Resolver));
        either.map_err(|_| {
            format!("`{text}` is no client: expected a network such as 193.0.0.0/24, or an address")
        })
    }
}
