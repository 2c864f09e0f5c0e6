//! The panic guard: is it them, or is it us?
//!
//! A node that loses its own way out sees everything time out, and should not empty its answers
//! for that. The guard watches falls *by doubt* (timeouts, unreachable networks). It raises the
//! alarm when, within one fall window,
//!
//! - more than `share` of the targets that were up have fallen by doubt, and
//! - those lie in at least two regions (a region that is lost whole is no sign of our own trouble), and
//! - there are at least 8 targets in at least two regions altogether.
//!
//! No fall waits for this. Each takes effect at once; when the share is passed, those that fell by
//! doubt within the window are restored, and further falls by doubt are held back too. Held
//! targets count as up until
//!
//! - they answer (they are up) or prove to be down by evidence (a refusal, a bad answer); once all
//!   have, the alarm is over; or
//! - a control target answers: the falls are real, and guarding rests for one window, or
//! - `hold` is over. With control targets, they are asked again first, and as long as none answers
//!   the hold begins anew.
//!
//! Pure: time is an argument. Asking the control targets is the caller's.

use std::time::{Duration, Instant};

use super::falls::Falls;
use crate::model::{RegionId, TargetKey};

/// Fewer targets than this prove nothing about our own network.
pub const TARGETS_MIN: usize = 8;
/// Fewer regions than this prove nothing about our own network.
pub const REGIONS_MIN: usize = 2;

/// Falls of the last window, and what they led to.
#[derive(Debug)]
pub struct Guard {
    share: f64,
    hold: Duration,
    state: State,
    recent: Falls,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Watching,
    Holding {
        until: Instant,
    },
    /// The last alarm proved to be real, or its hold ended: falls pass until then.
    Resting {
        until: Instant,
    },
}

/// All targets, counted after the fall in question.
#[derive(Clone, Copy, Debug)]
pub struct Census {
    pub targets: usize,
    /// Regions that have targets.
    pub regions: usize,
    pub up: usize,
    /// The longest time that a target takes to fall.
    pub window: Duration,
}

/// What becomes of a fall.
#[derive(Debug, PartialEq, Eq)]
pub enum Ruling {
    /// It takes effect.
    Falls,
    /// It is held back.
    Held,
    /// The alarm: these, which fell by doubt within the window (the one in question included), are
    /// held. Control targets, if any, should be asked now.
    Alarm(Vec<TargetKey>),
}

impl Guard {
    /// `share` in 0.0..=1.0; at 1.0 the guard never raises the alarm.
    pub fn new(share: f64, hold: Duration) -> Self {
        Guard {
            share,
            hold,
            state: State::Watching,
            recent: Falls::default(),
        }
    }

    /// A target went from up to down at `now`.
    pub fn fell(
        &mut self,
        key: &TargetKey,
        region: RegionId,
        doubtful: bool,
        census: Census,
        now: Instant,
    ) -> Ruling {
        if let State::Resting { until } = self.state
            && until <= now
        {
            self.state = State::Watching;
        }
        match self.state {
            State::Holding { .. } if doubtful => return Ruling::Held,
            State::Holding { .. } | State::Resting { .. } => return Ruling::Falls,
            State::Watching => {}
        }
        self.recent.expire(census.window, now);
        self.recent.add(key, region, doubtful, now);
        if !doubtful || !self.is_alarming(census) {
            return Ruling::Falls;
        }
        self.state = State::Holding {
            until: now + self.hold,
        };
        Ruling::Alarm(self.recent.take_doubtful())
    }

    fn is_alarming(&self, census: Census) -> bool {
        if census.targets < TARGETS_MIN || census.regions < REGIONS_MIN {
            return false;
        }
        let were_up = census.up + self.recent.len();
        self.recent.doubtful_count() as f64 > self.share * were_up as f64
            && self.recent.doubtful_regions() >= REGIONS_MIN
    }

    /// A target is up again, or is no target any more.
    pub fn forget(&mut self, key: &TargetKey) {
        self.recent.remove(key);
    }

    /// A target that fell by doubt has since proved to be down.
    pub fn confirm(&mut self, key: &TargetKey) {
        self.recent.confirm(key);
    }

    /// Until when falls by doubt are held back, while they are.
    pub fn holds_until(&self) -> Option<Instant> {
        match self.state {
            State::Holding { until } => Some(until),
            State::Watching | State::Resting { .. } => None,
        }
    }

    /// Ends a hold: what is held falls. Guarding rests for one window, so that the same falls do
    /// not raise the alarm again.
    pub fn release(&mut self, window: Duration, now: Instant) {
        self.recent = Falls::default();
        self.state = State::Resting {
            until: now + window,
        };
    }

    /// Ends a hold that holds nothing any more.
    pub fn stand_down(&mut self) {
        self.recent = Falls::default();
        self.state = State::Watching;
    }

