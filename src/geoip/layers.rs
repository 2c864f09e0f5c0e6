//! How databases, feeds and own networks are laid over one another.

use std::collections::HashMap;
use std::path::PathBuf;

use super::geofeed::{self, Columns};
use super::interner::Locations;
use super::ranges::Ranges;
use super::world::{Location, World};
use super::{centroids, database, file};
use crate::config::{At, Config, Diagnostics, GeoIp, LocationSpec, Network};
use crate::model::NetworkId;

/// Everything that the configuration's sources say.
///
/// Mistakes go to `diagnostics`: a file that cannot be used at the place that names it, a mistake
/// inside a feed at its own line. What is wrong is left out of the world, so a caller that finds
/// errors should keep the world it has.
pub fn load(config: &Config, diagnostics: &mut Diagnostics) -> World {
    load_sources(&config.geoip, &config.networks, diagnostics)
}

/// [`load`], of the two parts of a configuration that it reads. `networks` are by [`NetworkId`].
pub fn load_sources(geoip: &GeoIp, networks: &[Network], diagnostics: &mut Diagnostics) -> World {
    let mut layers = Layers::default();
    for database in &geoip.databases {
        let read = database::read(&database.value, &mut layers.locations);
        match read {
            // Nothing to combine, and no second copy of the largest ranges there are.
            Ok(ranges) if layers.ranges.is_empty() => layers.ranges = ranges,
            Ok(ranges) => layers.lay(&ranges, add),
            Err(reason) => refuse("database", database, &reason, diagnostics),
        }
    }
    let feeds = layers.feeds(&geoip.feeds, diagnostics);
    layers.lay(&feeds, relocate);
    let own = layers.networks(networks);
    layers.lay(&own, own_network);
    layers.locations.into_world(layers.ranges)
}

fn refuse(what: &str, file: &At<PathBuf>, reason: &str, diagnostics: &mut Diagnostics) {
    let message = format!("{what} `{}` cannot be used: {reason}", file.value.display());
    diagnostics.error(&file.place, message, None);
}

/// What has been laid so far.
#[derive(Default)]
struct Layers {
    locations: Locations,
    ranges: Ranges,
}

impl Layers {
    /// Lays `above` over all that is there; `combine` says what both make together. Over nothing,
    /// `above` is what it is.
    fn lay(&mut self, above: &Ranges, combine: fn(&Location, &Location) -> Location) {
        if above.is_empty() {
            return;
        }
        let locations = &mut self.locations;
        // Few pairs, many ranges: each pair is combined once.
        let mut combined = HashMap::new();
        self.ranges = self.ranges.overlay(above, |lower, upper| {
            let Some(lower) = lower else {
                return (!locations.get(upper).is_empty()).then_some(upper);
            };
            *combined.entry((lower, upper)).or_insert_with(|| {
                let both = combine(locations.get(lower), locations.get(upper));
                locations.intern(both)
            })
        });
    }

    fn feeds(&mut self, files: &[At<PathBuf>], diagnostics: &mut Diagnostics) -> Ranges {
        let mut entries = Vec::new();
        for file in files {
            match file::read(&file.value, geofeed::SIZE_BYTES_MAX) {
                Ok(bytes) => entries.extend(geofeed::parse(
                    &file.value,
                    &bytes,
                    Columns::Feed,
                    diagnostics,
                )),
                Err(reason) => refuse("feed", file, &reason, diagnostics),
            }
        }
        let networks = entries.into_iter();
        Ranges::of_networks(
            networks.map(|entry| (entry.prefix, self.locations.intern_any(entry.location))),
        )
    }

    fn networks(&mut self, networks: &[Network]) -> Ranges {
        let mut prefixes = Vec::new();
        let networks = (0..).map(NetworkId).zip(networks);
        for (id, network) in networks.filter(|(_, network)| network.places_clients) {
            let location = Location {
                network: Some(id),
                ..network.location.as_ref().map(specified).unwrap_or_default()
            };
            let location = self.locations.intern_any(location);
            prefixes.extend(network.prefixes.iter().map(|at| (at.value, location)));
        }
        Ranges::of_networks(prefixes)
    }
}

/// A later database fills what an earlier one leaves open; but not when they mean different places,
/// since half of one and half of another is neither.
fn add(earlier: &Location, later: &Location) -> Location {
    let differ = |a: Option<[u8; 2]>, b: Option<[u8; 2]>| a.is_some() && b.is_some() && a != b;
    let mut both = earlier.clone();
    both.asn = earlier.asn.or(later.asn);
    if differ(earlier.country, later.country) || differ(earlier.continent, later.continent) {
        return both;
    }
    both.continent = earlier.continent.or(later.continent);
    both.country = earlier.country.or(later.country);
    both.coordinates = earlier.coordinates.or(later.coordinates);
    if earlier.subdivisions.is_empty() {
        both.subdivisions.clone_from(&later.subdivisions);
    }
    both
}

/// A feed replaces the place; it knows nothing of AS numbers, so that one stays.
fn relocate(below: &Location, feed: &Location) -> Location {
    Location {
        asn: below.asn,
        ..feed.clone()
    }
}

/// An own network with a location is there and nothing else is known of it; one without a location
/// is where the other sources have it.
fn own_network(below: &Location, own: &Location) -> Location {
    let placeless = Location {
        network: own.network,
        ..Location::default()
    };
    if *own != placeless {
        return own.clone();
    }
    Location {
        network: own.network,
        ..below.clone()
    }
}

/// What a location in the configuration says.
fn specified(location: &LocationSpec) -> Location {
    let in_country = |code: [u8; 2]| Location {
        continent: centroids::continent_of(code),
        country: Some(code),
        ..Location::default()
    };
    match location {
        LocationSpec::Coordinates(coordinates) => Location {
            coordinates: Some(*coordinates),
            ..Location::default()
        },
        LocationSpec::Country(code) => in_country(*code),
        LocationSpec::Subdivision(code, subdivision) => Location {
            subdivisions: vec![subdivision.as_str().into()],
            ..in_country(*code)
        },
        LocationSpec::Continent(code) => Location {
            continent: Some(*code),
            ..Location::default()
        },
    }
}
