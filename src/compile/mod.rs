//! Configuration, zone files and GeoIP -> the parts of a root.

pub mod advice;
mod identity;
pub mod maps;
mod nested;
pub mod pools;
mod service;
mod traffic;
mod whole;
pub mod zone;
pub mod zonefile;

pub use whole::{Adjust, Whole, load, load_databases};

use std::collections::HashMap;
use std::sync::Arc;

use crate::config::{self, Config, Diagnostics};
use crate::geoip::World;
use crate::health::TargetSpec;
use crate::model::PolicyId;
use crate::state::zone::ZoneEntry;
use crate::state::{Health, Map, Pools, Root, Service, Zone, Zones};
use maps::Maps;
use nested::Apexes;
use zone::BalancedSpec;

/// Everything in a root but health. Cheap to clone: parts that did not change are shared.
#[derive(Clone)]
pub struct Parts {
    pub zones: Arc<Zones>,
    pub maps: Arc<[Arc<Map>]>,
    pub pools: Arc<Pools>,
    pub service: Arc<Service>,
    /// What has to be probed: `targets[i]` is `pools.targets[i]`.
    pub targets: Arc<[TargetSpec]>,
}

/// Compiles all parts. `None` when there are errors, all of them in `diagnostics`.
pub fn compile(config: &Config, world: &World, diagnostics: &mut Diagnostics) -> Option<Parts> {
    let apexes = Apexes::new(&config.zones);
    let zones: Vec<_> = config
        .zones
        .iter()
        .filter_map(|zone| compile_zone(config, zone, &apexes, diagnostics))
        .collect();
    let maps = maps::compile_maps(config, world)
        .map_err(|errors| diagnostics.extend(errors))
        .ok()?;
    let service = service::compile(config, diagnostics)?;
    if diagnostics.has_errors() {
        return None;
    }
    let parts = link(config, zones, &maps, Arc::new(service));
    advice::warn_of_steered_nodata(config, &parts.pools, diagnostics);
    advice::warn_of_ipv4_forms(config, diagnostics);
    Some(parts)
}

/// Compiles the maps anew, over a changed world; zones are kept as they are.
///
/// # Errors
/// When a map would be larger than its limits.
pub fn recompile_maps(config: &Config, world: &World, parts: &Parts) -> Result<Parts, Diagnostics> {
    let maps = maps::compile_maps(config, world)?;
    let zones = parts
        .zones
        .iter()
        .map(|entry| Arc::clone(&entry.zone))
        .collect();
    Ok(link(config, zones, &maps, Arc::clone(&parts.service)))
}

impl Parts {
    /// The root that these parts make with `health`, a table for `self.pools`.
    pub fn root(&self, generation: u64, health: Arc<Health>) -> Root {
        Root {
            generation,
            zones: Arc::clone(&self.zones),
            maps: Arc::clone(&self.maps),
            pools: Arc::clone(&self.pools),
            health,
            service: Arc::clone(&self.service),
        }
    }
}

fn link(config: &Config, zones: Vec<Arc<Zone>>, maps: &Maps, service: Arc<Service>) -> Parts {
    let compiled = pools::compile(config, &maps.by_policy, |id| &maps.maps[id.index()]);
    let by_name: HashMap<&str, PolicyId> = config
        .policies
        .iter()
        .enumerate()
        .map(|(id, policy)| (policy.name.as_str(), PolicyId(id as u32)))
        .collect();
    let own_lists = traffic::zone_lists(config);
    let allow_query = |zone: &Zone| {
        let own = own_lists.get(&zone.apex);
        own.or(service.traffic.allow_query.as_ref()).cloned()
    };
    let entries = zones.into_iter().map(|zone| ZoneEntry {
        allow_query: allow_query(&zone),
        policies: zone
            .policy_names
            .iter()
            .filter_map(|name| by_name.get(&**name).copied())
            .collect(),
        zone,
    });
    Parts {
        zones: Arc::new(Zones::new(entries.collect())),
        maps: maps.maps.clone().into(),
        pools: Arc::new(compiled.pools),
        service,
        targets: compiled.targets.into(),
    }
}

fn compile_zone(
    config: &Config,
    source: &config::Zone,
    apexes: &Apexes<'_>,
    diagnostics: &mut Diagnostics,
) -> Option<Arc<Zone>> {
    apexes.check_balanced(source, diagnostics);
    let owners: Vec<_> = source
        .balanced
        .iter()
        .map(|balanced| balanced.owner.clone())
        .collect();
    let records = zonefile::read(&source.file.value, &source.apex, &owners, diagnostics)?;
    apexes.check_records(&source.apex, &records, diagnostics);
    let balanced: Vec<_> = source
        .balanced
        .iter()
        .map(|balanced| BalancedSpec {
            owner: &balanced.owner,
            policy: &config.policies[balanced.policy.index()].name,
            ttl: balanced.ttl,
            answers: balanced.answers,
        })
        .collect();
    let settings = zone::Settings {
        client_subnet: source.client_subnet,
        responses: source.responses,
        rrset_order: source.rrset_order,
    };
    match zone::build(&source.apex, settings, &records, &balanced) {
        Ok(zone) => Some(Arc::new(zone)),
        Err(zone::Refused { place, message }) => {
            let file = || config::Place::file(&source.file.value);
            diagnostics.error(&place.unwrap_or_else(file), message, None);
            None
        }
    }
}
