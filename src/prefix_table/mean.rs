//! How long scopes are on the average: what `check` tells an operator about the caches' share.

use super::address::Address;
use super::runs::Runs;
use super::{CLASSES_MAX, PrefixTable};

/// The mean scope of names that read all of `tables` together (the longest scope of them counts),
/// over the IPv4 addresses that some table places, each address weighing the same. `None` when there are
/// none.
pub fn mean_scope_v4(tables: &[&PrefixTable]) -> Option<f64> {
    mean(&tables.iter().map(|table| &table.v4).collect::<Vec<_>>())
}

/// [`mean_scope_v4`] for IPv6.
pub fn mean_scope_v6(tables: &[&PrefixTable]) -> Option<f64> {
    mean(&tables.iter().map(|table| &table.v6).collect::<Vec<_>>())
}

fn mean<A: Address>(tables: &[&Runs<A>]) -> Option<f64> {
    let mut starts: Vec<A> = tables.iter().flat_map(|runs| runs.starts()).collect();
    starts.sort_unstable();
    starts.dedup();
    let (mut weighted, mut weights) = (0.0, 0.0);
    for (at, &start) in starts.iter().enumerate() {
        let places = |runs: &&Runs<A>| (1..CLASSES_MAX).contains(&runs.class(runs.run_of(start)));
        if tables.iter().any(places) {
            let end = starts
                .get(at + 1)
                .and_then(|next| next.previous())
                .unwrap_or(A::MAX);
            // Between two boundaries all tables are constant, so the leaves are the largest aligned blocks.
            let mut block = Some(start);
            while let Some(first) = block.filter(|first| *first <= end) {
                let length = longest_block(first, end);
                let weight = 0.5f64.powi(i32::from(length));
                weighted += weight * f64::from(length);
                weights += weight;
                block = first.last(length).next();
            }
        }
    }
    (weights > 0.0).then(|| weighted / weights)
}

/// The length of the largest aligned block that begins at `first` and ends by `end`.
fn longest_block<A: Address>(first: A, end: A) -> u8 {
    (0..=A::BITS)
        .find(|&length| first.first(length) == first && first.last(length) <= end)
        .unwrap_or(A::BITS)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::prefix_table::{Builder, ClassRange};

    fn table(ranges: &[(u32, u32, u16)]) -> PrefixTable {
        let mut builder = Builder::new(0);
        for &(start, end, class) in ranges {
            builder.v4(ClassRange {
                start,
                end,
                class,
                own: false,
            });
        }
        builder.finish()
    }

    #[test]
    fn each_address_weighs_the_same() {
        // 8.0.0.0/8 and 16.0.0.0/9
        let table = table(&[(0x0800_0000, 0x08ff_ffff, 1), (0x1000_0000, 0x107f_ffff, 2)]);
        let mean = mean_scope_v4(&[&table]).unwrap();
        assert!((mean - (8.0 * 2.0 + 9.0) / 3.0).abs() < 1e-9, "{mean}");
        assert_eq!(mean_scope_v6(&[&table]), None);
    }

    #[test]
    fn of_several_tables_the_longest_scope_counts() {
        let wide = table(&[(0x0800_0000, 0x08ff_ffff, 1)]);
        let narrow = table(&[(0x0800_0000, 0x087f_ffff, 1), (0x0880_0000, 0x08ff_ffff, 2)]);
        assert_eq!(mean_scope_v4(&[&wide]), Some(8.0));
        assert_eq!(mean_scope_v4(&[&wide, &narrow]), Some(9.0));
    }
}
