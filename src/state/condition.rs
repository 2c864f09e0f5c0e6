//! What several targets together make of an endpoint.

use super::health::EndpointHealth;
use crate::model::{Share, Verdict};

/// A formula over targets, in three values: what is unknown stays so until the pool says what that counts as.
#[derive(Clone, Debug, PartialEq)]
pub enum Condition {
    /// The index of a target.
    Target(u32),
    /// Up when all are; down when one is.
    All(Box<[Condition]>),
    /// Up when one is; down when all are.
    Any(Box<[Condition]>),
    /// Up when so many are; down when so many can no longer be.
    AtLeast(u32, Box<[Condition]>),
    /// Up when it is down, and the other way around.
    Not(Box<Condition>),
}

impl Condition {
    /// What comes of `target`s. It may flip as soon as one of them can. It takes the part that the slowest takes which
    /// it needs: of all, the least; of any, the most.
    pub fn health(&self, target: &impl Fn(u32) -> EndpointHealth) -> EndpointHealth {
        let (needed, parts) = match self {
            Condition::Target(index) => return target(*index),
            Condition::Not(part) => {
                let health = part.health(target);
                return EndpointHealth {
                    verdict: match health.verdict {
                        Verdict::Up => Verdict::Down,
                        Verdict::Down => Verdict::Up,
                        Verdict::Unknown => Verdict::Unknown,
                    },
                    share: Share::ALL,
                    ..health
                };
            }
            Condition::All(parts) => (parts.len(), parts),
            Condition::Any(parts) => (1, parts),
            Condition::AtLeast(count, parts) => (*count as usize, parts),
        };
        let (mut shares, mut unknown, mut soonest) = (Vec::new(), 0, u32::MAX);
        for part in parts {
            let health = part.health(target);
            soonest = soonest.min(health.flip_after_ms);
            match health.verdict {
                Verdict::Up => shares.push(health.share),
                Verdict::Unknown => unknown += 1,
                Verdict::Down => {}
            }
        }
        shares.sort_unstable();
        let verdict = match shares.len() {
            up if up >= needed => Verdict::Up,
            up if up + unknown < needed => Verdict::Down,
            _ => Verdict::Unknown,
        };
        let best = shares.iter().rev().nth(needed.saturating_sub(1));
        EndpointHealth {
            share: best.copied().unwrap_or_default(),
            ..EndpointHealth::new(verdict, soonest)
        }
    }

    /// What it is made of.
    pub fn parts(&self) -> &[Condition] {
        match self {
            Condition::Target(_) => &[],
            Condition::Not(part) => std::slice::from_ref(part),
            Condition::All(parts) | Condition::Any(parts) | Condition::AtLeast(_, parts) => parts,
        }
    }

    /// The targets that it is about, each as often as it stands there.
    pub fn targets(&self) -> Vec<u32> {
        match self {
            Condition::Target(index) => vec![*index],
            Condition::Not(part) => part.targets(),
            Condition::All(parts) | Condition::Any(parts) | Condition::AtLeast(_, parts) => {
                parts.iter().flat_map(Condition::targets).collect()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [Verdict; 3] = [Verdict::Up, Verdict::Down, Verdict::Unknown];

    fn three() -> Box<[Condition]> {
        (0..3).map(Condition::Target).collect()
    }

    fn verdict(condition: &Condition, targets: &[Verdict; 3]) -> Verdict {
        let health = |index| EndpointHealth::new(targets[index as usize], 1_000 + index);
        let health = condition.health(&health);
        assert_eq!(health.flip_after_ms, 1_000);
        health.verdict
    }

    /// The definition: what it is however the unknown turn out, if that is one thing.
    fn by_definition(is_up: &impl Fn(&[bool; 3]) -> bool, targets: &[Verdict; 3]) -> Verdict {
        let mut seen = [false; 2];
        for world in 0..8 {
            let world: [bool; 3] = std::array::from_fn(|n| world >> n & 1 == 1);
            let is_possible = world
                .iter()
                .zip(targets)
                .all(|(&up, verdict)| match verdict {
                    Verdict::Up => up,
                    Verdict::Down => !up,
                    Verdict::Unknown => true,
                });
            if is_possible {
                seen[usize::from(is_up(&world))] = true;
            }
        }
        match seen {
            [false, true] => Verdict::Up,
            [true, false] => Verdict::Down,
            _ => Verdict::Unknown,
        }
    }

    #[test]
    fn every_formula_is_what_it_is_however_the_unknown_turn_out() {
        let count = |world: &[bool; 3]| world.iter().filter(|up| **up).count();
        for a in ALL {
            for (b, c) in ALL.into_iter().flat_map(|b| ALL.map(|c| (b, c))) {
                let targets = [a, b, c];
                let check = |condition: Condition, is_up: &dyn Fn(&[bool; 3]) -> bool| {
                    let expected = by_definition(&|world| is_up(world), &targets);
                    let found = verdict(&condition, &targets);
                    assert_eq!(found, expected, "{condition:?} of {targets:?}");
                };
                check(Condition::All(three()), &|world| count(world) == 3);
                check(Condition::Any(three()), &|world| count(world) >= 1);
                for least in 1..=3 {
                    let condition = Condition::AtLeast(least, three());
                    check(condition, &|world| count(world) >= least as usize);
                }
                let not = Condition::Not(Condition::Any(three()).into());
                check(not, &|world| count(world) == 0);
                // a and (b or not c)
                let either = [
                    Condition::Target(1),
                    Condition::Not(Condition::Target(2).into()),
                ];
                let nested = [Condition::Target(0), Condition::Any(either.into())];
                check(Condition::All(nested.into()), &|world| {
                    world[0] && (world[1] || !world[2])
                });
            }
        }
    }

    #[test]
    fn it_takes_the_part_that_the_slowest_takes_which_it_needs() {
        let shares = [Share(10_000), Share::ALL, Share(30_000)];
        let health = |index: u32| EndpointHealth {
            share: shares[index as usize],
            ..EndpointHealth::new(Verdict::Up, 1_000)
        };
        let share = |condition: Condition| condition.health(&health).share;
        assert_eq!(share(Condition::All(three())), Share(10_000));
        assert_eq!(share(Condition::Any(three())), Share::ALL);
        assert_eq!(share(Condition::AtLeast(2, three())), Share(30_000));
        assert_eq!(
            share(Condition::Not(Condition::Target(0).into())),
            Share::ALL
        );
    }

    #[test]
    fn targets_are_listed() {
        let nested = Condition::Any([Condition::All(three()), Condition::Target(7)].into());
        assert_eq!(Condition::Not(nested.into()).targets(), [0, 1, 2, 7]);
    }
}
