//! What belongs to the measured time, and what does not.

use super::counts::Tally;
use super::flight::{Landed, Sent};
use super::replay::Replay;
use super::reply::{self, Reply};
use super::samples::{Sample, Samples};

/// Keeps the tally. A query counts if it was sent while the books were open, whenever its answer comes.
pub struct Books {
    tally: Tally,
    samples: Samples,
    is_open: bool,
}

impl Books {
    pub fn new(tally: Tally, samples: Samples) -> Self {
        Books {
            tally,
            samples,
            is_open: false,
        }
    }

    /// The measured time begins.
    pub fn open(&mut self) {
        self.is_open = true;
    }

    /// It is over.
    pub fn close(&mut self) {
        self.is_open = false;
    }

    /// Queries that count, so far.
    pub fn sent(&self) -> u64 {
        self.tally.counts.sent
    }

    /// Notes `count` queries, and says whether they count.
    pub fn note_sent(&mut self, count: usize) -> bool {
        if self.is_open {
            self.tally.counts.sent += count as u64;
        }
        self.is_open
    }

    /// Notes a reply that came over a link, and at what time.
    pub fn note_reply(
        &mut self,
        landed: Landed,
        reply: &[u8],
        replay: &Replay,
        link: usize,
        now_ns: u64,
    ) {
        self.tally.arrived += u64::from(self.is_open);
        let sent = match landed {
            Landed::Expected(sent) => sent,
            Landed::Late => return self.tally.counts.late += 1,
            Landed::Unknown => return self.tally.counts.unexpected += 1,
        };
        if !sent.counts {
            return;
        }
        let query = replay.query(sent.place);
        let read = reply::read(query, reply);
        self.tally.reply(&read, reply.len());
        self.tally.latency(now_ns.saturating_sub(sent.due_ns));
        if matches!(read, Reply::Answer { .. }) {
            self.samples.offer(link, query, reply);
        }
    }

    /// Notes a query that was given up. Its latency counts as the time-out.
    pub fn note_lost(&mut self, sent: &Sent, timeout_ns: u64) {
        if sent.counts {
            self.tally.counts.lost += 1;
            self.tally.latency(timeout_ns);
        }
    }

    pub fn audit(self) -> (Tally, Vec<Sample>) {
        (self.tally, self.samples.list())
    }
}