    /// Begins the hold anew: no control target answers, so the trouble is ours.
    pub fn extend(&mut self, now: Instant) {
        if let State::Holding { until } = &mut self.state {
            *until = now + self.hold;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOLD: Duration = Duration::from_secs(30);
    const WINDOW: Duration = Duration::from_secs(2);

    fn key(n: usize) -> TargetKey {
        TargetKey(format!("target {n}").into())
    }

    fn second(n: u64) -> Instant {
        static START: std::sync::OnceLock<Instant> = std::sync::OnceLock::new();
        *START.get_or_init(crate::clock::now) + Duration::from_secs(n)
    }

    /// Ten targets that are all up, in turn in two regions.
    struct Ten {
        guard: Guard,
        up: usize,
        targets: usize,
        regions: usize,
    }

    impl Ten {
        fn new() -> Self {
            Ten {
                guard: Guard::new(0.8, HOLD),
                up: 10,
                targets: 10,
                regions: 2,
            }
        }

        fn fall(&mut self, n: usize, doubtful: bool, now: Instant) -> Ruling {
            self.up -= 1;
            let census = Census {
                targets: self.targets,
                regions: self.regions,
                up: self.up,
                window: WINDOW,
            };
            let region = RegionId((n % self.regions) as u16);
            self.guard.fell(&key(n), region, doubtful, census, now)
        }

        /// The rulings on the falls of the first `count` targets, all by doubt.
        fn fall_by_doubt(&mut self, count: usize, now: Instant) -> Vec<Ruling> {
            (0..count).map(|n| self.fall(n, true, now)).collect()
        }
    }

    #[test]
    fn falls_take_effect_at_once_until_the_share_is_passed() {
        let mut ten = Ten::new();
        let rulings = ten.fall_by_doubt(8, second(0));
        assert!(rulings.iter().all(|ruling| *ruling == Ruling::Falls));
        assert_eq!(ten.guard.holds_until(), None);
    }

    #[test]
    fn past_the_share_every_fall_by_doubt_in_the_window_is_held() {
        let mut ten = Ten::new();
        let last = ten.fall_by_doubt(9, second(0)).pop();
        let Some(Ruling::Alarm(mut held)) = last else {
            panic!("{last:?}");
        };
        held.sort();
        assert_eq!(held, (0..9).map(key).collect::<Vec<_>>());
        assert_eq!(ten.guard.holds_until(), Some(second(0) + HOLD));
        assert_eq!(ten.fall(9, true, second(1)), Ruling::Held);
    }

    #[test]
    fn refusals_and_bad_answers_raise_no_alarm() {
        let mut ten = Ten::new();
        assert!((0..10).all(|n| ten.fall(n, false, second(0)) == Ruling::Falls));
    }

    #[test]
    fn a_fall_by_evidence_passes_while_others_are_held() {
        let mut ten = Ten::new();
        ten.fall_by_doubt(9, second(0));
        assert_eq!(ten.fall(9, false, second(1)), Ruling::Falls);
    }

    #[test]
    fn falls_spread_wider_than_the_window_raise_no_alarm() {
        let mut ten = Ten::new();
        assert!((0..10).all(|n| ten.fall(n, true, second(n as u64 * 3)) == Ruling::Falls));
    }

    #[test]
    fn a_region_lost_whole_raises_no_alarm() {
        let mut ten = Ten::new();
        let census = |up| Census {
            targets: 10,
            regions: 2,
            up,
            window: WINDOW,
        };
        for n in 0..9 {
            let ruling = ten
                .guard
                .fell(&key(n), RegionId(0), true, census(9 - n), second(0));
            assert_eq!(ruling, Ruling::Falls);
        }
    }

    #[test]
    fn few_targets_or_one_region_raise_no_alarm() {
        let mut few = Ten::new();
        (few.targets, few.up) = (7, 7);
        assert!(
            few.fall_by_doubt(7, second(0))
                .iter()
                .all(|r| *r == Ruling::Falls)
        );
        let mut one_region = Ten::new();
        one_region.regions = 1;
        assert!(
            one_region
                .fall_by_doubt(10, second(0))
                .iter()
                .all(|r| *r == Ruling::Falls)
        );
    }

    #[test]
    fn at_a_share_of_one_the_guard_is_off() {
        let mut ten = Ten::new();
        ten.guard = Guard::new(1.0, HOLD);
        assert!(
            ten.fall_by_doubt(10, second(0))
                .iter()
                .all(|r| *r == Ruling::Falls)
        );
    }

    #[test]
    fn a_target_that_rose_again_does_not_count() {
        let mut ten = Ten::new();
        ten.fall_by_doubt(8, second(0));
        for n in 0..4 {
            ten.guard.forget(&key(n));
            ten.up += 1;
        }
        assert_eq!(ten.fall(8, true, second(1)), Ruling::Falls);
    }

    #[test]
    fn a_target_that_proved_to_be_down_is_no_doubt_any_more() {
        let mut ten = Ten::new();
        ten.fall_by_doubt(8, second(0));
        ten.guard.confirm(&key(0));
        assert_eq!(ten.fall(8, true, second(0)), Ruling::Falls);
        let last = ten.fall(9, true, second(0));
        assert!(matches!(last, Ruling::Alarm(held) if held.len() == 9));
    }

    #[test]
    fn after_a_release_guarding_rests_for_one_window() {
        let mut ten = Ten::new();
        ten.fall_by_doubt(9, second(0));
        ten.guard.release(WINDOW, second(1));
        ten.up = 10;
        assert!(
            ten.fall_by_doubt(10, second(2))
                .iter()
                .all(|r| *r == Ruling::Falls)
        );
        ten.up = 10;
        let rulings = ten.fall_by_doubt(9, second(3));
        assert!(matches!(rulings.last(), Some(Ruling::Alarm(_))));
    }

    #[test]
    fn an_extended_hold_begins_anew() {
        let mut ten = Ten::new();
        ten.fall_by_doubt(9, second(0));
        ten.guard.extend(second(30));
        assert_eq!(ten.guard.holds_until(), Some(second(60)));
    }
}
