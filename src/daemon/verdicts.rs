//! Where verdicts come from, and the health table that they make.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;

use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;

use super::{HealthSource, Notice};
use crate::clock;
use crate::compile::{Parts, Whole};
use crate::config::Diagnostics;
use crate::health::frozen::Frozen;
use crate::health::{self, Change, Engine, Remembered, TargetHealth, TargetSpec, saved};
use crate::model::{EndpointId, PoolId, TargetKey, Verdict};
use crate::state::health::{EndpointHealth, Health};
use crate::state::pools::{Pools, Target};

/// What is believed, by a key that outlives reloads.
pub enum Verdicts {
    Probed(Probed),
    Frozen {
        /// Read again with every reload.
        file: Option<PathBuf>,
        /// By pool and address.
        known: HashMap<(String, String), Verdict>,
    },
}

/// Verdicts of a probing engine.
pub struct Probed {
    engine: Arc<Engine>,
    changes: mpsc::Receiver<Vec<Change>>,
    known: HashMap<TargetKey, TargetHealth>,
    /// The task that saves them, and how it is told to finish.
    keeper: Option<(oneshot::Sender<()>, JoinHandle<()>)>,
}

/// How verdicts are got ready for another configuration, beside those that are in use.
pub enum Preparation {
    Probed(Arc<Engine>),
    Frozen(Option<PathBuf>),
}

/// What that came to.
pub enum Prepared {
    Probed,
    /// Unchanged without a file.
    Frozen(Option<HashMap<(String, String), Verdict>>),
}

impl Preparation {
    /// Asks targets that are new, until each was asked once or `startup_grace` is over; those of
    /// `before` are asked on. Or reads the file with the verdicts again.
    ///
    /// # Errors
    /// What is wrong with that file.
    pub async fn prepare(&self, before: &Whole, whole: &Whole) -> Result<Prepared, Diagnostics> {
        match self {
            Preparation::Probed(engine) => {
                let (old, new) = (&before.parts.targets, &whole.parts.targets);
                engine.remember(inherited(engine, old, new));
                engine.set_targets(old.iter().chain(new.iter()).cloned().collect());
                engine.first_round(whole.config.server.startup_grace).await;
                Ok(Prepared::Probed)
            }
            Preparation::Frozen(None) => Ok(Prepared::Frozen(None)),
            Preparation::Frozen(Some(path)) => {
                let frozen = Frozen::read(path, &whole.config)?;
                Ok(Prepared::Frozen(Some(named(&frozen, whole))))
            }
        }
    }
}

/// The verdicts of new targets that ask the same of the same address as an old one: another
/// schedule or threshold is no reason to forget what is known.
fn inherited(
    engine: &Engine,
    old: &[TargetSpec],
    new: &[TargetSpec],
) -> HashMap<TargetKey, Remembered> {
    let known: HashMap<TargetKey, TargetHealth> = engine.snapshot().into_iter().collect();
    let by_address: HashMap<_, _> = old.iter().map(|spec| (spec.address, spec)).collect();
    let inherit = |spec: &TargetSpec| {
        let before = by_address.get(&spec.address)?;
        let health = known.get(&before.key)?;
        let (verdict, since_unix_ms) = (health.verdict, health.since_unix_ms);
        let is_same = before.monitor.probe == spec.monitor.probe && verdict != Verdict::Unknown;
        is_same.then(|| {
            (
                spec.key.clone(),
                Remembered {
                    verdict,
                    since_unix_ms,
                },
            )
        })
    };
    new.iter().filter_map(inherit).collect()
}

impl Verdicts {
    /// Starts to probe, and waits until every target was asked once or `startup_grace` is over; or
    /// reads the file that says it all.
    ///
    /// # Errors
    /// What is wrong with that file.
    pub async fn start(whole: &Whole, source: &HealthSource) -> Result<Self, Diagnostics> {
        match source {
            HealthSource::Probes => Ok(Verdicts::Probed(Probed::start(whole).await)),
            HealthSource::Frozen(file) => {
                let known = match file {
                    Some(path) => named(&Frozen::read(path, &whole.config)?, whole),
                    None => HashMap::new(),
                };
                let file = file.clone();
                Ok(Verdicts::Frozen { file, known })
            }
        }
    }

    /// Where they come from, in words, whenever explain asks.
    pub fn source(&self) -> Box<dyn Fn() -> String + Send + Sync> {
        match self {
            Verdicts::Probed(probed) => {
                let engine = Arc::clone(&probed.engine);
                Box::new(move || format!("of the running server{}", panic_note(&engine)))
            }
            Verdicts::Frozen { .. } => Box::new(|| "of the running server, frozen".to_owned()),
        }
    }

