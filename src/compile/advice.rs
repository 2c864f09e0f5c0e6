//! What an operator should know about a configuration that is right.

use std::collections::HashMap;

use ipnet::{IpNet, Ipv4Net};

use super::Parts;
use crate::config::{Config, Diagnostics};
use crate::dns::Name;
use crate::model::{Family, FamilyFallback, MapId, PolicyId, WhenAllDown};
use crate::prefix_table::{PrefixTable, ipv4_client, mean_scope_v4, mean_scope_v6};
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
    // A mean is a walk over whole tables: it is taken once for all names that read the same ones.
    let mut known: HashMap<&[MapId], NameScope> = HashMap::new();
    balanced
        .map(|name| {
            let maps = &parts.pools.policies[name.policy.index()].maps;
            let scope = known
                .entry(maps)
                .or_insert_with(|| name_scope(name.owner.clone(), name.policy, parts));
            NameScope {
                owner: name.owner.clone(),
                policy: name.policy,
                ..scope.clone()
            }
        })
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

/// Warns of own networks that no client is in: IPv4 clients in IPv6 form are placed by what is said of
/// IPv4.
pub fn warn_of_ipv4_forms(config: &Config, diagnostics: &mut Diagnostics) {
    for network in &config.networks {
        for prefix in &network.prefixes {
            let IpNet::V6(form) = prefix.value else {
                continue;
            };
            let client = ipv4_client(form.network(), form.prefix_len());
            if let Some((address, bits)) = client {
                let message = format!(
                    "`{form}` of network `{}` says nothing: it holds IPv4 clients in IPv6 form",
                    network.name
                );
                let help = Ipv4Net::new(address, bits).map_or_else(
                    |_| String::new(),
                    |net| format!("say it of {}; that holds for every form", net.trunc()),
                );
                diagnostics.warning(&prefix.place, message, Some(help));
            }
        }
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
