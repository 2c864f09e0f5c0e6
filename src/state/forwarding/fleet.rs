//! What do the workers know of one pool together: may a request be sent again, is the pool worth asking?

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::{Backend, Outliers, Tally};

/// How long requests count for the budget of retries (as Finagle's), in milliseconds.
const BUDGET_MS: f64 = 10_000.0;

/// Of one pool. It outlives reloads that keep the pool's name. Times are milliseconds of one clock that never goes
/// back.
#[derive(Debug, Default)]
pub struct Fleet {
    requests: AtomicU64,
    failures: AtomicU64,
    retries: AtomicU64,
    /// Until when the circuit is open; past that, the next request is its trial. 0: it is closed.
    open_until_ms: AtomicU64,
    /// Touched only when something fails.
    rare: Mutex<Rare>,
    /// What became of requests to its endpoints.
    pub tally: Tally,
}

#[derive(Debug, Default)]
struct Rare {
    /// Retries that may be had, when that was reckoned, and the requests until then.
    budget: f64,
    budget_ms: u64,
    budget_requests: u64,
    /// When the circuit's window began, and the requests and failures until then.
    window_ms: u64,
    window_requests: u64,
    window_failures: u64,
}

/// Retries that may be had.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Budget {
    /// Of the requests, a part of 1.
    pub part: f64,
    /// In any case.
    pub per_second: u32,
}

/// When a pool is not asked at all.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Circuit {
    /// Of the requests within `window`, a part of 1.
    pub failures: f64,
    /// With fewer of them, nothing is known.
    pub requests: u32,
    pub window: Duration,
    /// Then one is let through.
    pub open: Duration,
}

/// Whether a pool is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Passage {
    Usual,
    /// It decides whether the circuit closes.
    Trial,
    /// For so long.
    Closed(Duration),
}

impl Fleet {
    /// `threads` serve.
    pub fn new(threads: usize) -> Self {
        Fleet {
            tally: Tally::new(threads),
            ..Fleet::default()
        }
    }

    /// How long the circuit is open yet, if it is.
    pub fn open_for(&self, now_ms: u64) -> Option<Duration> {
        let left = self.open_until_ms.load(Relaxed).checked_sub(now_ms)?;
        (left > 0).then_some(Duration::from_millis(left))
    }

    /// Counts a request, and says whether it may go to the pool.
    #[inline]
    pub fn enter(&self, circuit: Option<&Circuit>, now_ms: u64) -> Passage {
        self.requests.fetch_add(1, Relaxed);
        let until = self.open_until_ms.load(Relaxed);
        let Some(circuit) = circuit.filter(|_| until != 0) else {
            return Passage::Usual;
        };
        let next = now_ms + circuit.open.as_millis().max(1) as u64;
        let won = until <= now_ms
            && self
                .open_until_ms
                .compare_exchange(until, next, Relaxed, Relaxed)
                .is_ok();
        match won {
            true => Passage::Trial,
            false => Passage::Closed(Duration::from_millis(until.saturating_sub(now_ms))),
        }
    }

    /// Requests since the start.
    pub fn requests(&self) -> u64 {
        self.requests.load(Relaxed)
    }

    /// Those of them that failed, each time.
    pub fn failures(&self) -> u64 {
        self.failures.load(Relaxed)
    }

    /// Those that were sent once more, each time.
    pub fn retries(&self) -> u64 {
        self.retries.load(Relaxed)
    }

    /// The trial has succeeded.
    pub fn close(&self) {
        self.open_until_ms.store(0, Relaxed);
    }

    /// Counts a failure, and opens the circuit when there are too many.
    pub fn fail(&self, circuit: Option<&Circuit>, now_ms: u64) {
        let failures = self.failures.fetch_add(1, Relaxed) + 1;
        let Some(circuit) = circuit else {
            return;
        };
        let requests = self.requests();
        let mut rare = self.lock();
        if now_ms.saturating_sub(rare.window_ms) >= circuit.window.as_millis() as u64 {
            rare.window_ms = now_ms;
            rare.window_requests = requests.saturating_sub(1);
            rare.window_failures = failures - 1;
        }
        let requests = requests.saturating_sub(rare.window_requests);
        let failures = failures.saturating_sub(rare.window_failures);
        let is_enough = requests >= u64::from(circuit.requests);
        if is_enough && failures as f64 >= circuit.failures * requests as f64 {
            // What came before has been judged.
            rare.window_ms = 0;
            let until = now_ms + circuit.open.as_millis() as u64;
            let _ = self
                .open_until_ms
                .compare_exchange(0, until, Relaxed, Relaxed);
        }
    }

