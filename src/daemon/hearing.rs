//! What requests say of backends, for those who judge them: the same verdicts answer and forward.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::{sleep, timeout};

use crate::health::{Engine, Failure};
use crate::model::{EndpointId, TargetKey};
use crate::state::forwarding::Outcome;
use crate::state::pools::Watch;
use crate::state::{Root, RootReader};

/// How often is looked, at most: what comes meanwhile waits.
const PAUSE: Duration = Duration::from_millis(20);
/// How often is looked whether a reload has brought another queue.
const LOOK: Duration = Duration::from_secs(1);

/// Tells `engine` how requests ended, until it is aborted. What is said of a target counts by its monitor's `passive`.
pub async fn hear(root: RootReader, engine: Arc<Engine>) {
    loop {
        let outcomes = Arc::clone(&root.load().forwarding.outcomes);
        if timeout(LOOK, outcomes.news()).await.is_err() {
            continue;
        }
        let said: Vec<Outcome> = std::iter::from_fn(|| outcomes.take()).collect();
        if !said.is_empty() {
            tell(&root.load_full(), &engine, &said);
        }
        sleep(PAUSE).await;
    }
}

fn tell(root: &Root, engine: &Engine, said: &[Outcome]) {
    let mut targets: HashMap<u64, Vec<TargetKey>> = HashMap::new();
    for outcome in said {
        targets.entry(outcome.backend).or_default();
    }
    let backends = (0..).map(EndpointId).zip(&root.forwarding.backends);
    for (id, backend) in backends {
        let Some(backend) = backend else { continue };
        if let Some(keys) = targets.get_mut(&backend.number) {
            keys.extend(keys_of(root, id));
            // Endpoints of several pools may be one target.
            keys.sort_unstable();
            keys.dedup();
        }
    }
    for outcome in said {
        for key in targets.get(&outcome.backend).into_iter().flatten() {
            let result = match outcome.failure {
                None => Ok(()),
                Some(failure) => Err(Failure::pushed(Some(&failure.to_string()))),
            };
            engine.push_request(key, result);
        }
    }
}

/// Of what an endpoint is watched by.
fn keys_of(root: &Root, id: EndpointId) -> Vec<TargetKey> {
    let pools = &root.pools;
    let numbers = match pools.endpoints[id.index()].target {
        None => Vec::new(),
        Some(Watch::Target(number)) => vec![number],
        Some(Watch::Condition(index)) => pools.conditions[index as usize].targets(),
    };
    let key = |number: u32| pools.targets[number as usize].key.clone();
    numbers.into_iter().map(key).collect()
}
