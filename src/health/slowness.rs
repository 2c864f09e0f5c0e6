//! Whether what is up is slow: by what its successes take, smoothed, and not back and forth at the mark. Pure.

use std::time::Duration;

/// The weight of the newest of the times that are smoothed: the last four or so count.
const NEWEST: f64 = 0.25;
/// Below this part of the mark it is no longer slow.
const CLEARS_BELOW: f64 = 0.8;

/// What the successes of one target take.
#[derive(Clone, Debug)]
pub struct Slowness {
    above: Duration,
    smoothed: Option<Duration>,
    is_slow: bool,
}

impl Slowness {
    /// Slow is what takes longer than `above`.
    pub fn new(above: Duration) -> Self {
        Slowness {
            above,
            smoothed: None,
            is_slow: false,
        }
    }

    /// What was known before; the first success says how long they take now.
    pub fn resume(&mut self, is_slow: bool) {
        self.is_slow = is_slow;
    }

    pub fn observe(&mut self, took: Duration) {
        let smoothed = match self.smoothed {
            Some(before) => before.mul_f64(1.0 - NEWEST) + took.mul_f64(NEWEST),
            None => took,
        };
        self.smoothed = Some(smoothed);
        self.is_slow = match self.is_slow {
            true => smoothed >= self.above.mul_f64(CLEARS_BELOW),
            false => smoothed > self.above,
        };
    }

    /// It is down: what comes after that has nothing to do with what was before.
    pub fn forget(&mut self) {
        self.smoothed = None;
        self.is_slow = false;
    }

    pub fn is_slow(&self) -> bool {
        self.is_slow
    }

    /// What is slow takes longer than that.
    pub fn above(&self) -> Duration {
        self.above
    }

    pub fn smoothed(&self) -> Option<Duration> {
        self.smoothed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MARK_MS: u64 = 200;

    fn slowness() -> Slowness {
        Slowness::new(Duration::from_millis(MARK_MS))
    }

    /// Whether it is slow after each of these, in milliseconds.
    fn after(slowness: &mut Slowness, times: &[u64]) -> Vec<bool> {
        let observe = |&ms: &u64| {
            slowness.observe(Duration::from_millis(ms));
            slowness.is_slow()
        };
        times.iter().map(observe).collect()
    }

    #[test]
    fn what_is_slow_on_the_whole_is_slow_and_one_slow_answer_among_others_is_not() {
        let mut slowness = slowness();
        assert!(!after(&mut slowness, &[50, 50, 50, 600, 50, 50]).contains(&true));
        assert_eq!(after(&mut slowness, &[300; 8]).last(), Some(&true));
    }

    #[test]
    fn it_stays_slow_until_it_is_well_below_the_mark() {
        let mut slowness = slowness();
        after(&mut slowness, &[300]);
        assert!(!after(&mut slowness, &[170; 50]).contains(&false));
        assert_eq!(after(&mut slowness, &[150; 50]).last(), Some(&false));
        assert!(!after(&mut slowness, &[190; 50]).contains(&true));
    }

    #[test]
    fn times_around_the_mark_flip_it_once_at_most() {
        let mut slowness = slowness();
        let times: Vec<u64> = (0..500).map(|n| 190 + n * 7919 % 21).collect();
        let seen = after(&mut slowness, &times);
        assert!(seen.windows(2).filter(|pair| pair[0] != pair[1]).count() <= 1);
    }

    #[test]
    fn what_was_down_begins_anew_and_what_was_known_goes_on() {
        let mut slowness = slowness();
        after(&mut slowness, &[1_000]);
        slowness.forget();
        assert_eq!((slowness.is_slow(), slowness.smoothed()), (false, None));
        slowness.resume(true);
        assert_eq!(after(&mut slowness, &[180, 100]), [true, true]);
        assert_eq!(after(&mut slowness, &[100]), [false]);
    }
}
