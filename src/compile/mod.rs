//! Configuration, zone files and GeoIP -> the parts of a root.

pub mod advice;
mod alone;
mod ends;
mod forwarding;
mod identity;
pub mod machine;
pub mod maps;
mod nested;
pub mod pools;
mod service;
mod traffic;
mod transport;
mod twins;
mod webhook;
mod whole;
pub mod zone;
pub mod zonefile;
mod zones;

pub use webhook::Hook;
pub use whole::{Adjust, Whole, expand, load, load_databases, reload};
pub use zones::{ServedZone, Trouble};

use std::collections::HashMap;
use std::sync::Arc;

use crate::config::{Config, Diagnostics};
use crate::geoip::World;
use crate::health::TargetSpec;
use crate::model::{PolicyId, TargetKey};
use crate::state::forwarding::{Forwarding, Keys};
use crate::state::zone::ZoneEntry;
use crate::state::{Health, Map, Pools, Root, Service, Zone, Zones};
use forwarding::Beside;
use maps::Maps;
use nested::Apexes;
use transport::Transport;
use zones::Before;

/// Everything in a root but health. Cheap to clone: parts that did not change are shared.
#[derive(Clone)]
pub struct Parts {
    pub zones: Arc<Zones>,
    /// What the zones were made of, in the order of [`Config::zones`].
    pub served: Arc<[ServedZone]>,
    pub maps: Arc<[Arc<Map>]>,
    /// The same maps, and what they were made by.
    made_maps: Arc<Maps>,
    pub pools: Arc<Pools>,
    pub service: Arc<Service>,
    pub forwarding: Arc<Forwarding>,
    /// How the forwarder's connections are made, and what sessions' cookies are signed with.
    transport: Arc<Transport>,
    keys: Arc<Keys>,
    /// Who is told about changes of verdicts.
    pub webhook: Option<Arc<Hook>>,
    /// What has to be probed: `targets[i]` is `pools.targets[i]`.
    pub targets: Arc<[TargetSpec]>,
    /// By key: the `i` of each of them.
    pub target_numbers: Arc<HashMap<TargetKey, u32>>,
}

/// Compiles all parts. `None` when there are errors, all of them in `diagnostics`.
pub fn compile(config: &Config, world: &World, diagnostics: &mut Diagnostics) -> Option<Parts> {
    compile_after(None, config, world, diagnostics)
}

/// What there is already, for the parts of it that stay the same.
struct Old<'o> {
    config: &'o Config,
    parts: &'o Parts,
    /// Whether the maps are of the world that new ones are made of.
    has_maps: bool,
}

/// The same `before` something that serves: a zone whose file has errors goes on with the data that
/// it has, and without any it answers SERVFAIL. Errors elsewhere refuse everything.
fn compile_after(
    before: Option<&Before<'_>>,
    config: &Config,
    world: &World,
    diagnostics: &mut Diagnostics,
) -> Option<Parts> {
    let apexes = Apexes::new(&config.zones);
    for zone in &config.zones {
        apexes.check_balanced(zone, diagnostics);
        alone::check_apex(config, zone, diagnostics);
    }
    twins::check(config, diagnostics);
    let mut found = Diagnostics::new();
    let served = zones::compile(config, &apexes, before, &mut found);
    let old = before.map(|before| before.old(world));
    let maps = new_maps(old.as_ref(), config, world).map_err(|errors| diagnostics.extend(errors));
    let service = service::compile(config, diagnostics);
    let keys = forwarding::keys(config, diagnostics);
    let webhook = webhook::compile(config, diagnostics);
    let transport = transport::compile(config, old.as_ref().map(|old| old.parts), diagnostics);
    let is_refused = diagnostics.has_errors() || served.len() < config.zones.len();
    diagnostics.extend(found);
    if is_refused {
        return None;
    }
    let kept = Kept {
        service: Arc::new(service?),
        transport: Arc::new(transport?),
        keys: keys?,
    };
    let mut parts = link(old.as_ref(), config, served, maps.ok()?, kept);
    parts.webhook = webhook;
    advice::warn_of_steered_nodata(config, &parts.pools, diagnostics);
    advice::warn_of_ipv4_forms(config, diagnostics);
    let mut found = Diagnostics::new();
    ends::check(config, &parts, &mut found);
    let is_refused = found.has_errors();
    diagnostics.extend(found);
    (!is_refused).then_some(parts)
}

/// Compiles the maps anew, over a changed world; all else is kept as it is.
///
/// # Errors
/// When a map would be larger than its limits.
pub fn recompile_maps(config: &Config, world: &World, parts: &Parts) -> Result<Parts, Diagnostics> {
    let old = Old {
        config,
        parts,
        has_maps: false,
    };
    let maps = new_maps(Some(&old), config, world)?;
    let kept = Kept::of(parts);
    let linked = link(Some(&old), config, parts.served.to_vec(), maps, kept);
    Ok(Parts {
        webhook: parts.webhook.clone(),
        ..linked
    })
}

/// Compiles what follows from pools anew; `config` differs from the one `before` in them only.
fn relink(before: &Config, config: &Config, parts: &Parts) -> Parts {
    let old = Old {
        config: before,
        parts,
        has_maps: true,
    };
    let maps = Arc::clone(&parts.made_maps);
    let kept = Kept::of(parts);
    let linked = link(Some(&old), config, parts.served.to_vec(), maps, kept);
    Parts {
        webhook: parts.webhook.clone(),
        ..linked
    }
}

