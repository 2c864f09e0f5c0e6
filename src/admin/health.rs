//! What is told of targets: what is believed of each and why, and how that came to be.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::{Deserialize, Serialize};

use super::whom::{Kind, Whom};

/// Changes of verdicts that are remembered.
pub const HISTORY_MAX: usize = 1_000;

/// What is known of targets. Times are in milliseconds since the Unix epoch.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct HealthReport {
    pub now_unix_ms: u64,
    /// Where verdicts come from, in words.
    pub verdicts: String,
    /// Of all targets, also of those that were not asked for. `None` where nothing is probed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub probing: Option<Probing>,
    /// Those that were asked for.
    pub targets: Vec<TargetReport>,
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
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub monitor: Option<String>,
    /// `up`, `down` or `unknown`.
    pub verdict: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since_unix_ms: Option<u64>,
    /// In words: "2 of 2 failed: connection refused".
    pub why: String,
    /// Whether the panic guard holds it up against the observations.
    #[serde(default)]
    pub held: bool,
    /// The last ones, the latest at the end.
    #[serde(default)]
    pub observations: Vec<Observed>,
    /// When it is asked next; absent while it is being asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_unix_ms: Option<u64>,
    pub used_by: Vec<Use>,
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
    /// Whose word holds instead, or besides.
    #[serde(default, rename = "override", skip_serializing_if = "Option::is_none")]
    pub overridden: Option<String>,
}

/// A verdict that changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Changed {
    /// Counts the changes since the server started, from 1.
    pub id: u64,
    pub at_unix_ms: u64,
    pub target: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub monitor: Option<String>,
    /// Whose endpoints these are, each once.
    pub pools: Vec<String>,
    pub regions: Vec<String>,
    /// As `pool/destination`; the first few where there are many.
    pub endpoints: Vec<String>,
    /// How many more there are.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub more_endpoints: usize,
    pub from: String,
    pub to: String,
    pub why: String,
}

fn is_zero(number: &usize) -> bool {
    *number == 0
}

impl Whom {
    /// Whether one of those who use a target is meant, or it itself.
    pub fn means_target(&self, target: &str, monitor: Option<&str>, used_by: &[Use]) -> bool {
        let means_use = |used: &Use| {
            self.means(Kind::Region, &used.region)
                || self.means(Kind::Pool, &used.pool)
                || self.means(Kind::Endpoint, &used.endpoint)
                || self.means(Kind::Endpoint, &format!("{}/{}", used.pool, used.endpoint))
        };
        self.means_itself(target, monitor) || used_by.iter().any(means_use)
    }

    fn means_itself(&self, target: &str, monitor: Option<&str>) -> bool {
        monitor.is_some_and(|monitor| self.means(Kind::Monitor, monitor))
            || self.means(Kind::Target, target)
            || self.means(Kind::Target, asked(target))
    }

    fn means_change(&self, change: &Changed) -> bool {
        let any = |kind, names: &[String]| names.iter().any(|name| self.means(kind, name));
        let means_endpoint = |endpoint: &String| {
            let destination = endpoint.split_once('/').map_or("", |(_, of)| of);
            self.means(Kind::Endpoint, endpoint) || self.means(Kind::Endpoint, destination)
        };
        self.means_itself(&change.target, change.monitor.as_deref())
            || any(Kind::Region, &change.regions)
            || any(Kind::Pool, &change.pools)
            || change.endpoints.iter().any(means_endpoint)
    }
}

/// What is asked of whom, without how often: `http://192.0.2.1:8080/healthz`.
pub fn asked(target: &str) -> &str {
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
    pub fn changes(&self, whom: Option<&Whom>) -> Vec<Arc<Changed>> {
        let all: Vec<_> = self.lock().iter().cloned().collect();
        let is_meant = |change: &Arc<Changed>| whom.is_none_or(|whom| whom.means_change(change));
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
            target: format!("tcp://192.0.2.{n}:80 every=1s"),
            monitor: Some("web".to_owned()),
            pools: vec![format!("web-{n}")],
            regions: vec!["eu".to_owned()],
            endpoints: vec![format!("web-{n}/192.0.2.{n}")],
            more_endpoints: 0,
            from: "up".to_owned(),
            to: "down".to_owned(),
            why: "2 of 2 failed: connection refused".to_owned(),
        })
    }

    #[test]
    fn the_latest_changes_are_remembered() {
        let history = History::default();
        (0..HISTORY_MAX + 7).for_each(|n| history.add(change(n)));
        let changes = history.changes(None);
        assert_eq!((changes.len(), changes[0].at_unix_ms), (HISTORY_MAX, 7));
    }

    #[test]
    fn changes_are_found_by_everything_that_they_name() {
        let history = History::default();
        (1..=3).for_each(|n| history.add(change(n)));
        let found = |text: &str| {
            let whom = text.parse().expect("a pattern");
            let changes = history.changes(Some(&whom));
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
    }
}
