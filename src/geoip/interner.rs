//! Equal locations get equal numbers.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};

use super::ranges::Ranges;
use super::world::{Location, World};

/// Distinct locations by number.
///
/// The index goes by hash, not by value, so that each of what may be millions of locations is held
/// once. Locations whose hashes collide take the following keys.
#[derive(Debug, Default)]
pub(super) struct Locations {
    locations: Vec<Location>,
    by_hash: HashMap<u64, u32>,
}

impl Locations {
    /// The number of `location`; None for one that says nothing.
    pub fn intern(&mut self, location: Location) -> Option<u32> {
        (!location.is_empty()).then(|| self.intern_any(location))
    }

    /// The number of `location`, be it one that says nothing.
    pub fn intern_any(&mut self, location: Location) -> u32 {
        let mut key = hash(&location);
        while let Some(&id) = self.by_hash.get(&key) {
            if self.locations[id as usize] == location {
                return id;
            }
            key = key.wrapping_add(1);
        }
        // Bounded by the number of networks, which the files' size limits keep below 2^32.
        let id = self.locations.len() as u32;
        self.by_hash.insert(key, id);
        self.locations.push(location);
        id
    }

    pub fn get(&self, id: u32) -> &Location {
        &self.locations[id as usize]
    }

    /// The world of `ranges`, with only the locations that they use.
    pub fn into_world(self, mut ranges: Ranges) -> World {
        let mut renumbered = vec![None; self.locations.len()];
        let mut count = 0;
        for id in ranges.v4.locations_mut().chain(ranges.v6.locations_mut()) {
            *id = *renumbered[*id as usize].get_or_insert_with(|| {
                count += 1;
                count - 1
            });
        }
        let mut locations = vec![Location::default(); count as usize];
        for (location, id) in self.locations.into_iter().zip(renumbered) {
            if let Some(id) = id {
                locations[id as usize] = location;
            }
        }
        ranges.v4.shrink_to_fit();
        ranges.v6.shrink_to_fit();
        World {
            locations,
            v4: ranges.v4,
            v6: ranges.v6,
        }
    }
}

fn hash(location: &Location) -> u64 {
    let mut hasher = DefaultHasher::new();
    location.network.hash(&mut hasher);
    location.asn.hash(&mut hasher);
    location.continent.hash(&mut hasher);
    location.country.hash(&mut hasher);
    location.subdivisions.hash(&mut hasher);
    location
        .coordinates
        .map(|at| (at.latitude.to_bits(), at.longitude.to_bits()))
        .hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::geoip::{Range, Spans};

    fn country(code: &[u8; 2]) -> Location {
        Location {
            country: Some(*code),
            ..Location::default()
        }
    }

    #[test]
    fn equal_locations_share_a_number_and_an_empty_one_has_none() {
        let mut locations = Locations::default();
        let de = locations.intern(country(b"DE"));
        let fr = locations.intern(country(b"FR"));
        assert_ne!(de, fr);
        assert_eq!(locations.intern(country(b"DE")), de);
        assert_eq!(locations.intern(Location::default()), None);
    }

    #[test]
    fn a_world_holds_only_locations_that_its_ranges_use() {
        let mut locations = Locations::default();
        locations.intern(country(b"DE"));
        let fr = locations.intern(country(b"FR")).unwrap();
        let v4 = Spans::from_iter([Range {
            start: 1,
            end: 2,
            location: fr,
        }]);
        let v6 = Spans::default();
        let world = locations.into_world(Ranges { v4, v6 });
        assert_eq!(world.locations, [country(b"FR")]);
        assert_eq!(world.v4.find(1).unwrap().location, 0);
    }
}
