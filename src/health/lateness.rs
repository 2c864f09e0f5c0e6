//! How late this machine is, and what of a probe counts then.
//!
//! Where there is too little CPU, or the process or its virtual machine stands still for a while, what comes from a target
//! is not heard, but timers go on. So time that was *lost* is no part of a probe's time: a task beats on the runtime that
//! probes run on, and as much as it is late, everything there is.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::failure::Failure;
use crate::clock;

/// From one beat to the next.
pub const BEAT: Duration = Duration::from_millis(10);
/// No beat is late by less: timers go by milliseconds, and other tasks are served, too.
const USUAL: Duration = Duration::from_millis(4);
/// The part of a timeout that may be lost, for it to count: one in so many.
const LOST_IN: u32 = 8;
/// Where more is lost at a time, silence means nothing for a while.
const STANDSTILL: Duration = Duration::from_secs(1);
/// Enough to hear what was said meanwhile, and to ask most targets again.
const HEARING: Duration = Duration::from_secs(2);
/// What servers answer who wait no longer for a request (RFC 9110, 15.5.9).
const REQUEST_TIMEOUT: u16 = 408;

/// Measures the time that is lost, while it beats.
#[derive(Debug, Default)]
pub struct Pulse(Mutex<Beats>);

#[derive(Debug, Default)]
struct Beats {
    /// Before the last beat, in all.
    lost: Duration,
    /// When the next one is due; `None` at rest.
    due: Option<Instant>,
}

impl Pulse {
    /// A beat; when the next one is due.
    pub fn beat(&self, now: Instant) -> Instant {
        let mut beats = self.lock();
        beats.lost = beats.lost_by(now);
        let due = now + BEAT;
        beats.due = Some(due);
        due
    }

    /// No beat is due, until there is one.
    pub fn rest(&self, now: Instant) {
        let mut beats = self.lock();
        beats.lost = beats.lost_by(now);
        beats.due = None;
    }

    /// The time that was lost until now, in all; the beat that is late by now included.
    pub fn lost(&self, now: Instant) -> Duration {
        self.lock().lost_by(now)
    }

    fn lock(&self) -> MutexGuard<'_, Beats> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Beats {
    fn lost_by(&self, now: Instant) -> Duration {
        let late = |due| now.saturating_duration_since(due + USUAL);
        self.lost + self.due.map_or(Duration::ZERO, late)
    }
}

/// Beats for as long as it runs.
pub async fn beat(pulse: Arc<Pulse>) {
    struct Beating(Arc<Pulse>);
    impl Drop for Beating {
        fn drop(&mut self) {
            self.0.rest(clock::now());
        }
    }
    let Beating(pulse) = &Beating(pulse);
    loop {
        let due = pulse.beat(clock::now());
        tokio::time::sleep_until(due.into()).await;
    }
}

/// The time since some moment, and what is lost of it.
#[derive(Clone, Debug)]
pub struct Watch {
    begun: Instant,
    lost_before: Duration,
    pulse: Arc<Pulse>,
}

impl Watch {
    /// From now on.
    pub fn start(pulse: Arc<Pulse>) -> Self {
        let begun = clock::now();
        Watch {
            begun,
            lost_before: pulse.lost(begun),
            pulse,
        }
    }

    /// Until now.
    pub fn read(&self) -> Passed {
        let now = clock::now();
        let lost = self.pulse.lost(now).saturating_sub(self.lost_before);
        let whole = now.saturating_duration_since(self.begun);
        Passed { whole, lost }
    }
}

/// Time that passed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Passed {
    pub whole: Duration,
    /// The part of it during which nobody here would have heard anything.
    pub lost: Duration,
}

impl Passed {
    /// Without what was lost.
    pub fn heard(self) -> Duration {
        self.whole.saturating_sub(self.lost)
    }

    /// How much longer to wait for what has `timeout`; nothing once so little is left that it does not matter.
    pub fn left_of(self, timeout: Duration) -> Option<Duration> {
        let left = timeout.saturating_sub(self.heard());
        (left > timeout / LOST_IN).then_some(left)
    }

    /// The failure of an attempt that took this, where `timeout` was its time; or that it does not count, if this machine
    /// is why it may have failed.
    pub fn weigh(self, failure: Failure, timeout: Duration) -> Failure {
        let much_is_lost = self.lost > timeout / LOST_IN;
        let is_ours = match failure {
            Failure::TimedOut { .. } => self.left_of(timeout).is_some(),
            Failure::Unresolved { .. } => much_is_lost,
            // Who waits for us has a timeout, too.
            Failure::Closed | Failure::Status(REQUEST_TIMEOUT) => {
                much_is_lost && self.whole > timeout
            }
            _ => false,
        };
        match is_ours {
            true => Failure::Uncounted {
                what: Box::new(failure),
                late: self.lost,
            },
            false => failure,
        }
    }
}

/// Whether silence means anything. After a standstill it does not: what was said meanwhile is still to be heard.
#[derive(Debug, Default)]
pub struct Hearing {
    lost: Duration,
    until: Option<Instant>,
}

