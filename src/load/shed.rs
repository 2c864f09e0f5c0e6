//! How much of what would come to it does a pool take, so that it stays below its high-water mark?
//!
//! What a share does is seen late: caches go on answering what they have for a TTL. A controller that
//! corrects again before it has seen what its last correction did overshoots, and then swings. This one
//! therefore knows what is still under way (O. J. M. Smith, "Closer control of loops with dead time", Chemical
//! Engineering Progress 53(5), 1957): caches came to their answers evenly over the last TTL, so the load that
//! is measured now is the demand times the *mean* share over that time,
//!
//! ```text
//! demand = load / mean share over the last TTL          forecast = demand * share now
//! ```
//!
//! and the share goes by what will come of it, not by what is.
//!
//! As the delay is known only roughly (resolvers that hold answers for longer; reports that come late), the share
//! follows what is wanted with a time constant, the filter of Rivera, Morari and Skogestad ("Internal model
//! control 4", Ind. Eng. Chem. Process Des. Dev. 25, 1986). With a filter of the time constant c and a
//! delay that is wrong by d, the loop is stable where |e^(-iwd) - 1| < |1 + iwc| for every frequency w. As the left
//! side is at most wd, c >= d suffices whatever the load does: with c half of the delay, the delay may
//! be wrong by half of itself. Recovery takes four times that, so that what comes back is seen before
//! more is let back.

use std::collections::VecDeque;

/// Of the delay: the time constant with which a share falls.
const FALLS_IN: f64 = 0.5;
/// Of the delay: the time constant with which a share rises.
const RISES_IN: f64 = 2.0;
/// Steps per delay, at most.
const STEPS: u64 = 32;
/// No step comes sooner after another.
const STEP_MIN_MS: u64 = 1_000;
/// A mean share is taken for no less: of next to nothing, nothing can be told about the demand.
const MEAN_MIN: f64 = 0.05;
/// What is so near to all is all.
const ALL_FROM: f64 = 0.99;

/// What a pool is to hold. Loads and shares are parts of 1.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Law {
    /// High-water mark: past it, the excess goes elsewhere, until the load is in the middle of the marks.
    pub above: f64,
    /// Low-water mark: below it, more is taken again. Between the marks the share stays as it is, unless the
    /// load would stay below the middle if all were taken.
    pub below: f64,
    /// The least share that is taken, whatever the load: what is not asked cannot show that it has recovered.
    pub floor: f64,
}

impl Law {
    /// With marks that can be held where all pools together have `level` to bear: past the high-water
    /// mark everywhere, to shed would only send the excess round.
    fn at_level(self, level: f64) -> Self {
        let band = self.above - self.below;
        let above = self.above.max(level + band / 2.0);
        Law {
            above,
            below: above - band,
            ..self
        }
    }
}

/// Between two steps where a change takes `delay_ms` to be seen.
pub(super) fn step_ms(delay_ms: u64) -> u64 {
    (delay_ms / STEPS).max(STEP_MIN_MS)
}

/// The share that one pool takes, and what of its past is still under way in caches.
#[derive(Clone, Debug)]
pub struct Controller {
    share: f64,
    /// From when on which share was taken, oldest first; what is older than the delay is forgotten.
    taken: VecDeque<(u64, f64)>,
}

impl Default for Controller {
    fn default() -> Self {
        Controller {
            share: 1.0,
            taken: VecDeque::new(),
        }
    }
}

impl Controller {
    /// The share that is taken now, `floor..=1`.
    pub fn share(&self) -> f64 {
        self.share
    }

    /// The share that is right by `load`: `None` where it is not known, and then the pool takes all again,
    /// by and by. `level` is the load if all pools had their part of it, `delay_ms` how long it takes until
    /// all see a change.
    pub(super) fn next(
        &self,
        law: Law,
        load: Option<f64>,
        level: f64,
        delay_ms: u64,
        now_ms: u64,
    ) -> f64 {
        let law = law.at_level(level);
        let delay_ms = delay_ms.max(1);
        let since_ms = self.taken.back().map_or(step_ms(delay_ms), |&(at_ms, _)| {
            now_ms.saturating_sub(at_ms).min(delay_ms)
        });
        let follow = |wanted: f64, within: f64| {
            let part = 1.0 - (-(since_ms as f64) / (within * delay_ms as f64)).exp();
            self.share + part * (wanted - self.share)
        };
        let demand = load.unwrap_or(0.0) / self.mean(delay_ms, now_ms).max(MEAN_MIN);
        let forecast = demand * self.share;
        // In both directions as far as the middle, so that what is held there is held in spite of noise.
        let middle = (law.above + law.below) / 2.0;
        let wanted = if demand > middle {
            (middle / demand).max(law.floor)
        } else {
            1.0
        };
        let next = if forecast > law.above {
            // Far past the mark it is urgent, and to err is to err on the safe side.
            follow(wanted, FALLS_IN * (law.above / forecast).powi(2))
        } else if forecast < law.below || demand < middle {
            follow(wanted, RISES_IN)
        } else {
            self.share
        };
        if demand < middle && next > ALL_FROM {
            1.0
        } else {
            next.clamp(law.floor, 1.0)
        }
    }

