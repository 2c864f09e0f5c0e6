//! What is told of targets, and of the endpoints that go by several of them: what is believed of each and why, and how
//! that came to be.

use std::collections::{HashSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::{Deserialize, Serialize};

use super::whom::{Kind, Whom};

/// Changes of verdicts that are remembered.
pub const HISTORY_MAX: usize = 1_000;

/// What is known of targets. Times are in milliseconds since the Unix epoch. This is what `meridian health --json` prints;
/// docs/health/health.schema.json describes it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct HealthReport {
    pub now_unix_ms: u64,
    /// Where verdicts come from, in words.
    pub verdicts: String,
    /// Of all targets, also of those that were not asked for. `None` where nothing is probed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub probing: Option<Probing>,
    /// Of all that were asked for, also where the lists have the worst only.
    pub counts: Counts,
    /// Those that were asked for.
    pub targets: Vec<TargetReport>,
    /// The endpoints among them that go by several targets.
    #[serde(default)]
    pub endpoints: Vec<EndpointReport>,
}

/// How many of what there are, by verdict.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    pub targets: Tally,
    pub endpoints: Tally,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tally {
    pub up: usize,
    pub down: usize,
    pub unknown: usize,
}

impl Tally {
    pub fn all(&self) -> usize {
        self.up + self.down + self.unknown
    }
}

impl<'v> FromIterator<&'v str> for Tally {
    fn from_iter<I: IntoIterator<Item = &'v str>>(verdicts: I) -> Self {
        let mut tally = Tally::default();
        for verdict in verdicts {
            match verdict {
                "up" => tally.up += 1,
                "down" => tally.down += 1,
                _ => tally.unknown += 1,
            }
        }
        tally
    }
}

/// How probing goes on the whole.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct Probing {
    pub targets: usize,
    /// Of which nothing is known yet.
    pub unknown: usize,
    pub probes_under_way: usize,
    /// Probes that were left out, since the one before took or waited too long.
    pub probes_missed: u64,
    /// The latest start of a probe after its time, of the last ten seconds, in milliseconds.
    pub lag_max_ms: u64,
    /// Until when the panic guard holds verdicts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub panic_until_unix_ms: Option<u64>,
}

/// One target.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct TargetReport {
    /// What is asked of whom, and how often.
    pub target: String,
    /// Those that ask for it.
    pub monitors: Vec<String>,
    /// `up`, `down` or `unknown`.
    pub verdict: String,
    /// The state behind that: `up`, `failing`, `down`, `recovering`, `damped`, `held` or `unknown`.
    pub state: String,
    /// How far it is on its way to another verdict, while it is failing or recovering.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub progress: Option<Progress>,
    /// What its falls demand of it before it is up again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub damping: Option<Damping>,
    /// Whether it is slow, where its monitor says what that is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub slowness: Option<Slowness>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since_unix_ms: Option<u64>,
    /// In words: "2 of 2 failed: connection refused".
    pub why: String,
    /// The last ones, the latest at the end.
    #[serde(default)]
    pub observations: Vec<Observed>,
    /// When it is asked next; absent while it is being asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_unix_ms: Option<u64>,
    pub used_by: Vec<Use>,
}

/// So many observations of those that it takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Progress {
    pub count: u32,
    pub of: u32,
}

/// It fell so often that it has to answer for a while before it is up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Damping {
    /// How often it fell of late.
    pub falls: usize,
    /// For how long it has to answer without a failure.
    pub hold_ms: u64,
    /// Until when that is, as it answers now; absent while it does not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until_unix_ms: Option<u64>,
}

/// What its successes take, and what is too long.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Slowness {
    /// Whether it is slow now.
    pub degraded: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub smoothed_ms: Option<u64>,
    pub above_ms: u64,
    /// The part of its queries that it takes while it is slow, 0.0 to 1.0.
    pub share: f64,
}

/// An endpoint that goes by several targets.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct EndpointReport {
    pub pool: String,
    pub region: String,
    pub endpoint: String,
    /// What its targets make of it: `up`, `down` or `unknown`.
    pub verdict: String,
    /// What it is answered as, by that, by the monitor's `unknown_is` and by operators' words: `up` or `down`.
    pub counts_as: String,
    /// Since when the verdict stands at least, as far as the targets tell.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since_unix_ms: Option<u64>,
    /// In words: "database is down".
    pub why: String,
    /// The part of its queries that it takes, where that is not all: 0.0 to 1.0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub share: Option<f64>,
    /// Whose word holds instead, or besides.
    #[serde(default, rename = "override", skip_serializing_if = "Option::is_none")]
    pub overridden: Option<String>,
    /// The pool's monitor, and what it is calculated from.
    pub condition: Part,
}

