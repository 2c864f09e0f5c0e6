//! How long queries waited because this thread did something else: for the status.

use std::sync::Arc;
use std::time::Instant;

use super::batch::BATCH;
use crate::clock;
use crate::state::feedback::Counters;

/// Measures from one receive call's return to that of the next, where queries were waiting all the while:
/// the first call brought as many as it can take, and the next one found more without waiting. What
/// happens in between is work on at most [`BATCH`] queries, and whatever keeps the thread from it.
pub struct Gap {
    counters: Arc<Counters>,
    /// When the last receive call returned, if it left queries behind, as far as can be told.
    since: Option<Instant>,
}

impl Gap {
    pub fn new(counters: Arc<Counters>) -> Self {
        Gap {
            counters,
            since: None,
        }
    }

    /// Whether queries are probably waiting, so that it is worth asking without waiting for some.
    pub fn is_open(&self) -> bool {
        self.since.is_some()
    }

    /// A receive call has returned with so many queries. The clock is read only where a batch was full.
    pub fn received(&mut self, count: usize) {
        if count < BATCH && self.since.is_none() {
            return;
        }
        let now = clock::now();
        if let Some(since) = self.since.take().filter(|_| count > 0) {
            let gap_ns = now.saturating_duration_since(since).as_nanos();
            self.counters
                .batch_gap_max_ns
                .raise(gap_ns.try_into().unwrap_or(u64::MAX));
        }
        self.since = (count == BATCH).then_some(now);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const PAUSE: Duration = Duration::from_millis(5);

    /// The gap in the status after receive calls with these counts, a pause before each but the first.
    fn gap_after(counts: &[usize]) -> Duration {
        let counters = Arc::new(Counters::default());
        let mut gap = Gap::new(Arc::clone(&counters));
        for (index, &count) in counts.iter().enumerate() {
            if index > 0 {
                std::thread::sleep(PAUSE);
            }
            gap.received(count);
        }
        Duration::from_nanos(counters.batch_gap_max_ns.get())
    }

    #[test]
    fn only_time_in_which_queries_waited_counts() {
        assert!(gap_after(&[BATCH, 1]) >= PAUSE);
        assert!(gap_after(&[BATCH, BATCH, 0]) >= PAUSE);
        for idle in [&[1, BATCH][..], &[BATCH, 0, BATCH], &[BATCH - 1, BATCH - 1]] {
            assert_eq!(gap_after(idle), Duration::ZERO, "{idle:?}");
        }
    }
}
