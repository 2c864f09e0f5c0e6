//! Some of the answers, spread over the measured time.

use crate::random::Random;

/// An answer with its query.
pub struct Sample {
    /// Which socket they went over.
    pub link: usize,
    pub query: Vec<u8>,
    pub reply: Vec<u8>,
}

/// Each answer that was offered is among them with the same probability (reservoir sampling, with Li's
/// skips: "Reservoir-Sampling Algorithms of Time Complexity O(n(1+log(N/n)))", 1994).
pub struct Samples {
    taken: Vec<Sample>,
    size: usize,
    /// How many are passed over before the next one is taken.
    skip: u64,
    weight: f64,
    random: Random,
}

impl Samples {
    /// `size` at most.
    pub fn new(size: usize, random: Random) -> Self {
        Samples {
            taken: Vec::with_capacity(size),
            size,
            skip: if size == 0 { u64::MAX } else { 0 },
            weight: 1.0,
            random,
        }
    }

    #[inline]
    pub fn offer(&mut self, link: usize, query: &[u8], reply: &[u8]) {
        if self.skip > 0 {
            self.skip -= 1;
        } else {
            self.take(Sample {
                link,
                query: query.into(),
                reply: reply.into(),
            });
        }
    }

    fn take(&mut self, sample: Sample) {
        if self.taken.len() < self.size {
            self.taken.push(sample);
        } else {
            let place = self.random.below(self.size as u32) as usize;
            self.taken[place] = sample;
        }
        if self.taken.len() == self.size {
            self.weight *= (self.draw().ln() / self.size as f64).exp();
            self.skip = (self.draw().ln() / (1.0 - self.weight).ln()) as u64;
        }
    }

    /// In `0.0 < … <= 1.0`.
    fn draw(&mut self) -> f64 {
        1.0 - self.random.fraction()
    }

    pub fn list(self) -> Vec<Sample> {
        self.taken
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn early_and_late_answers_are_as_likely() {
        let mut late = 0;
        for seed in 0..100 {
            let mut samples = Samples::new(10, Random::from_seed(seed));
            for i in 0..1000u32 {
                samples.offer(0, &i.to_be_bytes(), &[]);
            }
            let taken = samples.list();
            assert_eq!(taken.len(), 10);
            let number = |s: &Sample| u32::from_be_bytes(*s.query.first_chunk().unwrap());
            late += taken.iter().filter(|sample| number(sample) >= 500).count();
        }
        assert!((400..600).contains(&late), "{late}");
    }

    #[test]
    fn few_answers_are_all_taken_and_none_when_none_are_wanted() {
        let mut samples = Samples::new(10, Random::from_seed(1));
        let mut none = Samples::new(0, Random::from_seed(1));
        for _ in 0..3 {
            samples.offer(0, &[], &[]);
            none.offer(0, &[], &[]);
        }
        assert_eq!(samples.list().len(), 3);
        assert!(none.list().is_empty());
    }
}
