//! Policies -> the different views of the world that they have, each of which needs a map.

use std::collections::HashMap;

use super::place::of_region;
use super::ranking::{Ranking, TooManyClasses};
use super::rules::{Rules, RulesView};
use super::serves::Serves;
use super::sphere::{Centre, Point};
use crate::config::{Config, Diagnostics, LocationSpec, Policy, PolicyOrder, Selector};
use crate::geoip::Location;
use crate::model::{MapId, RegionId};
use crate::prefix_table::CLASSES_MAX;

/// Maps at most; policies with one idea of the world share one.
pub const MAPS_MAX: usize = 256;
/// Regions that one policy chooses among at most: slots are octets.
pub const REGIONS_MAX: usize = 255;

/// What makes one map different from another.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum View {
    Regions(RegionsView),
    Rules(RulesView),
}

/// How a policy ranks regions.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct RegionsView {
    /// Each once, in the order in which the policy lists them.
    regions: Vec<RegionId>,
    /// By slot: what the region serves.
    selectors: Vec<Vec<Selector>>,
    /// Every slot, in the order for clients that are not known.
    default: Vec<u8>,
}

impl View {
    fn new(config: &Config, policy: &Policy) -> Result<Option<Self>, Diagnostics> {
        let (serves, default) = match &policy.order {
            PolicyOrder::Listed => return Ok(None),
            PolicyOrder::When { rules, .. } => {
                return Ok(Some(View::Rules(RulesView::new(rules))));
            }
            PolicyOrder::Geo { serves, default } => (serves, default),
        };
        let regions = once(policy.members.iter().filter_map(|member| member.region));
        if regions.len() > REGIONS_MAX {
            return Err(too_many_regions(policy, regions.len()));
        }
        let selectors = regions.iter().map(|region| {
            let own = serves.iter().find(|(of, _)| of == region);
            let selectors = own.map_or(&config.regions[region.index()].serves, |(_, list)| list);
            selectors.clone()
        });
        let slot = |region: &RegionId| regions.iter().position(|r| r == region);
        let default = once(default.iter().chain(&regions).filter_map(slot));
        Ok(Some(View::Regions(RegionsView {
            selectors: selectors.collect(),
            default: default.into_iter().map(|slot| slot as u8).collect(),
            regions,
        })))
    }

    /// Those that it ranks; none where it has rules.
    pub fn regions(&self) -> &[RegionId] {
        match self {
            View::Regions(view) => &view.regions,
            View::Rules(_) => &[],
        }
    }

    /// With all that its ranking goes by.
    fn key(self, config: &Config) -> MapKey {
        let location = |region: &RegionId| {
            let region = &config.regions[region.index()];
            region
                .location
                .clone()
                .map(|location| (location, region.bias))
        };
        MapKey {
            locations: self.regions().iter().map(location).collect(),
            depth: config.geoip.depth,
            view: self,
        }
    }

    /// How it tells classes of clients apart.
    pub fn classifier(&self, config: &Config) -> Classifier {
        match self {
            View::Regions(view) => Classifier::Ranking(view.ranking(config)),
            View::Rules(view) => Classifier::Rules(Rules::new(view)),
        }
    }
}

impl RegionsView {
    fn ranking(&self, config: &Config) -> Ranking {
        let places = self.regions.iter().map(|region| {
            let region = &config.regions[region.index()];
            let place = of_region(region.location.as_ref()?)?;
            Some(Centre::new(place, region.bias))
        });
        Ranking::new(
            Serves::new(&self.selectors),
            places.collect(),
            config.geoip.depth.into(),
            self.default.clone(),
        )
    }
}

/// Location -> class.
pub enum Classifier {
    Ranking(Ranking),
    Rules(Rules),
}

impl Classifier {
    /// The class of a location, which is at `place`.
    pub fn class(
        &mut self,
        location: &Location,
        place: Option<Point>,
    ) -> Result<u16, TooManyClasses> {
        match self {
            Classifier::Ranking(ranking) => ranking.class(location, place),
            Classifier::Rules(rules) => Ok(rules.class(location)),
        }
    }

    /// As [`crate::state::Map`] holds them.
    pub fn into_orders(self) -> Box<[u8]> {
        match self {
            Classifier::Ranking(ranking) => ranking.into_orders(),
            Classifier::Rules(_) => Box::default(),
        }
    }
}

/// What, over one world, makes one map different from another: a view, by ids, and what these stand for.
#[derive(Debug, PartialEq)]
pub struct MapKey {
    pub view: View,
    /// Of its regions, with their bias.
    locations: Vec<Option<(LocationSpec, i8)>>,
    depth: u8,
}

/// The different views of a configuration's policies.
pub struct Wanted<'a> {
    pub keys: Vec<MapKey>,
    /// By key: the policy that first asked for it.
    pub first_policies: Vec<&'a Policy>,
    pub by_policy: Vec<Option<MapId>>,
}

impl<'a> Wanted<'a> {
    pub fn new(config: &'a Config) -> Result<Self, Diagnostics> {
        let mut known: HashMap<View, MapId> = HashMap::new();
        let mut wanted = Wanted {
            keys: Vec::new(),
            first_policies: Vec::new(),
            by_policy: Vec::new(),
        };
        for policy in &config.policies {
            let Some(view) = View::new(config, policy)? else {
                wanted.by_policy.push(None);
                continue;
            };
            let next = MapId(wanted.keys.len() as u16);
            let map = *known.entry(view.clone()).or_insert(next);
            wanted.by_policy.push(Some(map));
            if map == next {
                wanted.keys.push(view.key(config));
                wanted.first_policies.push(policy);
            }
            if wanted.keys.len() > MAPS_MAX {
                return Err(too_many_maps(policy));
            }
        }
        Ok(wanted)
    }
}

/// Each item once, where it first appears.
fn once<T: PartialEq>(items: impl Iterator<Item = T>) -> Vec<T> {
    let mut seen = Vec::new();
    for item in items {
        if !seen.contains(&item) {
            seen.push(item);
        }
    }
    seen
}

fn refused(policy: &Policy, problem: &str, help: String) -> Diagnostics {
    let mut diagnostics = Diagnostics::new();
    let message = format!("policy `{}` {problem}", policy.name);
    diagnostics.error(&policy.place, message, Some(help));
    diagnostics
}

fn too_many_regions(policy: &Policy, count: usize) -> Diagnostics {
    let problem = format!("chooses among {count} regions");
    refused(policy, &problem, format!("at most {REGIONS_MAX}"))
}

fn too_many_maps(policy: &Policy) -> Diagnostics {
    let problem = "needs a map of its own, and there are too many";
    let help = format!(
        "at most {MAPS_MAX}; policies with the same regions, `serves` and `default` share one"
    );
    refused(policy, problem, help)
}

pub fn too_large(policy: &Policy, bytes_max: usize) -> Diagnostics {
    let mib = bytes_max >> 20;
    let problem = format!("has the largest of the maps that together take more than {mib} MiB");
    let help = "policies with the same regions, `serves` and `default` share one; a smaller \
                `depth` in [geoip] makes maps smaller";
    refused(policy, &problem, help.to_owned())
}

pub fn too_many_classes(policy: &Policy) -> Diagnostics {
    let problem = "tells too many classes of clients apart";
    let help = format!("at most {CLASSES_MAX}; a smaller `depth` in [geoip] makes fewer");
    refused(policy, problem, help)
}
