//! What is told of targets and of the endpoints that go by several: from the engine's notes, in the words and by the
//! names of an operator.

use std::collections::{HashMap, HashSet};

use crate::admin::health::{
    Counts, Damping, EndpointReport, HealthReport, Observed, Part, Probing, Progress, Slowness,
    Tally, TargetReport, Use,
};
use crate::admin::{Asked, Overridden, Whom};
use crate::clock;
use crate::health::notes::{Page, Seen};
use crate::health::{Engine, TargetHealth};
use crate::model::{EndpointId, Share, TargetKey, Verdict};
use crate::overrides;
use crate::state::Root;
use crate::state::formula::Judged;
use crate::state::pools::{Pools, Target, Watch};

/// Where the verdicts come from that a report tells.
pub enum Source<'a> {
    Engine(&'a Engine),
    /// From a file or by hand.
    Frozen,
}

/// What is known of the targets of `root` that are asked for, and of the endpoints that go by several of them.
pub fn report(
    source: &Source<'_>,
    root: &Root,
    overridden: &Overridden,
    asked: &Asked,
) -> HealthReport {
    let mut teller = Teller {
        root,
        pools: &root.pools,
        overridden,
        healths: HashMap::new(),
        is_frozen: matches!(source, Source::Frozen),
    };
    let (mut targets, endpoints) = teller.meant(asked.whom.as_ref());
    if let Source::Engine(engine) = source {
        teller.healths = match asked.whom {
            None => engine.snapshot().into_iter().collect(),
            Some(_) => {
                let keys = teller.keys(&targets, &endpoints);
                let sheets = engine.sheets(&keys).into_iter();
                sheets.map(|(key, sheet)| (key, sheet.health)).collect()
            }
        };
        // What was removed just now is not told any more.
        targets.retain(|target| teller.healths.contains_key(&target.key));
    }
    let verdict = |target: &&Target| teller.verdict(target);
    let of_endpoints: Vec<Verdict> = endpoints.iter().map(|&id| teller.judged(id).0).collect();
    let counts = Counts {
        targets: tally(targets.iter().map(verdict)),
        endpoints: tally(of_endpoints.iter().copied()),
    };
    let mut endpoints: Vec<_> = endpoints.into_iter().zip(of_endpoints).collect();
    if let Some(worst) = asked.worst {
        targets.sort_by_key(|target| teller.rank(target));
        targets.truncate(worst);
        endpoints.sort_by_key(|(_, verdict)| rank(*verdict));
        endpoints.truncate(worst);
    }
    let keys: Vec<TargetKey> = targets.iter().map(|target| target.key.clone()).collect();
    let mut pages: HashMap<_, _> = match source {
        Source::Engine(engine) => engine.sheets(&keys).into_iter().collect(),
        Source::Frozen => HashMap::new(),
    };
    let targets = targets.into_iter().map(|target| {
        let page = pages.remove(&target.key).map(|sheet| sheet.page);
        teller.target(target, &page.unwrap_or_default())
    });
    HealthReport {
        now_unix_ms: clock::unix_ms(),
        verdicts: String::new(),
        probing: match source {
            Source::Engine(engine) => Some(probing(engine)),
            Source::Frozen => None,
        },
        counts,
        targets: targets.collect(),
        endpoints: endpoints
            .into_iter()
            .filter_map(|(id, _)| teller.endpoint(id))
            .collect(),
    }
}

fn probing(engine: &Engine) -> Probing {
    let status = engine.status();
    Probing {
        targets: status.targets,
        unknown: status.unknown,
        probes_under_way: status.probes_under_way,
        probes_missed: status.probes_missed,
        lag_max_ms: engine.tempo().lag_max().as_millis() as u64,
        panic_until_unix_ms: status.panic_until_unix_ms,
    }
}

fn tally(verdicts: impl Iterator<Item = Verdict>) -> Tally {
    let names = verdicts.map(|verdict| match verdict {
        Verdict::Up => "up",
        Verdict::Down => "down",
        Verdict::Unknown => "unknown",
    });
    names.collect()
}

