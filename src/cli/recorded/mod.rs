//! Recorded queries: what was asked, and by whom.
//!
//! | format | told by | what counts |
//! |---|---|---|
//! | text | anything else | a line `NAME TYPE CLIENT` each: TYPE and CLIENT may be missing; names may be patterns, as for `bench` |
//! | pcap, pcapng | its first four octets | queries to a port (53), over UDP, or over TCP where one segment holds one whole query |
//! | dnstap | four octets of zero (Frame Streams) | `AUTH_QUERY` and `CLIENT_QUERY` messages |
//!
//! Files are read as streams, so that they may be larger than memory; every length in them is held against a
//! limit before it is believed.

mod dnstap;
mod octets;
mod packet;
mod pcap;
mod pcapng;
mod protobuf;
mod text;

use std::fs::File;
use std::io::BufReader;
use std::net::IpAddr;
use std::path::Path;

use octets::Octets;

/// Queries of one file at most.
pub const QUERIES_MAX: u64 = 1_000_000_000;

/// A query as it was recorded.
#[derive(Clone, Copy, Debug)]
pub struct Captured<'a> {
    pub message: &'a [u8],
    /// The address that it came from.
    pub peer: IpAddr,
}

/// What was in a file besides queries, or was not there whole.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Skipped {
    /// Packets or messages that are something else.
    pub others: u64,
    /// Packets of which not all was recorded, and queries in several packets.
    pub partial: u64,
}

/// Takes queries; an error ends the reading.
pub type Take<'t> = dyn FnMut(&Captured<'_>) -> Result<(), String> + 't;

/// Where the octets of a query go.
struct Sink<'t> {
    take: &'t mut Take<'t>,
    /// Of packets.
    port: u16,
    count: u64,
    skipped: Skipped,
}

impl Sink<'_> {
    fn take(&mut self, message: &[u8], peer: IpAddr) -> Result<(), String> {
        if self.count == QUERIES_MAX {
            return Err(format!("more than {QUERIES_MAX} queries"));
        }
        self.count += 1;
        (self.take)(&Captured { message, peer })
    }
}

/// Reads the queries in the file at `path`; of packets, those to `port`.
///
/// # Errors
/// In words, with the file and the place in it: it cannot be read, is of no known format, ends in the middle, says
/// of itself what cannot be, or has no queries; or what `take` says.
pub fn read(path: &Path, port: u16, take: &mut Take<'_>) -> Result<Skipped, String> {
    let named = |e: String| format!("{}: {e}", path.display());
    let file = File::open(path).map_err(|e| named(e.to_string()))?;
    let mut octets = Octets::new(BufReader::with_capacity(1 << 16, file));
    let mut sink = Sink {
        take: &mut |captured| take(captured),
        port,
        count: 0,
        skipped: Skipped::default(),
    };
    let read = match octets.start().map_err(named)? {
        start if pcap::is_start(start) => pcap::read(&mut octets, &mut sink),
        pcapng::START => pcapng::read(&mut octets, &mut sink),
        [0, 0, 0, 0] => dnstap::read(&mut octets, &mut sink),
        start if is_compressed(start) => Err("it is compressed; decompress it first".to_owned()),
        _ => {
            // Lines have places of their own.
            text::read(&mut octets, path, &mut sink)?;
            Ok(())
        }
    };
    read.map_err(|e| named(format!("at octet {}: {e}", octets.position())))?;
    match sink.count {
        0 => Err(named(nothing(&sink))),
        _ => Ok(sink.skipped),
    }
}

fn nothing(sink: &Sink<'_>) -> String {
    let Skipped { others, partial } = sink.skipped;
    match others + partial {
        0 => "no queries in it".to_owned(),
        _ => format!(
            "no queries in it: {others} packets or messages are something else (queries to port {} are \
             looked for), and of {partial} not all is there",
            sink.port
        ),
    }
}

/// gzip, Zstandard, xz, bzip2.
fn is_compressed(start: [u8; 4]) -> bool {
    start.starts_with(&[0x1f, 0x8b])
        || start == [0x28, 0xb5, 0x2f, 0xfd]
        || start == [0xfd, b'7', b'z', b'X']
        || start.starts_with(b"BZh")
}

#[cfg(test)]
mod tests;
