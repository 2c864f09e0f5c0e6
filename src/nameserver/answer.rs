//! One query, one answer: bytes in, bytes out.

use std::net::IpAddr;
use std::sync::Arc;

use crate::random::Random;
use crate::state::Root;
use crate::state::feedback::{Counters, SampleQueue};

/// What one thread or connection task keeps between queries.
pub struct Worker {
    pub counters: Arc<Counters>,
    pub random: Random,
    /// Round-robin cursors, by policy and pool.
    pub cursors: Vec<u32>,
    pub samples: Option<Arc<SampleQueue>>,
}

/// How a query came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport {
    /// Answers are cut to the client's EDNS payload size, and to ours.
    Udp { payload_max: u16 },
    /// Answers may have 65,535 octets.
    Tcp,
}

/// One query as received.
pub struct Query<'a> {
    pub message: &'a [u8],
    pub peer: IpAddr,
    pub transport: Transport,
}

/// Answers `query` out of `root` into `reply` and returns the answer's length, or `None` when
/// nothing may be sent (not a query, or shorter than a header).
///
/// `reply` must hold 65,535 octets for TCP, and the larger of 512 and `payload_max` for UDP.
pub fn answer(
    worker: &mut Worker,
    _root: &Root,
    query: &Query<'_>,
    reply: &mut [u8],
) -> Option<usize> {
    worker.counters.queries.add(1);
    let header = query.message.get(..12)?;
    reply[..12].copy_from_slice(header);
    reply[2] |= 0x80;
    Some(12)
}
