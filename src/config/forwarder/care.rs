//! Reads what is done so that endpoints in trouble do no harm: time-outs, retries, limits, ejection.

use std::time::Duration;

use toml::de::DeValue;

use crate::config::load::percent;
use crate::config::reader::{Reader, Table, Value};
use crate::config::scalar::{integer, number, one_or_many};
use crate::config::units::{duration, size};

/// Parts of `[pool.NAME.backend]`.
#[derive(Clone, Debug, PartialEq)]
pub struct Care {
    /// From the request to the end of its response, all retries included: 1 ms..=24 h. Default: no limit. Past it, 504;
    /// a response that has begun is broken off.
    pub total_timeout: Option<Duration>,
    /// `retry_budget = "20%"`: retries at most, as a part of the requests of the last ten seconds: 0 to 1. Default 0.2.
    pub retry_budget: f64,
    /// Retries a second that may be had in any case: 0..=10,000. Default 10.
    pub retries_per_second: u32,
    /// `retry_status = [502, 503, 504]`: responses with these are taken for none, where the request can be sent again:
    /// 500..=599. Default none.
    pub retry_statuses: Vec<u16>,
    /// Octets of a body that are kept, so that an idempotent request can be sent again: 0 B..=16 MiB. Default 0 B.
    pub replay: u64,
    /// Requests that one endpoint works on: 1..=1,000,000. Default: any number.
    pub max_in_flight: Option<u32>,
    /// Requests that wait for one of those to end: 0..=1,000,000. Default 100. Past it, 503.
    pub max_pending: u32,
    /// How long they wait: 1 ms..=10 min. Default 1 s. Past it, 503.
    pub pending_timeout: Duration,
    /// `None`: `outliers = false`.
    pub outliers: Option<Outliers>,
    /// Default: none.
    pub circuit: Option<Circuit>,
}

/// `outliers = { … }`: what fails is left out at once, whatever probes say.
#[derive(Clone, Debug, PartialEq)]
pub struct Outliers {
    /// In a row: statuses of 500 and more, no connection, no response, time-outs. 0..=10,000; 0: none is left out for
    /// them. Default 5.
    pub failures: u32,
    /// The first time: 100 ms..=1 h. Default 10 s. It doubles each time.
    pub ejection: Duration,
    /// Up to this: up to 24 h. Default 5 min.
    pub ejection_max: Duration,
    /// `max_ejected = "50%"`: of the pool's endpoints, in whole per cent: 1..=100. Default 50.
    pub max_ejected: u8,
    /// `slowness = 3.0`: so many times the median of the pool's endpoints is too slow: 1.5..=1,000. Default: nothing is.
    pub slowness: Option<f64>,
}

/// `circuit = { … }`: a pool that mostly fails is not asked.
#[derive(Clone, Debug, PartialEq)]
pub struct Circuit {
    /// `failures = "50%"`: of the requests within `window`: 1 % to 100 %. Default 0.5.
    pub failures: f64,
    /// With fewer of them, it stays closed: 1..=1,000,000. Default 20.
    pub requests: u32,
    /// 1 s..=10 min. Default 10 s.
    pub window: Duration,
    /// So long all are answered 503, then one is let through: 100 ms..=1 h. Default 5 s.
    pub open: Duration,
}

const MS: Duration = Duration::from_millis(1);
const SECOND: Duration = Duration::from_secs(1);
const HOUR: Duration = Duration::from_secs(3_600);

impl Default for Care {
    fn default() -> Self {
        Care {
            total_timeout: None,
            retry_budget: 0.2,
            retries_per_second: 10,
            retry_statuses: Vec::new(),
            replay: 0,
            max_in_flight: None,
            max_pending: 100,
            pending_timeout: SECOND,
            outliers: Some(Outliers::default()),
            circuit: None,
        }
    }
}

impl Default for Outliers {
    fn default() -> Self {
        Outliers {
            failures: 5,
            ejection: 10 * SECOND,
            ejection_max: 300 * SECOND,
            max_ejected: 50,
            slowness: None,
        }
    }
}

