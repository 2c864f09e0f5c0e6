//! How much has been spent of many rates: a token bucket each, in memory fixed from the start.
//!
//! A bucket is one number, the time at which it will have its first token again ("generic cell rate
//! algorithm", ITU-T I.371), with a part of its key's hash beside it, in one atomic word. Any
//! number of threads take tokens without a lock. Eight buckets that share a place fill a cache line; when
//! all are taken, the one that is furthest from its limit is forgotten, so that a flood of new keys
//! does not set those free that are held back.

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hash};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

/// Buckets that share a place: as many as fit a cache line.
const WAYS: usize = 8;
/// Bits of a word that are its time in microseconds, modulo 2^40 (12.7 days).
const TIME_BITS: u32 = 40;
const TIME_MASK: u64 = (1 << TIME_BITS) - 1;
/// Attempts to write a bucket that other threads write to at the same time. Past them the token goes
/// uncounted, which does no harm: the others' were counted.
const TRIES_MAX: usize = 4;
/// The clock's grain in microseconds. A bucket that is emptier than this cannot be told from empty.
const GRAIN_US: i64 = 1000;
/// How far one thread's clock may be behind another's, in microseconds: they read it once per batch.
const SKEW_US: i64 = 1_000_000;

/// Buckets of any keys.
#[derive(Debug)]
pub struct RateTable {
    places: Box<[Place]>,
    /// Drawn anew for each table, so that nobody outside can find two keys with the same hash, or spend
    /// what another has.
    hasher: RandomState,
}

/// Each word: the top 24 bits of a key's hash, then the time at which the bucket is even (no
/// token, no debt). A word of 0 is a bucket like any other: full, since its time is long past.
#[derive(Debug)]
#[repr(align(64))]
struct Place([AtomicU64; WAYS]);

/// How fast a bucket fills, and between which bounds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pace {
    /// One token per so many microseconds.
    interval_us: i64,
    /// The longest that an overspent bucket takes to be even again.
    debt_us: i64,
    /// How long a bucket that is even takes to be full.
    credit_us: i64,
}

/// A full bucket is worth what a second brings, unless somebody says otherwise.
const CREDIT_US: i64 = 1_000_000;

impl Pace {
    /// `per_second` is 1..=1,000,000; `debt` at most an hour.
    pub fn new(per_second: u32, debt: Duration) -> Self {
        Pace {
            interval_us: CREDIT_US / i64::from(per_second.max(1)),
            debt_us: debt.as_micros().min(3_600_000_000) as i64,
            credit_us: CREDIT_US,
        }
    }

    /// `count` (1..=1,000,000) within `per`, `burst` of them at once (1..=1,000,000; no more than what a day brings).
    /// Who takes where there is none has not spent anything.
    pub fn of_burst(count: u32, per: Duration, burst: u32) -> Self {
        let per_us = per.as_micros().min(3_600_000_000) as i64;
        let interval_us = (per_us / i64::from(count.max(1))).max(1);
        Pace {
            interval_us,
            debt_us: 0,
            credit_us: (interval_us * i64::from(burst.max(1))).min(86_400_000_000),
        }
    }
}

impl RateTable {
    /// Room for `count` buckets, rounded up to a power of two; 8 octets each.
    pub fn new(count: u32) -> Self {
        let places = (count as usize).div_ceil(WAYS).next_power_of_two();
        RateTable {
            places: (0..places).map(|_| Place(Default::default())).collect(),
            hasher: RandomState::new(),
        }
    }

    /// Takes a token from the bucket of `key`, and says whether there was one. Who takes where there is
    /// none runs into debt, and gets nothing before that is worked off.
    pub fn take(&self, key: &impl Hash, now_ms: u64, pace: Pace) -> bool {
        self.spend(key, now_ms, pace) <= 0
    }

    /// The same, with how long it takes until there is one.
    ///
    /// # Errors
    /// So long.
    pub fn try_take(&self, key: &impl Hash, now_ms: u64, pace: Pace) -> Result<(), Duration> {
        match self.spend(key, now_ms, pace) {
            ..=0 => Ok(()),
            short_us => Err(Duration::from_micros(short_us as u64)),
        }
    }

