//! Random numbers for draws: fast, seedable, not for secrets; and one secret.

use std::sync::OnceLock;

/// A splitmix64 generator (Steele, Lea, Flood: "Fast splittable pseudorandom number generators",
/// OOPSLA 2014). One per worker; 8 bytes of state; every seed is a good seed.
#[derive(Clone, Debug)]
pub struct Random(u64);

impl Random {
    /// The same seed gives the same sequence, on every machine.
    pub const fn from_seed(seed: u64) -> Self {
        Random(seed)
    }

    /// Seeded from the operating system.
    pub fn from_os() -> Self {
        use std::hash::{BuildHasher, Hasher};
        // `RandomState` is keyed from the operating system's generator.
        let hasher = std::collections::hash_map::RandomState::new().build_hasher();
        Random(hasher.finish())
    }

    /// The next 64 bits.
    #[inline]
    pub fn next_u64(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// A number in `0..bound` (0 when `bound` is 0), by multiplication instead of division
    /// (Lemire 2019); the bias is below 2^-32 for any bound that fits 32 bits.
    #[inline]
    pub fn below(&mut self, bound: u32) -> u32 {
        (((self.next_u64() >> 32) * u64::from(bound)) >> 32) as u32
    }

    /// A number in `0.0..1.0`.
    pub fn fraction(&mut self) -> f64 {
        (self.next_u64() >> 11) as f64 / (1u64 << 53) as f64
    }
}

/// 128 bits from the operating system that nobody can guess: drawn at the first call, the same until
/// the process ends. `None`: the system gives none.
pub fn process_secret() -> Option<[u8; 16]> {
    static SECRET: OnceLock<Option<[u8; 16]>> = OnceLock::new();
    *SECRET.get_or_init(|| {
        let mut octets = [0; 16];
        getrandom::fill(&mut octets).ok()?;
        Some(octets)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn below_stays_below_and_reaches_every_value() {
        let mut random = Random::from_seed(7);
        let mut seen = [0u32; 5];
        for _ in 0..10_000 {
            seen[random.below(5) as usize] += 1;
        }
        assert!(seen.iter().all(|&n| n > 1_800 && n < 2_200), "{seen:?}");
        assert_eq!(random.below(0), 0);
    }

    #[test]
    fn the_same_seed_gives_the_same_sequence() {
        let mut a = Random::from_seed(42);
        let mut b = Random::from_seed(42);
        assert!((0..100).all(|_| a.next_u64() == b.next_u64()));
    }
}
