//! How long queries waited because this thread did something else: for the status.

use std::sync::Arc;
use std::time::Instant;

use super::batch::BATCH;
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

    /// A receive call has returned with so many queries; `now` is asked only where a batch was full.
    pub fn received(&mut self, count: usize, now: impl FnOnce() -> Instant) {
        if count < BATCH && self.since.is_none() {
            return;
        }
        let now = now();
        if let Some(since) = self.since.take().filter(|_| count > 0) {
            let gap_ns = now.saturating_duration_since(since).as_nanos();
            let longest_ns = &self.counters.batch_gap_max_ns;
            longest_ns.raise(gap_ns.try_into().unwrap_or(u64::MAX));
        }
        self.since = (count == BATCH).then_some(now);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::clock;

    /// The longest gap after receive calls that returned with these counts at these times, in nanoseconds.
    fn longest_ns(calls: &[(usize, u64)]) -> u64 {
        let counters = Arc::new(Counters::default());
        let mut gap = Gap::new(Arc::clone(&counters));
        let start = clock::now();
        for &(count, at_ns) in calls {
            gap.received(count, || start + Duration::from_nanos(at_ns));
        }
        counters.batch_gap_max_ns.get()
    }

    #[test]
    fn only_time_in_which_queries_waited_counts() {
        assert_eq!(longest_ns(&[(BATCH, 10), (1, 15)]), 5);
        assert_eq!(
            longest_ns(&[(BATCH, 10), (BATCH, 15), (BATCH, 22), (0, 99)]),
            7
        );
        for idle in [[1, BATCH, 0], [BATCH, 0, BATCH], [BATCH - 1, BATCH - 1, 1]] {
            let calls: Vec<_> = idle.into_iter().zip([0, 10, 20]).collect();
            assert_eq!(longest_ns(&calls), 0, "{idle:?}");
        }
    }
}