    /// Takes `share` from now on; of that, `open` (0: none, it is down; 1: all) is let come.
    pub(super) fn set(&mut self, share: f64, open: f64, delay_ms: u64, now_ms: u64) {
        self.share = share;
        self.taken.push_back((now_ms, share * open));
        // One that is older stays: it says what was taken when the delay's time began.
        let began = now_ms.saturating_sub(delay_ms);
        while self.taken.get(1).is_some_and(|&(at_ms, _)| at_ms <= began) {
            self.taken.pop_front();
        }
    }

    /// The mean share over the last delay. Before the first step all was taken.
    fn mean(&self, delay_ms: u64, now_ms: u64) -> f64 {
        let began = now_ms.saturating_sub(delay_ms);
        let mut sum = 0.0;
        let mut until = now_ms;
        for &(at_ms, share) in self.taken.iter().rev() {
            let from = at_ms.clamp(began, until);
            sum += share * (until - from) as f64;
            until = from;
        }
        let before = (until - began.min(until)) as f64;
        // Younger than a delay: the clock's zero is not the beginning of the world.
        let missing = delay_ms as f64 - (now_ms - began) as f64;
        (sum + before + missing) / delay_ms as f64
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const LAW: Law = Law {
        above: 0.9,
        below: 0.8,
        floor: 0.1,
    };
    const DELAY_MS: u64 = 20_000;

    fn step(controller: &mut Controller, load: Option<f64>, level: f64, now_ms: u64) {
        let share = controller.next(LAW, load, level, DELAY_MS, now_ms);
        controller.set(share, 1.0, DELAY_MS, now_ms);
    }

    /// A load, or none is known.
    fn loads() -> impl Strategy<Value = Vec<Option<f64>>> {
        prop::collection::vec(prop::option::weighted(0.9, 0.0..10.0f64), 0..100)
    }

    proptest! {
        #[test]
        fn a_share_is_between_the_floor_and_all_and_falls_as_the_load_rises(
            past in loads(), load in 0.0..10.0f64, more in 0.0..10.0f64, level in 0.0..2.0f64,
        ) {
            let mut controller = Controller::default();
            let mut now_ms = 0;
            for load in past {
                step(&mut controller, load, level, now_ms);
                prop_assert!((LAW.floor..=1.0).contains(&controller.share()));
                now_ms += 1_000;
            }
            let next = |load| controller.next(LAW, Some(load), level, DELAY_MS, now_ms);
            prop_assert!(next(load) >= next(load + more));
            let remembered = controller.taken.len();
            prop_assert!(remembered as u64 <= DELAY_MS / 1_000 + 2, "{}", remembered);
        }

        #[test]
        fn all_is_taken_again_when_load_is_gone_or_not_known(past in loads(), known: bool) {
            let mut controller = Controller::default();
            let mut now_ms = 0;
            for load in past {
                step(&mut controller, load, 0.0, now_ms);
                now_ms += 1_000;
            }
            let began_ms = now_ms;
            while controller.share() < 1.0 {
                let before = controller.share();
                step(&mut controller, known.then_some(0.0), 0.0, now_ms);
                prop_assert!(controller.share() > before);
                now_ms += 1_000;
                prop_assert!(now_ms - began_ms <= 12 * DELAY_MS);
            }
        }
    }

    #[test]
    fn between_the_marks_nothing_changes() {
        let mut controller = Controller::default();
        for second in 0..200 {
            step(&mut controller, Some(0.89), 0.0, 1_000 * second);
        }
        assert_eq!(controller.share(), 1.0);
    }

    #[test]
    fn what_is_under_way_is_not_corrected_again() {
        let mut controller = Controller::default();
        for now_ms in [0, 1_000, 2_000, 3_000] {
            step(&mut controller, Some(1.2), 0.0, now_ms);
        }
        let (first, mut second) = (controller.share(), 4_000);
        // Nothing is seen of it yet, so that the demand seems to be larger than it is: but by little.
        while second < 20_000 {
            step(&mut controller, Some(1.2), 0.0, second);
            second += 1_000;
        }
        assert!(first < 0.95, "{first}");
        assert!(controller.share() > 0.3, "{}", controller.share());
    }
}
