//! When the next probe of one target is due.
//!
//! The first probe goes out at once, so that a new target is known soon. The others keep to a grid
//! of one interval, at a phase drawn per target, so that the targets of one monitor spread over its
//! interval instead of being asked in step; each start is also drawn a little early or late, so
//! that several nodes do not stay in step either.

use std::time::Duration;

use crate::random::Random;

/// The starts of one target's probes, as times since the target was set. Pure: it never waits.
#[derive(Debug)]
pub struct Schedule {
    interval_ns: u64,
    jitter: f64,
    phase_ns: u64,
    /// The grid point of the next start.
    next: u64,
    random: Random,
}

/// The next start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Start {
    /// Since the target was set.
    pub at: Duration,
    /// Grid points that went by unused, because the probe before took (or waited) too long.
    pub missed: u64,
}

impl Schedule {
    /// `jitter` is the share of the interval by which each start is drawn early or late, 0.0..=0.5.
    pub fn new(interval: Duration, jitter: f64, mut random: Random) -> Self {
        let interval_ns = (interval.as_nanos() as u64).max(1);
        Schedule {
            interval_ns,
            jitter: jitter.clamp(0.0, 0.5),
            phase_ns: share(interval_ns, random.fraction()),
            next: 0,
            random,
        }
    }

    /// The start that follows, when `elapsed` has passed since the target was set. Never before
    /// `elapsed`, and only one for any number of grid points gone by: a late probe is not made up for.
    pub fn next(&mut self, elapsed: Duration) -> Start {
        let elapsed_ns = elapsed.as_nanos() as u64;
        let planned = self.next;
        let passed = elapsed_ns.saturating_sub(self.phase_ns) / self.interval_ns;
        let point = planned.max(passed);
        self.next = point + 1;
        let early_or_late = self.random.fraction() * 2.0 - 1.0;
        let nominal = point
            .saturating_mul(self.interval_ns)
            .saturating_add(self.phase_ns);
        let moved = share(self.interval_ns, self.jitter * early_or_late.abs());
        let start = if early_or_late < 0.0 {
            nominal.saturating_sub(moved)
        } else {
            nominal.saturating_add(moved)
        };
        Start {
            at: Duration::from_nanos(start.max(elapsed_ns)),
            missed: point - planned,
        }
    }
}

fn share(of: u64, fraction: f64) -> u64 {
    (of as f64 * fraction) as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn schedule(seed: u64, jitter: f64) -> Schedule {
        Schedule::new(SECOND, jitter, Random::from_seed(seed))
    }

    #[test]
    fn without_jitter_starts_are_one_interval_apart() {
        let mut schedule = schedule(1, 0.0);
        let first = schedule.next(Duration::ZERO).at;
        assert!(first < SECOND);
        for n in 1..100 {
            let start = schedule.next(first + SECOND * (n - 1));
            assert_eq!((start.at, start.missed), (first + SECOND * n, 0));
        }
    }

    #[test]
    fn jitter_moves_each_start_but_never_the_grid() {
        let (mut plain, mut jittered) = (schedule(7, 0.0), schedule(7, 0.25));
        let mut elapsed = Duration::ZERO;
        let mut moved = 0;
        for _ in 0..1_000 {
            let nominal = plain.next(elapsed).at;
            elapsed = jittered.next(elapsed).at;
            assert!(nominal.abs_diff(elapsed) <= SECOND / 4);
            moved += u32::from(nominal != elapsed);
        }
        assert!(moved > 900);
    }

    #[test]
    fn phases_spread_over_the_whole_interval() {
        let mut tenths = [0; 10];
        let mut random = Random::from_seed(3);
        for _ in 0..1_000 {
            let mut schedule = schedule(random.next_u64(), 0.0);
            tenths[schedule.next(Duration::ZERO).at.as_millis() as usize / 100] += 1;
        }
        assert!(tenths.iter().all(|&n| n > 50), "{tenths:?}");
    }

    #[test]
    fn a_late_probe_is_started_once_and_the_missed_ones_are_counted() {
        let mut schedule = schedule(1, 0.0);
        let first = schedule.next(Duration::ZERO).at;
        let late = first + SECOND * 5 + SECOND / 2;
        let start = schedule.next(late);
        assert_eq!((start.at, start.missed), (late, 4));
        assert_eq!(schedule.next(late).at, first + SECOND * 6);
    }

    #[test]
    fn a_start_is_never_in_the_past() {
        let mut schedule = schedule(9, 0.5);
        let mut elapsed = Duration::ZERO;
        for step in 0..1_000u32 {
            let start = schedule.next(elapsed);
            assert!(start.at >= elapsed);
            elapsed = start.at + Duration::from_millis(u64::from(step % 7) * 300);
        }
    }
}
