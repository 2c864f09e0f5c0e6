//! What others say of targets: which are meant, and what is said.

use crate::admin::{Observed, Saying};
use crate::compile::Parts;
use crate::health::Failure;
use crate::model::{EndpointId, TargetKey};
use crate::overrides::What;
use crate::state::pools::Watch;

/// What is said of one target.
pub struct Said {
    pub key: TargetKey,
    pub outcome: Result<(), Failure>,
    /// By somebody who really uses it.
    pub is_passive: bool,
}

/// Mistakes that are told at most.
const TOLD_MAX: usize = 10;

/// All that is said, target by target; or what is wrong with it, in words.
pub fn read(observations: &[Observed], parts: &Parts) -> Result<Vec<Said>, String> {
    let (mut said, mut wrong) = (Vec::new(), Vec::new());
    for observed in observations {
        match targets(observed, parts) {
            Ok(targets) => said.extend(targets.into_iter().map(|number| Said {
                key: parts.targets[number as usize].key.clone(),
                outcome: match observed.verdict {
                    Saying::Up => Ok(()),
                    Saying::Down => Err(Failure::pushed(observed.reason.as_deref())),
                },
                is_passive: observed.passive,
            })),
            Err(why) => wrong.push(why),
        }
    }
    if wrong.is_empty() {
        return Ok(said);
    }
    let more = wrong.len().saturating_sub(TOLD_MAX);
    wrong.truncate(TOLD_MAX);
    if more > 0 {
        wrong.push(format!("and {more} more"));
    }
    Err(wrong.join("; "))
}

/// The indices of the targets that are meant.
fn targets(observed: &Observed, parts: &Parts) -> Result<Vec<u32>, String> {
    let what: What = observed.what.parse().map_err(|e| format!("{e}"))?;
    let endpoints = what.endpoints(&parts.pools);
    if endpoints.is_empty() {
        return Err(format!("`{what}`: no pool or endpoint here"));
    }
    let is_meant = |&number: &u32| {
        let spec = &parts.targets[number as usize];
        let is_said = match observed.passive {
            true => spec.monitor.options.passive.is_some(),
            false => spec.max_age().is_some(),
        };
        // Monitors that ask the same go by one target.
        let names = &parts.pools.targets[number as usize].monitors;
        let is_named = |monitor: &String| names.iter().any(|name| **name == **monitor);
        is_said && observed.monitor.as_ref().is_none_or(is_named)
    };
    let watched = endpoints.into_iter().flat_map(|id| watched(parts, id));
    let mut meant: Vec<u32> = watched.filter(is_meant).collect();
    meant.sort_unstable();
    meant.dedup();
    if !meant.is_empty() {
        return Ok(meant);
    }
    let option = match observed.passive {
        true => "passive",
        false => "push",
    };
    Err(match &observed.monitor {
        Some(monitor) => {
            let monitor: String = monitor.chars().take(80).collect();
            format!("`{what}`: no monitor `{monitor}` with `{option}` watches it")
        }
        None => format!("`{what}`: no monitor with `{option}` watches it"),
    })
}

/// The targets that an endpoint goes by.
fn watched(parts: &Parts, id: EndpointId) -> Vec<u32> {
    let pools = &parts.pools;
    match pools.endpoints[id.index()].target {
        None => Vec::new(),
        Some(Watch::Target(number)) => vec![number],
        Some(Watch::Condition(index)) => pools.conditions[index as usize].targets(),
    }
}
