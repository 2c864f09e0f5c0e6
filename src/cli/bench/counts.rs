//! What came of the queries.

use std::collections::BTreeMap;

use hdrhistogram::Histogram;
use serde::Serialize;

use super::reply::Reply;

/// Of the queries that were sent within the measured time, however late their answers came: `sent` is
/// `answered + lost + other_question + malformed`.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Counts {
    pub sent: u64,
    pub answered: u64,
    /// Without an answer after the time-out.
    pub lost: u64,
    /// With another question than was asked.
    pub other_question: u64,
    pub malformed: u64,
    /// Replies to no query that waits: a wrong id, or a second answer.
    pub unexpected: u64,
    /// Answers to queries that had been given up, and are counted as lost.
    pub late: u64,
    /// Answers with TC set.
    pub truncated: u64,
    /// Records in the answer sections.
    pub records: u64,
    /// Octets of all answers.
    pub octets: u64,
}

impl Counts {
    /// Replies that no right server sends.
    pub fn wrong(&self) -> u64 {
        self.other_question + self.malformed + self.unexpected
    }
}

/// Response codes, by number. The few that there are cost one array look-up.
pub struct Rcodes([u64; RCODES]);

/// BADCOOKIE, 23, is the highest that an answer can have; all above are counted as one.
const RCODES: usize = 32;

impl Rcodes {
    pub fn new() -> Self {
        Rcodes([0; RCODES])
    }

    pub fn add(&mut self, rcode: u16) {
        self.0[usize::from(rcode).min(RCODES - 1)] += 1;
    }

    pub fn by_name(&self) -> BTreeMap<String, u64> {
        let counted = (0..).zip(self.0).filter(|(_, count)| *count > 0);
        counted
            .map(|(code, count)| (crate::dns::rcode_mnemonic(code), count))
            .collect()
    }
}

/// All that is counted while the load runs.
pub struct Tally {
    pub counts: Counts,
    pub rcodes: Rcodes,
    /// Answers that came within the measured time, whenever their queries were sent: what CPU time is
    /// divided by.
    pub arrived: u64,
    /// In nanoseconds from when the query was due.
    pub latencies: Histogram<u64>,
}

/// Latencies are told apart to 0.1 %.
const DIGITS: u8 = 3;

impl Tally {
    /// For latencies up to the time-out.
    pub fn new(timeout_ns: u64) -> Self {
        let latencies = Histogram::new_with_max(timeout_ns.max(2), DIGITS);
        Tally {
            counts: Counts::default(),
            rcodes: Rcodes::new(),
            arrived: 0,
            latencies: latencies.expect("the bounds are right"),
        }
    }

    /// A reply of `len` octets to a query of the measured time.
    pub fn reply(&mut self, reply: &Reply, len: usize) {
        match *reply {
            Reply::Answer {
                rcode,
                records,
                is_truncated,
            } => {
                self.counts.answered += 1;
                self.counts.records += u64::from(records);
                self.counts.octets += len as u64;
                self.counts.truncated += u64::from(is_truncated);
                self.rcodes.add(rcode);
            }
            Reply::OtherQuestion => self.counts.other_question += 1,
            Reply::Malformed => self.counts.malformed += 1,
        }
    }

    pub fn latency(&mut self, ns: u64) {
        self.latencies.saturating_record(ns);
    }
}