fn new_maps(
    old: Option<&Old<'_>>,
    config: &Config,
    world: &World,
) -> Result<Arc<Maps>, Diagnostics> {
    let nothing = Maps::default();
    let known = old.filter(|old| old.has_maps);
    let known = known.map_or(&nothing, |old| &*old.parts.made_maps);
    maps::compile_new_maps(config, world, known).map(Arc::new)
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
            forwarding: Arc::clone(&self.forwarding),
        }
    }
}

/// What only a configuration that is read again makes anew.
struct Kept {
    service: Arc<Service>,
    transport: Arc<Transport>,
    keys: Arc<Keys>,
}

impl Kept {
    fn of(parts: &Parts) -> Self {
        Kept {
            service: Arc::clone(&parts.service),
            transport: Arc::clone(&parts.transport),
            keys: Arc::clone(&parts.keys),
        }
    }
}

fn link(
    old: Option<&Old<'_>>,
    config: &Config,
    mut served: Vec<ServedZone>,
    maps: Arc<Maps>,
    kept: Kept,
) -> Parts {
    let mut policies = Policies::new(config);
    let own_lists = traffic::zone_lists(config);
    let allow_query = |zone: &Zone| {
        let own = own_lists.get(&zone.apex);
        own.or(kept.service.traffic.allow_query.as_ref()).cloned()
    };
    let entries = served.iter_mut().map(|served| {
        if let Some(trouble) = &mut served.trouble {
            trouble.policies_gone = policies.unknown(&served.zone);
        }
        ZoneEntry {
            policies: policies.of(&served.zone),
            allow_query: allow_query(&served.zone),
            zone: Arc::clone(&served.zone),
            has_data: served.has_data(),
            explains: kept.service.traffic.explain_to.is_some(),
        }
    });
    let zones = Zones::new(entries.collect());
    let steering = Steering::after(old, config, &maps, policies.gone());
    let before = old.map(|old| &*old.parts.forwarding);
    let forwarding = forwarding::compile(&Beside {
        config,
        steering: &steering,
        maps: &maps,
        keys: &kept.keys,
        transport: &kept.transport,
        before,
    });
    Parts {
        zones: Arc::new(zones),
        served: served.into(),
        maps: maps.maps.clone().into(),
        made_maps: maps,
        pools: steering.pools,
        service: kept.service,
        forwarding: Arc::new(forwarding),
        transport: kept.transport,
        keys: kept.keys,
        webhook: None,
        targets: steering.targets,
        target_numbers: steering.target_numbers,
    }
}

/// The parts that follow from regions, monitors, pools and policies.
struct Steering {
    pools: Arc<Pools>,
    targets: Arc<[TargetSpec]>,
    target_numbers: Arc<HashMap<TargetKey, u32>>,
}

impl Steering {
    /// Those that there are, if nothing that they follow from has changed.
    fn after(old: Option<&Old<'_>>, config: &Config, maps: &Maps, gone: Vec<Box<str>>) -> Self {
        if let Some(old) = old.filter(|old| gone.is_empty() && old.steers_alike(config, maps)) {
            return Steering {
                pools: Arc::clone(&old.parts.pools),
                targets: Arc::clone(&old.parts.targets),
                target_numbers: Arc::clone(&old.parts.target_numbers),
            };
        }
        let mut compiled = pools::compile(config, &maps.by_policy, |id| &maps.maps[id.index()]);
        pools::add_gone(&mut compiled.pools, gone);
        Steering {
            pools: Arc::new(compiled.pools),
            targets: compiled.targets.into(),
            target_numbers: Arc::new(compiled.target_numbers),
        }
    }
}

impl Old<'_> {
    fn steers_alike(&self, config: &Config, maps: &Maps) -> bool {
        // There are more where policies that are gone were added.
        let is_whole = self.parts.pools.policies.len() == self.config.policies.len();
        is_whole && self.parts.made_maps.keys == maps.keys && self.declares_alike(config)
    }

    fn declares_alike(&self, config: &Config) -> bool {
        std::ptr::eq(self.config, config)
            || self.config.regions == config.regions
                && self.config.monitors == config.monitors
                && self.config.pools == config.pools
                && self.config.policies == config.policies
    }
}

/// The ids of policies by name.
struct Policies<'c> {
    by_name: HashMap<&'c str, PolicyId>,
    /// What only the old data of zones name; their ids follow those of the configuration.
    gone: Vec<Box<str>>,
    first_gone: usize,
}

impl<'c> Policies<'c> {
    fn new(config: &'c Config) -> Self {
        let named = config.policies.iter().enumerate();
        Policies {
            by_name: named
                .map(|(id, policy)| (policy.name.as_str(), PolicyId(id as u32)))
                .collect(),
            gone: Vec::new(),
            first_gone: config.policies.len(),
        }
    }

    /// The policies of a zone's balanced names.
    fn of(&mut self, zone: &Zone) -> Box<[PolicyId]> {
        let names = zone.policy_names.iter();
        names.map(|name| self.id(name)).collect()
    }

    /// Those of them that are not configured.
    fn unknown(&self, zone: &Zone) -> Vec<String> {
        let names = zone.policy_names.iter();
        let unknown = names.filter(|name| !self.by_name.contains_key(&***name));
        unknown.map(ToString::to_string).collect()
    }

    fn id(&mut self, name: &str) -> PolicyId {
        if let Some(&id) = self.by_name.get(name) {
            return id;
        }
        let known = self.gone.iter().position(|gone| **gone == *name);
        let number = known.unwrap_or_else(|| {
            self.gone.push(name.into());
            self.gone.len() - 1
        });
        PolicyId((self.first_gone + number) as u32)
    }

    fn gone(self) -> Vec<Box<str>> {
        self.gone
    }
}
