//! What is told of targets: from the engine's notes, in the words and by the names of an operator.

use std::collections::HashMap;

use crate::admin::health::{HealthReport, Observed, Probing, TargetReport, Use};
use crate::admin::{Overridden, Whom};
use crate::clock;
use crate::health::notes::Seen;
use crate::health::{Engine, Sheet, TargetHealth};
use crate::model::{EndpointId, TargetKey, Verdict};
use crate::overrides;
use crate::state::pools::{Pools, Target};
use crate::state::{Health, Root};

/// Where the verdicts come from that a report tells.
pub enum Source<'a> {
    Engine(&'a Engine),
    /// From a file or by hand.
    Frozen,
}

/// What is known of the targets of `root` that `whom` means, or of all.
pub fn report(
    source: &Source<'_>,
    root: &Root,
    overridden: &Overridden,
    whom: Option<&Whom>,
) -> HealthReport {
    let pools = &root.pools;
    let targets = pools.targets.iter().filter_map(|target| {
        let used_by: Vec<Use> = uses(pools, target, overridden).collect();
        let is_meant = |whom: &Whom| {
            let monitor = monitor(pools, target);
            whom.means_target(&target.key.0, monitor, &used_by)
        };
        whom.is_none_or(is_meant).then_some((target, used_by))
    });
    let targets: Vec<_> = targets.collect();
    let reports = match source {
        Source::Engine(engine) => {
            let keys: Vec<TargetKey> = targets.iter().map(|(t, _)| t.key.clone()).collect();
            let mut sheets: HashMap<_, _> = engine.sheets(&keys).into_iter().collect();
            let reports = targets.into_iter().filter_map(|(target, used_by)| {
                // What was removed just now is not told any more.
                let sheet = sheets.remove(&target.key)?;
                Some(probed(pools, target, sheet, used_by))
            });
            reports.collect()
        }
        Source::Frozen => {
            let reports = targets.into_iter();
            let reports = reports.map(|(target, uses)| frozen(&root.health, pools, target, uses));
            reports.collect()
        }
    };
    HealthReport {
        now_unix_ms: clock::unix_ms(),
        verdicts: String::new(),
        probing: match source {
            Source::Engine(engine) => Some(probing(engine)),
            Source::Frozen => None,
        },
        targets: reports,
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

fn probed(pools: &Pools, target: &Target, sheet: Sheet, used_by: Vec<Use>) -> TargetReport {
    let Sheet { health, page } = sheet;
    TargetReport {
        target: target.key.to_string(),
        monitor: monitor(pools, target).map(str::to_owned),
        verdict: health.verdict.to_string(),
        since_unix_ms: (health.verdict != Verdict::Unknown).then_some(health.since_unix_ms),
        why: why(&health, target),
        held: health.held,
        observations: page.seen.iter().map(observed).collect(),
        next_unix_ms: page.next_unix_ms,
        used_by,
    }
}

fn frozen(health: &Health, pools: &Pools, target: &Target, used_by: Vec<Use>) -> TargetReport {
    let first = target.endpoints.first();
    let verdict = first.map_or(Verdict::Unknown, |&id| health.endpoint(id).verdict);
    TargetReport {
        target: target.key.to_string(),
        monitor: monitor(pools, target).map(str::to_owned),
        verdict: verdict.to_string(),
        since_unix_ms: None,
        why: "frozen: nothing is probed".to_owned(),
        held: false,
        observations: Vec::new(),
        next_unix_ms: None,
        used_by,
    }
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
            _ => "as before the restart; not asked since".to_owned(),
        };
    };
    let succeeded = last.starts_with("succeeded");
    let (row, rise, fall) = (health.consecutive, target.rise, target.fall);
    match (health.verdict, succeeded) {
        _ if !health.last_counts => last.clone(),
        _ if health.held => format!("held up by the panic guard; the last {row} failed: {last}"),
        (Verdict::Up, true) => format!("the last {last}"),
        (Verdict::Up, false) => format!("{row} of {fall} failed: {last}"),
        (Verdict::Down, true) => format!("{row} of {rise} succeeded"),
        (Verdict::Down, false) if row <= fall => format!("{row} of {fall} failed: {last}"),
        (Verdict::Down, false) => format!("the last {row} failed: {last}"),
        (Verdict::Unknown, _) => last.clone(),
    }
}

/// Which monitor watches it: of the first endpoint that asked for it.
pub fn monitor<'p>(pools: &'p Pools, target: &Target) -> Option<&'p str> {
    let first = target.endpoints.first()?;
    let pool = pools.endpoints[first.index()].pool;
    pools.pools[pool.index()].monitor.as_deref()
}

fn uses<'a>(
    pools: &'a Pools,
    target: &'a Target,
    overridden: &'a Overridden,
) -> impl Iterator<Item = Use> + 'a {
    target.endpoints.iter().map(|&id| {
        let (region, pool) = place(pools, id);
        Use {
            pool: pool.to_owned(),
            region: region.to_owned(),
            endpoint: pools.endpoints[id.index()].destination.to_string(),
            overridden: overridden.why.get(&overrides::key(pools, id)).cloned(),
        }
    })
}

/// The names of an endpoint's region and pool.
pub fn place(pools: &Pools, id: EndpointId) -> (&str, &str) {
    let pool = &pools.pools[pools.endpoints[id.index()].pool.index()];
    (&pools.regions[pool.region.index()].name, &pool.name)
}
