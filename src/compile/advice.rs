//! What an operator should know about a configuration that is right.

use super::Parts;
use crate::config::{Config, Diagnostics};
use crate::dns::Name;
use crate::model::{Family, FamilyFallback, MapId, PolicyId, WhenAllDown};
use crate::prefix_table::{PrefixTable, mean_scope_v4, mean_scope_v6};
use crate::state::Pools;

/// How finely caches have to keep a balanced name apart.
#[derive(Clone, Debug, PartialEq)]
pub struct NameScope {
    pub owner: Name,
    pub policy: PolicyId,
    /// Mean SCOPE PREFIX-LENGTH over the networks that the name's maps place, each address weighing the
    /// same; `None` where they place none.
    pub mean_v4: Option<f64>,
    pub mean_v6: Option<f64>,
    /// Of several maps, the one whose own scopes are the longest on the average (of IPv4, if it places
    /// any).
    pub lengthened_by: Option<MapId>,
}

/// The scopes of every balanced name.
pub fn name_scopes(config: &Config, parts: &Parts) -> Vec<NameScope> {
    let balanced = config.zones.iter().flat_map(|zone| &zone.balanced);
    balanced
        .map(|name| name_scope(name.owner.clone(), name.policy, parts))
        .collect()
}

fn name_scope(owner: Name, policy: PolicyId, parts: &Parts) -> NameScope {
    let maps = &parts.pools.policies[policy.index()].maps;
    let table = |id: &MapId| -> &PrefixTable { &parts.maps[id.index()].table };
    let tables: Vec<_> = maps.iter().map(table).collect();
    let mean = |id: &MapId| {
        mean_scope_v4(&[table(id)])
            .or_else(|| mean_scope_v6(&[table(id)]))
            .unwrap_or(0.0)
    };
    NameScope {
        owner,
        policy,
        mean_v4: mean_scope_v4(&tables),
        mean_v6: mean_scope_v6(&tables),
        lengthened_by: maps
            .iter()
            .max_by(|a, b| mean(a).total_cmp(&mean(b)))
            .copied(),
    }
}

/// Warns of names whose steering can answer NODATA to some networks and addresses to others: caches may
/// keep a negative answer for everybody (RFC 7871, 7.4).
pub fn warn_of_steered_nodata(config: &Config, pools: &Pools, diagnostics: &mut Diagnostics) {
    for balanced in config.zones.iter().flat_map(|zone| &zone.balanced) {
        let policy = &pools.policies[balanced.policy.index()];
        if policy.maps.is_empty() {
            continue;
        }
        let why = if policy.when_all_down == WhenAllDown::NoData {
            "when_all_down = \"nodata\""
        } else if policy.family_fallback == FamilyFallback::NoData
            && lacks_a_family(pools, balanced.policy)
        {
            "family_fallback = \"nodata\", and not every pool has both families"
        } else {
            continue;
        };
        diagnostics.warning(
            &balanced.place,
            format!("`{}` can be answered with NODATA for some clients: policy `{}` has {why}", balanced.owner, policy.name),
            Some("resolvers may keep a negative answer for all their clients (RFC 7871, section 7.4)".to_owned()),
        );
    }
}

/// Whether some pool in reach lacks a family that another one has.
fn lacks_a_family(pools: &Pools, policy: PolicyId) -> bool {
    let policy = &pools.policies[policy.index()];
    [Family::V4, Family::V6]
        .into_iter()
        .filter(|&family| policy.has(family))
        .any(|family| {
            policy
                .reach
                .iter()
                .any(|pool| pools.all[pool.index()].family(family).is_empty())
        })
}