impl Hearing {
    /// Until when nothing follows from silence, if that is so; `lost` is all that was lost until now.
    pub fn look(&mut self, lost: Duration, now: Instant) -> Option<Instant> {
        let standstill = lost.saturating_sub(self.lost);
        self.lost = lost;
        if standstill >= STANDSTILL {
            self.until = Some(now + HEARING);
        }
        self.until = self.until.filter(|&until| now < until);
        self.until
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::health::failure::Step;

    const SECOND: Duration = Duration::from_secs(1);

    fn ms(n: u64) -> Duration {
        Duration::from_millis(n)
    }

    fn timed_out() -> Failure {
        Failure::TimedOut {
            after: SECOND,
            step: Step::Answer,
        }
    }

    fn counts(failure: Failure, whole_ms: u64, lost_ms: u64) -> bool {
        let (whole, lost) = (ms(whole_ms), ms(lost_ms));
        let weighed = Passed { whole, lost }.weigh(failure.clone(), SECOND);
        assert_eq!(weighed.is_local(), weighed != failure);
        !weighed.is_local()
    }

    #[test]
    fn beats_in_time_lose_nothing() {
        let mut now = Instant::now();
        let pulse = Pulse::default();
        for n in 0..1_000 {
            now = pulse.beat(now) + ms(n % 4);
        }
        assert_eq!(pulse.lost(now), Duration::ZERO);
    }

    #[test]
    fn what_a_beat_is_late_by_is_lost_before_it_comes_and_afterwards() {
        let begun = Instant::now();
        let pulse = Pulse::default();
        pulse.beat(begun);
        let late = begun + BEAT + USUAL + ms(300);
        assert_eq!(pulse.lost(begun), Duration::ZERO);
        assert_eq!(pulse.lost(late - ms(100)), ms(200));
        assert_eq!(pulse.lost(late), ms(300));
        let due = pulse.beat(late);
        assert_eq!((due, pulse.lost(due)), (late + BEAT, ms(300)));
        pulse.beat(due + USUAL + ms(50));
        assert_eq!(pulse.lost(due + ms(60)), ms(350));
    }

    #[tokio::test(start_paused = true)]
    async fn at_rest_nothing_is_lost() {
        let pulse = Arc::<Pulse>::default();
        let beating = tokio::spawn(beat(Arc::clone(&pulse)));
        tokio::time::sleep(SECOND).await;
        tokio::time::advance(SECOND).await;
        assert!(pulse.lost(clock::now()) > SECOND - BEAT);
        beating.abort();
        assert!(beating.await.is_err());
        let lost = pulse.lost(clock::now());
        tokio::time::sleep(SECOND).await;
        assert_eq!(pulse.lost(clock::now()), lost);
        pulse.beat(clock::now());
        assert_eq!(pulse.lost(clock::now()), lost);
    }

    #[test]
    fn a_timeout_counts_where_little_was_lost_or_the_target_had_its_time_all_the_same() {
        assert!(counts(timed_out(), 1_000, 0));
        assert!(counts(timed_out(), 1_003, 100));
        assert!(!counts(timed_out(), 1_003, 340));
        assert!(!counts(timed_out(), 10_500, 9_800));
        assert!(counts(timed_out(), 10_900, 9_900));
    }

    #[test]
    fn evidence_counts_however_late_it_is() {
        for evidence in [
            Failure::Refused,
            Failure::Status(503),
            Failure::Unreachable("no route".into()),
            Failure::Tls("expired".into()),
        ] {
            assert!(counts(evidence, 10_500, 10_000));
        }
    }

    #[test]
    fn who_gives_us_up_after_our_time_may_have_been_right() {
        for given_up in [Failure::Closed, Failure::Status(408)] {
            assert!(counts(given_up.clone(), 900, 800));
            assert!(!counts(given_up.clone(), 10_500, 10_000));
            assert!(counts(given_up, 1_100, 0));
        }
    }

    #[test]
    fn nothing_is_left_of_a_timeout_that_was_heard_almost_to_its_end() {
        let left = |whole, lost| {
            let (whole, lost) = (ms(whole), ms(lost));
            Passed { whole, lost }.left_of(SECOND)
        };
        assert_eq!(left(1_000, 0), None);
        assert_eq!(left(1_000, 125), None);
        assert_eq!(left(1_000, 400), Some(ms(400)));
        assert_eq!(left(11_000, 10_500), Some(ms(500)));
    }

    #[test]
    fn after_a_standstill_silence_means_nothing_for_a_while() {
        let (begun, mut hearing) = (Instant::now(), Hearing::default());
        assert_eq!(hearing.look(ms(900), begun), None);
        assert_eq!(hearing.look(ms(1_800), begun), None);
        let until = Some(begun + HEARING);
        assert_eq!(hearing.look(ms(9_000), begun), until);
        assert_eq!(hearing.look(ms(9_000), begun + SECOND), until);
        assert_eq!(hearing.look(ms(9_000), begun + HEARING), None);
    }
}
