//! Geographic policies and the world -> maps.

mod place;
mod ranking;
mod serves;
mod sphere;
mod view;

use std::sync::Arc;

use crate::config::{Config, Diagnostics};
use crate::geoip::{Range, World};
use crate::model::MapId;
use crate::prefix_table::{Builder, ClassRange};
use crate::state::Map;
use crate::state::map::CLASS_DEFAULT;
use ranking::{Ranking, TooManyClasses};
pub use view::{MAPS_MAX, REGIONS_MAX};
use view::{Wanted, too_many_classes};

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
/// [`CLASSES_MAX`](crate::prefix_table::CLASSES_MAX) classes.
pub fn compile_maps(config: &Config, world: &World) -> Result<Maps, Diagnostics> {
    let wanted = Wanted::new(config)?;
    let rankings = wanted.views.iter().map(|view| view.ranking(config));
    let mut rankings: Vec<Ranking> = rankings.collect();
    let classes = Classes::new(world, &mut rankings)
        .map_err(|view| too_many_classes(wanted.first_policies[view]))?;
    let tables = classes.tables(world);
    let parts = wanted.views.into_iter().zip(rankings).zip(tables);
    let maps = parts.map(|((view, ranking), table)| {
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
            let place = place::of_location(location);
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

#[cfg(test)]
mod tests;
