//! Reads `[monitor.NAME]`.

use std::time::Duration;

use super::address::{port, socket};
use super::http_probe::{self, http_probe};
use super::reader::{Reader, Table, Value};
use super::references::References;
use super::scalar::{boolean, choice, integer, number};
use super::units::{Written, duration};
use super::unprobed::unprobed;
use super::verdict_options::verdict_options;
use super::{Monitor, ProbeKind};

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
    let probe = probe(reader, &mut table);
    let at = table.optional(reader, "at", |r, v| socket(r, v, false));
    if table.key_span("at").is_some() {
        for key in ["load_header", "load_json"] {
            table.refuse(
                reader,
                key,
                "tells of the endpoint, which a monitor with `at` does not ask",
            );
        }
        table.refuse(reader, "port", "stands in `at` already");
    }
    let written_port = table.optional(reader, "port", port);
    let written_port = written_port.or(at.map(|at| at.port()));
    let port = match (&probe, written_port) {
        (_, Some(port)) => port,
        (Some(ProbeKind::Tcp), None)
            if table.key_span("port").is_none() && table.key_span("at").is_none() =>
        {
            let help = "write `port = 443`".to_owned();
            reader.error(
                table.span.clone(),
                "a `tcp` monitor needs a `port`",
                Some(help),
            );
            0
        }
        (Some(ProbeKind::Http(http)), None) if http.tls.is_some() => 443,
        _ => 80,
    };
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
        probe: probe?,
        port,
        at,
        interval,
        timeout,
        rise,
        fall,
        jitter: jitter.unwrap_or(0.1),
        unknown_is_up: unknown_is_up.unwrap_or(true),
        options,
    })
}

/// What the one key among `http`, `https` and `tcp` asks for.
fn probe(reader: &mut Reader, table: &mut Table) -> Option<ProbeKind> {
    const KINDS: [&str; 3] = ["http", "https", "tcp"];
    let written: Vec<_> = KINDS
        .into_iter()
        .filter_map(|kind| table.entry(kind).map(|(key, _)| (kind, key.span())))
        .collect();
    http_probe::know_keys(table);
    match written.as_slice() {
        [("tcp", _)] => {
            http_probe::refuse_options(reader, table);
            table.optional(reader, "tcp", tcp)
        }
        [(kind, _)] => http_probe(reader, table, kind).map(ProbeKind::Http),
        [] => {
            let message = "a monitor needs one of `http`, `https` and `tcp`";
            let help = "for example `http = \"/healthz\"`".to_owned();
            reader.error(table.span.clone(), message, Some(help));
            None
        }
        [(first, _), (second, span), ..] => {
            let message = format!("a monitor asks one thing, not `{first}` and `{second}`");
            let help = "write one monitor for each".to_owned();
            reader.error(span.clone(), message, Some(help));
            None
        }
    }
}

fn tcp(reader: &mut Reader, value: &Value) -> Option<ProbeKind> {
    if boolean(reader, value)? {
        return Some(ProbeKind::Tcp);
    }
    let help = "a pool that is not probed has no `monitor`".to_owned();
    reader.error(value.span(), "expected `tcp = true`", Some(help));
    None
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
