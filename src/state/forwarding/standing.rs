//! How did a backend's last requests end, and is it left out for that?

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering::Relaxed};
use std::time::Duration;

/// Of one backend, by the requests that really went there. Times are milliseconds of one clock that never goes back.
#[derive(Debug, Default)]
pub struct Standing {
    /// Failures in a row.
    failures: AtomicU32,
    /// Until when it is ejected; past that, the next request is its trial. 0: it is not.
    until_ms: AtomicU64,
    /// Ejections in a row, and when the last one ended or would have.
    ejections: AtomicU32,
    ended_ms: AtomicU64,
    /// Successes that somebody is still to be told of.
    owed: AtomicU32,
    /// Until when why there is no connection was told.
    told_ms: AtomicU64,
}

/// For so long, it is not told again.
const TOLD_MS: u64 = 60_000;

/// When a backend is ejected, and for how long.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Outliers {
    /// Failures in a row; 0: none is ejected for that.
    pub failures: u32,
    /// The first time.
    pub ejection: Duration,
    /// It doubles from one ejection to the next, up to this.
    pub ejection_max: Duration,
    /// Of the endpoints of a pool, in per cent.
    pub ejected_max: u8,
    /// How many times as long as the median of its pool one takes that is ejected for that; 0: none is.
    pub slowness: f32,
}

/// What may become of a request that is to go to a backend.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Entry {
    Usual,
    /// It decides whether the ejection has ended.
    Trial,
    /// The backend is ejected.
    Refused,
}

impl Standing {
    /// Whether it is ejected at `now_ms`, and not yet to be tried again.
    #[inline]
    pub fn is_out(&self, now_ms: u64) -> bool {
        self.until_ms.load(Relaxed) > now_ms
    }

    pub fn is_ejected(&self) -> bool {
        self.until_ms.load(Relaxed) != 0
    }

    /// Failures in a row.
    pub fn failures(&self) -> u32 {
        self.failures.load(Relaxed)
    }

    /// Whether it is to be told why there is no connection: once in a while, by one of all threads.
    pub fn is_to_be_told(&self, now_ms: u64) -> bool {
        let until = self.told_ms.load(Relaxed);
        let next = now_ms + TOLD_MS;
        until <= now_ms
            && self
                .told_ms
                .compare_exchange(until, next, Relaxed, Relaxed)
                .is_ok()
    }

    /// For a request that goes there now. Of those that come when an ejection is over, one is the trial; when nothing
    /// is heard of it for `trial`, the next is.
    #[inline]
    pub fn enter(&self, now_ms: u64, trial: Duration) -> Entry {
        let until = self.until_ms.load(Relaxed);
        if until == 0 {
            return Entry::Usual;
        }
        let next = now_ms + trial.as_millis().max(1) as u64;
        let is_due = until <= now_ms;
        let won = is_due
            && self
                .until_ms
                .compare_exchange(until, next, Relaxed, Relaxed)
                .is_ok();
        match won {
            true => Entry::Trial,
            false => Entry::Refused,
        }
    }

    /// Nothing came of the trial: the next request is one.
    pub fn forget_trial(&self) {
        self.until_ms.store(1, Relaxed);
    }

    /// One more in a row; how many there are.
    pub fn fail(&self) -> u32 {
        self.failures.fetch_add(1, Relaxed).saturating_add(1)
    }

    /// Ends the row, and after a trial the ejection.
    #[inline]
    pub fn succeed(&self, was_trial: bool) {
        if self.failures.load(Relaxed) != 0 {
            self.failures.store(0, Relaxed);
        }
        if was_trial {
            self.until_ms.store(0, Relaxed);
        }
    }

    /// Leaves it out from `now_ms` on, for twice as long as the last time; if that is long past, it is the first time
    /// again.
    pub fn eject(&self, now_ms: u64, by: &Outliers) {
        let ms = |time: Duration| time.as_millis() as u64;
        let (first, longest) = (ms(by.ejection).max(1), ms(by.ejection_max));
        let ended = self.ended_ms.load(Relaxed);
        let before = match ended != 0 && now_ms.saturating_sub(ended) <= longest {
            true => self.ejections.load(Relaxed),
            false => 0,
        };
        let lasts = first
            .saturating_mul(1 << before.min(32))
            .min(longest.max(first));
        self.ejections.store(before + 1, Relaxed);
        self.failures.store(0, Relaxed);
        self.ended_ms.store(now_ms + lasts, Relaxed);
        self.until_ms.store(now_ms + lasts, Relaxed);
    }

    /// How long it is still left out.
    pub fn left(&self, now_ms: u64) -> Duration {
        Duration::from_millis(self.until_ms.load(Relaxed).saturating_sub(now_ms))
    }

    /// From now on, so many successes are to be told.
    pub fn owe(&self, successes: u32) {
        self.owed.store(successes, Relaxed);
    }

    /// Whether a success is to be told.
    #[inline]
    pub fn settle(&self) -> bool {
        let owed = self.owed.load(Relaxed);
        if owed > 0 {
            self.owed.store(owed - 1, Relaxed);
        }
        owed > 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);
    const BY: Outliers = Outliers {
        failures: 5,
        ejection: SECOND,
        ejection_max: Duration::from_secs(5),
        ejected_max: 50,
        slowness: 0.0,
    };

    #[test]
    fn why_there_is_no_connection_is_told_once_in_a_while() {
        let standing = Standing::default();
        let told = [1, 2, TOLD_MS, TOLD_MS + 1, TOLD_MS + 2].map(|now| standing.is_to_be_told(now));
        assert_eq!(told, [true, false, false, true, false]);
    }

    #[test]
    fn after_an_ejection_one_request_is_the_trial() {
        let standing = Standing::default();
        assert_eq!(standing.enter(10, SECOND), Entry::Usual);
        standing.eject(1_000, &BY);
        assert!(standing.is_out(1_999));
        assert_eq!(standing.enter(1_999, SECOND), Entry::Refused);
        assert!(!standing.is_out(2_000));
        assert_eq!(standing.enter(2_000, SECOND), Entry::Trial);
        assert_eq!(standing.enter(2_001, SECOND), Entry::Refused);
        // Of one that had begun before, it is no news.
        standing.succeed(false);
        assert!(standing.is_ejected());
        // Nothing was heard of the trial.
        assert_eq!(standing.enter(3_000, SECOND), Entry::Trial);
        // It was broken off.
        standing.forget_trial();
        assert_eq!(standing.enter(3_000, SECOND), Entry::Trial);
        standing.succeed(true);
        assert_eq!(standing.enter(3_001, SECOND), Entry::Usual);
    }

    #[test]
    fn ejections_grow_to_a_bound_and_are_forgotten() {
        let standing = Standing::default();
        let mut now = 10_000;
        for seconds in [1, 2, 4, 5, 5] {
            standing.eject(now, &BY);
            assert_eq!(standing.left(now), seconds * SECOND);
            now += 1_000 * u64::from(seconds);
        }
        standing.eject(now + 5_001, &BY);
        assert_eq!(standing.left(now + 5_001), SECOND);
    }

    #[test]
    fn as_many_successes_are_told_as_are_owed() {
        let standing = Standing::default();
        assert!(!standing.settle());
        standing.owe(2);
        assert!(standing.settle() && standing.settle() && !standing.settle());
    }
}
