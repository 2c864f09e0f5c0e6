//! What is known of the load, and is it still true?

use std::collections::HashMap;
use std::fmt;

use super::Values;

/// How much of a new report is believed at once. 2 / (n + 1) is the usual weight of an average over n reports;
/// with n = 3 the deviation of what is measured shrinks to sqrt(w / (2 - w)) = 58 %, and it is late by
/// (1 - w) / w = one report. More would smooth better, but be later, and what is late makes controllers
/// overshoot.
const NEW: f64 = 0.5;
/// Pools and endpoints of which reports are kept.
const KEPT_MAX: usize = 2_000_000;

/// The reports of pools and endpoints, each by its name. Times are milliseconds of any clock that never goes
/// back.
#[derive(Debug, Default)]
pub struct Reports {
    kept: HashMap<Box<str>, Kept>,
}

#[derive(Debug, Default)]
struct Kept {
    connections: Option<Smoothed>,
    load: Option<Smoothed>,
    time_ms: Option<Smoothed>,
}

#[derive(Clone, Copy, Debug)]
struct Smoothed {
    value: f64,
    at_ms: u64,
    /// Between reports.
    spacing_ms: u64,
}

impl Smoothed {
    /// What was known, if it is still true, together with what is new.
    fn with(before: Option<Self>, value: f64, now_ms: u64, max_age_ms: u64) -> Self {
        let age = |before: &Self| now_ms.saturating_sub(before.at_ms);
        match before.filter(|before| age(before) <= max_age_ms) {
            Some(before) => Smoothed {
                value: before.value + NEW * (value - before.value),
                at_ms: now_ms,
                spacing_ms: age(&before),
            },
            None => Smoothed {
                value,
                at_ms: now_ms,
                spacing_ms: 0,
            },
        }
    }
}

/// What is known of the load of a pool or an endpoint.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Reading {
    /// Nobody has reported.
    Never,
    /// The last report is too old to steer by.
    Stale {
        age_ms: u64,
        max_age_ms: u64,
    },
    Fresh(Measured),
}

/// Reports that are young enough.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Measured {
    pub values: Values,
    /// By how much this is later than what happens, because several reports are taken together.
    pub lag_ms: u64,
}

impl Reading {
    pub fn measured(self) -> Option<Measured> {
        match self {
            Reading::Fresh(measured) => Some(measured),
            Reading::Never | Reading::Stale { .. } => None,
        }
    }
}

impl fmt::Display for Reading {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Reading::Never => f.write_str("no load reported"),
            Reading::Stale { age_ms, max_age_ms } => write!(
                f,
                "load ignored: the last report is {} s old, which is more than {} s",
                age_ms / 1000,
                *max_age_ms as f64 / 1000.0
            ),
            Reading::Fresh(measured) => measured.values.fmt(f),
        }
    }
}

impl Reports {
    /// Takes a report. What is older than `max_age_ms` is not mixed with it.
    ///
    /// # Errors
    /// In words, when there is no room for one more name.
    pub fn add(
        &mut self,
        what: &str,
        values: Values,
        now_ms: u64,
        max_age_ms: u64,
    ) -> Result<(), String> {
        if !self.kept.contains_key(what) {
            if self.kept.len() >= KEPT_MAX {
                return Err(format!("there are reports of {KEPT_MAX} names already"));
            }
            self.kept.insert(what.into(), Kept::default());
        }
        let Some(kept) = self.kept.get_mut(what) else {
            return Ok(());
        };
        for (kept, value) in [
            (&mut kept.connections, values.connections),
            (&mut kept.load, values.load),
            (&mut kept.time_ms, values.time_ms),
        ] {
            if let Some(value) = value {
                *kept = Some(Smoothed::with(*kept, value, now_ms, max_age_ms));
            }
        }
        Ok(())
    }

