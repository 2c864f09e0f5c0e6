//! Reads `[monitor.NAME]`.

use std::net::SocketAddr;
use std::time::Duration;

use super::Monitor;
use super::address::{port, socket};
use super::probes::{self, Port};
use super::reader::{Reader, Table};
use super::references::References;
use super::scalar::{choice, integer, number};
use super::units::{Written, duration};
use super::unprobed::unprobed;
use super::verdict_options::verdict_options;

const INTERVAL_DEFAULT: Duration = Duration::from_secs(5);
pub(super) const INTERVAL_MIN: Duration = Duration::from_millis(50);
pub(super) const INTERVAL_MAX: Duration = Duration::from_secs(3600);
const TIMEOUT_DEFAULT: Duration = Duration::from_secs(2);
const TIMEOUT_MIN: Duration = Duration::from_millis(10);

/// All monitors, by their place in the file; `None` where one cannot be read.
pub(super) fn monitors(reader: &mut Reader, references: &mut References) -> Vec<Option<Monitor>> {
    let tables = references.monitors.take();
    tables
        .map(|(name, table)| monitor(reader, references, name, table?))
        .collect()
}

fn monitor(
    reader: &mut Reader,
    references: &mut References,
    name: &str,
    mut table: Table,
) -> Option<Monitor> {
    if let Some(monitor) = unprobed(reader, references, name, &mut table) {
        table.finish(reader);
        return monitor;
    }
    let probe = probes::probe(reader, &mut table);
    let span = probes::written(&table).unwrap_or(table.span.clone());
    let place = reader.place(span.start);
    let at = table.optional(reader, "at", |r, v| socket(r, v, false));
    if table.key_span("at").is_some() {
        for key in ["load_header", "load_json"] {
            table.refuse(
                reader,
                key,
                "tells of the endpoint, which a monitor with `at` does not ask",
            );
        }
    }
    let unwritten = probe.as_ref().map(|(_, port)| *port);
    let port = port_or_default(reader, &mut table, unwritten, at);
    let keeps_port = port == 0 || table.key_span("port").is_some();
    let (interval, timeout) = pace(reader, &mut table);
    let mut count = |key| {
        table
            .optional(reader, key, |r, v| integer(r, v, 1..=100))
            .unwrap_or(2)
    };
    let (rise, fall) = (count("rise"), count("fall"));
    let jitter = table.optional(reader, "jitter", |r, v| number(r, v, "a share", 0.0..=0.5));
    let unknown_is_up = table.optional(reader, "unknown_is", |r, v| {
        choice(r, v, &[("up", true), ("down", false)])
    });
    let options = verdict_options(reader, &mut table, interval);
    table.finish(reader);
    Some(Monitor {
        name: name.to_owned(),
        probe: probe?.0,
        port,
        keeps_port,
        at,
        interval,
        timeout,
        rise,
        fall,
        jitter: jitter.unwrap_or(0.1),
        unknown_is_up: unknown_is_up.unwrap_or(true),
        options,
        place,
    })
}

/// The port that is written, or that a kind has; 0 where that is a mistake.
fn port_or_default(
    reader: &mut Reader,
    table: &mut Table,
    unwritten: Option<Port>,
    at: Option<SocketAddr>,
) -> u16 {
    let written = table.optional(reader, "port", port);
    if table.key_span("at").is_some() {
        table.refuse(reader, "port", "stands in `at` already");
        return at.map_or(0, |at| at.port());
    }
    match (written, unwritten) {
        (_, Some(Port::No(kind))) => {
            let why = format!("has no meaning for {kind}");
            table.refuse(reader, "port", &why);
            0
        }
        (Some(port), _) | (None, Some(Port::Default(port))) => port,
        (None, Some(Port::Needed(kind))) if table.key_span("port").is_none() => {
            let message = format!("a `{kind}` monitor needs a `port`");
            let help = "write `port = 443`".to_owned();
            reader.error(table.span.clone(), message, Some(help));
            0
        }
        (None, _) => 0,
    }
}

/// Interval and timeout. What is not written yields to what is.
fn pace(reader: &mut Reader, table: &mut Table) -> (Duration, Duration) {
    let interval = table.optional(reader, "interval", |r, v| {
        duration(r, v, INTERVAL_MIN..=INTERVAL_MAX)
    });
    let timeout = table.optional(reader, "timeout", |r, v| {
        duration(r, v, TIMEOUT_MIN..=INTERVAL_MAX)
    });
    let interval_readable = interval.is_some() || table.key_span("interval").is_none();
    let interval = interval.unwrap_or(INTERVAL_DEFAULT);
    let timeout_or_default = timeout.unwrap_or(TIMEOUT_DEFAULT.min(interval / 2));
    if timeout_or_default >= interval
        && interval_readable
        && let Some((_, value)) = table.entry("timeout")
    {
        let (timeout, interval) = (Written(timeout_or_default), Written(interval));
        let message = format!("timeout {timeout} is not less than interval {interval}");
        let help = "a probe must end before the next one starts".to_owned();
        reader.error(value.span(), message, Some(help));
    }
    (interval, timeout_or_default)
}
