//! Which regions say that they serve a location.

use std::collections::HashMap;
use std::hash::Hash;

use super::place::continent_of;
use crate::config::Selector;
use crate::geoip::Location;
use crate::model::NetworkId;

/// What the regions of one map serve: selector -> slots, each kind on its own.
#[derive(Debug, Default)]
pub struct Serves {
    networks: HashMap<NetworkId, Vec<u8>>,
    asns: HashMap<u32, Vec<u8>>,
    /// By country, then by subdivision.
    subdivisions: HashMap<[u8; 2], HashMap<Box<str>, Vec<u8>>>,
    countries: HashMap<[u8; 2], Vec<u8>>,
    continents: HashMap<[u8; 2], Vec<u8>>,
    unlocated: Vec<u8>,
}

impl Serves {
    /// `selectors` are those of each slot.
    pub fn new(selectors: &[Vec<Selector>]) -> Self {
        let mut serves = Serves::default();
        for (slot, selectors) in (0..=u8::MAX).zip(selectors) {
            for selector in selectors {
                serves.slots_mut(selector).push(slot);
            }
        }
        serves
    }

    fn slots_mut(&mut self, selector: &Selector) -> &mut Vec<u8> {
        match selector {
            Selector::Network(id) => self.networks.entry(*id).or_default(),
            Selector::Asn(asn) => self.asns.entry(*asn).or_default(),
            Selector::Subdivision(country, name) => {
                let of_country = self.subdivisions.entry(*country).or_default();
                of_country.entry(name.as_str().into()).or_default()
            }
            Selector::Country(country) => self.countries.entry(*country).or_default(),
            Selector::Continent(continent) => self.continents.entry(*continent).or_default(),
            Selector::Unlocated => &mut self.unlocated,
        }
    }

    /// Hands each kind's matching slots to `tier`, the most specific kind first. A slot may come
    /// more than once.
    pub fn matching(&self, location: &Location, mut tier: impl FnMut(&[u8])) {
        tier(get(&self.networks, location.network));
        tier(get(&self.asns, location.asn));
        self.subdivisions(location, &mut tier);
        tier(get(&self.countries, location.country));
        tier(get(&self.continents, continent_of(location)));
        if is_unlocated(location) {
            tier(&self.unlocated);
        }
    }

    /// Finer subdivisions are more specific than coarser ones.
    fn subdivisions(&self, location: &Location, tier: &mut impl FnMut(&[u8])) {
        let of_country = location.country.and_then(|c| self.subdivisions.get(&c));
        let Some(of_country) = of_country else { return };
        for name in location.subdivisions.iter().rev() {
            if let Some(slots) = of_country.get(name) {
                tier(slots);
            }
        }
    }
}

/// Whether nothing says where a location is.
fn is_unlocated(location: &Location) -> bool {
    location.network.is_none()
        && location.continent.is_none()
        && location.country.is_none()
        && location.coordinates.is_none()
}

fn get<K: Hash + Eq>(slots: &HashMap<K, Vec<u8>>, key: Option<K>) -> &[u8] {
    key.and_then(|key| slots.get(&key))
        .map_or(&[], |slots| slots)
}