    /// What is known of the load of `what`. Of several values each has its own age.
    pub fn read(&self, what: &str, now_ms: u64, max_age_ms: u64) -> Reading {
        let Some(kept) = self.kept.get(what) else {
            return Reading::Never;
        };
        let age = |smoothed: &Smoothed| now_ms.saturating_sub(smoothed.at_ms);
        let all = [kept.connections, kept.load, kept.time_ms];
        let Some(age_ms) = all.iter().flatten().map(age).min() else {
            return Reading::Never;
        };
        if age_ms > max_age_ms {
            return Reading::Stale { age_ms, max_age_ms };
        }
        let fresh = all.map(|smoothed| smoothed.filter(|s| age(s) <= max_age_ms));
        let lag_ms = fresh.iter().flatten().map(|s| s.spacing_ms).max();
        let [connections, load, time_ms] = fresh.map(|smoothed| smoothed.map(|s| s.value));
        Reading::Fresh(Measured {
            values: Values {
                connections,
                load,
                time_ms,
            },
            lag_ms: lag_ms.unwrap_or(0),
        })
    }

    pub fn is_empty(&self) -> bool {
        self.kept.is_empty()
    }

    /// Forgets what is not there any more.
    pub fn keep(&mut self, mut is_there: impl FnMut(&str) -> bool) {
        self.kept.retain(|what, _| is_there(what));
    }

    /// The names of which anything was reported, in no order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.kept.keys().map(|what| &**what)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAX_AGE: u64 = 10_000;

    fn connections(connections: f64) -> Values {
        Values {
            connections: Some(connections),
            ..Values::default()
        }
    }

    fn added(reports: &[(u64, f64)]) -> Reports {
        let mut kept = Reports::default();
        for &(at_ms, value) in reports {
            kept.add("eu", connections(value), at_ms, MAX_AGE).unwrap();
        }
        kept
    }

    fn value(reports: &Reports, now_ms: u64) -> Option<f64> {
        let measured = reports.read("eu", now_ms, MAX_AGE).measured()?;
        measured.values.connections
    }

    #[test]
    fn half_of_a_new_report_is_believed_at_once() {
        let reports = added(&[(0, 100.0), (2_000, 200.0), (4_000, 200.0)]);
        assert_eq!(value(&reports, 4_000), Some(175.0));
        let measured = reports.read("eu", 4_000, MAX_AGE).measured().unwrap();
        assert_eq!(measured.lag_ms, 2_000);
    }

    #[test]
    fn what_is_stale_is_neither_steered_by_nor_mixed_in() {
        let reports = added(&[(0, 100.0)]);
        assert_eq!(value(&reports, MAX_AGE), Some(100.0));
        assert_eq!(value(&reports, MAX_AGE + 1), None);
        assert_eq!(
            reports.read("eu", 34_000, MAX_AGE).to_string(),
            "load ignored: the last report is 34 s old, which is more than 10 s"
        );
        let again = added(&[(0, 100.0), (34_000, 10.0)]);
        assert_eq!(value(&again, 34_000), Some(10.0));
        assert_eq!(
            reports.read("us", 0, MAX_AGE).to_string(),
            "no load reported"
        );
    }

    #[test]
    fn each_value_has_its_own_age() {
        let mut reports = added(&[(0, 100.0)]);
        let load = Values {
            load: Some(0.5),
            ..Values::default()
        };
        reports.add("eu", load, 9_000, MAX_AGE).unwrap();
        let at = |now_ms| reports.read("eu", now_ms, MAX_AGE).to_string();
        assert_eq!(at(9_000), "100 connections, 50 % of its capacity");
        assert_eq!(at(11_000), "50 % of its capacity");
    }

    #[test]
    fn what_is_gone_is_forgotten() {
        let mut reports = added(&[(0, 1.0)]);
        reports.keep(|what| what == "us");
        assert_eq!(reports.names().count(), 0);
        assert_eq!(reports.read("eu", 0, MAX_AGE), Reading::Never);
    }
}
