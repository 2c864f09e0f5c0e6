//! Where do endpoints lead that are names? Not to a balanced name that is answered by them, which would be a circle,
//! and, within zones of ours, not to a name that is not there.

use std::collections::{BTreeSet, HashMap};

use super::{Parts, ServedZone};
use crate::config::{Config, Diagnostics, Member, Place};
use crate::dns::{Name, QueryName};
use crate::model::{Destination, PolicyId, PoolId, WhenAllDown};
use crate::state::zone::{Found, NodeId};

/// Reports such endpoints; `parts` are those of `config`.
pub fn check(config: &Config, parts: &Parts, diagnostics: &mut Diagnostics) {
    let zones = (0..).zip(&config.zones).map(|(at, zone)| (&zone.apex, at));
    let zones: HashMap<&Name, usize> = zones.collect();
    let mut ends: HashMap<PoolId, Vec<End<'_>>> = HashMap::new();
    for (id, pool) in (0..).map(PoolId).zip(&config.pools) {
        let named = pool.endpoints.iter().filter_map(|endpoint| {
            let Destination::Name(name) = &endpoint.destination else {
                return None;
            };
            Some((name, &endpoint.place))
        });
        let aliases = pool.aliases.iter().map(|alias| (&alias.name, &alias.place));
        for (name, place) in named.chain(aliases) {
            let Some(zone) = zone_of(&zones, name) else {
                continue;
            };
            match found(config, &parts.served, zone, name) {
                Some(Found::Node(node)) => ends.entry(id).or_default().push(End {
                    name,
                    place,
                    at: (zone, node),
                }),
                Some(Found::Nothing) => {
                    let apex = &config.zones[zone].apex;
                    let message =
                        format!("`{name}` is in the zone `{apex}` of this server, and not there");
                    diagnostics.warning(place, message, None);
                }
                Some(Found::Redirected(_) | Found::Delegated(_)) | None => {}
            }
        }
    }
    if !ends.is_empty() {
        check_circles(config, parts, &ends, diagnostics);
    }
}

/// Where an endpoint leads in a zone of ours.
struct End<'c> {
    name: &'c Name,
    place: &'c Place,
    at: (usize, NodeId),
}

fn check_circles(
    config: &Config,
    parts: &Parts,
    ends: &HashMap<PoolId, Vec<End<'_>>>,
    diagnostics: &mut Diagnostics,
) {
    let mut by_policy: HashMap<PolicyId, Vec<&End<'_>>> = HashMap::new();
    for (zone, declared) in config.zones.iter().enumerate() {
        for balanced in &declared.balanced {
            let ends = by_policy.entry(balanced.policy).or_insert_with(|| {
                let pools = pools_within(config, balanced.policy);
                pools
                    .iter()
                    .filter_map(|id| ends.get(id))
                    .flatten()
                    .collect()
            });
            if ends.is_empty() {
                continue;
            }
            let owner = found(config, &parts.served, zone, &balanced.owner);
            for end in ends {
                if owner == Some(Found::Node(end.at.1)) && end.at.0 == zone {
                    let message = format!(
                        "`{}` leads back to where it comes from: `{}` is balanced by policy `{}`, which may come to it",
                        end.name,
                        balanced.owner,
                        config.policies[balanced.policy.index()].name
                    );
                    diagnostics.error(end.place, message, None);
                }
            }
        }
    }
}

/// Everything that a policy may come to, with what stands in for it when all is down.
fn pools_within(config: &Config, policy: PolicyId) -> BTreeSet<PoolId> {
    let (mut pools, mut seen, mut left) = (BTreeSet::new(), BTreeSet::new(), vec![policy]);
    while let Some(id) = left.pop() {
        if !seen.insert(id) {
            continue;
        }
        let policy = &config.policies[id.index()];
        for member in policy.all_members() {
            match member {
                Member::Pool(pool) => {
                    pools.insert(pool);
                }
                Member::Policy(policy) => left.push(policy),
            }
        }
        if let WhenAllDown::Fallback(pool) = policy.when_all_down {
            pools.insert(pool);
        }
    }
    pools
}

/// The zone with the nearest apex.
fn zone_of(zones: &HashMap<&Name, usize>, name: &Name) -> Option<usize> {
    let mut name = Some(name.clone());
    while let Some(here) = name {
        if let Some(&zone) = zones.get(&here) {
            return Some(zone);
        }
        name = here.parent();
    }
    None
}

/// `None` where the zone's file has mistakes.
fn found(config: &Config, served: &[ServedZone], zone: usize, name: &Name) -> Option<Found> {
    let sound = served.get(zone).filter(|served| served.trouble.is_none())?;
    let mut query = QueryName::default();
    query.read(name.as_wire())?;
    let apex = &config.zones[zone].apex;
    let suffix = query.label_count().checked_sub(apex.label_count())?;
    Some(sound.zone.find(&query, suffix))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use crate::compile::load;

    fn told(endpoint: &str, owner: &str) -> Vec<String> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("m.toml");
        let config = format!(
            "[region.eu]\n[pool.cdn]\nregion = \"eu\"\nendpoints = [{endpoint}]\n\
             [policy.inner]\nfailover = [\"cdn\"]\n[policy.world]\nfailover = [\"inner\"]\n\
             [zone.\"example\"]\nfile = \"zone\"\n[zone.\"example\".balanced]\n\
             {owner} = {{ policy = \"world\" }}\n"
        );
        fs::write(&path, config).unwrap();
        let zone = "@ 60 SOA a b 1 2 3 4 5\n@ 60 NS ns.net.\nthere 60 A 192.0.2.1\n";
        fs::write(folder.path().join("zone"), zone).unwrap();
        let found = match load(&path, None) {
            Ok((_, found)) => found,
            Err(found) => found,
        };
        let prefix = format!("{}/", folder.path().display());
        let found = found.sorted().into_iter();
        found
            .map(|it| it.to_string().replace(&prefix, ""))
            .filter(|it| it.contains("leads back") || it.contains("and not there"))
            .collect()
    }

    #[test]
    fn a_balanced_name_does_not_lead_to_itself() {
        for (kind, owner, name) in [
            ("cname", "www", "WWW.example"),
            ("alias", "www", "www.example."),
            ("alias", "\"@\"", "example."),
            ("cname", "\"*\"", "any.example."),
        ] {
            let told = told(&format!("{{ {kind} = \"{name}\" }}"), owner);
            assert_eq!(told.len(), 1, "{told:?}");
            assert!(told[0].contains("error: "), "{told:?}");
        }
    }

    #[test]
    fn what_is_not_there_is_warned_of() {
        let told_of = |name: &str| told(&format!("{{ cname = \"{name}\" }}"), "www");
        assert_eq!(told_of("there.example."), [""; 0]);
        assert_eq!(told_of("gone.example.net."), [""; 0]);
        let [told] = &told_of("gone.example.")[..] else {
            panic!("one warning");
        };
        let expected =
            "warning: `gone.example.` is in the zone `example.` of this server, and not there";
        assert!(told.contains(expected), "{told}");
    }
}