    /// How far the bucket is overspent, in microseconds, when a token is taken.
    fn spend(&self, key: &impl Hash, now_ms: u64, pace: Pace) -> i64 {
        let hash = self.hasher.hash_one(key);
        let place = &self.places[hash as usize & (self.places.len() - 1)].0;
        let tag = hash >> TIME_BITS;
        let now = now_ms.wrapping_mul(1000) & TIME_MASK;
        let mut spent = 0;
        for _ in 0..TRIES_MAX {
            let (way, word, ahead) = find(place, tag, now, pace);
            spent = ahead + pace.interval_us;
            let is_in_vain = spent > 0 && pace.debt_us == 0;
            if is_in_vain || ahead > pace.debt_us - GRAIN_US.min(pace.debt_us) {
                // As deep in debt as it gets. In a flood this is what nearly all queries find, so
                // that threads do not fight over one cache line.
                return spent;
            }
            let even = (now as i64 + spent.min(pace.debt_us)) as u64 & TIME_MASK;
            let new = tag << TIME_BITS | even;
            if place[way]
                .compare_exchange(word, new, Relaxed, Relaxed)
                .is_ok()
            {
                break;
            }
        }
        spent
    }
}

/// The bucket of `tag`, or the one that makes room for it: which, what it holds, and how far its time
/// lies ahead.
fn find(place: &[AtomicU64; WAYS], tag: u64, now: u64, pace: Pace) -> (usize, u64, i64) {
    let mut fullest = (0, 0, i64::MAX);
    for (way, word) in place.iter().enumerate() {
        let word = word.load(Relaxed);
        let ahead = ahead(word, now, pace);
        if word >> TIME_BITS == tag {
            return (way, word, ahead);
        }
        if ahead < fullest.2 {
            fullest = (way, word, ahead);
        }
    }
    (fullest.0, fullest.1, -pace.credit_us)
}

