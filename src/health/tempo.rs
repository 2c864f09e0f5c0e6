//! How long probes take, and how late they start: what is measured of all of them together.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::Histogram;

use super::failure::Failure;
use super::probe::Outcome;

/// Upper ends in seconds: from an answer on the same machine to the longest timeouts that are usual.
const TOOK_S: [f64; 13] = [
    0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0,
];
/// The same, of starts: timers are late by a millisecond or two.
const LATE_S: [f64; 10] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 1.0, 5.0];

/// Turns that [`Tempo::lag_max`] looks back.
const SECONDS: usize = 10;

/// Whose probes, and what they showed.
#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
pub struct Kind {
    /// By the name that it had when the target was set.
    pub monitor: String,
    /// `success` or `failure`.
    pub outcome: &'static str,
}

/// Measures of all probes.
#[derive(Clone, Debug)]
pub struct Took(pub Family<Kind, Histogram, fn() -> Histogram>);

/// Those of one monitor, ready to be written to.
#[derive(Debug)]
pub struct TookOf {
    success: Histogram,
    failure: Histogram,
}

#[derive(Debug)]
pub struct Tempo {
    /// From the start of an attempt to its outcome.
    pub took: Took,
    /// From the time that an attempt was planned for to its start.
    pub lag: Histogram,
    /// The longest lag since [`Tempo::take_worst`] was called, in nanoseconds.
    worst_ns: AtomicU64,
    /// The longest lags of the last seconds, each a turn of [`Tempo::take_worst`].
    last_ns: [AtomicU64; SECONDS],
    turn: AtomicUsize,
    /// The same as a part of the interval, in thousandths.
    worst_permille: AtomicU64,
    /// Failures that did not count, since this machine was late.
    uncounted: AtomicU64,
    /// The most by which it was since [`Tempo::take_latest`] was called, in nanoseconds.
    latest_ns: AtomicU64,
}

/// The longest lag of a while.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Worst {
    pub lag: Duration,
    /// Whether a probe was late by more than its whole interval.
    pub is_behind: bool,
}

impl Default for Tempo {
    fn default() -> Self {
        let new_took = || Histogram::new(TOOK_S);
        Tempo {
            took: Took(Family::new_with_constructor(new_took)),
            lag: Histogram::new(LATE_S),
            worst_ns: AtomicU64::new(0),
            last_ns: Default::default(),
            turn: AtomicUsize::new(0),
            worst_permille: AtomicU64::new(0),
            uncounted: AtomicU64::new(0),
            latest_ns: AtomicU64::new(0),
        }
    }
}

impl Took {
    pub fn of(&self, monitor: &str) -> TookOf {
        let of = |outcome| {
            let kind = Kind {
                monitor: monitor.to_owned(),
                outcome,
            };
            self.0.get_or_create_owned(&kind)
        };
        TookOf {
            success: of("success"),
            failure: of("failure"),
        }
    }
}

impl TookOf {
    /// What could not be tried from here was no attempt.
    pub fn note(&self, outcome: &Outcome, took: Duration) {
        match outcome {
            Ok(()) => self.success.observe(took.as_secs_f64()),
            Err(failure) if failure.is_local() => {}
            Err(_) => self.failure.observe(took.as_secs_f64()),
        }
    }
}

impl Tempo {
    /// A probe that is made every `interval` started `lag` after its time.
    pub fn started(&self, lag: Duration, interval: Duration) {
        self.lag.observe(lag.as_secs_f64());
        let lag_ns = nanoseconds(lag);
        self.worst_ns.fetch_max(lag_ns, Relaxed);
        let permille = lag_ns.saturating_mul(1000) / nanoseconds(interval).max(1);
        self.worst_permille.fetch_max(permille, Relaxed);
    }

    /// The longest lag since this was called before. To be called once a second.
    pub fn take_worst(&self) -> Worst {
        let lag_ns = self.worst_ns.swap(0, Relaxed);
        let turn = self.turn.fetch_add(1, Relaxed) % SECONDS;
        self.last_ns[turn].store(lag_ns, Relaxed);
        Worst {
            lag: Duration::from_nanos(lag_ns),
            is_behind: self.worst_permille.swap(0, Relaxed) > 1000,
        }
    }

    /// Takes notice of a failure, if it does not count.
    pub fn note(&self, outcome: &Outcome) {
        if let Err(Failure::Uncounted { late, .. }) = outcome {
            self.uncounted.fetch_add(1, Relaxed);
            self.latest_ns.fetch_max(nanoseconds(*late), Relaxed);
        }
    }

    /// How many failures did not count, in all.
    pub fn uncounted(&self) -> u64 {
        self.uncounted.load(Relaxed)
    }

    /// If any did not since this was called before: by how much this machine was late, at most.
    pub fn take_latest(&self) -> Option<Duration> {
        let late_ns = self.latest_ns.swap(0, Relaxed);
        (late_ns > 0).then(|| Duration::from_nanos(late_ns))
    }

    /// The longest lag of the last ten seconds.
    pub fn lag_max(&self) -> Duration {
        let last = self.last_ns.iter().chain([&self.worst_ns]);
        let longest_ns = last.map(|lag_ns| lag_ns.load(Relaxed)).max();
        Duration::from_nanos(longest_ns.unwrap_or(0))
    }
}

fn nanoseconds(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_that_do_not_count_are_counted() {
        let tempo = Tempo::default();
        tempo.note(&Ok(()));
        tempo.note(&Err(Failure::Refused));
        assert_eq!((tempo.uncounted(), tempo.take_latest()), (0, None));
        for late_ms in [200, 300, 100] {
            let (what, late) = (Box::new(Failure::Closed), Duration::from_millis(late_ms));
            tempo.note(&Err(Failure::Uncounted { what, late }));
        }
        let latest = Some(Duration::from_millis(300));
        assert_eq!((tempo.uncounted(), tempo.take_latest()), (3, latest));
        assert_eq!((tempo.uncounted(), tempo.take_latest()), (3, None));
    }

    #[test]
    fn a_probe_is_behind_when_it_is_late_by_more_than_its_interval() {
        let tempo = Tempo::default();
        let second = Duration::from_secs(1);
        tempo.started(second / 2, second);
        tempo.started(second, second);
        let worst = Worst {
            lag: second,
            is_behind: false,
        };
        assert_eq!(tempo.take_worst(), worst);
        tempo.started(second * 2, second * 10);
        tempo.started(second + second / 10, second);
        let worst = Worst {
            lag: second * 2,
            is_behind: true,
        };
        assert_eq!(tempo.take_worst(), worst);
        assert_eq!(tempo.take_worst().lag, Duration::ZERO);
        assert_eq!(tempo.lag_max(), second * 2);
        for _ in 0..SECONDS {
            tempo.take_worst();
        }
        assert_eq!(tempo.lag_max(), Duration::ZERO);
    }
}
