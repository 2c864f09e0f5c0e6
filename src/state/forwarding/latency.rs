//! How long does a backend take? An average that forgets with time.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

/// What was measured so long ago counts for 1/e, in milliseconds (as Finagle's peak EWMA has it).
const DECAY_MS: f32 = 10_000.0;

/// From a request to the head of its response, smoothed: microseconds in the upper half, and when they were last
/// measured in the lower, in milliseconds modulo 2^32. 0: never.
#[derive(Debug, Default)]
pub struct Latency(AtomicU64);

impl Latency {
    /// Takes a measurement at `now_ms`. Of two threads' at the same time, one may get lost.
    pub fn note(&self, took: Duration, now_ms: u64) {
        let word = self.0.load(Relaxed);
        let took = took.as_micros().min(u128::from(u32::MAX)) as f32;
        let smoothed = match split(word, now_ms) {
            Some((before, age_ms)) => {
                let kept = remains(age_ms);
                // Of those that come at once, each moves it by a little; of one that comes late, it is all there is.
                before + (took - before) * (1.0 - kept).max(0.05)
            }
            None => took,
        };
        let word = u64::from(smoothed.max(1.0) as u32) << 32 | u64::from(now_ms as u32);
        self.0.store(word, Relaxed);
    }

    /// In microseconds at `now_ms`, less the longer it was not measured, so that who was slow is tried again; `None`:
    /// never measured.
    pub fn estimate(&self, now_ms: u64) -> Option<f32> {
        let (smoothed, age_ms) = split(self.0.load(Relaxed), now_ms)?;
        Some((smoothed * remains(age_ms)).max(1.0))
    }

    /// As it was last measured, in microseconds.
    pub fn last(&self) -> Option<u32> {
        match self.0.load(Relaxed) {
            0 => None,
            word => Some((word >> 32) as u32),
        }
    }
}

/// The average, and how old it is in milliseconds.
fn split(word: u64, now_ms: u64) -> Option<(f32, f32)> {
    let age_ms = (now_ms as u32).wrapping_sub(word as u32) as i32;
    (word != 0).then(|| ((word >> 32) as f32, age_ms.max(0) as f32))
}

/// About e^-x of an age: exact enough to choose by, and without a call of the library.
fn remains(age_ms: f32) -> f32 {
    let x = age_ms / DECAY_MS;
    1.0 / (1.0 + x + 0.5 * x * x)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    #[test]
    fn it_comes_to_what_is_measured_and_forgets_while_nothing_is() {
        let latency = Latency::default();
        assert_eq!((latency.estimate(5), latency.last()), (None, None));
        latency.note(10 * MS, 1_000);
        assert_eq!(latency.estimate(1_000), Some(10_000.0));
        for at in 1_000..1_200 {
            latency.note(40 * MS, at);
        }
        let estimate = latency.estimate(1_200).unwrap();
        assert!((39_000.0..=40_000.0).contains(&estimate), "{estimate}");
        let later = latency.estimate(31_200).unwrap();
        assert!((3_000.0..6_000.0).contains(&later), "{later}");
        latency.note(2 * MS, 1_000_000);
        let anew = latency.last().unwrap();
        assert!((2_000..2_100).contains(&anew), "{anew}");
    }

    #[test]
    fn a_clock_that_comes_round_or_is_a_little_behind_does_no_harm() {
        let latency = Latency::default();
        let around = u64::from(u32::MAX);
        latency.note(10 * MS, around);
        assert_eq!(latency.estimate(around - 3), Some(10_000.0));
        assert!(latency.estimate(around + 10_000).unwrap() < 6_000.0);
    }
}
