//! The upward seam: what the data plane reports. Bounded, lock-free; what does not fit is dropped
//! and counted.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use crossbeam_queue::ArrayQueue;

use crate::dns::{Rcode, rtype};
use crate::model::EndpointId;

/// RFC 7873, 8.
const BADCOOKIE: u16 = Rcode::BadCookie as u16;

/// Types whose queries are counted by themselves; [`OTHER`] are all others.
pub const TYPES: [(u16, &str); 12] = [
    (rtype::A, "A"),
    (rtype::AAAA, "AAAA"),
    (rtype::HTTPS, "HTTPS"),
    (rtype::SVCB, "SVCB"),
    (rtype::NS, "NS"),
    (rtype::SOA, "SOA"),
    (rtype::CNAME, "CNAME"),
    (rtype::MX, "MX"),
    (rtype::TXT, "TXT"),
    (rtype::SRV, "SRV"),
    (rtype::DS, "DS"),
    (rtype::ANY, "ANY"),
];
/// Where in [`Counters::types`] those stand that have no place of their own.
pub const OTHER: usize = 15;

/// By type: its place in [`Counters::types`].
const PLACES: [u8; 256] = {
    let mut places = [OTHER as u8; 256];
    let mut at = 0;
    while at < TYPES.len() {
        places[TYPES[at].0 as usize] = at as u8;
        at += 1;
    }
    places
};

/// Counters of one worker, on cache lines of its own. Only the worker writes (so a plain add on a
/// relaxed load and store is enough); anyone may read.
#[derive(Debug, Default)]
#[repr(align(128))]
pub struct Counters {
    /// Whether these queries come over TCP.
    pub is_tcp: bool,
    pub queries: Counter,
    /// Queries that could be read, by the place of their type in [`TYPES`], and [`OTHER`].
    pub types: [Counter; 16],
    pub answers: Counter,
    /// Received, but never answered: not a query, or too short to answer.
    pub dropped: Counter,
    /// Answers by RCODE, 0..=15.
    pub rcodes: [Counter; 16],
    pub badvers: Counter,
    pub badcookie: Counter,
    pub truncated: Counter,
    pub balanced: Counter,
    pub client_subnet: Counter,
    /// Queries with a cookie, where cookies are used, and those of them whose server cookie is valid.
    pub cookies: Counter,
    pub cookies_valid: Counter,
    /// Answers, counted above, that rate limiting held back.
    pub limited_dropped: Counter,
    /// Answers, counted above, that rate limiting sent without their records, and TC.
    pub limited_slipped: Counter,
    /// Answers that rate limiting would have held back, had it not been told to only count them.
    pub limited_dry_run: Counter,
    /// Samples that found the queue full.
    pub samples_dropped: Counter,
    /// Send calls that the kernel refused, per message.
    pub send_errors: Counter,
    /// TCP connections that were closed at once: at a limit, with none that could make room.
    pub connections_refused: Counter,
    /// Waiting TCP connections that were closed to make room for new ones.
    pub connections_evicted: Counter,
    /// The longest time from one receive call over UDP to the next in which queries were waiting, in
    /// nanoseconds.
    pub batch_gap_max_ns: Counter,
}

impl Counters {
    /// Counts one query that could be read.
    #[inline]
    pub fn count_type(&self, qtype: u16) {
        let place = PLACES.get(usize::from(qtype)).copied();
        // The mask changes nothing, but tells the compiler so.
        self.types[place.map_or(OTHER, usize::from) & 15].add(1);
    }

    /// Counts one answer by its (extended) RCODE.
    #[inline]
    pub fn count_answer(&self, rcode: u16, is_truncated: bool) {
        self.answers.add(1);
        match self.rcodes.get(usize::from(rcode)) {
            Some(counter) => counter.add(1),
            None if rcode == BADCOOKIE => self.badcookie.add(1),
            None => self.badvers.add(1),
        }
        if is_truncated {
            self.truncated.add(1);
        }
    }
}

/// A single-writer counter.
#[derive(Debug, Default)]
pub struct Counter(AtomicU64);

impl Counter {
    #[inline]
    pub fn add(&self, n: u64) {
        self.0.store(self.0.load(Relaxed).wrapping_add(n), Relaxed);
    }

    /// For a maximum: `n`, if it is more.
    #[inline]
    pub fn raise(&self, n: u64) {
        if n > self.0.load(Relaxed) {
            self.0.store(n, Relaxed);
        }
    }

    /// Begins a maximum anew. Anyone may; the writer's next value may get lost.
    pub fn reset(&self) {
        self.0.store(0, Relaxed);
    }

    pub fn get(&self) -> u64 {
        self.0.load(Relaxed)
    }
}

/// One steered answer, for whoever watches (the demo).
#[derive(Clone, Copy, Debug)]
pub struct Sample {
    pub root_generation: u64,
    /// The network asked for: the client subnet, or the resolver's address at full length.
    pub network: IpAddr,
    pub source_prefix: u8,
    pub from_client_subnet: bool,
    pub scope: u8,
    /// First endpoint of the answer.
    pub endpoint: Option<EndpointId>,
    pub ttl_s: u32,
}

/// Where workers leave samples. Absent unless somebody watches.
#[derive(Debug)]
pub struct SampleQueue(ArrayQueue<Sample>);

impl SampleQueue {
    pub fn new(capacity: usize) -> Arc<Self> {
        Arc::new(SampleQueue(ArrayQueue::new(capacity)))
    }

    /// False when it is full and the sample was dropped.
    pub fn offer(&self, sample: Sample) -> bool {
        self.0.push(sample).is_ok()
    }

    pub fn take(&self) -> Option<Sample> {
        self.0.pop()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two lines, for processors fetch them in pairs.
    const LINES_LEN: usize = 128;

    #[test]
    fn queries_are_counted_by_type() {
        let counters = Counters::default();
        for qtype in [rtype::A, rtype::A, rtype::ANY, 0, 99, 256, 65_535] {
            counters.count_type(qtype);
        }
        let counted: Vec<u64> = counters.types.iter().map(Counter::get).collect();
        assert_eq!(counted, [2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 4]);
    }

    #[test]
    fn counters_of_two_workers_share_no_cache_line() {
        let workers: [Arc<Counters>; 4] = Default::default();
        let mut lines: Vec<(usize, usize)> = workers
            .iter()
            .map(|counters| {
                let start = Arc::as_ptr(counters).addr();
                let end = start + size_of::<Counters>() - 1;
                (start / LINES_LEN, end / LINES_LEN)
            })
            .collect();
        lines.sort_unstable();
        for pair in lines.windows(2) {
            assert!(pair[0].1 < pair[1].0, "{pair:?}");
        }
    }
}
