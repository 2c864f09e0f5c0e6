//! What an operator should know about a configuration that is right.

use std::collections::HashMap;

use ipnet::{IpNet, Ipv4Net};

use super::Parts;
use crate::config::{Config, Diagnostics};
use crate::dns::Name;
use crate::model::{Family, FamilyFallback, MapId, PolicyId, WhenAllDown};
use crate::prefix_table::{PrefixTable, ipv4_client, mean_scope_v4, mean_scope_v6};
use crate::state::Pools;

/// How finely caches have to keep the balanced names of a policy apart.
#[derive(Clone, Debug, PartialEq)]
pub struct PolicyScope {
    pub policy: PolicyId,
    /// The names that use it, at least one, in the order of the configuration.
    pub owners: Vec<Name>,
    /// Mean SCOPE PREFIX-LENGTH over the networks that the policy's maps place, each address weighing the
    /// same; `None` where they place none.
    pub mean_v4: Option<f64>,
    pub mean_v6: Option<f64>,
    /// Of several maps, the one whose own scopes are the longest on the average (of IPv4, if it places
    /// any).
    pub lengthened_by: Option<MapId>,
    /// Whether anything goes by the client's network, so that no scope is shorter than that.
    pub is_by_client: bool,
}

/// The scopes of all balanced names, by policy, in the order in which the policies are first used.
/// Policies that read the same maps are looked at once.
pub fn policy_scopes(config: &Config, parts: &Parts) -> Vec<PolicyScope> {
    let mut scopes: Vec<PolicyScope> = Vec::new();
    let mut by_policy: HashMap<PolicyId, usize> = HashMap::new();
    let mut by_maps: HashMap<&[MapId], Means> = HashMap::new();
    for balanced in config.zones.iter().flat_map(|zone| &zone.balanced) {
        let index = *by_policy.entry(balanced.policy).or_insert_with(|| {
            let policy = &parts.pools.policies[balanced.policy.index()];
            let maps = &policy.maps;
            let means = by_maps
                .entry(maps)
                .or_insert_with(|| Means::new(maps, parts));
            scopes.push(means.scope(balanced.policy, policy.is_by_client));
            scopes.len() - 1
        });
        scopes[index].owners.push(balanced.owner.clone());
    }
    scopes
}

/// What maps together come to.
struct Means {
    v4: Option<f64>,
    v6: Option<f64>,
    lengthened_by: Option<MapId>,
}

impl Means {
    fn new(maps: &[MapId], parts: &Parts) -> Self {
        let table = |id: &MapId| -> &PrefixTable { &parts.maps[id.index()].table };
        let tables: Vec<_> = maps.iter().map(table).collect();
        let mean = |id: &MapId| {
            mean_scope_v4(&[table(id)])
                .or_else(|| mean_scope_v6(&[table(id)]))
                .unwrap_or(0.0)
        };
        let means: Vec<_> = maps.iter().map(|id| (mean(id), *id)).collect();
        let longest = means.into_iter().max_by(|a, b| a.0.total_cmp(&b.0));
        Means {
            v4: mean_scope_v4(&tables),
            v6: mean_scope_v6(&tables),
            lengthened_by: longest.map(|(_, id)| id),
        }
    }

    fn scope(&self, policy: PolicyId, is_by_client: bool) -> PolicyScope {
        PolicyScope {
            policy,
            owners: Vec::new(),
            mean_v4: self.v4,
            mean_v6: self.v6,
            lengthened_by: self.lengthened_by,
            is_by_client,
        }
    }
}

/// Warns of names whose steering can answer NODATA to some networks and addresses to others: caches may
/// keep a negative answer for everybody (RFC 7871, 7.4).
pub fn warn_of_steered_nodata(config: &Config, pools: &Pools, diagnostics: &mut Diagnostics) {
    let all = || config.zones.iter().flat_map(|zone| &zone.balanced);
    let mut uses: HashMap<PolicyId, usize> = HashMap::new();
    for balanced in all() {
        *uses.entry(balanced.policy).or_default() += 1;
    }
    for balanced in all() {
        // Once for each policy, at the first name that uses it.
        let Some(uses) = uses.remove(&balanced.policy) else {
            continue;
        };
        let policy = &pools.policies[balanced.policy.index()];
        if policy.maps.is_empty() {
            continue;
        }
        let why = if policy.when_all_down == WhenAllDown::NoData {
            "when_all_down = \"nodata\""
        } else if policy.family_fallback == FamilyFallback::NoData
            && lacks_a_family(pools, balanced.policy)
        {
            match config.policies[balanced.policy.index()].has_names {
                true => "pools of names, and not every other pool has both families",
                false => "family_fallback = \"nodata\", and not every pool has both families",
            }
        } else {
            continue;
        };
        let more = match uses - 1 {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        diagnostics.warning(
            &balanced.place,
            format!("`{}`{more} can be answered with NODATA for some clients: policy `{}` has {why}", balanced.owner, policy.name),
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
                .filter(|pool| !pools.unresolved.contains_key(pool))
                .any(|pool| pools.all[pool.index()].family(family).is_empty())
        })
}

#[cfg(test)]
mod tests {
    use std::fs;

    use crate::compile::load;

    #[test]
    fn steered_nodata_is_warned_of_once_for_each_policy() {
        let folder = tempfile::tempdir().unwrap();
        let config = folder.path().join("m.toml");
        let text = "[region.r]\nlocation = \"DE\"\n[geoip]\nnetworks = \"feed.csv\"\n\
                    [pool.p]\nregion = \"r\"\nendpoints = [\"192.0.2.1\"]\n\
                    [policy.one]\ngeo = [\"p\"]\nwhen_all_down = \"nodata\"\n\
                    [policy.two]\ngeo = [\"p\"]\n\
                    [zone.example]\nfile = \"zone\"\n[zone.example.balanced]\n\
                    a = { policy = \"two\" }\nb = { policy = \"one\" }\n\
                    c = { policy = \"one\" }\nd = { policy = \"one\" }\n";
        fs::write(&config, text).unwrap();
        fs::write(folder.path().join("feed.csv"), "192.0.2.0/24,DE,,,\n").unwrap();
        fs::write(
            folder.path().join("zone"),
            "@ 60 SOA a b 1 2 3 4 5\n@ 60 NS ns.net.\n",
        )
        .unwrap();
        let (_, warnings) = load(&config, None).unwrap();
        let told: Vec<_> = warnings.iter().map(ToString::to_string).collect();
        assert_eq!(told.len(), 1, "{told:#?}");
        let expected = "m.toml:17:1: warning: `b.example.` and 2 more can be answered with NODATA";
        assert!(told[0].contains(expected), "{told:#?}");
    }
}
