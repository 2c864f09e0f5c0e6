//! What `/metrics` tells. Nothing is counted here that is not counted anyway: it is read when somebody asks.

mod forwarding;
mod listeners;

use std::fmt;
use std::sync::Arc;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric, MetricEncoder};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::{Registry, Unit};

use super::changes::Turned;
use super::webhook::Postbox;
use crate::admin::Live;
use crate::clock;
use crate::health::Engine;
use crate::model::Verdict;
use crate::state::feedback::{Counters, OTHER, TYPES};
use crate::state::{Pools, Root};

/// What is measured of a running server.
pub struct Sources {
    pub live: Arc<Live>,
    /// `None` where nothing is probed.
    pub engine: Option<Arc<Engine>>,
    pub turned: Turned,
    pub postbox: Arc<Postbox>,
}

/// All that is told.
pub fn registry(sources: Sources) -> Registry {
    let mut registry = Registry::default();
    let started_s = clock::unix_ms() as f64 / 1000.0;
    registry.register_with_unit(
        "process_start_time",
        "When the server started, since the Unix epoch",
        Unit::Seconds,
        ConstGauge::new(started_s),
    );
    let own = registry.sub_registry_with_prefix("meridian");
    if let Some(engine) = &sources.engine {
        let tempo = engine.tempo();
        own.register_with_unit(
            "probe_duration",
            "From the start of a probe to its outcome, by monitor",
            Unit::Seconds,
            tempo.took.0.clone(),
        );
        own.register_with_unit(
            "probe_lag",
            "How long after its time a probe started",
            Unit::Seconds,
            tempo.lag.clone(),
        );
    }
    own.register(
        "verdict_changes",
        "Changes of verdicts on endpoints of a pool, by what they are now",
        sources.turned.clone(),
    );
    own.register_collector(Box::new(sources));
    registry
}

impl fmt::Debug for Sources {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sources")
    }
}

impl Collector for Sources {
    fn encode(&self, encoder: DescriptorEncoder) -> fmt::Result {
        let mut page = Page(encoder);
        let mut build = page.family("build_info", "The program", None, MetricType::Gauge)?;
        let version = [("version", env!("CARGO_PKG_VERSION"))];
        ConstGauge::new(1u64).encode(build.encode_family(&version)?)?;
        let root = self.live.root.load_full();
        endpoints(&root, &mut page)?;
        forwarding::forwarding(&root, &mut page)?;
        let troubles = self.live.zones_in_trouble.load().len();
        page.gauge("zones", "Zones that are served", root.zones.iter().count())?;
        page.gauge(
            "zones_in_trouble",
            "Those that are not what their files say",
            troubles,
        )?;
        let overrides = self.live.overridden.load().standing.len();
        page.gauge("overrides", "Operators' words that stand", overrides)?;
        if let Some(engine) = &self.engine {
            probing(engine, &mut page)?;
        }
        let counters = self.live.counters.get();
        queries(counters.map_or(&[], Vec::as_slice), &mut page)?;
        listeners::listeners(&root, &mut page)?;
        self.webhook(&mut page)
    }
}

impl Sources {
    fn webhook(&self, page: &mut Page<'_>) -> fmt::Result {
        let posted = self.postbox.posted();
        let waiting = "Changes that wait for the webhook";
        page.gauge("webhook_waiting", waiting, posted.waiting)?;
        let counts = [
            (
                "webhook_delivered",
                "Changes that the webhook took",
                posted.delivered,
            ),
            (
                "webhook_failures",
                "Requests that the webhook did not take",
                posted.failed,
            ),
            (
                "webhook_dropped",
                "Changes that waited for the webhook for too long",
                posted.dropped,
            ),
        ];
        let mut counts = counts.into_iter();
        counts.try_for_each(|(name, help, count)| page.counter(name, help, count))
    }
}