/// The worst first.
fn rank(verdict: Verdict) -> u8 {
    match verdict {
        Verdict::Down => 0,
        Verdict::Unknown => 2,
        Verdict::Up => 3,
    }
}

/// What a report is made of.
struct Teller<'a> {
    root: &'a Root,
    pools: &'a Pools,
    overridden: &'a Overridden,
    /// Of all targets that are told of, where they are probed.
    healths: HashMap<TargetKey, TargetHealth>,
    is_frozen: bool,
}

impl<'a> Teller<'a> {
    /// Targets, and endpoints that go by several, that `whom` means: by their own names or by those of the others.
    fn meant(&self, whom: Option<&Whom>) -> (Vec<&'a Target>, Vec<EndpointId>) {
        let pools = self.pools;
        let calculated = (0..pools.endpoints.len() as u32).map(EndpointId);
        let calculated =
            calculated.filter(|id| matches!(watch(pools, *id), Some(Watch::Condition(_))));
        let Some(whom) = whom else {
            return (pools.targets.iter().collect(), calculated.collect());
        };
        // A monitor that is calculated means all that it comes down to.
        let mut by_name = HashSet::new();
        for id in calculated.clone() {
            if let Some((formula, condition)) = pools.formula(id) {
                by_name.extend(formula.targets(condition, &|name| whom.means_monitor(name)));
            }
        }
        let mut targets = Vec::new();
        for (number, target) in (0u32..).zip(&pools.targets) {
            let used_by: Vec<Use> = self.uses(target).collect();
            let by_monitor = target.monitors.iter().any(|name| whom.means_monitor(name));
            let is_named = by_monitor || whom.means_itself(&target.key.0);
            if is_named || by_name.contains(&number) || whom.means_users(&used_by) {
                targets.push(target);
            }
            if is_named {
                by_name.insert(number);
            }
        }
        let means = |&id: &EndpointId| {
            let (region, pool) = place(pools, id);
            let endpoint = pools.endpoints[id.index()].destination.to_string();
            let of_target = || watched(pools, id).iter().any(|n| by_name.contains(n));
            whom.means_endpoint(region, pool, &endpoint) || of_target()
        };
        (targets, calculated.filter(means).collect())
    }

    /// Of these targets, and of those that these endpoints go by.
    fn keys(&self, targets: &[&Target], endpoints: &[EndpointId]) -> Vec<TargetKey> {
        let watched = endpoints.iter().flat_map(|&id| watched(self.pools, id));
        let watched = watched.map(|number| &self.pools.targets[number as usize]);
        let all = targets.iter().copied().chain(watched);
        let distinct: HashSet<&TargetKey> = all.map(|target| &target.key).collect();
        distinct.into_iter().cloned().collect()
    }

    fn verdict(&self, target: &Target) -> Verdict {
        match self.healths.get(&target.key) {
            Some(health) => health.verdict,
            None if self.is_frozen => {
                let first = target.endpoints.first();
                first.map_or(Verdict::Unknown, |&id| {
                    self.root.health.endpoint(id).verdict
                })
            }
            None => Verdict::Unknown,
        }
    }

    fn rank(&self, target: &Target) -> u8 {
        match (self.verdict(target), self.healths.get(&target.key)) {
            (Verdict::Up, Some(health)) if health.state != "up" || health.degraded => 1,
            (verdict, _) => rank(verdict),
        }
    }

    fn known(&self, number: u32) -> (Verdict, Option<u64>) {
        let target = &self.pools.targets[number as usize];
        let health = self.healths.get(&target.key);
        let since = health.filter(|health| health.verdict != Verdict::Unknown);
        (
            health.map_or(Verdict::Unknown, |health| health.verdict),
            since.map(|health| health.since_unix_ms),
        )
    }

