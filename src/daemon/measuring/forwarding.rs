//! What `/metrics` tells of the forwarder: by route, by pool, and by endpoint with its pool. An endpoint that several
//! pools have is told in each of them with all its requests.

use std::fmt;

use prometheus_client::encoding::{EncodeMetric, NoLabelSet};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::Unit;

use super::Page;
use crate::model::EndpointId;
use crate::state::Root;
use crate::state::forwarding::{Backend, Cached, ENDS_MS, Tally, Target};

const CLASSES: [&str; 6] = ["none", "1xx", "2xx", "3xx", "4xx", "5xx"];

/// Endpoints, or pools, that are told apart; of more, nothing is told, as Prometheus would keep each of their series.
const ENDPOINTS_MAX: usize = 2_000;

/// Nothing where there is no forwarder.
pub(super) fn forwarding(root: &Root, page: &mut Page<'_>) -> fmt::Result {
    let forwarding = &root.forwarding;
    if forwarding.listeners.is_empty() {
        return Ok(());
    }
    let routes = forwarding.routes.iter().map(|route| &route.told);
    let routes: Vec<_> = routes
        .chain([&forwarding.unrouted])
        .map(|told| (vec![("route", told.route.to_string())], &*told.tally))
        .collect();
    requests("route", "of a route (or of none)", &routes, page)?;
    let upstreams = forwarding.upstreams.iter().flatten();
    let pools: Vec<_> = upstreams
        .map(|of| (vec![("pool", of.pool.to_string())], &of.care.fleet.tally))
        .collect();
    if pools.len() <= ENDPOINTS_MAX {
        requests("pool", "to a pool", &pools, page)?;
    }
    let backends: Vec<_> = backends(root).collect();
    if backends.len() <= ENDPOINTS_MAX {
        let tallies: Vec<_> = backends
            .iter()
            .map(|(labels, backend)| (labels.clone(), &backend.tally))
            .collect();
        requests("endpoint", "to an endpoint", &tallies, page)?;
        let help = "Requests that an endpoint works on";
        let mut family = page.family("endpoint_in_flight", help, None, MetricType::Gauge)?;
        for (labels, backend) in &backends {
            let value = ConstGauge::new(u64::from(backend.in_flight()));
            value.encode(family.encode_family(&borrowed(labels))?)?;
        }
    }
    cache(root, page)?;
    logs(root, page)?;
    let networks = forwarding.rtts.all().len();
    page.gauge(
        "rtt_networks",
        "Client networks whose round-trip time is known",
        networks,
    )
}