fn endpoints(root: &Root, page: &mut Page<'_>) -> fmt::Result {
    const VERDICTS: [Verdict; 3] = [Verdict::Up, Verdict::Down, Verdict::Unknown];
    let pools: &Pools = &root.pools;
    let help = "Endpoints of a pool, by verdict, operators' words included";
    let mut family = page.family("pool_endpoints", help, None, MetricType::Gauge)?;
    for pool in &pools.pools {
        let verdicts = pool
            .endpoint_ids()
            .map(|id| root.health.endpoint(id).verdict);
        let mut counts = [0u64; 3];
        for verdict in verdicts {
            let at = VERDICTS.iter().position(|&of| of == verdict);
            counts[at.unwrap_or_default()] += 1;
        }
        let region = &*pools.regions[pool.region.index()].name;
        for (verdict, count) in VERDICTS.iter().zip(counts) {
            let verdict = verdict.to_string();
            let labels = [
                ("pool", &*pool.name),
                ("region", region),
                ("verdict", &verdict),
            ];
            ConstGauge::new(count).encode(family.encode_family(&labels)?)?;
        }
    }
    Ok(())
}

fn probing(engine: &Engine, page: &mut Page<'_>) -> fmt::Result {
    let status = engine.status();
    page.gauge("targets", "Targets that are probed", status.targets)?;
    page.gauge(
        "targets_unknown",
        "Those that were not asked yet",
        status.unknown,
    )?;
    page.gauge(
        "probes_under_way",
        "Probes under way",
        status.probes_under_way,
    )?;
    let missed = "Probes that were left out, since the one before took or waited too long";
    page.counter("probes_missed", missed, status.probes_missed)?;
    let uncounted = "Probes whose failure did not count, since this machine was late";
    page.counter("probes_uncounted", uncounted, engine.tempo().uncounted())?;
    let lost = "Time during which this machine was too late to hear what targets say";
    page.counted_seconds("probing_lost", lost, engine.lost().as_secs_f64())?;
    let holds = "Whether the panic guard holds verdicts (1) or not (0)";
    let is_held = status.panic_until_unix_ms.is_some();
    page.gauge("panic_guard_holds", holds, usize::from(is_held))?;
    let help = "The latest start of a probe after its time, of the last ten seconds";
    let longest_s = engine.tempo().lag_max().as_secs_f64();
    page.seconds("probe_lag_max", help, longest_s)
}

/// From the workers' counters, UDP and TCP apart.
fn queries(counters: &[Arc<Counters>], page: &mut Page<'_>) -> fmt::Result {
    let sum = |is_tcp: bool, count: &dyn Fn(&Counters) -> u64| -> u64 {
        let of = counters.iter().filter(|counters| counters.is_tcp == is_tcp);
        of.map(|counters| count(counters)).sum()
    };
    type Count = fn(&Counters) -> u64;
    let by_transport: [(&str, &str, Count); 7] = [
        ("queries", "Queries received", |c| c.queries.get()),
        (
            "queries_dropped",
            "Messages that were never answered: no queries",
            |c| c.dropped.get(),
        ),
        ("answers_truncated", "Answers with TC set", |c| {
            c.truncated.get()
        }),
        ("answers_balanced", "Answers that were steered", |c| {
            c.balanced.get()
        }),
        (
            "queries_client_subnet",
            "Queries with a client subnet that was heard",
            |c| c.client_subnet.get(),
        ),
        (
            "send_errors",
            "Answers that the kernel refused to send",
            |c| c.send_errors.get(),
        ),
        (
            "answers_limited",
            "Answers that rate limiting held back or cut",
            |c| c.limited_dropped.get() + c.limited_slipped.get(),
        ),
    ];
    for (name, help, count) in by_transport {
        let mut family = page.family(name, help, None, MetricType::Counter)?;
        for (is_tcp, transport) in TRANSPORTS {
            let counter = ConstCounter::new(sum(is_tcp, &count));
            counter.encode(family.encode_family(&[("transport", transport)])?)?;
        }
    }
    let help = "Queries that could be read, by type";
    let mut family = page.family("queries_by_type", help, None, MetricType::Counter)?;
    for (is_tcp, transport) in TRANSPORTS {
        let named = TYPES.iter().map(|(_, name)| *name).enumerate();
        for (place, name) in named.chain([(OTHER, "other")]) {
            let counter = ConstCounter::new(sum(is_tcp, &|c| c.types[place].get()));
            let labels = [("transport", transport), ("type", name)];
            counter.encode(family.encode_family(&labels)?)?;
        }
    }
    let help = "Answers by response code";
    let mut family = page.family("answers", help, None, MetricType::Counter)?;
    for (is_tcp, transport) in TRANSPORTS {
        for (name, count) in rcodes(&|count| sum(is_tcp, count)) {
            let labels = [("transport", transport), ("rcode", &name)];
            ConstCounter::new(count).encode(family.encode_family(&labels)?)?;
        }
    }
    let refused: u64 = counters.iter().map(|c| c.connections_refused.get()).sum();
    let evicted: u64 = counters.iter().map(|c| c.connections_evicted.get()).sum();
    let help = "TCP connections that were closed at once, at a limit";
    page.counter("tcp_connections_refused", help, refused)?;
    let help = "TCP connections that waited and were closed to make room";
    page.counter("tcp_connections_evicted", help, evicted)?;
    let longest_ns = counters.iter().map(|c| c.batch_gap_max_ns.get()).max();
    let help =
        "The longest time since the start that queries waited for a thread that did something else";
    page.seconds("batch_gap_max", help, longest_ns.unwrap_or(0) as f64 / 1e9)
}

