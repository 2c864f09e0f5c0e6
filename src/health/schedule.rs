//! When the next probe of one target is due.
//!
//! The first probe goes out at once, so that a new target is known soon. The others keep to a grid
//! of one interval, at a phase drawn per target, so that the targets of one monitor spread over its
//! interval instead of being asked in step; each start is also drawn a little early or late, so
//! that several nodes do not stay in step either.
//!
//! While a verdict is doubted, probes come as soon after one another as is asked for then; what fell together was
//! asked at different times and so it is asked on. Back at a longer interval, the phase is drawn anew.

use std::time::Duration;

use super::machine::Pace;
use crate::config::Monitor;
use crate::random::Random;

/// The starts of one target's probes, as times since the target was set. Pure: it never waits.
#[derive(Debug)]
pub struct Schedule {
    /// At each pace.
    intervals_ns: [u64; 3],
    pace: Pace,
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
    /// As the monitor's intervals and its jitter (the share of the interval by which each start is drawn early or late,
    /// 0.0..=0.5) say.
    pub fn new(monitor: &Monitor, mut random: Random) -> Self {
        let nanos = |interval: Duration| (interval.as_nanos() as u64).max(1);
        let usual = nanos(monitor.interval);
        let options = &monitor.options;
        Schedule {
            intervals_ns: [
                usual,
                options.interval_doubt.map_or(usual, nanos),
                options.interval_stable.map_or(usual, nanos),
            ],
            pace: Pace::Usual,
            interval_ns: usual,
            jitter: monitor.jitter.clamp(0.0, 0.5),
            phase_ns: share(usual, random.fraction()),
            next: 0,
            random,
        }
    }

    /// Goes over to the interval of `pace`; the last probe started when `begun` had passed since the target was set,
    /// and it ended at `elapsed`.
    pub fn set_pace(&mut self, pace: Pace, begun: Duration, elapsed: Duration) {
        let interval_ns = self.intervals_ns[pace as usize];
        self.pace = pace;
        if interval_ns == self.interval_ns {
            return;
        }
        let is_shorter = interval_ns < self.interval_ns;
        self.interval_ns = interval_ns;
        self.next = 0;
        self.phase_ns = match is_shorter {
            true => begun.as_nanos() as u64 + interval_ns,
            false => elapsed.as_nanos() as u64 + share(interval_ns, self.random.fraction()),
        };
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
            missed: match self.pace {
                // There, as soon as the last one has ended is meant to be.
                Pace::Doubt => 0,
                Pace::Usual | Pace::Stable => point - planned,
            },
        }
    }
}

fn share(of: u64, fraction: f64) -> u64 {
    (of as f64 * fraction) as u64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::health::target::tests::tcp_target;

    const SECOND: Duration = Duration::from_secs(1);

    fn schedule(seed: u64, jitter: f64) -> Schedule {
        let mut monitor = Monitor::clone(&tcp_target(1, 0).monitor);
        (monitor.interval, monitor.jitter) = (SECOND, jitter);
        monitor.options.interval_doubt = Some(SECOND / 4);
        monitor.options.interval_stable = Some(SECOND * 10);
        Schedule::new(&monitor, Random::from_seed(seed))
    }

    #[test]
    fn in_doubt_the_next_probe_is_an_interval_of_doubt_after_the_last_ones_start() {
        let mut schedule = schedule(1, 0.0);
        let begun = schedule.next(Duration::ZERO).at;
        let ended = begun + SECOND / 10;
        schedule.set_pace(Pace::Doubt, begun, ended);
        for n in 1..5 {
            let start = schedule.next(begun + SECOND / 4 * (n - 1) + SECOND / 10);
            assert_eq!((start.at, start.missed), (begun + SECOND / 4 * n, 0));
        }
        // Or at once, where that one took longer.
        let late = begun + SECOND * 3;
        assert_eq!(
            (schedule.next(late).at, schedule.next(late).missed),
            (late, 0)
        );
    }

    #[test]
    fn what_fell_together_is_not_asked_in_step_once_it_is_stable() {
        let mut tenths = [0; 10];
        let mut random = Random::from_seed(5);
        let begun = SECOND * 7;
        for _ in 0..1_000 {
            let mut schedule = schedule(random.next_u64(), 0.0);
            schedule.set_pace(Pace::Doubt, begun, begun);
            schedule.set_pace(Pace::Stable, begun, begun);
            let start = schedule.next(begun).at;
            tenths[(start - begun).as_secs() as usize] += 1;
            assert_eq!(schedule.next(start).at, start + SECOND * 10);
        }
        assert!(tenths.iter().all(|&n| n > 50), "{tenths:?}");
    }

    #[test]
    fn a_pace_that_goes_on_leaves_the_grid_as_it_is() {
        let (mut one, mut other) = (schedule(3, 0.25), schedule(3, 0.25));
        let mut elapsed = Duration::ZERO;
        for _ in 0..100 {
            one.set_pace(Pace::Usual, elapsed, elapsed);
            let start = one.next(elapsed);
            assert_eq!(start, other.next(elapsed));
            elapsed = start.at;
        }
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