/// A monitor as it is for one endpoint.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Part {
    pub monitor: String,
    /// How it is calculated from its parts: "all of", "any of", "at least 2 of", "not"; absent where it is not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub how: Option<String>,
    pub verdict: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since_unix_ms: Option<u64>,
    /// Who is asked, where it is not calculated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
    pub why: String,
    #[serde(default)]
    pub parts: Vec<Part>,
}

/// One attempt to learn whether a target works.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Observed {
    /// When it ended.
    pub at_unix_ms: u64,
    pub took_us: u64,
    pub success: bool,
    /// "succeeded in 3 ms", "connection refused".
    pub words: String,
}

/// An endpoint whose health a target is.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Use {
    pub pool: String,
    pub region: String,
    pub endpoint: String,
    /// The monitor that is calculated from this target and others, where the endpoint goes by one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub part_of: Option<String>,
    /// Whose word holds instead, or besides.
    #[serde(default, rename = "override", skip_serializing_if = "Option::is_none")]
    pub overridden: Option<String>,
}

/// What made a verdict change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Cause {
    /// What was seen of a target, or said of it by others.
    Observation,
    /// What was seen of the targets that endpoints go by, or another way to go by them.
    Calculation,
    /// Nothing is probed: a file or somebody's hand says so.
    Frozen,
    /// An operator's word that stands now, or stands no more.
    Operator,
}

/// A verdict that changed: on a target, or on endpoints.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Changed {
    /// Counts the changes since the server started, from 1.
    pub id: u64,
    pub at_unix_ms: u64,
    pub cause: Cause,
    /// Absent where it is endpoints that changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub monitor: Option<String>,
    /// Whether this is a target that its endpoints do not go by alone: what becomes of them is told by itself.
    #[serde(default, skip_serializing_if = "is_false")]
    pub part: bool,
    /// Whose endpoints these are, each once.
    pub pools: Vec<String>,
    pub regions: Vec<String>,
    /// As `pool/destination`; the first few where there are many. Those that go by the target alone come first.
    pub endpoints: Vec<String>,
    /// How many more there are.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub more_endpoints: usize,
    /// How many of all these go by other targets, too, where others do not.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub part_endpoints: usize,
    /// `up`, `degraded` (up, and slow), `down` or `unknown`.
    pub from: String,
    pub to: String,
    pub why: String,
}

impl Changed {
    /// What changed, in short: the first endpoint, or the target where that is only a part of what endpoints go by.
    pub fn who(&self) -> &str {
        let target = self.target.as_deref().map(asked);
        let first = self.endpoints.first().map(String::as_str);
        let who = if self.part { target } else { first.or(target) };
        who.unwrap_or_default()
    }

    /// How many endpoints there are besides that one of which the same can be said.
    pub fn more(&self) -> usize {
        match self.part {
            true => 0,
            false => {
                (self.endpoints.len() + self.more_endpoints).saturating_sub(1 + self.part_endpoints)
            }
        }
    }
}

fn is_false(truth: &bool) -> bool {
    !truth
}

fn is_zero(number: &usize) -> bool {
    *number == 0
}

impl Whom {
    /// Whether one of those who use a target is meant.
    pub fn means_users(&self, used_by: &[Use]) -> bool {
        let means = |used: &Use| self.means_endpoint(&used.region, &used.pool, &used.endpoint);
        used_by.iter().any(means)
    }

    /// Whether an endpoint is meant by its own names.
    pub fn means_endpoint(&self, region: &str, pool: &str, endpoint: &str) -> bool {
        self.means(Kind::Region, region)
            || self.means(Kind::Pool, pool)
            || self.means(Kind::Endpoint, endpoint)
            || self.means(Kind::Endpoint, &format!("{pool}/{endpoint}"))
    }

    /// Whether a monitor is meant.
    pub fn means_monitor(&self, monitor: &str) -> bool {
        self.means(Kind::Monitor, monitor)
    }

    /// Whether a target is meant by what it asks.
    pub fn means_itself(&self, target: &str) -> bool {
        self.means(Kind::Target, target) || self.means(Kind::Target, asked(target))
    }