    /// Whether a request may be sent once more. What is not used of the budget is lost after ten seconds.
    pub fn may_retry(&self, budget: &Budget, now_ms: u64) -> bool {
        let requests = self.requests();
        let mut rare = self.lock();
        let elapsed = now_ms.saturating_sub(rare.budget_ms) as f64;
        let window = elapsed.min(BUDGET_MS);
        let new = requests.saturating_sub(rare.budget_requests) as f64;
        // Of those since then, those within the last ten seconds.
        let recent = new * (window / elapsed.max(1.0)).min(1.0);
        let recent = if elapsed < 1.0 { new } else { recent };
        rare.budget *= 1.0 - window / BUDGET_MS;
        rare.budget += recent * budget.part + f64::from(budget.per_second) * window / 1_000.0;
        (rare.budget_ms, rare.budget_requests) = (now_ms, requests);
        let may = rare.budget >= 1.0;
        if may {
            rare.budget -= 1.0;
            self.retries.fetch_add(1, Relaxed);
        }
        may
    }

    /// Ejects `backend`, if not too many of the pool's are already; whether it did.
    pub fn eject(
        &self,
        backend: &Backend,
        among: &[Arc<Backend>],
        by: &Outliers,
        now_ms: u64,
    ) -> bool {
        // So that two threads together do not eject one too many.
        let _alone = self.lock();
        let is_other = |other: &&Arc<Backend>| other.number != backend.number;
        let others = among.iter().filter(is_other);
        let ejected = others.filter(|other| other.standing.is_ejected()).count();
        let may = (ejected + 1) * 100 <= among.len() * usize::from(by.ejected_max);
        if may {
            backend.standing.eject(now_ms, by);
        }
        may
    }

    fn lock(&self) -> MutexGuard<'_, Rare> {
        self.rare.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START_MS: u64 = 1_000_000;

    #[test]
    fn retries_are_a_part_of_the_requests_and_a_few_in_any_case() {
        let (fleet, budget) = (
            Fleet::default(),
            Budget {
                part: 0.2,
                per_second: 10,
            },
        );
        let mut allowed = 0;
        // Ten seconds of 1,000 requests a second, all of which want to be sent again.
        for request in 0..10_000u64 {
            let now = START_MS + request;
            fleet.enter(None, now);
            allowed += u32::from(fleet.may_retry(&budget, now));
        }
        // The first may use what a quiet time before would have left: ten seconds of the minimum.
        assert!((2_000..2_350).contains(&allowed), "{allowed}");
        let later = START_MS + 1_000_000;
        let burst = (0..1_000)
            .filter(|_| fleet.may_retry(&budget, later))
            .count();
        assert_eq!(burst, 100);
        let none = Budget {
            part: 0.0,
            per_second: 0,
        };
        assert!(!Fleet::default().may_retry(&none, later));
    }

    #[test]
    fn a_circuit_opens_when_too_many_fail_and_a_trial_closes_it() {
        let circuit = Circuit {
            failures: 0.5,
            requests: 10,
            window: Duration::from_secs(10),
            open: Duration::from_secs(5),
        };
        let fleet = Fleet::default();
        let ask = |at| fleet.enter(Some(&circuit), START_MS + at);
        for at in 0..9 {
            assert_eq!(ask(at), Passage::Usual);
            fleet.fail(Some(&circuit), START_MS + at);
        }
        assert_eq!(ask(9), Passage::Usual);
        fleet.fail(Some(&circuit), START_MS + 9);
        assert_eq!(ask(10), Passage::Closed(Duration::from_millis(4_999)));
        assert_eq!(
            fleet.open_for(START_MS + 5_008),
            Some(Duration::from_millis(1))
        );
        assert_eq!(fleet.open_for(START_MS + 5_009), None);
        assert_eq!(ask(5_009), Passage::Trial);
        assert_eq!(ask(5_010), Passage::Closed(Duration::from_millis(4_999)));
        fleet.close();
        assert_eq!(ask(5_011), Passage::Usual);
    }

    #[test]
    fn a_few_failures_open_nothing() {
        let circuit = Circuit {
            failures: 0.5,
            requests: 10,
            window: Duration::from_secs(10),
            open: Duration::from_secs(5),
        };
        let fleet = Fleet::default();
        for at in 0..1_000 {
            assert_eq!(fleet.enter(Some(&circuit), START_MS + at), Passage::Usual);
            if at % 3 == 0 {
                fleet.fail(Some(&circuit), START_MS + at);
            }
        }
    }

    #[test]
    fn no_more_are_ejected_than_may_be() {
        let by = Outliers {
            failures: 5,
            ejection: Duration::from_secs(10),
            ejection_max: Duration::from_secs(60),
            ejected_max: 50,
            slowness: 0.0,
        };
        for (count, most) in [(1, 0), (2, 1), (3, 1), (4, 2)] {
            let address = "127.0.0.1:80".parse().unwrap();
            let backends: Vec<_> = (0..count)
                .map(|number| Arc::new(Backend::new(address, Arc::default(), number, 1)))
                .collect();
            let fleet = Fleet::default();
            let eject = |one: &&Arc<Backend>| fleet.eject(one, &backends, &by, START_MS);
            assert_eq!(backends.iter().filter(eject).count(), most, "of {count}");
        }
    }
}