    /// What is believed of an endpoint that goes by several targets, and what that rests on.
    fn judged(&self, id: EndpointId) -> (Verdict, Option<Judged<'a>>) {
        let judged = self.pools.judged(id, &|number| self.known(number));
        let verdict = match self.is_frozen {
            true => self.root.health.endpoint(id).verdict,
            false => judged.as_ref().map_or(Verdict::Unknown, |it| it.verdict),
        };
        (verdict, judged)
    }

    fn target(&self, target: &Target, page: &Page) -> TargetReport {
        let report = TargetReport {
            target: target.key.to_string(),
            monitors: target.monitors.iter().map(ToString::to_string).collect(),
            verdict: self.verdict(target).to_string(),
            state: self.verdict(target).to_string(),
            progress: None,
            damping: None,
            slowness: None,
            since_unix_ms: None,
            why: "frozen: nothing is probed".to_owned(),
            observations: page.seen.iter().map(observed).collect(),
            next_unix_ms: page.next_unix_ms,
            used_by: self.uses(target).collect(),
        };
        let Some(health) = self.healths.get(&target.key) else {
            return report;
        };
        let progress = |of: u32| {
            Some(Progress {
                count: of.saturating_sub(health.needed),
                of,
            })
        };
        TargetReport {
            state: health.state.to_owned(),
            progress: match health.state {
                "failing" => progress(target.fall),
                "recovering" => progress(target.rise),
                _ => None,
            },
            damping: (health.verdict == Verdict::Down && health.hold_ms > 0).then_some(Damping {
                falls: health.falls,
                hold_ms: health.hold_ms,
                until_unix_ms: health.damped_until_unix_ms,
            }),
            slowness: health.slow_above_ms.map(|above_ms| Slowness {
                degraded: health.degraded,
                smoothed_ms: health.smoothed_ms,
                above_ms,
                share: part(target.share_when_slow),
            }),
            since_unix_ms: (health.verdict != Verdict::Unknown).then_some(health.since_unix_ms),
            why: why(health, target),
            ..report
        }
    }

    fn endpoint(&self, id: EndpointId) -> Option<EndpointReport> {
        let (verdict, judged) = self.judged(id);
        let judged = judged?;
        let (region, pool) = place(self.pools, id);
        let counts_as = self.root.health.endpoint(id);
        let of = &self.pools.pools[self.pools.endpoints[id.index()].pool.index()];
        let is_up = match counts_as.verdict {
            Verdict::Unknown => of.unknown_is_up,
            verdict => verdict == Verdict::Up,
        };
        Some(EndpointReport {
            pool: pool.to_owned(),
            region: region.to_owned(),
            endpoint: self.pools.endpoints[id.index()].destination.to_string(),
            verdict: verdict.to_string(),
            counts_as: if is_up { "up" } else { "down" }.to_owned(),
            since_unix_ms: judged.since_unix_ms,
            why: match self.is_frozen {
                true => "frozen: nothing is probed".to_owned(),
                false => judged.why(),
            },
            share: (counts_as.share != Share::ALL).then(|| part(counts_as.share)),
            overridden: (self.overridden.why)
                .get(&overrides::key(self.pools, id))
                .cloned(),
            condition: self.part(&judged),
        })
    }

    fn part(&self, judged: &Judged<'_>) -> Part {
        let target = judged
            .target()
            .map(|number| &self.pools.targets[number as usize]);
        let health = target.and_then(|target| Some((target, self.healths.get(&target.key)?)));
        Part {
            monitor: judged.monitor.to_owned(),
            how: judged.how(),
            verdict: judged.verdict.to_string(),
            since_unix_ms: judged.since_unix_ms,
            target: target.map(|target| target.key.to_string()),
            why: match health {
                Some((target, health)) => why(health, target),
                None => judged.why(),
            },
            parts: judged.parts.iter().map(|part| self.part(part)).collect(),
        }
    }

