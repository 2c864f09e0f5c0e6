//! Which changes of verdicts are logged: a line each, but not so many that the log is the next outage.

use std::collections::HashSet;

use crate::admin::health::{Changed, asked};

/// Names of pools or regions in one line at most.
const NAMES_MAX: usize = 16;
/// Lines of one second at most.
const LINES_MAX: usize = 50;

/// What was said of this second.
#[derive(Debug, Default)]
pub struct Announcer {
    /// The targets of the lines that were written.
    told: HashSet<String>,
    left_out: usize,
}

impl Announcer {
    /// Logs a change, unless there were too many in this second, or one of the same target.
    pub fn announce(&mut self, changed: &Changed) {
        let who = match changed.more() {
            0 => changed.who().to_owned(),
            more => format!("{} (and {more} more)", changed.who()),
        };
        let key = changed.target.as_deref().unwrap_or_else(|| changed.who());
        if !self.admits(key) {
            return;
        }
        let Changed {
            pools,
            regions,
            from,
            to,
            why,
            ..
        } = changed;
        let (pool, region) = (listed(pools), listed(regions));
        // The reason first, for those who read no further.
        match &**to {
            "down" => tracing::warn!(
                reason = %why, %from, %to, %pool, %region, %key,
                "{who} is down"
            ),
            _ => tracing::info!(
                reason = %why, %from, %to, %pool, %region, %key,
                "{who} is {to}"
            ),
        }
    }

    /// Logs what is wrong here, and says nothing about the target; the same bounds hold.
    pub fn announce_trouble(&mut self, target: &str, why: &str) {
        if self.admits(target) {
            tracing::warn!(reason = %why, key = %target, "{} cannot be asked", asked(target));
        }
    }

    fn admits(&mut self, target: &str) -> bool {
        let admits = self.told.len() < LINES_MAX && self.told.insert(target.to_owned());
        self.left_out += usize::from(!admits);
        admits
    }

    /// The second is over: says how many were left out in it.
    pub fn next_second(&mut self) {
        self.told.clear();
        let left_out = std::mem::take(&mut self.left_out);
        if left_out > 0 {
            tracing::warn!(
                left_out,
                "{left_out} more verdicts changed at once; `meridian health --history` has the last ones"
            );
        }
    }
}

/// "a,b"; "a,b,+2" where there are too many.
fn listed(names: &[String]) -> String {
    let text = names[..names.len().min(NAMES_MAX)].join(",");
    match names.len().saturating_sub(NAMES_MAX) {
        0 => text,
        more => format!("{text},+{more}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_is_told_of_once_a_second_and_others_meanwhile() {
        let mut announcer = Announcer::default();
        let told: Vec<bool> = ["a", "a", "b", "a"].map(|t| announcer.admits(t)).to_vec();
        assert_eq!(told, [true, false, true, false]);
        assert_eq!(announcer.left_out, 2);
        announcer.next_second();
        assert_eq!(announcer.left_out, 0);
        assert!(announcer.admits("a"));
    }

    #[test]
    fn a_second_has_so_many_lines_and_the_rest_is_counted() {
        let mut announcer = Announcer::default();
        let told = (0..1000).filter(|n| announcer.admits(&n.to_string()));
        assert_eq!(told.count(), LINES_MAX);
        assert_eq!(announcer.left_out, 1000 - LINES_MAX);
    }
}
