//! What is known of a pool at a time: who of it is up, and what was reported?

use std::collections::BTreeMap;

use crate::config::Config;
use crate::load::{Part, Reading};
use crate::model::{PoolId, Share, Verdict};
use crate::overrides::key;
use crate::state::Pools;
use crate::state::health::Health;

/// What one looks at.
pub struct World<'w> {
    pub config: &'w Config,
    pub pools: &'w Pools,
    pub health: &'w Health,
    /// What pools take for other reasons than load.
    pub besides: &'w BTreeMap<PoolId, Share>,
}

/// What is known of one pool.
pub struct Look {
    /// What was reported of the pool itself.
    pub reading: Reading,
    /// The first that was reported at all: of it, or of one of its endpoints.
    pub told: Reading,
    /// Its endpoints that are up.
    pub parts: Vec<Part>,
    /// Of these, as far as it is written of the pool.
    pub capacity: Option<f64>,
    /// Whether queries come to it while others can serve.
    pub is_asked: bool,
}

impl Look {
    /// `read` says what is known of the load of a pool, or of an endpoint of it.
    pub fn at(id: PoolId, world: &World<'_>, read: &impl Fn(&str, PoolId) -> Reading) -> Self {
        let (config, pools, health) = (world.config, world.pools, world.health);
        let (pool, written) = (&pools.pools[id.index()], &config.pools[id.index()]);
        let reading = read(&pool.name, id);
        let mut told = reading;
        let (mut parts, mut all_weights) = (Vec::new(), 0.0);
        for (endpoint, written) in pool.endpoint_ids().zip(&written.endpoints) {
            all_weights += f64::from(written.weight);
            let is_up = match health.endpoint(endpoint).verdict {
                Verdict::Up => true,
                Verdict::Down => false,
                Verdict::Unknown => pool.unknown_is_up,
            };
            if !is_up {
                continue;
            }
            let of_part = read(&key(pools, endpoint), id);
            if told == Reading::Never {
                told = of_part;
            }
            parts.push(Part {
                weight: written.weight,
                capacity: written.capacity.map(f64::from),
                measured: of_part.measured(),
            });
        }
        // Of a pool's capacity, that of endpoints that are down is gone.
        let up_weights: f64 = parts.iter().map(|part| f64::from(part.weight)).sum();
        let part_up = if all_weights > 0.0 {
            up_weights / all_weights
        } else {
            1.0
        };
        let whole = written.load.capacity.map(f64::from);
        // One of which fewer are up than `min_healthy` is asked last, whatever it would take.
        let slot = health.slot(id);
        Look {
            reading,
            told,
            parts,
            capacity: whole.map(|capacity| capacity * part_up),
            is_asked: !slot.is_empty() && slot.accepts != [Share::NONE; 2],
        }
    }
}
