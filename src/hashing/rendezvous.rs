//! Whom does the client like best? Each pair of client and item has a hash; the item of the highest is
//! chosen (Thaler and Ravishankar, "Using name-based mappings to increase hit rates", 1998), or with weights
//! that of the least -log(hash) / weight, which chooses in proportion to them (Schindelhauer and Schomaker,
//! "Weighted distributed hash tables", 2005).
//!
//! Everything is whole numbers, so that every machine comes to the same.

use super::{Item, mix};

/// Binary digits after the point of a logarithm.
const PLACES: u32 = 24;
/// Steps of the table of logarithms, and its binary digits.
const STEPS_BITS: u32 = 8;

/// log2(1 + i / 256), in 2^-24.
static LOG2: [u32; (1 << STEPS_BITS) + 1] = log2_table();

const fn log2_table() -> [u32; (1 << STEPS_BITS) + 1] {
    let mut table = [0; (1 << STEPS_BITS) + 1];
    let mut step = 0;
    while step < table.len() {
        table[step] = log2_of((1 << 32) + ((step as u64) << (32 - STEPS_BITS)));
        step += 1;
    }
    table
}

/// log2 of a number of 32 binary places in 1..=2: digit by digit, by squaring.
const fn log2_of(number: u64) -> u32 {
    if number == 2 << 32 {
        return 1 << PLACES;
    }
    let (mut number, mut log, mut place) = (number as u128, 0, 0);
    while place < PLACES {
        number = (number * number) >> 32;
        log <<= 1;
        if number >= 2 << 32 {
            number >>= 1;
            log |= 1;
        }
        place += 1;
    }
    log
}

/// -log2 of `hash` as a fraction of 2^64, in 2^-24: how little a client likes an item. Exponentially
/// distributed, as hashes are evenly.
#[inline]
fn dislike(hash: u64) -> u32 {
    let hash = hash | 1;
    let zeros = hash.leading_zeros();
    let digits = (hash << zeros) << 1;
    let step = (digits >> (64 - STEPS_BITS)) as usize;
    let rest = ((digits << STEPS_BITS) >> 40) as u32;
    let (low, high) = (LOG2[step], LOG2[step + 1]);
    let log = low + ((u64::from(high - low) * u64::from(rest)) >> 24) as u32;
    ((zeros + 1) << PLACES) - log
}

/// How a client likes an item.
#[derive(Clone, Copy, Debug)]
pub struct Liking {
    dislike: u32,
    weight: u32,
}

impl Liking {
    #[inline]
    pub fn new(client: u64, item: Item) -> Self {
        Liking {
            dislike: dislike(mix(client ^ item.seed)),
            weight: item.weight,
        }
    }

    /// Whether it is liked better. What weighs nothing is never.
    #[inline]
    pub fn beats(self, other: Liking) -> bool {
        u64::from(self.dislike) * u64::from(other.weight)
            < u64::from(other.dislike) * u64::from(self.weight)
    }
}

/// Items that [`Lists`] can choose among.
pub const ITEMS_MAX: usize = 256;
/// Items in the list of one bucket: when all of them are down, somebody else has to choose.
const DEPTH: usize = 8;
/// Buckets per item, and of all: with 1,024, shares are true to within about 3 % of themselves.
const BUCKETS_PER_ITEM: usize = 1024;
const BUCKETS: std::ops::RangeInclusive<usize> = 1024..=65536;

/// Whom clients like best, second best and so on: clients are sorted into buckets, and each bucket has its list,
/// so that a look-up costs the same among however many.
#[derive(Debug, PartialEq)]
pub struct Lists {
    /// Of each bucket, one after another.
    lists: Box<[u8]>,
    depth: usize,
    bucket_bits: u32,
}

impl Lists {
    /// Of items by their indices; those after the first [`ITEMS_MAX`] and those of weight 0 are in no list.
    pub fn new(items: &[Item]) -> Self {
        let items = || {
            (0u8..=u8::MAX)
                .zip(items)
                .filter(|(_, item)| item.weight > 0)
        };
        let count = items().count();
        let buckets = (count * BUCKETS_PER_ITEM).next_power_of_two();
        let bucket_bits = buckets.clamp(*BUCKETS.start(), *BUCKETS.end()).ilog2();
        let depth = count.min(DEPTH);
        let mut lists = Vec::with_capacity(depth << bucket_bits);
        let mut best: Vec<(Liking, u8)> = Vec::with_capacity(depth + 1);
        for bucket in 0..1u64 << bucket_bits {
            best.clear();
            for (index, &item) in items() {
                let liking = Liking::new(mix(bucket), item);
                let place = best.iter().rposition(|(other, _)| !liking.beats(*other));
                let place = place.map_or(0, |better| better + 1);
                if place < depth {
                    best.insert(place, (liking, index));
                    best.truncate(depth);
                }
            }
            lists.extend(best.iter().map(|&(_, index)| index));
        }
        Lists {
            lists: lists.into(),
            depth,
            bucket_bits,
        }
    }

