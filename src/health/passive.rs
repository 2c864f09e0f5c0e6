//! What those say who really use a target, beside its probes: with thresholds of its own. Pure.

use crate::config::Passive;
use crate::model::Verdict;

/// Outcomes of real requests to one target.
#[derive(Clone, Debug)]
pub struct Requests {
    rules: Passive,
    /// Of the same kind as the last one, in a row.
    alike: u32,
    last: Option<bool>,
}

impl Requests {
    pub fn new(rules: Passive) -> Self {
        Requests {
            rules,
            alike: 0,
            last: None,
        }
    }

    /// Takes one outcome; the verdict that so many of its kind in a row come to, once.
    pub fn observe(&mut self, succeeded: bool) -> Option<Verdict> {
        self.alike = match self.last == Some(succeeded) {
            true => self.alike.saturating_add(1),
            false => 1,
        };
        self.last = Some(succeeded);
        let (needed, verdict) = match succeeded {
            true => (self.rules.rise, Verdict::Up),
            false => (self.rules.fall, Verdict::Down),
        };
        (self.alike >= needed).then_some(verdict)
    }

    pub fn rules(&self) -> &Passive {
        &self.rules
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn so_many_in_a_row_are_a_verdict_and_fewer_are_none() {
        let mut requests = Requests::new(Passive { fall: 3, rise: 2 });
        let outcomes = [false, false, true, false, false, false, false, true, true];
        let verdicts = outcomes.map(|succeeded| requests.observe(succeeded));
        let (up, down) = (Some(Verdict::Up), Some(Verdict::Down));
        let expected = [None, None, None, None, None, down, down, None, up];
        assert_eq!(verdicts, expected);
    }
}
