//! A configuration as if it served: everything is up but what somebody says.

use std::collections::HashSet;

use crate::compile::Whole;
use crate::model::Verdict;
use crate::overrides::What;
use crate::state::health::EndpointHealth;
use crate::state::{Health, Pools, Root};

/// Names that an error lists.
const LISTED_MAX: usize = 10;

/// The root of `whole` with `down` down, and all else up.
///
/// # Errors
/// In words, when one of `down` means no endpoint.
pub fn root(whole: &Whole, down: &[What]) -> Result<Root, String> {
    let pools = &whole.parts.pools;
    let mut is_down = HashSet::new();
    for what in down {
        let meant = what.endpoints(pools);
        if meant.is_empty() {
            return Err(format!(
                "`{what}` means no endpoint of {}: {}",
                whole.config.path.display(),
                known(pools)
            ));
        }
        is_down.extend(meant);
    }
    let health = Health::new(pools, |id| match is_down.contains(&id) {
        true => EndpointHealth {
            verdict: Verdict::Down,
            ..EndpointHealth::UNWATCHED
        },
        false => EndpointHealth::UNWATCHED,
    });
    Ok(whole.parts.root(0, health.into()))
}

/// "regions eu, us; pools web-eu, web-us"
fn known(pools: &Pools) -> String {
    let regions = pools.regions.iter().map(|region| &*region.name);
    let pools = pools.pools.iter().map(|pool| &*pool.name);
    format!("regions {}; pools {}", some(regions), some(pools))
}

/// The first few of them.
pub fn some<'n>(names: impl ExactSizeIterator<Item = &'n str>) -> String {
    let more = names.len().saturating_sub(LISTED_MAX);
    let listed = names.take(LISTED_MAX).collect::<Vec<_>>().join(", ");
    match more {
        0 => listed,
        more => format!("{listed} and {more} more"),
    }
}
