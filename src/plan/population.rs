//! Which kinds of clients are there, how many of each, and where?

use std::collections::HashMap;

use super::asked::Askers;
use super::places::NOWHERE;
use super::space::Space;
use super::{Asked, Asker, Places, Policies, Sides};
use crate::model::Family;

/// Clients that stand side by side, of one kind and in one place.
pub(super) struct Portion<'a> {
    /// What the maps say of them: those of equal classes are of one kind.
    pub classes: &'a [u16],
    /// Or [`NOWHERE`].
    pub place: u32,
    /// How many they are.
    pub weight: u128,
    /// Stands for the first of them.
    pub code: u128,
    /// Whether the others have the codes that follow. If not, all have this one.
    pub is_spread: bool,
}

/// Where clients come from.
pub(super) trait Clients {
    /// Tells of all of them, in the same order each time.
    fn walk(&self, each: &mut dyn FnMut(&Portion<'_>));
    fn asker(&self, code: u128) -> Asker;
}

/// Clients of whom all maps say the same.
pub(super) struct Kind {
    /// Of one of them.
    pub code: u128,
    pub weight: u128,
}

/// How many of a kind are in a place.
pub(super) struct Count {
    pub kind: u32,
    pub place: u32,
    pub weight: u128,
}

/// Clients by kind and place. It depends on the maps that policies read, on nothing else of them.
pub struct Population<'a> {
    pub(super) places: &'a Places,
    pub(super) clients: Box<dyn Clients + 'a>,
    pub(super) kinds: Vec<Kind>,
    pub(super) counts: Vec<Count>,
    /// Whether clients that no source knows count as all others: who asked is there.
    pub(super) counts_everybody: bool,
    samples: Option<Vec<Vec<u128>>>,
}

/// The most clients of one kind that ask, where a policy draws: shares are good to 0.4 % (the standard deviation
/// at one half) then.
const SAMPLE_MAX: usize = 1 << 14;
/// The fewest.
const SAMPLE_MIN: usize = 1 << 6;
/// Clients of all kinds that ask, about.
const SAMPLES: usize = 1 << 19;

impl<'a> Population<'a> {
    /// All addresses of a family, which ask those of the family `asked` for.
    pub fn of_space(
        sides: Sides<'a>,
        places: &'a Places,
        policies: Policies,
        clients: Family,
        asked: Family,
    ) -> Self {
        let space = Space::new(sides, places, policies, clients, asked);
        Self::new(places, Box::new(space))
    }

    /// Those that asked for names of these policies.
    pub fn of_asked(
        sides: Sides<'a>,
        places: &'a Places,
        policies: Policies,
        asked: &'a [Asked],
    ) -> Self {
        let askers = Askers {
            sides,
            places,
            policies,
            asked,
        };
        Population {
            counts_everybody: true,
            ..Self::new(places, Box::new(askers))
        }
    }

    fn new(places: &'a Places, clients: Box<dyn Clients + 'a>) -> Self {
        let mut numbers = Numbers::default();
        let mut kinds: Vec<Kind> = Vec::new();
        let mut counts: HashMap<(u32, u32), u128> = HashMap::new();
        clients.walk(&mut |portion| {
            let number = numbers.number(portion.classes);
            match kinds.get_mut(number as usize) {
                Some(kind) => kind.weight = kind.weight.saturating_add(portion.weight),
                None => kinds.push(Kind {
                    code: portion.code,
                    weight: portion.weight,
                }),
            }
            let count = counts.entry((number, portion.place)).or_default();
            *count = count.saturating_add(portion.weight);
        });
        let counts = counts.into_iter();
        let counts = counts.map(|((kind, place), weight)| Count {
            kind,
            place,
            weight,
        });
        let mut counts: Vec<Count> = counts.collect();
        // So that sums of fractions are the same each time.
        counts.sort_unstable_by_key(|count| (count.kind, count.place));
        Population {
            places,
            clients,
            kinds,
            counts,
            counts_everybody: false,
            samples: None,
        }
    }

    /// How many clients count: in places that some source knows, or recorded ones.
    pub fn counted(&self) -> u128 {
        let counts = self.counts.iter();
        let counted = counts.filter(|count| self.counts_everybody || count.place != NOWHERE);
        counted.fold(0, |sum, count| sum.saturating_add(count.weight))
    }

    /// Clients of each kind, at equal distances among all of it.
    pub(super) fn samples(&mut self) -> &[Vec<u128>] {
        let per_kind = SAMPLES / self.kinds.len().max(1);
        let per_kind = per_kind.clamp(SAMPLE_MIN, SAMPLE_MAX) as u128;
        if self.samples.is_none() {
            self.samples = Some(self.sample(per_kind));
        }
        self.samples.as_deref().unwrap_or_default()
    }

    fn sample(&self, per_kind: u128) -> Vec<Vec<u128>> {
        let mut numbers = Numbers::default();
        let mut found: Vec<Vec<u128>> = self.kinds.iter().map(|_| Vec::new()).collect();
        let mut passed = vec![0u128; self.kinds.len()];
        self.clients.walk(&mut |portion| {
            let kind = numbers.number(portion.classes) as usize;
            let (found, passed) = (&mut found[kind], &mut passed[kind]);
            let after = passed.saturating_add(portion.weight);
            while (found.len() as u128) < per_kind {
                let point = point(found.len() as u128, per_kind, self.kinds[kind].weight);
                if point >= after {
                    break;
                }
                let offset = if portion.is_spread {
                    point - *passed
                } else {
                    0
                };
                found.push(portion.code + offset);
            }
            *passed = after;
        });
        found
    }
}

/// The middle of part `index` of `0..whole`, cut into `parts`: less than `whole`, if that is not 0.
fn point(index: u128, parts: u128, whole: u128) -> u128 {
    let (each, rest) = (whole / (2 * parts), whole % (2 * parts));
    (2 * index + 1) * each + (2 * index + 1) * rest / (2 * parts)
}

/// Numbers for distinct lists of classes, in order of first appearance.
#[derive(Default)]
struct Numbers {
    known: HashMap<Box<[u16]>, u32>,
    last: (Vec<u16>, u32),
}

impl Numbers {
    fn number(&mut self, classes: &[u16]) -> u32 {
        // Neighbours are often of one kind.
        if self.last.0 == classes && !self.known.is_empty() {
            return self.last.1;
        }
        let number = match self.known.get(classes) {
            Some(&number) => number,
            None => {
                let next = self.known.len() as u32;
                self.known.insert(classes.into(), next);
                next
            }
        };
        self.last.0.clear();
        self.last.0.extend_from_slice(classes);
        self.last.1 = number;
        number
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn points_ascend_within_the_whole(whole in 1u128.., parts in 1u128..20_000) {
            let of = |index| point(index, parts, whole);
            prop_assert!(of(parts - 1) < whole);
            let middle = parts / 2;
            prop_assert!(of(middle) <= of(parts - 1) && of(0) <= of(middle));
            prop_assert!(of(0) <= whole / parts);
        }
    }

    #[test]
    fn equal_classes_have_one_number() {
        let mut numbers = Numbers::default();
        let lists: [&[u16]; 6] = [&[], &[1, 2], &[1, 2], &[2, 1], &[1, 2], &[]];
        assert_eq!(lists.map(|list| numbers.number(list)), [0, 1, 1, 2, 1, 0]);
    }
}
