//! Reads what a `[monitor.NAME]` says of how observations become verdicts.

use std::time::Duration;

use super::load::percent;
use super::monitor::{INTERVAL_MAX, INTERVAL_MIN};
use super::reader::{Reader, Table, Value};
use super::scalar::{boolean, integer};
use super::units::{Written, duration};
use crate::model::Share;

/// How observations become verdicts, beyond `rise` and `fall`.
#[derive(Clone, Debug, PartialEq)]
pub struct VerdictOptions {
    /// Whether a connection that is refused, reset, or closed without an answer makes a target fall at once, whatever
    /// `fall` says. Default false.
    pub refused_counts_at_once: bool,
    /// While a verdict is being doubted (one that is up failed, one that is down succeeded), from start to start of two
    /// probes, or to the end of the first where that takes longer. 50 ms..=`interval`. Default: `interval`.
    pub interval_doubt: Option<Duration>,
    /// The same once nothing has spoken against a verdict for `stable_after`. `interval`..=1 h. Default: `interval`.
    pub interval_stable: Option<Duration>,
    /// 1 s..=24 h. Default 10 min.
    pub stable_after: Duration,
    /// Default: none.
    pub flap: Option<Flap>,
    /// Default: none.
    pub degraded: Option<Degraded>,
    /// Default: what its users say does not count.
    pub passive: Option<Passive>,
}

/// `passive`: what those say who really use a target (`meridian observe --passive`) counts beside its probes: it falls by
/// so many failures of theirs in a row, and rises by so many successes, unless its probes say otherwise first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Passive {
    /// 1..=10,000. Default 5.
    pub fall: u32,
    /// 1..=10,000. Default 1.
    pub rise: u32,
}

/// `degraded`: what is up, but whose successful probes take longer than `above`, smoothed, takes a part only of the
/// queries that would come to it, until they take less than four fifths of that.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Degraded {
    /// 1 ms..=1 h.
    pub above: Duration,
    /// `weight`, 1 %..=100 %. Default 25 %.
    pub share: Share,
}

/// `flap`: what fell `falls` times `within` so long has to answer without a failure for `hold` before it is up, for
/// twice as long after the next fall, and so on up to `max`. For each `within` that it stays up, that halves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Flap {
    /// 1..=100. Default 3.
    pub falls: u32,
    /// 1 s..=24 h. Default 10 min.
    pub within: Duration,
    /// 1 s..=24 h. Default 30 s.
    pub hold: Duration,
    /// `hold`..=24 h. Default 30 min.
    pub max: Duration,
}

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);
const DAY: Duration = Duration::from_secs(24 * 3600);

impl Default for VerdictOptions {
    fn default() -> Self {
        VerdictOptions {
            refused_counts_at_once: false,
            interval_doubt: None,
            interval_stable: None,
            stable_after: 10 * MINUTE,
            flap: None,
            degraded: None,
            passive: None,
        }
    }
}

impl VerdictOptions {
    /// What is not as by default, as words of a target's key.
    pub fn key(&self) -> String {
        let mut key = String::new();
        let mut add = |what: String| key.push_str(&format!(" {what}"));
        if self.refused_counts_at_once {
            add("refused=at-once".to_owned());
        }
        if let Some(interval) = self.interval_doubt {
            add(format!("doubt={interval:?}"));
        }
        if let Some(interval) = self.interval_stable {
            add(format!("stable={interval:?} after={:?}", self.stable_after));
        }
        if let Some(flap) = self.flap {
            let Flap {
                falls,
                within,
                hold,
                max,
            } = flap;
            add(format!("flap={falls},{within:?},{hold:?},{max:?}"));
        }
        if let Some(Degraded { above, share }) = self.degraded {
            add(format!("degraded={above:?},{}", share.0));
        }
        if let Some(Passive { fall, rise }) = self.passive {
            add(format!("passive={fall},{rise}"));
        }
        key
    }
}

