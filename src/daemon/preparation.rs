//! Getting verdicts ready for another configuration, beside the control loop.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use super::verdicts::observed;
use crate::compile::{Parts, Whole};
use crate::config::Diagnostics;
use crate::health::frozen::Frozen;
use crate::health::{Engine, Remembered, TargetHealth, TargetSpec};
use crate::model::{PoolId, TargetKey, Verdict};
use crate::state::Health;

/// How verdicts are got ready for another configuration, beside those that are in use.
pub enum Preparation {
    Probed(Arc<Engine>),
    Frozen(Option<PathBuf>),
}

/// What that came to.
pub enum Prepared {
    /// The endpoints are the same, so that all is as it was.
    Unchanged,
    /// What was known then, and the table that it makes.
    Probed {
        known: HashMap<TargetKey, TargetHealth>,
        health: Health,
    },
    /// Unchanged without a file.
    Frozen(Option<HashMap<(String, String), Verdict>>),
}

impl Preparation {
    /// Asks targets that are new, until each was asked once or `grace` is over; those of
    /// `before` are asked on. Or reads the file with the verdicts again.
    ///
    /// # Errors
    /// What is wrong with that file.
    pub async fn prepare(
        &self,
        before: &Whole,
        whole: &Whole,
        grace: Duration,
    ) -> Result<Prepared, Diagnostics> {
        match self {
            Preparation::Probed(engine) if Arc::ptr_eq(&before.parts.pools, &whole.parts.pools) => {
                engine.resolve_by(&whole.config.resolver);
                Ok(Prepared::Unchanged)
            }
            Preparation::Probed(engine) => {
                let (old, new) = (&before.parts.targets, &whole.parts.targets);
                engine.resolve_by(&whole.config.resolver);
                engine.remember(inherited(engine, old, new));
                engine.set_targets(old.iter().chain(new.iter()).cloned().collect());
                engine.first_round(grace).await;
                let known: HashMap<_, _> = engine.snapshot().into_iter().collect();
                let pools = &whole.parts.pools;
                let health = Health::new(pools, |id| observed(&known, pools, id));
                Ok(Prepared::Probed { known, health })
            }
            Preparation::Frozen(None) => Ok(Prepared::Frozen(None)),
            Preparation::Frozen(Some(path)) => {
                let frozen = Frozen::read(path, &whole.config)?;
                Ok(Prepared::Frozen(Some(named(&frozen, whole))))
            }
        }
    }

    /// Forgets the targets that no configuration has any more, now that `parts` are published. Takes a
    /// while where there are many; to be called in a Tokio runtime.
    pub fn finish(&self, parts: &Parts) {
        if let Preparation::Probed(engine) = self {
            engine.set_targets(parts.targets.to_vec());
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
    let known: HashMap<TargetKey, Remembered> = engine.memories().into_iter().collect();
    let mut by_whom: HashMap<_, Vec<&TargetSpec>> = HashMap::new();
    let mut by_name: HashMap<String, &TargetSpec> = HashMap::new();
    for spec in old {
        match told_of(spec) {
            Some(name) => drop(by_name.insert(name, spec)),
            None => by_whom.entry(&spec.whom).or_default().push(spec),
        }
    }
    let inherit = |spec: &TargetSpec| {
        let before = match told_of(spec) {
            Some(name) => by_name.get(&name)?,
            None => {
                let mut asked = by_whom.get(&spec.whom)?.iter();
                asked.find(|before| before.monitor.probe == spec.monitor.probe)?
            }
        };
        let known = known.get(&before.key)?;
        (known.verdict != Verdict::Unknown).then(|| (spec.key.clone(), known.clone()))
    };
    new.iter().filter_map(inherit).collect()
}

/// The monitor and the endpoint that others name when they say something of it, where they do: `push:told web/192.0.2.1`.
fn told_of(spec: &TargetSpec) -> Option<String> {
    spec.max_age()?;
    // Behind it stand `max_age`, `rise` and `fall`.
    spec.key.0.rsplitn(4, ' ').nth(3).map(str::to_owned)
}

/// The verdicts of a file, by pool and address.
pub fn named(frozen: &Frozen, whole: &Whole) -> HashMap<(String, String), Verdict> {
    let mut verdicts = HashMap::new();
    for (id, pool) in whole.config.pools.iter().enumerate() {
        for (index, endpoint) in pool.endpoints.iter().enumerate() {
            let verdict = frozen.verdict(PoolId(id as u32), index);
            // What is unknown, and what no monitor watches, need not be said.
            if verdict != Verdict::Unknown {
                verdicts.insert(
                    (pool.name.clone(), endpoint.destination.to_string()),
                    verdict,
                );
            }
        }
    }
    verdicts
}
