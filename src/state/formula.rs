//! What the monitors are called that an endpoint's condition is made of, and which of them decide.

use super::condition::Condition;
use super::health::EndpointHealth;
use crate::model::Verdict;

/// A monitor and those that it is calculated from: of the shape of the [`Condition`] of every endpoint that goes by it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Formula {
    pub monitor: Box<str>,
    /// None: it is no calculation.
    pub parts: Box<[Formula]>,
}

/// Names that are listed in words; more are counted.
const NAMED_MAX: usize = 3;

/// A formula with what is known of its parts at a time.
#[derive(Debug)]
pub struct Judged<'f> {
    pub monitor: &'f str,
    pub condition: &'f Condition,
    pub verdict: Verdict,
    /// Since when that is so at least, as far as its parts tell, in milliseconds since the Unix epoch. `None`: it is
    /// unknown, or came from nothing that has a time.
    pub since_unix_ms: Option<u64>,
    pub parts: Vec<Judged<'f>>,
}

impl Formula {
    /// The targets that those parts come down to whose names fit, each as often as it stands there, where `condition` is
    /// the endpoint's.
    pub fn targets(&self, condition: &Condition, fits: &impl Fn(&str) -> bool) -> Vec<u32> {
        if fits(&self.monitor) {
            return condition.targets();
        }
        let parts = self.parts.iter().zip(condition.parts());
        let parts = parts.map(|(formula, condition)| formula.targets(condition, fits));
        parts.flatten().collect()
    }

    /// What it comes to where `condition` is the endpoint's; `known` are verdicts on targets, and since when.
    pub fn judged<'f>(
        &'f self,
        condition: &'f Condition,
        known: &impl Fn(u32) -> (Verdict, Option<u64>),
    ) -> Judged<'f> {
        let parts = self.parts.iter().zip(condition.parts());
        let parts: Vec<_> = parts
            .map(|(formula, condition)| formula.judged(condition, known))
            .collect();
        let look = |index| EndpointHealth::new(known(index).0, 0);
        let verdict = condition.health(&look).verdict;
        let since_unix_ms = match condition {
            Condition::Target(index) => known(*index).1,
            _ => since(condition, verdict, &parts),
        };
        Judged {
            monitor: &self.monitor,
            condition,
            verdict,
            since_unix_ms,
            parts,
        }
    }
}

/// How many parts have to be as the whole is for it to be so whatever the others are.
fn enough(condition: &Condition, verdict: Verdict, parts: usize) -> usize {
    let needed = match condition {
        Condition::Target(_) | Condition::Not(_) => return 1,
        Condition::All(_) => parts,
        Condition::Any(_) => 1,
        Condition::AtLeast(count, _) => *count as usize,
    };
    match verdict {
        Verdict::Down => (parts + 1).saturating_sub(needed),
        _ => needed,
    }
}

/// Since when enough of them have been as they are.
fn since(condition: &Condition, verdict: Verdict, parts: &[Judged<'_>]) -> Option<u64> {
    let decisive = match (condition, verdict) {
        (_, Verdict::Unknown) => return None,
        (Condition::Not(_), Verdict::Up) => Verdict::Down,
        (Condition::Not(_), Verdict::Down) => Verdict::Up,
        (_, verdict) => verdict,
    };
    let alike = parts.iter().filter(|part| part.verdict == decisive);
    let mut times: Vec<u64> = alike.filter_map(|part| part.since_unix_ms).collect();
    times.sort_unstable();
    let last = enough(condition, verdict, parts.len()).checked_sub(1)?;
    times.get(last).copied()
}

impl Judged<'_> {
    /// The index of the target that it is, where it is not calculated.
    pub fn target(&self) -> Option<u32> {
        match self.condition {
            Condition::Target(index) => Some(*index),
            _ => None,
        }
    }

    /// How it is calculated: "all of", "at least 2 of"; `None` of one that is not.
    pub fn how(&self) -> Option<String> {
        Some(match self.condition {
            Condition::Target(_) => return None,
            Condition::All(_) => "all of".to_owned(),
            Condition::Any(_) => "any of".to_owned(),
            Condition::AtLeast(count, _) => format!("at least {count} of"),
            Condition::Not(_) => "not".to_owned(),
        })
    }

    /// Why it is what it is, in words: "database is down". Empty for one that is not calculated.
    pub fn why(&self) -> String {
        let [up, down, unknown] = [Verdict::Up, Verdict::Down, Verdict::Unknown].map(|verdict| {
            let of = self.parts.iter().filter(|part| part.verdict == verdict);
            of.map(|part| part.monitor).collect::<Vec<_>>()
        });
        let all: Vec<&str> = self.parts.iter().map(|part| part.monitor).collect();
        let ignorance = || format!("nothing is known of {}", listed(&unknown));
        match (self.condition, self.verdict) {
            (Condition::Target(_), _) => String::new(),
            (Condition::Not(_), Verdict::Unknown) | (Condition::All(_), Verdict::Unknown) => {
                ignorance()
            }
            (Condition::Not(_), Verdict::Up) => are(&down, "down"),
            (Condition::Not(_), Verdict::Down) => are(&up, "up"),
            (Condition::All(_), Verdict::Up) => are(&all, "up"),
            (Condition::All(_), Verdict::Down) => are(&down, "down"),
            (Condition::Any(_), Verdict::Up) => are(&up, "up"),
            (Condition::Any(_), Verdict::Down) => are(&all, "down"),
            (Condition::Any(_), Verdict::Unknown) => format!("none is up, and {}", ignorance()),
            (Condition::AtLeast(count, _), verdict) => {
                let besides = match verdict {
                    Verdict::Up => are(&up, "up"),
                    Verdict::Down => are(&down, "down"),
                    Verdict::Unknown => ignorance(),
                };
                format!(
                    "{} of {} up, {count} needed: {besides}",
                    up.len(),
                    all.len()
                )
            }
        }
    }
}