/// What a monitor says that is asked every `interval`.
pub(super) fn verdict_options(
    reader: &mut Reader,
    table: &mut Table,
    interval: Duration,
) -> VerdictOptions {
    let refused = table.optional(reader, "refused_counts_at_once", boolean);
    let interval_doubt = table.optional(reader, "interval_doubt", |r, v| {
        duration(r, v, INTERVAL_MIN..=INTERVAL_MAX)
    });
    let interval_stable = table.optional(reader, "interval_stable", |r, v| {
        duration(r, v, INTERVAL_MIN..=INTERVAL_MAX)
    });
    let interval = Written(interval);
    if interval_doubt.is_some_and(|doubt| doubt > interval.0) {
        let help = "doubts are looked into sooner, not later".to_owned();
        let message = format!("`interval_doubt` is longer than the interval, {interval}");
        error_at(reader, table, "interval_doubt", message, help);
    }
    if interval_stable.is_some_and(|stable| stable < interval.0) {
        let help = "what is long stable is asked less often, not more".to_owned();
        let message = format!("`interval_stable` is shorter than the interval, {interval}");
        error_at(reader, table, "interval_stable", message, help);
    }
    if table.key_span("interval_stable").is_none() {
        table.refuse(
            reader,
            "stable_after",
            "has no effect without `interval_stable`",
        );
    }
    let stable_after = table.optional(reader, "stable_after", |r, v| duration(r, v, SECOND..=DAY));
    VerdictOptions {
        refused_counts_at_once: refused.unwrap_or(false),
        interval_doubt,
        interval_stable,
        stable_after: stable_after.unwrap_or(10 * MINUTE),
        flap: table.optional(reader, "flap", flap),
        degraded: table.optional(reader, "degraded", degraded),
        passive: table.optional(reader, "passive", passive),
    }
}

fn error_at(
    reader: &mut Reader,
    table: &mut Table,
    key: &'static str,
    message: String,
    help: String,
) {
    if let Some((_, value)) = table.entry(key) {
        reader.error(value.span(), message, Some(help));
    }
}

fn degraded(reader: &mut Reader, value: &Value) -> Option<Degraded> {
    const EXPECTED: &str = "a table such as `{ above = \"200ms\", weight = \"25%\" }`";
    let mut table = Table::of(reader, "`degraded`", value, EXPECTED)?;
    let above = table.required(reader, "above", "\"200ms\"", |r, v| {
        duration(r, v, Duration::from_millis(1)..=INTERVAL_MAX)
    });
    let part = table.optional(reader, "weight", |r, v| percent(r, v, 0.01, 1.0));
    table.finish(reader);
    Some(Degraded {
        above: above?,
        share: Share::of_part(part.unwrap_or(0.25)),
    })
}

fn passive(reader: &mut Reader, value: &Value) -> Option<Passive> {
    const EXPECTED: &str = "a table such as `{ fall = 5, rise = 1 }`";
    let mut table = Table::of(reader, "`passive`", value, EXPECTED)?;
    let mut count = |key| table.optional(reader, key, |r, v| integer(r, v, 1..=10_000));
    let (fall, rise) = (count("fall"), count("rise"));
    table.finish(reader);
    Some(Passive {
        fall: fall.unwrap_or(5),
        rise: rise.unwrap_or(1),
    })
}

fn flap(reader: &mut Reader, value: &Value) -> Option<Flap> {
    const EXPECTED: &str = "a table such as `{ falls = 3, within = \"10m\" }`";
    let mut table = Table::of(reader, "`flap`", value, EXPECTED)?;
    let falls = table.optional(reader, "falls", |r, v| integer(r, v, 1..=100));
    let mut time = |key| table.optional(reader, key, |r, v| duration(r, v, SECOND..=DAY));
    let (within, hold, max) = (time("within"), time("hold"), time("max"));
    let hold = hold.unwrap_or(30 * SECOND);
    let longest = max.unwrap_or((30 * MINUTE).max(hold));
    if longest < hold {
        let message = format!("`max` is shorter than `hold`, {}", Written(hold));
        let help = "the first hold is the shortest".to_owned();
        error_at(reader, &mut table, "max", message, help);
    }
    table.finish(reader);
    Some(Flap {
        falls: falls.unwrap_or(3),
        within: within.unwrap_or(10 * MINUTE),
        hold,
        max: longest,
    })
}
