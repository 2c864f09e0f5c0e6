//! Where verdicts come from, and the health table that they make.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;

use super::changes::EndpointTurn;
use super::preparation::{Preparation, Prepared, named};
use super::watching::{self, Source};
use super::{HealthSource, Notice, observing};
use crate::admin::health::Cause;
use crate::admin::{Observed, Taken, Teller};
use crate::clock;
use crate::compile::{Parts, Whole};
use crate::config::Diagnostics;
use crate::health::frozen::Frozen;
use crate::health::probe::Told;
use crate::health::{self, Change, Engine, Flip, TargetHealth, saved};
use crate::model::{Destination, EndpointId, Share, TargetKey, Verdict};
use crate::state::health::{EndpointHealth, Health};
use crate::state::pools::{Pools, Target, Watch};

/// What is believed, by a key that outlives reloads.
pub enum Verdicts {
    Probed(Probed),
    Frozen {
        /// Read again with every reload.
        file: Option<PathBuf>,
        /// By pool and address.
        known: HashMap<(String, String), Verdict>,
        /// What is to be told of endpoints.
        turned: Vec<EndpointTurn>,
    },
}

/// Verdicts of a probing engine.
pub struct Probed {
    engine: Arc<Engine>,
    changes: mpsc::Receiver<Vec<Change>>,
    known: HashMap<TargetKey, TargetHealth>,
    /// What came since the last preparation began, which need not have seen it: of the targets that there
    /// are, and of those that it adds.
    news: HashMap<TargetKey, TargetHealth>,
    /// What is to be told of endpoints that go by several targets.
    turned: Vec<EndpointTurn>,
    /// The task that saves them, and how it is told to finish.
    keeper: Option<(oneshot::Sender<()>, JoinHandle<()>)>,
}

