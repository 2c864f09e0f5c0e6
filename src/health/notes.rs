//! What is kept of one target for those who watch: its last observations, and when the next is due.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::probe::{Observation, Outcome};

/// Observations of one target that are kept.
pub const SEEN_MAX: usize = 8;

/// One observation of the past.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    /// When the attempt ended, in milliseconds since the Unix epoch.
    pub at_unix_ms: u64,
    pub took: Duration,
    pub outcome: Outcome,
}

/// Written by the target's task, read by whoever watches.
#[derive(Debug, Default)]
pub struct Notes(Mutex<Page>);

/// What they say at one moment.
#[derive(Clone, Debug, Default)]
pub struct Page {
    /// The latest last, [`SEEN_MAX`] at most.
    pub seen: VecDeque<Seen>,
    /// When the next attempt is due, in milliseconds since the Unix epoch. `None` while one is under
    /// way, or waits for its turn.
    pub next_unix_ms: Option<u64>,
}

impl Notes {
    /// An attempt begins, or waits for its turn.
    pub fn begin(&self) {
        self.lock().next_unix_ms = None;
    }

    pub fn see(&self, observation: &Observation, at_unix_ms: u64) {
        let mut page = self.lock();
        if page.seen.len() == SEEN_MAX {
            page.seen.pop_front();
        }
        page.seen.push_back(Seen {
            at_unix_ms,
            took: observation.took,
            outcome: observation.outcome.clone(),
        });
    }

    pub fn plan(&self, next_unix_ms: u64) {
        self.lock().next_unix_ms = Some(next_unix_ms);
    }

    pub fn page(&self) -> Page {
        self.lock().clone()
    }

    fn lock(&self) -> MutexGuard<'_, Page> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_few_are_kept_in_order() {
        let notes = Notes::default();
        for n in 0..20 {
            let observation = Observation {
                outcome: Ok(()),
                took: Duration::from_millis(n),
            };
            notes.see(&observation, n);
        }
        let at: Vec<u64> = notes.page().seen.iter().map(|s| s.at_unix_ms).collect();
        assert_eq!(at, [12, 13, 14, 15, 16, 17, 18, 19]);
    }

    #[test]
    fn while_an_attempt_is_under_way_no_next_one_is_due() {
        let notes = Notes::default();
        notes.plan(7);
        assert_eq!(notes.page().next_unix_ms, Some(7));
        notes.begin();
        assert_eq!(notes.page().next_unix_ms, None);
    }
}