pub(super) fn care(reader: &mut Reader, table: &mut Table) -> Care {
    let default = Care::default();
    let total = table.optional(reader, "total_timeout", |r, v| {
        duration(r, v, MS..=24 * HOUR)
    });
    let budget = table.optional(reader, "retry_budget", |r, v| percent(r, v, 0.0, 1.0));
    let least = table.optional(reader, "retries_per_second", |r, v| {
        integer(r, v, 0..=10_000)
    });
    let statuses = table.optional(reader, "retry_status", |r, v| {
        one_or_many(r, v, |r, v| integer(r, v, 500..=599))
    });
    let replay = table.optional(reader, "replay", |r, v| size(r, v, 0..=16 << 20));
    let in_flight = table.optional(reader, "max_in_flight", |r, v| integer(r, v, 1..=1_000_000));
    let pending = table.optional(reader, "max_pending", |r, v| integer(r, v, 0..=1_000_000));
    let wait = table.optional(reader, "pending_timeout", |r, v| {
        duration(r, v, MS..=600 * SECOND)
    });
    if in_flight.is_none() && table.key_span("max_in_flight").is_none() {
        for key in ["max_pending", "pending_timeout"] {
            table.refuse(reader, key, "has no effect without `max_in_flight`");
        }
    }
    let written = table
        .entry("outliers")
        .map(|(_, value)| match value.get_ref() {
            DeValue::Boolean(false) => None,
            _ => outliers(reader, value),
        });
    let circuit = table.optional(reader, "circuit", circuit);
    Care {
        total_timeout: total,
        retry_budget: budget.unwrap_or(default.retry_budget),
        retries_per_second: least.unwrap_or(default.retries_per_second),
        retry_statuses: statuses.unwrap_or_default(),
        replay: replay.unwrap_or(default.replay),
        max_in_flight: in_flight,
        max_pending: pending.unwrap_or(default.max_pending),
        pending_timeout: wait.unwrap_or(default.pending_timeout),
        outliers: written.unwrap_or(default.outliers),
        circuit,
    }
}

fn outliers(reader: &mut Reader, value: &Value) -> Option<Outliers> {
    let expected = "`false` or a table such as { failures = 5, ejection = \"10s\" }";
    let mut table = Table::of(reader, "`outliers`", value, expected)?;
    let default = Outliers::default();
    let failures = table.optional(reader, "failures", |r, v| integer(r, v, 0..=10_000));
    let ejection = table.optional(reader, "ejection", |r, v| duration(r, v, 100 * MS..=HOUR));
    let ejection = ejection.unwrap_or(default.ejection);
    let longest = table.optional(reader, "ejection_max", |r, v| {
        duration(r, v, ejection..=24 * HOUR)
    });
    let share = table.optional(reader, "max_ejected", |r, v| percent(r, v, 0.01, 1.0));
    let slowness = table.optional(reader, "slowness", |r, v| {
        number(r, v, "a factor", 1.5..=1_000.0)
    });
    table.finish(reader);
    Some(Outliers {
        failures: failures.unwrap_or(default.failures),
        ejection,
        ejection_max: longest.unwrap_or(default.ejection_max.max(ejection)),
        max_ejected: share.map_or(default.max_ejected, |share| (100.0 * share).round() as u8),
        slowness,
    })
}

fn circuit(reader: &mut Reader, value: &Value) -> Option<Circuit> {
    let expected = "a table such as { failures = \"50%\", open = \"5s\" }";
    let mut table = Table::of(reader, "`circuit`", value, expected)?;
    let failures = table.optional(reader, "failures", |r, v| percent(r, v, 0.01, 1.0));
    let requests = table.optional(reader, "requests", |r, v| integer(r, v, 1..=1_000_000));
    let window = table.optional(reader, "window", |r, v| {
        duration(r, v, SECOND..=600 * SECOND)
    });
    let open = table.optional(reader, "open", |r, v| duration(r, v, 100 * MS..=HOUR));
    table.finish(reader);
    Some(Circuit {
        failures: failures.unwrap_or(0.5),
        requests: requests.unwrap_or(20),
        window: window.unwrap_or(10 * SECOND),
        open: open.unwrap_or(5 * SECOND),
    })
}