/// "a and b are down"
fn are(names: &[&str], what: &str) -> String {
    let verb = if names.len() == 1 { "is" } else { "are" };
    format!("{} {verb} {what}", listed(names))
}

/// "a, b and c"; "a, b, c and 2 more"
fn listed(names: &[&str]) -> String {
    if names.len() > NAMED_MAX {
        let more = names.len() - NAMED_MAX;
        return format!("{} and {more} more", names[..NAMED_MAX].join(", "));
    }
    match names {
        [] => "nobody".to_owned(),
        [one] => (*one).to_owned(),
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [Verdict; 3] = [Verdict::Up, Verdict::Down, Verdict::Unknown];

    fn leaf(name: &str) -> Formula {
        Formula {
            monitor: name.into(),
            parts: Box::default(),
        }
    }

    fn of(name: &str, parts: &[Formula]) -> Formula {
        Formula {
            monitor: name.into(),
            parts: parts.into(),
        }
    }

    fn three() -> Box<[Condition]> {
        (0..3).map(Condition::Target).collect()
    }

    #[test]
    fn the_whole_is_what_the_condition_says_and_every_part_too() {
        // site = all of (either = any of (a, b), not c)
        let formula = of(
            "site",
            &[
                of("either", &[leaf("a"), leaf("b")]),
                of("served", &[leaf("c")]),
            ],
        );
        let either: Box<[_]> = (0..2).map(Condition::Target).collect();
        let not = Condition::Not(Condition::Target(2).into());
        let condition = Condition::All([Condition::Any(either), not].into());
        for a in ALL {
            for (b, c) in ALL.into_iter().flat_map(|b| ALL.map(|c| (b, c))) {
                let known = |index: u32| ([a, b, c][index as usize], None);
                let judged = formula.judged(&condition, &known);
                let health = |index| EndpointHealth::new(known(index).0, 0);
                assert_eq!(judged.verdict, condition.health(&health).verdict);
                let [either, served] = &judged.parts[..] else {
                    panic!("two parts");
                };
                assert_eq!((either.parts[0].verdict, either.parts[1].verdict), (a, b));
                assert_eq!(served.parts[0].verdict, c);
            }
        }
        let targets = |name: &str| formula.targets(&condition, &|of| of == name);
        assert_eq!((targets("c"), targets("either")), (vec![2], vec![0, 1]));
        assert_eq!((targets("site"), targets("d")), (vec![0, 1, 2], vec![]));
    }

    #[test]
    fn those_that_decide_are_named() {
        use Verdict::{Down, Unknown, Up};
        let formula = of("m", &[leaf("a"), leaf("b"), leaf("c")]);
        let why = |condition: Condition, verdicts: [Verdict; 3]| {
            let known = |index: u32| (verdicts[index as usize], None);
            formula.judged(&condition, &known).why()
        };
        let all = || Condition::All(three());
        assert_eq!(why(all(), [Up, Down, Down]), "b and c are down");
        assert_eq!(why(all(), [Up, Up, Up]), "a, b and c are up");
        assert_eq!(why(all(), [Up, Unknown, Up]), "nothing is known of b");
        let any = || Condition::Any(three());
        assert_eq!(why(any(), [Down, Up, Unknown]), "b is up");
        assert_eq!(why(any(), [Down; 3]), "a, b and c are down");
        let said = why(any(), [Down, Down, Unknown]);
        assert_eq!(said, "none is up, and nothing is known of c");
        let two = || Condition::AtLeast(2, three());
        assert_eq!(
            why(two(), [Up, Down, Up]),
            "2 of 3 up, 2 needed: a and c are up"
        );
        let said = why(two(), [Up, Down, Down]);
        assert_eq!(said, "1 of 3 up, 2 needed: b and c are down");
        let not = Condition::Not(Condition::Target(0).into());
        assert_eq!(why(not, [Up, Up, Up]), "a is up");
        assert_eq!(listed(&["a", "b", "c", "d", "e"]), "a, b, c and 2 more");
    }

    #[test]
    fn it_is_so_since_enough_of_its_parts_are() {
        use Verdict::{Down, Up};
        let formula = of("m", &[leaf("a"), leaf("b"), leaf("c")]);
        let since = |condition: Condition, verdicts: [Verdict; 3]| {
            let known = |index: u32| (verdicts[index as usize], Some(10 * u64::from(index) + 10));
            formula.judged(&condition, &known).since_unix_ms
        };
        assert_eq!(since(Condition::All(three()), [Up; 3]), Some(30));
        assert_eq!(since(Condition::All(three()), [Up, Down, Down]), Some(20));
        assert_eq!(since(Condition::Any(three()), [Down; 3]), Some(30));
        assert_eq!(since(Condition::Any(three()), [Up, Down, Up]), Some(10));
        let two = || Condition::AtLeast(2, three());
        assert_eq!(since(two(), [Down, Up, Up]), Some(30));
        assert_eq!(since(two(), [Up, Down, Down]), Some(30));
        let known = |_| (Down, Some(7));
        let not = Condition::Not(Condition::Target(0).into());
        let judged = of("m", &[leaf("a")]);
        assert_eq!(judged.judged(&not, &known).since_unix_ms, Some(7));
    }
}