    /// The table for `pools`.
    pub fn health(&self, pools: &Pools) -> Health {
        Health::new(pools, |id| self.endpoint(pools, id))
    }

    fn endpoint(&self, pools: &Pools, id: EndpointId) -> EndpointHealth {
        let endpoint = &pools.endpoints[id.index()];
        let target = endpoint.target.map(|index| &pools.targets[index as usize]);
        match (self, target) {
            (Verdicts::Frozen { known, .. }, _) => {
                let pool = pools.pools[endpoint.pool.index()].name.to_string();
                match known.get(&(pool, endpoint.address.to_string())) {
                    Some(&verdict) => EndpointHealth {
                        verdict,
                        flip_after_ms: steady_ms(target, verdict),
                    },
                    None if target.is_none() => EndpointHealth::UNWATCHED,
                    None => EndpointHealth::UNKNOWN,
                }
            }
            (Verdicts::Probed(_), None) => EndpointHealth::UNWATCHED,
            (Verdicts::Probed(probed), Some(target)) => probed
                .known
                .get(&target.key)
                .map_or(EndpointHealth::UNKNOWN, |known| of(known, target)),
        }
    }

    /// Waits for changes, takes all that are there, and says what they mean for the endpoints of
    /// `pools`. Never returns where nothing is probed.
    pub async fn changed(
        &mut self,
        pools: &Pools,
        notices: Option<&mpsc::UnboundedSender<Notice>>,
    ) -> Vec<(EndpointId, EndpointHealth)> {
        let Verdicts::Probed(probed) = self else {
            return std::future::pending().await;
        };
        let Some(mut batch) = probed.changes.recv().await else {
            return std::future::pending().await;
        };
        while let Ok(more) = probed.changes.try_recv() {
            batch.extend(more);
        }
        probed.apply(batch, pools, notices)
    }

    /// For getting ready, aside, for another configuration.
    pub fn preparation(&self) -> Preparation {
        match self {
            Verdicts::Probed(probed) => Preparation::Probed(Arc::clone(&probed.engine)),
            Verdicts::Frozen { file, .. } => Preparation::Frozen(file.clone()),
        }
    }

    /// Goes over to the configuration that was prepared for: its targets and no others.
    pub fn adopt(&mut self, prepared: Prepared, parts: &Parts) {
        match (self, prepared) {
            (Verdicts::Probed(probed), _) => {
                probed.engine.set_targets(parts.targets.to_vec());
                probed.known = probed.engine.snapshot().into_iter().collect();
            }
            (Verdicts::Frozen { known, .. }, Prepared::Frozen(Some(read))) => *known = read,
            (Verdicts::Frozen { .. }, _) => {}
        }
    }

    /// Sets verdicts by hand; see [`super::Daemon::set_verdict`].
    pub fn set(
        &mut self,
        pools: &Pools,
        which: &str,
        verdict: Verdict,
    ) -> Result<Vec<(EndpointId, EndpointHealth)>, String> {
        let Verdicts::Frozen { known, .. } = self else {
            return Err("verdicts come from probes here".to_owned());
        };
        let mut changes = Vec::new();
        for (id, endpoint) in pools.endpoints.iter().enumerate() {
            let pool = pools.pools[endpoint.pool.index()].name.to_string();
            let address = endpoint.address.to_string();
            if which == pool || which == address || which == format!("{pool}/{address}") {
                let target = endpoint.target.map(|index| &pools.targets[index as usize]);
                let flip_after_ms = steady_ms(target, verdict);
                changes.push((
                    EndpointId(id as u32),
                    EndpointHealth {
                        verdict,
                        flip_after_ms,
                    },
                ));
                known.insert((pool, address), verdict);
            }
        }
        if changes.is_empty() {
            Err(format!("`{which}` is no pool and no endpoint"))
        } else {
            Ok(changes)
        }
    }

    /// Saves what is known, and stops probing.
    pub async fn stop(self) {
        if let Verdicts::Probed(Probed {
            keeper: Some((stop, task)),
            ..
        }) = self
        {
            let _ = stop.send(());
            let _ = task.await;
        }
    }
}

fn named(frozen: &Frozen, whole: &Whole) -> HashMap<(String, String), Verdict> {
    let mut verdicts = HashMap::new();
    for (id, pool) in whole.config.pools.iter().enumerate() {
        for (index, endpoint) in pool.endpoints.iter().enumerate() {
            let verdict = frozen.verdict(PoolId(id as u32), index);
            // What is unknown, and what no monitor watches, need not be said.
            if verdict != Verdict::Unknown {
                verdicts.insert((pool.name.clone(), endpoint.address.to_string()), verdict);
            }
        }
    }
    verdicts
}