impl Verdicts {
    /// Starts to probe, and waits until every target was asked once or `grace` is over; or
    /// reads the file that says it all.
    ///
    /// # Errors
    /// What is wrong with that file.
    pub async fn start(
        whole: &Whole,
        source: &HealthSource,
        grace: Duration,
    ) -> Result<Self, Diagnostics> {
        match source {
            HealthSource::Probes => Ok(Verdicts::Probed(Probed::start(whole, grace).await)),
            HealthSource::Frozen(file) => {
                let known = match file {
                    Some(path) => named(&Frozen::read(path, &whole.config)?, whole),
                    None => HashMap::new(),
                };
                Ok(Verdicts::Frozen {
                    file: file.clone(),
                    turned: refrozen(&HashMap::new(), &known, &whole.parts.pools),
                    known,
                })
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

    /// What is known of targets, whenever the admin API asks.
    pub fn teller(&self) -> Box<Teller> {
        match self {
            Verdicts::Probed(probed) => {
                let engine = Arc::clone(&probed.engine);
                Box::new(move |root, overridden, asked| {
                    watching::report(&Source::Engine(&engine), root, overridden, asked)
                })
            }
            Verdicts::Frozen { .. } => Box::new(|root, overridden, asked| {
                watching::report(&Source::Frozen, root, overridden, asked)
            }),
        }
    }

    /// What probes, if anything does.
    pub fn engine(&self) -> Option<&Arc<Engine>> {
        match self {
            Verdicts::Probed(probed) => Some(&probed.engine),
            Verdicts::Frozen { .. } => None,
        }
    }

    /// What is to be told of targets since this was asked before, in order.
    pub fn take_flips(&self) -> VecDeque<Flip> {
        match self {
            Verdicts::Probed(probed) => probed.engine.take_flips(),
            Verdicts::Frozen { .. } => VecDeque::new(),
        }
    }

    /// What is to be told of endpoints since this was asked before, and what made them so.
    pub fn take_turned(&mut self) -> (Cause, Vec<EndpointTurn>) {
        let (cause, turned) = match self {
            Verdicts::Probed(probed) => (Cause::Calculation, &mut probed.turned),
            Verdicts::Frozen { turned, .. } => (Cause::Frozen, turned),
        };
        (cause, std::mem::take(turned))
    }

    /// The table for `pools`.
    pub fn health(&self, pools: &Pools) -> Health {
        Health::new(pools, |id| self.endpoint(pools, id))
    }

    /// Of one endpoint of `pools`.
    pub fn endpoint(&self, pools: &Pools, id: EndpointId) -> EndpointHealth {
        match self {
            Verdicts::Frozen { known, .. } => frozen(known, pools, id),
            Verdicts::Probed(probed) => observed(&probed.known, pools, id),
        }
    }

    /// Waits for changes, takes all that are there, and says what they mean for the endpoints of
    /// `parts`. Never returns where nothing is probed.
    pub async fn changed(
        &mut self,
        parts: &Parts,
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
        probed.apply(batch, parts, notices)
    }

    /// What targets told of their load since this was asked before.
    pub fn take_told(&self) -> HashMap<TargetKey, (Instant, Told)> {
        match self {
            Verdicts::Probed(probed) => probed.engine.take_told(),
            Verdicts::Frozen { .. } => HashMap::new(),
        }
    }

    /// Takes what others say, all of it or none.
    ///
    /// # Errors
    /// In words: what is wrong with it.
    pub fn observe(&self, observations: &[Observed], parts: &Parts) -> Result<Taken, String> {
        let Verdicts::Probed(Probed { engine, .. }) = self else {
            return Err("verdicts are frozen here".to_owned());
        };
        for said in observing::read(observations, parts)? {
            match said.is_passive {
                true => engine.push_request(&said.key, said.outcome),
                false => engine.push(&said.key, said.outcome),
            }
        }
        Ok(Taken {
            taken: observations.len(),
        })
    }

    /// For getting ready, aside, for another configuration, from now on.
    pub fn begin(&mut self) -> Preparation {
        if let Verdicts::Probed(probed) = self {
            probed.news.clear();
        }
        self.preparation()
    }

    /// The same, for what comes after the going over.
    pub fn preparation(&self) -> Preparation {
        match self {
            Verdicts::Probed(probed) => Preparation::Probed(Arc::clone(&probed.engine)),
            Verdicts::Frozen { file, .. } => Preparation::Frozen(file.clone()),
        }
    }

    /// Goes over from the pools of `before` to the configuration that was prepared for, and gives its table; `None`:
    /// the one that there is.
    pub fn adopt(&mut self, prepared: Prepared, before: &Pools, parts: &Parts) -> Option<Health> {
        match (self, prepared) {
            (_, Prepared::Unchanged) => None,
            (Verdicts::Probed(probed), Prepared::Probed { known, health }) => {
                Some(probed.adopt(known, &health, before, parts))
            }
            (verdicts, Prepared::Frozen(read)) => {
                if let (Verdicts::Frozen { known, turned, .. }, Some(read)) = (&mut *verdicts, read)
                {
                    turned.extend(refrozen(known, &read, &parts.pools));
                    *known = read;
                }
                Some(verdicts.health(&parts.pools))
            }
            (verdicts, Prepared::Probed { .. }) => Some(verdicts.health(&parts.pools)),
        }
    }

    /// Sets verdicts by hand; see [`super::Daemon::set_verdict`].
    pub fn set(
        &mut self,
        pools: &Pools,
        which: &str,
        verdict: Verdict,
    ) -> Result<Vec<(EndpointId, EndpointHealth)>, String> {
        let Verdicts::Frozen { known, turned, .. } = self else {
            return Err("verdicts come from probes here".to_owned());
        };
        let (of_pool, at) = match which.rsplit_once('/') {
            Some((pool, destination)) => (Some(pool), Destination::parse(destination)),
            None => {
                let meant = Destination::parse(which);
                (None, meant.filter(|meant| meant.address().is_some()))
            }
        };
        let mut changes = Vec::new();
        for (id, endpoint) in pools.endpoints.iter().enumerate() {
            let pool = &*pools.pools[endpoint.pool.index()].name;
            let is_at = at
                .as_ref()
                .is_some_and(|at| at.means(&endpoint.destination));
            if pool == which || (is_at && of_pool.is_none_or(|of| of == pool)) {
                let id = EndpointId(id as u32);
                changes.push((id, steady(pools, id, verdict)));
                let name = (pool.to_owned(), endpoint.destination.to_string());
                let before = known.insert(name, verdict).unwrap_or(Verdict::Unknown);
                turned.extend(EndpointTurn::new(id, before, verdict, "set by hand"));
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
    async fn start(whole: &Whole, grace: Duration) -> Self {
        let server = &whole.config.server;
        let path = server.state_dir.as_deref().map(saved::path_in);
        let remembered = path
            .as_ref()
            .map(|path| saved::load(path, server.saved_max_age, clock::unix_ms()));
        let remembered = remembered.unwrap_or_default();
        let before: HashMap<TargetKey, Verdict> = remembered
            .iter()
            .map(|(key, known)| (key.clone(), known.verdict))
            .collect();
        let mut settings = health::Settings::new(server.panic.clone());
        settings.commands_max = usize::from(server.commands_max);
        let (engine, changes) = Engine::start(settings, remembered);
        let engine = Arc::new(engine);
        engine.resolve_by(&whole.config.resolver);
        engine.set_targets(whole.parts.targets.to_vec());
        let unknown = engine.first_round(grace).await;
        if unknown > 0 {
            tracing::warn!(unknown, "answering although not every target was asked yet");
        }
        let known: HashMap<_, _> = engine.snapshot().into_iter().collect();
        let was = |key: &TargetKey| before.get(key).copied().unwrap_or(Verdict::Unknown);
        let turned = recalculated(&known, &whole.parts.pools, |pools, id| {
            let judged = pools.judged(id, &|n| (was(&pools.targets[n as usize].key), None));
            judged.map_or(Verdict::Unknown, |judged| judged.verdict)
        });
        let keeper = path.map(|path| {
            let (stop, stopped) = oneshot::channel();
            let keeping = saved::keep(Arc::clone(&engine), path, server.saved_max_age, stopped);
            (stop, tokio::spawn(keeping))
        });
        Probed {
            engine,
            changes,
            known,
            news: HashMap::new(),
            turned,
            keeper,
        }
    }

    fn apply(
        &mut self,
        batch: Vec<Change>,
        parts: &Parts,
        notices: Option<&mpsc::UnboundedSender<Notice>>,
    ) -> Vec<(EndpointId, EndpointHealth)> {
        let pools = &parts.pools;
        // Each endpoint once, however many of its targets changed.
        let mut touched = BTreeMap::new();
        for Change { key, .. } in &batch {
            let endpoints = target(parts, key)
                .into_iter()
                .flat_map(|target| &target.endpoints);
            for &id in endpoints {
                touched
                    .entry(id)
                    .or_insert_with(|| observed(&self.known, pools, id).verdict);
            }
        }
        for Change { key, health } in batch {
            self.news.insert(key.clone(), health.clone());
            // A target of before the last reload has no endpoints any more, and one of the next none yet.
            let Some(target) = target(parts, &key) else {
                continue;
            };
            let before = self
                .known
                .insert(key, health.clone())
                .map(|before| before.verdict);
            if let Some(notices) = notices.filter(|_| before != Some(health.verdict)) {
                let notice = notice(pools, target, before, &health);
                let _ = notice.map(|notice| notices.send(notice));
            }
        }
        let mut turned = Vec::new();
        let look = |(id, before)| {
            let health = observed(&self.known, pools, id);
            if health.verdict != before && !is_of_one_target(pools, id) {
                let why = why_calculated(&self.known, pools, id);
                turned.extend(EndpointTurn::new(id, before, health.verdict, &why));
                notices.inspect(|notices| tell_calculated(pools, id, health.verdict, why, notices));
            }
            (id, health)
        };
        let changes = touched.into_iter().map(look).collect();
        self.turned.append(&mut turned);
        changes
    }

    /// Takes over what was `known` while the preparation was made, and what came since.
    fn adopt(
        &mut self,
        known: HashMap<TargetKey, TargetHealth>,
        prepared: &Health,
        before: &Pools,
        parts: &Parts,
    ) -> Health {
        let known_before = std::mem::replace(&mut self.known, known);
        let mut touched = BTreeSet::new();
        for (key, health) in self.news.drain() {
            if let Some(target) = target(parts, &key) {
                touched.extend(target.endpoints.iter().copied());
                self.known.insert(key, health);
            }
        }
        let look = |id| (id, observed(&self.known, &parts.pools, id));
        let changes: Vec<_> = touched.into_iter().map(look).collect();
        let is_calculated = !before.formulas.is_empty() || !parts.pools.formulas.is_empty();
        if is_calculated {
            let ids = (0..before.endpoints.len() as u32).map(EndpointId);
            let by_name: HashMap<_, _> = ids.map(|id| (named_by(before, id), id)).collect();
            let turned = recalculated(&self.known, &parts.pools, |pools, id| {
                let id = by_name.get(&named_by(pools, id));
                let was = id.map(|&id| observed(&known_before, before, id).verdict);
                was.unwrap_or(Verdict::Unknown)
            });
            self.turned.extend(turned);
        }
        prepared.with(&parts.pools, &changes)
    }
}

/// The names by which an endpoint is found after a reload.
fn named_by(pools: &Pools, id: EndpointId) -> (&str, &Destination) {
    let endpoint = &pools.endpoints[id.index()];
    let pool = &pools.pools[endpoint.pool.index()];
    (&pool.name, &endpoint.destination)
}

/// What became of endpoints that go by several targets.
fn recalculated(
    known: &HashMap<TargetKey, TargetHealth>,
    pools: &Pools,
    was: impl Fn(&Pools, EndpointId) -> Verdict,
) -> Vec<EndpointTurn> {
    let ids = (0..pools.endpoints.len() as u32).map(EndpointId);
    let calculated = ids.filter(|&id| pools.formula(id).is_some());
    let turned = calculated.filter_map(|id| {
        let (before, after) = (was(pools, id), observed(known, pools, id).verdict);
        let why = || why_calculated(known, pools, id);
        (before != after).then(|| EndpointTurn::new(id, before, after, &why()))?
    });
    turned.collect()
}

/// What became of frozen verdicts.
fn refrozen(
    before: &HashMap<(String, String), Verdict>,
    after: &HashMap<(String, String), Verdict>,
    pools: &Pools,
) -> Vec<EndpointTurn> {
    let turned = pools.endpoints.iter().enumerate().map(|(id, endpoint)| {
        let pool = &*pools.pools[endpoint.pool.index()].name;
        let name = (pool.to_owned(), endpoint.destination.to_string());
        let of = |known: &HashMap<_, Verdict>| *known.get(&name).unwrap_or(&Verdict::Unknown);
        let why = "as the file of frozen verdicts says";
        EndpointTurn::new(EndpointId(id as u32), of(before), of(after), why)
    });
    turned.flatten().collect()
}

/// Why the verdict on an endpoint that goes by several targets is what it is.
fn why_calculated(
    known: &HashMap<TargetKey, TargetHealth>,
    pools: &Pools,
    id: EndpointId,
) -> String {
    let of = |number: u32| {
        let known = known.get(&pools.targets[number as usize].key);
        (known.map_or(Verdict::Unknown, |it| it.verdict), None)
    };
    let judged = pools.judged(id, &of);
    judged.map_or_else(String::new, |judged| judged.why())
}

fn target<'p>(parts: &'p Parts, key: &TargetKey) -> Option<&'p Target> {
    let number = *parts.target_numbers.get(key)?;
    parts.pools.targets.get(number as usize)
}

/// The health of an endpoint, as far as probes have told.
pub(super) fn observed(
    known: &HashMap<TargetKey, TargetHealth>,
    pools: &Pools,
    id: EndpointId,
) -> EndpointHealth {
    let Some(watch) = pools.endpoints[id.index()].target else {
        return EndpointHealth::UNWATCHED;
    };
    pools.watched(watch, |number| {
        let target = &pools.targets[number as usize];
        let known = known.get(&target.key);
        known.map_or(EndpointHealth::UNKNOWN, |known| of(known, target))
    })
}

/// The same, as a file or somebody's hand says.
fn frozen(
    known: &HashMap<(String, String), Verdict>,
    pools: &Pools,
    id: EndpointId,
) -> EndpointHealth {
    let endpoint = &pools.endpoints[id.index()];
    let pool = pools.pools[endpoint.pool.index()].name.to_string();
    match known.get(&(pool, endpoint.destination.to_string())) {
        Some(&verdict) => steady(pools, id, verdict),
        None if endpoint.target.is_none() => EndpointHealth::UNWATCHED,
        None => EndpointHealth::UNKNOWN,
    }
}

/// The soonest that the verdict can flip: the observations still needed, an interval apart. What is slow takes its part.
fn of(known: &TargetHealth, target: &Target) -> EndpointHealth {
    let flip_after_ms = target.flip_after_ms(known.verdict, known.needed);
    EndpointHealth {
        share: match known.degraded {
            true => target.share_when_slow,
            false => Share::ALL,
        },
        ..EndpointHealth::new(known.verdict, flip_after_ms)
    }
}

/// Of an endpoint with a verdict that nothing speaks against.
fn steady(pools: &Pools, id: EndpointId, verdict: Verdict) -> EndpointHealth {
    EndpointHealth::new(verdict, pools.steady_ms(id, verdict).unwrap_or(u32::MAX))
}

fn notice(
    pools: &Pools,
    target: &Target,
    before: Option<Verdict>,
    health: &TargetHealth,
) -> Option<Notice> {
    // Those that go by several targets are told of by themselves.
    let is_alone = |id: &&EndpointId| is_of_one_target(pools, **id);
    let endpoints = target.endpoints.iter().filter(is_alone);
    let endpoints: Vec<_> = endpoints.map(|&id| described(pools, id)).collect();
    (!endpoints.is_empty()).then(|| Notice {
        endpoints,
        verdict: health.verdict,
        reason: reason(target, before, health),
    })
}

fn is_of_one_target(pools: &Pools, id: EndpointId) -> bool {
    let watch = pools.endpoints[id.index()].target;
    matches!(watch, Some(Watch::Target(_)))
}

/// Its region, and what is answered.
fn described(pools: &Pools, id: EndpointId) -> (String, String) {
    let endpoint = &pools.endpoints[id.index()];
    let region = pools.pools[endpoint.pool.index()].region;
    let region = pools.regions[region.index()].name.to_string();
    (region, endpoint.destination.to_string())
}

/// Tells that the verdict on an endpoint is another, where several targets make it.
fn tell_calculated(
    pools: &Pools,
    id: EndpointId,
    verdict: Verdict,
    reason: String,
    notices: &mpsc::UnboundedSender<Notice>,
) {
    let _ = notices.send(Notice {
        endpoints: vec![described(pools, id)],
        verdict,
        reason,
    });
}

/// Why the verdict is no longer what it was before.
fn reason(target: &Target, before: Option<Verdict>, health: &TargetHealth) -> String {
    let last = health.last.as_deref().unwrap_or("not observed");
    let is_first = matches!(before, None | Some(Verdict::Unknown));
    match health.verdict {
        _ if health.held => "held by the panic guard".to_owned(),
        _ if is_first => format!("first probe: {last}"),
        Verdict::Down if target.falls_at_once && health.consecutive < target.fall => {
            format!("at once: {last}")
        }
        Verdict::Down => format!("{0} of {0} failed: {last}", target.fall),
        Verdict::Up => format!("{0} of {0} succeeded", target.rise),
        Verdict::Unknown => last.to_owned(),
    }
}
