//! Geographic policies and the world -> maps.

mod place;
mod ranking;
pub(super) mod rules;
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
use ranking::TooManyClasses;
pub(super) use view::access_rules;
use view::{Asker, Classifier, MapKey, View, Wanted, too_large, too_many_classes};
pub use view::{MAPS_MAX, REGIONS_MAX};

/// Octets of all maps together at most: about fifty maps over a database of six million networks.
pub const MAPS_BYTES_MAX: usize = 2 << 30;

/// Every map that the configuration asks for.
#[derive(Debug, Default)]
pub struct Maps {
    /// By [`MapId`].
    pub maps: Vec<Arc<Map>>,
    /// What each was made by.
    pub keys: Vec<MapKey>,
    /// By [`PolicyId`](crate::model::PolicyId): the map of each policy that looks at where clients are.
    pub by_policy: Vec<Option<MapId>>,
    /// By route and by listener of the forwarder: the maps of their access lists.
    pub by_route: Vec<Option<MapId>>,
    pub by_listener: Vec<Option<MapId>>,
}

/// Compiles the maps of all geographic policies in one pass over the world. Policies that rank the
/// same regions in the same way share one map.
///
/// # Errors
/// At the place of the policy: more than [`REGIONS_MAX`] regions, [`MAPS_MAX`] maps,
/// [`MAPS_BYTES_MAX`] octets or [`CLASSES_MAX`](crate::prefix_table::CLASSES_MAX) classes.
pub fn compile_maps(config: &Config, world: &World) -> Result<Maps, Diagnostics> {
    compile_within(config, world, &Maps::default(), MAPS_BYTES_MAX)
}

/// The same, with those that `before` has already: of the same world.
///
/// # Errors
/// As for [`compile_maps`].
pub(super) fn compile_new_maps(
    config: &Config,
    world: &World,
    before: &Maps,
) -> Result<Maps, Diagnostics> {
    compile_within(config, world, before, MAPS_BYTES_MAX)
}

fn compile_within(
    config: &Config,
    world: &World,
    before: &Maps,
    bytes_max: usize,
) -> Result<Maps, Diagnostics> {
    let wanted = Wanted::new(config)?;
    let known = |key: &MapKey| {
        let place = before.keys.iter().position(|known| known == key)?;
        Some(Arc::clone(&before.maps[place]))
    };
    let known: Vec<Option<Arc<Map>>> = wanted.keys.iter().map(known).collect();
    let known_bytes: usize = known.iter().flatten().map(|map| map.table.bytes()).sum();
    let wanted_maps = wanted
        .first_askers
        .into_iter()
        .zip(&wanted.keys)
        .zip(&known);
    let new = New {
        // By place among those that are new.
        wanted: wanted_maps
            .filter_map(|((policy, key), known)| known.is_none().then_some((policy, &key.view)))
            .collect(),
        bytes_max,
        bytes_left: bytes_max.saturating_sub(known_bytes),
    };
    let mut new = new.compile(config, world)?.into_iter();
    let maps = known.into_iter();
    Ok(Maps {
        maps: maps
            .filter_map(|known| known.or_else(|| new.next()))
            .collect(),
        keys: wanted.keys,
        by_policy: wanted.by_policy,
        by_route: wanted.by_route,
        by_listener: wanted.by_listener,
    })
}

/// Maps that there were none of before, each with who first asked for it.
struct New<'w> {
    wanted: Vec<(Asker<'w>, &'w View)>,
    /// Octets of all maps together at most, and what the others leave of them.
    bytes_max: usize,
    bytes_left: usize,
}

impl New<'_> {
    fn compile(&self, config: &Config, world: &World) -> Result<Vec<Arc<Map>>, Diagnostics> {
        if self.wanted.is_empty() {
            return Ok(Vec::new());
        }
        let views = self.wanted.iter().map(|(_, view)| view);
        let mut classifiers: Vec<Classifier> =
            views.clone().map(|view| view.classifier(config)).collect();
        let classes = Classes::new(world, &mut classifiers)
            .map_err(|index| too_many_classes(self.wanted[index].0))?;
        let tables = classes
            .tables(world, self.bytes_left)
            .map_err(|index| too_large(self.wanted[index].0, self.bytes_max))?;
        let parts = views.zip(classifiers).zip(tables);
        let maps = parts.map(|((view, classifier), table)| {
            Arc::new(Map {
                table: table.finish(),
                regions: view.regions().into(),
                orders: classifier.into_orders(),
            })
        });
        Ok(maps.collect())
    }
}

/// The class of every location in every map.
struct Classes {
    maps: usize,
    /// `maps` classes per location, in order of location.
    classes: Vec<u16>,
}

impl Classes {
    /// Fails with the index of a classifier that has too many classes.
    fn new(world: &World, classifiers: &mut [Classifier]) -> Result<Self, usize> {
        let mut classes = Vec::with_capacity(world.locations.len() * classifiers.len());
        for location in &world.locations {
            let place = place::of_location(location);
            for (i, classifier) in classifiers.iter_mut().enumerate() {
                let class = classifier.class(location, place);
                classes.push(class.map_err(|TooManyClasses| i)?);
            }
        }
        let maps = classifiers.len();
        Ok(Classes { maps, classes })
    }

    /// One pass over the ranges of the world for all maps. Fails with the index of the largest when
    /// together they are larger than `bytes_max`.
    fn tables(&self, world: &World, bytes_max: usize) -> Result<Vec<Builder>, usize> {
        let mut builders: Vec<Builder> = (0..self.maps)
            .map(|_| Builder::new(CLASS_DEFAULT))
            .collect();
        let mut lay = Lay {
            classes: self,
            world,
            builders: &mut builders,
            bytes_max,
        };
        lay.ranges(world.v4.iter(), Builder::v4)?;
        lay.ranges(world.v6.iter(), Builder::v6)?;
        Ok(builders)
    }
}

/// Ranges between two looks at how large the tables are.
const RANGES_PER_LOOK: usize = 1 << 14;

struct Lay<'a> {
    classes: &'a Classes,
    world: &'a World,
    builders: &'a mut [Builder],
    bytes_max: usize,
}

impl Lay<'_> {
    fn ranges<A: Copy>(
        &mut self,
        ranges: impl Iterator<Item = Range<A>>,
        add: impl Fn(&mut Builder, ClassRange<A>),
    ) -> Result<(), usize> {
        for (index, range) in ranges.enumerate() {
            let location = range.location as usize;
            let own = self.world.locations[location].network.is_some();
            let maps = self.classes.maps;
            let classes = &self.classes.classes[location * maps..][..maps];
            for (builder, &class) in self.builders.iter_mut().zip(classes) {
                let Range { start, end, .. } = range;
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
            if index % RANGES_PER_LOOK == 0 {
                self.look()?;
            }
        }
        self.look()
    }

    /// Fails with the index of the largest table when all are too large.
    fn look(&self) -> Result<(), usize> {
        let bytes: usize = self.builders.iter().map(Builder::bytes).sum();
        if bytes <= self.bytes_max {
            return Ok(());
        }
        let largest = (0..self.builders.len()).max_by_key(|index| self.builders[*index].bytes());
        largest.map_or(Ok(()), Err)
    }
}

#[cfg(test)]
mod tests;