/// What to say while the panic guard holds verdicts.
fn panic_note(engine: &Engine) -> String {
    let Some(until) = engine.status().panic_until_unix_ms else {
        return String::new();
    };
    let held: Vec<_> = engine
        .snapshot()
        .into_iter()
        .filter(|(_, health)| health.held)
        .collect();
    let seconds = until.saturating_sub(clock::unix_ms()).div_ceil(1000);
    format!(
        "; the panic guard holds {} of {} targets up although their probes fail, for {seconds} s more: \
         so many failed at once that this server's own network is doubted",
        held.len(),
        engine.status().targets,
    )
}

impl Probed {
    async fn start(whole: &Whole) -> Self {
        let server = &whole.config.server;
        let path = server.state_dir.as_deref().map(saved::path_in);
        let remembered = path
            .as_ref()
            .map(|path| saved::load(path, server.saved_max_age, clock::unix_ms()));
        let settings = health::Settings::new(server.panic.clone());
        let (engine, changes) = Engine::start(settings, remembered.unwrap_or_default());
        let engine = Arc::new(engine);
        engine.set_targets(whole.parts.targets.to_vec());
        let unknown = engine.first_round(server.startup_grace).await;
        if unknown > 0 {
            tracing::warn!(unknown, "answering although not every target was asked yet");
        }
        let known = engine.snapshot().into_iter().collect();
        let keeper = path.map(|path| {
            let (stop, stopped) = oneshot::channel();
            let keeping = saved::keep(Arc::clone(&engine), path, server.saved_max_age, stopped);
            (stop, tokio::spawn(keeping))
        });
        Probed {
            engine,
            changes,
            known,
            keeper,
        }
    }

    fn apply(
        &mut self,
        batch: Vec<Change>,
        pools: &Pools,
        notices: Option<&mpsc::UnboundedSender<Notice>>,
    ) -> Vec<(EndpointId, EndpointHealth)> {
        let by_key: HashMap<&TargetKey, &Target> = pools
            .targets
            .iter()
            .map(|target| (&target.key, target))
            .collect();
        let mut changes = Vec::new();
        for Change { key, health } in batch {
            // A target of before the last reload has no endpoints any more.
            let Some(target) = by_key.get(&key) else {
                continue;
            };
            changes.extend(target.endpoints.iter().map(|&id| (id, of(&health, target))));
            let before = self
                .known
                .insert(key, health.clone())
                .map(|before| before.verdict);
            if let Some(notices) = notices.filter(|_| before != Some(health.verdict)) {
                let _ = notices.send(notice(pools, target, before, &health));
            }
        }
        changes
    }
}

/// The soonest that the verdict can flip: the observations still needed, an interval apart.
fn of(known: &TargetHealth, target: &Target) -> EndpointHealth {
    let flip_after_ms = observations_ms(target, known.needed);
    EndpointHealth {
        verdict: known.verdict,
        flip_after_ms,
    }
}

/// The same for a verdict that nothing speaks against.
fn steady_ms(target: Option<&Target>, verdict: Verdict) -> u32 {
    target.map_or(u32::MAX, |target| match verdict {
        Verdict::Up => observations_ms(target, target.fall),
        Verdict::Down => observations_ms(target, target.rise),
        Verdict::Unknown => 0,
    })
}

fn observations_ms(target: &Target, needed: u32) -> u32 {
    let interval_ms = u32::try_from(target.interval.as_millis()).unwrap_or(u32::MAX);
    interval_ms.saturating_mul(needed)
}

fn notice(
    pools: &Pools,
    target: &Target,
    before: Option<Verdict>,
    health: &TargetHealth,
) -> Notice {
    let describe = |id: &EndpointId| {
        let endpoint = &pools.endpoints[id.index()];
        let region = pools.pools[endpoint.pool.index()].region;
        let region = pools.regions[region.index()].name.to_string();
        (region, endpoint.address)
    };
    Notice {
        endpoints: target.endpoints.iter().map(describe).collect(),
        verdict: health.verdict,
        reason: reason(target, before, health),
    }
}

/// Why the verdict is no longer what it was before.
fn reason(target: &Target, before: Option<Verdict>, health: &TargetHealth) -> String {
    let last = health.last.as_deref().unwrap_or("not observed");
    let is_first = matches!(before, None | Some(Verdict::Unknown));
    match health.verdict {
        _ if health.held => "held by the panic guard".to_owned(),
        _ if is_first => format!("first probe: {last}"),
        Verdict::Down => format!("{0} of {0} failed: {last}", target.fall),
        Verdict::Up => format!("{0} of {0} succeeded", target.rise),
        Verdict::Unknown => last.to_owned(),
    }
}
