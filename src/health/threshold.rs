//! What follows from several observations in a row: hysteresis between up and down.

use crate::model::Verdict;

/// The state of one target between observations. Pure: it knows neither time nor reasons.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Threshold {
    rise: u32,
    fall: u32,
    state: State,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Never observed: the first observation decides alone.
    Unknown,
    /// Up, after this many failures in a row (fewer than `fall`).
    Up { failures: u32 },
    /// Down, after this many successes in a row (fewer than `rise`).
    Down { successes: u32 },
}

impl Threshold {
    /// `rise` successes in a row lead from down to up, `fall` failures in a row from up to down;
    /// 0 counts as 1.
    pub fn new(rise: u32, fall: u32) -> Self {
        Threshold {
            rise: rise.max(1),
            fall: fall.max(1),
            state: State::Unknown,
        }
    }

    /// As if `verdict` had just been reached: how a saved verdict is taken up again.
    pub fn resume(self, verdict: Verdict) -> Self {
        let state = match verdict {
            Verdict::Up => State::Up { failures: 0 },
            Verdict::Down => State::Down { successes: 0 },
            Verdict::Unknown => State::Unknown,
        };
        Threshold { state, ..self }
    }

    /// Takes one observation; says the new verdict when it flips.
    pub fn observe(&mut self, success: bool) -> Option<Verdict> {
        let before = self.verdict();
        self.state = match (self.state, success) {
            (State::Unknown | State::Up { .. }, true) => State::Up { failures: 0 },
            (State::Unknown | State::Down { .. }, false) => State::Down { successes: 0 },
            (State::Up { failures }, false) if failures + 1 < self.fall => State::Up {
                failures: failures + 1,
            },
            (State::Up { .. }, false) => State::Down { successes: 0 },
            (State::Down { successes }, true) if successes + 1 < self.rise => State::Down {
                successes: successes + 1,
            },
            (State::Down { .. }, true) => State::Up { failures: 0 },
        };
        let after = self.verdict();
        (after != before).then_some(after)
    }

    pub fn verdict(&self) -> Verdict {
        match self.state {
            State::Unknown => Verdict::Unknown,
            State::Up { .. } => Verdict::Up,
            State::Down { .. } => Verdict::Down,
        }
    }

    /// Observations of the other kind still needed to flip the verdict, at least 1.
    pub fn needed(&self) -> u32 {
        match self.state {
            State::Unknown => 1,
            State::Up { failures } => self.fall - failures,
            State::Down { successes } => self.rise - successes,
        }
    }

    pub fn rise(&self) -> u32 {
        self.rise
    }

    pub fn fall(&self) -> u32 {
        self.fall
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The definition, read off the whole history: the verdict is that of the last run that was
    /// long enough, the first observation being long enough by itself.
    fn by_definition(history: &[bool], rise: u32, fall: u32) -> Verdict {
        let mut verdict = Verdict::Unknown;
        let (mut run, mut last) = (0, None);
        for &success in history {
            run = if last == Some(success) { run + 1 } else { 1 };
            last = Some(success);
            verdict = match (verdict, success) {
                (Verdict::Unknown, true) => Verdict::Up,
                (Verdict::Unknown, false) => Verdict::Down,
                (Verdict::Down, true) if run >= rise => Verdict::Up,
                (Verdict::Up, false) if run >= fall => Verdict::Down,
                (same, _) => same,
            };
        }
        verdict
    }

    /// Calls `check` with every history of up to ten observations, for all small thresholds.
    fn every_small_case(check: impl Fn(&[bool], u32, u32)) {
        for (rise, fall) in (1..=4).flat_map(|rise| (1..=4).map(move |fall| (rise, fall))) {
            for length in 0..=10 {
                for bits in 0..1u32 << length {
                    let history: Vec<bool> = (0..length).map(|i| bits >> i & 1 == 1).collect();
                    check(&history, rise, fall);
                }
            }
        }
    }

    fn after(history: &[bool], rise: u32, fall: u32) -> Threshold {
        let mut threshold = Threshold::new(rise, fall);
        for &success in history {
            threshold.observe(success);
        }
        threshold
    }

    #[test]
    fn the_verdict_is_what_the_definition_says_of_every_short_history() {
        every_small_case(|history, rise, fall| {
            let verdict = after(history, rise, fall).verdict();
            assert_eq!(verdict, by_definition(history, rise, fall), "{history:?}");
        });
    }

    #[test]
    fn exactly_needed_observations_of_the_other_kind_flip_the_verdict() {
        every_small_case(|history, rise, fall| {
            let mut threshold = after(history, rise, fall);
            if threshold.verdict() == Verdict::Unknown {
                return assert_eq!(threshold.needed(), 1);
            }
            let other = threshold.verdict() == Verdict::Down;
            for _ in 1..threshold.needed() {
                assert_eq!(threshold.observe(other), None, "{history:?}");
            }
            assert!(threshold.observe(other).is_some(), "{history:?}");
        });
    }

    #[test]
    fn the_first_observation_is_the_verdict() {
        assert_eq!(Threshold::new(3, 3).observe(true), Some(Verdict::Up));
        assert_eq!(Threshold::new(3, 3).observe(false), Some(Verdict::Down));
    }

    #[test]
    fn a_resumed_verdict_needs_as_many_observations_as_a_fresh_one() {
        let mut threshold = Threshold::new(2, 3).resume(Verdict::Up);
        assert_eq!(threshold.needed(), 3);
        assert_eq!(threshold.observe(false), None);
        assert_eq!(threshold.observe(false), None);
        assert_eq!(threshold.observe(false), Some(Verdict::Down));
    }

    #[test]
    fn alternating_observations_never_flip_a_threshold_of_two() {
        let mut threshold = Threshold::new(2, 2).resume(Verdict::Up);
        assert!((0..100).all(|i| threshold.observe(i % 2 == 0).is_none()));
    }
}