    fn uses(&self, target: &Target) -> impl Iterator<Item = Use> {
        let (pools, overridden) = (self.pools, self.overridden);
        target.endpoints.iter().map(move |&id| {
            let (region, pool) = place(pools, id);
            let is_part = matches!(watch(pools, id), Some(Watch::Condition(_)));
            let of = &pools.pools[pools.endpoints[id.index()].pool.index()];
            let monitor = of.monitor.as_deref().filter(|_| is_part);
            Use {
                pool: pool.to_owned(),
                region: region.to_owned(),
                endpoint: pools.endpoints[id.index()].destination.to_string(),
                part_of: monitor.map(str::to_owned),
                overridden: overridden.why.get(&overrides::key(pools, id)).cloned(),
            }
        })
    }
}

fn watch(pools: &Pools, id: EndpointId) -> Option<Watch> {
    pools.endpoints[id.index()].target
}

/// The targets that an endpoint goes by.
fn watched(pools: &Pools, id: EndpointId) -> Vec<u32> {
    match watch(pools, id) {
        None => Vec::new(),
        Some(Watch::Target(number)) => vec![number],
        Some(Watch::Condition(index)) => pools.conditions[index as usize].targets(),
    }
}

fn part(share: Share) -> f64 {
    // To the tenth of a per cent, as words have it.
    (f64::from(share.0) / f64::from(u16::MAX) * 1000.0).round() / 1000.0
}

fn observed(seen: &Seen) -> Observed {
    Observed {
        at_unix_ms: seen.at_unix_ms,
        took_us: seen.took.as_micros() as u64,
        success: seen.outcome.is_ok(),
        words: match &seen.outcome {
            Ok(()) => "succeeded".to_owned(),
            Err(failure) => failure.to_string(),
        },
    }
}

/// What the verdict rests on, in words.
fn why(health: &TargetHealth, target: &Target) -> String {
    let Some(last) = &health.last else {
        return match health.verdict {
            Verdict::Unknown => "not asked yet".to_owned(),
            _ => "as known before; not asked since".to_owned(),
        };
    };
    let succeeded = last.starts_with("succeeded");
    let (row, rise, fall) = (health.consecutive, target.rise, target.fall);
    let seen = match (health.verdict, succeeded) {
        _ if health.is_told || !health.last_counts => last.clone(),
        _ if health.held => format!("held up by the panic guard; the last {row} failed: {last}"),
        (Verdict::Up, true) => format!("the last {last}"),
        (Verdict::Up, false) => format!("{row} of {fall} failed: {last}"),
        (Verdict::Down, true) if health.state == "damped" => format!("the last {row} succeeded"),
        (Verdict::Down, true) => format!("{row} of {rise} succeeded"),
        (Verdict::Down, false) if row <= fall => format!("{row} of {fall} failed: {last}"),
        (Verdict::Down, false) => format!("the last {row} failed: {last}"),
        (Verdict::Unknown, _) => last.clone(),
    };
    match (health.degraded, health.smoothed_ms, health.slow_above_ms) {
        (true, Some(smoothed), Some(above)) => format!(
            "slow, takes {}: {smoothed} ms, smoothed, where {above} ms is the limit; {seen}",
            target.share_when_slow
        ),
        (true, ..) => format!("slow, takes {}; {seen}", target.share_when_slow),
        _ if health.verdict == Verdict::Down && health.hold_ms > 0 => format!(
            "{seen}; has to succeed for {} s, as it fell {} of late",
            health.hold_ms as f64 / 1000.0,
            times(health.falls)
        ),
        _ => seen,
    }
}

fn times(count: usize) -> String {
    match count {
        0 | 1 => "too often".to_owned(),
        many => format!("{many} times"),
    }
}

/// Which monitor asks for it first.
pub fn monitor(target: &Target) -> Option<&str> {
    target.monitors.first().map(|monitor| &**monitor)
}

/// The names of an endpoint's region and pool.
pub fn place(pools: &Pools, id: EndpointId) -> (&str, &str) {
    let pool = &pools.pools[pools.endpoints[id.index()].pool.index()];
    (&pools.regions[pool.region.index()].name, &pool.name)
}