    fn means_change(&self, change: &Changed) -> bool {
        let any = |kind, names: &[String]| names.iter().any(|name| self.means(kind, name));
        let means_endpoint = |endpoint: &String| {
            let destination = endpoint.split_once('/').map_or("", |(_, of)| of);
            self.means(Kind::Endpoint, endpoint) || self.means(Kind::Endpoint, destination)
        };
        let target = change.target.as_deref();
        target.is_some_and(|target| self.means_itself(target))
            || any(Kind::Monitor, change.monitor.as_slice())
            || any(Kind::Region, &change.regions)
            || any(Kind::Pool, &change.pools)
            || change.endpoints.iter().any(means_endpoint)
    }
}

/// What is asked of whom, without how often: `http://192.0.2.1:8080/healthz`. Of what others say: the monitor and the
/// endpoint that they say it of, `push:maintenance web/192.0.2.1`.
pub fn asked(target: &str) -> &str {
    if target.starts_with("push:") {
        return target.rsplitn(4, ' ').nth(3).unwrap_or(target);
    }
    target.split_once(' ').map_or(target, |(asked, _)| asked)
}

/// The last changes of verdicts, [`HISTORY_MAX`] at most.
#[derive(Debug, Default)]
pub struct History(Mutex<VecDeque<Arc<Changed>>>);

impl History {
    pub fn add(&self, change: Arc<Changed>) {
        let mut changes = self.lock();
        if changes.len() == HISTORY_MAX {
            changes.pop_front();
        }
        changes.push_back(change);
    }

    /// Those about somebody, or all; the latest last.
    /// `of` are targets that are meant, too: a change does not name all who use its target.
    pub fn changes(&self, whom: Option<&Whom>, of: &HashSet<String>) -> Vec<Arc<Changed>> {
        let all: Vec<_> = self.lock().iter().cloned().collect();
        let is_of = |change: &Changed| change.target.as_ref().is_some_and(|it| of.contains(it));
        let is_meant = |change: &Arc<Changed>| {
            whom.is_none_or(|whom| whom.means_change(change) || is_of(change))
        };
        all.into_iter().filter(is_meant).collect()
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<Arc<Changed>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn change(n: usize) -> Arc<Changed> {
        Arc::new(Changed {
            id: n as u64,
            at_unix_ms: n as u64,
            cause: Cause::Observation,
            target: Some(format!("tcp://192.0.2.{n}:80 every=1s")),
            monitor: Some("web".to_owned()),
            part: false,
            pools: vec![format!("web-{n}")],
            regions: vec!["eu".to_owned()],
            endpoints: vec![format!("web-{n}/192.0.2.{n}")],
            more_endpoints: 0,
            part_endpoints: 0,
            from: "up".to_owned(),
            to: "down".to_owned(),
            why: "2 of 2 failed: connection refused".to_owned(),
        })
    }

    #[test]
    fn the_latest_changes_are_remembered() {
        let history = History::default();
        (0..HISTORY_MAX + 7).for_each(|n| history.add(change(n)));
        let changes = history.changes(None, &HashSet::new());
        assert_eq!((changes.len(), changes[0].at_unix_ms), (HISTORY_MAX, 7));
    }

    #[test]
    fn changes_are_found_by_everything_that_they_name() {
        let history = History::default();
        (1..=3).for_each(|n| history.add(change(n)));
        let found = |text: &str| {
            let whom = text.parse().expect("a pattern");
            let changes = history.changes(Some(&whom), &HashSet::new());
            changes.iter().map(|c| c.at_unix_ms).collect::<Vec<_>>()
        };
        assert_eq!(found("eu"), [1, 2, 3]);
        assert_eq!(found("monitor:web"), [1, 2, 3]);
        for of_two in [
            "web-2",
            "192.0.2.2",
            "web-2/192.0.2.2",
            "tcp://192.0.2.2:80",
            "*.2:80 *",
        ] {
            assert_eq!(found(of_two), [2], "{of_two}");
        }
        assert!(found("us").is_empty());
        // Also by what uses their targets, which they do not name whole.
        let of = HashSet::from(["tcp://192.0.2.3:80 every=1s".to_owned()]);
        let whom = "pool:other".parse().expect("a pattern");
        let changes = history.changes(Some(&whom), &of);
        assert_eq!((changes.len(), changes[0].id), (1, 3));
    }
}
