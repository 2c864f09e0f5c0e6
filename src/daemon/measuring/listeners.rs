//! What `/metrics` tells of connections to the forwarder, by listener.

use std::fmt;

use prometheus_client::encoding::EncodeMetric;
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::registry::Unit;

use super::Page;
use crate::state::Root;
use crate::state::forwarding::{Counter, Counts, Mode};
use crate::state::listening::Listener;

/// Nothing where there is none.
pub(super) fn listeners(root: &Root, page: &mut Page<'_>) -> fmt::Result {
    let all = &root.forwarding.listeners;
    if all.is_empty() {
        return Ok(());
    }
    let all: Vec<&Listener> = all.iter().map(|listener| &**listener).collect();
    let help = "Connections that a listener has taken";
    let counts: Of<'_> = |_, counts| vec![("", counts.connections.get())];
    family(page, ("listener_connections", help, None), "", &all, counts)?;
    let help = "Handshakes of TLS, and first messages that say where a connection goes, by what came of them";
    let counts: Of<'_> = |listener, counts| {
        let passes_on = match &listener.entrance.mode {
            Mode::Http => false,
            Mode::Tcp(tcp) => !tcp.by_name.is_empty(),
        };
        if listener.entrance.tls.is_none() && !passes_on {
            return Vec::new();
        }
        let resumed = counts.resumed.get();
        vec![
            ("full", counts.handshakes.get().saturating_sub(resumed)),
            ("resumed", resumed),
            ("failed", counts.failed_handshakes.get()),
            ("timeout", counts.slow_handshakes.get()),
        ]
    };
    family(
        page,
        ("listener_handshakes", help, None),
        "outcome",
        &all,
        counts,
    )?;
    let help = "Connections that were closed before anything came of them";
    let counts: Of<'_> = |_, counts| {
        let of = |why, counter: &Counter| (why, counter.get());
        vec![
            of("bad_proxy_header", &counts.bad_proxy_headers),
            of("not_let_in", &counts.refused),
            of("unknown_name", &counts.unknown_names),
            of("unserved", &counts.unserved),
        ]
    };
    family(page, ("listener_closed", help, None), "why", &all, counts)?;
    let help = "Octets of connections that were passed on as a whole, from clients and to them";
    let counts: Of<'_> = |listener, counts| match listener.entrance.mode {
        Mode::Http => Vec::new(),
        Mode::Tcp(_) => vec![
            ("in", counts.octets_in.get()),
            ("out", counts.octets_out.get()),
        ],
    };
    let named = ("listener_passed_on", help, Some(Unit::Bytes));
    family(page, named, "direction", &all, counts)
}

/// What is told of a listener, by the value of one label.
type Of<'a> = fn(&Listener, &Counts) -> Vec<(&'a str, u64)>;

fn family(
    page: &mut Page<'_>,
    (name, help, unit): (&str, &str, Option<Unit>),
    label: &str,
    all: &[&Listener],
    of: Of<'_>,
) -> fmt::Result {
    let mut family = page.family(name, help, unit.as_ref(), MetricType::Counter)?;
    for listener in all {
        for (value, count) in of(listener, &listener.entrance.counts) {
            let mut labels = vec![("listener", &*listener.name)];
            if !label.is_empty() {
                labels.push((label, value));
            }
            let count = ConstCounter::new(count);
            count.encode(family.encode_family(&labels)?)?;
        }
    }
    Ok(())
}
