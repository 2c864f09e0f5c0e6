//! Policies -> the different views of the world that they have, each of which needs a map.

use std::collections::HashMap;

use super::place::of_region;
use super::ranking::{Ranking, TooManyClasses};
use super::rules::{Rules, RulesView};
use super::serves::Serves;
use super::sphere::{Centre, Point};
use crate::config::forwarder::Access;
use crate::config::{
    Config, Diagnostics, LocationSpec, Place, Policy, PolicyOrder, Rule, Selector,
};
use crate::geoip::Location;
use crate::model::{MapId, PolicyId, RegionId};
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

/// Who asks for a map.
#[derive(Clone, Copy)]
pub enum Asker<'a> {
    Policy(&'a Policy),
    /// The access lists of something that stands here.
    Access(&'a Place),
}

/// The different views of a configuration's policies and access lists.
pub struct Wanted<'a> {
    pub keys: Vec<MapKey>,
    /// By key: who first asked for it.
    pub first_askers: Vec<Asker<'a>>,
    pub by_policy: Vec<Option<MapId>>,
    /// By route and by listener of the forwarder: of their access lists.
    pub by_route: Vec<Option<MapId>>,
    pub by_listener: Vec<Option<MapId>>,
}

impl<'a> Wanted<'a> {
    pub fn new(config: &'a Config) -> Result<Self, Diagnostics> {
        let mut known: HashMap<View, MapId> = HashMap::new();
        let (mut keys, mut first_askers) = (Vec::new(), Vec::new());
        let mut want = |view: Option<View>, asker: Asker<'a>| {
            let Some(view) = view else {
                return Ok(None);
            };
            let next = MapId(keys.len() as u16);
            let map = *known.entry(view.clone()).or_insert(next);
            if map == next {
                keys.push(view.key(config));
                first_askers.push(asker);
            }
            match keys.len() > MAPS_MAX {
                true => Err(too_many_maps(asker)),
                false => Ok(Some(map)),
            }
        };
        let policies = config.policies.iter();
        let by_policy = policies.map(|policy| {
            let view = View::new(config, policy)?;
            want(view, Asker::Policy(policy))
        });
        let by_policy = by_policy.collect::<Result<_, _>>()?;
        let mut of_access = |access: Option<&Access>, place| {
            let view = access
                .and_then(access_rules)
                .map(|rules| RulesView::new(&rules));
            want(view.map(View::Rules), Asker::Access(place))
        };
        let (mut by_route, mut by_listener) = (Vec::new(), Vec::new());
        if let Some(forwarder) = &config.forwarder {
            for route in &forwarder.routes {
                by_route.push(of_access(route.access.as_ref(), &route.place)?);
            }
            for listener in &forwarder.listeners {
                by_listener.push(of_access(listener.access.as_ref(), &listener.place)?);
            }
        }
        Ok(Wanted {
            keys,
            first_askers,
            by_policy,
            by_route,
            by_listener,
        })
    }
}

/// Access lists as rules, the first of which is about those who are denied, and the second about those who are
/// allowed; `None`: they name prefixes only.
pub fn access_rules(access: &Access) -> Option<[Rule; 2]> {
    let allow = access.allow.as_ref().map(|allow| &*allow.selectors);
    let rule = |selectors: &[Selector]| Rule {
        clients: Some(selectors.to_vec()),
        except: Vec::new(),
        policy: PolicyId(0),
    };
    let (deny, allow) = (&access.deny.selectors, allow.unwrap_or_default());
    (!deny.is_empty() || !allow.is_empty()).then(|| [rule(deny), rule(allow)])
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

fn refused(asker: Asker<'_>, problem: &str, help: String) -> Diagnostics {
    let mut diagnostics = Diagnostics::new();
    let (name, place) = match asker {
        Asker::Policy(policy) => (format!("policy `{}`", policy.name), &policy.place),
        Asker::Access(place) => ("the access list here".to_owned(), place),
    };
    diagnostics.error(place, format!("{name} {problem}"), Some(help));
    diagnostics
}

fn too_many_regions(policy: &Policy, count: usize) -> Diagnostics {
    let problem = format!("chooses among {count} regions");
    refused(
        Asker::Policy(policy),
        &problem,
        format!("at most {REGIONS_MAX}"),
    )
}

fn too_many_maps(asker: Asker<'_>) -> Diagnostics {
    let problem = "needs a map of its own, and there are too many";
    let help = format!(
        "at most {MAPS_MAX}; policies with the same regions, `serves` and `default` share one"
    );
    refused(asker, problem, help)
}

pub fn too_large(asker: Asker<'_>, bytes_max: usize) -> Diagnostics {
    let mib = bytes_max >> 20;
    let problem = format!("has the largest of the maps that together take more than {mib} MiB");
    let help = "policies with the same regions, `serves` and `default` share one; a smaller \
                `depth` in [geoip] makes maps smaller";
    refused(asker, &problem, help.to_owned())
}

pub fn too_many_classes(asker: Asker<'_>) -> Diagnostics {
    let problem = "tells too many classes of clients apart";
    let help = format!("at most {CLASSES_MAX}; a smaller `depth` in [geoip] makes fewer");
    refused(asker, problem, help)
}