/// How far the bucket's time lies ahead of `now`: from its credit behind (it is full) to the longest
/// debt. What lies much further ahead was written before the clock was set back, or so long ago that
/// the time came round: full.
fn ahead(word: u64, now: u64, pace: Pace) -> i64 {
    let unused = u64::BITS - TIME_BITS;
    let ahead = ((word.wrapping_sub(now) << unused) as i64) >> unused;
    if ahead > pace.debt_us + SKEW_US {
        return -pace.credit_us;
    }
    ahead.clamp(-pace.credit_us, pace.debt_us)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::HashMap;

    /// Some time in 2026.
    const NOW: u64 = 1_795_000_000_000;
    const WINDOW: Duration = Duration::from_secs(15);

    fn taken(table: &RateTable, key: u32, now_ms: u64, pace: Pace, tries: u32) -> u32 {
        (0..tries)
            .map(|_| u32::from(table.take(&key, now_ms, pace)))
            .sum()
    }

    #[test]
    fn one_seconds_tokens_may_be_taken_at_once_and_no_more() {
        let (table, pace) = (RateTable::new(1000), Pace::new(20, WINDOW));
        assert_eq!(taken(&table, 1, NOW, pace, 100), 20);
        assert_eq!(taken(&table, 2, NOW, pace, 100), 20);
    }

    #[test]
    fn who_goes_on_taking_gets_nothing_and_who_stops_is_even_after_the_window() {
        let (table, pace) = (RateTable::new(1000), Pace::new(20, WINDOW));
        for second in 0..100 {
            let passed = taken(&table, 1, NOW + second * 1000, pace, 100);
            assert_eq!(passed, if second == 0 { 20 } else { 0 }, "{second}");
        }
        let stopped = NOW + 99_000;
        assert_eq!(taken(&table, 1, stopped + 14_999, pace, 1), 0);
        // That try, too, had to be worked off.
        assert_eq!(taken(&table, 1, stopped + 16_050, pace, 100), 20);
    }

    #[test]
    fn who_is_refused_has_spent_nothing_and_is_told_how_long() {
        let pace = Pace::of_burst(10, Duration::from_secs(60), 3);
        let table = RateTable::new(1000);
        let ask = |at: u64| table.try_take(&1u32, NOW + at, pace);
        assert!((0..3).all(|_| ask(0).is_ok()));
        // However often it asks, the next comes in time.
        for at in 0..6_000 {
            let left = Duration::from_millis(6_000 - at);
            assert_eq!(ask(at), Err(left), "{at}");
        }
        assert_eq!(ask(6_000), Ok(()));
        assert!(ask(6_000).is_err());
        let later = 6_000 + 600_000;
        assert_eq!((0..10).filter(|_| ask(later).is_ok()).count(), 3);
    }

    #[test]
    fn a_clock_set_back_holds_nobody_off() {
        let (table, pace) = (RateTable::new(1000), Pace::new(1, WINDOW));
        taken(&table, 1, NOW, pace, 100);
        assert!(table.take(&1u32, NOW - 3_600_000, pace));
    }

    #[test]
    fn a_thread_whose_clock_is_a_little_late_lets_nobody_through() {
        let (table, pace) = (RateTable::new(1000), Pace::new(1, WINDOW));
        taken(&table, 1, NOW, pace, 100);
        assert!(!table.take(&1u32, NOW - 100, pace));
    }

    #[test]
    fn a_bucket_forgotten_for_weeks_is_full() {
        let (table, pace) = (RateTable::new(1000), Pace::new(1, WINDOW));
        for weeks in 1..200 {
            taken(&table, 1, NOW, pace, 100);
            let later = NOW + weeks * 7 * 86_400_000;
            // The time comes round every 12.7 days; only just then is it mistaken.
            assert!(table.take(&1u32, later, pace), "{weeks}");
        }
    }

    #[test]
    fn the_deepest_in_debt_are_the_last_to_be_forgotten() {
        // One place of eight buckets.
        let (table, pace) = (RateTable::new(8), Pace::new(10, WINDOW));
        for offender in 0..4u32 {
            taken(&table, offender, NOW, pace, 1000);
        }
        for passer_by in 100..10_000u32 {
            assert!(table.take(&passer_by, NOW, pace));
        }
        for offender in 0..4u32 {
            assert!(!table.take(&offender, NOW + 1000, pace), "{offender}");
        }
    }

    #[test]
    fn threads_share_one_rate() {
        let (table, pace) = (RateTable::new(1000), Pace::new(1000, WINDOW));
        let passed: u32 = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..4)
                .map(|_| scope.spawn(|| taken(&table, 1, NOW, pace, 10_000)))
                .collect();
            threads.into_iter().map(|t| t.join().unwrap()).sum()
        });
        // A token that goes uncounted is given away: at most as many as could not be written.
        assert!((1000..2000).contains(&passed), "{passed}");
    }

    proptest! {
        #[test]
        fn nobody_gets_more_than_the_rate_and_a_seconds_worth_or_less_than_was_asked_within_it(
            per_second in 1u32..500,
            asks in prop::collection::vec((0u32..4, 0u64..300), 1..2000),
        ) {
            let (table, pace) = (RateTable::new(10_000), Pace::new(per_second, WINDOW));
            let mut now = NOW;
            let mut seen: HashMap<u32, (Vec<u64>, u64)> = HashMap::new();
            for (key, pause_ms) in asks {
                now += pause_ms / 10;
                let passes = table.take(&key, now, pace);
                let (times, passed) = seen.entry(key).or_default();
                times.push(now);
                *passed += u64::from(passes);
                let rate = 1e6 / pace.interval_us as f64;
                let most = (now - times[0]) as f64 / 1000.0 * rate + rate;
                prop_assert!(*passed as f64 <= most + 1e-6, "{passed} of at most {most}");
                // The rate is kept when no interval between two asks has more than a second's worth
                // and the rate allow.
                let keeps_it = times.iter().enumerate().all(|(i, &first)| {
                    let asked = (times.len() - i) as f64;
                    asked <= (now - first) as f64 / 1000.0 * f64::from(per_second)
                        + f64::from(per_second)
                });
                if keeps_it && *passed + 1 >= times.len() as u64 {
                    prop_assert!(passes, "held back at {now}");
                }
            }
        }
    }
}
