//! Time-outs, retries, limits and ejection of a pool.

use std::sync::Arc;

use super::Beside;
use crate::config::forwarder as written;
use crate::model::PoolId;
use crate::state::forwarding::{Budget, Care, Circuit, Limits, Outcomes, Outliers};
use crate::state::pools::Watch;

pub fn care(
    beside: &Beside<'_>,
    id: PoolId,
    written: &written::Care,
    outcomes: &Arc<Outcomes>,
) -> Care {
    let pool = &beside.steering.pools.pools[id.index()];
    Care {
        total_timeout: written.total_timeout,
        budget: Budget {
            part: written.retry_budget,
            per_second: written.retries_per_second,
        },
        retry_statuses: written.retry_statuses.as_slice().into(),
        limits: Limits {
            in_flight: written.max_in_flight.unwrap_or(0),
            pending: written.max_pending,
        },
        pending_timeout: written.pending_timeout,
        outliers: written.outliers.as_ref().map(|outliers| Outliers {
            failures: outliers.failures,
            ejection: outliers.ejection,
            ejection_max: outliers.ejection_max,
            ejected_max: outliers.max_ejected,
            slowness: outliers.slowness.unwrap_or(0.0) as f32,
        }),
        circuit: written.circuit.as_ref().map(|circuit| Circuit {
            failures: circuit.failures,
            requests: circuit.requests,
            window: circuit.window,
            open: circuit.open,
        }),
        fleet: beside.fleet(&pool.name),
        outcomes: Arc::clone(outcomes),
        told: told(beside, id),
    }
}

/// The most successes in a row that a monitor of the pool's endpoints needs of requests to bring one up; 0: none
/// counts requests.
fn told(beside: &Beside<'_>, id: PoolId) -> u32 {
    let steering = beside.steering;
    let mut most = 0;
    for endpoint in steering.pools.pools[id.index()].endpoint_ids() {
        let targets = match steering.pools.endpoints[endpoint.index()].target {
            None => continue,
            Some(Watch::Target(index)) => vec![index],
            Some(Watch::Condition(index)) => {
                let targets = steering.pools.conditions[index as usize].targets();
                targets.into_iter().collect()
            }
        };
        for target in targets {
            let options = &steering.targets[target as usize].monitor.options;
            most = options
                .passive
                .map_or(most, |passive| passive.rise.max(most));
        }
    }
    most
}