    /// Those that a client likes best, in order.
    #[inline]
    pub fn walk(&self, hash: u64) -> impl Iterator<Item = u32> {
        let bucket = (hash >> (64 - self.bucket_bits)) as usize;
        let list = self
            .lists
            .get(bucket * self.depth..(bucket + 1) * self.depth);
        list.unwrap_or_default().iter().map(|&index| index.into())
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::items;
    use super::*;

    fn favourite(items: &[Item], client: u64) -> usize {
        let mut best = 0;
        for other in 1..items.len() {
            let liking = |index: usize| Liking::new(client, items[index]);
            if liking(other).beats(liking(best)) {
                best = other;
            }
        }
        best
    }

    #[test]
    fn logarithms_are_those_of_floating_point() {
        for hash in [
            1,
            3,
            1 << 20,
            u64::MAX / 3,
            u64::MAX / 2 + 2,
            u64::MAX - 1,
            u64::MAX,
        ] {
            let expected = 64.0 - (hash as f64).log2();
            let got = f64::from(dislike(hash)) / f64::from(1 << PLACES);
            assert!(
                (expected - got).abs() < 1e-5,
                "{hash}: {got} for {expected}"
            );
        }
        for number in 0..10_000 {
            let hash = mix(number);
            let expected = -(hash as f64 / 2f64.powi(64)).log2();
            let got = f64::from(dislike(hash)) / f64::from(1 << PLACES);
            assert!(
                (expected - got).abs() < 1e-5,
                "{hash}: {got} for {expected}"
            );
        }
    }

    #[test]
    fn shares_are_those_of_the_weights() {
        const CLIENTS: u32 = 200_000;
        for weights in [&[1, 1][..], &[95, 5], &[1, 2, 3, 10], &[0, 7]] {
            let items = items(weights);
            let mut tally = vec![0u32; weights.len()];
            for client in 0..CLIENTS {
                tally[favourite(&items, mix(client.into()))] += 1;
            }
            let total: u32 = weights.iter().sum();
            for (&drawn, &weight) in tally.iter().zip(weights) {
                let share = f64::from(weight) / f64::from(total);
                let spread = (share * (1.0 - share) / f64::from(CLIENTS)).sqrt();
                let error = (f64::from(drawn) / f64::from(CLIENTS) - share).abs();
                assert!(error <= 4.0 * spread, "{tally:?} for {weights:?}");
            }
        }
    }

    #[test]
    fn a_greater_weight_only_attracts() {
        let (before, after) = (items(&[95, 5, 20]), items(&[95, 10, 20]));
        let mut moved = 0;
        for client in 0..20_000 {
            let client = mix(client);
            let (was, is) = (favourite(&before, client), favourite(&after, client));
            assert!(was == is || is == 1);
            moved += u32::from(was != is);
        }
        // From 5 in 120 to 10 in 125.
        assert!((600..900).contains(&moved), "{moved}");
    }

    #[test]
    fn lists_are_what_each_bucket_likes_in_order() {
        let items = items(&[3, 0, 1, 1, 1, 1, 1, 1, 1, 1, 2]);
        let lists = Lists::new(&items);
        for client in 0..2_000 {
            let hash = mix(client);
            let walked: Vec<u32> = lists.walk(hash).collect();
            assert_eq!(walked.len(), DEPTH);
            let bucket = mix(hash >> (64 - lists.bucket_bits));
            let mut left = items.clone();
            for &index in &walked {
                assert_eq!(favourite(&left, bucket), index as usize);
                left[index as usize].weight = 0;
            }
        }
    }

    #[test]
    fn lists_keep_shares_and_move_only_what_is_gone() {
        let (few, many) = (items(&[1; 9]), items(&[1; 10]));
        let (few, many) = (Lists::new(&few), Lists::new(&many));
        let first = |lists: &Lists, client| lists.walk(mix(client)).next().unwrap();
        let mut tally = [0u32; 10];
        for client in 0..100_000 {
            let (before, after) = (first(&few, client), first(&many, client));
            assert!(before == after || after == 9);
            tally[after as usize] += 1;
        }
        assert!(
            tally.iter().all(|n| (9_000..11_000).contains(n)),
            "{tally:?}"
        );
    }

    #[test]
    fn of_nothing_nothing_is_liked() {
        assert_eq!(Lists::new(&[]).walk(u64::MAX).next(), None);
        assert_eq!(Lists::new(&items(&[0])).walk(0).next(), None);
    }
}