type Labels = Vec<(&'static str, String)>;

fn borrowed(labels: &Labels) -> Vec<(&'static str, &str)> {
    let labels = labels.iter();
    labels
        .map(|(name, value)| (*name, value.as_str()))
        .collect()
}

fn backends(root: &Root) -> impl Iterator<Item = (Labels, &Backend)> {
    let pools = &root.pools;
    let ids = (0..).map(EndpointId).zip(&root.forwarding.backends);
    ids.filter_map(move |(id, backend)| {
        let endpoint = &pools.endpoints[id.index()];
        let pool = &pools.pools[endpoint.pool.index()];
        let labels = vec![
            ("pool", pool.name.to_string()),
            ("endpoint", endpoint.destination.to_string()),
        ];
        Some((labels, &**backend.as_ref()?))
    })
}

/// `of` begins the names of what is told.
fn requests(
    of: &str,
    what: &str,
    tallies: &[(Labels, &Tally)],
    page: &mut Page<'_>,
) -> fmt::Result {
    let name = format!("{of}_requests");
    let help = format!("Requests {what} that have ended, by the class of their status");
    let mut family = page.family(&name, &help, None, MetricType::Counter)?;
    for (labels, tally) in tallies {
        for (class, code) in CLASSES.iter().enumerate() {
            let mut labels = borrowed(labels);
            labels.push(("code", code));
            let count = ConstCounter::new(tally.sum(|c| &c.classes[class]));
            count.encode(family.encode_family(&labels)?)?;
        }
    }
    let name = format!("{of}_request_duration");
    let help = format!("From a request {what} to the end of its response");
    let unit = Some(&Unit::Seconds);
    let mut family = page.family(&name, &help, unit, MetricType::Histogram)?;
    for (labels, tally) in tallies {
        let count = |class: usize| tally.sum(|c| &c.durations[class]);
        let ends = ENDS_MS.iter().map(|ms| ms / 1000.0).chain([f64::INFINITY]);
        let buckets: Vec<_> = ends.zip((0..).map(count)).collect();
        let sum_s = tally.sum(|c| &c.duration_us) as f64 / 1e6;
        let all = buckets.iter().map(|(_, count)| count).sum();
        let labels = borrowed(labels);
        let mut metric = family.encode_family(&labels)?;
        metric.encode_histogram::<NoLabelSet>(sum_s, all, &buckets, None)?;
    }
    for (end, help, count) in [
        (
            "response_octets",
            "Octets of responses' bodies",
            (|tally| tally.sum(|c| &c.sent)) as fn(&Tally) -> u64,
        ),
        (
            "retries",
            "Requests that were sent again, or refused, after a failure",
            |tally| tally.sum(|c| &c.retries),
        ),
    ] {
        let (name, help) = (format!("{of}_{end}"), format!("{help}, {what}"));
        let mut family = page.family(&name, &help, None, MetricType::Counter)?;
        for (labels, tally) in tallies {
            let counter = ConstCounter::new(count(tally));
            counter.encode(family.encode_family(&borrowed(labels))?)?;
        }
    }
    Ok(())
}

/// What routes keep of responses, where any does.
fn cache(root: &Root, page: &mut Page<'_>) -> fmt::Result {
    let Some(cache) = &root.forwarding.cache else {
        return Ok(());
    };
    let help = "Requests to a route that keeps responses, by what the cache did";
    let mut family = page.family("route_cache_requests", help, None, MetricType::Counter)?;
    let routes = root.forwarding.routes.iter();
    for route in routes.filter(|route| route.cache.is_some()) {
        for cached in Cached::ALL {
            let labels = [("route", &*route.told.route), ("result", cached.name())];
            let count = route.told.tally.sum(|c| &c.cached[cached as usize]);
            ConstCounter::new(count).encode(family.encode_family(&labels)?)?;
        }
    }
    let (octets, addresses) = cache.used();
    page.gauge(
        "cache_octets",
        "Octets that the cache keeps",
        octets as usize,
    )?;
    page.gauge(
        "cache_size_octets",
        "Octets that it may keep",
        cache.size() as usize,
    )?;
    page.gauge(
        "cache_addresses",
        "Addresses that it keeps responses to",
        addresses as usize,
    )?;
    let help = "Addresses that were forgotten to make room for others";
    page.counter("cache_evictions", help, cache.evicted())
}

fn logs(root: &Root, page: &mut Page<'_>) -> fmt::Result {
    let name = |target: &Target| match target {
        Target::Stdout => "stdout".to_owned(),
        Target::File(path) => path.display().to_string(),
    };
    let logs = &root.forwarding.logs;
    for (of, help) in [
        (
            "access_log_lines",
            "Lines that were written to an access log",
        ),
        (
            "access_log_dropped",
            "Lines that were lost, as too many waited or the file took none",
        ),
    ] {
        let mut family = page.family(of, help, None, MetricType::Counter)?;
        for log in logs {
            let count = match of {
                "access_log_lines" => log.written(),
                _ => log.dropped(),
            };
            let name = name(&log.target);
            let labels = [("log", name.as_str())];
            ConstCounter::new(count).encode(family.encode_family(&labels)?)?;
        }
    }
    Ok(())
}