const TRANSPORTS: [(bool, &str); 2] = [(false, "udp"), (true, "tcp")];

/// A number of all workers together.
type Sum<'s> = dyn Fn(&dyn Fn(&Counters) -> u64) -> u64 + 's;

/// Response codes that were ever answered, and NOERROR, NXDOMAIN, SERVFAIL and REFUSED in any case.
fn rcodes(sum: &Sum<'_>) -> Vec<(String, u64)> {
    const NAMES: [&str; 11] = [
        "NOERROR", "FORMERR", "SERVFAIL", "NXDOMAIN", "NOTIMP", "REFUSED", "YXDOMAIN", "YXRRSET",
        "NXRRSET", "NOTAUTH", "NOTZONE",
    ];
    let name = |code: usize| {
        NAMES
            .get(code)
            .map_or_else(|| code.to_string(), |&n| n.to_owned())
    };
    let mut counts: Vec<_> = (0..16)
        .map(|code| (name(code), sum(&|c| c.rcodes[code].get())))
        .collect();
    counts.push(("BADVERS".to_owned(), sum(&|c| c.badvers.get())));
    counts.push(("BADCOOKIE".to_owned(), sum(&|c| c.badcookie.get())));
    let always = ["NOERROR", "NXDOMAIN", "SERVFAIL", "REFUSED"];
    counts.retain(|(name, count)| *count > 0 || always.contains(&&**name));
    counts
}

/// What is written to; names get their prefix and units there.
struct Page<'a>(DescriptorEncoder<'a>);

impl Page<'_> {
    fn family<'s>(
        &'s mut self,
        name: &'s str,
        help: &str,
        unit: Option<&'s Unit>,
        kind: MetricType,
    ) -> Result<MetricEncoder<'s>, fmt::Error> {
        self.0
            .encode_descriptor(name, &format!("{help}."), unit, kind)
    }

    fn gauge(&mut self, name: &str, help: &str, value: usize) -> fmt::Result {
        let value = ConstGauge::new(value as u64);
        value.encode(self.family(name, help, None, MetricType::Gauge)?)
    }

    fn seconds(&mut self, name: &str, help: &str, value: f64) -> fmt::Result {
        let value = ConstGauge::new(value);
        value.encode(self.family(name, help, Some(&Unit::Seconds), MetricType::Gauge)?)
    }

    fn counted_seconds(&mut self, name: &str, help: &str, value: f64) -> fmt::Result {
        let value = ConstCounter::new(value);
        value.encode(self.family(name, help, Some(&Unit::Seconds), MetricType::Counter)?)
    }

    fn counter(&mut self, name: &str, help: &str, value: u64) -> fmt::Result {
        let value = ConstCounter::new(value);
        value.encode(self.family(name, help, None, MetricType::Counter)?)
    }
}
