//! Geographic policies and the world -> maps.

mod ranking;
mod serves;
mod sphere;

use std::collections::HashMap;
use std::sync::Arc;

use crate::config::{Config, Diagnostics, LocationSpec, Policy, PolicyKind, Selector};
use crate::geoip::{Location, Range, World, centroids};
use crate::model::{Coordinates, MapId, RegionId};
use crate::prefix_table::{Builder, CLASSES_MAX, ClassRange};
use crate::state::Map;
use crate::state::map::CLASS_DEFAULT;
use ranking::{Ranking, TooManyClasses};
use serves::Serves;
use sphere::Point;

/// Maps at most; policies with one idea of the world share one.
pub const MAPS_MAX: usize = 256;
/// Regions that one policy chooses among at most: slots are octets.
pub const REGIONS_MAX: usize = 255;

/// Every map that the configuration asks for.
#[derive(Debug)]
pub struct Maps {
    /// By [`MapId`].
    pub maps: Vec<Arc<Map>>,
    /// By [`PolicyId`](crate::model::PolicyId): the map of each geographic policy.
    pub by_policy: Vec<Option<MapId>>,
}

/// Compiles the maps of all geographic policies in one pass over the world. Policies that rank the
/// same regions in the same way share one map.
///
/// Refused, at the place of the policy: more than [`REGIONS_MAX`] regions, [`MAPS_MAX`] maps or
/// [`CLASSES_MAX`] classes.
pub fn compile_maps(config: &Config, world: &World) -> Result<Maps, Diagnostics> {
    let wanted = Wanted::new(config)?;
    let mut rankings: Vec<Ranking> = (wanted.views.iter())
        .map(|view| view.ranking(config))
        .collect();
    let classes = Classes::new(world, &mut rankings)
        .map_err(|view| too_many_classes(wanted.first_policies[view]))?;
    let tables = classes.tables(world);
    let maps =
        (wanted.views.into_iter().zip(rankings).zip(tables)).map(|((view, ranking), table)| {
            Arc::new(Map {
                table: table.finish(),
                regions: view.regions.into(),
                orders: ranking.into_orders(),
            })
        });
    Ok(Maps {
        maps: maps.collect(),
        by_policy: wanted.by_policy,
    })
}

/// What makes one map different from another.
#[derive(Clone, PartialEq, Eq, Hash)]
struct View {
    /// Each once, in the order in which the policy lists them.
    regions: Vec<RegionId>,
    /// By slot: what the region serves.
    selectors: Vec<Vec<Selector>>,
    /// Every slot, in the order for clients that are not known.
    default: Vec<u8>,
}

impl View {
    fn new(config: &Config, policy: &Policy) -> Result<Option<Self>, Diagnostics> {
        let PolicyKind::Geo {
            members,
            serves,
            default,
        } = &policy.kind
        else {
            return Ok(None);
        };
        let regions = once(members.iter().map(|(_, region)| *region));
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
        Ok(Some(View {
            selectors: selectors.collect(),
            default: default.into_iter().map(|slot| slot as u8).collect(),
            regions,
        }))
    }

    fn ranking(&self, config: &Config) -> Ranking {
        let places = self.regions.iter().map(|region| {
            let location = config.regions[region.index()].location.as_ref()?;
            coordinates(location).map(Point::from)
        });
        Ranking::new(
            Serves::new(&self.selectors),
            places.collect(),
            config.geoip.depth.into(),
            self.default.clone(),
        )
    }
}

/// The different views of a configuration's policies.
struct Wanted<'a> {
    views: Vec<View>,
    /// By view: the policy that first asked for it.
    first_policies: Vec<&'a Policy>,
    by_policy: Vec<Option<MapId>>,
}

impl<'a> Wanted<'a> {
    fn new(config: &'a Config) -> Result<Self, Diagnostics> {
        let mut known: HashMap<View, MapId> = HashMap::new();
        let mut wanted = Wanted {
            views: Vec::new(),
            first_policies: Vec::new(),
            by_policy: Vec::new(),
        };
        for policy in &config.policies {
            let Some(view) = View::new(config, policy)? else {
                wanted.by_policy.push(None);
                continue;
            };
            let next = MapId(wanted.views.len() as u16);
            let map = *known.entry(view.clone()).or_insert(next);
            wanted.by_policy.push(Some(map));
            if map == next {
                wanted.views.push(view);
                wanted.first_policies.push(policy);
            }
            if wanted.views.len() > MAPS_MAX {
                return Err(too_many_maps(policy));
            }
        }
        Ok(wanted)
    }
}

/// The class of every location in every map.
struct Classes {
    maps: usize,
    /// `maps` classes per location, in order of location.
    classes: Vec<u16>,
}

impl Classes {
    /// Fails with the index of a ranking that has too many classes.
    fn new(world: &World, rankings: &mut [Ranking]) -> Result<Self, usize> {
        let mut classes = Vec::with_capacity(world.locations.len() * rankings.len());
        for location in &world.locations {
            let place = place_of(location);
            for (i, ranking) in rankings.iter_mut().enumerate() {
                let class = ranking.class(location, place);
                classes.push(class.map_err(|TooManyClasses| i)?);
            }
        }
        let maps = rankings.len();
        Ok(Classes { maps, classes })
    }

    /// One pass over the ranges of the world for all maps.
    fn tables(&self, world: &World) -> Vec<Builder> {
        let mut builders: Vec<Builder> = (0..self.maps)
            .map(|_| Builder::new(CLASS_DEFAULT))
            .collect();
        self.lay(world, &world.v4, &mut builders, Builder::v4);
        self.lay(world, &world.v6, &mut builders, Builder::v6);
        builders
    }

    fn lay<A: Copy>(
        &self,
        world: &World,
        ranges: &[Range<A>],
        builders: &mut [Builder],
        add: impl Fn(&mut Builder, ClassRange<A>),
    ) {
        for range in ranges {
            let location = range.location as usize;
            let own = world.locations[location].network.is_some();
            let classes = &self.classes[location * self.maps..][..self.maps];
            for (builder, &class) in builders.iter_mut().zip(classes) {
                let Range { start, end, .. } = *range;
                add(
                    builder,
                    ClassRange {
                        start,
                        end,
                        class,
                        own,
                    },
                );
            }
        }
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

/// Where a location is: by its coordinates, or else by its country or continent.
fn place_of(location: &Location) -> Option<Point> {
    let country = || centroids::country(location.country?);
    let continent = || centroids::continent(location.continent?);
    let coordinates = location.coordinates.or_else(country).or_else(continent);
    coordinates.map(Point::from)
}

/// Where a region is.
fn coordinates(location: &LocationSpec) -> Option<Coordinates> {
    match location {
        LocationSpec::Coordinates(coordinates) => Some(*coordinates),
        LocationSpec::Country(country) | LocationSpec::Subdivision(country, _) => {
            let continent = || centroids::continent(centroids::continent_of(*country)?);
            centroids::country(*country).or_else(continent)
        }
        LocationSpec::Continent(continent) => centroids::continent(*continent),
    }
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

fn too_many_classes(policy: &Policy) -> Diagnostics {
    let problem = "tells too many classes of clients apart";
    let help = format!("at most {CLASSES_MAX}; a smaller `depth` in [geoip] makes fewer");
    refused(policy, problem, help)
}

#[cfg(test)]
mod tests;
