//! Short strings of octets, hashed and compared: done word by word before a library call has begun.

/// Octets that are taken at once.
const WORD: usize = size_of::<u64>();
const HALF: usize = size_of::<u32>();

/// A hash for tables, of which every bit counts; not one that withstands who chooses what is in the
/// table. It may differ between versions.
#[inline]
pub fn hash(octets: &[u8]) -> u64 {
    let seed = (octets.len() as u64 + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    let (Some(first), Some(last)) = (octets.first_chunk(), octets.last_chunk()) else {
        return fold(seed, word_of_few(octets));
    };
    let mut hash = fold(seed, word(first));
    if octets.len() > 2 * WORD {
        let between = &octets[WORD..octets.len() - 1];
        for octets in between.as_chunks().0 {
            hash = fold(hash, word(octets));
        }
    }
    // It may overlap the one before.
    fold(hash, word(last))
}

/// Takes in a word. Both halves of the product count, so that each bit of the word changes every part of
/// the hash, that which chooses a slot too.
#[inline]
fn fold(hash: u64, word: u64) -> u64 {
    let product = u128::from(hash ^ word) * 0x9FB2_1C65_1E98_DF25;
    product as u64 ^ (product >> 64) as u64
}

#[inline]
fn word(octets: &[u8; WORD]) -> u64 {
    u64::from_le_bytes(*octets)
}

/// Less than a word, as one: strings of equal length give equal words only if they are the same.
#[inline]
fn word_of_few(octets: &[u8]) -> u64 {
    let half = |octets: &[u8; HALF]| u64::from(u32::from_le_bytes(*octets));
    match (octets.first_chunk(), octets.last_chunk()) {
        (Some(first), Some(last)) => half(first) | half(last) << 32,
        _ => {
            let octets = octets.iter();
            octets.fold(0, |word, &octet| word << u8::BITS | u64::from(octet))
        }
    }
}

/// Whether both are the same.
#[inline]
pub fn is_same(a: &[u8], b: &[u8]) -> bool {
    if a.len() != b.len() {
        return false;
    }
    let (Some(a_first), Some(b_first)) = (a.first_chunk(), b.first_chunk()) else {
        return word_of_few(a) == word_of_few(b);
    };
    let (Some(a_last), Some(b_last)) = (a.last_chunk(), b.last_chunk()) else {
        return false;
    };
    word(a_first) == word(b_first)
        && word(a_last) == word(b_last)
        && (a.len() <= 2 * WORD || a[WORD..] == b[WORD..])
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn every_octet_of_every_length_counts() {
        let octets: Vec<u8> = (1..=64).collect();
        for len in 0..octets.len() {
            let one = &octets[..len];
            assert!(is_same(one, one));
            assert!(!is_same(one, &octets[..=len]));
            assert_ne!(hash(one), hash(&octets[..=len]));
            for place in 0..len {
                let mut other = one.to_vec();
                other[place] ^= 0x80;
                assert!(!is_same(one, &other), "{place} of {len}");
                assert_ne!(hash(one), hash(&other), "{place} of {len}");
            }
        }
    }

    #[test]
    fn numbered_names_spread_over_the_slots_of_a_table() {
        // Those of `n0.` to `n99999.` differ in their last octets only.
        let slots = 1 << 18;
        let names = (0..100_000).map(|i| format!("\x07n{i:06}"));
        let used: HashSet<_> = names.map(|name| hash(name.as_bytes()) % slots).collect();
        // Thrown at random, 100,000 of them would meet 83,000 slots.
        assert!(used.len() > 82_000, "{}", used.len());
    }
}
